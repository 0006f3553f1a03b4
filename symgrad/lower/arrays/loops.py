"""The program of arrays: nests of loops and calls of libraries, as a small frozen value that prints.

    program   = name, sizes, buffers, body
    statement = Loop(index, first, stop, body, kind, carried)   serial; simd: iterations are lanes of a vector; short:
                                            few. carried: values that were computed in an iteration before
              | Load(v, buffer, index)      v <- buffer[index]
              | Number(v, number)           v <- an exact number
              | Extent(v, size)             v <- a size, as a real number
              | Count(v, index)             v <- an index, as a real number
              | Bound(v, "max", indices)    v <- the largest of integers, or "min", the smallest; or "whole": where the
                                            last whole step from the first ends, before the second, of this length
              | Let(v, op, arguments)       v <- op applied to earlier values
              | Store(buffer, index, v)     buffer[index] <- v
              | AddTo(buffer, index, v)     buffer[index] += v
              | Start(name, kind, number)   an accumulator, in a register; kind is "add", "mul", "max" or "min"
              | Update(name, v), Read(v, name)
              | Guard(v, conditions, body, w)   v <- w, which the body computes, where all conditions hold, else 0
              | When(conditions, body)      the body, where all conditions hold
              | Rows(index, end, extent, block, before, body, after)   a group of nests: before; then the body for the
                                            rows [index, end) of one block after the other; then after
              | Chunks(index, first, number, length, body)   the body for each chunk of rows, at the same time or
                                            in turn; `first` is index*length, where its rows begin
              | Fill(buffer, index)         zeros, in what an index of the first axes leaves of it
              | Call(routine, buffers, flags, sizes, first, accumulates, factor)   of BLAS or LAPACK

An index is affine in the loops' indices and in integers that were loaded. No axis is empty: see ArrayKernel.run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graph import Exact, Op
from symgrad.lower.arrays.affine import Affine, Index, place
from symgrad.types import Size, as_size

WORDS = {"add": "+=", "mul": "*=", "max": "max=", "min": "min="}


@dataclass(frozen=True)
class Buffer:
    """Numbers in C order: f8, f4 or i8. `of`: another buffer, whose memory this one is."""

    name: str
    dims: tuple[Size, ...]
    role: str  # "in", "out", "scratch"
    dtype: str = "f8"
    of: str = ""

    def __str__(self) -> str:
        shape = f"[{', '.join(map(str, self.dims))}]" if self.dims else ""
        return f"{self.role} {self.name}: {self.dtype}{shape}" + (f" = {self.of}" if self.of else "")


@dataclass(frozen=True)
class Load:
    value: int
    buffer: str
    index: Index

    def __str__(self) -> str:
        return f"%{self.value} = load {place(self.buffer, self.index)}"


@dataclass(frozen=True)
class Number:
    value: int
    number: Any  # int, Fraction, float or a SymPy number

    def __str__(self) -> str:
        return f"%{self.value} = {self.number}"


@dataclass(frozen=True)
class Extent:
    value: int
    size: Size

    def __str__(self) -> str:
        return f"%{self.value} = real({self.size})"


@dataclass(frozen=True)
class Count:
    value: int
    index: Affine

    def __str__(self) -> str:
        return f"%{self.value} = real({self.index})"


@dataclass(frozen=True)
class Bound:
    value: int
    which: str
    indices: Index

    def __str__(self) -> str:
        return f"%{self.value} = {self.which}({', '.join(map(str, self.indices))})"


@dataclass(frozen=True)
class Let:
    value: int
    op: Op
    arguments: tuple[int, ...]

    def __str__(self) -> str:
        return f"%{self.value} = {self.op.label()}({', '.join(f'%{a}' for a in self.arguments)})"


@dataclass(frozen=True)
class Store:
    buffer: str
    index: Index
    value: int

    def __str__(self) -> str:
        return f"{place(self.buffer, self.index)} = %{self.value}"


@dataclass(frozen=True)
class AddTo:
    buffer: str
    index: Index
    value: int

    def __str__(self) -> str:
        return f"{place(self.buffer, self.index)} += %{self.value}"


@dataclass(frozen=True)
class Start:
    name: str
    kind: str
    number: float

    def __str__(self) -> str:
        return f"{self.name} = {self.number}"


@dataclass(frozen=True)
class Update:
    name: str
    kind: str
    value: int

    def __str__(self) -> str:
        return f"{self.name} {WORDS[self.kind]} %{self.value}"


@dataclass(frozen=True)
class Read:
    value: int
    name: str

    def __str__(self) -> str:
        return f"%{self.value} = {self.name}"


@dataclass(frozen=True)
class Guard:
    value: int
    conditions: tuple[tuple[Affine, Size], ...]  # 0 <= index < size
    body: tuple[Statement, ...]
    inner: int

    def __str__(self) -> str:
        return f"%{self.value} = 0 unless " + " and ".join(f"0 <= {i} < {n}" for i, n in self.conditions)


@dataclass(frozen=True)
class When:
    conditions: tuple[tuple[Affine, Size], ...]
    body: tuple[Statement, ...]

    def __str__(self) -> str:
        return "when " + " and ".join(f"0 <= {i} < {n}" for i, n in self.conditions) + ":"


@dataclass(frozen=True)
class Fill:
    buffer: str
    index: Index = ()

    def __str__(self) -> str:
        return f"{place(self.buffer, self.index)} = zeros"


@dataclass(frozen=True)
class Call:
    routine: str
    buffers: tuple[str, ...]
    flags: str
    sizes: tuple[tuple[Size | Affine, ...], ...]  # each the product of these
    first: tuple[Index, ...] = ()  # where each buffer's matrix begins, if not all with the buffers
    accumulates: bool = False  # adds to the last buffer
    factor: Exact = 1  # of a product of matrices

    @property
    def places(self) -> list[tuple[str, Index]]:
        """The buffers, and where their matrices begin."""
        return list(zip(self.buffers, self.first or ((),) * len(self.buffers), strict=True))

    @property
    def sums_rows(self) -> bool:
        """Of a product of matrices: is what it sums the rows of its left factor in memory?"""
        return self.flags[0] == "T"

    @property
    def by_rows(self) -> tuple[Size | Affine, ...]:
        """Of a product of matrices: the rows of its left factor in memory."""
        return self.sizes[self.sums_rows]

    @property
    def of_each_row(self) -> Size:
        """Of a product of matrices: the multiplications for each of these rows."""
        others = (self.sizes[not self.sums_rows], self.sizes[2])
        return as_size(sp.Mul(*[n for part in others for n in part]))

    @property
    def is_of_block(self) -> bool:
        """Is it of the rows of a block?"""
        return self.routine == "gemm" and any(isinstance(n, Affine) for n in self.by_rows)

    def __str__(self) -> str:
        sizes = ["*".join(map(str, n)) or "1" for n in self.sizes]
        places = [place(name, index) for name, index in self.places]
        how = f" times {self.factor}" if self.factor != 1 else ""
        how += " accumulated" if self.accumulates else ""
        return f"{self.routine}({', '.join([*places, *filter(None, [self.flags]), *sizes])}){how}"


class Carried(NamedTuple):
    """A value of a loop's body that is a later one of so many iterations before."""

    value: int
    later: int
    far: int

    def __str__(self) -> str:
        return f"%{self.value} = %{self.later} of {self.far} before"


@dataclass(frozen=True)
class Loop:
    index: str
    first: Affine
    stop: Affine
    body: tuple[Statement, ...]
    kind: str = "serial"
    step: Size = 1
    carried: tuple[Carried, ...] = ()

    def __str__(self) -> str:
        limits = f"{self.stop}" if self.first == Affine() and self.step == 1 else f"{self.first}, {self.stop}"
        limits += "" if self.step == 1 else f", {self.step}"
        carrying = f" carrying {', '.join(map(str, self.carried))}" if self.carried else ""
        return f"for {self.index} in {'simd' if self.kind == 'simd' else 'range'}({limits}){carrying}:"


@dataclass(frozen=True)
class Rows:
    """What a group of nests does over one axis. `before` starts accumulators, which the body adds to and `after`
    stores; what else the body writes are its own rows. `end`: the number of the value where the block ends."""

    index: str
    end: int
    extent: Affine
    block: Size
    before: tuple[Statement, ...]
    body: tuple[Statement, ...]
    after: tuple[Statement, ...]

    @property
    def loop(self) -> Loop:
        """The blocks, one after the other."""
        end = Bound(self.end, "min", (Affine(0, ((self.index, 1),)).plus(Affine(self.block)), self.extent))
        return Loop(self.index, Affine(), self.extent, (end, *self.body), step=self.block)

    def __str__(self) -> str:
        return f"rows of {self.extent}:"


@dataclass(frozen=True)
class Chunks:
    """Rows in chunks of equal length, each with slots of its own for what is summed over all rows."""

    index: str
    first: str
    number: sp.Symbol
    length: sp.Symbol
    body: tuple[Statement, ...]

    def __str__(self) -> str:
        return f"for {self.index}, {self.first} in parallel({self.number}, {self.length}):"


Statement = (
    Loop
    | Rows
    | Chunks
    | Load
    | Number
    | Extent
    | Count
    | Bound
    | Let
    | Store
    | AddTo
    | Start
    | Update
    | Read
    | Guard
    | When
    | Fill
    | Call
)


class Cut(NamedTuple):
    """An axis in `number` chunks of `length` rows: what decides them are the rows in all and in a block, the numbers
    that belong to a row, and those that a chunk sums over its rows."""

    number: sp.Symbol
    length: sp.Symbol
    extent: Size
    block: Size
    row: Size
    sums: Size


class Block(NamedTuple):
    """The symbol for the rows that are computed together, how many numbers belong to a row, and the fewest rows."""

    symbol: sp.Symbol
    numbers: Size
    least: int


@dataclass(frozen=True)
class ArrayProgram:
    """Buffers in the order of the kernel's table: what comes in, what goes out, what is scratch.

    cuts: how axes are cut into chunks.
    """

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]
    blocks: tuple[Block, ...] = ()
    cuts: tuple[Cut, ...] = ()

    def __str__(self) -> str:
        head = [f"program {self.name}", *(f"  {b}" for b in self.buffers)]
        return "\n".join([*head, *_lines(self.body, "  ")])


def _lines(body: tuple[Statement, ...], indent: str) -> Iterator[str]:
    for s in body:
        yield indent + str(s)
        yield from _lines(inside(s), indent + "  ")


def looped(body: Iterable[Statement], extents: Sequence[tuple[str, Size]]) -> tuple[Statement, ...]:
    """Statements in loops over whole axes, the outermost first, the innermost in vectors."""
    found = tuple(body)
    for k, (name, n) in enumerate(reversed(extents)):
        found = (Loop(name, Affine(), Affine(n), found, "serial" if k else "simd"),)
    return found


HOLDERS = {Loop, Chunks, Guard, When, Rows}  # of statements: most hold none, and all are asked again and again


def flat(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """All statements; loops and guards before what they hold."""
    for s in body:
        yield s
        held = inside(s)
        if held:
            yield from flat(held)


def inside(s: Statement) -> tuple[Statement, ...]:
    """The statements that one holds."""
    if type(s) not in HOLDERS:
        return ()
    match s:
        case Loop() | Chunks() | Guard() | When():
            return s.body
        case Rows():
            return (*s.before, s.loop, *s.after)
    return ()
