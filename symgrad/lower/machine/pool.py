"""Waiting threads that compiled code hands work to, without Python: in 5 us, where a pool of Python threads takes 40.

The work is a function of four numbers, which takes what no other thread has taken until nothing is left, by a counter
at one of its addresses. `share` calls it here and on threads of the pool. Those that have not begun when nothing is
left are not waited for. One caller has the pool at a time; to all others it has no threads. So it may be entered from
anywhere: from many threads, from itself, from a thread of Numba's.

Who waits looks again and again for some microseconds, and sleeps then: to be woken takes 15 us.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import NamedTuple

import numpy as np

from symgrad.lower.machine.machine_code import library_of
from symgrad.lower.machine.pool_text import SLOT, TEXT

MOST = 64  # threads
WAITING = sys.platform == "linux"  # do threads wait here? Else those of Python take part in batches


Numbers = tuple[int, int, int, int]


class _Code(NamedTuple):
    """The address of what a thread runs, the function that hands out work, and the one that runs a kernel's parts."""

    serve: int
    share: Callable[..., int]
    run: Callable[[int, int, int], int]


class Pool:
    """The threads of this process, begun as they are needed."""

    def __init__(self) -> None:
        self._memory = np.zeros((MOST + 1) * SLOT + 64, np.uint8)
        self.at = -(-int(self._memory.ctypes.data) // 64) * 64
        # in front of the slots: is somebody's work under way? how many threads are there?
        self._head = self._memory[self.at - int(self._memory.ctypes.data) :][:16].view(np.int64)
        self._lock = threading.Lock()
        self._made: _Code | None = None

    @property
    def _code(self) -> _Code:
        """The machine code: one for all, and for good, since threads wait in it."""
        if self._made is None:
            with self._lock:
                self._made = self._made or _compiled()
        return self._made

    @property
    def runner(self) -> Callable[[int, int, int], int]:
        """The function that runs a kernel's parts: of the addresses of its two tables and of a plan."""
        return self._code.run

    def share(self, work: int, numbers: Numbers, threads: int) -> int:
        """Call the function at this address on so many threads, this one included; 0 if all calls gave 0."""
        if not WAITING and threads > 1:
            return _shared_by_python(work, numbers, threads)
        return self._code.share(self.at, self._others(threads), work, *numbers)

    def plan(self, part: int, threads: Sequence[int]) -> np.ndarray:
        """How a kernel with this function of one part is run, on so many threads for each part, this one included: the
        pool, the most threads that any part asks for beside this one, the function, how many parts there are, and the
        threads that each asks for."""
        others = [self._others(n) for n in threads]
        return np.array([self.at, max(others), part, len(others), *others], np.int64)

    def _others(self, threads: int) -> int:
        """How many there are to ask, of so many that are wanted: begun if they are not yet."""
        others = min(threads, MOST + 1) - 1 if WAITING else 0
        if others > self._head[1]:
            self._begin(others)
        return others

    def _begin(self, threads: int) -> None:
        """Let there be so many threads. They take no signals: these are for Python's own."""
        c = ctypes.CDLL(None)
        serve = ctypes.c_void_p(self._code.serve)
        with self._lock:
            old = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                for k in range(int(self._head[1]) + 1, threads + 1):
                    slot = ctypes.c_void_p(self.at + k * SLOT)
                    c.sem_init(slot, 0, 0)
                    c.sem_init(ctypes.c_void_p(self.at + k * SLOT + 64), 0, 0)
                    # if it fails, the slot has no thread, and what it is asked is taken back
                    c.pthread_create(ctypes.byref(ctypes.c_void_p()), None, serve, slot)
                    self._head[1] = k
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, old)

    def forget(self) -> None:
        """There are no threads. Entries know where the pool is: it stays there."""
        self._memory[:] = 0
        self._lock = threading.Lock()


def _compiled() -> _Code:
    library = library_of(TEXT, ["symgrad_serve", "symgrad_share", "symgrad_run"])
    share = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 4)
    run = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)
    functions = share(library["symgrad_share"]), run(library["symgrad_run"])
    for function in functions:
        function.library = library  # type: ignore[attr-defined]
    return _Code(library["symgrad_serve"], *functions)


def _shared_by_python(work: int, numbers: Numbers, threads: int) -> int:
    function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 4)(work)
    others: list[Future[int]] = []
    try:
        others.extend(_executor().submit(function, *numbers) for _ in range(threads - 1))
        return max(function(*numbers), *[other.result() for other in others])
    finally:
        wait(others)  # after an interrupt too: they write into arrays that are this call's


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST, thread_name_prefix="symgrad")


def _forget() -> None:
    """A forked process has none of the threads of the other."""
    POOL.forget()
    _executor.cache_clear()


POOL = Pool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
