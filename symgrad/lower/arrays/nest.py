"""One nest of loops while it is written, with all that is computed where it is read.

A value is computed in the outermost loop whose indices it depends on. Where an index may leave an array (a slice's
adjoint, a clipped view), the innermost loop is cut in three: a middle in which it does not, and borders with guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from symgrad.graph import Node, Op
from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.loops import (
    AddTo,
    Bound,
    Count,
    Extent,
    Guard,
    Let,
    Load,
    Loop,
    Number,
    Statement,
    Store,
    When,
    flat,
)
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.leaf import Const
from symgrad.ops.logic import Relation
from symgrad.ops.position import Extent as SizeLeaf
from symgrad.ops.position import Position
from symgrad.ops.select import Select
from symgrad.ops.view import Accumulate, Mapped, View
from symgrad.types import Size

SHORT = 4  # iterations, as a number, that are not worth a vector

Key = tuple[Node, Index]
Values = Iterator[int]  # the numbers of values, in all nests of a program
Condition = tuple[Affine, Size]


class NotInLoops(Exception):
    """An operation that loops do not cover yet: the NumPy source computes the whole."""


class Placed(NamedTuple):
    """Where a value is: its number, and in how many loops."""

    value: int
    depth: int


class Nest:
    """A nest while it is written. levels[d]: statements within d loops, before the next; after[d]: after it."""

    def __init__(
        self,
        places: Mapping[Node, str],
        order: Sequence[str],
        extents: Mapping[str, Size],
        values: Values | None = None,
        lanes: str = "",
    ):
        self.places, self.order, self.extents = places, list(order), extents
        self.lanes = lanes or (order[-1] if order else "")  # the loop whose iterations are lanes of a vector
        self.levels: list[list[Statement]] = [[] for _ in range(len(order) + 1)]
        self.after: list[list[Statement]] = [[] for _ in order]
        self.memo: dict[Key, Placed] = {}
        self.values = count() if values is None else values
        self.depths: dict[int, int] = {}  # of each value, in how many loops it is
        self.guarded: list[list[Statement]] = []
        self.implied: set[Condition] = set()
        self.seen: list[Condition] | None = None  # conditions that were met, while they are looked for

    def new(self, depth: int = 0) -> int:
        value = next(self.values)
        self.depths[value] = depth
        return value

    def depth_of_value(self, value: int) -> int:
        return self.depths[value]

    def depth(self, index: Index) -> int:
        """In how many loops an index is known."""
        found = [self.order.index(name) + 1 for i in index for name, _ in i.terms]
        found += [self.depths[v] for i in index for v, _ in i.values]
        return max(found, default=0)

    def keep(self, s: Statement, depth: int | None = None) -> None:
        """A statement where it belongs: in the innermost loop, if nothing else is said."""
        if self.guarded:
            self.guarded[-1].append(s)
        else:
            self.levels[len(self.order) if depth is None else depth].append(s)

    def made(self, make: Any, depth: int) -> Placed:
        value = self.new(depth)
        self.keep(make(value), depth)
        return Placed(value, depth)

    def statements(self) -> list[Statement]:
        return [s for level in self.levels for s in flat(tuple(level))]

    # -- values -------------------------------------------------------------------------------------------------------

    def value(self, node: Node, index: Index) -> Placed:
        """The value of a node at an index; what it needs is computed before, once for each index."""
        stack: list[Key] = [(node, index)]
        while stack:
            key = stack[-1]
            if key in self.memo:
                stack.pop()
                continue
            needs = self.needs(*key)
            missing = [k for k in needs if k not in self.memo]
            if missing:
                stack.extend(reversed(missing))
                continue
            self.memo[key] = self.computed(*key, [self.memo[k] for k in needs])
        return self.memo[node, index]

    def needs(self, node: Node, index: Index) -> list[Key]:
        """The values that one value is computed from."""
        op = node.op
        if node in self.places:
            return []
        if isinstance(op, Contract):
            at = dict(zip(op.output, index, strict=True))
            return [(x, tuple(at[k] for k in ks)) for x, ks in zip(node.inputs, op.labels, strict=True)]
        if isinstance(op, Spread):
            return [(node.inputs[0], tuple(index[a] for a in op.axes))]
        if isinstance(op, View):
            x, *integers = node.inputs
            keys = self.integer_keys(op, index, integers)
            if any(k not in self.memo for k in keys):
                return keys
            inner = self.mapped(op, index, integers)
            if op.clip and self.open_conditions([(i, n) for i, n in zip(inner, x.type.shape, strict=True)]):
                return keys
            return [*keys, (x, inner)]
        if isinstance(op, Accumulate):
            (x,) = node.inputs
            inner, conditions = _taken(op, index, x.type.shape)
            return [] if self.open_conditions(conditions) else [(x, inner)]
        return [(x, index) for x in node.inputs]

    def computed(self, node: Node, index: Index, values: list[Placed]) -> Placed:
        op = node.op
        buffer = self.places.get(node)
        if buffer is not None:
            return self.made(lambda v: Load(v, buffer, index), self.depth(index))
        if isinstance(op, Const):
            return self.made(lambda v: Number(v, op.value), 0)
        if isinstance(op, SizeLeaf):
            return self.made(lambda v: Extent(v, op.size), 0)
        if isinstance(op, Position):
            return self.made(lambda v: Count(v, index[0]), self.depth(index))
        if isinstance(op, Contract):
            return self.multiplied(values)
        if isinstance(op, Spread):
            return values[0]
        if isinstance(op, View):
            x, *integers = node.inputs
            inner = self.mapped(op, index, integers)
            conditions = [(i, n) for i, n in zip(inner, x.type.shape, strict=True)] if op.clip else []
            return self.within(self.open_conditions(conditions), x, inner) or values[-1]
        if isinstance(op, Accumulate):
            (x,) = node.inputs
            inner, conditions = _taken(op, index, x.type.shape)
            return self.within(self.open_conditions(conditions), x, inner) or values[-1]
        depth = max([v.depth for v in values], default=0)
        return self.made(lambda v: Let(v, op, tuple([a.value for a in values])), depth)

    def product(self, factors: Sequence[Key]) -> Placed:
        return self.multiplied([self.value(*f) for f in factors])

    def multiplied(self, values: list[Placed]) -> Placed:
        """The product, what is known in fewer loops first."""
        if not values:
            return self.made(lambda v: Number(v, 1), 0)
        values = sorted(values, key=lambda v: v.depth)
        found = values[0]
        for other in values[1:]:
            pair = (found.value, other.value)
            found = self.made(lambda v, pair=pair: Let(v, Product(), pair), other.depth)
        return found

    def let(self, op: Op, *arguments: Placed) -> Placed:
        depth = max(a.depth for a in arguments)
        return self.made(lambda v: Let(v, op, tuple(a.value for a in arguments)), depth)

    def number(self, number: float) -> Placed:
        return self.made(lambda v: Number(v, number), 0)

    def chosen(self, number: Placed, a: Placed, otherwise: float) -> Placed:
        """a where the number is 0."""
        return self.let(Select(), self.let(Relation("=="), number, self.number(0)), a, self.number(otherwise))

    # -- maps of indices ----------------------------------------------------------------------------------------------

    def integer_keys(self, op: Mapped, index: Index, integers: Sequence[Node]) -> list[Key]:
        return [(integers[k], tuple(index[a] for a in axes)) for p in op.places for k, axes, _ in p.gathered]

    def mapped(self, op: Mapped, index: Index, integers: Sequence[Node]) -> Index:
        """The index into the array of a View, or of an Accumulate's result."""
        found = []
        for place in op.places:
            i = Affine(place.offset)
            for axis, c in place.terms:
                i = i.plus(index[axis], c)
            for k, axes, c in place.gathered:
                value = self.value(integers[k], tuple(index[a] for a in axes)).value
                i = i.plus(Affine(0, (), ((value, 1),)), c)
            found.append(i)
        return tuple(found)

    def open_conditions(self, conditions: Sequence[Condition]) -> list[Condition]:
        """Those that are not known to hold here."""
        if self.seen is not None:
            self.seen += conditions
            return []
        return [c for c in conditions if c not in self.implied and not self.always(c)]

    def always(self, condition: Condition) -> bool:
        """Is the index a loop's own, over the whole axis; or the only one?"""
        index, n = condition
        if index == Affine():
            return n == 1
        return any(index == Affine(0, ((name, 1),)) and n == self.extents[name] for name, _ in index.terms)

    def within(self, conditions: list[Condition], x: Node, index: Index) -> Placed | None:
        """The value of a node where conditions hold, else 0; None if there are no conditions."""
        if not conditions:
            return None
        before = dict(self.memo)
        self.guarded.append([])
        self.implied |= set(conditions)
        inner = self.value(x, index)
        self.implied -= set(conditions)
        body = self.guarded.pop()
        self.memo = before
        depth = max(self.depth(tuple(i for i, _ in conditions)), inner.depth)
        value = self.new(depth)
        self.keep(Guard(value, tuple(conditions), tuple(body), inner.value), depth)
        return Placed(value, depth)

    # -- loops --------------------------------------------------------------------------------------------------------

    def innermost(self, body: Any, *, cut: bool = True) -> None:
        """The body of the innermost loop, in as many pieces as it has."""
        last = len(self.order)
        if not last or not cut:
            body()
            return
        saved = dict(self.memo), [list(level) for level in self.levels], dict(self.depths)
        self.seen = []
        body()
        conditions = list(dict.fromkeys(self.seen))
        self.seen = None
        self.memo, self.levels, self.depths = saved
        name = self.order[-1]

        def looked_up(index: Affine) -> bool:  # here, or on the way just now: anew in each piece
            return any(self.depths.get(v, last) == last for v, _ in index.values)

        own = [(i, n) for i, n in conditions if i.coefficient(name) or looked_up(i)]
        own = [c for c in own if not self.always(c)]
        straight = all(abs(i.coefficient(name)) == 1 and not looked_up(i) for i, _ in own)
        whole = Affine(self.extents[name])
        if not own or not straight:
            self.piece(body, Affine(), whole)
            return
        lows, highs = [Affine()], [whole]
        for i, n in own:
            rest = i.plus(Affine(0, ((name, 1),)), -i.coefficient(name))
            if i.coefficient(name) == 1:  # 0 <= rest + index < n
                lows.append(Affine().plus(rest, -1))
                highs.append(Affine(n).plus(rest, -1))
            else:  # 0 <= rest - index < n
                lows.append(rest.plus(Affine(n), -1).plus(Affine(1)))
                highs.append(rest.plus(Affine(1)))
        depth = last - 1
        low = self.made(lambda v: Bound(v, "max", tuple(dict.fromkeys(lows))), depth).value
        low = self.made(lambda v: Bound(v, "min", (_of(low), whole)), depth).value
        high = self.made(lambda v: Bound(v, "min", tuple(dict.fromkeys(highs))), depth).value
        high = self.made(lambda v: Bound(v, "max", (_of(high), _of(low))), depth).value
        self.piece(body, Affine(), _of(low))
        self.implied |= set(own)
        self.piece(body, _of(low), _of(high))
        self.implied -= set(own)
        self.piece(body, _of(high), whole)

    def piece(self, body: Any, first: Affine, stop: Affine, *, serial: bool = False) -> None:
        """One loop over a part of the innermost index."""
        last, name = len(self.order), self.order[-1]
        before = dict(self.memo)
        body()
        self.memo = before  # another piece knows other conditions to hold
        inner, self.levels[last] = self.levels[last], []
        kind = "simd" if not serial and self.vectorises(inner, name) else "serial"
        self.levels[last - 1].append(Loop(name, first, stop, tuple(inner), kind))

    def vectorises(self, body: Sequence[Statement], name: str) -> bool:
        """May iterations be lanes: are no indices loaded, no guards and no limits different, from lane to lane?"""
        if name != self.lanes:
            return False
        last = self.order.index(name) + 1
        n = self.extents[name]
        if isinstance(n, int) and n <= SHORT:
            return False
        for s in flat(tuple(body)):
            match s:
                case Load() | Store() | AddTo():
                    if any(self.depths[v] >= last for i in s.index for v, _ in i.values):
                        return False
                    if isinstance(s, (Store, AddTo)) and not any(i.coefficient(name) for i in s.index):
                        return False
                case Guard() | When():
                    if self.depends(tuple(i for i, _ in s.conditions), name):
                        return False
                case Bound():
                    return False
        return True

    def depends(self, index: Index, name: str) -> bool:
        """May integers differ from one iteration of a loop to the next?"""
        depth = self.order.index(name) + 1
        return any(i.coefficient(name) or any(self.depths[v] >= depth for v, _ in i.values) for i in index)

    def folded(self) -> list[Statement]:
        """The levels as one nest. The innermost loops stand in the last level but one."""
        if not self.order:
            return self.levels[0]
        body = [*self.levels[-2], *self.after[len(self.order) - 1]]
        for depth in range(len(self.order) - 2, -1, -1):
            name = self.order[depth]
            kind = "simd" if self.vectorises(body, name) else "serial"
            loop = Loop(name, Affine(), Affine(self.extents[name]), tuple(body), kind)
            body = [*self.levels[depth], loop, *self.after[depth]]
        return body


def _of(value: int) -> Affine:
    return Affine(0, (), ((value, 1),))


def _taken(op: Accumulate, index: Index, shape: tuple[Size, ...]) -> tuple[Index, list[Condition]]:
    """Where the value of an entry comes from, and the conditions under which it has one."""
    inner: list[Affine] = [Affine()] * len(shape)
    conditions: list[Condition] = []
    for place, i in zip(op.places, index, strict=True):
        back = i.plus(Affine(place.offset), -1)
        if place.terms:
            ((axis, _),) = place.terms
            inner[axis] = back
            conditions.append((back, shape[axis]))
        else:
            conditions.append((back, 1))
    return tuple(inner), conditions
