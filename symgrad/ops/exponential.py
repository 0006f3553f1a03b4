"""Exponentials, logarithms, and powers with a variable exponent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from mpmath import mp
from sympy.codegen import cfunctions

from symgrad.graph import Node
from symgrad.ops.elementwise import Elementwise, Partial
from symgrad.ops.emitter import Emitter
from symgrad.ops.logic import equal, negation
from symgrad.ops.select import guarded


@dataclass(frozen=True)
class Exp(Elementwise):
    """y = e**x,  dy/dx = y."""

    sympy, numpy, mpmath, libm = sp.exp, np.exp, mp.exp, "exp"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y,)


@dataclass(frozen=True)
class Exp2(Elementwise):
    """y = 2**x,  dy/dx = y log 2."""

    sympy, numpy, libm = cfunctions.exp2, np.exp2, "exp2"
    mpmath = staticmethod(lambda x: mp.power(2, x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y * log(y.like(2)),)

    def to_sympy(self, *args: Any) -> Any:
        return sp.Pow(2, args[0])


@dataclass(frozen=True)
class Expm1(Elementwise):
    """y = e**x - 1, without cancellation near 0;  dy/dx = y + 1."""

    sympy, numpy, mpmath, libm = cfunctions.expm1, np.expm1, mp.expm1, "expm1"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (exp(x),)  # not y + 1, which loses all digits at x = -40

    def to_sympy(self, *args: Any) -> Any:
        return sp.exp(args[0]) - 1


@dataclass(frozen=True)
class Log(Elementwise):
    """y = log x,  dy/dx = 1/x; nan for x < 0, infinite at 0."""

    sympy, numpy, mpmath, libm, domain = sp.log, np.log, mp.log, "log", ((0.1, 4.0),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / x,)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        if numbers is not np and values[0] == 0:
            return -mpmath.inf
        return super().evaluate(numbers, *values)


@dataclass(frozen=True)
class Log1p(Elementwise):
    """y = log(1 + x), without loss near 0;  dy/dx = 1/(1 + x)."""

    sympy, numpy, mpmath, libm, domain = cfunctions.log1p, np.log1p, mp.log1p, "log1p", ((-0.8, 3.0),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (1 + x),)

    def to_sympy(self, *args: Any) -> Any:
        return sp.log(args[0] + 1)


@dataclass(frozen=True)
class Log2(Elementwise):
    """y = log x / log 2,  dy/dx = 1/(x log 2)."""

    sympy, numpy, libm, domain = cfunctions.log2, np.log2, "log2", ((0.1, 4.0),)
    mpmath = staticmethod(lambda x: mp.log(x, 2))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (x * log(x.like(2))),)


@dataclass(frozen=True)
class Log10(Elementwise):
    """y = log x / log 10,  dy/dx = 1/(x log 10)."""

    sympy, numpy, mpmath, libm, domain = cfunctions.log10, np.log10, mp.log10, "log10", ((0.1, 4.0),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (x * log(x.like(10))),)


@dataclass(frozen=True)
class Cbrt(Elementwise):
    """y = the real cube root of x, of negative x too;  dy/dx = 1/(3 y^2); infinite at 0."""

    sympy, numpy, libm, domain = cfunctions.Cbrt, np.cbrt, "cbrt", ((0.1, 4.0),)
    mpmath = staticmethod(lambda x: mp.sign(x) * mp.cbrt(abs(x)))
    analytic = False  # NumPy has no complex cbrt

    def partials(self, y: Node) -> Sequence[Partial]:
        return (1 / (3 * y**2),)


@dataclass(frozen=True)
class Pow(Elementwise):
    """y = a (a-1) ... (a-k+1) x**(a-k), the k-th derivative of x**a by x, for a variable exponent a; x**a for k = 0.

    A family of its own, since the factor is 0 for a = 0, ..., k-1, and then so is y, even at x = 0.
    dy/dx is the next of the family. By a, for k = 0: x**a log x, which is 0 at x = 0 < a.
    """

    order: int = 0

    sympy, domain = sp.Pow, ((0.2, 3.0), (-2.0, 2.0))

    def label(self) -> str:
        return f"pow[{self.order}]" if self.order else "pow"

    def partials(self, y: Node) -> Sequence[Partial]:
        x, a = y.inputs
        by_x = y.graph.add(Pow(self.order + 1), x, a)
        if self.order == 0:
            return by_x, y.graph.add(PowLog(1), x, a)
        # product rule: the derivative of the falling factorial, and of the power
        factors = [a - i for i in range(self.order)]
        rest = y.graph.add(Pow(0), x, a - self.order)
        others = [_product([f for j, f in enumerate(factors) if j != i], y) for i in range(self.order)]
        slope = sum(others[1:], others[0])
        falling = _product(factors, y)
        nonzero = negation(equal(falling, y.like(0)))
        logarithm = y.graph.add(PowLog(1), x, a - self.order)  # not rest log x, which is 0 * inf at x = 0
        return by_x, slope * rest + guarded(nonzero, falling * logarithm)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        x, a = values
        factor: Any = 1
        for i in range(self.order):
            factor = factor * (a - i)
        if numbers is np:
            power = np.float_power(x, a - self.order)  # np.power takes the root for 0.5, which is nan at -inf
            return np.where(factor == 0, 0.0, factor * power)[()]
        if factor == 0:
            return mp.mpf(0)
        if x == 0:
            exponent = a - self.order
            return factor * (mp.inf if exponent < 0 else mp.mpf(exponent == 0))
        return factor * mp.power(x, a - self.order)

    def emit(self, t: Emitter, *args: Any) -> Any:
        x, a = args
        if self.order == 0:
            return t.libm("pow", x, a)
        factor = a
        for i in range(1, self.order):
            factor = t.mul(factor, t.sub(a, t.number(i)))
        y = t.mul(factor, t.libm("pow", x, t.sub(a, t.number(self.order))))
        return t.select(t.compare("==", factor, t.number(0)), t.number(0), y)

    def to_sympy(self, *args: Any) -> Any:
        x, a = args
        return sp.Mul(*[a - i for i in range(self.order)], sp.Pow(x, a - self.order))


@dataclass(frozen=True)
class PowLog(Elementwise):
    """y = x**a log(x)**k, and 0 at x = 0 < a: the k-th derivative of x**a by a.

    dy/dx = a x**(a-1) log(x)**k + k x**(a-1) log(x)**(k-1),  dy/da = x**a log(x)**(k+1).
    """

    order: int = 1

    domain = ((0.2, 3.0), (-2.0, 2.0))

    def label(self) -> str:
        return f"powlog[{self.order}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        x, a = y.inputs
        add, k = y.graph.add, self.order
        lower = add(PowLog(k - 1) if k > 1 else Pow(), x, a - 1)
        return a * add(self, x, a - 1) + k * lower, add(PowLog(k + 1), x, a)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        x, a = values
        if numbers is np:
            taken = (np.real(x) == 0) & (np.real(a) > 0)
            return np.where(taken, 0.0, np.float_power(x, a) * np.log(x) ** self.order)[()]
        if x == 0:
            return mp.mpf(0) if a > 0 else (-mp.inf) ** self.order
        return mp.power(x, a) * mp.log(x) ** self.order

    def emit(self, t: Emitter, *args: Any) -> Any:
        x, a = args
        logarithm = t.libm("log", x)
        for_power = logarithm if self.order == 1 else t.power(logarithm, self.order)
        zero = t.number(0)
        taken = t.both(t.compare("==", x, zero), t.compare("<", zero, a))
        return t.select(taken, zero, t.mul(t.libm("pow", x, a), for_power))

    def to_sympy(self, *args: Any) -> Any:
        x, a = args
        return sp.Pow(x, a) * sp.log(x) ** self.order


@dataclass(frozen=True)
class XLogX(Elementwise):
    """y = x log x, and 0 at 0;  dy/dx = 1 + log x."""

    mpmath = staticmethod(lambda x: mp.mpf(0) if x == 0 else x * mp.log(x))
    numpy = staticmethod(lambda x: np.where(x == 0, 0.0 * x, x * np.log(np.where(x == 0, 1, x)))[()])
    domain = ((0.1, 4.0),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 + log(x),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        return t.select(t.compare("==", x, t.number(0)), x, t.mul(x, t.libm("log", x)))

    def to_sympy(self, *args: Any) -> Any:
        return args[0] * sp.log(args[0])


def exp(x: Node) -> Node:
    """e**x."""
    return x.graph.add(Exp(), x)


def log(x: Node) -> Node:
    """The natural logarithm."""
    return x.graph.add(Log(), x)


def _product(factors: Sequence[Node], y: Node) -> Node:
    result = y.like(1)
    for factor in factors:
        result = result * factor
    return result
