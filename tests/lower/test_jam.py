"""Loops over rows, unrolled and jammed: the program before and after, and what it computes for all numbers of rows."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symgrad.graph import Graph
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.jam import PAIR, SUMS, jammed
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Buffer,
    Call,
    Count,
    Fill,
    Let,
    Load,
    Loop,
    Read,
    Start,
    Store,
    Update,
    When,
    flat,
)
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import contract
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input
from symgrad.ops.products import matrix_product
from symgrad.types import Type

ROWS = SUMS  # of one sum each
n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = (Affine(0, ((name, 1),)) for name in "ijk")
BUFFERS = (
    *(Buffer("x", (n, m), "in"), Buffer("w", (m,), "in"), Buffer("r", (n,), "in")),
    *(Buffer("b", (n, n), "in"), Buffer("at", (n,), "in", "i8")),
    *(Buffer("y", (n,), "out"), Buffer("g", (m,), "out"), Buffer("a", (n, m), "out")),
)


def program(*body) -> ArrayProgram:
    return ArrayProgram("f", BUFFERS, (Loop("i", Affine(), Affine(n), body),))


def product(value: int, a: int, b: int) -> tuple[Let, Update]:
    return Let(value, Product(), (a, b)), Update("s", "add", value)


def inner(*body) -> Loop:
    return Loop("j", Affine(), Affine(m), body, "simd")


DOT = program(
    Start("s", "add", 0.0),
    inner(Load(0, "w", (j,)), Load(1, "x", (i, j)), Let(2, Product(), (0, 1)), Update("s", "add", 2)),
    Read(3, "s"),
    Store("y", (i,), 3),
)
TWO = program(
    *(Start("s", "add", 0.0), Start("t", "max", 0.0)),
    inner(
        Load(0, "w", (j,)),
        Load(1, "x", (i, j)),
        Let(2, Product(), (0, 1)),
        Update("s", "add", 2),
        Update("t", "max", 1),
    ),
    *(Read(3, "s"), Store("y", (i,), 3), Read(4, "t"), Store("r", (i,), 4)),
)
ADDED = program(Load(0, "r", (i,)), inner(Load(1, "x", (i, j)), Let(2, Product(), (0, 1)), AddTo("g", (j,), 2)))


def lines(found: ArrayProgram, start: str) -> list[str]:
    return [line.strip() for line in str(found).splitlines() if line.strip().startswith(start)]


def body(found: ArrayProgram) -> list[str]:
    return str(found).splitlines()[1 + len(BUFFERS) :]


def test_operands_that_all_rows_share_are_loaded_once():
    after = jammed(DOT)
    (jam, pairs, rest) = [s for s in after.body if isinstance(s, Loop)]
    loads = [str(s) for s in flat(jam.body) if isinstance(s, Load)]
    assert len([s for s in loads if "load w" in s]) == 1
    assert len([s for s in loads if "load x" in s]) == ROWS
    assert len([s for s in flat(pairs.body) if isinstance(s, Load)]) == 1 + PAIR
    assert rest.body == DOT.body[0].body


def test_whole_steps_then_pairs_then_what_is_left():
    after = body(jammed(DOT))
    assert after[0] == f"  %4 = whole(0, n, {ROWS})"
    (pairs,) = [line.split()[0] for line in after if f"whole(%4, n, {PAIR})" in line]
    loops = [line for line in after if line.startswith("  for i in")]
    assert loops == [
        f"  for i in range(0, %4, {ROWS}):",
        f"  for i in range(%4, {pairs}, {PAIR}):",
        f"  for i in range({pairs}, n):",
    ]


def test_each_row_has_its_own_accumulator():
    assert lines(jammed(DOT), "s (")[:ROWS] == [f"s ({k}) = 0.0" for k in range(ROWS)]


def test_what_rows_add_to_one_place_is_added_at_once():
    jam = jammed(ADDED).body[1]
    (target,) = [s for s in flat(jam.body) if isinstance(s, AddTo)]
    (total,) = [s for s in flat(jam.body) if isinstance(s, Let) and s.value == target.value]
    assert len(total.arguments) == ROWS


def test_several_sums_are_of_fewer_rows():
    (jam, *_) = [s for s in jammed(TWO).body if isinstance(s, Loop)]
    assert jam.step == SUMS // 2


def test_a_sum_in_each_lane_is_jammed_too():
    lanes = Loop(
        "j",
        Affine(),
        Affine(m),
        (
            Start("s", "add", 0.0),
            Loop("k", Affine(), Affine(n), (Load(0, "x", (k, j)), Load(1, "b", (i, k)), *product(2, 0, 1))),
            *(Read(3, "s"), Store("a", (i, j), 3)),
        ),
        "simd",
    )
    (jam, *_) = [s for s in jammed(program(lanes)).body if isinstance(s, Loop)]
    (within,) = [s for s in flat(jam.body) if isinstance(s, Loop) and s.index == "k"]
    loads = [s.buffer for s in within.body if isinstance(s, Load)]
    assert (loads.count("x"), loads.count("b")) == (1, ROWS)


def test_the_number_of_a_row_is_its_own():
    before = program(Count(0, i), inner(Load(1, "x", (i, j)), Let(2, Product(), (0, 1)), AddTo("g", (j,), 2)))
    counts = [str(s) for s in flat(jammed(before).body[1].body) if isinstance(s, Count)]
    assert [line.split(" = ")[1] for line in counts] == ["real(i)", *[f"real(i + {k})" for k in range(1, ROWS)]]


def test_a_sum_of_rows_is_known_in_its_loop_only():
    after = jammed(program(Load(0, "r", (i,)), inner(AddTo("g", (j,), 0)), inner(AddTo("w", (j,), 0)))).body[1]
    for loop in [s for s in after.body if isinstance(s, Loop)]:
        (target,) = [s for s in loop.body if isinstance(s, AddTo)]
        assert target.value in [s.value for s in loop.body if isinstance(s, Let)]


@pytest.mark.parametrize(
    "kept",
    [
        program(inner(Load(0, "x", (i, j)), Store("g", (j,), 0))),
        program(Load(0, "y", (Affine(-1, (("i", 1),)),)), inner(Load(1, "w", (j,)), AddTo("y", (i,), 1))),
        program(inner(Load(0, "x", (i, j)), Let(1, Exp(), (0,)), Load(2, "w", (j,)), AddTo("g", (j,), 1))),
        program(inner(Load(0, "x", (i, j)), AddTo("y", (i,), 0))),
        program(inner(Load(0, "x", (i, j)), Load(1, "w", (j,)), Let(2, Product(), (0, 1)), Store("a", (i, j), 2))),
        program(Load(0, "g", (Affine(),)), inner(Load(1, "x", (i, j)), AddTo("g", (j,), 1))),
        program(Load(0, "r", (i,)), Loop("j", Affine(), i, ADDED.body[0].body[1].body, "simd")),
        program(Load(0, "r", (i,)), Loop("j", i, Affine(m), ADDED.body[0].body[1].body, "simd")),
        program(*ADDED.body[0].body, When(((i, m),), (AddTo("g", (Affine(),), 0),))),
        program(*ADDED.body[0].body, Fill("a", (i,))),
        program(*ADDED.body[0].body, Call("gemm", ("x", "w", "a"), "NN", ((n,), (m,), (1,)), ((), (), ()))),
        program(Read(0, "s"), *ADDED.body[0].body[1:]),
    ],
    ids=[
        "stored by all rows",
        "read from the row before",
        "a call",
        "nothing in common",
        "little in common",
        "read and added to",
        "of as many entries as rows before",
        "of as many entries as rows after",
        "a condition",
        "memory that is filled",
        "a product of matrices",
        "a sum that began before the rows",
    ],
)
def test_left_as_it_is(kept: ArrayProgram):
    assert jammed(kept) is kept or jammed(kept) == kept


def test_places_that_are_looked_up_are_added_to_row_by_row():
    at = Affine(0, (), ((0, 1),))
    shared = Load(1, "w", (j,)), Load(2, "w", (Affine(1, j.terms),)), Let(3, Product(), (1, 2))
    (jam, *_) = [
        s
        for s in jammed(program(Load(0, "at", (i,)), inner(*shared, AddTo("a", (at, j), 3)))).body
        if isinstance(s, Loop)
    ]
    targets = [s.index[0] for s in flat(jam.body) if isinstance(s, AddTo)]
    assert len(set(targets)) == len(targets) == jam.step


def kernel(rows: int) -> tuple[ArrayKernel, list[np.ndarray]]:
    graph = Graph()
    x, w = (graph.add(Input(sp.Symbol(s), Type("f8", dims))) for s, dims in (("x", (n, m)), ("w", (m,))))
    y = graph.add(Exp(), matrix_product(x, w))
    rng = np.random.default_rng(rows)
    found = ArrayKernel("f", [x, w], [y, contract(graph, [(x, "ij"), (y, "i")], "j")])
    return found, [rng.normal(size=(rows, 11)), rng.normal(size=11)]


@pytest.mark.parametrize("rows", [1, 2, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS - 1, 2 * ROWS, 2 * ROWS + 1, 1000])
def test_values_for_all_numbers_of_rows(rows: int):
    f, (x, w) = kernel(rows)
    assert "whole(" in str(f.program)
    y, g = f.run([x, w], {n: rows, m: 11})
    np.testing.assert_allclose(y, np.exp(x @ w), rtol=1e-13)
    np.testing.assert_allclose(g, x.T @ np.exp(x @ w), rtol=1e-12, atol=1e-12 * abs(g).max())


@pytest.mark.parametrize("columns", [1, 2, 7, 8, 9, 15, 16, 17])
def test_values_for_all_numbers_of_columns(columns: int):
    f, _ = kernel(9)
    rng = np.random.default_rng(columns)
    x, w = rng.normal(size=(9, columns)), rng.normal(size=columns)
    y, g = f.run([x, w], {n: 9, m: columns})
    np.testing.assert_allclose(y, np.exp(x @ w), rtol=1e-13)
    np.testing.assert_allclose(g, x.T @ np.exp(x @ w), rtol=1e-12, atol=1e-12 * abs(g).max())
