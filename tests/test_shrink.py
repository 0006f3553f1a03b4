"""A failure is shrunk to a small case, and the text of the test that keeps it makes the same case again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import Node
from symgrad.ops.contract import Contract
from symgrad.ops.elementwise import Partial
from symgrad.ops.hyperbolic import Tanh
from tests.groups import fuzz_scalar
from tests.kept import declarations, keep, python, test_of
from tests.scoreboard import SEED, all_groups, numbers_of_cases, run_cases, shrunk
from tests.shrink import Posed, smallest, weight

x, y = sp.symbols("x y", real=True)
n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
X, Y = sp.MatrixSymbol("X", n, n), sp.MatrixSymbol("Y", n, n)
a = sp.IndexedBase("a", shape=(n,))


def first_failure(name: str) -> Posed:
    """The first case of the group that fails now, shrunk."""
    group = next(g for g in all_groups() if g.name == name)
    index = next(k for k in numbers_of_cases(group, full=True)[1:] if _fails(group, k))  # 0 is compiled: slow to shrink
    case = shrunk(group, SEED, index)
    assert case is not None
    return case


def _fails(group: Any, index: int) -> bool:
    return any(outcome.failure for _, outcome, _, _ in run_cases(group, SEED, [index]))


def _wrong_tanh(self: Tanh, y: Node) -> Sequence[Partial]:
    return ((1 - y * y) * Fraction(10_001, 10_000),)


def test_a_wrong_rule_for_scalars_is_shrunk_to_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "partials", _wrong_tanh)
    whole = Posed(sp.exp(sp.sin(x) * sp.tanh(x + y**2)) / sp.gamma(x + 3) - x**2, {x: 0.437, y: -1.13})
    small = smallest(whole, lambda case: bool(fuzz_scalar.again(case, 1)["fuzz_scalar"].failure))
    assert small == Posed(sp.tanh(x), {x: 1.0}) or small == Posed(sp.tanh(y), {y: -1.0})


def test_a_wrong_rule_for_index_notation_is_shrunk_to_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "partials", _wrong_tanh)
    e = first_failure("fuzz_indexed").expression
    assert e.has(sp.tanh)
    assert weight(e) <= 30, e  # a sum over one index of a function of one entry


def test_a_missing_transpose_is_shrunk_to_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Contract.evaluate

    def wrong(self: Contract, numbers: Any, *values: Any) -> Any:
        found = right(self, numbers, *values)
        return found.T if np.ndim(found) == 2 and found.shape[0] == found.shape[1] and len(values) == 2 else found

    monkeypatch.setattr(Contract, "evaluate", wrong)
    case = first_failure("fuzz_matrix")
    assert weight(case.expression) <= 30, case


def test_parts_take_the_place_of_the_whole() -> None:
    whole = Posed(sp.exp(sp.cos(x) + sp.gamma(x + 1) * sp.sin(y)) + x**2, {x: 0.123456789, y: 2.5})
    small = smallest(whole, lambda case: case.expression.has(sp.gamma) and x in case.values)
    assert small == Posed(sp.gamma(x), {x: 1.0}) or small.expression == sp.gamma(1, evaluate=False)


def test_a_sum_loses_its_index_and_an_array_its_entries() -> None:
    whole = Posed(sp.Sum(sp.sin(a[i]) * a[j], (i, 0, n - 1), (j, 0, n - 1)), {a: np.array([0.1234, 0.5678, 0.9]), n: 3})
    small = smallest(whole, lambda case: case.expression.has(sp.sin) and len(case.values[a]) == case.values[n] > 0)
    assert not small.expression.has(sp.Sum)
    assert small.values == {a: np.ones(1), n: 1}


def test_what_raises_in_the_check_is_no_witness() -> None:
    def fails(case: Posed) -> bool:
        if not case.expression.has(sp.exp):
            raise ValueError("another failure")
        return True

    assert smallest(Posed(sp.exp(x) + x, {x: 1.0}), fails).expression.has(sp.exp)


TEXTS = [
    x**2 * sp.sin(y) - x / 3,
    sp.Add(x, x, evaluate=False),
    sp.sqrt(sp.Pow(x, 2, evaluate=False), evaluate=False),
    sp.Mul(2, sp.Add(x, y), evaluate=False),
    sp.Piecewise((x, x > 0), (sp.Float(0.7), sp.And(x < y, y >= 1)), (sp.pi, True)),
    sp.Max(x, y, sp.Rational(1, 3)),
    sg.relu(x) + sp.codegen.cfunctions.log1p(y),
    sp.Sum(a[i + 1] * sp.KroneckerDelta(i, j), (i, 0, n - 2), (j, 0, n - 1)),
    sp.Trace(X * Y.T + 2 * X) + sp.Determinant(X),
    sp.Trace(sp.KroneckerProduct(X, Y)) * sg.logdet(X),
]


@pytest.mark.parametrize("e", TEXTS, ids=str)
def test_the_text_of_an_expression_makes_it_again(e: Any) -> None:
    scope: dict[str, Any] = {"sp": sp, "sg": sg, "cfunctions": sp.codegen.cfunctions}
    exec("\n".join(declarations(Posed(e, {}))), scope)
    assert eval(python(e), scope) == e


def test_the_test_that_is_kept_runs_and_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "kept.py"
    file.write_text("", encoding="utf-8")
    case = Posed(sp.tanh(x) + a[0], {x: 0.5, a: np.array([1.0, 2.0])})
    keep("first", "fuzz_scalar", case, "wrong by much", file)
    keep("first", "fuzz_scalar", case, "wrong by much", file)
    text = file.read_text(encoding="utf-8")
    assert text.strip() == test_of("first", "fuzz_scalar", case, "wrong by much").strip()
    calls: list[Any] = []
    scope: dict[str, Any] = {"sp": sp, "np": np, "assert_right": lambda *given: calls.append(given)}
    exec(text + "\ntest_first()", scope)
    ((group, e, values),) = calls
    assert (group, e, values[x], list(values[a])) == ("fuzz_scalar", case.expression, 0.5, [1.0, 2.0])
