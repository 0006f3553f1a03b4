"""One stored node -> the nest of loops that fills its buffer, and the order of the loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.graph import Node
from symgrad.lower.loops import (
    AddTo,
    Affine,
    Fill,
    Index,
    Load,
    Read,
    Start,
    Statement,
    Store,
    Update,
    When,
)
from symgrad.lower.nest import Nest, Placed, Values
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


def nest_of(
    node: Node, target: str, places: Mapping[Node, str], values: Values, *, copy: bool = False
) -> list[Statement]:
    """The loops that fill the buffer of a stored node; `copy`: from the buffer where it is already."""
    inside = dict(places)
    if not copy:
        inside.pop(node, None)
    outer, inner, index, kind, number = _axes(node, copy)
    extents = {**outer, **inner}
    order = _order(node, target, index, outer, inner, kind, inside, copy)
    in_register = [name for name in order if name in outer] == order[: len(outer)]
    if kind == "add" and not in_register:
        nest = Nest(inside, order, extents, values)
        nest.innermost(lambda: nest.keep(AddTo(target, index, _element(nest, node, copy).value)))
        return [Fill(target), *nest.folded()]
    nest = Nest(inside, order, extents, values)
    if kind == "":
        nest.innermost(lambda: nest.keep(Store(target, index, _element(nest, node, copy).value)))
        return nest.folded()
    if kind == "others":
        _others(nest, node, target, index)
        return nest.folded()
    if kind == "scatter":
        nest.innermost(lambda: _scatter(nest, node, target))
        return nest.folded()
    at, name = len(outer), f"{kind} of {target}"
    nest.levels[at].append(Start(name, kind, number))
    nest.innermost(lambda: nest.keep(Update(name, kind, _element(nest, node, copy).value)))
    value = nest.new()
    nest.after[at] += [Read(value, name), Store(target, index, value)]
    return nest.folded()


def _axes(node: Node, copy: bool) -> tuple[dict[str, Size], dict[str, Size], Index, str, float]:
    """Loops over the result with their extents, loops that reduce, the index that is stored to, and how it is
    reduced: "" not at all."""
    op, shape = node.op, node.type.shape
    if isinstance(op, Contract) and not copy:
        sizes: dict[int, Size] = dict(op.extents)
        for x, labels in zip(node.inputs, op.labels, strict=True):
            sizes.update(zip(labels, x.type.shape, strict=True))
        outer = {f"i{k}": sizes[k] for k in dict.fromkeys(op.output)}
        inner = {f"i{k}": n for k, n in sizes.items() if k not in op.output}
        index = tuple(Affine(0, ((f"i{k}", 1),)) for k in op.output)
        return outer, inner, index, "add" if inner else "", 0.0
    if isinstance(op, Accumulate) and not copy and accumulation(op, node) == "scatter":
        (x, *_) = node.inputs
        return {f"i{k}": n for k, n in enumerate(x.type.shape)}, {}, (), "scatter", 0.0
    names = {f"i{k}": n for k, n in enumerate(shape)}
    index = tuple(Affine(0, ((name, 1),)) for name in names)
    if isinstance(op, ProductOfOthers) and not copy:
        return names, {}, index, "others", 1.0
    if type(op) in STARTS and not copy:
        (x,) = node.inputs
        inner = {f"i{k}": n for k, n in enumerate(x.type.shape) if k >= len(shape)}
        kind, number = STARTS[type(op)]  # type: ignore[index]
        return names, inner, index, kind, number
    return names, {}, index, "", 0.0


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
    node: Node,
    target: str,
    index: Index,
    outer: dict[str, Size],
    inner: dict[str, Size],
    kind: str,
    places: Mapping[Node, str],
    copy: bool,
) -> list[str]:
    """The loops from the outermost on: the innermost is the one along which most of memory is read in order."""
    names = [*outer, *inner]
    if len(names) < 2 or kind == "others":
        return names
    trial = Nest(places, names, {**outer, **inner})
    if kind == "scatter":
        trial.innermost(lambda: _scatter(trial, node, target), cut=False)
    else:
        trial.innermost(lambda: trial.keep(Store(target, index, _element(trial, node, copy).value)), cut=False)
    accesses = [s.index for s in trial.statements() if isinstance(s, (Load, Store, AddTo)) and s.index]
    reading = max(accesses, key=len, default=())
    extents = {**outer, **inner}

    def score(name: str) -> float:
        total = 1.0 if name in inner else 0.0
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
    last = max(reversed(allowed), key=score)
    rest = [name for name in names if name != last]
    if last in outer and inner:  # as the largest array is read
        position = {name: axis for axis, i in enumerate(reading) for name, _ in i.terms}
        rest.sort(key=lambda name: position.get(name, -1))
    return [*rest, last]
