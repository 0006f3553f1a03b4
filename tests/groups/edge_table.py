"""The points where a derivative is a choice, or where floats overflow: one table, held exactly, signs of zero included.

`python -m tests.groups.edge_table --write` writes docs/kinks.md from it.
"""

from __future__ import annotations

# ruff: noqa: E501  a table, one line a row
import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.codegen import cfunctions

import symgrad as sg
from symgrad.function import Function
from tests.groups.group import Group, Outcome, Outcomes, compiled_at, values_at

PAGE = Path(__file__).parents[2] / "docs" / "kinks.md"
ULPS = 4  # where the value is a rounded number, so many units in the last place
x, y, z = sp.symbols("x y z", real=True)
inf, nan, pi = math.inf, math.nan, math.pi


class Row(NamedTuple):
    """One decision: the expression, the variable, the point, and what comes out there."""

    expression: sp.Expr
    by: sp.Symbol
    point: dict[sp.Symbol, float]
    value: float
    first: float
    second: float
    words: str


def _softmax(*exponents: Any) -> sp.Expr:
    first = sp.exp(exponents[0])
    return first / sp.Add(*[sp.exp(e) for e in exponents])


root, third = sp.sqrt, sp.Rational(1, 3)
ROWS: list[Row] = [
    Row(sp.Abs(x), x, {x: 0.0}, 0.0, 0.0, 0.0, "the mean of both sides"),
    Row(sp.Abs(x), x, {x: -0.0}, 0.0, 0.0, 0.0, "from minus zero too"),
    Row(sp.Abs(x) ** 3, x, {x: 0.0}, 0.0, 0.0, 0.0, "smooth"),
    Row(root(x**2, evaluate=False), x, {x: 0.0}, 0.0, 0.0, 0.0, "the absolute value"),
    Row(x * sp.Abs(x), x, {x: 0.0}, 0.0, 0.0, 0.0, "the second derivative jumps from -2 to 2: the mean"),
    Row(sp.sign(x), x, {x: 0.0}, 0.0, 0.0, 0.0, "constant almost everywhere"),
    Row(sp.sign(x), x, {x: -3.0}, -1.0, 0.0, 0.0, "constant almost everywhere"),
    Row(sp.Heaviside(x), x, {x: 0.0}, 0.5, 0.0, 0.0, "SymPy's value at 0; no delta"),
    Row(sp.Heaviside(x, 0), x, {x: 0.0}, 0.0, 0.0, 0.0, "the value at 0 that was given"),
    Row(sp.Heaviside(x, 1), x, {x: 0.0}, 1.0, 0.0, 0.0, "the value at 0 that was given"),
    Row(sg.relu(x), x, {x: 0.0}, 0.0, 0.0, 0.0, "a function of its own: 0 at 0"),
    Row(sg.relu(x), x, {x: 1e-300}, 1e-300, 1.0, 0.0, "1 as soon as x > 0"),
    Row(sp.Max(x, 0), x, {x: 0.0}, 0.0, 0.5, 0.0, "a tie of two: shared"),
    Row(sp.Min(x, 0), x, {x: 0.0}, 0.0, 0.5, 0.0, "a tie of two: shared"),
    Row(sp.Max(x, y), x, {x: 2.0, y: 2.0}, 2.0, 0.5, 0.0, "a tie of two: shared"),
    Row(sp.Max(x, y), y, {x: 2.0, y: 2.0}, 2.0, 0.5, 0.0, "the weights sum to 1"),
    Row(sp.Min(x, y), x, {x: -1.0, y: -1.0}, -1.0, 0.5, 0.0, "a tie of two: shared"),
    Row(sp.Max(x, y, z), x, {x: 1.0, y: 1.0, z: 1.0}, 1.0, 1 / 3, 0.0, "a tie of three"),
    Row(sp.Min(x, y, z), z, {x: 1.0, y: 1.0, z: 1.0}, 1.0, 1 / 3, 0.0, "a tie of three"),
    Row(sp.Max(x, y, z), x, {x: 1.0, y: 1.0, z: 0.0}, 1.0, 0.5, 0.0, "two of three win"),
    Row(sp.Max(x, y, z), z, {x: 1.0, y: 1.0, z: 0.0}, 1.0, 0.0, 0.0, "the loser has nothing"),
    Row(sp.Max(root(x), 1), x, {x: 0.0}, 1.0, 0.0, 0.0, "nothing leaks from the loser, infinite as its slope is"),
    Row(root(x), x, {x: 0.0}, 0.0, inf, -inf, "the limit from the right"),
    Row(1 / root(x), x, {x: 0.0}, inf, -inf, inf, "the limit from the right"),
    Row(sp.log(x), x, {x: 0.0}, -inf, inf, -inf, "the limit from the right"),
    Row(root(x), x, {x: -1.0}, nan, nan, nan, "no real value, no derivative"),
    Row(sp.log(x), x, {x: -1.0}, nan, -1.0, -1.0, "1/x is what the rule says, where there is no value"),
    Row(root(x**2 + y**2), x, {x: 0.0, y: 0.0}, 0.0, 0.0, 0.0, "the 2-norm at its corner: 0"),
    Row(root(x**2 + y**2), y, {x: 0.0, y: 0.0}, 0.0, 0.0, 0.0, "the 2-norm at its corner: 0"),
    Row(root(x**2 + y**2 + z**2), x, {x: 0.0, y: 0.0, z: 0.0}, 0.0, 0.0, 0.0, "the 2-norm at its corner: 0"),
    Row(cfunctions.hypot(x, y), x, {x: 0.0, y: 0.0}, 0.0, 0.0, 0.0, "the 2-norm at its corner: 0"),
    Row(cfunctions.hypot(x, y), x, {x: 3.0, y: 4.0}, 5.0, 0.6, 0.128, "smooth elsewhere"),
    Row(x**2, x, {x: 0.0}, 0.0, 0.0, 2.0, "n 0**(n-1)"),
    Row(x**3, x, {x: 0.0}, 0.0, 0.0, 0.0, "n 0**(n-1)"),
    Row(x**1, x, {x: 0.0}, 0.0, 1.0, 0.0, "n 0**(n-1)"),
    Row(sp.Pow(x, 0, evaluate=False), x, {x: 0.0}, 1.0, 0.0, 0.0, "0**0 is 1, and constant"),
    Row(1 / x, x, {x: 0.0}, inf, -inf, inf, "the limit from the right"),
    Row(x ** sp.Rational(3, 2), x, {x: 0.0}, 0.0, 0.0, inf, "the limit from the right"),
    Row(x**y, x, {x: 0.0, y: 2.0}, 0.0, 0.0, 2.0, "y 0**(y-1)"),
    Row(x**y, x, {x: 0.0, y: 1.0}, 0.0, 1.0, 0.0, "y 0**(y-1)"),
    Row(x**y, x, {x: 3.0, y: 0.0}, 1.0, 0.0, 0.0, "constant in x"),
    Row(x**y, x, {x: 0.0, y: 0.0}, 1.0, 0.0, 0.0, "0**0 is 1, and constant in x"),
    Row(x**y, y, {x: 0.0, y: 2.0}, 0.0, 0.0, 0.0, "constant in y, for y > 0"),
    Row(x**y, y, {x: 0.0, y: 0.5}, 0.0, 0.0, 0.0, "constant in y, for y > 0"),
    Row(sp.sinc(x), x, {x: 0.0}, 1.0, 0.0, -1 / 3, "the removable point is filled"),
    Row(x * sp.log(x), x, {x: 0.0}, 0.0, -inf, inf, "the removable point is filled"),
    Row(sp.Piecewise((root(x), x > 0), (0, True)), x, {x: 0.0}, 0.0, 0.0, 0.0, "nothing leaks from the branch not taken"),
    Row(sp.Piecewise((root(x), x > 0), (0, True)), x, {x: -1.0}, 0.0, 0.0, 0.0, "nothing leaks from the branch not taken"),
    Row(sp.Piecewise((sp.sin(x) / x, sp.Ne(x, 0)), (1, True)), x, {x: 0.0}, 1.0, 0.0, 0.0, "the derivative of the branch that is taken"),
    Row(sp.Piecewise((x, x < 1), (x**2, True)), x, {x: 1.0}, 1.0, 2.0, 2.0, "the derivative of the branch that is taken"),
    Row(sp.floor(x), x, {x: 2.0}, 2.0, 0.0, 0.0, "constant almost everywhere"),
    Row(sp.floor(x), x, {x: -0.5}, -1.0, 0.0, 0.0, "constant almost everywhere"),
    Row(sp.ceiling(x), x, {x: 0.5}, 1.0, 0.0, 0.0, "constant almost everywhere"),
    Row(sp.frac(x), x, {x: 2.0}, 0.0, 1.0, 0.0, "x less a constant"),
    Row(sp.Mod(x, y), x, {x: 4.0, y: 2.0}, 0.0, 1.0, 0.0, "x less a constant"),
    Row(sp.Mod(x, y), y, {x: 5.0, y: 3.0}, 2.0, -1.0, 0.0, "-floor(x/y)"),
    Row(sp.Mod(x, y), y, {x: -5.0, y: 3.0}, 1.0, 2.0, 0.0, "-floor(x/y)"),
    Row(sp.log(1 + sp.exp(x)), x, {x: 1000.0}, 1000.0, 1.0, 0.0, "no overflow"),
    Row(sp.log(1 + sp.exp(x)), x, {x: -1000.0}, 0.0, 0.0, 0.0, "no loss: e**-1000 is 0 in floats"),
    Row(sp.log(sp.exp(x) + sp.exp(y)), x, {x: 1000.0, y: 1000.0}, 1000 + math.log(2), 0.5, 0.25, "logsumexp does not overflow"),
    Row(sp.log(sp.exp(x) + sp.exp(y) + sp.exp(z)), y, {x: 900.0, y: 1000.0, z: -1000.0}, 1000.0, 1.0, 0.0, "logsumexp does not overflow"),
    Row(_softmax(x, y), x, {x: 1000.0, y: 1000.0}, 0.5, 0.25, 0.0, "softmax does not overflow"),
    Row(_softmax(x, y, z), x, {x: 1000.0, y: -1000.0, z: 0.0}, 1.0, 0.0, 0.0, "softmax does not overflow"),
    Row(sp.log(sp.cosh(x)), x, {x: 1000.0}, 1000 - math.log(2), 1.0, 0.0, "no overflow"),
]  # fmt: skip


def results(row: Row, *, compiled: bool = False) -> list[float]:
    """Value, first and second derivative by the graph."""
    symbols = list(row.point)
    function = Function(symbols, row.expression)
    slope = function.grad(row.by)
    at = compiled_at if compiled else values_at
    return [float(at(f, list(row.point.values()))[0]) for f in (function, slope, slope.grad(row.by))]


def agrees(got: float, wanted: float) -> bool:
    """Equal to the bit of the sign for zeros, infinities and whole numbers; to some ulp for what is rounded."""
    if math.isnan(wanted):
        return math.isnan(got)
    if wanted == 0 or math.isinf(wanted):
        return got == wanted and math.copysign(1, got) == math.copysign(1, wanted)
    return abs(got - wanted) <= ULPS * np.spacing(abs(wanted))


def check(draw: random.Random, index: int) -> Outcomes:
    """One row, evaluated and compiled."""
    row = ROWS[index]
    outcome = Outcome(numbers={"compiled": 3})
    for compiled in (False, True):
        for name, got, wanted in zip(
            ("value", "first", "second"), results(row, compiled=compiled), row[3:6], strict=True
        ):
            if not agrees(got, wanted):
                how = "compiled" if compiled else "evaluated"
                outcome.failure = (
                    outcome.failure
                    or f"{row.expression} by {row.by} at {row.point}: {name} {how} {got!r}, chosen {wanted!r}"
                )
    return {"edge_table": outcome}


def page() -> str:
    """docs/kinks.md."""
    lines = [
        "# Points where a derivative is a decision",
        "",
        "Written from tests/groups/edge_table.py, which holds every line of it, on the evaluated and the compiled",
        "function: `python -m tests.groups.edge_table --write`.",
        "",
        "| expression | by | at | value | first | second | why |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        at = ", ".join(f"{s} = {_number(v)}" for s, v in row.point.items())
        numbers = " | ".join(map(_number, row[3:6]))
        expression = str(row.expression).replace("|", "\\|")
        lines.append(f"| `{expression}` | {row.by} | {at} | {numbers} | {row.words} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return f"{value:.12g}"


def main(arguments: Sequence[str]) -> None:
    """--write writes the page; without it, the page is printed."""
    if "--write" in arguments:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())


GROUPS = [Group("edge_table", len(ROWS), check, whole=True)]

if __name__ == "__main__":
    main(sys.argv[1:])
