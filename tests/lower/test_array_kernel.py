"""Kernels of arrays: the loops, the NumPy source and the interpreter agree, whatever the sizes and the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.graph import Node
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays.loops import ArrayProgram, Loop, flat
from symgrad.ops.exponential import Exp
from symgrad.ops.products import broadcast, dot, total
from symgrad.ops.trigonometric import Sin
from tests.lower.array_graphs import KINDS, SIZES, Arrays, k, m, n, q, random_graph, values

TOLERANCE = 1e-11  # of sums in another order; most entries agree to 1e-15


def agree(a: Arrays, outputs: list[Node], sizes: dict[Any, int], tolerance: float = TOLERANCE) -> None:
    """Assert that kernel and source give what the interpreter does."""
    kernel = ArrayKernel("f", a.inputs, outputs)
    given = values(sizes)
    before = [np.array(v) for v in given]
    with np.errstate(all="ignore"):
        wanted = evaluate(outputs, dict(zip(a.inputs, given, strict=True)))
    for found in (kernel.run(given, sizes), kernel._in_numpy(given, sizes)):
        for node, y, z in zip(outputs, found, wanted, strict=True):
            assert np.shape(y) == np.shape(z), str(node)
            np.testing.assert_allclose(y, z, tolerance, tolerance, err_msg=str(node))
    assert all(np.array_equal(v, w) for v, w in zip(given, before, strict=True))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_values(kind: str, sizes: dict[Any, int]) -> None:
    a = Arrays()
    agree(a, KINDS[kind](a), sizes, 1e-7 if kind in ("inverses", "solutions") else TOLERANCE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("inputs", "constants", "sizes")])
def test_gradients(kind: str) -> None:
    a = Arrays()
    target = a.s
    for y in KINDS[kind](a):
        target = target + (total(a.graph.add(Sin(), y)) if y.type.shape else y)
    real = [x for x in a.inputs if x.type.dtype == "f8"]
    agree(a, [target, *build_grad(target, real)], SIZES[0], 1e-7)


@pytest.mark.parametrize("seed", range(120))
def test_random_graphs(seed: int) -> None:
    a, outputs = random_graph(seed)
    agree(a, outputs, SIZES[seed % len(SIZES)], 1e-10)


def test_all_kinds_are_loops() -> None:
    in_numpy = []
    for kind, outputs in KINDS.items():
        a = Arrays()
        if isinstance(ArrayKernel("f", a.inputs, outputs(a)).program, str):
            in_numpy.append(kind)
    assert in_numpy == []


def layouts(x: np.ndarray) -> list[np.ndarray]:
    """The array in other orders of memory: all equal to it."""
    wide = np.zeros([2 * size for size in x.shape])
    every_second = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    every_second[...] = x
    backwards = np.array(x[tuple(slice(None, None, -1) for _ in x.shape)])
    read_only = np.array(x)
    read_only.flags.writeable = False
    return [np.asfortranarray(x), every_second, backwards[tuple(slice(None, None, -1) for _ in x.shape)], read_only]


@pytest.mark.parametrize("layout", range(4), ids=["Fortran", "strided", "backwards", "read-only"])
def test_memory_order_makes_no_difference(layout: int) -> None:
    a = Arrays()
    outputs = [KINDS[kind](a)[0] for kind in ("matrices", "elementwise", "groups of axes", "transposes")]
    kernel, given = ArrayKernel("f", a.inputs, outputs), values(SIZES[0])
    other = [layouts(v)[layout] if np.ndim(v) and v.dtype == float else v for v in given]
    for y, z in zip(kernel.run(other, SIZES[0]), kernel.run(given, SIZES[0]), strict=True):
        np.testing.assert_array_equal(y, z)


def test_results_go_into_the_arrays_that_are_given() -> None:
    a = Arrays()
    kernel = ArrayKernel("f", a.inputs, [a.x + 1, a.t * a.t, total(a.t)])
    given = values(SIZES[0])
    fresh = kernel.run(given, SIZES[0])
    out = [np.empty((3, 11)).T, np.empty(22)[::2], np.empty(())]
    assert all(y is z for y, z in zip(kernel.run(given, SIZES[0], out), out, strict=True))
    for y, z in zip(fresh, out, strict=True):
        np.testing.assert_array_equal(y, z)


@pytest.mark.parametrize("kind", ["elementwise", "matrices", "softmax", "gathers", "shifts", "determinants"])
def test_single_precision(kind: str) -> None:
    a = Arrays()
    outputs = KINDS[kind](a)
    kernel, given = ArrayKernel("f", a.inputs, outputs, "f4"), values(SIZES[0])
    single = [np.asarray(v, "f4") if np.asarray(v).dtype == float else v for v in given]
    wanted = evaluate(outputs, dict(zip(a.inputs, given, strict=True)))
    for y, z in zip(kernel.run(single, SIZES[0]), wanted, strict=True):
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, z, 2e-4, 1e-5)


def test_one_program_for_all_sizes() -> None:
    a = Arrays()
    target = total(a.graph.add(Exp(), a.x) * a.x)
    kernel = ArrayKernel("f", a.inputs, [target, *build_grad(target, [a.x])])
    source, program, compiled = kernel.source, kernel.program, kernel._code(frozenset())
    for sizes in SIZES:
        kernel.run(values(sizes), sizes)
    assert (kernel.source, kernel.program, kernel._code(frozenset())) == (source, program, compiled)
    large = {n: 1000, m: 1000, k: 1, q: 1}
    x = np.ones((1000, 1000))
    given = [x, x[0], x[0], x[:, :1], 1.0, x, x[..., None], np.zeros(1, np.int64)]
    assert kernel.run(given, large)[0] == pytest.approx(1e6 * np.e)


def test_a_vector_of_a_loop_is_explicit() -> None:
    a = Arrays()
    program = ArrayKernel("f", a.inputs, [dot(a.t, a.t)]).program
    assert isinstance(program, ArrayProgram)
    assert "simd" in [s.kind for s in flat(program.body) if isinstance(s, Loop)]


def test_a_kernel_is_pickled_without_its_code() -> None:
    import pickle

    a = Arrays()
    kernel = pickle.loads(pickle.dumps(ArrayKernel("f", a.inputs, [dot(a.t, a.t)])))
    given = values(SIZES[0])
    assert kernel.run(given, SIZES[0])[0] == pytest.approx(given[1] @ given[1])


def test_several_threads_share_a_kernel() -> None:
    from concurrent.futures import ThreadPoolExecutor

    a = Arrays()
    y = a.graph.add(Exp(), a.x)
    kernel = ArrayKernel("f", a.inputs, [contracted := dot(y, y * y), *build_grad(contracted, [a.x])])
    many = [values(SIZES[0], seed) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda v: kernel.run(v, SIZES[0]), many))
    for given, results in zip(many, found, strict=True):
        for y_, z in zip(kernel.run(given, SIZES[0]), results, strict=True):
            np.testing.assert_array_equal(y_, z)


@pytest.mark.parametrize("kind", ["matrices", "softmax", "gathers", "sums", "inverses"])
def test_numba_functions(kind: str) -> None:
    a = Arrays()
    outputs = KINDS[kind](a)
    kernel, given = ArrayKernel("f", a.inputs, outputs), values(SIZES[0])
    found = kernel.njit(*given)
    wanted = kernel.run(given, SIZES[0])
    for y, z in zip(found if len(outputs) > 1 else [found], wanted, strict=True):
        np.testing.assert_array_equal(y, z)


def test_a_numba_function_is_called_from_compiled_code() -> None:
    import numba

    a = Arrays()
    f = ArrayKernel("f", a.inputs[:3], [dot(a.t, a.t), a.x * 2]).njit

    @numba.njit
    def twice(x: Any, t: Any, w: Any) -> Any:
        value, array = f(x, t, w)
        return 2 * value + array[0, 0]

    x, t, w = values(SIZES[0])[:3]
    assert twice(x, t, w) == pytest.approx(2 * t @ t + 2 * x[0, 0])
    assert twice(np.asfortranarray(x), t[::-1], w) == pytest.approx(2 * t @ t + 2 * x[0, 0])
    with pytest.raises(ValueError, match="axis 0 has another size"):
        twice(x, t[1:], w)


def test_sizes_that_are_halves_are_integers() -> None:
    a = Arrays()
    x = a.real("x", n * (n + 1) / 2)
    kernel = ArrayKernel("f", [x, a.t], [x * 2 + broadcast(total(a.t), (n * (n + 1) / 2,), [])])
    given, sizes = [np.arange(6.0), np.ones(3)], {n: 3}
    for found in (kernel.run(given, sizes)[0], kernel._in_numpy(given, sizes)[0], kernel.njit(*given)):
        assert found.tolist() == [3, 5, 7, 9, 11, 13]
