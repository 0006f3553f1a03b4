"""Operands -> SymPy trees: what the operators, names and functions of the command line's grammar mean.

Nothing is computed but rational arithmetic of bounded numbers: a tree stays as it was written, so no text starts a
computation that does not end. A name means something only if it stands in one of these tables.
"""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import sympy as sp
from sympy.codegen import cfunctions
from sympy.codegen.numpy_nodes import logaddexp
from sympy.functions.elementary.piecewise import ExprCondPair

from symgrad.errors import SyntaxProblem, TooLarge
from symgrad.ops.stable import relu, sigmoid, softplus

MAX_BITS = 4096  # of an exact number: four times what the exponent of a double reaches


class Operand(NamedTuple):
    """What has been read: an expression, a condition, a pair or a list of operands; where it starts, how deep it is."""

    value: Any
    position: int
    depth: int = 1


# The levels of operators, from the loosest.
OR, AND, NOT, RELATION, SUM, PRODUCT, SIGN, POWER = range(8)

# -- what the operators of each level make of their operands ---------------------------------------------------------


def _disjunction(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Basic:
    return _bare(sp.Or, *map(condition, operands))


def _conjunction(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Basic:
    return _bare(sp.And, *map(condition, operands))


def _negation(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Basic:
    value = condition(operands[0])
    return sp.Not(value, evaluate=False) if len(signs) % 2 else value


def _relation(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Basic:
    if len(signs) > 1:
        raise SyntaxProblem(
            "relations cannot be chained", position=operands[2].position, hint="join two: (a < b) & (b < c)"
        )
    return RELATIONS[signs[0]](*map(number, operands), evaluate=False)


def _sum(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Expr:
    terms = [number(operand) for operand in operands]
    terms[1:] = [_negative(t) if sign == "-" else t for sign, t in zip(signs, terms[1:], strict=True)]
    if all(isinstance(t, sp.Rational) for t in terms):
        return _folded(operator.add, terms)
    return sp.Add(*terms, evaluate=False)


def _product(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Expr:
    factors = [number(operands[0])]
    factors += [_reciprocal(o) if s == "/" else number(o) for s, o in zip(signs, operands[1:], strict=True)]
    coefficient = _folded(operator.mul, [sp.S.One, *[f for f in factors if isinstance(f, sp.Rational)]])
    factors = [f for f in factors if not isinstance(f, sp.Rational)]
    if coefficient != 1 or not factors:
        factors.insert(0, coefficient)
    return sp.Mul(*factors, evaluate=False) if len(factors) > 1 else factors[0]


def _sign(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Expr:
    value = number(operands[0])
    return _negative(value) if signs.count("-") % 2 else value


def _power(signs: Sequence[str], operands: Sequence[Operand]) -> sp.Expr:
    *bases, last = operands
    value = number(last)
    for base in reversed(bases):
        value = _raised(base, value)
    return value


COMBINE: dict[int, Callable[[Sequence[str], Sequence[Operand]], sp.Basic]] = {
    OR: _disjunction,
    AND: _conjunction,
    NOT: _negation,
    RELATION: _relation,
    SUM: _sum,
    PRODUCT: _product,
    SIGN: _sign,
    POWER: _power,
}

RELATIONS = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}


def _raised(base: Operand, exponent: sp.Expr) -> sp.Expr:
    x = number(base)
    if x is sp.E:
        return sp.exp(exponent, evaluate=False)
    if isinstance(x, sp.Rational) and isinstance(exponent, sp.Rational):
        if x == 0 and exponent < 0:
            raise SyntaxProblem("a division by zero", position=base.position)
        # The bits of the result, from below. SymPy works out the integer part of a fractional power too.
        bits = (max(abs(x.p), x.q).bit_length() - 1) * abs(exponent.p) // exponent.q
        if bits > MAX_BITS:
            raise _too_long(f"a power of about {sp.N(bits, 3)} bits")
        if exponent.is_Integer:
            return x**exponent
    return sp.Pow(x, exponent, evaluate=False)


def _reciprocal(operand: Operand) -> sp.Expr:
    x = number(operand)
    if isinstance(x, sp.Number) and x.is_zero:
        raise SyntaxProblem("a division by zero", position=operand.position)
    return 1 / x if isinstance(x, sp.Rational) else sp.Pow(x, -1, evaluate=False)


def _negative(x: sp.Expr) -> sp.Expr:
    return -x if isinstance(x, sp.Number) else sp.Mul(-1, x, evaluate=False)


def _folded(combine: Callable[[Any, Any], Any], values: Sequence[sp.Rational]) -> sp.Rational:
    """The values combined one after the other; none of the steps may grow past MAX_BITS."""
    return reduce(lambda a, b: _bounded(combine(a, b)), values)


def _bounded(x: sp.Rational) -> sp.Rational:
    bits = max(abs(x.p), x.q).bit_length()
    if bits > MAX_BITS:
        raise _too_long(f"{bits} bits")
    return x


def _too_long(got: str) -> TooLarge:
    return TooLarge("an exact number too long to be of use", got=got, wanted=f"at most {MAX_BITS} bits")


def _bare(kind: type, *arguments: sp.Basic) -> sp.Basic:
    """An object of a SymPy class whose constructor always computes (it sorts, merges, folds), made without it."""
    return sp.Basic.__new__(kind, *arguments)


# -- numbers, names and functions ------------------------------------------------------------------------------------


def number(operand: Operand) -> sp.Expr:
    """The expression that an operand is. Raises SyntaxProblem for a condition, a pair or a list."""
    if not isinstance(operand.value, sp.Expr):
        raise SyntaxProblem("a number is wanted here", position=operand.position, got=_kind(operand))
    return operand.value


def condition(operand: Operand) -> sp.Basic:
    """The condition that an operand is. Raises SyntaxProblem for anything else."""
    # A symbol is an Expr, and a Boolean too: here it is a number.
    if not isinstance(operand.value, sp.logic.boolalg.Boolean) or isinstance(operand.value, sp.Expr):
        raise SyntaxProblem("a condition such as x < 0 is wanted here", position=operand.position, got=_kind(operand))
    return operand.value


def _kind(operand: Operand) -> str:
    if isinstance(operand.value, sp.Basic):
        return "a number" if isinstance(operand.value, sp.Expr) else "a condition"
    return "a list" if isinstance(operand.value, list) else "a pair"


def literal(text: str) -> sp.Number:
    """An integer, exact; with a point or an exponent a decimal number of at least double precision."""
    if len(text) > MAX_BITS // 3:  # a digit has more than three bits
        raise _too_long(f"{len(text)} digits")
    if text.isdigit():
        return _bounded(sp.Integer(int(text)))
    nearest = float(text)
    if math.isinf(nearest) or (nearest == 0 and text.lower().split("e")[0].strip("0.")):
        raise TooLarge("a number out of the range of a double", got=text)
    return sp.Float(text)


def named(name: str, position: int) -> sp.Basic:
    """The constant of that name, or else the symbol."""
    if name in NO_NUMBERS:
        raise SyntaxProblem(f"{name} is {NO_NUMBERS[name]}: numbers are real", position=position)
    return CONSTANTS[name] if name in CONSTANTS else sp.Symbol(name)


CONSTANTS: dict[str, sp.Basic] = {
    "pi": sp.pi,
    "E": sp.E,
    "EulerGamma": sp.EulerGamma,
    "GoldenRatio": sp.GoldenRatio,
    "Catalan": sp.Catalan,
    "True": sp.true,
    "False": sp.false,
}

# What SymPy prints for values that are no real numbers: as symbols they would be taken for something else.
NO_NUMBERS = {"I": "the imaginary unit", "oo": "infinity", "inf": "infinity", "zoo": "infinity", "nan": "no number"}


class Head(NamedTuple):
    """A function of the grammar: what it makes of its arguments, and how many it takes."""

    build: Callable[[Sequence[Operand]], sp.Basic]
    least: int = 1
    most: float = 1

    @property
    def arity(self) -> str:
        """How many arguments, in words."""
        if self.most == math.inf:
            return f"{self.least} or more"
        return str(self.least) if self.least == self.most else f"{self.least} or {self.most}"


def function(name: str, position: int) -> Head:
    """The function of that name. Raises SyntaxProblem if there is none."""
    if name not in FUNCTIONS:
        near = difflib.get_close_matches(name[:20], FUNCTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"a product is written {name:.20}*(...)"
        raise SyntaxProblem("an unknown function", position=position, got=name, hint=hint)
    return FUNCTIONS[name]


def _function(kind: Callable[..., sp.Basic], least: int = 1, most: int | None = None) -> Head:
    """A function of numbers, left unevaluated."""
    return Head(lambda operands: kind(*map(number, operands), evaluate=False), least, most or least)


def _extremum(kind: type) -> Head:
    return Head(lambda operands: _bare(kind, *map(number, operands)), 1, math.inf)


def _square_root(operands: Sequence[Operand]) -> sp.Expr:
    return sp.Pow(number(operands[0]), sp.S.Half, evaluate=False)


def _digamma(operands: Sequence[Operand]) -> sp.Expr:
    return sp.polygamma(0, number(operands[0]), evaluate=False)


def _piecewise(operands: Sequence[Operand]) -> sp.Basic:
    pairs = []
    for pair in operands:
        if not isinstance(pair.value, tuple):
            raise SyntaxProblem("a pair (value, condition) is wanted here", position=pair.position, got=_kind(pair))
        first, second = pair.value
        pairs.append(_bare(ExprCondPair, number(first), condition(second)))
    return _bare(sp.Piecewise, *pairs)


# By the names of SymPy, which are those that results are printed with, and of C and NumPy where there is none.
FUNCTIONS: dict[str, Head] = {
    **{
        kind.__name__: _function(kind)
        for kind in (
            *(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.asin, sp.acos, sp.atan, sp.acot, sp.asec, sp.acsc),
            *(sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch),
            *(sp.asinh, sp.acosh, sp.atanh, sp.acoth, sp.asech, sp.acsch),
            *(sp.exp, cfunctions.exp2, cfunctions.expm1, cfunctions.log1p, cfunctions.log2, cfunctions.log10),
            *(sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.frac, sp.sinc, sp.erf, sp.erfc, sp.erfinv),
            *(sp.gamma, sp.loggamma, cfunctions.Cbrt, sigmoid, softplus, relu),
        )
    },
    **{
        kind.__name__: _function(kind, 2)
        for kind in (
            *(sp.atan2, sp.Mod, sp.beta, sp.polygamma, cfunctions.hypot),
            *(sp.besselj, sp.bessely, sp.besseli, sp.besselk),
        )
    },
    "Eq": _function(sp.Eq, 2),
    "Ne": _function(sp.Ne, 2),
    "logaddexp": _function(partial(sp.Function.__new__, logaddexp), 2),  # its own constructor sorts
    "log": _function(sp.log, 1, 2),
    "ln": _function(sp.log),
    "LambertW": _function(sp.LambertW, 1, 2),
    "Heaviside": _function(sp.Heaviside, 1, 2),
    "abs": _function(sp.Abs),
    "ceil": _function(sp.ceiling),
    "cbrt": _function(cfunctions.Cbrt),
    "sqrt": Head(_square_root),
    "digamma": Head(_digamma),
    "Max": _extremum(sp.Max),
    "max": _extremum(sp.Max),
    "Min": _extremum(sp.Min),
    "min": _extremum(sp.Min),
    "Piecewise": Head(_piecewise, 1, math.inf),
}
