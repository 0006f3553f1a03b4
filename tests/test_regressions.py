"""What failed once on the scoreboard, as small as it gets: written by `python -m tests.scoreboard`, kept by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from sympy.codegen import cfunctions  # noqa: F401

import symgrad as sg  # noqa: F401
from tests.scoreboard import all_groups
from tests.shrink import Posed


def assert_right(group: str, expression: Any, values: dict[Any, Any]) -> None:
    """Everything that the group checks, at this case."""
    (again,) = [g.again for g in all_groups() if g.name == group]
    assert again is not None
    failures = [o.failure for o in again(Posed(sp.sympify(expression), values), 0).values() if o.failure]
    assert not failures, failures


def test_an_index_that_is_gathered_under_a_condition_is_known_in_every_piece_of_a_loop() -> None:
    """KeyError while the kernel was written."""
    m, n = sp.symbols("m n", integer=True, nonnegative=True)
    k = sp.Symbol("k", integer=True)
    at = sp.IndexedBase("at", shape=(m,), integer=True)
    x = sp.IndexedBase("x", shape=(n,))
    e = sp.Sum(sp.Piecewise((x[at[k]], k < -1), (k, True)), (k, 0, m))
    assert_right("fuzz_indexed", e, {x: np.ones((1,)), at: np.array([0]), m: 1})


def test_an_entry_that_is_gathered_in_the_other_branch_is_known_in_every_piece_of_a_loop() -> None:
    """KeyError while the kernel was written."""
    m, n = sp.symbols("m n", integer=True, nonnegative=True)
    j = sp.Symbol("j", integer=True)
    at = sp.IndexedBase("at", shape=(m,), integer=True)
    P = sp.IndexedBase("P", shape=(n, m))
    e = sp.Sum(sp.Piecewise((-1, j < -1), (P[at[j], j], True)), (j, 0, m - 1))
    assert_right("fuzz_indexed", e, {P: np.ones((2, 1)), at: np.array([1]), m: 1})


def test_a_size_that_may_be_below_zero_is_pythons_max_in_a_kernel() -> None:
    """NameError: name 'Max' is not defined."""
    n = sp.Symbol("n", integer=True, nonnegative=True)
    j = sp.Symbol("j", integer=True)
    x = sp.IndexedBase("x", shape=(n,))
    e = sp.Product(sp.Sum(x[0] + 1, (j, 0, n - 2)), (j, 0, 1))
    assert_right("fuzz_indexed", e, {x: np.ones((2,)), n: 2})


def test_an_order_is_an_integer_also_where_the_same_float_was_there_before() -> None:
    """UnsupportedExpression: polygamma of an order that is no number."""
    x = sp.Symbol("x", real=True)
    e = sp.Add(1.0 * x, sp.polygamma(1, x + sp.Rational(23, 16)), evaluate=False)
    assert_right("fuzz_scalar", e, {x: 0.5})


def test_what_is_printed_of_a_share_of_three_compares_the_terms_themselves() -> None:
    """as printed [2]: mpf('-inf'), reference 1.3309307951204787626, error inf"""
    x = sp.Symbol("x", real=True)
    e = sp.Max(1, 2, sp.Add(sp.csc(sp.Rational(99, 64)), (-1) * x, evaluate=False), evaluate=False)
    assert_right("fuzz_scalar", e, {x: -2.0})


def test_the_slope_of_a_bessel_function_of_order_zero_has_no_negative_order() -> None:
    """as printed [3]: mpf('nan'), reference -150.32229623995677903, error inf"""
    x = sp.Symbol("x", real=True)
    e = sp.Mul(sp.besseli(0, sp.Rational(-403, 64) + x), sp.atanh(1, evaluate=False) ** (-1), evaluate=False)
    assert_right("fuzz_scalar", e, {x: 1.0})
