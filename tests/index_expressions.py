"""Random expressions in index notation, whose entries all exist: nested sums and products, shadowed and shared dummies,
offsets, strides, windows, triangles, empty ranges, deltas, pieces over indices, gathers."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from tests.shrink import Posed

N, M = sp.symbols("n m", integer=True, nonnegative=True)
A = sp.Symbol("a")
DUMMIES = sp.symbols("i j k", integer=True)
X, Y = (sp.IndexedBase(name, shape=(N,)) for name in "xy")
U = sp.IndexedBase("u", shape=(M,))
P = sp.IndexedBase("P", shape=(N, M))
S = sp.IndexedBase("S", shape=(N, N))
AT = sp.IndexedBase("at", shape=(M,), integer=True)  # of numbers below n
Z = sp.IndexedBase("z")  # its shape is (n,), which its indices tell
ARRAYS = {X: (N,), Y: (N,), Z: (N,), U: (M,), P: (N, M), S: (N, N)}


class Reach(NamedTuple):
    """What an index in force may read: the least and the largest that it can be, in what dimension; or under which
    other index of it: from 0 up to that ("below"), or from that on ("above")."""

    dimension: Any
    spare: int = 0  # how many more there are in the dimension above its largest
    window: Any = None  # it stops so many before the end: m - 1
    below: Any = None


Scope = dict[Any, Reach]


def random_index_case(draw: random.Random) -> Posed:
    """The expression and a point; sizes are 0 to 4."""
    expression = _scalar(draw, {}, 3)
    if expression.has(Z):  # so that its shape is told
        expression += sp.Sum(Z[DUMMIES[0]], (DUMMIES[0], 0, N - 1))
    m, n = sorted((draw.choice([1, 1, 2, 2, 3, 0]), draw.choice([1, 2, 2, 3, 3, 4])))
    if expression.has(N - M):  # the positions of a window that is not empty
        m = max(m, 1)
    sizes = {N: n, M: m}
    values: dict[Any, Any] = {}
    for array, shape in ARRAYS.items():
        numbers = [sizes[s] for s in shape]
        values[array] = np.array([draw.uniform(0.4, 1.4) for _ in range(int(np.prod(numbers)))]).reshape(numbers)
    values[AT] = np.array([draw.randrange(n) for _ in range(m)], dtype=np.int64)
    values |= {A: draw.uniform(0.4, 1.4), **sizes}
    return Posed(expression, values)


def _scalar(draw: random.Random, scope: Scope, depth: int) -> Any:
    """A number under these indices."""
    if depth == 0:
        return _leaf(draw, scope)
    kind = draw.random()
    if not scope or (kind < 0.3 and len(scope) < 3):
        return _summed(draw, scope, depth)
    parts = [_scalar(draw, scope, depth - 1) for _ in range(2)]
    if kind < 0.5:
        return sp.Mul(*parts)
    if kind < 0.65:
        return sp.Add(*parts)
    if kind < 0.85:
        return _function(draw, parts[0])
    if kind < 0.92:
        return _delta(draw, scope) * parts[0]
    return _pieces(draw, scope, parts)


def _summed(draw: random.Random, scope: Scope, depth: int) -> Any:
    """A sum or a product over one or two indices, the second of which may be within a triangle of the first."""
    limits: list[Any] = []
    inner = dict(scope)
    for _ in range(draw.choice([1, 1, 2])):
        limit, reach = _limit(draw, inner)
        limits.insert(0, limit)
        inner = {s: r for s, r in inner.items() if s != limit[0] and r.below != limit[0]}
        inner[limit[0]] = reach
    body = _scalar(draw, inner, depth - 1)
    if draw.random() < 0.15:
        return _over(sp.Product, sp.Rational(3, 4) + body / 4, limits)
    return _over(sp.Sum, body, limits)


def _over(kind: Any, body: Any, limits: list[Any]) -> Any:
    """The sum or product. SymPy makes it unless there are pieces in it: it moves them out of what binds their index."""
    if not body.has(sp.Piecewise):
        return kind(body, *limits)
    e = sp.Expr.__new__(kind, body, *[sp.Tuple(*limit) for limit in limits])
    e.is_commutative = True
    return e


def _limit(draw: random.Random, scope: Scope) -> tuple[Any, Reach]:
    i = draw.choice(DUMMIES)
    full = [s for s, r in scope.items() if r.dimension is N and r.below is None and s != i]
    kind = draw.random()
    if full and kind < 0.25:
        outer = draw.choice(full)
        if draw.random() < 0.5:
            return (i, 0, outer), Reach(N, scope[outer].spare, scope[outer].window, below=outer)
        return (i, outer + 1, N - 1), Reach(N)
    choices = [
        ((i, 0, N - 1), Reach(N)),
        ((i, 0, N - 1), Reach(N)),
        ((i, 0, M - 1), Reach(M)),
        ((i, 0, M - 1), Reach(M)),
        ((i, 0, N - 2), Reach(N, spare=1)),
        ((i, 1, N - 1), Reach(N)),
        ((i, 0, N - M), Reach(N, window=M)),
        ((i, 3, 2), Reach(N)),
        ((i, 0, N - 3), Reach(N, spare=2)),
    ]
    return draw.choice(choices)


def _leaf(draw: random.Random, scope: Scope) -> Any:
    """An entry, or a number."""
    kind = draw.random()
    if not scope or kind < 0.1:
        return draw.choice([A, sp.Integer(2), sp.Rational(1, 3), sp.Float(0.7), N, M])
    i = draw.choice(list(scope))
    if kind < 0.17:
        return (i + 1) / (N + 2)
    return _entry(draw, scope, i)


def _entry(draw: random.Random, scope: Scope, i: Any) -> Any:
    reach = scope[i]
    others = [s for s in scope if s != i]
    long = [s for s in others if scope[s].dimension is N]
    short = [s for s in others if scope[s].dimension is M]
    if reach.dimension is M:
        found = [U[i], U[i], U[M - 1 - i], X[AT[i]], P[AT[i], i], U[i] * Y[AT[M - 1 - i]]]
        return draw.choice([*found, *[P[s, i] for s in long], *[S[AT[i], AT[s]] for s in short]])
    found = [draw.choice([X, Y, Z])[i], draw.choice([X, Y, Z])[i], X[N - 1 - i], S[i, i]]
    found += [X[i + k] for k in range(1, reach.spare + 1)] + [Z[i + k] - Z[i] for k in range(1, reach.spare + 1)]
    found += [S[i, s] for s in long] + [S[s, i] for s in long] + [P[i, s] for s in short]
    if reach.window is not None:
        found += [X[i + s] for s in short] * 2
    if reach.below is not None and reach.below in scope:
        found += [X[reach.below - i]] * 2
    return draw.choice(found)


def _function(draw: random.Random, e: Any) -> Any:
    return draw.choice(
        [
            sp.sin(e),
            sp.tanh(e),
            sp.exp(-(e**2)),
            sp.log(1 + e**2),
            sp.sqrt(2 + sp.cos(e)),
            1 / (1 + e**2),
            e**2,
            e**3,
            (2 + sp.sin(e)) ** sp.Rational(3, 2),
            -e,
        ]
    )


def _delta(draw: random.Random, scope: Scope) -> Any:
    i = draw.choice(list(scope))
    others = [*scope, sp.Integer(0), sp.Integer(1), N - 1]
    j = draw.choice(others)
    if scope[i].dimension is N and draw.random() < 0.2:
        gathers = [s for s in scope if scope[s].dimension is M]
        if gathers:
            return sp.KroneckerDelta(AT[draw.choice(gathers)], i)
    return sp.KroneckerDelta(i, j + draw.choice([0, 0, 1, -1]))


def _pieces(draw: random.Random, scope: Scope, parts: list[Any]) -> Any:
    i = draw.choice(list(scope))
    if scope[i].dimension is N:
        shift = draw.choice([1, 2])
        return sp.Piecewise((X[i - shift] * parts[0], i >= shift), (parts[1], True))
    return sp.Piecewise((parts[0], i < N - 1), (parts[1], True))
