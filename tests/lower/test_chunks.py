"""Kernels of arrays in chunks: the same bits from any number of threads and from anywhere, right at any size."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import array_call
from symgrad.lower import array_kernel
from symgrad.lower.arrays.blocks import CHUNKS, length_of, length_text
from symgrad.lower.machine import pool, threads

n, m = sp.symbols("n m", integer=True, positive=True)
ROWS = 40_000
COLUMNS = 5


def fit(*, parallel: bool = True) -> sg.Function:
    """Sums over rows, into a number and into a vector; rows of its own; memory that only a block needs."""
    X, w, y = sp.MatrixSymbol("X", n, m), sp.MatrixSymbol("w", m, 1), sp.MatrixSymbol("y", n, 1)
    losses = sg.softplus(-sp.HadamardProduct(y, X * w))
    F = sg.Function([w, X, y], sp.Trace(sp.OneMatrix(1, n) * losses), parallel=parallel)
    return F.value_and_grad([w, y])


def data(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    return random.normal(size=(COLUMNS, 1)), random.normal(size=(rows, COLUMNS)), random.normal(size=(rows, 1))


def in_numpy(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> list[Any]:
    z = -y * (X @ w)
    slope = 1 / (1 + np.exp(-z))
    return [np.logaddexp(0, z).sum(), -X.T @ (slope * y), -slope * (X @ w)]


def bits(found: Any) -> bytes:
    value, gradients = found
    return b"".join(np.asarray(v).tobytes() for v in (value, *gradients))


@pytest.fixture(autouse=True)
def _any_work_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONG", -1.0)
    monkeypatch.setattr(threads, "TIMED", 0)
    monkeypatch.setenv("SYMGRAD_THREADS", "3")


@pytest.fixture
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_kernel, "block_of", lambda numbers, least: 8)
    monkeypatch.setattr(array_kernel, "length_of", lambda extent, block, row, sums: 16)


def test_the_program_prints_its_chunks() -> None:
    text = str(fit().kernel.program)
    assert "for chunk0, first0 in parallel(chunks0, length0):" in text
    assert "scratch s0: f8[chunks0" in text


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    F, given = fit(), data(ROWS)
    found = set()
    for count in ("1", "2", "3", "50"):
        monkeypatch.setenv("SYMGRAD_THREADS", count)
        found |= {bits(F(*given)) for _ in range(5)}
    assert found == {bits(fit(parallel=False)(*given))}


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 127, 128, 129, 1_000])
def test_values_at_the_limits_of_blocks_and_chunks(rows: int) -> None:
    value, gradients = fit()(*data(rows))
    for y, z in zip((value, *gradients), in_numpy(*data(rows)), strict=True):
        np.testing.assert_allclose(y, np.squeeze(z, -1) if np.ndim(z) else z, 1e-12, 1e-13)


@pytest.mark.parametrize(("extent", "row", "sums"), [(1, 1, 0), (10**6, 1, 0), (10**6, 50, 50), (20, 10**4, 10**5)])
def test_chunks_make_up_the_rows(extent: int, row: int, sums: int) -> None:
    length = length_of(extent, 8, row, sums)
    assert length % 8 == 0
    assert -(-extent // length) <= CHUNKS
    assert length == eval(length_text(str(extent), "8", str(row), str(sums)))


def test_large_sums_are_worth_few_chunks() -> None:
    assert length_of(1_000, 8, 10, 100_000) >= 1_000


def test_njit_gives_the_same_bits() -> None:
    F = fit()
    given = data(ROWS)
    w, X, y = given
    found = F.kernel.njit(w[:, 0], X, y[:, 0])
    assert b"".join(np.asarray(v).tobytes() for v in found) == bits(F(*given))


def test_sixteen_threads_call_one_kernel() -> None:
    F, given = fit(), data(ROWS)
    wanted = bits(F(*given))
    with ThreadPoolExecutor(16) as crowd:
        assert {bits(found) for found in crowd.map(lambda _: F(*given), range(160))} == {wanted}


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1)])
def test_the_entry_gives_the_same_bits(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    F, (w, X, y) = fit(), data(ROWS)
    given = w.reshape(shape), X, y.reshape(shape)
    wanted = bits(fit(parallel=False)(*given))
    found = {bits(F(*given)) for _ in range(5)}
    monkeypatch.setattr(array_call.ArrayCaller, "__call__", lambda *_, **__: pytest.fail("the careful way"))
    assert {*found, bits(F(*given))} == {wanted}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("calls", [1, 5])
def test_after_a_fork(calls: int) -> None:
    F, given = fit(), data(ROWS)
    (wanted,) = {bits(F(*given)) for _ in range(calls)}
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"right" if bits(F(*given)) == wanted else b"wrong")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 5) == b"right"


def test_threads_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[list[int]] = []
    plan = pool.Pool.plan
    monkeypatch.setattr(pool.Pool, "plan", lambda self, *a: plans.append(a[-1]) or plan(self, *a))
    fit()(*data(ROWS))
    assert max(plans[0]) == 3
    plans.clear()
    fit(parallel=False)(*data(ROWS))
    assert not plans


def test_short_work_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONG", 1e9)
    monkeypatch.setattr(threads, "TIMED", 2)
    F, given = fit(), data(ROWS)
    for _ in range(3):
        F(*given)
    (layout,) = F.kernel._layouts.values()
    assert layout.parts is None
