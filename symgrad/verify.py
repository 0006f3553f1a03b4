"""Function, domain -> a report: are its compiled values those of its formula, and its derivatives those of its values?

At random points the compiled kernels, for one point and for a batch, are compared with the same graph in 50-digit
arithmetic. How much a value may be off is measured, not guessed: where it is off at all, the graph is evaluated again
with every operation wrong by up to an ulp, and the value may be off by some times what that moves the result. Where
roundings alone move it by more than a millionth, float64 cannot tell, and the point is counted as ill-conditioned.
Derivatives are compared as `check_grads` does it, at the first of the points that are well-conditioned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from mpmath import mp

from symgrad.check import CheckReport, by_node, compared, drawn_shapes, exactly, flat
from symgrad.errors import ArgumentError, CheckFailed, UndefinedDerivative
from symgrad.evaluate import all_values

if TYPE_CHECKING:
    from symgrad.function import Function

DIGITS = 50
ULP = {"f8": 2.0**-53, "f4": 2.0**-24}
FEW = 4  # roundings that any value may be off by, at no cost
ROUNDINGS = 64  # times the movement of one rounding at each operation that a value may be off by
ILL = 1e-6  # relative movement from which a point is counted as ill-conditioned, not judged
DRAWS = 3  # of roundings, of which the largest movement counts
DIFFERENTIATED = 5  # points at which derivatives are compared

Domain = tuple[float, float]


@dataclass(frozen=True)
class Deviation:
    """One number of the outputs that is off: `roundings` is by how many times the movement of one rounding."""

    path: str  # "point" or "batch": which kernel
    output: int  # the place among all numbers of the outputs
    point: dict[str, Any]
    value: float
    exact: float
    roundings: float
    blame: str = ""

    def __str__(self) -> str:
        where = ", ".join(f"{name}={np.asarray(x).tolist()}" for name, x in self.point.items())
        text = f"{self.path}: output {self.output} is {self.value!r}, exactly {self.exact!r}, at {where}"
        return f"{text}\n    {self.blame}" if self.blame else text


@dataclass(frozen=True)
class Verification:
    """What was compared and how far it was off. Prints; `to_dict()` and `to_json()` are the same facts to be kept."""

    name: str
    domain: dict[str, Domain]
    seed: int
    points: int
    compared: int  # numbers
    ill: int  # numbers at ill-conditioned points, which are not judged
    worst: Deviation | None  # None where nothing is off by more than FEW ulp
    derivatives: CheckReport | None
    without: str  # why no derivatives were compared

    @property
    def passed(self) -> bool:
        return (self.worst is None or self.worst.roundings <= ROUNDINGS) and (
            self.derivatives is None or self.derivatives.passed
        )

    @property
    def failure(self) -> str:
        """The worst value if values fail, else the worst derivative if those do."""
        if self.worst is not None and self.worst.roundings > ROUNDINGS:
            return str(self.worst)
        return "" if self.derivatives is None or self.derivatives.passed else str(self.derivatives.worst)

    def __str__(self) -> str:
        verdict = "verified" if self.passed else "DISAGREES"
        domain = ", ".join(f"{name} in [{a:g}, {b:g}]" for name, (a, b) in self.domain.items())
        lines = [
            f"{self.name}: {verdict} at {self.points} points, {domain}, seed {self.seed}",
            f"  values       {self.compared} numbers against {DIGITS} digits, {self.ill} ill-conditioned: "
            + ("all to the last digits" if self.worst is None else f"worst {self.worst.roundings:.3g} roundings"),
        ]
        if self.derivatives is not None:
            lines.append(
                f"  derivatives  {len(self.derivatives.comparisons)} comparisons: "
                f"worst error {self.derivatives.worst.error:.1e}, tolerance {self.derivatives.tolerance:.0e}"
            )
        else:
            lines.append(f"  derivatives  none compared: {self.without}")
        if not self.passed:
            lines.append(f"  worst {self.failure}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The facts as numbers, strings, lists and dicts."""
        worst, derivatives = self.worst, self.derivatives
        return {
            "name": self.name,
            "passed": self.passed,
            "domain": {name: list(interval) for name, interval in self.domain.items()},
            "seed": self.seed,
            "points": self.points,
            "numbers": self.compared,
            "ill_conditioned": self.ill,
            "worst_value": worst
            and {
                "path": worst.path,
                "output": worst.output,
                "point": {name: np.asarray(x).tolist() for name, x in worst.point.items()},
                "value": worst.value,
                "exact": worst.exact,
                "roundings": worst.roundings,
            },
            "derivative_comparisons": len(derivatives.comparisons) if derivatives else 0,
            "worst_derivative_error": derivatives.worst.error if derivatives else None,
            "without_derivatives": self.without,
        }

    def to_json(self) -> str:
        """The same as JSON; nan and infinities as JavaScript writes them."""
        return json.dumps(self.to_dict())


def verify(
    function: Function,
    *,
    domain: Domain | Mapping[Any, Domain] = (0.1, 1.0),
    points: int = 20,
    seed: int = 0,
    order: int = 1,
) -> Verification:
    """The report on a Function at `points` random points of a domain: one interval, or one for each argument.

    order: of the derivatives to be compared, 1 or 2; 0 for none. Sizes that are symbols are drawn as 3, 4, ...
    Raises CheckFailed, with the report as a field, where something disagrees; ArgumentError for a domain that is none.
    """
    if points < 1 or order not in (0, 1, 2):
        raise ArgumentError("nothing to verify", got=(points, order), wanted="points >= 1, order 0, 1 or 2")
    random = np.random.default_rng(seed)
    intervals = _intervals(function, domain)
    shapes = drawn_shapes(function)
    samples = [
        [random.uniform(*intervals[a.name], shape) for a, shape in zip(function.arguments, shapes, strict=True)]
        for _ in range(points)
    ]
    judge = _Judge(function)
    for path, place, values in _computed(function, samples):
        judge.look(path, samples[place], place, values)
    good = [sample for place, sample in enumerate(samples) if place not in judge.bad][:DIFFERENTIATED]
    derivatives, without = None, "" if order else "not asked for"
    if order and not good:
        without = "no point is well-conditioned and finite"
    elif order:
        try:
            derivatives = compared(function, good, random, order=order)
        except UndefinedDerivative as error:  # values may be verified all the same
            without = str(error)
    worst = judge.worst
    report = Verification(
        function.name, intervals, seed, points, judge.compared, judge.ill, worst, derivatives, without
    )
    if not report.passed:
        failed = CheckFailed("what is computed is not what is written", got=report.failure)
        failed.report = report
        raise failed
    return report


def _intervals(function: Function, domain: Domain | Mapping[Any, Domain]) -> dict[str, Domain]:
    names = [a.name for a in function.arguments]
    if isinstance(domain, Mapping):
        given = {str(key): interval for key, interval in domain.items()}
        if set(given) != set(names):
            raise ArgumentError("a domain for other arguments", got=", ".join(given), wanted=", ".join(names))
    else:
        given = dict.fromkeys(names, domain)
    for name, (a, b) in given.items():
        if not (np.isfinite(a) and np.isfinite(b) and a <= b):
            raise ArgumentError(f"the domain of {name} is no interval", got=(a, b), wanted="finite numbers a <= b")
    return {name: (float(a), float(b)) for name, (a, b) in given.items()}


def _computed(function: Function, samples: Sequence[Sequence[np.ndarray]]) -> Iterator[tuple[str, int, np.ndarray]]:
    """(path, place of the sample, numbers of the outputs): one by one, and where there are batches in one of them."""
    for place, sample in enumerate(samples):
        yield "point", place, flat(function.structure.flatten(function(*sample)))
    if not function.has_arrays and function.arguments:
        together = [np.stack([sample[k] for sample in samples]) for k in range(len(function.arguments))]
        found = function.structure.flatten(function(*together))
        for place in range(len(samples)):
            yield "batch", place, flat([np.asarray(y)[place] for y in found])


class _Judge:
    """What was seen of the values so far: how many, and the worst."""

    def __init__(self, function: Function):
        self.function = function
        self.outputs = [e for r in function.results for e in r.elements]
        self.ulp = ULP[function.dtype]
        self.compared = self.ill = 0
        self.worst: Deviation | None = None
        self.bad: set[int] = set()  # samples at which no derivative is to be compared
        self._exact: dict[int, list[Any]] = {}
        self._moved: dict[int, list[float]] = {}

    def look(self, path: str, sample: Sequence[np.ndarray], place: int, values: np.ndarray) -> None:
        """Compare the numbers that a kernel gives at one point."""
        exact = self._exact.get(place) or self._exact.setdefault(place, self._values(sample))
        for output, (value, wanted) in enumerate(zip(values, exact, strict=True)):
            self.compared += 1
            float_wanted = float(wanted)
            if not np.isfinite(float_wanted) or not np.isfinite(value):
                self.bad.add(place)
                if value == float_wanted or not (np.isfinite(float_wanted) or np.isfinite(value)):
                    continue  # mpmath says nan for poles at which floats are infinite
                off = np.inf
            else:
                distance = float(abs(mpmath.mpf(float(value)) - wanted))
                if distance <= FEW * self.ulp * abs(float_wanted):
                    continue
                moved = self._movement(sample, place, exact)[output]
                if moved > ILL * max(abs(float_wanted), self.ulp):
                    self.ill += 1
                    self.bad.add(place)
                    continue
                off = distance / max(moved, self.ulp * abs(float_wanted), 5e-324)
            if self.worst is None or off > self.worst.roundings:
                point = {a.name: x for a, x in zip(self.function.arguments, sample, strict=True)}
                why = "" if np.isfinite(value) else str(self.function.blame([*sample]))
                self.worst = Deviation(path, output, point, float(value), float_wanted, float(off), why)

    def _values(self, sample: Sequence[np.ndarray], seed: int | None = None) -> list[Any]:
        """The numbers of the outputs in many digits; with a seed, each operation is off by up to an ulp."""
        with mp.workdps(DIGITS):
            inputs = {node: exactly(node, x) for node, x in by_node(self.function, sample).items()}
            rounded = None if seed is None else _Rounding(self.ulp, seed)
            found = all_values(self.outputs, inputs, mp, rounded)
            return [mpmath.mpf(y) for e in self.outputs for y in np.ravel(found[e])]

    def _movement(self, sample: Sequence[np.ndarray], place: int, exact: Sequence[Any]) -> list[float]:
        """How far each number moves when every operation is off by an ulp: the condition as arithmetic meets it."""
        if place not in self._moved:
            draws = [self._values(sample, seed) for seed in range(DRAWS)]
            self._moved[place] = [
                max(float(abs(a - b)) if mp.isfinite(a) else np.inf for a in column)
                for b, *column in zip(exact, *draws, strict=True)
            ]
        return self._moved[place]


class _Rounding:
    """A number, or each of an array, off by up to an ulp; integers are held exactly."""

    def __init__(self, ulp: float, seed: int):
        self.ulp, self.random = ulp, np.random.default_rng(seed)

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return self._off(value)
        entries = np.empty(value.shape, object)
        for index in np.ndindex(*value.shape):
            entries[index] = self._off(value[index])
        return entries

    def _off(self, value: Any) -> Any:
        if mp.isint(value):
            return value
        return value + value * mpmath.mpf(self.ulp * self.random.uniform(-1, 1))  # 1 + ulp/2 would be 1 in float64
