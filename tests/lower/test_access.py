"""What statements of arrays read and write, what must stay in its order, and the same statements with other names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from symgrad.lower.arrays.access import (
    Access,
    Names,
    Roots,
    accesses,
    affines,
    defined,
    ordered,
    rebuilt,
    row_wise,
    sums,
    unused,
    used,
)
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    AddTo,
    Bound,
    Buffer,
    Call,
    Carried,
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
)
from symgrad.ops.arithmetic import Product

n = sp.Symbol("n", integer=True, positive=True)
i, j, k, row = (Affine(0, ((name, 1),)) for name in ("i", "j", "k", "row0"))
five, end = (Affine(0, (), ((v, 1),)) for v in (5, 0))
ROOTS = Roots(
    Buffer(name, (n, n), "scratch", of=of) for name, of in [("x", ""), ("y", ""), ("t", ""), ("v", "t"), ("u", "v")]
)


def loop(*body: Statement, index: str = "j") -> Loop:
    return Loop(index, Affine(), Affine(n), body)


def rows(*body: Statement, before: tuple[Statement, ...] = (), after: tuple[Statement, ...] = ()) -> Rows:
    return Rows("row0", 0, Affine(n, (("k", 1),)), sp.Symbol("block0"), before, body, after)


GEMM = Call("gemm", ("x", "y", "t"), "NN", ((n,), (n,), (five,)), (((i,), (j,), ())))
GUARD = Guard(7, ((i, n),), (Load(6, "x", (i, i)),), 6)


def test_a_buffer_that_is_anothers_memory_has_its_root() -> None:
    assert [ROOTS[name] for name in "xtvu"] == ["x", "t", "t", "t"]


@pytest.mark.parametrize(
    ("s", "wanted"),
    [
        (Load(0, "x", (i, j)), [Access("load", "x", (i, j))]),
        (Store("x", (i, j), 0), [Access("store", "x", (i, j))]),
        (AddTo("x", (i, j), 0), [Access("add", "x", (i, j))]),
        (Fill("x"), [Access("store", "x", None)]),
        (GEMM, [Access("load", "x", None), Access("load", "y", None), Access("store", "t", None)]),
        (
            replace(GEMM, accumulates=True),
            [Access("load", "x", None), Access("load", "y", None), Access("add", "t", None)],
        ),
        (Call("getrf", ("p", "t"), "", ((n,),)), [Access("store", "p", None), Access("store", "t", None)]),
        (loop(Load(0, "x", (i, j)), GUARD), [Access("load", "x", (i, j)), Access("load", "x", (i, i))]),
        (Number(0, 1), []),
    ],
    ids=["load", "store", "add", "fill", "product", "product that adds", "factors", "within", "a number"],
)
def test_accesses(s: Statement, wanted: list[Access]) -> None:
    assert list(accesses([s])) == wanted


@pytest.mark.parametrize(
    ("s", "value", "takes", "indices"),
    [
        (Load(4, "x", (five, j)), 4, {5}, {five, j}),
        (Number(4, 1), 4, set(), set()),
        (Extent(4, n), 4, set(), set()),
        (Count(4, five), 4, {5}, {five}),
        (Bound(4, "min", (five, j)), 4, {5}, {five, j}),
        (Let(4, Product(), (1, 2)), 4, {1, 2}, set()),
        (Read(4, "s"), 4, set(), set()),
        (Guard(4, ((five, n),), (), 6), 4, {5, 6}, {five}),
        (rows(), 0, set(), {Affine(n, (("k", 1),))}),
        (replace(rows(), extent=five), 0, {5}, {five}),
        (Store("x", (five, j), 4), None, {4, 5}, {five, j}),
        (AddTo("x", (five, j), 4), None, {4, 5}, {five, j}),
        (Update("s", "add", 4), None, {4}, set()),
        (When(((five, n),), ()), None, {5}, {five}),
        (Fill("x", (five,)), None, {5}, {five}),
        (Loop("j", end, five, ()), None, {0, 5}, {end, five}),
        (GEMM, None, {5}, {i, j, five}),
        (Start("s", "add", 0.0), None, set(), set()),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Statement) else "",
)
def test_what_a_statement_makes_and_takes(
    s: Statement, value: int | None, takes: set[int], indices: set[Affine]
) -> None:
    assert (defined(s), set(used(s)), set(affines(s))) == (value, takes, indices)


def test_accumulators_are_started_added_to_and_read() -> None:
    assert sums([Start("a", "add", 0.0), loop(Update("b", "add", 1)), Read(2, "c")]) == {"a", "b", "c"}


def test_the_next_number_of_a_value() -> None:
    assert unused([Number(3, 1), loop(Number(8, 1)), Store("x", (i, i), 9)]) == 9
    assert unused([Start("s", "add", 0.0)]) == 0


# -- order -------------------------------------------------------------------------------------------------------------

LOAD, STORE = Load(1, "x", (i, j)), Store("t", (i, j), 1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Start("s", "add", 0.0), Update("s", "add", 1)),
        (Number(4, 1), Store("x", (i, j), 4)),
        (loop(Number(4, 1)), Let(5, Product(), (4, 4))),
        (Bound(5, "min", (i,)), loop(Load(6, "x", (five, j)))),
        (STORE, Load(2, "t", (j, i))),
        (STORE, Load(2, "u", (j, i))),
        (STORE, AddTo("t", (j, i), 7)),
        (STORE, Store("v", (j,), 7)),
        (loop(STORE), loop(Load(2, "t", (j, i)))),
        (Fill("t"), STORE),
    ],
    ids=[
        "an accumulator",
        "a value",
        "a value within",
        "an index",
        "memory",
        "memory by another name",
        "what is added to",
        "what is stored twice",
        "memory within",
        "zeros",
    ],
)
def test_what_must_stay_in_its_order(a: Statement, b: Statement) -> None:
    assert ordered(a, b, ROOTS)
    assert ordered(b, a, ROOTS)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Start("s", "add", 0.0), Update("t", "add", 1)),
        (Number(4, 1), Store("x", (i, j), 5)),
        (LOAD, Load(2, "x", (j, i))),
        (STORE, Load(2, "x", (i, j))),
        (Store("y", (i, j), 3), STORE),
        (Start("s", "add", 0.0), Start("r", "add", 0.0)),
    ],
    ids=["accumulators", "values", "two that load", "other memory", "two that store elsewhere", "what makes no value"],
)
def test_what_may_change_places(a: Statement, b: Statement) -> None:
    assert not ordered(a, b, ROOTS)
    assert not ordered(b, a, ROOTS)


# -- rows of their own -------------------------------------------------------------------------------------------------

LATER = Affine(1, (("i", 1),))
TURNED = Affine(n, (("i", -1),))


@pytest.mark.parametrize(
    "body",
    [
        (LOAD,),
        (Load(1, "x", (j, j)), Store("t", (i, j), 1)),
        (Store("t", (j, i), 1), Load(2, "t", (k, i))),
        (Store("t", (TURNED, j), 1), AddTo("t", (TURNED, j), 1)),
        (AddTo("t", (j, j), 1), AddTo("t", (i, j), 1)),
    ],
    ids=["loads", "a row", "a column", "rows from the last on", "what is only added to"],
)
def test_rows_of_its_own(body: tuple[Statement, ...]) -> None:
    assert row_wise(body, "i", ROOTS)


@pytest.mark.parametrize(
    "body",
    [
        (Store("t", (j, j), 1),),
        (Store("t", (i, j), 1), Load(2, "t", (j, i))),
        (Store("t", (i, j), 1), Load(2, "t", (LATER, j))),
        (loop(Store("t", (Affine(0, (("i", 1), ("j", 1))), j), 1)),),
        (loop(Store("t", (Affine(0, (("h", 1), ("i", 1), ("j", 1))), k), 1)),),
        (Bound(5, "max", (k,)), Store("t", (Affine(0, (("i", 1),), ((5, 1), (9, 1))), j), 1)),
        (Fill("t"), AddTo("t", (i, j), 1)),
        (AddTo("t", (i, j), 1), Fill("t")),
        (Store("t", (i, i), 1), Load(2, "u", (i, i))),
        (AddTo("t", (j, j), 1), Load(2, "t", (j, j))),
        (LOAD, Store("t", (i, j), 1), Store("y", (j, j), 1)),
    ],
    ids=[
        "one place for all",
        "another row is read",
        "the row after is read",
        "two indices make a row",
        "an index around and one within make a row",
        "a row that the body looks up",
        "all of it begins with zeros",
        "all of it ends with zeros",
        "by another name",
        "a sum that is read",
        "one of two",
    ],
)
def test_no_rows_of_its_own(body: tuple[Statement, ...]) -> None:
    assert not row_wise(body, "i", ROOTS)


def test_a_row_may_begin_where_a_value_from_before_tells() -> None:
    assert row_wise((Store("t", (Affine(0, (("h", 1), ("i", 1)), ((5, 1),)), j), 1),), "i", ROOTS)


# -- other names -------------------------------------------------------------------------------------------------------

NAMES = Names({4: 14, 5: 15}, {"i": LATER}, {"s": "s2"})
FIFTEEN = Affine(0, (), ((15, 1),))


@pytest.mark.parametrize(
    ("s", "wanted"),
    [
        (Load(4, "x", (i, j)), Load(14, "x", (LATER, j))),
        (Load(6, "x", (j, j)), Load(6, "x", (j, j))),
        (Number(4, 1), Number(14, 1)),
        (Extent(4, n), Extent(14, n)),
        (Count(4, Affine(3, (("i", 2), ("j", -1)))), Count(14, Affine(5, (("i", 2), ("j", -1))))),
        (Count(4, Affine(3, (), ((5, 2), (6, 1)))), Count(14, Affine(3, (), ((6, 1), (15, 2))))),
        (Bound(4, "max", (five, i)), Bound(14, "max", (FIFTEEN, LATER))),
        (Let(4, Product(), (5, 6)), Let(14, Product(), (15, 6))),
        (Store("x", (i, five), 4), Store("x", (LATER, FIFTEEN), 14)),
        (AddTo("x", (i, five), 4), AddTo("x", (LATER, FIFTEEN), 14)),
        (Fill("x", (i,)), Fill("x", (LATER,))),
        (GEMM, replace(GEMM, sizes=((n,), (n,), (FIFTEEN,)), first=((LATER,), (j,), ()))),
        (Start("s", "add", 0.0), Start("s2", "add", 0.0)),
        (Start("r", "add", 0.0), Start("r", "add", 0.0)),
        (Update("s", "add", 4), Update("s2", "add", 14)),
        (Update("r", "add", 4), Update("r", "add", 14)),
        (Read(4, "s"), Read(14, "s2")),
        (Guard(4, ((i, n),), (Number(5, 1),), 5), Guard(14, ((LATER, n),), (Number(15, 1),), 15)),
        (When(((i, n),), (Number(5, 1), LOAD)), When(((LATER, n),), (Number(15, 1), Load(1, "x", (LATER, j))))),
        (
            Loop("j", five, i, (Number(4, 1),), carried=(Carried(4, 5, 2),)),
            Loop("j", FIFTEEN, LATER, (Number(14, 1),), carried=(Carried(14, 15, 2),)),
        ),
        (
            replace(rows(Number(4, 1), before=(Number(5, 1),), after=(Read(4, "s"),)), extent=five),
            replace(rows(Number(14, 1), before=(Number(15, 1),), after=(Read(14, "s2"),)), extent=FIFTEEN),
        ),
    ],
)
def test_the_same_statement_with_other_names(s: Statement, wanted: Statement) -> None:
    assert NAMES.statement(s) == wanted


def test_a_loop_may_have_another_index() -> None:
    found = Names({}, {"j": k}).statement(loop(Load(0, "x", (i, j))))
    assert found == loop(Load(0, "x", (i, k)), index="k")


def test_statements_within_are_changed_before_those_that_hold_them() -> None:
    def change(s: Statement) -> Statement:
        if isinstance(s, Number):
            return Number(s.value + 1, s.number)
        return replace(s, first=Affine(len(s.body))) if isinstance(s, Loop) else s

    held = rows(loop(Number(1, 1), Number(2, 1)), before=(Number(3, 1),), after=(Number(4, 1),))
    (found,) = rebuilt([held], change)
    inner = replace(loop(Number(2, 1), Number(3, 1)), first=Affine(2))
    assert found == rows(inner, before=(Number(4, 1),), after=(Number(5, 1),))
