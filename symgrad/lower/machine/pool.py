"""Waiting threads that compiled code hands work to, without Python: in 5 us, where a pool of Python threads takes 40.

The work is a function of four numbers, which takes what no other thread has taken until nothing is left, by a counter
at one of its addresses. `share` calls it here and on threads of the pool. Those that have not begun when nothing is
left are not waited for. One caller has the pool at a time; to all others it has no threads. So it may be entered from
anywhere: from many threads, from itself, from a thread of Numba's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache

import numpy as np

from symgrad.lower.machine.machine_code import library_of

SLOT = 256  # bytes of a thread: what it waits for, what waits for it, what it is to call
MOST = 64  # threads
TEXT = """
declare i32 @sem_wait(ptr)
declare i32 @sem_trywait(ptr)
declare i32 @sem_post(ptr)

define ptr @symgrad_serve(ptr %slot) {
  %done = getelementptr i8, ptr %slot, i64 64
  %work.at = getelementptr i64, ptr %slot, i64 16
  %a.at = getelementptr i64, ptr %slot, i64 17
  %b.at = getelementptr i64, ptr %slot, i64 18
  %c.at = getelementptr i64, ptr %slot, i64 19
  %d.at = getelementptr i64, ptr %slot, i64 20
  %failed.at = getelementptr i64, ptr %slot, i64 21
  br label %wait
wait:  ; again after a signal
  %status = call i32 @sem_wait(ptr %slot)
  %again = icmp ne i32 %status, 0
  br i1 %again, label %wait, label %run
run:
  %work = load ptr, ptr %work.at
  %a = load i64, ptr %a.at
  %b = load i64, ptr %b.at
  %c = load i64, ptr %c.at
  %d = load i64, ptr %d.at
  %failed = call i32 %work(i64 %a, i64 %b, i64 %c, i64 %d)
  store i32 %failed, ptr %failed.at
  %posted = call i32 @sem_post(ptr %done)
  br label %wait
}

define i32 @symgrad_share(ptr %pool, i64 %threads, ptr %work, i64 %a, i64 %b, i64 %c, i64 %d) {
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
  %k.slot = getelementptr [256 x i8], ptr %pool, i64 %k
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
  %slot = getelementptr [256 x i8], ptr %pool, i64 %j
  %done = getelementptr i8, ptr %slot, i64 64
  %failed.at = getelementptr i64, ptr %slot, i64 21
  %status.take = call i32 @sem_trywait(ptr %slot)
  %is_back = icmp eq i32 %status.take, 0
  br i1 %is_back, label %ended, label %wait
wait:
  %status.wait = call i32 @sem_wait(ptr %done)
  %again = icmp ne i32 %status.wait, 0
  br i1 %again, label %wait, label %there
there:
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
}
"""


class Pool:
    """The threads of this process, begun as they are needed."""

    def __init__(self) -> None:
        self.memory = np.zeros((MOST + 1) * SLOT + 64, np.uint8)
        self.at = -(-int(self.memory.ctypes.data) // 64) * 64  # in front of the slots: is somebody's work under way?
        self.threads = 0
        self._lock = threading.Lock()

    def share(self, work: int, numbers: tuple[int, int, int, int], threads: int) -> int:
        """Call the function at this address on so many threads, this one included; 0 if all calls gave 0."""
        others = min(threads, MOST + 1) - 1 if sys.platform == "linux" else 0
        if others > self.threads:
            self._begin(others)
        return _code()[1](self.at, others, work, *numbers)

    def _begin(self, threads: int) -> None:
        """Let there be so many threads. They take no signals: these are for Python's own."""
        c = ctypes.CDLL(None)
        serve = ctypes.c_void_p(_code()[0])
        with self._lock:
            old = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                for k in range(self.threads + 1, threads + 1):
                    slot = ctypes.c_void_p(self.at + k * SLOT)
                    c.sem_init(slot, 0, 0)
                    c.sem_init(ctypes.c_void_p(self.at + k * SLOT + 64), 0, 0)
                    # if it fails, the slot has no thread, and what it is asked is taken back
                    c.pthread_create(ctypes.byref(ctypes.c_void_p()), None, serve, slot)
                    self.threads = k
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, old)


@cache
def _code() -> tuple[int, Callable[..., int]]:
    """The address of what a thread runs, and the function that hands out work."""
    library = library_of(TEXT, ["symgrad_serve", "symgrad_share"])
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 4)
    share = kind(library["symgrad_share"])
    share.library = library  # type: ignore[attr-defined]
    return library["symgrad_serve"], share


POOL = [Pool()]


def _forget() -> None:
    """A forked process has none of the threads of the other."""
    POOL[0] = Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
