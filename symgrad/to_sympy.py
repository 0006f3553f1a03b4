"""Nodes -> SymPy expressions that share their parts, as the nodes do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symgrad.graph import Node, reachable

# Up to this many nodes as a tree SymPy's own evaluation tidies the result (x*x becomes x**2); above, it would cost
# more than everything else together, and an n-ary Add is opened into its parent again and again: quadratic time.
TIDY = 2_000


def to_sympy(outputs: Sequence[Node], names: Mapping[Node, sp.Basic] | None = None) -> list[Any]:
    """The SymPy expression of each output. Nodes in `names` are written as their names.

    Linear in the number of nodes: a shared node becomes one SymPy object. Written out as a tree the result can be
    exponentially larger: see `tree_sizes`.
    """
    names = names or {}
    tidy = max(tree_sizes(outputs, names).values(), default=0) <= TIDY
    expressions: dict[Node, Any] = dict(names)
    with sp.evaluate(tidy):
        for node in reachable(outputs):
            if node not in expressions:
                expressions[node] = node.op.to_sympy(*[expressions[x] for x in node.inputs])
    return [expressions[node] for node in outputs]


def tree_sizes(outputs: Sequence[Node], names: Mapping[Node, Any] | None = None) -> dict[Node, int]:
    """How many nodes each node would have, written out as a tree; a named node counts as one."""
    sizes: dict[Node, int] = {}
    for node in reachable(outputs):
        named = names is not None and node in names
        sizes[node] = 1 if named else 1 + sum(sizes[x] for x in node.inputs)
    return sizes
