"""Batches: positions, tails, broadcasting, layouts, out=."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.errors import OutputError, ShapeError
from symgrad.graph import Graph
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.ops.exponential import Exp
from symgrad.ops.special import Erfinv
from symgrad.ops.trigonometric import Sin
from tests.lower.programs import array, assert_close, inputs, kernel_of, random_graph, reference

TOLERANCE = 1e-13  # some ulp of libmvec on values near 1


def small() -> Kernel:
    """exp(-x y) sin(z), and its product with erfinv(z/4), which is called lane by lane."""
    graph = Graph()
    x, y, z = inputs(graph, "x", "y", "z")
    value = Exp().apply(-(x * y)) * Sin().apply(z)
    return kernel_of([x, y, z], [value, value * Erfinv().apply(z / 4)])


def arrays() -> Kernel:
    """A (2, 3), v (3,), s -> A v + s, s v, the number 7 and exp(s)."""
    graph = Graph()
    a, v, (s,) = array(graph, "A", 2, 3), array(graph, "v", 3), inputs(graph, "s")
    rows = [sum((a.elements[3 * i + j] * v.elements[j] for j in range(3)), start=s) for i in range(2)]
    results = [Result((2,), tuple(rows)), Result((3,), tuple(s * x for x in v.elements))]
    return kernel_of([a, v, s], [*results, graph.node(7), Exp().apply(s)])


def points(n: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).uniform(0.1, 1.5, (3, n)))


@pytest.mark.parametrize("n", range(21))
def test_every_length(n: int) -> None:
    kernel, values = small(), points(n)
    for got, wanted in zip(kernel.batch(values), reference(kernel, values), strict=True):
        assert got.shape == (n,)
        assert_close(got, wanted, TOLERANCE)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed: int) -> None:
    kernel = kernel_of(*random_graph(120, seed))
    values = list(np.random.default_rng(seed).uniform(-2, 2, (4, 37)))
    wanted = reference(kernel, values)
    for got, y in zip(kernel.batch(values), wanted, strict=True):
        assert_close(got, y, 1e-11)
    single = np.array([kernel.njit(*map(float, p)) for p in zip(*values, strict=True)]).T
    for got, y in zip(single, wanted, strict=True):
        assert_close(got, y, 1e-11)


def test_the_result_at_a_point_depends_neither_on_its_position_nor_on_the_number_of_points() -> None:
    kernel, values = small(), points(40)
    whole = kernel.batch(values)
    for n in (2, 3, 7, 8, 9, 17, 31):
        for start in (0, 1, 5, 40 - n):
            part = kernel.batch([v[start : start + n] for v in values])
            for a, b in zip(whole, part, strict=True):
                assert np.array_equal(a[start : start + n], b)


@pytest.mark.parametrize(
    "shapes",
    [
        ((), (5,), (5,)),
        ((1,), (5,), ()),
        ((3, 1), (1, 4), (3, 4)),
        ((3, 1), (4,), ()),
        ((2, 1, 3), (4, 1), (1,)),
        ((), (), ()),
        ((1,), (1, 1), ()),
        ((0,), (1,), ()),
        ((3, 0), (3, 1), ()),
    ],
)
def test_batch_axes_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    kernel, rng = small(), np.random.default_rng(1)
    values = [rng.uniform(0.1, 1.5, shape) for shape in shapes]
    wanted = reference(kernel, np.broadcast_arrays(*values))
    for got, y in zip(kernel.batch(values), wanted, strict=True):
        assert got.shape == np.broadcast_shapes(*shapes)
        assert_close(got, y, TOLERANCE)


@pytest.mark.parametrize(
    "batches", [((), (), ()), ((6,), (), ()), ((), (6,), ()), ((2, 1), (5,), (2, 5)), ((17,), (17,), (17,))]
)
def test_array_arguments_and_results(batches: tuple[tuple[int, ...], ...]) -> None:
    kernel, rng = arrays(), np.random.default_rng(2)
    a, v, s = (rng.uniform(-1, 1, (*b, *core)) for b, core in zip(batches, ((2, 3), (3,), ()), strict=True))
    got = kernel.batch([a, v, s])
    batch = np.broadcast_shapes(*batches)
    product = np.einsum("...ij,...j->...i", a, v) + s[..., None]
    for y, wanted in zip(got, (product, s[..., None] * v, np.float64(7), np.exp(s)), strict=True):
        assert_close(y, np.broadcast_to(wanted, y.shape), TOLERANCE)
    assert [y.shape for y in got] == [(*batch, 2), (*batch, 3), batch, batch]


def reversed_view(x: np.ndarray) -> np.ndarray:
    return x[::-1].copy()[::-1]


def strided(x: np.ndarray) -> np.ndarray:
    wide = np.full((len(x), 3), np.nan)
    wide[:, 1] = x
    return wide[:, 1]


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x: np.ndarray) -> np.ndarray:
    memory = np.empty(x.nbytes + 1, np.uint8)[1:]
    memory[:] = x.view(np.uint8)
    return memory.view(np.float64)


def swapped(x: np.ndarray) -> np.ndarray:
    return x.astype(">f8")


@pytest.mark.parametrize("layout", [reversed_view, strided, read_only, unaligned, swapped])
def test_layouts(layout: Any) -> None:
    kernel, values = small(), points(19)
    for got, wanted in zip(kernel.batch([layout(v) for v in values]), kernel.batch(values), strict=True):
        assert np.array_equal(got, wanted)


def test_transposed_batches() -> None:
    kernel, rng = small(), np.random.default_rng(3)
    values = [rng.uniform(0.1, 1.5, (4, 5)) for _ in range(3)]
    for got, wanted in zip(kernel.batch([v.T for v in values]), kernel.batch(values), strict=True):
        assert np.array_equal(got, wanted.T)


def test_inputs_are_left_as_they_were() -> None:
    kernel, values = small(), points(11)
    before = [v.copy() for v in values]
    kernel.batch(values)
    assert all(map(np.array_equal, values, before))


@pytest.mark.parametrize("n", [1, 5, 8, 23])
def test_out_is_filled_in_any_layout(n: int) -> None:
    kernel, values = small(), points(n)
    wanted = kernel.batch(values)
    wide = np.empty((n, 2))
    for out in ([np.empty(n), np.empty(n)], [wide[:, 0], wide[:, 1]], [unaligned(np.ones(n)) for _ in range(2)]):
        got = kernel.batch(values, out)
        assert all(a is b for a, b in zip(got, out, strict=True))
        assert all(map(np.array_equal, out, wanted))


def test_nothing_is_written_around_out() -> None:
    kernel, values = small(), points(13)
    memory = np.full((2, 33), -1.0)
    kernel.batch(values, [memory[0, 10:23], memory[1, 10:23]])
    assert (memory[:, :10] == -1).all()
    assert (memory[:, 23:] == -1).all()


def test_out_that_is_an_input() -> None:
    kernel, values = small(), points(29)
    wanted = kernel.batch(values)
    shifted = np.concatenate([values[0], [0.0]])
    values[0] = shifted[:-1]
    out = [shifted[1:], values[2]]
    kernel.batch(values, out)
    assert all(map(np.array_equal, out, wanted))


def test_out_of_arrays() -> None:
    kernel, rng = arrays(), np.random.default_rng(4)
    values = [rng.uniform(-1, 1, shape) for shape in ((12, 2, 3), (12, 3), (12,))]
    wanted = kernel.batch(values)
    out = [np.empty_like(y, order="C") for y in wanted]
    kernel.batch(values, out)
    assert all(map(np.array_equal, out, wanted))


def test_an_empty_batch_compiles_nothing() -> None:
    kernel = small()
    assert [y.shape for y in kernel.batch([np.empty((0, 3))] * 3)] == [(0, 3), (0, 3)]
    assert kernel._batches == {}


def test_batches_that_do_not_broadcast_are_an_error() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        small().batch([np.ones(3), np.ones(4), np.ones(())])


def test_values_of_another_shape_are_an_error() -> None:
    values = [np.ones((4, 2, 3)), np.ones((4, 3)), np.ones(4)]
    for k, wrong in ((0, np.ones((4, 3, 2))), (0, np.ones(3)), (1, np.ones((4, 2))), (1, np.ones(()))):
        with pytest.raises(ShapeError, match="another shape"):
            arrays().batch([*values[:k], wrong, *values[k + 1 :]])


def test_complex_values_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        small().batch([np.ones(9), np.ones(9, complex), np.ones(9)])


@pytest.mark.parametrize(
    "wrong", [np.empty(8), np.empty((9, 1)), np.empty(9, "f4"), np.empty(10), read_only(np.empty(9))]
)
def test_out_that_cannot_take_the_result_is_an_error(wrong: np.ndarray) -> None:
    with pytest.raises(OutputError, match="cannot take the result"):
        small().batch(points(9), [np.empty(9), wrong])


def test_a_batch_of_many_statements_is_computed_in_parts() -> None:
    kernel = kernel_of(*random_graph(16_000, 5))
    values = list(np.random.default_rng(5).uniform(-1, 1, (4, 11)))
    assert "optnone" in _llvm_of_batch(kernel)
    for got, wanted in zip(kernel.batch(values), reference(kernel, values), strict=True):
        assert_close(got, wanted, 1e-9)


def test_a_result_without_a_variable_fills_the_batch() -> None:
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    kernel = kernel_of([x, y], [graph.node(3), Sin().apply(y), x])
    got = kernel.batch([np.arange(5.0), np.float64(2.0)])
    assert np.array_equal(got[0], np.full(5, 3.0))
    assert_close(got[1], np.full(5, np.sin(2.0)), TOLERANCE)
    assert np.array_equal(got[2], np.arange(5.0))


def _llvm_of_batch(kernel: Kernel) -> str:
    from symgrad.lower.emit.llvm import to_llvm
    from symgrad.lower.emit.target import host
    from symgrad.lower.scalars.schedule import schedule

    varying = (True,) * len(kernel.arguments)
    return to_llvm(schedule("f", kernel.arguments, kernel.results, varying=varying), "f", host())[0]
