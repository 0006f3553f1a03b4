"""Ties, branches that are guarded, ends of Piecewise: tables of expressions at singular points.

What is wanted is put together from the parts that count there, each differentiated by 80-digit differences on its own:
of a tie the mean of the winners, of a Piecewise the branch that is taken.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sympy as sp
from mpmath import mp

from symgrad.function import Function
from tests.groups.group import Group, Outcome, Outcomes, compiled_at, values_at
from tests.oracles import DIGITS, TOLERANCE, Reference, error

x, y, z = symbols = sp.symbols("x y z", real=True)


class Point(NamedTuple):
    """An expression at a point, and the parts whose mean derivative is wanted there."""

    expression: sp.Expr
    at: tuple[float, float, float]
    parts: Sequence[sp.Expr]


def outcome_of(name: str, point: Point) -> Outcomes:
    """The gradient, evaluated and compiled, against the mean of those of the parts."""
    with mp.workdps(DIGITS):
        slopes = [Reference(part, symbols).gradient(point.at) for part in point.parts]
        wanted = [float(mp.fsum(s[i] for s in slopes) / len(slopes)) for i in range(3)]
    gradient = Function(list(symbols), point.expression).grad(list(symbols))
    outcome = Outcome(numbers={"compiled": 1})
    for how, at in (("evaluated", values_at), ("compiled", compiled_at)):
        got = [float(v) for v in at(gradient, point.at)]
        e = max(map(error, got, wanted))
        outcome.error = max(outcome.error, e)
        if not e <= TOLERANCE:
            outcome.failure = f"{point.expression} at {point.at}, {how}: {got}, wanted {wanted}"
    return {name: outcome}


def _max(*args: Any) -> sp.Expr:
    return sp.Max(*args, evaluate=False)


def _min(*args: Any) -> sp.Expr:
    return sp.Min(*args, evaluate=False)


def _ties() -> list[Point]:
    pairs: list[tuple[Sequence[sp.Expr], Sequence[sp.Expr], tuple[float, float, float]]] = [
        ([x, y], [x, y], (2.0, 2.0, 0.0)),
        ([x, 2 * y], [x, 2 * y], (3.0, 1.5, 0.0)),
        ([x**2, y], [x**2, y], (1.5, 2.25, 0.0)),
        ([sp.exp(x), 1 + y], [sp.exp(x), 1 + y], (0.0, 0.0, 0.0)),
        ([x, y, z], [x, y, z], (1.0, 1.0, 1.0)),
        ([x * y, y * z, z], [x * y, y * z, z], (1.0, 1.0, 1.0)),
        ([x, sp.Integer(1)], [x, sp.Integer(1)], (1.0, 0.0, 0.0)),
        ([x, y, x * y * z, z], [x, y, x * y * z, z], (1.0, 1.0, 1.0)),
    ]  # fmt: skip
    found = [Point(head(*args), at, parts) for args, parts, at in pairs for head in (_max, _min)]
    found += [
        Point(_max(x, y, z), (1.0, 1.0, 0.0), [x, y]),
        Point(_min(x, y, z), (1.0, 1.0, 2.0), [x, y]),
        Point(sp.sin(_max(x, y)) * z, (0.5, 0.5, 3.0), [sp.sin(x) * z, sp.sin(y) * z]),
        Point(_max(x, y) ** 2 + sp.Abs(z), (-1.0, -1.0, 0.0), [x**2, y**2]),
    ]
    return found


def _guarded() -> list[Point]:
    good = x**2 * sp.cos(y)
    bad = [
        sp.sqrt(x), sp.log(x), 1 / (x + 1), sp.sqrt(x + 1), sp.log(x + 1), x**y, sp.acosh(x), sp.asin(2 * x),
        sp.exp(1000 * x**2), sp.sqrt((x + 1) ** 2 + y**2),
    ]  # fmt: skip
    at = (-1.0, 0.0, 2.0)
    contexts: list[Callable[[sp.Expr], sp.Expr]] = [
        lambda b: sp.Piecewise((b, x > 0), (good, True)),
        lambda b: sp.Piecewise((good, x < 0), (b, True)),
        lambda b: z * sp.exp(sp.Piecewise((z * b**2, x > 0), (good, True))),
        lambda b: sp.sqrt(1 + sp.Piecewise((good, x < 0), (sp.sqrt(b) + b / (x + 1), True)) ** 2),
    ]
    taken = [good, good, z * sp.exp(good), sp.sqrt(1 + good**2)]
    return [Point(context(b), at, [t]) for b in bad for context, t in zip(contexts, taken, strict=True)]


def _ends() -> list[Point]:
    left, right = x**2 + y, sp.sin(x) * z + 1
    found = []
    for (relation, taken), end in itertools.product(
        [(sp.Lt, right), (sp.Le, left), (sp.Gt, right), (sp.Ge, left), (sp.Eq, left), (sp.Ne, right)], (0.0, 1.0, -2.0)
    ):
        condition = relation(x, sp.Integer(int(end)))
        found.append(Point(sp.Piecewise((left, condition), (right, True)), (end, 0.5, 2.0), [taken]))
    a, b, c = x**2, x**3, x * y
    three = sp.Piecewise((a, x < 0), (b, x < 1), (c, True))
    nested = sp.Piecewise((sp.Piecewise((a, y < 0), (b, True)), x <= 1), (c, True))
    open_ended = sp.Piecewise((a, x < 1), (b, x < 2))
    found += [
        Point(three, (0.0, 2.0, 0.0), [b]),
        Point(three, (1.0, 2.0, 0.0), [c]),
        Point(three, (-0.0, 2.0, 0.0), [b]),
        Point(nested, (1.0, 0.0, 0.0), [b]),
        Point(nested, (1.0, -1.0, 0.0), [a]),
        Point(open_ended, (1.0, 0.0, 0.0), [b]),
        Point(sp.Piecewise((a, sp.And(x >= 0, y >= 0)), (c, True)), (0.0, 0.0, 0.0), [a]),
        Point(sp.Piecewise((a, sp.Or(x > 0, y > 0)), (c, True)), (0.0, 0.0, 0.0), [c]),
        Point(sp.Piecewise((a, sp.Not(sp.Eq(x, y))), (b, True)), (2.0, 2.0, 0.0), [b]),
        Point(sp.Piecewise((a, sp.Xor(x > 0, y > 0)), (b, True)), (2.0, 0.0, 0.0), [a]),
        Point(sp.exp(three) * z, (1.0, 2.0, 3.0), [sp.exp(c) * z]),
        Point(sp.Piecewise((sp.sqrt(x), x >= 1), (1, True)) * y, (1.0, 2.0, 0.0), [sp.sqrt(x) * y]),
    ]
    return found


TIES, GUARDED, ENDS = _ties(), _guarded(), _ends()


def _check(name: str, table: list[Point]) -> Callable[[random.Random, int], Outcomes]:
    return lambda draw, index: outcome_of(name, table[index])


GROUPS = [
    Group("ties", len(TIES), _check("ties", TIES), whole=True),
    Group("guarded_branches", len(GUARDED), _check("guarded_branches", GUARDED), whole=True),
    Group("piecewise_ends", len(ENDS), _check("piecewise_ends", ENDS), whole=True),
]
