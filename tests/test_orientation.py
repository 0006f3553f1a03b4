"""A matrix and its transpose, into which SymPy pushes transposition, are one node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

n, m, k = sp.symbols("n m k", integer=True, positive=True)
X, W, T, b = (
    sp.MatrixSymbol(name, *shape) for name, shape in zip("XWTb", ((n, m), (m, k), (n, k), (k, 1)), strict=True)
)
SHAPES = {X: (5, 3), W: (3, 4), T: (5, 4), b: (4,)}
RESIDUALS = {
    "difference": X * W - T,
    "multiples": 2 * X * W - 3 * T,
    "offset in every row": X * W + sp.OneMatrix(n, 1) * b.T,
    "mask": sp.HadamardProduct(T, T - X * W),
    "power": sp.HadamardPower(X * W, 2) - T,
    "function of a product": (X * W).applyfunc(sp.exp),
    "product with a function": sg.relu(X * W) * W.T - X,
    "product with a transpose": T * W.T + X,
    "stable function": sg.softmax(X * W) - T,
}


@pytest.mark.parametrize("name", RESIDUALS)
def test_a_squared_norm_of_a_matrix_holds_it_once(name: str) -> None:
    E = RESIDUALS[name]
    arguments = [a for a in SHAPES if E.has(a)]
    once, squared = sg.Function(arguments, E), sg.Function(arguments, sp.Trace(E.T * E))
    assert len(squared.nodes) == len(once.nodes) + 1


@pytest.mark.parametrize("name", RESIDUALS)
def test_its_value_and_gradient_are_those_of_numpy_and_of_differences(name: str) -> None:
    E = RESIDUALS[name]
    arguments = [a for a in SHAPES if E.has(a)]
    random = np.random.default_rng(0)
    point: list[Any] = [random.normal(size=SHAPES[a]) for a in arguments]
    along = [random.normal(size=SHAPES[a]) for a in arguments]
    squared = sg.Function(arguments, sp.Trace(E.T * E))
    assert np.isclose(squared(*point), (sg.Function(arguments, E)(*point) ** 2).sum(), rtol=1e-13)
    ahead, back = (squared(*[p + h * q for p, q in zip(point, along, strict=True)]) for h in (1e-6, -1e-6))
    slope = sum((g * q).sum() for g, q in zip(squared.grad(arguments)(*point), along, strict=True))
    assert np.isclose((ahead - back) / 2e-6, slope, rtol=1e-6)


@pytest.mark.parametrize("name", RESIDUALS)
def test_a_transpose_has_the_values_of_the_matrix_turned(name: str) -> None:
    E = RESIDUALS[name]
    arguments = [a for a in SHAPES if E.has(a)]
    point = [np.random.default_rng(1).normal(size=SHAPES[a]) for a in arguments]
    assert np.allclose(sg.Function(arguments, E.T)(*point), sg.Function(arguments, E)(*point).T, rtol=1e-14)


def test_a_trace_of_transposes_does_not_form_their_product() -> None:
    assert len(sg.Function([X, W, T], sp.Trace(W.T * X.T * T)).nodes) == 4
