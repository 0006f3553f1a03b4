"""The steps of a function of arrays: formula, value, the gradient that arrives, and what each input is sent of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from sympy.tensor.array.expressions import ArraySymbol

from symgrad import derivatives
from symgrad.arguments import bind
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.leaf import Input, Leaf
from symgrad.simplify import FORM, STABLE, simplify
from symgrad.steps import Edge, Explanation, Step
from symgrad.to_sympy import to_sympy
from symgrad.types import Type

if TYPE_CHECKING:
    from symgrad.function import Function


def explain_arrays(function: Function, at: Mapping[Any, Any] | Sequence[Any] | None) -> Explanation:
    """Every step of a function of one scalar output in which arrays stand.

    A local gradient is no array of its own here: it is shown as what it makes of the gradient g that arrives, which is
    op.bprop(node, g). Raises ObjectiveError, ArgumentError or ShapeError.
    """
    target = function.target
    values = None if at is None else _point(function, at)
    nodes = reachable([target])
    inputs = [node for node in nodes if isinstance(node.op, Input) and node.type.dtype == "f8"]
    active = derivatives.between(inputs, [target])
    with function.graph.growing():
        upstream = dict(zip(active, derivatives.build_grad(target, active), strict=True))
        sent = {node: node.op.bprop(node, upstream[node]) for node in active if not isinstance(node.op, Leaf)}
    scratch, stand_ins = Graph(), _Names(nodes, target, function.name)
    wanted = [*nodes, *upstream.values(), *[s for row in sent.values() for s in row if isinstance(s, Node)]]
    numbers = dict(zip(wanted, evaluate(wanted, values), strict=True)) if values is not None else {}
    steps = []
    for node in nodes:
        if isinstance(node.op, Leaf) and not isinstance(node.op, Input):
            continue
        places = [stand_ins.node(scratch, x) for x in node.inputs]
        again = scratch.add(node.op, *places) if places else stand_ins.node(scratch, node)
        edges = []
        if node in sent:
            g = scratch.add(Input(_symbol("g", node.type), Type("f8", node.type.shape)))
            shares = zip(node.inputs, again.op.bprop(again, g), sent[node], strict=True)
            for x, share, number in shares:
                if x in upstream and share is not None and number is not None:
                    (shown,) = simplify([share], [*STABLE, *FORM]).outputs
                    edges.append(Edge(stand_ins.name(x), to_sympy([shown])[0], None, numbers.get(number)))
        (formula,) = to_sympy([again])
        arriving = numbers.get(upstream[node]) if node in upstream else None
        steps.append(Step(stand_ins.name(node), formula, numbers.get(node), arriving, tuple(edges)))
    shown_point = None if values is None else {node.op.label(): value for node, value in values.items()}
    return Explanation(function.head, tuple(steps), shown_point)


class _Names:
    """Inputs by themselves, the output by the function's name, the rest t0, t1, ... in order."""

    def __init__(self, nodes: Sequence[Node], target: Node, name: str):
        taken = {str(s) for node in nodes if isinstance(node.op, Input) for s in node.op.variable.free_symbols}
        self._symbols: dict[Node, Any] = {}
        free = (f"t{k}" for k in range(len(nodes) + len(taken) + 1) if f"t{k}" not in taken)
        for node in nodes:
            if isinstance(node.op, Input):
                self._symbols[node] = node.op.variable
            elif not isinstance(node.op, Leaf):
                own = node is target and name not in taken
                self._symbols[node] = _symbol(name if own else next(free), node.type)

    def name(self, node: Node) -> Any:
        return self._symbols[node]

    def node(self, graph: Graph, node: Node) -> Node:
        """The node that stands for another one in a graph of stand-ins: constants are themselves."""
        if node not in self._symbols:
            return graph.add(node.op)
        return graph.add(Input(self._symbols[node], node.type))


def _symbol(name: str, type_: Type) -> Any:
    shape = type_.shape
    if not shape:
        return sp.Symbol(name, real=True)
    if len(shape) > 2:
        return ArraySymbol(name, shape)
    return sp.MatrixSymbol(name, *shape, *[1] * (2 - len(shape)))


def _point(function: Function, at: Mapping[Any, Any] | Sequence[Any]) -> dict[Node, Any]:
    """The value of each input node."""
    if isinstance(at, Mapping):
        bound = bind(function.arguments, [], {str(key): value for key, value in at.items()})
    else:
        bound = bind(function.arguments, list(at), {})
    values: dict[Node, Any] = {}
    for argument, value in zip(function.arguments, bound, strict=True):
        array = function.as_numbers(argument, value)
        parts = [array] if argument.is_whole else array.flat
        values.update(zip(argument.elements, map(np.asarray, parts), strict=True))
    return values
