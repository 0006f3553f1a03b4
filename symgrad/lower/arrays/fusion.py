"""Nests one after the other -> nests that run block by block over the rows they share, while these are in the cache.

A nest joins a group if its rows are of the group's axis, and if what it reads of the group's own results are the same
rows. What only the group reads is kept for one block instead of for all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from symgrad.lower.arrays.access import Roots, rebuilt
from symgrad.lower.arrays.blocked import Group, Nest, in_blocks, own_row
from symgrad.lower.arrays.fill import Along
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Block,
    Call,
    Fill,
    Load,
    Statement,
    Store,
    flat,
)


class Filling(NamedTuple):
    """The statements that fill one buffer, and the rows of their nest, if it has some."""

    statements: list[Statement]
    along: Along | None = None


def fused(program: ArrayProgram, fillings: Sequence[Filling], values: int) -> ArrayProgram:
    """The program of these nests, in groups; `values`: how many values they number."""
    buffers, roots = {b.name: b for b in program.buffers}, Roots(program.buffers)
    groups: list[Group] = []
    for filling in fillings:
        nest = _nest(filling, roots)
        joined = next((g for g in groups if _may_join(nest, g, groups, roots)), None)
        if joined is None:
            groups.append(joined := Group([]))
            nest = _whole(nest) if nest.product and nest.product.sums_rows else nest
        joined.nests.append(nest)
    for group in groups:
        if len(group.nests) == 1 and group.nests[0].product:
            group.nests = [_whole(group.nests[0])]
    groups = _in_order(groups)
    numbers = count(values)
    body: list[Statement] = []
    blocks: list[Block] = []
    turns: dict[str, int] = {}
    statements = [s for g in groups for nest in g.nests if not nest.along for s in flat(tuple(nest.statements))]
    fixed = {name for s in statements if isinstance(s, Call) for name in s.buffers}
    fixed |= {name for b in buffers.values() for name in (b.of, b.name if b.role != "scratch" else "")}
    for group in groups:
        if group.along is None:
            body += group.nests[0].statements
            continue
        outside = {name for other in groups if other is not group for nest in other.nests for name in nest.reads}
        body.append(in_blocks(group, outside, fixed, buffers, blocks, turns, numbers))
    turned = rebuilt(body, lambda s: _turned(s, turns))
    return replace(program, buffers=tuple(buffers.values()), body=turned, blocks=tuple(blocks))


def _whole(nest: Nest) -> Nest:
    """A product of matrices as one call."""
    return replace(nest, along=None)


def _nest(filling: Filling, roots: Roots) -> Nest:
    reads, writes = set(), set()
    for s in flat(tuple(filling.statements)):
        match s:
            case Load():
                reads.add(roots[s.buffer])
            case Store() | AddTo() | Fill():
                writes.add(s.buffer)
            case Call():
                reads |= {roots[name] for name in s.buffers[:-1]}
                writes.add(s.buffers[-1])
                if s.accumulates:
                    reads.add(s.buffers[-1])
                if s.routine in ("getrf", "potrf"):
                    writes.add(s.buffers[0])
    return Nest(filling.statements, filling.along, reads, writes)


def _may_join(nest: Nest, group: Group, groups: Sequence[Group], roots: Roots) -> bool:
    """Are the rows the group's; does the nest read only these, of what the group computes, and nothing that is computed
    from the whole of it? A product joins what computes its factors."""
    if not group.fits(nest):
        return False
    made = group.writes
    if nest.product:
        left, right, _ = nest.product.buffers
        by_rows = {left, right} if nest.product.sums_rows else {left} - {right}
        factors = nest.reads & made
        if not factors or not factors <= by_rows or any(group.row_axis(name) != 0 for name in factors):
            return False
    for s in flat(tuple(nest.statements)):
        if isinstance(s, Load) and roots[s.buffer] in made:
            axis = group.row_axis(s.buffer) if roots[s.buffer] == s.buffer else None
            if axis is None or s.index[axis] != own_row(nest.along):
                return False
    others = [g for g in groups if g is not group and g.writes & nest.reads]
    return not nest.writes & made and not _needed(others, group, groups)


def _needed(by: Sequence[Group], group: Group, groups: Sequence[Group]) -> bool:
    """Is a group computed before others, from one to the next?"""
    seen, stack = list(by), list(by)
    while stack:
        reads = stack.pop().reads
        before = [g for g in groups if g not in seen and g.writes & reads]
        if group in before:
            return True
        seen += before
        stack += before
    return False


def _in_order(groups: Sequence[Group]) -> list[Group]:
    """Each after all that it reads from, as they come otherwise."""
    found: list[Group] = []
    rest = list(groups)
    while rest:
        ready = next(g for g in rest if not any(other is not g and other.writes & g.reads for other in rest))
        rest.remove(ready)
        found.append(ready)
    return found


def _turned(s: Statement, turns: Mapping[str, int]) -> Statement:
    """The statement where the axis of rows of some buffers is the last."""
    if not isinstance(s, (Load, Store, AddTo)) or s.buffer not in turns:
        return s
    axis = turns[s.buffer]
    return replace(s, index=(*s.index[:axis], *s.index[axis + 1 :], s.index[axis]))
