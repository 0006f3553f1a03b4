"""An ArrayProgram for given sizes -> its outputs, by Python that runs it one statement at a time and watches memory.

It is the oracle of how loops are laid out: it knows nothing of vectors, threads and registers, but what they may rely
on. It raises Wrong for a read of what nobody wrote, a place outside of an array, a value that is used where it is not
known, chunks or lanes of a vector that get in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import fmod, prod
from typing import Any

import numpy as np
import sympy as sp
from scipy.linalg import lapack

from symgrad.lower.arrays.access import used
from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Bound,
    Call,
    Carried,
    Chunks,
    Count,
    Extent,
    Fill,
    Guard,
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
    When,
    flat,
    inside,
)
from symgrad.types import Size, integer, shape_in_numbers

BLOCK, CHUNK = 3, 6  # rows


class Wrong(Exception):
    """A program that no machine need run right."""


def interpreted(program: ArrayProgram, values: Sequence[Any], sizes: Mapping[sp.Symbol, int]) -> list[Any]:
    """The outputs of a program for these inputs, in blocks and chunks of few rows."""
    sizes = dict(sizes) | {b.symbol: BLOCK for b in program.blocks}
    for cut in program.cuts:
        sizes |= {cut.length: CHUNK, cut.number: -(-integer(cut.extent, sizes) // CHUNK)}
    memory = Memory(program, sizes)
    inputs = [b for b in program.buffers if b.role == "in"]
    for b, v in zip(inputs, values, strict=True):
        memory.cells[b.name] = list(np.asarray(v, int if b.dtype == "i8" else float).flat)
    scope = {name: getattr(memory, name) for name in WORDS} | {"sums": {}, "least": min, "most": max, "whole": _whole}
    writer = _Writer(sizes, scope)
    text = "\n".join(["def run():", "    pass", *writer.lines(program.body, "    ", set())])
    exec(compile(text, "<program>", "exec"), scope)
    with np.errstate(all="ignore"):
        scope["run"]()
    return [memory.array(b.name) for b in program.buffers if b.role == "out"]


# -- memory ------------------------------------------------------------------------------------------------------------

WORDS = ("load", "store", "add", "fill", "call", "watch", "turn", "rest")


class _Watch:
    """Who reads and writes each place: a chunk, or a lane."""

    def __init__(self) -> None:
        self.who = 0
        self.seen: dict[tuple[str, int], tuple[int | None, bool]] = {}

    def note(self, place: tuple[str, int], *, write: bool) -> None:
        who, wrote = self.seen.get(place, (self.who, False))
        if who != self.who and (write or wrote):
            raise Wrong(f"{place} is written by one, and used by another that may run at the same time")
        self.seen[place] = (self.who if who == self.who else None, wrote or write)


class Memory:
    """The buffers of a program, of which nothing is known but what is written."""

    def __init__(self, program: ArrayProgram, sizes: Mapping[sp.Symbol, int]):
        self.shapes = {b.name: shape_in_numbers(b.dims, sizes) for b in program.buffers}
        self.of = {b.name: b.of for b in program.buffers}
        self.cells: dict[str, list[Any]] = {b.name: [None] * prod(self.shapes[b.name]) for b in program.buffers}
        self.fixed = {b.name for b in program.buffers if b.role == "in"}
        self.watches: list[_Watch] = []

    def array(self, name: str) -> Any:
        return np.array(self._read(name, 0, prod(self.shapes[name]))).reshape(self.shapes[name])[()]

    def place(self, name: str, index: Sequence[int]) -> int:
        """Where an index is, or what an index of the first axes begins."""
        shape, found = self.shapes[name], 0
        for i, n in zip(index, shape[: len(index)], strict=True):
            if not 0 <= i < n:
                raise Wrong(f"{name}{list(index)} of {shape}")
            found = found * n + i
        return found * prod(shape[len(index) :])

    def load(self, name: str, index: Sequence[int]) -> Any:
        if len(index) != len(self.shapes[name]):
            raise Wrong(f"{name} has not {len(index)} axes")
        (value,) = self._read(name, self.place(name, index), 1)
        return value

    def store(self, name: str, index: Sequence[int], value: Any) -> None:
        if len(index) != len(self.shapes[name]):
            raise Wrong(f"{name} has not {len(index)} axes")
        self._write(name, self.place(name, index), [value])

    def add(self, name: str, index: Sequence[int], value: Any) -> None:
        self.store(name, index, self.load(name, index) + value)

    def fill(self, name: str, index: Sequence[int]) -> None:
        self._write(name, self.place(name, index), [np.float64(0)] * prod(self.shapes[name][len(index) :]))

    def call(self, s: Call, first: Sequence[Sequence[int]], sizes: Sequence[int]) -> None:
        """What BLAS and LAPACK do, to whom a matrix by rows is one by columns, transposed."""
        places = [self.place(name, index) for name, index in zip(s.buffers, first, strict=True)]
        reads = [(name, at) for name, at in zip(s.buffers, places, strict=True)]

        def matrix(k: int, rows: int, columns: int) -> np.ndarray:
            return np.array(self._read(*reads[k], rows * columns)).reshape(rows, columns)

        def put(k: int, values: Any) -> None:
            self._write(*reads[k], list(np.asarray(values).flat))

        n = sizes[0]
        if s.routine == "gemm":
            rows, inner, columns = sizes
            a = matrix(0, rows, inner) if s.flags[0] == "N" else matrix(0, inner, rows).T
            b = matrix(1, inner, columns) if s.flags[1] == "N" else matrix(1, columns, inner).T
            put(2, a @ b * float(s.factor) + (matrix(2, rows, columns) if s.accumulates else 0))
        elif s.routine == "getrf":
            factors, pivots, _ = lapack.dgetrf(matrix(1, n, n).T)
            put(0, pivots + 1)
            put(1, factors.T)
        elif s.routine == "getrs":
            pivots, rows = matrix(1, 1, n)[0], matrix(2, sizes[1], n)
            put(2, lapack.dgetrs(matrix(0, n, n).T, pivots - 1, rows.T, trans=s.flags == "T")[0].T)
        elif s.routine == "potrf":
            factor, info = lapack.dpotrf(matrix(1, n, n).T, lower=s.flags == "L", clean=False)
            put(0, [info])
            put(1, factor.T)
        else:
            raise Wrong(s.routine)

    def _root(self, name: str) -> str:
        while self.of[name]:
            name = self.of[name]
        return name

    def _read(self, name: str, at: int, count: int) -> list[Any]:
        found = self.cells[self._root(name)][at : at + count]
        if len(found) < count or None in found:
            raise Wrong(f"{name} is read at {at} where nothing is")
        for watch in self.watches:
            for k in range(at, at + count):
                watch.note((self._root(name), k), write=False)
        return found

    def _write(self, name: str, at: int, values: Sequence[Any]) -> None:
        cells = self.cells[self._root(name)]
        if at + len(values) > len(cells) or self._root(name) in self.fixed:
            raise Wrong(f"{name} is written at {at}")
        for watch in self.watches:
            for k in range(at, at + len(values)):
                watch.note((self._root(name), k), write=True)
        cells[at : at + len(values)] = values

    def watch(self) -> None:
        self.watches.append(_Watch())

    def turn(self, who: int) -> None:
        self.watches[-1].who = who

    def rest(self) -> None:
        self.watches.pop()


def _whole(begin: int, end: int, step: int) -> int:
    return end - int(fmod(end - begin, step))


# -- text --------------------------------------------------------------------------------------------------------------


class _Writer:
    """The text of a program. `known`: the values that are, where the text stands."""

    def __init__(self, sizes: Mapping[sp.Symbol, int], scope: dict[str, Any]):
        self.sizes, self.scope = sizes, scope
        self.lane = ""  # the loop whose iterations are lanes, if this is within one
        self.of_lane: set[int] = set()
        self.carried: dict[int, Carried] = {}

    def lines(self, body: Sequence[Statement], at: str, known: set[int]) -> Iterator[str]:
        for s in body:
            if isinstance(s, Chunks):
                known.clear()  # another function
                yield from self.chunks(s, at)
            elif isinstance(s, Rows):
                yield from self.lines(inside(s), at, known)
            else:
                for v in () if isinstance(s, Guard) else used(s):
                    self.check(v, known)
                yield from self.statement(s, at, known)

    def check(self, value: int, known: set[int]) -> None:
        if value not in known:
            raise Wrong(f"%{value} is not known here")

    def statement(self, s: Statement, at: str, known: set[int]) -> Iterator[str]:
        match s:
            case Load():
                yield f"{at}v{s.value} = load({s.buffer!r}, {self.index(s.index)})"
            case Number():
                yield f"{at}v{s.value} = {self.constant(np.float64(s.number))}"
            case Extent():
                yield f"{at}v{s.value} = {self.constant(np.float64(self.size(s.size)))}"
            case Count():
                yield f"{at}v{s.value} = {self.constant(np.float64)}({self.affine(s.index)})"
            case Bound():
                self.same_in_lanes(s.indices)
                word = {"min": "least", "max": "most", "whole": "whole"}[s.which]
                indices = self.index(s.indices)
                yield f"{at}v{s.value} = {word}({'*' if word == 'whole' else ''}{indices})"
            case Let():
                arguments = ", ".join(f"v{a}" for a in s.arguments)
                yield f"{at}v{s.value} = {self.constant(s.op.evaluate)}({self.constant(np)}, {arguments})"
            case Store():
                yield f"{at}store({s.buffer!r}, {self.index(s.index)}, v{s.value})"
            case AddTo():
                yield f"{at}add({s.buffer!r}, {self.index(s.index)}, v{s.value})"
            case Start():
                yield f"{at}sums[{s.name!r}] = {self.constant(np.float64(s.number))}"
            case Update():
                old, word = f"sums[{s.name!r}]", {"add": "+", "mul": "*", "max": "maximum", "min": "minimum"}[s.kind]
                new = (
                    f"{old} {word} v{s.value}"
                    if len(word) == 1
                    else f"{self.constant(getattr(np, word))}({old}, v{s.value})"
                )
                yield f"{at}{old} = {new}"
            case Read():
                yield f"{at}v{s.value} = sums[{s.name!r}]"
            case Fill():
                yield f"{at}fill({s.buffer!r}, {self.index(s.index)})"
            case Call():
                first = ", ".join(self.index(index) for _, index in s.places)
                sizes = ", ".join("*".join(["1", *[self.number(n) for n in part]]) for part in s.sizes)
                yield f"{at}call({self.constant(s)}, ({first},), ({sizes},))"
            case Guard() | When():
                yield from self.guard(s, at, known)
            case Loop():
                yield from self.loop(s, at, known)
        if isinstance(s, (Load, Number, Extent, Count, Bound, Let, Read)):
            known.add(s.value)
            self.of_lane |= {s.value} if self.lane else set()
            if s.value in self.carried:
                _, later, far = self.carried[s.value]
                self.check(later, known)
                yield f"{at}if len(past{later}) >= {far}:"
                yield f"{at}    v{s.value} = past{later}[-{far}]"

    def guard(self, s: Guard | When, at: str, known: set[int]) -> Iterator[str]:
        self.same_in_lanes([i for i, _ in s.conditions])
        conditions = " and ".join(f"0 <= {self.affine(i)} < {self.size(n)}" for i, n in s.conditions)
        own = set(known)
        body = [f"{at}    pass", *self.lines(s.body, at + "    ", own)]
        if isinstance(s, Guard):
            self.check(s.inner, own)
            yield f"{at}v{s.value} = {self.constant(np.float64(0))}"
            body.append(f"{at}    v{s.value} = v{s.inner}")
            known.add(s.value)
            self.of_lane |= {s.value} if self.lane else set()
        yield f"{at}if {conditions}:"
        yield from body

    def loop(self, s: Loop, at: str, known: set[int]) -> Iterator[str]:
        self.same_in_lanes([s.first, s.stop])
        first, stop, index = self.affine(s.first), self.affine(s.stop), _name(s.index)
        head = f"for {index} in range({first}, {stop}, {self.size(s.step)}):"
        if s.kind != "simd":
            yield at + head
            yield from [f"{at}    pass", *self.lines(s.body, at + "    ", set(known))]
            return
        within = list(flat(s.body))
        own = {x.name for x in within if isinstance(x, Start)}
        if self.lane or s.step != 1 or any(isinstance(x, Read) and x.name not in own for x in within):
            raise Wrong(f"lanes in lanes, or lanes that read what all of them add to: {s}")
        self.lane, self.carried = s.index, {c.value: c for c in s.carried}
        body = [f"{at}    turn({index})", *self.lines(s.body, at + "    ", set(known))]
        self.lane, self.of_lane, self.carried = "", set(), {}
        past = dict.fromkeys(f"past{c.later}" for c in s.carried)
        yield from [f"{at}watch()", *[f"{at}{name} = []" for name in past], at + head, *body]
        yield from (f"{at}    {name}.append(v{name[4:]})" for name in past)
        if not s.first.terms and not any(isinstance(x, AddTo) for x in within):  # the last may be done again
            yield from [f"{at}before = dict(sums)", *[f"{at}{name} = []" for name in past]]
            yield from [f"{at}for {index} in range(max({first}, {stop} - 1), {stop}):", *body]
            yield f"{at}sums.update(before)"
        yield f"{at}rest()"

    def chunks(self, s: Chunks, at: str) -> Iterator[str]:
        """Each of the chunks is a call of a function; in whatever order."""
        yield f"{at}watch()"
        yield f"{at}for {_name(s.index)} in reversed(range({self.size(s.number)})):"
        yield f"{at}    turn({_name(s.index)})"
        yield f"{at}    {_name(s.first)} = {_name(s.index)}*{self.size(s.length)}"
        yield f"{at}    sums.clear()"
        yield from self.lines(s.body, at + "    ", set())
        yield f"{at}rest()"
        yield f"{at}sums.clear()"

    def same_in_lanes(self, indices: Sequence[Affine]) -> None:
        if self.lane and any(i.coefficient(self.lane) or {v for v, _ in i.values} & self.of_lane for i in indices):
            raise Wrong(f"limits or conditions that differ from lane to lane of {self.lane}")

    def constant(self, value: Any) -> str:
        name = f"c{len(self.scope)}"
        self.scope[name] = value
        return name

    def size(self, n: Size) -> int:
        return integer(n, self.sizes)

    def number(self, n: Size | Affine) -> str:
        return f"({self.affine(n)})" if isinstance(n, Affine) else str(self.size(n))

    def affine(self, i: Affine) -> str:
        parts = [f"{c}*{_name(name)}" for name, c in i.terms] + [f"{c}*v{v}" for v, c in i.values]
        return " + ".join([str(self.size(i.offset)), *parts])

    def index(self, index: Index) -> str:
        return f"({''.join(f'{self.affine(i)}, ' for i in index)})"


def _name(index: str) -> str:
    return f"i_{index}"
