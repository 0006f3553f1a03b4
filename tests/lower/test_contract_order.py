"""The order in which a product of several factors is computed, two at a time."""

from __future__ import annotations

import sympy as sp

from symgrad.lower.source.numpy_contract import steps

n, m = sp.symbols("n m", integer=True, positive=True)
ROW, COLUMN, OTHER = range(3)


def test_of_many_factors_no_matrix_is_made_where_vectors_do() -> None:
    factors = [(ROW, COLUMN), (ROW, OTHER), (ROW,), (ROW,), (OTHER,), (ROW,), (ROW,)]  # X' diag(s t u v) X w
    found = steps(factors, (COLUMN,), {ROW: n, COLUMN: m, OTHER: m})
    assert len(found) == 6
    assert all(len(step.labels) == 1 for step in found)


def test_of_many_matrices_between_thin_ones_no_two_matrices_are_multiplied() -> None:
    chain = [(k, k + 1) for k in range(7) if k != 3]  # the gradient by that one
    found = steps([*chain, (7, 8), (0, 8)], (3, 4), {**dict.fromkeys(range(8), m), 8: 2})
    assert sum(set(step.labels) == {k, j} for step in found for k in range(8) for j in range(k)) == 1  # the result
