"""Shapes of SymPy's matrices and arrays -> the axes that nodes have."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sympy as sp
from sympy.tensor.array.expressions.array_expressions import get_shape

from symgrad.errors import ShapeError
from symgrad.graph import Graph, Node
from symgrad.ops.contract import contract, spread
from symgrad.types import Size, as_size

Rule = Callable[[Graph, Any, Sequence[Node]], Node]


def is_matrix(e: Any) -> bool:
    """Does this have rows and columns?"""
    return isinstance(e, (sp.MatrixExpr, sp.MatrixBase))


def full_shape(e: Any) -> tuple[Size, ...]:
    """All sizes that SymPy says an expression has; () of a scalar."""
    return tuple(as_size(n) for n in get_shape(e))


def own_shape(e: Any) -> tuple[Size, ...]:
    """The shape of the node of an expression: of a matrix without axes of size 1."""
    shape = full_shape(e)
    return tuple(n for n in shape if n != 1) if is_matrix(e) else shape


def matrix_labels(e: Any, row: Hashable, column: Hashable) -> list[Hashable]:
    """The labels of the axes of a matrix's node: those of its rows and columns, if there is more than one."""
    return [k for k, n in zip((row, column), full_shape(e), strict=True) if n != 1]


def axis_labels(e: Any, labels: Sequence[Hashable]) -> list[Hashable]:
    """The labels of the axes of a node, of a label for each of the expression's."""
    if not is_matrix(e):
        return list(labels)
    return [k for k, n in zip(labels, full_shape(e), strict=True) if n != 1]


def with_all_axes(x: Node, e: Any) -> Node:
    """The node with the axes of size 1 that a matrix has lost."""
    shape = full_shape(e)
    if x.type.shape == shape:
        return x
    axes = range(len(shape))
    return contract(x.graph, [(x, axis_labels(e, axes))], axes, dict(enumerate(shape)))


def as_shape(x: Node, shape: tuple[Size, ...]) -> Node:
    """A scalar as an array that is the same everywhere; an array of this shape as it is."""
    if x.type.shape == shape:
        return x
    if x.type.shape != ():
        raise ShapeError("arrays that do not go together entry by entry", got=x.type.shape, wanted=f"the shape {shape}")
    return spread(x, [], range(len(shape)), dict(enumerate(shape)))


def same_shapes(e: Any, inputs: Sequence[Node]) -> None:
    """Raises ShapeError where the operands of a sum or an entrywise product differ."""
    for part, x in zip(e.args, inputs, strict=True):
        if x.type.shape != inputs[0].type.shape:
            raise ShapeError(
                f"{type(e).__name__} of arrays of different shapes",
                got=f"{part} of shape {full_shape(part)}",
                wanted=f"the shape {full_shape(e.args[0])} of {e.args[0]}",
            )
