"""sympy.tensor.array.expressions -> contractions. Arrays keep axes of size 1, which matrices among them get back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import sympy as sp
from sympy.tensor.array import NDimArray
from sympy.tensor.array.expressions import (
    ArrayAdd,
    ArrayContraction,
    ArrayDiagonal,
    ArrayElement,
    ArraySymbol,
    ArrayTensorProduct,
    OneArray,
    PermuteDims,
    Reshape,
    ZeroArray,
)

from symgrad.errors import ShapeError
from symgrad.from_matrix.block import entry
from symgrad.from_matrix.matrix import symbol
from symgrad.from_matrix.shapes import Rule, axis_labels, full_shape, with_all_axes
from symgrad.graph import Graph, Node, arithmetic
from symgrad.ops.contract import contract
from symgrad.ops.leaf import constant
from symgrad.ops.reshape import reshape
from symgrad.ops.view import stack
from symgrad.types import as_size


def _factors(e: Any) -> tuple[Any, ...]:
    """Those of a tensor product; anything else is one factor."""
    return tuple(e.args) if isinstance(e, ArrayTensorProduct) else (e,)


def _contracted(graph: Graph, parts: Sequence[Any], inputs: Sequence[Node], groups: Any, *, keep: bool) -> Node:
    """The tensor product of the parts, in which the axes of each group run together: summed, or kept as last axes."""
    sizes = [n for part in parts for n in full_shape(part)]
    labels: list[Any] = list(range(len(sizes)))
    for group in groups:
        first = int(group[0])
        for axis in map(int, group):
            labels[axis] = first
            if sizes[axis] != sizes[first]:
                raise ShapeError(
                    "axes of different sizes run together",
                    got=f"{sizes[first]} and {sizes[axis]}",
                    wanted="equal sizes",
                )
    grouped = {int(axis) for group in groups for axis in group}
    output = [k for k in range(len(sizes)) if k not in grouped]
    output += [int(group[0]) for group in groups] if keep else []
    factors, start = [], 0
    for part, x in zip(parts, inputs, strict=True):
        rank = len(full_shape(part))
        factors.append((x, axis_labels(part, labels[start : start + rank])))
        start += rank
    return contract(graph, factors, output, dict(zip(labels, sizes, strict=True)))


def _tensor_product(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return _contracted(graph, e.args, inputs, [], keep=True)


def _contraction(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return _contracted(graph, _factors(e.expr), inputs, e.contraction_indices, keep=False)


def _diagonal(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return _contracted(graph, _factors(e.expr), inputs, e.diagonal_indices, keep=True)


def _permuted(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    x = with_all_axes(inputs[0], e.expr)
    return contract(graph, [(x, range(len(x.type.shape)))], e.permutation.array_form)


def _sum(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    arrays = [with_all_axes(x, part) for x, part in zip(inputs, e.args, strict=True)]
    for x in arrays:
        if x.type.shape != arrays[0].type.shape:
            raise ShapeError("a sum of arrays of different shapes", got=x.type.shape, wanted=str(arrays[0].type.shape))
    return arithmetic["sum"]([(1, x) for x in arrays])


def _reshaped(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return reshape(inputs[0], [as_size(n) for n in e.shape])


def _constant(value: int) -> Rule:
    return lambda graph, e, inputs: constant(graph, value, full_shape(e))


def _element(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return entry(inputs[0], e.name, e.indices)


def _explicit(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    shape = tuple(map(int, e.shape))
    return stack(inputs, shape) if prod(shape) else constant(graph, 0, shape)


RULES: dict[type, Rule] = {
    ArraySymbol: symbol,
    ArrayTensorProduct: _tensor_product,
    ArrayContraction: _contraction,
    ArrayDiagonal: _diagonal,
    PermuteDims: _permuted,
    ArrayAdd: _sum,
    Reshape: _reshaped,
    ZeroArray: _constant(0),
    OneArray: _constant(1),
    ArrayElement: _element,
    NDimArray: _explicit,
}
PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    ArraySymbol: lambda e: (),
    ArrayContraction: lambda e: _factors(e.expr),
    ArrayDiagonal: lambda e: _factors(e.expr),
    PermuteDims: lambda e: (e.expr,),
    Reshape: lambda e: (e.expr,),
    ZeroArray: lambda e: (),
    OneArray: lambda e: (),
    ArrayElement: lambda e: (e.name,),
    NDimArray: lambda e: tuple(sp.flatten(e.tolist())) if e.rank() else (e[()],),
}
