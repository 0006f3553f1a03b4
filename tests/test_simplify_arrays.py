"""Each rule for arrays fires on its left side, equals it, and does not fire next to it; random graphs agree."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from symgrad.evaluate import evaluate
from symgrad.graph import Graph, reachable
from symgrad.simplify import FORM, STABLE, simplify
from tests.array_rules import ARRAY_EXAMPLES, Arrays, Build, values_in_mpmath

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
