"""The size of a SymPy expression as a tree, counted without walking the tree: what is shared is walked once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp


def objects(*roots: Any) -> list[Any]:
    """Every distinct SymPy object below the roots, in no order. Distinct is `is`: no hash is computed, since hashing
    recurses into expressions that were built unevaluated."""
    found = {id(root): root for root in roots}
    stack = list(roots)
    while stack:
        for argument in stack.pop().args:
            if id(argument) not in found:
                found[id(argument)] = argument
                stack.append(argument)
    return list(found.values())


def subexpressions(*roots: Any) -> Iterator[Any]:
    """The parts, arguments before their users."""
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        expression, ready = stack.pop()
        if ready:
            yield expression
        elif id(expression) not in seen:
            seen.add(id(expression))
            stack.append((expression, True))
            stack.extend((argument, False) for argument in reversed(expression.args) if id(argument) not in seen)


def tree_size(expression: sp.Basic) -> int:
    """Nodes of the expression written out as a tree; linear time in the shared form."""
    sizes: dict[int, int] = {}
    for e in subexpressions(expression):
        sizes[id(e)] = 1 + sum(sizes[id(a)] for a in e.args)
    return sizes[id(expression)]


def tree_exceeds(value: object, limit: int) -> bool:
    """Is this a SymPy object of more than `limit` nodes as a tree? Other objects are not."""
    return isinstance(value, sp.Basic) and tree_size(value) > limit
