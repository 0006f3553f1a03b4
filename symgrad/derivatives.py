"""Nodes -> the nodes of their derivatives, appended to the same graph.

The book's words (Goodfellow, Bengio, Courville, Deep Learning, section 6.5.6, Algorithms 6.5 and 6.6), and their place:

    get_operation(V)        node.op
    get_inputs(V, G)        node.inputs
    get_consumers(V, G)     graph.consumers(nodes)[node]
    op.bprop(inputs, X, G)  node.op.bprop(node, g), for all inputs X at once; node.op.shares in the sweep
    build_grad(V, ...)      one step of the sweep below
    grad_table              grad_table

The book recurses from each variable up to the target. Here one sweep goes from the target down: all consumers of a node
have a larger index, so when the sweep reaches a node, its gradient is complete. Each node is visited once: linear time,
where the book's bound is quadratic.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symgrad.errors import ObjectiveError, UndefinedDerivative
from symgrad.graph import Node, Term, reachable
from symgrad.ops.contract import contract, contract_guarded
from symgrad.ops.elementwise import Undefined
from symgrad.ops.guards import gathered, guarded_sum
from symgrad.ops.leaf import Input, constant
from symgrad.ops.select import multiple, times
from symgrad.progress import counted


def build_grad(
    target: Node, wrt: Sequence[Node], seed: Node | None = None, below: Sequence[Node] | None = None
) -> list[Node]:
    """The gradient of the target by each node of `wrt`, as nodes of the same graph; zero where it does not depend.

    `wrt` may hold inner nodes. `seed` is the gradient by the target itself, 1 if left out; `below`, what the target
    depends on in topological order, if it is known.
    Raises UndefinedDerivative, naming the operation and the path to it.
    """
    return vector_jacobian([target], wrt, [seed or target.like(1)], below)


def vector_jacobian(
    targets: Sequence[Node], wrt: Sequence[Node], seeds: Sequence[Node], below: Sequence[Node] | None = None
) -> list[Node]:
    """sum_i seed_i d target_i / d w for each w of `wrt`: reverse accumulation, one sweep for all targets."""
    active = _dependent(wrt, reachable(targets) if below is None else below)
    grad_table: dict[Node, list[Term]] = {node: [] for node in active}
    for target, seed in zip(targets, seeds, strict=True):
        if target.type.dtype == "b1":
            raise ObjectiveError("a truth value has no derivative", got=target.op.label())
        if target in grad_table:
            grad_table[target].append((1, seed))
    wanted = set(wrt)
    gradients: dict[Node, Node] = {}
    for node in counted(active[::-1], "differentiating"):
        contributions = grad_table.pop(node)
        if not contributions:
            continue
        c, g = gathered(contributions)
        if node in wanted:
            gradients[node] = multiple(c, g)
            if grad_table.keys().isdisjoint(node.inputs):
                continue
        for x, gx in zip(node.inputs, node.op.shares(node, c, g), strict=True):
            if gx is not None and x in grad_table:
                if isinstance(gx, Undefined):
                    raise UndefinedDerivative(
                        f"{node.op.name} has no derivative by its argument {node.inputs.index(x) + 1}: {gx.reason}",
                        got=node.op.label(),
                    ).at(_path(targets, node))
                grad_table[x].append(gx)
    return [gradients.get(node) or node.like(0) for node in wrt]


def between(wrt: Sequence[Node], targets: Sequence[Node]) -> list[Node]:
    """The nodes that depend on one of `wrt` and that a target depends on, in topological order."""
    return _dependent(wrt, reachable(targets))


def _dependent(wrt: Sequence[Node], nodes: Sequence[Node]) -> list[Node]:
    """Those of the nodes, in topological order, that depend on one of `wrt`."""
    found = set(wrt)
    dependent = []
    for node in nodes:
        if not found.isdisjoint(node.inputs) or node in found:
            found.add(node)
            dependent.append(node)
    return dependent


def jacobian_vector(outputs: Sequence[Node], wrt: Sequence[Node], vector: Sequence[Node]) -> list[Node]:
    """J v, the directional derivative of each output along `vector`.

    The vector-Jacobian product is linear in its seed u, so J v is the gradient of <J^T u, v> by u: forward accumulation
    from the one rule that an operation has (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
    """
    seeds = _seeds(outputs)
    transposed = vector_jacobian(outputs, wrt, seeds)
    return build_grad(inner(transposed, vector), seeds)


def jacobian_rows(outputs: Sequence[Node], wrt: Sequence[Node]) -> list[list[Node]]:
    """d output_i / d w_j, row by row: in reverse if there are no more outputs than variables, else forward."""
    if len(outputs) <= len(wrt):
        return [build_grad(output, wrt) for output in counted(outputs, "differentiating", "outputs", step=1)]
    seeds = _seeds(outputs)
    transposed = vector_jacobian(outputs, wrt, seeds)
    columns = [build_grad(g, seeds) for g in counted(transposed, "differentiating by", "variables", step=1)]
    return [list(row) for row in zip(*columns, strict=True)]


def hessian_rows(target: Node, wrt: Sequence[Node]) -> list[list[Node]]:
    """d^2 target / d w_i d w_j: the lower triangle by one sweep for each row, mirrored."""
    gradient = counted(build_grad(target, wrt), "differentiating by", "variables", step=1)
    lower = [build_grad(g, wrt[: i + 1]) for i, g in enumerate(gradient)]
    n = len(wrt)
    return [[lower[max(i, j)][min(i, j)] for j in range(n)] for i in range(n)]


def jacobian_array(output: Node, variable: Node) -> Node:
    """d output / d variable, of shape output.shape + variable.shape; structure is kept: a diagonal stays one.

    By reverse accumulation from the identity: the vector-Jacobian product is linear in its seed, so the seed's axes are
    pushed through it in front of all others, and no other operation ever sees them.
    """
    if not output.type.shape:
        return build_grad(output, [variable])[0]
    if not variable.type.shape:
        return jacobian_vector([output], [variable], [variable.like(1)])[0]
    graph, batch = output.graph, output.type.shape
    (seed,) = _seeds([output])
    (product,) = vector_jacobian([output], [variable], [seed])
    axes = range(len(batch))
    carried = {seed: contract(graph, [], (*axes, *axes), dict(enumerate(batch)))}
    for node in between([seed], [product])[1:]:
        inputs = [carried.get(x, x) for x in node.inputs]
        carried[node] = node.op.push(inputs, [x in carried for x in node.inputs], batch)
    return carried.get(product) or constant(graph, 0, (*batch, *variable.type.shape))


def hessian_vector(target: Node, wrt: Sequence[Node], vector: Sequence[Node]) -> list[Node]:
    """H v as the gradient of <gradient, v>: H is never formed (B. Christianson, IMA J. Numer. Anal. 12 (1992) 135).

    The vector must not depend on `wrt`: it would be differentiated too.
    """
    return build_grad(inner(build_grad(target, wrt), vector), wrt)


def inner(a: Sequence[Node], b: Sequence[Node]) -> Node:
    """sum_i a_i b_i, guarded where the terms are."""
    return guarded_sum([_inner(x, y) for x, y in zip(a, b, strict=True)])


def _inner(x: Node, y: Node) -> Node:
    axes = range(len(x.type.shape))
    return contract_guarded(x, axes, [(y, axes)], ()) if axes else times(x, y)


def _seeds(outputs: Sequence[Node]) -> list[Node]:
    """A variable for each output, of a name of its own."""
    return [output.graph.add(Input(sp.Dummy("u"), output.type)) for output in outputs]


def _path(targets: Sequence[Node], wanted: Node) -> str:
    """The operations from a target down to a node."""
    readers: dict[Node, Node] = {}
    for node in reachable(targets):
        for x in node.inputs:
            readers[x] = node
    way = [wanted]
    while way[-1] in readers and way[-1] not in targets:
        way.append(readers[way[-1]])
    names = [node.op.name for node in reversed(way)]
    if len(names) > 12:
        names = [*names[:5], f"... {len(names) - 10} more ...", *names[-5:]]
    return " > ".join(names)
