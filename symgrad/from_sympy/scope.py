"""What indices mean where an expression stands, and values with labelled axes: one label for each index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import sympy as sp
from sympy.tensor.indexed import Idx

from symgrad.entries import Entries
from symgrad.errors import ShapeError
from symgrad.graph import Node
from symgrad.ops.contract import spread
from symgrad.ranges import Range
from symgrad.size import subexpressions
from symgrad.types import Size

Label = int


class Labelled(NamedTuple):
    """A node, and the labels of its first axes, which are indices; the axes after those are a matrix's own."""

    node: Node
    labels: tuple[Label, ...] = ()


class Binding(NamedTuple):
    """An index in force: its label, which no other index has, and its range."""

    label: Label
    range: Range


class Mask(IntEnum):
    """What may be met where not every place is asked for: nothing; a triangle's corner; a branch not taken."""

    NONE = 0
    TRIANGLE = 1
    BRANCH = 2


class Scope:
    """The indices in force, and the values of expressions under them. One object for each set of bindings."""

    __slots__ = ("bindings", "is_root", "mask", "values")

    def __init__(self, bindings: dict[Any, Binding], mask: Mask):
        self.bindings, self.mask = bindings, mask
        self.is_root = not bindings
        self.values: dict[int, Any] = {}  # by id: in the root Term or None, else Labelled or None

    @property
    def ranges(self) -> dict[Any, Range]:
        """The ranges of the indices."""
        return {s: b.range for s, b in self.bindings.items()}


class Scopes:
    """All scopes of a conversion. An expression stands in the scope of those indices only that it holds: what does not
    depend on an index is converted once."""

    def __init__(self, *, has_indices: bool = True) -> None:
        self.has_indices = has_indices
        self.root = Scope({}, Mask.NONE)
        self.sizes: dict[Label, Size] = {}
        self._scopes: dict[Any, Scope] = {}
        self._free: dict[int, frozenset[Any]] = {}
        self._kept: list[Any] = []  # what ids were taken of

    def bind(self, scope: Scope, index: Any, range_: Range) -> tuple[Scope, Binding]:
        """The scope with one more index; it hides another of its name."""
        binding = Binding(len(self.sizes), range_)
        self.sizes[binding.label] = range_.size
        mask = scope.mask if range_.is_box else max(scope.mask, Mask.TRIANGLE)
        return self._scope({**scope.bindings, index: binding}, mask), binding

    def child(self, e: Any, scope: Scope) -> tuple[Any, Scope]:
        """A part and the scope that it stands in."""
        return e, self.of(e, scope)

    def masked(self, scope: Scope) -> Scope:
        """The scope of a branch that is not taken everywhere."""
        return self._scope(scope.bindings, Mask.BRANCH)

    def of(self, e: Any, scope: Scope) -> Scope:
        """The scope of those indices that an expression holds."""
        if scope.is_root:
            return scope
        free = self.free(e)
        return self._scope({s: b for s, b in scope.bindings.items() if s in free}, scope.mask)

    def _scope(self, bindings: dict[Any, Binding], mask: Mask) -> Scope:
        if not bindings:
            return self.root
        key = (frozenset((s, b.label) for s, b in bindings.items()), mask)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = Scope(bindings, mask)
        return found

    def free(self, e: Any) -> frozenset[Any]:
        """The symbols and indices of an expression that no sum in it binds."""
        known = self._free
        if id(e) not in known:
            self._kept.append(e)
            for part in subexpressions(e):
                if id(part) not in known:
                    known[id(part)] = _free_of(part, known)
                    self._kept.append(part)
        return known[id(e)]

    def aligned(self, values: Sequence[Labelled]) -> tuple[list[Node], tuple[Label, ...]]:
        """The nodes with one axis for every label of any of them, in one order."""
        union = union_of(values)
        return [self.spread(value, union) for value in values], union

    def spread(self, value: Labelled, labels: Sequence[Label]) -> Node:
        """The node with an axis for each of these labels."""
        check_entry(value)
        if value.labels == tuple(labels):
            return value.node
        return spread(value.node, value.labels, labels, {label: self.sizes[label] for label in labels})


def check_entry(value: Labelled) -> None:
    """Raises ShapeError for a whole array where an entry is wanted."""
    if len(value.labels) != len(value.node.type.shape):
        raise ShapeError(
            "a whole array where an entry is wanted",
            got=f"{value.node.op.label()} of shape ({', '.join(map(str, value.node.type.shape))})",
            wanted="an index for each axis: x[i]",
        )


def union_of(values: Iterable[Labelled]) -> tuple[Label, ...]:
    """The labels of all, in the order of the value that has most, then as they are met."""
    ordered = sorted(values, key=lambda value: -len(value.labels))
    return tuple(dict.fromkeys(label for value in ordered for label in value.labels))


def _free_of(e: Any, known: dict[int, frozenset[Any]]) -> frozenset[Any]:
    if isinstance(e, (sp.Symbol, Idx)):
        return frozenset([e])
    if isinstance(e, Entries):
        return known[id(e.args[0])].difference(e.indices).union(*[n.free_symbols for n in e.shape])
    if isinstance(e, sp.Lambda):
        return known[id(e.expr)].difference(e.variables)
    limits = getattr(e, "limits", None)
    if limits is not None:
        free = known[id(e.args[0])]
        for limit in limits:
            ends = [known[id(end)] for end in limit.args[1:]]
            free = free.difference([limit.args[0]]).union(*ends)
        return free
    parts = {known[id(a)] for a in e.args}
    return next(iter(parts)) if len(parts) == 1 else frozenset().union(*parts)
