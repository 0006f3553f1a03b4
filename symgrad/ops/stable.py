"""Functions that SymPy has no word for, in the forms that neither overflow nor cancel: sigmoid, softplus, relu,
logsumexp, norms.

sigmoid, softplus and relu are SymPy functions too, to write and to print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp
from sympy.codegen import cfunctions
from sympy.codegen.numpy_nodes import logaddexp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.graph import Exact, Node
from symgrad.ops.arithmetic import as_number, to_sympy_number
from symgrad.ops.elementwise import Elementwise, Partial
from symgrad.ops.emitter import Emitter
from symgrad.ops.exponential import exp
from symgrad.ops.logic import less, negation
from symgrad.ops.rounding import Step
from symgrad.ops.select import guarded

ENTRY = sp.Dummy("d")  # the variable of functions applied to each entry: one, so that equal ones are equal


class Entrywise(sp.Function):
    """A function of a number; of a matrix, the matrix of its values entry by entry."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        if len(args) == 1 and getattr(args[0], "is_Matrix", False) and tuple(args[0].shape) != (1, 1):
            (x,) = args
            if isinstance(x, sp.MatrixBase):
                return x.applyfunc(cls)
            return ElementwiseApplyFunction(sp.Lambda(ENTRY, cls(ENTRY)), x)
        return super().__new__(cls, *[sp.sympify(x, strict=True) for x in args], **options)  # SymPy would run text


class sigmoid(Entrywise):  # lower case: a function, as SymPy's own exp is
    """The logistic function 1/(1 + exp(-x)); `doit` writes it out."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return self * (1 - self)

    def doit(self, **hints: Any) -> sp.Expr:
        (x,) = self.args
        return 1 / (1 + sp.exp(-x.doit(**hints)))

    def _eval_evalf(self, prec: int) -> Any:
        return self.doit()._eval_evalf(prec) if self.args[0].is_number else None

    def _eval_rewrite(self, rule: Any, args: Any, **hints: Any) -> Any:
        return self.doit() if rule in (sp.exp, sp.Pow) else None

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return _latex_of(r"\sigma", self, printer, exp)


class softplus(Entrywise):
    """log(1 + exp(x)); `doit` writes it out."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])

    def doit(self, **hints: Any) -> sp.Expr:
        (x,) = self.args
        return sp.log(1 + sp.exp(x.doit(**hints)))

    def _eval_evalf(self, prec: int) -> Any:
        return self.doit()._eval_evalf(prec) if self.args[0].is_number else None

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return _latex_of(r"\operatorname{softplus}", self, printer, exp)


class relu(Entrywise):
    """x where x > 0, else 0; its derivative at 0 is 0. `doit` writes it out."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Heaviside(self.args[0], 0)

    def doit(self, **hints: Any) -> sp.Expr:
        (x,) = self.args
        return sp.Max(0, x.doit(**hints))

    def _eval_evalf(self, prec: int) -> Any:
        return self.doit()._eval_evalf(prec) if self.args[0].is_number else None

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return _latex_of(r"\operatorname{relu}", self, printer, exp)


def _latex_of(name: str, function: sp.Function, printer: Any, exponent: Any) -> str:
    power = f"^{{{exponent}}}" if exponent is not None else ""
    return rf"{name}{power}\left({printer._print(function.args[0])}\right)"


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """y = 1/(1 + e**-x),  dy/dx = y (1 - y). The complement 1 - y is of this class too: it does not cancel."""

    complement: bool = False

    sympy, finite = sigmoid, True

    def label(self) -> str:
        return "1-sigmoid" if self.complement else "sigmoid"

    def partials(self, y: Node) -> Sequence[Partial]:
        slope = y * y.graph.add(Sigmoid(not self.complement), *y.inputs)
        return (-slope if self.complement else slope,)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        return 1 / (1 + numbers.exp(x if self.complement else -x))

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        e = t.libm("exp", t.neg(t.fabs(x)))  # at most 1; shared with the complement
        one = t.number(1)
        left, right = (one, e) if self.complement else (e, one)
        return t.div(t.select(t.compare("<", x, t.number(0)), left, right), t.add(one, e))

    def to_sympy(self, *args: Any) -> Any:
        return 1 - sigmoid(args[0]) if self.complement else sigmoid(args[0])


@dataclass(frozen=True)
class Softplus(Elementwise):
    """y = log(1 + e**x),  dy/dx = sigmoid(x)."""

    finite = True
    sympy = softplus
    numpy = staticmethod(lambda x: np.log1p(np.exp(x)))
    mpmath = staticmethod(lambda x: mp.log1p(mp.exp(x)))

    def partials(self, y: Node) -> Sequence[Partial]:
        return (y.graph.add(Sigmoid(), *y.inputs),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        if numbers is np and not np.iscomplexobj(x):
            return np.logaddexp(0.0, x)
        return super().evaluate(numbers, x)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        return t.add(t.maximum(x, t.number(0)), t.libm("log1p", t.libm("exp", t.neg(t.fabs(x)))))


@dataclass(frozen=True)
class Relu(Elementwise):
    """y = max(0, x),  dy/dx = 1 for x > 0, else 0, at 0 too."""

    finite = True
    sympy = relu
    numpy = staticmethod(lambda x: np.where((np.real(x) > 0) | np.isnan(x), x, 0.0)[()])
    mpmath = staticmethod(lambda x: x if x > 0 or mp.isnan(x) else mp.mpf(0))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        zero = x.like(0)
        return (guarded(negation(less(x, zero)), y.graph.add(Step(0), x, zero)),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        return t.maximum(x, t.number(0))


@dataclass(frozen=True)
class LogSumExp(Elementwise):
    """y = log(e**x1 + ... + e**xn), without overflow;  dy/dxi = e**(xi - y), the softmax."""

    finite = True
    sympy, domain = logaddexp, ((-2.0, 2.0), (-2.0, 2.0), (-2.0, 2.0))

    def partials(self, y: Node) -> Sequence[Partial]:
        if (
            len(y.inputs) == 2
        ):  # x - y would carry the rounding of y, 1e-13 where both are 1000: of x1 - x2 there is none
            a, b = y.inputs
            return y.graph.add(Sigmoid(), a - b), y.graph.add(Sigmoid(), b - a)
        return tuple(exp(x - y) for x in y.inputs)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        if numbers is np and not any(map(np.iscomplexobj, values)):
            return reduce(np.logaddexp, values)
        largest = max(map(float, values)) if numbers is not np else np.max([np.real(v) for v in values], axis=0)
        return largest + numbers.log(sum(numbers.exp(v - largest) for v in values))

    def emit(self, t: Emitter, *args: Any) -> Any:
        largest = reduce(t.maximum, args)
        zero, one = t.number(0), t.number(1)
        # log1p of all but one largest term: log(1 + s) would lose an s below 1e-16
        small = reduce(
            t.add, [t.select(t.compare("==", x, largest), zero, t.libm("exp", t.sub(x, largest))) for x in args]
        )
        ties = reduce(t.add, [t.select(t.compare("==", x, largest), one, zero) for x in args])
        finite = t.add(largest, t.libm("log1p", t.add(small, t.sub(ties, one))))
        infinite = t.compare("==", t.fabs(largest), t.number(float("inf")))
        return t.select(infinite, largest, finite)

    def to_sympy(self, *args: Any) -> Any:
        return sp.log(sp.Add(*[sp.exp(x) for x in args]))


@dataclass(frozen=True)
class Hypot(Elementwise):
    """z = sqrt(x^2 + y^2), without overflow;  dz/dx = x / z, and 0 at the origin."""

    finite = True
    sympy, mpmath, libm, domain = cfunctions.hypot, mp.hypot, "hypot", ((0.3, 2.0), (-2.0, 2.0))
    numpy = staticmethod(lambda x, y: np.sqrt(x * x + y * y) if np.iscomplexobj(x + y) else np.hypot(x, y))

    def partials(self, y: Node) -> Sequence[Partial]:
        return _norm_partials(y, (1, 1))

    def to_sympy(self, *args: Any) -> Any:
        return sp.sqrt(sp.Add(*[x**2 for x in args]))


@dataclass(frozen=True)
class Norm(Elementwise):
    """y = sqrt(w1 x1^2 + ... + wn xn^2) for positive weights, without overflow;  dy/dxi = wi xi / y, 0 where y = 0."""

    finite = True
    weights: tuple[Exact, ...] = (1, 1, 1)

    domain = ((0.3, 2.0), (-2.0, 2.0), (-2.0, 2.0))

    def label(self) -> str:
        return "norm" if all(w == 1 for w in self.weights) else f"norm[{', '.join(map(str, self.weights))}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        return _norm_partials(y, self.weights)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        scale: Any = 1
        if numbers is np:
            largest = reduce(np.maximum, [np.abs(np.real(x)) for x in values])
            scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)[()]
        terms = [as_number(numbers, w) * (x / scale) ** 2 for w, x in zip(self.weights, values, strict=True)]
        return scale * numbers.sqrt(sum(terms))

    def emit(self, t: Emitter, *args: Any) -> Any:
        roots = [mp.sqrt(as_number(mp, w)) for w in self.weights]
        return t.norm(*[x if w == 1 else t.mul(t.number(float(w)), x) for w, x in zip(roots, args, strict=True)])

    def to_sympy(self, *args: Any) -> Any:
        return sp.sqrt(sp.Add(*[to_sympy_number(w) * x**2 for w, x in zip(self.weights, args, strict=True)]))


@dataclass(frozen=True)
class FilledReciprocal(Elementwise):
    """y = 1/x, and 0 at 0;  dy/dx = -y^2. It makes x / |x| zero where the norm is, and so all its derivatives."""

    domain = ((0.2, 2.0),)
    numpy = staticmethod(lambda x: np.where(x == 0, 0.0 * x, 1 / np.where(x == 0, 1, x))[()])
    mpmath = staticmethod(lambda x: mp.mpf(0) if x == 0 else 1 / x)

    def partials(self, y: Node) -> Sequence[Partial]:
        return (-(y**2),)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        return t.select(t.compare("==", x, t.number(0)), t.number(0), t.div(t.number(1), x))

    def to_sympy(self, *args: Any) -> Any:
        return 1 / args[0]


def _norm_partials(y: Node, weights: Sequence[Exact]) -> Sequence[Partial]:
    inverse = y.graph.add(FilledReciprocal(), y)
    return tuple(w * x * inverse for w, x in zip(weights, y.inputs, strict=True))
