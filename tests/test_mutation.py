"""Every derivative rule and every rewrite rule, made wrong in one place: the checks must notice each time."""

from __future__ import annotations

import pytest

from tests.mutation import rewrites
from tests.mutation.derivatives import EQUIVALENT, Target, survivors, targets
from tests.mutation.mutants import mutants


@pytest.mark.parametrize("target", targets(), ids=lambda t: t.words)
def test_every_mutant_of_a_derivative_rule_is_noticed(target: Target) -> None:
    assert not any(check() for check in target.checks)  # the rule itself is right
    alive = [m.words for m in survivors(target) if m is not None and (target.words, m.words) not in EQUIVALENT]
    assert alive == []


def test_every_equivalent_mutant_is_still_there() -> None:
    owners = {words for words, _ in EQUIVALENT}
    alive = {(t.words, m.words) for t in targets() if t.words in owners for m in survivors(t) if m is not None}
    assert alive == EQUIVALENT


def test_there_are_a_thousand_mutants() -> None:
    assert sum(len(mutants(t.owner.__dict__[t.name])) for t in targets()) >= 1_000


def test_every_rule_has_examples() -> None:
    assert set(rewrites.EXAMPLES) == set(rewrites.rule_functions())


@pytest.mark.parametrize("name", rewrites.EXAMPLES)
def test_every_mutant_of_a_rewrite_rule_is_noticed(name: str) -> None:
    (rule,) = [r for r in [*rewrites.STABLE, *rewrites.FORM] if r.name == name]
    assert rewrites.wrong(rule) == []
    assert [m.words for m in rewrites.survivors(name) if (name, m.words) not in rewrites.EQUIVALENT] == []
