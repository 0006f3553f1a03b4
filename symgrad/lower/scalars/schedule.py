"""Graph -> Program: what is computed, in which order, what of it once for a whole batch, and in which parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product as positions
from typing import Any, NamedTuple, Protocol

from symgrad.graph import Node, consumers, reachable
from symgrad.lower.scalars.order import Simple, ordered
from symgrad.lower.scalars.program import Buffer, Let, Load, Loop, Number, Part, Program, Statement, Store, Zeros
from symgrad.lower.scalars.quotient import quotients
from symgrad.lower.source.names import fresh, identifiers, is_safe
from symgrad.ops.leaf import Const

WHOLE = 5_000  # statements that LLVM optimises well together: 0.3 s; its time grows faster than the number
PART = 1_000  # statements in a part: 500 to 2,000 take equal time

SIZE, LANE = "n", "i"  # the number of points of a batch, and the index of one


class Argument(Protocol):
    """A scalar or an array that comes in: the input nodes of its elements in C order, None for one that is not used."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def elements(self) -> Sequence[Node | None]: ...


class Result(NamedTuple):
    """What goes out: one node of its shape, or the scalar nodes of its elements in C order."""

    shape: tuple[Any, ...]
    elements: tuple[Node, ...]
    declared: Any = None  # the variable, if any, as whose column or row it prints

    @property
    def is_whole(self) -> bool:
        """Is it one node?"""
        return len(self.elements) == 1 and self.elements[0].type.shape == self.shape


def schedule(
    name: str, arguments: Sequence[Argument], results: Sequence[Result], *, varying: tuple[bool, ...] | None = None
) -> Program:
    """The program for one point; or, with `varying` (one truth value for each argument), for a batch of n points.

    In a batch the last axis of a varying argument and of every result is the point: structure of arrays. What depends
    on the other arguments only is computed once, before the loop.
    """
    names = identifiers([a.name for a in arguments], "x")
    outs = identifiers([f"out{k}" for k in range(len(results))], "result", names)
    batch: tuple[str, ...] = () if varying is None else (SIZE,)
    lanes = [(SIZE,) if v else () for v in varying or [False] * len(arguments)]
    buffers = [Buffer(n, (*a.shape, *lane), "in") for n, a, lane in zip(names, arguments, lanes, strict=True)]
    buffers += [Buffer(n, (*r.shape, *batch), "out") for n, r in zip(outs, results, strict=True)]

    loads: dict[Node, tuple[str, tuple[int | str, ...]]] = {}
    for buffer_name, argument, lane in zip(names, arguments, lanes, strict=True):
        for index, node in zip(_indices(argument.shape), argument.elements, strict=True):
            if node is not None:
                loads[node] = buffer_name, (*index, LANE) if lane else index
    stores: dict[Node, list[tuple[str, tuple[int | str, ...]]]] = {}
    sparse = [] if batch else [n for n, r in zip(outs, results, strict=True) if _is_sparse(r)]
    for buffer_name, result in zip(outs, results, strict=True):
        for index, node in zip(_indices(result.shape), result.elements, strict=True):
            if buffer_name in sparse and _is_zero(node):
                continue
            stores.setdefault(node, []).append((buffer_name, (*index, LANE) if batch else index))

    nodes = reachable(stores)
    inside = _varying(nodes, {node for node, (_, index) in loads.items() if LANE in index})
    # What does not vary within a batch is inverted once, before the loop.
    divided, absorbed = quotients(consumers(nodes), set(stores), lambda node: not batch or node in inside)
    nodes = [node for node in nodes if node not in absorbed]
    order = {node: k for k, node in enumerate(nodes)}

    def statements(nodes: Iterable[Node]) -> Iterator[Simple]:
        for node in nodes:
            k = order[node]
            if node in loads:
                yield Load(k, *loads[node])
            elif isinstance(node.op, Const):
                yield Number(k, node.op.value)
            else:
                op, inputs = divided.get(node) or (node.op, node.inputs)
                yield Let(k, op, tuple([order[x] for x in inputs]))
            if node in inside or not batch:  # at once: a value that is stored need not be kept
                yield from (Store(*place, k) for place in stores.get(node, ()))

    own = name if is_safe(name) and name not in (*names, *outs) else fresh("f", {*names, *outs})
    if not batch:
        return Program(own, tuple(buffers), _in_parts([*map(Zeros, sparse), *statements(nodes)]))
    once = list(statements(node for node in nodes if node not in inside))
    uniform = [Store(*place, order[node]) for node in stores if node not in inside for place in stores[node]]
    body = [*uniform, *statements(node for node in nodes if node in inside)]
    if len(body) <= WHOLE:  # what crosses parts is in memory
        body = ordered(body)
    return Program(own, tuple(buffers), (*_in_parts(once), Loop(LANE, SIZE, _in_parts(body))))


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return positions(*map(range, shape))


def _is_sparse(result: Result) -> bool:
    """Is most of it zero? Then the rest is stored where all is zero: of a large Jacobian, in half the time."""
    return bool(result.shape) and 2 * sum(map(_is_zero, result.elements)) > len(result.elements)


def _is_zero(node: Node) -> bool:
    return isinstance(node.op, Const) and type(node.op.value) is int and node.op.value == 0


def _varying(nodes: Sequence[Node], loaded: set[Node]) -> set[Node]:
    """The nodes whose value differs from point to point."""
    found = set(loaded)
    for node in nodes:
        if any(x in found for x in node.inputs):
            found.add(node)
    return found


def _in_parts(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements, in parts if they are too many for one function."""
    if len(statements) <= WHOLE:
        return tuple(statements)
    return tuple(Part(tuple(statements[k : k + PART])) for k in range(0, len(statements), PART))
