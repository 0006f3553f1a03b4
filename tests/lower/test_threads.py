"""Batches on several threads: the same bits, from anywhere."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower.machine import pool, threads
from symgrad.lower.machine.machine_code import BatchCode

KIND = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 4)
X, Y = sp.symbols("x y")
FORMULA = sp.exp(-X * Y) * sp.tanh(X) + sp.log(X + Y)
POINTS = np.random.default_rng(1).uniform(0.5, 1.5, (2, 200_003))


@pytest.fixture(autouse=True)
def _work_is_always_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONG", 0.0)


@pytest.mark.parametrize("count", ["2", "3", "7"])
def test_the_number_of_threads_changes_no_bit(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", count)
    both = [sg.Function([X, Y], FORMULA, parallel=parallel).value_and_grad([X, Y]) for parallel in (True, False)]
    (a, (ax, ay)), (b, (bx, by)) = (F(*POINTS) for F in both)
    assert [a.tobytes(), ax.tobytes(), ay.tobytes()] == [b.tobytes(), bx.tobytes(), by.tobytes()]


@pytest.fixture(params=[True, False], ids=["waiting", "of Python"])
def _either_kind_of_threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param and sys.platform != "linux":
        pytest.skip("threads wait on Linux only")
    monkeypatch.setattr(pool, "WAITING", request.param)


@pytest.mark.usefixtures("_either_kind_of_threads")
@pytest.mark.parametrize("count", [1, 255, 256, 257, 300, 10_000, 10_001, 200_003])
def test_the_chunks_make_up_a_batch_on_any_threads(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    F = sg.Function([X, Y], FORMULA)
    given = POINTS[:, :count]
    found = set()
    for number in ("1", "2", "3"):
        monkeypatch.setenv("SYMGRAD_THREADS", number)
        found.add(F.kernel.batch(given)[0].tobytes())  # type: ignore[union-attr]
    assert len(found) == 1
    (y,) = [np.frombuffer(b) for b in found]
    np.testing.assert_allclose(y, np.exp(-given[0] * given[1]) * np.tanh(given[0]) + np.log(given.sum(0)), 1e-14)


@pytest.mark.parametrize("points", [1, 63, 256, 257, 4_096, 100_000, 10**7])
def test_chunks_are_whole_lines_of_the_cache(points: int) -> None:
    length = threads.chunk_of(points)
    assert length % 64 == 0
    assert -(-points // length) <= threads.CHUNKS


@pytest.mark.usefixtures("_either_kind_of_threads")
def test_what_fails_on_a_thread_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    here, together = threading.get_native_id(), threading.Barrier(2)

    def first(table: int, start: int, end: int, count: int) -> int:
        assert (table, start, count) == (5, 0, 10_000)
        return 0

    def rest(table: int, sizes: int, part: int, counter: int) -> int:
        together.wait(20)
        return int(threading.get_native_id() != here)

    part = KIND(rest)
    code = BatchCode(KIND(first), ctypes.cast(part, ctypes.c_void_p).value or 0)
    assert threads.run(code, 5, 10_000) == 1


def test_many_threads_may_call_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    F = sg.Function([X, Y], FORMULA)
    expected = F(*POINTS).tobytes()
    with ThreadPoolExecutor(8) as pool:
        assert {y.tobytes() for y in pool.map(lambda _: F(*POINTS), range(24))} == {expected}


def test_not_on_threads_where_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    monkeypatch.setattr(pool.Pool, "share", lambda *_: pytest.fail("a thread"))
    sg.Function([X, Y], FORMULA, parallel=False)(*POINTS)
    assert not sg.Function([X, Y], FORMULA, parallel=False).grad(X).kernel.parallel


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_process_makes_its_own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    F = sg.Function([X, Y], FORMULA)
    expected = F(*POINTS).tobytes()
    child = os.fork()
    if child == 0:
        os._exit(0 if F(*POINTS).tobytes() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
