"""Graphs of arrays for the tests of kernels: one for each kind of node, and random ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graph import Graph, Node
from symgrad.ops.contract import contract
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input, constant
from symgrad.ops.linear_algebra import Cholesky, Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less
from symgrad.ops.position import extent, positions
from symgrad.ops.products import broadcast, dot, identity, matrix_product, total
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, ProductOfOthers, ProductOver, Softmax
from symgrad.ops.reshape import reshape
from symgrad.ops.rounding import Abs
from symgrad.ops.select import select
from symgrad.ops.stable import Relu, Sigmoid, Softplus
from symgrad.ops.trigonometric import Cos, Sin
from symgrad.ops.view import Place, accumulate, element, stack, view
from symgrad.types import Type

n, m, k, q = sp.symbols("n m k q", integer=True, positive=True)
SIZES: list[dict[sp.Symbol, int]] = [
    {n: 11, m: 3, k: 4, q: 5},
    {n: 1, m: 1, k: 1, q: 1},
    {n: 3, m: 40, k: 17, q: 2},
    {n: 0, m: 2, k: 3, q: 0},
    {n: 2, m: 0, k: 1, q: 9},
    {n: 19, m: 8, k: 16, q: 33},
]


class Arrays:
    """Inputs of a new graph."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.x, self.t, self.w = self.real("X", n, m), self.real("t", n), self.real("w", m)
        self.b, self.s, self.spd = self.real("B", m, k), self.real("s"), self.real("S", n, n)
        self.cube = self.real("T", n, m, k)
        self.at = self.graph.add(Input(sp.Symbol("at"), Type("i8", (q,))))
        self.inputs = [self.x, self.t, self.w, self.b, self.s, self.spd, self.cube, self.at]

    def real(self, name: str, *shape: Any) -> Node:
        return self.graph.add(Input(sp.Symbol(name), Type("f8", shape)))


def values(sizes: Mapping[sp.Symbol, int], seed: int = 0) -> list[Any]:
    """Numbers for the inputs."""
    rng = np.random.default_rng(seed)
    a, b, c, e = sizes[n], sizes[m], sizes[k], sizes[q]
    square = rng.normal(size=(a, a))
    arrays = [rng.normal(size=shape) for shape in [(a, b), (a,), (b,), (b, c)]]
    spd = square @ square.T + np.eye(a)
    return [*arrays, 0.7, spd, rng.normal(size=(a, b, c)), rng.integers(0, a, e) if a else np.zeros(0, np.int64)]


def _windows(a: Arrays) -> list[Node]:
    places = [Place(-1, ((0, 1), (1, 1)))]
    return [view(a.t, places, (n, 3), clip=True), accumulate(broadcast(a.t, (n, 3), [0]), places, (n,), clip=True)]


def _gathers(a: Arrays) -> list[Node]:
    places = [Place(0, (), ((0, (0,), 1),))]
    taken = view(a.t, places, (q,), [a.at])
    rows = view(a.x, [*places, Place(0, ((1, 1),))], (q, m), [a.at])
    return [taken, rows, accumulate(taken**2, places, (n,), [a.at]), total(a.graph.add(Sin(), rows))]


def _shifts(a: Arrays) -> list[Node]:
    high = accumulate(a.t, [Place(1, ((0, 1),))], (n + 1,))
    return [high, view(high, [Place(n, ((0, -1),))], (n + 1,)), total(high**3)]


# The outputs of a graph by what is special about it. No size is proved to be more than 0.
KINDS: dict[str, Callable[[Arrays], list[Node]]] = {
    "inputs": lambda a: [a.x, a.t, a.s, a.x],
    "constants": lambda a: [constant(a.graph, 0, (n, m)), constant(a.graph, 3, (n,)), constant(a.graph, 2)],
    "sizes": lambda a: [extent(a.graph, n), extent(a.graph, n * m) * a.s, positions(a.graph, n)],
    "elementwise": lambda a: [a.graph.add(Sin(), a.x) * a.x + 2, a.t**3, a.graph.add(Softplus(), a.t)],
    "broadcasts": lambda a: [broadcast(a.t, (n, m), [0]) + broadcast(a.w, (n, m), [1]) * a.x],
    "scalar along axes": lambda a: [broadcast(a.s, (n, m), []), a.graph.add(Exp(), broadcast(a.s, (n,), [])) * a.t],
    "sums": lambda a: [total(a.x), contract(a.graph, [(a.x, "ij")], "i"), contract(a.graph, [(a.x, "ij")], "j")],
    "sum of a function": lambda a: [total(a.graph.add(Exp(), a.x)), dot(a.t, a.t), dot(a.graph.add(Cos(), a.t), a.t)],
    "matrix and vector": lambda a: [matrix_product(a.x, a.w), contract(a.graph, [(a.x, "ij"), (a.t, "i")], "j")],
    "matrices": lambda a: [matrix_product(a.x, a.b), contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ki")],
    "transposed matrices": lambda a: [
        contract(a.graph, [(a.x, "ij"), (a.x, "kj")], "ik"),
        contract(a.graph, [(a.x, "ij"), (a.x, "ik")], "jk"),
        contract(a.graph, [(a.spd, "ij"), (a.x, "ik")], "jk"),
        contract(a.graph, [(a.b, "jk"), (a.spd, "il"), (a.x, "lj")], "ki"),
    ],
    "products in a row": lambda a: [contract(a.graph, [(a.t, "i"), (a.x, "ij"), (a.b, "jk"), (a.b, "lk")], "l")],
    "quadratic form": lambda a: [contract(a.graph, [(a.t, "i"), (a.spd, "ij"), (a.t, "j")], "")],
    "groups of axes": lambda a: [
        contract(a.graph, [(a.cube, "ijk"), (a.b, "lk")], "ijl"),
        contract(a.graph, [(a.cube, "ijk"), (a.b, "jk")], "i"),
        contract(a.graph, [(a.cube, "ijk"), (a.x, "ij")], "ik"),
        contract(a.graph, [(a.cube, "ijk"), (a.x, "ij")], "k"),
        contract(a.graph, [(a.cube, "ijk"), (a.cube, "ljk")], "il"),
    ],
    "rows with rows": lambda a: [contract(a.graph, [(a.x, "ij"), (a.x, "ij")], "i")],
    "outer": lambda a: [contract(a.graph, [(a.t, "i"), (a.w, "j")], order) for order in ("ij", "ji")],
    "scaled": lambda a: [contract(a.graph, [(a.s, ""), (a.t, "i"), (a.x, "ij")], "ji")],
    "transposes": lambda a: [contract(a.graph, [(a.cube, "ijk")], order) for order in ("kji", "jik", "ikj")],
    "diagonals": lambda a: [contract(a.graph, [(a.spd, "ii")], "i"), contract(a.graph, [(a.spd, "ii")], "")],
    "embeddings": lambda a: [
        identity(a.graph, n),
        contract(a.graph, [(a.t, "i")], "ii"),
        contract(a.graph, [(a.t, "i")], "iij", {"j": m}),
        contract(a.graph, [(a.x, "ij")], "jij"),
    ],
    "identity in a sum": lambda a: [a.graph.add(Sin(), a.spd + identity(a.graph, n) * 2)],
    "maxima": lambda a: [a.graph.add(op, a.x) for op in (Maximum(), Minimum(), Maximum(2), Minimum(2))],
    "products over": lambda a: [a.graph.add(ProductOver(), a.x), a.graph.add(ProductOfOthers(), a.x)],
    "log of sums": lambda a: [a.graph.add(LogSumExpOver(), a.x), a.graph.add(LogSumExpOver(2), a.x)],
    "softmax": lambda a: [a.graph.add(Softmax(), a.x), a.graph.add(Softmax(2), a.x), a.graph.add(Softmax(), a.t)],
    "choices": lambda a: [select(less(a.t, a.t.like(0)), a.graph.add(Exp(), a.t), a.t * a.t)],
    "shifts": _shifts,
    "strides": lambda a: [
        view(accumulate(a.t, [Place(0, ((0, 2),))], (2 * n,)), [Place(0, ((0, 2),))], (n,)),
        accumulate(a.t, [Place(1, ((0, 3),))], (3 * n + 1,)),
    ],
    "reversed": lambda a: [
        view(a.t, [Place(n - 1, ((0, -1),))], (n,)),
        accumulate(a.t, [Place(n - 1, ((0, -1),))], (n,)),
    ],
    "windows": _windows,
    "gathers": _gathers,
    "columns": lambda a: [accumulate(a.t, [Place(0, ((0, 1),)), Place(1)], (n, 3)) * a.s],
    "stacks": lambda a: [
        stack([a.s, a.s * a.s, total(a.t), a.s], (2, 2)),
        element(stack([a.s, total(a.t)], (2,)), [1]),
    ],
    "shapes": lambda a: [
        reshape(a.x, (n * m,)),
        reshape(a.graph.add(Sin(), a.cube), (n * m, k)),
        total(reshape(a.x, (n * m,)) ** 3),
    ],
    "determinants": lambda a: [factored(Determinant(), a.spd), factored(LogDet(), a.spd)],
    "inverses": lambda a: [factored(Inverse(), a.spd)],
    "solutions": lambda a: [
        factored(Solve(), a.spd, a.t),
        factored(Solve(True), a.spd, a.t),
        factored(Solve(), a.spd + identity(a.graph, n) * broadcast(a.s, (n, n), []), a.x),
    ],
    "solutions of what is not symmetric": lambda a: [
        factored(Solve(transposed), a.spd * broadcast(a.t * a.t + 1, (n, n), [0]), a.t) for transposed in (False, True)
    ],
    "Cholesky": lambda a: [a.graph.add(Cholesky(), a.spd), total(a.graph.add(Sin(), a.graph.add(Cholesky(), a.spd)))],
}


def random_graph(seed: int) -> tuple[Arrays, list[Node]]:
    """Some outputs of a graph of operations drawn at random."""
    rng = np.random.default_rng(seed)
    a = Arrays()
    g = a.graph
    nodes = [a.x, a.t, a.w, a.b, a.s, broadcast(a.t, (n, m), [0]), a.cube]

    def pick(rank: int | None = None) -> Node:
        fitting = [x for x in nodes if rank is None or len(x.type.shape) == rank]
        return fitting[rng.integers(len(fitting))]

    def unary() -> Node:
        op = [Sin(), Cos(), Sigmoid(), Relu(), Abs(), Softplus()][rng.integers(6)]
        return g.add(op, pick())

    def binary() -> Node:
        x = pick()
        same = [y for y in nodes if y.type == x.type]
        y = same[rng.integers(len(same))]
        return x * y if rng.integers(2) else 2 * x - y

    def contraction() -> Node:
        sizes: dict[Any, Any] = {}
        factors = []
        for _ in range(rng.integers(1, 4)):
            x = pick()
            labels = [str(size) + ("" if rng.integers(3) else "'") for size in x.type.shape]
            factors.append((x, labels))
            sizes.update(zip(labels, x.type.shape, strict=True))
        labels = [label for label in sizes if rng.integers(2)][:3]
        return contract(g, factors, [labels[i] for i in rng.permutation(len(labels))], sizes)

    def reduction() -> Node:
        x = pick()
        op = [Maximum(), LogSumExpOver(), Softmax(), Minimum()][rng.integers(4)]
        return g.add(op, x) if x.type.shape else x

    def shift() -> Node:
        x = pick(1)
        size = x.type.shape[0]
        if rng.integers(2):
            return accumulate(x, [Place(int(rng.integers(3)), ((0, 1),))], (size + 2,))
        return view(x, [Place(int(rng.integers(-2, 3)), ((0, 1),))], (size,), clip=True)

    def choice() -> Node:
        x = pick()
        return select(less(x, x.like(0)), x * 2, g.add(Cos(), x))

    makers = [unary, binary, binary, contraction, contraction, reduction, shift, choice]
    for _ in range(rng.integers(3, 14)):
        made = makers[rng.integers(len(makers))]()
        if len(made.type.shape) <= 3:
            nodes.append(made)
    return a, nodes[-3:]
