"""Nodes -> SymPy expressions that share their parts, as the nodes do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graph import Node, reachable
from symgrad.ops.arithmetic import Power
from symgrad.ops.leaf import Input
from symgrad.ops.position import Extent
from symgrad.to_sympy.arrays import ArrayWriter

# Up to this many nodes as a tree SymPy's own evaluation tidies the result (x*x becomes x**2); above, it would cost
# more than everything else together, and an n-ary Add is opened into its parent again and again: quadratic time.
TIDY = 2_000
DEEPEST = 200  # SymPy's evaluation recurses, several calls to a level: at 400 levels it reaches Python's limit
LARGEST = 1_000  # a constant that SymPy may compute: its gamma is a number of 2,568 digits
STEEPEST = 1_000  # a power of powers that SymPy may expand


def to_sympy(outputs: Sequence[Node], *, like: Sequence[Any] | None = None) -> list[Any]:
    """The SymPy expression of each output.

    Linear in the number of nodes: a shared node becomes one SymPy object. Written out as a tree the result can be
    exponentially larger: see `tree_sizes`. Arrays are matrix expressions if all inputs are matrices and nothing has a
    rank above 2, vectors columns; else Entries, in index notation. like: for each output None, or a matrix symbol of a
    single row, as which a vector is to come out.
    """
    nodes = reachable(outputs)
    tidy = is_tidy(outputs, nodes)
    with sp.evaluate(tidy):
        if has_arrays(nodes):
            writer = ArrayWriter(outputs)
            return [writer.expression(x, a) for x, a in zip(outputs, like or [None] * len(outputs), strict=True)]
        expressions: dict[Node, Any] = {}
        for node in nodes:
            expressions[node] = node.op.to_sympy(*[expressions[x] for x in node.inputs])
    return [expressions[node] for node in outputs]


def has_arrays(nodes: Sequence[Node]) -> bool:
    """Is there an array, or a matrix of one entry, which is a scalar?"""
    return any(
        node.type.shape or (isinstance(node.op, Input) and isinstance(node.op.variable, sp.MatrixSymbol))
        for node in nodes
    )


def is_tidy(outputs: Sequence[Node], nodes: Sequence[Node]) -> bool:
    """May SymPy evaluate what is written?"""
    small = max(tree_sizes(outputs).values(), default=0) <= TIDY and depth(nodes) <= DEEPEST
    return small and has_small_numbers(nodes)


def depth(nodes: Sequence[Node]) -> int:
    """The longest way from a node to a leaf."""
    depths: dict[Node, int] = {}
    for node in nodes:
        depths[node] = 1 + max((depths[x] for x in node.inputs), default=0)
    return max(depths.values(), default=0)


def has_small_numbers(nodes: Sequence[Node]) -> bool:
    """May SymPy compute what holds no variable? gamma(10**9) or 9**(10**9), exactly, would not end."""
    numbers: dict[Node, Any] = {}
    degrees: dict[Node, float] = {}  # to which powers together numbers are raised in it
    with np.errstate(all="ignore"):
        for node in nodes:
            exponent = abs(float(node.op.exponent)) if isinstance(node.op, Power) else 1.0
            degrees[node] = max(1.0, exponent) * max((degrees[x] for x in node.inputs), default=1.0)
            if degrees[node] > STEEPEST:
                return False
            is_number = not node.type.shape and not isinstance(node.op, (Input, Extent))
            if is_number and all(x in numbers for x in node.inputs):
                number = numbers[node] = node.op.evaluate(np, *[numbers[x] for x in node.inputs])
                if node.inputs and not all(abs(n) <= LARGEST for n in (number, *(numbers[x] for x in node.inputs))):
                    return False  # nor is nan small
    return True


def tree_sizes(outputs: Sequence[Node]) -> dict[Node, int]:
    """How many nodes each node would have, written out as a tree."""
    sizes: dict[Node, int] = {}
    for node in reachable(outputs):
        sizes[node] = 1 + sum(sizes[x] for x in node.inputs)
    return sizes
