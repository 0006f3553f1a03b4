"""The graph: append-only, hash-consed, in topological order. Nothing here knows an operation, and nothing recurses.

`graph.add(op, *inputs)` returns the node that is already there if there is one, so `is` is equality and common
subexpressions are free. A node's index is larger than those of its inputs: a forward sweep is the list of nodes, a
reverse sweep is the list reversed.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from operator import attrgetter
from typing import Any, ClassVar

from symgrad.types import Sizes, Type

Exact = int | Fraction | float  # floats are kept as they were given: nothing is rounded twice


class Op:
    """A small immutable value, whose fields are the operation's parameters. It knows all there is to know of it.

    No abstract base class: `isinstance` of one is ten times slower, and passes ask it of every node.
    Every class of operation is a frozen dataclass: equal fields make equal operations, and so shared nodes.
    """

    finite: ClassVar[bool] = False  # finite inputs give a finite value, short of 1e308

    @property
    def name(self) -> str:
        """The word in a printed graph."""
        return type(self).__name__.lower()

    def label(self) -> str:
        """The name with the parameters, as a printed graph shows it."""
        return self.name

    def result_type(self, *types: Type) -> Type:
        """The type of the value, from those of the inputs. Raises ShapeError where they do not go together."""
        raise NotImplementedError(f"{type(self).__name__}.result_type")

    def sized(self, sizes: Sizes) -> Op:
        """The operation with numbers for the symbols in its sizes."""
        return self

    def apply(self, *inputs: Node) -> Node:
        """The node of this operation on these inputs, in the normal form that its constructor keeps."""
        return inputs[0].graph.add(self, *inputs)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        """The gradients by each input, given `g`, the one by the output `y`; None where the derivative is zero.

        Goodfellow, Bengio, Courville, Deep Learning, section 6.5.6: op.bprop(inputs, X, G). Raises UndefinedDerivative
        if there is none.
        """
        raise NotImplementedError(f"{type(self).__name__}.bprop")

    def shares(self, y: Node, c: Exact, g: Node) -> Sequence[Term | None]:
        """The same, for c g, as terms of sums: what is multiplied by a number, and then added, needs no node."""
        return [None if gx is None else (1, gx) for gx in self.bprop(y, arithmetic["multiple"](c, g))]

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        """The node on inputs of which some carry more axes, of these sizes, before their own; so does the result.

        Known of what is linear in the inputs that carry them: what a cotangent passes through. It makes all rows of a
        Jacobian at once (derivatives.jacobian_array).
        """
        raise NotImplementedError(f"{type(self).__name__}.push")

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        """The value from the inputs' values, in the arithmetic of the module `numbers`: numpy or mpmath."""
        raise NotImplementedError(f"{type(self).__name__}.evaluate")

    def emit(self, t: Any, *args: Any) -> Any:
        """The value, in the words of the emitter `t` (ops/emitter.py)."""
        raise NotImplementedError(f"{type(self).__name__}.emit")

    def to_sympy(self, *args: Any) -> Any:
        """The SymPy expression, from those of the inputs."""
        raise NotImplementedError(f"{type(self).__name__}.to_sympy")


class Node:
    """One value of the graph: an operation applied to earlier nodes. Made by Graph.add only."""

    __slots__ = ("graph", "index", "inputs", "op", "type")

    def __init__(self, graph: Graph, index: int, op: Op, inputs: tuple[Node, ...], type_: Type):
        self.graph, self.index, self.op, self.inputs, self.type = graph, index, op, inputs, type_

    def __repr__(self) -> str:
        return f"%{self.index}"

    def __str__(self) -> str:
        arguments = ", ".join(map(repr, self.inputs))
        return f"%{self.index}: {self.type} = {self.op.label()}" + (f"({arguments})" if self.inputs else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _node_of, (self.graph, self.index)

    def like(self, value: Node | Exact) -> Node:
        """A number as a constant of this node's shape; a node as it is."""
        return value if isinstance(value, Node) else arithmetic["constant"](self.graph, value, self.type.shape)

    def __add__(self, other: Node | Exact) -> Node:
        return arithmetic["sum"]([(1, self), (1, self.like(other))])

    def __sub__(self, other: Node | Exact) -> Node:
        return arithmetic["sum"]([(1, self), (-1, self.like(other))])

    def __mul__(self, other: Node | Exact) -> Node:
        return arithmetic["product"]([self, self.like(other)])

    def __truediv__(self, other: Node | Exact) -> Node:
        return arithmetic["product"]([self, self.like(other) ** -1])

    def __pow__(self, exponent: Exact) -> Node:
        return arithmetic["power"](self, exponent)

    def __neg__(self) -> Node:
        return arithmetic["sum"]([(-1, self)])

    def __radd__(self, other: Exact) -> Node:
        return self.like(other) + self

    def __rsub__(self, other: Exact) -> Node:
        return self.like(other) - self

    def __rmul__(self, other: Exact) -> Node:
        return self.like(other) * self

    def __rtruediv__(self, other: Exact) -> Node:
        return self.like(other) / self


Term = tuple[Exact, Node]  # (c, x) is c x

# How +, *, **, numbers and relations become operations: filled once, by ops/arithmetic.py, since the graph knows none.
arithmetic: dict[str, Callable[..., Any]] = {}


def _node_of(graph: Graph, index: int) -> Node:
    return graph.nodes[index]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without Python's cyclic collector, while much is made and all of it kept: its passes over what exists took 30 to
    40 % of the time for a graph of 400,000 nodes, and two thirds of that for a program of 100,000 statements."""
    collecting = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collecting:
            gc.enable()


class Graph:
    """Nodes in topological order. One graph may be grown from several threads."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._made: dict[tuple[type[Op], Op], tuple[Op, dict[tuple[Node, ...], Node]]] = {}  # by operation, by inputs
        self.finite: dict[Node, bool] = {}  # what is known of nodes: see ops/contract.py
        self.lock = threading.RLock()

    def add(self, op: Op, *inputs: Node) -> Node:
        """The node of this operation on these inputs: the one that exists, or a new one. Nothing is rewritten."""
        kind = self._made.get((type(op), op))
        if kind is None:
            kind = self._made.setdefault((type(op), op), (op, {}))
        op, made = kind  # equal operations are one object
        node = made.get(inputs)
        if node is None:
            type_ = op.result_type(*[x.type for x in inputs])
            with self.lock:
                new = Node(self, len(self.nodes), op, inputs, type_)
                self.nodes.append(new)  # before it can be found: an interrupt leaves a node that nobody reads
                node = made.setdefault(inputs, new)
                if node is not new:
                    self.nodes.pop()
        return node

    @contextmanager
    def growing(self) -> Iterator[None]:
        """One thread at a time, with the collector paused."""
        with self.lock, collector_paused():
            yield

    def node(self, value: Node | Exact) -> Node:
        """A number as a constant of this graph; a node as it is."""
        return value if isinstance(value, Node) else arithmetic["constant"](self, value)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.nodes))

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} nodes>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Flat: a pickle that followed the inputs would recurse as deep as the graph.
        return _graph_of, ([(node.op, tuple(x.index for x in node.inputs)) for node in self.nodes],)


def _graph_of(rows: list[tuple[Op, tuple[int, ...]]]) -> Graph:
    graph = Graph()
    for op, inputs in rows:
        graph.add(op, *[graph.nodes[i] for i in inputs])
    return graph


def reachable(outputs: Iterable[Node]) -> list[Node]:
    """The nodes that the outputs depend on, themselves included, in topological order."""
    found = set(outputs)
    stack = list(found)
    while stack:
        for x in stack.pop().inputs:
            if x not in found:
                found.add(x)
                stack.append(x)
    return sorted(found, key=attrgetter("index"))


def consumers(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node, those of `nodes` that read it, in order; a reader that reads it twice stands twice."""
    readers: dict[Node, list[Node]] = {}
    for node in nodes:
        readers.setdefault(node, [])
        for x in node.inputs:
            readers.setdefault(x, []).append(node)
    return readers


def substitute(outputs: Sequence[Node], replacements: Mapping[Node, Node]) -> list[Node]:
    """The outputs with nodes replaced by others, in normal form; the nodes that are replaced are left as they are."""
    new: dict[Node, Node] = {}
    for node in reachable(outputs):
        inputs = [new[x] for x in node.inputs]
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        new[node] = replacements.get(node) or (node if same else node.op.apply(*inputs))
    return [new[node] for node in outputs]


def to_dot(outputs: Sequence[Node]) -> str:
    """The part of the graph that the outputs depend on, in the DOT language of Graphviz."""
    lines = ["digraph symgrad {", "  rankdir=BT;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    marked = set(outputs)
    for node in reachable(outputs):
        label = node.op.label().replace("\\", "\\\\").replace('"', '\\"')
        shape = ", peripheries=2" if node in marked else ""
        lines.append(f'  n{node.index} [label="{label}"{shape}];')
        lines.extend(f"  n{x.index} -> n{node.index};" for x in node.inputs)
    return "\n".join([*lines, "}"])
