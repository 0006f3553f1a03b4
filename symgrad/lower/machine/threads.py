"""Parts of a kernel of arrays, and points of a batch: on several threads, where it is worth it.

What is worth it is timed. A result does not depend on the number of threads: each point is computed by the same
instructions, and what is summed over rows is summed in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from symgrad.environment import thread_count

if TYPE_CHECKING:  # it needs LLVM, which takes a while to import
    from symgrad.lower.machine.machine_code import BatchCode

CHUNKS = 64  # of a large batch
STEP = 64  # points: of a line of the cache only one chunk writes
SHORTEST = 256  # points of a chunk: 1 us or more, beside which calling the kernel is little
TIMED = 2  # runs of a kernel of arrays: the first finds its memory and its code cold
LONG = 40e-6  # seconds of work: handing some of it to a thread takes up to 15 us


class Parts:
    """The parts of a kernel for given sizes: run in turn, those with enough work on several threads.

    `function`: the address of what runs one part. `chunks`: into how many pieces each part can be divided.
    """

    def __init__(self, function: int, chunks: Sequence[int]):
        self.function, self.chunks = function, chunks
        self.runs = 0
        self.seconds = [float("inf") if n > 1 else 0.0 for n in chunks]
        self._plans: dict[int, np.ndarray] = {}  # by the number of threads that there may be

    @property
    def are_long(self) -> bool:
        """May it be worth it to run any part on several threads?"""
        return any(t > LONG for t in self.seconds)

    @property
    def are_timed(self) -> bool:
        return self.runs >= TIMED

    def run(self, table: int, sizes: int) -> None:
        """Run the kernel on these tables. The first runs are on this thread, and timed."""
        from symgrad.lower.machine.pool import POOL

        if self.are_timed:
            POOL.runner(table, sizes, address(self.plan()))
            return
        counters = np.zeros(len(self.chunks), np.int64)
        for k, n in enumerate(self.chunks):
            start = perf_counter()
            POOL.share(self.function, (table, sizes, k, address(counters) + 8 * k), 1)
            if n > 1:
                self.seconds[k] = min(self.seconds[k], perf_counter() - start)
        self.runs += 1

    def plan(self) -> np.ndarray:
        """How many threads each part is run on, of those that there may be now."""
        from symgrad.lower.machine.pool import POOL

        threads = thread_count()
        if threads not in self._plans:
            wanted = [min(threads, n) if t > LONG else 1 for t, n in zip(self.seconds, self.chunks, strict=True)]
            self._plans[threads] = POOL.plan(self.function, wanted)
        return self._plans[threads]


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])  # a fifth of the time of array.ctypes.data


def chunk_of(points: int) -> int:
    """How many points of a batch of so many a thread takes at once."""
    return max(-(-points // (CHUNKS * STEP)) * STEP, SHORTEST)


def run(code: BatchCode, table: int, count: int) -> int:
    """Run the kernel of a batch on all its points; 0 if all of it gave 0.

    The first chunk is timed, so that short work stays on this thread.
    """
    from symgrad.lower.machine.pool import POOL

    length = chunk_of(count)
    threads = min(thread_count(), -(-count // length))
    if threads == 1:
        return code.call(table, 0, count, count)
    start = perf_counter()
    failed = code.call(table, 0, length, count)
    if failed or (perf_counter() - start) * (count - length) / length < LONG:
        return failed or code.call(table, length, count, count)
    sizes, counter = np.array([count, length], np.int64), np.array([1], np.int64)  # one chunk is taken
    return POOL.share(code.part, (table, address(sizes), 0, address(counter)), threads)
