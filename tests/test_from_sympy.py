"""Every SymPy node of the vocabulary: its value against SymPy's own evalf, and what has no meaning here."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from sympy.codegen import cfunctions as c
from sympy.codegen.numpy_nodes import logaddexp, logaddexp2
from sympy.tensor.array.expressions import ArraySymbol

import symgrad as sg
from symgrad.errors import (
    ComplexInput,
    NotANumber,
    SymgradError,
    TooLarge,
    UndefinedDerivative,
    UnsupportedExpression,
)
from symgrad.evaluate import evaluate
from symgrad.expression import variables
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph
from symgrad.ops.arithmetic import Add, Power
from symgrad.ops.exponential import Exp2
from symgrad.ops.leaf import Const, Input
from symgrad.ops.stable import relu, sigmoid, softplus
from tests.oracles import error

X, Y, Z = sp.symbols("x y z")
T = sp.Symbol("t")
N = sp.Symbol("n", integer=True)
THETA = sp.Function("theta")
AT = {X: sp.Rational(3, 4), Y: sp.Rational(5, 4), Z: sp.Rational(-3, 2)}
A = sp.MatrixSymbol("A", 2, 3)
W = sp.IndexedBase("w")
V = ArraySymbol("V", (2, 2))

NUMBERS = [
    sp.Integer(3), sp.Integer(-2), sp.Rational(1, 3), sp.Float(0.1), sp.Float("0.1", 40), sp.pi, sp.E, sp.GoldenRatio,
    sp.EulerGamma, sp.Catalan, sp.TribonacciConstant, sp.S.Half, sp.Integer(0),
]  # fmt: skip

VALUES = [
    X + Y - 2 * Z + sp.Rational(1, 3),
    X * Y * Z,
    -X,
    X / Y,
    X**2, Z**3, X**-1, Z**-2, X**7, X**100,
    sp.sqrt(X), X ** sp.Rational(3, 2), X ** sp.Rational(-1, 2), X ** sp.Rational(-5, 3), sp.cbrt(X),
    X**Y, X**Z, 2**X, sp.Rational(1, 2) ** X, sp.pi**X, sp.E**X,
    sp.exp(X), sp.exp(-(X**2)), sp.log(X), sp.log(X, 2), sp.log(X, Y), sp.log(X, 10),
    sp.sin(X), sp.cos(X), sp.tan(X), sp.cot(X), sp.sec(X), sp.csc(X),
    sp.asin(X), sp.acos(X), sp.atan(X), sp.acot(X), sp.asec(Y), sp.acsc(Y), sp.atan2(X, Z), sp.sinc(X),
    sp.sinh(X), sp.cosh(X), sp.tanh(X), sp.coth(X), sp.sech(X), sp.csch(X),
    sp.asinh(X), sp.acosh(Y), sp.atanh(X), sp.acoth(Y), sp.asech(X), sp.acsch(X),
    sp.Abs(Z), sp.sign(Z), sp.Heaviside(X), sp.Heaviside(Z), sp.Max(X, Y), sp.Max(X, Y, Z, 1),
    sp.Min(X, Y), sp.Min(X, Y, Z, 1),
    sp.floor(Z), sp.ceiling(Z), sp.frac(Z), sp.Mod(Z, X), sp.Mod(Z, -1), sp.Mod(Y, X),
    sp.erf(X), sp.erfc(X), sp.erfinv(X),
    sp.gamma(Y), sp.gamma(Z + sp.Rational(1, 4)), sp.loggamma(X), sp.digamma(X), sp.polygamma(0, X), sp.polygamma(1, X),
    sp.polygamma(3, X), sp.trigamma(X), sp.beta(X, Y), sp.beta(X, X), sp.LambertW(X), sp.LambertW(-X / 4, -1),
    sp.besselj(0, X), sp.besselj(Y, X), sp.bessely(1, X), sp.besseli(2, X), sp.besselk(0, X),
    sp.besselj(sp.Rational(1, 2), X),
    sp.re(X), sp.conjugate(X), sp.im(X),
]  # fmt: skip

# SymPy's evalf does not know these, or not as real functions: a formula that means the same.
FORMULAS = [
    (X**0.25, X ** sp.Rational(1, 4)),
    (sp.UnevaluatedExpr(X) + Y, X + Y),
    (c.log1p(X), sp.log(1 + X)),
    (c.expm1(X), sp.exp(X) - 1),
    (c.exp2(X), 2**X),
    (c.log2(X), sp.log(X) / sp.log(2)),
    (c.log10(X), sp.log(X) / sp.log(10)),
    (c.hypot(X, Z), sp.sqrt(X**2 + Z**2)),
    (c.fma(X, Y, Z), X * Y + Z),
    (c.Cbrt(X), X ** sp.Rational(1, 3)),
    (c.Cbrt(Z), -((-Z) ** sp.Rational(1, 3))),
    (c.Sqrt(X), sp.sqrt(X)),
    (logaddexp(X, Y), sp.log(sp.exp(X) + sp.exp(Y))),
    (logaddexp2(X, Y), sp.log(2**X + 2**Y) / sp.log(2)),
    (sigmoid(X), 1 / (1 + sp.exp(-X))),
    (softplus(X), sp.log(1 + sp.exp(X))),
    (relu(X), X),
    (relu(Z), sp.Integer(0)),
]

LESS, MORE = X < Y, X > Y  # at the point: true, false
LOGIC = [
    (LESS, True), (MORE, False), (sp.Le(X, X + Y), True), (sp.Ge(Z, 0), False), (sp.Eq(X, Y), False),
    (sp.Ne(X, Y), True),
    (sp.And(LESS, Z < 0), True), (sp.And(LESS, MORE, evaluate=False), False), (sp.Or(MORE, Z < 0), True),
    (sp.Or(MORE, Z > 0), False), (sp.Not(sp.And(LESS, Z < 0)), False), (sp.Xor(LESS, Z < 0), False),
    (sp.Xor(LESS, Z > 0), True), (sp.Xor(LESS, Z < 0, Y > 0), True), (sp.Nand(LESS, Z < 0), False),
    (sp.Nor(MORE, Z > 0), True),
    (sp.Implies(LESS, Z > 0), False), (sp.Implies(MORE, Z > 0), True), (sp.Equivalent(LESS, Z < 0), True),
    (sp.Equivalent(LESS, Z > 0), False), (sp.ITE(LESS, Z < 0, Z > 0), True), (sp.ITE(MORE, Z < 0, Z > 0), False),
    (sp.Eq(LESS, Z < 0, evaluate=False), True), (sp.Ne(LESS, Z < 0, evaluate=False), False),
    (sp.true, True), (sp.false, False),
]  # fmt: skip

PIECES = [
    (sp.Piecewise((X, LESS), (Y, True)), X),
    (sp.Piecewise((X, MORE), (Y, True)), Y),
    (sp.Piecewise((X, MORE), (Y, Z > 0), (Z, True)), Z),
    (sp.Piecewise((X, MORE), (Y, Z < 0), (Z, True)), Y),
    (sp.Piecewise((X, MORE), (Y, Z < 0)), Y),
    (sp.Piecewise((X, sp.Or(MORE, Z < 0)), (Y, True)), X),
    (sp.Piecewise((sp.Piecewise((X, MORE), (Y, True)), LESS), (Z, True), evaluate=False), Y),
    (sp.Piecewise((sp.sqrt(Z), Z > 0), (sp.log(X), True)), sp.log(X)),
]

VARIABLES = [
    X, sp.Dummy("d"), sp.Symbol("c", complex=True), sp.Symbol("p", positive=True), sp.Symbol("k", integer=True),
    THETA(T), THETA(X, Y), sp.Derivative(THETA(T), T), sp.Derivative(THETA(T), T, T), A[0, 1], W[0], W[1, 2], V[0, 1],
    sp.Symbol("lambda"), sp.Symbol("x y"), sp.Symbol(""), sp.Wild("q"),
]  # fmt: skip


def both_values(expression: Any) -> tuple[float, mpmath.mpf]:
    """The value at AT in NumPy's numbers, and with 40 digits."""
    graph = Graph()
    node = from_sympy(graph, expression)
    places = {graph.add(Input(s)): v for s, v in AT.items()}
    double = evaluate([node], {x: float(v) for x, v in places.items()})[0]
    with mpmath.workdps(40):
        exact = evaluate([node], {x: mpmath.mpf(v.p) / v.q for x, v in places.items()}, mpmath.mp)[0]
        return double, exact


def agree(expression: Any, meaning: Any) -> None:
    expected = sp.N(meaning.subs(AT), 40)
    assert expected.is_Float or expected.is_Integer, "the oracle gives no number"
    double, exact = both_values(expression)
    assert abs(exact - expected._to_mpmath(140)) <= mpmath.mpf("1e-35") * (1 + abs(exact))
    assert error(double, float(expected)) < 2e-14  # a few ulp of libm's and scipy's


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_a_number_has_its_value(number: sp.Expr) -> None:
    agree(number, number)


@pytest.mark.parametrize("expression", VALUES, ids=str)
def test_a_function_has_the_value_that_evalf_gives(expression: sp.Expr) -> None:
    agree(expression, expression)


@pytest.mark.parametrize(("expression", "formula"), FORMULAS, ids=str)
def test_a_function_has_the_value_of_its_formula(expression: sp.Expr, formula: sp.Expr) -> None:
    agree(expression, formula)


@pytest.mark.parametrize(("condition", "holds"), LOGIC, ids=str)
def test_a_condition_holds_where_it_should(condition: Any, holds: bool) -> None:
    assert tuple(map(bool, both_values(condition))) == (holds, holds)


@pytest.mark.parametrize(("expression", "taken"), PIECES, ids=str)
def test_a_piecewise_takes_the_first_branch_that_holds(expression: sp.Expr, taken: sp.Expr) -> None:
    agree(expression, taken)


def test_a_piecewise_without_a_branch_that_holds_is_nan() -> None:
    assert all(map(math.isnan, both_values(sp.Piecewise((X, MORE), (Y, Z > 0)))))


@pytest.mark.parametrize(("middle", "value"), [((), 0.5), ((0,), 0.0), ((1,), 1.0), ((sp.Rational(1, 3),), 1 / 3)])
def test_the_step_at_zero_has_the_value_that_it_was_given(middle: tuple[Any, ...], value: float) -> None:
    assert both_values(sp.Heaviside(sp.Mul(0, X, evaluate=False), *middle, evaluate=False))[0] == value


def test_the_step_at_zero_may_be_an_expression() -> None:
    step = sp.Heaviside(Z, X)
    graph = Graph()
    node = from_sympy(graph, step)
    at = {graph.add(Input(Z)): 0.0, graph.add(Input(X)): 0.7}
    assert evaluate([node], at) == [0.7]


def test_sinc_at_zero_is_one() -> None:
    graph = Graph()
    node = from_sympy(graph, sp.sinc(X))
    assert evaluate([node], {graph.add(Input(X)): 0.0}) == [1.0]


# -- variables and numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", VARIABLES, ids=repr)
def test_a_variable_is_an_input(variable: Any) -> None:
    assert from_sympy(Graph(), variable).op == Input(variable)


def test_the_argument_of_an_applied_function_is_no_variable_by_itself() -> None:
    assert variables(THETA(T) ** 2 + sp.Derivative(THETA(T), T)) == [sp.Derivative(THETA(T), T), THETA(T)]


def test_two_symbols_that_print_alike_are_two_inputs() -> None:
    graph = Graph()
    a, b = convert_all(graph, [sp.Symbol("x"), sp.Symbol("x", positive=True)])
    assert a is not b


def test_two_dummies_of_one_name_are_two_inputs() -> None:
    graph = Graph()
    a, b = convert_all(graph, [sp.Dummy("d"), sp.Dummy("d")])
    assert a is not b


def test_elements_of_one_array_are_different_inputs() -> None:
    graph = Graph()
    nodes = convert_all(graph, [A[0, 0], A[0, 1], A[1, 0], W[0], W[1], V[0, 0]])
    assert len(set(nodes)) == 6


@pytest.mark.parametrize(
    "number",
    [3, -2, 0.1, True, Fraction(1, 3), Decimal("0.5"), np.int64(3), np.float64(0.1), np.float32(0.5), mpmath.mpf(2)],
    ids=lambda n: type(n).__name__,
)
def test_a_number_of_python_is_a_constant(number: Any) -> None:
    graph = Graph()
    assert evaluate([from_sympy(graph, number)], {}) == [float(number)]


def test_a_float_is_kept_to_the_last_bit() -> None:
    assert from_sympy(Graph(), sp.Float(0.1)).op == Const(0.1)


def test_a_float_of_many_digits_stays_exact() -> None:
    digits = "1.2345678901234567890123456789"
    node = from_sympy(Graph(), sp.Float(digits, 30))
    with mpmath.workdps(30):
        assert abs(evaluate([node], {}, mpmath.mp)[0] - mpmath.mpf(digits)) < mpmath.mpf("1e-28")


@pytest.mark.parametrize(
    "number", [sp.Float(10) ** 400, sp.Float(10) ** -400, sp.Integer(10) ** 400], ids=["1e400", "1e-400", "integer"]
)
def test_a_number_beyond_double_precision_stays_what_it_is(number: Any) -> None:
    assert sg.grad(number * X, X) == number


@pytest.mark.parametrize(
    ("number", "value"),
    [(sp.Float(10) ** 400, math.inf), (-(sp.Integer(10) ** 400), -math.inf), (sp.Float(10) ** -400, 0.0)],
    ids=str,
)
def test_a_number_beyond_double_precision_is_rounded_as_arithmetic_rounds(number: Any, value: float) -> None:
    graph = Graph()
    assert (
        evaluate([from_sympy(graph, number), from_sympy(graph, number * X)], {graph.add(Input(X)): 1.0}) == [value] * 2
    )


def test_an_explicit_matrix_of_one_element_is_that_element() -> None:
    graph = Graph()
    assert from_sympy(graph, sp.Matrix([[X * Y]])) is from_sympy(graph, X * Y)


def test_a_power_of_two_is_one_operation() -> None:
    assert isinstance(from_sympy(Graph(), 2**X).op, Exp2)


def test_a_large_integer_exponent_stays_one_operation() -> None:
    assert from_sympy(Graph(), X ** (10**9)).op == Power(10**9)


def test_equal_parts_that_are_different_objects_are_one_node() -> None:
    graph = Graph()
    parts = [sp.sin(sp.Symbol("x") + sp.Symbol("y")) for _ in range(2)]
    assert len(set(convert_all(graph, parts))) == 1


def test_a_multiple_that_is_only_added_or_multiplied_is_no_node() -> None:
    node = from_sympy(Graph(), X - Y * Z / 3 + sp.Mul(Z / 5, X + Y, evaluate=False))
    assert not [n for n in node.graph if isinstance(n.op, Add) and len(n.inputs) == 1]


def test_a_shared_expression_of_many_paths_is_converted_in_one_visit_each() -> None:
    e = X
    for _ in range(60):
        e = sp.Add(e, sp.sin(e, evaluate=False), evaluate=False)
    graph = Graph()
    from_sympy(graph, e)
    assert len(graph) == 121


def test_depth_does_not_matter() -> None:
    e = X
    with sp.evaluate(False):
        for _ in range(20_000):
            e = sp.sin(e)
    graph = Graph()
    from_sympy(graph, e)
    assert len(graph) == 20_001


# -- what has no meaning here -----------------------------------------------------------------------------------------

ERRORS: list[tuple[Any, type[SymgradError], str]] = [
    (sp.Integral(sp.exp(-(T**2)), (T, 0, X)), UnsupportedExpression, "Integral has no meaning here"),
    (sp.Limit(sp.sin(X * T) / T, T, 0), UnsupportedExpression, "Limit has no meaning here"),
    (sp.Derivative(sp.sin(X * Y), X), UnsupportedExpression, "Derivative has no meaning here"),
    (sp.Subs(sp.Derivative(THETA(T), T), T, X), UnsupportedExpression, "Subs has no meaning here"),
    (sp.Symbol("q", commutative=False), UnsupportedExpression, "does not commute"),
    (X * sp.Symbol("q", commutative=False), UnsupportedExpression, "does not commute"),
    (sp.zoo, NotANumber, "an infinity or nan as a literal, got zoo"),
    (sp.nan, NotANumber, "an infinity or nan as a literal, got nan"),
    (sp.oo, NotANumber, "an infinity or nan as a literal, got oo"),
    (-sp.oo, NotANumber, "an infinity or nan as a literal, got -oo"),
    (sp.Mul(X, sp.oo, evaluate=False), NotANumber, r"\(at Mul > Infinity\)"),
    (math.nan, NotANumber, "an infinity or nan as a literal"),
    (math.inf, NotANumber, "an infinity or nan as a literal"),
    (sp.I, ComplexInput, "the imaginary unit"),
    (1 + sp.I * X, ComplexInput, "write real and imaginary parts apart"),
    (1j, ComplexInput, "a complex number, got 1j"),
    ("x**2", UnsupportedExpression, "this is no SymPy expression, got str 'x\\*\\*2'"),
    (b"x", UnsupportedExpression, "this is no SymPy expression, got bytes"),
    (None, UnsupportedExpression, "this is no SymPy expression, got NoneType"),
    (Graph, UnsupportedExpression, "this is no SymPy expression, got type"),
    (sp.Symbol, UnsupportedExpression, "this is no SymPy expression, got "),
    (sp.Interval(0, 1), UnsupportedExpression, "this is no SymPy expression, got Interval"),
    (sp.Poly(X**2, X), UnsupportedExpression, "this is no SymPy expression, got Poly"),
    (W[N], UnsupportedExpression, "the shape of w does not follow"),
    (sp.Idx("i"), UnsupportedExpression, "the index i is not bound"),
    (sp.Order(X), UnsupportedExpression, "Order has no meaning here"),
    (sp.rootof(X**5 - X + 1, 0), UnsupportedExpression, "ComplexRootOf has no meaning here"),
    (sp.zeta(X), UnsupportedExpression, r"register it: symgrad.register\(zeta, implementation\)"),
    (sp.polygamma(X, Y), UnsupportedExpression, "polygamma of an order that is no number"),
    (sp.LambertW(X, 2), UnsupportedExpression, "a branch of LambertW that is not real"),
    (
        sp.Piecewise((X, sp.Contains(X, sp.Interval(0, 1))), (Y, True)),
        UnsupportedExpression,
        "Contains has no meaning here",
    ),
    (sp.Piecewise((X, sp.Symbol("b")), (Y, True)), UnsupportedExpression, "a number where a truth value is wanted"),
    (sp.Not(sp.Symbol("b")), UnsupportedExpression, "a number where a truth value is wanted"),
    (X ** (10**20 + 1), TooLarge, "an integer exponent that float64 cannot hold"),
    (sp.Matrix([X, Y]), UnsupportedExpression, "this is no SymPy expression"),
]


@pytest.mark.parametrize(("expression", "kind", "text"), ERRORS, ids=lambda v: str(v)[:40])
def test_what_has_no_meaning_here_is_an_error(expression: Any, kind: type[SymgradError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        from_sympy(Graph(), expression)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda e: e, "Integral"),
        (lambda e: sp.exp(1 + 2 * e), "exp > Add > Mul > Integral"),
        (lambda e: sp.Piecewise((e, X > 0), (X, True)), "Piecewise > ExprCondPair > Integral"),
        (lambda e: sp.Piecewise((X, e > 0), (Y, True)), "Piecewise > ExprCondPair > StrictGreaterThan > Integral"),
        (lambda e: sp.Max(X, sp.sin(e) ** 2), "Max > Pow > sin > Integral"),
    ],
    ids=["bare", "sum", "value of a branch", "condition", "extremum"],
)
def test_the_path_leads_to_what_has_no_meaning(wrap: Callable[[Any], Any], path: str) -> None:
    with pytest.raises(UnsupportedExpression) as caught:
        from_sympy(Graph(), wrap(sp.Integral(sp.sin(X * T), (T, 0, 1))))
    assert caught.value.path == path


def test_a_long_path_is_cut_in_the_middle() -> None:
    e: Any = sp.Integral(sp.sin(X * T), (T, 0, 1))
    with sp.evaluate(False):
        for _ in range(1_000):
            e = sp.sin(e)
    with pytest.raises(UnsupportedExpression) as caught:
        from_sympy(Graph(), e)
    assert caught.value.path == "sin > sin > sin > sin > sin > ... 991 more ... > sin > sin > sin > sin > Integral"


def test_the_outermost_part_without_a_meaning_is_named() -> None:
    with pytest.raises(UnsupportedExpression, match="Integral has no meaning here"):
        from_sympy(Graph(), sp.Integral(sp.Limit(sp.sin(T * X) / T, T, 0), (X, 0, 1)))


def test_a_huge_expression_is_not_printed_in_an_error() -> None:
    e: Any = sp.Integral(sp.sin(X * T), (T, 0, 1))
    for _ in range(60):
        e = sp.Add(e, sp.sin(e, evaluate=False), evaluate=False)
    with pytest.raises(UnsupportedExpression) as caught:
        from_sympy(Graph(), sp.Order(X) * 0 + sp.zeta(e, evaluate=False))
    assert len(str(caught.value)) < 600


def test_a_derivative_through_an_unknown_function_is_an_error() -> None:
    with pytest.raises(UndefinedDerivative, match=r"theta\(x\) depends on x in a way that is not known"):
        sg.grad(THETA(X) * X, X)


def test_an_unknown_function_named_in_wrt_is_a_variable() -> None:
    assert sg.grad(THETA(X) ** 2 * X, [X, THETA(X)]) == (THETA(X) ** 2, 2 * X * THETA(X))


def test_the_gradient_of_a_relation_is_an_error() -> None:
    with pytest.raises(UnsupportedExpression, match="an output that is a truth value"):
        sg.grad(X < 1, X)
