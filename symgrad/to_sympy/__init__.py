"""Nodes -> SymPy expressions that share their parts, as the nodes do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.entries import Entries
from symgrad.graph import Node, reachable
from symgrad.ops.arithmetic import Power
from symgrad.ops.leaf import Input
from symgrad.ops.position import Extent
from symgrad.to_sympy.indexed import entries_of
from symgrad.to_sympy.matrices import matrix_forms
from symgrad.to_sympy.names import Names

# Up to this many nodes as a tree SymPy's own evaluation tidies the result (x*x becomes x**2); above, it would cost
# more than everything else together, and an n-ary Add is opened into its parent again and again: quadratic time.
TIDY = 2_000
LARGEST = 1_000  # a constant that SymPy may compute: its gamma is a number of 2,568 digits
STEEPEST = 1_000  # a power of powers that SymPy may expand


def to_sympy(outputs: Sequence[Node]) -> list[Any]:
    """The SymPy expression of each output.

    Linear in the number of nodes: a shared node becomes one SymPy object. Written out as a tree the result can be
    exponentially larger: see `tree_sizes`.
    """
    nodes = reachable(outputs)
    if any(node.type.shape or is_matrix(node) for node in nodes):
        return arrays_to_sympy(outputs)
    tidy = max(tree_sizes(outputs).values(), default=0) <= TIDY and has_small_numbers(nodes)
    expressions: dict[Node, Any] = {}
    with sp.evaluate(tidy):
        for node in nodes:
            expressions[node] = node.op.to_sympy(*[expressions[x] for x in node.inputs])
    return [expressions[node] for node in outputs]


def is_matrix(node: Node) -> bool:
    """Is this a matrix of one entry, which is a scalar?"""
    return isinstance(node.op, Input) and isinstance(node.op.variable, sp.MatrixSymbol)


def arrays_to_sympy(outputs: Sequence[Node]) -> list[Any]:
    """The same of arrays: as matrices if all inputs are matrices and nothing has a rank above 2, else by entries."""
    inputs = [node.op.variable for node in reachable(outputs) if isinstance(node.op, Input)]
    names = Names({str(s) for x in inputs for s in x.free_symbols})
    found = []
    for output in outputs:
        forms = matrix_forms([output], names)
        e = entries_of(output, names) if forms is None else forms[output]
        if isinstance(e, sp.FunctionMatrix):
            e = Entries(e.lamda.expr, *list(zip(e.lamda.variables, e.shape, strict=True))[: len(output.type.shape)])
        found.append(e)
    return found


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
            if not isinstance(node.op, (Input, Extent)) and all(x in numbers for x in node.inputs):
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
