"""symgrad's own functions of matrices -> nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from symgrad import matrix_functions as words
from symgrad.from_matrix.shapes import Rule, axis_labels
from symgrad.graph import Graph, Node, Op
from symgrad.ops.contract import contract, spread
from symgrad.ops.exponential import Log
from symgrad.ops.leaf import constant
from symgrad.ops.linear_algebra import Cholesky, LogDet, Solve, factored
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, Softmax
from symgrad.ops.rounding import Abs


def _whole(op: type[Any]) -> Rule:
    """Over all axes."""

    def convert(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
        (x,) = inputs
        rank = len(x.type.shape)
        return graph.add(op(rank), x) if rank else x

    return convert


def _norm(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    rank = len(x.type.shape)
    return graph.add(NormOver(rank), x) if rank else graph.add(Abs(), x)


def _axis_last(x: Node, e: Any) -> tuple[Node, list[Any], list[Any]] | None:
    """The array with the axis that is reduced as its last; its labels now, and those of its axes before. None if the
    matrix has but one row or column along it."""
    labels = axis_labels(e.arg, [0, 1])
    if e.axis not in labels:
        return None
    order = [k for k in labels if k != e.axis] + [e.axis]
    return contract(x.graph, [(x, labels)], order), order, labels


def _one_each(op: type[Any]) -> Rule:
    def convert(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
        found = _axis_last(inputs[0], e)
        return inputs[0] if found is None else graph.add(op(), found[0])

    return convert


def _softmax(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    found = _axis_last(x, e)
    if found is None:
        return constant(graph, 1, x.type.shape)
    turned, order, labels = found
    return contract(graph, [(graph.add(Softmax(), turned), order)], labels)


def _log_softmax(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    found = _axis_last(x, e)
    if found is None:
        return constant(graph, 0, x.type.shape)
    turned, order, labels = found
    sums = graph.add(LogSumExpOver(), turned)
    return x - spread(sums, order[:-1], labels, dict(zip(labels, x.type.shape, strict=True)))


def _logdet(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (x,) = inputs
    return factored(LogDet(), x) if x.type.shape else graph.add(Log(), graph.add(Abs(), x))


def _solve(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    a, b = inputs
    if not a.type.shape:  # a 1 x 1 matrix, and a row
        return contract(graph, [(a**-1, []), (b, range(len(b.type.shape)))], range(len(b.type.shape)))
    return factored(Solve(), a, b)


def _cholesky(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    (a,) = inputs
    op: Op = Cholesky()
    return graph.add(op, a) if a.type.shape else a ** Fraction(1, 2)


def _arg(e: Any) -> tuple[Any, ...]:
    return (e.arg,)


RULES: dict[type, Rule] = {
    words.LogSumExpOfMatrix: _whole(LogSumExpOver),
    words.MaximumOfMatrix: _whole(Maximum),
    words.MinimumOfMatrix: _whole(Minimum),
    words.Norm: _norm,
    words.LogDet: _logdet,
    words.LogSumExpAlong: _one_each(LogSumExpOver),
    words.MaximumAlong: _one_each(Maximum),
    words.MinimumAlong: _one_each(Minimum),
    words.SoftmaxAlong: _softmax,
    words.LogSoftmaxAlong: _log_softmax,
    words.Solution: _solve,
    words.CholeskyFactor: _cholesky,
}
PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {kind: _arg for kind in RULES if issubclass(kind, words.AlongAxis)}
