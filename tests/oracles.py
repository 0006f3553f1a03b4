"""SymPy expression, point -> value and derivatives by independent means: nothing here imports symgrad.

The reference evaluates SymPy's own tree with mpmath, node by node, in real arithmetic: what leaves the reals is nan, as
symbols are real. Derivatives are central differences of that at 80 digits, so that neither truncation nor cancellation
is felt at 1e-30. The complex step is the second, in double precision, from SymPy's own lambdify.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from mpmath import mp
from sympy.codegen import cfunctions as c
from sympy.codegen.numpy_nodes import logaddexp, logaddexp2
from sympy.logic.boolalg import BooleanFunction

DIGITS = 80
STEP = mpmath.mpf("1e-26")  # f''' STEP**2 = 1e-52 truncated, 1e-80 / STEP = 1e-54 lost
STEP_2 = mpmath.mpf("1e-20")  # second differences: 1e-40 truncated, 1e-80 / STEP_2**2 = 1e-40 lost
ULP = mpmath.mpf(2) ** -53
TOLERANCE = 1e-12
ROUNDINGS = (
    64  # how many times the effect of one rounding at each operation a result may be off, where that exceeds TOLERANCE
)
ILL = 1e-6  # a point is skipped, and counted, where the roundings alone move the reference by more than this
HUGE = 1e100


def error(a: float, b: float) -> float:
    """|a - b| / max(1, |a| + |b|); 0 for two equal infinities or two nans, inf where only one is."""
    a, b = float(a), float(b)
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(1.0, abs(a) + abs(b))


def real(value: Any) -> Any:
    """The value if it is real, else nan."""
    if isinstance(value, mpmath.mpc):
        return value.real if value.imag == 0 else mp.nan
    return value


def _power(x: Any, p: Any) -> Any:
    if x == 0 and p < 0:
        return mp.inf
    return mp.power(x, p)


def _sign(x: Any) -> Any:
    return x if mp.isnan(x) else mp.mpf((x > 0) - (x < 0))


def _heaviside(x: Any, middle: Any = 0.5) -> Any:
    return x if mp.isnan(x) else mp.mpf(middle) if x == 0 else mp.mpf(int(x > 0))


def _polygamma(n: Any, x: Any) -> Any:
    return mp.psi(int(n), x)


def _loggamma(x: Any) -> Any:
    return mp.loggamma(x) if x > 0 else mp.nan


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: mp.nan if any(mp.isnan(x) for x in xs) else choose(xs)


def _product(*xs: Any) -> Any:
    result = mp.mpf(1)
    for x in xs:
        result *= x
    return result


def _total(*xs: Any) -> Any:
    return mp.fsum(xs)


def _besselk(n: Any, x: Any) -> Any:
    return mp.besselk(n, x)


def _besseli(n: Any, x: Any) -> Any:
    value = mp.besseli(n, x)
    return mp.re(value) if mp.isint(n) else value  # mpmath leaves a rounding error beside the real line


def _expm1(x: Any) -> Any:
    return mp.expm1(x)


# SymPy head -> mpmath. What is not here goes through SymPy's own mpmath printer, head by head.
HEADS: dict[Any, Callable[..., Any]] = {
    sp.Add: _total,
    sp.Mul: _product,
    sp.Pow: _power,
    sp.exp: mp.exp,
    sp.log: mp.log,
    sp.sin: mp.sin,
    sp.cos: mp.cos,
    sp.tan: mp.tan,
    sp.cot: mp.cot,
    sp.sec: mp.sec,
    sp.csc: mp.csc,
    sp.asin: mp.asin,
    sp.acos: mp.acos,
    sp.atan: mp.atan,
    sp.atan2: mp.atan2,
    sp.sinh: mp.sinh,
    sp.cosh: mp.cosh,
    sp.tanh: mp.tanh,
    sp.coth: mp.coth,
    sp.sech: mp.sech,
    sp.csch: mp.csch,
    sp.asinh: mp.asinh,
    sp.acosh: mp.acosh,
    sp.atanh: mp.atanh,
    sp.sinc: lambda x: mp.mpf(1) if x == 0 else mp.sin(x) / x,
    sp.Abs: abs,
    sp.sign: _sign,
    sp.re: lambda x: x,
    sp.im: lambda x: mp.mpf(0),
    sp.conjugate: lambda x: x,
    sp.arg: lambda x: mp.pi if x < 0 else mp.mpf(0),
    sp.Max: _extreme(max),
    sp.Min: _extreme(min),
    sp.floor: mp.floor,
    sp.ceiling: mp.ceil,
    sp.frac: lambda x: x - mp.floor(x),
    sp.Mod: lambda x, y: x - y * mp.floor(x / y),
    sp.Heaviside: _heaviside,
    sp.erf: mp.erf,
    sp.erfc: mp.erfc,
    sp.erfi: mp.erfi,
    sp.gamma: mp.gamma,
    sp.loggamma: _loggamma,
    sp.polygamma: _polygamma,
    sp.digamma: lambda x: mp.psi(0, x),
    sp.trigamma: lambda x: mp.psi(1, x),
    sp.besselj: mp.besselj,
    sp.bessely: mp.bessely,
    sp.besseli: _besseli,
    sp.besselk: _besselk,
    sp.LambertW: mp.lambertw,
    c.expm1: _expm1,
    c.log1p: mp.log1p,
    c.exp2: lambda x: mp.power(2, x),
    c.log2: lambda x: mp.log(x, 2),
    c.log10: mp.log10,
    c.hypot: mp.hypot,
    c.Sqrt: mp.sqrt,
    c.Cbrt: lambda x: mp.power(x, mp.mpf(1) / 3),
    c.fma: lambda x, y, z: x * y + z,
    logaddexp: lambda *xs: mp.log(mp.fsum(map(mp.exp, xs))),
    logaddexp2: lambda *xs: mp.log(mp.fsum(mp.power(2, x) for x in xs), 2),
    sp.Lt: lambda a, b: a < b,
    sp.Le: lambda a, b: a <= b,
    sp.Gt: lambda a, b: a > b,
    sp.Ge: lambda a, b: a >= b,
    sp.Eq: lambda a, b: a == b,
    sp.Ne: lambda a, b: a != b,
    sp.And: lambda *xs: all(xs),
    sp.Or: lambda *xs: any(xs),
    sp.Not: lambda x: not x,
    sp.Xor: lambda *xs: sum(map(bool, xs)) % 2 == 1,
    sp.ITE: lambda condition, a, b: a if condition else b,
}


def mpmath_function(head: Any, arity: int) -> Callable[..., Any]:
    """The head as a function of mpmath numbers."""
    if head not in HEADS:
        arguments = sp.symbols(f"a:{arity}", real=True)
        HEADS[head] = sp.lambdify(arguments, head(*arguments).doit(), "mpmath")
    return HEADS[head]


def children_first(expression: Any, arguments: Callable[[Any], Sequence[Any]] = lambda e: e.args) -> list[Any]:
    """The distinct objects of the expression, arguments before their users; no recursion, no hash."""
    order: list[Any] = []
    seen: set[int] = set()
    stack = [(expression, False)]
    while stack:
        e, ready = stack.pop()
        if ready:
            order.append(e)
        elif id(e) not in seen:
            seen.add(id(e))
            stack.append((e, True))
            stack.extend((a, False) for a in arguments(e) if id(a) not in seen)
    return order


class Reference:
    """A SymPy expression as a list of mpmath steps, to be run at many points."""

    def __init__(self, expression: sp.Expr, symbols: Sequence[sp.Basic]):
        self.symbols = list(symbols)
        position = {s: i for i, s in enumerate(self.symbols)}
        slots: dict[int, int] = {}
        self.steps: list[tuple[str, Any, tuple[int, ...]]] = []
        self.keep = expression  # slots are by id: the objects must live
        for e in children_first(expression):
            arguments = tuple(slots[id(a)] for a in e.args if id(a) in slots)
            slots[id(e)] = len(self.steps)
            if e in position:
                step: tuple[str, Any, tuple[int, ...]] = ("input", position[e], ())
            elif e.is_Symbol:
                raise ValueError(f"{e} is not bound")
            elif isinstance(e, sp.Piecewise):
                step = ("piecewise", None, arguments)
            elif isinstance(e, (sp.Tuple,)) or type(e).__name__ == "ExprCondPair":
                step = ("pair", None, arguments)
            elif e in (sp.true, sp.false):
                step = ("constant", bool(e), ())
            elif not e.args:
                step = ("constant", e, ())
            elif isinstance(e, (sp.core.relational.Relational, BooleanFunction)):
                step = ("logic", mpmath_function(e.func, len(e.args)), arguments)
            else:
                step = ("value", mpmath_function(e.func, len(e.args)), arguments)
            self.steps.append(step)

    def value(self, point: Sequence[Any], roundings: random.Random | None = None) -> Any:
        """The value at the point in the working precision; with `roundings`, each operation is off by up to an ulp."""
        values: list[Any] = []
        for kind, what, slots in self.steps:
            if kind == "input":
                value = point[what]
            elif kind == "constant":
                value = what if isinstance(what, bool) else _number(what)
            elif kind == "pair":
                value = tuple(values[i] for i in slots)
            elif kind == "piecewise":
                value = next((v for v, condition in (values[i] for i in slots) if condition), mp.nan)
            else:
                try:
                    value = what(*[values[i] for i in slots])
                    value = value if kind == "logic" else real(value)
                except (ZeroDivisionError, ValueError, OverflowError, TypeError, NotImplementedError):
                    value = mp.nan
                if roundings is not None and kind == "value":
                    value = value * (1 + ULP * roundings.uniform(-1, 1))
            values.append(value)
        return mp.mpf(values[-1])

    def gradient(self, point: Sequence[float], roundings: int | None = None) -> list[Any]:
        """Central differences; with `roundings`, a seed, of the function whose operations are off by an ulp each."""
        x = [mp.mpf(v) for v in point]
        rows = []
        for i in range(len(x)):
            up, down = ([*x[:i], x[i] + sign * STEP, *x[i + 1 :]] for sign in (1, -1))
            rows.append((self.value(up, _draws(roundings)) - self.value(down, _draws(roundings))) / (2 * STEP))
        return rows

    def hessian(self, point: Sequence[float], roundings: int | None = None) -> list[list[Any]]:
        """Second central differences."""
        x = [mp.mpf(v) for v in point]
        n = len(x)

        def at(**moves: int) -> Any:
            moved = list(x)
            for name, sign in moves.items():
                moved[int(name[1:])] += sign * STEP_2
            return self.value(moved, _draws(roundings))

        middle = at()
        rows = [[mp.mpf(0)] * n for _ in range(n)]
        for i in range(n):
            a = f"_{i}"
            rows[i][i] = (at(**{a: 1}) - 2 * middle + at(**{a: -1})) / STEP_2**2
            for j in range(i):
                b = f"_{j}"
                corners = sum(s * t * at(**{a: s, b: t}) for s in (1, -1) for t in (1, -1))
                rows[i][j] = rows[j][i] = corners / (4 * STEP_2**2)
        return rows


def _draws(seed: int | None) -> random.Random | None:
    return None if seed is None else random.Random(seed)


def _number(value: Any) -> Any:
    number = value._to_mpmath(mp.prec)
    return number if isinstance(number, (mpmath.mpf, mpmath.mpc)) else mp.mpf(number)


def value_and_gradient(expression: sp.Expr, symbols: Sequence[sp.Basic], point: Sequence[float]) -> list[Any]:
    """[value, *gradient] at 80 digits."""
    with mp.workdps(DIGITS):
        reference = Reference(expression, symbols)
        return [reference.value([mp.mpf(v) for v in point]), *reference.gradient(point)]


def movement(compute: Callable[[int], Sequence[Any]], exact: Sequence[Any], draws: int = 4) -> list[float]:
    """How far each number moves when every operation is off by an ulp: the largest of some draws.

    This is the condition of the point as arithmetic meets it: cancellation inside counts, not only that of the inputs.
    """
    with mp.workdps(DIGITS):
        moved = [0.0] * len(exact)
        for seed in range(draws):
            for i, (a, b) in enumerate(zip(compute(seed), exact, strict=True)):
                far = abs(a - b) if mp.isfinite(a) and mp.isfinite(b) else mp.inf
                moved[i] = max(moved[i], float(far))
        return moved


def complex_step(expression: sp.Expr, symbols: Sequence[sp.Symbol], point: Sequence[float]) -> list[float]:
    """The gradient by the complex step, f(x + ih).imag / h, of SymPy's lambdify: for analytic expressions only."""
    step = 1e-100
    function = sp.lambdify(symbols, expression, "numpy", cse=True)
    with np.errstate(all="ignore"):
        return [
            float(np.imag(function(*[complex(v, step if i == j else 0) for j, v in enumerate(point)])) / step)
            for i in range(len(point))
        ]


def differences(function: Callable[..., Any], point: Sequence[Any]) -> list[Any]:
    """Central differences of a function of mpmath numbers, by each argument."""
    rows = []
    for i in range(len(point)):
        up, down = ([*point[:i], point[i] + sign * STEP, *point[i + 1 :]] for sign in (1, -1))
        rows.append((function(*up) - function(*down)) / (2 * STEP))
    return rows


def substituted(expression: sp.Expr, values: Mapping[sp.Basic, float]) -> float:
    """The value of a SymPy expression, as a float, at 80 digits inside."""
    with mp.workdps(DIGITS):
        return float(Reference(expression, list(values)).value([mp.mpf(v) for v in values.values()]))
