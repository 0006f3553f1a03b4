"""Program for one point -> the same program, in which calls of elementary functions share vectors.

A vector of calls takes hardly longer than one or two of them. Calls of one operation that are ready at the same time
are computed in its lanes, those first that most others wait for. So statements stand in another order than before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heappop, heappush

from symgrad.graph import Op
from symgrad.lower.instructions import Instructions, Module, Value
from symgrad.lower.program import Let, Pack, Part, Program, Statement, Store
from symgrad.lower.target import Target

FEWEST = 3  # calls in a vector: two exponentials take as long apart


def packed(program: Program, target: Target) -> Program:
    """The program with packs, where the target has a vector function for what is called."""
    bodies = [s.body for s in program.body if isinstance(s, Part)] or [program.body]
    counts = Counter((s.op, len(s.arguments)) for body in bodies for s in body if isinstance(s, Let))
    calls = {op for (op, inputs), n in counts.items() if n >= FEWEST and _is_vector_call(op, inputs, target)}
    if not calls:
        return program
    bodies = [tuple(_packed(body, calls, target.lanes)) for body in bodies]
    return replace(program, body=tuple(map(Part, bodies)) if len(bodies) > 1 else bodies[0])


def _is_vector_call(op: Op, inputs: int, target: Target) -> bool:
    """Does the operation call functions of the C library, all of which there are for vectors too?"""
    trial = Instructions(Module("trial", target))
    op.emit(trial, *[Value("%x", trial.real)] * inputs)
    called = [symbol for symbol in trial.module.globals if not symbol.startswith("llvm.")]
    return bool(called) and all(symbol.startswith("_ZGV") for symbol in called)


def _packed(body: Sequence[Statement], calls: set[Op], lanes: int) -> Iterator[Statement]:
    """The statements of straight-line code: at each step all that is ready, and then one pack of calls."""
    is_call = [isinstance(s, Let) and s.op in calls for s in body]
    home = {s.value: k for k, s in enumerate(body) if not isinstance(s, Store)}
    needs = [{home[v] for v in _reads(s) if v in home} for s in body]
    readers: list[list[int]] = [[] for _ in body]
    for k, needed in enumerate(needs):
        for j in needed:
            readers[j].append(k)
    ahead = [0] * len(body)  # how many calls must follow one another from here
    for k in range(len(body) - 1, -1, -1):
        ahead[k] = max((ahead[j] for j in readers[k]), default=0) + is_call[k]

    missing = [len(needed) for needed in needs]
    ready: list[int] = []
    waiting: dict[Op, list[tuple[int, int]]] = defaultdict(list)

    def arrive(k: int) -> None:
        s = body[k]
        if is_call[k]:
            heappush(waiting[s.op], (-ahead[k], k))
        else:
            heappush(ready, k)

    for k in range(len(body)):
        if not missing[k]:
            arrive(k)
    while ready or waiting:
        if ready:
            chosen = [heappop(ready)]
            yield body[chosen[0]]
        else:
            op = min(waiting, key=lambda op: (waiting[op][0][0], -len(waiting[op])))
            chosen = [heappop(waiting[op])[1] for _ in range(min(lanes, len(waiting[op])))]
            if not waiting[op]:
                del waiting[op]
            together = tuple(body[k] for k in chosen)
            yield from together if len(together) < FEWEST else [Pack(together)]
        for k in chosen:
            for j in readers[k]:
                missing[j] -= 1
                if not missing[j]:
                    arrive(j)


def _reads(s: Statement) -> tuple[int, ...]:
    return s.arguments if isinstance(s, Let) else (s.value,) if isinstance(s, Store) else ()
