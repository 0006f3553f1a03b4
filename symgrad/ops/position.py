"""Sizes and indices as numbers: n in a formula, and the i of a sum where it is not an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graph import Graph, Node
from symgrad.ops.leaf import Leaf, constant
from symgrad.types import REAL, Size, Sizes, Type, as_size, integer, shape_in_numbers


@dataclass(frozen=True)
class Extent(Leaf):
    """An expression in sizes, such as n or m*n - 1, as a number. Its derivatives are zero."""

    size: sp.Expr

    def label(self) -> str:
        return str(self.size)

    def result_type(self, *types: Type) -> Type:
        return REAL

    def sized(self, sizes: Sizes) -> Extent:
        return Extent(sp.Integer(integer(self.size, sizes)))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return np.float64(int(self.size)) if numbers is np else numbers.mpf(int(self.size))

    def to_sympy(self, *args: Any) -> Any:
        return self.size


@dataclass(frozen=True)
class Position(Leaf):
    """y[i] = i for i = 0, ..., n - 1, as numbers."""

    shape: tuple[Size]

    def label(self) -> str:
        return f"position[{self.shape[0]}]"

    def result_type(self, *types: Type) -> Type:
        return Type("f8", self.shape)

    def sized(self, sizes: Sizes) -> Position:
        (n,) = shape_in_numbers(self.shape, sizes)
        return Position((n,))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (n,) = self.shape
        if numbers is np:
            return np.arange(float(n))
        return np.array([numbers.mpf(i) for i in range(int(n))], object)


def extent(graph: Graph, size: Size) -> Node:
    """An expression in sizes as a number."""
    size = as_size(size)
    return constant(graph, size) if isinstance(size, int) else graph.add(Extent(size))


def positions(graph: Graph, size: Size) -> Node:
    """0, 1, ..., size - 1."""
    return graph.add(Position((as_size(size),)))


def sizes_of_nodes(nodes: Sequence[Node]) -> list[tuple[Size, ...]]:
    """The sizes that nodes speak of: their shapes, and those that are numbers in a formula."""
    return [(node.op.size,) if isinstance(node.op, Extent) else node.type.shape for node in nodes]
