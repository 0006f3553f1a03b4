"""What must notice a mutant of the NumPy source of arrays, of how their loops are laid out, or of how these are written
as LLVM's instructions.

A mutant that changes no text is not noticed. A program that it changes is run, one statement at a time, by
tests/lower/interpreter.py; machine code in memory with a border.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from inspect import signature
from itertools import product
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from symgrad.lower import array_kernel
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays import carried, chunks, fusion, jam, merge, nests
from symgrad.lower.arrays.chunks import chunked
from symgrad.lower.arrays.loops import ArrayProgram
from symgrad.lower.arrays.nest import NotInLoops
from symgrad.lower.emit import llvm_parts
from symgrad.lower.emit.target import Target, host
from symgrad.lower.machine import threads
from symgrad.lower.source import numpy_source
from symgrad.types import Size
from tests.lower import (
    test_access,
    test_array_code,
    test_axes,
    test_blocked,
    test_carried,
    test_cuts,
    test_fusion,
    test_jam,
    test_merge,
    test_nest,
    test_overlap,
    test_stored,
)
from tests.lower.array_examples import (
    AROUND_LANES,
    EMPTY,
    FEW,
    KINDS,
    MAY_BE_EMPTY,
    USUAL_ONLY,
    Example,
    differ,
    examples,
    functions,
    points,
)
from tests.lower.interpreter import interpreted
from tests.lower.test_array_code import others_than_they_are

BORDER = 64  # numbers before and after an array

BY_HAND = (  # tests of programs that are written by hand, or looked at as they print
    *(test_access, test_axes, test_blocked, test_carried, test_cuts, test_fusion, test_jam, test_merge, test_nest),
    *(test_overlap, test_stored),
)

Check = Callable[[], bool]


class Every(tuple[Size, ...]):
    """All sizes."""

    def __contains__(self, size: object) -> bool:
        return True


def program(e: Example, dtype: str = "f8") -> ArrayProgram:
    whole = Every() if e.whole else ()
    return chunks.chunked(nests.schedule_arrays("f", e.inputs, e.outputs, dtype, whole))


@cache
def in_loops() -> dict[str, Example]:
    """The examples that are not left to NumPy."""
    found = {}
    for name, e in examples().items():
        with suppress(NotInLoops):
            program(e)
            found[name] = e
    return found


def changed(made: Callable[[], Any], is_wrong: Callable[[Any], bool]) -> Check:
    """Is what is made wrong now? It is not, if it is the same as the first time."""
    usual: list[Any] = []

    def check() -> bool:
        found = made()
        if not usual:
            usual.append(found)
        elif usual[0] == found or repr(usual[0]) == repr(found):  # a nan in it is not equal to itself
            return False
        return is_wrong(found)

    return check


@contextmanager
def in_borders() -> Iterator[Callable[[], bool]]:
    """Short blocks and chunks on two threads; memory of nans between borders. Gives: was any border written?"""
    made: list[tuple[np.ndarray, int]] = []
    empty = np.empty

    def within(shape: Any, dtype: Any = float) -> np.ndarray:
        kind = np.dtype(dtype)
        size, border = int(np.prod(shape)) * kind.itemsize, BORDER * 8
        whole = empty(size + 2 * border, np.uint8)
        whole[...] = 0xFF  # nan
        made.append((whole, size))
        return whole[border : border + size].view(kind).reshape(shape)

    def is_touched() -> bool:
        return any((w[: BORDER * 8] != 0xFF).any() or (w[BORDER * 8 + size :] != 0xFF).any() for w, size in made)

    with (
        patch.object(array_kernel.np, "empty", within),
        patch.object(array_kernel, "block_of", lambda numbers, least: 8),
        patch.object(array_kernel, "length_of", lambda extent, block, row, sums: 16),
        patch.object(threads, "LONG", -1.0),
        patch.object(threads, "TIMED", 0),
        patch.dict("os.environ", SYMGRAD_THREADS="2"),
    ):
        yield is_touched


def bordered(v: Any, dtype: str) -> Any:
    """The same numbers, with nans before and after them in memory."""
    v = np.asarray(v)
    v = v.astype(dtype) if v.dtype == float else v
    border = np.full(BORDER, -(2**40) if v.dtype == int else np.nan, v.dtype)
    return np.concatenate([border, v.ravel(), border])[BORDER : BORDER + v.size].reshape(v.shape)


STAGES = ["fused", "merged", "jammed", "carried", "chunked"]  # what is done to a program, one after the other
HOMES = {"fused": fusion, "merged": merge, "jammed": jam, "carried": carried, "chunked": chunks}


@cache
def before(name: str) -> dict[str, tuple[Any, ...]]:
    """What each stage is given of an example."""
    found: dict[str, tuple[Any, ...]] = {}

    def noted(stage: str, right: Any) -> Any:
        return lambda *given: found.setdefault(stage, given) and right(*given)

    with ExitStack() as patches:
        for stage in STAGES:
            home = chunks if stage == "chunked" else nests
            patches.enter_context(patch.object(home, stage, noted(stage, getattr(HOMES[stage], stage))))
        program(in_loops()[name])
    return found


def layout_checks(stage: str = "") -> dict[str, Check]:
    """Programs, by the interpreter: all of how they are made, or from one stage on."""

    def made(name: str) -> ArrayProgram:
        if not stage:
            return program(in_loops()[name])
        found = getattr(HOMES[stage], stage)(*before(name)[stage])
        for later in STAGES[STAGES.index(stage) + 1 :]:
            found = getattr(HOMES[later], later)(found)
        return found

    def is_wrong(name: str, found: ArrayProgram) -> bool:
        return any(differ(interpreted(found, given, sizes), wanted) for sizes, given, wanted in points(name, FEW))

    found = {name: changed(partial(made, name), partial(is_wrong, name)) for name in in_loops()}
    return by_hand(BY_HAND) | found


def by_hand(homes: Sequence[ModuleType]) -> dict[str, Check]:
    """The tests of these that need no more than their parameters."""
    found: dict[str, Check] = {}
    for home in homes:
        for name, test in vars(home).items():
            if not name.startswith("test_") or name.startswith("test_values"):
                continue
            every = [_cases(*mark.args) for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
            for k, cases in enumerate(product(*every)):
                arguments = {name: value for case in cases for name, value in case.items()}
                if arguments.keys() == signature(test).parameters.keys():
                    found[f"{home.__name__} {name} {k}"] = partial(_fails, test, arguments)
    return found


def _cases(names: str | Sequence[str], values: Sequence[Any]) -> list[dict[str, Any]]:
    if isinstance(names, str):
        return [{names: value} for value in values]
    return [dict(zip(names, these, strict=True)) for these in values]


def _fails(test: Callable[..., None], arguments: dict[str, Any]) -> bool:
    try:
        test(**arguments)
    except AssertionError:
        return True
    return False


def machine_checks() -> dict[str, Check]:
    """Machine code, of numbers in two sizes; also in vectors of two lanes, and of rows that are not in chunks."""

    def check(name: str, e: Example, dtype: str, lanes: int = 0, *, chunks: bool = True) -> Check:
        target = Target(lanes) if lanes else host()
        in_chunks = chunked if chunks else lambda program: program

        def is_wrong(code: llvm_parts.ArrayCode) -> bool:
            with (
                in_borders() as is_touched,
                patch.object(array_kernel, "host", lambda: target),
                patch.object(array_kernel, "chunked", in_chunks),
            ):
                for parallel in (True, False):
                    kernel = ArrayKernel("f", e.inputs, e.outputs, dtype, parallel)
                    for sizes, given, wanted in points(name, AROUND_LANES):
                        for _ in range(2):
                            found = kernel.run([bordered(v, dtype) for v in given], sizes)
                            if differ(found, wanted, dtype) or is_touched():
                                return True
            return any(others_than_they_are(code.text))

        @cache
        def in_rows() -> ArrayProgram:
            return in_chunks(nests.schedule_arrays("f", e.inputs, e.outputs, dtype))

        def made() -> llvm_parts.ArrayCode:
            return llvm_parts.arrays_to_llvm(in_rows(), "f", target)

        return changed(made, is_wrong)

    usual = {name: e for name, e in in_loops().items() if not e.whole and "slopes" not in name}
    kinds = {name: e for name, e in usual.items() if name in KINDS.keys() - USUAL_ONLY}
    others = {name: e for name, e in usual.items() if name in functions()}
    found = {name: check(name, e, "f8") for name, e in usual.items()}
    found |= {f"{name} f4": check(name, e, "f4") for name, e in kinds.items()}
    found |= {f"{name} in two lanes": check(name, e, "f8", 2) for name, e in {**kinds, **others}.items()}
    found |= {f"{name} without chunks": check(name, e, "f8", chunks=False) for name, e in others.items()}
    own = {name: test for name, test in by_hand([test_array_code]).items() if "slots" not in name}
    return own | found


def source_checks() -> dict[str, Check]:
    """Python source; where random graphs may be empty, NumPy and the interpreter of nodes may not agree."""

    def check(name: str, e: Example, dtype: str) -> Check:
        def is_wrong(_: str) -> bool:
            function, loose = ArrayKernel("f", e.inputs, e.outputs, dtype)._function
            for sizes, given, wanted in points(name, (*FEW, *EMPTY) if name in MAY_BE_EMPTY else FEW):
                own = [v.astype(dtype) if v.dtype == float else v for v in map(np.asarray, given)]
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = function(*[v[()] for v in own], **{word: sizes[s] for s, word in loose.items()})
                if differ(found if len(wanted) > 1 else [found], wanted, dtype):
                    return True
            return False

        return changed(lambda: numpy_source.numpy_source("f", e.inputs, e.outputs, dtype).text, is_wrong)

    usual = {name: e for name, e in examples().items() if not e.whole}
    found = {name: check(name, e, "f8") for name, e in usual.items()}
    return found | {
        f"{name} f4": check(name, e, "f4") for name, e in usual.items() if name in KINDS.keys() - USUAL_ONLY
    }
