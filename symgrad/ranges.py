"""Indices and their limits, as SymPy expressions -> ranges, and affine forms: offset + sum of coefficient * index."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArrayElement
from sympy.tensor.indexed import Idx, Indexed

from symgrad.errors import ShapeError, UnsupportedExpression
from symgrad.types import Size, as_size

ELEMENTS = (MatrixElement, Indexed, ArrayElement)
INFINITIES = (sp.oo, -sp.oo, sp.zoo, sp.nan)


class Range(NamedTuple):
    """An index that runs from low to high, both included. Where its limits depend on other indices, low and high are
    the outermost ones, and `lower` and `upper` are the limits as they were given."""

    low: Size
    high: Size
    lower: Any = None
    upper: Any = None

    @property
    def size(self) -> Size:
        """How many there are: none if that is below 0."""
        return as_size(self.high - self.low + 1)

    @property
    def is_box(self) -> bool:
        """Are the limits the same whatever other indices are?"""
        return self.lower is None and self.upper is None


class Affine(NamedTuple):
    """offset + sum of coefficient * index + sum of coefficient * (an entry of an integer array)."""

    offset: Size
    terms: dict[Any, int]
    gathers: tuple[tuple[Any, int], ...] = ()

    @property
    def is_constant(self) -> bool:
        """Is it the same whatever the indices are?"""
        return not self.terms and not self.gathers


def affine(e: Any, indices: Collection[Any]) -> Affine:
    """The form of an index expression in these indices. Raises UnsupportedExpression if it has none."""
    e = sp.sympify(e, strict=True)
    if e in indices:
        return Affine(0, {e: 1})
    offset: Any = 0
    terms: dict[Any, int] = {}
    gathers: list[tuple[Any, int]] = []
    for term in sp.Add.make_args(sp.expand(e)):
        coefficient, rest = term.as_coeff_Mul()
        if rest in indices:
            terms[rest] = terms.get(rest, 0) + _whole(coefficient, e)
        elif isinstance(rest, ELEMENTS):
            gathers.append((rest, _whole(coefficient, e)))
        elif not any(part in indices or isinstance(part, ELEMENTS) for part in sp.preorder_traversal(rest)):
            offset = offset + term
        else:
            raise UnsupportedExpression(
                f"{rest} in an index, which is not affine",
                got=e,
                wanted="a sum of indices times integers, sizes, and entries of integer arrays",
                hint="an array with one more axis may say the same: X[i, j] for x[n*i + j]",
            )
    return Affine(_integer_size(offset, e), {s: c for s, c in terms.items() if c}, tuple(gathers))


def _whole(coefficient: Any, e: Any) -> int:
    if not coefficient.is_Integer:
        raise UnsupportedExpression("an index times what is no integer", got=e, wanted="integers")
    return int(coefficient)


def _integer_size(e: Any, whole: Any) -> Size:
    """A size or an offset. Raises UnsupportedExpression for what is infinite or no integer."""
    e = sp.sympify(e, strict=True)
    if e.has(*INFINITIES):
        raise UnsupportedExpression("an infinite range", got=whole, wanted="finite limits")
    if e.is_integer is False or (e.is_number and not e.is_Integer):
        raise UnsupportedExpression("an index or a limit that is no integer", got=whole, wanted="integers and sizes")
    return as_size(e)


def extremes(form: Affine, ranges: Mapping[Any, Range]) -> tuple[Size, Size]:
    """The least and the largest value, gathers left out."""
    low = high = form.offset
    for s, c in form.terms.items():
        near, far = (ranges[s].low, ranges[s].high) if c > 0 else (ranges[s].high, ranges[s].low)
        low, high = low + c * near, high + c * far
    return as_size(low), as_size(high)


def limit_range(limit: Any, ranges: Mapping[Any, Range]) -> Range:
    """The range of a limit (i, lower, upper) where these indices are bound. Raises UnsupportedExpression."""
    if len(limit) != 3:
        raise UnsupportedExpression(
            "an index without limits", got=limit, wanted="(i, 0, n - 1)", hint="or Idx('i', n), which brings them"
        )
    _, lower, upper = limit
    low, high = (affine(end, ranges) for end in (lower, upper))
    if low.gathers or high.gathers:
        raise UnsupportedExpression(
            "limits read from an array", got=limit, wanted="limits of sizes and other indices", hint="use a mask"
        )
    return Range(
        extremes(low, ranges)[0],
        extremes(high, ranges)[1],
        lower if low.terms else None,
        upper if high.terms else None,
    )


def own_range(index: Any) -> Range | None:
    """The range that an Idx brings."""
    if not isinstance(index, Idx) or index.lower is None or index.upper is None:
        return None
    return Range(_integer_size(index.lower, index), _integer_size(index.upper, index))


def is_nonnegative(e: Size, *, nothing_empty: bool = False) -> bool:
    """Is it surely 0 or more? Symbols are sizes: whatever is assumed of them, they are not negative; nor 0, if nothing
    is empty."""
    if isinstance(e, int):
        return e >= 0
    if nothing_empty:
        e = e.xreplace({s: _positive(s) for s in e.free_symbols if not s.is_positive})
    else:
        e = e.xreplace({s: _nonnegative(s) for s in e.free_symbols if not s.is_nonnegative})
    return bool(e.is_nonnegative)


@lru_cache(maxsize=1000)
def _nonnegative(symbol: sp.Symbol) -> sp.Dummy:
    return sp.Dummy(symbol.name, integer=True, nonnegative=True)


@lru_cache(maxsize=1000)
def _positive(symbol: sp.Symbol) -> sp.Dummy:
    return sp.Dummy(symbol.name, integer=True, positive=True)


def check_inside(what: Any, low: Size, high: Size, size: Size, *, hint: str | None = None) -> bool:
    """Do indices from low to high surely lie inside an axis? Raises ShapeError if they surely do not."""
    if is_nonnegative(as_size(-low - 1)) or is_nonnegative(as_size(high - size)):
        raise ShapeError(
            f"an index outside of its array: {what}",
            got=f"indices from {low} to {high}",
            wanted=f"0 to {as_size(size - 1)}",
            hint=hint or "indices count from 0: (i, 0, n - 1) runs over n of them",
        )
    return is_nonnegative(low) and is_nonnegative(as_size(size - 1 - high))
