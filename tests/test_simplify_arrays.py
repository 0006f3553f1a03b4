"""Each rule for arrays fires on its left side, equals it, and does not fire next to it; random graphs agree."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad import build_grad
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, reachable
from symgrad.ops.contract import total
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.trigonometric import Sin
from symgrad.simplify import FORM, STABLE, simplify
from tests.array_rules import ARRAY_EXAMPLES, Arrays, Build, values_in_mpmath
from tests.random_arrays import RandomArrays, slope

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
    assert simplify([before], [RULES[name]]) == ([before], {})


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
    assert simplify(normal, [*STABLE, *FORM]) == (normal, {})


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
