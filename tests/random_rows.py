"""Random graphs of what is done to each row of data: layers, biases, norms, softmaxes, products of rows with each other
and with numbers of their own, as networks and statistical models have them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import sympy as sp

from symgrad.graph import Graph, Node
from symgrad.ops.contract import contract
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.products import total
from symgrad.ops.reduce import LogSumExpOver, Maximum, NormOver, Softmax
from symgrad.types import Type
from tests.random_arrays import RandomArrays, k, m, n

DATA: dict[str, tuple[Any, ...]] = {"X": (n, m), "Y": (n, k), "y": (n,), "Z": (n, m, k)}
PARAMETERS: dict[str, tuple[Any, ...]] = {"W": (m, k), "V": (k, m), "S": (m, m), "Q": (k, k), "b": (m,), "c": (k,)}


class RandomRows(RandomArrays):
    """Data of n rows, parameters, and a scalar that depends on them, of a number of random steps on rows."""

    def __init__(self, draw: random.Random, steps: int):
        self.draw, self.graph = draw, Graph()
        self.leaves = {a: self.graph.add(Input(sp.Symbol(a), Type("f8", s))) for a, s in (DATA | PARAMETERS).items()}
        self.inputs = list(self.leaves.values())
        self.pool = [self.leaves[name] for name in DATA]
        ways: list[Callable[[Node], Node]] = [
            *[self.layer] * 4, self.biased, self.summed, self.reduced, self.weighted, self.multiplied, self.paired,
            self.sum, self.softmax, self.selected, *[self.function] * 2,
        ]  # fmt: skip
        for _ in range(steps):
            made = draw.choice(ways)(draw.choice(self.pool[-4:]))
            if made.type.shape[:1] == (n,):
                self.pool.append(made)
        scalars = [total(self.add(Tanh(), x)) for x in self.pool[-draw.choice([1, 2, 4]) :]]
        self.target = scalars[0]
        for scalar in scalars[1:]:
            self.target = self.target + scalar

    def layer(self, x: Node) -> Node:
        """Each row times a matrix of parameters, or its transpose."""
        if len(x.type.shape) != 2:
            return self.function(x)
        columns, way = x.type.shape[1], self.draw.randrange(2)
        fitting = [w for name in "WVSQ" if (w := self.leaves[name]).type.shape[way] == columns]
        return contract(self.graph, [(x, "ij"), (self.draw.choice(fitting), ["jk", "kj"][way])], "ik")

    def biased(self, x: Node) -> Node:
        if len(x.type.shape) < 2:
            return self.function(x)
        axes = range(len(x.type.shape))
        bias = self.leaves["b" if x.type.shape[-1] == m else "c"]
        return x + contract(self.graph, [(bias, axes[-1:])], axes, dict(enumerate(x.type.shape)))

    def summed(self, x: Node) -> Node:
        """Over the last axis, or the last but one."""
        axes = [*range(len(x.type.shape))]
        return contract(self.graph, [(x, axes)], self.draw.choice([axes[:-1], axes[:-2] + axes[-1:]]))

    def reduced(self, x: Node) -> Node:
        return self.add(self.draw.choice([Maximum, LogSumExpOver, NormOver, Softmax])(1), x)

    def weighted(self, x: Node) -> Node:
        """Each row times a number of its own."""
        axes = range(len(x.type.shape))
        return contract(self.graph, [(x, axes), (self.pick(lambda y: y.type.shape == (n,)), [0])], axes)

    def multiplied(self, x: Node) -> Node:
        axes = range(len(x.type.shape))
        return contract(self.graph, [(x, axes), (self.like(x), axes)], axes)

    def paired(self, x: Node) -> Node:
        """Products of the entries of two rows; or a sum over the rows, used in each of them."""
        if len(x.type.shape) != 2:
            return self.function(x)
        y = self.pick(lambda y: len(y.type.shape) == 2)
        kept = self.draw.choice(["i", "ij", "ik", "ijk", "jk"])
        made = contract(self.graph, [(x, "ij"), (y, "ik")], kept)
        return made if kept != "jk" else contract(self.graph, [(x, "ij"), (self.add(Tanh(), made), "jk")], "ik")
