"""Program for one point -> the same program, in which calls of elementary functions share vectors.

A function takes for a whole vector as long as for one or two numbers. Calls that are ready together are computed in the
lanes of one vector, those first after which most calls follow: statements change their order. Operations that make the
same calls, such as sine and cosine, share vectors too; of one number they are in one lane.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heappop, heappush

from symgrad.graph import Op
from symgrad.lower.emit.circular import SINE_AND_COSINE
from symgrad.lower.emit.instructions import Instructions, Module, Value
from symgrad.lower.emit.target import VECTOR, Target
from symgrad.lower.scalars.program import Let, Load, Number, Pack, Part, Program, Statement, Store

FEWEST = 3  # calls in a vector: of three, none is slower than apart (erf: 11 ns), and sines take a third (7 of 25 ns)

Call = tuple[str, ...]  # the instructions of an operation up to its last call of a function for vectors


def packed(program: Program, target: Target) -> Program:
    """The program with packs, where the target has vector functions for what is called."""
    bodies = [s.body for s in program.body if isinstance(s, Part)] or [program.body]
    kinds = {(s.op, len(s.arguments)) for body in bodies for s in body if isinstance(s, Let)}
    calls = {kind: call for kind in kinds if (call := _call(*kind, target))}
    called = [[calls.get((s.op, len(s.arguments))) if isinstance(s, Let) else None for s in body] for body in bodies]
    counts = Counter(call for of_body in called for call in of_body)
    del counts[None]
    if max(counts.values(), default=0) < FEWEST:
        return program
    bodies = [tuple(_packed(*both, target.lanes)) for both in zip(bodies, called, strict=True)]
    return replace(program, body=bodies[0] if len(bodies) == 1 else tuple(map(Part, bodies)))


def _call(op: Op, inputs: int, target: Target) -> Call:
    """What the operation calls; empty unless the target has all functions that it calls for vectors."""
    trial = Instructions(Module("trial", target))
    op.emit(trial, *[Value(f"%x{k}", trial.real) for k in range(inputs)])
    called = [symbol for symbol in trial.module.globals if not symbol.startswith("llvm.")]
    if not all(symbol.startswith((VECTOR, SINE_AND_COSINE)) for symbol in called):
        return ()
    last = [k for k, line in enumerate(trial.lines) if any(f"@{symbol}(" in line for symbol in called)]
    return (str(inputs), *trial.lines[: last[-1] + 1]) if last else ()


def _packed(body: Sequence[Statement], called: Sequence[Call | None], lanes: int) -> Iterator[Statement]:
    """The statements of straight-line code: at each step all that is ready, and when nothing is, one pack of calls."""
    readers, missing = _readers(body)
    following = _following(readers, called)
    twins = _twins(body, called)
    ready: list[int] = []
    waiting: dict[Call, list[tuple[int, int]]] = defaultdict(list)  # first those after which most calls follow

    def chosen() -> list[int]:
        """What comes next: one statement, or calls of a kind whose first is the most urgent."""
        if ready:
            return [heappop(ready)]
        call = min(waiting, key=lambda call: (waiting[call][0][0], -len(waiting[call])))
        first = [heappop(waiting[call])[1] for _ in range(min(lanes, len(waiting[call])))]
        if not waiting[call]:
            del waiting[call]
        return [twin for k in first for twin in twins[k]]

    arrived = [k for k, number in enumerate(missing) if not number]
    while arrived or ready or waiting:
        for k in arrived:
            call = called[k]
            if call is None:
                heappush(ready, k)
            elif k in twins:
                heappush(waiting[call], (-max(following[twin] for twin in twins[k]), k))
        together = chosen()
        lets = tuple(s for k in together if isinstance(s := body[k], Let))
        yield from [Pack(lets)] if len(lets) >= FEWEST else [body[k] for k in together]
        arrived = []
        for j in (j for k in together for j in readers[k]):
            missing[j] -= 1
            if not missing[j]:
                arrived.append(j)


def _twins(body: Sequence[Statement], called: Sequence[Call | None]) -> dict[int, list[int]]:
    """By the first of them, the places of operations that make the same calls of the same values, all ready at once."""
    found: dict[tuple[Call, tuple[int, ...]], list[int]] = defaultdict(list)
    for k, (s, call) in enumerate(zip(body, called, strict=True)):
        if isinstance(s, Let) and call is not None:
            found[call, s.arguments].append(k)
    return {places[0]: places for places in found.values()}


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
