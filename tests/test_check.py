"""The checker of derivatives is checked: right ones pass, rules wrong by little do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import Node
from symgrad.ops.elementwise import Elementwise, Partial
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.rounding import Abs
from symgrad.ops.special import Gamma
from symgrad.ops.trigonometric import Cos, Sin

X, Y, Z = sp.symbols("x y z")
SLIGHTLY = Fraction(20_010, 20_000)  # wrong by 0.05 %

MODELS = [
    ([X, Y], sp.sin(X) * Y**2),
    ([(X, Y), Z], sp.exp(X * Y) / (1 + Z**2)),
    ([X, Y], [X * Y, sp.Matrix([X, sp.log(Y)])]),
    ([X], {"a": sp.tanh(X), "b": sp.sqrt(X)}),
    ([X, Y], sp.gamma(X + 1) * sp.atan2(X, Y)),  # not analytic in NumPy: by differences
    ([X], sp.Integer(3)),
]


def spoiled(kind: type[Elementwise]) -> Callable[[Elementwise, Node], Sequence[Partial]]:
    """The partials of an operation, each off by 0.05 %."""
    right = kind.partials

    def partials(self: Elementwise, y: Node) -> Sequence[Partial]:
        return tuple(p * SLIGHTLY if isinstance(p, Node) else p for p in right(self, y))

    return partials


@pytest.mark.parametrize(("args", "outputs"), MODELS, ids=str)
def test_right_derivatives_pass(args: Any, outputs: Any) -> None:
    report = sg.check_grads(sg.Function(args, outputs))
    assert report.passed
    assert report.worst.error < 1e-12


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        (Sin, sp.sin(X) * Y),
        (Exp, sp.exp(X * Y)),
        (Log, sp.log(X + Y)),
        (Abs, sp.Abs(X - 3) * Y),
        (Gamma, sp.gamma(X) + Y),
    ],
    ids=["sin", "exp", "log", "abs", "gamma"],
)
def test_a_rule_wrong_by_a_twentieth_of_a_percent_is_caught(
    kind: type[Elementwise], expression: Any, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "partials", spoiled(kind))
    with pytest.raises(sg.CheckFailed, match="a derivative disagrees with the values"):
        sg.check_grads(sg.Function([X, Y], expression), order=order)


def test_a_wrong_second_derivative_is_caught_by_the_second_order_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cos, "partials", spoiled(Cos))
    F = sg.Function([X], sp.sin(X))
    assert sg.check_grads(F, order=1).passed
    with pytest.raises(sg.CheckFailed):
        sg.check_grads(F, order=2)


def test_the_report_is_a_field_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sin, "partials", spoiled(Sin))
    with pytest.raises(sg.CheckFailed) as caught:
        sg.check_grads(sg.Function([X], sp.sin(X)), order=1)
    assert not caught.value.report.passed
    assert caught.value.report.worst.error == pytest.approx(5e-4 / 2, rel=0.9)


def test_both_modes_and_both_orders_are_compared() -> None:
    comparisons = sg.check_grads(sg.Function([X], sp.exp(X))).comparisons
    assert {(c.order, c.mode) for c in comparisons} == {
        (1, "forward"),
        (1, "reverse"),
        (2, "reverse over reverse"),
        (2, "forward over reverse"),
    }


def test_the_first_order_is_by_complex_step_where_all_is_analytic() -> None:
    comparisons = sg.check_grads(sg.Function([X], sp.exp(X)), order=1).comparisons
    assert {c.method for c in comparisons} == {"complex step"}


def test_the_first_order_is_by_differences_where_not_all_is_analytic() -> None:
    comparisons = sg.check_grads(sg.Function([X, Y], sp.atan2(X, Y)), order=1).comparisons
    assert {c.method for c in comparisons} == {"50-digit differences"}


def test_the_points_are_as_many_as_asked_for_and_in_the_domain() -> None:
    report = sg.check_grads(sg.Function([X], sp.log(X)), points=7, domain=(2.0, 3.0), order=1)
    points = {float(c.point["x"]) for c in report.comparisons}
    assert len(points) == 7
    assert all(2 <= x <= 3 for x in points)


def test_the_same_seed_gives_the_same_report() -> None:
    F = sg.Function([X], sp.exp(X))
    assert str(sg.check_grads(F, seed=3)) == str(sg.check_grads(F, seed=3)) != str(sg.check_grads(F, seed=4))


@pytest.mark.parametrize("at", [[1.5, [2.0, 3.0]], {"x": 1.5, "arg1": [2.0, 3.0]}], ids=["position", "name"])
def test_one_point_may_be_given(at: Any) -> None:
    report = sg.check_grads(sg.Function([X, (Y, Z)], X * Y * Z), at)
    assert {float(c.point["x"]) for c in report.comparisons} == {1.5}


def test_a_nan_is_no_agreement() -> None:
    F = sg.Function([X], sp.Piecewise((sp.log(X), X > -5), (0, True)))
    with pytest.raises(sg.CheckFailed):
        sg.check_grads(F, [0.0], order=1)


def test_a_third_order_is_an_error() -> None:
    with pytest.raises(sg.ArgumentError, match="check_grads knows two orders, got 3, wanted 1 or 2"):
        sg.check_grads(sg.Function([X], X), order=3)


def test_the_report_prints_a_line_for_each_group() -> None:
    lines = str(sg.check_grads(sg.Function([X], sp.exp(X), name="growth"))).splitlines()
    assert lines[0] == "growth: agrees in 20 comparisons, tolerance 1e-09"
    assert len(lines) == 6


def test_a_users_function_of_a_float64s_digits_is_checked_in_those() -> None:
    class cube_without_digits(sp.Function):
        nargs = 1

        def fdiff(self, argindex: int = 1) -> sp.Expr:
            return 3 * self.args[0] ** 2

    sg.register(cube_without_digits, lambda x: x * x * x)
    report = sg.check_grads(sg.Function([X], cube_without_digits(X)))
    assert {c.method for c in report.comparisons} == {"float64 differences"}


def test_sizes_are_drawn_so_that_no_array_is_empty() -> None:
    h, a = sp.symbols("h a", integer=True, positive=True)
    i, p = sp.symbols("i p", integer=True)
    x, k = sp.IndexedBase("x", shape=(h,)), sp.IndexedBase("k", shape=(a,))
    y = sp.Sum(x[i + p] * k[p], (p, 0, a - 1))
    report = sg.check_grads(sg.Function([x, k], sp.Sum(y**2, (i, 0, h - a))))
    assert report.passed
    assert report.worst.value != 0
