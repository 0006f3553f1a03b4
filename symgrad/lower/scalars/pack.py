"""Program for one point -> the same program, in which calls of elementary functions share vectors.

A function takes for a whole vector as long as for one or two numbers. Calls of one operation that are ready together
are computed in the lanes of one vector, those first after which most calls follow: statements change their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heappop, heappush

from symgrad.graph import Op
from symgrad.lower.emit.instructions import Instructions, Module, Value
from symgrad.lower.emit.target import VECTOR, Target
from symgrad.lower.scalars.program import Let, Load, Number, Pack, Part, Program, Statement, Store

FEWEST = 3  # calls in a vector: of three, none is slower than apart (erf: 11 ns), and sines take a third (7 of 25 ns)

Call = tuple[Op, int]  # an operation that calls functions, and how many inputs it has


def packed(program: Program, target: Target) -> Program:
    """The program with packs, where the target has vector functions for what is called."""
    bodies = [s.body for s in program.body if isinstance(s, Part)] or [program.body]
    counts = Counter(_call(s) for body in bodies for s in body if isinstance(s, Let))
    calls = {call for call, number in counts.items() if number >= FEWEST and _has_vector_form(*call, target)}
    if not calls:
        return program
    bodies = [tuple(_packed(body, calls, target.lanes)) for body in bodies]
    return replace(program, body=bodies[0] if len(bodies) == 1 else tuple(map(Part, bodies)))


def _call(s: Let) -> Call:
    return s.op, len(s.arguments)


def _has_vector_form(op: Op, inputs: int, target: Target) -> bool:
    """Does the operation call functions, all of which the target has for vectors?"""
    trial = Instructions(Module("trial", target))
    op.emit(trial, *[Value("%x", trial.real)] * inputs)
    called = [symbol for symbol in trial.module.globals if not symbol.startswith("llvm.")]
    return bool(called) and all(symbol.startswith(VECTOR) for symbol in called)


def _packed(body: Sequence[Statement], calls: set[Call], lanes: int) -> Iterator[Statement]:
    """The statements of straight-line code: at each step all that is ready, and when nothing is, one pack of calls."""
    readers, missing = _readers(body)
    called = [_call(s) if isinstance(s, Let) and _call(s) in calls else None for s in body]
    following = _following(readers, called)
    ready: list[int] = []
    waiting: dict[Call, list[tuple[int, int]]] = defaultdict(list)  # first those after which most calls follow

    def chosen() -> list[int]:
        """What comes next: one statement, or calls of the operation whose first is the most urgent."""
        if ready:
            return [heappop(ready)]
        call = min(waiting, key=lambda call: (waiting[call][0][0], -len(waiting[call])))
        first = [heappop(waiting[call])[1] for _ in range(min(lanes, len(waiting[call])))]
        if not waiting[call]:
            del waiting[call]
        return first

    arrived = [k for k, number in enumerate(missing) if not number]
    while arrived or ready or waiting:
        for k in arrived:
            call = called[k]
            if call is None:
                heappush(ready, k)
            else:
                heappush(waiting[call], (-following[k], k))
        together = chosen()
        lets = tuple(s for k in together if isinstance(s := body[k], Let))
        yield from [Pack(lets)] if len(lets) >= FEWEST else [body[k] for k in together]
        arrived = []
        for j in (j for k in together for j in readers[k]):
            missing[j] -= 1
            if not missing[j]:
                arrived.append(j)


def _readers(body: Sequence[Statement]) -> tuple[list[list[int]], list[int]]:
    """For each statement the places of those that read it, and how many it reads itself; of this body all."""
    home = {s.value: k for k, s in enumerate(body) if isinstance(s, (Load, Number, Let))}
    readers: list[list[int]] = [[] for _ in body]
    missing = []
    for k, s in enumerate(body):
        reads = s.arguments if isinstance(s, Let) else (s.value,) if isinstance(s, Store) else ()
        read = {home[value] for value in reads if value in home}
        missing.append(len(read))
        for j in read:
            readers[j].append(k)
    return readers, missing


def _following(readers: Sequence[Sequence[int]], called: Sequence[Call | None]) -> list[int]:
    """For each statement how many calls must follow it one after another, itself one of them."""
    following = [0] * len(readers)
    for k in range(len(readers) - 1, -1, -1):
        following[k] = max((following[j] for j in readers[k]), default=0) + (called[k] is not None)
    return following
