"""Each rule for arrays fires on its left side, equals it, and does not fire next to it; random graphs agree."""

from __future__ import annotations

# ruff: noqa: E501  tables, one line an example
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph, Node, arithmetic, reachable
from symgrad.ops.arithmetic import Product
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Const, Input
from symgrad.ops.products import total
from symgrad.ops.trigonometric import Sin
from symgrad.simplify import FORM, STABLE, simplify
from symgrad.types import Type
from tests.array_rules import ARRAY_EXAMPLES, Arrays, Build, det, exp, log, softmax, values_in_mpmath
from tests.random_arrays import RandomArrays, slope
from tests.test_simplify import ROWS

RULES = {rule.name: rule for rule in [*STABLE, *FORM]}
FIRES = [(name, build, word) for name, (fires, _) in ARRAY_EXAMPLES.items() for build, word in fires]
MISSES = [(name, build) for name, (_, misses) in ARRAY_EXAMPLES.items() for build in misses]


def numbered(rows: list[Any]) -> list[str]:
    return [f"{row[0]}-{k}" for k, row in enumerate(rows)]


@pytest.mark.parametrize(("name", "build", "word"), FIRES, ids=numbered(FIRES))
def test_a_rule_fires_on_its_left_side(name: str, build: Build, word: str) -> None:
    result = simplify([build(Arrays(Graph()))], [RULES[name]])
    assert result.applied[name] >= 1
    assert word in " ".join(node.op.label() for node in reachable(result.outputs))


@pytest.mark.parametrize(("name", "build"), MISSES, ids=numbered(MISSES))
def test_a_rule_does_not_fire_where_its_condition_fails(name: str, build: Build) -> None:
    before = build(Arrays(Graph()))
    assert simplify([before], [RULES[name]])[:2] == ([before], {})


@pytest.mark.parametrize(("name", "build", "word"), FIRES, ids=numbered(FIRES))
def test_both_sides_of_a_rule_are_equal_to_forty_digits(name: str, build: Build, word: str) -> None:
    before = build(Arrays(Graph()))
    (after,) = simplify([before], [RULES[name]]).outputs
    assert after.type == before.type
    with mpmath.workdps(50):
        a, b = evaluate([before, after], values_in_mpmath(before.graph, 7), mpmath.mp)
        assert np.shape(a) == np.shape(b)
        assert all(abs(x - y) < 1e-40 * max(1, abs(x)) for x, y in zip(np.ravel(a), np.ravel(b), strict=True))


# -- graphs drawn at random -------------------------------------------------------------------------------------------

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_raw_graph_and_normal_form_and_its_gradient_agree(seed: int) -> None:
    arrays = RandomArrays(seed, steps=12)
    raw = [arrays.target, *build_grad(arrays.target, arrays.inputs)]
    (stable,) = simplify([arrays.target], STABLE).outputs
    normal = simplify([stable, *build_grad(stable, arrays.inputs)], [*STABLE, *FORM]).outputs
    values = arrays.values(seed)
    for a, b in zip(evaluate(raw, values), evaluate(normal, values), strict=True):
        assert np.shape(a) == np.shape(b)
        # where 0/0 is met as it is written, the rules fill the hole
        np.testing.assert_allclose(np.where(np.isnan(a), b, a), b, rtol=1e-9, atol=1e-9 * np.max(np.abs(b), initial=1))


@pytest.mark.parametrize("seed", SEEDS)
def test_normalising_a_graph_of_arrays_twice_changes_nothing(seed: int) -> None:
    arrays = RandomArrays(seed, steps=12)
    (stable,) = simplify([arrays.target], STABLE).outputs
    normal = simplify([stable, *build_grad(stable, arrays.inputs)], [*STABLE, *FORM]).outputs
    assert simplify(normal, [*STABLE, *FORM])[:2] == (normal, {})


@pytest.mark.parametrize("seed", range(30))
def test_gradients_of_gradients_of_random_graphs_are_those_of_a_complex_step(seed: int) -> None:
    arrays = RandomArrays(seed, steps=8)
    draw, values = np.random.default_rng(seed), arrays.values(seed)
    first = build_grad(arrays.target, arrays.inputs)
    inner = total(arrays.graph.add(Sin(), first[seed % len(first)]))
    for target, gradients in ((arrays.target, first), (inner, build_grad(inner, arrays.inputs))):
        for x, g in zip(arrays.inputs, evaluate(gradients, values), strict=True):
            direction = draw.normal(size=np.shape(g))
            exact = slope(target, x, values, direction, evaluate)
            assert np.sum(g * direction) == pytest.approx(exact, rel=1e-8, abs=1e-8 * (1 + np.abs(g).sum()))


def test_a_chain_of_twenty_thousand_products_passes_all_rules_in_linear_time() -> None:
    graph = Graph()
    a = Arrays(graph).v
    b = graph.add(Tanh(), a)
    for _ in range(10_000):
        b = a * graph.add(Sin(), b) + b * Fraction(1, 2)
    (normal,) = simplify([total(b)], [*STABLE, *FORM]).outputs
    assert len(reachable([normal])) <= len(graph)


# -- the rules for scalars, entry by entry ----------------------------------------------------------------------------

ENTRIES = [(row.rule, e, row.interval) for row in ROWS for e in row.fires]


def of_arrays(expression: Any) -> Node:
    """The same operations on vectors: x, y, z become v, w and another."""
    scalars, graph = Graph(), Graph()
    new: dict[Node, Node] = {}
    for node in reachable([from_sympy(scalars, expression)]):
        if isinstance(node.op, Input):
            new[node] = graph.add(Input(node.op.variable, Type("f8", (2,))))
        elif isinstance(node.op, Const):
            new[node] = graph.add(Const(node.op.value, (2,)))
        elif isinstance(node.op, Product):
            new[node] = arithmetic["product"]([new[x] for x in node.inputs])
        else:
            new[node] = node.op.apply(*[new[x] for x in node.inputs])
    return new[node]


@pytest.mark.parametrize(("name", "expression", "interval"), ENTRIES, ids=str)
def test_a_rule_for_scalars_holds_for_arrays_entry_by_entry(name: str, expression: Any, interval: Any) -> None:
    before = of_arrays(expression)
    result = simplify([before], [RULES[name]])
    assert result.applied[name] >= 1
    draw = np.random.default_rng(len(str(expression)))
    inputs = [node for node in reachable([before]) if isinstance(node.op, Input)]
    a, b = evaluate([before, *result.outputs], {x: draw.uniform(*interval, 2) for x in inputs})
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


# -- where the left side overflows or has a hole ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "name", "point", "exact"),
    [
        (lambda A: log(A("j->", exp(A.a))), "a", [1000, 1000, -1000], 1000 + np.log(2)),
        (lambda A: log(A("j->", exp(A.a))), "a", [-1000, -1000, -2000], -1000 + np.log(2)),
        (lambda A: log(1 + A("j->", exp(A.a))), "a", [1000, 1000, -1000], 1000 + np.log(2)),
        (lambda A: log(exp(A.a) * A.b.like(2)), "a", [1000, -1000, 0], np.array([1000, -1000, 0]) + np.log(2)),
        (lambda A: A("j,->j", exp(A.a), A("j->", exp(A.a)) ** -1), "a", [1000, 1000, -1000], [0.5, 0.5, 0]),
        (lambda A: log(A("j,->j", exp(A.a), A("j->", exp(A.a)) ** -1)), "a", [1000, 0, 1000], np.array([0, -1000, 0]) - np.log(2)),
        (lambda A: A("j,j->", exp(A.a), A.b.like(3)) * A("j->", exp(A.a)) ** -1, "a", [1000, 1000, 1000], 3),
        (lambda A: A("j,j->", A.a, A.a) ** Fraction(1, 2), "a", [3e200, 4e200, 0], 5e200),
        (lambda A: A("j,->j", A.a, A("j,j->", A.a, A.a) ** Fraction(-1, 2)), "a", [0, 0, 0], [0, 0, 0]),
        (lambda A: log(det(A.S)), "S", 1e200 * np.eye(3), 3 * np.log(1e200)),
    ],
)  # fmt: skip
def test_a_value_is_right_where_its_left_side_overflows_or_cancels(
    build: Build, name: str, point: Any, exact: Any
) -> None:
    A = Arrays(Graph())
    x = getattr(A, name)
    (stable,) = simplify([build(A)], STABLE).outputs
    (value,) = evaluate([stable], {x: np.asarray(point, float)})
    np.testing.assert_allclose(value, exact, rtol=1e-12)  # of differences of numbers near 1000: some of their roundings
    (g,) = simplify(build_grad(total(stable), [x]), [*STABLE, *FORM]).outputs
    assert np.isfinite(evaluate([g], {x: np.asarray(point, float)})[0]).all()


def test_the_norm_at_zero_has_gradient_zero() -> None:
    A = Arrays(Graph())
    (norm,) = simplify([A("j,j->", A.a, A.a) ** Fraction(1, 2)], STABLE).outputs
    assert evaluate(build_grad(norm, [A.a]), {A.a: np.zeros(3)})[0].tolist() == [0, 0, 0]


def test_the_gradient_of_cross_entropy_is_a_difference_of_shares() -> None:
    A = Arrays(Graph())
    e = exp(A.X)
    shares = A("ij,i->ij", e, A("ij->i", e) ** -1)
    (loss,) = simplify([-A("ij,ij->", A.Y, log(shares))], STABLE).outputs
    (g,) = simplify(build_grad(loss, [A.X]), [*STABLE, *FORM]).outputs
    assert g is A("ij,ik->ij", softmax(A.X), A.Y) - A.Y
