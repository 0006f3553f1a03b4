"""Every group of the scoreboard at a tenth of its count, and the tester tested: a rule wrong by little must fail."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from symgrad.graph import Node
from symgrad.ops.arithmetic import Power
from symgrad.ops.elementwise import OPERATIONS, Partial
from symgrad.ops.exponential import Exp
from symgrad.ops.rounding import Abs
from symgrad.ops.select import Select
from tests.expressions import heads, random_case
from tests.groups import matrix_identities, second_order
from tests.groups.deep import FAMILIES
from tests.groups.edge_table import PAGE, ROWS, page
from tests.groups.group import Group, Outcome, judge
from tests.oracles import children_first
from tests.scoreboard import SEED, all_groups, numbers_of_cases, run, run_cases

PIECES = 4  # a group is run in so many tests, for processes to share
MEDIAN = 3.0  # of the operations of value and gradient against those of the value


@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("group", all_groups(), ids=lambda g: g.name)
def test_group(group: Group, piece: int) -> None:
    cases = list(numbers_of_cases(group, full=False))[piece::PIECES]
    failures = [f for line in run([group], SEED, cases=cases) for f in line.failures]
    assert not failures, "\n".join(failures[:5])


def test_a_process_that_is_measured_does_not_count_its_parents_memory() -> None:
    np.ones(2**26)  # half a gigabyte, which is given back
    program = "from tests.groups.deep import peak; print(peak())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 2**29


def test_the_median_gradient_is_cheap() -> None:
    group = next(g for g in all_groups() if g.name == "fuzz_scalar")
    ratios = [o.numbers["nodes"] for _, o, _, _ in run_cases(group, SEED, range(60)) if "nodes" in o.numbers]
    assert sorted(ratios)[len(ratios) // 2] <= MEDIAN


def test_the_page_of_kinks_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_of_the_cookbook_is_current() -> None:
    assert matrix_identities.PAGE.read_text(encoding="utf-8") == matrix_identities.page()


def test_the_edge_table_has_64_rows_and_no_two_alike() -> None:
    assert len({(str(r.expression), r.by, str(r.point)) for r in ROWS}) == len(ROWS) == 64


def test_the_fuzz_draws_every_function_of_the_vocabulary() -> None:
    drawn: set[type] = set()
    for index in range(250):
        drawn |= {type(e) for e in children_first(random_case(random.Random(f"vocabulary {index}")).expression)}
    assert set(OPERATIONS) - drawn == set()
    assert set(heads(smooth=False)) <= set(OPERATIONS)


def test_growth_is_measured_for_every_family() -> None:
    assert len(FAMILIES) == 4


# -- the tester, tested ------------------------------------------------------------------------------------------------


def _slightly_wrong_exp(self: Exp, y: Node) -> Sequence[Partial]:
    return (y * Fraction(20_010, 20_000),)


def _one_sided_power(self: Power, y: Node) -> Sequence[Partial]:
    (x,) = y.inputs
    size = y.graph.add(Abs(), x)
    return (self.exponent * y.graph.add(Power(self.exponent - 1), size),)  # right where x is positive


def _leaking_select(self: Select, y: Node, g: Node) -> Sequence[Node | None]:
    c, _, _ = y.inputs
    zero, one = y.graph.node(0), y.graph.node(1)
    mask = y.graph.add(Select(), c, one, zero)
    return None, g * mask, g * (1 - mask)


def _failures(name: str, count: int) -> int:
    group = next(g for g in all_groups() if g.name == name)
    return sum(bool(o.failure) for _, o, _, _ in run_cases(group, SEED, range(count)))


@pytest.mark.parametrize("name", ["fuzz_scalar", "dot_product"])
def test_a_rule_wrong_by_a_twentieth_of_a_percent_fails(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(Exp, "partials", _slightly_wrong_exp)
    assert _failures(name, 60) > 0


def test_a_rule_wrong_on_one_side_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Power, "partials", _one_sided_power)
    assert _failures("fuzz_scalar", 100) > 0


def test_a_wrong_second_derivative_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert second_order.DIFFERENCED <= 10
    monkeypatch.setattr(Power, "partials", _one_sided_power)
    assert _failures("second_order", 100) > 0


def test_a_branch_that_leaks_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Select, "bprop", _leaking_select)
    assert _failures("guarded_branches", 40) > 0


def test_an_error_of_the_thirteenth_digit_is_no_failure_and_one_of_the_eleventh_is() -> None:
    exact = lambda seed=None: [sp.Rational(1, 3)._to_mpmath(200)]  # noqa: E731  a reference that no rounding moves
    assert not judge([1 / 3 + 1e-13], exact(), exact, "near").failure
    assert judge([1 / 3 + 1e-11], exact(), exact, "far").failure
    assert judge([float("nan")], exact(), exact, "nan").failure


def test_an_exception_is_a_failure_of_its_group() -> None:
    def check(draw: random.Random, index: int) -> dict[str, Outcome]:
        raise RuntimeError("boom")

    ((name, outcome, _, _),) = run_cases(Group("broken", 1, check), 0, range(1))
    assert name == "broken"
    assert "boom" in outcome.failure
