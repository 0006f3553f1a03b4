"""Arrays go out as matrices or in index notation: what is printed reads well, and entry by entry it is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad.arrays import array_type
from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph, Node
from symgrad.ops.arithmetic import Power
from symgrad.ops.contract import contract
from symgrad.ops.exponential import Exp
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.linear_algebra import Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less
from symgrad.ops.position import extent, positions
from symgrad.ops.products import identity, total
from symgrad.ops.reduce import LogSumExpOver, Maximum, ProductOver, Softmax
from symgrad.ops.select import select
from symgrad.ops.stable import Relu, Sigmoid, Softplus
from symgrad.ops.view import Place, view
from symgrad.to_sympy import to_sympy
from tests.printed_oracle import value

N, M, K = sp.symbols("n m k", integer=True, positive=True)
SIZES = {N: 4, M: 3, K: 2}
SEEDS = range(240)


Step = Callable[["Random", Node, Node], Node | None]


class Random:
    """A random graph over inputs of one kind, grown by the core's constructors."""

    def __init__(self, seed: int, *, matrices: bool):
        self.random, self.graph = random.Random(seed), Graph()
        self.numbers = np.random.default_rng(seed)
        self.values: dict[Node, Any] = {}
        shapes = [(N,), (M,), (N, M), (M, K), (N, N), (N, M), ()]
        self.nodes = [self.input(f"{'abcxyzu'[k]}{k}", shape, matrices=matrices) for k, shape in enumerate(shapes)]
        self.idx: Node | None = None
        if not matrices:
            self.nodes.append(self.input("t7", (M, N, K), matrices=False))
            idx: Any = sp.IndexedBase("idx", shape=(M,), integer=True)
            self.idx = self.graph.add(Input(idx, array_type(idx)))
            self.values[self.idx] = self.numbers.integers(0, SIZES[N], SIZES[M])

    def input(self, name: str, shape: tuple[Any, ...], *, matrices: bool) -> Node:
        x: Any = sp.Symbol(name, real=True)
        if shape and matrices:
            x = sp.MatrixSymbol(name, *(*shape, 1)[:2])
        elif shape:
            x = sp.IndexedBase(name, shape=shape)
        node = self.graph.add(Input(x, array_type(x)) if shape else Input(x))
        self.values[node] = self.numbers.uniform(0.3, 1.5, [SIZES[n] for n in shape])
        return node

    def grow(self, rank: int, steps: list[Step]) -> None:
        """One more node, of at most this rank."""
        r = self.random
        x = r.choice(self.nodes)
        same = [y for y in self.nodes if y.type == x.type]
        step = r.choice(steps)
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

    def window(self, x: Node, _: Node) -> Node | None:
        """A view of the first axis: an offset, two axes in one, a stride, a clipped neighbour, or what is gathered."""
        if not x.type.shape or x.type.shape[0] != N or len(x.type.shape) > 2:
            return None
        rest, kind = x.type.shape[1:], self.random.choice(["offset", "both", "stride", "clip", "gather"])
        if kind == "both":
            places = [Place(0, ((0, 1), (1, 1))), *[Place(0, ((k + 2, 1),)) for k in range(len(rest))]]
            return view(x, places, (N - K + 1, K, *rest))
        behind = [Place(0, ((k + 1, 1),)) for k in range(len(rest))]
        if kind == "stride":
            return view(x, [Place(1, ((0, 2),)), *behind], (K, *rest))
        if kind == "offset":
            return view(x, [Place(1, ((0, 1),)), *behind], (N - 1, *rest))
        if kind == "clip":
            return view(x, [Place(self.random.choice([-1, 1]), ((0, 1),)), *behind], (N, *rest), clip=True)
        if self.idx is None:
            return None
        return view(x, [Place(0, (), ((0, (0,), 1),)), *behind], (M, *rest), [self.idx])

    def linear_algebra(self, x: Node, _: Node) -> Node | None:
        """The inverse, a solution or a determinant of a well-conditioned matrix."""
        if x.type.shape != (N, N):
            return None
        x = 3 * identity(self.graph, N) + self.graph.add(Tanh(), x) / extent(self.graph, N)
        b = next(y for y in reversed(self.nodes) if y.type.shape[:1] == (N,))
        kind = self.random.choice([Inverse(), Determinant(), LogDet(), Solve(), Solve(True)])
        return factored(kind, x, b) if isinstance(kind, Solve) else factored(kind, x)


def elementwise(r: Random, x: Node, y: Node) -> Node:
    """A function of each entry that stays small."""
    op = r.random.choice([Tanh(), Sigmoid(), Softplus(), Relu(), Exp()])
    return r.graph.add(op, x) if not isinstance(op, Exp) else r.graph.add(op, -r.graph.add(Tanh(), x))


STEPS: list[Step] = [
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


RARE: list[Step] = [
    *STEPS,
    Random.window,
    Random.window,
    Random.linear_algebra,
    lambda r, x, y: select(less(x, y), 2 * x, y) if x.type.shape else None,
    lambda r, x, y: r.graph.add(Softmax(), x) if x.type.shape else None,
    lambda r, x, y: r.graph.add(LogSumExpOver(), x) if x.type.shape else None,
    lambda r, x, y: r.graph.add(Maximum(), x) if x.type.shape else None,
    lambda r, x, y: r.graph.add(ProductOver(), x) if x.type.shape else None,
    lambda r, x, y: x * positions(r.graph, x.type.shape[0]) if len(x.type.shape) == 1 else None,
]


def check(node: Node, values: dict[Node, Any]) -> Any:
    """The expression of the node, which has its entries."""
    (e,) = to_sympy([node])
    numbers = {x.op.label(): v for x, v in values.items()} | {str(n): k for n, k in SIZES.items()}
    (wanted,) = evaluate([node], values)
    found = np.reshape(value(e, numbers), np.shape(wanted))
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), f"{e}"
    return e


def check_round_trip(node: Node, values: dict[Node, Any]) -> None:
    """What goes out comes in as a node of the same values, and that one goes out and comes in as itself."""
    (e,) = to_sympy([node])
    back = from_sympy(node.graph, e)
    sizes = {s for x in back.graph.nodes if isinstance(x.op, Input) for s in [x.op.variable] if s in SIZES}
    given = values | {back.graph.add(Input(s)): float(SIZES[s]) for s in sizes}  # a size that no array tells
    wanted, found = evaluate([node, back], given)
    assert np.shape(found) == np.shape(wanted)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def is_moderate(node: Node, values: dict[Node, Any]) -> bool:
    return bool(np.all(np.abs(evaluate([node], values)[0]) < 1e6))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_printed_has_the_entries_of_the_graph(seed: int) -> None:
    r = Random(seed, matrices=seed % 2 == 0)
    for _ in range(6):
        r.grow(2 if seed % 2 == 0 else 3, STEPS)
    for node in r.nodes[7:]:
        if is_moderate(node, r.values):
            check(node, r.values)
            check_round_trip(node, r.values)


@pytest.mark.parametrize("seed", range(1000, 1120))
def test_windows_gathers_conditions_and_functions_of_whole_arrays_have_the_entries_of_the_graph(seed: int) -> None:
    r = Random(seed, matrices=seed % 2 == 0)
    while len(r.nodes) < 14:
        r.grow(2 if seed % 2 == 0 else 3, RARE)
    for node in r.nodes[7:]:
        if is_moderate(node, r.values):
            check(node, r.values)
            check_round_trip(node, r.values)


@pytest.mark.parametrize("seed", range(2000, 2060))
def test_gradients_have_the_entries_of_the_graph(seed: int) -> None:
    r = Random(seed, matrices=seed % 2 == 0)
    inputs = [x for x in r.nodes if x.type.shape]
    while len(r.nodes) < 12:
        r.grow(2, RARE)
    target = total(r.graph.add(Tanh(), r.nodes[-1]))
    for g in build_grad(target, inputs):
        check(g, r.values)
        check_round_trip(g, r.values)


@pytest.mark.parametrize("seed", range(3000, 3040))
def test_with_sympys_evaluation_switched_off_the_entries_are_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symgrad.to_sympy.TIDY", 0)  # as in large graphs: sizes and indices must be computed still
    r = Random(seed, matrices=seed % 2 == 0)
    while len(r.nodes) < 12:
        r.grow(2, RARE)
    for node in r.nodes[7:]:
        if is_moderate(node, r.values):
            check(node, r.values)
