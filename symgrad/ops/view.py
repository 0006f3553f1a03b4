"""View and Accumulate: read an array at a map of indices; add into an array at a map of indices. Each is the other's
bprop.

They are for what labels cannot say: offsets x[i+1], strides x[2*i], windows x[i+p], slices, elements, and with integer
inputs gathers x[idx[e]] and scatter-adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import ShapeError
from symgrad.graph import Node, Op, arithmetic
from symgrad.ops.contract import Contract
from symgrad.ops.leaf import constant, exact_value
from symgrad.ops.select import guard_of, guarded
from symgrad.types import Size, Sizes, Type, as_size, integer, shape_in_numbers


class Place(NamedTuple):
    """An index: offset + sum of coefficient * (position along an axis) + sum of coefficient * (an integer array there).

    terms: (axis, coefficient); gathered: (which integer input, the axes it is read at, coefficient). Axes are those of
    the values: of a View's result, of an Accumulate's input.
    """

    offset: Size = 0
    terms: tuple[tuple[int, int], ...] = ()
    gathered: tuple[tuple[int, tuple[int, ...], int], ...] = ()

    def __str__(self) -> str:
        parts = [f"{'' if c == 1 else f'{c}*'}{chr(ord('i') + axis)}" for axis, c in self.terms]
        parts += [f"{'' if c == 1 else f'{c}*'}at{k}{list(axes)}" for k, axes, c in self.gathered]
        if self.offset != 0 or not parts:
            parts.append(str(self.offset))
        return " + ".join(parts)

    def sized(self, sizes: Sizes) -> Place:
        return self._replace(offset=integer(self.offset, sizes))

    def shifted(self, axes: int) -> Place:
        """The same place where there are so many axes before."""
        terms = tuple((axis + axes, c) for axis, c in self.terms)
        gathered = tuple((k, tuple(a + axes for a in at), c) for k, at, c in self.gathered)
        return Place(self.offset, terms, gathered)


Places = tuple[Place, ...]


class Mapped(Op):
    """What View and Accumulate share: a place for each axis of the array; `shape` of the result; with `clip`, places
    outside the array read 0 and take nothing, and without it there are none (see `bounds`)."""

    places: Places
    shape: tuple[Size, ...]
    clip: bool

    finite = True

    def label(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.places))}]{' clipped' if self.clip else ''}"

    def sized(self, sizes: Sizes) -> Mapped:
        places = tuple(place.sized(sizes) for place in self.places)
        return type(self)(places, shape_in_numbers(self.shape, sizes), self.clip)  # type: ignore[call-arg]

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        more = len(batch)
        places = (*[Place(0, ((axis, 1),)) for axis in range(more)], *[place.shifted(more) for place in self.places])
        return type(self)(places, (*batch, *self.shape), self.clip).apply(*inputs)  # type: ignore[call-arg]

    def indices(self, values_shape: tuple[int, ...], integers: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The index into each axis of the array, of the shape of the values."""
        grids = np.indices(values_shape, sparse=True)
        found = []
        for place in self.places:
            index = np.asarray(int(place.offset))
            for axis, c in place.terms:
                index = index + c * grids[axis]
            for k, axes, c in place.gathered:
                at = np.asarray(integers[k]).astype(np.int64)
                order = np.argsort(axes, kind="stable")
                where = [slice(None) if a in axes else np.newaxis for a in range(len(values_shape))]
                index = index + c * np.transpose(at, order)[tuple(where)]
            found.append(np.broadcast_to(index, values_shape))
        return found


@dataclass(frozen=True)
class View(Mapped):
    """y[i, j, ...] = x[place1, place2, ...]; inputs: x, then the integer arrays that places read."""

    places: Places
    shape: tuple[Size, ...]
    clip: bool = False

    def apply(self, *inputs: Node) -> Node:
        x, *integers = inputs
        return view(x, self.places, self.shape, integers, clip=self.clip)

    def result_type(self, *types: Type) -> Type:
        x, *integers = types
        _check(self, x.shape, self.shape, integers)
        return Type(x.dtype, self.shape)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        x, *integers = y.inputs
        return (accumulate(g, self.places, x.type.shape, integers, clip=self.clip), *[None] * len(integers))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        x, *integers = values
        indices = self.indices(self.shape, integers)
        if not self.clip:
            return np.asarray(x)[tuple(indices)][()]
        inside = _inside(indices, x.shape, self.shape)
        safe = tuple(np.where(inside, i, 0) for i in indices)
        if x.size == 0:
            return np.zeros(self.shape, x.dtype)
        return np.where(inside, x[safe], np.zeros((), x.dtype))[()]


@dataclass(frozen=True)
class Accumulate(Mapped):
    """y[place1, place2, ...] += x[i, j, ...] into zeros; inputs: x, then the integer arrays that places read."""

    places: Places
    shape: tuple[Size, ...]
    clip: bool = False

    def apply(self, *inputs: Node) -> Node:
        x, *integers = inputs
        return accumulate(x, self.places, self.shape, integers, clip=self.clip)

    def result_type(self, *types: Type) -> Type:
        x, *integers = types
        _check(self, self.shape, x.shape, integers)
        return Type("f8", self.shape)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        x, *integers = y.inputs
        return (view(g, self.places, x.type.shape, integers, clip=self.clip), *[None] * len(integers))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        x, *integers = values
        x = np.asarray(x)
        zero = np.zeros(self.shape, x.dtype)
        if numbers is not np:
            zero = np.full(self.shape, numbers.mpf(0), object)
        indices = self.indices(x.shape, integers)
        if self.clip:
            inside = _inside(indices, zero.shape, x.shape)
            indices, x = [i[inside] for i in indices], x[inside]
        np.add.at(zero, tuple(indices), x)
        return zero[()]


def _inside(indices: Sequence[np.ndarray], shape: tuple[int, ...], values_shape: Any) -> np.ndarray:
    inside = np.ones(values_shape, bool)
    for i, n in zip(indices, shape, strict=True):
        inside = inside & (i >= 0) & (i < n)
    return inside


def _check(op: Mapped, array: tuple[Size, ...], values: tuple[Size, ...], integers: Sequence[Type]) -> None:
    if len(op.places) != len(array):
        raise ShapeError("an index for each axis", got=f"{len(op.places)} indices of an array {array}")
    for place in op.places:
        for k, axes, _ in place.gathered:
            if integers[k].dtype != "i8" or integers[k].shape != tuple(values[a] for a in axes):
                raise ShapeError("an integer array of another type", got=integers[k], wanted=f"i8 of axes {axes}")


def view(
    x: Node, places: Sequence[Place], shape: Sequence[Size], integers: Sequence[Node] = (), *, clip: bool = False
) -> Node:
    """The array of this shape that reads x at the places; a view of a view is one view."""
    guard = None if clip or x.type.dtype != "f8" else guard_of(x)
    if guard is not None:
        return guarded(*[_plain_view(part, places, shape, integers, clip) for part in guard])
    return _plain_view(x, places, shape, integers, clip)


def _plain_view(x: Node, places: Sequence[Place], shape: Sequence[Size], integers: Sequence[Node], clip: bool) -> Node:
    shape = tuple(as_size(n) for n in shape)
    while isinstance(x.op, View) and len(x.inputs) == 1 and not (clip or x.op.clip or integers):
        places = [_composed(p, places) for p in x.op.places]
        (x,) = x.inputs
    places = tuple(p._replace(offset=as_size(p.offset)) for p in places)
    if _is_identity(places, x.type.shape, shape):
        return x
    value = exact_value(x)
    if value is not None and not clip:
        return constant(x.graph, value, shape)
    return x.graph.add(View(places, shape, clip), x, *integers)


def accumulate(
    x: Node, places: Sequence[Place], shape: Sequence[Size], integers: Sequence[Node] = (), *, clip: bool = False
) -> Node:
    """The array of this shape into which x is added at the places."""
    shape = tuple(as_size(n) for n in shape)
    places = tuple(p._replace(offset=as_size(p.offset)) for p in places)
    if _is_identity(places, shape, x.type.shape):
        return x
    if exact_value(x) == 0:
        return constant(x.graph, 0, shape)
    return x.graph.add(Accumulate(places, shape, clip), x, *integers)


def _is_identity(places: Places, array: Sequence[Size], values: Sequence[Size]) -> bool:
    plain = tuple(Place(0, ((axis, 1),)) for axis in range(len(values)))
    return places == plain and tuple(array) == tuple(values)


def _composed(inner: Place, outer: Sequence[Place]) -> Place:
    """The place of x[inner] at y's places `outer`, where y views x."""
    offset = inner.offset
    terms: dict[int, int] = {}
    for axis, c in inner.terms:
        offset = offset + c * outer[axis].offset
        for a, d in outer[axis].terms:
            terms[a] = terms.get(a, 0) + c * d
    return Place(as_size(offset), tuple(sorted((a, c) for a, c in terms.items() if c)))


class Bound(NamedTuple):
    """lowest >= 0 and highest < size, which must hold where nothing proves it; of which array axis."""

    lowest: Size
    highest: Size
    size: Size
    values: tuple[Size, ...]  # the shape that is read: none are, if one of these is 0


def bounds(op: Mapped, array: tuple[Size, ...], values: tuple[Size, ...]) -> Iterator[Bound]:
    """What must hold of the sizes for the places without integer arrays to lie inside the array."""
    if op.clip:
        return
    for place, size in zip(op.places, array, strict=True):
        if place.gathered:
            continue
        lowest = highest = place.offset
        for axis, c in place.terms:
            far = c * (values[axis] - 1)
            lowest, highest = (lowest, highest + far) if c > 0 else (lowest + far, highest)
        yield Bound(as_size(lowest), as_size(highest), size, values)


def element(x: Node, indices: Sequence[Size]) -> Node:
    """x[i, j, ...] as a scalar."""
    return view(x, [Place(as_size(i)) for i in indices], ())


def is_onto(op: Op) -> bool:
    """Does every entry of the array appear in the view? Known of transpositions and diagonals only."""
    return isinstance(op, Contract) and op.is_view


@dataclass(frozen=True)
class Stack(Op):
    """An array of integer sizes from its entries in C order: an explicit matrix of scalars."""

    shape: tuple[int, ...]

    finite = True

    def result_type(self, *types: Type) -> Type:
        if any(t.shape or t.dtype != "f8" for t in types):
            raise ShapeError("a matrix of what are no numbers", got=", ".join(map(str, types)))
        return Type("f8", self.shape)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return tuple(element(g, index) for index in np.ndindex(*self.shape))

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        before = [Place(0, ((axis, 1),)) for axis in range(len(batch))]
        parts = [
            accumulate(x, [*before, *map(Place, index)], (*batch, *self.shape))
            for x, index, c in zip(inputs, np.ndindex(*self.shape), carried, strict=True)
            if c
        ]
        return arithmetic["sum"]([(1, part) for part in parts])

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        array = np.empty(len(values), None if numbers is np else object)
        if numbers is np and any(map(np.iscomplexobj, values)):
            array = array.astype(complex)
        array[:] = values
        return array.reshape(self.shape)


def stack(entries: Sequence[Node], shape: Sequence[int]) -> Node:
    """The array of these entries in C order; of an array's own entries in their order, that array."""
    return entries[0].graph.add(Stack(tuple(shape)), *entries)


def joined(parts: Sequence[Node], shape: Sequence[int]) -> Node:
    """Arrays of one shape, put together along new last axes of these integer sizes, in C order."""
    own = parts[0].type.shape
    places = [Place(0, ((axis, 1),)) for axis in range(len(own))]
    return arithmetic["sum"](
        [
            (1, accumulate(x, [*places, *map(Place, index)], (*own, *shape)))
            for x, index in zip(parts, np.ndindex(*shape), strict=True)
        ]
    )
