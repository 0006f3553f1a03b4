"""Function -> a report: are its derivatives those of its values? Checked to many digits, without its derivative rules.

Along a random direction v the derivative of the values is computed by complex step where every operation is analytic
(W. Squire, G. Trapp, SIAM Review 40 (1998) 110), else by central differences of the same graph in 50-digit arithmetic.
A user's function that SymPy cannot evaluate has a float64's digits only: then differences are formed in those, and less
is asked of them.
Compared are J v by forward accumulation and J^T u by reverse, and to second order v^T H v of <u, outputs> in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import sympy as sp

from symgrad import derivatives
from symgrad.arguments import bind
from symgrad.errors import ArgumentError, CheckFailed
from symgrad.evaluate import evaluate
from symgrad.graph import Node, reachable
from symgrad.ops.elementwise import Elementwise
from symgrad.types import shape_in_numbers

if TYPE_CHECKING:
    from symgrad.function import Function

COMPLEX_STEP = 1e-100  # no difference is formed, so nothing cancels however small the step
DIGITS = 50
SMALLEST = 3  # of the sizes that are drawn
MOST_ROUNDS = 100  # of making sizes larger: sizes such as n - m and m - n at once are never both positive
STEP = 0.01  # of differences in float64: the error of the rule, STEP**4 / 30, and that of rounding are below 1e-8
COARSE = 1e-6  # the tolerance where differences are formed in float64
TOLERANCE = 1e-9  # float64 rounding in a graph of moderate condition; a wrong rule is off by far more


@dataclass(frozen=True)
class Comparison:
    """One derivative, two ways: `error` is |a - b| / max(1, |a| + |b|)."""

    order: int
    mode: str
    method: str
    point: dict[str, Any]
    value: float
    reference: float

    @property
    def error(self) -> float:
        a, b = self.value, self.reference
        if a == b or (np.isnan(a) and np.isnan(b)):
            return 0.0
        error = abs(a - b) / max(1.0, abs(a) + abs(b))
        return float("inf") if np.isnan(error) else error

    def __str__(self) -> str:
        where = ", ".join(f"{name}={_one_line(x)}" for name, x in self.point.items())
        return (
            f"order {self.order}, {self.mode}: {self.value!r} against {self.reference!r} by {self.method}, "
            f"error {self.error:.1e} at {where}"
        )


@dataclass(frozen=True)
class CheckReport:
    """All comparisons, and the worst of them."""

    name: str
    comparisons: tuple[Comparison, ...]
    tolerance: float

    @property
    def worst(self) -> Comparison:
        return max(self.comparisons, key=lambda c: c.error)

    @property
    def passed(self) -> bool:
        return self.worst.error <= self.tolerance

    def __str__(self) -> str:
        verdict = "agrees" if self.passed else "DISAGREES"
        lines = [f"{self.name}: {verdict} in {len(self.comparisons)} comparisons, tolerance {self.tolerance:.0e}"]
        groups = dict.fromkeys((c.order, c.mode, c.method) for c in self.comparisons)
        for order, mode, method in groups:
            errors = [c.error for c in self.comparisons if (c.order, c.mode, c.method) == (order, mode, method)]
            lines.append(f"  order {order}  {mode:<22} {method:<22} worst error {max(errors):.1e}")
        return "\n".join([*lines, f"  worst: {self.worst}"])


def check_grads(
    function: Function,
    at: Sequence[Any] | Mapping[str, Any] | None = None,
    *,
    order: int = 2,
    points: int = 5,
    domain: tuple[float, float] = (0.1, 1.0),
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> CheckReport:
    """Compare the compiled derivatives of a Function with derivatives of its values that use none of its rules.

    at: one point, as the Function is called; else `points` random ones, every number drawn from `domain`.
    Sizes that are symbols are then drawn as 3, 4, ..., each another.
    order: 1, or 2 for second derivatives too.

    Raises CheckFailed, with the report as a field, if the worst error is above `tolerance`. At a kink the two differ
    rightly: the difference quotient sees one side or the mean.

        >>> import sympy as sp, symgrad as sg
        >>> x, y = sp.symbols("x y")
        >>> sg.check_grads(sg.Function([x, y], sp.sin(x) * y)).passed
        True
    """
    if order not in (1, 2):
        raise ArgumentError("check_grads knows two orders", got=order, wanted="1 or 2")
    random = np.random.default_rng(seed)
    if at is None:
        shapes = drawn_shapes(function)
        samples = [[random.uniform(*domain, shape) for shape in shapes] for _ in range(points)]
    else:
        values, named = ([], dict(at)) if isinstance(at, Mapping) else (list(at), {})
        bound = bind(function.arguments, values, named)
        samples = [[function.as_numbers(a, v) for a, v in zip(function.arguments, bound, strict=True)]]
    report = compared(function, samples, random, order=order, tolerance=tolerance)
    if not report.passed:
        error = CheckFailed("a derivative disagrees with the values", got=str(report.worst))
        error.report = report
        raise error
    return report


def compared(
    function: Function,
    samples: Sequence[Sequence[np.ndarray]],
    random: np.random.Generator,
    *,
    order: int = 2,
    tolerance: float = TOLERANCE,
) -> CheckReport:
    """The comparisons at these points, whether they agree or not."""
    checker = _Checker(function, order)
    comparisons = [c for sample in samples for c in checker.compare(sample, random)]
    return CheckReport(function.name, tuple(comparisons), tolerance if checker.exact else max(tolerance, COARSE))


class _Checker:
    """The derivatives of one Function, compiled once for all points."""

    def __init__(self, function: Function, order: int):
        self.function, self.order = function, order
        self.inputs = [x for a in function.arguments for x in a.elements]
        self.outputs = [e for r in function.results for e in r.elements]
        self.real = [a.elements[0].type.dtype == "f8" if a.elements else True for a in function.arguments]
        wrt = [a.declared for a, real in zip(function.arguments, self.real, strict=True) if real]
        self.forward, self.reverse = function.jvp(wrt), function.vjp(wrt)
        if order == 2:
            self.weighted = function.weighted()
            self.reverse_reverse = self.weighted.hvp(wrt)
            self.forward_reverse = self.weighted.grad(wrt).jvp(wrt)

    def compare(self, sample: Sequence[np.ndarray], random: np.random.Generator) -> list[Comparison]:
        direction = [random.normal(size=x.shape) * real for x, real in zip(sample, self.real, strict=True)]
        v = [d for d, real in zip(direction, self.real, strict=True) if real]
        values = self.function.structure.flatten(self.function(*sample))
        u = [random.normal(size=np.shape(y)) for y in values]
        point = {a.name: x for a, x in zip(self.function.arguments, sample, strict=True)}
        method, first, second = self._reference(sample, direction, flat(u))
        forward = float(flat(u) @ flat(self.function.structure.flatten(self.forward(*sample, *v))))
        reverse = float(flat(v) @ flat(self.reverse(*sample, *u)))
        rows = [
            Comparison(1, "forward", method, point, forward, first),
            Comparison(1, "reverse", method, point, reverse, first),
        ]
        if self.order == 2:
            differences = f"{DIGITS}-digit differences" if self.exact else method
            for mode, derivative in (
                ("reverse over reverse", self.reverse_reverse),
                ("forward over reverse", self.forward_reverse),
            ):
                value = float(flat(v) @ flat(derivative(*sample, *u, *v)))
                rows.append(Comparison(2, mode, differences, point, value, second))
        return rows

    def _reference(
        self, sample: Sequence[np.ndarray], direction: Sequence[np.ndarray], u: np.ndarray
    ) -> tuple[str, float, float]:
        """(method, d/dt, d2/dt2) of <u, outputs(x + t v)> at t = 0."""
        x, v = by_node(self.function, sample), by_node(self.function, direction)
        with mpmath.workdps(DIGITS):

            def along(t: Any) -> Any:
                values = {node: exactly(node, x[node]) + t * exactly(node, v[node]) for node in self.inputs}
                found = evaluate(self.outputs, values, mpmath.mp)
                return mpmath.fdot(zip(map(mpmath.mpf, u), (y for f in found for y in np.ravel(f)), strict=True))

            if not self.exact:
                return "float64 differences", *_five_points([float(along(k * STEP)) for k in (-2, -1, 0, 1, 2)])
            second = float(mpmath.diff(along, 0, 2)) if self.order == 2 else 0.0
            if not self._analytic():
                return f"{DIGITS}-digit differences", float(mpmath.diff(along, 0)), second
        step = {
            node: x[node] if node.type.dtype == "i8" else x[node] + 1j * COMPLEX_STEP * v[node] for node in self.inputs
        }
        values = np.concatenate([np.ravel(y).astype(complex) for y in evaluate(self.outputs, step)])
        return "complex step", float(u @ (values.imag / COMPLEX_STEP)), second

    @cached_property
    def exact(self) -> bool:
        """Has every function as many digits as are asked for? A user's may have those of a float64 only."""
        return all(node.op.exact for node in reachable(self.outputs) if isinstance(node.op, Elementwise))

    def _analytic(self) -> bool:
        active = derivatives.between(self.inputs, self.outputs)
        return all(node.op.analytic for node in active if isinstance(node.op, Elementwise))


def _one_line(x: Any) -> str:
    return " ".join(np.array2string(np.asarray(x), precision=6, threshold=20).split())


def drawn_shapes(function: Function) -> list[tuple[int, ...]]:
    """The shapes of the arguments, with numbers for sizes. Raises ArgumentError if there are integers to be chosen."""
    symbols: dict[sp.Symbol, int] = {}
    for argument in function.arguments:
        if argument.elements and argument.elements[0].type.dtype == "i8":
            raise ArgumentError(
                "indices cannot be drawn at random",
                got=argument.name,
                wanted="at=, a point to check the derivatives at",
            )
        for n in argument.shape:
            for s in sorted(n.free_symbols, key=str) if isinstance(n, sp.Expr) else ():
                symbols.setdefault(s, SMALLEST + len(symbols))
    _enlarge(symbols, {n for node in function.nodes for n in node.type.shape if isinstance(n, sp.Expr)})
    return [shape_in_numbers(argument.shape, symbols) for argument in function.arguments]


def _enlarge(symbols: dict[sp.Symbol, int], sizes: Iterable[sp.Expr]) -> None:
    """Makes symbols larger until no array, such as one of shape (h - a + 1,), is empty: of nothing, all agrees."""
    for _ in range(MOST_ROUNDS):
        for n in sorted(sizes, key=str):
            value = n.xreplace({s: sp.Integer(v) for s, v in symbols.items()})
            grows = [s for s in sorted(n.free_symbols, key=str) if n.diff(s).is_positive]
            if value.is_Integer and value < 2 and grows:
                symbols[grows[0]] += 2 - int(value)
                break
        else:
            return


def by_node(function: Function, sample: Sequence[np.ndarray]) -> dict[Node, Any]:
    """The numbers of each input node."""
    found: dict[Node, Any] = {}
    for argument, value in zip(function.arguments, sample, strict=True):
        whole = argument.is_whole or argument.shape == ()
        found.update(zip(argument.elements, [value] if whole else np.ravel(value), strict=True))
    return found


def exactly(node: Node, value: Any) -> Any:
    """The value of an input in mpmath's numbers; indices stay as they are."""
    if node.type.dtype == "i8" or not node.type.shape:
        return value if node.type.dtype == "i8" else mpmath.mpf(float(value))
    exact = np.empty(np.shape(value), object)
    for index in np.ndindex(*exact.shape):
        exact[index] = mpmath.mpf(float(value[index]))
    return exact


def _five_points(f: Sequence[float]) -> tuple[float, float]:
    """First and second derivative from five values, STEP apart, of order 4 (Abramowitz, Stegun, 25.2.6 and 25.3.24)."""
    first = (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * STEP)
    second = (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * STEP**2)
    return first, second


def flat(values: Any) -> np.ndarray:
    """All numbers of a nested value, in order."""
    if isinstance(values, (tuple, list)):
        return np.concatenate([flat(v) for v in values]) if values else np.empty(0)
    if isinstance(values, dict):
        return flat(list(values.values()))
    return np.asarray(values, dtype=float).ravel()
