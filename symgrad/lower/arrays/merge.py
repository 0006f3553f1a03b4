"""ArrayProgram -> the same with loops over one range, or nearly one, made one, in which nothing is computed twice.

What a loop stored and another read at the same index is taken from the register; what nobody else reads is not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from symgrad.lower.arrays.access import (
    Names,
    Roots,
    accesses,
    bodies,
    defined,
    ordered,
    row_wise,
    sums,
    used,
    with_bodies,
)
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Bound,
    Call,
    Count,
    Extent,
    Fill,
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
from symgrad.lower.arrays.overlap import Limits

Table = dict[tuple[Any, ...], int]  # what is computed or loaded -> the value that has it


def merged(program: ArrayProgram) -> ArrayProgram:
    """The program, with loops merged, values shared, and what nothing needs left out."""
    roots = Roots(program.buffers)
    taken = {s.index for s in flat(program.body) if isinstance(s, Loop)}
    body = _shared(_merged(program.body, roots, taken, Limits(program.body)), {}, Names(), roots)
    return _needed(replace(program, body=tuple(body)))


# -- loops ------------------------------------------------------------------------------------------------------------


def _merged(body: Sequence[Statement], roots: Roots, taken: set[str], limits: Limits) -> tuple[Statement, ...]:
    """Each loop within the one nearest before it that it can be one with."""
    found: list[Statement] = []
    for s in body:
        places = range(len(found) - 1, -1, -1) if isinstance(s, Loop) else range(0)
        for k in places:
            before = _with(found[k], s, found[k + 1 :], roots, taken, limits)
            if before is not None:
                found[k:] = before
                break
        else:
            found.append(s)
    return tuple(
        with_bodies(s, [_merged(b, roots, taken, limits) for b in bodies(s)]) if bodies(s) else s for s in found
    )


def _with(
    a: Statement, b: Statement, between: Sequence[Statement], roots: Roots, taken: set[str], limits: Limits
) -> list[Statement] | None:
    """The two loops as one, with the statements that stood between them before or after it, and iterations that one of
    them has alone; None if that is not the same, or if they have nothing in common."""
    if not isinstance(a, Loop) or not isinstance(b, Loop):
        return None
    is_same = (a.first, a.stop) == (b.first, b.stop)
    if (a.kind, a.step) != (b.kind, b.step) or not (is_same or (a.kind == "simd" and limits.are_near(a, b))):
        return None
    if any(isinstance(s, Rows) for s in between):  # threads may run them: no value stays across
        return None
    used_by_both = {roots[x.buffer] for x in accesses(a.body)} & {roots[x.buffer] for x in accesses(b.body)}
    adds = [any(isinstance(s, AddTo) for s in flat(loop.body)) for loop in (a, b)]
    if not used_by_both or (a.kind == "simd" and adds[0] != adds[1]) or sums(a.body) & sums(b.body):
        return None
    body = (*a.body, *_renamed(a, b, taken))
    if not row_wise(body, a.index, roots):
        return None
    earlier: list[Statement] = []
    later: list[Statement] = []
    for s in reversed(between):
        needed = any(ordered(s, other, roots) for other in (b, *earlier))
        if needed and any(ordered(s, other, roots) for other in (a, *later)):
            return None
        (earlier if needed else later).insert(0, s)
    if is_same:
        return [*earlier, replace(a, body=body), *later]
    found = limits.overlap(a, b)
    both = replace(a, first=found.first, stop=found.stop, body=body)
    return [*earlier, *found.before, both, *found.after, *later]


def _renamed(a: Loop, b: Loop, taken: set[str]) -> tuple[Statement, ...]:
    """The body of the second loop, with the first one's index; a loop in it that had this one has a new one."""
    own = {b.index: Affine(0, ((a.index, 1),))}
    if any(isinstance(s, Loop) and s.index == a.index for s in flat(b.body)):
        name = next(n for k in count() if (n := f"i{k}") not in taken)
        taken.add(name)
        own[a.index] = Affine(0, ((name, 1),))
    return Names({}, own).body(b.body)


# -- values -----------------------------------------------------------------------------------------------------------


def _shared(body: Sequence[Statement], table: Table, names: Names, roots: Roots) -> list[Statement]:
    """The statements without those that compute what is in the table; it and the other names grow with them."""
    found: list[Statement] = []
    for s in body:
        if bodies(s):
            found.append(_shared_within(s, table, names, roots))
            if isinstance(s, Rows):  # other threads may run them
                table.clear()
            _forget(table, [s], roots)
            continue
        s = names.statement(s)
        key, value = _key(s), defined(s)
        if key is not None and value is not None:
            if key in table:
                names.values[value] = table[key]
                continue
            table[key] = value
        _forget(table, [s], roots)
        if isinstance(s, Store):
            table["load", s.buffer, s.index] = s.value
        found.append(s)
    return found


def _shared_within(s: Statement, table: Table, names: Names, roots: Roots) -> Statement:
    """A loop or a condition, whose values are not known after it. Rows take no values from before them."""
    inner = {} if isinstance(s, Rows) else dict(table)
    lists = []
    for body in bodies(s):
        if not isinstance(s, Rows):
            _forget(inner, body, roots)  # by an iteration before
            lists.append(tuple(_shared(body, inner, names, roots)))
        elif body is s.body:
            own = dict(inner)
            _forget(own, body, roots)
            lists.append(tuple(_shared(body, own, names, roots)))
            _forget(inner, body, roots)
        else:
            lists.append(tuple(_shared(body, inner, names, roots)))
    return with_bodies(names.statement(with_bodies(s, [()] * len(lists))), lists)


def _forget(table: Table, body: Iterable[Statement], roots: Roots) -> None:
    """What was loaded from memory that these statements write."""
    written = {roots[x.buffer] for x in accesses(body) if x.how != "load"}
    for key in [k for k in table if k[0] == "load" and roots[k[1]] in written]:
        del table[key]


def _key(s: Statement) -> tuple[Any, ...] | None:
    """What a statement computes, if it is the same wherever it stands."""
    match s:
        case Load():
            return "load", s.buffer, s.index
        case Let():
            return "let", s.op, s.arguments
        case Number():
            return "number", repr(s.number)  # 0.0 and -0.0 are equal
        case Extent():
            return "size", s.size
        case Count():
            return "count", s.index
        case Bound():
            return s.which, s.indices
    return None


# -- what is needed ---------------------------------------------------------------------------------------------------


def _needed(program: ArrayProgram) -> ArrayProgram:
    """The program without values, accumulators and stores that nothing reads."""
    roots, roles = Roots(program.buffers), {b.name: b.role for b in program.buffers}
    body, before = program.body, -1
    while before != (before := len(list(flat(body)))):
        every = list(flat(body))
        read: set[int | str] = {v for s in every for v in used(s)}
        read |= {s.name for s in every if isinstance(s, Read)}
        read |= {roots[x.buffer] for x in accesses(body) if x.how == "load"}
        read |= {roots[name] for s in every if isinstance(s, Call) for name in s.buffers}
        read |= {name for name, role in roles.items() if role != "scratch"}
        body = _without(body, read, roots)
    held = {roots[x.buffer] for x in accesses(body)}
    buffers = tuple(b for b in program.buffers if b.role != "scratch" or roots[b.name] in held)
    return replace(program, buffers=buffers, body=body)


def _without(body: Sequence[Statement], read: set[int | str], roots: Roots) -> tuple[Statement, ...]:
    """What makes something that is read: values by number, accumulators and memory by name."""
    kept = [s for s in body if _is_needed(s, read, roots)]
    return tuple(with_bodies(s, [_without(b, read, roots) for b in bodies(s)]) if bodies(s) else s for s in kept)


def _is_needed(s: Statement, read: set[int | str], roots: Roots) -> bool:
    match s:
        case Store() | AddTo() | Fill():
            return roots[s.buffer] in read
        case Start() | Update():
            return s.name in read
        case Loop() | When():
            return bool(s.body)
        case Rows() | Call():
            return True
    return defined(s) in read
