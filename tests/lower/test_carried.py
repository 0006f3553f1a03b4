"""Values that loops in vectors carry from iteration to iteration: the program, and what it computes at all sizes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower import array_kernel
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.carried import FARTHEST, carried, cone
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Buffer,
    Count,
    Extent,
    Let,
    Load,
    Loop,
    Number,
    Store,
    Update,
    flat,
)
from symgrad.lower.emit.target import Target
from symgrad.ops.arithmetic import Add, Product
from symgrad.ops.exponential import Exp
from symgrad.ops.logic import Relation

n, m = sp.symbols("n m", integer=True, positive=True)
at_i, at_j = sp.symbols("i j", integer=True)
i, j = (Affine(0, ((name, 1),)) for name in "ij")
BUFFERS = (
    *(Buffer("x", (n,), "in"), Buffer("w", (n,), "in"), Buffer("a", (n, m), "in"), Buffer("k", (n,), "in", "i8")),
    *(Buffer("y", (n,), "out"), Buffer("z", (n,), "scratch")),
)
SIZES = [*range(1, 36), 63, 64, 65, 200, 511, 512, 513, 5000]


def program(*body) -> ArrayProgram:
    return ArrayProgram("f", BUFFERS, (Loop("i", Affine(1), Affine(n - 1), body, "simd"),))


def at(far: int) -> tuple[Affine]:
    return (i.plus(Affine(far)),)


def found(before: ArrayProgram) -> list[str]:
    return [str(c) for s in flat(carried(before).body) if isinstance(s, Loop) for c in s.carried]


PRODUCTS = program(
    *(Load(0, "x", at(-1)), Load(1, "w", at(-1)), Let(2, Product(), (0, 1))),
    *(Load(3, "x", at(0)), Load(4, "w", at(0)), Let(5, Product(), (3, 4))),
    *(Let(6, Add((1, -1)), (5, 2)), Store("y", at(0), 6)),
)


def test_a_number_is_loaded_once():
    before = program(
        *(Load(0, "x", at(-1)), Load(1, "x", at(0)), Load(2, "x", at(1))),
        *(Let(3, Add((1, -2, 1)), (0, 1, 2)), Store("y", at(0), 3)),
    )
    assert found(before) == ["%0 = %2 of 2 before", "%1 = %2 of 1 before"]


def test_a_value_is_computed_once():
    assert found(PRODUCTS) == ["%2 = %5 of 1 before"]


def test_a_value_stands_after_the_one_that_it_was():
    (loop,) = carried(PRODUCTS).body
    values = [s.value for s in loop.body if not isinstance(s, Store)]
    assert values.index(5) < values.index(2) < values.index(6)


def test_a_program_prints_what_is_carried():
    assert "for i in simd(1, n - 1) carrying %2 = %5 of 1 before:" in str(carried(PRODUCTS))


def test_other_operations_are_other_values():
    before = program(
        *(Load(0, "x", at(-1)), Let(1, Exp(), (0,)), Load(2, "w", at(0)), Let(3, Exp(), (2,))),
        *(Let(4, Add((1, 1)), (1, 3)), Store("y", at(0), 4)),
    )
    assert found(before) == []


def test_numbers_are_the_same_in_all_iterations():
    before = program(
        *(
            Number(7, 3),
            Load(0, "x", at(-1)),
            Let(1, Product(), (0, 7)),
            Load(2, "x", at(0)),
            Let(3, Product(), (2, 7)),
        ),
        *(Let(4, Add((1, 1)), (1, 3)), Store("y", at(0), 4)),
    )
    assert found(before) == ["%1 = %3 of 1 before"]


def test_a_position_is_carried_with_what_it_is_in():
    before = program(
        *(Count(0, at(-1)[0]), Load(1, "x", at(-1)), Let(2, Product(), (0, 1))),
        *(Count(3, at(0)[0]), Load(4, "x", at(0)), Let(5, Product(), (3, 4))),
        *(Let(6, Add((1, 1)), (2, 5)), Store("y", at(0), 6)),
    )
    assert found(before) == ["%2 = %5 of 1 before"]


def test_strided_places_are_so_many_iterations_apart():
    twice = Affine(0, (("i", 2),))
    before = program(
        *(Load(0, "x", (twice,)), Load(1, "x", (twice.plus(Affine(2)),)), Load(2, "x", (twice.plus(Affine(1)),))),
        *(Let(3, Add((1, 1, 1)), (0, 1, 2)), Store("y", at(0), 3)),
    )
    assert found(before) == ["%0 = %1 of 1 before"]


def test_rows_of_a_matrix_are_carried_along_them():
    before = program(
        *(Load(0, "a", (i, j)), Load(1, "a", (i.plus(Affine(1)), j)), Load(2, "a", (i, j.plus(Affine(1))))),
        *(Let(3, Add((1, 1, 1)), (0, 1, 2)), Store("y", at(0), 3)),
    )
    assert found(before) == ["%0 = %1 of 1 before"]


def test_what_is_too_far_is_loaded():
    before = program(
        *(Load(0, "x", at(0)), Load(1, "x", at(FARTHEST + 1))),
        *(Let(2, Add((1, 1)), (0, 1)), Store("y", at(0), 2)),
    )
    assert found(before) == []


@pytest.mark.parametrize("writes", [Store, AddTo])
def test_what_the_loop_writes_is_loaded(writes):
    before = program(
        *(Load(0, "z", at(-1)), Load(1, "z", at(0)), Let(2, Add((1, 1)), (0, 1))),
        *(writes("z", at(0), 2), Store("y", at(0), 2)),
    )
    assert found(before) == []


def test_truths_and_integers_are_not_carried():
    before = program(
        *(Load(0, "x", at(-1)), Load(1, "x", at(0)), Let(2, Relation("<"), (0, 7)), Let(3, Relation("<"), (1, 7))),
        *(Load(4, "k", at(-1)), Load(5, "k", at(0)), Update("s", "add", 2), Update("s", "add", 3)),
        *(Update("s", "add", 4), Update("s", "add", 5)),
    )
    assert found(before) == ["%0 = %1 of 1 before"]


def test_what_nothing_needs_is_not_carried():
    """The product is: then what it was made of, one iteration before, is needed no more."""
    assert not any(c.startswith(("%0", "%1")) for c in found(PRODUCTS))


def products_with(first, second, *more) -> ArrayProgram:
    """The sum of x[i - 1] times one value and x[i] times another."""
    terms = Load(0, "x", at(-1)), Let(1, Product(), (0, first)), Load(2, "x", at(0)), Let(3, Product(), (2, second))
    return program(*more, *terms, Let(4, Add((1, 1)), (1, 3)), Store("y", at(0), 4))


OTHERS = {
    "numbers": (Number(10, 2), Number(11, 3)),
    "sizes": (Extent(10, n), Extent(11, m)),
    "places": (Load(10, "w", (Affine(),)), Load(11, "w", (Affine(1),))),
}


@pytest.mark.parametrize("what", OTHERS)
def test_products_with_what_is_the_same_in_all_iterations_are_carried(what):
    assert found(products_with(10, 10, OTHERS[what][0])) == ["%1 = %3 of 1 before"]


@pytest.mark.parametrize("what", OTHERS)
def test_products_with_something_else_are_not_carried(what):
    assert found(products_with(10, 11, *OTHERS[what])) == ["%0 = %2 of 1 before"]


def test_products_with_what_the_loop_writes_are_not_carried():
    assert found(products_with(10, 10, Load(10, "z", at(0)), Store("z", at(1), 10))) == ["%0 = %2 of 1 before"]


def test_places_that_are_looked_up_are_loaded():
    place, beside = (Affine(far, i.terms, ((9, 1),)) for far in (0, 1))
    before = program(
        *(Load(9, "k", at(0)), Load(0, "x", (place,)), Load(1, "x", (beside,))),
        *(Let(2, Add((1, 1)), (0, 1)), Store("y", at(0), 2)),
    )
    assert found(before) == []


def test_stores_stay_in_their_order():
    (loop,) = carried(
        program(
            *(Load(0, "x", at(0)), Load(1, "x", at(1)), Store("z", at(0), 0), AddTo("z", at(0), 1)),
            *(Load(2, "w", at(0)), Store("z", at(0), 2), Load(3, "x", at(2)), Store("y", at(0), 3)),
        )
    ).body
    assert [s.value for s in loop.body if isinstance(s, (Store, AddTo))] == [0, 1, 2, 3]


def test_the_cone_of_a_value_is_what_it_is_computed_from():
    body = PRODUCTS.body[0].body
    assert cone(body, 2) == list(body[:3])


# -- what is computed -------------------------------------------------------------------------------------------------


def gradient(**options) -> sg.Function:
    """Of a chain, for all sizes."""
    x = sp.IndexedBase("x", shape=(n,))
    terms = 100 * (x[at_i + 1] - x[at_i] ** 2) ** 2 + sp.exp(-x[at_i]) * x[at_i + 1]
    return sg.Function([x], sp.Sum(terms, (at_i, 0, n - 2)), **options).value_and_grad(x)


def expected(x: np.ndarray) -> tuple[float, np.ndarray]:
    a, b = x[:-1], x[1:]
    e, d = np.exp(-a), b - a**2
    g = np.zeros_like(x)
    g[:-1] += -400 * a * d - e * b
    g[1:] += 200 * d + e
    return float((100 * d**2 + e * b).sum()), g


def close(y, z) -> bool:
    return np.allclose(y, z, rtol=1e-12, atol=1e-12 * max(np.abs(z).max(initial=0.0), 1.0))


@pytest.fixture(scope="module")
def chain() -> sg.Function:
    return gradient()


@pytest.mark.parametrize("size", [k for k in SIZES if k > 1])
def test_a_chain_at_all_sizes(chain, size):
    x = np.random.default_rng(size).normal(size=size)
    value, g = chain(x)
    assert close(value, expected(x)[0])
    assert close(g, expected(x)[1])


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_a_chain_in_vectors_of_any_width(monkeypatch, lanes):
    if lanes > array_kernel.host().lanes:
        pytest.skip("no such vectors here")
    monkeypatch.setattr(array_kernel, "host", lambda: Target(lanes))
    f = gradient()
    for size in range(2, 40):
        x = np.random.default_rng(size).normal(size=size)
        assert close(f(x)[1], expected(x)[1])


def test_of_one_entry_there_is_nothing_beside_it(chain):
    value, g = chain(np.array([3.0]))
    assert (value, g.tolist()) == (0.0, [0.0])


def test_neighbours_on_both_sides_at_all_sizes():
    x = sp.IndexedBase("x", shape=(n,))
    f = sg.Function([x], sp.Sum(sp.sin(x[at_i]) * x[at_i + 1] * x[at_i + 3], (at_i, 0, n - 4))).grad(x)
    for size in SIZES[4:]:
        v = np.random.default_rng(size).normal(size=size)
        g = np.zeros(size)
        g[:-3] += np.cos(v[:-3]) * v[1:-2] * v[3:]
        g[1:-2] += np.sin(v[:-3]) * v[3:]
        g[3:] += np.sin(v[:-3]) * v[1:-2]
        assert close(f(v), g)


@pytest.mark.parametrize("rows", [2, 3, 17])
def test_a_grid_at_all_sizes(rows):
    a = sp.IndexedBase("a", shape=(m, n))
    along = sp.Sum((a[at_j, at_i + 1] - a[at_j, at_i]) ** 4, (at_i, 0, n - 2), (at_j, 0, m - 1))
    across = sp.Sum((a[at_j + 1, at_i] - a[at_j, at_i]) ** 4, (at_i, 0, n - 1), (at_j, 0, m - 2))
    f = sg.Function([a], along + across).grad(a)
    for size in SIZES[1:-1]:
        v = np.random.default_rng(size).normal(size=(rows, size))
        g = np.zeros((rows, size))
        right, down = 4 * np.diff(v, axis=1) ** 3, 4 * np.diff(v, axis=0) ** 3
        g[:, 1:] += right
        g[:, :-1] -= right
        g[1:] += down
        g[:-1] -= down
        assert close(f(v), g)


def test_numbers_of_single_precision():
    f = gradient(dtype="float32")
    x = np.random.default_rng(0).normal(size=300).astype(np.float32)
    assert np.allclose(f(x)[1], expected(x.astype(float))[1], rtol=1e-4, atol=1e-3)


def test_what_is_carried_is_what_would_be_computed(monkeypatch, chain):
    """But for roundings of what is fused."""
    monkeypatch.setattr("symgrad.lower.arrays.nests.carried", lambda before: before)
    other = gradient()
    x = np.random.default_rng(1).normal(size=1000)
    assert np.allclose(chain(x)[1], other(x)[1], rtol=1e-14, atol=0)
