"""Threads that compiled code hands work to: they take part, tell what failed, and may be asked from anywhere."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable

import pytest

from symgrad.lower.machine.pool import POOL, Pool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads wait on Linux only")
KIND = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 4)


def share(work: Callable[..., int], threads: int) -> int:
    function = KIND(work)
    at = ctypes.cast(function, ctypes.c_void_p).value
    assert at is not None
    return POOL.share(at, (1, 2, 3, 4), threads)


def test_all_threads_take_part() -> None:
    seen: list[tuple[int, ...]] = []
    together = threading.Barrier(3)

    def work(*numbers: int) -> int:
        seen.append((threading.get_native_id(), *numbers))
        together.wait(20)
        return 0

    assert share(work, 3) == 0
    assert {numbers for _, *rest in seen for numbers in [tuple(rest)]} == {(1, 2, 3, 4)}
    assert len({thread for thread, *_ in seen}) == 3


def test_what_fails_on_another_thread_fails() -> None:
    here, together = threading.get_native_id(), threading.Barrier(2)

    def work(*_: int) -> int:
        together.wait(20)
        return int(threading.get_native_id() != here)

    assert share(work, 2) == 1


def test_whoever_asks_while_the_pool_is_busy_works_alone() -> None:
    seen: list[int] = []

    def inner(*_: int) -> int:
        seen.append(threading.get_native_id())
        return 0

    def work(*_: int) -> int:
        if threading.get_native_id() == here:
            share(inner, 4)
        return 0

    here = threading.get_native_id()
    assert share(work, 3) == 0
    assert seen == [here]


def test_a_thread_that_does_not_begin_is_not_waited_for() -> None:
    # of 9 threads some have not begun when the others are done
    count: list[int] = []

    def work(*_: int) -> int:
        count.append(1)
        return 0

    for _ in range(100):
        assert share(work, 9) == 0
    assert 100 <= len(count) <= 900


def test_threads_that_ask_first_together_get_one_code() -> None:
    # that of another would end with the last who holds it, while threads wait in it
    for _ in range(20):
        pool, found, together = Pool(), [], threading.Barrier(8)

        def ask(pool: Pool = pool, found: list[object] = found, together: threading.Barrier = together) -> None:
            together.wait(20)
            found.append(pool.runner)

        askers = [threading.Thread(target=ask) for _ in range(8)]
        for thread in askers:
            thread.start()
        for thread in askers:
            thread.join()
        assert len(found) == 8
        assert len(set(map(id, found))) == 1


def test_the_code_is_kept_by_who_runs_it() -> None:
    assert Pool().runner.library  # type: ignore[attr-defined]
