"""Left sides of the rules for arrays, with a word of what each becomes, and what each rule must leave alone by a hair.

They are built by the constructors of the graph. All sizes differ: n = 2, m = 3, k = 4.
"""

from __future__ import annotations

# ruff: noqa: E501  a table, one line an example
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symgrad.graph import Graph, Node, arithmetic
from symgrad.ops.contract import contract, spread
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.hyperbolic import Cosh, Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.linear_algebra import Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less, negation
from symgrad.ops.position import extent
from symgrad.ops.products import transpose
from symgrad.ops.reduce import LogSumExpOver, NormOver, Softmax
from symgrad.ops.rounding import Abs, Step
from symgrad.ops.select import guarded
from symgrad.ops.view import Place, view
from symgrad.types import Type, shape_in_numbers

n, m, k = SYMBOLS = sp.symbols("n m k", integer=True, positive=True)
SIZES = dict(zip(SYMBOLS, (2, 3, 4), strict=True))
HALF = Fraction(1, 2)
SHAPES: dict[str, tuple[Any, ...]] = {
    "X": (n, m), "Y": (n, m), "Z": (m, k), "U": (n, k), "S": (n, n), "T": (n, n), "R": (n, n, m),
    "v": (n,), "w": (n,), "a": (m,), "b": (m,), "r": (), "s": (),
}  # fmt: skip
Build = Callable[[Any], Node]


class Arrays:
    """Inputs of a graph by name, of the shapes above, and words for what is made of them."""

    def __init__(self, graph: Graph):
        self.graph = graph

    def __getattr__(self, name: str) -> Node:
        if name == "n":
            return extent(self.graph, n)
        return self.graph.add(Input(sp.Symbol(name), Type("f8", SHAPES[name])))

    def __call__(self, equation: str, *factors: Node, **sizes: Any) -> Node:
        """The contraction, as einsum writes it."""
        labels, output = equation.split("->")
        return contract(
            self.graph, list(zip(factors, labels.split(",") if factors else [], strict=True)), output, sizes
        )


def values_in_mpmath(graph: Graph, seed: int) -> dict[Node, Any]:
    """Positive values of all inputs, as mpmath's numbers."""
    draw, arrays = np.random.default_rng(seed), Arrays(graph)
    found: dict[Node, Any] = {arrays.r: mpmath.mpf(draw.uniform(0.3, 2)), arrays.s: mpmath.mpf(draw.uniform(0.3, 2))}
    for name in SHAPES:
        node = getattr(arrays, name)
        if node.type.shape:
            numbers = draw.uniform(0.3, 2, shape_in_numbers(node.type.shape, SIZES))
            found[node] = np.vectorize(mpmath.mpf, otypes=[object])(numbers)
    return found


def added(*terms: Node) -> Node:
    return arithmetic["sum"]([(1, x) for x in terms])


def exp(x: Node) -> Node:
    return x.graph.add(Exp(), x)


def log(x: Node) -> Node:
    return x.graph.add(Log(), x)


def tanh(x: Node) -> Node:
    return x.graph.add(Tanh(), x)


def lse(x: Node, axes: int = 1) -> Node:
    return x.graph.add(LogSumExpOver(axes), x)


def softmax(x: Node, axes: int = 1) -> Node:
    return x.graph.add(Softmax(axes), x)


def t(x: Node) -> Node:
    return transpose(x, (1, 0))


def inverse(x: Node) -> Node:
    return factored(Inverse(), x)


def solve(x: Node, b: Node, *, transposed: bool = False) -> Node:
    return factored(Solve(transposed), x, b)


def det(x: Node) -> Node:
    return factored(Determinant(), x)


def logdet(x: Node) -> Node:
    return factored(LogDet(), x)


def first(x: Node) -> Node:
    """A slice: all but the last row."""
    places = [Place(0, ((axis, 1),)) for axis in range(len(x.type.shape))]
    return view(x, places, (x.type.shape[0] - 1, *x.type.shape[1:]))


def masked(x: Node, y: Node, value: Node, *, nots: int = 1) -> Node:
    condition = less(x, y)
    return guarded(negation(condition) if nots else condition, value)


def along(x: Node, labels: str, output: str) -> Node:
    """Truth values along an axis, as einsum names it, of matrices of shape (n, n)."""
    return spread(x, labels, output, dict.fromkeys(output, n))


def step(x: Node, y: Node) -> Node:
    return x.graph.add(Step(), x, y)


# rule: ([(before, a word of the graph after)], [what the rule must leave alone])
ARRAY_EXAMPLES: dict[str, tuple[list[tuple[Build, str]], list[Build]]] = {
    "log-of-exp-over-axes": (
        [
            (lambda A: log(A("ij->i", exp(A.X))), "logsumexpover"),
            (lambda A: log(A("ij->j", exp(A.X))), "logsumexpover"),
            (lambda A: log(A("ij->", exp(A.X))), "logsumexpover[2 axes]"),
            (lambda A: log(3 * A("ij->i", exp(A.X))), "logsumexpover"),
            (lambda A: log(A("ij,->i", exp(A.X), A.n**-1)), "logsumexpover"),
            (lambda A: log(A("ij,i->i", exp(A.X), A.v)), "logsumexpover"),
            (lambda A: log(A("ij,j->i", exp(A.X), exp(A.a))), "logsumexpover"),
            (lambda A: log(A("ij,i->ij", exp(A.X), A.v)), "log"),
            (lambda A: log(A("ij,jk->ijk", exp(A.X), exp(A.Z))), "add"),
            (lambda A: log(A("ij->ik", exp(A.X), k=k)), "logsumexpover"),
            (lambda A: log(exp(A.r) * A.s), "log"),
            (lambda A: log(2 * (exp(A.r) * A.s)), "log"),
            (lambda A: log(A(",,->", exp(A.r), exp(A.s), A.n)), "add"),
            (lambda A: log(2 * exp(A.r)), "log"),
            (lambda A: log(HALF * exp(A.X)), "log"),
        ],
        [
            lambda A: log(-A("ij->i", exp(A.X))),
            lambda A: log(A("ij,j->i", exp(A.X), A.a)),
            lambda A: log(A("ij->i", A.X)),
            lambda A: log(A("i->ii", exp(A.v))),
            lambda A: log(A.r * A.s),
            lambda A: log(-2 * exp(A.r)),
            lambda A: log(exp(A.r)),
            lambda A: log(A("i,i->", A.v, A.w)),
            lambda A: log(A("ij->i", A.graph.add(Cosh(), A.X))),
            lambda A: log(A("ij,ij->i", exp(A.X), A.n * 0 + A.X**2)),
        ],
    ),
    "log-of-sum-of-exp": (
        [
            (lambda A: log(1 + A("ij->i", exp(A.X))), "softplus"),
            (lambda A: log(A("ij->i", exp(A.X)) + 2 * exp(A.v)), "logsumexp"),
            (lambda A: log(exp(A.X) + exp(A.Y)), "logsumexp"),
            (lambda A: log(1 + exp(A.X)), "softplus"),
        ],
        [lambda A: log(1 + A("ij->i", A.X)), lambda A: log(A("ij->i", exp(A.X)) - exp(A.v) * Fraction(1, 99))],
    ),
    "log-of-softmax": (
        [(lambda A: log(softmax(A.X)), "logsumexpover"), (lambda A: log(softmax(A.X, 2)), "logsumexpover[2 axes]"), (lambda A: log(softmax(A.R, 2)), "logsumexpover[2 axes]")],
        [lambda A: log(A.X), lambda A: log(2 * softmax(A.X))],
    ),
    "exp-of-log-softmax": (
        [
            (lambda A: exp(A.X - A("i->ij", lse(A.X), j=m)), "softmax"),
            (lambda A: exp(A.X - A("->ij", lse(A.X, 2), i=n, j=m)), "softmax[2 axes]"),
            (lambda A: exp(A.X - A("j->ij", lse(t(A.X)), i=n)), "softmax"),
            (lambda A: exp(t(A.X) - A("i->ji", lse(A.X), j=m)), "softmax"),
            (lambda A: exp(A("ijk->kij", A.R) - A("ij->kij", lse(A.R), k=m)), "softmax"),
            (lambda A: exp(A.R - A("j->jki", lse(A("jki->jik", A.R), 2), i=m, k=n)), "softmax"),
            (lambda A: exp(A("ijk->kij", A.R) - A("k->kij", lse(A("ijk->kij", A.R), 2), i=n, j=n)), "softmax"),
        ],
        [
            lambda A: exp(A.X + A("i->ij", lse(A.X), j=m)),
            lambda A: exp(A.Y - A("i->ij", lse(A.X), j=m)),
            lambda A: exp(A.S - A("j->ij", lse(A.S), i=n)),
            lambda A: exp(2 * A.X - A("i->ij", lse(A.X), j=m)),
            lambda A: exp(A.X - A("i->ij", tanh(A.v), j=m)),
            lambda A: exp(A("i->ij", A.v, j=m) - A.X),
            lambda A: exp(A.X),
            lambda A: exp(A.r - A.s),
            lambda A: exp(A.S - A("->ii", i=n)),
            lambda A: exp(A("ii->i", A.S) - lse(A.S)),
            lambda A: exp(A.S - A("->ij", lse(A("ii->i", A.S)), i=n, j=n)),
            lambda A: exp(A("i->ij", lse(A.X), j=m) - A.X),
        ],
    ),
    "softmax-over-axes": (
        [
            (lambda A: A("ij,i->ij", exp(A.X), A("ij->i", exp(A.X)) ** -1), "softmax"),
            (lambda A: A("ij,j->ij", exp(A.X), A("ij->j", exp(A.X)) ** -1), "softmax"),
            (lambda A: A("ij,->ij", exp(A.X), A("ij->", exp(A.X)) ** -1), "softmax[2 axes]"),
            (lambda A: A("ij,i,ij->i", exp(A.X), A("ij->i", exp(A.X)) ** -1, A.Y), "softmax"),
            (lambda A: A("ij,->ij", exp(A.X), (3 * A("ij->", exp(A.X))) ** -1), "softmax"),
            (lambda A: A("ij,,->ij", exp(A.X), A("ij->", exp(A.X)) ** -1, A.n), "softmax"),
            (lambda A: A("i,i->i", A("ij,ij->i", exp(A.X), A.Y), A("ij->i", exp(A.X)) ** -1), "softmax"),
            (lambda A: A("ik,i->ik", A("ij,jk->ik", exp(A.X), A.Z), A("ij->i", exp(A.X)) ** -1), "softmax"),
            (lambda A: A("i,i->", exp(A.v), A.w) * A("i->", exp(A.v)) ** -1, "softmax"),
            (lambda A: A(",,->", A("i,i->", exp(A.v), A.w), A.s, (2 * A("i->", exp(A.v))) ** -1), "softmax"),
            (lambda A: A("ij,i->ij", exp(A.X), (1 + A("ij->i", exp(A.X))) ** -1), "softplus"),
            (lambda A: A("ij,i->ij", exp(A.X), A("ij->i", exp(A.Y)) ** -1), "logsumexpover"),
            (lambda A: A("ij,i->ij", exp(A.S), A("ij->j", exp(A.S)) ** -1), "logsumexpover"),
            (lambda A: A("ij,i->ij", exp(A.X), (2 * A("ij,->i", exp(A.X), A.n)) ** -1), "log"),
        ],
        [
            lambda A: A("ij,i->ij", exp(A.X), A("ij->i", exp(A.X)) ** -2),
            lambda A: A("ij,i->ij", A.Y, A("ij->i", exp(A.X)) ** -1),
            lambda A: A("i,ij->ij", exp(A.v), A.X**-1),
            lambda A: A("ij,i->ij", exp(A.X), A("ij->i", A.X) ** -1),
            lambda A: A("i,ij->ij", exp(A.v), (exp(A.X) + exp(A.Y)) ** -1),
            lambda A: A("ij,i->ij", exp(A.X), (A("ij->i", exp(A.X)) - Fraction(1, 9)) ** -1),
            lambda A: A("i,i->i", A("ij,ij->i", A.X, A.Y), A("ij->i", exp(A.X)) ** -1),
            lambda A: A("i,j->ij", A("ij,ij->i", exp(A.X), A.Y), A("ij->j", exp(A.X)) ** -1),
            lambda A: A("ii,i->i", exp(A.S), A("ii->", exp(A.S)) ** -1 * A.v),
        ],
    ),
    "root-of-squares-over-axes": (
        [
            (lambda A: A("i,i->", A.v, A.v) ** HALF, "normover"),
            (lambda A: A("ij,ij->i", A.X, A.X) ** HALF, "normover"),
            (lambda A: A("ij,ij->j", A.X, A.X) ** HALF, "normover"),
            (lambda A: A("ij,ij->", A.X, A.X) ** HALF, "normover[2 axes]"),
            (lambda A: (3 * A("ij,ij->i", A.X, A.X)) ** HALF, "power[1/2]"),
        ],
        [
            lambda A: A("i,i->", A.v, A.v) ** -HALF,
            lambda A: A("i,i->", A.v, A.w) ** HALF,
            lambda A: A("ij,ji->i", A.S, A.S) ** HALF,
            lambda A: (-HALF * A("i,i->", A.v, A.v)) ** HALF,
            lambda A: A("i,i,i->", A.v, A.v, A.w) ** HALF,
            lambda A: A("i->", A.v) ** HALF,
            lambda A: A("ij,ij->ij", A.X, A.Y) ** HALF,
            lambda A: A("ij,ij->ii", A.X, A.X) ** HALF,
            lambda A: A("i,i->", A.v, A.v) ** Fraction(3, 2),
        ],
    ),
    "square-of-norm": (
        [
            (lambda A: A.graph.add(NormOver(), A.v) ** 2, "contract[i, i -> 1]"),
            (lambda A: A.graph.add(NormOver(2), A.X) ** 2, "contract[ij, ij -> 1]"),
            (lambda A: A.graph.add(NormOver(), A.X) ** 2, "contract[ij, ij -> i]"),
            (lambda A: A.graph.add(NormOver(), A.R) ** 2, "contract[ijk, ijk -> ij]"),
        ],
        [
            lambda A: A.graph.add(NormOver(), A.v) ** 3,
            lambda A: A.graph.add(NormOver(), A.v) ** 1,
            lambda A: A.graph.add(NormOver(), A.v) ** 4,
            lambda A: A.graph.add(NormOver(), A.v) ** -2,
            lambda A: A.graph.add(NormOver(), A.v) ** HALF,
            lambda A: A.graph.add(Abs(), A.r) ** 2,
        ],
    ),
    "direction-over-axes": (
        [
            (lambda A: A("i,->i", A.v, A("i,i->", A.v, A.v) ** -HALF), "filled"),
            (lambda A: A("ij,i->ij", A.X, A("ij,ij->i", A.X, A.X) ** -HALF), "filled"),
            (lambda A: A("ij,j,j->i", A.X, A("ij,ij->j", A.X, A.X) ** -HALF, A.a), "filled"),
        ],
        [
            lambda A: A("i,->i", A.w, A("i,i->", A.v, A.v) ** -HALF),
            lambda A: A("i,->i", A.v, A("i,i->", A.v, A.v) ** -1),
            lambda A: A("i,->i", A.v, A("i,i->", A.v, A.w) ** -HALF),
        ],
    ),
    "log-of-determinant": (
        [(lambda A: log(det(A("ij,kj->ik", A.S, A.S))), "logdet"), (lambda A: log(A.graph.add(Abs(), det(A.S))), "logdet")],
        [lambda A: log(A.graph.add(Abs(), A.r)), lambda A: log(A.r)],
    ),
    "inverse-times-vector": (
        [
            (lambda A: A("ij,j->i", inverse(A.S), A.v), "solve"),
            (lambda A: A("ij,i->j", inverse(A.S), A.v), "solve[transposed]"),
            (lambda A: A("i,ij,j->", A.v, inverse(A.S), A.w), "solve"),
            (lambda A: A("ij,jk,k->i", inverse(A.S), A.X, A.a), "solve"),
            (lambda A: A("ij,j,ik->k", inverse(A.S), A.v, A.X), "solve"),
            (lambda A: A("k,ij,j->ik", A.a, inverse(A.S), A.v), "solve"),
            (lambda A: A("ij,jk,kl,l->i", inverse(A.S), A.T, inverse(A.S), A.v), "solve"),
            (lambda A: A("ij,j,->i", inverse(A.S), A.v, A.s), "solve"),
        ],
        [
            lambda A: A("ij,jk->ik", inverse(A.S), A.T),
            lambda A: A("ij,j->ij", inverse(A.S), A.v),
            lambda A: A("ii,i->", inverse(A.S), A.v),
            lambda A: A("ij,ji->", inverse(A.S), A.T),
            lambda A: A("ij,j->i", A.S, A.v),
            lambda A: A("ij->i", inverse(A.S)),
        ],
    ),
    "contraction-into-contraction": (
        [
            (lambda A: A("ij,j->i", A.S, A("ij,j->i", A.X, A.a)), "contract[ij, jk, k"),
            (lambda A: A("ij,i->ij", A.X, A("ij->i", A.Y)), "contract[ij, ik -> ij]"),
            (lambda A: A("ji,ijk->k", A.S, A("ij,ik->ijk", A.T, A.X)), "contract[jk, kj, ki -> i]"),
            (lambda A: A("ikj,i->k", A("ij,i->ikj", A.X, A.w, k=k), A.v), "contract"),
            (lambda A: A("ijk->i", A("ij,i->ijk", A.X, A.w, k=k)), "contract"),
            (lambda A: A(",ij,j->i", A("i,i->", A.v, A.w), A.S, A("ij,j->i", A.X, A.a)), "contract[1, ij, jk, k"),
            (lambda A: A("i,i,i,ij,j->i", tanh(A.v), A.v, A.w, A.X, A("kj,k->j", A.Y, A.v)), "contract[i, j, i, i, ik, jk -> i]"),
        ],
        [
            lambda A: A("i,->i", A.v, A("i,i->", A.v, A.w)),
            lambda A: A("i,i->", A("ij,j->i", A.X, A.a), A("ij,j->i", A.X, A.a)),
            lambda A: A("ij,ik->jk", A("ij,jk->ik", A.S, A.X), A("ij,jk->ik", A.S, A.X)),
            lambda A: A("iij,i->j", A("ij,ik->iij", A.X, A.Y), A.v),
            lambda A: A("iii,ij,j,j,ij->i", A("i,j,k->ijk", A.v, A.w, tanh(A.v)), A.X, A.a, A.b, A.Y),
        ],
    ),
    "sum-into-sum": (
        [
            (lambda A: A("i,i->", A.v, A.v) + 2 * (A("i,i->", A.w, A.w) + A.r), "add[1, 2, 2]"),
            (lambda A: A.v + (A("ij,j->i", A.X, A.a) - A.w), "add[1, 1, -1]"),
            (lambda A: A("i,i->", A.v, A.v) + (A.r + A.s), "add"),
            (lambda A: added(added(A("i,i->", A.v, A.v), A.r), tanh(A.r), tanh(A.s)), "add"),
            (lambda A: added(added(A("i,i->", A.v, A.v), A.r, A.s), A.n, tanh(A.r), tanh(A.s)), "n tanh tanh add"),
        ],
        [lambda A: A.r + 2 * (A.s + A.n), lambda A: -(A.v + A("ij,j->i", A.X, A.a)), lambda A: tanh(A.v + A("ij,j->i", A.X, A.a)) + (A.v + A("ij,j->i", A.X, A.a)),
            lambda A: added(added(A("i,i->", A.v, A.v), A.r, A.s), A.n, tanh(A.r), tanh(A.s), exp(A.r)),
        ],
    ),
    "content": (
        [
            (lambda A: A("ij,i->j", A.X, 2 * A.v - 2 * A.w), "add[1, -1]"),
            (lambda A: A("ij,i->j", A.X, -3 * A.v - 3 * A.w), "add[-1, -1]"),
            (lambda A: A("ij,i->j", A.X, HALF * A.v - HALF * A.w), "add[1, -1]"),
            (lambda A: A("i,j->ij", A.v - A.w, 2 * A.a - 2 * A.b), "add[2]"),
        ],
        [
            lambda A: A("ij,i->j", A.X, A.v - A.w),
            lambda A: A("ij,i->j", A.X, 2 * A.v - 3 * A.w),
            lambda A: A("ij,i->j", A.X, 2 * A.v + 2),
            lambda A: A("ij,i->j", A.X, tanh(A.v)),
        ],
    ),
    "common-scalar": (
        [
            (lambda A: A("i,->i", A.v, A.s) - 2 * A("i,->i", A.w, A.s), "add[1, -2]"),
            (lambda A: A("i,->i", A.v, A.s) + A("ij,j,->i", A.X, A.a, A.s * A.r), "contract"),
            (lambda A: added(A("i,->i", A.v, A.s), A("i,->i", A.w, A.s), A("ij,->i", A.X, A.s)), "add"),
        ],
        [
            lambda A: A("i,->i", A.v, A.s) + A("i,->i", A.w, A.r),
            lambda A: A("i,->i", A.v, A.s) + A.w,
            lambda A: added(A("i,->i", A.v, A.s), A("i,->i", A.w, A.s), A.w),
            lambda A: 2 * A("i,->i", A.v, A.s),
            lambda A: 2 * A("ij,j,->i", A.X, A.a, A.s),
            lambda A: A.r * A.s + A.r * A.n,
            lambda A: A("i,i->i", tanh(A("i,->i", A.v, A.s)), A("i,->i", A.v, A.s) + A("i,->i", A.w, A.s)),
            lambda A: A("i,->i", A.v, A.s) + step(A.v, A.w),
            lambda A: A("i,->", A.v, A.s) + A("i,->", A.w, A.s),
            lambda A: A("i,->i", A.v, A.s) + A("i,j,j->i", A.w, A.a, A.b),
        ],
    ),
    "common-factors": (
        [
            (lambda A: A("ij,jk->ik", A.X, A.Z) + A("ij,jk->ik", A.Y, A.Z), "add"),
            (lambda A: A("ij,j->i", A.S, A.v) + A("ji,j->i", A.S, A.v), "add"),
            (lambda A: A("ij,jk->ik", A.X, A.Z) - A("ij,jk->ik", A.X, tanh(A.Z)), "add[1, -1]"),
            (lambda A: 2 * A("ij,jk->ik", A.X, A.Z) - 2 * A("ij,jk->ik", A.Y, A.Z), "add[1, -1]"),
            (lambda A: 2 * A("ij,jk->ik", A.X, A.Z) + 3 * A("ij,jk->ik", A.Y, A.Z), "add[2, 3]"),
            (lambda A: -2 * A("ij,jk->ik", A.X, A.Z) - 2 * A("ij,jk->ik", A.Y, A.Z) + A.U, "add[-1, -1]"),
            (lambda A: A("i,i->", A.v, A.w) + A("i,i->", A.v, tanh(A.w)), "contract"),
            (lambda A: A("ij,j,j->i", A.X, A.a, A.b) + A("ij,j,j->i", A.Y, A.a, A.b), "add"),
            (lambda A: A("ij,i->ij", A.X, A.v) + A("ij,i->ij", A.Y, A.v), "add"),
            (lambda A: added(A("ij,jk->ik", A.X, A.Z), step(A.U, tanh(A.U)), A("ij,jk->ik", A.Y, A.Z)), "add"),
            (lambda A: t(A.X) + t(A.Y), "add contract"),
        ],
        [
            lambda A: A("ij,jk->ik", A.X, A.Z) + A("ij,jk->ik", A.Y, tanh(A.Z)),
            lambda A: A("ij,jk->ik", A.X, A.Z) + A.U,
            lambda A: A("ij,j->i", A.X, A.a) + A("ij->i", A.X),
            lambda A: A("i,->i", A.v, A.s) + A("i,->i", A.v, A.r),
            lambda A: A("ij,i->i", A.X, A.v) + A("ij,i->i", A.Y, A.v),
            lambda A: A("ij,j->i", A.S, A.v) + A("jj,i->i", A.S, A.v),
            lambda A: A("ij,i->i", A.S, A.v) + A("ij,j->i", A.S, A.w),
            lambda A: A("ij,ij->ij", tanh(A("ij,i->ij", A.X, A.v)), A("ij,i->ij", A.X, A.v) + A("ij,i->ij", A.Y, A.v)),
            lambda A: 2 * A("ij,jk->ik", A.X, A.Z),
        ],
    ),
    "common-diagonal": (
        [
            (lambda A: A("i->ii", A.v) + A("i->ii", A.w), "add contract[i -> ii]"),
            (lambda A: A("i->ii", A.v) - 2 * A("ij,j->ii", A.X, A.a), "add[1, -2] contract[i -> ii]"),
            (lambda A: added(A("i->ii", A.v), A.S, A("i->ii", A.w)), "add"),
            (lambda A: added(A("i->ii", A.v), 3 * A("i->ii", A.w), A("i,i->ii", A.v, A.w), A.S), "add"),
            (lambda A: A("i->iij", A.v, j=m) + A("i,j->iij", A.w, A.a), "contract[ij -> iij]"),
            (lambda A: added(A("i,j->iij", A.v, A.w), A("i,j->ijj", A.v, A.w), A("i,j->iij", A.w, A.v)), "add"),
        ],
        [
            lambda A: A("i->ii", A.v) + A.S,
            lambda A: 2 * A("i->ii", A.v),
            lambda A: added(t(A.S), A.S, t(A.T)),
            lambda A: A("i,j->iij", A.v, A.w) + A("i,j->ijj", A.v, A.w),
            lambda A: A("ij,ij->ij", tanh(A("i->ii", A.v)), A("i->ii", A.v) + A("i->ii", A.w)),
        ],
    ),
    "transposed-term": (
        [
            (lambda A: A("ij,kj->ik", A.X, A.Y) + A("ij,kj->ik", A.Y, A.X), "contract[ji -> ij]"),
            (lambda A: A("ij,kj->ik", A.X, A.Y) - 2 * A("ij,kj->ik", A.Y, A.X) + A.S, "contract[ji -> ij]"),
            (lambda A: added(A("ij,kj->ik", A.X, A.X), A("ij,kj->ik", A.X, A.Y), A("ij,kj->ik", A.Y, A.X)), "contract[ji -> ij]"),
        ],
        [
            lambda A: A("ij,kj->ik", A.X, A.Y) + A("ij,kj->ik", A.X, tanh(A.Y)),
            lambda A: A.S + t(A.S),
            lambda A: A("ij,kj->ik", A.X, A.X) + A.S,
            lambda A: 2 * A("ij,kj->ik", A.X, A.Y),
            lambda A: A("ij,jk->ik", A.S, A.T) + A("ij,kj->ik", A.S, A.T),
            lambda A: A("ij,ij->", A.S, A.T) + A("ij,ji->", A.S, A.T),
            lambda A: A("ij,k->ijk", A.S, A.v) + A("ij,k->kji", A.S, A.v),
        ],
    ),
    "function-of-view": (
        [
            (lambda A: tanh(t(A.X)), "contract[ji -> ij]"),
            (lambda A: tanh(A("i->ij", A.v, j=m)), "contract[i -> ij]"),
            (lambda A: t(A.X) + t(A.Y), "add"),
            (lambda A: t(A.X) - 2 * t(A.Y) + 1, "add"),
            (lambda A: step(t(A.X), t(A.Y)), "step"),
            (lambda A: step(t(A.X), t(A.X).like(0)), "step"),
        ],
        [
            lambda A: tanh(A("ii->i", A.S)),
            lambda A: t(A.S) + A.S,
            lambda A: -2 * t(A.X),
            lambda A: tanh(A("ij,j->i", A.X, A.a)),
            lambda A: tanh(first(A.X)),
            lambda A: A("i->ij", A.v, j=m) + A("j->ij", A.a, i=n),
            lambda A: tanh(A.r) + A.s,
            lambda A: tanh(A.X.like(1)),
        ],
    ),
    "inverse-cancels": (
        [
            (lambda A: A("ij,jk->ik", inverse(A.S), A.S), "contract[ -> ii]"),
            (lambda A: A("ij,jk->ik", A.S, inverse(A.S)), "contract[ -> ii]"),
            (lambda A: A("ij,jk,kl->il", A.T, inverse(A.S), A.S), "T"),
            (lambda A: A("ij,kj,lk->il", A.T, inverse(A.S), A.S), "T"),
            (lambda A: A("ij,ji->", inverse(A.S), A.S), "n"),
        ],
        [
            lambda A: A("ij,kj->ik", inverse(A.S), A.S),
            lambda A: A("ij,jk->ijk", inverse(A.S), A.S),
            lambda A: A("ij,jk->ik", inverse(A.S), A.T),
            lambda A: A("ij,jk,j->ik", inverse(A.S), A.S, A.v),
            lambda A: A("ij,ij->", inverse(A.S), A.S),
            lambda A: A("ji,jk->ik", inverse(A.S), A.S),
            lambda A: A("ij,jj->i", inverse(A.S), A.S),
            lambda A: A("ij,jk,j->ik", A.S, inverse(A.S), A.v),
        ],
    ),
    "inverse-of-product-cancels": (
        [
            (lambda A: A("ij,jk->ik", inverse(A("ij,jk->ik", A.S, A.T)), A.S), "T lu inverse"),
            (lambda A: A("ij,jk->ik", A.T, inverse(A("ij,jk->ik", A.S, A.T))), "S lu inverse"),
            (lambda A: A("ij,kj->ik", inverse(A("ji,jk->ik", A.S, A.T)), A.S), "T lu inverse"),
            (lambda A: A("ji,jk->ik", A.T, inverse(A("ij,kj->ik", A.S, A.T))), "S lu inverse"),
            (lambda A: A("ij,jk->ik", A.S, inverse(A("ji,jk->ik", A.S, A.S))), "contract[ji -> ij] lu inverse"),
            (lambda A: A("ij,jk->ik", inverse(A("ij,kj->ik", A.S, A.T)), A.S), "lu inverse"),
            (lambda A: A("i,ij,jk->ik", A.v, inverse(A("ij,jk->ik", A.S, A.T)), A.S), "T lu inverse"),
        ],
        [
            lambda A: A("ij,jk->ik", A.S, inverse(A("ij,jk->ik", A.S, A.T))),
            lambda A: A("ij,jk->ik", inverse(A("ij,jk->ik", A.S, A.T)), A.T),
            lambda A: A("ij,kj->ik", inverse(A("ij,jk->ik", A.S, A.T)), A.S),
            lambda A: A("ji,jk->ik", A.T, inverse(A("ij,jk->ik", A.S, A.T))),
            lambda A: A("ij,jk->ijk", inverse(A("ij,jk->ik", A.S, A.T)), A.S),
            lambda A: A("ij,jk->ijk", A.T, inverse(A("ij,jk->ik", A.S, A.T))),
            lambda A: A("ij,jk->ik", inverse(A("ij,kj->ik", A.X, A.Y)), A.X),
            lambda A: A("ij,jk->ik", inverse(A.S + A.T), A.S),
            lambda A: A("ij,jk->ik", inverse(tanh(A.S)), A.S),
        ],
    ),
    "product-with-solution": (
        [
            (lambda A: A("ij,j->i", A.S, solve(A.S, A.v)), "v"),
            (lambda A: A("ji,j->i", A.S, solve(A.S, A.v, transposed=True)), "v"),
            (lambda A: A("ij,jk,k->i", A.S, solve(A.S, A.X), A.a), "X"),
        ],
        [
            lambda A: A("ji,j->i", A.S, solve(A.S, A.v)),
            lambda A: A("ij,j->i", A.S, solve(A.S, A.v, transposed=True)),
            lambda A: A("ij,j->i", A.T, solve(A.S, A.v)),
            lambda A: A("ij,j->ij", A.S, solve(A.S, A.v)),
            lambda A: A("ij,j,j->i", A.S, solve(A.S, A.v), A.w),
        ],
    ),
    "inverse-of-simpler": (
        [
            (lambda A: inverse(inverse(A.S)), "S"),
            (lambda A: inverse(t(A.S)), "inverse contract[ji -> ij]"),
            (lambda A: inverse(2 * A.S), "add[1/2]"),
            (lambda A: inverse(A("ij,->ij", A.S, A.s)), "power[-1]"),
            (lambda A: inverse(3 * A("ij,->ij", A.S, A.s)), "power[-1]"),
            (lambda A: inverse(2 * t(A.S)), "add[1/2]"),
        ],
        [
            lambda A: inverse(A.S),
            lambda A: inverse(A("ij,jk->ik", A.S, A.T)),
            lambda A: inverse(A.S + A.T),
            lambda A: inverse(A("ij,i->ij", A.S, A.v)),
            lambda A: inverse(A("ii,->ii", A.S, A.s)),
            lambda A: inverse(A("ij,ij,->ij", A.S, A.T, A.s)),
        ],
    ),
    "solution-of-simpler": (
        [
            (lambda A: solve(t(A.S), A.v), "solve[transposed]"),
            (lambda A: solve(t(A.S), A.X, transposed=True), "solve"),
            (lambda A: solve(2 * A.S, A.X), "add[1/2]"),
            (lambda A: solve(A("ij,->ij", A.S, A.s), A.v, transposed=True), "solve[transposed]"),
        ],
        [lambda A: solve(A.S, A.v), lambda A: solve(A.S + A.T, A.v), lambda A: solve(A("ij,i->ij", A.S, A.v), A.v)],
    ),
    "determinant-of-simpler": (
        [(lambda A: det(t(A.S)), "determinant"), (lambda A: det(inverse(A.S)), "power[-1]")],
        [lambda A: det(A.S), lambda A: det(2 * A.S)],
    ),
    "logdet-of-simpler": (
        [
            (lambda A: logdet(t(A.S)), "logdet"),
            (lambda A: logdet(inverse(A.S)), "add[-1]"),
            (lambda A: logdet(-2 * A.S), "logdet"),
            (lambda A: logdet(A("ij,->ij", A.S, A.s)), "abs"),
        ],
        [lambda A: logdet(A.S), lambda A: logdet(A.S + A.T)],
    ),
    "unguard": (
        [
            (lambda A: masked(A.X, A.Y, A("ij,ij->ij", step(A.X, A.Y), A.X)), "step"),
            (lambda A: masked(A.X, A.Y, A("ij,ij,ik,kj->ij", step(A.X, A.Y), A.X, A.S, A.Y)), "step"),
            (lambda A: guarded(along(negation(less(A.v, A.w)), "j", "ij"), A("i->ii", step(A.v, A.w))), "contract[i -> ii]"),
            (lambda A: guarded(along(negation(less(A.v, A.w)), "j", "ij"), A("j,ij->ij", step(A.v, A.w), A.S)), "step"),
            (lambda A: guarded(along(negation(less(A.S, A.T)), "ji", "ij"), A("ji,ij->ij", step(A.S, A.T), A.S)), "step"),
        ],
        [
            lambda A: guarded(along(negation(less(A.v, A.w)), "j", "ij"), A("i,ij->ij", step(A.v, A.w), A.S)),
            lambda A: guarded(along(less(A.v, A.w), "j", "ij"), A("j,ij->ij", step(A.v, A.w), A.S)),
            lambda A: masked(A.S, A.T, A("ji,ij->ij", step(A.S, A.T), A.S)),
            lambda A: masked(A.X, A.Y, A("ij,ij->ij", step(A.X, A.Y), A.X**-1)),
            lambda A: masked(A.X, A.Y, A("ij,ij->ij", step(A.Y, A.X), A.X)),
            lambda A: masked(A.X, A.Y, A("ij,ij->ij", step(A.X, A.Y), A.X), nots=0),
        ],
    ),
}  # fmt: skip
