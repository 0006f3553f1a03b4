"""Functions that were bound to arrays: what they read and fill whenever they are called, what they keep, and refuse."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import ArgumentError, OutputError, UnsupportedExpression
from symgrad.lower import kernel as kernels
from symgrad.lower.machine import bound_entry

X, Y, Z = sp.symbols("x y z")
N = sp.Symbol("n", integer=True, positive=True)
POINT = np.array([0.5, -1.5])


def function() -> sg.Function:
    """Of a number and an array of two."""
    return sg.Function([X, [Y, Z]], X * sp.exp(Y) + sp.sin(Z)).value_and_grad([X, [Y, Z]])


def place() -> tuple[Any, Any]:
    return np.empty(()), (np.empty(()), np.empty(2))


def flat(result: Any) -> list[float]:
    value, (dx, dyz) = result
    return [float(value), float(dx), *map(float, dyz)]


@pytest.fixture(params=["an entry", "an entry that lets other threads run", "no entry"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "no entry":
        monkeypatch.setattr(kernels, "is_supported", lambda: False)
    elif "threads" in request.param:
        monkeypatch.setenv("SYMGRAD_CACHE", "0")  # where another one is kept
        monkeypatch.setattr(kernels, "BRIEF", 0)
    return str(request.param)


def test_it_computes_what_a_call_does(way: str) -> None:
    F, out = function(), place()
    assert flat(F.bind(np.array(2.0), POINT, out=out)()) == pytest.approx(flat(F(2.0, POINT)), rel=1e-15)


def test_other_threads_run_while_the_kernel_does_unless_it_is_brief() -> None:
    for is_brief in (True, False):
        lines = bound_entry._text("f", (True,), 1, is_brief).split("\n")
        (call,) = [k for k, line in enumerate(lines) if "%code(" in line]
        around = lines[call - 1], lines[call + 1]
        assert ("@PyEval_SaveThread()" in around[0] and "@PyEval_RestoreThread(" in around[1]) != is_brief


def test_it_reads_what_is_there_when_it_is_called(way: str) -> None:
    F, x, point, out = function(), np.array(2.0), POINT.copy(), place()
    call = F.bind(x, point, out=out)
    call()
    x[...], point[:] = 3.0, (-0.25, 0.75)
    call()
    assert flat(out) == pytest.approx(flat(F(3.0, point)), rel=1e-15)


def test_it_returns_what_it_fills(way: str) -> None:
    out = place()
    assert function().bind(np.array(2.0), POINT, out=out)() is out


def test_it_keeps_its_arrays_as_long_as_it_lives() -> None:
    x, point, out = np.array(2.0), POINT.copy(), place()
    known = [weakref.ref(a) for a in (x, point, out[0], *out[1])]
    call = function().bind(x, point, out=out)
    expected = flat(function()(2.0, point))
    del x, point, out
    assert flat(call()) == pytest.approx(expected, rel=1e-15)
    del call
    assert [a() for a in known] == [None] * 5


def test_calls_leave_no_references_behind() -> None:
    out = place()
    call = function().bind(np.array(2.0), POINT, out=out)
    before = sys.getrefcount(out)
    for _ in range(100):
        call()
    assert sys.getrefcount(out) == before


def test_it_takes_no_arguments() -> None:
    with pytest.raises(TypeError, match="takes no arguments"):
        function().bind(np.array(2.0), POINT, out=place())(1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "given",
    [
        *((), (np.array(2.0),), (2.0, POINT), (np.array(2.0), [0.5, -1.5]), (np.array(2), POINT)),
        *((np.array(2.0), np.zeros(3)), (np.array(2.0), np.zeros((2, 1))), (np.zeros(1), POINT)),
        *((np.array(2.0), np.zeros(4)[::2]), (np.array(2.0), POINT.astype(">f8")), (np.array(2.0, np.float32), POINT)),
    ],
    ids=repr,
)
def test_what_cannot_be_read_in_place_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(ArgumentError):
        function().bind(*given, out=place())


def read_only() -> np.ndarray:
    a = np.zeros(2)
    a.flags.writeable = False
    return a


@pytest.mark.parametrize(
    "last", [np.zeros(3), np.zeros(2, np.float32), np.zeros(4)[::2], read_only(), POINT, [0.0, 0.0]], ids=repr
)
def test_what_cannot_be_filled_in_place_is_refused(last: Any) -> None:
    with pytest.raises(OutputError):
        function().bind(np.array(2.0), POINT, out=(np.empty(()), (np.empty(()), last)))


def test_a_function_of_whole_arrays_is_not_bound() -> None:
    a = sp.MatrixSymbol("a", N, 1)
    with pytest.raises(UnsupportedExpression, match="out="):
        sg.Function([a], a.T * a).bind(np.zeros(3), out=np.empty(()))
