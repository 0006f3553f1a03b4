"""The numerical report: it lists all, its bounds hold where they are known, and it sees a fault."""

from __future__ import annotations

import re
from unittest import mock

import numpy as np
import pytest
import sympy as sp
from mpmath import mp

import symgrad as sg
from symgrad.ops import exponential, hyperbolic, stable, trigonometric
from symgrad.ops.elementwise import OPERATIONS
from symgrad.simplify import STABLE
from tests import accuracy, accuracy_arrays, rules
from tests.test_simplify import ROWS

PAGE = accuracy.PAGE.read_text()
LISTED = set(re.findall(r"^\| ([\w-]+)", PAGE, re.MULTILINE))
BOUND = 4.0  # ulp: libm and the vector library are good to 1 and to 4


@pytest.mark.parametrize("operation", sorted({op.__name__ for op in OPERATIONS.values() if op.__module__ != "page"}))
def test_the_page_lists_every_operation(operation: str) -> None:
    assert operation in LISTED


def test_the_page_lists_every_rule_of_scalars() -> None:
    assert {row.rule for row in ROWS} & {rule.name for rule in STABLE} <= LISTED


def test_the_page_has_its_plot() -> None:
    assert "<svg" in accuracy.PAGE.with_suffix(".svg").read_text()


@pytest.mark.parametrize(
    "op", [exponential.Exp(), exponential.Log1p(), trigonometric.Sin(), stable.Sigmoid(), stable.Softplus()], ids=repr
)
def test_values_and_derivatives_are_right_to_the_last_digits(op: rules.Op) -> None:
    assert max(row.ulp for row in accuracy.operation_rows(op, 6)) <= BOUND


@pytest.mark.parametrize("op", [hyperbolic.Tanh(), hyperbolic.TanhSlope(), hyperbolic.Coth()], ids=repr)
def test_slopes_of_tanh_and_coth_are_right_in_the_tails(op: rules.Op) -> None:
    # 1 - y^2 has no digit left beyond |x| of 18
    assert max(row.ulp for row in accuracy.operation_rows(op, 12)) <= BOUND


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-154, 1e-139, 1.0, 1e139, 1e154, 1e200, 1e300])
@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 5)])
def test_a_norm_of_three_terms_is_right_at_any_scale(weights: tuple[int, ...], scale: float) -> None:
    # its squares overflow from 1e154 on, and are 0 below 1e-162
    symbols = sp.symbols("x y z")
    F = sg.Function(symbols, sp.sqrt(sum(w * x**2 for w, x in zip(weights, symbols, strict=True))))
    point = [0.75 * scale, -1.25 * scale, 0.0625 * scale]
    with mp.workdps(50):
        exact = mp.sqrt(mp.fsum(w * mp.mpf(x) ** 2 for w, x in zip(weights, point, strict=True)))
        slopes = [w * mp.mpf(x) / exact for w, x in zip(weights, point, strict=True)]
        y, gradient = F.value_and_grad(symbols)(*point)
        batch = F(*(np.full(9, x) for x in point))
        found = [accuracy.ulps(v, e) for v, e in zip([y, batch[4], *gradient], [exact, exact, *slopes], strict=True)]
    assert max(found) <= BOUND


@pytest.mark.parametrize("row", [r for r in ROWS if r.rule in ("log-of-sum-of-exp", "log-of-cosh", "softmax")], ids=str)
def test_stable_forms_are_right_where_the_formula_overflows(row: object) -> None:
    assert max(found.ulp for found in accuracy.rule_rows(row, 6)) <= BOUND


ARRAYS = list(accuracy_arrays.rows())


def test_the_page_lists_every_rule_over_axes() -> None:
    assert {row.name for row in ARRAYS} <= LISTED


@pytest.mark.parametrize("row", ARRAYS, ids=lambda row: f"{row.name} {row.what}")
def test_rules_over_axes_are_right_to_some_ulp(row: accuracy_arrays.Off) -> None:
    # log_softmax and the slopes of softmax are differences, of which the worst case drawn cancels a digit
    assert row.ulp <= (64 if "softmax" in row.name else 8)


def test_a_wrong_operation_would_be_seen() -> None:
    with mock.patch.object(exponential.Exp, "libm", "expm1"):
        assert max(row.ulp for row in accuracy.operation_rows(exponential.Exp(), 6)) > 1e9


def test_an_ulp_is_counted_at_the_exact_value() -> None:
    assert accuracy.ulps(1.0 + 2**-52, mp.mpf(1)) == 1.0
    assert accuracy.ulps(float("nan"), mp.mpf(1)) == float("inf")
