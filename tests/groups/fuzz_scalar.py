"""Random expressions: value and gradient against complex step and 50-digit differences; leaks and cost on the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpmath import mp

import symgrad as sg
from symgrad.function import Function
from tests.expressions import Case, random_case
from tests.groups.group import (
    Outcome,
    by_source,
    compiled_at,
    flat,
    fuzz,
    judge,
    leaks,
    values_at,
)
from tests.oracles import DIGITS, TOLERANCE, Reference, complex_step, error
from tests.shrink import Posed
from tests.work import cheap

COMPILED = 25  # one case in so many is compiled, with a kernel of its own: 400 of 10,000; the rest is evaluated by node
PRINTED = 5  # one case in so many goes back to SymPy, and what is printed is evaluated by the reference too
KINKED = 10  # one case in so many is on a kink


def drawn(draw: random.Random, index: int) -> Posed:
    """The index-th case: a third smooth, a tenth on a kink."""
    case = random_case(draw, smooth=index % 3 == 0, kinked=index % KINKED == KINKED - 1)
    return Posed(case.expression, dict(zip(case.symbols, case.point, strict=True)))


def again(posed: Posed, index: int = 0) -> dict[str, Outcome]:
    """The three lines of one case."""
    case = Case(posed.expression, tuple(posed.values), tuple(posed.values.values()))
    symbols = list(case.symbols)
    with mp.workdps(DIGITS):
        reference = Reference(case.expression, symbols)
        point = [mp.mpf(v) for v in case.point]

        def exact(roundings: int | None = None) -> list[Any]:
            draws = None if roundings is None else random.Random(roundings)
            return [reference.value(point, draws), *reference.gradient(case.point, roundings)]

        value = exact()
    function = Function(symbols, case.expression)
    both = function.value_and_grad(symbols)
    outcome = judge(values_at(both, case.point), value, exact, "evaluated")
    outcome.merge(no_warnings(both, case.point))
    if index % COMPILED == 0:
        outcome.merge(judge(compiled_at(both, case.point), value, exact, "compiled"))
        outcome.merge(judge(flat(by_source(both)(*case.point)), value, exact, "as Python source"))
        outcome.numbers["compiled"] = 1
    if case.analytic and index % KINKED != KINKED - 1:  # on a kink it takes one side
        outcome.merge(by_complex_step(case, values_at(both, case.point)[1:], exact))
    outcomes = {"fuzz_scalar": outcome, "cheap_gradient": cost(function, both)}
    if index % PRINTED == 0:
        printed = sg.grad(case.expression, symbols)
        outcomes["no_leaks"] = leaks(printed, case.expression.free_symbols, len(symbols), "grad")
        with mp.workdps(DIGITS):
            again = [Reference(g, symbols).value(point) for g in printed]
        outcome.merge(judge(again, value[1:], lambda seed: exact(seed)[1:], "as printed"))
    return outcomes


def by_complex_step(case: Case, ours: Sequence[Any], exact: Any) -> Outcome:
    """Against the complex step of SymPy's own lambdify, in double precision: both are off by roundings."""
    stepped = complex_step(case.expression, case.symbols, case.point)
    outcome = judge(stepped, exact()[1:], lambda seed: exact(seed)[1:], "complex step")
    if outcome.failure:  # the oracles differ: not a matter of the rules
        outcome.failure = "oracles disagree, " + outcome.failure
    elif not outcome.skipped and not outcome.numbers:
        worst = max(map(error, ours, stepped))
        if not worst <= 2 * TOLERANCE:
            outcome.failure = f"complex step {stepped}, evaluated {list(map(float, ours))}"
    outcome.numbers["complex step"] = 1
    return outcome


def no_warnings(function: Function, point: Sequence[float]) -> Outcome:
    """Every result is one real number."""
    for x in values_at(function, point):
        if np.shape(x) != () or np.iscomplexobj(x):
            return Outcome(failure=f"a result is {x!r}")
    return Outcome()


def cost(function: Function, both: Function) -> Outcome:
    """Operations of value and gradient against those of the value; nodes are measured, and not judged: a node of n
    operands has n derivatives."""
    outcome = cheap(function, both, {})
    if outcome.numbers:
        outcome.numbers["nodes"] = len(both.nodes) / len(function.nodes)
    return outcome


GROUPS = [fuzz("fuzz_scalar", 10_000, drawn, again)]
