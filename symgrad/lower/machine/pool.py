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
from functools import cache
from typing import NamedTuple

import numpy as np

from symgrad.lower.machine.machine_code import library_of

SLOT = 256  # bytes of a thread: what it waits for, what waits for it, what it is to call
MOST = 64  # threads
LOOKS = 50  # before a thread sleeps: each lets other threads of the machine run, and takes 0.2 us or more
TEXT = f"""
declare i32 @sem_wait(ptr)
declare i32 @sem_trywait(ptr)
declare i32 @sem_post(ptr)
declare i32 @sched_yield()

; Returns when the semaphore was posted.
define internal void @await(ptr %semaphore) {{
  br label %look
look:
  %k = phi i64 [ 0, %0 ], [ %k.next, %again ]
  %status = call i32 @sem_trywait(ptr %semaphore)
  %is_posted = icmp eq i32 %status, 0
  br i1 %is_posted, label %end, label %again
again:
  call i32 @sched_yield()
  %k.next = add i64 %k, 1
  %is_soon = icmp ult i64 %k.next, {LOOKS}
  br i1 %is_soon, label %look, label %sleep
sleep:  ; again after a signal
  %status.sleep = call i32 @sem_wait(ptr %semaphore)
  %is_signal = icmp ne i32 %status.sleep, 0
  br i1 %is_signal, label %sleep, label %end
end:
  ret void
}}

define ptr @symgrad_serve(ptr %slot) {{
  %done = getelementptr i8, ptr %slot, i64 64
  %work.at = getelementptr i64, ptr %slot, i64 16
  %a.at = getelementptr i64, ptr %slot, i64 17
  %b.at = getelementptr i64, ptr %slot, i64 18
  %c.at = getelementptr i64, ptr %slot, i64 19
  %d.at = getelementptr i64, ptr %slot, i64 20
  %failed.at = getelementptr i64, ptr %slot, i64 21
  br label %wait
wait:
  call void @await(ptr %slot)
  %work = load ptr, ptr %work.at
  %a = load i64, ptr %a.at
  %b = load i64, ptr %b.at
  %c = load i64, ptr %c.at
  %d = load i64, ptr %d.at
  %failed = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  store i32 %failed, ptr %failed.at
  %posted = call i32 @sem_post(ptr %done)
  br label %wait
}}

define i32 @symgrad_share(ptr %pool, i64 %threads, ptr %work, i64 %a, i64 %b, i64 %c, i64 %d) {{
  %is_shared = icmp ne i64 %threads, 0
  br i1 %is_shared, label %begin, label %alone
begin:
  %was_busy = atomicrmw xchg ptr %pool, i64 1 acquire
  %is_busy = icmp ne i64 %was_busy, 0
  br i1 %is_busy, label %alone, label %ask
alone:
  %failed.alone = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  ret i32 %failed.alone
ask:
  %k = phi i64 [ 1, %begin ], [ %k.next, %post ]
  %is_more = icmp sle i64 %k, %threads
  br i1 %is_more, label %post, label %here
post:
  %k.slot = getelementptr [{SLOT} x i8], ptr %pool, i64 %k
  %work.at = getelementptr i64, ptr %k.slot, i64 16
  %a.at = getelementptr i64, ptr %k.slot, i64 17
  %b.at = getelementptr i64, ptr %k.slot, i64 18
  %c.at = getelementptr i64, ptr %k.slot, i64 19
  %d.at = getelementptr i64, ptr %k.slot, i64 20
  store ptr %work, ptr %work.at
  store i64 %a, ptr %a.at
  store i64 %b, ptr %b.at
  store i64 %c, ptr %c.at
  store i64 %d, ptr %d.at
  %posted = call i32 @sem_post(ptr %k.slot)
  %k.next = add i64 %k, 1
  br label %ask
here:
  %failed.here = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  br label %look
look:
  %j = phi i64 [ 1, %here ], [ %j.next, %ended ]
  %failed = phi i32 [ %failed.here, %here ], [ %failed.any, %ended ]
  %is_other = icmp sle i64 %j, %threads
  br i1 %is_other, label %take_back, label %end
take_back:  ; from a thread that has not begun
  %slot = getelementptr [{SLOT} x i8], ptr %pool, i64 %j
  %done = getelementptr i8, ptr %slot, i64 64
  %failed.at = getelementptr i64, ptr %slot, i64 21
  %status.take = call i32 @sem_trywait(ptr %slot)
  %is_back = icmp eq i32 %status.take, 0
  br i1 %is_back, label %ended, label %there
there:
  call void @await(ptr %done)
  %failed.there = load i32, ptr %failed.at
  br label %ended
ended:
  %failed.other = phi i32 [ 0, %take_back ], [ %failed.there, %there ]
  %failed.any = or i32 %failed, %failed.other
  %j.next = add i64 %j, 1
  br label %look
end:
  store atomic i64 0, ptr %pool release, align 8
  ret i32 %failed
}}

; The parts of a kernel in turn, as a Plan has it.
define i32 @symgrad_run(ptr %table, ptr %sizes, ptr %plan) {{
  %counter = alloca i64
  %pool = load ptr, ptr %plan
  %part.at = getelementptr i64, ptr %plan, i64 2
  %number.at = getelementptr i64, ptr %plan, i64 3
  %others.at = getelementptr i64, ptr %plan, i64 4
  %part = load ptr, ptr %part.at
  %number = load i64, ptr %number.at
  %a = ptrtoint ptr %table to i64
  %b = ptrtoint ptr %sizes to i64
  %d = ptrtoint ptr %counter to i64
  br label %next
next:
  %k = phi i64 [ 0, %0 ], [ %k.next, %run ]
  %failed = phi i32 [ 0, %0 ], [ %failed.any, %run ]
  %is_left = icmp ult i64 %k, %number
  br i1 %is_left, label %run, label %end
run:
  store i64 0, ptr %counter
  %k.at = getelementptr i64, ptr %others.at, i64 %k
  %others = load i64, ptr %k.at
  %failed.k = call i32 @symgrad_share(ptr %pool, i64 %others, ptr %part, i64 %a, i64 %b, i64 %k, i64 %d)
  %failed.any = or i32 %failed, %failed.k
  %k.next = add i64 %k, 1
  br label %next
end:
  ret i32 %failed
}}
"""


class Plan(NamedTuple):
    """How the parts of a kernel are run: `words` has the pool, the most threads that any part asks for beside this one,
    the function of one part, how many parts there are, and the threads that each asks for."""

    words: np.ndarray

    @property
    def address(self) -> int:
        return int(self.words.ctypes.data)


class Pool:
    """The threads of this process, begun as they are needed."""

    def __init__(self) -> None:
        self._memory = np.zeros((MOST + 1) * SLOT + 64, np.uint8)
        self.at = -(-int(self._memory.ctypes.data) // 64) * 64
        # in front of the slots: is somebody's work under way? how many threads are there?
        self._head = self._memory[self.at - int(self._memory.ctypes.data) :][:16].view(np.int64)
        self._lock = threading.Lock()

    def share(self, work: int, numbers: tuple[int, int, int, int], threads: int) -> int:
        """Call the function at this address on so many threads, this one included; 0 if all calls gave 0."""
        return _code().share(self.at, self._others(threads), work, *numbers)

    def plan(self, part: int, threads: Sequence[int]) -> Plan:
        """Of a kernel with this function of one part: so many threads for each part, this one included."""
        others = [self._others(n) for n in threads]
        return Plan(np.array([self.at, max(others), part, len(others), *others], np.int64))

    def _others(self, threads: int) -> int:
        """How many there are to ask, of so many that are wanted: begun if they are not yet."""
        others = min(threads, MOST + 1) - 1 if sys.platform == "linux" else 0
        if others > self._head[1]:
            self._begin(others)
        return others

    def _begin(self, threads: int) -> None:
        """Let there be so many threads. They take no signals: these are for Python's own."""
        c = ctypes.CDLL(None)
        serve = ctypes.c_void_p(_code().serve)
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
        """A forked process has none of the threads of the other. Entries know where the pool is: it stays there."""
        self._memory[:] = 0
        self._lock = threading.Lock()


class _Code(NamedTuple):
    """The address of what a thread runs, the function that hands out work, and the one that runs a kernel's parts."""

    serve: int
    share: Callable[..., int]
    run: Callable[[int, int, int], int]


@cache
def _code() -> _Code:
    library = library_of(TEXT, ["symgrad_serve", "symgrad_share", "symgrad_run"])
    share = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 4)
    run = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)
    functions = share(library["symgrad_share"]), run(library["symgrad_run"])
    functions[0].library = library  # type: ignore[attr-defined]
    return _Code(library["symgrad_serve"], *functions)


def runner() -> Callable[[int, int, int], int]:
    """The function that runs a kernel's parts: of the addresses of its two tables and of a Plan."""
    return _code().run


POOL = Pool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
