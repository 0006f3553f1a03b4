"""Nests in groups, written by hand: what comes before what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.fill import Along
from symgrad.lower.arrays.fusion import Filling, fused
from symgrad.lower.arrays.loops import (
    ArrayProgram,
    Buffer,
    Call,
    Load,
    Loop,
    Statement,
    Store,
)

n = sp.Symbol("n", integer=True, positive=True)
i, j = (Affine(0, ((name, 1),)) for name in "ij")
BUFFERS = (
    *(Buffer("x", (n, n), "in"), Buffer("y", (n, n), "out"), Buffer("p", (n,), "scratch", "i4")),
    *(Buffer(name, (n, n), "scratch") for name in "tu"),
    Buffer("v", (n, n), "scratch", of="t"),
)


def copy(source: str, target: str) -> Loop:
    return Loop("i", Affine(), Affine(n), (Load(0, source, (i, i)), Store(target, (i, i), 0)))


def product(a: str, b: str, target: str, *, added: bool = False) -> Call:
    return Call("gemm", (a, b, target), "NN", ((n,),) * 3, accumulates=added)


PIVOTS = Loop("i", Affine(), Affine(n), (Load(0, "p", (i,)), Store("y", (i, i), 0)))


@pytest.mark.parametrize(
    ("later", "first"),
    [
        (copy("t", "y"), copy("x", "t")),
        (copy("v", "y"), copy("x", "t")),
        (copy("t", "y"), product("x", "x", "t")),
        (product("t", "x", "y"), copy("x", "t")),
        (product("x", "t", "y"), copy("x", "t")),
        (product("x", "x", "y", added=True), copy("x", "y")),
        (Call("getrs", ("t", "p", "y"), "N", ((n,), (n,))), Call("getrf", ("p", "t"), "", ((n,),))),
        (PIVOTS, Call("getrf", ("p", "t"), "", ((n,),))),
        (PIVOTS, Call("potrf", ("p", "t"), "U", ((n,),))),
    ],
    ids=[
        "read",
        "read by another name",
        "a product that is read",
        "the first factor",
        "the second factor",
        "what is added to",
        "factors",
        "pivots",
        "what tells that there is no factor",
    ],
)
def test_what_is_needed_comes_first(later: Statement, first: Statement) -> None:
    made = fused(ArrayProgram("f", BUFFERS, ()), [Filling([later]), Filling([first])], 1)
    assert made.body == (first, later)


def test_products_into_one_place_stay_in_their_order() -> None:
    both = product("x", "x", "y"), product("t", "x", "y", added=True)
    made = fused(ArrayProgram("f", BUFFERS, ()), [Filling([copy("x", "t")]), *[Filling([s]) for s in both]], 1)
    assert made.body == (copy("x", "t"), *both)


# -- groups ------------------------------------------------------------------------------------------------------------

ROWS = Along("i", n, ("rows", 0), lanes=False)
PLAIN, RIGHT, SQUARE = (product(a, b, "u") for a, b in ("tx", "xt", "tt"))
TURNED = Call("gemm", ("t", "x", "u"), "TN", ((n,),) * 3)


def filling(source: str, at: Index, target: str, to: Index, along: Along = ROWS) -> Filling:
    """Entries from one array to another, row by row."""
    inner = Loop("j", Affine(), Affine(n), (Load(0, source, at), Store(target, to, 0)), "simd")
    return Filling([Loop("i", Affine(), Affine(along.extent), (inner,))], along)


FIRST, TURNED_ROWS = (filling("x", (i, j), "t", to) for to in ((i, j), (j, i)))


BOTH = Filling([*filling("t", (i, j), "y", (i, j)).statements, *filling("u", (i, j), "y", (i, j)).statements], ROWS)


def groups(*fillings: Filling) -> int:
    """In how many groups, or alone, the nests are."""
    return len(fused(ArrayProgram("f", BUFFERS, ()), fillings, 1).body)


@pytest.mark.parametrize(
    "fillings",
    [
        (FIRST, filling("t", (i, j), "y", (i, j))),
        (FIRST, filling("x", (j, i), "y", (j, i))),
        (FIRST, Filling([TURNED], ROWS)),
        (FIRST, Filling([PLAIN], ROWS)),
        (FIRST, filling("t", (i, j), "y", (i, j), ROWS._replace(extent=n - 1))),
        (FIRST, Filling([PLAIN], ROWS), filling("u", (i, j), "y", (i, j))),
        (Filling([product("x", "x", "t")], ROWS), filling("t", (i, j), "y", (i, j))),
    ],
    ids=[
        "the same rows",
        "rows in another order",
        "a product that sums rows",
        "a product of each row",
        "but for a row",
        "what reads rows of a product",
        "what begins with a product",
    ],
)
def test_nests_of_one_group(fillings: tuple[Filling, ...]) -> None:
    assert groups(*fillings) == 1


@pytest.mark.parametrize(
    "fillings",
    [
        (FIRST, filling("t", (j, i), "y", (i, j))),
        (FIRST, filling("t", (Affine(-1, i.terms), j), "y", (i, j))),
        (FIRST, filling("v", (i, j), "y", (i, j))),
        (FIRST, filling("t", (i, j), "y", (i, j), ROWS._replace(axis=("columns", 0)))),
        (FIRST, filling("t", (i, j), "y", (i, j), ROWS._replace(extent=2 * n))),
        (FIRST, filling("t", (i, j), "y", (i, j), ROWS._replace(lanes=True))),
        (FIRST, filling("x", (i, j), "t", (i, j))),
        (FIRST, Filling([copy("t", "u")]), filling("u", (i, j), "y", (i, j))),
        (FIRST, Filling([copy("t", "p")]), Filling([copy("p", "u")]), filling("u", (i, j), "y", (i, j))),
        (FIRST, Filling([copy("t", "u")]), BOTH),
        (TURNED_ROWS, Filling([TURNED], ROWS)),
        (Filling([*FIRST.statements, *TURNED_ROWS.statements], ROWS), filling("t", (i, j), "y", (i, j))),
        (filling("x", (i, j), "y", (i, j)), Filling([TURNED], ROWS)),
        (FIRST, Filling([TURNED], ROWS._replace(extent=n - 1))),
        (FIRST, Filling([RIGHT], ROWS)),
        (FIRST, Filling([SQUARE], ROWS)),
    ],
    ids=[
        "another row is read",
        "the row before is read",
        "it is read by another name",
        "other rows",
        "more rows",
        "vectors along rows",
        "what is written again",
        "another group comes between",
        "two groups come between",
        "another group comes between what it reads",
        "a product of what has rows along another axis",
        "what is stored by rows and by columns",
        "a product of inputs",
        "a product of fewer rows",
        "a product that needs all rows of its right factor",
        "a product of a matrix with itself",
    ],
)
def test_nests_apart(fillings: tuple[Filling, ...]) -> None:
    assert groups(*fillings) == len(fillings)


def test_what_needs_the_whole_of_a_product_comes_after_it() -> None:
    assert groups(FIRST, Filling([TURNED], ROWS), filling("u", (i, j), "y", (i, j))) == 2


def test_a_product_is_apart_from_rows_along_another_axis_of_one_factor() -> None:
    both = replace(TURNED, buffers=("t", "y", "u"))
    assert groups(FIRST, filling("x", (i, j), "y", (j, i)), Filling([both], ROWS)) == 2


def test_what_another_group_reads_does_not_part_two_nests() -> None:
    assert groups(FIRST, Filling([copy("t", "u")]), filling("t", (i, j), "y", (i, j))) == 2


@pytest.mark.parametrize("alone", [PLAIN, TURNED], ids=["of each row", "that sums rows"])
def test_a_product_that_nothing_joins_is_one_call(alone: Call) -> None:
    made = fused(ArrayProgram("f", BUFFERS, ()), [Filling([alone], ROWS)], 1)
    assert made.body == (alone,)
