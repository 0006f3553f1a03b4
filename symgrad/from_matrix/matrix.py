"""Products, sums, powers, traces, determinants and diagonals of matrices -> contractions and linear algebra."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sympy as sp
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct
from sympy.matrices.expressions.kronecker import KroneckerProduct

from symgrad.arrays import array_type
from symgrad.errors import ShapeError, UnsupportedExpression
from symgrad.from_matrix.orientation import is_turned, turned, upright
from symgrad.from_matrix.shapes import (
    Rule,
    as_shape,
    full_shape,
    is_matrix,
    matrix_labels,
    own_shape,
    same_shapes,
)
from symgrad.graph import Graph, Node, arithmetic
from symgrad.ops.contract import Contract, contract
from symgrad.ops.exponential import Exp2, Pow
from symgrad.ops.leaf import Input, constant, exact_value
from symgrad.ops.linear_algebra import Determinant, Inverse, factored
from symgrad.ops.logic import equal
from symgrad.ops.position import positions
from symgrad.ops.products import broadcast, identity, transpose
from symgrad.ops.select import guarded
from symgrad.ops.view import Place, view

Labelled = tuple[Node, list[Hashable]]
CHAIN = (sp.MatMul, sp.MatPow, sp.Transpose)  # what is written out as factors where it stands in a product
MOST_FACTORS = 4  # of a power: more are multiplied by squaring
LONGEST = 12  # factors of a product that are written out


def symbol(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    """A whole array: one leaf."""
    return graph.add(Input(e, array_type(e)))


def opened(x: Node, labels: Sequence[Hashable], name: Hashable) -> list[Labelled]:
    """The factors of a product of matrices, its own summed labels renamed; of anything else, itself."""
    op = x.op
    while isinstance(op, Contract) and op.is_view and not op.extents and isinstance(x.inputs[0].op, Contract):
        places = dict(zip(op.output, labels, strict=True))
        (x,), labels = x.inputs, [places[k] for k in op.labels[0]]
        op = x.op
    if not isinstance(op, Contract) or op.embeds or op.extents or len(op.labels) > LONGEST:
        return [(x, list(labels))]
    names: dict[int, Hashable] = dict(zip(op.output, labels, strict=True))
    return [
        (factor, [names.setdefault(k, (name, k)) for k in ks]) for factor, ks in zip(x.inputs, op.labels, strict=True)
    ]


def _matmul(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    factors: list[Labelled] = []
    before: Any = None
    k = 0
    for part, x in zip(e.args, inputs, strict=True):
        if not is_matrix(part):
            factors.append((x, []))
            continue
        if before is not None and full_shape(before)[1] != full_shape(part)[0]:
            raise ShapeError(
                "matrices that cannot be multiplied",
                got=f"{before} of shape {full_shape(before)} times {part} of shape {full_shape(part)}",
                wanted="as many columns as rows",
                hint="of a 1 x 1 matrix as a factor, take its entry: (x.T*x)[0, 0] or Trace(x.T*x)",
            )
        labels = matrix_labels(part, k, k + 1)
        factors += opened(x, labels, k) if isinstance(part, CHAIN) else [(x, labels)]
        before, k = part, k + 1
    product = contract(graph, factors, matrix_labels(e, 0, k))
    return upright(product) if len(product.type.shape) == 2 and is_turned(e.args, inputs) else product


def _matadd(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    same_shapes(e, inputs)
    if is_turned(e.args, inputs):
        return transpose(arithmetic["sum"]([(1, turned(x)) for x in inputs]), (1, 0))
    return arithmetic["sum"]([(1, x) for x in inputs])


def _hadamard_product(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    same_shapes(e, inputs)
    axes = range(len(inputs[0].type.shape))
    if is_turned(e.args, inputs):
        return transpose(contract(graph, [(turned(x), axes) for x in inputs], axes), (1, 0))
    return contract(graph, [(x, axes) for x in inputs], axes)


def power(graph: Graph, base: Node, exponent: Node) -> Node:
    """base ** exponent entry by entry, either of which may be a scalar."""
    value = exact_value(exponent)
    if value is not None and exponent.type.shape == ():
        return arithmetic["power"](base, value)
    shape = base.type.shape or exponent.type.shape
    base, exponent = as_shape(base, shape), as_shape(exponent, shape)
    return graph.add(Exp2(), exponent) if exact_value(base) == 2 else graph.add(Pow(), base, exponent)


def _hadamard_power(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    base, exponent = inputs
    if is_turned(e.args[:1], [base]) and not exponent.type.shape:
        return transpose(power(graph, turned(base), exponent), (1, 0))
    return power(graph, base, exponent)


def _matpow(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    base, exponent = inputs
    if not base.type.shape:
        return power(graph, base, exponent)
    n = exact_value(exponent)
    if not isinstance(n, int):
        raise UnsupportedExpression(
            "a matrix to a power that is no integer",
            got=e,
            hint="entry by entry it is HadamardPower; a symbolic number of factors has no closed derivative",
        )
    if n == 0:
        return identity(graph, base.type.shape[0])
    if n < 0:
        base, n = factored(Inverse(), base), -n
    return _integer_power(graph, base, n)


def _integer_power(graph: Graph, base: Node, n: int) -> Node:
    """base base ... base, n of them: one product if they are few, else by squaring."""
    if n <= MOST_FACTORS:
        return contract(graph, [(base, [k, k + 1]) for k in range(n)], [0, n])
    result: Node | None = None
    while n:
        if n & 1:
            result = base if result is None else contract(graph, [(result, "ij"), (base, "jk")], "ik")
        n >>= 1
        if n:
            base = contract(graph, [(base, "ij"), (base, "jk")], "ik")
    assert result is not None
    return result


def _inverse(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    return factored(Inverse(), x) if x.type.shape else x**-1


def _determinant(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    return factored(Determinant(), x) if x.type.shape else x


def _transpose(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    return contract(graph, opened(x, matrix_labels(e.arg, 0, 1), "t"), matrix_labels(e, 1, 0))


def _under_trace(e: Any) -> tuple[Any, ...]:
    """The factors of a Kronecker product, whose trace is the product of theirs; anything else is one."""
    if isinstance(e.arg, KroneckerProduct) and all(full_shape(x)[0] == full_shape(x)[1] for x in e.arg.args):
        return tuple(e.arg.args)
    return (e.arg,)


def _trace_of(e: Any, x: Node) -> Node:
    return contract(x.graph, opened(x, matrix_labels(e, 0, 0), "t"), ()) if x.type.shape else x


def _trace(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    traces = [_trace_of(part, x) for part, x in zip(_under_trace(e), inputs, strict=True)]
    return arithmetic["product"](traces)


def _dot(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    same_shapes(e, inputs)
    axes = range(len(inputs[0].type.shape))
    return contract(graph, [(x, axes) for x in inputs], ())


def _identity(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    shape = own_shape(e)
    return identity(graph, shape[0]) if shape else graph.node(1)


def _constant(value: int) -> Rule:
    return lambda graph, e, inputs: constant(graph, value, own_shape(e))


def _diag_matrix(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    if 1 not in full_shape(e.args[0]):
        raise ShapeError("DiagMatrix takes a vector", got=full_shape(e.args[0]), wanted="one row or one column")
    return contract(graph, [(x, [0])], [0, 0]) if x.type.shape else x


def _diagonal_matrix(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    shape = full_shape(e)
    if x.type.shape != shape:
        raise UnsupportedExpression("the diagonal matrix of a single row or column", got=e)
    if shape[0] == shape[1]:
        return contract(graph, [(x, [0, 0])], [0, 0])
    rows, columns = (broadcast(positions(graph, n), shape, [k]) for k, n in enumerate(shape))
    return guarded(equal(rows, columns), x)


def _diagonal_of(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    rows, columns = full_shape(e.args[0])
    if rows == columns:
        return contract(graph, [(x, [0, 0])], [0]) if x.type.shape else x
    if e.shape[0] is None:
        raise ShapeError("the diagonal of a matrix, neither of whose sizes is known to be the smaller", got=e)
    shape = own_shape(e)
    return view(x, [Place(0, ((0, 1),) if shape else ()) for _ in x.type.shape], shape)


def _none(e: Any) -> tuple[Any, ...]:
    return ()


RULES: dict[type, Rule] = {
    sp.MatrixSymbol: symbol,
    sp.MatMul: _matmul,
    sp.MatAdd: _matadd,
    sp.HadamardProduct: _hadamard_product,
    sp.HadamardPower: _hadamard_power,
    sp.MatPow: _matpow,
    sp.Inverse: _inverse,
    sp.Determinant: _determinant,
    sp.Transpose: _transpose,
    sp.Adjoint: _transpose,  # of real numbers
    sp.Trace: _trace,
    DotProduct: _dot,
    sp.Identity: _identity,
    sp.ZeroMatrix: _constant(0),
    sp.OneMatrix: _constant(1),
    DiagMatrix: _diag_matrix,
    DiagonalMatrix: _diagonal_matrix,
    DiagonalOf: _diagonal_of,
}
PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    sp.MatrixSymbol: _none,
    sp.Identity: _none,
    sp.ZeroMatrix: _none,
    sp.OneMatrix: _none,
    sp.Inverse: lambda e: (e.arg,),
    sp.Trace: _under_trace,
}
