"""Reshape: the same numbers in C order, in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.graph import Node, Op
from symgrad.ops.leaf import constant, exact_value
from symgrad.ops.select import guard_of, guarded
from symgrad.types import Size, Sizes, Type, as_size, shape_in_numbers


@dataclass(frozen=True)
class Reshape(Op):
    """y = the numbers of x in C order, in this shape;  gx = g in the shape of x."""

    shape: tuple[Size, ...]

    finite = True

    def apply(self, *inputs: Node) -> Node:
        return reshape(inputs[0], self.shape)

    def sized(self, sizes: Sizes) -> Reshape:
        return Reshape(shape_in_numbers(self.shape, sizes))

    def label(self) -> str:
        return f"reshape[{', '.join(map(str, self.shape))}]"

    def result_type(self, *types: Type) -> Type:
        (t,) = types
        if as_size(prod(t.shape)) != as_size(prod(self.shape)):
            raise ShapeError("a shape of another number of entries", got=self.shape, wanted=f"as many as {t}")
        return Type(t.dtype, self.shape)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return (reshape(g, y.inputs[0].type.shape),)

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        return reshape(inputs[0], (*batch, *self.shape))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return np.reshape(values[0], self.shape)[()]


def reshape(x: Node, shape: Sequence[Size]) -> Node:
    """The array in this shape: of one that was reshaped, of what it was before; of a guarded one, guarded."""
    shape = tuple(as_size(n) for n in shape)
    guard = guard_of(x) if x.type.dtype == "f8" else None
    if guard is None:
        return _reshaped(x, shape)
    condition, value = guard
    return guarded(_reshaped(condition, shape), _reshaped(value, shape))


def _reshaped(x: Node, shape: tuple[Size, ...]) -> Node:
    while isinstance(x.op, Reshape):
        (x,) = x.inputs
    if x.type.shape == shape:
        return x
    value = exact_value(x)
    return x.graph.add(Reshape(shape), x) if value is None else constant(x.graph, value, shape)
