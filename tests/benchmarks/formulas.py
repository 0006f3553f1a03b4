"""The work of each row: its data, and its formula over a module m (numpy, torch, sympy, ...)."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SEED = 31337  # of all data
DECAY = 1e-3  # weight decay of mlp


def base(row: str) -> str:
    """logreg for logreg_hvp: the row whose data and formula it shares."""
    return row.partition("_")[0]


def data(row: str, small: bool = False) -> list[np.ndarray]:
    """The arguments of a row, in order; small: a few of each, for tests."""
    draw = np.random.default_rng(SEED)
    kind = base(row)
    if kind == "batch":
        return list(draw.uniform(0.1, 1.0, (3, 50 if small else 1_000_000)))
    if kind == "scalar":
        return [draw.uniform(0.1, 1.0, 8)]
    if kind == "dag":
        return [draw.uniform(0.1, 1.0, 8)]
    if kind == "pendulum":
        model = pendulum(links(row, small))
        states = draw.uniform(-1.0, 1.0, (2, len(model.q)))
        return [*states, draw.uniform(0.5, 1.5, len(model.parameters))]
    if kind == "call":
        return [np.array([1.0, 2.0, 3.0])]
    if kind == "dot":
        return list(draw.normal(size=(2, 10)))
    if kind == "logreg":
        n, d = (20, 5) if small else (20_000, 50)
        X, y = draw.normal(size=(n, d)), np.sign(draw.normal(size=n))
        return [draw.normal(size=d) * 0.1, X, y]
    if kind == "mlp":
        n, d, h, c = (6, 7, 5, 3) if small else (128, 784, 256, 10)
        X, Y = draw.normal(size=(n, d)), np.eye(c)[draw.integers(0, c, n)]
        return [draw.normal(size=(d, h)) * 0.05, np.zeros(h), draw.normal(size=(h, c)) * 0.05, np.zeros(c), X, Y]
    if kind == "gmm":
        n, d, k = (7, 3, 4) if small else (1_000, 10, 25)
        factors = np.tril(draw.normal(size=(k, d, d)), -1) * 0.3
        parts = [draw.normal(size=k), draw.normal(size=(k, d)), draw.normal(size=(k, d)) * 0.3]
        return [*parts, factors, draw.normal(size=(n, d))]
    if kind == "rosen":
        return [draw.normal(size=30 if small else 1_000_000)]
    if kind == "ba":
        n = 6 if small else 30_000
        camera = draw.normal(size=(n, 11)) * 0.1
        camera[:, 6] = 1.0
        point = draw.normal(size=(n, 3))
        point[:, 2] += 5
        return [camera, point, draw.uniform(0.5, 1, n), draw.normal(size=(n, 2))]
    raise ValueError(f"no row of that name, got {row}")


def wrt(row: str) -> int:
    """How many of the arguments, from the first, are differentiated by."""
    return {"batch": 3, "pendulum": 2, "mlp": 4, "gmm": 4, "dot": 2}.get(base(row), 1)


def batch(m: Any, x: Any, y: Any, z: Any) -> Any:
    return m.exp(-x * y) * m.tanh(z) + m.log(x + y * z) * m.sin(x)


def call(m: Any, v: Any) -> Any:
    x, y, z = v[0], v[1], v[2]
    return (x + y) * z + x * x


def dot(m: Any, a: Any, b: Any) -> Any:
    return (a * b).sum()


def scalar(m: Any, v: Any, operations: int = 300) -> Any:
    """A random expression of 8 variables, of which most parts are used several times."""
    choose = random.Random(0)
    values = [v[i] for i in range(8)]
    for _ in range(operations):
        a, b = choose.choice(values[-40:]), choose.choice(values[-40:])
        kind = choose.random()
        values.append(m.sin(a) if kind < 0.2 else m.cos(a) if kind < 0.4 else a * b if kind < 0.6 else a + b / 2)
    total = values[-40]
    for value in values[-39:]:
        total = total + value
    return total


def dag(m: Any, v: Any) -> Any:
    return scalar(m, v, 1_000)


def logreg(m: Any, w: Any, X: Any, y: Any) -> Any:
    return m.logaddexp(0.0, -y * (X @ w)).sum() + 0.5 * (w * w).sum()


def mlp(m: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    Z = m.maximum(X @ W1 + b1, 0.0) @ W2 + b2
    top = Z.max(axis=1, keepdims=True)
    logs = Z - top - m.log(m.exp(Z - top).sum(axis=1, keepdims=True))
    return -(Y * logs).sum() / len(X) + DECAY * ((W1 * W1).sum() + (W2 * W2).sum())


def gmm(m: Any, a: Any, mu: Any, q: Any, factors: Any, x: Any) -> Any:
    d = x[:, None, :] - mu[None]
    Qd = m.exp(q)[None] * d + m.einsum("kij,nkj->nki", factors, d)
    t = a[None] + q.sum(axis=1)[None] - 0.5 * (Qd * Qd).sum(axis=2)
    top = t.max(axis=1, keepdims=True)
    return (top[:, 0] + m.log(m.exp(t - top).sum(axis=1))).sum()


def rosen(m: Any, x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def ba(m: Any, v: Any, feature: Any) -> list[Any]:
    """Two residuals; v: camera (11), point (3), weight (1). Spelled by entries, so that any m will do."""
    r, C, f, x0, y0, k1, k2 = v[:3], v[3:6], v[6], v[7], v[8], v[9], v[10]
    theta = m.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2])
    u, d = [c / theta for c in r], [v[11 + i] - C[i] for i in range(3)]
    cosine, sine = m.cos(theta), m.sin(theta)
    along = (u[0] * d[0] + u[1] * d[1] + u[2] * d[2]) * (1 - cosine)
    cross = [u[1] * d[2] - u[2] * d[1], u[2] * d[0] - u[0] * d[2], u[0] * d[1] - u[1] * d[0]]
    R = [d[i] * cosine + cross[i] * sine + u[i] * along for i in range(3)]
    p, q = R[0] / R[2], R[1] / R[2]
    s = p * p + q * q
    scale = 1 + k1 * s + k2 * s * s
    return [v[14] * (f * p * scale + x0 - feature[0]), v[14] * (f * q * scale + y0 - feature[1])]


class Pendulum(NamedTuple):
    """Mass matrix and forcing of n links on a cart: positions, speeds, masses and lengths, as plain symbols."""

    q: list[Any]
    u: list[Any]
    parameters: list[Any]
    mass: Any
    forcing: Any


def links(row: str, small: bool = False) -> int:
    """20 for pendulum_20."""
    return 2 if small else int(row.split("_")[1])


_models: dict[int, Pendulum] = {}


def pendulum(n: int) -> Pendulum:
    """SymPy's own model, by Kane's method: 10 s for n = 20, once in a run, which is no part of any time measured."""
    if n not in _models:
        _models[n] = _modelled(n)
    return _models[n]


def give_model(row: str, folder: Path) -> None:
    """Into a folder for a peer: the model of a row that has one."""
    if base(row) == "pendulum":
        (folder / "model.pickle").write_bytes(pickle.dumps(pendulum(links(row))))


def take_model(row: str, folder: Path) -> None:
    """From that folder, so that a peer's process makes none of its own."""
    if base(row) == "pendulum":
        _models[links(row)] = pickle.loads((folder / "model.pickle").read_bytes())


def _modelled(n: int) -> Pendulum:
    import sympy as sp
    from sympy.physics.mechanics.models import n_link_pendulum_on_cart

    kane = n_link_pendulum_on_cart(n, cart_force=False)
    plain = {s: sp.Symbol(s.func.__name__) for s in (*kane.q, *kane.u)}
    mass, forcing = (sp.Matrix(e).xreplace(plain) for e in (kane.mass_matrix, kane.forcing))
    states = set(plain.values())
    parameters = sorted((mass.free_symbols | forcing.free_symbols) - states, key=str)
    return Pendulum([plain[s] for s in kane.q], [plain[s] for s in kane.u], parameters, mass, forcing)


FORMULAS: dict[str, Any] = {f.__name__: f for f in (batch, call, dot, scalar, dag, logreg, mlp, gmm, rosen)}


def flat(result: Any) -> np.ndarray:
    """All numbers of a nested result, in order."""
    parts, stack = [], [result]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple | list):
            stack.extend(reversed(item))
        else:
            parts.append(np.ravel(np.asarray(item, dtype=float)))
    return np.concatenate(parts)
