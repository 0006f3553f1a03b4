"""Loops over one range, made one: the program before and after, and what it computes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symgrad.graph import Graph
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Bound,
    Buffer,
    Fill,
    Let,
    Load,
    Loop,
    Read,
    Rows,
    Start,
    Store,
    Update,
    flat,
)
from symgrad.lower.arrays.merge import merged
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import contract
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input
from symgrad.ops.products import matrix_product, total
from symgrad.ops.stable import Sigmoid, Softplus
from symgrad.ops.trigonometric import Sin
from symgrad.types import Type

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = (Affine(0, ((name, 1),)) for name in "ijk")
BUFFERS = (
    *(Buffer("x", (n,), "in"), Buffer("a", (n, m), "in")),
    *(Buffer("y", (n,), "out"), Buffer("z", (n,), "out"), Buffer("t", (n,), "scratch")),
)


def program(*body) -> ArrayProgram:
    return ArrayProgram("f", BUFFERS, body)


def loop(index: str, *body, extent=n, kind="simd") -> Loop:
    return Loop(index, Affine(), Affine(extent), body, kind)


def body(found: ArrayProgram) -> list[str]:
    return [
        line[2:] for line in str(found).splitlines() if not line.startswith(("program", "  in", "  out", "  scratch"))
    ]


FIRST = loop("i", Load(0, "x", (i,)), Let(1, Exp(), (0,)), Store("t", (i,), 1))


def test_a_value_that_was_stored_is_taken_from_the_register_and_not_stored():
    second = loop("j", Load(2, "t", (j,)), Let(3, Sin(), (2,)), Store("y", (j,), 3))
    after = merged(program(FIRST, second))
    assert body(after) == ["for i in simd(n):", "  %0 = load x[i]", "  %1 = exp(%0)", "  %3 = sin(%1)", "  y[i] = %3"]
    assert "t" not in [b.name for b in after.buffers]


def test_what_both_compute_is_computed_once():
    second = loop("j", Load(2, "x", (j,)), Let(3, Exp(), (2,)), Store("y", (j,), 3))
    third = loop("k", Load(4, "t", (Affine(n - 1, (("k", -1),)),)), Store("z", (k,), 4))
    assert body(merged(program(FIRST, second, third)))[:5] == [
        "for i in simd(n):",
        "  %0 = load x[i]",
        "  %1 = exp(%0)",
        "  t[i] = %1",
        "  y[i] = %1",
    ]


@pytest.mark.parametrize(
    "second",
    [
        loop("j", Load(2, "t", (Affine(-1, (("j", 1),)),)), Store("y", (j,), 2)),
        loop("j", Load(2, "x", (j,)), Store("y", (j,), 2), extent=n + 9),
        loop("j", Load(2, "a", (j, j)), Store("y", (j,), 2)),
        loop("j", Load(2, "x", (j,)), AddTo("y", (j,), 2)),
    ],
    ids=["another index", "another range", "nothing in common", "added to memory"],
)
def test_left_apart(second: Loop):
    third = loop("k", Load(5, "t", (Affine(),)), Store("z", (k,), 5), kind="serial")
    assert merged(program(FIRST, second, third)).body[:2] == (FIRST, second)


ROWS = Rows("row0", 90, Affine(n), sp.Symbol("block0"), (), (loop("k", Load(91, "x", (k,)), Store("z", (k,), 91)),), ())
SUM = loop("i", Load(0, "x", (i,)), Update("s", "add", 0), kind="serial")
TOTALS = loop("j", Load(1, "x", (j,)), Read(2, "s"), Store("y", (j,), 2), kind="serial")
FIRST_OF_T, SECOND_OF_T = Load(8, "t", (Affine(),)), Load(9, "t", (Affine(1),))
ENTRY = Load(0, "x", (i,)), Store("t", (Affine(),), 0)
READ = Load(1, "t", (Affine(),)), Store("y", (j,), 1)
SCALED = loop("j", Load(2, "x", (j,)), Let(3, Product(), (2, 8)), Store("y", (j,), 3))


@pytest.mark.parametrize(
    "body",
    [
        (FIRST, ROWS, loop("j", Load(2, "t", (j,)), Store("y", (j,), 2))),
        (Start("s", "add", 0.0), SUM, TOTALS),
        (FIRST, FIRST_OF_T, SECOND_OF_T, SCALED, Store("z", (Affine(),), 9)),
        (loop("i", Fill("t"), *ENTRY, kind="serial"), loop("j", *READ, kind="serial")),
    ],
    ids=[
        "threads come between",
        "a sum that the second reads",
        "a value between, beside another",
        "memory that each iteration fills",
    ],
)
def test_nothing_is_merged(body):
    assert len([s for s in merged(program(*body)).body if isinstance(s, Loop)]) == 2


@pytest.mark.parametrize(
    "between",
    [
        AddTo("y", (Affine(),), 0),
        Fill("y"),
        loop("i", Load(5, "x", (i,)), Store("y", (i,), 5)),
        loop("i", Load(5, "x", (i,)), AddTo("y", (Affine(),), 5), kind="serial"),
    ],
    ids=["added to", "filled", "stored in a loop", "added to in a loop"],
)
def test_what_changed_is_loaded_anew(between):
    last = Affine(n - 1)
    body = Load(0, "y", (Affine(),)), between, Load(1, "y", (Affine(),)), Store("z", (last,), 1), Store("z", (), 0)
    after = [s for s in merged(program(*body)).body if isinstance(s, Load)]
    assert len(after) == 2


Y = (Affine(),)  # a place in y
AGAIN = Load(2, "y", Y), Let(3, Exp(), (2,)), Store("y", Y, 3)


def rows(before=(), body=(), after=()) -> Rows:
    return Rows("row0", 90, Affine(n), sp.Symbol("block0"), before, body, after)


@pytest.mark.parametrize(
    "body",
    [
        (Load(0, "y", Y), loop("i", *AGAIN, kind="serial"), Store("z", (i,), 0)),
        (rows((Load(0, "y", Y), Store("z", Y, 0)), (loop("i", *AGAIN, kind="serial"),)),),
        (rows((Load(0, "y", Y), Store("z", Y, 0)), AGAIN),),
        (rows((Load(0, "y", Y), Store("z", Y, 0)), (FIRST, Fill("y")), (Load(2, "y", Y), Store("z", (i,), 2))),),
        (rows((), (Load(0, "y", Y), Store("z", Y, 0)), (Load(2, "y", Y), Store("z", (i,), 2))),),
        (Load(0, "y", Y), rows((), (Load(2, "y", Y), Store("z", Y, 2))), Store("z", (Affine(1),), 0)),
    ],
    ids=[
        "which a loop changes",
        "which a loop in rows changes",
        "which rows change",
        "which rows have changed",
        "which was loaded for each block",
        "which was loaded before the rows",
    ],
)
def test_a_number_is_loaded_anew(body):
    loads = [s for s in flat(merged(program(*body)).body) if isinstance(s, Load) and s.buffer == "y"]
    assert len(loads) == 2


def test_the_largest_and_the_smallest_are_two_values():
    both = Affine(n), Affine(m)
    limits = Bound(6, "max", both), Bound(7, "min", both)
    inner = Loop("i", Affine(0, (), ((7, 1),)), Affine(0, (), ((6, 1),)), (Load(0, "x", (i,)), Store("y", (i,), 0)))
    assert len([s for s in merged(program(*limits, inner)).body if isinstance(s, Bound)]) == 2


def test_loops_in_loops_are_merged_too():
    def sums(index: str, inner: str, value: int, target: str) -> Loop:
        at = Affine(0, ((index, 1),))
        return loop(
            index,
            Start(target, "add", 0.0),
            loop(
                inner,
                Load(value, "a", (at, Affine(0, ((inner, 1),)))),
                Let(value + 1, Exp() if value else Sin(), (value,)),
                Update(target, "add", value + 1),
                extent=m,
            ),
            Read(value + 2, target),
            Store(target, (at,), value + 2),
            kind="serial",
        )

    assert body(merged(program(sums("i", "j", 0, "y"), sums("j", "i", 10, "z")))) == [
        "for i in range(n):",
        "  y = 0.0",
        "  z = 0.0",
        "  for j in simd(m):",
        "    %0 = load a[i, j]",
        "    %1 = sin(%0)",
        "    y += %1",
        "    %11 = exp(%0)",
        "    z += %11",
        "  %2 = y",
        "  y[i] = %2",
        "  %12 = z",
        "  z[i] = %12",
    ]


def test_what_stands_between_and_depends_on_neither_moves():
    second = loop("j", Load(2, "x", (j,)), AddTo("y", (j,), 2))
    first = loop("i", Load(0, "x", (i,)), AddTo("z", (i,), 0))
    after = body(merged(program(Fill("z"), first, Fill("y"), second)))
    assert after == ["z = zeros", "y = zeros", "for i in simd(n):", "  %0 = load x[i]", "  z[i] += %0", "  y[i] += %0"]


def test_stable_functions_of_one_argument_share_their_exponential():
    graph = Graph()
    x, w = (graph.add(Input(sp.Symbol(s), Type("f8", dims))) for s, dims in (("x", (n, m)), ("w", (m,))))
    u = matrix_product(x, w)
    gradient = contract(graph, [(x, "ij"), (graph.add(Sigmoid(), u), "i")], "j")
    f = ArrayKernel("f", [x, w], [total(graph.add(Softplus(), u)), gradient])
    (line,) = [line for line in str(f.program).splitlines() if "softplus" in line]
    (other,) = [line for line in str(f.program).splitlines() if "sigmoid" in line]
    assert line.split("(")[1] == other.split("(")[1]
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 3)), rng.normal(size=3)
    value, slope = f.run([a, b], {n: 200, m: 3})
    np.testing.assert_allclose(value, np.logaddexp(0, a @ b).sum(), rtol=1e-13)
    np.testing.assert_allclose(slope, a.T @ (1 / (1 + np.exp(-a @ b))), rtol=1e-12)
