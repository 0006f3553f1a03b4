"""Graph of arrays -> a graph of its own for lowering: products of two factors, reductions that loops can do.

Softmax and log-sum-exp become a maximum, exponentials and a sum; a norm, a maximum and a sum of squares; a contraction
of several factors becomes several of two, in the cheapest order; what one factor alone is summed over is summed before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fractions import Fraction

from symgrad.graph import Graph, Node, Op, consumers, reachable
from symgrad.lower.arrays.library import called
from symgrad.lower.arrays.linear import REWRITES
from symgrad.lower.source.numpy_contract import steps
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
from symgrad.types import Size

Labels = tuple[int, ...]


def prepared(outputs: Sequence[Node], inputs: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """The outputs and inputs in a new graph."""
    graph = Graph()
    new: dict[Node, Node] = {x: graph.add(x.op) for x in inputs}
    for node in reachable(outputs):
        if node not in new:
            rule = RULES.get(type(node.op)) or (_of_broadcast if isinstance(node.op, Elementwise) else None)
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
        new[node] = _renumbered([*zip(own, labels, strict=True)], output, dict(op.extents))
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


def _contract(op: Contract, *inputs: Node) -> Node:
    """Contractions of two arrays; scalars are multiplied with the result."""
    if not op.summed:
        return inputs[0].graph.add(op, *inputs)
    output = tuple(dict.fromkeys(op.output))
    sizes: dict[int, Size] = dict(op.extents)
    for x, labels in zip(inputs, op.labels, strict=True):
        sizes.update(zip(labels, x.type.shape, strict=True))
    arrays = [(x, ks) for x, ks in zip(inputs, op.labels, strict=True) if ks]
    scalars = [x for x, ks in zip(inputs, op.labels, strict=True) if not ks]
    if len(arrays) > 1:
        for k, (x, labels) in enumerate(arrays):
            elsewhere = set(output).union(*[ks for j, (_, ks) in enumerate(arrays) if j != k])
            kept = tuple(dict.fromkeys(i for i in labels if i in elsewhere))
            if kept != labels:
                arrays[k] = _renumbered([(x, labels)], kept, {}), kept
        for step in steps([ks for _, ks in arrays], output, sizes):
            a, b = arrays[step.left], arrays[step.right]
            rest = [f for k, f in enumerate(arrays) if k not in (step.left, step.right)]
            labels = step.labels if rest else tuple(k for k in output if k in step.labels)
            arrays = [*rest, (_renumbered([a, b], labels, {}), labels)]
    elif set(arrays[0][1]) - set(output):
        (x, labels) = arrays[0]
        kept = tuple(k for k in output if k in labels)
        arrays = [(_renumbered([(x, labels)], kept, {}), kept)]
    ((total, labels),) = arrays
    if labels == op.output and not scalars:
        return total
    every = [(x, ()) for x in scalars] + [(total, labels)]
    if not op.output:
        return total.graph.add(Product(), *[x for x, _ in every])
    return _renumbered(every, op.output, sizes)


def _renumbered(factors: Sequence[tuple[Node, Labels]], output: Labels, sizes: dict[int, Size]) -> Node:
    """The contraction, as it is, its labels numbered from the output on."""
    numbers: dict[int, int] = {}
    out = tuple(numbers.setdefault(k, len(numbers)) for k in output)
    labels = tuple(tuple(numbers.setdefault(k, len(numbers)) for k in ks) for _, ks in factors)
    inside = {k for _, ks in factors for k in ks}
    extents = tuple((numbers[k], sizes[k]) for k in dict.fromkeys(output) if k not in inside)
    if len(factors) == 1 and labels[0] == out and len(set(out)) == len(out):
        return factors[0][0]
    return factors[0][0].graph.add(Contract(labels, out, extents), *[x for x, _ in factors])


RULES: dict[type, Callable[..., Node]] = {
    LogSumExpOver: _log_sum_exp,
    Softmax: _softmax,
    NormOver: _norm,
    Contract: _contract,
    **REWRITES,
}
