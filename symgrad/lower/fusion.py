"""Nests one after the other -> nests that run block by block over the rows they share, while these are in the cache.

A nest joins a group if its outermost loop has the group's extent, and if what it reads of the group's own results are
the same rows. What only the group reads is kept for one block instead of for all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import sympy as sp

from symgrad.lower.loops import (
    AddTo,
    Affine,
    ArrayProgram,
    Buffer,
    Call,
    Fill,
    Guard,
    Load,
    Loop,
    Rows,
    Statement,
    Store,
    When,
    flat,
)
from symgrad.types import Size, as_size


@dataclass
class _Nest:
    """The statements that fill one buffer; `loop`: the one outermost loop, if there is one."""

    statements: list[Statement]
    reads: set[str]
    writes: set[str]

    @property
    def loop(self) -> Loop | None:
        loops = [s for s in self.statements if isinstance(s, Loop)]
        calls = any(isinstance(s, Call) for s in self.statements)
        whole = len(loops) == 1 and not calls and loops[0].first == Affine() and not loops[0].stop.values
        return loops[0] if whole else None


@dataclass
class _Group:
    """Nests that run together."""

    nests: list[_Nest] = field(default_factory=list)

    @property
    def extent(self) -> Affine | None:
        loop = self.nests[0].loop
        return loop.stop if loop else None

    @property
    def writes(self) -> set[str]:
        return {name for nest in self.nests for name in nest.writes}


def fused(program: ArrayProgram, nests: Sequence[Sequence[Statement]], values: int) -> ArrayProgram:
    """The program of these nests, in groups; `values`: how many values they number."""
    buffers = {b.name: b for b in program.buffers}
    groups: list[_Group] = []
    for statements in nests:
        nest = _nest(statements, buffers)
        last = max((k for k, g in enumerate(groups) if g.writes & nest.reads), default=-1)
        loop = nest.loop
        joined = None
        if loop is not None:
            fitting = [k for k, g in enumerate(groups) if k >= last and g.extent == loop.stop]
            joined = next((k for k in reversed(fitting) if k > last or _may_join(nest, groups[k], buffers)), None)
        if joined is not None:
            groups[joined].nests.append(nest)
        elif any(isinstance(s, (Loop, Call)) for s in nest.statements):
            groups.append(_Group([nest]))
        else:  # numbers: as early as may be, so that others can join
            groups.insert(last + 1, _Group([nest]))
    numbers = count(values)
    body: list[Statement] = []
    blocks: dict[sp.Symbol, Size] = {}
    for group in groups:
        if len(group.nests) == 1:
            body += group.nests[0].statements
            continue
        outside = {name for other in groups if other is not group for nest in other.nests for name in nest.reads}
        body.append(_in_blocks(group, outside, buffers, blocks, next(numbers), len(blocks)))
    return replace(program, buffers=tuple(buffers.values()), body=tuple(body), blocks=tuple(blocks.items()))


def _nest(statements: Sequence[Statement], buffers: dict[str, Buffer]) -> _Nest:
    reads, writes = set(), set()
    for s in flat(tuple(statements)):
        match s:
            case Load():
                reads.add(_root(s.buffer, buffers))
            case Store() | AddTo() | Fill():
                writes.add(s.buffer)
            case Call():
                reads |= {_root(name, buffers) for name in s.buffers[:-1]}
                writes.add(s.buffers[-1])
                if s.routine in ("getrf", "potrf"):
                    writes.add(s.buffers[0])
    return _Nest(list(statements), reads - writes, writes)


def _root(name: str, buffers: dict[str, Buffer]) -> str:
    while buffers[name].of:
        name = buffers[name].of
    return name


def _may_join(nest: _Nest, group: _Group, buffers: dict[str, Buffer]) -> bool:
    """Does the nest read only the rows that the group has just computed, of what the group computes?"""
    loop = nest.loop
    assert loop is not None
    made = group.writes
    if nest.writes & made:
        return False
    around = [s for s in nest.statements if s is not loop]
    if any(isinstance(s, Load) and _root(s.buffer, buffers) in made for s in flat(tuple(around))):
        return False
    for s in flat(loop.body):
        if isinstance(s, Load) and _root(s.buffer, buffers) in made:
            axis = None if buffers[s.buffer].of else _row_axis(group, s.buffer)
            if axis is None or s.index[axis] != Affine(0, ((loop.index, 1),)):
                return False
    return True


def _row_axis(group: _Group, name: str) -> int | None:
    """The axis of a result along which the group's loop runs, if each iteration completes its row."""
    (nest,) = [nest for nest in group.nests if name in nest.writes]
    loop = nest.loop
    assert loop is not None
    own = Affine(0, ((loop.index, 1),))
    places = [s.index for s in flat(tuple(nest.statements)) if isinstance(s, (Store, AddTo)) and s.buffer == name]
    for axis in range(len(places[0])):
        if all(index[axis] == own for index in places):
            return axis
    return None


def _in_blocks(
    group: _Group,
    outside: set[str],
    buffers: dict[str, Buffer],
    blocks: dict[sp.Symbol, Size],
    end: int,
    number: int,
) -> Rows:
    """The nests over the rows of a block, for one block after the other."""
    row, block = f"row{number}", sp.Symbol(f"block{number}", integer=True, positive=True)
    extent = group.extent
    assert extent is not None
    start = Affine(0, ((row, 1),))
    private: dict[str, int] = {}
    numbers: Size = 0
    for nest in group.nests:
        for name in sorted(nest.writes | nest.reads):
            axis = _row_axis(group, name) if name in group.writes else None
            if name in nest.writes and axis is not None and _may_shrink(nest, name, outside, buffers):
                private[name] = axis
    for name in sorted({name for nest in group.nests for name in nest.writes | nest.reads}):
        dims = buffers[name].dims
        if dims and any(Affine(n) == extent for n in dims):
            rest = list(dims)
            rest.remove(extent.offset)
            numbers = as_size(numbers + sp.prod(rest))
    for name, axis in private.items():
        old = buffers[name]
        buffers[name] = replace(old, dims=(*old.dims[:axis], block, *old.dims[axis + 1 :]))
    blocks[block] = numbers
    before: list[Statement] = []
    inside: list[Statement] = []
    after: list[Statement] = []
    for nest in group.nests:
        place = before
        for s in nest.statements:
            if s is nest.loop:
                assert isinstance(s, Loop)
                loop = replace(s, first=start, stop=Affine(0, (), ((end, 1),)))
                inside += _moved([loop], private, start)
                place = after
            else:
                place.append(s)
    return Rows(row, end, extent, block, tuple(before), tuple(inside), tuple(after))


def _may_shrink(nest: _Nest, name: str, outside: set[str], buffers: dict[str, Buffer]) -> bool:
    """Does nobody else need the rows of other blocks; is the buffer not filled as a whole?"""
    is_alias = any(b.of == name for b in buffers.values())
    filled = any(isinstance(s, Fill) for s in nest.statements)
    return buffers[name].role == "scratch" and name not in outside and not is_alias and not filled


def _moved(body: Sequence[Statement], private: dict[str, int], start: Affine) -> list[Statement]:
    """The statements with the rows of private buffers counted from the block's first."""
    found: list[Statement] = []
    for s in body:
        if isinstance(s, (Loop, Guard, When)):
            s = replace(s, body=tuple(_moved(s.body, private, start)))
        elif isinstance(s, (Load, Store, AddTo)) and s.buffer in private:
            axis = private[s.buffer]
            s = replace(s, index=(*s.index[:axis], s.index[axis].plus(start, -1), *s.index[axis + 1 :]))
        found.append(s)
    return found
