"""Batches on several threads: the same bits, from anywhere."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower.machine import threads

X, Y = sp.symbols("x y")
FORMULA = sp.exp(-X * Y) * sp.tanh(X) + sp.log(X + Y)
POINTS = np.random.default_rng(1).uniform(0.5, 1.5, (2, 200_003))


@pytest.fixture(autouse=True)
def _work_is_always_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WORTH_IT", 0.0)


@pytest.mark.parametrize("count", ["2", "3", "7"])
def test_the_number_of_threads_changes_no_bit(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", count)
    both = [sg.Function([X, Y], FORMULA, parallel=parallel).value_and_grad([X, Y]) for parallel in (True, False)]
    (a, (ax, ay)), (b, (bx, by)) = (F(*POINTS) for F in both)
    assert [a.tobytes(), ax.tobytes(), ay.tobytes()] == [b.tobytes(), bx.tobytes(), by.tobytes()]


@pytest.mark.parametrize("count", [1, 2_047, 2_048, 10_000, 10_001])
def test_ranges_make_up_the_whole_and_begin_at_steps(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "3")
    seen: list[tuple[int, int]] = []
    assert threads.run(lambda a, b: seen.append((a, b)) or 0, count, 64) == 0
    seen.sort()
    assert (seen[0][0], seen[-1][1]) == (0, count)
    assert all(before[1] == after[0] and after[0] % 64 == 0 for before, after in pairwise(seen))


def test_what_fails_on_a_thread_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    main = threading.current_thread()
    assert threads.run(lambda a, b: int(threading.current_thread() is not main), 10_000, 64) == 1


def test_many_threads_may_call_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    F = sg.Function([X, Y], FORMULA)
    expected = F(*POINTS).tobytes()
    with ThreadPoolExecutor(8) as pool:
        assert {y.tobytes() for y in pool.map(lambda _: F(*POINTS), range(24))} == {expected}


def test_not_on_threads_where_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    monkeypatch.setattr(threads, "_threads", lambda: pytest.fail("a thread"))
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
