"""ArrayProgram -> the same with some loops unrolled and what stands in them jammed: a load from memory serves several
rows, and memory that all rows are added to is read and written once for several of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from symgrad.lower.arrays.access import Names, Roots, affines, bodies, defined, row_wise, unused, used, with_bodies
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Bound,
    Call,
    Fill,
    Guard,
    Let,
    Load,
    Loop,
    Read,
    Rows,
    Start,
    Statement,
    Store,
    Update,
    When,
    flat,
)
from symgrad.ops.arithmetic import Add
from symgrad.ops.elementwise import Elementwise

LEAST = 4  # rows: of 2, a mixture takes 0.63 ms instead of 0.61
SUMS = 8  # logreg, with 1, 2, 4 and 8 rows for one sum: 0.38, 0.31, 0.29, 0.27 ms
PAIR = (
    2  # rows of what is left: one by one, a mixture in 10 dimensions takes 0.56 ms, and 0.52 in pairs; 4 gain no more
)
TYPICAL = 8  # iterations of a loop, where their number is not known


def jammed(program: ArrayProgram) -> ArrayProgram:
    """The program, with loops over rows unrolled where that saves loads or stores."""
    roots = Roots(program.buffers)
    return replace(program, body=_statements(program.body, roots, count(unused(program.body))))


def _statements(body: Sequence[Statement], roots: Roots, values: Iterator[int]) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for s in body:
        if isinstance(s, Loop) and _pays(s, roots):
            found += _unrolled(s, (_rows(s), PAIR), values)
            continue
        within = bodies(s)
        found.append(with_bodies(s, [_statements(b, roots, values) for b in within]) if within else s)
    return tuple(found)


def _pays(s: Loop, roots: Roots) -> bool:
    """Is this a loop around vectors whose iterations are independent, and have more than a third of what they load and
    add to in common?"""
    inner = [loop for loop in s.body if isinstance(loop, Loop)]
    if s.kind == "simd" or s.step != 1 or not inner or any(loop.kind != "simd" for loop in inner):
        return False
    every = list(flat(s.body))
    own = _varying(s)
    if any(_varies(i, s.index, own) for x in every if isinstance(x, Loop) for i in affines(x)):
        return False
    if any(isinstance(x, (Guard, When, Call, Rows, Fill)) for x in every) or not row_wise(s.body, s.index, roots):
        return False
    if {x.name for x in every if isinstance(x, Read)} - {x.name for x in every if isinstance(x, Start)}:
        return False
    if any(isinstance(x, Let) and isinstance(x.op, Elementwise) for loop in inner for x in flat(loop.body)):
        return False  # a call, over which no vector stays in a register
    total = shared = 0
    for loop in inner:
        for x, times in _counted(loop.body):
            if isinstance(x, (Load, Store, AddTo)) and any(i.coefficient(loop.index) for i in x.index):
                weight = 2 * times if isinstance(x, AddTo) else times  # a load and a store
                total += weight
                shared += weight * (not any(_varies(i, s.index, own) for i in x.index))
    return 3 * shared > total


def _counted(body: Sequence[Statement], times: int = 1) -> Iterator[tuple[Statement, int]]:
    """Statements, and how often they run."""
    for s in body:
        yield s, times
        for b in bodies(s):
            yield from _counted(b, times * TYPICAL)


def _rows(s: Loop) -> int:
    """As many as have the registers for their sums."""
    inner = [x for loop in s.body if isinstance(loop, Loop) for x in flat(loop.body)]
    sums = {x.name if isinstance(x, Update) else x.buffer for x in inner if isinstance(x, (Update, AddTo))}
    return max(SUMS // max(len(sums), 1), LEAST)


def _varies(i: Affine, index: str, own: set[int]) -> bool:
    return bool(i.coefficient(index)) or any(v in own for v, _ in i.values)


def _varying(s: Loop) -> set[int]:
    """The values that differ from iteration to iteration."""
    found: set[int] = set()
    sums: set[str] = {x.name for x in flat(s.body) if isinstance(x, Start)}
    for x in flat(s.body):
        value = defined(x)
        if value is None:
            continue
        of_row = any(i.coefficient(s.index) for i in affines(x)) or any(v in found for v in used(x))
        if of_row or (isinstance(x, Read) and x.name in sums):
            found.add(value)
    return found


def _unrolled(s: Loop, rows: Sequence[int], values: Iterator[int]) -> list[Statement]:
    """Whole steps of so many rows, of the rest those of the next number, then what is left row by row."""
    found: list[Statement] = []
    for n in rows:
        whole = next(values)
        end = Affine(0, (), ((whole, 1),))
        body = _Jam(s, n, values).body(s.body)
        found += [Bound(whole, "whole", (s.first, s.stop, Affine(n))), replace(s, stop=end, step=n, body=tuple(body))]
        s = replace(s, first=end)
    return [*found, s]


class _Jam:
    """The body of a loop for several rows at once, each of its statements for one row after the other."""

    def __init__(self, s: Loop, rows: int, values: Iterator[int]):
        self.index, self.values, self.own = s.index, values, _varying(s)
        self.sums = {x.name for x in flat(s.body) if isinstance(x, Start)}
        self.names: list[Names] = []
        for k in range(rows):
            at = Affine(k, ((s.index, 1),))
            self.names.append(Names({}, {s.index: at}, {name: f"{name} ({k})" for name in self.sums}))

    def body(self, body: Sequence[Statement]) -> list[Statement]:
        found: list[Statement] = []
        totals: dict[int, int] = {}  # of what is added to memory that the rows share
        for s in body:
            value = defined(s)
            if isinstance(s, Loop):
                found.append(replace(s, body=tuple(self.body(s.body))))
            elif value is not None and value not in self.own:
                found.append(s)
            elif isinstance(s, AddTo) and not any(_varies(i, self.index, self.own) for i in s.index):
                found += self.added(s, totals)
            else:
                for names in self.names:
                    if value is not None:
                        names.values[value] = next(self.values)
                    found.append(names.statement(s))
        return found

    def added(self, s: AddTo, totals: dict[int, int]) -> list[Statement]:
        """What all rows add to one place: the sum of it, once."""
        found: list[Statement] = []
        if s.value not in totals:
            terms = tuple(names.value(s.value) for names in self.names)
            totals[s.value] = next(self.values)
            found.append(Let(totals[s.value], Add((1,) * len(terms)), terms))
        return [*found, replace(s, value=totals[s.value])]
