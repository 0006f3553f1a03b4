"""What must notice a mutant of how programs of numbers are laid out, or written as LLVM's instructions.

A mutant that changes no program, or no text, is not noticed. A program that it changes is run, one statement at a time,
by tests/lower/run_program.py; machine code in memory with a border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from functools import cache, partial
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import sympy as sp

import symgrad as sg
from symgrad.graph import Graph
from symgrad.lower import kernel as kernels
from symgrad.lower.emit import llvm
from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.target import Target, host
from symgrad.lower.kernel import Kernel
from symgrad.lower.machine import threads
from symgrad.lower.scalars import schedule as schedules
from symgrad.lower.scalars.pack import packed
from symgrad.lower.scalars.program import Program
from symgrad.lower.scalars.schedule import Result, schedule
from symgrad.ops.arithmetic import Power
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import constant
from symgrad.ops.trigonometric import Cos, Sec, Sin, Tan
from tests.lower import test_order, test_pack, test_schedule
from tests.lower.array_examples import differ
from tests.lower.programs import Argument, array, inputs, kernel_of, random_graph, reference
from tests.lower.run_program import run
from tests.mutation.arrays import BORDER, Check, bordered, by_hand, changed

POINTS = 3  # of a program that is run statement by statement
COUNTS = (8, 9, 37)  # of points of a batch: a vector, a point more, several chunks
X, Y, Z = sp.symbols("x y z", real=True)


def _calls() -> Kernel:
    """Calls that are ready together and one after another, of one number and of several, before and after others."""
    wrt = inputs(Graph(), *(f"u{k}" for k in range(11)))
    chains = [Sin().apply(u) for u in wrt]
    for op in (Cos(), Sin(), Exp()):
        chains[8:] = [op.apply(y) for y in chains[8:]]
    twins = [op.apply(u) for op in (Sin(), Cos(), Sec(), Tan()) for u in wrt[:5]]
    powers = [Exp().apply(a * b) for a, b in zip(twins, chains, strict=False)]
    return kernel_of(wrt, [*chains, *twins, *powers, Exp().apply(sum(powers[1:], powers[0]))])


def _quotients() -> Kernel:
    """Reciprocals that are read once or shared, in front or behind, results themselves, alone, in sums."""
    x, y, z = inputs(Graph(), "x", "y", "z")
    shared, result = 1 / y, 1 / (x + 3)
    formulas = [x / (1 + z), x / y**2 / z**3, z * shared, x * shared / (2 + z) * y, 1 / (x * z), result, y * result]
    return kernel_of(
        [x, y, z], [*formulas, 1 / (1 + x) / (1 + y), x + 1 / (5 + z), x * x.graph.add(Power(Fraction(-1, 2)), y) * z]
    )


def _unused() -> Kernel:
    """Arguments of which some entries are not used; results that are inputs, numbers, one node at several places."""
    (x,) = inputs(Graph(), "x")
    a = array(x.graph, "a", 2, 3)
    entries = [e if k != 4 else None for k, e in enumerate(a.elements)]
    one = constant(x.graph, 1)
    y = Exp().apply(x) * entries[1]
    return kernel_of(
        [x, Argument("a", (2, 3), tuple(entries)), Argument("w", (2,), (None, None))],
        [y, Result((2, 2), (y, entries[5], one, y)), x, Result((3,), (one, one + one, x * entries[0])), one],
    )


def _zeros() -> Kernel:
    """A Jacobian that is mostly zero beside one that is not."""
    (x,) = inputs(Graph(), "x")
    a = array(x.graph, "a", 4)
    zero = constant(x.graph, 0)
    band = tuple(x * a.elements[k] if k == j else zero for k, j in product(range(4), range(4)))
    half = (x, zero, zero, a.elements[0])
    return kernel_of([x, a], [Result((4, 4), band), Result((2, 2), half), Result((3,), (zero, x, zero)), zero])


@cache
def examples() -> dict[str, Kernel]:
    branches = sp.Piecewise((X * Y, sp.And(X < Y, sp.Or(X > 0, Z > 1))), (sp.Mod(Y, Z), X > 1), (Z, True))
    model = sg.Function([X, [Y, Z]], [branches * sp.tanh(X), sp.Max(X, Y, 1) / (1 + sp.exp(-Z)), sp.Integer(3)])
    found = {f"random {seed}": kernel_of(*random_graph(60, seed)) for seed in range(5)}
    found |= {"small": test_schedule.small(), "zeros": _zeros(), "calls": _calls(), "quotients": _quotients()}
    found |= {"unused": _unused(), "larger": kernel_of(*random_graph(260, 7))}
    return found | {"model": model.kernel, "jacobian": model.jacobian([X, [Y, Z]]).kernel}


@cache
def values(name: str, points: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Inputs of an example with so many points last, and the results, node by node."""
    kernel, draw = examples()[name], np.random.default_rng(points)
    given = [draw.uniform(0.2, 1.5, (*a.shape, points)) for a in kernel.arguments]
    return given, reference(kernel, given)


def masks(kernel: Kernel) -> Iterator[tuple[bool, ...]]:
    """Which arguments vary from point to point: all ways, of many arguments some."""
    count = len(kernel.arguments)
    if count <= 3:
        yield from [mask for mask in product((True, False), repeat=count) if any(mask)]
    else:
        yield from ((True,) * count, (True,) + (False,) * (count - 1), (False,) * (count - 1) + (True,))


@contextmanager
def small_parts() -> Iterator[None]:
    """Functions of few statements, which read many values from memory."""
    with patch.multiple(schedules, WHOLE=20, PART=7), patch.object(llvm, "MOST_LOADS", 3):
        yield


SIZES = {"": nullcontext, " in parts": small_parts}


@cache
def mixed(name: str, mask: tuple[bool, ...], points: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same of a batch in which only these arguments vary; the others have no axis of points."""
    given, _ = values(name, points)
    alike = [v if varies else np.broadcast_to(v[..., :1], v.shape) for v, varies in zip(given, mask, strict=True)]
    own = [v if varies else v[..., 0] for v, varies in zip(given, mask, strict=True)]
    return own, reference(examples()[name], alike)


def layout_checks() -> dict[str, Check]:
    """Programs of a point, with and without packs, and of batches."""

    def made(name: str, parts: Callable[[], Any]) -> list[Program]:
        k = examples()[name]
        with parts():
            point = schedule(k.name, k.arguments, k.results)
            batches = [schedule(k.name, k.arguments, k.results, varying=mask) for mask in masks(k)]
            return [point, *[packed(point, test_pack.WithFunctions(lanes)) for lanes in (8, 4)], *batches]

    def is_wrong(name: str, found: Sequence[Program]) -> bool:
        point = [[v[..., 1] for v in part] for part in values(name, POINTS)]
        batches = [mixed(name, mask, POINTS) for mask in masks(examples()[name])]
        wanted = [*[point] * (len(found) - len(batches)), *batches]
        return any(differ(run(program, x, POINTS), y) for program, (x, y) in zip(found, wanted, strict=True))

    found = by_hand([test_schedule, test_pack, test_order])
    for name, (words, parts) in product(examples(), SIZES.items()):
        found[name + words] = changed(partial(made, name, parts), partial(is_wrong, name))
    return found


def machine_checks() -> dict[str, Check]:
    """Machine code of a point and of batches, in vectors of this machine and of two lanes, on one thread and on two."""

    def made(name: str, parts: Callable[[], Any], target: Target) -> list[tuple[str, Module]]:
        k = examples()[name]
        with parts():
            point = packed(schedule(k.name, k.arguments, k.results), target)
            batches = [schedule(k.name, k.arguments, k.results, varying=mask) for mask in masks(k)]
            return [llvm.to_llvm(program, "f", target) for program in (point, *batches)]

    def is_wrong(name: str, parts: Callable[[], Any], target: Target, found: Any) -> bool:
        if any(text.count("call ptr @malloc") != text.count("call void @free") for text, _ in found):
            return True
        with parts(), in_threads(), patch.object(kernels, "host", lambda: target):
            return any(_wrong_numbers(name, parallel) for parallel in (True, False))

    found: dict[str, Check] = {}
    for name, (words, parts), target in product(examples(), SIZES.items(), (host(), Target(2))):
        own = f"{name}{words} in {target.lanes} lanes"
        found[own] = changed(partial(made, name, parts, target), partial(is_wrong, name, parts, target))
    return found


@contextmanager
def in_threads() -> Iterator[None]:
    """Two threads, with few points at a time."""
    with (
        patch.multiple(threads, LONG=-1.0, STEP=8, SHORTEST=8),
        patch.dict("os.environ", SYMGRAD_THREADS="2", SYMGRAD_CACHE="0"),
    ):
        yield


def _wrong_numbers(name: str, parallel: bool) -> bool:
    """Is a number of the kernel, compiled anew, wrong, or one beside an array touched?"""
    e = examples()[name]
    kernel = Kernel(e.name, e.arguments, e.results, parallel=parallel)
    given, wanted = values(name, POINTS)
    for k in range(POINTS):
        targets = [_nowhere(r.shape) for r in e.results]
        call = kernel.bound([bordered(v[..., k], "f8") for v in given], targets, None)
        assert call is not None
        call()
        if _differ(targets, [y[..., k] for y in wanted]):
            return True
    for count, mask in product(COUNTS, masks(e)):
        given, wanted = mixed(name, mask, count)
        inputs = [bordered(v, "f8") for v in given]
        targets = [_nowhere((*r.shape, count)) for r in e.results]
        first = [np.moveaxis(v, -1, 0) if varies else v for v, varies in zip(inputs, mask, strict=True)]
        kernel.batch(first, [np.moveaxis(y, -1, 0) for y in targets])
        if _differ(targets, wanted):
            return True
    return False


def _nowhere(shape: tuple[int, ...]) -> np.ndarray:
    """An array of nans, with nans before and after it in memory."""
    return bordered(np.full(shape, np.nan), "f8")  # type: ignore[no-any-return]


def _differ(targets: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> bool:
    """Are the numbers others than those that are wanted, or is a border written?"""
    borders = [part for y in targets for part in (y.base[:BORDER], y.base[-BORDER:])]  # type: ignore[index]
    return differ(targets, wanted) or not np.isnan(borders).all()
