"""Hyperbolic functions and their inverses."""

from __future__ import annotations

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
from symgrad.ops.trigonometric import OfReciprocal, Reciprocal

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Sinh(Elementwise):
    """y = sinh x,  dy/dx = cosh x."""

    sympy, numpy, mpmath, libm = sp.sinh, np.sinh, mp.sinh, "sinh"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Cosh(), *y.inputs),)


@dataclass(frozen=True)
class Cosh(Elementwise):
    """y = cosh x,  dy/dx = sinh x."""

    sympy, numpy, mpmath, libm = sp.cosh, np.cosh, mp.cosh, "cosh"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Sinh(), *y.inputs),)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """y = tanh x,  dy/dx = 1 - y^2 as one operation: it does not cancel."""

    finite = True
    sympy, numpy, mpmath, libm = sp.tanh, np.tanh, mp.tanh, "tanh"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(TanhSlope(), *y.inputs),)


@dataclass(frozen=True)
class TanhSlope(Elementwise):
    """y = 1 - tanh(x)^2 = 1 / cosh(x)^2,  dy/dx = -2 y tanh x."""

    finite = True
    numpy = staticmethod(lambda x: 1 / np.cosh(x) ** 2)
    mpmath = staticmethod(lambda x: mp.sech(x) ** 2)

    def label(self) -> str:
        return "1-tanh^2"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-2 * (y * y.graph.add(Tanh(), *y.inputs)),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        size = t.fabs(*args)
        e, two = t.libm("expm1", t.add(size, size)), t.number(2)  # shared with the tanh of vectors
        rest = t.div(two, t.add(e, two))  # 1 - tanh |x|
        return t.mul(rest, t.sub(two, rest))

    def to_sympy(self, *args: Any) -> Any:
        return 1 - sp.tanh(args[0]) ** 2


@dataclass(frozen=True)
class Coth(Reciprocal):
    """y = coth x,  dy/dx = -csch(x)^2, which does not cancel as 1 - y^2 does."""

    sympy, mpmath, libm, domain = sp.coth, mp.coth, "tanh", ((0.2, 2.5),)
    numpy = staticmethod(lambda x: 1 / np.tanh(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-(y.graph.add(Csch(), *y.inputs) ** 2),)


@dataclass(frozen=True)
class Sech(Reciprocal):
    """y = sech x,  dy/dx = -y tanh x."""

    finite = True
    sympy, mpmath, libm = sp.sech, mp.sech, "cosh"
    numpy = staticmethod(lambda x: 1 / np.cosh(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-(y * y.graph.add(Tanh(), *y.inputs)),)


@dataclass(frozen=True)
class Csch(Reciprocal):
    """y = csch x,  dy/dx = -y coth x."""

    sympy, mpmath, libm, domain = sp.csch, mp.csch, "sinh", ((0.2, 2.5),)
    numpy = staticmethod(lambda x: 1 / np.sinh(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-(y * y.graph.add(Coth(), *y.inputs)),)


@dataclass(frozen=True)
class ArcSinh(Elementwise):
    """y = arsinh x,  dy/dx = 1 / sqrt(x^2 + 1)."""

    finite = True
    sympy, numpy, mpmath, libm = sp.asinh, np.arcsinh, mp.asinh, "asinh"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return ((x**2 + 1) ** -HALF,)


@dataclass(frozen=True)
class ArcCosh(Elementwise):
    """y = arcosh x,  dy/dx = 1 / sqrt((x - 1)(x + 1)); nan for x < 1."""

    sympy, numpy, mpmath, libm, domain = sp.acosh, np.arccosh, mp.acosh, "acosh", ((1.1, 4.0),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return ((x - 1) ** -HALF * (x + 1) ** -HALF,)  # two roots: nan for x < -1 too, where there is no value


@dataclass(frozen=True)
class ArcTanh(Elementwise):
    """y = artanh x,  dy/dx = 1 / (1 - x^2)."""

    sympy, numpy, mpmath, libm, domain = sp.atanh, np.arctanh, mp.atanh, "atanh", ((-0.9, 0.9),)

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (1 - x**2),)


@dataclass(frozen=True)
class ArcCoth(OfReciprocal):
    """y = artanh(1/x),  dy/dx = 1 / (1 - x^2)."""

    sympy, libm, domain = sp.acoth, "atanh", ((1.1, 4.0),)
    numpy = staticmethod(lambda x: np.arctanh(1 / x))
    mpmath = staticmethod(lambda x: mp.atanh(1 / x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (1 - x**2),)


@dataclass(frozen=True)
class ArcSech(OfReciprocal):
    """y = arcosh(1/x),  dy/dx = -1 / (x sqrt(1 - x^2))."""

    sympy, libm, domain = sp.asech, "acosh", ((0.1, 0.9),)
    numpy = staticmethod(lambda x: np.arccosh(1 / x))
    mpmath = staticmethod(lambda x: mp.acosh(1 / x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-((1 - x**2) ** -HALF) / x,)


@dataclass(frozen=True)
class ArcCsch(OfReciprocal):
    """y = arsinh(1/x),  dy/dx = -1 / (x^2 sqrt(1 + 1/x^2))."""

    sympy, libm, domain = sp.acsch, "asinh", ((0.2, 3.0),)
    numpy = staticmethod(lambda x: np.arcsinh(1 / x))
    mpmath = staticmethod(lambda x: mp.asinh(1 / x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-(x**-2) * (1 + x**-2) ** -HALF,)


@dataclass(frozen=True)
class LogCosh(Elementwise):
    """y = log cosh x, finite for every finite x;  dy/dx = tanh x."""

    finite = True
    numpy = staticmethod(lambda x: np.logaddexp(x, -x) - np.log(2.0))
    analytic = False  # NumPy's logaddexp takes no complex numbers
    domain = ((-3.0, 3.0),)

    @staticmethod
    def mpmath(x: Any) -> Any:
        return mp.log(mp.cosh(x))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Tanh(), *y.inputs),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        size = t.fabs(x)
        # |x| + log1p(exp(-2|x|)) - log 2 cancels near 0: there log1p(2 sinh(x/2)^2)
        far = t.add(t.sub(size, t.libm("log", t.number(2))), t.libm("log1p", t.libm("exp", t.mul(t.number(-2), size))))
        half = t.libm("sinh", t.mul(t.number(HALF), x))
        near = t.libm("log1p", t.mul(t.number(2), t.mul(half, half)))
        return t.select(t.compare("<", size, t.number(1)), near, far)

    def to_sympy(self, *args: Any) -> Any:
        return sp.log(sp.cosh(args[0]))
