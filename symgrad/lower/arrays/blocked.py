"""A group of nests over the rows of one axis -> Rows: all nests for one block of rows, then for the next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import sympy as sp

from symgrad.lower.arrays.access import rebuilt
from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.fill import Along
from symgrad.lower.arrays.loops import (
    AddTo,
    Block,
    Bound,
    Buffer,
    Call,
    Fill,
    Load,
    Loop,
    Read,
    Rows,
    Statement,
    Store,
    flat,
    looped,
)
from symgrad.types import Size, as_size

NARROW, WIDE = 8, 64  # rows that a block has at least: usually, and for vectors along rows and products of matrices

Buffers = dict[str, Buffer]


@dataclass(eq=False)
class Nest:
    """The statements that fill a buffer, their rows, and what they read and write."""

    statements: list[Statement]
    along: Along | None
    reads: set[str]
    writes: set[str]

    @property
    def product(self) -> Call | None:
        """The product of matrices that it is, which runs over the rows."""
        return next((s for s in self.statements if self.along and isinstance(s, Call)), None)


@dataclass(eq=False)
class Group:
    """Nests that run together; or one that has no rows."""

    nests: list[Nest]

    @property
    def along(self) -> Along | None:
        return self.nests[0].along

    @property
    def extent(self) -> Size:
        """The rows of the nest that has most."""
        extents = [nest.along.extent for nest in self.nests if nest.along]
        return next(n for n in extents if all(as_size(n - other) >= 0 for other in extents))

    @property
    def writes(self) -> set[str]:
        return {name for nest in self.nests for name in nest.writes}

    @property
    def reads(self) -> set[str]:
        return {name for nest in self.nests for name in nest.reads}

    def fits(self, nest: Nest) -> bool:
        """Are a nest's rows its own: of one axis, and as many, but for a number; with products, exactly as many?"""
        if self.along is None or nest.along is None or self.along[2:] != nest.along[2:]:
            return False
        apart = as_size(self.extent - nest.along.extent)
        return apart == 0 or (isinstance(apart, int) and not any(n.product for n in (*self.nests, nest)))

    def row_axis(self, name: str) -> int | None:
        """The axis of a result along which rows run, if each block completes its own."""
        (nest,) = [nest for nest in self.nests if name in nest.writes]
        if nest.product:
            return None if nest.product.sums_rows else 0
        own = own_row(nest.along)
        places = [s.index for s in flat(tuple(nest.statements)) if isinstance(s, (Store, AddTo))]
        return next((axis for axis, every in enumerate(zip(*places, strict=True)) if set(every) == {own}), None)


def own_row(along: Along | None) -> Affine:
    """The index that is the row."""
    assert along is not None
    return Affine(0, ((along.loop, 1),))


def in_blocks(
    group: Group,
    outside: Collection[str],
    fixed: Collection[str],
    buffers: Buffers,
    blocks: list[Block],
    turns: dict[str, int],
    numbers: Iterator[int],
) -> Rows:
    """The nests of a group for one block after the other.

    outside: what other groups read. fixed: buffers whose order is given. Enters the block's size in `blocks`, new
    buffers and shapes in `buffers`, and in `turns` the axes that become a buffer's last.
    """
    assert group.along is not None
    row, block = f"row{len(blocks)}", sp.Symbol(f"block{len(blocks)}", integer=True, positive=True)
    start, end = Affine(0, ((row, 1),)), next(numbers)
    lanes = group.along.lanes
    if lanes:
        group = Group(_with_copies_by_lanes(group, buffers, row, numbers))
    extent = Affine(group.extent)
    made = {name: axis for name in sorted(group.writes) if (axis := group.row_axis(name)) is not None}
    filled = {s.buffer for nest in group.nests for s in nest.statements if isinstance(s, Fill)}
    least = WIDE if lanes or any(nest.product for nest in group.nests) else NARROW
    free = made.keys() - fixed
    private = {name: made[name] for name in sorted(free) if name not in outside and name not in filled}
    blocks.append(Block(block, _numbers_of_a_row(group, buffers), least))
    for name, axis in private.items():
        dims = buffers[name].dims
        buffers[name] = replace(buffers[name], dims=(*dims[:axis], block, *dims[axis + 1 :]))
    if lanes:
        for name in sorted(free):
            dims, axis = buffers[name].dims, made[name]
            buffers[name] = replace(buffers[name], dims=(*dims[:axis], *dims[axis + 1 :], dims[axis]))
            turns[name] = axis
    before: list[Statement] = []
    inside: list[Statement] = []
    after: list[Statement] = []
    for nest in group.nests:
        assert nest.along is not None
        place = before
        for s in nest.statements:
            if isinstance(s, Read):  # an accumulator that is complete
                place = after
            if isinstance(s, Call):
                if s.sums_rows:
                    before.append(Fill(s.buffers[-1]))
                inside.append(_of_block(s, private, start, Affine(0, (), ((end, 1),))))
            elif isinstance(s, Loop):
                inside += _clipped([s], nest.along.loop, start, Affine(0, (), ((end, 1),)), extent, numbers)
            else:
                place.append(s)
    body = rebuilt(inside, lambda s: _counted_from(s, private, start))
    return Rows(row, end, extent, block, tuple(before), body, tuple(after))


def _numbers_of_a_row(group: Group, buffers: Buffers) -> Size:
    """How many numbers belong to one row, in all arrays that have the axis."""
    found: Size = 0
    for name in sorted({name for nest in group.nests for name in nest.writes | nest.reads}):
        dims = list(buffers[name].dims)
        if group.extent in dims:
            dims.remove(group.extent)
            found = as_size(found + prod(dims))
    return found


def _with_copies_by_lanes(group: Group, buffers: Buffers, row: str, numbers: Iterator[int]) -> list[Nest]:
    """The nests, with what lies across the rows in memory copied before, and read from the copy, where it is read
    several times: a vector is then loaded as a whole."""
    copies: dict[str, Nest] = {}
    made = group.writes
    found: list[Nest] = []
    for nest in group.nests:
        own = own_row(nest.along)
        depth = len({s.index for s in flat(tuple(nest.statements)) if isinstance(s, Loop)})

        def copied(s: Statement, own: Affine = own, depth: int = depth) -> Statement:
            if not isinstance(s, Load) or s.buffer in made or len(s.index) == depth or own not in s.index[:-1]:
                return s
            b, axis = buffers[s.buffer], s.index.index(own)
            if b.dims[axis] != group.extent or s.index.count(own) > 1:
                return s
            name = f"{s.buffer}_{row}"
            if name not in copies:
                copies[name] = _copy(b, name, axis, group, next(numbers))
                buffers[name] = Buffer(name, b.dims, "scratch", b.dtype)
            return replace(s, buffer=name)

        body = list(rebuilt(nest.statements, copied))
        read = {s.buffer for s in flat(tuple(body)) if isinstance(s, Load)}
        found.append(replace(nest, statements=body, reads=read))
    return [*copies.values(), *found]


def _copy(b: Buffer, name: str, axis: int, group: Group, value: int) -> Nest:
    """The nest that copies an array, with its rows along one axis."""
    assert group.along is not None
    extents = [(f"i{k}", n) for k, n in enumerate(b.dims)]
    index = tuple(Affine(0, ((i, 1),)) for i, _ in extents)
    row, rows = extents.pop(axis)
    body = looped([Load(value, b.name, index), Store(name, index, value)], [*extents, (row, rows)])
    return Nest(list(body), group.along._replace(loop=row, extent=rows), {b.name}, {name})


def _clipped(
    body: Sequence[Statement], name: str, start: Affine, end: Affine, extent: Affine, numbers: Iterator[int]
) -> list[Statement]:
    """The statements with the loops over all rows from start to end."""
    found: list[Statement] = []
    for s in body:
        if isinstance(s, Loop) and s.index == name:
            first, stop = start, end
            if s.first != Affine():
                value = next(numbers)
                found.append(Bound(value, "max", (s.first, start)))
                first = Affine(0, (), ((value, 1),))
            if s.stop != extent:
                value = next(numbers)
                found.append(Bound(value, "min", (s.stop, end)))
                stop = Affine(0, (), ((value, 1),))
            found.append(replace(s, first=first, stop=stop))
        elif isinstance(s, Loop):
            found.append(replace(s, body=tuple(_clipped(s.body, name, start, end, extent, numbers))))
        else:
            found.append(s)
    return found


def _of_block(s: Call, private: Collection[str], start: Affine, end: Affine) -> Call:
    """A product over all rows -> its rows of a block, or what they add to it."""
    left, right, target = [() if name in private else (start,) for name in s.buffers]
    rows, inner, columns = s.sizes
    count = (end.plus(start, -1),)
    if s.sums_rows:
        return replace(s, sizes=(rows, count, columns), first=(left, right, ()), accumulates=True)
    return replace(s, sizes=(count, inner, columns), first=(left, (), target))


def _counted_from(s: Statement, private: dict[str, int], start: Affine) -> Statement:
    """The statement with the rows of private buffers counted from the block's first."""
    if not isinstance(s, (Load, Store, AddTo)) or s.buffer not in private:
        return s
    axis = private[s.buffer]
    index: Index = (*s.index[:axis], s.index[axis].plus(start, -1), *s.index[axis + 1 :])
    return replace(s, index=index)
