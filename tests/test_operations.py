"""Every operation: value and partials against SymPy's head at 50 digits. A new operation is taken up by itself."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
import sympy as sp

from symgrad.graph import Node, Op
from symgrad.ops.elementwise import OPERATIONS, Partial
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input
from symgrad.ops.logic import And, Not, Or, Relation
from symgrad.ops.trigonometric import Tan
from tests.rules import CHOICES, STRUCTURAL, apply, bprop_problems, operations, problems


@pytest.mark.parametrize("op", operations(), ids=repr)
def test_value_and_partials_agree_with_differences(op: Op) -> None:
    assert problems(op) == []


@pytest.mark.parametrize(("op", "inputs"), STRUCTURAL, ids=repr)
def test_gradients_of_the_structure_agree_with_differences(op: Op, inputs: int) -> None:
    assert bprop_problems(op, inputs) == []


def test_every_head_of_the_registry_is_tested() -> None:
    assert set(OPERATIONS.values()) <= {type(op) for op in operations()}


def test_every_choice_belongs_to_an_operation_that_is_tested() -> None:
    assert {op for op, _, _ in CHOICES} <= set(operations())


@pytest.mark.parametrize("op", [Relation("<"), Relation("<="), Relation("=="), Relation("!=")], ids=repr)
def test_no_gradient_flows_into_a_relation(op: Op) -> None:
    x, y = apply(Exp())[1][0], None
    y = x.graph.add(op, x, x.graph.add(Input(sp.Symbol("v"))))
    assert list(op.bprop(y, x)) == [None, None]


def test_no_gradient_flows_into_a_connective() -> None:
    x = apply(Exp())[1][0]
    condition = x.graph.add(Relation("<"), x, x.graph.node(1))
    other = x.graph.add(Relation("<"), x, x.graph.node(2))
    for op, inputs in ((And(), (condition, other)), (Or(), (condition, other)), (Not(), (condition,))):
        assert list(op.bprop(x.graph.add(op, *inputs), x)) == [None] * len(inputs)


class _Wrong:
    """Rules that are wrong by little, to test the tester."""

    @staticmethod
    def exp(self: Exp, y: Node) -> Sequence[Partial]:
        return (y * Fraction(20_010, 20_000),)

    @staticmethod
    def tan(self: Tan, y: Node) -> Sequence[Partial]:
        return (1 + y**2 * Fraction(1_000_000_000_001, 1_000_000_000_000),)


def test_a_rule_wrong_by_a_twentieth_of_a_percent_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exp, "partials", _Wrong.exp)
    assert any("partial 0" in text for text in problems(Exp()))


def test_a_rule_wrong_in_the_twelfth_digit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tan, "partials", _Wrong.tan)
    assert any("partial 0" in text for text in problems(Tan()))
