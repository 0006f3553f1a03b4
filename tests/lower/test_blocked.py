"""Groups of nests in blocks of rows, written by hand: how long these are, what is kept for one, what is copied."""

from __future__ import annotations

import pytest
import sympy as sp

from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.fill import Along
from symgrad.lower.arrays.fusion import Filling, fused
from symgrad.lower.arrays.loops import ArrayProgram, Buffer, Load, Loop, Statement, Store, flat
from symgrad.types import Size
from tests.lower.test_fusion import FIRST, PLAIN, ROWS, filling, i, j, n

m = sp.Symbol("m", integer=True, positive=True)
k = Affine(0, (("k", 1),))
LANES = Along("i", n, ("rows", 0), lanes=True)
BUFFERS = (
    *(Buffer("x", (n, n), "in"), Buffer("a", (n, m), "in"), Buffer("c", (m, n, m), "in"), Buffer("d", (n, n, m), "in")),
    *(Buffer("w", (m,), "in"), Buffer("y", (n, n), "out"), Buffer("b", (n, m), "out")),
    *(Buffer(name, (n, n), "scratch") for name in "tu"),
)


def program(*fillings: Filling) -> ArrayProgram:
    return fused(ArrayProgram("f", BUFFERS, ()), fillings, 1)


def nest(*body: Statement, along: Along = ROWS, columns: Size = m, others: int = 0) -> Filling:
    """Rows, columns, and as many loops besides."""
    found: tuple[Statement, ...] = body
    for name, size in [("j", columns), *[(name, m) for name in "kl"[:others]]]:
        found = (Loop(name, Affine(), Affine(size), found),)
    return Filling([Loop("i", Affine(), Affine(along.extent), found)], along)


def copies(*body: Statement, along: Along = LANES, others: int = 1) -> list[str]:
    """What these read, or a copy of it for a block, before it is stored; and what is copied."""
    found = program(nest(*body, Store("b", (i, j), 0), along=along, others=others))
    return [s.buffer for s in flat(found.body) if isinstance(s, Load)][::-1]


# -- how long blocks are -----------------------------------------------------------------------------------------------


def test_the_numbers_of_a_row_are_those_of_all_arrays_that_have_the_axis() -> None:
    body = Load(0, "x", (i, j)), Load(0, "a", (i, j)), Load(0, "w", (j,)), Store("b", (i, j), 0)
    (block,) = program(nest(*body)).blocks
    assert block.numbers == n + 2 * m


@pytest.mark.parametrize(
    ("fillings", "least"),
    [
        ((FIRST, filling("t", (i, j), "y", (i, j))), 8),
        ((FIRST, Filling([PLAIN], ROWS)), 64),
        ((nest(Load(0, "a", (i, j)), Store("b", (i, j), 0), along=LANES),), 64),
    ],
    ids=["usually", "with a product", "with vectors along rows"],
)
def test_the_fewest_rows_of_a_block(fillings: tuple[Filling, ...], least: int) -> None:
    (block,) = program(*fillings).blocks
    assert block.least == least


# -- memory ------------------------------------------------------------------------------------------------------------


def dims(found: ArrayProgram, name: str) -> list[str]:
    return [str(size) for b in found.buffers if b.name == name for size in b.dims]


def test_what_only_the_group_reads_is_kept_for_a_block() -> None:
    found = program(FIRST, filling("t", (i, j), "u", (i, j)), Filling([Load(9, "u", (Affine(), Affine()))]))
    assert dims(found, "t") == ["block0", "n"]
    assert dims(found, "u") == ["n", "n"]


def test_rows_are_the_last_axis_of_memory_along_which_vectors_run() -> None:
    first = nest(Load(0, "x", (i, j)), Store("t", (i, j), 0), along=LANES, columns=n)
    found = program(first, nest(Load(0, "t", (i, j)), Store("y", (i, j), 0), along=LANES, columns=n))
    assert dims(found, "t") == ["n", "block0"]
    assert dims(found, "y") == ["n", "n"]


# -- copies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buffer", "at"),
    [("a", (i, k)), ("c", (k, i, j))],
    ids=["the first axis", "the second"],
)
def test_what_lies_across_rows_is_copied(buffer: str, at: Index) -> None:
    assert copies(Load(0, buffer, at), others=len(at) - 1) == [f"{buffer}_row0", buffer]


def test_one_copy_is_for_all_that_read() -> None:
    assert copies(Load(0, "a", (i, j)), Load(1, "a", (i, k))) == ["a_row0", "a_row0", "a"]


def test_a_copy_is_a_number_of_each_row() -> None:
    found = program(nest(Load(0, "a", (i, k)), Store("b", (i, j), 0), along=LANES, others=1))
    (block,) = found.blocks
    assert dims(found, "a_row0") == ["m", "block0"]
    assert block.numbers == 3 * m


@pytest.mark.parametrize(
    ("buffer", "at", "others"),
    [("x", (k, i), 1), ("a", (i, j), 0), ("w", (j,), 1), ("d", (i, i, j), 2)],
    ids=["what lies along rows", "what is read once", "what has no rows", "a diagonal"],
)
def test_what_is_not_copied(buffer: str, at: Index, others: int) -> None:
    assert copies(Load(0, buffer, at), others=others) == [buffer]


def test_an_axis_of_other_length_is_not_copied() -> None:
    assert copies(Load(0, "a", (i, k)), along=LANES._replace(extent=n - 1)) == ["a"]


def test_nothing_is_copied_without_vectors_along_rows() -> None:
    assert copies(Load(0, "a", (i, k)), along=ROWS) == ["a"]


def test_what_the_group_makes_is_not_copied() -> None:
    made = nest(Load(0, "x", (i, j)), Store("t", (i, j), 0), along=LANES, columns=n)
    found = program(made, nest(Load(0, "t", (i, k)), Store("y", (i, j), 0), along=LANES, columns=n, others=1))
    assert dims(found, "t_row0") == []
