"""One stored node -> the nest of loops that fills its buffer, and the order of the loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.graph import Node
from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.axes import Axis
from symgrad.lower.arrays.loops import (
    AddTo,
    Fill,
    Load,
    Number,
    Read,
    Start,
    Statement,
    Store,
    Update,
    When,
    looped,
)
from symgrad.lower.arrays.nest import Nest, Placed, Values
from symgrad.ops.contract import Contract
from symgrad.ops.reduce import Maximum, Minimum, ProductOfOthers, ProductOver
from symgrad.ops.view import Accumulate
from symgrad.types import Size

STARTS = {Maximum: ("max", float("-inf")), Minimum: ("min", float("inf")), ProductOver: ("mul", 1.0)}


def accumulation(op: Accumulate, node: Node) -> str:
    """ "gather" if each entry of the result takes one value at most, at the same axes shifted; else "scatter"."""
    used = [axis for place in op.places for axis, _ in place.terms]
    plain = all(not p.gathered and (not p.terms or (len(p.terms) == 1 and p.terms[0][1] == 1)) for p in op.places)
    rank = len(node.inputs[0].type.shape)
    return "gather" if plain and sorted(used) == list(range(rank)) and not op.clip else "scatter"


def stored_entries(node: Node, target: str, places: Mapping[Node, str], values: Values) -> list[Statement]:
    """An array from its entries."""
    nest = Nest(places, [], {}, values)
    for k, x in enumerate(node.inputs):
        rest, index = k, []
        for n in reversed(node.type.shape):
            assert isinstance(n, int)
            rest, i = divmod(rest, n)
            index.append(Affine(i))
        nest.levels[0].append(Store(target, tuple(reversed(index)), nest.value(x, ()).value))
    return nest.levels[0]


class Loops(NamedTuple):
    """The loops of a nest, with their extents: over the result, and those that reduce. `kind`: how, "" not at all."""

    outer: dict[str, Size]
    inner: dict[str, Size]
    place: Index  # in the result
    kind: str
    start: float = 0.0


class Along(NamedTuple):
    """The loop of a nest that runs over rows, how many, their class of axes, and whether vectors run along them."""

    loop: str
    extent: Size
    axis: Axis
    lanes: bool


def nest_of(
    node: Node,
    target: str,
    places: Mapping[Node, str],
    values: Values,
    *,
    copy: bool = False,
    along: Along | None = None,
) -> list[Statement]:
    """The loops that fill the buffer of a stored node; `copy`: from the buffer where it is already.

    along: the rows, if there are some. The loop over them is the outermost; or the last before those that reduce, if
    vectors run along it.
    """
    inside = dict(places)
    if not copy:
        inside.pop(node, None)
    loops = loops_of(node, copy=copy)
    index, kind = loops.place, loops.kind
    extents = {**loops.outer, **loops.inner}
    order = _order(node, target, loops, inside, copy, along)
    nest = Nest(inside, order, extents, values, along.loop if along and along.lanes else "")
    if kind == "":
        nest.innermost(lambda: nest.keep(Store(target, index, _element(nest, node, copy).value)))
        return nest.folded()
    if kind == "others":
        _others(nest, node, target, index)
        return nest.folded()
    if kind == "scatter":
        nest.innermost(lambda: _scatter(nest, node, target))
        return nest.folded()
    at = len(loops.outer)
    in_register = set(order[:at]) == set(loops.outer)
    if not in_register:
        zeros: Sequence[Statement] = [Fill(target)]
        if along and along.loop in loops.outer:
            nest.levels[1] += _zeros(nest, target, loops, along.loop)
            zeros = []
        nest.innermost(lambda: nest.keep(AddTo(target, index, _element(nest, node, copy).value)))
        return [*zeros, *nest.folded()]
    name = f"{kind} of {target}"
    nest.levels[at].append(Start(name, kind, loops.start))
    nest.innermost(lambda: nest.keep(Update(name, kind, _element(nest, node, copy).value)))
    value = nest.new()
    in_parts = along is not None and along.loop in loops.inner and at > 0
    nest.after[at] += [Read(value, name), AddTo(target, index, value) if in_parts else Store(target, index, value)]
    return [*([Fill(target)] if in_parts else []), *nest.folded()]


def _zeros(nest: Nest, target: str, loops: Loops, row: str) -> list[Statement]:
    """Zeros in one row."""
    rest = [(name, nest.extents[name]) for name in nest.order if name in loops.outer and name != row]
    zero = nest.new(1)
    return [Number(zero, 0), *looped([Store(target, loops.place, zero)], rest)]


def loops_of(node: Node, *, copy: bool = False) -> Loops:
    """The loops that compute a stored node, or copy it."""
    op, shape = node.op, node.type.shape
    if isinstance(op, Contract) and not copy:
        sizes: dict[int, Size] = dict(op.extents)
        for x, labels in zip(node.inputs, op.labels, strict=True):
            sizes.update(zip(labels, x.type.shape, strict=True))
        outer = {f"i{k}": sizes[k] for k in dict.fromkeys(op.output)}
        inner = {f"i{k}": n for k, n in sizes.items() if k not in op.output}
        return Loops(outer, inner, _at(op.output), "add" if inner else "")
    if isinstance(op, Accumulate) and not copy and accumulation(op, node) == "scatter":
        (x, *_) = node.inputs
        return Loops({f"i{k}": n for k, n in enumerate(x.type.shape)}, {}, (), "scatter")
    names = {f"i{k}": n for k, n in enumerate(shape)}
    index = _at(range(len(shape)))
    if isinstance(op, ProductOfOthers) and not copy:
        return Loops(names, {}, index, "others", 1.0)
    if type(op) in STARTS and not copy:
        (x,) = node.inputs
        inner = {f"i{k}": n for k, n in enumerate(x.type.shape) if k >= len(shape)}
        kind, number = STARTS[type(op)]  # type: ignore[index]
        return Loops(names, inner, index, kind, number)
    return Loops(names, {}, index, "")


def _element(nest: Nest, node: Node, copy: bool) -> Placed:
    """What is stored or added at one iteration."""
    op = node.op
    if not copy and isinstance(op, Contract):
        return nest.product([(x, _at(labels)) for x, labels in zip(node.inputs, op.labels, strict=True)])
    if not copy and type(op) in STARTS:
        (x,) = node.inputs
        return nest.value(x, _at(range(len(x.type.shape))))
    return nest.value(node, _at(range(len(node.type.shape))))


def _at(labels: Any) -> Index:
    return tuple(Affine(0, ((f"i{k}", 1),)) for k in labels)


def _scatter(nest: Nest, node: Node, target: str) -> None:
    """Add one value where it goes, if it goes anywhere."""
    op = node.op
    assert isinstance(op, Accumulate)
    x, *integers = node.inputs
    own = _at(range(len(x.type.shape)))
    index = nest.mapped(op, own, integers)
    clipped = list(zip(index, node.type.shape, strict=True)) if op.clip else []
    conditions = nest.open_conditions(clipped)
    if not conditions:
        nest.keep(AddTo(target, index, nest.value(x, own).value))
        return
    before = dict(nest.memo)
    nest.guarded.append([])
    nest.keep(AddTo(target, index, nest.value(x, own).value))
    body = nest.guarded.pop()
    nest.memo = before
    nest.keep(When(tuple(conditions), tuple(body)))


def _others(nest: Nest, node: Node, target: str, index: Index) -> None:
    """Products from the front into the result, and times those from the back."""
    (x,) = node.inputs
    *batch, last = index
    product = f"product of {target}"
    around = nest.levels[len(nest.order) - 1]
    n = nest.extents[nest.order[-1]]

    def forwards() -> None:
        before = nest.new(len(nest.order))
        nest.keep(Read(before, product))
        nest.keep(Store(target, index, before))
        nest.keep(Update(product, "mul", nest.value(x, index).value))

    def backwards() -> None:
        at = (*batch, Affine(n).plus(Affine(1), -1).plus(last, -1))
        after = nest.new(len(nest.order))
        nest.keep(Read(after, product))
        before = nest.made(lambda v: Load(v, target, at), len(nest.order))
        both = nest.multiplied([before, Placed(after, len(nest.order))])
        nest.keep(Store(target, at, both.value))
        nest.keep(Update(product, "mul", nest.value(x, at).value))

    for body in (forwards, backwards):
        around.append(Start(product, "mul", 1.0))
        nest.piece(body, Affine(), Affine(n), serial=True)


def _order(
    node: Node, target: str, loops: Loops, places: Mapping[Node, str], copy: bool, along: Along | None
) -> list[str]:
    """The loops from the outermost on: the innermost is the one along which most of memory is read in order."""
    outer, inner, kind = loops.outer, loops.inner, loops.kind
    names = [*outer, *inner]
    if along and along.lanes and kind != "others":
        kept, reduced = ([name for name in part if name != along.loop] for part in (outer, inner))
        return [*kept, along.loop, *reduced] if along.loop in outer else [*kept, *reduced, along.loop]
    if along:
        names.remove(along.loop)
        names.insert(0, along.loop)
    if len(names) < 2 or kind == "others":
        return names
    extents = {**outer, **inner}
    trial = Nest(places, names, extents)
    if kind == "scatter":
        trial.innermost(lambda: _scatter(trial, node, target), cut=False)
    else:
        trial.innermost(lambda: trial.keep(Store(target, loops.place, _element(trial, node, copy).value)), cut=False)
    accesses = [s.index for s in trial.statements() if isinstance(s, (Load, Store, AddTo))]
    reading = max(accesses, key=len, default=())

    def score(name: str) -> int:
        total = 0
        for at in accesses:
            held = [axis for axis, i in enumerate(at) if i.coefficient(name)]
            loaded = any(trial.depth_of_value(v) for i in at for v, _ in i.values)
            if held == [len(at) - 1] and abs(at[-1].coefficient(name)) == 1:
                total += 2 * len(at)
            elif held or loaded:
                total -= 2 * len(at)
        n = extents[name]
        return total - (6 if isinstance(n, int) and n < 8 else 0)

    allowed = names if kind in ("", "add", "scatter") else list(inner)
    # of those that are as good, one that reduces
    last = max(reversed([name for name in allowed if not along or name != along.loop]), key=score)
    rest = [name for name in names if name != last]
    if last in outer and inner:  # as the largest array is read
        position = {name: axis for axis, i in enumerate(reading) for name, _ in i.terms}
        rest.sort(key=lambda name: (along is None or name != along.loop, position.get(name, -1)))
    return [*rest, last]
