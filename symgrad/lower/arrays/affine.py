"""Where a number lies along an axis: affine in the loops' indices and in integers that were loaded."""

from __future__ import annotations

from typing import NamedTuple

from symgrad.types import Size, as_size


class Affine(NamedTuple):
    """offset + sum of coefficient * (a loop's index) + sum of coefficient * (an integer value)."""

    offset: Size = 0
    terms: tuple[tuple[str, int], ...] = ()
    values: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        parts = [f"{_times(c)}{name}" for name, c in self.terms] + [f"{_times(c)}%{v}" for v, c in self.values]
        if self.offset != 0 or not parts:
            parts.append(str(self.offset))
        return " + ".join(parts).replace("+ -", "- ")

    def plus(self, other: Affine, times: int = 1) -> Affine:
        terms, values = dict(self.terms), dict(self.values)
        for name, c in other.terms:
            terms[name] = terms.get(name, 0) + times * c
        for value, c in other.values:
            values[value] = values.get(value, 0) + times * c
        return Affine(
            as_size(self.offset + times * other.offset),
            tuple((name, c) for name, c in sorted(terms.items()) if c),
            tuple((value, c) for value, c in sorted(values.items()) if c),
        )

    def coefficient(self, index: str) -> int:
        return dict(self.terms).get(index, 0)


Index = tuple[Affine, ...]


def _times(c: int) -> str:
    return "" if c == 1 else "-" if c == -1 else f"{c}*"


def place(buffer: str, index: Index) -> str:
    """The text of a place in a buffer."""
    return f"{buffer}[{', '.join(map(str, index))}]" if index else buffer
