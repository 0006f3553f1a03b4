"""Hessians, their products and third derivatives: several compositions of one number, and 80-digit differences."""

from __future__ import annotations

import random
from typing import Any

from mpmath import mp

from symgrad.function import Function
from tests.expressions import Case, random_case
from tests.groups.group import Outcome, Outcomes, fuzz, judge, same, values_at
from tests.oracles import DIGITS, Reference
from tests.shrink import Posed

DIFFERENCED = 4  # one Hessian in so many is compared with differences of SymPy's expression
THIRD = 10  # one case in so many goes to the third order: 200 of 2,000
STEP_3 = mp.mpf("1e-15")  # third differences: 1e-30 truncated, 1e-80 / STEP_3**3 = 1e-35 lost


def drawn(draw: random.Random, index: int) -> Posed:
    """The index-th case, a third with kinks."""
    case = random_case(draw, size=(3, 20), smooth=index % 3 != 0, exact=True)
    return Posed(case.expression, dict(zip(case.symbols, case.point, strict=True)))


def again(posed: Posed, index: int = 0) -> Outcomes:
    """The identities hold in 50 digits whatever the condition of the point is; double precision is judged."""
    case = Case(posed.expression, tuple(posed.values), tuple(posed.values.values()))
    symbols, draw = list(case.symbols), random.Random(index)
    v = [draw.uniform(-2, 2) for _ in symbols]
    function = Function(symbols, case.expression)
    gradient = function.grad(symbols)
    n = len(symbols)
    with mp.workdps(50):
        hessian = values_at(function.hessian(symbols), case.point, mp)
        full = values_at(gradient.jacobian(symbols), case.point, mp)
        rows = [full[n * i : n * i + n] for i in range(n)]
        product = [mp.fdot(row, v) for row in rows]
        outcome = same(
            full, [rows[j][i] for i in range(n) for j in range(n)], "the Jacobian of the gradient, transposed"
        )
        outcome.merge(same(hessian, full, "Hessian against the Jacobian of the gradient"))
        by_hvp = values_at(function.hvp(symbols), [*case.point, *v], mp)
        outcome.merge(same(by_hvp, product, "hvp against H times v"))
        forward = values_at(gradient.jvp(symbols), [*case.point, *v], mp)
        outcome.merge(same(forward, product, "forward over reverse against H times v"))
        backward = values_at(gradient.weighted().grad(symbols), [*case.point, *v], mp)
        outcome.merge(same(backward, product, "reverse over reverse against H times v"))
        if index % THIRD == 0:
            outcome.merge(third(case, function, v))
    if index % DIFFERENCED == 0 and not outcome.failure:
        outcome.merge(against_differences(case, function))
    if outcome.failure:
        outcome.failure += f"\n    {case}"
    return {"second_order": outcome}


def against_differences(case: Case, function: Function) -> Outcome:
    """The Hessian in double precision against second differences of SymPy's expression."""
    symbols = list(case.symbols)
    with mp.workdps(DIGITS):
        reference = Reference(case.expression, symbols)

        def exact(roundings: int | None = None) -> list[Any]:
            return [x for row in reference.hessian(case.point, roundings) for x in row]

        outcome = judge(values_at(function.hessian(symbols), case.point), exact(), exact, "Hessian by differences")
    outcome.numbers["by differences"] = 1
    return outcome


def third(case: Case, function: Function, v: list[float]) -> Outcome:
    """The third derivative along v: of the Hessian-vector product, and by third differences of SymPy's expression."""
    symbols = list(case.symbols)
    slopes = values_at(function.hvp(symbols).weighted().grad(symbols), [*case.point, *v, *v], mp)
    ours = mp.fdot(slopes, v)
    with mp.workdps(DIGITS):
        reference = Reference(case.expression, symbols)
        at = [
            reference.value([mp.mpf(x) + k * STEP_3 * d for x, d in zip(case.point, v, strict=True)])
            for k in (2, 1, -1, -2)
        ]
        exact = (at[0] - 2 * at[1] + 2 * at[2] - at[3]) / (2 * STEP_3**3)
    outcome = same([ours], [exact], "third order by differences", 1e-15)
    outcome.numbers["third order"] = 1
    return outcome


GROUPS = [fuzz("second_order", 2_000, drawn, again)]
