"""Programs: what is computed, in which order, once or for each point, and in which parts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import Graph
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.order import ordered
from symgrad.lower.scalars.program import Let, Load, Loop, Part, Program, Store
from symgrad.lower.scalars.schedule import Result, schedule
from symgrad.ops.arithmetic import Power, Product
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import constant
from symgrad.ops.trigonometric import Sin
from tests.lower.programs import Argument, array, assert_close, function_of, inputs, kernel_of, random_graph


def small() -> Kernel:
    """x, a (2,) -> x sin(a0) / a1, [exp(x), a1]."""
    graph = Graph()
    (x,), a = inputs(graph, "x"), array(graph, "a", 2)
    first, second = a.elements
    return kernel_of([x, a], [x * Sin().apply(first) / second, Result((2,), (Exp().apply(x), second))])


def batch(kernel: Kernel, *varying: bool) -> Program:
    return schedule(kernel.name, kernel.arguments, kernel.results, varying=varying)


def test_program_of_a_point() -> None:
    assert str(small().program) == (
        "program f(in x: f8; in a: f8[2]; out out0: f8; out out1: f8[2])\n"
        "  %0 = load x\n"
        "  %1 = load a[0]\n"
        "  %2 = load a[1]\n"
        "  out1[1] = %2\n"
        "  %3 = sin(%1)\n"
        "  %4 = product(%0, %3)\n"
        "  %5 = quotient[* /](%4, %2)\n"
        "  out0 = %5\n"
        "  %6 = exp(%0)\n"
        "  out1[0] = %6"
    )


def sparse(*places: int, size: int = 7) -> Kernel:
    """x -> a vector with x in these places, else 0."""
    graph = Graph()
    (x,) = inputs(graph, "x")
    zero = constant(graph, 0)
    return kernel_of([x], [Result((size,), tuple(x if k in places else zero for k in range(size)))])


def test_a_result_that_is_mostly_zero_is_zeros_first() -> None:
    assert str(sparse(0, 3, 6).program) == (
        "program f(in x: f8; out out0: f8[7])\n"
        "  out0 = zeros\n"
        "  %0 = load x\n"
        "  out0[0] = %0\n"
        "  out0[3] = %0\n"
        "  out0[6] = %0"
    )
    assert "zeros" not in str(sparse(0, 1, 3, 6).program)


def test_a_result_that_is_mostly_zero_is_right_in_every_form() -> None:
    kernel, right = sparse(0, 3), [2.5, 0, 0, 2.5, 0, 0, 0]
    assert kernel.njit(2.5).tolist() == right
    assert kernel.batch([np.full(9, 2.5)])[0].tolist() == [right] * 9
    assert function_of(kernel)(2.5).tolist() == right


def test_a_zero_with_a_sign_keeps_it() -> None:
    (x,) = inputs(Graph(), "x")
    negative = constant(x.graph, -0.0)
    vector = kernel_of([x], [Result((3,), (x, negative, negative))]).njit(1.0)
    assert np.signbit(vector).tolist() == [False, True, True]


def test_a_large_result_that_is_mostly_zero_is_right_in_parts() -> None:
    variables = sp.symbols("x:200")
    F = sg.Function([variables], [sum(x * x for x in variables[k : k + 40]) for k in range(160)])
    J, at = F.jacobian(variables), np.linspace(-1, 1, 200)
    assert any(isinstance(s, Part) for s in J.kernel.program.body)
    right = [[2 * x if k <= m < k + 40 else 0.0 for m, x in enumerate(at)] for k in range(160)]
    np.testing.assert_array_equal(J(at), right)


def test_program_of_a_batch_computes_what_is_uniform_once() -> None:
    assert str(batch(small(), True, False)) == (
        "program f(in x: f8[n]; in a: f8[2]; out out0: f8[n]; out out1: f8[2, n])\n"
        "  %1 = load a[0]\n"
        "  %2 = load a[1]\n"
        "  %3 = sin(%1)\n"
        "  %5 = power[-1](%2)\n"
        "  for i in simd(n):\n"
        "    out1[1, i] = %2\n"
        "    %0 = load x[i]\n"
        "    %4 = product(%0, %3)\n"
        "    %6 = product(%4, %5)\n"
        "    out0[i] = %6\n"
        "    %7 = exp(%0)\n"
        "    out1[0, i] = %7"
    )


def test_what_varies_within_a_batch_is_divided_by() -> None:
    labels = [s.op.label() for s in batch(small(), True, True).body[-1].body if isinstance(s, Let)]  # type: ignore[union-attr]
    assert "quotient[* /]" in labels


def test_statements_of_a_batch_are_in_the_order_in_which_few_values_wait() -> None:
    loop = batch(kernel_of(*random_graph(100, 2)), True, True, True, True).body[-1]
    assert isinstance(loop, Loop)
    assert list(loop.body) == ordered(loop.body)  # type: ignore[arg-type]


def test_a_reciprocal_that_is_shared_is_computed_once() -> None:
    graph = Graph()
    x, y, z = inputs(graph, "x", "y", "z")
    names = [s.op.label() for s in kernel_of([x, y, z], [x / y, z / y]).program.body if isinstance(s, Let)]
    assert names == ["power[-1]", "product", "product"]


def test_a_reciprocal_that_is_a_result_is_kept() -> None:
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    names = [s.op.label() for s in kernel_of([x, y], [x / y, 1 / y]).program.body if isinstance(s, Let)]
    assert names == ["power[-1]", "product"]


def test_quotients_round_as_division_does() -> None:
    graph = Graph()
    x, y, z = inputs(graph, "x", "y", "z")
    kernel = kernel_of([x, y, z], [x / y, x / y**2 / z, x / y * z])
    for x0, y0, z0 in np.random.default_rng(0).uniform(0.1, 10, (200, 3)):
        got = kernel.njit(x0, y0, z0)
        assert got[0] == x0 / y0
        assert_close(got[1:], [x0 / y0**2 / z0, x0 / y0 * z0], 1e-15)
    # 1e200 1e200 overflows, 1e200 / 1e300 does not; and the other way round for divisors
    assert_close(kernel.njit(1e200, 1e300, 1e200)[2], 1e100, 1e-15)
    assert_close(kernel.njit(1e-200, 1e-100, 1e-200)[1], 1e200, 1e-15)


@pytest.mark.parametrize("exponent", [-1, -2, -3, Fraction(-1, 2), Fraction(-3, 2)])
def test_a_power_below_zero_divides_by_the_power_above(exponent: int | Fraction) -> None:
    graph = Graph()
    x, y, z = inputs(graph, "x", "y", "z")
    kernel = kernel_of([x, y, z], [graph.add(Product(), graph.add(Power(exponent), y), x, z)])
    (op,) = [s.op for s in kernel.program.body if isinstance(s, Let)]
    assert op.label() == f"quotient[* {'/' if exponent == -1 else f'/**{-exponent}'} *]"
    assert_close(kernel.njit(3.0, 0.7, 1.1), 3.0 * 1.1 / 0.7 ** float(-exponent), 1e-15)


def test_reciprocals_alone_are_multiplied() -> None:
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    kernel = kernel_of([x, y], [graph.add(Product(), graph.add(Power(-1), x), graph.add(Power(-1), y))])
    assert [s.op.label() for s in kernel.program.body if isinstance(s, Let)] == ["power[-1]", "power[-1]", "product"]
    assert_close(kernel.njit(2.0, 4.0), 0.125, 1e-15)


def test_what_others_read_and_powers_above_zero_are_multiplied() -> None:
    graph = Graph()
    x, y, z, w = inputs(graph, "x", "y", "z", "w")
    shared, own = graph.add(Power(-1), y), graph.add(Power(-1), z)
    root, square = graph.add(Power(Fraction(1, 2)), w), graph.add(Power(2), w)
    first, second = graph.add(Product(), x, shared, square, own, root), graph.add(Product(), x, shared)
    kernel = kernel_of([x, y, z, w], [first, second])
    labels = sorted(s.op.label() for s in kernel.program.body if isinstance(s, Let))
    assert labels == ["power[-1]", "power[1/2]", "power[2]", "product", "quotient[* * * / *]"]
    assert_close(kernel.njit(3.0, 0.7, 1.1, 0.3), [3.0 / 0.7 * 0.3**2.5 / 1.1, 3.0 / 0.7], 1e-15)


@pytest.mark.parametrize("name", ["x", "out0", "a b", "class", "lambda x"])
def test_a_name_that_is_taken_or_none_of_python_is_another(name: str) -> None:
    (x,) = inputs(Graph(), "x")
    kernel = kernel_of([x], [x + 1], name)
    assert kernel.program.name.isidentifier()
    assert kernel.program.name not in (name, "x", "out0")
    assert function_of(kernel)(2.0) == 3.0


def test_a_name_that_is_free_is_kept() -> None:
    (x,) = inputs(Graph(), "x")
    assert kernel_of([x], [x + 1], "loss").program.name == "loss"


def test_only_what_results_depend_on_is_scheduled() -> None:
    graph = Graph()
    x, y = inputs(graph, "x", "y")
    Exp().apply(Sin().apply(y))
    assert [type(s) for s in kernel_of([x, y], [x]).program.body] == [Load, Store]


def test_a_program_does_not_depend_on_what_else_the_graph_holds() -> None:
    wanted = str(small().program)
    graph = Graph()
    (other,) = inputs(graph, "other")
    Exp().apply(Sin().apply(other) + 7)
    (x,), a = inputs(graph, "x"), array(graph, "a", 2)
    first, second = a.elements
    kernel = kernel_of([x, a], [x * Sin().apply(first) / second, Result((2,), (Exp().apply(x), second))])
    assert str(kernel.program) == wanted


def test_one_node_may_be_many_results() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    y = Exp().apply(x)
    kernel = kernel_of([x], [y, Result((2,), (y, y)), x, y])
    e = kernel.njit(1.0)
    assert (e[0], e[1].tolist(), e[2], e[3]) == (e[0], [e[0]] * 2, 1.0, e[0])


def test_parts_come_above_five_thousand_statements() -> None:
    wrt, outputs = random_graph(9_000, 0)
    program = kernel_of(wrt, outputs).program
    assert all(not isinstance(s, Part) for s in program.body) == (len(program.body) <= 5_000)
    program = kernel_of(*random_graph(16_000, 0)).program
    assert all(isinstance(s, Part) for s in program.body)
    loop = batch(kernel_of(*random_graph(16_000, 0)), True, True, True, True).body[-1]
    assert isinstance(loop, Loop)
    assert all(isinstance(s, Part) for s in loop.body)


def test_an_argument_of_which_nothing_is_used() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    kernel = kernel_of([x, Argument("w", (2,), (None, None))], [x + 1])
    assert kernel.njit(1.0, np.zeros(2)) == 2.0
    assert kernel.batch([np.ones(3), np.zeros((3, 2))])[0].tolist() == [2.0] * 3
