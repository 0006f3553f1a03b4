"""Nodes -> SymPy expressions that share their parts, as the nodes do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.graph import Node, reachable

# Up to this many nodes as a tree SymPy's own evaluation tidies the result (x*x becomes x**2); above, it would cost
# more than everything else together, and an n-ary Add is opened into its parent again and again: quadratic time.
TIDY = 2_000


def to_sympy(outputs: Sequence[Node]) -> list[Any]:
    """The SymPy expression of each output.

    Linear in the number of nodes: a shared node becomes one SymPy object. Written out as a tree the result can be
    exponentially larger: see `tree_sizes`.
    """
    tidy = max(tree_sizes(outputs).values(), default=0) <= TIDY
    expressions: dict[Node, Any] = {}
    with sp.evaluate(tidy):
        for node in reachable(outputs):
            expressions[node] = node.op.to_sympy(*[expressions[x] for x in node.inputs])
    return [expressions[node] for node in outputs]


def tree_sizes(outputs: Sequence[Node]) -> dict[Node, int]:
    """How many nodes each node would have, written out as a tree."""
    sizes: dict[Node, int] = {}
    for node in reachable(outputs):
        sizes[node] = 1 + sum(sizes[x] for x in node.inputs)
    return sizes
