"""<J v, u> = <v, J^T u> of random vector functions; J itself against differences, since both could be wrong alike."""

from __future__ import annotations

import random

from mpmath import mp

from symgrad.function import Function
from tests.expressions import random_vector
from tests.groups.group import Group, Outcome, Outcomes, same, values_at
from tests.oracles import DIGITS, TOLERANCE, Reference

DIFFERENCED = 5  # one Jacobian in so many is compared with differences


def check(draw: random.Random, index: int) -> Outcomes:
    """In double precision to 1e-12 of the summed magnitudes, in 50 digits to 1e-25; J v against the full Jacobian."""
    cases = random_vector(draw, draw.randint(2, 6), size=(3, 40), smooth=index % 2 == 0, exact=True)
    symbols, point = list(cases[0].symbols), cases[0].point
    function = Function(symbols, [case.expression for case in cases])
    n, m = len(symbols), len(cases)
    v = [draw.uniform(-1, 1) for _ in range(n)]
    u = [draw.uniform(-1, 1) for _ in range(m)]
    forward, reverse, whole = function.jvp(symbols), function.vjp(symbols), function.jacobian(symbols)
    a, b = values_at(forward, [*point, *v]), values_at(reverse, [*point, *u])
    left, right = sum(x * w for x, w in zip(a, u, strict=True)), sum(x * w for x, w in zip(b, v, strict=True))
    with mp.workdps(50):
        jacobian = values_at(whole, point, mp)
        rows = [jacobian[n * i : n * i + n] for i in range(m)]
        # the magnitudes that cancel: of every path, not only of the sums
        size = sum(
            abs(float(w) * float(g) * float(d))
            for w, row in zip(u, rows, strict=True)
            for g, d in zip(row, v, strict=True)
        )
        e = abs(float(left) - float(right)) / max(1.0, size)
        outcome = Outcome(
            e, "" if e <= TOLERANCE else f"<Jv, u> = {left!r}, <v, J'u> = {right!r}, magnitude {size:.3g}"
        )
        outcome.merge(same(values_at(forward, [*point, *v], mp), [mp.fdot(row, v) for row in rows], "jvp against J v"))
        columns = [mp.fdot([row[j] for row in rows], u) for j in range(n)]
        outcome.merge(same(values_at(reverse, [*point, *u], mp), columns, "vjp against J' u"))
    if index % DIFFERENCED == 0:
        with mp.workdps(DIGITS):
            slopes = [g for case in cases for g in Reference(case.expression, symbols).gradient(point)]
            outcome.merge(same(jacobian, slopes, "Jacobian against differences"))
        outcome.numbers["by differences"] = 1
    if outcome.failure:
        outcome.failure += "\n    " + "\n    ".join(map(str, cases))
    return {"dot_product": outcome}


GROUPS = [Group("dot_product", 1_000, check)]
