"""SymPy writes (A*B - C).T as B.T*A.T - C.T. Here such a sum or product is read as the transpose of A*B - C, so that a
matrix and its transpose, as in E.T*E, share their nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.from_matrix.shapes import is_matrix
from symgrad.graph import Node
from symgrad.ops.arithmetic import Add
from symgrad.ops.contract import Contract, contract
from symgrad.ops.leaf import Const
from symgrad.ops.products import transpose


def is_turned(parts: Sequence[Any], nodes: Sequence[Node]) -> bool:
    """Are more of these matrices transposes than not?"""
    return sum(map(_turns, parts, nodes)) > 0


def _turns(part: Any, x: Node) -> int:
    """1 of a transpose, -1 of another matrix, 0 of what is as good both ways: a vector along an axis, A*B.T."""
    if len(x.type.shape) != 2 or isinstance(x.op, Const):
        return 0
    if isinstance(x.op, Add) and len(x.inputs) == 1:  # c*X
        (x,) = x.inputs
    if not isinstance(x.op, Contract):
        return -1
    if x.op.is_view and x.op.labels[0] == x.op.output[::-1]:
        return 1
    if all(len(f.type.shape) < 2 for f in x.inputs):
        return 0
    return 0 if isinstance(part, sp.MatMul) and _transposes(part) == 0 else -1


def _transposes(product: Any) -> int:
    """How many factors are transposes, or functions of transposes, less how many are not."""
    count = 0
    for factor in product.args:
        if not is_matrix(factor) or 1 in factor.shape:
            continue
        while isinstance(factor, (ElementwiseApplyFunction, sp.HadamardPower)):
            factor = factor.expr if isinstance(factor, ElementwiseApplyFunction) else factor.base
        first = factor.args[-1] if isinstance(factor, sp.MatMul) else factor
        count += 1 if isinstance(first, sp.Transpose) else -1
    return count


def turned(x: Node) -> Node:
    """The transpose of a matrix: of a transpose what is in it, of a product one of the same factors."""
    coefficient = x.op if isinstance(x.op, Add) and len(x.inputs) == 1 else None
    if coefficient is not None:  # c*X
        (x,) = x.inputs
    if isinstance(x.op, Contract):
        factors = list(zip(x.inputs, x.op.labels, strict=True))
        result = contract(x.graph, factors, x.op.output[::-1], dict(x.op.extents))
    else:
        result = transpose(x, (1, 0))
    return result if coefficient is None else coefficient.apply(result)


def upright(x: Node) -> Node:
    """A matrix that is mostly transposes, as one transpose of an array."""
    return transpose(turned(x), (1, 0))
