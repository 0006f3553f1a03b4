"""Deep, wide and shared expressions, and how the size of a gradient grows.

Each load runs in a process of its own, in a thread with a stack of 512 KiB, recursion limit untouched. Building the
expression is not counted; reading it, its gradient, hashing, printing, pickling and deleting are.
"""

from __future__ import annotations

import json
import math
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sympy as sp

from tests.expressions import bare
from tests.groups.group import Group, Outcome, Outcomes

SECONDS = 5.0  # acceptance, on a quiet machine
SLACK = 1.0 if os.environ.get("SYMGRAD_STRICT_TIME") else 3.0  # in continuous integration the machine is shared
GIGABYTE = 2**30
STACK = 512 * 1024
SIZE = 100_000
FULL = "SYMGRAD_FULL_LOAD"  # set by --full: a tenth of the size is printed otherwise
LARGEST_EXPONENT = 1.05

x, y = sp.symbols("x y", real=True)


def chain(n: int) -> sp.Expr:
    """sin(cos(sin(... x)))."""
    e: Any = x
    for i in range(n):
        e = bare(sp.sin if i % 2 else sp.cos, e)
    return e


def horner(n: int) -> sp.Expr:
    """((x + 1) x + 2) x + ...: n operations, two a step."""
    e: Any = x
    for i in range(n // 2):
        e = bare(sp.Add, bare(sp.Mul, e, x), sp.Integer(i % 7 + 1))
    return e


def wide(n: int) -> sp.Expr:
    """sin(x/1) + sin(x/2) + ..., n terms."""
    return bare(sp.Add, *[bare(sp.sin, bare(sp.Mul, sp.Rational(1, k), x)) for k in range(1, n + 1)])


def squares(n: int) -> sp.Expr:
    """e = e*e sixty times: a tree of 2**60 leaves."""
    e: Any = bare(sp.Add, x, y)
    for _ in range(60):
        e = bare(sp.Mul, e, e)
    return e


def mixed(n: int) -> sp.Expr:
    """A random graph of n operations, a third of the arguments shared far back."""
    draw = random.Random(n)
    values: list[Any] = [x, y]
    while len(values) < n:
        a, b = values[-1], values[draw.randrange(len(values))]
        kind = draw.randrange(4)
        values.append(
            bare(sp.Add, a, b)
            if kind == 0
            else bare(sp.Mul, a, b)
            if kind == 1
            else bare(sp.tanh if kind == 2 else sp.atan, a)
        )
    return values[-1]


LOADS: dict[str, Callable[[int], sp.Expr]] = {
    "chain": chain,
    "horner": horner,
    "wide": wide,
    "squares": squares,
    "mixed": mixed,
}


def load(name: str, n: int) -> dict[str, Any]:
    """Runs one load here: what was measured."""
    import pickle

    from symgrad.evaluate import evaluate
    from symgrad.function import Function
    from tests.groups.group import elements

    expression = LOADS[name](n)
    before = peak()
    measured: dict[str, Any] = {}
    start = time.perf_counter()
    function = Function([x, y], expression)
    gradient = function.grad([x, y])
    measured["seconds"] = time.perf_counter() - start
    measured["nodes"] = [len(function.nodes), len(function.value_and_grad([x, y]).nodes)]
    start = time.perf_counter()
    shown = gradient if os.environ.get(FULL) else Function([x, y], LOADS[name](n // 10)).grad([x, y])
    measured["text"] = len(str(shown))
    measured["printing"] = time.perf_counter() - start
    hash(elements(gradient)[0])
    inputs = [a.elements[0] for a in function.arguments]
    values = evaluate(elements(gradient), dict(zip(inputs, (0.5, 0.25), strict=True)))
    start = time.perf_counter()
    copy = pickle.loads(pickle.dumps(gradient))
    measured["pickling"] = time.perf_counter() - start
    again = evaluate(elements(copy), dict(zip([a.elements[0] for a in copy.arguments], (0.5, 0.25), strict=True)))
    measured["same"] = list(map(float, values)) == list(map(float, again))
    measured["bytes"] = peak() - before
    start = time.perf_counter()
    del function, gradient, copy, inputs, values, again
    measured["deleting"] = time.perf_counter() - start
    # SymPy's own destructor and hash are not of this package: the expression is left to the end of the process
    measured["keep"] = id(expression) != 0
    return measured


def peak() -> int:
    """The most bytes of memory that this process has had. (ru_maxrss of a child begins with its parent's.)"""
    with suppress(OSError), open("/proc/self/status") as file:
        return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _child(name: str, n: int) -> None:
    """Prints the measurements as JSON, from a thread of a small stack."""
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            result.update(load(name, n))
        except BaseException as error:  # noqa: BLE001  whatever it is crosses the process boundary as text
            result["error"] = f"{type(error).__name__}: {error}"[:500]

    threading.stack_size(STACK)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    print(json.dumps(result), flush=True)
    os._exit(0)  # no deep destructors of SymPy


def measured(name: str, n: int) -> dict[str, Any]:
    """One load in a process of its own."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", f"from tests.groups.deep import _child; _child({name!r}, {n})"]
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment, timeout=300, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        return {"error": f"exit {done.returncode}: {done.stderr[-500:]}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(draw: random.Random, index: int) -> Outcomes:
    """A load of 100,000 operations: seconds and bytes within the budget."""
    name = list(LOADS)[index]
    found = measured(name, SIZE)
    if "error" in found:
        return {"deep_wide_shared": Outcome(failure=f"{name}: {found['error']}")}
    stages = ("seconds", "printing", "pickling")
    outcome = Outcome(numbers={f"{name} {stage}": found[stage] + 1e-3 for stage in stages})
    outcome.numbers["MiB"] = found["bytes"] / 2**20 + 1e-3
    if found["seconds"] > SECONDS * SLACK:
        outcome.failure = f"{name}: graph and gradient took {found['seconds']:.1f} s of {SECONDS * SLACK:.0f}"
    if found["bytes"] > GIGABYTE:
        outcome.failure = f"{name}: {found['bytes'] / 2**20:.0f} MiB"
    if not found["same"]:
        outcome.failure = f"{name}: another value after pickling"
    return {"deep_wide_shared": outcome}


FAMILIES = ["chain", "horner", "wide", "mixed"]
SIZES = [100, 1_000, 10_000, 100_000]


def growth(draw: random.Random, index: int) -> Outcomes:
    """The nodes of value and gradient against the size: the slope of the logarithms."""
    from symgrad.function import Function

    name = FAMILIES[index]
    points = []
    for n in SIZES:
        function = Function([x, y], LOADS[name](n))
        points.append((math.log(n), math.log(len(function.value_and_grad([x, y]).nodes))))
    exponent = slope(points)
    failure = "" if exponent <= LARGEST_EXPONENT else f"{name}: nodes grow as size to the {exponent:.3f}: {points}"
    return {"linear_size": Outcome(failure=failure, numbers={f"{name} exponent": exponent})}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line that fits best."""
    mean_x, mean_y = (sum(p[i] for p in points) / len(points) for i in (0, 1))
    return sum((a - mean_x) * (b - mean_y) for a, b in points) / sum((a - mean_x) ** 2 for a, _ in points)


GROUPS = [
    Group("deep_wide_shared", len(LOADS), check, whole=True),
    Group("linear_size", len(FAMILIES), growth, whole=True),
]
