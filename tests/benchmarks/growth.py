"""Building, differentiating and compiling a shared graph, by size."""

from __future__ import annotations

import random

import numpy as np
import sympy as sp

import symgrad as sg

from .timing import best, timed


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
