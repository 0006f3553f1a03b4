"""Kernels found by their plans, which are kept on disk, beside the same kernels laid out: the machine code that the
plan names is that of the text, the memory is the same, and so is every bit of the results.

And of many small kernels: those of equal words have equal texts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from symgrad.derivatives import build_grad
from symgrad.function import Function
from symgrad.graph import reachable
from symgrad.lower import array_kernel, kernel
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.emit.target import host
from symgrad.lower.machine import machine_code, plans
from symgrad.lower.machine.cache import PLAN, Cache
from symgrad.lower.scalars.schedule import schedule
from symgrad.types import shape_in_numbers
from tests.expressions import random_case
from tests.groups.cache import directory
from tests.groups.group import Group, Outcome, Outcomes
from tests.random_arrays import SYMBOLS, RandomArrays
from tests.random_rows import RandomRows

POINTS = 20
SMALL = 12  # kernels of some operations in each case: enough of them differ in a parameter alone
SIZES = [1, 2, 5, 8, 17, 33]

texts: dict[str, str] = {}  # of small kernels, by their words: for all cases of a process


def found_as_laid_out(draw: random.Random, index: int) -> Outcomes:
    """A kernel of one point, of points, or of arrays."""
    outcome = [_point, _points, _arrays][index % 3](draw)
    outcome.merge(_small(draw))
    return {"cache_plans": outcome}


def _point(draw: random.Random) -> Outcome:
    case = random_case(draw)

    def made() -> Function:
        return Function(case.symbols, case.expression).value_and_grad(list(case.symbols))

    return _twice(made, lambda f: _flat(f(*case.point)), lambda f: [f.kernel._written()])


def _points(draw: random.Random) -> Outcome:
    case = random_case(draw)
    varying = [k == 0 or draw.random() < 0.7 for k in range(len(case.symbols))]
    values = [np.full(POINTS, x) if varies else x for x, varies in zip(case.point, varying, strict=True)]

    def made() -> Function:
        return Function(case.symbols, case.expression).value_and_grad(list(case.symbols))

    def written(f: Any) -> list[Any]:
        own = f.kernel
        programs = [schedule(own.name, own.arguments, own.results, varying=v) for v in own._batches]
        return [kernel.to_llvm(program, kernel.unique_symbol(), host()) for program in programs]

    return _twice(made, lambda f: _flat(f(*values)), written)


def _arrays(draw: random.Random) -> Outcome:
    seed, steps, in_rows = draw.randrange(2**32), draw.choice([4, 8, 12]), draw.random() < 0.7
    sizes = {s: draw.choice(SIZES) for s in SYMBOLS}
    numbers = np.random.default_rng(draw.randrange(2**32))

    def made() -> ArrayKernel:
        arrays: RandomArrays = RandomRows(random.Random(seed), steps) if in_rows else RandomArrays(seed, steps)
        wrt = [x for x in arrays.inputs if x in set(reachable([arrays.target]))]
        return ArrayKernel("f", arrays.inputs, [arrays.target, *build_grad(arrays.target, wrt)])

    values = [numbers.normal(size=shape_in_numbers(x.type.shape, sizes)) for x in made().inputs]

    def written(f: ArrayKernel) -> list[Any]:
        found = []
        for whole in f._codes:
            program = f._program(whole)
            if not isinstance(program, str):
                code = array_kernel.arrays_to_llvm(program, kernel.unique_symbol(), host())
                found.append((code.text, code.module, program, code.table, code.chunks))
        return found

    def run(f: ArrayKernel) -> list[Any]:
        with np.errstate(all="ignore"):
            return f.run(values, sizes)

    outcome = _twice(made, run, written)
    if not outcome.failure:
        outcome.failure = _other_memory(made(), run, written)
    return outcome


def _other_memory(f: ArrayKernel, run: Callable[[Any], Any], written: Callable[[Any], list[Any]]) -> str:
    """Where the memory of a kernel that is found by its plan is not that of its program."""
    with directory():
        run(ArrayKernel("f", f.inputs, f.outputs))
        run(f)
    for code, (_, _, program, table, chunks) in zip(f._codes.values(), written(f), strict=False):
        if code is not None:
            wanted = [program.buffers, program.blocks, program.cuts, table, chunks]
            if [list(part) for part in code.storage] != [list(part) for part in wanted]:
                return f"other memory: {code.storage}, wanted {wanted}"
    return ""


def _twice(made: Callable[[], Any], run: Callable[[Any], Any], written: Callable[[Any], list[Any]]) -> Outcome:
    """A function is compiled, and the same one found: from the disk alone, with the same bits."""
    with directory() as own:
        compiled, found = made(), made()
        wanted = run(compiled)
        codes = {text_key(text, module) for text, module, *_ in written(compiled)}
        if not codes:
            return Outcome(numbers={"not compiled": 1})
        with nothing_is_laid_out():
            values = run(found)
        if [np.asarray(y).tobytes() for y in values] != [np.asarray(y).tobytes() for y in wanted]:
            return Outcome(failure=f"found {values}, compiled {wanted}")
        named = {plan.code for file in own.glob(f"*{PLAN}") if (plan := _plan(Cache(own), file.stem))}
        if named != codes or {text_key(text, module) for text, module, *_ in written(found)} != codes:
            return Outcome(failure=f"the plans name {named}, the texts are {codes}")
    return Outcome()


def _plan(kept: Cache, name: str) -> plans.Plan | None:
    content = kept.load(name, PLAN)
    return None if content is None else plans.plan_of(content)


def _small(draw: random.Random) -> Outcome:
    """Small kernels of equal words have equal texts."""
    for _ in range(SMALL):
        case = random_case(draw, size=(1, 4))
        own: Any = Function(case.symbols, case.expression).kernel
        words, (text, module) = own._words(("point",)), own._written()
        if not words:
            return Outcome(failure=f"no words for {case.expression}")
        if texts.setdefault(words, text_key(text, module)) != text_key(text, module):
            return Outcome(failure=f"{case.expression} has the words of another:\n{words}")
    return Outcome()


def text_key(text: str, module: Any) -> str:
    """The key of its machine code."""
    return machine_code.key(text.replace(module.symbol, machine_code.SYMBOL))


@contextmanager
def nothing_is_laid_out() -> Iterator[None]:
    """Neither scheduled nor compiled."""
    no = AssertionError("laid out again")
    with (
        mock.patch.object(kernel, "schedule", side_effect=no),
        mock.patch.object(array_kernel, "schedule_arrays", side_effect=no),
        mock.patch.object(machine_code, "compiled", side_effect=no),
    ):
        yield


def _flat(value: Any) -> list[Any]:
    return [y for x in value for y in (x if isinstance(x, (tuple, list)) else [x])]


GROUPS = [Group("cache_plans", 300, found_as_laid_out)]
