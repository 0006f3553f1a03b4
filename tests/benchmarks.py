"""`python -m tests.benchmarks [ROW ...]`: speeds as ratios, measured side by side in one run after the results agree.

Times are minima over repeats. Nothing here is a test: a machine that is busy is slow.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import sympy as sp

import symgrad as sg


def best(work: Callable[[], Any], seconds: float = 1.0, least: int = 5) -> float:
    """The shortest of many runs, in seconds."""
    shortest, end, runs = float("inf"), time.perf_counter() + seconds, 0
    while runs < least or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - start)
        runs += 1
    return shortest


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of one run, and its seconds."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


@numba.njit(error_model="numpy")
def by_hand(x: Any, y: Any, z: Any, out: Any) -> None:
    """Value and partials of the formula of `batch`, as a person writes them for Numba."""
    for i in range(x.size):
        e, t, s = np.exp(-x[i] * y[i]), np.tanh(z[i]), x[i] + y[i] * z[i]
        log, sin = np.log(s), np.sin(x[i])
        q = sin / s
        out[0, i] = e * t + log * sin
        out[1, i] = q - y[i] * e * t + log * np.cos(x[i])
        out[2, i] = z[i] * q - x[i] * e * t
        out[3, i] = e * (1 - t * t) + y[i] * q


def batch() -> None:
    """Value and 3 partials of exp(-xy) tanh z + log(x + yz) sin x at a million points, on one thread."""
    x, y, z = sp.symbols("x y z")
    formula = sp.exp(-x * y) * sp.tanh(z) + sp.log(x + y * z) * sp.sin(x)
    function = sg.Function([x, y, z], formula).value_and_grad([x, y, z])
    points = np.random.default_rng(31337).uniform(0.1, 1.0, (3, 1_000_000))
    ours, theirs = np.empty((4, points.shape[1])), np.empty((4, points.shape[1]))
    out = (ours[0], tuple(ours[1:]))
    function(*points, out=out)
    by_hand(*points, theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    a, b = best(lambda: function(*points, out=out)), best(lambda: by_hand(*points, theirs))
    print(f"batch    symgrad {a * 1e3:6.2f} ms   numba by hand {b * 1e3:6.2f} ms   ratio {b / a:.1f}")


def call() -> None:
    """Value and gradient of (x + y) z + x^2: three numbers in, four out."""
    x, y, z = sp.symbols("x y z")
    function = sg.Function([x, y, z], (x + y) * z + x**2).value_and_grad([x, y, z])

    def plain(x: float, y: float, z: float) -> Any:
        return (x + y) * z + x * x, (z + 2 * x, z, x + y)

    assert function(1.0, 2.0, 3.0) == plain(1.0, 2.0, 3.0)
    a, b, c = (
        best(lambda f=f: [f(1.0, 2.0, 3.0) for _ in range(10_000)]) / 10_000
        for f in (function, function.kernel.njit, plain)
    )
    print(f"call     symgrad {a * 1e6:6.2f} us   its kernel {b * 1e6:6.2f} us   plain Python {c * 1e6:6.2f} us")


def shared_graph(operations: int, seed: int = 0) -> tuple[list[sp.Symbol], sp.Expr]:
    """A random expression of 8 variables, of which most parts are used several times."""
    choose = random.Random(seed)
    symbols = list(sp.symbols("x0:8"))
    values: list[sp.Expr] = list(symbols)
    with sp.evaluate(False):
        for _ in range(operations):
            a, b = choose.choice(values[-40:]), choose.choice(values[-40:])
            kind = choose.random()
            values.append(sp.sin(a) if kind < 0.2 else sp.cos(a) if kind < 0.4 else a * b if kind < 0.6 else a + b / 2)
        return symbols, sp.Add(*values[-40:])


def growth() -> None:
    """Building, differentiating and compiling a shared graph, by size."""
    warm = sp.Symbol("q")
    sg.Function([warm], warm**2)(1.0)
    for operations in (100, 1_000, 10_000, 100_000):
        symbols, expression = shared_graph(operations)
        function, build = timed(lambda e=expression, s=symbols: sg.Function([s], e))
        gradient, derive = timed(function.value_and_grad)
        _, compile_ = timed(lambda g=gradient: g(np.full(8, 0.3)))
        run = best(lambda g=gradient: g(np.full(8, 0.3)), seconds=0.2)
        print(
            f"growth   {operations:>7} operations: {len(function.nodes):>6} -> {len(gradient.nodes):>6} nodes,"
            f" graph {build:.3f} s, gradient {derive:.3f} s, first value {compile_:.3f} s, then {run * 1e6:.1f} us"
        )


ROWS = {row.__name__: row for row in (batch, call, growth)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}; all if left out")
    rows = parser.parse_args().rows or ROWS
    os.environ["SYMGRAD_CACHE"] = "0"  # what is compiled is to be compiled
    for name in rows:
        ROWS[name]()


if __name__ == "__main__":
    main()
