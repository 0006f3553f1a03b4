"""Which axes run together: classes of the axes of all nodes, and of the loops of each node's nest.

Two axes are of one class if some operation reads them at the same index, or at that index and an offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symgrad.graph import Node
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.logic import Connective, Relation
from symgrad.ops.reduce import Maximum, Minimum, ProductOfOthers, ProductOver
from symgrad.ops.select import Select
from symgrad.ops.view import Accumulate, View

Axis = tuple[Node, int]

ALIKE = (Add, Power, Product, Elementwise, Select, Relation, Connective, ProductOfOthers)
REDUCED = (Maximum, Minimum, ProductOver)


class Axes:
    """The classes of the axes of these nodes."""

    def __init__(self, nodes: Sequence[Node]):
        self._parent: dict[Axis, Axis] = {}
        for node in nodes:
            for a, b in _together(node):
                one, other = self.class_of(a), self.class_of(b)
                if one != other:
                    self._parent[other] = one

    def class_of(self, axis: Axis) -> Axis:
        """One axis that stands for all of its class."""
        root = axis
        while root in self._parent:
            root = self._parent[root]
        while axis != root:
            self._parent[axis], axis = root, self._parent[axis]
        return root

    def of_array(self, node: Node) -> list[Axis]:
        """The classes of a node's axes."""
        return [self.class_of((node, axis)) for axis in range(len(node.type.shape))]

    def of_loops(self, node: Node, kind: str) -> dict[str, Axis]:
        """The classes of the loops that compute a node, by the names that fill.py gives them. kind: see its Loops."""
        op = node.op
        if isinstance(op, Contract):
            return {f"i{k}": self.class_of(axis) for k, axis in _labelled(node, op).items()}
        whole = node.inputs[0] if isinstance(op, REDUCED) or kind == "scatter" else node
        return {f"i{k}": c for k, c in enumerate(self.of_array(whole))}


def _together(node: Node) -> Iterator[tuple[Axis, Axis]]:
    """Pairs of axes of a node and its inputs that an operation reads at one index."""
    op = node.op
    if isinstance(op, Contract):
        first = _labelled(node, op)
        for x, labels in zip((*node.inputs, node), (*op.labels, op.output), strict=True):
            yield from (((x, axis), first[k]) for axis, k in enumerate(labels))
    elif isinstance(op, Spread):
        yield from (((node.inputs[0], a), (node, b)) for a, b in enumerate(op.axes))
    elif isinstance(op, (View, Accumulate)):
        array, values = (node.inputs[0], node) if isinstance(op, View) else (node, node.inputs[0])
        for a, place in enumerate(op.places):
            if len(place.terms) == 1 and place.terms[0][1] == 1 and not place.gathered:
                yield (array, a), (values, place.terms[0][0])
    elif isinstance(op, REDUCED):
        yield from (((node.inputs[0], a), (node, a)) for a in range(len(node.type.shape)))
    elif isinstance(op, ALIKE):
        for x in node.inputs:
            yield from (((x, a), (node, a)) for a in range(len(x.type.shape)))


def _labelled(node: Node, op: Contract) -> dict[int, Axis]:
    """For each label an axis that has it."""
    found: dict[int, Axis] = {}
    for x, labels in zip((*node.inputs, node), (*op.labels, op.output), strict=True):
        for axis, k in enumerate(labels):
            found.setdefault(k, (x, axis))
    return found
