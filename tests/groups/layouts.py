"""Memory layouts: the result is that of the contiguous copy, inputs keep their bits, a second call gives the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg
from tests.groups.group import Group, Outcome, Outcomes
from tests.oracles import TOLERANCE, error

n, m = sp.symbols("n m", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, y = sp.symbols("x y")
A, v = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("v", m, 1)
K = sp.IndexedBase("K", shape=(n,), integer=True)
T = sp.IndexedBase("T", shape=(n, m))
B = sp.MatrixSymbol("B", 3, 4)

BLAS = sg.Function([A, v], ((A * v).T * (A * v))[0, 0]).value_and_grad([A, v])
LOOP = sg.Function([T], sp.Sum(sp.sin(T[i, 0]) * T[i, 1], (i, 0, n - 1))).value_and_grad([T])
GATHER = sg.Function([T, K], sp.Sum(T[K[i], 1] ** 2, (i, 0, n - 1))).value_and_grad([T])
ENTRIES = sg.Function([B], sum(sp.exp(b) for b in sp.Matrix(B)) + B[0, 0] * B[2, 3]).value_and_grad([B])
BATCH = sg.Function([x, y], sp.exp(x) * sp.sin(y)).value_and_grad([x, y])
INDICES = np.array([2, 0, 1])
CALLS: dict[str, Callable[[Any], Any]] = {
    "batch": lambda a: BATCH(a, 0.5),
    "entries": lambda a: ENTRIES(a),
    "BLAS": lambda a: BLAS(a, [0.5, -1.0, 2.0, 0.25]),
    "loop": lambda a: LOOP(a),
    "gather": lambda a: GATHER(a, INDICES),
    "indices": lambda a: GATHER(np.arange(12.0).reshape(3, 4), (np.abs(a[:, 0]).astype(np.intp)[::-1] % 3)[::-1]),
}  # fmt: skip


def _offset(a: np.ndarray) -> np.ndarray:
    store = np.full((5, 7), 9.0)
    store[1:4, 2:6] = a
    return store[1:4, 2:6]


def _strided(a: np.ndarray) -> np.ndarray:
    store = np.full((6, 12), 9.0)
    store[::2, ::3] = a
    return store[::2, ::3]


def _read_only(a: np.ndarray) -> np.ndarray:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def _unaligned(a: np.ndarray) -> np.ndarray:
    store = np.zeros(a.nbytes + 1, np.uint8)
    view = store[1:].view(np.float64).reshape(a.shape)
    view[...] = a
    return view


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda a: a.copy(),
    "Fortran": np.asfortranarray,
    "strided": _strided,
    "negative stride": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "zero stride": lambda a: np.broadcast_to(a[:1], a.shape),
    "offset": _offset,
    "read-only": _read_only,
    "unaligned": _unaligned,
    "empty": lambda a: a[:0],
    "0-d": lambda a: np.array(a[0, 0]),
    # other bytes, another class: of the same numbers
    "swapped bytes": lambda a: a.astype(">f8"),
}
CASES = [(layout, call) for layout in LAYOUTS for call in CALLS]


def _parts(result: Any) -> list[np.ndarray]:
    if isinstance(result, (tuple, list)):
        return [part for r in result for part in _parts(r)]
    return [np.asarray(result)]


def check(draw: random.Random, index: int) -> Outcomes:
    """One layout given to one kind of kernel."""
    layout, kind = CASES[index]
    call = CALLS[kind]
    numbers = np.array([[draw.uniform(-2, 2) for _ in range(4)] for _ in range(3)])
    given = LAYOUTS[layout](numbers)
    plain = np.array(given, np.float64, order="C", copy=True)
    outcome, words = Outcome(), f"{layout} to {kind}"
    if (given.ndim == 0 and kind != "batch") or (not given.size and kind in ("entries", "gather", "indices")):
        return {"layouts": _both(call, given, plain, words)}
    base: Any = given if given.base is None else given.base
    before = bytes(np.ascontiguousarray(base).view(np.uint8)), given.tobytes()
    first, second, wanted = _parts(call(given)), _parts(call(given)), _parts(call(plain))
    if (bytes(np.ascontiguousarray(base).view(np.uint8)), given.tobytes()) != before:
        outcome.failure = f"{words}: the input was written to"
    for a, b, c in zip(first, second, wanted, strict=True):
        if a.shape != c.shape:
            outcome.failure = f"{words}: of shape {a.shape}, wanted {c.shape}"
            continue
        if a.tobytes() != b.tobytes():
            outcome.failure = f"{words}: called twice, {a} and {b}"
        if any(np.shares_memory(a, other) for other in (given, plain)):
            outcome.failure = f"{words}: the result is the input's memory"
        e = max(map(error, a.ravel().tolist(), c.ravel().tolist()), default=0.0)
        outcome.error = max(outcome.error, e)
        if not e <= TOLERANCE:
            outcome.failure = f"{words}: {a}, wanted {c}"
    return {"layouts": outcome}


def _both(call: Callable[[Any], Any], given: Any, plain: Any, words: str) -> Outcome:
    """What does not fit is refused in both layouts, with one error."""
    found = []
    for value in (given, plain):
        try:
            found.append(str(_parts(call(value))))
        except (sg.SymgradError, IndexError) as raised:
            found.append(repr(raised))
    return Outcome(failure="" if found[0] == found[1] else f"{words}: {found}")


GROUPS = [Group("layouts", len(CASES), check, whole=True)]
