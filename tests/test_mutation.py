"""Every derivative rule, rewrite rule and emitted operation, made wrong in one place: the checks must notice each time.

Of what operations emit some mutants are run here, all by `python -m tests.mutation --full`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from symgrad.graph import Op
from tests.mutation import emission, rewrites
from tests.mutation.derivatives import EQUIVALENT, Target, survivors, targets
from tests.mutation.equivalent import is_equivalent
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


@pytest.mark.parametrize("name", rewrites.EXAMPLES)
def test_a_rule_holds_nowhere_but_over_the_inputs_that_it_names(name: str) -> None:
    (rule,) = [r for r in [*rewrites.STABLE, *rewrites.FORM] if r.name == name]
    everywhere = rewrites.applied_anywhere(replace(rule, over=(Op,)))
    assert rewrites.applied_anywhere(rule) == everywhere
    assert everywhere


SOME = 4  # one mutant in so many of what is emitted; machine code and the source of arrays are left to the command


@pytest.mark.parametrize("part", ["operations", "Python"])
def test_mutants_of_what_is_emitted_are_noticed(part: str) -> None:
    found = emission.targets(part)
    alive = [
        (target.words, m.words)
        for k, target in enumerate(found)
        for m in emission.survivors(target, target.mutants[k % SOME :: SOME])
    ]
    assert [pair for pair in alive if not is_equivalent(*pair)] == []
    # copysign is emitted by tanh in machine code only, and users' functions have tests of their own
    assert set(emission.functions(part)) - {t.words for t in found} <= {"Expressions.copysign", "Expressions.user"}
