"""A product of matrices that is needed twice is computed once, though SymPy opens it where it is written."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symgrad as sg
from tests.test_figures import matrix_products

n, m, h, k = sp.symbols("n m h k", integer=True, positive=True)
X, Y = sp.MatrixSymbol("X", n, m), sp.MatrixSymbol("Y", n, k)
W, V = sp.MatrixSymbol("W", m, h), sp.MatrixSymbol("V", h, k)
SCORES = sg.relu(X * W) * V
LOSS = sp.Trace(sp.OneMatrix(1, n) * sg.logsumexp(SCORES, axis=1)) - sp.Trace(Y.T * SCORES)


def products(function: sg.Function) -> int:
    return matrix_products([r.elements[0] for r in function.results])


def test_the_scores_are_computed_once() -> None:
    function = sg.Function([W, V, X, Y], LOSS)
    assert products(function) == 2
    assert products(function.value_and_grad([W, V])) == 5


def test_the_value_and_the_gradient_are_the_same_without() -> None:
    random = np.random.default_rng(2)
    point = [random.normal(size=s) for s in ((3, 4), (4, 2), (5, 3), (5, 2))]
    shared, plain = (sg.Function([W, V, X, Y], LOSS, simplify=simplify) for simplify in (True, False))
    assert abs(shared(*point) - plain(*point)) <= 1e-13 * abs(plain(*point))
    for a, b in zip(shared.grad([W, V])(*point), plain.grad([W, V])(*point), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
