"""build_grad and what is made of it: zero, seeds, inner nodes, orders, forward against reverse, guards."""

from __future__ import annotations

import random
import sys
from typing import Any

import mpmath
import pytest
import sympy as sp

import symgrad as sg
from symgrad.derivatives import (
    between,
    hessian_rows,
    hessian_vector,
    inner,
    jacobian_rows,
    jacobian_vector,
    vector_jacobian,
)
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.arithmetic import Add
from symgrad.ops.leaf import Input
from symgrad.ops.special import Bessel, BesselI, BesselJ, BesselK, BesselY
from symgrad.ops.trigonometric import Cos, Sin
from symgrad.to_sympy import to_sympy

X, Y, Z = SYMBOLS = sp.symbols("x y z", real=True)
MODELS = [
    X**2 * Y + sp.sin(X * Z) / Y,
    sp.exp(X * Y) * sp.log(Z + X**2) + X**Y,
    sp.sqrt(X**2 + Y**2 + 1) * sp.atan2(X, Z),
    sp.Piecewise((X**3 * Y, X > Y), (Z * sp.tanh(X * Y), True)),
    sp.gamma(X + 1) * sp.besselj(1, Y) + sp.erf(X * Z),
]
OUTPUTS = [X * Y * Z, sp.sin(X) + Y**2, sp.exp(X * Z), X / Y, Z**3]


def nodes(*expressions: Any) -> tuple[list[Node], list[Node]]:
    """(expressions, x, y, z) as nodes of one graph."""
    graph = Graph()
    return convert_all(graph, expressions), convert_all(graph, SYMBOLS)


def numbers(outputs: list[Node], wrt: list[Node], seed: str) -> list[Any]:
    """The outputs at a random point, to 50 digits."""
    draw = random.Random(seed)
    with mpmath.workdps(50):
        places = {x: mpmath.mpf(draw.uniform(0.2, 2)) for x in wrt}
        return evaluate(outputs, places, mpmath.mp)


def assert_equal(a: list[Node], b: list[Node], wrt: list[Node]) -> None:
    for left, right in zip(numbers(a, wrt, "a point"), numbers(b, wrt, "a point"), strict=True):
        assert abs(left - right) <= mpmath.mpf("1e-45") * (1 + abs(left))


@pytest.mark.parametrize("expression", MODELS, ids=str)
def test_the_gradient_is_what_sympy_gives(expression: sp.Expr) -> None:
    point = dict(zip(SYMBOLS, map(sp.Float, ("0.7", "1.3", "1.9"), [30] * 3), strict=True))
    for ours, x in zip(sg.grad(expression, SYMBOLS), SYMBOLS, strict=True):
        assert abs((ours - expression.diff(x)).subs(point).evalf(30)) < 1e-25


def test_the_gradient_of_a_constant_is_zero() -> None:
    (target,), wrt = nodes(sp.Integer(3))
    assert sg.build_grad(target, wrt) == [target.graph.node(0)] * 3


def test_the_gradient_by_what_the_target_does_not_hold_is_zero() -> None:
    (target,), wrt = nodes(sp.sin(X))
    assert sg.build_grad(target, wrt)[1:] == [target.graph.node(0)] * 2


def test_the_gradient_by_itself_is_one() -> None:
    (target,), _ = nodes(sp.sin(X))
    assert sg.build_grad(target, [target]) == [target.graph.node(1)]


def test_the_gradient_by_an_inner_node() -> None:
    (target, inside), _ = nodes(sp.sin(X * Y) ** 2, sp.sin(X * Y))
    assert sg.build_grad(target, [inside]) == [2 * inside]


def test_an_inner_node_and_what_lies_below_it_may_both_be_asked_for() -> None:
    (target, inside), (x, *_) = nodes(sp.sin(X) ** 2, sp.sin(X))
    by_inside, by_x = sg.build_grad(target, [inside, x])
    assert to_sympy([by_inside, by_x]) == [2 * sp.sin(X), 2 * sp.sin(X) * sp.cos(X)]


def test_a_node_above_the_target_has_no_gradient() -> None:
    (above, target), _ = nodes(sp.exp(sp.sin(X)), sp.sin(X))
    assert sg.build_grad(target, [above]) == [target.graph.node(0)]


def test_the_seed_scales_the_gradient() -> None:
    (target,), (x, y, _) = nodes(X**2)
    assert sg.build_grad(target, [x], seed=y) == [2 * x * y]


def test_a_variable_asked_for_twice_is_answered_twice() -> None:
    (target,), (x, *_) = nodes(X**2)
    assert sg.build_grad(target, [x, x]) == [2 * x, 2 * x]


def test_contributions_of_all_readers_are_added() -> None:
    (target,), (x, *_) = nodes(X * sp.sin(X) + sp.exp(X))
    assert sp.expand(to_sympy(sg.build_grad(target, [x]))[0]) == X * sp.cos(X) + sp.sin(X) + sp.exp(X)


def test_a_multiple_that_is_only_added_is_no_node() -> None:
    x, y = sp.symbols("x y")
    target = from_sympy(Graph(), sp.exp(x * y / 3 - sp.exp(y) / 5))
    before = len(target.graph)
    gradient = sg.build_grad(target, [node for node in target.graph if isinstance(node.op, Input)])
    made = [node for node in target.graph.nodes[before:] if node not in gradient]
    assert not [node for node in made if isinstance(node.op, Add) and len(node.inputs) == 1]


def test_several_targets_are_seeded_together() -> None:
    outputs, wrt = nodes(*OUTPUTS)
    seeds = [outputs[0].graph.node(k + 1) for k in range(len(outputs))]
    together = vector_jacobian(outputs, wrt, seeds)
    total = sum(outputs[1:], outputs[0])
    weighted = inner(outputs, seeds)
    assert total is not weighted
    assert_equal(together, sg.build_grad(weighted, wrt), wrt)


def test_one_target_named_twice_counts_twice() -> None:
    (target,), (x, *_) = nodes(sp.sin(X))
    one = target.graph.node(1)
    assert vector_jacobian([target, target], [x], [one, one]) == [2 * sg.build_grad(target, [x])[0]]


def test_only_what_lies_between_is_visited() -> None:
    (target,), (x, *_) = nodes(sp.sin(X) * sp.exp(sp.cos(Y)))
    assert [node.op.name for node in between([x], [target])] == ["input", "sin", "product"]


def test_an_undefined_derivative_off_the_way_does_not_matter() -> None:
    (target,), (x, *_) = nodes(sp.besselj(Y, Z) * X)
    assert to_sympy(sg.build_grad(target, [x])) == [sp.besselj(Y, Z)]


def test_an_undefined_derivative_names_the_operation_and_the_path() -> None:
    (target,), (x, *_) = nodes(sp.exp(2 * sp.besselj(X, Y)))
    with pytest.raises(
        sg.UndefinedDerivative, match="besselj has no derivative by its argument 1: no closed form"
    ) as caught:
        sg.build_grad(target, [x])
    assert caught.value.path == "exp > add > besselj"


@pytest.mark.parametrize("order", [*map(sp.Integer, (0, -1, -2, -3)), sp.Rational(-1, 2)])
@pytest.mark.parametrize("op", [BesselJ(), BesselY(), BesselI(), BesselK()], ids=str)
def test_the_slope_of_a_bessel_function_at_an_order_that_is_not_positive(op: Bessel, order: Any) -> None:
    _, (x, *_) = nodes()
    graph = x.graph
    y = graph.add(op, convert_all(graph, [order])[0], x)
    with mpmath.workdps(50):
        (ours,) = evaluate(sg.build_grad(y, [x]), {x: mpmath.mpf(1.5)}, mpmath.mp)
        exact = mpmath.diff(lambda v: op.mpmath(mpmath.mpf(order.p) / order.q, v), 1.5)
        assert abs(ours - exact) < 1e-20


def test_a_truth_value_has_no_derivative() -> None:
    (target,), (x, *_) = nodes(X < Y)
    with pytest.raises(sg.ObjectiveError, match="a truth value has no derivative"):
        sg.build_grad(target, [x])


# -- forward, reverse, second order -----------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", MODELS, ids=str)
def test_forward_is_reverse(expression: sp.Expr) -> None:
    (target,), wrt = nodes(expression)
    vector = [wrt[1], wrt[2], wrt[0]]
    assert_equal(jacobian_vector([target], wrt, vector), [inner(sg.build_grad(target, wrt), vector)], wrt)


def test_the_rows_of_a_jacobian_are_the_gradients() -> None:
    outputs, wrt = nodes(*OUTPUTS)  # more outputs than variables: built by columns
    rows = jacobian_rows(outputs, wrt)
    for output, row in zip(outputs, rows, strict=True):
        assert_equal(row, sg.build_grad(output, wrt), wrt)


@pytest.mark.parametrize("expression", MODELS, ids=str)
def test_the_hessian_is_the_jacobian_of_the_gradient(expression: sp.Expr) -> None:
    (target,), wrt = nodes(expression)
    full = jacobian_rows(sg.build_grad(target, wrt), wrt)  # not mirrored: its symmetry is a fact about the rules
    half = hessian_rows(target, wrt)
    assert_equal([e for row in full for e in row], [e for row in half for e in row], wrt)
    assert_equal([e for row in full for e in row], [e for column in zip(*full, strict=True) for e in column], wrt)


@pytest.mark.parametrize("expression", MODELS, ids=str)
def test_a_hessian_vector_product_is_the_product_with_the_hessian(expression: sp.Expr) -> None:
    (target,), wrt = nodes(expression)
    vector = [target.graph.add(Input(sp.Symbol(f"v{k}"))) for k in range(3)]
    rows = hessian_rows(target, wrt)
    assert_equal(hessian_vector(target, wrt, vector), [inner(row, vector) for row in rows], [*wrt, *vector])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "expression", [sp.exp(X) * sp.sin(Y * X), X**5 * Y**4, sp.log(X + Y**2), X**Y, sp.sinc(X) * Y], ids=str
)
def test_derivatives_of_higher_order_are_what_sympy_gives(expression: sp.Expr, order: int) -> None:
    ours, theirs = expression, expression
    for k in range(order):
        ours, theirs = sg.grad(ours, SYMBOLS[k % 2]), theirs.rewrite(sp.sin).diff(SYMBOLS[k % 2])
    point = {X: sp.Float("0.7", 30), Y: sp.Float("1.3", 30)}
    assert abs((ours - theirs).subs(point).evalf(30)) < 1e-20 * (1 + abs(theirs.subs(point).evalf(30)))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_derivatives_of_a_power_at_zero(order: int) -> None:
    expression = X**3
    for _ in range(order):
        expression = sg.grad(expression, X)
    assert expression.subs(X, 0) == (6 if order == 3 else 0)


def test_no_perturbation_is_confused_in_nested_differentiation() -> None:
    inside = sg.grad(X + Y, Y).subs(Y, X)
    assert sg.grad(X * inside, X) == 1


# -- what is not taken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        (sp.Piecewise((sp.sqrt(X), X > 0), (0, True)), 0.0),
        (sp.Piecewise((sp.sqrt(X), X > 0), (0, True)), -1.0),
        (sp.Piecewise((sp.log(X), X > 0), (0, True)), 0.0),
        (sp.Piecewise((1 / X, X > 0), (0, True)), 0.0),
        (sp.Piecewise((sp.acos(X), sp.Abs(X) < 1), (3, True)), 2.0),
        (sp.Piecewise((sp.log(sp.sqrt(X) - 1) * X, X > 2), (5, True)), 0.0),
        (sp.exp(sp.Piecewise((sp.log(X) * sp.sin(1 / X), X > 0), (1, True))), 0.0),
        (sp.Max(-1, sp.Piecewise((sp.sqrt(X), X > 0), (-2, True))), -1.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_nothing_leaks_from_the_branch_not_taken(expression: sp.Expr, at: float, order: int) -> None:
    (target,), (x, *_) = nodes(expression)
    for _ in range(order):
        (target,) = sg.build_grad(target, [x])
    assert evaluate([target], {x: at}) == [0.0]


@pytest.mark.parametrize(("at", "slope"), [(2.0, 12.0), (-2.0, -1.0)])
def test_the_gradient_of_the_branch_that_is_taken_flows(at: float, slope: float) -> None:
    (target,), (x, *_) = nodes(sp.Piecewise((X**3, X > 0), (-X, True)))
    assert evaluate(sg.build_grad(target, [x]), {x: at}) == [slope]


# -- size and depth ---------------------------------------------------------------------------------------------------


def test_the_gradient_of_a_long_chain_does_not_recurse() -> None:
    limit = sys.getrecursionlimit()
    graph = Graph()
    x = top = graph.add(Input(X))
    for i in range(100_000):
        top = graph.add((Sin(), Cos())[i % 2], top)
    (gradient,) = sg.build_grad(top, [x])
    assert len(reachable([gradient])) < 5 * 100_000
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize("steps", [10, 60, 400])
def test_the_gradient_of_a_shared_graph_grows_with_its_nodes_and_not_its_paths(steps: int) -> None:
    graph = Graph()
    x = e = graph.add(Input(X))
    for _ in range(steps):
        e = e * graph.add(Sin(), e)
    (gradient,) = sg.build_grad(e, [x])
    assert len(reachable([e, gradient])) <= 6 * len(reachable([e]))


def test_the_gradient_of_a_product_of_many_factors_is_linear_in_their_number() -> None:
    symbols = sp.symbols("x:300")
    graph = Graph()
    target = from_sympy(graph, sp.Mul(*symbols))
    gradients = sg.build_grad(target, convert_all(graph, symbols))
    assert len(reachable(gradients)) < 5 * len(symbols)


def test_dead_nodes_of_the_reverse_sweep_vanish_in_forward_accumulation() -> None:
    (target,), (x, *_) = nodes(sp.sin(X))
    vector = target.graph.add(Input(sp.Symbol("v")))
    assert to_sympy(jacobian_vector([target], [x], [vector])) == [sp.Symbol("v") * sp.cos(X)]
