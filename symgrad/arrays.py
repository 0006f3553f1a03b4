"""SymPy's symbols for arrays -> their shapes as symgrad sees them: axes of size 1 of a matrix are no axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArrayElement, ArraySymbol
from sympy.tensor.indexed import Indexed, IndexedBase

from symgrad.errors import UnsupportedExpression
from symgrad.inference import index_arrays, infer_shapes
from symgrad.size import objects
from symgrad.types import Size, Type, as_size

ARRAYS = (sp.MatrixSymbol, ArraySymbol, IndexedBase)
ELEMENTS = (MatrixElement, Indexed, ArrayElement)


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


def is_element(e: Any) -> bool:
    """Is this an entry of an array at indices that are numbers, such as X[0, 1]?"""
    return isinstance(e, ELEMENTS) and is_array(e.args[0]) and all(i.is_Integer for i in e.indices)


def objects_in(expressions: Sequence[Any]) -> list[Any]:
    """The SymPy objects in the expressions, each once."""
    return objects(*[e for e in expressions if isinstance(e, sp.Basic)])


def whole_arrays(expressions: Sequence[Any], declared: Iterable[Any], inside: Sequence[Any]) -> set[Any]:
    """The arrays that are one value each: those that an expression holds otherwise than by entries at given indices,
    and those among the declared ones whose sizes are no numbers. The entries of all others are scalar variables."""
    found = {e for e in expressions if is_array(e)}
    if any(issubclass(kind, ARRAYS) for kind in set(map(type, inside))):  # a scalar model of 300,000 parts has none
        for e in inside:
            if not is_element(e):
                found.update(a for a in e.args if is_array(a))
    for array in declared:
        shape = array_shape(array) if is_array(array) else ()
        if shape is None or not all(isinstance(n, int) for n in shape):
            found.add(array)
    return found


def array_types(
    expressions: Sequence[Any], declared: Iterable[Any] = (), inside: Sequence[Any] | None = None
) -> dict[Any, Type]:
    """The types of the arrays that are one value each; where a shape was not given, as the indices tell; of integers,
    those that are read for indices. inside: the objects in the expressions, if they are known.

    Raises UnsupportedExpression for one whose shape is not known.
    """
    whole = whole_arrays(expressions, declared, objects_in(expressions) if inside is None else inside)
    if not whole:
        return {}
    told = infer_shapes(expressions) if any(array_shape(a) is None for a in whole) else {}
    integers = index_arrays(expressions)
    types = {}
    for array in whole:
        if array_shape(array) is None and array not in told:
            raise UnsupportedExpression("an array without a shape", got=array, hint="IndexedBase(name, shape=(n,))")
        type_ = array_type(array, told.get(array))
        types[array] = type_._replace(dtype="i8") if array in integers else type_
    return types


def holds_indices(expressions: Sequence[Any]) -> bool:
    """Is there a sum or product over an index, or an entry at an index that is no number?"""
    inside = objects_in(expressions)
    return any(isinstance(e, ExprWithLimits) or (isinstance(e, ELEMENTS) and not is_element(e)) for e in inside)


def array_of(e: Any) -> Any:
    """The array of which this is an entry; anything else as it is."""
    return e.args[0] if isinstance(e, ELEMENTS) and is_array(e.args[0]) else e
