"""One nan or infinity among the inputs, and inputs at which the value raises.

What is expected comes from SymPy's tree and mpmath alone. A derivative keeps its bits where no term of the sum
holds both the variable and the poisoned input. Where it moves as that input does, it is nan for a nan, if the
expression is smooth. For an infinity it is nan, or what it tends to.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

import symgrad as sg
from tests.expressions import JUMPS, holds_any, random_case
from tests.groups.group import Group, Outcome, Outcomes, flat
from tests.oracles import Reference

POISONS = (np.nan, np.inf, -np.inf)
KINKED = (sp.Piecewise, sp.Max, sp.Min, sp.Abs, *JUMPS)  # a comparison with nan is false, and nan may be dropped
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, y = sp.symbols("x y")
a, b, c = (sp.IndexedBase(name, shape=(n,)) for name in "abc")


def _array_expression(draw: random.Random) -> sp.Expr:
    """A sum over entries, each of which depends on its own entries alone; so a poison stays in its row."""
    arrays = draw.sample([a, b, c], 3)
    p, q, r = (array[i] for array in arrays)
    body = draw.choice([
        sp.sin(p) * q + r**2, sp.exp(p * q) + sp.tanh(r), p**3 * q - r, p / (1 + q**2) + r, sp.sqrt(1 + p**2) + r * q,
    ])  # fmt: skip
    return sp.Sum(body, (i, 0, n - 1))


def _propagates(draw: random.Random, index: int) -> Outcomes:
    if index % 2:
        return {"nan_inf": _of_arrays(draw)}
    return {"nan_inf": _of_scalars(draw)}


def _of_arrays(draw: random.Random) -> Outcome:
    expression = _array_expression(draw)
    function = sg.Function([a, b, c], expression)
    gradient = function.grad([a, b, c])
    numbers = np.random.default_rng(draw.randrange(2**32)).uniform(-2, 2, (3, 5))
    clean = np.array(gradient(*numbers))
    row, column, poison = draw.randrange(3), draw.randrange(5), draw.choice(POISONS)
    poisoned = numbers.copy()
    poisoned[row, column] = poison
    got = np.array(gradient(*poisoned))
    others = np.arange(5) != column
    words = f"{expression}, {'abc'[row]}[{column}] = {poison}"
    if not np.array_equal(got[:, others], clean[:, others]):
        return Outcome(failure=f"{words}: entries that do not depend on it: {got}, without it {clean}")
    # the slope of the entry, one number at a time, through SymPy: its own tree, differentiated by SymPy
    body, symbols = expression.function, sp.symbols("p q r")
    body = body.subs(dict(zip((a[i], b[i], c[i]), symbols, strict=True)), simultaneous=True)
    for k, symbol in enumerate(symbols):
        slope = sp.diff(body, symbol)
        depends = symbols[row] in slope.free_symbols
        if np.isnan(poison) and depends != np.isnan(got[k, column]):
            return Outcome(failure=f"{words}: d/d{'abc'[k]} = {slope} is {got[k, column]}")
        if not depends and got[k, column] != clean[k, column]:
            return Outcome(failure=f"{words}: d/d{'abc'[k]} = {slope} moved from {clean[k, column]}")
    return Outcome()


def _of_scalars(draw: random.Random) -> Outcome:
    case = random_case(draw, size=(3, 25))
    symbols = list(case.symbols)
    gradient = sg.Function(symbols, case.expression).grad(symbols)
    spot, poison = draw.randrange(len(symbols)), draw.choice(POISONS)
    values: list[float] = list(case.point)
    values[spot] = poison
    clean, got = flat(gradient(*case.point)), flat(gradient(*values))
    smooth = not holds_any(case.expression, *KINKED)
    reference = Reference(case.expression, symbols)
    for k, symbol in enumerate(symbols):
        words = f"d/d{symbol} of {case.expression} at {values}"
        if not any({symbol, symbols[spot]} <= term.free_symbols for term in _terms(case.expression)) and k != spot:
            if not _alike(got[k], clean[k]):
                return Outcome(failure=f"{words} does not depend on it: {got[k]}, without it {clean[k]}")
        elif np.isnan(poison):
            if smooth and not np.isnan(got[k]) and _moves(reference, case.point, k, spot):
                return Outcome(failure=f"{words}: {got[k]}, and it moves as {symbols[spot]} does")
        elif np.isfinite(got[k]) and not _is_limit(got[k], reference, values, k, spot):
            return Outcome(failure=f"{words}: {got[k]}, which is not the limit")
    return Outcome()


def _terms(expression: sp.Expr) -> list[sp.Expr]:
    """What the expression is a sum of, with sums in sums, and multiples of sums, opened."""
    found, pending = [], [expression]
    while pending:
        e = pending.pop()
        rest = e.as_coeff_Mul()[1]
        if rest.is_Add:
            pending += rest.args
        else:
            found.append(rest)
    return found


def _alike(one: float, other: float) -> bool:
    return one == other or bool(np.isnan(one) and np.isnan(other))


def _slope(reference: Reference, at: list[Any], k: int) -> Any:
    """The k-th derivative: a central difference of SymPy's tree in mpmath."""
    h = max(abs(at[k]), mp.mpf(1)) * mp.mpf(10) ** -100
    above, below = ([*at[:k], at[k] + step, *at[k + 1 :]] for step in (h, -h))
    return (reference.value(above) - reference.value(below)) / (2 * h)


def _moves(reference: Reference, point: Sequence[float], k: int, spot: int) -> bool:
    """Is the k-th derivative another one where that input is a little larger?"""
    with mp.workdps(300):
        at = [mp.mpf(v) for v in point]
        moved = [*at[:spot], at[spot] * mp.mpf("1.001"), *at[spot + 1 :]]
        return bool(abs(_slope(reference, at, k) - _slope(reference, moved, k)) > 1e-40)


def _is_limit(value: float, reference: Reference, point: Sequence[float], k: int, spot: int) -> bool:
    """Is this what the k-th derivative tends to as that input goes to its infinity? Yes, if mpmath cannot tell."""
    with mp.workdps(300):
        near = []
        for size in (30, 33, 36):
            far = (mp.mpf(10) ** size + mp.mpf("0.3")) * mp.sign(point[spot])  # no integer: there are jumps
            large = [far if i == spot else mp.mpf(v) for i, v in enumerate(point)]
            near.append(_slope(reference, large, k))
        if not all(map(mp.isfinite, near)):
            return True
        gaps = [abs(slope - value) for slope in near]
        if all(gap <= 1e-6 * (1 + abs(value)) for gap in gaps):
            return True
        first, second = (b / a if a else mp.inf for a, b in pairwise(gaps))
        return bool(first < 1 and abs(first - second) < 1e-9)  # as a small power falls, such as x**-0.003


# -- the gradient raises exactly when the value does -------------------------------------------------------------------

k = sp.IndexedBase("k", shape=(n,), integer=True)
S = sp.MatrixSymbol("S", n, n)
z = sp.MatrixSymbol("z", n, 1)
TABLE = sp.IndexedBase("t", shape=(sp.Symbol("l", integer=True, positive=True),))
FUNCTIONS: dict[str, tuple[sg.Function, Any]] = {
    "gather": (sg.Function([TABLE, k], sp.Sum(sp.exp(TABLE[k[i]]), (i, 0, n - 1))), TABLE),
    "offset": (sg.Function([a, b], sp.Sum(a[i + 1] * b[i] ** 2, (i, 0, n - 2))), [a, b]),
    "solve": (sg.Function([S, z], (z.T * sg.solve(S, z))[0, 0]), [S, z]),
    "cholesky": (sg.Function([S], sp.Trace(sg.cholesky(S))), S),
    "sizes": (sg.Function([S, z], (z.T * S * z)[0, 0]), [S, z]),
    "scalar": (sg.Function([x, y], sp.log(x) / y), [x]),
}  # fmt: skip
SLOPES = {name: function.grad(wrt) for name, (function, wrt) in FUNCTIONS.items()}


def _drawn(kind: str, draw: random.Random) -> list[Any]:
    """Arguments, of which about half do not fit."""
    numbers = np.random.default_rng(draw.randrange(2**32))
    size = draw.randint(1, 4)
    if kind == "gather":
        return [numbers.normal(size=size), numbers.integers(-1, size + 1, 2)]
    if kind == "offset":
        return [numbers.normal(size=size), numbers.normal(size=draw.choice([size, size, size + 1]))]
    if kind == "scalar":
        return [draw.choice([0.0, -1.0, 2.0, np.nan]), draw.choice([0.0, 1.0, np.inf, "1"])]
    matrix = numbers.normal(size=(size, size))
    if draw.random() < 0.4:
        matrix[:, 0] = 0.0  # singular
    elif draw.random() < 0.5:
        matrix = matrix @ matrix.T + np.eye(size)
    vector = numbers.normal(size=draw.choice([size, size, size + 1]))
    return [matrix] if kind == "cholesky" else [matrix, vector]


def _throws(draw: random.Random, index: int) -> Outcomes:
    kind = list(FUNCTIONS)[index % len(FUNCTIONS)]
    arguments = _drawn(kind, draw)
    raised = []
    for function in (FUNCTIONS[kind][0], SLOPES[kind]):
        try:
            function(*arguments)
            raised.append("nothing")
        except sg.SymgradError as error:
            raised.append(type(error).__name__)
    outcome = Outcome(numbers={"raised": float(raised[0] != "nothing")})
    if raised[0] != raised[1]:
        outcome.failure = f"{kind} of {arguments}: the value raises {raised[0]}, the gradient {raised[1]}"
    return {"throws_iff": outcome}


GROUPS = [Group("nan_inf", 300, _propagates), Group("throws_iff", 200, _throws)]
