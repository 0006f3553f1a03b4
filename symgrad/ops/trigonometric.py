"""Trigonometric functions and their inverses, derivatives in terms of the output where that is cheaper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

from symgrad.graph import Node
from symgrad.ops.elementwise import Elementwise, Partial
from symgrad.ops.emitter import Emitter
from symgrad.ops.select import piecewise

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Sin(Elementwise):
    """y = sin x,  dy/dx = cos x."""

    finite = True
    sympy, numpy, mpmath, libm = sp.sin, np.sin, mp.sin, "sin"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Cos(), *y.inputs),)


@dataclass(frozen=True)
class Cos(Elementwise):
    """y = cos x,  dy/dx = -sin x."""

    finite = True
    sympy, numpy, mpmath, libm = sp.cos, np.cos, mp.cos, "cos"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-y.graph.add(Sin(), *y.inputs),)


@dataclass(frozen=True)
class Tan(Elementwise):
    """y = tan x,  dy/dx = 1 + y^2."""

    sympy, numpy, mpmath, libm, domain = sp.tan, np.tan, mp.tan, "tan", ((-1.2, 1.2),)

    def partials(self, y: Node) -> Sequence[Partial]:
        return (1 + y**2,)


class Reciprocal(Elementwise):
    """y = 1 / f(x) for a function f of C."""

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.div(t.number(1), t.libm(self.libm, *args))


@dataclass(frozen=True)
class Cot(Reciprocal):
    """y = cot x,  dy/dx = -(1 + y^2)."""

    sympy, mpmath, libm, domain = sp.cot, mp.cot, "tan", ((0.2, 2.5),)
    numpy = staticmethod(lambda x: 1 / np.tan(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-(1 + y**2),)


@dataclass(frozen=True)
class Sec(Reciprocal):
    """y = sec x,  dy/dx = y tan x."""

    sympy, mpmath, libm, domain = sp.sec, mp.sec, "cos", ((-1.2, 1.2),)
    numpy = staticmethod(lambda x: 1 / np.cos(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y * y.graph.add(Tan(), *y.inputs),)


@dataclass(frozen=True)
class Csc(Reciprocal):
    """y = csc x,  dy/dx = -y cot x."""

    sympy, mpmath, libm, domain = sp.csc, mp.csc, "sin", ((0.2, 2.5),)
    numpy = staticmethod(lambda x: 1 / np.sin(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-(y * y.graph.add(Cot(), *y.inputs)),)


@dataclass(frozen=True)
class ArcSin(Elementwise):
    """y = arcsin x,  dy/dx = 1 / sqrt(1 - x^2)."""

    sympy, numpy, mpmath, libm, domain = sp.asin, np.arcsin, mp.asin, "asin", ((-0.9, 0.9),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return ((1 - x**2) ** -HALF,)


@dataclass(frozen=True)
class ArcCos(Elementwise):
    """y = arccos x,  dy/dx = -1 / sqrt(1 - x^2)."""

    sympy, numpy, mpmath, libm, domain = sp.acos, np.arccos, mp.acos, "acos", ((-0.9, 0.9),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-((1 - x**2) ** -HALF),)


@dataclass(frozen=True)
class ArcTan(Elementwise):
    """y = arctan x,  dy/dx = 1 / (1 + x^2)."""

    finite = True
    sympy, numpy, mpmath, libm = sp.atan, np.arctan, mp.atan, "atan"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (1 + x**2),)


class OfReciprocal(Elementwise):
    """y = f(1/x) for a function f of C."""

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.libm(self.libm, t.div(t.number(1), *args))


@dataclass(frozen=True)
class ArcCot(OfReciprocal):
    """y = arctan(1/x), SymPy's branch: pi/2 at 0, and a jump there;  dy/dx = -1 / (1 + x^2)."""

    sympy, libm, domain = sp.acot, "atan", ((0.1, 3.0),)
    numpy = staticmethod(lambda x: np.arctan(1 / x))
    mpmath = staticmethod(lambda x: mp.pi / 2 if x == 0 else mp.atan(1 / x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-1 / (1 + x**2),)


@dataclass(frozen=True)
class ArcSec(OfReciprocal):
    """y = arccos(1/x),  dy/dx = 1 / (x^2 sqrt(1 - 1/x^2))."""

    sympy, libm, domain = sp.asec, "acos", ((1.1, 4.0),)
    numpy = staticmethod(lambda x: np.arccos(1 / x))
    mpmath = staticmethod(lambda x: mp.acos(1 / x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (x**-2 * (1 - x**-2) ** -HALF,)


@dataclass(frozen=True)
class ArcCsc(OfReciprocal):
    """y = arcsin(1/x),  dy/dx = -1 / (x^2 sqrt(1 - 1/x^2))."""

    sympy, libm, domain = sp.acsc, "asin", ((1.1, 4.0),)
    numpy = staticmethod(lambda x: np.arcsin(1 / x))
    mpmath = staticmethod(lambda x: mp.asin(1 / x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-(x**-2) * (1 - x**-2) ** -HALF,)


@dataclass(frozen=True)
class ArcTan2(Elementwise):
    """z = the angle of the point (x, y);  dz/dy = x / (x^2 + y^2),  dz/dx = -y / (x^2 + y^2)."""

    sympy, numpy, mpmath, libm, domain = sp.atan2, np.arctan2, mp.atan2, "atan2", ((-2.0, 2.0), (0.2, 2.0))
    analytic = False  # NumPy's takes no complex numbers

    def partials(self, y: Node) -> Sequence[Partial]:
        b, a = y.inputs
        inverse = 1 / (a**2 + b**2)
        return a * inverse, -(b * inverse)


@dataclass(frozen=True)
class Sinc(Elementwise):
    """y = the k-th derivative of sin(x)/x, the removable point at 0 filled;  dy/dx is the next of the family.

    Away from 0 by x y_k + k y_(k-1) = sin(x + k pi/2), differentiated from x y_0 = sin x; near it by the Taylor series.
    """

    finite = True
    order: int = 0

    sympy, domain = sp.sinc, ((-3.0, 3.0),)

    def label(self) -> str:
        return f"sinc[{self.order}]" if self.order else "sinc"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Sinc(self.order + 1), *y.inputs),)

    @property
    def near(self) -> float:
        """Below this |x| the series is used: the recursion loses a factor k!/x**k there, the series does not."""
        return 0.5 if self.order == 0 else 1.5 + self.order

    def series(self) -> list[tuple[int, Fraction]]:
        """(power of x, coefficient) of the terms that count where |x| <= near."""
        terms, m = [], (self.order + 1) // 2
        while True:
            p = 2 * m - self.order
            # (-1)**m x**(2m) / (2m+1)!, differentiated k times
            c = Fraction((-1) ** m * math.factorial(2 * m), math.factorial(p) * math.factorial(2 * m + 1))
            terms.append((p, c))
            if abs(float(c)) * self.near**p < 1e-18:  # below half an ulp of a value of size 0.1
                return terms
            m += 1

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        if numbers is not np:
            if x == 0:
                return _sinc_at_zero(self.order)
            with mp.extradps(15 + 3 * self.order):
                return +_by_recursion(mp, self.order, x, +mp.pi)
        near = np.abs(x) < self.near
        away = _by_recursion(np, self.order, np.where(near, 1.0, x), np.pi)
        return np.where(near, sum(float(c) * x**p for p, c in self.series()), away)[()]

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        square = t.mul(x, x)
        (first, _), *_ = terms = self.series()
        total = t.number(float(terms[-1][1]))
        for _, c in reversed(terms[:-1]):
            total = t.add(t.mul(total, square), t.number(float(c)))
        if first == 1:
            total = t.add(t.mul(total, x), t.number(0))  # +0 at 0, whatever the sign of the coefficient
        sin, cos = t.libm("sin", x), t.libm("cos", x)
        cycle = (sin, cos, t.neg(sin), t.neg(cos))
        y = t.div(sin, x)
        for k in range(1, self.order + 1):
            y = t.div(t.sub(cycle[k % 4], t.mul(t.number(k), y)), x)
        return t.select(t.compare("<", t.fabs(x), t.number(self.near)), total, y)

    def to_sympy(self, *args: Any) -> Any:
        (x,) = args
        if self.order == 0:
            return sp.sinc(x)
        value = sp.sin(x) / x
        for k in range(1, self.order + 1):
            value = ((sp.sin(x), sp.cos(x), -sp.sin(x), -sp.cos(x))[k % 4] - k * value) / x
        at_zero = sp.Integer(0) if self.order % 2 else sp.Rational((-1) ** (self.order // 2), self.order + 1)
        return piecewise((value, sp.Ne(x, 0)), (at_zero, sp.true))


def _by_recursion(numbers: Any, order: int, x: Any, pi: Any) -> Any:
    y = numbers.sin(x) / x
    for k in range(1, order + 1):
        y = (numbers.sin(x + k * pi / 2) - k * y) / x
    return y


def _sinc_at_zero(order: int) -> Any:
    return mp.mpf(0) if order % 2 else mp.mpf((-1) ** (order // 2)) / (order + 1)
