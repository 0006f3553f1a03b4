"""Nested outputs <-> a flat list of leaves. Tuples, lists and dicts are nested, matrices and arrays are leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
import sympy as sp

T = TypeVar("T")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Structure:
    """How leaves are nested: `kind` is "leaf", "tuple", "list" or "dict"; a dict has keys."""

    kind: str
    children: tuple[Structure, ...] = ()
    keys: tuple[Any, ...] = ()

    def build(self, leaves: Sequence[T]) -> Any:
        """The nested value with these leaves."""
        return self._take(iter(leaves))

    def _take(self, leaves: Iterator[Any]) -> Any:
        if self.kind == "leaf":
            return next(leaves)
        values = [child._take(leaves) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.keys, values, strict=True))
        return values if self.kind == "list" else tuple(values)

    def builder(self, start: int = 0) -> Callable[[tuple[Any, ...]], Any]:
        """What `build` does, for a flat tuple of leaves, of which this structure's begin at `start`; quick to call."""
        if self.kind == "leaf":
            return itemgetter(start)
        if self.kind == "tuple" and all(child.is_leaf for child in self.children):
            return itemgetter(slice(start, start + len(self.children)))
        parts = []
        for child in self.children:
            parts.append(child.builder(start))
            start += child.size
        if self.kind == "dict":
            keys = self.keys
            return lambda leaves: {key: part(leaves) for key, part in zip(keys, parts, strict=True)}
        if self.kind == "list":
            return lambda leaves: [part(leaves) for part in parts]
        return lambda leaves: tuple([part(leaves) for part in parts])

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return 1 if self.is_leaf else sum(child.size for child in self.children)

    def flatten(self, value: Any) -> list[Any]:
        """The leaves of a value nested as this is. Raises ValueError, TypeError or KeyError where it is not."""
        if self.kind == "leaf":
            return [value]
        items = [value[key] for key in self.keys] if self.kind == "dict" else list(value)
        if len(items) != len(self.children):
            raise ValueError(f"{len(items)} values for {len(self.children)}")
        return [leaf for child, item in zip(self.children, items, strict=True) for leaf in child.flatten(item)]

    def map_leaves(self, function: Callable[[], Structure]) -> Structure:
        """The same nesting, each leaf replaced by another structure."""
        if self.kind == "leaf":
            return function()
        return Structure(self.kind, tuple(child.map_leaves(function) for child in self.children), self.keys)

    @property
    def is_leaf(self) -> bool:
        return self.kind == "leaf"

    @property
    def is_sequences(self) -> bool:
        """Is all the nesting of tuples and lists?"""
        return self.kind != "dict" and all(child.is_sequences for child in self.children)


LEAF = Structure("leaf")


def tuple_of(children: Sequence[Structure]) -> Structure:
    """A tuple of these."""
    return Structure("tuple", tuple(children))


def flatten(outputs: Any) -> tuple[Structure, list[tuple[Shape, list[Any]]]]:
    """The structure, and for each leaf its shape and its elements in C order. A column or a row is a vector."""
    leaves: list[tuple[Shape, list[Any]]] = []
    structure = _flatten(outputs, leaves)
    return structure, leaves


def _flatten(value: Any, leaves: list[tuple[Shape, list[Any]]]) -> Structure:
    if isinstance(value, (Mapping, sp.Dict)):
        return Structure("dict", tuple(_flatten(v, leaves) for v in value.values()), tuple(value.keys()))
    if isinstance(value, (tuple, list, sp.Tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return Structure(kind, tuple(_flatten(v, leaves) for v in value))
    array = as_array(value)
    leaves.append(((), [value]) if array is None else array)
    return LEAF


def as_array(value: Any) -> tuple[Shape, list[Any]] | None:
    """(shape, elements) of an explicit SymPy matrix or array or a NumPy array of expressions; None if it is none."""
    if isinstance(value, sp.MatrixBase):
        rows, columns = value.shape
        shape = (rows * columns,) if 1 in (rows, columns) else (rows, columns)
        return shape, list(value.flat())
    if isinstance(value, sp.NDimArray):
        return tuple(int(n) for n in value.shape), [value[index] for index in np.ndindex(*value.shape)]
    if isinstance(value, np.ndarray):
        return value.shape, list(value.flat)
    return None
