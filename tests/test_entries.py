"""Entries: an array by its entry at free indices."""

from __future__ import annotations

import pickle

import pytest
import sympy as sp

from symgrad.entries import Applied, Entries, Ones, matrix_entries
from symgrad.printers import Latex, Text

N, M = sp.symbols("n m", integer=True, positive=True)
ROW, COLUMN = sp.symbols("i j", integer=True)
A, X = sp.IndexedBase("A", shape=(N, M)), sp.MatrixSymbol("X", N, M)
E = Entries(2 * A[ROW, COLUMN], (ROW, N), (COLUMN, M))


def test_the_shape_is_that_of_the_ranges() -> None:
    assert E.shape == (N, M)
    assert E.indices == (ROW, COLUMN)


def test_an_entry_is_the_body_at_its_indices() -> None:
    assert E[0, N - 1] == 2 * A[0, N - 1]


def test_so_many_indices_as_axes() -> None:
    with pytest.raises(IndexError, match="1 indices of an array of 2 axes"):
        E[0]


def test_indices_are_not_free() -> None:
    assert not E.free_symbols & {ROW, COLUMN, A[ROW, COLUMN]}


def test_text_and_latex_show_the_ranges() -> None:
    assert str(E) == "2*A[i, j] for i = 0..n - 1, j = 0..m - 1"
    assert sp.latex(E) == r"2 {A}_{i,j} \quad \left(i = 0, \ldots, n - 1;\ j = 0, \ldots, m - 1\right)"


def test_it_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(E)) == E


def test_a_column_by_a_function_has_one_index() -> None:
    column = sp.FunctionMatrix(N, 1, sp.Lambda((ROW, COLUMN), A[ROW, 0]))
    assert matrix_entries(column) == Entries(A[ROW, 0], (ROW, N))


def test_functions_of_each_entry_print_by_name_in_sympys_printers_and_symgrads() -> None:
    e = Applied(sp.exp, X)
    assert str(e) == Text().doprint(e) == "exp.(X)"
    assert sp.latex(e) == Latex().doprint(e) == r"\exp\left(X\right)"


def test_ones_print_as_ones() -> None:
    assert (str(Ones(N, 1)), sp.latex(Ones(1, N)), sp.latex(Ones(N, M))) == (
        "ones(n, 1)",
        r"\mathbf{1}^{T}",
        r"\mathbf{1}_{n \times m}",
    )
