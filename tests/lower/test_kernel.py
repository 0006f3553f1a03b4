"""The kernel for one point: types, shapes, Numba's and C's callers, threads, pickles, parts."""

from __future__ import annotations

import operator
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import pytest
import scipy.integrate
import sympy as sp
from scipy import LowLevelCallable

from symgrad.errors import ArgumentError
from symgrad.graph import Graph
from symgrad.lower.emit.llvm import MOST_LOADS
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.ops.arithmetic import Add
from symgrad.ops.elementwise import OPERATIONS
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.logic import Relation
from symgrad.ops.select import Select
from symgrad.ops.special import BesselJ, LambertW, Polygamma
from symgrad.ops.trigonometric import Sin
from symgrad.user import IMPLEMENTATIONS, UserFunction, register
from tests.lower.programs import Argument, array, assert_close, inputs, kernel_of, random_graph, reference

TOLERANCE = 1e-14


def two() -> Kernel:
    """x, y -> (x sin y, x / y)."""
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    return kernel_of([x, y], [x * Sin().apply(y), x / y])


def norm() -> Kernel:
    """v (3,), s -> s |v|^2, 2 s v, [[s]]."""
    graph = Graph()
    v, (s,) = array(graph, "v", 3), inputs(graph, "s")
    square = sum((x * x for x in v.elements[1:]), start=v.elements[0] ** 2)
    return kernel_of([v, s], [s * square, Result((3,), tuple(2 * s * x for x in v.elements)), Result((1, 1), (s,))])


def test_one_scalar_result_is_a_float() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    y = kernel_of([x], [Exp().apply(x)]).njit(1.0)
    assert type(y) is float
    assert_close(y, np.e, TOLERANCE)


def test_one_array_result_is_an_array() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    y = kernel_of([x], [Result((2, 2), (x, graph.node(0), x + 1, -x))]).njit(3.0)
    assert np.array_equal(y, [[3, 0], [4, -3]])
    assert y.flags.c_contiguous
    assert y.flags.owndata or y.base is not None


def test_several_results_are_a_tuple() -> None:
    value, gradient, s = norm().njit(np.array([1.0, 2.0, 3.0]), 0.5)
    assert (value, gradient.tolist(), s.tolist()) == (7.0, [1.0, 2.0, 3.0], [[0.5]])


def test_a_kernel_without_arguments() -> None:
    graph = Graph()
    assert kernel_of([], [graph.node(2) * Log().apply(graph.node(3))]).njit() == pytest.approx(2 * np.log(3))


def test_integers_and_truth_values_are_promoted() -> None:
    kernel = two()
    assert kernel.njit(3, True) == kernel.njit(3.0, 1.0)
    assert kernel.njit(np.float32(3), np.int8(2)) == kernel.njit(3.0, 2.0)


@pytest.mark.parametrize("value", [1j, "1", None, np.ones(3), [1.0], np.complex128(1)])
def test_what_is_no_number_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        two().njit(value, 1.0)


def test_another_number_of_arguments_is_a_type_error() -> None:
    for args in ((), (1.0,), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError):
            two().njit(*args)


@pytest.mark.parametrize(
    "value",
    [np.ones(3, int), np.ones(3, "f4"), np.ones(3, complex), np.ones((1, 3)), np.ones(6)[::2], 1.0, [1.0, 2.0, 3.0]],
)
def test_arrays_of_another_type_or_layout_are_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        norm().njit(value, 1.0)


@pytest.mark.parametrize("size", [0, 2, 4])
def test_arrays_of_another_shape_are_a_value_error(size: int) -> None:
    kernel = norm()
    with pytest.raises(ValueError, match="argument 0 has another shape"):
        kernel.njit(np.ones(size), 1.0)
    assert kernel.njit(np.ones(3), 1.0)[0] == 3.0


def test_a_read_only_array_is_taken() -> None:
    v = np.ones(3)
    v.flags.writeable = False
    assert norm().njit(v, 1.0)[0] == 3.0


def test_elements_that_are_not_used_are_not_read() -> None:
    graph = Graph()
    v = array(graph, "v", 2, 2)
    kernel = kernel_of([Argument("v", (2, 2), (None, v.elements[1], None, None))], [v.elements[1] ** 2])
    assert kernel.njit(np.array([[np.nan, 3.0], [0.0, 0.0]])) == 9.0


def test_compiled_code_calls_it_in_parallel() -> None:
    kernel = two().njit

    @numba.njit(parallel=True)
    def total(x: np.ndarray) -> float:
        y = np.empty_like(x)
        for i in numba.prange(len(x)):
            y[i] = kernel(x[i], 2.0)[0]
        return y.sum()

    x = np.linspace(0, 1, 1001)
    assert_close(total(x), (x * np.sin(2.0)).sum(), 1e-12)


def test_compiled_code_calls_it_with_arrays_and_reads_no_others() -> None:
    kernel = norm().njit

    @numba.njit
    def first(v: np.ndarray) -> float:
        return kernel(v, 2.0)[1][0]

    assert first(np.array([3.0, 0.0, 0.0])) == 12.0
    with pytest.raises(ValueError, match="another shape"):
        first(np.ones(2))


def test_two_kernels_in_one_compiled_function() -> None:
    one, other = two().njit, two().njit

    @numba.njit
    def both(x: float) -> float:
        return one(x, 1.0)[1] + other(x, 2.0)[1]

    assert both(4.0) == 6.0


def test_c_functions() -> None:
    graph = Graph()
    x, a = inputs(graph, "x", "a")
    damped = Exp().apply(-(x**2))
    one = kernel_of([x], [damped]).cfunc("float64(float64)")
    assert_close(one.ctypes(0.5), np.exp(-0.25), TOLERANCE)
    integral, _ = scipy.integrate.quad(LowLevelCallable(one.ctypes), -np.inf, np.inf)
    assert_close(integral, np.sqrt(np.pi), 1e-8)
    kernel = kernel_of([x, a], [a * damped])
    assert_close(kernel.cfunc("float64(float64, float64)").ctypes(0.0, 3.0), 3.0, TOLERANCE)
    for signature in ("float64(intc, CPointer(float64))", "float64(intc, CPointer(float64), voidptr)"):
        function = LowLevelCallable(kernel.cfunc(signature).ctypes)
        integral, _ = scipy.integrate.quad(function, -np.inf, np.inf, args=(2.0,))
        assert_close(integral, 2 * np.sqrt(np.pi), 1e-8)


def test_a_c_caller_that_passes_too_few_numbers_gets_nan() -> None:
    function = two_to_one().cfunc("float64(intc, CPointer(float64))")
    numbers = np.array([2.0, 3.0])
    pointer = numbers.ctypes.data_as(function.ctypes.argtypes[1])
    assert function.ctypes(2, pointer) == 6.0
    assert np.isnan(function.ctypes(1, pointer))


@pytest.mark.parametrize("signature", ["float64(float64)", "float32(float32, float32)", "float64(float64[:])", "1 + 1"])
def test_other_c_signatures_are_an_error(signature: str) -> None:
    with pytest.raises(ArgumentError, match="C signature"):
        two_to_one().cfunc(signature)


def test_a_c_function_of_several_results_is_an_error() -> None:
    with pytest.raises(ArgumentError):
        two().cfunc("float64(float64, float64)")


def two_to_one() -> Kernel:
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    return kernel_of([x, y], [x * y])


def test_threads_that_compile_at_once() -> None:
    kernels = [kernel_of(*random_graph(60, seed)) for seed in range(4)]
    start = threading.Barrier(8)
    values = [np.linspace(0.1, 1.0, 33)] * 4

    def run(k: int) -> tuple[Any, Any]:
        start.wait()
        kernel = kernels[k % 4]
        return kernel.njit(0.1, 0.2, 0.3, 0.4), kernel.batch(values)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(8)))
    for k in range(4):
        assert found[k][0] == found[k + 4][0]
        assert all(map(np.array_equal, found[k][1], found[k + 4][1]))
        for got, wanted in zip(found[k][0], reference(kernels[k], [0.1, 0.2, 0.3, 0.4]), strict=True):
            assert_close(got, wanted, 1e-12)


def test_a_pickle_holds_nothing_compiled() -> None:
    kernel = norm()
    v = np.array([1.0, 2.0, 3.0])
    wanted, size = kernel.njit(v, 2.0)[0], len(pickle.dumps(norm()))
    kernel.batch([np.ones((9, 3)), np.float64(1)])
    data = pickle.dumps(kernel)
    assert len(data) == size
    assert pickle.loads(data).njit(v, 2.0)[0] == wanted


def test_special_functions_by_address() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    order = graph.node(2)
    functions = [op.apply(x) for op in (Polygamma(3), LambertW(), LambertW(-1))]
    kernel = kernel_of([x], [*functions, graph.add(BesselJ(), order, x)])
    for x0 in (0.3, 2.5, -0.2, -0.5, np.nan, np.inf):
        for got, wanted in zip(kernel.njit(x0), reference(kernel, [x0]), strict=True):
            assert_close(got, wanted, 1e-12)


def test_12_000_operations_in_parts() -> None:
    kernel = kernel_of(*random_graph(24_000, 7))
    assert kernel.inspect_llvm().count("optnone") > 10
    point = [0.3, -0.4, 0.5, -0.6]
    for got, wanted in zip(kernel.njit(*point), reference(kernel, point), strict=True):
        assert_close(got, wanted, 1e-9)


def test_values_that_are_read_many_parts_later() -> None:
    graph = Graph()
    v = array(graph, "v", 2)
    x, y = v.elements
    chain = [Sin().apply(x), Sin().apply(y) / 2]
    for k in range(7000):
        chain.append(chain[-1] * y / 3 + chain[-2] + k % 3)
    kernel = kernel_of([v], [Result((3,), (chain[-1] + chain[0] + x, chain[5], chain[3000])), y])
    point = np.array([0.7, 0.9])
    for got, wanted in zip(kernel.njit(point), reference(kernel, [point]), strict=True):
        assert_close(got, wanted, 1e-10)


def test_a_sum_of_values_of_other_parts_loads_few_of_them_in_a_block() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    kernel = kernel_of([x], [graph.add(Add((1,) * 3000), *[Sin().apply(x / k) for k in range(1, 3001)])])
    blocks = re.split(r"\n\w+:\n", kernel.inspect_llvm())
    assert max(block.count("= load double, ptr %slot") for block in blocks) <= MOST_LOADS
    assert_close(kernel.njit(0.3), reference(kernel, [0.3])[0], 1e-13)


def test_truth_values_that_are_read_many_parts_later() -> None:
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    condition, chain = graph.add(Relation("<"), x, y), [x, y]
    for k in range(7000):
        chain.append(chain[-1] * y / 3 + chain[-2] + k % 3)
    psi = Polygamma(0).apply(1 + chain[-1] ** 2)
    kernel = kernel_of([x, y], [graph.add(Select(), condition, psi, chain[-1]), graph.add(Select(), condition, y, x)])
    points = np.random.default_rng(0).uniform(0.1, 0.9, (2, 13))
    wanted = reference(kernel, points)
    for got, single, y_wanted in zip(
        kernel.batch(list(points)), np.transpose([kernel.njit(*p) for p in points.T]), wanted, strict=True
    ):
        assert_close(got, y_wanted, 1e-10)
        assert_close(single, y_wanted, 1e-10)


def test_users_functions_in_a_point_a_batch_and_source() -> None:
    class cube(sp.Function):
        pass

    class ratio(sp.Function):
        pass

    register(cube, numba.njit(lambda x: x * x * x))
    register(ratio, operator.truediv)
    try:
        graph = Graph()
        x, y = inputs(graph, "x", "y")
        outputs = [UserFunction(cube, 1).apply(x * y), UserFunction(ratio, 2).apply(x, y)]
        kernel = kernel_of([x, y], outputs)
        points = np.random.default_rng(0).uniform(0.5, 2, (2, 11))
        wanted = (points[0] * points[1]) ** 3, points[0] / points[1]
        assert_close(kernel.batch(list(points)), wanted, TOLERANCE)
        assert_close([kernel.njit(*p) for p in points.T], np.transpose(wanted), TOLERANCE)
        assert "from _operator import truediv" in kernel.source
        assert "# user: the function that was registered" in kernel.source
    finally:
        for head in (cube, ratio):
            del OPERATIONS[head], IMPLEMENTATIONS[head]


def test_a_thread_with_a_small_stack_runs_parts() -> None:
    kernel = kernel_of(*random_graph(24_000, 8))
    call, found = kernel.njit, []
    previous = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(call(0.1, 0.2, 0.3, 0.4)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(previous)
    assert found == [call(0.1, 0.2, 0.3, 0.4)]


def test_importing_symgrad_does_not_import_numba() -> None:
    code = "import sys, symgrad; print([m for m in ('numba', 'llvmlite', 'scipy.special') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
