"""ArrayProgram -> the same, where loops in vectors carry values from one iteration to the next.

Where x[i - 1] and x[i] are loaded, or f(x[i - 1]) and f(x[i]) computed, as in adjoints of shifted views, the first is
what the second was one iteration before: all its lanes but one are in the vector at hand, and that one is in the vector
before. So it is a shuffle of the two, in the place of arithmetic and of loads, most of which cross lines of the cache.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symgrad.lower.arrays.access import Roots, accesses, defined, rebuilt, used
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    ArrayProgram,
    Carried,
    Count,
    Extent,
    Let,
    Load,
    Loop,
    Number,
    Statement,
    flat,
)
from symgrad.ops.logic import Connective, Relation

FARTHEST = 4  # iterations: so many are computed one by one before the first vector


def carried(program: ArrayProgram) -> ArrayProgram:
    """The program, with what its loops in vectors carry."""
    roots, real = Roots(program.buffers), {b.name for b in program.buffers if b.dtype[0] == "f"}

    def change(s: Statement) -> Statement:
        return _carrying(s, _Values(s, roots, real)) if isinstance(s, Loop) and s.kind == "simd" else s

    return replace(program, body=rebuilt(program.body, change))


def cone(body: Sequence[Statement], value: int) -> list[Statement]:
    """The statements that compute a value."""
    needed, found = {value}, []
    for s in reversed(body):
        if defined(s) in needed:
            needed |= set(used(s))
            found.append(s)
    return found[::-1]


def _carrying(s: Loop, values: _Values) -> Loop:
    pairs = values.pairs()
    return replace(s, body=tuple(_after(s.body, pairs, values)), carried=tuple(pairs)) if pairs else s


@dataclass
class _Values:
    """The values of a loop's body by what they compute: a kind, and at which iteration, counted from this one, or None
    if it is the same in all. Those of one kind are one value at several iterations."""

    loop: Loop
    roots: Roots
    real: set[str]  # buffers of real numbers
    kinds: dict[Any, int] = field(default_factory=dict)
    known: dict[int, tuple[int, int | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        body = self.loop.body
        self.made = {v for s in flat(body) if (v := defined(s)) is not None}
        self.written = {self.roots[x.buffer] for x in accesses(body) if x.how != "load"}
        for s in body:
            value, found = defined(s), self._found(s)
            if value is not None and found is not None:
                key, at = found
                self.known[value] = self.kinds.setdefault(key, len(self.kinds)), at

    def pairs(self) -> list[Carried]:
        """What is needed in an iteration, and is another value of iterations before."""
        places: dict[int, dict[int, int]] = {}
        statements = {defined(s): s for s in self.loop.body}
        for value, (kind, at) in self.known.items():
            if at is not None and not _is_truth(statements[value]):
                places.setdefault(kind, {})[at] = value
        left = [v for s in self.loop.body if defined(s) not in self.known for u in flat((s,)) for v in used(u)]
        seen, found = set(left), []
        while left:
            value = left.pop()
            needed: Iterator[int] = iter(())
            kind, at = self.known.get(value, (-1, None))
            later = [k for k in places.get(kind, {}) if at is not None and 0 < k - at <= FARTHEST]
            if later and at is not None:
                pair = Carried(value, places[kind][max(later)], max(later) - at)
                found.append(pair)
                needed = iter((pair.later,))
            elif value in statements:
                needed = used(statements[value])
            new = set(needed) - seen
            seen |= new
            left += new
        return sorted(found)

    def _found(self, s: Statement) -> tuple[Any, int | None] | None:
        """What a statement computes; None if that is unlike all others."""
        match s:
            case Load() if self.roots[s.buffer] not in self.written and s.buffer in self.real:
                return self._place(("load", s.buffer), s.index)
            case Count():
                return self._place(("count",), (s.index,))
            case Number():
                return ("number", repr(s.number)), None  # 0.0 and -0.0 are equal
            case Extent():
                return ("size", s.size), None
            case Let():
                return self._applied(s)
        return None

    def _place(self, head: tuple[str, ...], index: Sequence[Affine]) -> tuple[Any, int | None] | None:
        if any(v in self.made for i in index for v, _ in i.values):
            return None
        steps = [i.coefficient(self.loop.index) for i in index]
        if not any(steps):
            return (*head, *index), None
        # c*i + k is c*(i + k//c) + the rest of k
        at = next((i.offset // c for i, c in zip(index, steps, strict=True) if c and isinstance(i.offset, int)), 0)
        return (*head, *(i.plus(Affine(c * at), -1) for i, c in zip(index, steps, strict=True))), at

    def _applied(self, s: Let) -> tuple[Any, int | None] | None:
        if any(a in self.made and a not in self.known for a in s.arguments):
            return None
        inputs = [self.known.get(a, (~a, None)) for a in s.arguments]  # ~a: from before the loop
        last = max((at for _, at in inputs if at is not None), default=None)
        return (s.op, *((kind, at if at is None or last is None else last - at) for kind, at in inputs)), last


def _is_truth(s: Statement) -> bool:
    return isinstance(s, Let) and isinstance(s.op, (Connective, Relation))


def _after(body: Sequence[Statement], pairs: Sequence[Carried], values: _Values) -> Iterator[Statement]:
    """The statements, each value after the one that it was; else in their order."""
    makers = {defined(s): k for k, s in enumerate(body)}
    later = {pair.value: pair.later for pair in pairs}
    readers: list[list[int]] = [[] for _ in body]
    waits = [0] * len(body)
    before = None  # the last of those that may read or write memory that the loop writes, or an accumulator
    for k, s in enumerate(body):
        needed = {makers[v] for u in flat((s,)) for v in used(u) if makers.get(v, k) != k}
        value = defined(s)
        if value in later:
            needed.add(makers[later[value]])
        if value not in values.known:
            needed |= set() if before is None else {before}
            before = k
        for other in needed:
            readers[other].append(k)
        waits[k] = len(needed)
    ready = [k for k, n in enumerate(waits) if not n]
    while ready:
        k = heapq.heappop(ready)
        yield body[k]
        for reader in readers[k]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, reader)
