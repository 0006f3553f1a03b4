"""Each rule fires on its left side, equals it, is stable where it promises to be, and does not fire next to it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import pytest
import sympy as sp

import symgrad as sg
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph, Node, Op
from symgrad.ops.leaf import Input
from symgrad.ops.logic import less, negation
from symgrad.ops.rounding import Step
from symgrad.ops.select import select
from symgrad.ops.stable import sigmoid
from symgrad.simplify import FORM, STABLE, Rule, simplify
from tests.array_rules import ARRAY_EXAMPLES
from tests.oracles import error

X, Y, Z = sp.symbols("x y z")
SYMBOLS = (X, Y, Z)
RULES = {rule.name: rule for rule in [*STABLE, *FORM]}
POSITIVE, ALL, BELOW_ONE = (0.1, 3.0), (-3.0, 3.0), (-0.9, 0.9)
POINTS = 20
exp, log, sqrt = sp.exp, sp.log, sp.sqrt


@dataclass(frozen=True)
class Row:
    """Left sides, the interval for the inputs, points where only the right side is right, and near-misses."""

    rule: str
    fires: tuple[Any, ...]
    misses: tuple[Any, ...]
    interval: tuple[float, float] = ALL
    extreme: tuple[tuple[float, float, float], ...] = ()


ROWS = [
    Row("log-of-exp", (log(exp(X)), log(exp(X * Y))), (log(2 * exp(X)), log(exp(X) + Y)), extreme=((1000, 1, 1),)),
    Row(
        "log-of-root",
        (log(sqrt(X)), log(X ** sp.Rational(-1, 3)), log((X * Y) ** 0.3)),
        (log(X**2), log(X**-1), log(X**3), log(X**Y)),
        POSITIVE,
        ((1e-320, 1, 1),),
    ),
    Row(
        "log-of-sum-of-exp",
        (
            log(1 + exp(X)),
            log(exp(X) + exp(Y)),
            log(2 * exp(X) + exp(Y) / 3 + exp(Z)),
            log(3 + exp(X)),
            log(1 + exp(X) + exp(Y)),
        ),
        (log(exp(X) - exp(Y)), log(1 - exp(X)), log(exp(X) - 2), log(exp(X) + Y), log(exp(X) + sp.pi), log(3 * exp(X))),
        extreme=((1000, 999, 998), (-1000, -999, -998), (1000, -1000, 0)),
    ),
    Row(
        "log-of-sigmoid",
        (log(sigmoid(X)), log(sigmoid(X - Y))),
        (log(2 * sigmoid(X)), log(sigmoid(X) ** 2), log(1 + sigmoid(X))),
        extreme=((1000, 0, 0), (-1000, 0, 0)),
    ),
    Row(
        "log-of-cosh", (log(sp.cosh(X)),), (log(sp.sinh(X)), log(2 * sp.cosh(X))), extreme=((1000, 0, 0), (-1000, 0, 0))
    ),
    Row(
        "log-of-one-plus",
        (log(1 + X), log(1 - X), log(1 + X / 2 + Y / 3)),
        (log(2 + X), log(X), log(X + Y), log(X - 1), log(sp.Rational(10**9 + 1, 10**9) + X)),
        BELOW_ONE,
        ((1e-20, 1e-25, 0),),
    ),
    Row(
        "exp-minus-one",
        (exp(X) - 1, 3 * exp(X) - 3, 1 - exp(X), exp(X) - 1 + Y),
        (exp(X) - 2, exp(X) + 1, 2 * exp(X) - 1, exp(X) - Y),
        extreme=((1e-20, 1e-22, 0),),
    ),
    Row(
        "one-minus-sigmoid",
        (1 - sigmoid(X), 2 - 2 * sigmoid(X), 1 - sigmoid(X * Y) + Z),
        (2 - sigmoid(X), 1 + sigmoid(X), Y - sigmoid(X)),
        extreme=((200, 1, 0),),
    ),
    Row(
        "one-minus-tanh-squared",
        (1 - sp.tanh(X) ** 2, 2 * sp.tanh(X) ** 2 - 2, 1 - sp.tanh(X * Y) ** 2 + Z),
        (2 - sp.tanh(X) ** 2, 1 + sp.tanh(X) ** 2, 1 - sp.tanh(X), 1 - sp.tanh(X) ** 3, Y - sp.tanh(X) ** 2),
        extreme=((300, 1, 0),),
    ),
    Row(
        "reciprocal-of-one-plus-exp",
        (1 / (1 + exp(X)), (1 + exp(X)) ** -3, 1 / sqrt(1 + exp(X)), 1 / (1 + exp(X - Y))),
        (1 / (2 + exp(X)), 1 / (1 - exp(X)), (1 + exp(X)) ** 2, 1 / (1 + 2 * exp(X)), 1 / (1 + exp(X) + exp(Y))),
        extreme=((300, 1, 0), (-1000, 1, 0)),
    ),
    Row(
        "exp-times-sigmoid",
        (exp(X) * sigmoid(-X), Y * exp(X - Z) * sigmoid(Z - X), exp(X) * sigmoid(-X) ** 2),
        (exp(X) * sigmoid(X), exp(X) * sigmoid(-2 * X), exp(X) * sigmoid(-Y)),
        extreme=((1000, 1, 0), (-300, 1, 0)),
    ),
    Row(
        "softmax",
        (exp(X) / (exp(X) + exp(Y)), Z * exp(X) / (exp(X) + 2 * exp(Y) + 1), exp(Z) / (exp(X) + exp(Y))),
        (
            exp(X) / (exp(X) - exp(Y)),
            exp(X) / (exp(X) + Y),
            exp(X) / (exp(X) + exp(Y)) ** 2,
            Z / (exp(X) + exp(Y)),
            exp(X) / Y,
        ),
        extreme=((1000, 999, 998), (-1000, -999, -998)),
    ),
    Row(
        "x-times-log",
        (X * log(X), X**3 * log(X), Y * X ** sp.Rational(3, 2) * log(X)),
        (Y * log(X), sqrt(X) * log(X), log(X) / X, X * log(2 * X)),
        POSITIVE,
    ),
    Row(
        "root-of-even-power",
        (
            sqrt(X**2),
            (X**4) ** sp.Rational(1, 4),
            (X**2) ** sp.Rational(3, 2),
            sqrt(X**-2),
            (X**2) ** sp.Rational(-1, 3),
        ),
        (
            sqrt(X**3),
            sp.Pow(X**2, 2, evaluate=False),
            sqrt(X),
            sp.Pow(sqrt(X), sp.Rational(1, 2), evaluate=False),
            sqrt(2 * X**2 + 1),
        ),
        ALL,
        ((1e200, 0, 0), (-1e200, 0, 0)),
    ),
    Row(
        "root-of-sum-of-squares",
        (sqrt(X**2 + Y**2), sqrt(X**2 + Y**2 + Z**2), sqrt(2 * X**2 + Y**2 / 3)),
        (
            sqrt(X**2 - Y**2),
            sqrt(X**2 + Y**2 + 1),
            (X**2 + Y**2) ** sp.Rational(1, 3),
            sqrt(X**2 + Y**3),
            sqrt(X**2 + Y),
            1 / sqrt(X**2 + Y**2),
        ),
    ),
    Row(
        "direction",
        (X / sqrt(X**2 + Y**2), X * Z / sqrt(X**2 + Y**2 + 2 * Z**2)),
        (Z / sqrt(X**2 + Y**2), X / sqrt(X**2 + Y**2 + 1), X / (X**2 + Y**2), X**2 / sqrt(X**2 + Y**2)),
    ),
]


def _by_rule(kind: str) -> list[tuple[str, Any]]:
    return [(row.rule, e) for row in ROWS for e in getattr(row, kind)]


def applied(node: Node, *names: str) -> Any:
    return simplify([node], [RULES[name] for name in names])


def values(nodes: list[Node], point: tuple[float, ...], digits: int) -> list[Any]:
    """At x, y, z = point: with as many digits, or in double precision if that is 0."""
    number = mpmath.mpf if digits else float
    places = {nodes[0].graph.add(Input(s)): number(v) for s, v in zip(SYMBOLS, point, strict=True)}
    if digits == 0:
        return evaluate(nodes, places)
    with mpmath.workdps(digits):
        return evaluate(nodes, places, mpmath.mp)


def test_every_rule_has_a_row() -> None:
    assert {row.rule for row in ROWS} | {"unguard"} | set(ARRAY_EXAMPLES) == set(RULES)


def test_names_of_rules_are_unique() -> None:
    assert len(RULES) == len(STABLE) + len(FORM)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda r: r.name)
def test_a_rule_states_its_formula_and_its_condition(rule: Rule) -> None:
    assert "=>" in rule.formula
    assert rule.condition


@pytest.mark.parametrize(("rule", "expression"), _by_rule("fires"), ids=str)
def test_a_rule_fires_on_its_left_side(rule: str, expression: Any) -> None:
    assert applied(from_sympy(Graph(), expression), rule).applied[rule] == 1


@pytest.mark.parametrize(("rule", "expression"), _by_rule("misses"), ids=str)
def test_a_rule_does_not_fire_where_its_condition_fails(rule: str, expression: Any) -> None:
    node = from_sympy(Graph(), expression)
    assert applied(node, rule)[:2] == ([node], {})


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.of_arrays], ids=lambda r: r.name)
def test_a_rule_of_arrays_holds_nowhere_among_scalars(rule: Rule) -> None:
    for _, expression in [*_by_rule("fires"), *_by_rule("misses")]:
        node = from_sympy(Graph(), expression)
        assert simplify([node], [replace(rule, of_arrays=False, over=(Op,))])[:2] == ([node], {})


def test_a_rule_that_wants_readers_is_of_arrays() -> None:
    assert all(rule.of_arrays for rule in RULES.values() if rule.wants_readers)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.rule)
def test_both_sides_of_a_rule_are_equal_to_fifty_digits(row: Row) -> None:
    draw = random.Random(row.rule)
    for expression in row.fires:
        before = from_sympy(Graph(), expression)
        (after,) = applied(before, row.rule).outputs
        for _ in range(POINTS):
            a, b = values([before, after], tuple(draw.uniform(*row.interval) for _ in SYMBOLS), 60)
            assert abs(a - b) <= mpmath.mpf("1e-50") * max(1, abs(a))


@pytest.mark.parametrize(
    ("rule", "expression", "point"),
    [(row.rule, e, p) for row in ROWS for e in row.fires for p in row.extreme],
    ids=str,
)
def test_the_right_side_of_a_rule_is_right_where_the_left_side_overflows_or_cancels(
    rule: str, expression: Any, point: tuple[float, ...]
) -> None:
    before = from_sympy(Graph(), expression)
    (after,) = simplify([before], STABLE).outputs
    (exact,) = values([before], point, 2000)
    (double,) = values([after], point, 0)
    assert double == pytest.approx(float(exact), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("expression", "point"),
    [
        (log(exp(X)), (1000, 0, 0)),
        (log(1 + exp(X)), (1000, 0, 0)),
        (log(1 + X), (1e-20, 0, 0)),
        (exp(X) - 1, (1e-20, 0, 0)),
        (log(sp.cosh(X)), (1000, 0, 0)),
        (exp(X) / (exp(X) + exp(Y)), (1000, 999, 0)),
        (1 - sigmoid(X), (200, 0, 0)),
        (sqrt(X**2), (1e200, 0, 0)),
    ],
    ids=str,
)
def test_without_the_rules_the_left_side_is_wrong_there(expression: Any, point: tuple[float, ...]) -> None:
    node = from_sympy(Graph(), expression)
    assert error(values([node], point, 0)[0], float(values([node], point, 2000)[0])) > 1e-25 or (
        values([node], point, 0)[0] == 0 != values([node], point, 2000)[0]
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (X * log(X), 0.0),
        (X**2 * log(X), 0.0),
        (X / sqrt(X**2 + Y**2), 0.0),
        (sqrt(X**2 + Y**2), 0.0),
        (sqrt(X**2), 0.0),
    ],
    ids=str,
)
def test_removable_points_are_filled(expression: Any, value: float) -> None:
    (after,) = simplify([from_sympy(Graph(), expression)], STABLE).outputs
    assert values([after], (0.0, 0.0, 0.0), 0) == [value]


# -- unguard ----------------------------------------------------------------------------------------------------------


def guarded_step(rest: Callable[[Node, Node, Node], Node], *, other: bool = False) -> Node:
    """select(not x < y, Heaviside(x - y)*rest, 0); `other`: guarded by z instead of y."""
    graph = Graph()
    x, y, z = convert_all(graph, SYMBOLS)
    value = graph.add(Step(), x, y) * rest(x, y, z)
    return select(negation(less(x, z if other else y)), value, graph.node(0))


@pytest.mark.parametrize(
    "rest", [lambda x, y, z: z, lambda x, y, z: x * z**2, lambda x, y, z: 3 * z], ids=["z", "x*z**2", "3*z"]
)
def test_a_guard_that_changes_nothing_is_dropped(rest: Any) -> None:
    node = guarded_step(rest)
    simplified = applied(node, "unguard")
    assert simplified.applied == {"unguard": 1}
    for point in [(1.0, 2.0, 0.7), (2.0, 1.0, 0.7), (1.0, 1.0, 0.7)]:
        assert values([node], point, 0) == values(simplified.outputs, point, 0)


@pytest.mark.parametrize(
    "rest",
    [lambda x, y, z: 1 / z, lambda x, y, z: from_sympy(x.graph, log(Z)), lambda x, y, z: z / y],
    ids=["1/z", "log(z)", "z/y"],
)
def test_a_guard_before_what_may_be_infinite_stays(rest: Any) -> None:
    assert applied(guarded_step(rest), "unguard").applied == {}


def test_a_guard_of_another_condition_stays() -> None:
    assert applied(guarded_step(lambda x, y, z: z, other=True), "unguard").applied == {}


# -- the pass ---------------------------------------------------------------------------------------------------------

MODELS = [
    log(1 + exp(-X * Y)) + sqrt(X**2 + Y**2 + Z**2),
    -log(exp(X) / (exp(X) + exp(Y) + exp(Z))),
    X * log(X) + (1 - X) * log(1 - X),
    1 / (1 + exp(-X)) * sp.tanh(Y),
    sp.Max(0, X) * sp.Abs(Y) + sg.relu(Z * X),
    sp.Piecewise((log(X), X > 0), (exp(X) - 1, True)) * log(sp.cosh(Y)),
    X * Y / sqrt(X**2 + Y**2) + (X**2) ** sp.Rational(3, 2),
    log(1 / (1 + exp(-X))) + log(1 - 1 / (1 + exp(-X))),
]


@pytest.mark.parametrize("expression", [*MODELS, *(e for _, e in _by_rule("fires"))], ids=str)
def test_simplifying_twice_changes_nothing(expression: Any) -> None:
    graph = Graph()
    nodes = simplify([from_sympy(graph, expression)], STABLE).outputs
    nodes = simplify([*nodes, *sg.build_grad(nodes[0], convert_all(graph, SYMBOLS))], [*STABLE, *FORM]).outputs
    assert simplify(nodes, [*STABLE, *FORM])[:2] == (nodes, {})


@pytest.mark.parametrize("expression", MODELS, ids=str)
def test_gradients_with_and_without_rules_are_equal(expression: Any) -> None:
    draw = random.Random(str(expression))
    plain, simplified = (sg.Function(SYMBOLS, expression, simplify=s).grad(SYMBOLS) for s in (False, True))
    for _ in range(POINTS):
        point = tuple(draw.uniform(0.1, 0.9) for _ in SYMBOLS)
        for a, b in zip(*(values(f.results[0].elements, point, 60) for f in (plain, simplified)), strict=True):
            assert abs(a - b) <= mpmath.mpf("1e-50") * max(1, abs(a))


def test_a_rule_works_below_the_top() -> None:
    assert str(sg.Function([X], sp.sin(log(exp(X))) ** 2).outputs) == "sin(x)**2"


def test_what_a_rule_made_is_simplified_further() -> None:
    simplified = simplify([from_sympy(Graph(), log(1 / (1 + exp(-X))))], STABLE)
    assert simplified.applied == {"reciprocal-of-one-plus-exp": 1, "log-of-sigmoid": 1}
    assert simplified.outputs[0].op.label() == "add[-1]"


def test_an_expression_without_rules_is_the_same_node() -> None:
    node = from_sympy(Graph(), sp.sin(X) * Y + Z)
    assert simplify([node], [*STABLE, *FORM])[:2] == ([node], {})


def test_no_rule_cancels_a_factor_that_may_be_zero() -> None:
    x, y = convert_all(Graph(), [X, Y])
    quotient = x * y / y
    assert simplify([quotient], [*STABLE, *FORM])[:2] == ([quotient], {})


def test_a_function_reports_the_rules_that_were_applied() -> None:
    assert sg.Function([X], log(1 + exp(X))).applied == {"log-of-sum-of-exp": 1}


def test_a_derivative_reports_its_own_rules() -> None:
    F = sg.Function([X, Y], exp(X) / (1 + exp(X)) + Y)
    assert F.applied == {"reciprocal-of-one-plus-exp": 1, "exp-times-sigmoid": 1}
    assert F.grad(Y).applied == {}


def test_rules_can_be_switched_off() -> None:
    F = sg.Function([X], log(1 + exp(X)), simplify=False)
    assert F.applied == {}
    assert F.outputs == log(1 + exp(X))


def test_rules_switched_off_stay_off_in_derivatives() -> None:
    F = sg.Function([X], log(1 + exp(X)), simplify=False).grad()
    assert F.applied == {}
    assert F.outputs == exp(X) / (1 + exp(X))
