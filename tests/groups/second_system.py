"""Values and gradients beside those of JAX and SymEngine, where a Python has them: see tests/other_process.py.

Points that are on a kink, or nearer to one than 0.01, are left out: there each system makes a choice of its own. Where
two disagree, the reference says who is wrong, with differences at 80 digits of scalars, complex steps of matrices: a
failure either way, until it is explained.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import mp

from symgrad.function import Function
from tests.expressions import random_case
from tests.groups import fuzz_matrix
from tests.groups.group import Outcome, Outcomes, fuzz, judge, values_at
from tests.matrix_nodes import value_and_gradients
from tests.matrix_oracle import Interpreter
from tests.oracles import DIGITS, TOLERANCE, Reference, error
from tests.other_process import other, steps_of
from tests.shrink import Posed

MATRICES = 8  # one case in so many is of matrices, of which JAX compiles each operation for each shape
SIZE = (3, 16)  # operations of a scalar: systems that share nothing write it out as a tree


def drawn(draw: random.Random, index: int) -> Posed | None:
    """A scalar, or a matrix expression."""
    if index % MATRICES == 0:
        return fuzz_matrix.drawn(draw, index // MATRICES)
    case = random_case(draw, size=SIZE, smooth=index % 3 == 0)
    return Posed(case.expression, dict(zip(case.symbols, case.point, strict=True)))


def again(posed: Posed, index: int = 0) -> Outcomes:
    """The case by every system that is there."""
    systems = other().systems
    if not systems:
        return {"second_system": Outcome(numbers={"no second system is installed": 1})}
    sizes = fuzz_matrix.sizes_of(posed)
    if sizes or posed.expression.is_Matrix:
        return {"second_system": matrices(posed, index)} if "JAX" in systems else {}
    return {"second_system": scalars(posed, systems)}


def scalars(posed: Posed, systems: Sequence[str]) -> Outcome:
    """Value and gradient by its symbols."""
    symbols, point = list(posed.values), list(posed.values.values())
    reference = Reference(posed.expression, symbols)

    def exact(roundings: int | None = None) -> list[Any]:
        draws = None if roundings is None else random.Random(roundings)
        at = [mp.mpf(v) for v in point]
        return [reference.value(at, draws), *reference.gradient(point, roundings)]

    def judged(numbers: Sequence[Any], words: str) -> Outcome:
        with mp.workdps(DIGITS):
            return judge(numbers, exact(), exact, words)

    ours = [float(v) for v in values_at(Function(symbols, posed.expression).value_and_grad(symbols), point)]
    request = {
        "steps": steps_of(posed.expression, symbols),
        "inputs": point,
        "shapes": [[] for _ in point],
        "weights": 1.0,
    }
    outcome = Outcome()
    for system in systems:
        outcome.merge(compared(system, request, ours, TOLERANCE, judged))
    return outcome


def matrices(posed: Posed, index: int) -> Outcome:
    """Value, and the gradient of the sum of its entries times weights."""
    e, sizes = posed.expression, fuzz_matrix.sizes_of(posed)
    values = {x: v for x, v in posed.values.items() if x not in sizes}
    with np.errstate(all="ignore"):
        shape = np.shape(Interpreter(values, sizes)(e))
    weights = np.random.default_rng(index).normal(size=shape)
    value, gradients = value_and_gradients(e, values, sizes, weights)
    slopes = [gradients.get(x, np.zeros(np.shape(v))) for x, v in values.items()]
    ours = [float(v) for x in (value, *slopes) for v in np.ravel(x)]
    request = {
        "steps": steps_of(e, list(values), sizes),
        "inputs": [np.ravel(v).tolist() for v in values.values()],
        "shapes": [list(np.shape(v)) for v in values.values()],
        "weights": np.ravel(weights).tolist(),
    }

    def judged(numbers: Sequence[Any], words: str) -> Outcome:
        if numbers is ours:
            return fuzz_matrix.outcome_of(e, sizes, values, random.Random(index))
        return Outcome(failure=words)

    return compared("JAX", request, ours, fuzz_matrix.TOLERANCE, judged)


def compared(
    system: str,
    request: dict[str, Any],
    ours: Sequence[float],
    tolerance: float,
    judged: Callable[[Sequence[Any], str], Outcome],
) -> Outcome:
    """What the system says beside what we do; where they differ, what is wrong by the reference."""
    found = other().ask({"system": system, **request})
    if "numbers" not in found:
        kind = "has no word" if "missing" in found else "raises"
        return Outcome(numbers={f"{system} {kind}": 1})
    theirs = found["numbers"]
    worst = max(map(error, ours, theirs), default=0.0) if len(ours) == len(theirs) else np.inf
    if worst <= 2 * tolerance:
        return Outcome(worst, numbers={f"{system} agrees": 1})
    outcome = judged(ours, f"ours, beside {system}")
    if outcome.failure:
        return outcome
    wrong = judged(theirs, f"{system} against the reference").failure
    return Outcome(failure=wrong, numbers={} if wrong else {f"{system}: ill-conditioned": 1})


GROUPS = [fuzz("second_system", 1_000, drawn, again)]
