"""How compiling grows with the formula, and that no kernel grows with its arrays."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg
from tests.groups.deep import FULL, LOADS, slope, x, y
from tests.groups.group import Group, Outcome, Outcomes, flat, values_at

FAMILIES = ["horner", "wide", "mixed"]
SIZES = (100, 1_000, 10_000, 100_000)
SHORT = 2  # the sizes of the curve in continuous integration
BOUND = 1e-9  # a sum of many terms, in another order


def curve(draw: random.Random, index: int) -> Outcomes:
    """Processor seconds to compile value and gradient, and their exponent in operations; the value is the nodes'."""
    name = FAMILIES[index]
    outcome, points = Outcome(), []
    for n in SIZES if os.environ.get(FULL) else SIZES[:SHORT]:
        both = sg.Function([x, y], LOADS[name](n)).value_and_grad([x, y])
        start = time.process_time()  # of all threads: other processes do not count
        got = flat(both(0.5, 0.25))
        points.append((math.log(n), math.log(time.process_time() - start)))
        wanted = [float(v) for v in values_at(both, [0.5, 0.25])]
        if not np.allclose(got, wanted, rtol=BOUND, atol=BOUND):
            outcome.failure = f"{name} of {n}: {got}, node by node {wanted}"
        outcome.numbers[f"{name} of {n:,}: seconds"] = math.exp(points[-1][1])
    if len(points) == len(SIZES):
        outcome.numbers[f"{name} exponent"] = slope(points)
    return {"compile_curve": outcome}


n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)


def _sums(size: Any) -> sg.Function:
    a, b = (sp.IndexedBase(name, shape=(size,)) for name in "ab")
    return sg.Function([a, b], sp.Sum(sp.exp(a[i]) * b[i + 1], (i, 0, size - 2))).grad([a, b])


def _matrices(size: Any) -> sg.Function:
    A, v = sp.MatrixSymbol("A", size, 3), sp.MatrixSymbol("v", 3, 1)
    w = sp.MatrixSymbol("w", size, 1)
    return sg.Function([A, v, w], sp.Trace(w.T * (A * v).applyfunc(sp.tanh))).grad([A, v])


def _pairs(size: Any) -> sg.Function:
    a = sp.IndexedBase("a", shape=(size,))
    return sg.Function([a], sp.Sum(sp.tanh(a[i] - a[j]) ** 2, (i, 0, size - 1), (j, 0, size - 1))).grad([a])


BUILDERS: list[Callable[[Any], sg.Function]] = [_sums, _matrices, _pairs]
SMALL, LARGE = 97, 1_000_003  # primes, so that no other number of the source is one of them


def same_source(draw: random.Random, index: int) -> Outcomes:
    """The source for a small and a large size is one text but for the size, and the text for any size is called at
    both."""
    build = BUILDERS[index]
    texts = [build(size).source.replace(f"{size:d}", "n").replace(f"{size - 1:d}", "n - 1") for size in (SMALL, LARGE)]
    if texts[0] != texts[1]:
        return {"no_unrolling": Outcome(failure=f"{build.__name__}: {texts[0]!r:.600} and {texts[1]!r:.600}")}
    return {"no_unrolling": Outcome(numbers={"characters": float(len(texts[0]))})}


GROUPS = [
    Group("compile_curve", len(FAMILIES), curve, whole=True),
    Group("no_unrolling", len(BUILDERS), same_source, whole=True),
]
