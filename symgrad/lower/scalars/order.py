"""Statements -> the same in an order in which few values wait: those that have no register go to memory and back.

At each step comes a statement that is the last to read most of its arguments; of equal ones, the first. So a Jacobian
of 2 x 15 entries, 289 operations in vectors, puts 36 values into memory instead of 66, and takes 10 % less time.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from symgrad.lower.scalars.program import Let, Load, Number, Store

Simple = Load | Number | Let | Store


def ordered(body: Sequence[Simple]) -> list[Simple]:
    """The statements, each after what it reads."""
    maker = {s.value: k for k, s in enumerate(body) if not isinstance(s, Store)}
    inputs = [{maker[v] for v in _read(s) if v in maker} for s in body]
    readers: list[list[int]] = [[] for _ in body]
    for k, made in enumerate(inputs):
        for i in made:
            readers[i].append(k)
    left = [len(r) for r in readers]  # readers that are to come
    waits = [len(made) for made in inputs]

    ended = [sum(left[i] == 1 for i in made) for made in inputs]  # values that wait for this statement alone

    def rank(k: int) -> tuple[int, int]:
        """Values that begin to wait less those that end; a load waits for what there is to do without it."""
        begun = 2 if isinstance(body[k], Load) else 0 if isinstance(body[k], Store) else 1
        return begun - ended[k], k

    ready = [rank(k) for k, n in enumerate(waits) if not n]
    heapq.heapify(ready)
    found: list[Simple] = []
    is_done = [False] * len(body)
    while ready:
        _, k = heapq.heappop(ready)
        if is_done[k]:
            continue  # it was ready before, and ranked lower
        is_done[k] = True
        found.append(body[k])
        for i in inputs[k]:
            left[i] -= 1
            if left[i] == 1:
                last = next(j for j in readers[i] if not is_done[j])
                ended[last] += 1
                if not waits[last]:
                    heapq.heappush(ready, rank(last))
        for j in readers[k]:
            waits[j] -= 1
            if not waits[j]:
                heapq.heappush(ready, rank(j))
    return found


def _read(s: Simple) -> tuple[int, ...]:
    match s:
        case Let():
            return s.arguments
        case Store():
            return (s.value,)
    return ()
