"""Rows in chunks: programs written by hand, those that threads may share and those that they must not."""

from __future__ import annotations

import pytest
import sympy as sp

from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.chunks import chunked
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Block,
    Bound,
    Buffer,
    Call,
    Chunks,
    Fill,
    Load,
    Loop,
    Number,
    Read,
    Rows,
    Start,
    Statement,
    Store,
    Update,
)

n, m = sp.symbols("n m", integer=True, positive=True)
block = sp.Symbol("block0", integer=True, positive=True)
i, j = (Affine(0, ((name, 1),)) for name in "ij")
BUFFERS = (
    *(Buffer("x", (n,), "in"), Buffer("a", (n, m), "in"), Buffer("y", (n,), "out"), Buffer("g", (m,), "out")),
    *(Buffer("t", (m,), "scratch"), Buffer("u", (m,), "scratch"), Buffer("z", (n,), "scratch", of="y")),
)


def over_rows(*body: Statement, step: int = 1) -> Loop:
    """A loop over the rows of a block."""
    return Loop("i", Affine(0, (("row0", 1),)), Affine(0, (), ((0, 1),)), body, step=step)


def over_columns(*body: Statement) -> Loop:
    return Loop("j", Affine(), Affine(m), body)


def program(
    *body: Statement,
    before: tuple[Statement, ...] = (),
    after: tuple[Statement, ...] = (),
    others: tuple[Statement, ...] = (),
    extent: Affine | None = None,
) -> ArrayProgram:
    rows = Rows("row0", 0, extent or Affine(n), block, before, body, after)
    return ArrayProgram("f", BUFFERS, (rows, *others), (Block(block, 1, 8),))


ROW = over_rows(Load(1, "x", (i,)), Store("y", (i,), 1))
SUM = over_rows(Load(1, "x", (i,)), over_columns(AddTo("g", (j,), 1)))
OWN = over_rows(Load(1, "x", (i,)), over_columns(Store("t", (j,), 1)), Load(2, "t", (Affine(),)), Store("y", (i,), 2))


def test_rows_of_its_own_stay_where_they_are() -> None:
    found = chunked(program(ROW))
    assert isinstance(found.body[0], Chunks)
    assert found.buffers == BUFFERS


def test_what_is_summed_over_rows_has_a_slot_for_each_chunk() -> None:
    found = chunked(program(SUM, before=(Fill("g"),)))
    assert [str(b.dims) for b in found.buffers if b not in BUFFERS] == ["(chunks0, m)"]
    assert [str(s) for s in found.body[1:]] == ["g = zeros", "for chunk0 in range(chunks0):"]


def test_what_only_a_row_needs_has_a_place_in_each_chunk() -> None:
    (t,) = [b for b in chunked(program(OWN)).buffers if b.name == "t"]
    assert str(t.dims) == "(chunks0, m)"


def test_memory_that_each_chunk_fills_is_its_own_too() -> None:
    body = over_rows(Load(1, "x", (i,)), Fill("t"), over_columns(AddTo("t", (j,), 1)))
    (t,) = [b for b in chunked(program(body)).buffers if b.name == "t"]
    assert str(t.dims) == "(chunks0, m)"


def test_all_rows_that_one_step_is_for_are_its_own() -> None:
    second = Affine(1, (("i", 1),))
    body = over_rows(Load(1, "x", (i,)), Store("y", (i,), 1), Store("y", (second,), 1), step=2)
    assert isinstance(chunked(program(body)).body[0], Chunks)


def test_the_sums_of_a_second_axis_have_slots_of_their_own() -> None:
    rows = program(SUM, before=(Fill("g"),)).body[0]
    assert isinstance(rows, Rows)
    both = ArrayProgram("f", BUFFERS, (rows, rows), (Block(block, 1, 8),))
    found = chunked(both)
    assert [str(b.dims) for b in found.buffers if b not in BUFFERS] == ["(chunks0, m)", "(chunks1, m)"]
    assert len(found.cuts) == 2


LEFT = {
    "rows that another loop decides": program(ROW, extent=Affine(n, (("k", 1),))),
    "rows that were counted": program(ROW, extent=Affine(0, (), ((7, 1),))),
    "something else is stored before": program(ROW, before=(Number(5, 0), Store("g", (Affine(),), 5))),
    "the same memory has another name": program(over_rows(Load(1, "z", (i,)), Store("y", (i,), 1))),
    "all rows store to one place": program(over_rows(Load(1, "x", (i,)), Store("y", (Affine(),), 1))),
    "the row after is stored too": program(
        over_rows(Load(1, "x", (i,)), Store("y", (i,), 1), Store("y", (Affine(1, (("i", 1),)),), 1))
    ),
    "the row before is stored too": program(over_rows(Load(1, "x", (i,)), Store("y", (Affine(-1, (("i", 1),)),), 1))),
    "every second row is stored": program(over_rows(Load(1, "x", (i,)), Store("y", (Affine(0, (("i", 2),)),), 1))),
    "two indices make a row": program(
        over_rows(Load(1, "x", (i,)), over_columns(Store("y", (Affine(0, (("i", 1), ("j", 1))),), 1)))
    ),
    "a row that was looked up": program(
        over_rows(Load(1, "x", (i,)), Store("y", (Affine(0, (("i", 1),), ((1, 1),)),), 1))
    ),
    "the rows are another loop's": program(over_columns(Load(1, "x", (j,)), Store("y", (j,), 1))),
    "a row at an unknown distance": program(over_rows(Load(1, "x", (i,)), Store("y", (Affine(m - n, i.terms),), 1))),
    "a loop that goes on beyond the block": program(
        Loop("i", Affine(0, (("row0", 1),)), Affine(n), (Load(1, "x", (i,)), Store("y", (i,), 1)))
    ),
    "a loop that begins before the block": program(
        Loop("i", Affine(), Affine(0, (), ((0, 1),)), (Load(1, "x", (i,)), Store("y", (i,), 1)))
    ),
    "limits that are the same in each block": program(
        Bound(8, "max", (Affine(),)),
        Bound(9, "min", (Affine(n),)),
        Loop("i", Affine(0, (), ((8, 1),)), Affine(0, (), ((9, 1),)), (Load(1, "x", (i,)), Store("y", (i,), 1))),
    ),
    "another loop has the same index": program(
        over_rows(Loop("i", Affine(), Affine(m), (Load(1, "x", (i,)), Store("y", (i,), 1))))
    ),
    "a sum is read while it is added to": program(
        over_rows(Load(1, "g", (Affine(),)), over_columns(AddTo("g", (j,), 1))), before=(Fill("g"),)
    ),
    "memory that begins with zeros is read while it is added to": program(
        over_rows(Load(1, "t", (Affine(),)), over_columns(AddTo("t", (j,), 1))), before=(Fill("t"),)
    ),
    "a sum that goes on from what is there": program(SUM),
    "an output that each row overwrites": program(
        over_rows(Load(1, "x", (i,)), over_columns(Store("g", (j,), 1))),
    ),
    "memory that each row overwrites is read after it": program(OWN, after=(Load(3, "t", (Affine(),)),)),
    "memory that each row overwrites is read elsewhere": program(OWN, others=(Load(3, "t", (Affine(),)),)),
    "memory that each row overwrites is a library's": program(OWN, others=(Call("getrf", ("u", "t"), "", ((m,),)),)),
    "memory of rows is filled in each of them": program(
        over_rows(Load(1, "x", (i,)), Store("y", (i,), 1), Fill("y")),
    ),
}


@pytest.mark.parametrize("why", LEFT)
def test_left_as_it_is(why: str) -> None:
    assert chunked(LEFT[why]).body == LEFT[why].body


def test_an_accumulator_of_rows_has_a_slot_for_each_chunk() -> None:
    body = over_rows(Load(1, "x", (i,)), Update("s", "max", 1))
    after = (Read(2, "s"), Store("g", (Affine(),), 2))
    found = chunked(program(body, before=(Start("s", "max", float("-inf")),), after=after))
    first, *rest = found.body
    assert isinstance(first, Chunks)
    assert [str(s) for s in first.body][-2:] == ["%4 = s", "s0[chunk0] = %4"]
    assert [str(s) for s in rest] == ["s = -inf", "for chunk0 in range(chunks0):", "%2 = s", "g[0] = %2"]
