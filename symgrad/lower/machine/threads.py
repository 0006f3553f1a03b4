"""A range of independent work -> ranges on several threads, where it is worth it.

One pool of Python threads serves all kernels, which run without the interpreter's lock. It may be entered from any
number of threads. A result does not depend on their number: each point is computed by the same instructions.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from symgrad.environment import thread_count

if TYPE_CHECKING:
    from symgrad.lower.machine.pool import Plan  # it needs LLVM, which takes a while to import

SMALLEST = 2_048  # points: below, the first part is too short to be timed
PROBE = 16  # one part in so many is timed, here, before others are handed out
LONGEST_PROBE = 4_096  # points: 4 us or more; of a million, a sixteenth would take 0.4 ms in which other threads wait
TIMED = 2  # runs of a kernel of arrays: the first finds its memory and its code cold
LONG = 40e-6  # seconds of a part: handing some of it to a thread takes 5 to 10 us
WORTH_IT = 200e-6  # seconds of work: handing some of it to a thread and waiting for that takes 20 to 40 us


class Parts:
    """The parts of a kernel for given sizes: run in turn, those with enough work on several threads.

    `function`: the address of what runs one part. `chunks`: into how many pieces each part can be divided.
    """

    def __init__(self, function: int, chunks: Sequence[int]):
        self.function, self.chunks = function, chunks
        self.runs = 0
        self.seconds = [float("inf") if n > 1 else 0.0 for n in chunks]
        self._plans: dict[int, Plan] = {}  # by the number of threads that there may be

    @property
    def are_long(self) -> bool:
        """May it be worth it to run any part on several threads?"""
        return any(t > LONG for t in self.seconds)

    @property
    def are_timed(self) -> bool:
        return self.runs >= TIMED

    def run(self, table: int, sizes: int) -> None:
        """Run the kernel on these tables. The first runs are on this thread, and timed."""
        from symgrad.lower.machine.pool import POOL, runner

        if self.are_timed:
            runner()(table, sizes, self.plan().address)
            return
        counters = np.zeros(len(self.chunks), np.int64)
        for k, n in enumerate(self.chunks):
            start = perf_counter()
            POOL.share(self.function, (table, sizes, k, address(counters) + 8 * k), 1)
            if n > 1:
                self.seconds[k] = min(self.seconds[k], perf_counter() - start)
        self.runs += 1

    def plan(self) -> Plan:
        """How many threads each part is run on, of those that there may be now."""
        from symgrad.lower.machine.pool import POOL

        threads = thread_count()
        if threads not in self._plans:
            wanted = [min(threads, n) if t > LONG else 1 for t, n in zip(self.seconds, self.chunks, strict=True)]
            self._plans[threads] = POOL.plan(self.function, wanted)
        return self._plans[threads]


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])  # a fifth of the time of array.ctypes.data


_lock = threading.Lock()
_pool: list[ThreadPoolExecutor] = []


def run(work: Callable[[int, int], int], count: int, step: int) -> int:
    """Call work(first, last) on ranges that make up range(count), and begin at multiples of `step`; 0 if all gave 0.

    The first part is timed, so that short work stays on this thread.
    """
    threads = thread_count()
    first = min(count // PROBE, LONGEST_PROBE) // step * step
    if count < SMALLEST or threads == 1 or first == 0:
        return work(0, count)
    start = perf_counter()
    failed = work(0, first)
    if failed or (perf_counter() - start) * (count - first) / first < WORTH_IT:
        return failed or work(first, count)
    length = -(-(count - first) // (threads * step)) * step
    bounds = [*range(first, count, length), count]
    others: list[Future[int]] = []
    try:
        others.extend(_threads().submit(work, a, b) for a, b in pairwise(bounds[1:]))
        return max(work(*bounds[:2]), *[other.result() for other in others], 0)
    finally:
        wait(others)  # after an interrupt too: they write into arrays that are this call's


def _threads() -> ThreadPoolExecutor:
    """The pool, made when it is first needed."""
    with _lock:
        if not _pool:
            _pool.append(ThreadPoolExecutor(thread_count(), thread_name_prefix="symgrad"))
        return _pool[0]


def _forget_threads() -> None:
    """A forked process has none of the threads of the other, nor perhaps its lock."""
    global _lock
    _lock = threading.Lock()
    _pool.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
