"""Random graphs of arrays, through the constructors: contractions of any labels, sums, functions, reductions, views,
conditions, linear algebra, and the patterns that rules look for."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graph import Graph, Node
from symgrad.ops.contract import contract
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.linear_algebra import Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less
from symgrad.ops.position import extent
from symgrad.ops.products import identity, matrix_product, total, transpose
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, ProductOver, Softmax
from symgrad.ops.select import guarded, select
from symgrad.ops.stable import Relu, Sigmoid
from symgrad.ops.trigonometric import Sin
from symgrad.ops.view import Place, accumulate, view
from symgrad.types import Type, shape_in_numbers

n, m, k = SYMBOLS = sp.symbols("n m k", integer=True, positive=True)
SIZES = dict(zip(SYMBOLS, (2, 3, 4), strict=True))
SHAPES: dict[str, tuple[Any, ...]] = {
    "A": (n, m), "B": (m, k), "C": (n, n), "D": (n, n), "v": (n,), "w": (m,), "s": (), "u": (k,), "E": (n, m),
}  # fmt: skip
COEFFICIENTS = [1, -1, 2, -2, 3, Fraction(1, 2)]


class RandomArrays:
    """Inputs, and a scalar that depends on them, of a number of random steps."""

    def __init__(self, seed: int, steps: int):
        self.draw = random.Random(seed)
        self.graph = Graph()
        self.inputs = [self.graph.add(Input(sp.Symbol(name), Type("f8", shape))) for name, shape in SHAPES.items()]
        self.pool = list(self.inputs)
        ways: list[Callable[[Node], Node]] = [
            *[self.contraction] * 5, *[self.sum] * 4, *[self.function] * 2, *[self.scaled] * 2, *[self.transposed] * 2,
            self.linear_algebra, self.with_inverse, self.reduction, self.shifted, self.selected, self.softmax,
            self.norm, self.mean,
        ]  # fmt: skip
        for _ in range(steps):
            made = self.draw.choice(ways)(self.pick())
            if len(made.type.shape) <= 3:
                self.pool.append(made)
        scalars = [total(self.graph.add(Tanh(), x)) for x in self.pool[-6:]]
        self.target = scalars[0]
        for scalar in scalars[1:]:
            self.target = self.target + scalar

    def values(self, seed: int) -> dict[Node, Any]:
        """Numbers for the inputs."""
        draw = np.random.default_rng(seed)
        return {x: draw.normal(size=shape_in_numbers(x.type.shape, SIZES))[()] for x in self.inputs}

    def pick(self, fits: Callable[[Node], bool] = lambda _: True) -> Node:
        """A node, more often a late one."""
        found = [x for x in self.pool if fits(x)]
        return self.draw.choice(found[-12:] if self.draw.random() < 0.6 else found)

    def like(self, x: Node) -> Node:
        return self.pick(lambda y: y.type == x.type)

    def array(self, x: Node) -> Node:
        return x if x.type.shape else self.pick(lambda y: bool(y.type.shape))

    def add(self, op: Any, *inputs: Node) -> Node:
        return self.graph.add(op, *inputs)

    def contraction(self, x: Node) -> Node:
        nodes = [x, *[self.pick() for _ in range(self.draw.choice([0, 1, 1, 2]))]]
        factors = [(f, [(size, self.draw.randrange(2)) for size in f.type.shape]) for f in nodes]
        labels = list(dict.fromkeys(label for _, ks in factors for label in ks))
        output: list[Any] = self.draw.sample(labels, self.draw.randrange(min(3, len(labels)) + 1))
        sizes = {}
        if self.draw.random() < 0.2 and len(output) < 3:  # the same along a new axis
            size = self.draw.choice(SYMBOLS)
            output.append((size, 7))
            sizes[size, 7] = size
        if self.draw.random() < 0.1 and 0 < len(output) < 3:  # zero off a diagonal
            output.append(output[0])
        return contract(self.graph, factors, output, sizes)

    def sum(self, x: Node) -> Node:
        y = self.draw.choice(COEFFICIENTS) * x + self.draw.choice(COEFFICIENTS) * self.like(x)
        if self.draw.random() < 0.3:
            y = y + self.draw.choice(COEFFICIENTS) * self.like(x)
        return y + 1 if self.draw.random() < 0.2 else y

    def function(self, x: Node) -> Node:
        op = self.draw.choice([Tanh(), Sin(), Relu(), Sigmoid(), None])
        return x**2 if op is None else self.add(op, x)

    def scaled(self, x: Node) -> Node:
        axes = range(len(x.type.shape))
        return contract(self.graph, [(self.pick(lambda y: not y.type.shape), ()), (x, axes)], axes)

    def transposed(self, x: Node) -> Node:
        order = list(range(len(x.type.shape)))
        self.draw.shuffle(order)
        return transpose(x, order)

    def linear_algebra(self, x: Node) -> Node:
        square = self.pick(lambda y: y.type.shape == (n, n))
        p = self.add(Tanh(), square) + 3 * identity(self.graph, n)  # regular
        p = transpose(p, (1, 0)) if self.draw.random() < 0.5 else p
        p = 2 * p if self.draw.random() < 0.3 else p
        self.pool.append(p)
        b = self.pick(lambda y: y.type.shape[:1] == (n,))
        match self.draw.randrange(6):
            case 0:
                return factored(Inverse(), p)
            case 1:
                return factored(Solve(self.draw.random() < 0.5), p, b)
            case 2:
                return factored(Determinant(), p)
            case 3:
                return factored(LogDet(), p)
            case 4:
                return matrix_product(factored(Inverse(), p), b)
            case _:
                return self.add(Log(), factored(Determinant(), matrix_product(p, transpose(p, (1, 0)))))

    def with_inverse(self, x: Node) -> Node:
        found = [y for y in self.pool if isinstance(y.op, Inverse)]
        if not found:
            return self.linear_algebra(x)
        inverse = self.draw.choice(found)
        matrix, b = inverse.inputs[0], self.pick(lambda y: len(y.type.shape) == 2 and y.type.shape[0] == n)
        match self.draw.randrange(6):
            case 0:
                return matrix_product(inverse, matrix)
            case 1:
                return matrix_product(inverse, b)
            case 2:
                return matrix_product(transpose(inverse, (1, 0)), b)
            case 3:
                return matrix_product(matrix, matrix_product(inverse, b))
            case 4:
                return contract(self.graph, [(inverse, "ij"), (matrix, "ji")], "")
            case _:
                return factored(Inverse(), inverse)

    def reduction(self, x: Node) -> Node:
        x = self.array(x)
        axes = self.draw.randrange(1, len(x.type.shape) + 1)
        op = self.draw.choice([Maximum, Minimum, LogSumExpOver, NormOver, Softmax, ProductOver])
        return self.add(ProductOver(), 1.5 + self.add(Tanh(), x)) if op is ProductOver else self.add(op(axes), x)

    def shifted(self, x: Node) -> Node:
        """A slice of one less along an axis, put back into zeros with another offset."""
        x = self.array(x)
        shape, axis = list(x.type.shape), self.draw.randrange(len(x.type.shape))
        shape[axis] = shape[axis] - 1
        part = self.add(Sin(), view(x, self._places(x, axis), shape))
        return accumulate(part, self._places(x, axis), x.type.shape)

    def _places(self, x: Node, axis: int) -> list[Place]:
        offset = self.draw.choice([0, 1])
        return [Place(offset if a == axis else 0, ((a, 1),)) for a in range(len(x.type.shape))]

    def selected(self, x: Node) -> Node:
        y = self.like(x)
        match self.draw.randrange(3):
            case 0:
                return guarded(less(x, y), y)
            case 1:
                return select(less(x, y), x, y)
            case _:
                return guarded(less(x.like(0), x), x ** Fraction(1, 2))

    def softmax(self, x: Node) -> Node:
        """The logarithm of a sum of exponentials, or a quotient by it, written out."""
        x = self.array(x)
        axes = range(len(x.type.shape))
        kept = self.draw.sample(axes, self.draw.randrange(len(axes)))
        e = self.add(Exp(), self.add(Sin(), x))
        whole = self.draw.choice([1, 1, 2, Fraction(1, 3)]) * contract(self.graph, [(e, axes)], kept)
        whole = whole + 1 if self.draw.random() < 0.2 else whole
        match self.draw.randrange(3):
            case 0:
                return self.add(Log(), whole)
            case 1:
                more = [(self.like(x), axes)] if self.draw.random() < 0.3 else []
                return contract(self.graph, [(e, axes), (whole**-1, kept), *more], axes)
            case _:
                mean = contract(self.graph, [(e, axes), (self.like(x), axes)], kept)
                return mean * whole**-1

    def norm(self, x: Node) -> Node:
        x = self.array(x)
        axes = range(len(x.type.shape))
        kept = self.draw.sample(axes, self.draw.randrange(len(axes)))
        squares = contract(self.graph, [(x, axes), (x, axes)], kept)
        if self.draw.random() < 0.5:
            return (2 * squares) ** Fraction(1, 2)
        return contract(self.graph, [(x, axes), (squares ** Fraction(-1, 2), kept)], axes)

    def mean(self, x: Node) -> Node:
        axes = range(len(x.type.shape))
        kept = self.draw.sample(axes, self.draw.randrange(len(axes) + 1))
        return contract(self.graph, [(x, axes), (extent(self.graph, n) ** -1, ())], kept)


def slope(target: Node, x: Node, values: dict[Node, Any], direction: Any, evaluate: Any) -> float:
    """The derivative of the target along a direction of one input, by a complex step: exact to rounding."""
    (value,) = evaluate([target], {**values, x: values[x] + 1e-30j * direction})
    return float(np.imag(value) / 1e-30)
