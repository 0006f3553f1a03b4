"""What SymPy's scalar functions, operators and numbers become: one rule for each kind, on nodes of one type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from math import nan
from operator import mul
from typing import Any

import sympy as sp
from sympy.codegen import cfunctions
from sympy.codegen.numpy_nodes import logaddexp2
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from symgrad import ops  # noqa: F401  importing the operations fills their table
from symgrad.errors import ComplexInput, NotANumber, UnsupportedExpression
from symgrad.graph import Exact, Graph, Node, Term, arithmetic
from symgrad.ops.exponential import Exp2, Log, Pow
from symgrad.ops.leaf import constant, exact_value
from symgrad.ops.logic import Relation, conjunction, disjunction, negation, truth
from symgrad.ops.select import multiple, select
from symgrad.ops.stable import LogSumExp

Convert = Callable[[Graph, Any, Sequence[Node]], Node]
ConvertLinear = Callable[[Graph, Sequence[Term], Sequence[Exact]], Term]  # rational numbers are no nodes


def structure(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    raise UnsupportedExpression(f"{type(e).__name__} is no number", got=e)


def _number(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    if e.is_Rational:
        return constant(graph, rational(e))
    if e.is_Float:
        # SymPy's Float of 15 digits is a float64; one of more digits, or out of range, stays exact until the kernel
        return constant(graph, float(e)) if e._prec <= 53 and sp.Float(float(e)) == e else constant(graph, e)
    raise UnsupportedExpression("a number of an unknown kind", got=e)


def _not_a_number(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    raise NotANumber("an infinity or nan as a literal", got=e, wanted="finite numbers")


def _imaginary(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    raise ComplexInput("the imaginary unit", got=e, wanted="real expressions: write real and imaginary parts apart")


def _symbolic_number(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return constant(graph, e)


@lru_cache(maxsize=1_000)  # few are met, and each often: a Fraction is quickly compared with itself
def rational(number: Any) -> Exact:
    return int(number) if number.is_Integer else Fraction(int(number.p), int(number.q))


def _add(graph: Graph, terms: Sequence[Term], numbers: Sequence[Exact]) -> Term:
    if numbers:
        one = terms[0][1].like(1) if terms else graph.node(1)
        terms = [*terms, *[(c, one) for c in numbers]]
    return 1, arithmetic["sum"](terms)


def _mul(graph: Graph, factors: Sequence[Term], numbers: Sequence[Exact]) -> Term:
    inner, x = arithmetic["scaled product"]([x for _, x in factors]) if factors else (1, graph.node(1))
    in_front = [*numbers, *[c for c, _ in factors if c != 1]]
    if inner != 1:
        in_front.append(inner)
    number = reduce(mul, in_front) if in_front else 1
    return (1, multiple(number, x)) if isinstance(number, float) else (number, x)  # floats are rounded here, once


def _pow(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    base, exponent = inputs
    value = exact_value(exponent)
    if value is not None:
        return arithmetic["power"](base, value)
    number = exact_value(base)
    if number is not None and number < 0:
        raise ComplexInput("a negative number to a variable power", got=e, hint="of an integer n, (-1)**n is cos(pi*n)")
    if number == 2:
        return graph.add(Exp2(), exponent)
    return graph.add(Pow(), base, exponent)


def _exp1(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return constant(graph, sp.E)


def _log(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    x, *base = inputs
    value = graph.add(Log(), x)
    return value / graph.add(Log(), base[0]) if base else value


def _sqrt(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return inputs[0] ** Fraction(1, 2)


def _fma(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    a, b, c = inputs
    return a * b + c


def _logaddexp2(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    log2 = graph.add(Log(), graph.node(2))
    return graph.add(LogSumExp(), *[x * log2 for x in inputs]) / log2


def _same(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return inputs[0]


def _zero(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return graph.node(0)


def piecewise(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    *pairs, (value, condition) = list(zip(inputs[::2], inputs[1::2], strict=True))
    if condition is not truth(graph, True):  # where no condition holds there is no value: nan, as SymPy says
        value = select(condition, value, value.like(nan))  # the one object: other nans are not equal
    for a, c in reversed(pairs):
        value = a if c is truth(graph, True) else select(c, a, value)
    return value


def _ite(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    condition, a, b = inputs
    if a.type.dtype != "b1":
        return select(condition, a, b)
    return disjunction(conjunction(condition, a), conjunction(negation(condition), b))


def _relation(symbol: str, *, swapped: bool = False) -> Convert:
    def convert(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
        a, b = reversed(inputs) if swapped else inputs
        if a.type.dtype == "b1":  # == of truth values
            same = disjunction(conjunction(a, b), negation(disjunction(a, b)))
            return same if symbol == "==" else negation(same)
        if symbol in ("==", "!="):
            a, b = sorted((a, b), key=lambda x: x.index)
        return graph.add(Relation(symbol), a, b)

    return convert


def _xor(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    result, *rest = inputs
    for x in rest:
        result = conjunction(disjunction(result, x), negation(conjunction(result, x)))
    return result


def _implies(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    a, b = inputs
    return disjunction(negation(a), b)


def _equivalent(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return disjunction(conjunction(*inputs), negation(disjunction(*inputs)))


LINEAR: dict[type, ConvertLinear] = {sp.Add: _add, sp.Mul: _mul}
RULES: dict[type, Convert] = {
    sp.Number: _number,
    sp.core.numbers.NaN: _not_a_number,
    sp.core.numbers.Infinity: _not_a_number,
    sp.core.numbers.NegativeInfinity: _not_a_number,
    sp.core.numbers.ComplexInfinity: _not_a_number,
    sp.core.numbers.ImaginaryUnit: _imaginary,
    sp.NumberSymbol: _symbolic_number,
    sp.Pow: _pow,
    sp.log: _log,
    cfunctions.Sqrt: _sqrt,
    cfunctions.fma: _fma,
    logaddexp2: _logaddexp2,
    sp.UnevaluatedExpr: _same,
    sp.re: _same,
    sp.conjugate: _same,
    sp.im: _zero,
    sp.Piecewise: piecewise,
    ExprCondPair: structure,
    sp.Tuple: structure,
    sp.ITE: _ite,
    BooleanTrue: lambda graph, e, inputs: truth(graph, True),
    BooleanFalse: lambda graph, e, inputs: truth(graph, False),
    sp.StrictLessThan: _relation("<"),
    sp.LessThan: _relation("<="),
    sp.StrictGreaterThan: _relation("<", swapped=True),
    sp.GreaterThan: _relation("<=", swapped=True),
    sp.Equality: _relation("=="),
    sp.Unequality: _relation("!="),
    sp.And: lambda graph, e, inputs: conjunction(*inputs),
    sp.Or: lambda graph, e, inputs: disjunction(*inputs),
    sp.Not: lambda graph, e, inputs: negation(*inputs),
    sp.Xor: _xor,
    sp.Nand: lambda graph, e, inputs: negation(conjunction(*inputs)),
    sp.Nor: lambda graph, e, inputs: negation(disjunction(*inputs)),
    sp.Implies: _implies,
    sp.Equivalent: _equivalent,
}
