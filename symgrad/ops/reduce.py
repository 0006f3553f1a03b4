"""What an array's last axes are reduced to: the largest, the smallest, the product, the 2-norm, the log of the sum of
exponentials; and softmax, which comes of the last. Sums are Contract's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from symgrad.errors import ShapeError
from symgrad.graph import Node, Op
from symgrad.ops.contract import contract
from symgrad.ops.logic import equal
from symgrad.ops.products import broadcast, identity
from symgrad.ops.select import guarded, select, times
from symgrad.ops.stable import FilledReciprocal
from symgrad.types import Type


class Reduction(Op):
    """An array -> the array without its last `axes` axes."""

    axes: int

    def label(self) -> str:
        return self.name if self.axes == 1 else f"{self.name}[{self.axes} axes]"

    def result_type(self, *types: Type) -> Type:
        (t,) = types
        if t.dtype != "f8" or len(t.shape) < self.axes:
            raise ShapeError(f"{self.name} takes an array of {self.axes} axes or more", got=t)
        return Type("f8", t.shape[: len(t.shape) - self.axes])

    def along(self, value: Node, x: Node) -> Node:
        """A value of the result's shape, the same along the axes that were reduced."""
        return broadcast(value, x.type.shape, range(len(value.type.shape)))

    def _flat(self, x: Any) -> Any:
        """The array with one axis for all that are reduced."""
        kept = np.shape(x)[: np.ndim(x) - self.axes]
        return np.reshape(x, (*kept, prod(np.shape(x)[len(kept) :])))


class ExtremumOver(Reduction):
    """y = max x or min x; ties share the gradient in equal weights. Of nothing: -inf or inf; of nan: nan."""

    finite = False
    numpy: ClassVar[Any]

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        (x,) = y.inputs
        chosen = equal(x, self.along(y, x))
        hits = select(chosen, x.like(1), x.like(0))
        kept = range(len(y.type.shape))
        count = contract(x.graph, [(hits, range(len(x.type.shape)))], kept)
        return (guarded(chosen, self.along(times(g, count**-1), x)),)


@dataclass(frozen=True)
class Maximum(ExtremumOver):
    """y = max of x over its last axes."""

    axes: int = 1

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        flat = self._flat(values[0])
        if not np.iscomplexobj(flat):
            return np.asarray(np.max(flat, axis=-1, initial=-np.inf))[()]
        return np.take_along_axis(flat, np.argmax(flat.real, axis=-1)[..., None], -1)[..., 0][()]


@dataclass(frozen=True)
class Minimum(ExtremumOver):
    """y = min of x over its last axes."""

    axes: int = 1

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        flat = self._flat(values[0])
        if not np.iscomplexobj(flat):
            return np.asarray(np.min(flat, axis=-1, initial=np.inf))[()]
        return np.take_along_axis(flat, np.argmin(flat.real, axis=-1)[..., None], -1)[..., 0][()]


@dataclass(frozen=True)
class ProductOver(Reduction):
    """y = product of x over its last axis; 1 of nothing;  dy/dx_i is the product of the others."""

    axes: int = 1

    finite = True

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        (x,) = y.inputs
        return (times(self.along(g, x), x.graph.add(ProductOfOthers(), x)),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return np.asarray(np.prod(self._flat(values[0]), axis=-1))[()]


@dataclass(frozen=True)
class ProductOfOthers(Op):
    """y_i = product of x_j over all j other than i, along the last axis: by products from both ends, never a division.

    dy_i/dx_j is the product of all but i and j: the products of others in the rows of a matrix whose diagonal is 1.
    """

    finite = True

    def result_type(self, *types: Type) -> Type:
        return types[0]

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        (x,) = y.inputs
        graph, shape = x.graph, x.type.shape
        *batch, _ = range(len(shape))
        sizes = dict(zip((*batch, "i"), shape, strict=True))
        labels = [*batch, "i", "j"]
        eye = identity(graph, shape[-1])
        square = contract(graph, [(x, [*batch, "j"])], labels, sizes)
        ones = square.like(1)
        diagonal = equal(contract(graph, [(eye, ["i", "j"])], labels, sizes), ones)
        rows = select(diagonal, ones, square)
        pairs = graph.add(ProductOfOthers(), rows)  # [i, j]: the product of all but i and j
        off = guarded(diagonal, pairs)
        rest = pairs - off
        return (contract(graph, [(g, [*batch, "i"]), (rest, labels)], [*batch, "j"]),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        ones = np.ones_like(np.asarray(x)[..., :1])
        before = np.concatenate([ones, np.cumprod(x[..., :-1], axis=-1)], axis=-1) if x.shape[-1] else x
        after = np.concatenate([ones, np.cumprod(x[..., :0:-1], axis=-1)], axis=-1)[..., ::-1] if x.shape[-1] else x
        return before * after


@dataclass(frozen=True)
class LogSumExpOver(Reduction):
    """y = log(sum of exp(x)) over the last axes, without overflow;  dy/dx is the softmax. Of nothing: -inf."""

    axes: int = 1

    finite = True

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        (x,) = y.inputs
        return (times(self.along(g, x), x.graph.add(Softmax(self.axes), x)),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        flat = self._flat(values[0])
        if numbers is not np:
            return _entrywise(lambda row: numbers.log(sum(map(numbers.exp, row))), flat)
        largest = np.max(flat.real, axis=-1, keepdims=True, initial=-np.inf)
        largest = np.where(np.isfinite(largest), largest, 0.0)
        return (largest[..., 0] + np.log(np.sum(np.exp(flat - largest), axis=-1)))[()]


@dataclass(frozen=True)
class NormOver(Reduction):
    """y = sqrt(sum of x^2) over the last axes, without overflow;  gx = g x / y, and 0 where y = 0."""

    axes: int = 1

    finite = True

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        (x,) = y.inputs
        share = times(g, y.graph.add(FilledReciprocal(), y))
        return (times(self.along(share, x), x),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        flat = self._flat(values[0])
        if numbers is not np:
            return _entrywise(lambda row: numbers.sqrt(sum((v * v for v in row), numbers.mpf(0))), flat)
        largest = np.max(np.abs(flat.real), axis=-1, keepdims=True, initial=0.0)
        scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)
        return (scale[..., 0] * np.sqrt(np.sum((flat / scale) ** 2, axis=-1)))[()]


@dataclass(frozen=True)
class Softmax(Op):
    """y = exp(x) / (sum of exp(x)) over the last axes, without overflow;  gx = y (g - sum g y)."""

    axes: int = 1

    finite = True

    def label(self) -> str:
        return self.name if self.axes == 1 else f"{self.name}[{self.axes} axes]"

    def result_type(self, *types: Type) -> Type:
        return LogSumExpOver(self.axes).result_type(*types) and types[0]

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        every = range(len(y.type.shape))
        kept = every[: len(every) - self.axes]
        mean = contract(y.graph, [(g, every), (y, every)], kept)
        return (times(g - broadcast(mean, y.type.shape, kept), y),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        x = np.asarray(values[0])
        kept = x.shape[: x.ndim - self.axes]
        flat = np.reshape(x, (*kept, prod(x.shape[len(kept) :])))
        if numbers is not np:
            shares = np.empty(flat.shape, object)
            for index in np.ndindex(*flat.shape[:-1]):
                shares[index] = _shares([numbers.exp(v) for v in flat[index]])
            return shares.reshape(x.shape)
        largest = np.max(flat.real, axis=-1, keepdims=True, initial=-np.inf)
        e = np.exp(flat - largest)
        return (e / e.sum(axis=-1, keepdims=True)).reshape(x.shape)


def _shares(values: list[Any]) -> list[Any]:
    whole = sum(values)
    return [v / whole for v in values]


def _entrywise(function: Any, rows: Any) -> Any:
    """A function of lists on the last axis of an array of objects."""
    found = np.empty(rows.shape[:-1], object)
    for index in np.ndindex(*found.shape):
        found[index] = function(list(rows[index]))
    return found[()]
