"""Nodes of rank 2 or less -> SymPy's matrix expressions: a vector is a column, its axis of size 1 comes second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.graph import Node, Op, reachable
from symgrad.ops.arithmetic import Add, Power, to_sympy_number
from symgrad.ops.contract import Contract
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.leaf import Const, Input
from symgrad.ops.linear_algebra import Determinant, Factorisation, Inverse, LogDet, Solve
from symgrad.to_sympy.chains import contraction, entry
from symgrad.to_sympy.names import Names
from symgrad.to_sympy.terms import product, split, transposed_factor, weighted
from symgrad.types import Size


def matrix_shape(shape: Sequence[Size]) -> tuple[Size, Size]:
    """Rows and columns: a vector is a column."""
    rows, columns = (*shape, 1, 1)[:2]
    return rows, columns


def matrix_forms(outputs: Sequence[Node], names: Names) -> dict[Node, Any] | None:
    """The matrix expression of every node that the outputs depend on; None if one of them has none."""
    forms: dict[Node, Any] = {}
    for node in reachable(outputs):
        if isinstance(node.op, Factorisation):
            forms[node] = None
            continue
        form = matrix_form_of(node, [forms[x] for x in node.inputs], names)
        if form is None:
            return None
        forms[node] = form
    return forms


def matrix_form_of(node: Node, args: Sequence[Any], names: Names) -> Any:
    """The matrix expression of one node from those of its inputs, or None if there is none."""
    if len(node.type.shape) > 2:
        return None
    if (
        not node.type.shape
        and not any(x.type.shape for x in node.inputs)
        and not isinstance(node.op, (Contract, Input))
    ):
        return node.op.to_sympy(*args)
    return matrix_form(node.op, node, args, names)


@singledispatch
def matrix_form(op: Op, node: Node, args: Sequence[Any], names: Names) -> Any:
    """The matrix expression of a node of this operation; None if it has none."""
    return None


@matrix_form.register
def _(op: Input, node: Node, args: Sequence[Any], names: Names) -> Any:
    rows, columns = matrix_shape(node.type.shape)
    x = op.variable
    if node.type.dtype != "f8":
        return None
    if isinstance(x, sp.MatrixSymbol):
        if not node.type.shape:
            return entry(x, 0, 0)
        return sp.Transpose(x) if x.shape[0] == 1 else x
    if not node.type.shape:
        return x
    return sp.MatrixSymbol(op.label(), rows, columns) if isinstance(x, sp.Symbol) else None


@matrix_form.register
def _(op: Const, node: Node, args: Sequence[Any], names: Names) -> Any:
    if op.value == 0:
        return sp.ZeroMatrix(*matrix_shape(op.shape))
    return product(Const(op.value).to_sympy(), [sp.OneMatrix(*matrix_shape(op.shape))])


@matrix_form.register
def _(op: Add, node: Node, args: Sequence[Any], names: Names) -> Any:
    return weighted([(to_sympy_number(c), e) for c, e in zip(op.coefficients, args, strict=True)])


@matrix_form.register
def _(op: Power, node: Node, args: Sequence[Any], names: Names) -> Any:
    coefficient, factors = split(args[0])
    power = to_sympy_number(op.exponent)
    return product(coefficient**power, [sp.HadamardPower(product(1, factors), power)])


@matrix_form.register
def _(op: Elementwise, node: Node, args: Sequence[Any], names: Names) -> Any:
    if len(args) != 1:
        return None
    d = sp.Dummy("d")
    return ElementwiseApplyFunction(sp.Lambda(d, op.to_sympy(d)), args[0])


@matrix_form.register
def _(op: Contract, node: Node, args: Sequence[Any], names: Names) -> Any:
    sizes: dict[Any, Size] = dict(op.extents)
    for x, labels in zip(node.inputs, op.labels, strict=True):
        sizes.update(zip(labels, x.type.shape, strict=True))
    return contraction(list(zip(args, op.labels, strict=True)), op.output, sizes, names)


@matrix_form.register
def _(op: Inverse, node: Node, args: Sequence[Any], names: Names) -> Any:
    return sp.Inverse(args[0])


@matrix_form.register
def _(op: Solve, node: Node, args: Sequence[Any], names: Names) -> Any:
    x, _, b = args
    coefficient, factors = split(b)
    inverse = sp.Inverse(x)
    return product(coefficient, [transposed_factor(inverse) if op.transposed else inverse, *factors])


@matrix_form.register
def _(op: Determinant, node: Node, args: Sequence[Any], names: Names) -> Any:
    return sp.Determinant(args[0])


@matrix_form.register
def _(op: LogDet, node: Node, args: Sequence[Any], names: Names) -> Any:
    return sp.log(sp.Abs(sp.Determinant(args[0])))
