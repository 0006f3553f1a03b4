"""symgrad's side of each row, with sizes left symbolic: the function, what is derived from it, and its call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

import symgrad as sg

from . import formulas

n, m, h, k, D, K = sp.symbols("n m h k D K", integer=True, positive=True)
i, j, r, c = sp.symbols("i j r c", integer=True)


class Side(NamedTuple):
    function: sg.Function  # the value
    derived: sg.Function  # what the row computes
    call: Callable[[], Any]


def side(row: str, data: list[np.ndarray]) -> Side:
    """symgrad's side of a row, not yet compiled."""
    kind = formulas.base(row)
    function, arguments, inputs = BUILD[kind](data)
    if row.endswith("_hvp"):
        derived = function.hvp(arguments)
        inputs = [*inputs, *(np.ones_like(a) for a in data[: formulas.wrt(row)])]
    elif row.endswith("_hess"):
        derived = function.hessian(arguments)
    elif kind == "pendulum":
        derived = function if row.endswith("_value") else function.jacobian(arguments)
    elif kind == "ba":
        derived = function.jacobian(arguments)
    else:
        derived = function.value_and_grad(arguments)
    if kind == "batch":
        return Side(function, derived, _into_one_place(derived, inputs))
    if row.endswith("_bound"):
        bound = derived.bind(
            *map(np.array, inputs), out=derived.structure.build([np.empty(r.shape) for r in derived.results])
        )
        return Side(function, derived, lambda: bound())
    return Side(function, derived, lambda: derived(*inputs))


def _into_one_place(derived: sg.Function, inputs: list[Any]) -> Callable[[], Any]:
    """The call with its results in the same memory each time, as heyoka, too, is given it."""
    results: list[Any] = []

    def call() -> Any:
        results[:] = [derived(*inputs, out=results[0] if results else None)]
        return results[0]

    return call


Built = tuple[sg.Function, Any, list[Any]]


def batch(data: list[np.ndarray]) -> Built:
    symbols = sp.symbols("x y z")
    return sg.Function(symbols, formulas.batch(sp, *symbols)), symbols, data


def scalar(data: list[np.ndarray]) -> Built:
    symbols = list(sp.symbols("x0:8"))
    with sp.evaluate(False):
        expression = formulas.scalar(sp, symbols)
    return sg.Function([symbols], expression), None, data


def call(data: list[np.ndarray]) -> Built:
    symbols = sp.symbols("x y z")
    return sg.Function(symbols, formulas.call(sp, symbols)), symbols, [float(v) for v in data[0]]


def dag(data: list[np.ndarray]) -> Built:
    symbols = list(sp.symbols("x0:8"))
    with sp.evaluate(False):
        expression = formulas.dag(sp, symbols)
    return sg.Function([symbols], expression), None, data


def dot(data: list[np.ndarray]) -> Built:
    a, b = sp.IndexedBase("a", shape=(n,)), sp.IndexedBase("b", shape=(n,))
    return sg.Function([a, b], sp.Sum(a[i] * b[i], (i, 0, n - 1))), [a, b], data


def logreg(data: list[np.ndarray]) -> Built:
    X, w, y = sp.MatrixSymbol("X", n, m), sp.MatrixSymbol("w", m, 1), sp.MatrixSymbol("y", n, 1)
    losses = sg.softplus(-sp.HadamardProduct(y, X * w))
    return sg.Function([w, X, y], sp.Trace(sp.OneMatrix(1, n) * losses) + sp.Trace(w.T * w) / 2), w, data


def mlp(data: list[np.ndarray]) -> Built:
    X, Y = sp.MatrixSymbol("X", n, m), sp.MatrixSymbol("Y", n, k)
    W1, b1 = sp.MatrixSymbol("W1", m, h), sp.MatrixSymbol("b1", h, 1)
    W2, b2 = sp.MatrixSymbol("W2", h, k), sp.MatrixSymbol("b2", k, 1)
    ones = sp.OneMatrix(n, 1)
    Z = sg.relu(X * W1 + ones * b1.T) * W2 + ones * b2.T
    entropy = (sp.Trace(ones.T * sg.logsumexp(Z, axis=1)) - sp.Trace(Y.T * Z)) / n
    decay = sp.Rational(1, 1000) * (sp.Trace(W1.T * W1) + sp.Trace(W2.T * W2))
    weights = [W1, b1, W2, b2]
    return sg.Function([*weights, X, Y], entropy + decay), weights, data


def gmm(data: list[np.ndarray]) -> Built:
    a, mu = sp.IndexedBase("a", shape=(K,)), sp.IndexedBase("mu", shape=(K, D))
    q, factor = sp.IndexedBase("q", shape=(K, D)), sp.IndexedBase("l", shape=(K, D, D))
    x = sp.IndexedBase("x", shape=(n, D))
    Qd = sp.exp(q[k, r]) * (x[i, r] - mu[k, r]) + sp.Sum(factor[k, r, c] * (x[i, c] - mu[k, c]), (c, 0, D - 1))
    t = a[k] + sp.Sum(q[k, j], (j, 0, D - 1)) - sp.Sum(Qd**2, (r, 0, D - 1)) / 2
    likelihood = sp.Sum(sp.log(sp.Sum(sp.exp(t), (k, 0, K - 1))), (i, 0, n - 1))
    parts = [a, mu, q, factor]
    return sg.Function([*parts, x], likelihood), parts, data


def rosen(data: list[np.ndarray]) -> Built:
    x = sp.IndexedBase("x", shape=(n,))
    terms = 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return sg.Function([x], sp.Sum(terms, (i, 0, n - 2))), x, data


def ba(data: list[np.ndarray]) -> Built:
    v, feature = sp.symbols("v0:15", real=True), sp.symbols("m0:2", real=True)
    camera, point, weight, features = data
    columns = [*camera.T, *point.T, weight, *features.T]
    function = sg.Function([*v, *feature], formulas.ba(sp, v, feature))
    return function, list(v), [np.ascontiguousarray(column) for column in columns]


def pendulum(data: list[np.ndarray]) -> Built:
    model = formulas.pendulum(len(data[0]) - 1)
    function = sg.Function([model.q, model.u, model.parameters], [model.mass, model.forcing])
    return function, [*model.q, *model.u], data


KINDS = (batch, scalar, dag, pendulum, call, dot, logreg, mlp, gmm, rosen, ba)
BUILD: dict[str, Callable[[list[np.ndarray]], Built]] = {f.__name__: f for f in KINDS}
ROWS = (
    *("batch", "scalar", "logreg", "logreg_hvp", "logreg_hess", "mlp", "mlp_hvp", "gmm", "rosen", "rosen_hvp"),
    *("ba", "call", "scalar_bound", "call_bound", "dot", "dag", "pendulum_5", "pendulum_20", "pendulum_20_value"),
)
