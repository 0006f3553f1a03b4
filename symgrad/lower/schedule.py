"""Graph -> Program: what is computed, in which order, what of it once for a whole batch, and in which parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product as positions
from typing import NamedTuple, Protocol

from symgrad.graph import Node, Op, consumers, reachable
from symgrad.lower.names import identifiers
from symgrad.lower.program import Buffer, Let, Load, Loop, Number, Part, Program, Statement, Store
from symgrad.lower.quotient import quotients
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
    """What goes out: the nodes of its elements in C order; one for the shape ()."""

    shape: tuple[int, ...]
    elements: tuple[Node, ...]


class _Step(NamedTuple):
    """One node, and how it is computed."""

    node: Node
    op: Op
    inputs: Sequence[Node]


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
    for buffer_name, result in zip(outs, results, strict=True):
        for index, node in zip(_indices(result.shape), result.elements, strict=True):
            stores.setdefault(node, []).append((buffer_name, (*index, LANE) if batch else index))

    nodes = reachable(stores)
    inside = _varying(nodes, {node for node, (_, index) in loads.items() if LANE in index})
    steps = _steps(nodes, set(stores), inside if batch else None)
    order = {step.node: k for k, step in enumerate(steps)}

    def statements(steps: Sequence[_Step]) -> Iterator[Statement]:
        for node, op, inputs in steps:
            k = order[node]
            if node in loads:
                yield Load(k, *loads[node])
            elif isinstance(op, Const):
                yield Number(k, op.value)
            else:
                yield Let(k, op, tuple(order[x] for x in inputs))
            if node in inside or not batch:  # at once: a value that is stored need not be kept
                yield from (Store(*place, k) for place in stores.get(node, ()))

    if not batch:
        return Program(*identifiers([name], "f", (*names, *outs)), tuple(buffers), _in_parts(list(statements(steps))))
    once = list(statements([step for step in steps if step.node not in inside]))
    uniform = [Store(*place, order[node]) for node in stores if node not in inside for place in stores[node]]
    body = [*uniform, *statements([step for step in steps if step.node in inside])]
    loop = Loop(LANE, SIZE, _in_parts(body))
    return Program(*identifiers([name], "f", (*names, *outs)), tuple(buffers), (*_in_parts(once), loop))


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return positions(*map(range, shape))


def _varying(nodes: Sequence[Node], loaded: set[Node]) -> set[Node]:
    """The nodes whose value differs from point to point."""
    found = set(loaded)
    for node in nodes:
        if any(x in found for x in node.inputs):
            found.add(node)
    return found


def _steps(nodes: Sequence[Node], wanted: set[Node], inside: set[Node] | None) -> list[_Step]:
    """The nodes in order, with quotients for products by a reciprocal. What does not vary within a batch is inverted
    once, before the loop."""
    by_quotient = quotients(consumers(nodes), wanted, lambda node: inside is None or node in inside)
    plan = {node: _Step(node, *by_quotient.get(node, (node.op, node.inputs))) for node in nodes}
    read = {x for step in plan.values() for x in step.inputs} | wanted
    return [step for node, step in plan.items() if node in read]


def _in_parts(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements, in parts if they are too many for one function."""
    if len(statements) <= WHOLE:
        return tuple(statements)
    return tuple(Part(tuple(statements[k : k + PART])) for k in range(0, len(statements), PART))
