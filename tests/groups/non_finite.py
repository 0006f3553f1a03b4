"""One nan or infinity among the inputs, and inputs at which the value raises.

Dependence is read from the structure of the graph, not from any rule: a derivative in whose graph the poisoned input
does not occur keeps its bits. One in which it occurs is nan or infinite where NumPy, node by node, says so, and nan
where there is nothing in between but operations that pass nan on.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg
from symgrad.evaluate import evaluate
from symgrad.graph import Node, reachable
from tests.expressions import random_case
from tests.groups.group import Group, Outcome, Outcomes, elements, flat

POISONS = (np.nan, np.inf, -np.inf)
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
    function = sg.Function(list(case.symbols), case.expression)
    gradient = function.grad(list(case.symbols))
    spot, poison = draw.randrange(len(case.symbols)), draw.choice(POISONS)
    values: list[float] = list(case.point)
    values[spot] = poison
    inputs = [x for argument in gradient.arguments for x in argument.elements]
    results = elements(gradient)
    clean, got = flat(gradient(*case.point)), flat(gradient(*values))
    nodes = evaluate(results, {leaf: np.float64(at) for leaf, at in zip(inputs, values, strict=True)})
    for k, node in enumerate(results):
        words = f"d/d{case.symbols[k]} of {case.expression} at {values}"
        if inputs[spot] not in reachable([node]):
            if not _alike(got[k], clean[k]):
                return Outcome(failure=f"{words} does not depend on it: {got[k]}, without it {clean[k]}")
        elif np.isfinite(got[k]) != np.isfinite(nodes[k]) or np.isnan(got[k]) != np.isnan(nodes[k]):
            return Outcome(failure=f"{words}: {got[k]}, node by node {nodes[k]}")
        elif np.isnan(poison) and _always(node, inputs[spot]) and not np.isnan(got[k]):
            return Outcome(failure=f"{words}: {got[k]}, and every operation passes nan on")
    return Outcome()


def _alike(one: float, other: float) -> bool:
    return one == other or bool(np.isnan(one) and np.isnan(other))


PASSING = {"add", "product", "sin", "cos", "tan", "exp", "log", "tanh", "sinh", "cosh", "sqrt", "atan", "asinh", "erf"}


def _always(node: Node, poisoned: Node) -> bool:
    """Is there nothing but arithmetic and smooth functions between the two? Then nan must arrive."""
    reached = {poisoned}
    for part in reachable([node]):
        if any(x in reached for x in part.inputs):
            if part.op.name not in PASSING:
                return False
            reached.add(part)
    return node in reached


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
