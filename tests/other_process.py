"""A SymPy expression at a point -> its value and gradient by another system, which runs in a Python that has it.

SYMGRAD_PEERS names that Python; without it this one is asked, which mostly has none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.expressions.slice import MatrixSlice

from tests.oracles import children_first

PYTHON = "SYMGRAD_PEERS"
LEAVES = (sp.MatrixSymbol, sp.Identity, sp.ZeroMatrix, sp.OneMatrix)  # what they hold are sizes
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"  # what is compiled runs once
Step = tuple[str, Any, Sequence[int]]


class Other:
    """The process; `systems` says which are there."""

    def __init__(self, python: str) -> None:
        place = str(Path(__file__).with_name("other_systems.py"))
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK}
        self.process = subprocess.Popen(
            [python, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.systems: list[str] = json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the other system's process ended"
        return line

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """`numbers`, value first; or the word that is `missing`; or the `error`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self._line())
        return found


@cache
def other() -> Other:
    """One process for all cases."""
    return Other(os.environ.get(PYTHON) or sys.executable)


def steps_of(expression: Any, inputs: Sequence[Any], sizes: Mapping[Any, int] | None = None) -> list[Step]:
    """A step for each distinct part, its arguments first."""
    steps: list[Step] = []
    _write(expression, {x: ("input", i, ()) for i, x in enumerate(inputs)}, sizes or {}, steps)
    return steps


def _write(expression: Any, known: Mapping[Any, Any], sizes: Mapping[Any, int], steps: list[Step]) -> int:
    """Adds the steps of an expression; the place of the last. `known`: steps, or places, of symbols."""
    places: dict[int, int] = {}

    def number(n: Any) -> int:
        return int(sp.sympify(n).xreplace(dict(sizes)))

    for e in children_first(expression, _arguments):
        if isinstance(e, ElementwiseApplyFunction):  # its function, written for the whole matrix
            (variable,) = e.function.variables
            places[id(e)] = _write(e.function.expr, {**known, variable: places[id(e.expr)]}, sizes, steps)
        elif isinstance(known.get(e), int):
            places[id(e)] = known[e]
        else:
            places[id(e)] = len(steps)
            size = ("rational", (sizes[e], 1), ()) if e in sizes else None
            steps.append(known.get(e) or size or _step(e, places, number))
    return places[id(expression)]


def _arguments(e: Any) -> Sequence[Any]:
    """Those that have values: no sizes, no names, of a function over a matrix only the matrix."""
    if isinstance(e, LEAVES):
        return ()
    if isinstance(e, (ElementwiseApplyFunction, MatrixElement, MatrixSlice)):
        return (e.expr if isinstance(e, ElementwiseApplyFunction) else e.parent,)
    if isinstance(e, sp.BlockMatrix):
        return tuple(e.blocks.flat())
    return tuple(e.flat()) if isinstance(e, sp.MatrixBase) else e.args


def _step(e: Any, places: Mapping[int, int], number: Any) -> Step:
    """The word of an expression, what belongs to it besides its arguments, and their places."""
    word = type(e).__name__
    below = tuple(places[id(a)] for a in _arguments(e))
    if e.is_Rational:
        return "rational", (int(e.p), int(e.q)), ()
    if e.is_Float:
        return "float", float(e), ()
    if e in (sp.pi, sp.true):
        return "pi" if e is sp.pi else "true", None, ()
    if word == "ExprCondPair":
        return "pair", None, below
    if isinstance(e, sp.MatMul):
        ordered = sorted(e.args, key=lambda a: bool(a.is_Matrix))  # numbers first
        return word, sum(not a.is_Matrix for a in e.args), tuple(places[id(a)] for a in ordered)
    if isinstance(e, (sp.Identity, sp.ZeroMatrix, sp.OneMatrix)):
        return word, [number(n) for n in e.shape], ()
    if isinstance(e, sp.BlockMatrix):
        return word, list(e.blockshape), below
    if isinstance(e, MatrixElement):
        return word, [number(e.i), number(e.j)], below
    if isinstance(e, MatrixSlice):
        return word, [_positions(part, number) for part in (e.rowslice, e.colslice)], below
    if isinstance(e, sp.MatrixBase):
        return "ImmutableDenseMatrix", list(e.shape), below
    if word in ("SoftmaxAlong", "LogSoftmaxAlong", "LogSumExpAlong"):
        return word, int(e.args[1]), below[:1]
    return word, None, below


def _positions(limits: Any, number: Any) -> list[int]:
    start, stop, step = map(number, limits)
    return list(range(start, stop, step))
