"""How many ulp the rules over axes and of linear algebra are off, for the second table of docs/accuracy.md.

The references are the textbook's formulas in mpmath at 80 digits, their derivatives central differences of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from mpmath import mp

import symgrad as sg
from tests.oracles import DIGITS, STEP

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, A, Ab = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("Ab", n, n + 1)
SIZES = (1, 2, 5, 50)
ORDERS = (1, 2, 4)  # of matrices: of larger ones the differences take minutes


class Rule(NamedTuple):
    """A function of an array, the same of numbers in mpmath, and its points. entrywise: has each entry its own ulp?"""

    name: str
    expression: Any
    reference: Callable[[list[Any]], list[Any]]
    points: Sequence[np.ndarray]
    entrywise: bool = True


class Off(NamedTuple):
    """The largest error of the entries, in ulp, over all points; and the size of the array where it is."""

    name: str
    what: str
    points: int
    ulp: float
    size: int


def rows() -> Iterator[Off]:
    """The value and the first derivative of every rule."""
    for rule in rules():
        function = sg.Function(sorted(rule.expression.atoms(sp.MatrixSymbol)), rule.expression)
        slope: sg.Function | None = None
        found: dict[str, list[tuple[float, int]]] = {"value": [], "derivative": []}
        for point in rule.points:
            value = np.asarray(function(point))
            slope = slope or (function.jacobian() if value.shape else function.grad())
            with mp.workdps(DIGITS):
                at = [mp.mpf(v) for v in point.ravel()]
                exact, slopes = rule.reference(at), differences(rule.reference, at)
                found["value"].append((_off(value, exact, rule.entrywise), len(point)))
                found["derivative"].append((_off(slope(point), slopes, rule.entrywise), len(point)))
        for what, errors in found.items():
            yield Off(rule.name, what, len(errors), *max(errors))


def differences(function: Callable[[list[Any]], list[Any]], at: list[Any]) -> list[Any]:
    """The Jacobian, row by row."""
    columns, h = [], STEP * max(map(abs, at))
    for k, v in enumerate(at):
        above, below = (function([*at[:k], v + s, *at[k + 1 :]]) for s in (h, -h))
        columns.append([(p - q) / (2 * h) for p, q in zip(above, below, strict=True)])
    return [entry for row in zip(*columns, strict=True) for entry in row]


def _off(value: Any, exact: Sequence[Any], entrywise: bool) -> float:
    """In ulp of each entry, or of the largest one; a difference is 0 where it is below its own error."""
    largest = max(map(abs, exact))
    pairs = zip(np.ravel(value), exact, strict=True)
    scales = [np.spacing(float(abs(e) if entrywise and abs(e) > largest * mp.mpf(1e-40) else largest)) for e in exact]
    return max(float(abs(mp.mpf(float(v)) - e) / s) for (v, e), s in zip(pairs, scales, strict=True))


def rules() -> list[Rule]:
    """Those that reduce, then those of linear algebra, whose points are well-conditioned matrices."""
    draw = np.random.default_rng(0)
    drawn = [draw.uniform(-3, 3, (size, 1)) for size in SIZES for _ in range(3)]
    positive = [draw.uniform(0.5, 2, (size, 1)) for size in SIZES for _ in range(3)]
    shifted = [*drawn, *(1000 * p for p in drawn), drawn[3] + 1e5]
    scaled = [*drawn, *(1e200 * p for p in drawn), *(1e-200 * p for p in drawn)]
    matrices = [draw.uniform(-1, 1, (size, size)) + 2 * size**0.5 * np.eye(size) for size in ORDERS for _ in range(3)]
    symmetric = [m @ m.T for m in matrices]
    beside = [np.hstack([m, draw.uniform(-1, 1, (len(m), 1))]) for m in matrices]
    return [
        Rule("sum", sp.Sum(x[i, 0], (i, 0, n - 1)), lambda v: [mp.fsum(v)], positive),
        Rule("product", sp.Product(x[i, 0], (i, 0, n - 1)), lambda v: [mp.fprod(v)], positive),
        Rule("maximum", sg.maximum(x), lambda v: [max(v)], drawn),
        Rule("minimum", sg.minimum(x), lambda v: [min(v)], drawn),
        Rule("norm", sg.norm(x), lambda v: [mp.sqrt(mp.fsum(e * e for e in v))], scaled),
        Rule("logsumexp", sg.logsumexp(x), lambda v: [mp.log(mp.fsum(map(mp.exp, v)))], shifted),
        Rule("softmax", sg.softmax(x, axis=0), _softmax, drawn),
        Rule("log_softmax", sg.log_softmax(x, axis=0), lambda v: list(map(mp.log, _softmax(v))), drawn),
        Rule("determinant", sp.Determinant(A), lambda v: [mp.det(_matrix(v))], matrices, entrywise=False),
        Rule("logdet", sg.logdet(A), lambda v: [mp.log(mp.det(_matrix(v)))], matrices, entrywise=False),
        Rule("inverse", sp.Inverse(A), lambda v: list(mp.inverse(_matrix(v))), matrices, entrywise=False),
        Rule("solve", sg.solve(Ab[:, :n], Ab[:, n:]), _solution, beside, entrywise=False),
        Rule("cholesky", sg.cholesky(A), _cholesky, symmetric, entrywise=False),
    ]


def _softmax(v: list[Any]) -> list[Any]:
    shares = list(map(mp.exp, v))
    whole = mp.fsum(shares)
    return [s / whole for s in shares]


def _cholesky(v: list[Any]) -> list[Any]:
    """Of the symmetric part: what is differentiated is a function of symmetric matrices."""
    a = _matrix(v)
    return list(mp.cholesky((a + a.T) / 2))


def _solution(v: list[Any]) -> list[Any]:
    """Of A X = b, for the rows of A, each with its entry of b."""
    size = round((len(v) + 0.25) ** 0.5 - 0.5)  # v has size (size + 1) entries
    rows = [v[k * (size + 1) : (k + 1) * (size + 1)] for k in range(size)]
    return list(mp.lu_solve(mp.matrix([row[:-1] for row in rows]), mp.matrix([row[-1] for row in rows])))


def _matrix(v: list[Any]) -> Any:
    size = round(len(v) ** 0.5)
    return mp.matrix([v[k * size : (k + 1) * size] for k in range(size)])
