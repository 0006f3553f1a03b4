"""The indices where an entry stands, with their ranges; and the conditions that these do not imply.

Values of large graphs are written with SymPy's evaluation switched off; sizes and indices are computed, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from symgrad.ops.select import piecewise
from symgrad.to_sympy.names import Names
from symgrad.types import Size


def limits_of(indices: Iterable[tuple[Any, Size]]) -> list[tuple[Any, int, Any]]:
    """(i, 0, size - 1) of each index and its size."""
    with sp.evaluate(True):
        return [(i, 0, sp.sympify(n, strict=True) - 1) for i, n in indices]


def plus(index: Any, coefficient: Any, other: Any) -> Any:
    """index + coefficient * other."""
    with sp.evaluate(True):
        return sp.sympify(index, strict=True) + coefficient * other


def solved_for(index: Any, rest: Any, coefficient: int) -> Any:
    """j of index = rest + coefficient * j, for a coefficient 1 or -1."""
    with sp.evaluate(True):
        return sp.expand((index - rest) * coefficient)


def function_matrix(rows: Size, columns: Size, indices: tuple[Any, Any], body: Any) -> Any:
    """The matrix of this entry."""
    with sp.evaluate(True):
        return sp.FunctionMatrix(rows, columns, sp.Lambda(indices, body))


class Scope:
    """The index names that stand for something where an entry stands, each with its size (0 <= i < size); those that
    its rule binds come to them."""

    def __init__(self, sizes: Mapping[Any, Size | None], names: Names):
        self.sizes, self.names = dict(sizes), names
        self.bound: frozenset[Any] = frozenset()

    def fresh(self, size: Size) -> Any:
        """A new index."""
        index = self.names.beside(self.sizes)
        self.sizes[index] = size
        self.bound |= {index}
        return index

    def inside(self, index: Any, size: Size) -> list[Any]:
        """What of 0 <= index < size does not follow from the ranges."""
        with sp.evaluate(True):
            return self._inside(index, size)

    def _inside(self, index: Any, size: Size) -> list[Any]:
        above, below = _halves(index)
        found = []
        if not self._is_nonnegative(index):
            found.append(sp.Ge(above, below, evaluate=False))
        if not self._is_nonnegative(size - 1 - index):
            alone = len(index.free_symbols & set(self.sizes)) == 1
            above, below = _halves(index - size) if alone else (index, sp.sympify(size, strict=True))
            whole = sp.Le(above, below - 1, evaluate=False) if below.as_coeff_Add()[0] == 1 else None
            found.append(sp.Lt(above, below, evaluate=False) if whole is None else whole)
        return found

    def proves(self, e: Any) -> bool:
        """Does 0 <= e follow from the ranges?"""
        return self._is_nonnegative(sp.sympify(e, strict=True))

    def _is_nonnegative(self, e: Any) -> bool:
        """Is an expression that is linear in indices surely not below 0?"""
        lowest = sp.expand(e)
        for i, n in self.sizes.items():
            c = lowest.coeff(i)
            if n is None or not c.is_Integer or (lowest - c * i).has(i):
                continue
            lowest = sp.expand(lowest - c * i + (c * (n - 1) if c < 0 else 0))
        return bool(lowest.is_nonnegative) and not lowest.free_symbols & set(self.sizes)


def _halves(e: Any) -> tuple[Any, Any]:
    """a and b of e = a - b, without a minus before either's terms."""
    terms = sp.Add.make_args(sp.expand(e))
    minus = [x for x in terms if x.could_extract_minus_sign()]
    return sp.Add(*[x for x in terms if x not in minus]), sp.Add(*[-x for x in minus])


def where_all(value: Any, conditions: Iterable[Any]) -> Any:
    """The value where all conditions hold, else 0."""
    kept = list(conditions)
    if not kept:
        return value
    return piecewise((value, kept[0] if len(kept) == 1 else sp.And(*kept, evaluate=False)), (sp.Integer(0), sp.true))
