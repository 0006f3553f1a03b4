"""For each nest the axis along which it runs in blocks, together with others: its rows.

An axis is the better, the more of what one nest stores and another reads can stay in the cache from one to the other;
and if memory is in its order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from symgrad.graph import Node
from symgrad.lower.arrays.axes import Axes, Axis
from symgrad.lower.arrays.fill import Along, Loops, loops_of
from symgrad.ops.leaf import Input


class _Nest(NamedTuple):
    """What a nest reads of what is in memory, and the classes of its loops that may run over rows."""

    node: Node
    loops: Loops
    reads: tuple[Node, ...]
    candidates: Mapping[Axis, str]


def rows(
    nests: Mapping[Node, Loops],
    products: Mapping[Node, str],
    stored: Collection[Node],
    nodes: Sequence[Node],
    fixed: Collection[Node],
) -> dict[Node, Along]:
    """The rows of the nests that have some, by the node that a nest stores; and those of products.

    nests: in the order of the program. products: of matrices, with the loop of each over rows. stored: all
    that is in memory. nodes: of the whole graph. fixed: those whose order in memory is given.
    """
    axes = Axes(nodes)
    known = [
        _Nest(node, loops, _reads(node, stored), _candidates(loops, axes.of_loops(node, loops.kind)))
        for node, loops in nests.items()
    ]
    found: dict[Node, Along] = {}
    rest = [nest for nest in known if nest.candidates]
    while rest:
        every = dict.fromkeys(axis for nest in rest for axis in nest.candidates)
        best = max(every, key=lambda axis: _gain(axis, [nest for nest in rest if axis in nest.candidates], axes, fixed))
        own = [nest for nest in rest if best in nest.candidates]
        rest = [nest for nest in rest if best not in nest.candidates]
        tables = [nest.node for nest in own if nest.node in fixed and len(nest.node.type.shape) > 1]
        lanes = not any(best in axes.of_array(x) for x in tables) and _has_lanes(best, own, axes)
        for nest in own:
            loop = nest.candidates[best]
            found[nest.node] = Along(loop, {**nest.loops.outer, **nest.loops.inner}[loop], best, lanes)
    for node, loop in products.items():
        loops = loops_of(node)
        extent = {**loops.outer, **loops.inner}[loop]
        found[node] = Along(loop, extent, axes.of_loops(node, "add")[loop], lanes=False)
    return found


def _reads(node: Node, stored: Collection[Node]) -> tuple[Node, ...]:
    """The stored nodes from which one is computed."""
    found: dict[Node, None] = {}
    seen = set(node.inputs)
    stack = list(node.inputs)
    while stack:
        x = stack.pop()
        if x in stored or isinstance(x.op, Input):
            found[x] = None
            continue
        stack += [y for y in x.inputs if y not in seen]
        seen.update(x.inputs)
    return tuple(found)


def _candidates(loops: Loops, classes: Mapping[str, Axis]) -> dict[Axis, str]:
    """The loops whose iterations may run in any order, the first of each class."""
    names = [*loops.outer, *loops.inner]
    if loops.kind == "others":
        names.pop()
    elif loops.kind not in ("", "add", "scatter") and loops.outer:
        names = list(loops.outer)
    found: dict[Axis, str] = {}
    for name in names:
        found.setdefault(classes[name], name)
    return found


def _gain(axis: Axis, nests: Sequence[_Nest], axes: Axes, fixed: Collection[Node]) -> tuple[int, int]:
    """The axes of all arrays that pass from nest to nest along this one in a pass, less those that need another; then
    of those that are in its order in memory, less those that are not."""
    passes: dict[Node, int] = {}  # in which pass over the axis a node is complete
    kept_in_cache = in_order = 0
    for nest in nests:
        made = [x for x in nest.reads if x in passes]
        own = max((passes[x] for x in made), default=0)
        passes[nest.node] = own if axis in axes.of_array(nest.node) else own + 1
        passed = [x for x in made if axis in axes.of_array(x)]
        kept_in_cache += sum(len(x.type.shape) * (1 if passes[x] == own else -1) for x in passed)
        tables = [axes.of_array(x) for x in (*nest.reads, nest.node) if x in fixed and len(x.type.shape) > 1]
        in_order += sum(len(table) * (1 if table[0] == axis else -1) for table in tables if axis in table)
    return kept_in_cache, in_order


def _has_lanes(axis: Axis, nests: Sequence[_Nest], axes: Axes) -> bool:
    """Is a vector to run over rows, since each has more work than data, and along an axis that the data do not have?"""
    own = {nest.node for nest in nests}
    data = [x for nest in nests for x in nest.reads if x not in own and axis in axes.of_array(x)]
    others = set(_but(axis, (c for x in data for c in axes.of_array(x))))
    most = max((len(x.type.shape) for x in data), default=1)
    return any(
        nest.candidates[axis] in nest.loops.outer
        and len(nest.loops.outer) + len(nest.loops.inner) > most
        and any(c not in others for c in _but(axis, axes.of_array(nest.node)))
        for nest in nests
    )


def _but(axis: Axis, classes: Iterable[Axis]) -> list[Axis]:
    return [c for c in classes if c != axis]
