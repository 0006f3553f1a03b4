"""Special functions: error functions, gamma and its family, Lambert's W, Bessel functions.

Derivatives from the NIST Digital Library of Mathematical Functions, chapters 4, 5, 7 and 10; values from C's libm and
scipy.special. Real: nan where the function is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from mpmath import mp

from symgrad.errors import UnsupportedExpression
from symgrad.graph import Node
from symgrad.ops.elementwise import Elementwise, Partial, Undefined, special
from symgrad.ops.emitter import Emitter
from symgrad.ops.exponential import exp
from symgrad.ops.leaf import Const, exact_value

HALF = Fraction(1, 2)


def _sqrt_pi(y: Node) -> Node:
    return y.graph.add(Const(sp.pi)) ** HALF


@dataclass(frozen=True)
class Erf(Elementwise):
    """y = erf x,  dy/dx = 2/sqrt(pi) e**(-x^2)."""

    finite = True
    sympy, numpy, mpmath, libm = sp.erf, special("erf"), mp.erf, "erf"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (2 * exp(-(x**2)) / _sqrt_pi(y),)


@dataclass(frozen=True)
class Erfc(Elementwise):
    """y = 1 - erf x,  dy/dx = -2/sqrt(pi) e**(-x^2)."""

    finite = True
    sympy, numpy, mpmath, libm = sp.erfc, special("erfc"), mp.erfc, "erfc"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-2 * exp(-(x**2)) / _sqrt_pi(y),)


@dataclass(frozen=True)
class Erfinv(Elementwise):
    """The inverse of erf;  dy/dx = sqrt(pi)/2 e**(y^2)."""

    sympy, numpy, mpmath, domain, analytic = sp.erfinv, special("erfinv"), mp.erfinv, ((-0.9, 0.9),), False

    def partials(self, y: Node) -> Sequence[Partial]:
        return (HALF * exp(y**2) * _sqrt_pi(y),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.special("erfinv", *args)


@dataclass(frozen=True)
class Gamma(Elementwise):
    """y = gamma(x),  dy/dx = y digamma(x)."""

    sympy, numpy, mpmath, libm, domain = sp.gamma, special("gamma"), mp.gamma, "tgamma", ((0.3, 4.0),)

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y * y.graph.add(Polygamma(0), *y.inputs),)


@dataclass(frozen=True)
class LogGamma(Elementwise):
    """y = log gamma(x) for x > 0, else nan;  dy/dx = digamma(x)."""

    sympy, numpy, domain = sp.loggamma, special("loggamma"), ((0.3, 4.0),)
    mpmath = staticmethod(lambda x: mp.loggamma(x) if x > 0 else mp.inf if x == 0 else mp.nan)

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Polygamma(0), *y.inputs),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        # C's lgamma is log |gamma(x)|, a value for x < 0 too: SymPy's loggamma is complex there
        return t.select(t.compare("<", x, t.number(0)), t.number(math.nan), t.libm("lgamma", x))


@dataclass(frozen=True)
class Polygamma(Elementwise):
    """y = the n-th derivative of digamma;  dy/dx is the next of the family."""

    order: int = 0

    sympy, domain, analytic = sp.polygamma, ((0.3, 4.0),), False

    def label(self) -> str:
        return f"polygamma[{self.order}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Polygamma(self.order + 1), *y.inputs),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        if numbers is not np:
            return mp.psi(self.order, x)
        return special("psi")(x) if self.order == 0 else special("polygamma")(self.order, x)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        if self.order == 0:
            return t.special("psi", x)
        n = self.order  # DLMF 25.11.12: (-1)**(n+1) n! zeta(n+1, x)
        return t.mul(t.number((-1) ** (n + 1) * math.factorial(n)), t.special("zeta", t.number(n + 1), x))

    def to_sympy(self, *args: Any) -> Any:
        return sp.polygamma(self.order, args[0])

    @classmethod
    def from_sympy(cls, expression: sp.Expr, *args: Node) -> Node:
        n, x = args
        order = exact_value(n)
        if order is None or order != int(order) or order < 0:
            raise UnsupportedExpression(
                "polygamma of an order that is no number", got=expression, wanted="an integer from 0 up"
            )
        return x.graph.add(cls(int(order)), x)  # 1 is the node of 1.0, if that was there before


@dataclass(frozen=True)
class Beta(Elementwise):
    """z = B(x, y),  dz/dx = z (digamma(x) - digamma(x + y)), and so by y."""

    sympy, numpy, mpmath, domain = sp.beta, special("beta"), mp.beta, ((0.3, 3.0), (0.3, 3.0))
    analytic = False

    def partials(self, y: Node) -> Sequence[Partial]:
        a, b = y.inputs
        digamma = Polygamma(0)
        of_sum = y.graph.add(digamma, a + b)
        return y * (y.graph.add(digamma, a) - of_sum), y * (y.graph.add(digamma, b) - of_sum)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.special("beta", *args)

    @classmethod
    def from_sympy(cls, expression: sp.Expr, *args: Node) -> Node:
        x, *rest = args
        return x.graph.add(cls(), x, *(rest or [x]))


@dataclass(frozen=True)
class LambertW(Elementwise):
    """y e**y = x, on branch 0 (y >= -1) or -1 (y <= -1); nan where not real;  dy/dx = 1 / (x + e**y)."""

    branch: int = 0

    sympy, domain, analytic = sp.LambertW, ((-0.25, 3.0),), False

    def label(self) -> str:
        return "lambertw" if self.branch == 0 else f"lambertw[{self.branch}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (1 / (x + exp(y)),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        if numbers is not np:
            return mp.lambertw(x, self.branch)
        y = special("lambertw")(x, self.branch)
        return np.where(np.imag(y) == 0, np.real(y), np.nan)[()]

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.special("lambertw", *args, t.number(self.branch))

    def to_sympy(self, *args: Any) -> Any:
        return sp.LambertW(args[0], self.branch) if self.branch else sp.LambertW(args[0])

    @classmethod
    def from_sympy(cls, expression: sp.Expr, *args: Node) -> Node:
        x, *rest = args
        branch = exact_value(rest[0]) if rest else 0
        if branch not in (0, -1):
            raise UnsupportedExpression("a branch of LambertW that is not real", got=expression, wanted="0 or -1")
        return x.graph.add(cls(int(branch)), x)


class Bessel(Elementwise):
    """y = f_nu(x), in `function` of scipy.special;  dy/dx from the neighbouring orders (DLMF 10.6.1, 10.29.1)."""

    function: ClassVar[str]
    below: ClassVar[Fraction]  # dy/dx = below f_(nu-1) + above f_(nu+1)
    above: ClassVar[Fraction]

    domain = ((0.0, 3.0), (0.5, 5.0))
    analytic = False  # as far as the order goes

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        value = super().evaluate(numbers, *values)
        # of integer order J and I are real for x < 0 too, where mpmath leaves a rounding error beside the real line
        real = numbers is not np and self.function in ("jv", "iv") and mp.isint(values[0])
        return mp.re(value) if real else value

    def partials(self, y: Node) -> Sequence[Partial]:
        order, x = y.inputs
        lower, upper = self._of(order - 1, x), self._of(order + 1, x)
        return Undefined("no closed form by the order of a Bessel function"), self.below * lower + self.above * upper

    def _of(self, order: Node, x: Node) -> Node:
        """f_order(x); of order -n by that of n (DLMF 10.4.1, 10.27.1, 10.27.3), so that f_0' is one call."""
        n = exact_value(order)
        if n is None or n >= 0 or n != int(n):
            return order.graph.add(self, order, x)
        return (self.above / self.below) ** int(n) * order.graph.add(self, -order, x)  # -1 of J and Y, 1 of I and K

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.special(self.function, *args)


@dataclass(frozen=True)
class BesselJ(Bessel):
    """y = J_nu(x),  dy/dx = (J_(nu-1) - J_(nu+1)) / 2."""

    sympy, numpy, mpmath, function, below, above = sp.besselj, special("jv"), mp.besselj, "jv", HALF, -HALF


@dataclass(frozen=True)
class BesselY(Bessel):
    """y = Y_nu(x),  dy/dx = (Y_(nu-1) - Y_(nu+1)) / 2."""

    sympy, numpy, mpmath, function, below, above = sp.bessely, special("yv"), mp.bessely, "yv", HALF, -HALF


@dataclass(frozen=True)
class BesselI(Bessel):
    """y = I_nu(x),  dy/dx = (I_(nu-1) + I_(nu+1)) / 2."""

    sympy, numpy, mpmath, function, below, above = sp.besseli, special("iv"), mp.besseli, "iv", HALF, HALF


@dataclass(frozen=True)
class BesselK(Bessel):
    """y = K_nu(x),  dy/dx = -(K_(nu-1) + K_(nu+1)) / 2."""

    sympy, numpy, mpmath, function, below, above = sp.besselk, special("kv"), mp.besselk, "kv", -HALF, -HALF
