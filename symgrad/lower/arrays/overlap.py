"""Two loops whose ranges differ by a few iterations -> what of either stands before, where both run, and what after.

So the terms of a sum over i and i + 1, which are one fewer than the numbers, and their derivatives share a loop.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import NamedTuple

from symgrad.lower.arrays.access import Names, defined, unused
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import Bound, Loop, Statement, flat

FEW = 4  # iterations, which are run one by one


class Overlap(NamedTuple):
    """What stands before the loop where both run, where that begins and stops, and what stands after it."""

    before: list[Statement]
    first: Affine
    stop: Affine
    after: list[Statement]


class Limits:
    """Where the loops of a program begin and stop, as far as it is known without the sizes."""

    def __init__(self, body: tuple[Statement, ...]):
        self.bounds = {s.value: s for s in flat(body) if isinstance(s, Bound)}
        self.values = count(unused(body))

    def are_near(self, a: Loop, b: Loop) -> bool:
        """Is it known that but a few iterations are of one alone?"""
        return self._is_near(a.first, b.first) and self._is_near(a.stop, b.stop)

    def overlap(self, a: Loop, b: Loop) -> Overlap:
        """Of two loops that are near, and of which neither needs another iteration of the other."""
        sooner, later = (a, b) if self.at_most(a.first, b.first) else (b, a)
        shorter, longer = (a, b) if self.at_most(a.stop, b.stop) else (b, a)
        first, stop = later.first, shorter.stop
        before: list[Statement] = []
        if sooner.first != first:
            end = self._bound("min", sooner.stop, first)
            before = [end, self._piece(sooner, sooner.first, _of(end))]
        after: list[Statement] = []
        if longer.stop != stop:
            begin = self._bound("max", stop, first)
            after = [begin, self._piece(longer, _of(begin), longer.stop)]
        return Overlap(before, first, stop, after)

    def at_most(self, a: Affine, b: Affine) -> bool:
        """Is it known that a <= b?"""
        if a == b:
            return True
        for x, which in ((a, "max"), (b, "min")):  # each of these
            if parts := self._parts(x, which):
                return all(self.at_most(p, b) if x is a else self.at_most(a, p) for p in parts)
        for x, which in ((a, "min"), (b, "max")):  # one of these
            if any(self.at_most(p, b) if x is a else self.at_most(a, p) for p in self._parts(x, which)):
                return True
        offset, terms, values = b.plus(a, -1)
        if values or not isinstance(offset, int):
            return False
        return offset >= 0 and all(c > 0 for _, c in terms)  # indices are >= 0

    def _is_near(self, a: Affine, b: Affine) -> bool:
        return any(self.at_most(x, y) and self.at_most(y, x.plus(Affine(FEW))) for x, y in ((a, b), (b, a)))

    def _parts(self, x: Affine, which: str) -> list[Affine]:
        """Of what x is the least or the largest, whichever is asked for."""
        if len(x.values) != 1 or x.values[0][1] != 1 or x.values[0][0] not in self.bounds:
            return []
        s, rest = self.bounds[x.values[0][0]], x._replace(values=())
        return [i.plus(rest) for i in s.indices] if s.which == which else []

    def _bound(self, which: str, *indices: Affine) -> Bound:
        s = Bound(next(self.values), which, indices)
        self.bounds[s.value] = s
        return s

    def _piece(self, loop: Loop, first: Affine, stop: Affine) -> Loop:
        """A few iterations of a loop, one by one, with values of their own."""
        own = {v: next(self.values) for s in flat(loop.body) if (v := defined(s)) is not None}
        return replace(loop, first=first, stop=stop, body=Names(own).body(loop.body), kind="serial")


def _of(s: Bound) -> Affine:
    return Affine(0, (), ((s.value, 1),))
