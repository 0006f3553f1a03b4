"""Linear algebra: values against NumPy, one factorisation for all, derivatives, singular and empty matrices."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad import build_grad
from symgrad.errors import ShapeError
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.linear_algebra import (
    Cholesky,
    Determinant,
    Factorisation,
    Inverse,
    LogDet,
    Solve,
    factored,
    lower,
)
from symgrad.ops.products import total
from tests import array_checks
from tests.array_rules import Arrays, det, inverse, logdet, solve, values_in_mpmath

KINDS = (Inverse, Solve, Determinant, LogDet, Cholesky)
EXAMPLES = [e for e in array_checks.EXAMPLES if e.op in KINDS]
MATRICES = [
    np.array([[2.0, 1.0], [1.0, 3.0]]),
    np.array([[0.0, 1.0], [2.0, 3.0]]),  # a pivot is needed
    np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]]),
    np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    np.array([[-3.0]]),
    np.zeros((0, 0)),
]


def value(node: Node, **arrays: Any) -> Any:
    A = Arrays(node.graph)
    return evaluate([node], {getattr(A, name): array for name, array in arrays.items()})[0]


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda m: f"{len(m)}")
def test_values_are_those_of_numpy(matrix: Any) -> None:
    A = Arrays(Graph())
    np.testing.assert_allclose(value(inverse(A.S), S=matrix), np.linalg.inv(matrix), rtol=1e-13, atol=1e-14)
    assert value(det(A.S), S=matrix) == pytest.approx(np.linalg.det(matrix), rel=1e-13)
    assert value(logdet(A.S), S=matrix) == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("columns", [(), (2,), (2, 3)])
def test_solutions_solve(transposed: bool, columns: tuple[int, ...]) -> None:
    A = Arrays(Graph())
    name = {0: "v", 1: "T", 2: "R"}[len(columns)]
    matrix, b = MATRICES[1], np.random.default_rng(0).normal(size=(2, *columns))
    x = value(solve(A.S, getattr(A, name), transposed=transposed), S=matrix, **{name: b})
    np.testing.assert_allclose(np.einsum("ij,j...->i...", matrix.T if transposed else matrix, x), b, rtol=1e-13)


@pytest.mark.parametrize("build", [inverse, det, logdet, lambda s: s.graph.add(Cholesky(), s)])
def test_mpmath_gives_the_same_values(build: Any) -> None:
    A = Arrays(Graph())
    node = build(A.S)
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    exact = evaluate([node], {A.S: np.vectorize(mpmath.mpf, otypes=[object])(matrix)}, mpmath.mp)[0]
    np.testing.assert_allclose(value(node, S=matrix), np.asarray(exact, float), rtol=1e-14)


def test_a_factorisation_has_fifty_digits_in_fifty_digits() -> None:
    A = Arrays(Graph())
    with mpmath.workdps(50):
        (product,) = evaluate([A("ij,jk->ik", A.S, inverse(A.S))], values_in_mpmath(A.graph, 1), mpmath.mp)
        assert all(abs(product[i, j] - (i == j)) < mpmath.mpf("1e-45") for i in range(2) for j in range(2))


def test_a_cholesky_factor_reads_the_lower_triangle() -> None:
    A = Arrays(Graph())
    factor = value(A.graph.add(Cholesky(), A.S), S=np.array([[4.0, 99.0], [2.0, 5.0]]))
    assert factor.tolist() == [[2, 0], [1, 2]]


def test_one_factorisation_serves_value_and_derivatives() -> None:
    A = Arrays(Graph())
    target = logdet(A.S) + total(solve(A.S, A.v)) + det(A.S)
    outputs = [target, *build_grad(target, [A.S, A.v])]
    outputs += build_grad(total(outputs[1]), [A.S])
    assert sum(isinstance(node.op, Factorisation) for node in reachable(outputs)) == 1


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_first_and_second_derivatives_are_those_of_a_complex_step(index: int) -> None:
    assert array_checks.derivative_problems(EXAMPLES[index]) == []


def test_the_gradient_of_a_cholesky_factor_is_symmetric() -> None:
    A = Arrays(Graph())
    (g,) = build_grad(A("ij,ij->", A.graph.add(Cholesky(), A.S), A.T), [A.S])
    own = value(g, S=np.array([[4.0, 2.0], [2.0, 5.0]]), T=np.array([[1.0, 7.0], [2.0, 3.0]]))
    assert own[0, 1] == own[1, 0]


def test_the_logarithm_of_a_determinant_is_that_of_its_absolute_value() -> None:
    A = Arrays(Graph())
    assert value(logdet(A.S), S=np.diag([-2.0, 3.0])) == pytest.approx(np.log(6), rel=1e-15)


def test_the_logarithm_of_a_determinant_does_not_overflow() -> None:
    A = Arrays(Graph())
    assert value(logdet(A.S), S=1e200 * np.eye(3)) == pytest.approx(3 * np.log(1e200), rel=1e-15)


def test_a_singular_matrix_has_determinant_zero_and_no_inverse() -> None:
    A = Arrays(Graph())
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert value(det(A.S), S=singular) == 0
    assert value(logdet(A.S), S=singular) == -np.inf
    assert not np.isfinite(value(inverse(A.S), S=singular)).any()


def test_of_an_empty_matrix_gradients_are_empty() -> None:
    A = Arrays(Graph())
    (g,) = build_grad(logdet(A.S) + total(solve(A.S, A.v)), [A.S])
    assert value(g, S=np.zeros((0, 0)), v=np.zeros(0)).shape == (0, 0)


def test_lower_triangles() -> None:
    A = Arrays(Graph())
    matrix = np.arange(1.0, 5).reshape(2, 2)
    assert value(lower(A.S), S=matrix).tolist() == [[1, 0], [3, 4]]
    assert value(lower(A.S, strictly=True), S=matrix).tolist() == [[0, 0], [3, 0]]


@pytest.mark.parametrize("op", [Inverse(), Determinant(), LogDet(), Solve()])
def test_a_matrix_that_is_not_square_is_an_error(op: Any) -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="takes a square matrix"):
        factored(op, A.X, *([A.v] if isinstance(op, Solve) else []))


def test_a_right_hand_side_of_other_rows_is_an_error() -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="as many rows"):
        solve(A.S, A.a)


def test_a_rule_that_moves_the_matrix_makes_its_factorisation_anew() -> None:
    A = Arrays(Graph())
    node = inverse(A.S)
    moved = node.op.apply(A.T, *node.inputs[1:])
    assert moved.inputs[1] is A.graph.add(Factorisation(), A.T)
