"""Contractions that have names: products, sums, transposes, broadcasts, the identity."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.errors import ShapeError
from symgrad.graph import Graph, Node, arithmetic
from symgrad.ops.contract import contract, spread
from symgrad.types import Size


def broadcast(x: Node, shape: tuple[Size, ...], axes: Sequence[int]) -> Node:
    """The array of this shape of which axis axes[k] is axis k of x, and which is the same along the others."""
    return spread(x, list(axes), range(len(shape)), dict(enumerate(shape)))


def total(x: Node) -> Node:
    """The sum of all entries, as a scalar."""
    return contract(x.graph, [(x, range(len(x.type.shape)))], ())


def dot(a: Node, b: Node) -> Node:
    """The sum of products of equal entries, as a scalar."""
    axes = range(len(a.type.shape))
    return contract(a.graph, [(a, axes), (b, axes)], ())


def transpose(x: Node, order: Sequence[int]) -> Node:
    """The array whose axis k is axis order[k] of x."""
    return contract(x.graph, [(x, range(len(order)))], order)


def matrix_product(a: Node, b: Node) -> Node:
    """The last axis of a with the first of b, as NumPy's @ for ranks 1 and 2."""
    rows, columns = range(len(a.type.shape) - 1), range(-2, -len(b.type.shape) - 1, -1)
    return contract(a.graph, [(a, [*rows, -1]), (b, [-1, *columns])], [*rows, *columns])


def identity(graph: Graph, size: Size) -> Node:
    """The identity matrix: KroneckerDelta(i, j)."""
    return contract(graph, [], (0, 0), {0: size})


def _elementwise_product(factors: Sequence[Node]) -> Node:
    """x1 x2 ... of arrays of one shape, and of scalars."""
    rank = max(len(x.type.shape) for x in factors)
    for x in factors:
        if len(x.type.shape) not in (0, rank):
            raise ShapeError(
                "product takes inputs of one type",
                got=", ".join(str(f.type) for f in factors),
                hint="broadcast one of them first",
            )
    return contract(factors[0].graph, [(x, range(len(x.type.shape))) for x in factors], range(rank))


arithmetic["broadcast"] = broadcast
arithmetic["elementwise product"] = _elementwise_product
