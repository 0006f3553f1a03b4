"""How many operations a Function takes: of scalars, and of arrays of given sizes, as they are prepared for loops.

An operation makes a number or a truth value of two: n operands are n - 1 of them, a function is one, a maximum is a
comparison and a choice. What is made of constants alone is none, since it is computed once; nor is what only moves
numbers, or fills with zeros. Arrays are counted after `prepared`: there products have two factors, in the order in
which they are multiplied. That does not depend on the numbers that sizes have: it is the order that is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from symgrad.function import Function
from symgrad.graph import Node, reachable
from symgrad.lower.arrays.fill import accumulation
from symgrad.lower.arrays.linear import CholeskyFactor, Factors, FromFactors, SolvedRows
from symgrad.lower.arrays.prepare import prepared
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.leaf import Input
from symgrad.ops.position import Position
from symgrad.ops.reduce import Maximum, Minimum, ProductOfOthers, ProductOver
from symgrad.ops.reshape import Reshape
from symgrad.ops.rounding import Extremum
from symgrad.ops.select import Select
from symgrad.ops.view import Accumulate, Stack, View
from symgrad.types import Sizes, shape_in_numbers
from tests.groups.group import Outcome

MOST = 5.0  # operations of value and gradient against those of the value: the bound of cheap gradients
SMALL = 5  # operations beyond that bound: one beta function of two arguments, in seven operations, takes 36
LARGE = (100, 80, 60)  # sizes at which a product of matrices too many is seen, whatever else there is

Shape = tuple[int, ...]


def cheap(function: Function, derived: Function, sizes: Sizes) -> Outcome:
    """The operations of a scalar and its gradient against those of the scalar: at these sizes, and at large ones.

    Besides, each entry of a gradient that is an array may take one: of n contributions n - 1 are added, entry by entry,
    also where the value has read few entries, such as a diagonal of a matrix and another part of it.
    """
    outcome = Outcome()
    ways: dict[str, Sizes] = {"operations": sizes}
    if sizes:
        ways["operations at large sizes"] = dict(zip(sizes, LARGE, strict=False))
    for words, numbers in ways.items():
        before, after = operations(function, numbers), operations(derived, numbers)
        if before < 3:  # of nothing, everything is a multiple
            continue
        ratio = after / before
        gradients = [shape_in_numbers(e.type.shape, numbers) for r in derived.results[1:] for e in r.elements]
        failure = ""
        if after > MOST * before + SMALL + sum(prod(shape) for shape in gradients if shape):
            failure = f"{after} {words} for {before}, {dict(numbers)}: {function}"[:2000]
        outcome.merge(Outcome(ratio, failure, numbers={words: ratio}))
    return outcome


def operations(function: Function, sizes: Sizes) -> int:
    """How many operations it is, for these sizes."""
    inputs = [x for a in function.arguments for x in a.elements]
    outputs, _ = prepared([e for r in function.results for e in r.elements], inputs)
    return sum(by_node(outputs, sizes).values())


def by_node(outputs: Sequence[Node], sizes: Sizes) -> dict[Node, int]:
    """The operations of each node that takes some."""
    found: dict[Node, int] = {}
    constants: set[Node] = set()
    for node in reachable(outputs):
        op = node.op
        if isinstance(op, (Input, Position)):
            continue
        if constants.issuperset(node.inputs):
            constants.add(node)
        elif not isinstance(op, MOVES):
            shapes = [shape_in_numbers(x.type.shape, sizes) for x in (node, *node.inputs)]
            found[node] = COUNTS.get(type(op), _entrywise)(node, shapes[0], shapes[1:], sizes)
    return found


def _entrywise(node: Node, shape: Shape, inputs: Sequence[Shape], sizes: Sizes) -> int:
    pairs = 1 if isinstance(node.op, Select) else max(1, len(inputs) - 1)
    return prod(shape) * pairs * (2 if isinstance(node.op, Extremum) else 1)


def _contraction(node: Node, shape: Shape, inputs: Sequence[Shape], sizes: Sizes) -> int:
    """Products, those of what has fewest entries first, as loops do; then what is summed is added up."""
    op = node.op
    assert isinstance(op, Contract)
    lengths: dict[int, int] = {
        k: n for own, ks in zip(inputs, op.labels, strict=True) for k, n in zip(ks, own, strict=True)
    }
    total = 0
    known: set[int] = set()
    for k, labels in enumerate(sorted(op.labels, key=lambda ks: prod([lengths[j] for j in set(ks)]))):
        known.update(labels)
        total += prod([lengths[j] for j in known]) if k else 0
    every, kept = (prod([lengths[j] for j in labels]) for labels in (known, known & set(op.output)))
    return total + max(0, every - kept)


def _accumulated(node: Node, shape: Shape, inputs: Sequence[Shape], sizes: Sizes) -> int:
    """Additions, unless each entry takes one value at most."""
    op = node.op
    assert isinstance(op, Accumulate)
    return 0 if accumulation(op, node) == "gather" else prod(inputs[0])


def _reduced(times: int) -> Callable[..., int]:
    return lambda node, shape, inputs, sizes: times * max(0, prod(inputs[0]) - prod(shape))


def _factors(node: Node, shape: Shape, inputs: Sequence[Shape], sizes: Sizes) -> int:
    """Of each column what is below the diagonal is divided, and a rank-one product taken from the rest."""
    return sum(k + 2 * k**2 for k in range(shape[0]))


def _solved(node: Node, shape: Shape, inputs: Sequence[Shape], sizes: Sizes) -> int:
    """Of each row two triangles, one of which has ones on its diagonal."""
    *rows, n = shape
    return prod(rows) * (2 * n * n - n)


def _from_factors(node: Node, shape: Shape, inputs: Sequence[Shape], sizes: Sizes) -> int:
    op = node.op
    assert isinstance(op, FromFactors)
    return inputs[0][0] * (3 if op.logarithm else 1)


COUNTS: Mapping[type, Callable[[Node, Shape, Sequence[Shape], Sizes], Any]] = {
    Contract: _contraction,
    Accumulate: _accumulated,
    Maximum: _reduced(2),
    Minimum: _reduced(2),
    ProductOver: _reduced(1),
    ProductOfOthers: lambda node, shape, inputs, sizes: 3 * prod(shape),  # from both ends, and both together
    Factors: _factors,
    SolvedRows: _solved,
    FromFactors: _from_factors,
    CholeskyFactor: lambda node, shape, inputs, sizes: sum((shape[0] - k) * (2 * k + 1) for k in range(shape[0])),
}
MOVES = (View, Spread, Reshape, Stack)
