"""Batches whose shapes come again: what their entry takes, refuses and returns."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import call
from symgrad.lower import kernel as kernels
from symgrad.lower.machine import pool, threads

X, Y = sp.symbols("x y")
FORMULA = sp.exp(-X * Y) * sp.tanh(X) + sp.log(X + Y)
SHAPES = [(8,), (9,), (63,), (64,), (1000,), (5000,), (100_003,), (3, 5, 7), (2, 4)]


def points(shape: Any, count: int = 2) -> list[np.ndarray]:
    return list(np.random.default_rng(1).uniform(0.5, 1.5, (count, *np.atleast_1d(shape))))


def function() -> sg.Function:
    return sg.Function([X, Y], FORMULA).value_and_grad([X, Y])


def entries(F: sg.Function) -> dict[Any, Any]:
    return {k: entry for k, entry in F._caller._batches.items() if entry is not call.refused}  # type: ignore[union-attr]


def same(a: Any, b: Any) -> bool:
    """To the last bit, and in the same structure."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.fixture(autouse=True)
def _threads_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LONG", 0.0)
    monkeypatch.setenv("SYMGRAD_THREADS", "2")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_entry_returns_what_the_careful_way_returns(shape: tuple[int, ...]) -> None:
    F, values = function(), points(shape)
    first = F(*values)
    F(*values)
    assert list(entries(F)) == [(shape, shape)]
    assert entries(F)[shape, shape](*values) is not NotImplemented
    assert same(F(*values), first)


@pytest.mark.parametrize("threads", ["1", "2", "3", "7"])
def test_the_number_of_threads_changes_no_bit(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    F, values = function(), points(20_001)
    first = F(*values)
    monkeypatch.setenv("SYMGRAD_THREADS", threads)
    F(*values)
    assert entries(F)
    assert same(F(*values), first)


def test_chunks_may_be_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SHORTEST", 8)
    monkeypatch.setattr(threads, "STEP", 8)
    for n in (8, 15, 16, 17, 100, 511, 513):
        F, values = function(), points(n)
        first = F(*values), F(*values)
        assert same(F(*values), first[0])


@pytest.mark.parametrize("number", [2.0, 2, True, np.float64(2)], ids=repr)
def test_a_number_is_the_same_for_all_points(number: Any) -> None:
    F, (x,) = function(), points(50, 1)
    first = F(x, number)
    F(x, number)
    assert list(entries(F)) == [((50,), ())]
    assert same(entries(F)[(50,), ()](x, number), first)
    assert same(F(x, number), first)
    assert same(F(x + 1, 3.0), function()(x + 1, 3.0))


def test_results_have_their_axes_after_the_points() -> None:
    F, values = sg.Function([X, Y], [FORMULA, X * Y]).jacobian([X, Y]), points((4, 6))
    first = F(*values), F(*values)
    assert np.shape(first[0]) == (4, 6, 2, 2)
    assert same(F(*values), first[0])


def test_results_have_their_structure() -> None:
    F, values = sg.Function([X, Y], {"a": [X * Y, X], "b": (X, (Y, 3 * X))}), points(20)
    first = F(*values), F(*values)
    assert entries(F)
    assert same(F(*values), first[0])


OTHERS = {
    "single precision": lambda x: x.astype(np.float32),
    "integers": lambda x: (10 * x).astype(int),
    "strided": lambda x: np.repeat(x, 2)[::2],
    "a list": list,
    "another length": lambda x: x[:-1],
    "one point": lambda x: x[:1],
    "another rank": lambda x: x.reshape(2, -1),
    "a subclass": lambda x: x.view(np.matrix).A1.view(type("Sub", (np.ndarray,), {})),
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), np.float64, len(x), 1),
    "byte order": lambda x: x.astype(">f8"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_all_else_goes_the_careful_way(other: str) -> None:
    F, values = function(), points(40)
    F(*values), F(*values)
    changed = [OTHERS[other](v) for v in values]
    assert same(F(*changed), function()(*changed))


@pytest.mark.parametrize("bad", [np.ones(40, complex), np.ones(41), np.array(["a"] * 40), None], ids=repr)
def test_errors_are_those_of_the_careful_way(bad: Any) -> None:
    F, values = function(), points(40)
    F(*values), F(*values)
    with pytest.raises(sg.SymgradError) as first:
        function()(values[0], bad)
    with pytest.raises(type(first.value)):
        F(values[0], bad)


def test_arguments_by_name_and_places_for_results_go_the_careful_way() -> None:
    F, values = sg.Function([X, Y], FORMULA), points(40)
    first, _ = F(*values), F(*values)
    place = np.empty(40)
    assert same(F(values[0], y=values[1]), first)
    assert F(*values, out=place) is place
    assert same(place, first)


def test_results_are_new_arrays() -> None:
    F, values = sg.Function([X, Y], FORMULA), points(40)
    F(*values), F(*values)
    assert not np.shares_memory(F(*values), F(*values))


def test_batches_alone_compile_nothing_for_one_point(monkeypatch: pytest.MonkeyPatch) -> None:
    F, values = function(), points(40)
    monkeypatch.setattr(kernels.Kernel, "entry", lambda *_: pytest.fail("compiled"))
    F(*values), F(*values), F(*values)


def test_too_few_points_for_a_vector_have_no_entry() -> None:
    F, values = function(), points(kernels.host().lanes - 1)
    F(*values), F(*values)
    assert not entries(F)


def test_entries_are_kept_of_the_last_shapes() -> None:
    F = function()
    for n in range(20, 24 + call.MOST_BATCHES):
        F(*points(n)), F(*points(n))
        assert ((n,), (n,)) in entries(F)
        assert len(F._caller._batches) <= call.MOST_BATCHES  # type: ignore[union-attr]


def test_several_shapes_have_entries_at_a_time() -> None:
    F = function()
    for _ in range(2):
        F(*points(20)), F(*points(30))
    assert len(entries(F)) == 2


def test_a_large_program_runs_in_parts() -> None:
    total = X
    for k in range(3_000):
        total = sp.sin(total, evaluate=False) + sp.Float(k) / 1000 * Y
    F, values = sg.Function([X, Y], total), points(300)
    first = F(*values), F(*values)
    assert entries(F)
    assert same(F(*values), first[0])


def test_a_function_with_entries_is_pickled() -> None:
    F, values = function(), points(40)
    first, _ = F(*values), F(*values)
    assert same(pickle.loads(pickle.dumps(F))(*values), first)


def test_many_threads_may_call_at_once() -> None:
    F, values = function(), points(30_000)
    first, _ = F(*values), F(*values)
    with ThreadPoolExecutor(8) as pool:
        assert all(same(y, first) for y in pool.map(lambda _: F(*values), range(24)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_process_begins_its_own_threads() -> None:
    F, values = function(), points(30_000)
    first, _ = F(*values), F(*values)
    (entry,) = entries(F).values()
    child = os.fork()
    if child == 0:
        refused = entry(*values) is NotImplemented  # there are none yet
        os._exit(0 if refused and same(F(*values), first) and same(F(*values), first) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_on_one_thread_where_others_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    plan = pool.POOL.plan
    monkeypatch.setattr(pool.POOL, "plan", lambda part, threads: asked.append(threads) or plan(part, threads))
    F, values = sg.Function([X, Y], FORMULA, parallel=False), points(30_000)
    F(*values), F(*values)
    assert asked == [[1]]
