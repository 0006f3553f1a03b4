"""SymPy expressions of scalars -> nodes of a graph.

Symbols are real, whatever SymPy assumes of them. What stands for a variable is an input: a Symbol or Dummy, an applied
function such as theta(t) and its derivatives, an element of a matrix or an indexed base with integer indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import nan, prod
from numbers import Real
from typing import Any

import sympy as sp
from sympy.codegen import cfunctions
from sympy.codegen.numpy_nodes import logaddexp2
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanFalse, BooleanTrue
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArrayElement, ArraySymbol
from sympy.tensor.indexed import Idx, Indexed, IndexedBase

from symgrad import ops  # noqa: F401  importing the operations fills their table
from symgrad.errors import ComplexInput, ExpressionError, NotANumber, ShapeError, UnsupportedExpression
from symgrad.graph import Exact, Graph, Node, arithmetic
from symgrad.ops.elementwise import OPERATIONS, Elementwise
from symgrad.ops.exponential import Exp2, Log, Pow
from symgrad.ops.leaf import Input, constant, exact_value
from symgrad.ops.logic import Relation, conjunction, disjunction, negation, truth
from symgrad.ops.select import select
from symgrad.ops.stable import LogSumExp
from symgrad.size import subexpressions

VARIABLES = (sp.Symbol, AppliedUndef, sp.Derivative, MatrixElement, Indexed, ArrayElement)
Convert = Callable[[Graph, Any, Sequence[Node]], Node]


def from_sympy(graph: Graph, expression: Any) -> Node:
    """The node of a scalar expression; equal parts become one node. Iterative: depth does not matter.

    Raises UnsupportedExpression for a node without a meaning here, naming it and the way to it; NotANumber for nan,
    zoo and infinities; ComplexInput for the imaginary unit.
    """
    return convert_all(graph, [expression])[0]


def convert_all(graph: Graph, expressions: Sequence[Any]) -> list[Node]:
    """The nodes of several expressions."""
    roots = [as_expression(e) for e in expressions]
    nodes: dict[int, Node | None] = {}
    rules: dict[type, Callable[..., Any]] = {}
    for e in parts(roots):
        try:
            nodes[id(e)] = _convert(graph, e, nodes, rules)
        except ExpressionError as error:
            error.path = error.path or _path(roots, e)
            raise
    return [_value(nodes, e) for e in roots]


def parts(roots: Sequence[sp.Basic]) -> list[sp.Basic]:
    """The parts of expressions, arguments first, each once. What stands for a variable is not entered.

    Raises UnsupportedExpression for the outermost part that has no meaning here.
    """
    order, seen = [], set()
    coefficients: dict[type, bool] = {}  # by class: is a rational argument a coefficient, and no node?
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        e, ready = stack.pop()
        if ready:
            order.append(e)
        elif id(e) not in seen:
            seen.add(id(e))
            stack.append((e, True))
            if not is_variable(e):
                kind = type(e)
                if kind not in coefficients:
                    if _rule(kind) is _unsupported:  # before its parts: the outermost one is the one to name
                        raise _unsupported(e).at(_path(roots, e))
                    coefficients[kind] = issubclass(kind, (sp.Add, sp.Mul))
                arguments = [a for a in e.args if not a.is_Rational] if coefficients[kind] else e.args
                stack.extend((a, False) for a in reversed(arguments) if id(a) not in seen)
    return order


def as_expression(value: Any) -> sp.Basic:
    """A Python number as SymPy's; anything else must be SymPy's already: text is never parsed."""
    if isinstance(value, sp.MatrixBase) and value.shape == (1, 1):
        value = value[0, 0]
    if isinstance(value, (sp.Expr, sp.logic.boolalg.Boolean)):
        return value
    if isinstance(value, (Real, Decimal)):  # NumPy's scalars and mpmath's mpf are Real too
        return sp.sympify(value)
    if isinstance(value, complex):
        raise ComplexInput("a complex number", got=value, wanted="real numbers: write real and imaginary parts apart")
    raise UnsupportedExpression(
        "this is no SymPy expression",
        got=f"{type(value).__name__} {value!r:.60}",
        wanted="a SymPy expression or a number",
        hint="text is not parsed: build it from sympy.symbols",
    )


def is_variable(e: Any) -> bool:
    """Does this stand for a variable?"""
    if not isinstance(e, VARIABLES):
        return False
    if isinstance(e, sp.Derivative):
        return isinstance(e.expr, AppliedUndef) and all(v.is_Symbol for v in e.variables)
    if isinstance(e, (MatrixElement, Indexed)):
        whole = e.parent if isinstance(e, MatrixElement) else e.base
        return isinstance(whole, (sp.MatrixSymbol, IndexedBase)) and all(i.is_Integer for i in e.indices)
    if isinstance(e, ArrayElement):
        return isinstance(e.name, ArraySymbol) and all(i.is_Integer for i in e.indices)
    return isinstance(e, (sp.Symbol, AppliedUndef)) and not isinstance(e, Idx)


def _convert(graph: Graph, e: Any, nodes: dict[int, Node | None], rules: dict[type, Callable[..., Any]]) -> Node | None:
    if is_variable(e):
        if e.is_commutative is False:
            raise UnsupportedExpression("a symbol that does not commute", got=e, wanted="commuting, real symbols")
        return graph.add(Input(e))
    kind = type(e)
    if kind not in rules:
        rules[kind] = _rule(kind)
    rule = rules[kind]
    if rule is _structure:  # a tuple of arguments, an ExprCondPair: read by its parent
        return None
    inputs: list[Any]
    if rule is _piecewise:
        inputs = _pairs(nodes, e)
    elif rule is _add or rule is _mul:
        inputs = [_rational(a) if a.is_Rational else _value(nodes, a) for a in e.args]
    else:
        inputs = [_value(nodes, a) for a in e.args if nodes[id(a)] is not None]
    try:
        return rule(graph, e, inputs)
    except ShapeError as error:  # all are scalars: only their element types can differ
        raise UnsupportedExpression(
            "a number where a truth value is wanted, or the reverse", got=e, hint="compare it: x > 0"
        ) from error


def _value(nodes: dict[int, Node | None], e: sp.Basic) -> Node:
    node = nodes[id(e)]
    if node is None:
        raise UnsupportedExpression(f"{type(e).__name__} is no number", got=e)
    return node


def _path(roots: Sequence[sp.Basic], wanted: sp.Basic) -> str:
    """The way from a root to a part of it: the heads that are passed, outermost first."""
    parents: dict[int, sp.Basic] = {}
    for e in subexpressions(*roots):
        for a in e.args:
            parents.setdefault(id(a), e)
    way = [wanted]
    while id(way[-1]) in parents and len(way) < 100_000:
        way.append(parents[id(way[-1])])
    heads = [type(e).__name__ for e in reversed(way)]
    if len(heads) > 12:
        heads = [*heads[:5], f"... {len(heads) - 10} more ...", *heads[-5:]]
    return " > ".join(heads)


# -- one function for each kind of SymPy node ------------------------------------------------------------------------


def _rule(kind: type) -> Callable[..., Any]:
    for base in kind.__mro__:
        if base in RULES:
            return RULES[base]
        if base in OPERATIONS:
            return partial(_operation, OPERATIONS[base])
    return _unsupported


def _operation(operation: type[Elementwise], graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return operation.from_sympy(e, *inputs)


def _unsupported(e: Any) -> UnsupportedExpression:
    hint = None
    if isinstance(e, (sp.Derivative, sp.Integral, sp.Sum, sp.Product, sp.Limit, sp.Subs)):
        hint = "evaluate it first: .doit()"
    elif isinstance(e, sp.Function):
        hint = f"register it: symgrad.register({type(e).__name__}, implementation)"
    return UnsupportedExpression(f"{type(e).__name__} has no meaning here", got=e, hint=hint)


def _structure(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    raise UnsupportedExpression(f"{type(e).__name__} is no number", got=e)


def _number(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    if e.is_Rational:
        return constant(graph, _rational(e))
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


def _rational(number: Any) -> Exact:
    return int(number) if number.is_Integer else Fraction(int(number.p), int(number.q))


def _add(graph: Graph, e: Any, terms: Sequence[Node | Exact]) -> Node:
    nodes: list[tuple[Exact, Node]] = [(1, x) for x in terms if isinstance(x, Node)]
    numbers: list[tuple[Exact, Node]] = [(x, graph.node(1)) for x in terms if not isinstance(x, Node)]
    return arithmetic["sum"]([*nodes, *numbers])


def _mul(graph: Graph, e: Any, factors: Sequence[Node | Exact]) -> Node:
    nodes = [x for x in factors if isinstance(x, Node)]
    number = prod(x for x in factors if not isinstance(x, Node))
    product = arithmetic["product"](nodes) if nodes else graph.node(1)
    return product if number == 1 else arithmetic["sum"]([(number, product)])


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


def _piecewise(graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    *pairs, (value, condition) = list(zip(inputs[::2], inputs[1::2], strict=True))
    if condition is not truth(graph, True):  # where no condition holds there is no value: nan, as SymPy says
        value = select(condition, value, constant(graph, nan))  # the one object: other nans are not equal
    for a, c in reversed(pairs):
        value = a if c is truth(graph, True) else select(c, a, value)
    return value


def _pairs(nodes: dict[int, Node | None], e: Any) -> list[Node]:
    return [_value(nodes, part) for pair in e.args for part in pair.args]


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


RULES: dict[type, Convert] = {
    sp.Number: _number,
    sp.core.numbers.NaN: _not_a_number,
    sp.core.numbers.Infinity: _not_a_number,
    sp.core.numbers.NegativeInfinity: _not_a_number,
    sp.core.numbers.ComplexInfinity: _not_a_number,
    sp.core.numbers.ImaginaryUnit: _imaginary,
    sp.NumberSymbol: _symbolic_number,
    sp.Add: _add,
    sp.Mul: _mul,
    sp.Pow: _pow,
    sp.log: _log,
    cfunctions.Sqrt: _sqrt,
    cfunctions.fma: _fma,
    logaddexp2: _logaddexp2,
    sp.UnevaluatedExpr: _same,
    sp.re: _same,
    sp.conjugate: _same,
    sp.im: _zero,
    sp.Piecewise: _piecewise,
    ExprCondPair: _structure,
    sp.Tuple: _structure,
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
