"""Expressions -> what they say of arrays that were declared without it: shapes, from the ranges of indices; and which
arrays are read for indices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.tensor.array.expressions import ArraySymbol, OneArray, ZeroArray
from sympy.tensor.indexed import Idx, Indexed, IndexedBase

from symgrad.entries import Entries
from symgrad.errors import UnsupportedExpression
from symgrad.ranges import ELEMENTS, Range, affine, extremes, is_nonnegative, limit_range, own_range
from symgrad.size import subexpressions
from symgrad.types import Size, Type, as_size

Ranges = Mapping[Any, Range]
SHAPED = (
    *(sp.MatrixSymbol, sp.Identity, sp.ZeroMatrix, sp.OneMatrix, sp.FunctionMatrix),
    *(ArraySymbol, IndexedBase, ZeroArray, OneArray),
)


def index_arrays(expressions: Sequence[Any]) -> set[Any]:
    """The arrays whose entries stand in indices of others: arrays of integers."""
    found: set[Any] = set()
    for e in subexpressions(*[e for e in expressions if isinstance(e, sp.Basic)]):
        if isinstance(e, ELEMENTS):
            found.update(part.args[0] for index in e.indices for part in index.atoms(*ELEMENTS))
        elif isinstance(e, sp.KroneckerDelta):
            found.update(part.args[0] for part in e.atoms(Indexed))
    return found


def infer_shapes(expressions: Sequence[Any]) -> dict[Any, tuple[Size, ...]]:
    """The shapes of the IndexedBases without one: the largest index and 1, along each axis.

    What stands in a piece of a Piecewise counts only if nothing else tells. Raises UnsupportedExpression where no index
    is surely the largest, and for an array that is read at different numbers of indices.
    """
    told: dict[Any, list[tuple[list[Size | None], bool]]] = {}
    whole: set[Any] = set()
    sizes = size_symbols([e for e in expressions if isinstance(e, sp.Basic)])
    for e, ranges, sure in _entries(expressions):
        told.setdefault(e.base, []).append((_sizes_told(e, ranges, sizes), sure))
        if not all(i.is_Integer for i in e.indices):  # one that is read at numbers only is so many scalars
            whole.add(e.base)
    return {base: _shape(base, rows) for base, rows in told.items() if base in whole}


def size_symbols(expressions: Sequence[Any], arrays: Mapping[Any, Type] | None = None) -> frozenset[Any]:
    """The symbols in shapes and limits, but for the indices among them."""
    found: set[Any] = set()
    bound: set[Any] = set()
    for type_ in (arrays or {}).values():
        _add(found, type_.shape)
    for e in subexpressions(*expressions):
        if isinstance(e, SHAPED):
            _add(found, e.shape or ())
        elif isinstance(e, Idx):
            _add(found, [n for n in (e.lower, e.upper) if n is not None])
        elif isinstance(e, Entries):
            _add(found, e.shape)
            bound.update(e.indices)
        elif isinstance(e, sp.FunctionMatrix):
            _add(found, e.shape)
            bound.update(e.lamda.variables)
        elif getattr(e, "limits", None):
            for limit in e.limits:
                bound.add(limit.args[0])
                _add(found, limit.args[1:])
    return frozenset(s for s in found if not isinstance(s, Idx)) - bound


def _add(found: set[Any], sizes: Iterable[Any]) -> None:
    for n in sizes:
        if isinstance(n, sp.Basic):
            found |= n.atoms(sp.Symbol)


def _entries(expressions: Sequence[Any]) -> Iterator[tuple[Any, Ranges, bool]]:
    """The entries of arrays without a shape, with the ranges of the indices in force; False in a piece."""
    seen: set[tuple[int, int]] = set()
    kept = []
    stack: list[tuple[Any, dict[Any, Range], bool]] = []
    for e in expressions:
        if isinstance(e, sp.Basic):
            own = {i: r for i in subexpressions(e) if isinstance(i, Idx) and (r := own_range(i)) is not None}
            kept.append(own)
            stack.append((e, own, True))
    while stack:
        e, ranges, sure = stack.pop()
        if (id(e), id(ranges)) in seen:
            continue
        seen.add((id(e), id(ranges)))
        if isinstance(e, Indexed) and isinstance(e.base, IndexedBase) and e.base.shape is None:
            yield e, ranges, sure
        limits = getattr(e, "limits", None)
        if limits is not None:
            inner = ranges
            for limit in reversed(limits):
                inner = {**inner, limit.args[0]: limit_range(limit, inner)}
            kept.append(inner)
            stack.append((e.args[0], inner, sure))
        else:
            stack.extend((a, ranges, sure and not isinstance(e, ExprCondPair)) for a in e.args)


def _sizes_told(e: Any, ranges: Ranges, sizes: frozenset[Any]) -> list[Size | None]:
    """The least sizes that the entry can be of; None: it does not tell."""
    found: list[Size | None] = []
    for index in e.indices:
        form = affine(index, ranges)
        boxes = len(form.terms) < 2 or all(ranges[s].is_box for s in form.terms)
        loose = isinstance(form.offset, sp.Expr) and not form.offset.free_symbols <= sizes
        found.append(as_size(extremes(form, ranges)[1] + 1) if boxes and not form.gathers and not loose else None)
    return found


def _shape(base: Any, rows: Sequence[tuple[list[Size | None], bool]]) -> tuple[Size, ...]:
    ranks = {len(sizes) for sizes, _ in rows}
    if len(ranks) > 1:
        raise UnsupportedExpression(
            "an array with different numbers of indices", got=base, wanted=" or ".join(map(str, sorted(ranks)))
        )
    shape = []
    for axis in range(ranks.pop()):
        told = [(sizes[axis], sure) for sizes, sure in rows]
        sizes = {n for n, sure in told if n is not None and sure} or {n for n, _ in told if n is not None}
        symbolic = {n for n in sizes if not isinstance(n, int)} or sizes
        largest = [
            n for n in symbolic if all(is_nonnegative(as_size(n - other), nothing_empty=True) for other in symbolic)
        ]
        if not largest:
            wanted = "a largest index" if symbolic else "an index whose range is known"
            raise UnsupportedExpression(
                f"the shape of {base} does not follow from its indices",
                got=f"sizes {', '.join(sorted(map(str, symbolic))) or 'unknown'} of axis {axis}",
                wanted=wanted,
                hint=f"IndexedBase({str(base)!r}, shape=(n,))",
            )
        shape.append(largest[0])
    return tuple(shape)
