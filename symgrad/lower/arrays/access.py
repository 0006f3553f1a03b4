"""Statements of array programs: what they read and write, where in memory, and the same ones with other names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.loops import (
    AddTo,
    Bound,
    Buffer,
    Call,
    Carried,
    Count,
    Extent,
    Fill,
    Guard,
    Let,
    Load,
    Loop,
    Number,
    Read,
    Rows,
    Start,
    Statement,
    Store,
    Update,
    When,
    flat,
)


class Access(NamedTuple):
    """One place in memory that is loaded, stored, added to; or all of a buffer, with no index."""

    how: str
    buffer: str
    at: Index | None


class Roots:
    """The buffers by whose memory they have."""

    def __init__(self, buffers: Iterable[Buffer]):
        self.of = {b.name: b.of for b in buffers}

    def __getitem__(self, name: str) -> str:
        while self.of[name]:
            name = self.of[name]
        return name


def accesses(body: Iterable[Statement]) -> Iterator[Access]:
    """All accesses to memory, in loops too."""
    for s in flat(tuple(body)):
        match s:
            case Load():
                yield Access("load", s.buffer, s.index)
            case Store():
                yield Access("store", s.buffer, s.index)
            case AddTo():
                yield Access("add", s.buffer, s.index)
            case Fill():
                yield Access("store", s.buffer, None)
            case Call(routine="gemm"):
                *factors, target = s.buffers
                yield from (Access("load", name, None) for name in factors)
                yield Access("add" if s.accumulates else "store", target, None)
            case Call():
                yield from (Access("store", name, None) for name in s.buffers)


def defined(s: Statement) -> int | None:
    """The number of the value that a statement makes."""
    match s:
        case Load() | Number() | Extent() | Count() | Bound() | Let() | Read() | Guard():
            return s.value
        case Rows():
            return s.end
    return None


def affines(s: Statement) -> Iterable[Affine]:
    """The indices that stand in a statement itself, without those within it."""
    match s:
        case Load() | Store() | AddTo() | Fill():
            return s.index
        case Count():
            return (s.index,)
        case Bound():
            return s.indices
        case Guard() | When():
            return [i for i, _ in s.conditions]
        case Loop():
            return s.first, s.stop
        case Rows():
            return (s.extent,)
        case Call():
            return [i for part in (*s.first, *s.sizes) for i in part if isinstance(i, Affine)]
    return ()


def used(s: Statement) -> Iterator[int]:
    """The numbers of the values that a statement itself takes, without those within it."""
    match s:
        case Let():
            yield from s.arguments
        case Store() | AddTo() | Update():
            yield s.value
        case Guard():
            yield s.inner
    for i in affines(s):
        yield from (v for v, _ in i.values)


def sums(body: Iterable[Statement]) -> set[str]:
    """The accumulators of statements."""
    return {s.name for s in flat(tuple(body)) if isinstance(s, (Start, Update, Read))}


def ordered(a: Statement, b: Statement, roots: Roots) -> bool:
    """Must two statements stay in their order, or be one?"""
    if sums([a]) & sums([b]):
        return True
    for first, second in ((a, b), (b, a)):
        made = {defined(s) for s in flat((first,))}
        if made & {v for s in flat((second,)) for v in used(s)}:
            return True
    stored = [{roots[x.buffer] for x in accesses([s]) if x.how != "load"} for s in (a, b)]
    every = [{roots[x.buffer] for x in accesses([s])} for s in (a, b)]
    return bool(stored[0] & every[1] or stored[1] & every[0])


def row_wise(body: Sequence[Statement], index: str, roots: Roots) -> bool:
    """Are the iterations of a loop with this body independent: does each have rows of its own in whatever is stored?
    What is only added to may be one for all."""
    within = {s.index for s in flat(tuple(body)) if isinstance(s, (Loop, Rows))}
    made = {defined(s) for s in flat(tuple(body))}
    places: dict[str, list[Access]] = {}
    for x in accesses(body):
        places.setdefault(roots[x.buffer], []).append(x)
    for found in places.values():
        hows = {x.how for x in found}
        if len(hows) == 1 and hows != {"store"}:
            continue
        indices = [x.at for x in found if x.at is not None]
        if len(indices) < len(found) or len({x.buffer for x in found}) > 1:
            return False
        for i, *others in zip(*indices, strict=True):
            own = not any(name in within for name, _ in i.terms) and not any(v in made for v, _ in i.values)
            if own and i.coefficient(index) and all(other == i for other in others):
                break
        else:
            return False
    return True


@dataclass
class Names:
    """Other names for values, indices and accumulators."""

    values: dict[int, int] = field(default_factory=dict)
    indices: Mapping[str, Affine] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)

    def affine(self, i: Affine) -> Affine:
        if not any(name in self.indices for name, _ in i.terms) and not any(v in self.values for v, _ in i.values):
            return i
        found = Affine(i.offset)
        for name, c in i.terms:
            found = found.plus(self.indices.get(name, Affine(0, ((name, 1),))), c)
        for value, c in i.values:
            found = found.plus(Affine(0, (), ((self.value(value), 1),)), c)
        return found

    def index(self, index: Iterable[Affine]) -> Index:
        return tuple(map(self.affine, index))

    def value(self, value: int) -> int:
        return self.values.get(value, value)

    def statement(self, s: Statement) -> Statement:
        """The same statement, and all within it."""
        match s:
            case Load():
                return replace(s, value=self.value(s.value), index=self.index(s.index))
            case Number() | Extent():
                return replace(s, value=self.value(s.value))
            case Count():
                return replace(s, value=self.value(s.value), index=self.affine(s.index))
            case Bound():
                return replace(s, value=self.value(s.value), indices=self.index(s.indices))
            case Let():
                return replace(s, value=self.value(s.value), arguments=tuple(map(self.value, s.arguments)))
            case Store() | AddTo():
                return replace(s, value=self.value(s.value), index=self.index(s.index))
            case Fill():
                return replace(s, index=self.index(s.index))
            case Call():
                sizes = [tuple(self.affine(n) if isinstance(n, Affine) else n for n in part) for part in s.sizes]
                return replace(s, sizes=tuple(sizes), first=tuple(map(self.index, s.first)))
            case Start():
                return replace(s, name=self.sums.get(s.name, s.name))
            case Update() | Read():
                return replace(s, value=self.value(s.value), name=self.sums.get(s.name, s.name))
            case Guard() | When():
                conditions = tuple((self.affine(i), n) for i, n in s.conditions)
                body = self.body(s.body)
                if isinstance(s, When):
                    return replace(s, conditions=conditions, body=body)
                value, inner = self.value(s.value), self.value(s.inner)
                return replace(s, value=value, conditions=conditions, body=body, inner=inner)
            case Loop():
                index = self.indices.get(s.index, Affine(0, ((s.index, 1),))).terms[0][0]
                first, stop, body = self.affine(s.first), self.affine(s.stop), self.body(s.body)
                carried = tuple(Carried(self.value(c.value), self.value(c.later), c.far) for c in s.carried)
                return replace(s, index=index, first=first, stop=stop, body=body, carried=carried)
        assert isinstance(s, Rows)
        lists = [self.body(b) for b in bodies(s)]
        return with_bodies(replace(s, extent=self.affine(s.extent)), lists)

    def body(self, body: Iterable[Statement]) -> tuple[Statement, ...]:
        return tuple(map(self.statement, body))


def with_bodies(s: Statement, bodies: Sequence[tuple[Statement, ...]]) -> Statement:
    """A statement with other statements within it, in the order of `bodies`."""
    if isinstance(s, Rows):
        before, body, after = bodies
        return replace(s, before=before, body=body, after=after)
    assert isinstance(s, (Loop, Guard, When))
    (body,) = bodies
    return replace(s, body=body)


def bodies(s: Statement) -> tuple[tuple[Statement, ...], ...]:
    """The lists of statements within one."""
    match s:
        case Loop() | Guard() | When():
            return (s.body,)
        case Rows():
            return s.before, s.body, s.after
    return ()


def rebuilt(body: Iterable[Statement], change: Callable[[Statement], Statement]) -> tuple[Statement, ...]:
    """The statements after a change of each, those that others hold first."""
    found: list[Statement] = []
    for s in body:
        within = [rebuilt(b, change) for b in bodies(s)]
        found.append(change(with_bodies(s, within) if within else s))
    return tuple(found)


def unused(program_body: Sequence[Statement]) -> int:
    """A number that no value has, nor any after it."""
    return max((v for s in flat(tuple(program_body)) if (v := defined(s)) is not None), default=-1) + 1
