"""The conventions of sympy.lambdify, against sympy.lambdify; and where ours keeps what that one loses."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

X, Y, Z = sp.symbols("x y z")
THETA = sp.Function("theta")(X)
A = sp.MatrixSymbol("A", 2, 2)
V = sp.MatrixSymbol("v", 2, 1)
W = sp.MatrixSymbol("w", 1, 2)
LINE, ONES = np.arange(3.0), np.ones(3)

SAME: list[tuple[Any, Any, tuple[Any, ...]]] = [
    (X, X**2, (3.0,)),
    ([X], X**2, (3.0,)),
    ((X, Y), X * Y, (2.0, 3.0)),
    ([X, (Y, Z)], X * Y - Z, (2.0, [3.0, 4.0])),
    ([X, [Y, Z]], X * Y - Z, (2.0, (3.0, 4.0))),
    ([(X, Y)], X * Y, (np.array([2.0, 3.0]),)),
    ([X, Y], [X, Y], (1.0, 2.0)),
    ([X, Y], (X, Y), (1.0, 2.0)),
    ([X, Y], [X, (Y, [X * Y])], (1.0, 2.0)),
    ([X, Y], sp.Matrix([X, Y]), (1.0, 2.0)),
    ([X, Y], sp.Matrix([[X, Y]]), (1.0, 2.0)),
    ([X, Y], sp.Matrix([[X, Y], [1, 2]]), (1.0, 2.0)),
    ([X, Y], sp.ImmutableMatrix([[X * Y]]), (1.0, 2.0)),
    ([X], sp.Array([[X, 1]]), (2.0,)),
    ([X], X**2, (LINE,)),
    ([X, Y], X - Y, (LINE[:, None], ONES)),
    ([X, (Y, Z)], X * Y - Z, (2.0, (LINE, ONES))),
    ([sp.Matrix([X, Y])], X - Y, (np.array([1.0, 2.0]),)),
    ([sp.Matrix([X, Y])], X - Y, (np.array([[1.0], [2.0]]),)),
    ([sp.Matrix([X, Y])], X - Y, (np.array([LINE, ONES]),)),
    ([A], A[0, 1] - A[1, 0], (np.array([[1.0, 2.0], [3.0, 4.0]]),)),
    ([A], A[0, 1] - A[1, 0], (np.arange(12.0).reshape(2, 2, 3),)),
    ([V], V[0] - V[1], (np.array([[1.0], [2.0]]),)),
    ([W], W[0] - W[1], (np.array([[1.0, 2.0]]),)),
    ([THETA, X], THETA**2 * X, (3.0, 2.0)),
    ([THETA, THETA.diff(X)], THETA * THETA.diff(X), (3.0, 2.0)),
    ([X], sp.Piecewise((X, X > 0), (0, True)), (np.array([-1.0, 1.0]),)),
    ([X], sp.Max(X, 1, X**2), (0.5,)),
    ([X], sp.Mod(X, 3), (-1.0,)),
    ([X], sp.sign(X) + sp.floor(X) + sp.Heaviside(X, 0), (-1.5,)),
    ([X, Y], sp.atan2(X, Y) + sp.sinc(X), (1.0, -1.0)),
    ([X], sp.erf(X) + sp.gamma(X) + sp.besselj(1, X), (0.7,)),
    ([], sp.pi, ()),
]  # fmt: skip


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize(("args", "expression", "values"), SAME, ids=str)
def test_arguments_and_results_are_as_with_sympy(args: Any, expression: Any, values: Any) -> None:
    assert_same(sg.lambdify(args, expression)(*values), sp.lambdify(args, expression, ["scipy", "numpy"])(*values))


@pytest.mark.parametrize(
    ("args", "expression", "values", "expected"),
    [
        ([X], 3, (ONES,), [3.0, 3.0, 3.0]),
        ([X], X - X, (ONES,), [0.0, 0.0, 0.0]),
        ([X, Y], sp.Matrix([X, 1]), (LINE, 2.0), [[[0.0], [1.0]], [[1.0], [1.0]], [[2.0], [1.0]]]),
        ([V], V[0] - V[1], (np.array([1.0, 2.0]),), -1.0),
        ([X], {"a": X}, (1.0,), {"a": 1.0}),
    ],
    ids=["constant", "zero", "matrix of a batch", "flat vector", "dict"],
)
def test_what_sympy_loses_or_refuses(args: Any, expression: Any, values: Any, expected: Any) -> None:
    result = sg.lambdify(args, expression)(*values)
    assert (result.tolist() if isinstance(result, np.ndarray) else result) == expected


def test_arguments_are_taken_by_name() -> None:
    assert sg.lambdify([X, Y], X - Y)(y=1.0, x=3.0) == 2.0


@pytest.mark.parametrize("modules", [None, "numpy", "scipy", ["numpy", "scipy"]], ids=str)
def test_modules_that_mean_no_change_are_taken(modules: Any) -> None:
    assert sg.lambdify([X], X**2, modules, cse=True, dummify=True)(3.0) == 9.0


@pytest.mark.parametrize("modules", ["tensorflow", {"sin": abs}, ["numpy", "mpmath"], [{"f": abs}, "numpy"]], ids=str)
def test_modules_that_would_change_the_result_are_an_error(modules: Any) -> None:
    with pytest.raises(sg.ArgumentError, match="a module that this lambdify does not know"):
        sg.lambdify([X], X**2, modules)


def test_the_function_and_its_derivatives_are_at_hand() -> None:
    assert sg.lambdify([X, Y], X**2 * Y).function.grad(X)(3.0, 2.0) == 12.0


def test_the_docstring_shows_formula_and_source() -> None:
    text = sg.lambdify([X], sp.sin(X)).__doc__
    assert text.startswith("lambdified(x) = sin(x)")
    assert "def " in text


def test_text_is_not_parsed() -> None:
    with pytest.raises(sg.UnsupportedExpression, match="text is not parsed"):
        sg.lambdify([X], "x**2")


def test_a_call_with_too_many_arguments_is_an_error() -> None:
    with pytest.raises(sg.ArgumentError, match="too many arguments"):
        sg.lambdify([X], X)(1.0, 2.0)


def test_it_pickles() -> None:
    f = pickle.loads(pickle.dumps(sg.lambdify([X, (Y, Z)], sp.Matrix([X * Y, Z]))))
    assert f(2.0, [3.0, 4.0]).tolist() == [[6.0], [4.0]]
