"""Names for indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy as sp

LETTERS = "ijklpqrsuvabcdefgh"  # in the order in which they are taken


class Names:
    """Names for indices that no input has."""

    def __init__(self, taken: set[str]):
        self.taken = taken

    def beside(self, symbols: Iterable[sp.Basic]) -> sp.Symbol:
        """A name that none of these symbols has."""
        used = self.taken | {str(s) for s in symbols}
        return next(sp.Symbol(name, integer=True) for name in _letters() if name not in used)

    def several(self, count: int) -> tuple[sp.Symbol, ...]:
        """Names for the axes of an array."""
        found: list[sp.Symbol] = []
        while len(found) < count:
            found.append(self.beside(found))
        return tuple(found)


def _letters() -> Iterator[str]:
    """i, j, k, l, ..., i1, j1, ..."""
    yield from LETTERS
    n = 1
    while True:
        yield from (f"{letter}{n}" for letter in LETTERS)
        n += 1
