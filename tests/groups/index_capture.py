"""Names of indices that invite capture: shadowed, shared, equal to sizes of other arrays, to names in the output."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import sympy as sp

from symgrad.arrays import array_types
from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.expression import grad
from symgrad.from_sympy import convert_all
from symgrad.graph import Graph
from tests.groups.fuzz_indexed import compared, given
from tests.groups.group import Group, Outcome, Outcomes
from tests.index_expressions import ARRAYS, AT, A, M, N, P, S, U, X, Y
from tests.index_oracle import gradient, value
from tests.shrink import Posed

i, j, k = sp.symbols("i j k", integer=True)
d = sp.Dummy("i", integer=True)  # prints as i does, and is another
e = sp.Symbol("i", integer=True, nonnegative=True)  # the same name, of other assumptions


def over(body: Any, *indices: Any, to: Any = N) -> Any:
    for index in indices:
        body = sp.Sum(body, (index, 0, to - 1))
    return body


CASES = [
    over(X[i] * over(Y[i], i), i),  # the inner i hides the outer
    over(X[i], i) * over(Y[i], i),
    over(X[i], i) ** 2 + over(X[j], j) ** 2,
    over(X[i] * over(X[j] * Y[i], j), i),
    over(X[i] * over(X[i] * over(X[i], i), i), i),
    over(over(S[i, j], i) * over(S[j, i], i), j),
    over(S[i, j] * S[j, i], i, j),
    over(over(S[k, i], k) * over(S[i, k], k), i),
    over(sp.exp(X[i]) * sp.Sum(sp.exp(X[i]), (i, 0, N - 1)), i),
    over(sp.log(over(sp.exp(X[i] + Y[j]), i)), j),
    over(X[i] * X[d], i, d),
    over(X[i] * over(Y[d], d), i),
    over(X[i] * over(Y[e], e), i),
    over(S[i, e] * X[i] * Y[e], i, e),
    over(S[d, i] * S[i, e] * X[e], d, i, e),
    over(sp.KroneckerDelta(i, j) * X[i] * Y[j], i, j),
    over(sp.KroneckerDelta(i, j) * over(sp.KroneckerDelta(j, i) * X[i], i) * Y[j], i, j),
    over(sp.KroneckerDelta(i, d) * X[i] * Y[d], i, d),
    over(sp.Piecewise((X[i], i < j), (Y[j], True)), i, j),
    over(sp.Piecewise((over(X[i], i), i < 1), (Y[i], True)), i),
    over(i * X[i] + over(i * Y[i], i), i),
    over(over(i * X[j], i), j),
    over(X[i] ** over(i, i), i),
    over(sp.Product(1 + X[i] / 3, (i, 0, j)) * Y[j], j),
    over(sp.Product(1 + over(X[i], i) / 9, (i, 0, j)) * X[j], j),
    over(sp.Sum(X[j] * Y[i], (j, 0, i)) * over(X[j], j), i),
    over(sp.Sum(S[i, j], (j, i, N - 1)) * sp.Sum(S[j, i], (j, 0, i)), i),
    over(over(P[i, k] * U[k], k, to=M) * over(P[i, k] * U[k] ** 2, k, to=M), i),
    over(X[AT[k]] * over(X[AT[k]] * U[k], k, to=M), k, to=M),
    over(over(P[i, k] * over(S[i, j] * P[j, k], j), i), k, to=M),
]


def check(draw: random.Random, index: int) -> Outcomes:
    """One expression of the table: value and gradients, and no index that is free in what is printed."""
    numbers = np.random.default_rng(index)
    n, m = 3, 2
    sizes = {N: n, M: m}
    values: dict[Any, Any] = {x: numbers.uniform(0.3, 1.3, [sizes[s] for s in shape]) for x, shape in ARRAYS.items()}
    case = Posed(CASES[index], {**values, **sizes, AT: numbers.integers(0, n, m), A: 0.7})
    graph = Graph()
    types = array_types([case.expression], [array for array in ARRAYS if array.shape is not None])
    (node,) = convert_all(graph, [case.expression], types)
    inputs = given(graph, case, types)
    outcome = compared(evaluate([node], inputs)[0], value(case.expression, case.values), "value")
    wrt = [x for x in inputs if x.type.dtype == "f8" and x.type.shape]
    for x, g in zip(wrt, evaluate(build_grad(node, wrt), inputs), strict=True):
        array = x.op.variable  # type: ignore[attr-defined]
        outcome.merge(compared(g, gradient(case.expression, array, case.values), f"gradient by {array}"))
    held = [array for array in (X, Y, U, P, S) if case.expression.has(array)]
    for g in grad(case.expression, held):
        free = {s for s in g.free_symbols if s in (i, j, k, d, e)}
        outcome.merge(Outcome(failure=f"free indices {free} in {g}" if free else ""))
    outcome.failure = outcome.failure and f"{case.expression}: {outcome.failure}"
    return {"index_capture": outcome}


GROUPS = [Group("index_capture", len(CASES), check, whole=True)]
