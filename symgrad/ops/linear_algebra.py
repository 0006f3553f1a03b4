"""Linear algebra of square matrices: inverse, solution, determinant, log-determinant, Cholesky factor.

Each takes the matrix and its LU factorisation, which is a node of its own: one factorisation serves the value and all
derivatives. The derivative goes to the matrix; the factorisation has none.

Sources: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation
(2008), section 2; for Cholesky, I. Murray, Differentiation of the Cholesky decomposition (2016), equation 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.graph import Node, Op
from symgrad.ops.contract import contract
from symgrad.ops.logic import less, less_equal
from symgrad.ops.position import positions
from symgrad.ops.products import broadcast, matrix_product, transpose
from symgrad.ops.select import guarded
from symgrad.types import REAL, Type, as_size


def _order(name: str, t: Type) -> Any:
    """The size of a square matrix. Raises ShapeError for another array."""
    if t.dtype != "f8" or len(t.shape) != 2 or t.shape[0] != t.shape[1]:
        raise ShapeError(f"{name} takes a square matrix", got=t)
    return t.shape[0]


@dataclass(frozen=True)
class Factorisation(Op):
    """The LU factorisation with partial pivoting, P X = L U: (n, n + 1) numbers, L and U in one matrix, then the pivots
    (row k was exchanged with that row, counted from 0)."""

    def label(self) -> str:
        return "lu"

    def result_type(self, *types: Type) -> Type:
        n = _order("lu", types[0])
        return Type("f8", (n, as_size(n + 1)))

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        raise AssertionError("nothing flows through a factorisation")

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        """By elimination, in any numbers: also in complex ones, and in mpmath's."""
        a = np.array(values[0], complex if np.iscomplexobj(values[0]) else None if numbers is np else object)
        n = len(a)
        pivots = np.zeros((n, 1), a.dtype)
        for k in range(n):
            p = k + int(np.argmax([abs(v.real) for v in a[k:, k]]))
            pivots[k] = p
            a[[k, p]] = a[[p, k]]
            if a[k, k] == 0:
                continue
            a[k + 1 :, k] = a[k + 1 :, k] / a[k, k]
            a[k + 1 :, k + 1 :] = a[k + 1 :, k + 1 :] - np.multiply.outer(a[k + 1 :, k], a[k, k + 1 :])
        return np.concatenate([a, pivots], axis=1)


def _solved(lu: Any, b: Any, *, transposed: bool) -> Any:
    """X^-1 b or X^-T b from the factorisation; nan or infinite where X is singular."""
    n = len(lu)
    lower_upper, pivots = lu[:, :n], [int(p.real) for p in lu[:, n]]
    x = np.array(b, np.result_type(lu.dtype, np.asarray(b).dtype))
    rows = range(n)
    if transposed:
        for k in rows:
            x[k] = (x[k] - lower_upper[:k, k] @ x[:k]) / lower_upper[k, k]
        for k in reversed(rows):
            x[k] = x[k] - lower_upper[k + 1 :, k] @ x[k + 1 :]
        for k in reversed(rows):
            x[[k, pivots[k]]] = x[[pivots[k], k]]
        return x
    for k in rows:
        x[[k, pivots[k]]] = x[[pivots[k], k]]
    for k in rows:
        x[k] = x[k] - lower_upper[k, :k] @ x[:k]
    for k in reversed(rows):
        x[k] = (x[k] - lower_upper[k, k + 1 :] @ x[k + 1 :]) / lower_upper[k, k]
    return x


class Factored(Op):
    """An operation on (X, lu of X) and perhaps more."""

    def apply(self, *inputs: Node) -> Node:
        x, _, *more = inputs  # another X has another factorisation
        return x.graph.add(self, x, x.graph.add(Factorisation(), x), *more)


@dataclass(frozen=True)
class Inverse(Factored):
    """Y = X^-1;  gX = -Y^T g Y^T."""

    def result_type(self, *types: Type) -> Type:
        _order("inverse", types[0])
        return types[0]

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return (-contract(y.graph, [(y, "ai"), (g, "ab"), (y, "jb")], "ij"), None)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        _, lu = values
        return _solved(lu, np.eye(len(lu), dtype=None if numbers is np else object), transposed=False)


@dataclass(frozen=True)
class Solve(Factored):
    """y = X^-1 b, of a vector or matrix b, without the inverse;  gb = X^-T g, gX = -gb y^T."""

    transposed: bool = False

    def label(self) -> str:
        return "solve[transposed]" if self.transposed else "solve"

    def result_type(self, *types: Type) -> Type:
        x, _, b = types
        if not b.shape or b.shape[0] != _order("solve", x):
            raise ShapeError("solve takes a right-hand side of as many rows as the matrix", got=b, wanted=str(x))
        return b

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        x, lu, _ = y.inputs
        gb = y.graph.add(Solve(not self.transposed), x, lu, g)
        columns = range(len(y.type.shape) - 1)
        left, right = (y, gb) if self.transposed else (gb, y)
        return (-contract(y.graph, [(left, ["i", *columns]), (right, ["j", *columns])], "ij"), None, gb)

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        x, lu, b = inputs
        more, columns = range(-len(batch), 0), range(len(b.type.shape) - len(batch) - 1)
        inverse = x.graph.add(Inverse(), x, lu)
        labels = ["j", "i"] if self.transposed else ["i", "j"]
        return contract(x.graph, [(inverse, labels), (b, [*more, "j", *columns])], [*more, "i", *columns])

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        _, lu, b = values
        columns = np.reshape(b, (len(lu), -1)) if np.ndim(b) > 2 else b
        return _solved(lu, columns, transposed=self.transposed).reshape(np.shape(b))


@dataclass(frozen=True)
class Determinant(Factored):
    """y = det X;  gX = g y X^-T: of a singular matrix it is nan."""

    def result_type(self, *types: Type) -> Type:
        _order("determinant", types[0])
        return REAL

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        inverse = y.graph.add(Inverse(), *y.inputs)
        return (contract(y.graph, [(g, ()), (y, ()), (inverse, "ji")], "ij"), None)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        lu = values[1]
        exchanges = sum(int(p.real) != k for k, p in enumerate(lu[:, -1]))
        return np.prod(np.diagonal(lu)) * (-1) ** exchanges


@dataclass(frozen=True)
class LogDet(Factored):
    """y = log |det X|, which does not overflow;  gX = g X^-T."""

    def result_type(self, *types: Type) -> Type:
        _order("logdet", types[0])
        return REAL

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        inverse = y.graph.add(Inverse(), *y.inputs)
        return (contract(y.graph, [(g, ()), (inverse, "ji")], "ij"), None)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        diagonal = np.diagonal(values[1])
        if numbers is not np:
            return sum(numbers.log(abs(d)) for d in diagonal)
        return np.sum(np.log(np.where(np.real(diagonal) < 0, -diagonal, diagonal)))


@dataclass(frozen=True)
class Cholesky(Op):
    """L with X = L L^T, lower triangular; the lower triangle of X is read, and the gradient is symmetric.

    gX = (S + S^T)/2 with S = L^-T P L^-1, where P is the lower triangle of L^T g, its diagonal halved.
    """

    def result_type(self, *types: Type) -> Type:
        _order("cholesky", types[0])
        return types[0]

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        graph = y.graph
        lu = graph.add(Factorisation(), y)
        both = matrix_product(transpose(y, (1, 0)), lower(g))
        half = (lower(both) + lower(both, strictly=True)) * Fraction(1, 2)
        left = graph.add(Solve(True), y, lu, half)
        s = transpose(graph.add(Solve(True), y, lu, transpose(left, (1, 0))), (1, 0))
        return ((s + transpose(s, (1, 0))) * Fraction(1, 2),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        x = np.array(values[0])
        n = len(x)
        y = x * 0
        for j in range(n):
            y[j, j] = (x[j, j] - y[j, :j] @ y[j, :j]) ** (0.5 if numbers is np else numbers.mpf(1) / 2)
            for i in range(j + 1, n):
                y[i, j] = (x[i, j] - y[i, :j] @ y[j, :j]) / y[j, j]
        return y


def lower(x: Node, *, strictly: bool = False) -> Node:
    """The lower triangle of a matrix, with or without its diagonal; zeros elsewhere."""
    rows, columns = (broadcast(positions(x.graph, n), x.type.shape, [k]) for k, n in enumerate(x.type.shape))
    return guarded(less(columns, rows) if strictly else less_equal(columns, rows), x)


def factored(op: Factored, x: Node, *more: Node) -> Node:
    """The node of an operation on a matrix and on its factorisation."""
    _order(op.name, x.type)
    return op.apply(x, x, *more)
