"""The numerical report: it lists all, its bounds hold where they are known, and it sees a fault."""

from __future__ import annotations

import re
from unittest import mock

import pytest
from mpmath import mp

from symgrad.ops import exponential, stable, trigonometric
from symgrad.ops.elementwise import OPERATIONS
from symgrad.simplify import STABLE
from tests import accuracy, rules
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


@pytest.mark.parametrize("row", [r for r in ROWS if r.rule in ("log-of-sum-of-exp", "log-of-cosh", "softmax")], ids=str)
def test_stable_forms_are_right_where_the_formula_overflows(row: object) -> None:
    assert max(found.ulp for found in accuracy.rule_rows(row, 6)) <= BOUND


def test_a_wrong_operation_would_be_seen() -> None:
    with mock.patch.object(exponential.Exp, "libm", "expm1"):
        assert max(row.ulp for row in accuracy.operation_rows(exponential.Exp(), 6)) > 1e9


def test_an_ulp_is_counted_at_the_exact_value() -> None:
    assert accuracy.ulps(1.0 + 2**-52, mp.mpf(1)) == 1.0
    assert accuracy.ulps(float("nan"), mp.mpf(1)) == float("inf")
