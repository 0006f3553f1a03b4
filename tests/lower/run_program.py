"""A Program -> its results, by Python that runs it one statement at a time and watches what it may rely on.

It is the oracle of how programs of numbers are laid out. It raises Wrong for a value that is read before it is made or
made twice, a result that is not written or is written by two points, and lets that cannot share a vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from symgrad.graph import Op
from symgrad.lower.scalars.program import (
    Index,
    Let,
    Load,
    Loop,
    Number,
    Pack,
    Part,
    Program,
    Statement,
    Store,
    Zeros,
    as_double,
)
from symgrad.lower.scalars.quotient import Quotient
from tests.lower.interpreter import Wrong

MOST_LANES = 8


def run(program: Program, values: Sequence[Any], points: int = 1) -> list[np.ndarray]:
    """The results of a program for these inputs, whose last axis, of those that vary, are so many points."""
    memory = _Memory(program, values, points)
    with np.errstate(all="ignore"):
        memory.run(program.body, {}, {})
    return [memory.result(b.name) for b in program.buffers if b.role == "out"]


class _Memory:
    """The buffers, of which nothing is known but what is written, and who wrote it: a point, or none."""

    def __init__(self, program: Program, values: Sequence[Any], points: int):
        self.cells: dict[str, np.ndarray] = {}
        self.writers: dict[tuple[str, tuple[int, ...]], Mapping[str, int]] = {}
        self.points = points
        given = iter(values)
        for b in program.buffers:
            shape = tuple(points if isinstance(n, str) else n for n in b.dims)
            self.cells[b.name] = np.full(shape, None, object)
            if b.role == "in":
                self.cells[b.name][...] = np.asarray(next(given), float)
        self.inputs = {b.name for b in program.buffers if b.role == "in"}

    def result(self, name: str) -> np.ndarray:
        if any(x is None for x in self.cells[name].flat):
            raise Wrong(f"{name} is not written")
        return self.cells[name].astype(float)

    def run(self, body: Sequence[Statement], known: dict[int, Any], where: Mapping[str, int]) -> None:
        for s in body:
            match s:
                case Load():
                    if s.buffer not in self.inputs:
                        raise Wrong(f"{s.buffer} is read")
                    _make(known, s.value, np.float64(self.cells[s.buffer][self.place(s.buffer, s.index, where)]))
                case Number():
                    _make(known, s.value, np.float64(as_double(s.number)))
                case Let():
                    _make(known, s.value, _applied(s.op, [known[a] for a in s.arguments]))
                case Pack():
                    made = [_applied(let.op, [known[a] for a in let.arguments]) for let in s.body]
                    if len({let.arguments for let in s.body}) > MOST_LANES:
                        raise Wrong("a vector has not so many lanes")
                    for let, value in zip(s.body, made, strict=True):
                        _make(known, let.value, value)
                case Store():
                    self.write(s.buffer, self.place(s.buffer, s.index, where), known[s.value], where)
                case Zeros():
                    for place in np.ndindex(self.cells[s.buffer].shape):
                        self.write(s.buffer, place, np.float64(0), where)
                case Part():
                    self.run(s.body, known, where)
                case Loop():
                    for k in (0, *range(self.points)):  # the last vector may compute points again
                        self.run(s.body, dict(known), {**where, s.index: k})

    def place(self, name: str, index: Sequence[Index], where: Mapping[str, int]) -> tuple[int, ...]:
        found = tuple(where[i] if isinstance(i, str) else i for i in index)
        shape = self.cells[name].shape
        if len(found) != len(shape) or not all(0 <= i < n for i, n in zip(found, shape, strict=True)):
            raise Wrong(f"{name}{list(found)} of {shape}")
        return found

    def write(self, name: str, place: tuple[int, ...], value: Any, where: Mapping[str, int]) -> None:
        if name in self.inputs or self.writers.setdefault((name, place), where) != where:
            raise Wrong(f"{name}{list(place)} is written by another point, or comes in")
        self.cells[name][place] = value


def _make(known: dict[int, Any], value: int, number: Any) -> None:
    if value in known:
        raise Wrong(f"%{value} is made twice")
    known[value] = number


def _applied(op: Op, arguments: Sequence[Any]) -> Any:
    if not isinstance(op, Quotient):
        return op.evaluate(np, *arguments)
    first, *rest = zip(arguments, op.divisors, strict=True)
    if first[1] is not None:
        raise Wrong("the first factor divides")
    return reduce(lambda a, x: a * x[0] if x[1] is None else a / x[0] ** float(x[1]), rest, first[0])
