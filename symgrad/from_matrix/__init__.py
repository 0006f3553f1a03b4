"""SymPy's matrix and array expressions -> nodes: one rule for each kind, on the nodes of its parts.

Matrices have no axes of size 1: a column is a vector, a 1 x 1 matrix a scalar, and so it is one wherever a scalar may
stand. Arrays (sympy.tensor.array.expressions) keep all their axes. Structure is all that is read of an expression:
neither `doit` nor a derivative of SymPy's is called, nor its converters of arrays.
"""

from __future__ import annotations

from typing import Any

from symgrad.from_matrix import apply, array, block, functions, matrix
from symgrad.from_matrix.apply import CONVERT
from symgrad.from_matrix.shapes import Rule

Parts = tuple[Any, ...]

MATRIX_RULES: dict[type, Rule] = {**matrix.RULES, **block.RULES, **apply.RULES, **array.RULES, **functions.RULES}
_PARTS = {**matrix.PARTS, **block.PARTS, **apply.PARTS, **array.PARTS, **functions.PARTS}


def parts_of(e: Any) -> Parts | None:
    """The sub-expressions whose nodes the rule takes, in order; None: all arguments."""
    for kind in type(e).__mro__:
        if kind in _PARTS:
            return tuple(_PARTS[kind](e))
        if kind in MATRIX_RULES:
            return None
    return None


__all__ = ["CONVERT", "MATRIX_RULES", "parts_of"]
