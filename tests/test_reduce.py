"""Reductions over last axes: values against NumPy and mpmath, empty arrays, ties, overflow, derivatives."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad import build_grad
from symgrad.errors import ShapeError
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Op
from symgrad.ops.products import total
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, ProductOfOthers, ProductOver, Softmax
from tests import array_checks
from tests.array_rules import Arrays, values_in_mpmath

KINDS = (Maximum, Minimum, ProductOver, ProductOfOthers, LogSumExpOver, Softmax, NormOver)
EXAMPLES = [e for e in array_checks.EXAMPLES if e.op in KINDS]
CHOICES = [c for c in array_checks.CHOICES if c.op in KINDS]


def shares(x: Any, axes: tuple[int, ...]) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axes, keepdims=True)


EXACT: dict[type[Op], Any] = {
    Maximum: lambda x, axes: x.max(axis=axes),
    Minimum: lambda x, axes: x.min(axis=axes),
    ProductOver: lambda x, axes: x.prod(axis=axes),
    LogSumExpOver: lambda x, axes: np.log(np.exp(x).sum(axis=axes)),
    NormOver: lambda x, axes: np.sqrt((x**2).sum(axis=axes)),
    Softmax: shares,
}


@pytest.mark.parametrize("kind", EXACT, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["a", "X", "R"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_are_those_of_numpy(kind: Any, name: str, axes: int) -> None:
    A = Arrays(Graph())
    x = getattr(A, name)
    if axes > len(x.type.shape):
        pytest.skip("more axes than the array has")
    at = array_checks.values(A, 2)
    (own,) = evaluate([A.graph.add(kind(axes), x)], at)
    np.testing.assert_allclose(own, EXACT[kind](at[x], tuple(range(-axes, 0))), rtol=1e-13)


@pytest.mark.parametrize("kind", [*EXACT, ProductOfOthers], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["a", "X"])
def test_mpmath_gives_the_same_values(kind: Any, name: str) -> None:
    A = Arrays(Graph())
    x = getattr(A, name)
    node = A.graph.add(kind(), x)
    at = values_in_mpmath(A.graph, 4)
    (exact,) = evaluate([node], at, mpmath.mp)
    (own,) = evaluate([node], {x: at[x].astype(float)})
    assert np.shape(exact) == np.shape(own)
    np.testing.assert_allclose(own, np.asarray(exact, float), rtol=1e-13)


@pytest.mark.parametrize(
    ("op", "value"),
    [(Maximum(), -np.inf), (Minimum(), np.inf), (ProductOver(), 1), (LogSumExpOver(), -np.inf), (NormOver(), 0)],
    ids=lambda v: str(v),
)
def test_of_nothing_a_reduction_is_its_neutral_number_and_has_an_empty_gradient(op: Op, value: float) -> None:
    A = Arrays(Graph())
    node = A.graph.add(op, A.X)
    (g,) = build_grad(total(node), [A.X])
    own, gradient = evaluate([node, g], {A.X: np.zeros((2, 0))})
    assert own.tolist() == [value, value]
    assert gradient.shape == (2, 0)


@pytest.mark.parametrize("op", [Softmax(), ProductOfOthers()], ids=lambda op: op.name)
def test_of_nothing_shares_and_products_of_others_are_empty(op: Op) -> None:
    A = Arrays(Graph())
    assert evaluate([A.graph.add(op, A.X)], {A.X: np.zeros((2, 0))})[0].shape == (2, 0)


@pytest.mark.parametrize("op", [Maximum(), Minimum()], ids=lambda op: op.name)
def test_the_extremum_with_a_nan_is_nan(op: Op) -> None:
    A = Arrays(Graph())
    assert np.isnan(evaluate([A.graph.add(op, A.a)], {A.a: np.array([1.0, np.nan, 3.0])})[0])


def test_log_sum_exp_and_softmax_do_not_overflow() -> None:
    A = Arrays(Graph())
    nodes = [A.graph.add(LogSumExpOver(), A.a), A.graph.add(Softmax(), A.a)]
    whole, share = evaluate(nodes, {A.a: np.array([1000.0, 1000.0, -1000.0])})
    assert whole == pytest.approx(1000 + np.log(2), rel=1e-15)
    assert share.tolist() == [0.5, 0.5, 0]


def test_log_sum_exp_of_minus_infinities_is_minus_infinity() -> None:
    A = Arrays(Graph())
    assert evaluate([A.graph.add(LogSumExpOver(), A.a)], {A.a: np.full(3, -np.inf)}) == [-np.inf]


def test_a_norm_neither_overflows_nor_underflows() -> None:
    A = Arrays(Graph())
    node = A.graph.add(NormOver(), A.a)
    assert evaluate([node], {A.a: np.array([3e200, 4e200, 0])})[0] == pytest.approx(5e200, rel=1e-15)
    assert evaluate([node], {A.a: np.array([3e-200, 4e-200, 0])})[0] == pytest.approx(5e-200, rel=1e-15)


def test_products_of_others_divide_by_nothing() -> None:
    A = Arrays(Graph())
    node = A.graph.add(ProductOfOthers(), A.a)
    assert evaluate([node], {A.a: np.array([0.0, 2.0, 3.0])})[0].tolist() == [6, 0, 0]


def test_second_derivatives_of_a_product_with_two_zeros_are_those_by_hand() -> None:
    A = Arrays(Graph())
    (g,) = build_grad(A.graph.add(ProductOver(), A.a), [A.a])
    (h,) = build_grad(total(A("i,i->i", g, A.b)), [A.a])
    (own,) = evaluate([h], {A.a: np.array([0.0, 0.0, 3.0]), A.b: np.array([1.0, 10.0, 100.0])})
    assert own.tolist() == [30, 3, 0]


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_first_and_second_derivatives_are_those_of_a_complex_step(index: int) -> None:
    assert array_checks.derivative_problems(EXAMPLES[index]) == []


@pytest.mark.parametrize("index", range(len(CHOICES)))
def test_ties_zeros_and_overflow_have_the_gradient_that_is_chosen(index: int) -> None:
    assert array_checks.choice_problems(CHOICES[index]) == []


@pytest.mark.parametrize("kind", [Maximum, ProductOver, LogSumExpOver, Softmax, NormOver])
def test_more_axes_than_there_are_is_an_error(kind: Any) -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="takes an array of 2 axes or more"):
        A.graph.add(kind(2), A.a)
