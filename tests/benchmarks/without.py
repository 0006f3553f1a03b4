"""What each optimisation gains: rows with it, and with it switched off for the while, in turns in one run.

The switches are here alone: they put something simpler in the place of a function of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from symgrad.lower import array_kernel, kernel
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays import fill, nests
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.nest import Nest
from symgrad.lower.arrays.overlap import Limits
from symgrad.lower.emit import instructions
from symgrad.lower.emit.target import Target
from symgrad.lower.scalars import schedule

from . import formulas, ours
from .compare import AGREE, disagreement
from .timing import best, timed

ROUNDS = 3  # turns


class Switch(NamedTuple):
    """An optimisation, the row that shows it, and what switches it off. compiling: its gain is there, not in a call."""

    name: str
    row: str
    off: Callable[[], AbstractContextManager[Any]]
    compiling: bool = False


class Gain(NamedTuple):
    """Seconds with an optimisation and without."""

    switch: Switch
    on: float
    off: float


def _same(program: Any, *_: Any) -> Any:
    return program


def _one_by_one(program: Any, nests: Any, values: int) -> Any:
    return replace(program, body=tuple(s for nest in nests for s in nest.statements))


def _whole(nest: Nest, body: Any, *, cut: bool = True) -> None:
    """The innermost loop in one piece, in which every iteration asks."""
    if nest.order and cut:
        nest.piece(body, Affine(), Affine(nest.extents[nest.order[-1]]))
    else:
        body()


def _scattering() -> AbstractContextManager[Any]:
    switched = ExitStack()
    for module in (fill, nests):
        switched.enter_context(patch.object(module, "accumulation", lambda *_: "scatter"))
    return switched


SWITCHES = (
    Switch("vector functions of libmvec", "batch", lambda: patch.object(Target, "vector_function", lambda *_: None)),
    Switch("calls of one point in vectors", "scalar", lambda: patch.object(kernel, "packed", _same)),
    Switch("sine and cosine by one function", "scalar", lambda: patch.object(instructions, "CIRCULAR", ())),
    Switch("sparse results zeroed first", "pendulum_20", lambda: patch.object(schedule, "_is_sparse", lambda _: False)),
    Switch("few values waiting at a time", "ba", lambda: patch.object(schedule, "ordered", list)),
    Switch("threads", "batch", lambda: patch.dict("os.environ", SYMGRAD_THREADS="1")),
    Switch("nests over the same rows in blocks", "logreg", lambda: patch.object(nests, "fused", _one_by_one)),
    Switch("adjoints of shifted views read, not scattered", "rosen", _scattering),
    Switch("borders of loops peeled", "rosen", lambda: patch.object(Nest, "innermost", _whole)),
    Switch("values carried from iteration to iteration", "rosen_hvp", lambda: patch.object(nests, "carried", _same)),
    Switch("loops over one range merged", "gmm", lambda: patch.object(nests, "merged", _same)),
    Switch("loops over nearly one range merged", "rosen", lambda: patch.object(Limits, "are_near", lambda *_: False)),
    Switch("four rows jammed", "logreg", lambda: patch.object(nests, "jammed", _same)),
    Switch("rows in chunks, on threads", "logreg", lambda: patch.object(array_kernel, "chunked", _same)),
    Switch(
        "calls of arrays by machine code", "logreg", lambda: patch.object(ArrayKernel, "is_settled", lambda *_: False)
    ),
    Switch("products of matrices by BLAS", "mlp", lambda: patch.object(nests, "called", lambda *_: None)),
    Switch("large programs in parts", "pendulum_20", lambda: patch.object(schedule, "WHOLE", 10**9), compiling=True),
)


def gain(switch: Switch, seconds: float = 0.3, small: bool = False) -> Gain:
    """Both forms, compared first, then timed."""
    data = formulas.data(switch.row, small)
    on, on_first, on_numbers = _form(switch.row, data)
    with switch.off():
        off, off_first, off_numbers = _form(switch.row, data)
        if disagreement(on_numbers, off_numbers) > AGREE:
            raise AssertionError(f"{switch.name}: other numbers without it")
    if switch.compiling:
        return Gain(switch, on_first, off_first)
    with_it, without = float("inf"), float("inf")
    for _ in range(ROUNDS):
        with_it = min(with_it, best(on, seconds))
        with switch.off():  # threads are asked for in each call
            without = min(without, best(off, seconds))
    return Gain(switch, with_it, without)


def _form(row: str, data: list[np.ndarray]) -> tuple[Callable[[], Any], float, np.ndarray]:
    call = ours.side(row, data).call
    result, seconds = timed(call)
    return call, seconds, formulas.flat(result)


def line(found: Gain) -> str:
    """One optimisation for the terminal."""
    what = "to the first value" if found.switch.compiling else "a call"
    return (
        f"without  {found.switch.name:36} {found.switch.row:12} {found.on * 1e3:9.4g} ms {what},"
        f" {found.off * 1e3:9.4g} without: {found.off / found.on:.2f}x"
    )
