"""Building, differentiating, compiling and calling a shared graph, by size: docs/growth.md and its picture.

`python -m tests.benchmarks growth` prints it; with `--write docs/benchmarks.md` the page stands beside that one.
"""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sympy as sp

import symgrad as sg

from .timing import best, timed

SIZES = (100, 316, 1_000, 3_162, 10_000, 31_623, 100_000)
ENOUGH = 1.0  # seconds of repeats of a size
FITTED = 1_000  # operations from which an exponent is fitted: below, what every graph costs is seen
TRACED = 10_000  # operations of the graph whose bytes are counted: counting is slow
CURVES = ("build", "derive", "compile", "call")

HEAD = """# Growth

Written by `python -m tests.benchmarks growth --write docs/benchmarks.md` on {date}, on {machine}.
A random graph of 8 variables, of which most parts are used several times, a fifth sines and a fifth cosines; value and
gradient, from the SymPy expression: the graph is built, differentiated, compiled (scheduled, written, compiled by LLVM;
no cache), called. Seconds, the least of repeats within {enough:.0f} s. The exponent p of size^p is fitted from
{fitted:,} operations up: 1 is linear.

![Seconds by size](growth.svg)

"""


class Size(NamedTuple):
    """One size: nodes of the value, of value and gradient, and seconds."""

    operations: int
    value_nodes: int
    nodes: int
    build: float
    derive: float
    compile: float
    call: float


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


def growth(sizes: Sequence[int] = SIZES, seconds: float = ENOUGH) -> Iterator[Size]:
    """The sizes measured, one after the other."""
    warm = sp.Symbol("q")
    sg.Function([warm], warm**2)(1.0)
    point = np.full(8, 0.3)
    for operations in sizes:
        symbols, expression = shared_graph(operations)
        least = dict.fromkeys(CURVES, float("inf"))
        spent = 0.0
        while spent == 0.0 or spent < seconds:
            gc.collect()
            function, build = timed(lambda e=expression, s=symbols: sg.Function([s], e))
            gradient, derive = timed(function.value_and_grad)
            _, compile_ = timed(lambda g=gradient: g(point))
            for name, took in zip(CURVES, (build, derive, compile_), strict=False):
                least[name] = min(least[name], took)
            spent += build + derive + compile_
        least["call"] = best(lambda g=gradient: g(point), seconds=seconds / 5)
        yield Size(operations, len(function.nodes), len(gradient.nodes), **least)


def bytes_per_node(operations: int = TRACED) -> float:
    """Of value and gradient in memory, SymPy's expression not counted."""
    symbols, expression = shared_graph(operations)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    function = sg.Function([symbols], expression)
    gradient = function.value_and_grad()
    del function
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return taken / len(gradient.graph)


def exponent(sizes: Sequence[Size], curve: str) -> float:
    """p of the size^p that fits the seconds, by least squares of the logarithms."""
    large = [size for size in sizes if size.operations >= FITTED]
    x, y = [np.log([float(getattr(size, name)) for size in large]) for name in ("operations", curve)]
    return float(np.polyfit(x, y, 1)[0])


def line(size: Size) -> str:
    """One size for the terminal."""
    return (
        f"growth   {size.operations:>7} operations: {size.value_nodes:>6} -> {size.nodes:>6} nodes,"
        f" graph {size.build:.4f} s, gradient {size.derive:.4f} s, compiled {size.compile:.3f} s,"
        f" then {size.call * 1e6:.1f} us"
    )


def summary(sizes: Sequence[Size], bytes_each: float) -> list[str]:
    """What the largest size tells, in sentences."""
    last = sizes[-1]
    per_nodes = 1e5 / last.nodes
    return [
        f"- exponents: {', '.join(f'{name} {exponent(sizes, name):.2f}' for name in CURVES)}",
        f"- nodes of value and gradient over nodes of the value: {last.nodes / last.value_nodes:.2f}",
        f"- building and differentiating, for 100,000 nodes: {(last.build + last.derive) * per_nodes:.2f} s",
        f"- compiling, for 10,000 operations: {last.compile * 1e4 / last.nodes:.2f} s",
        f"- bytes of a node: {bytes_each:.0f}",
    ]


def report(path: Path | None, machine: Callable[[], str]) -> None:
    """Prints the curves; writes them as growth.md, with a picture, into a folder."""
    sizes: list[Size] = []
    for size in growth():
        sizes.append(size)
        print(line(size), flush=True)
    told = summary(sizes, bytes_per_node())
    print("\n".join(told))
    if path is not None:
        head = HEAD.format(date=datetime.now(UTC).date(), machine=machine(), enough=ENOUGH, fitted=FITTED)
        rows = ["| operations | nodes | with gradient | build | differentiate | compile | call |", "|---" * 7 + "|"]
        rows += [
            f"| {s.operations:,} | {s.value_nodes:,} | {s.nodes:,} | {s.build:.4f} | {s.derive:.4f} |"
            f" {s.compile:.3f} | {s.call:.2e} |"
            for s in sizes
        ]
        (path / "growth.md").write_text(head + "\n".join([*rows, "", *told]) + "\n")
        plot(sizes, path / "growth.svg")


def plot(sizes: Sequence[Size], path: Path) -> None:
    """Seconds by size, both logarithmic, with a line of slope 1 to compare with."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "growth"  # the same file each time
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    x = [size.operations for size in sizes]
    for curve in CURVES:
        label = f"{curve}: size^{exponent(sizes, curve):.2f}"
        axes.loglog(x, [getattr(size, curve) for size in sizes], marker="o", label=label)
    axes.loglog(x, [1e-5 * size for size in x], color="grey", linestyle=":", label="linear")
    axes.set_xlabel("operations")
    axes.set_ylabel("seconds")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
