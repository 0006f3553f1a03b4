"""Guards of cotangents: what is switched off stays zero, and the branches of one condition come together again."""

from __future__ import annotations

import math

import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import Graph, Node
from symgrad.ops.guards import guarded_sum
from symgrad.ops.leaf import Input
from symgrad.ops.logic import conjunction, less, negation
from symgrad.ops.select import Select, guard_of, guarded, select, times

X, Y, A = sp.symbols("x y a")


@pytest.fixture
def nodes() -> list[Node]:
    graph = Graph()
    return [graph.add(Input(s)) for s in sp.symbols("a b c d e")]


def test_the_branches_of_a_condition_are_one_select(nodes: list[Node]) -> None:
    a, b, c, d, _ = nodes
    condition = less(a, b)
    assert guarded_sum([guarded(condition, c), guarded(negation(condition), d)]) is select(condition, c, d)


def test_branches_are_joined_under_the_conditions_they_share(nodes: list[Node]) -> None:
    a, b, c, d, e = nodes
    inner, outer = less(a, b), less(b, e)
    terms = [guarded(conjunction(outer, inner), c), guarded(conjunction(outer, negation(inner)), d)]
    assert guard_of(guarded_sum(terms)) == (outer, select(inner, c, d))


def test_terms_of_one_guard_are_added_inside(nodes: list[Node]) -> None:
    a, b, c, d, _ = nodes
    condition = less(a, b)
    assert guarded_sum([guarded(condition, c), guarded(condition, d)]) is guarded(condition, c + d)


def test_a_sum_of_guarded_terms_is_guarded_by_any_of_their_conditions(nodes: list[Node]) -> None:
    a, b, c, d, e = nodes
    total = guarded_sum([guarded(less(a, b), c), guarded(less(d, e), c)])
    guard = guard_of(total)
    assert guard is not None
    assert guard[0].op.name == "or"


def test_a_guard_that_always_holds_is_none(nodes: list[Node]) -> None:
    a, b, c, d, _ = nodes
    total = guarded_sum([guarded(negation(less(a, b)), c), guarded(negation(less(b, a)), d)])
    assert guard_of(total) is None


def test_one_free_term_leaves_the_sum_unguarded(nodes: list[Node]) -> None:
    a, b, c, d, _ = nodes
    assert guard_of(guarded_sum([guarded(less(a, b), c), d])) is None


def test_guards_of_both_factors_are_one_guard(nodes: list[Node]) -> None:
    a, b, c, d, e = nodes
    result = times(guarded(less(a, b), c), guarded(less(d, e), d))
    assert isinstance(result.op, Select)
    assert guard_of(result) == (conjunction(less(a, b), less(d, e)), c * d)


GRADIENTS = [
    (sp.Piecewise((X, X > 0), (X / 100, True)), "Piecewise((1, 0 < x), (1/100, True))"),
    (
        sp.Piecewise((X**2, X < -1), (sp.sin(X), X < 1), (sp.exp(X), True)),
        "Piecewise((2*x, x < -1), (cos(x), x < 1), (exp(x), True))",
    ),
    (sp.Max(0, X) + A * sp.Min(0, X), "a*Heaviside(-x) + Heaviside(x)"),
    (sp.Piecewise((sp.sqrt(X), X > 0), (0, True)), "Piecewise((1/(2*sqrt(x)), 0 < x), (0, True))"),
]


@pytest.mark.parametrize(("expression", "text"), GRADIENTS, ids=[text for _, text in GRADIENTS])
def test_a_gradient_of_branches_prints_as_branches(expression: sp.Expr, text: str) -> None:
    assert str(sg.grad(expression, X)) == text


def test_nothing_leaks_when_all_branches_of_a_sum_are_off() -> None:
    terms = [sp.Piecewise((sp.sqrt(X - k), X > k), (0, True)) for k in range(4)]
    slope = sg.Function([X], sp.Add(*terms)).grad().grad()
    assert slope(-1.0) == 0.0
    assert math.isfinite(slope(2.5))


def test_a_select_hands_a_guarded_cotangent_on_under_one_guard(nodes: list[Node]) -> None:
    # nested, the inner guard was hidden when terms were added, and 0 * nan leaked in forward mode
    a, b, c, d, e = nodes
    y = select(less(a, b), c, d)
    for part in y.op.bprop(y, guarded(less(d, e), a))[1:]:
        guard = guard_of(part)
        assert guard is not None
        assert guard[1] is a


def test_forward_mode_takes_nothing_from_a_branch_within_a_branch() -> None:
    inner = sp.Piecewise((X, X > Y), (sp.acosh(X * Y), X > 2 * Y), (sp.sqrt(X * Y), True))
    product = sg.Function([X, Y], sp.Piecewise((inner**2 + X, X > 0), (inner, True))).jvp([X, Y])
    assert product(1.0, -1.0, 1.0, 1.0) == 3.0
