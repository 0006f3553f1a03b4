"""Functions applied to every entry of an array: the function's node with an array for its variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.tensor.array.expressions import ArrayElementwiseApplyFunc

from symgrad.errors import UnsupportedExpression
from symgrad.from_matrix.orientation import is_turned, turned
from symgrad.from_matrix.shapes import Rule, as_shape, own_shape
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.arithmetic import Add, Power
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.leaf import Input
from symgrad.ops.logic import Connective, Relation
from symgrad.ops.position import positions
from symgrad.ops.products import broadcast, transpose
from symgrad.ops.select import Select
from symgrad.types import Size

ENTRYWISE = (Elementwise, Add, Power, Select, Relation, Connective)
# How a function's body becomes a node: the driver of the conversion puts itself here, since it stands above.
CONVERT: list[Callable[[Graph, Sequence[Any]], list[Node]]] = []


def _apply(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    if is_turned([e.expr], inputs):
        return transpose(applied(graph, e.function, [turned(x)], x.type.shape[::-1]), (1, 0))
    return applied(graph, e.function, [x], x.type.shape)


def _function_matrix(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    shape = own_shape(e)
    if len(shape) < 2:
        raise UnsupportedExpression("a FunctionMatrix of a single row or column", got=e)
    rows, columns = (broadcast(positions(graph, n), shape, [k]) for k, n in enumerate(shape))
    return applied(graph, e.lamda, [rows, columns], shape)


def applied(graph: Graph, function: Any, arrays: Sequence[Node], shape: tuple[Size, ...]) -> Node:
    """The function of arrays of this shape, entry by entry.

    Raises UnsupportedExpression if the function does more than what is known entry by entry.
    """
    if not isinstance(function, sp.Lambda):
        variables: Any = [sp.Dummy() for _ in arrays]
        function = sp.Lambda(tuple(variables), function(*variables))
    variables = function.variables
    if len(variables) != len(arrays) or not all(isinstance(v, sp.Symbol) for v in function.signature):
        raise UnsupportedExpression("a function of another number of arguments", got=function)
    (body,) = CONVERT[0](graph, [function.expr])
    return lifted(body, dict(zip([graph.add(Input(v)) for v in variables], arrays, strict=True)), shape)


def lifted(body: Node, arrays: dict[Node, Node], shape: tuple[Size, ...]) -> Node:
    """A scalar's node, with arrays of one shape for some of its inputs: what depends on them becomes an array."""
    new: dict[Node, Node] = dict(arrays)
    for node in reachable([body]):
        op = node.op
        carried = [x in new for x in node.inputs]
        if node in new or not any(carried):
            continue
        inputs = [new.get(x, x) for x in node.inputs]
        if isinstance(op, ENTRYWISE):
            new[node] = op.apply(*[as_shape(x, shape) for x in inputs])
        else:
            try:
                new[node] = op.push(inputs, carried, shape)
            except NotImplementedError:
                raise UnsupportedExpression(f"{op.name} within a function that is applied entry by entry") from None
    return as_shape(new.get(body, body), shape)


RULES: dict[type, Rule] = {
    ElementwiseApplyFunction: _apply,
    ArrayElementwiseApplyFunc: _apply,
    sp.FunctionMatrix: _function_matrix,
}
PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    ElementwiseApplyFunction: lambda e: (e.expr,),
    ArrayElementwiseApplyFunc: lambda e: (e.expr,),
    sp.FunctionMatrix: lambda e: (),
}
