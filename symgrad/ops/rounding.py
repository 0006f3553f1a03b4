"""Functions with kinks and jumps: absolute value, sign, steps, rounding, maximum and minimum.

Where no derivative exists the choice is written in the class, listed in docs/kinks.md, and held by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

from symgrad.graph import Exact, Node
from symgrad.ops.arithmetic import as_number, to_sympy_number
from symgrad.ops.elementwise import Elementwise, Partial
from symgrad.ops.emitter import Emitter
from symgrad.ops.leaf import exact_value
from symgrad.ops.logic import equal, less, negation
from symgrad.ops.select import guarded, piecewise, select

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Abs(Elementwise):
    """y = |x|,  dy/dx = sign x, which is 0 at 0."""

    finite = True
    sympy, mpmath = sp.Abs, mp.fabs
    numpy = staticmethod(lambda x: np.where(np.real(x) < 0, -x, x)[()] if np.iscomplexobj(x) else np.abs(x))
    analytic = True  # off the kink: the branch is chosen by the real part

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Sign(), *y.inputs),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.fabs(*args)


@dataclass(frozen=True)
class Sign(Elementwise):
    """y = -1, 0 or 1,  dy/dx = 0."""

    finite = True
    sympy, mpmath = sp.sign, mp.sign
    numpy = staticmethod(lambda x: np.sign(np.real(x)))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (None,)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        zero = t.number(0)
        # 0 and nan stay what they are, but -0: the sum makes it +0
        negative = t.select(t.compare("<", x, zero), t.number(-1), t.add(x, zero))
        return t.select(t.compare("<", zero, x), t.number(1), negative)


@dataclass(frozen=True)
class Step(Elementwise):
    """y = Heaviside(a - b): 1 where a > b, 0 where a < b, `tie` where a = b, nan with a nan;  dy/dx = 0.

    Of two inputs and not of their difference, which would be nan where both are infinite.
    """

    finite = True
    tie: Exact = HALF

    sympy, domain = sp.Heaviside, ((-2.0, 2.0), (-2.0, 2.0))

    def label(self) -> str:
        return "step" if self.tie == HALF else f"step[{self.tie}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        return None, None

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        if numbers is np:
            a, b = map(np.real, values)
            tie = np.where(a == b, float(self.tie), a - b)
            return np.where(a > b, 1.0, np.where(a < b, 0.0, tie))[()]
        a, b = values
        return mp.mpf(1) if a > b else mp.mpf(0) if a < b else as_number(mp, self.tie) if a == b else mp.nan

    def emit(self, t: Emitter, *args: Any) -> Any:
        a, b = args
        tie = t.select(t.compare("==", a, b), t.number(self.tie), t.sub(a, b))  # unordered: a nan, as a - b is
        below = t.select(t.compare("<", a, b), t.number(0), tie)
        return t.select(t.compare("<", b, a), t.number(1), below)

    def to_sympy(self, *args: Any) -> Any:
        a, b = args
        return sp.Heaviside(a - b) if self.tie == HALF else sp.Heaviside(a - b, to_sympy_number(self.tie))

    @classmethod
    def from_sympy(cls, expression: sp.Expr, *args: Node) -> Node:
        x, at_zero = args
        zero = x.like(0)
        tie = exact_value(at_zero)
        if tie is not None:
            return x.graph.add(cls(tie), x, zero)
        return select(equal(x, zero), at_zero, x.graph.add(cls(), x, zero))


@dataclass(frozen=True)
class Floor(Elementwise):
    """y = the largest integer up to x,  dy/dx = 0."""

    finite = True
    sympy, mpmath = sp.floor, mp.floor
    numpy = staticmethod(lambda x: np.floor(np.real(x)))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (None,)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.floor(*args)


@dataclass(frozen=True)
class Ceiling(Elementwise):
    """y = the smallest integer from x on,  dy/dx = 0."""

    finite = True
    sympy, mpmath = sp.ceiling, mp.ceil
    numpy = staticmethod(lambda x: np.ceil(np.real(x)))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (None,)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.ceil(*args)


@dataclass(frozen=True)
class Frac(Elementwise):
    """y = x - floor x,  dy/dx = 1."""

    finite = True
    sympy = sp.frac
    mpmath = staticmethod(lambda x: x - mp.floor(x))
    numpy = staticmethod(lambda x: x - np.floor(np.real(x)))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (1,)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        return t.sub(x, t.floor(x))


@dataclass(frozen=True)
class Mod(Elementwise):
    """z = x - y floor(x/y), of the sign of y as in Python;  dz/dx = 1,  dz/dy = -floor(x/y)."""

    sympy, domain = sp.Mod, ((-5.0, 5.0), (0.5, 2.0))
    mpmath = staticmethod(lambda x, y: x - y * mp.floor(x / y) if y != 0 else mp.nan)

    @staticmethod
    def numpy(x: Any, y: Any) -> Any:
        rest = np.mod(np.real(x), np.real(y))  # exact, and right for an infinite y
        if not (np.iscomplexobj(x) or np.iscomplexobj(y)):
            return rest
        return rest + 1j * (np.imag(x) - np.imag(y) * np.floor(np.real(x) / np.real(y)))

    def partials(self, y: Node) -> Sequence[Partial]:
        a, b = y.inputs
        return 1, -y.graph.add(Floor(), a / b)

    def emit(self, t: Emitter, *args: Any) -> Any:
        x, y = args
        zero = t.number(0)
        rest = t.libm("fmod", x, y)  # exact, of the sign of x
        low = t.both(t.compare("<", rest, zero), t.compare("<", zero, y))
        high = t.both(t.compare("<", zero, rest), t.compare("<", y, zero))
        return t.select(t.either(low, high), t.add(rest, y), rest)


class Extremum(Elementwise):
    """The largest or smallest of n inputs. At a tie the derivatives share: each of k winners has 1/k."""

    finite = True
    domain = ((-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0))

    def wins(self, x: Node, y: Node) -> tuple[Node, Node]:
        """What is compared, in the order in which the first is the larger where x wins over y."""
        raise NotImplementedError

    def partials(self, y: Node) -> Sequence[Partial]:
        graph = y.graph
        if len(y.inputs) == 2:
            pairs = [self.wins(*y.inputs), self.wins(*reversed(y.inputs))]
            weights = [graph.add(Step(), a, b) for a, b in pairs]
        else:
            pairs = [self.wins(x, y) for x in y.inputs]
            weights = [graph.add(TieShare(self), *y.inputs)] * len(pairs)  # the guard leaves the losers out
        # guarded, so that nothing flows into a loser, be its own derivative infinite
        return tuple(guarded(negation(less(a, b)), w) for (a, b), w in zip(pairs, weights, strict=True))


@dataclass(frozen=True)
class Max(Extremum):
    """y = max(x1, ..., xn), nan with a nan."""

    sympy = sp.Max
    numpy = staticmethod(lambda *xs: reduce(_by_real_part(np.greater_equal), xs))
    mpmath = staticmethod(lambda *xs: mp.nan if any(map(mp.isnan, xs)) else max(xs))

    def wins(self, x: Node, y: Node) -> tuple[Node, Node]:
        return x, y

    def emit(self, t: Emitter, *args: Any) -> Any:
        return reduce(t.maximum, args)

    def to_sympy(self, *args: Any) -> Any:
        return sp.Max(*args, evaluate=False)


@dataclass(frozen=True)
class Min(Extremum):
    """y = min(x1, ..., xn), nan with a nan."""

    sympy = sp.Min
    numpy = staticmethod(lambda *xs: reduce(_by_real_part(np.less_equal), xs))
    mpmath = staticmethod(lambda *xs: mp.nan if any(map(mp.isnan, xs)) else min(xs))

    def wins(self, x: Node, y: Node) -> tuple[Node, Node]:
        return y, x

    def emit(self, t: Emitter, *args: Any) -> Any:
        return reduce(t.minimum, args)

    def to_sympy(self, *args: Any) -> Any:
        return sp.Min(*args, evaluate=False)


@dataclass(frozen=True)
class TieShare(Elementwise):
    """y = 1/k if k of the inputs are the largest, or the smallest; nan with a nan;  dy/dx = 0."""

    extremum: Extremum = Max()

    finite = True
    domain = ((-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0))

    def label(self) -> str:
        return f"tieshare[{self.extremum.name}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        return [None for _ in y.inputs]

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        if numbers is np:
            values = tuple(map(np.real, values))
        best = self.extremum.evaluate(numbers, *values)
        winners = sum((x == best) * 1.0 for x in values)
        if numbers is np:
            return np.where(np.isnan(best), np.nan, 1 / np.maximum(winners, 1))[()]
        return mp.mpf(1) / winners if winners else mp.nan

    def emit(self, t: Emitter, *args: Any) -> Any:
        best, zero, one = self.extremum.emit(t, *args), t.number(0), t.number(1)
        winners = reduce(t.add, [t.select(t.compare("==", x, best), one, zero) for x in args])
        unordered = t.compare("!=", best, best)
        return t.select(unordered, best, t.div(one, winners))

    def to_sympy(self, *args: Any) -> Any:
        best = self.extremum.to_sympy(*args)
        # not a step of their difference, in which terms of a sum may cancel in another order
        pairs = [(x, best) if isinstance(self.extremum, Max) else (best, x) for x in args]
        wins = [sp.Not(sp.Lt(*pair, evaluate=False), evaluate=False) for pair in pairs]
        return 1 / sp.Add(*[piecewise((sp.S.One, condition), (sp.S.Zero, sp.true)) for condition in wins])


def _by_real_part(wins: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Maximum or minimum that complex step may pass through; a nan wins."""

    def pick(a: Any, b: Any) -> Any:
        return np.where(wins(np.real(a), np.real(b)) | np.isnan(a), a, b)[()]

    return pick
