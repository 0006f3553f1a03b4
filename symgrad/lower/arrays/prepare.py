"""Graph of arrays -> a graph of its own for lowering: products of two factors, reductions that loops can do.

Softmax and log-sum-exp become a maximum, exponentials and a sum; a norm, a maximum and a sum of squares; a contraction
of several factors becomes several of two, in the cheapest order; what one factor alone is summed over is summed before;
a number in front of a product goes to its smallest factor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fractions import Fraction

from symgrad.graph import Graph, Node, Op, consumers, reachable
from symgrad.lower.arrays.library import called
from symgrad.lower.arrays.linear import REWRITES
from symgrad.lower.arrays.products import Products, renumbered
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.leaf import Const
from symgrad.ops.logic import Relation
from symgrad.ops.reduce import LogSumExpOver, Maximum, NormOver, Softmax
from symgrad.ops.rounding import Abs
from symgrad.ops.select import Select
from symgrad.ops.stable import FilledReciprocal


def prepared(outputs: Sequence[Node], inputs: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """The outputs and inputs in a new graph."""
    graph, products = Graph(), Products()
    rules = {**RULES, Contract: products.contraction}
    new: dict[Node, Node] = {x: graph.add(x.op) for x in inputs}
    for node in reachable(outputs):
        if node not in new:
            rule = rules.get(type(node.op)) or (_of_broadcast if isinstance(node.op, Elementwise) else None)
            arguments = [new[x] for x in node.inputs]
            new[node] = rule(node.op, *arguments) if rule and arguments else graph.add(node.op, *arguments)
    return _turned([new[y] for y in outputs]), [new[x] for x in inputs]


def _turned(outputs: Sequence[Node]) -> list[Node]:
    """The outputs where matrices that would be read by columns, and that products read in any order, lie transposed."""
    nodes = reachable(outputs)
    readers = consumers(nodes)
    turned: set[Node] = set()
    free = [x for x in nodes if isinstance(x.op, Contract) and len(x.type.shape) == 2 and x not in outputs]
    turned.update(x for x in free if _is_product(*readers[x]) and _reads_columns(x))
    turned.update(x for x in free if _is_product(x) and _is_read_by_columns(x, readers[x], turned))
    new: dict[Node, Node] = {}
    for node in nodes:
        op, own = node.op, [new[x] for x in node.inputs]
        if node not in turned and turned.isdisjoint(node.inputs):
            new[node] = node.graph.add(op, *own) if own else node
            continue
        assert isinstance(op, Contract)
        labels = [ks[::-1] if x in turned else ks for x, ks in zip(node.inputs, op.labels, strict=True)]
        output = op.output[::-1] if node in turned else op.output
        new[node] = renumbered([*zip(own, labels, strict=True)], output, dict(op.extents))
    return [new[y] for y in outputs]


def _is_product(*nodes: Node) -> bool:
    """Are they products of matrices, which take their factors in any order?"""
    return all(called(node, "", None) for node in nodes)


def _reads_columns(node: Node) -> bool:
    """Is a matrix multiplied entry by entry, from matrices that lie in the other order?"""
    op = node.op
    assert isinstance(op, Contract)
    fixed = [ks for x, ks in zip(node.inputs, op.labels, strict=True) if len(ks) == 2 and not _is_product(x)]
    return not (op.summed or op.embeds) and bool(fixed) and all(ks == op.output[::-1] for ks in fixed)


def _is_read_by_columns(x: Node, readers: Sequence[Node], turned: Collection[Node]) -> bool:
    """Has all that reads a matrix, but for products of matrices, its axes in the other order?"""
    others = [node for node in readers if not _is_product(node)]
    for node in others:
        op = node.op
        if not isinstance(op, Contract):
            return False
        output = op.output[::-1] if node in turned else op.output
        own = [ks for y, ks in zip(node.inputs, op.labels, strict=True) if y is x]
        if any(tuple(k for k in output if k in ks) != ks[::-1] for ks in own):
            return False
    return bool(others)


def _of_broadcast(op: Op, *inputs: Node) -> Node:
    """A function of an array that is the same along an axis: of what is repeated, once."""
    graph, first = inputs[0].graph, inputs[0].op
    if len(inputs) > 1 or not isinstance(first, Contract) or not (first.is_view and first.extents):
        return graph.add(op, *inputs)
    (x,) = inputs[0].inputs
    if len(set(first.labels[0])) < len(first.labels[0]):  # a diagonal
        return graph.add(op, *inputs)
    return graph.add(first, graph.add(op, x))


def _scaled(op: Add, *inputs: Node) -> Node:
    """A number times an array that holds others more than once, or zeros: times what is smaller, before."""
    graph, first = inputs[0].graph, inputs[0].op
    if len(inputs) > 1 or not isinstance(first, Contract) or not first.labels or first.summed:
        return graph.add(op, *inputs)
    factors = list(inputs[0].inputs)
    if first.embeds:
        on = tuple(dict.fromkeys(first.output))
        inside = graph.add(Contract(first.labels, on, first.extents), *factors)
        return graph.add(Contract((on,), first.output), graph.add(op, inside))
    k = min(range(len(factors)), key=lambda k: len(factors[k].type.shape))
    if len(factors) > 2 or len(factors[k].type.shape) == len(inputs[0].type.shape):
        return graph.add(op, *inputs)  # of three, a product that others may read would be computed twice
    factors[k] = graph.add(op, factors[k])
    return graph.add(first, *factors)


def _along(value: Node, x: Node) -> Node:
    """A value of the shape that is left when last axes are reduced, the same along those."""
    rank, kept = len(x.type.shape), len(value.type.shape)
    extents = tuple(zip(range(kept, rank), x.type.shape[kept:], strict=True))
    return x.graph.add(Contract((tuple(range(kept)),), tuple(range(rank)), extents), value)


def _sum_last(x: Node, axes: int) -> Node:
    rank = len(x.type.shape)
    return x.graph.add(Contract((tuple(range(rank)),), tuple(range(rank - axes))), x)


def _exponentials(top: Node, x: Node) -> Node:
    return x.graph.add(Exp(), x.graph.add(Add((1, -1)), x, _along(top, x)))


def _log_sum_exp(op: LogSumExpOver, x: Node) -> Node:
    graph = x.graph
    top = graph.add(Maximum(op.axes), x)
    zero = graph.add(Const(0, top.type.shape))
    finite = graph.add(Relation("=="), graph.add(Add((1, -1)), top, top), zero)  # inf - inf is nan
    top = graph.add(Select(), finite, top, zero)
    whole = _sum_last(_exponentials(top, x), op.axes)
    return graph.add(Add((1, 1)), top, graph.add(Log(), whole))


def _softmax(op: Softmax, x: Node) -> Node:
    graph = x.graph
    e = _exponentials(graph.add(Maximum(op.axes), x), x)
    share = _along(graph.add(Power(-1), _sum_last(e, op.axes)), x)
    every = tuple(range(len(x.type.shape)))
    return graph.add(Contract((every, every), every), e, share)


def _norm(op: NormOver, x: Node) -> Node:
    """In units of the largest entry: squares of 1e200 are infinite."""
    graph = x.graph
    top = graph.add(Maximum(op.axes), graph.add(Abs(), x))
    zero, one = (graph.add(Const(k, top.type.shape)) for k in (0, 1))
    finite = graph.add(Relation("=="), graph.add(Add((1, -1)), top, top), zero)  # of nothing, it is -inf
    unit = graph.add(Select(), finite, top, one)
    share = _product(x, _along(graph.add(FilledReciprocal(), unit), x))
    squares = _sum_last(graph.add(Power(2), share), op.axes)
    return _product(unit, graph.add(Power(Fraction(1, 2)), squares))


def _product(a: Node, b: Node) -> Node:
    every = tuple(range(len(a.type.shape)))
    return a.graph.add(Contract((every, every), every), a, b) if every else a.graph.add(Product(), a, b)


RULES: dict[type, Callable[..., Node]] = {
    Add: _scaled,
    LogSumExpOver: _log_sum_exp,
    Softmax: _softmax,
    NormOver: _norm,
    **REWRITES,
}
