"""Function -> its steps, as lecturers draw them: formula, value, local and upstream gradient, and their product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from symgrad import derivatives
from symgrad.arguments import as_numbers, bind
from symgrad.errors import ArgumentError
from symgrad.evaluate import evaluate
from symgrad.explain_arrays import explain_arrays
from symgrad.graph import Node, reachable
from symgrad.ops.leaf import Input, Leaf
from symgrad.simplify import FORM, simplify
from symgrad.steps import Edge, Explanation, Step

if TYPE_CHECKING:
    from symgrad.function import Function


def explain(function: Function, at: Mapping[Any, Any] | Sequence[Any] | None = None) -> Explanation:
    """Every step of a function of one scalar output.

    at: a point, by position as the function is called, or a mapping from variables or their names to numbers. Without
    it the table holds formulas only.
    Raises ObjectiveError unless the output is one scalar; ArgumentError if the point does not fit.
    """
    if function.has_arrays:
        return explain_arrays(function, at)
    target = function.target
    values = None if at is None else _point(function, at)
    nodes = reachable([target])
    names = _names(nodes, target, function.name)
    active = derivatives.between([n for n in nodes if isinstance(n.op, Input)], [target])
    with function.graph.growing():
        upstream = dict(zip(active, derivatives.build_grad(target, active), strict=True))
        one = target.graph.node(1)
        local = {node: node.op.bprop(node, one) for node in active if not isinstance(node.op, Leaf)}
        partials = [p for row in local.values() for p in row if isinstance(p, Node)]
        shown = dict(zip(partials, simplify(partials, FORM if function.simplified else ()).outputs, strict=True))
    wanted = [*nodes, *upstream.values(), *shown.values()]
    numbers = dict(zip(wanted, evaluate(wanted, values), strict=True)) if values is not None else {}
    form = _formulas(list(shown.values()), names)
    steps = []
    for node in nodes:
        if isinstance(node.op, Leaf) and not isinstance(node.op, Input):
            continue
        edges = []
        formula = node.op.to_sympy(*[names[x] for x in node.inputs])
        for x, partial in zip(node.inputs, local.get(node, ()), strict=False):
            if x not in upstream or partial is None:
                continue
            partial = shown[partial]
            value = numbers.get(partial)
            product = None if value is None else float(value * numbers[upstream[node]])
            local_form = form[partial].xreplace({formula: names[node]})  # in terms of the output, where it is there
            edges.append(Edge(names[x], local_form, None if value is None else float(value), product))
        arriving = numbers.get(upstream[node]) if node in upstream else None
        steps.append(Step(names[node], formula, _float(numbers.get(node)), _float(arriving), tuple(edges)))
    return Explanation(function.head, tuple(steps), None if values is None else _shown(function, values))


def _names(nodes: Sequence[Node], target: Node, name: str) -> dict[Node, Any]:
    """Inputs and constants by themselves, the output by the function's name, the rest t0, t1, ... in order."""
    taken = {str(node.op.to_sympy()) for node in nodes if isinstance(node.op, Leaf)}
    names: dict[Node, Any] = {}
    count = 0
    for node in nodes:
        if isinstance(node.op, Leaf):
            names[node] = node.op.to_sympy()
        elif node is target and name not in taken:
            names[node] = sp.Symbol(name, real=True)
        else:
            while f"t{count}" in taken:
                count += 1
            names[node] = sp.Symbol(f"t{count}", real=True)
            count += 1
    return names


def _formulas(outputs: Sequence[Node], names: Mapping[Node, Any]) -> dict[Node, Any]:
    """The outputs in terms of the names."""
    expressions = dict(names)
    for node in reachable(outputs):
        if node not in expressions:
            expressions[node] = node.op.to_sympy(*[expressions[x] for x in node.inputs])
    return expressions


def _point(function: Function, at: Mapping[Any, Any] | Sequence[Any]) -> dict[Node, Any]:
    """The value of each input node."""
    if isinstance(at, Mapping):
        by_name = {str(key): value for key, value in at.items()}
        nodes = {x.op.label(): x for a in function.arguments for x in a.elements}
        if set(by_name) == set(nodes):
            return {nodes[name]: float(value) for name, value in by_name.items()}
        bound = bind(function.arguments, [], by_name)
    else:
        bound = bind(function.arguments, list(at) if isinstance(at, Sequence) else [at], {})
    values: dict[Node, Any] = {}
    for argument, value in zip(function.arguments, bound, strict=True):
        array = as_numbers(argument, value)
        if array.shape != argument.shape:
            raise ArgumentError(f"explain takes one point, argument {argument.name} is a batch", got=array.shape)
        values.update(zip(argument.elements, map(float, array.flat), strict=True))
    return values


def _shown(function: Function, values: Mapping[Node, Any]) -> dict[str, Any]:
    return {x.op.label(): values[x] for a in function.arguments for x in a.elements}


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
