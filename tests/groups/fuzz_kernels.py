"""Random graphs of arrays, compiled, with sizes around those of vectors, of rows that are computed together, of blocks
and of chunks: the kernel on one thread and on two, and the Python source, against the value node by node."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import sympy as sp

from symgrad.derivatives import build_grad, hessian_vector
from symgrad.evaluate import evaluate
from symgrad.graph import Node, reachable
from symgrad.lower import array_kernel
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.machine import threads
from symgrad.ops.leaf import Input
from symgrad.simplify import FORM, STABLE, simplify
from symgrad.types import Type, shape_in_numbers
from tests.groups.group import Group, Outcome, Outcomes
from tests.random_arrays import SYMBOLS, RandomArrays
from tests.random_rows import RandomRows

SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 24, 25, 31, 32, 33, 40]
BOUND = 1e-9  # of a second derivative, in units of its largest entry, since sums cancel
SHAKEN = 1_000  # how many times the effect of one rounding of the inputs an error may be
LARGE = 1e8


def check(draw: random.Random, index: int) -> Outcomes:
    """Value and gradients, of some a product with the Hessian, at one point."""
    if index % 3:
        arrays: RandomArrays = RandomRows(draw, draw.choice([3, 5, 8, 12]))
    else:
        arrays = RandomArrays(draw.randrange(2**32), draw.choice([4, 8, 12]))
    sizes = {s: draw.choice(SIZES) for s in SYMBOLS}
    wrt = [x for x in arrays.inputs if x in set(reachable([arrays.target]))]
    outputs = [arrays.target, *build_grad(arrays.target, wrt)]
    inputs = [*arrays.inputs]
    if index % 2 and wrt:
        along = [arrays.graph.add(Input(sp.Dummy(), Type("f8", x.type.shape))) for x in wrt]
        outputs += hessian_vector(arrays.target, wrt, along)
        inputs += along
    if draw.random() < 0.7:
        outputs = list(simplify(outputs, [*STABLE, *FORM]).outputs)
    numbers = np.random.default_rng(draw.randrange(2**32))
    values = [_drawn(numbers, shape_in_numbers(x.type.shape, sizes)) for x in inputs]
    return {"fuzz_kernels": _compared(inputs, outputs, values, sizes, numbers, short=draw.random() < 0.6)}


def _drawn(numbers: np.random.Generator, shape: Sequence[int]) -> Any:
    """Of products with a matrix the entries stay of the order of 1."""
    return (numbers.normal(size=shape) / (np.sqrt(max(shape)) if len(shape) == 2 else 1))[()]


def _compared(
    inputs: list[Node],
    outputs: list[Node],
    values: list[Any],
    sizes: dict[Any, int],
    numbers: np.random.Generator,
    *,
    short: bool,
) -> Outcome:
    def by_nodes(values: Sequence[Any]) -> list[Any]:
        with np.errstate(all="ignore"):
            return evaluate(outputs, dict(zip(inputs, values, strict=True)))

    wanted = by_nodes(values)
    if not all(np.all(np.abs(y) < LARGE) for y in wanted):
        return Outcome(skipped=1)
    kernel = ArrayKernel("f", inputs, outputs)
    with _any_work_is_long(short=short):
        runs = []
        for count in "12":
            os.environ["SYMGRAD_THREADS"] = count
            runs += [kernel.run(values, sizes) for _ in range(2)]
        source = kernel._in_numpy(values, sizes)
    words = ", ".join(f"{s} = {number}" for s, number in sizes.items())
    if len({b"".join(np.asarray(y).tobytes() for y in found) for found in runs}) > 1:
        return Outcome(failure=f"other bits in another run, {words}:\n{kernel.source}")
    worst = max(_difference(runs[0], wanted), _difference(source, wanted))
    if worst <= BOUND:
        return Outcome(worst)
    moved = _difference(by_nodes([v * (1 + 2.0**-52 * numbers.choice([-1, 1], np.shape(v))) for v in values]), wanted)
    if worst < SHAKEN * moved < 1e-4:
        return Outcome(numbers={"ill-conditioned": 1})
    return Outcome(worst, f"error {worst:.1e}, {words}, short blocks: {short}:\n{kernel.source}")


@contextmanager
def _any_work_is_long(*, short: bool) -> Iterator[None]:
    """Threads share whatever they can. `short`: blocks of 8 rows, and chunks of 16."""
    with patch.object(threads, "LONG", -1.0), patch.object(threads, "TIMED", 0), patch.dict(os.environ):
        if not short:
            yield
            return
        with (
            patch.object(array_kernel, "block_of", lambda numbers, least: 8),
            patch.object(array_kernel, "length_of", lambda extent, block, row, sums: 16),
        ):
            yield


def _difference(ours: Sequence[Any], exact: Sequence[Any]) -> float:
    """The largest difference, in units of the largest entry of its array; inf where one is nan."""
    worst = 0.0
    for a, b in zip(ours, exact, strict=True):
        if np.shape(a) != np.shape(b):
            return np.inf
        off = np.max(np.abs(a - b), initial=0.0) / max(1.0, np.max(np.abs(b), initial=0.0))
        worst = max(worst, float(off) if np.isfinite(off) else np.inf)
    return worst


GROUPS = [Group("fuzz_kernels", 300, check)]
