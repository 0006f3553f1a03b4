"""Evaluation node by node: NumPy's numbers, complex ones, mpmath's; nothing raises or warns for what has no value."""

from __future__ import annotations

import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.evaluate import all_values, evaluate
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph
from symgrad.ops.leaf import Input
from symgrad.ops.trigonometric import Sin

X, Y = sp.symbols("x y")


def at(expression: Any, x: Any, numbers: Any = np) -> Any:
    graph = Graph()
    return evaluate([from_sympy(graph, expression)], {graph.add(Input(X)): x}, numbers)[0]


def test_values_are_numpys() -> None:
    assert at(sp.exp(X) * 2, 1.0) == 2 * np.exp(1.0)


def test_arrays_go_through() -> None:
    assert at(X**2 + 1, np.array([1.0, 2.0])).tolist() == [2.0, 5.0]


def test_several_outputs_share_one_sweep() -> None:
    graph = Graph()
    outputs = convert_all(graph, [X + Y, X * Y])
    assert evaluate(outputs, dict(zip(convert_all(graph, [X, Y]), [2.0, 3.0], strict=True))) == [5.0, 6.0]


def test_every_node_has_a_value() -> None:
    graph = Graph()
    output = from_sympy(graph, sp.sin(X) + 1)
    assert set(all_values([output], {from_sympy(graph, X): 0.5})) == set(graph.nodes)


def test_an_input_without_a_value_is_an_error() -> None:
    graph = Graph()
    with pytest.raises(sg.ArgumentError, match="an input without a value, got x"):
        evaluate([from_sympy(graph, sp.sin(X))], {})


@pytest.mark.parametrize("digits", [15, 50, 200])
def test_mpmath_evaluates_to_any_precision(digits: int) -> None:
    with mpmath.workdps(digits):
        value = at(sp.sqrt(X) + sp.pi / 3 + sp.Rational(1, 7), mpmath.mpf(2), mpmath.mp)
        assert abs(value - (mpmath.sqrt(2) + mpmath.pi / 3 + mpmath.mpf(1) / 7)) < mpmath.mpf(10) ** (2 - digits)


def test_the_complex_step_goes_through() -> None:
    value = at(sp.exp(X) * sp.sin(X), complex(0.5, 1e-100))
    assert value.imag / 1e-100 == pytest.approx(math.exp(0.5) * (math.sin(0.5) + math.cos(0.5)), rel=1e-14)


@pytest.mark.parametrize(
    ("expression", "x", "value"),
    [
        (sp.log(X), 0.0, -math.inf),
        (sp.log(X), -1.0, math.nan),
        (1 / X, 0.0, math.inf),
        (sp.sqrt(X), -1.0, math.nan),
        (X ** sp.Rational(1, 3), -8.0, math.nan),
        (sp.asin(X), 2.0, math.nan),
        (sp.acosh(X), 0.5, math.nan),
        (sp.exp(X), math.nan, math.nan),
        (sp.Max(X, 1), math.nan, math.nan),
        (sp.Min(1, X), math.nan, math.nan),
        (sp.sign(X), math.nan, math.nan),
        (sp.Heaviside(X), math.nan, math.nan),
        (sg.relu(X), math.nan, math.nan),
        (sp.gamma(X), -1.0, math.nan),
        (sp.loggamma(X), -0.5, math.nan),
        (sp.LambertW(X), -1.0, math.nan),
        (sp.exp(-X), math.inf, 0.0),
        (X**0.5, 0.0, 0.0),
        (sp.Mod(X, 3), math.nan, math.nan),
    ],
    ids=str,
)
@pytest.mark.parametrize("numbers", [np, mpmath.mp], ids=["numpy", "mpmath"])
def test_what_has_no_real_value_is_nan_or_infinite(expression: Any, x: float, value: float, numbers: Any) -> None:
    number = np.float64(x) if numbers is np else mpmath.mpf(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(float(at(expression, number, numbers)), value, equal_nan=True)


def test_numpys_error_state_is_as_before() -> None:
    with np.errstate(all="raise"):
        before = np.geterr()
        assert at(1 / X, 0.0) == np.inf
        assert np.geterr() == before


def test_a_long_chain_is_evaluated_without_recursion() -> None:
    graph = Graph()
    x = top = graph.add(Input(X))
    for _ in range(100_000):
        top = graph.add(Sin(), top)
    assert 0 < evaluate([top], {x: 0.5})[0] < 0.01
