"""The first step that turns nan or infinite: which one, at which entry, why, and what to write instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

X, Y = sp.symbols("x y")
N = sp.Symbol("n", integer=True, positive=True)
V = sp.MatrixSymbol("v", N, 1)


def raw(e: Any, *variables: Any) -> sg.Function:
    """The function as it is written, without rules."""
    return sg.Function(list(variables) or [X], e, simplify=False)


def test_nothing_is_blamed_where_all_is_finite() -> None:
    report = sg.Function([X], sp.exp(X)).blame(1.0)
    assert not report
    assert str(report) == "f: all finite"


@pytest.mark.parametrize(
    ("e", "x", "formula", "reason"),
    [
        (sp.sqrt(X) + sp.log(X), -1.0, "sqrt(x)", "a root of a negative number"),
        (sp.sin(sp.log(X)), 0.0, "log(x)", "the logarithm of zero"),
        (sp.log(X) + 1, -2.0, "log(x)", "the logarithm of a negative number"),
        (1 / X, 0.0, "1/x", "division by zero"),
        (sp.exp(X), 710.0, "exp(x)", "overflow, e**709.8 is the largest float64"),
        (sp.asin(X), 2.0, "asin(x)", "outside of the domain [-1, 1]"),
        (X**300, 1e3, "x**300", "too large for float64, or a pole"),
        (sp.cos(X), np.inf, "x", "the point itself is not finite"),
        (sp.sin(X) / X**Y, 0.0, "x**(-y)", "division by zero"),
    ],
)
def test_the_step_and_the_reason(e: Any, x: float, formula: str, reason: str) -> None:
    variables = sorted(e.free_symbols, key=str)
    report = raw(e, *variables).blame([x, 1.0][: len(variables)])
    assert (report.formula, report.reason) == (formula, reason)


@pytest.mark.parametrize(
    ("e", "stable"),
    [
        (sp.log(1 + sp.exp(X)), "softplus(x)"),
        (sp.log(3 + 2 * sp.exp(X)), "softplus(x + log(2/3)) + log(3)"),
        (1 / (1 + sp.exp(X)), "sigmoid(-(x))"),
        (1 / (3 + 2 * sp.exp(X)), "sigmoid(-(x) - log(2/3))/3"),
    ],
)
def test_the_stable_form_is_the_same_function(e: Any, stable: str) -> None:
    report = raw(e).blame(800.0)
    assert report.stable == stable
    written = sp.sympify(stable, locals={"softplus": sg.softplus, "sigmoid": sg.sigmoid})
    assert float(written.doit().subs(X, 0.7)) == pytest.approx(float(e.subs(X, 0.7)), rel=1e-12)


def test_the_stable_form_of_a_quotient_of_exponentials_is_softmax() -> None:
    assert raw(sp.exp(X) / (sp.exp(X) + sp.exp(Y)), X, Y).blame([800.0, 1.0]).stable.startswith("softmax")


def test_what_the_rules_make_stable_is_not_blamed() -> None:
    assert not sg.Function([X], sp.log(1 + sp.exp(X))).blame(800.0)


def test_a_branch_that_is_not_taken_is_not_blamed() -> None:
    e = sp.Piecewise((sp.log(X), X > 0), (X, True))
    assert not raw(e).blame(-1.0)
    assert raw(sp.Piecewise((sp.log(X), X > -5), (X, True))).blame(-1.0)


@pytest.mark.parametrize(("x", "blamed"), [(1.0, False), (-1.0, True)])
@pytest.mark.parametrize("relation", [sp.Gt, sp.Lt])
def test_a_nan_that_the_condition_switches_off_is_not_blamed(x: float, blamed: bool, relation: Any) -> None:
    F = raw(sp.Piecewise((X, relation(X, 0)), (Y, True)), X, Y)
    assert bool(F.blame([x if relation is sp.Gt else -x, np.nan])) is blamed
    G = raw(sp.Piecewise((Y, relation(X, 0)), (X, True)), X, Y)
    assert bool(G.blame([-x if relation is sp.Gt else x, np.nan])) is blamed


def test_the_inputs_of_the_step_are_shown_with_their_values() -> None:
    assert raw(sp.log(X - Y), X, Y).blame({"x": 1.0, "y": 3.0}).inputs == {"x - y": -2.0}


def test_a_finite_output_over_an_infinite_step_is_told() -> None:
    report = raw(1 / (1 + sp.exp(X))).blame(800.0)
    assert report.outputs_finite
    assert "the outputs are finite" in str(report)


def test_the_index_of_the_first_offending_entry_is_told() -> None:
    report = raw(sp.sqrt((V.T * V.applyfunc(sp.log))[0, 0]), V).blame([np.array([1.0, 2.0, 0.0, -1.0])])
    assert report.index == (2,)
    assert report.reason == "the logarithm of zero"


def test_the_rules_know_the_limit_of_v_log_v_and_leave_the_next_entry_to_blame() -> None:
    report = sg.Function([V], sp.sqrt((V.T * V.applyfunc(sp.log))[0, 0])).blame([np.array([1.0, 2.0, 0.0, -1.0])])
    assert report.index == (3,)


def test_the_gradient_of_a_quotient_at_zero_is_blamed_on_the_division() -> None:
    assert "division by zero" in str(raw(sp.sin(X) / X).grad().blame(0.0))


def test_a_batch_is_refused() -> None:
    with pytest.raises(sg.ArgumentError, match="one point"):
        raw(sp.exp(X)).blame(np.zeros(3))
