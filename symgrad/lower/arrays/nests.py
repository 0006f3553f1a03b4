"""Graph of arrays -> ArrayProgram: what is stored, what is computed where it is read, the order of the loops.

Stored are outputs, sums and other reductions, what a library reads, and what would else be computed several times at
some cost; all else is computed where it is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import count

from symgrad.graph import Node, consumers, reachable
from symgrad.lower.arrays.carried import carried
from symgrad.lower.arrays.fill import Along, accumulation, loops_of, nest_of, stored_entries
from symgrad.lower.arrays.fusion import Filling, fused
from symgrad.lower.arrays.jam import jammed
from symgrad.lower.arrays.library import Accumulated, accumulated, called, loop_over_rows
from symgrad.lower.arrays.linear import STORED, CholeskyFactor, Factors, linear, pivots
from symgrad.lower.arrays.loops import ArrayProgram, Buffer, Fill, Statement, flat
from symgrad.lower.arrays.merge import merged
from symgrad.lower.arrays.nest import NotInLoops, Values
from symgrad.lower.arrays.prepare import prepared
from symgrad.lower.arrays.rows import rows
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.leaf import Const, Input, Leaf
from symgrad.ops.linear_algebra import Factorisation
from symgrad.ops.logic import Connective, Relation, Truth
from symgrad.ops.position import Position
from symgrad.ops.reduce import Maximum, Minimum, ProductOfOthers, ProductOver
from symgrad.ops.reshape import Reshape
from symgrad.ops.select import Select
from symgrad.ops.view import Accumulate, Stack, View
from symgrad.types import Size

MOST_STATEMENTS = 1_000  # LLVM's time grows faster than their number: a recurrence written out is left to NumPy
DEAR = 8  # multiplications: what costs more is stored rather than computed twice
FUNCTION = 10  # multiplications that an elementary function takes
INLINED = (Add, Product, Elementwise, Select, Relation, Connective, Truth, Const, Leaf, Spread, View)
REDUCTIONS = (Maximum, Minimum, ProductOver, ProductOfOthers)


def schedule_arrays(
    name: str, inputs: Sequence[Node], outputs: Sequence[Node], dtype: str, whole: Collection[Size] = ()
) -> ArrayProgram:
    """The program. Raises NotInLoops for an operation that loops do not cover.

    whole: the products of matrices that are to be one call each, by their multiplications for each row.
    """
    if any(isinstance(y.op, Factorisation) for y in outputs):
        raise NotInLoops("a factorisation as a result")
    outputs, inputs = prepared(outputs, inputs)
    nodes = reachable(outputs)
    stored = _stored(nodes, outputs)
    buffers = [
        Buffer(f"x{k}", x.type.shape, "in", dtype if x.type.dtype == "f8" else x.type.dtype)
        for k, x in enumerate(inputs)
    ]
    places = dict(zip(inputs, [b.name for b in buffers], strict=True))
    outs = [Buffer(f"y{k}", y.type.shape, "out", dtype) for k, y in enumerate(outputs)]
    for y, b in zip(outputs, outs, strict=True):
        places.setdefault(y, b.name)
    scratch: list[Buffer] = []
    kept = _kept(nodes, stored)
    made = {node for node in kept if _is_nest(node)}
    sums, found = _products(nodes, stored, outputs, kept, whole)
    products = {node: loop for node, (loop, _) in found.items()}
    within = {x for s in sums.values() for x in s.products}
    fixed = {*inputs, *outputs, *sums, *(x for node in kept if not _is_nest(node) for x in node.inputs)}
    loops = {node: loops_of(node) for node in kept if node in made and not (node in sums and sums[node].first is None)}
    along = rows(loops, products, stored, nodes, fixed)
    nests: list[Filling] = []
    values = count()
    for node in kept:
        if node in within:
            continue
        own = "" if isinstance(node.op, Reshape) else places.get(node, "")
        if not own:
            of = places[node.inputs[0]] if isinstance(node.op, Reshape) else ""
            kind = dtype if node.type.dtype == "f8" else node.type.dtype
            scratch.append(Buffer(f"t{len(scratch)}", node.type.shape, "scratch", kind, of))
            own = places[node] = scratch[-1].name
            if of:
                continue
        target = own
        if isinstance(node.op, (Factors, CholeskyFactor)):
            scratch.append(Buffer(pivots(target), node.type.shape[:1], "scratch", "i4"))
        if node in sums:
            if (first := sums[node].first) is not None:
                nest = nest_of(first, target, places, values, copy=True, along=along.get(node))
                nests.append(Filling(nest, along.get(node)))
            nests.append(Filling(sums[node].calls(target, places)))
            continue
        nests.append(Filling(_statements(node, target, places, values, along.get(node)), along.get(node)))
    for y, b in zip(outputs, outs, strict=True):
        if places[y] != b.name:
            nests.append(Filling(nest_of(y, b.name, places, values, copy=True)))
    if sum(len(list(flat(tuple(nest.statements)))) for nest in nests) > MOST_STATEMENTS:
        raise NotInLoops(f"more than {MOST_STATEMENTS} statements")
    return carried(jammed(merged(fused(ArrayProgram(name, (*buffers, *outs, *scratch), ()), nests, next(values)))))


def products_in_blocks(inputs: Sequence[Node], outputs: Sequence[Node]) -> frozenset[Size]:
    """The products of matrices that may run in blocks, by their multiplications for each row. Raises NotInLoops."""
    outputs, _ = prepared(outputs, inputs)
    nodes = reachable(outputs)
    stored = _stored(nodes, outputs)
    return frozenset(n for _, n in _products(nodes, stored, outputs, _kept(nodes, stored), ())[1].values())


def _kept(nodes: Sequence[Node], stored: set[Node]) -> list[Node]:
    return [node for node in nodes if node in stored and not isinstance(node.op, Input)]


def _products(
    nodes: Sequence[Node], stored: set[Node], outputs: Sequence[Node], kept: Sequence[Node], whole: Collection[Size]
) -> tuple[dict[Node, Accumulated], dict[Node, tuple[str, Size]]]:
    """The sums in whose memory products are computed; and the products that may run in blocks, of what nests fill or as
    the first of a group: the loop over their rows, and the multiplications for each of these."""
    made = {node for node in kept if _is_nest(node)}
    joining: set[Node] = set()
    found: dict[Node, tuple[str, Size]] = {}
    for node in kept:
        call, loop = called(node, "", None), loop_over_rows(node)
        if call and loop and call.of_each_row not in whole:
            if not made.isdisjoint(node.inputs):
                joining.add(node)
            if node in joining or not call.sums_rows:
                found[node] = loop, call.of_each_row
    sums = accumulated(nodes, stored, {*outputs, *joining})
    within = {x for s in sums.values() for x in s.products}
    return sums, {node: place for node, place in found.items() if node not in within}


def _statements(
    node: Node, target: str, places: Mapping[Node, str], values: Values, along: Along | None
) -> list[Statement]:
    """What fills the buffer of one stored node."""
    op = node.op
    if isinstance(op, Stack):
        return stored_entries(node, target, places, values)
    if isinstance(op, STORED):
        return linear(node, target, places, values)
    call = called(node, target, places)
    if call is not None:
        return [call]
    nest = nest_of(node, target, places, values, along=along)
    if (isinstance(op, Contract) and op.embeds) or (isinstance(op, Accumulate) and accumulation(op, node) == "scatter"):
        return [Fill(target), *nest]
    return nest


def _is_nest(node: Node) -> bool:
    """Is the buffer of a stored node filled by loops of its own?"""
    return not isinstance(node.op, (*STORED, Stack, Reshape)) and called(node, "", None) is None


def _stored(nodes: Sequence[Node], outputs: Sequence[Node]) -> set[Node]:
    """The nodes whose values are kept in memory."""
    readers = consumers(nodes)
    cost: dict[Node, int] = {}
    stored = set(outputs)
    for node in nodes:
        op = node.op
        if _must_be_stored(node):
            stored.add(node)
        elif not isinstance(op, INLINED) and not isinstance(op, (Contract, Accumulate, Position)):
            raise NotInLoops(op.label())
        stored.update(_operands(node))
    for node in nodes:
        own = sum(0 if x in stored else cost[x] for x in node.inputs)
        cost[node] = 0 if isinstance(node.op, Input) else own + _own_cost(node)
    roots: dict[Node, set[Node]] = {}
    for node in reversed(nodes):
        if isinstance(node.op, Leaf):
            continue
        found: set[Node] = set()
        for reader in readers[node]:
            found |= {reader} if reader in stored else roots[reader]
        roots[node] = found
        repeated = len(found) > 1 or any(_repeats(reader, node) for reader in readers[node])
        scalar = not node.type.shape and len(found) > 1
        if node.type.dtype == "f8" and (scalar or (repeated and cost[node] >= DEAR)):
            stored.add(node)
    return stored


def _must_be_stored(node: Node) -> bool:
    op = node.op
    if isinstance(op, Contract):
        return bool(op.summed) or op.embeds
    if isinstance(op, Accumulate):
        return accumulation(op, node) == "scatter"
    return isinstance(op, (*REDUCTIONS, *STORED, Stack, Reshape))


def _operands(node: Node) -> list[Node]:
    """The inputs that a library, or another shape of the same memory, reads."""
    if isinstance(node.op, Reshape) or called(node, "", None) is not None:
        return list(node.inputs)
    return []


def _own_cost(node: Node) -> int:
    op = node.op
    if isinstance(op, Power):
        return 1 if op.exponent in (2, 3, 4) else 4 if op.exponent in (-1, -2) else FUNCTION
    if isinstance(op, (Accumulate, View)):
        return 2
    return FUNCTION if isinstance(op, Elementwise) else 1


def _repeats(reader: Node, node: Node) -> bool:
    """Does the reader read an element several times?"""
    op = reader.op
    if isinstance(op, Contract):
        every = {k for labels in op.labels for k in labels} | set(op.output)
        return any(len(set(ks)) < len(every) for x, ks in zip(reader.inputs, op.labels, strict=True) if x is node)
    return isinstance(op, (View, Spread))
