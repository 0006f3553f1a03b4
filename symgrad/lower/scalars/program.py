"""The program: what the scheduler decided, as a small frozen value that prints. The emitters decide nothing.

    program  = name, buffers, body
    body     = statement*
    statement = Load(v, buffer, index)       v <- buffer[index]
              | Number(v, number)            v <- an exact number
              | Let(v, op, arguments)        v <- op applied to earlier values
              | Store(buffer, index, v)      buffer[index] <- v
              | Zeros(buffer)                all of a buffer <- 0, before anything is stored in it
              | Loop(index, extent, body)    for index in range(extent); iterations are independent, lanes of a vector
              | Part(body)                   straight-line code that is compiled as a function of its own
              | Pack(body)                   lets that call the same functions and need none of one another; of each
                                             tuple of arguments one lane of a vector

Values are numbered; each is assigned once. A value made in a Part may be read in a later one: the emitter keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from symgrad.graph import Op


def as_double(value: Any) -> float:
    """An exact number rounded once to float64; beyond 1e308 that is an infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


Index = int | str  # a number, or the name of a loop's index
Extent = int | str  # a number, or the name of a size that is read when the kernel is entered


@dataclass(frozen=True)
class Buffer:
    """Numbers that come in or go out. No dims: one number, which comes in by value; else C-contiguous."""

    name: str
    dims: tuple[Extent, ...]
    role: str  # "in", "out"
    dtype: str = "f8"

    def __str__(self) -> str:
        return f"{self.role} {self.name}: {self.dtype}" + (f"[{', '.join(map(str, self.dims))}]" if self.dims else "")


@dataclass(frozen=True)
class Load:
    value: int
    buffer: str
    index: tuple[Index, ...]


@dataclass(frozen=True)
class Number:
    value: int
    number: Any  # int, Fraction, float or a SymPy number


@dataclass(frozen=True)
class Let:
    value: int
    op: Op
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Store:
    buffer: str
    index: tuple[Index, ...]
    value: int


@dataclass(frozen=True)
class Zeros:
    buffer: str


@dataclass(frozen=True)
class Loop:
    index: str
    extent: Extent
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Part:
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Pack:
    body: tuple[Let, ...]


Statement = Load | Number | Let | Store | Zeros | Loop | Part | Pack


@dataclass(frozen=True)
class Program:
    """Buffers in the order of the kernel's arguments: those that come in, then those that go out."""

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]

    def __str__(self) -> str:
        head = f"program {self.name}({'; '.join(map(str, self.buffers))})"
        return "\n".join([head, *_lines(self.body, "  ")])


def _lines(body: tuple[Statement, ...], indent: str) -> Iterator[str]:
    for s in body:
        match s:
            case Load():
                yield f"{indent}%{s.value} = load {_place(s.buffer, s.index)}"
            case Number():
                yield f"{indent}%{s.value} = {s.number}"
            case Let():
                yield f"{indent}%{s.value} = {s.op.label()}({', '.join(f'%{a}' for a in s.arguments)})"
            case Store():
                yield f"{indent}{_place(s.buffer, s.index)} = %{s.value}"
            case Zeros():
                yield f"{indent}{s.buffer} = zeros"
            case Loop():
                yield f"{indent}for {s.index} in simd({s.extent}):"
                yield from _lines(s.body, indent + "  ")
            case Part() | Pack():
                yield f"{indent}{type(s).__name__.lower()}:"
                yield from _lines(s.body, indent + "  ")


def _place(buffer: str, index: tuple[Index, ...]) -> str:
    return f"{buffer}[{', '.join(map(str, index))}]" if index else buffer
