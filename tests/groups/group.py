"""What a group of the scoreboard is made of: its cases, their outcomes, and the judgement of numbers."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

from symgrad.evaluate import evaluate
from symgrad.function import Function
from symgrad.graph import Node
from tests.oracles import HUGE, ILL, ROUNDINGS, TOLERANCE, children_first, error, movement
from tests.shrink import Posed

LEAKS = (sp.Derivative, sp.Subs, sp.DiracDelta, sp.re, sp.im, sp.arg, sp.conjugate)


@dataclass
class Outcome:
    """What came out of one case. `numbers` are measured, and summed up in the table; `case`: a small one that fails."""

    error: float = 0.0
    failure: str = ""
    skipped: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    case: Posed | None = None

    def merge(self, other: Outcome) -> None:
        """Both: the larger error, the first failure, all that was counted."""
        self.error = max(self.error, other.error)
        self.failure = self.failure or other.failure
        self.skipped += other.skipped
        for name, value in other.numbers.items():
            self.numbers[name] = self.numbers.get(name, 0) + value


Outcomes = Mapping[str, Outcome]


@dataclass(frozen=True)
class Group:
    """A line of the table: a check of `count` cases in the full run, a tenth of them in continuous integration.

    The check draws from the generator that it is given and from nothing else. It returns outcomes by the name of the
    line they belong to. `whole`: the cases are a table, all of them are run every time. `drawn` and `again`: the case
    itself, and the check of any other in its place, for shrinking.
    """

    name: str
    count: int
    check: Callable[[random.Random, int], Outcomes]
    whole: bool = False
    drawn: Callable[[random.Random, int], Posed | None] | None = None
    again: Callable[[Posed, int], Outcomes] | None = None


def fuzz(
    name: str,
    count: int,
    drawn: Callable[[random.Random, int], Posed | None],
    again: Callable[[Posed, int], Outcomes],
) -> Group:
    """A group of random expressions. `drawn` returns None where SymPy cannot make what was drawn; `again` checks a
    case, of which only one in so many goes through what takes long: by its number, everything with 0."""

    def check(draw: random.Random, index: int) -> Outcomes:
        case = drawn(draw, index)
        return again(case, index) if case is not None else {name: Outcome(numbers={"not made": 1})}

    return Group(name, count, check, drawn=drawn, again=again)


def elements(function: Function) -> list[Node]:
    """The scalar results, in order."""
    return [e for r in function.results for e in r.elements]


def values_at(function: Function, values: Sequence[Any], numbers: Any = np) -> list[Any]:
    """All scalar results, evaluated node by node, for flat scalar inputs."""
    inputs = [x for a in function.arguments for x in a.elements]
    number = np.float64 if numbers is np else mp.mpf
    return evaluate(elements(function), {x: number(v) for x, v in zip(inputs, values, strict=True)}, numbers)


def compiled_at(function: Function, values: Sequence[float]) -> list[float]:
    """All scalar results by the compiled kernel."""
    return flat(function(*values))


def by_source(function: Function) -> Callable[..., Any]:
    """The function in its own Python source, executed as users would."""
    scope: dict[str, Any] = {}
    exec(compile(function.source, "<source>", "exec"), scope)
    executed = scope[function.name]

    def quiet(*values: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return executed(*values)

    return quiet


def flat(result: Any) -> list[float]:
    """The numbers in a nested result, in order."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in flat(part)]
    return [float(x) for x in np.asarray(result).reshape(-1)]


def judge(ours: Sequence[Any], exact: Sequence[Any], rounded: Callable[[int], Sequence[Any]], words: str) -> Outcome:
    """Numbers against the reference. On a well-conditioned point the error is at most TOLERANCE.

    Where it is more, the reference is computed again with every operation off by up to an ulp: what moves further than
    that is not well-conditioned, and the bound is ROUNDINGS times the movement. Where even that exceeds ILL, or the
    reference is nan or above HUGE, the number is skipped, and counted.
    """
    outcome = Outcome()
    moved: list[float] | None = None
    if len(ours) != len(exact):
        return Outcome(failure=f"{words}: {len(ours)} numbers for {len(exact)}")
    for i, (a, b) in enumerate(zip(ours, exact, strict=True)):
        if not mp.isfinite(b) or abs(b) > HUGE:
            outcome.skipped += 1
            continue
        e = error(a, b)
        if not e <= TOLERANCE:
            if moved is None:
                moved = movement(rounded, exact)
            bound = ROUNDINGS * moved[i] / max(1.0, 2 * abs(float(b)))
            if bound > ILL:
                outcome.skipped += 1
                continue
            if e <= max(bound, TOLERANCE):
                outcome.numbers["ill-conditioned"] = outcome.numbers.get("ill-conditioned", 0) + 1
                continue
            outcome.failure = outcome.failure or f"{words} [{i}]: {a!r}, reference {mp.nstr(b, 20)}, error {e:.1e}"
        outcome.error = max(outcome.error, e)
    return outcome


def same(ours: Sequence[Any], others: Sequence[Any], words: str, bound: float = 1e-25) -> Outcome:
    """Two computations of the same numbers in 50 digits: equal to rounding, with no allowance for condition."""
    worst, failure = 0.0, ""
    if len(ours) != len(others):
        return Outcome(failure=f"{words}: {len(ours)} numbers against {len(others)}")
    for i, (a, b) in enumerate(zip(ours, others, strict=True)):
        a, b = mp.mpf(a), mp.mpf(b)
        if mp.isnan(a) and mp.isnan(b):
            continue
        e = (
            float(abs(a - b) / max(1, abs(a) + abs(b)))
            if mp.isfinite(a) and mp.isfinite(b)
            else (0.0 if a == b else np.inf)
        )
        worst = max(worst, e)
        if not e <= bound and not failure:
            failure = f"{words} [{i}]: {mp.nstr(a, 20)} against {mp.nstr(b, 20)}"
    return Outcome(worst, failure)


def leaks(gradient: Any, allowed: set[sp.Basic], shape: Any, words: str) -> Outcome:
    """No unevaluated or complex debris in a symbolic result; no foreign symbol; one entry for each variable."""
    entries = gradient if isinstance(gradient, tuple) else (gradient,)
    if len(entries) != shape:
        return Outcome(failure=f"{words}: {len(entries)} gradients for {shape} variables")
    for part in children_first(sp.Tuple(*entries)):  # each shared part once: as a tree it may be too large to walk
        if isinstance(part, LEAKS):
            return Outcome(failure=f"{words}: {type(part).__name__} in the result")
        if part.is_Symbol and part not in allowed:
            return Outcome(failure=f"{words}: the foreign symbol {part!r}")
    return Outcome()
