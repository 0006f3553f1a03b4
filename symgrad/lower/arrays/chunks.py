"""Rows -> chunks of rows, which threads may compute at the same time.

A chunk has slots of its own for what it shares with others: for the memory that a block needs, and for what is summed
over all rows. These sums are added up afterwards, in the order of the chunks. All else that is written are rows of the
chunk's own. A group of nests that does anything else stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import sympy as sp

from symgrad.lower.arrays.access import Roots, rebuilt, unused
from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Bound,
    Buffer,
    Call,
    Chunks,
    Count,
    Cut,
    Extent,
    Fill,
    Let,
    Load,
    Loop,
    Number,
    Read,
    Rows,
    Start,
    Statement,
    Store,
    Update,
    flat,
    inside,
    looped,
)
from symgrad.types import Size, as_size

Access = Load | Store | AddTo


class _NotInChunks(Exception):
    """Chunks would get in each other's way, or cannot be told not to."""


def chunked(program: ArrayProgram) -> ArrayProgram:
    """The program with its rows in chunks, where that can be."""
    values = count(unused(program.body))
    buffers, roots = {b.name: b for b in program.buffers}, Roots(program.buffers)
    numbers = {b.symbol: b.numbers for b in program.blocks}
    body: list[Statement] = []
    cuts: list[Cut] = []
    for k, s in enumerate(program.body):
        if not isinstance(s, Rows):
            body.append(s)
            continue
        others = [*program.body[:k], *program.body[k + 1 :], *s.after]
        read = {roots[t.buffer] for t in flat(tuple(others)) if isinstance(t, Load)}
        read |= {roots[name] for t in flat(tuple(others)) if isinstance(t, Call) for name in t.buffers}
        try:
            kinds = _kinds(s, read, buffers, roots)
        except _NotInChunks:
            body.append(s)
            continue
        one = _Chunking(s, kinds, buffers, len(cuts), values)
        body += one.statements()
        cuts.append(Cut(one.number, one.length, s.extent.offset, s.block, numbers[s.block], one.summed))
    return replace(program, buffers=tuple(buffers.values()), body=tuple(body), cuts=tuple(cuts))


# -- what is written --------------------------------------------------------------------------------------------------


def _kinds(rows: Rows, read: set[str], buffers: Mapping[str, Buffer], roots: Roots) -> dict[str, str]:
    """For each buffer that the body writes: "rows" of the chunk's own, "private", or "sum" over all rows.

    Raises _NotInChunks for what is none of these, and for statements around the loop that do more than begin.
    """
    if rows.extent.terms or rows.extent.values:
        raise _NotInChunks
    for s in rows.before:
        if not isinstance(s, (Number, Let, Load, Extent, Count, Bound, Start, Fill)):
            raise _NotInChunks
    filled = {s.buffer for s in rows.before if isinstance(s, Fill)}
    accesses: dict[str, list[tuple[Access, Mapping[str, Size]]]] = {}
    for access, steps in _accesses(rows.body, {}, _limits(rows)):
        accesses.setdefault(access.buffer, []).append((access, steps))
    written = {name for name, places in accesses.items() if any(not isinstance(a, Load) for a, _ in places)}
    kinds: dict[str, str] = {}
    for s in flat(rows.body):
        if isinstance(s, Call):  # of its own rows
            target, first = s.places[-1]
            kinds[target] = "sum" if s.accumulates else "rows" if first else "private"
    for name, places in accesses.items():
        if name not in written:
            if roots[name] in written:
                raise _NotInChunks
            continue
        if _has_own_axis(places):
            kinds[name] = "rows"
        elif name in filled and all(isinstance(a, AddTo) for a, _ in places):
            kinds[name] = "sum"
        elif name not in filled and name not in read and buffers[name].role == "scratch":
            kinds[name] = "private"
        else:
            raise _NotInChunks
    if any(isinstance(s, Fill) and kinds.get(s.buffer) != "private" for s in flat(rows.body)):
        raise _NotInChunks
    return kinds


def _limits(rows: Rows) -> tuple[set[str], set[int]]:
    """The names and values of which a loop over rows has its limits: the block's, and what is computed of them."""
    names, values = {rows.index}, {rows.end}
    for s in flat(rows.body):
        if isinstance(s, Bound) and any(_mentions(i, names, values) for i in s.indices):
            values.add(s.value)
    return names, values


def _mentions(i: Affine, names: set[str], values: set[int]) -> bool:
    return any(name in names for name, _ in i.terms) or any(v in values for v, _ in i.values)


def _accesses(
    body: Sequence[Statement], steps: Mapping[str, Size], limits: tuple[set[str], set[int]]
) -> Iterator[tuple[Access, Mapping[str, Size]]]:
    """What is loaded and stored, with the loops over rows around it, by index: how far each goes at once."""
    for s in body:
        if isinstance(s, (Load, Store, AddTo)):
            yield s, steps
        around = steps
        if isinstance(s, Loop):
            around = {index: step for index, step in steps.items() if index != s.index}
            if _mentions(s.first, *limits) and _mentions(s.stop, *limits):
                around[s.index] = s.step
        yield from _accesses(inside(s), around, limits)


def _has_own_axis(places: Sequence[tuple[Access, Mapping[str, Size]]]) -> bool:
    """Is there an axis along which each place is a row of the loop around it?"""
    return any(all(_is_row(a.index[axis], steps) for a, steps in places) for axis in range(len(places[0][0].index)))


def _is_row(i: Affine, steps: Mapping[str, Size]) -> bool:
    """Is this one of the rows that one step of the loop is for?"""
    if i.values or len(i.terms) != 1 or not isinstance(i.offset, int):
        return False
    ((name, c),) = i.terms
    step = steps.get(name)
    return c == 1 and isinstance(step, int) and 0 <= i.offset < step


# -- the chunks -------------------------------------------------------------------------------------------------------


@dataclass
class _Chunking:
    """Rows while they are cut; `buffers` takes the slots."""

    rows: Rows
    kinds: Mapping[str, str]
    buffers: dict[str, Buffer]
    place: int
    values: Iterator[int]

    def __post_init__(self) -> None:
        self.index, self.first = f"chunk{self.place}", f"first{self.place}"
        self.number = sp.Symbol(f"chunks{self.place}", integer=True, positive=True)
        self.length = sp.Symbol(f"length{self.place}", integer=True, positive=True)
        self.chunk = Affine(0, ((self.index, 1),))
        self.summed: Size = 0

    def statements(self) -> Iterator[Statement]:
        """The chunks; then what adds up their sums and does what comes after the rows."""
        rows, slots, partial = self.rows, {}, {}
        for name, kind in self.kinds.items():
            if kind == "private":
                old = self.buffers[name]
                self.buffers[name] = replace(old, dims=(self.number, *old.dims))
                slots[name] = name
            elif kind == "sum":
                slots[name] = self._slot(self.buffers[name].dims, self.buffers[name].dtype)
        updated = {s.name for s in flat(rows.body) if isinstance(s, Update)}
        for s in rows.before:
            if isinstance(s, Start) and s.name in updated:
                partial[s.name] = self._slot((), "f8")
        whole = [s for s in rows.before if isinstance(s, Fill) and s.buffer not in slots]
        before = [s for s in rows.before if s not in whole]
        yield from whole
        yield Chunks(self.index, self.first, self.number, self.length, tuple(self._body(before, slots, partial)))
        yield from before
        for s in before:
            if isinstance(s, Fill):
                yield self._sum_of_slots(s.buffer, slots[s.buffer])
            if isinstance(s, Start) and s.name in partial:
                value = next(self.values)
                load = Load(value, partial[s.name], (self.chunk,))
                yield Loop(self.index, Affine(), Affine(self.number), (load, Update(s.name, s.kind, value)), "short")
        yield from rows.after

    def _slot(self, dims: tuple[Size, ...], dtype: str) -> str:
        """A new buffer with a place for each chunk."""
        name = f"s{sum(b.name.startswith('s') for b in self.buffers.values())}"
        self.buffers[name] = Buffer(name, (self.number, *dims), "scratch", dtype)
        self.summed = as_size(self.summed + sp.prod(dims))
        return name

    def _body(
        self, before: Sequence[Statement], slots: Mapping[str, str], partial: Mapping[str, str]
    ) -> Iterator[Statement]:
        """What one chunk does."""
        rows = self.rows
        yield from rebuilt(before, lambda s: self._moved(s, slots))
        end = next(self.values)
        first = Affine(0, ((self.first, 1),))
        yield Bound(end, "min", (first.plus(Affine(self.length)), rows.extent))
        (loop,) = rebuilt([rows.loop], lambda s: self._moved(s, slots))
        assert isinstance(loop, Loop)
        yield replace(loop, first=first, stop=Affine(0, (), ((end, 1),)))
        for name, slot in partial.items():
            value = next(self.values)
            yield Read(value, name)
            yield Store(slot, (self.chunk,), value)

    def _moved(self, s: Statement, slots: Mapping[str, str]) -> Statement:
        """The statement with the chunk's slots in the place of buffers."""
        if isinstance(s, (Load, Store, AddTo, Fill)) and s.buffer in slots:
            return replace(s, buffer=slots[s.buffer], index=(self.chunk, *s.index))
        if isinstance(s, Call):
            first = tuple((self.chunk, *index) if name in slots else index for name, index in s.places)
            return replace(s, buffers=tuple(slots.get(name, name) for name in s.buffers), first=first)
        return s

    def _sum_of_slots(self, name: str, slot: str) -> Loop:
        """Adds up what the chunks summed, one after the other."""
        value = next(self.values)
        dims = self.buffers[name].dims
        index: Index = tuple(Affine(0, ((f"i{axis}", 1),)) for axis in range(len(dims)))
        added = Load(value, slot, (self.chunk, *index)), AddTo(name, index, value)
        body = looped(added, [(f"i{axis}", n) for axis, n in enumerate(dims)])
        return Loop(self.index, Affine(), Affine(self.number), body, "short")
