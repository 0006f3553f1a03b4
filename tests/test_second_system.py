"""Other systems: the steps that go to them are the formula, and what they answer is judged by the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import sympy as sp

from symgrad.ops.arithmetic import Power
from tests.groups import second_system
from tests.other_process import steps_of
from tests.other_systems import Missing, run, shared
from tests.shrink import Posed

X, Y = sp.symbols("x y", real=True)
WORDS = shared(math) | {"rational": lambda pq: pq[0] / pq[1], "Pow": pow, "float": float}


class Fixed:
    """A system that always answers the same."""

    def __init__(self, systems: Sequence[str], **answer: Any) -> None:
        self.systems, self.answer = systems, answer

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.answer


@pytest.mark.parametrize("e", [X * sp.sin(Y) + X**2 / 3, sp.exp(X - 0.25) * sp.tanh(X * Y), sp.cot(X) + sp.frac(Y)])
def test_the_steps_are_the_formula(e: Any) -> None:
    assert run(steps_of(e, [X, Y]), WORDS, [0.75, 1.5]) == pytest.approx(float(e.subs({X: 0.75, Y: 1.5})), rel=1e-15)


def test_a_shared_part_is_one_step() -> None:
    part = sp.sin(X)
    assert [word for word, _, _ in steps_of(part * sp.exp(part), [X])].count("sin") == 1


def test_the_function_over_a_matrix_is_written_with_the_matrix_as_its_argument() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    matrix, t = sp.MatrixSymbol("M", n, 2), sp.Symbol("t")
    steps = steps_of(matrix.applyfunc(sp.Lambda(t, sp.sin(t) * X)), [matrix, X], {n: 3})
    (sine,) = [places for word, _, places in steps if word == "sin"]
    assert [steps[k][:2] for k in sine] == [("input", 0)]


def test_a_word_that_a_system_does_not_have_is_missing() -> None:
    with pytest.raises(Missing, match="erf"):
        run(steps_of(sp.erf(X), [X]), WORDS, [0.5])


def outcome(monkeypatch: pytest.MonkeyPatch, system: Fixed) -> Any:
    monkeypatch.setattr(second_system, "other", lambda: system)
    return second_system.again(Posed(X**2, {X: 1.5}))["second_system"]


def test_where_two_disagree_and_ours_is_wrong_the_failure_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Power, "partials", lambda self, y: (y,))
    assert outcome(monkeypatch, Fixed(["JAX"], numbers=[2.25, 3.0])).failure.startswith("ours, beside JAX")


def test_without_a_second_system_the_group_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(monkeypatch, Fixed([]))
    assert (found.failure, found.numbers) == ("", {"no second system is installed": 1})


def test_a_system_that_agrees_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(monkeypatch, Fixed(["JAX"], numbers=[2.25, 3.0]))
    assert (found.failure, found.numbers) == ("", {"JAX agrees": 1})


def test_a_system_that_the_reference_says_is_wrong_is_a_failure_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(monkeypatch, Fixed(["JAX"], numbers=[2.25, 4.0]))
    assert found.failure.startswith("JAX against the reference")
