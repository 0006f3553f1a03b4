"""The Matrix Cookbook, sections 2.1 to 2.8: symgrad's gradient, the complex step and the printed formula agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all
from symgrad.graph import Graph
from symgrad.ops.leaf import Input
from tests import matrix_words  # noqa: F401  the interpreter learns them
from tests.cookbook import COOKBOOK, SIZES, Identity
from tests.matrix_nodes import assert_shape, compiled, difference, inputs_of, nodes_of
from tests.matrix_oracle import Interpreter, complex_step

BOUND = 1e-12


def gradient_of(identity: Identity) -> tuple[Any, Any]:
    """By symgrad: the value and the gradient."""
    graph = Graph()
    (node,) = nodes_of(graph, [identity.expression])
    inputs = inputs_of(graph, identity.values(), SIZES)
    (wrt,) = [x for x in inputs if x.op.variable == identity.wrt]  # type: ignore[attr-defined]
    value, gradient = evaluate([node, *build_grad(node, [wrt])], inputs)
    return value, gradient


def relative(a: Any, b: Any) -> float:
    """The largest difference against the largest number: determinants and powers are of any size."""
    scale = max(1.0, float(np.max(np.abs(b))))
    return difference(np.asarray(a) / scale, np.asarray(b) / scale)


@pytest.fixture(params=COOKBOOK, ids=lambda identity: identity.number)
def identity(request: pytest.FixtureRequest) -> Identity:
    """Each identity."""
    found: Identity = request.param
    return found


def test_the_gradient_is_the_complex_step(identity: Identity) -> None:
    values = identity.values()
    value, gradient = gradient_of(identity)
    assert relative(value, np.real(Interpreter(values, SIZES)(identity.expression))) < BOUND
    stepped = complex_step(identity.expression, identity.wrt, values, SIZES)
    assert relative(gradient, np.reshape(stepped, np.shape(gradient))) < BOUND


def test_the_gradient_is_that_of_the_cookbook(identity: Identity) -> None:
    _, gradient = gradient_of(identity)
    expected = np.real(Interpreter(identity.values(), SIZES)(identity.expected))
    assert relative(gradient, np.reshape(expected, np.shape(gradient))) < BOUND


def test_the_kernel_gives_the_same(identity: Identity) -> None:
    value, gradient = gradient_of(identity)
    values = {x: v for x, v in identity.values().items() if identity.expression.has(x)}
    ours, gradients = compiled(identity.expression, values, SIZES)
    assert relative(ours, value) < BOUND
    assert relative(gradients[identity.wrt], gradient) < BOUND


def test_shapes_are_those_of_what_it_is_by(identity: Identity) -> None:
    _, gradient = gradient_of(identity)
    assert_shape(gradient, identity.wrt, SIZES)
    if identity.wrt.is_Matrix:
        assert identity.expected.shape == identity.wrt.shape


def test_143_of_a_toeplitz_matrix_it_is_the_sums_of_the_diagonals() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    a, t = sp.MatrixSymbol("A", n, n), sp.IndexedBase("t", shape=(2 * n - 1,))
    i, j = sp.symbols("i j", integer=True)
    graph = Graph()
    e = sp.Sum(a[i, j] * t[j - i + n - 1], (i, 0, n - 1), (j, 0, n - 1))
    (node,) = convert_all(graph, [e])
    inputs = {x.op.variable: x for x in graph if isinstance(x.op, Input)}
    matrix = np.random.default_rng(1).normal(size=(4, 4))
    (gradient,) = evaluate(build_grad(node, [inputs[t]]), {inputs[a]: matrix, inputs[t]: np.zeros(7)})
    assert np.allclose(gradient, [np.trace(matrix, k) for k in range(-3, 4)], rtol=1e-14)


def test_numbers_are_each_there_once() -> None:
    assert len({identity.number for identity in COOKBOOK}) == len(COOKBOOK)


def test_sizes_are_distinct() -> None:
    assert len(set(SIZES.values())) == len(SIZES)
