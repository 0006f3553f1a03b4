"""How many ulp every elementwise operation, its derivatives and every scalar stability rule are off: docs/accuracy.md.
What is over axes is in accuracy_arrays.py.

`python -m tests.accuracy --write` writes the page and its plot; without it, the table is printed. Compared are the
compiled kernels, for one point and for a batch, with mpmath at 80 digits of SymPy's own function (tests/oracles.py);
derivatives with central differences of that.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpmath import mp

import symgrad as sg
from symgrad.arguments import Argument
from symgrad.graph import Node, Op
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.simplify import STABLE
from symgrad.structure import LEAF, tuple_of
from tests import accuracy_arrays, rules
from tests.oracles import DIGITS, Reference

DRAWN = 24  # points drawn evenly in the domain
NEAR = (1e-300, 1e-30, 1e-16, 1e-9, 1e-5, 1e-2)  # distances from 0, in units of 1, log-spaced
PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
SMALL = 1e-15  # nearer to 0 than this the difference, with a step of 1e-26, is no derivative
ZERO = 1e-45  # central differences of 80 digits are good to 1e-50: below this a derivative is 0
WIDE = {  # operations that are well-conditioned far beyond the domain that other tests draw in
    "Exp": (-700.0, 700.0), "Exp2": (-1000.0, 1000.0), "Expm1": (-40.0, 700.0), "Log": (1e-300, 1e300),
    "Log1p": (-0.9999, 1e300), "Log2": (1e-300, 1e300), "Log10": (1e-300, 1e300), "Cbrt": (1e-300, 1e300),
    "Sin": (-1e3, 1e3), "Cos": (-1e3, 1e3), "ArcTan": (-1e9, 1e9), "Sinh": (-700.0, 700.0), "Cosh": (-700.0, 700.0),
    "Tanh": (-350.0, 350.0), "TanhSlope": (-350.0, 350.0), "Coth": (1e-3, 300.0), "Sech": (-700.0, 700.0),
    "Csch": (1e-3, 700.0), "ArcSinh": (-1e9, 1e9), "ArcCosh": (1.0, 1e9), "Sigmoid": (-700.0, 700.0),
    "Softplus": (-700.0, 700.0), "LogCosh": (-700.0, 700.0), "Erf": (-6.0, 6.0), "Erfc": (-6.0, 20.0),
}  # fmt: skip


@dataclass(frozen=True)
class Worst:
    """The largest error of one number, in ulp of the exact value, on either path, and where it is."""

    name: str
    what: str
    points: int
    point_ulp: float
    batch_ulp: float
    at: tuple[float, ...]
    value: float
    exact: float

    @property
    def ulp(self) -> float:
        return max(self.point_ulp, self.batch_ulp)


def ulps(value: float, exact: Any) -> float:
    """The distance in ulp of the exact number, subnormal ones too; inf where one of the two is no number."""
    near = float(exact)
    if not mp.isfinite(exact) or math.isinf(near):
        return 0.0 if value == near or (math.isnan(value) and not mp.isfinite(exact)) else math.inf
    if abs(exact) < ZERO and abs(value) < ZERO:
        return 0.0
    return float(abs(mp.mpf(value) - exact) / math.ulp(near)) if math.isfinite(value) else math.inf


def operation_rows(op: Op, drawn: int = DRAWN) -> list[Worst]:
    """The value, and the first derivative by each input that has one."""
    output, inputs = rules.apply(op)
    partials = list(op.partials(output))  # type: ignore[attr-defined]
    wanted = [(f"d/du{i}", i, p) for i, p in enumerate(partials) if isinstance(p, Node)]
    name = type(op).__name__ + (f" {_parameters(op)}" if _parameters(op) else "")
    names = ["value", *(what for what, _, _ in wanted)]
    arguments = [Argument(f"u{i}", (), (x,), x.op.variable) for i, x in enumerate(inputs)]  # type: ignore[attr-defined]
    kernel = Kernel("f", arguments, [Result((), (node,)) for node in (output, *(p for _, _, p in wanted))])
    points = _points(op, drawn)
    with mp.workdps(DIGITS):
        reference = rules.reference(op)
        exact = []
        for p in points:
            small = min(map(abs, p), default=1.0) < SMALL
            gradient = [mp.nan] * len(p) if small else reference.gradient(p)
            exact.append([reference.value([mp.mpf(v) for v in p]), *(gradient[i] for _, i, _ in wanted)])
        return _compared(name, names, kernel, points, exact)


def rule_rows(rule: Any, drawn: int = DRAWN) -> list[Worst]:
    """The first left side of a rule, as the rule leaves it, at drawn and at extreme points."""
    expression = rule.fires[0]
    symbols = sorted(expression.free_symbols, key=str)
    random = np.random.default_rng(0)
    points = [tuple(map(float, random.uniform(*rule.interval, len(symbols)))) for _ in range(drawn)]
    points += [tuple(map(float, p[: len(symbols)])) for p in rule.extreme]
    with mp.workdps(DIGITS):
        reference = Reference(expression, symbols)
        exact = [[reference.value([mp.mpf(v) for v in p])] for p in points]
        kept = [(p, e) for p, e in zip(points, exact, strict=True) if mp.isfinite(e[0])]
        kernel = sg.Function(symbols, expression).kernel
        assert isinstance(kernel, Kernel)
        return _compared(rule.rule, ["value"], kernel, [p for p, _ in kept], [e for _, e in kept])


def _compared(
    name: str, names: Sequence[str], kernel: Kernel, points: Sequence[Sequence[float]], exact: Sequence[Sequence[Any]]
) -> list[Worst]:
    columns = [np.array(c) for c in zip(*points, strict=True)]
    batch = [np.broadcast_to(y, len(points)) for y in kernel.batch(columns)]
    entry = kernel.entry(tuple_of([LEAF] * len(names)))
    one = [entry(*p) for p in points]
    rows = []
    for k, what in enumerate(names):
        pairs = []
        for i, p in enumerate(points):
            if what != "value" and not mp.isfinite(exact[i][k]):
                continue  # at the end of the domain, or too near 0: no derivative to compare with
            scalar, vector = float(one[i][k]), float(batch[k][i])
            pairs.append((ulps(scalar, exact[i][k]), ulps(vector, exact[i][k]), p, scalar, vector, exact[i][k]))
        worst = max(pairs, key=lambda pair: max(pair[:2]))
        value = worst[3] if worst[0] >= worst[1] else worst[4]
        largest = max(p[0] for p in pairs), max(p[1] for p in pairs)
        rows.append(Worst(name, what, len(pairs), *largest, tuple(worst[2]), value, float(worst[5])))
    return rows


def _points(op: Op, drawn: int) -> list[tuple[float, ...]]:
    """Drawn points of the domain; for one input also log-spaced ones at 0 and, where it is wide, in the large."""
    points = [tuple(p) for p in rules.points(op, drawn)]
    domain = rules.domain(op)
    if len(domain) > 1 or not getattr(op, "analytic", True):
        return points  # at a kink a difference is no derivative
    low, high = WIDE.get(type(op).__name__, domain[0])
    # a reference that is the printed formula, as of sinc's derivatives, has no digits left nearer to 0
    near = [d for d in NEAR if d > SMALL or not _parameters(op)]
    special = [s * d for d in near for s in (1, -1)] + [low, high]
    if type(op).__name__ in WIDE:
        tops = np.geomspace(max(1e-3, low), high, drawn // 2)
        special += [*tops, *(-t for t in tops)]
    return points + [(float(x),) for x in special if low <= x <= high]


def _parameters(op: Op) -> str:
    return ", ".join(map(str, vars(op).values())) if rules.fields(op) else ""  # type: ignore[arg-type]


def report(drawn: int = DRAWN) -> tuple[list[Worst], list[Worst]]:
    """All rows: of operations, of rules."""
    from tests.test_simplify import ROWS

    names = {rule.name for rule in STABLE}
    operations = [row for op in rules.operations() for row in operation_rows(op, drawn)]
    return operations, [row for rule in ROWS if rule.rule in names for row in rule_rows(rule, drawn)]


def page(operations: Sequence[Worst], stable: Sequence[Worst], arrays: Sequence[accuracy_arrays.Off]) -> str:
    """The page, in Markdown."""
    off = np.array([row.ulp for row in [*operations, *stable, *arrays]])
    return "\n".join(
        [
            "# Accuracy",
            "",
            "The largest error that was found, in ulp (units in the last place) of the exact value: of the compiled",
            "kernel for one point, and of the one for a batch, against mpmath with 80 digits. Generated by",
            f"`python -m tests.accuracy --write`, which draws {DRAWN} points in the domain of each operation and adds",
            "log-spaced points near 0, the ends, and, where the function is well-conditioned there, large arguments.",
            "A large number next to a zero of the function is its condition: the last column tells the point.",
            "Three calls or more of one function at one point share a vector, and are as accurate as a batch.",
            "BesselI, J, K and Y are SciPy's iv, jv, kv and yv, and as accurate as those: at real orders J and K lose",
            "two to three digits, and so do their derivatives, which are made of them.",
            "",
            f"{len(off)} numbers: {int((off <= 1).sum())} within 1 ulp, {int((off <= 4).sum())} within 4, "
            f"{int((off <= 100).sum())} within 100.",
            "",
            "![The errors, sorted](accuracy.svg)",
            "",
            "## Operations and their first derivatives",
            "",
            *_table(operations),
            "",
            "## Stability rules",
            "",
            "The first example of each rule, as the rule leaves it.",
            "",
            *_table(stable),
            "",
            "## Rules over axes, and linear algebra",
            "",
            "Of columns of 1 to 50 numbers between -3 and 3 (products: 0.5 to 2; norms: also 1e200 and 1e-200 times",
            "that; logsumexp: also 1000 times that), and of well-conditioned matrices of order 1 to 4. Each entry is",
            "compared by itself, but those of functions of a matrix in ulp of the largest. `log_softmax` is a",
            "difference, exact to the ulp of its terms: near 0, where one entry outweighs the others, that is many ulp",
            "of its own. So is the slope of a softmax, y_i (1 - y_i), near its ends.",
            "",
            "| rule | number | arrays | ulp | at a size of |",
            "|---|---|---|---|---|",
            *[f"| {row.name} | {row.what} | {row.points} | {row.ulp:.3g} | {row.size} |" for row in arrays],
            "",
        ]
    )


def _table(rows: Sequence[Worst]) -> list[str]:
    lines = ["| operation | number | points | one point, ulp | batch, ulp | worst at |", "|---|---|---|---|---|---|"]
    for row in rows:
        at = ", ".join(f"{x:.6g}" for x in row.at)
        lines.append(f"| {row.name} | {row.what} | {row.points} | {row.point_ulp:.3g} | {row.batch_ulp:.3g} | {at} |")
    return lines


def plot(rows: Sequence[Worst], path: Path) -> None:
    """The errors, sorted, as an SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "accuracy"  # the same file each time
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5))
    for label, errors in (
        ("one point", [r.point_ulp for r in rows]),
        ("batch", [r.batch_ulp for r in rows]),
    ):
        axes.step(range(len(rows)), sorted(max(e, 0.01) for e in errors), label=label)
    axes.set(yscale="log", xlabel="operations, derivatives and rules, sorted", ylabel="worst error in ulp")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    operations, stable = report()
    text = page(operations, stable, list(accuracy_arrays.rows()))
    if "--write" in sys.argv:
        PAGE.write_text(text)
        plot([*operations, *stable], PAGE.with_suffix(".svg"))
    else:
        print(text)


if __name__ == "__main__":
    main()
