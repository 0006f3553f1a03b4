"""Examples of functions of arrays: graphs of each kind, their derivatives, random ones; numbers for their inputs."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

import symgrad as sg
from symgrad.derivatives import build_grad, hessian_vector
from symgrad.evaluate import evaluate
from symgrad.graph import Node, reachable
from symgrad.ops.leaf import Input
from symgrad.ops.products import total
from symgrad.ops.trigonometric import Sin
from symgrad.types import Type, shape_in_numbers
from tests.lower import array_graphs, test_carried, test_rows
from tests.lower.array_graphs import k, m, n, q
from tests.lower.further_graphs import FURTHER, Arrays
from tests.random_arrays import RandomArrays
from tests.random_rows import RandomRows

NEAR = {"f8": 1e-9, "f4": 1e-3}  # of second derivatives, in units of the largest entry
LARGE = 1e8
RANDOM = 24  # examples
# Of n, m, k, q: a few, some beside the lanes of vectors, some empty.
FEW = (8, 3, 4, 5), (1, 1, 1, 1), (2, 7, 3, 2)
AROUND_LANES = (19, 8, 17, 33), (7, 33, 3, 9), (1, 1, 1, 1)
EMPTY = (0, 2, 3, 0), (2, 0, 1, 9)

KINDS: dict[str, Callable[[Any], list[Node]]] = {**array_graphs.KINDS, **FURTHER}


class Example(NamedTuple):
    """Outputs, inputs and their kind; `whole`: is each product of matrices one call?"""

    inputs: list[Node]
    outputs: list[Node]
    whole: bool = False


def kind(name: str, *, slopes: bool) -> Example:
    """One of the kinds, or all its derivatives."""
    a = Arrays()
    outputs = KINDS[name](a)
    if not slopes:
        return Example(a.inputs, outputs)
    target = a.s
    for y in outputs:
        target = target + (total(a.graph.add(Sin(), y)) if y.type.shape else y)
    return Example(a.inputs, [target, *build_grad(target, [x for x in a.inputs if x.type.dtype == "f8"])])


def drawn(seed: int) -> Example:
    """Value and gradient of a random graph, of some a product with the Hessian."""
    draw = random.Random(seed)
    arrays = RandomRows(draw, draw.choice([3, 5, 8])) if seed % 3 else RandomArrays(seed, draw.choice([4, 8]))
    wrt = [x for x in arrays.inputs if x in set(reachable([arrays.target]))]
    outputs, inputs = [arrays.target, *build_grad(arrays.target, wrt)], list(arrays.inputs)
    if seed % 4 == 0 and wrt:
        along = [arrays.graph.add(Input(sp.Dummy(), Type("f8", x.type.shape))) for x in wrt]
        outputs += hessian_vector(arrays.target, wrt, along)
        inputs += along
    return Example(inputs, outputs)


def functions() -> dict[str, sg.Function]:
    """Rows of data, and sums over neighbours."""
    x, a, i = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("a", shape=(n, m)), sp.Symbol("i", integer=True)
    j = sp.Symbol("j", integer=True)
    sides = sp.Sum(sp.sin(x[i]) * x[i + 1] * x[i + 3], (i, 0, n - 4))
    square = sp.Sum((a[i, j + 1] - a[i, j]) ** 4, (i, 0, n - 1), (j, 0, m - 2))
    return {
        "regression": test_rows.regression(),
        "mixture": test_rows.mixture(),
        "chain": test_carried.gradient(),
        "both sides": sg.Function([x], sides).value_and_grad(x),
        "grid": sg.Function([a], square).value_and_grad(a),
    }


MAY_BE_EMPTY = {*array_graphs.KINDS, "slices"}
USUAL_ONLY = {"limits", "factors"}  # float64
NO_SLOPES = {"inputs", "sizes", "limits", "factors"}


@cache
def examples() -> dict[str, Example]:
    """Random ones, those of each kind, and functions of the tests of rows."""
    found = {f"random {seed}": drawn(seed) for seed in range(RANDOM)}
    found |= {f"slopes of {name}": kind(name, slopes=True) for name in KINDS if name not in NO_SLOPES}
    found |= {name: kind(name, slopes=False) for name in KINDS}
    for name, F in functions().items():
        kernel = F.kernel
        found[name] = Example(list(kernel.inputs), list(kernel.outputs))
    found |= {f"{name}, whole": e._replace(whole=True) for name, e in found.items() if "random" in name}
    return found


def values(e: Example, sizes: dict[Any, int]) -> list[Any]:
    """Numbers for the inputs, of which products stay of the order of 1."""
    numbers = np.random.default_rng(sizes[n])
    found = []
    for x in e.inputs:
        shape = shape_in_numbers(x.type.shape, sizes)
        if x.type.dtype == "i8":
            found.append(numbers.integers(0, sizes[n], shape))
            continue
        v = numbers.normal(size=shape) / (np.sqrt(max(shape)) if len(shape) == 2 else 1)
        found.append((v @ v.T + np.eye(len(v)) if x.op.label() == "S" else v)[()])
    return found


@cache
def points(name: str, sizes: tuple[tuple[int, ...], ...]) -> list[tuple[dict[Any, int], list[Any], list[Any]]]:
    """Sizes, inputs, and outputs node by node, of those that are no larger than numbers with which to compare."""
    e = examples()[name]
    found = []
    for numbers in sizes:
        these = {**dict(zip((n, m, k, q), numbers, strict=True)), test_rows.K: 3, test_rows.D: 2}
        is_empty = any(size < 1 for y in reachable(e.outputs) for size in shape_in_numbers(y.type.shape, these))
        if is_empty and numbers not in EMPTY:
            continue
        given = values(e, these)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = evaluate(e.outputs, dict(zip(e.inputs, given, strict=True)))
        if not any(np.any(np.isfinite(y) & (np.abs(y) > LARGE)) for y in wanted):
            found.append((these, given, wanted))
    return found


def differ(found: Sequence[Any], wanted: Sequence[Any], dtype: str = "f8") -> bool:
    """Are results others than those that are wanted, or of another type?"""
    if len(found) != len(wanted):
        return True
    for a, b in zip(map(np.asarray, found), map(np.asarray, wanted), strict=True):
        if a.shape != b.shape or (a.shape and a.dtype != dtype):
            return True
        usual = np.isfinite(b)
        scale = max(1.0, np.max(np.abs(b[usual]), initial=0.0))
        near = np.max(np.abs(a[usual] - b[usual]), initial=0.0) <= NEAR[dtype] * scale
        if not near or not np.array_equal(a[~usual], b[~usual], equal_nan=True):
            return True
    return False
