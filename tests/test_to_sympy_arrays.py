"""Arrays go out as matrices or in index notation: what is printed reads well, and entry by entry it is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad.arrays import array_type
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node
from symgrad.ops.arithmetic import Power
from symgrad.ops.contract import broadcast, contract, identity
from symgrad.ops.exponential import Exp
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.linear_algebra import Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less
from symgrad.ops.position import extent, positions
from symgrad.ops.reduce import LogSumExpOver, ProductOver, Softmax
from symgrad.ops.select import select
from symgrad.ops.stable import Relu, Sigmoid, Softplus
from symgrad.ops.view import Place, accumulate, view
from symgrad.to_sympy import to_sympy
from tests.printed_oracle import value

N, M, K = sp.symbols("n m k", integer=True, positive=True)
SIZES = {N: 4, M: 3, K: 2}
SEEDS = range(240)


class Random:
    """A random graph over inputs of one kind, grown by the core's constructors."""

    def __init__(self, seed: int, *, matrices: bool):
        self.random, self.graph = random.Random(seed), Graph()
        self.numbers = np.random.default_rng(seed)
        self.values: dict[Node, Any] = {}
        shapes = [(N,), (M,), (N, M), (M, K), (N, N), (N, M), ()]
        self.nodes = [self.input(f"{'abcxyzu'[k]}{k}", shape, matrices=matrices) for k, shape in enumerate(shapes)]
        if not matrices:
            self.nodes.append(self.input("t7", (M, N, K), matrices=False))

    def input(self, name: str, shape: tuple[Any, ...], *, matrices: bool) -> Node:
        x: Any = sp.Symbol(name, real=True)
        if shape and matrices:
            x = sp.MatrixSymbol(name, *(*shape, 1)[:2])
        elif shape:
            x = sp.IndexedBase(name, shape=shape)
        node = self.graph.add(Input(x, array_type(x)) if shape else Input(x))
        self.values[node] = self.numbers.uniform(0.3, 1.5, [SIZES[n] for n in shape])
        return node

    def grow(self, rank: int) -> None:
        """One more node, of at most this rank."""
        r = self.random
        x = r.choice(self.nodes)
        same = [y for y in self.nodes if y.type == x.type]
        step = r.choice(STEPS)
        y = step(self, x, r.choice(same))
        if y is not None and len(y.type.shape) <= rank:
            self.nodes.append(y)

    def contraction(self, x: Node, _: Node) -> Node | None:
        """A product of two or three nodes over labels that fit, at random."""
        r = self.random
        labels: dict[Any, list[str]] = {}
        factors, sizes = [], {}
        for y in (x, *r.choices(self.nodes, k=r.choice([0, 1, 1, 2]))):
            ks = []
            for n in y.type.shape:
                known = labels.setdefault(n, [])
                if not known or r.random() < 0.35:
                    known.append(f"{n}{len(known)}")
                    sizes[known[-1]] = n
                ks.append(r.choice(known))
            factors.append((y, ks))
        every = [k for ks in labels.values() for k in ks]
        if r.random() < 0.3:
            every.append("extra")
            sizes["extra"] = r.choice([N, M])
        output = r.choices(every, k=min(len(every), r.choice([0, 1, 1, 2, 2]))) if every else []
        return contract(self.graph, factors, output, {k: n for k, n in sizes.items() if k != "extra" or k in output})


def elementwise(r: Random, x: Node, y: Node) -> Node:
    """A function of each entry that stays small."""
    op = r.random.choice([Tanh(), Sigmoid(), Softplus(), Relu(), Exp()])
    return r.graph.add(op, x) if not isinstance(op, Exp) else r.graph.add(op, -r.graph.add(Tanh(), x))


STEPS: list[Callable[[Random, Node, Node], Node | None]] = [
    lambda r, x, y: 2 * x - y,
    lambda r, x, y: x + y * 3,
    lambda r, x, y: x * y,
    lambda r, x, y: r.graph.add(Power(-1), 2 + r.graph.add(Sigmoid(), x)),
    lambda r, x, y: x**2,
    elementwise,
    Random.contraction,
    Random.contraction,
    Random.contraction,
    lambda r, x, y: x / extent(r.graph, N),
    lambda r, x, y: x + x.like(1),
]


def check(node: Node, values: dict[Node, Any]) -> Any:
    """The expression of the node, which has its entries."""
    (e,) = to_sympy([node])
    numbers = {x.op.label(): v for x, v in values.items()} | {str(n): k for n, k in SIZES.items()}
    (wanted,) = evaluate([node], values)
    found = np.reshape(value(e, numbers), np.shape(wanted))
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), f"{e}"
    return e


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_printed_has_the_entries_of_the_graph(seed: int) -> None:
    r = Random(seed, matrices=seed % 2 == 0)
    for _ in range(6):
        r.grow(2 if seed % 2 == 0 else 3)
    for node in r.nodes[7:]:
        if np.all(np.abs(evaluate([node], r.values)[0]) < 1e6):
            check(node, r.values)
