"""Entries, slices, blocks, explicit entries and Kronecker products of matrices -> views and accumulations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate as running
from typing import Any

import sympy as sp
from sympy.matrices.expressions.kronecker import KroneckerProduct
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.expressions.slice import MatrixSlice

from symgrad.errors import UnsupportedExpression
from symgrad.from_matrix.shapes import Rule, full_shape, own_shape
from symgrad.graph import Graph, Node, arithmetic
from symgrad.ops.contract import contract
from symgrad.ops.leaf import constant, exact_value
from symgrad.ops.reshape import reshape
from symgrad.ops.view import Place, accumulate, element, stack, view
from symgrad.types import Size, as_size


def entry(x: Node, e: Any, indices: Sequence[Any]) -> Node:
    """x[i, j, ...] of an expression of which x is the node, at indices that are numbers."""
    shape = full_shape(e)
    if not all(sp.sympify(i, strict=True).is_Integer for i in indices):
        raise UnsupportedExpression("an entry at indices that are no numbers", got=tuple(indices))
    kept = [i for i, n in zip(indices, shape, strict=True) if n != 1] if len(x.type.shape) < len(shape) else indices
    return element(x, [as_size(i) for i in kept])


def _element(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return entry(inputs[0], e.parent, e.indices)


def _slice(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    places: list[Place] = []
    shape: list[Size] = []
    for (start, _, step), whole, size in zip(
        (e.rowslice, e.colslice), full_shape(e.parent), full_shape(e), strict=True
    ):
        if not sp.sympify(step, strict=True).is_Integer:
            raise UnsupportedExpression("a slice whose step is no number", got=e)
        if whole != 1:
            places.append(Place(as_size(start), ((len(shape), int(step)),) if size != 1 else ()))
        if size != 1:
            shape.append(size)
    return view(x, places, shape)


def _placed(x: Node, part: Any, offsets: Sequence[Size], shape: Sequence[Size]) -> Node:
    """The block in a matrix of zeros of this full shape."""
    places, axis = [], 0
    for offset, size, whole in zip(offsets, full_shape(part), shape, strict=True):
        if whole != 1:
            places.append(Place(offset, ((axis, 1),) if size != 1 else ()))
        axis += size != 1
    return accumulate(x, places, [n for n in shape if n != 1])


def _offsets(sizes: Sequence[Size]) -> list[Size]:
    return [as_size(n) for n in running(sizes, initial=0)]


def _blocks(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    rows, columns = _offsets(e.rowblocksizes), _offsets(e.colblocksizes)
    count = e.blockshape[1]
    return arithmetic["sum"](
        [
            (1, _placed(x, part, (rows[k // count], columns[k % count]), full_shape(e)))
            for k, (part, x) in enumerate(zip(e.blocks, inputs, strict=True))
        ]
    )


def _diagonal_blocks(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    rows, columns = (_offsets([full_shape(part)[k] for part in e.args]) for k in (0, 1))
    return arithmetic["sum"](
        [
            (1, _placed(x, part, offsets, full_shape(e)))
            for part, x, *offsets in zip(e.args, inputs, rows, columns, strict=False)
        ]
    )


def _explicit(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    shape = own_shape(e)
    values = {exact_value(x) for x in inputs}
    if len(values) < 2 and None not in values:  # no entries, or all the same
        return constant(graph, values.pop() if values else 0, shape)
    return stack(inputs, shape) if shape else inputs[0]


def _kronecker(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    """K[i p + k, j q + l] = A[i, j] B[k, l]: an outer product in another shape."""
    sides: tuple[list[Any], list[Any]] = ([], [])
    factors = []
    for k, (part, x) in enumerate(zip(e.args, inputs, strict=True)):
        labels = []
        for side in (0, 1):
            if full_shape(part)[side] != 1:
                labels.append((k, side))
                sides[side].append((k, side))
        factors.append((x, labels))
    return reshape(contract(graph, factors, [*sides[0], *sides[1]]), own_shape(e))


RULES: dict[type, Rule] = {
    MatrixElement: _element,
    MatrixSlice: _slice,
    sp.BlockMatrix: _blocks,
    sp.BlockDiagMatrix: _diagonal_blocks,
    sp.MatrixBase: _explicit,
    KroneckerProduct: _kronecker,
}
PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    MatrixElement: lambda e: (e.parent,),
    MatrixSlice: lambda e: (e.parent,),
    sp.BlockMatrix: lambda e: tuple(e.blocks),
    sp.BlockDiagMatrix: lambda e: e.args,
    sp.MatrixBase: lambda e: e.flat(),
}
