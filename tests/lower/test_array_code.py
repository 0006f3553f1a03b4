"""Machine code of loops: vectors of any width, rows that no thread shares, programs written by hand, the slots of
registers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad.lower import array_kernel
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    ArrayProgram,
    Buffer,
    Load,
    Loop,
    Read,
    Start,
    Statement,
    Store,
    Update,
)
from symgrad.lower.arrays.storage import storage
from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.llvm_memory import Memory
from symgrad.lower.emit.llvm_parts import arrays_to_llvm
from symgrad.lower.emit.target import Target, host
from symgrad.lower.kernel import unique_symbol
from symgrad.lower.machine.machine_code import ARRAYS, kernel_code, part_of
from tests.lower.array_examples import AROUND_LANES, NO_SLOPES, differ, examples, points

LOOPS = [name for name, e in examples().items() if not e.whole and name not in NO_SLOPES]
SOME = [name for name in LOOPS if "random" not in name]
n, m = sp.symbols("n m", integer=True, positive=True)
i, j = (Affine(0, ((name, 1),)) for name in "ij")
WIDTHS = [lanes for lanes in (2, 4, 8) if lanes <= host().lanes]


def is_wrong(name: str) -> bool:
    e = examples()[name]
    kernel = ArrayKernel("f", e.inputs, e.outputs)
    return any(differ(kernel.run(given, sizes), wanted) for sizes, given, wanted in points(name, AROUND_LANES))


@pytest.mark.parametrize("name", SOME)
def test_vectors_may_have_two_lanes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_kernel, "host", lambda: Target(2))
    assert not is_wrong(name)


@pytest.mark.parametrize("name", ["regression", "mixture", "chain", "both sides", "slopes of outer"])
def test_rows_need_not_be_in_chunks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_kernel, "chunked", lambda program: program)
    assert not is_wrong(name)


# -- programs written by hand -----------------------------------------------------------------------------------------


def computed(body: tuple[Statement, ...], a: np.ndarray, lanes: int) -> np.ndarray:
    """What a program makes of a matrix: one number for each column."""
    program = ArrayProgram("f", (Buffer("a", (m, n), "in"), Buffer("y", (n,), "out")), body)
    found = arrays_to_llvm(program, unique_symbol(), Target(lanes))
    call = kernel_code(found.text, found.module, ARRAYS)
    code = array_kernel._Compiled(storage(program, found.table, found.chunks), call, part_of(call))
    y = np.full(a.shape[1], np.nan)
    array_kernel._Layout(code, {m: len(a), n: len(y)}, parallel=False).call([a], [y])
    return y


def over(index: str, stop: Any, *body: Statement, kind: str = "serial") -> Loop:
    return Loop(index, Affine(), Affine(stop), body, kind)


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize(("kind", "start"), [("add", 0.0), ("mul", 1.0), ("max", -np.inf), ("min", np.inf)])
def test_each_lane_may_sum_for_itself(kind: str, start: float, lanes: int) -> None:
    column = over("j", m, Load(1, "a", (j, i)), Update("s", kind, 1))
    body = over("i", n, Start("s", kind, start), column, Read(2, "s"), Store("y", (i,), 2), kind="simd")
    for size in range(1, 20):
        a = np.random.default_rng(size).normal(size=(3, size))
        wanted = {"add": a.sum(0), "mul": a.prod(0), "max": a.max(0), "min": a.min(0)}[kind]
        np.testing.assert_allclose(computed((body,), a, lanes), wanted, 1e-14)


# -- integers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "a", "b", "found"),
    [
        *(("add", "%a", 0, "%a"), ("add", 0, "%a", "%a"), ("sub", "%a", 0, "%a"), ("mul", 1, "%a", "%a")),
        *(("mul", "%a", 1, "%a"), ("mul", "%a", 0, 0), ("mul", 0, "%a", 0), ("mul", 0, 1, 0), ("mul", 1, 1, 1)),
        *(("add", "%a", 1, "%0"), ("sub", 0, "%a", "%0"), ("sub", "%a", 1, "%0"), ("mul", -1, "%a", "%0")),
    ],
)
def test_integers_that_change_nothing_are_not_computed_with(operation: str, a: Any, b: Any, found: Any) -> None:
    writer = Memory(ArrayProgram("f", (), ()), Module("f", host()), [])
    assert writer.integer(operation, a, b) == found
    assert writer.lines == [f"  %0 = {operation} nsw i64 {a}, {b}"] * (found == "%0")


# -- slots ------------------------------------------------------------------------------------------------------------

SIZES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "i8": 1, "ptr": 8}
SLOT = re.compile(r"(\S+) = alloca (<.*?>|\w+)")
ACCESS = re.compile(r"(?:load (<.*?>|\w+), |store (<.*?>|\w+) .*, )ptr (%\S+?)(?:,|$)")


def size_of(type_: str) -> int:
    lanes, _, one = type_.strip("<>").rpartition(" x ")
    return int(lanes or 1) * SIZES[one]


def others_than_they_are(text: str) -> Iterator[str]:
    """Instructions that read or write a slot of the stack in another size than it has."""
    slots: dict[str, int] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("define"):
            slots.clear()
        if slot := SLOT.match(line):
            slots[slot[1]] = size_of(slot[2])
        if (access := ACCESS.search(line)) and slots.get(access[3], 0) not in (0, size_of(access[1] or access[2])):
            yield line


@pytest.mark.parametrize("name", SOME)
def test_slots_are_read_and_written_as_long_as_they_are(name: str) -> None:
    e = examples()[name]
    program = ArrayKernel("f", e.inputs, e.outputs).program
    if isinstance(program, ArrayProgram):
        assert list(others_than_they_are(arrays_to_llvm(program, "f", host()).text)) == []
