"""Gradients by arrays, as they are printed: nothing unevaluated, no foreign symbol, the shape of the variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.tensor.indexed import Indexed

from tests.groups.group import LEAKS, Outcome


def array_leaks(
    gradients: Sequence[Any], shapes: Mapping[Any, Sequence[Any]], allowed: set[Any], expression: Any
) -> Outcome:
    """shapes: of the variables, in the order of the gradients, () of numbers. Axes of size 1 may be missing."""
    for g, (x, shape) in zip(gradients, shapes.items(), strict=True):
        for part in sp.preorder_traversal(g):
            if isinstance(part, LEAKS):
                return Outcome(failure=f"{type(part).__name__} in the gradient by {x} of {expression}"[:2000])
        # SymPy counts the index of a product of ones among its free symbols
        bound = {limit.args[0] for part in sp.preorder_traversal(g) for limit in getattr(part, "limits", ())}
        foreign = {s for s in g.free_symbols - bound if s not in allowed and not isinstance(s, Indexed)}
        if foreign:
            return Outcome(failure=f"foreign symbols {foreign} in the gradient by {x} of {expression}"[:2000])
        own, wanted = ([n for n in axes if n != 1] for axes in (getattr(g, "shape", ()), shape))
        if own != wanted:
            return Outcome(failure=f"of shape {own} the gradient by {x}, which is {wanted}, of {expression}"[:2000])
    return Outcome(numbers={"printed": 1})
