"""SymPy in, SymPy out: the derivatives of expressions without a Function to hold."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad.expression import variables

X, Y, Z = sp.symbols("x y z")
T = sp.Symbol("t")
THETA = sp.Function("theta")(T)
A = sp.MatrixSymbol("A", 2, 2)
KINDS = (sp.Derivative, sp.Subs, sp.DiracDelta, sp.re, sp.im, sp.arg, sp.Dummy)


def test_the_readmes_first_example() -> None:
    assert sg.grad((X + Y) * Z, [X, Y, Z]) == (Z, Z, X + Y)


def test_one_variable_gives_one_derivative() -> None:
    assert sg.grad(sp.sin(X) * Y, X) == Y * sp.cos(X)


def test_the_only_variable_may_be_left_out() -> None:
    assert sg.grad(X**3) == 3 * X**2


def test_a_constant_has_a_zero_gradient() -> None:
    assert sg.grad(3, [X, Y]) == (0, 0)


def test_results_are_sympy() -> None:
    assert all(isinstance(e, sp.Basic) for e in sg.grad(0 * X + 2.5 * Y, [X, Y]))


def test_the_jacobian_of_a_list_by_a_list_is_a_matrix() -> None:
    assert sg.jacobian([X * Y, X], [X, Y]) == sp.Matrix([[Y, X], [1, 0]])


def test_the_jacobian_of_a_matrix_by_a_list() -> None:
    assert sg.jacobian(sp.Matrix([X * Y, X]), [X, Y]) == sp.Matrix([[Y, X], [1, 0]])


def test_the_jacobian_of_a_scalar_is_a_vector() -> None:
    assert sg.jacobian(X * Y, [X, Y]) == sp.Matrix([Y, X])


def test_the_hessian_is_a_matrix() -> None:
    assert sg.hessian(X**2 * Y, [X, Y]) == sp.Matrix([[2 * Y, 2 * X], [2 * X, 0]])


def test_the_hessian_by_one_variable_is_the_second_derivative() -> None:
    assert sg.hessian(X**4, X) == 12 * X**2


def test_a_jacobian_vector_product() -> None:
    assert sg.jvp([X * Y, X], [X, Y], [1, Z]) == [X * Z + Y, 1]


def test_a_vector_jacobian_product() -> None:
    assert sg.vjp([X * Y, X], [X, Y], [Z, 2]) == (Y * Z + 2, X * Z)


def test_a_hessian_vector_product() -> None:
    assert sg.hvp(X**2 * Y, [X, Y], [Z, 0]) == (2 * Y * Z, 2 * X * Z)


def test_the_vector_is_not_differentiated() -> None:
    assert sg.hvp(X**2, X, X) == 2 * X
    assert sg.jvp(X**2, X, X) == 2 * X**2


def test_a_product_with_one_variable_takes_one_vector() -> None:
    assert sg.jvp(X * Y, X, Z) == Y * Z


def test_an_element_of_a_matrix_is_a_variable() -> None:
    assert sg.grad(A[0, 0] ** 2 * A[1, 0], [A[0, 0], A[1, 0]]) == (2 * A[0, 0] * A[1, 0], A[0, 0] ** 2)


def test_a_matrix_of_integer_size_is_an_array_of_variables() -> None:
    assert sg.grad(A[0, 0] * A[1, 1], A) == sp.Matrix([[A[1, 1], 0], [0, A[0, 0]]])


def test_a_function_of_time_and_its_derivative_are_variables() -> None:
    velocity = sp.Derivative(THETA, T)
    assert sg.grad(THETA**2 * velocity, [THETA, velocity]) == (2 * THETA * velocity, THETA**2)


def test_symbols_are_real_whatever_sympy_assumes() -> None:
    z = sp.Symbol("z", complex=True)
    assert sg.grad(sp.Abs(z), z) == sp.sign(z)


@pytest.mark.parametrize(
    "expression",
    [
        sp.Abs(X) * Y,
        sp.sqrt(X**2 + Y**2),
        sp.Max(X, Y, 1),
        sp.Heaviside(X) * X,
        sp.sign(X) * Y,
        X**Y,
        sp.sinc(X),
        sp.Piecewise((sp.sqrt(X), X > 0), (Y, True)),
        sp.Mod(X, Y),
        sp.atan2(X, Y),
        sp.polygamma(1, X),
        sp.besselj(2, X * Y),
        sp.log(1 + sp.exp(X)),
        sp.conjugate(X) * Y,
        sp.LambertW(X),
    ],
    ids=str,
)
@pytest.mark.parametrize("derivative", [sg.grad, sg.hessian], ids=["grad", "hessian"])
def test_nothing_unevaluated_or_complex_is_left_behind(expression: sp.Expr, derivative: Any) -> None:
    result = sp.Tuple(*sp.flatten([derivative(expression, [X, Y])]))
    assert not result.has(*KINDS)
    assert result.free_symbols <= {X, Y}


def test_variables_are_found_and_sorted_by_name() -> None:
    assert variables(Z * X + A[0, 1], [THETA]) == [A[0, 1], THETA, X, Z]


def test_the_shared_graph_of_a_bomb_is_no_bomb() -> None:
    e: Any = X
    for _ in range(60):
        e = sp.Mul(e, sp.sin(e, evaluate=False), evaluate=False)
    assert sg.grad(e, X).subs(X, 0) == 0


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: sg.grad(X * Y), sg.VariableError, "which variable to differentiate by.*got variables x, y"),
        (lambda: sg.grad(sp.Integer(3)), sg.VariableError, "got variables none"),
        (lambda: sg.grad(X, X**2), sg.VariableError, r"wrt is no variable, got x\*\*2"),
        (lambda: sg.grad(X, "x"), sg.VariableError, "wrt is no variable, got str 'x'"),
        (lambda: sg.grad(X, 1), sg.VariableError, "wrt is no variable, got int 1"),
        (lambda: sg.grad(X, [X, X]), sg.VariableError, r"a variable is named twice, got \[x, x\]"),
        (lambda: sg.grad(X, []), sg.VariableError, "wrt is not among the arguments"),
        (lambda: sg.grad([X, Y], X), sg.ObjectiveError, "use jacobian, jvp or vjp"),
        (lambda: sg.grad("x**2", X), sg.UnsupportedExpression, "text is not parsed"),
        (
            lambda: sg.jvp([X * Y], [X, Y], [1]),
            sg.ArgumentError,
            "a vector of another length, got 1, wanted 2 expressions",
        ),
        (lambda: sg.vjp([X, Y], X, 1), sg.ArgumentError, "a vector of another length, got 1, wanted 2"),
        (lambda: sg.grad(THETA * T, T), sg.UndefinedDerivative, r"theta\(t\) depends on t in a way that is not known"),
        (lambda: sg.grad(sp.besselj(X, Y), X), sg.UndefinedDerivative, "besselj has no derivative by its argument 1"),
    ],
)
def test_a_mistake_is_an_error_of_its_own(call: Any, kind: type[sg.SymgradError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        call()
    assert type(caught.value) is kind
