"""SymPy's symbols for arrays -> their shapes as symgrad sees them: axes of size 1 of a matrix are no axes."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.tensor.array.expressions import ArraySymbol
from sympy.tensor.indexed import IndexedBase

from symgrad.types import Size, Type, as_size

ARRAYS = (sp.MatrixSymbol, ArraySymbol, IndexedBase)


def is_array(e: Any) -> bool:
    """Does this stand for a whole array? An IndexedBase without a shape does too."""
    return isinstance(e, ARRAYS)


def array_shape(e: Any) -> tuple[Size, ...] | None:
    """The shape: of a matrix without its axes of size 1, so that (n, 1) and (1, n) are vectors and (1, 1) is a scalar;
    None for an IndexedBase that was given none."""
    if e.shape is None:
        return None
    sizes = tuple(as_size(n) for n in e.shape)
    return tuple(n for n in sizes if n != 1) if isinstance(e, sp.MatrixSymbol) else sizes


def array_type(e: Any, shape: tuple[Size, ...] | None = None) -> Type:
    """The type of the input that stands for the array: of integers if IndexedBase(..., integer=True)."""
    found = array_shape(e) if shape is None else shape
    assert found is not None
    is_integer = isinstance(e, IndexedBase) and bool(e.assumptions0.get("integer"))
    return Type("i8" if is_integer else "f8", found)
