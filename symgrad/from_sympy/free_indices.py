"""The free indices of an expression, in alphabetical order, with their ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.tensor.indexed import Idx

from symgrad.arrays import is_array, is_element
from symgrad.errors import ShapeError, UnsupportedExpression
from symgrad.from_sympy.scope import Scopes
from symgrad.ranges import ELEMENTS, Range, own_range
from symgrad.types import Size, Type, as_size


def free_indices(e: Any, scopes: Scopes, arrays: Mapping[Any, Type], sizes: frozenset[Any]) -> list[tuple[Any, Range]]:
    """The indices that entries and deltas in an expression are at and that nothing in it binds, with their ranges.

    In alphabetical order, as numpy.einsum has it: SymPy sorts terms and factors, so the order in which indices are met
    is not the one in which they were written. The range of an Idx is its own; that of a symbol is the axis of an array
    that it stands alone in. Raises UnsupportedExpression where there is no such array, ShapeError where two differ.
    """
    free = scopes.free(e)
    if not free:
        return []
    positions: dict[Any, None] = {}
    axes: dict[Any, list[tuple[Any, Size]]] = {}
    for part in _outermost_first(e):
        if isinstance(part, ELEMENTS) and not is_element(part):
            shape = _shape(part.args[0], arrays)
            for k, index in enumerate(part.indices):
                for s in sorted(_indices(index), key=str):
                    positions.setdefault(s)
                if index in positions and shape is not None and k < len(shape):
                    axes.setdefault(index, []).append((part, shape[k]))
        elif isinstance(part, sp.KroneckerDelta):
            for index in part.args:
                for s in sorted(_indices(index), key=str):
                    positions.setdefault(s)
        elif isinstance(part, Idx):
            positions.setdefault(part)
    found = sorted((free & positions.keys()) - sizes, key=lambda s: (str(s), sp.default_sort_key(s)))
    return [(s, own_range(s) or _axis(s, axes.get(s, []))) for s in found]


def _axis(index: Any, axes: Sequence[tuple[Any, Size]]) -> Range:
    if not axes:
        raise UnsupportedExpression(
            f"the index {index} is not bound",
            got=index,
            wanted="an index of a Sum or Product, or a free index whose range an array's shape gives",
            hint=f"Idx('{index}', n) brings its range",
        )
    (part, size), *rest = axes
    for other, another in rest:
        if another != size:
            raise ShapeError(
                f"the free index {index} runs over axes of different sizes",
                got=f"{size} in {part}, {another} in {other}",
                hint=f"Idx('{index}', n) says which",
            )
    return Range(0, as_size(size - 1))


def _shape(base: Any, arrays: Mapping[Any, Type]) -> tuple[Size, ...] | None:
    if isinstance(base, sp.MatrixSymbol) or not is_array(base):
        shape = getattr(base, "shape", None)
        return None if shape is None else tuple(map(as_size, shape))
    return arrays[base].shape if base in arrays else None


def _indices(e: Any) -> set[Any]:
    """The symbols of an index, those of entries within it left to them."""
    found: set[Any] = set()
    stack = [e]
    while stack:
        part = stack.pop()
        if part.is_Symbol or isinstance(part, Idx):
            found.add(part)
        elif not isinstance(part, ELEMENTS):
            stack.extend(part.args)
    return found


def _outermost_first(e: Any) -> list[Any]:
    """The parts of an expression as they are written, from left to right, each once."""
    seen: set[int] = set()
    order, stack = [], [e]
    while stack:
        part = stack.pop()
        if id(part) not in seen:
            seen.add(id(part))
            order.append(part)
            stack.extend(reversed(part.args))
    return order
