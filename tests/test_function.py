"""Function: its arguments, its results, its derivatives, its errors, its copies, and its use by SciPy and Numba."""

from __future__ import annotations

import copy
import math
import os
import pickle
import subprocess
import sys
import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import cloudpickle
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import sympy as sp
from scipy.integrate import solve_ivp
from sympy.tensor.array.expressions import ArraySymbol

import symgrad as sg

X, Y, Z = sp.symbols("x y z")
T = sp.Symbol("t")
THETA = sp.Function("theta")(T)
OMEGA = sp.Derivative(THETA, T)
PRODUCT = X * Y + sp.sin(Z)


def rosenbrock() -> sg.Function:
    return sg.Function([(X, Y)], (1 - X) ** 2 + 100 * (Y - X**2) ** 2)


# -- arguments --------------------------------------------------------------------------------------------------------


def test_one_variable_in_one_out() -> None:
    assert sg.Function(X, X**2).grad(X).outputs == 2 * X


def test_a_list_in_a_tuple_out_in_its_order() -> None:
    assert sg.Function([X, Y], X * Y**2).grad([Y, X]).outputs == (2 * X * Y, Y**2)


def test_wrt_may_be_left_out_of_a_single_argument() -> None:
    assert sg.Function([X], X**2).grad().outputs == 2 * X


def test_numbers_in_a_float_out() -> None:
    assert type(sg.Function([X, Y], X * Y)(2.0, 3.0)) is float


@pytest.mark.parametrize(
    "declared",
    [(X, Y, Z), [X, Y, Z], sp.Tuple(X, Y, Z), sp.Matrix([X, Y, Z]), sp.Matrix([[X, Y, Z]]), sp.Array([X, Y, Z])],
    ids=lambda d: type(d).__name__,
)
def test_several_variables_are_one_array_argument(declared: Any) -> None:
    F = sg.Function([declared], X * Y**2 * Z**3)
    assert F([2.0, 3.0, 1.0]) == 18.0
    assert F.grad(declared)(np.array([2.0, 3.0, 1.0])).tolist() == [9.0, 12.0, 54.0]


def test_the_gradient_by_an_array_argument_is_one_array() -> None:
    assert sg.Function([(X, Y, Z)], PRODUCT).grad((X, Y, Z))([1, 2, 3]).shape == (3,)


def test_a_list_names_the_same_argument_as_a_tuple() -> None:
    F = sg.Function([(X, Y), Z], X * Y * Z)
    assert F.grad([X, Y]).outputs == F.grad((X, Y)).outputs


def test_an_element_of_an_array_argument_is_a_variable_of_its_own() -> None:
    assert sg.Function([(X, Y), Z], X * Y * Z).grad(X).outputs == Y * Z


def test_arrays_and_scalars_may_be_named_together() -> None:
    dx, dz = sg.Function([(X, Y), Z], X * Y * Z).grad([(X, Y), Z])([2.0, 3.0], 5.0)
    assert dx.tolist() == [15.0, 10.0]
    assert dz == 6.0


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda F: F(2.0, 3.0, 0.0), 6.0),
        (lambda F: F(2, 3, 0), 6.0),
        (lambda F: F(x=2.0, y=3.0, z=0.0), 6.0),
        (lambda F: F(2.0, z=0.0, y=3.0), 6.0),
        (lambda F: F(np.float64(2), np.int32(3), np.float32(0)), 6.0),
        (lambda F: F(True, 3, False), 3.0),
        (lambda F: F(Fraction(1, 2), sp.Rational(1, 2), sp.Integer(0)), 0.25),
        (lambda F: F(2**70, 2.0**-70, 0), 1.0),
        (lambda F: F(np.array(2.0), 3.0, 0.0), 6.0),
    ],
)
def test_scalars_are_taken_by_position_and_by_name(call: Any, value: float) -> None:
    assert call(sg.Function([X, Y, Z], PRODUCT)) == value


def test_an_argument_may_be_named_self() -> None:
    assert sg.Function([sp.Symbol("self"), X], sp.Symbol("self") * X)(self=2.0, x=3.0) == 6.0


def test_an_array_argument_is_taken_by_name() -> None:
    F = sg.Function([(X, Y), Z], X * Y * Z)
    assert F(arg0=[2, 3], z=5) == 30.0


def test_a_matrix_argument_takes_a_matrix() -> None:
    matrix = sp.Matrix([[X, Y], [Z, T]])
    F = sg.Function([matrix], matrix.det())
    assert F([[1, 2], [3, 4]]) == -2.0
    assert F.grad(matrix)([[1, 2], [3, 4]]).tolist() == [[4, -3], [-2, 1]]


def test_a_matrix_symbol_of_integer_sizes_takes_a_matrix() -> None:
    A = sp.MatrixSymbol("A", 2, 2)
    F = sg.Function([A], A.as_explicit().det())
    assert F(A=[[1, 2], [3, 4]]) == -2.0
    assert F.grad(A)([[1, 2], [3, 4]]).tolist() == [[4, -3], [-2, 1]]


@pytest.mark.parametrize("shape", [(3, 1), (1, 3)])
def test_a_column_and_a_row_are_vectors(shape: tuple[int, int]) -> None:
    v = sp.MatrixSymbol("v", *shape)
    F = sg.Function([v], sum(e**2 for e in v.as_explicit()))
    for value in ([1, 2, 3], [[1], [2], [3]]):
        assert F(value) == 14.0
        assert F.grad(v)(value).tolist() == [2, 4, 6]


def test_arrays_of_symbols_with_indices_are_arguments() -> None:
    w, V = sp.IndexedBase("w", shape=(3,)), ArraySymbol("V", (2, 2))
    F = sg.Function([w, V], w[0] * w[2] * V[1, 0])
    assert F([2, 0, 3], [[0, 0], [5, 0]]) == 30.0
    assert F.grad(V)([2, 0, 3], [[0, 0], [5, 0]]).tolist() == [[0, 0], [6, 0]]


def test_functions_of_time_and_their_derivatives_are_arguments() -> None:
    energy = sg.Function([THETA, OMEGA], OMEGA**2 / 2 - sp.cos(THETA))
    assert energy.grad([THETA, OMEGA]).outputs == (sp.sin(THETA), OMEGA)
    assert energy(0.0, 2.0) == 1.0


def test_arguments_that_the_expression_does_not_hold_are_allowed() -> None:
    assert sg.Function([X, Y], X)(2.0, 7.0) == 2.0


def test_two_symbols_that_print_alike_are_two_arguments() -> None:
    a, b = sp.Symbol("x"), sp.Symbol("x", positive=True)
    F = sg.Function([a, b], a - b)
    assert F(5.0, 3.0) == 2.0
    assert F(np.array([5.0]), 3.0).tolist() == [2.0]


def test_a_function_without_arguments_has_a_value() -> None:
    assert sg.Function([], sp.pi)() == np.pi


# -- results ----------------------------------------------------------------------------------------------------------


def test_nested_outputs_come_back_nested() -> None:
    F = sg.Function([X], {"a": X, "b": [X**2, (X**3, sp.Matrix([[X, 1], [2, X]]))]})
    result = F(2.0)
    assert list(result) == ["a", "b"]
    assert result["a"] == 2.0
    assert type(result["b"]) is list
    assert type(result["b"][1]) is tuple
    assert result["b"][1][1].tolist() == [[2, 1], [2, 2]]


def test_symbols_may_be_the_keys_of_a_dict() -> None:
    assert sg.Function([X], {X: X**2})(3.0) == {X: 9.0}


@pytest.mark.parametrize(
    ("outputs", "shape"),
    [
        (sp.Matrix([X, Y]), (2,)),
        (sp.Matrix([[X, Y]]), (2,)),
        (sp.Matrix([[X, Y], [1, 2]]), (2, 2)),
        (sp.Matrix([[X, Y, 1], [1, 2, 3]]), (2, 3)),
        (sp.Array([[[X, Y]]]), (1, 1, 2)),
        (np.array([X, 1, 2.5, Y]), (4,)),
        (sp.zeros(3, 4), (3, 4)),
    ],
    ids=str,
)
def test_an_array_of_expressions_is_an_array_of_numbers(outputs: Any, shape: tuple[int, ...]) -> None:
    F = sg.Function([X, Y], outputs)
    assert F(1.0, 2.0).shape == shape
    assert F(np.ones((5, 1)), np.ones(4)).shape == (5, 4, *shape)


def test_a_single_output_in_a_list_stays_in_it() -> None:
    assert sg.Function([X], [X**2])(3.0) == [9.0]
    assert sg.Function([X], (X**2,))(3.0) == (9.0,)


def test_no_output_is_an_empty_structure() -> None:
    assert sg.Function([X], [])(1.0) == []


@pytest.mark.parametrize("constant", [0, 3, sp.pi, sp.Rational(1, 2)])
def test_a_constant_has_the_shape_of_the_batch(constant: Any) -> None:
    assert sg.Function([X], constant)(np.ones((2, 3))).tolist() == np.full((2, 3), float(constant)).tolist()


def test_a_gradient_that_is_zero_has_the_shape_of_its_variable() -> None:
    dy = sg.Function([X, (Y, Z)], X**2).grad((Y, Z))
    assert dy.outputs == sp.zeros(2, 1)
    assert dy(1.0, [1.0, 2.0]).tolist() == [0.0, 0.0]


def test_a_gradient_that_is_zero_has_the_axes_of_the_batch() -> None:
    assert sg.Function([X, (Y, Z)], X**2).grad((Y, Z))(np.ones(4), [1.0, 2.0]).tolist() == [[0.0, 0.0]] * 4


def test_value_and_gradient_come_together() -> None:
    value, gradient = sg.Function([X, Y], X**2 * Y).value_and_grad([X, Y])(3.0, 2.0)
    assert (value, gradient) == (18.0, (12.0, 9.0))


def test_value_and_gradient_share_their_nodes() -> None:
    F = sg.Function([X], sp.exp(sp.sin(X)))
    assert len(F.value_and_grad().nodes) < len(F.nodes) + len(F.grad().nodes)


# -- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        ((4,), (), (4,)),
        ((), (4,), (4,)),
        ((4,), (4,), (4,)),
        ((5, 1), (4,), (5, 4)),
        ((2, 1, 3), (7, 1), (2, 7, 3)),
        ((0,), (1,), (0,)),
    ],
)
def test_batches_broadcast_as_numpy_does(a: Any, b: Any, shape: Any) -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=a), draw.normal(size=b)
    result = sg.Function([X, Y], X - 2 * Y)(x, y)
    assert result.shape == shape
    assert np.allclose(result, x - 2 * y, rtol=1e-15, atol=1e-15)


def test_batch_axes_stand_before_the_axes_of_an_array_argument() -> None:
    F = sg.Function([(X, Y), Z], X * Y + Z)
    v = np.arange(12.0).reshape(2, 3, 2)
    assert F(v, np.ones(3)).tolist() == (v[..., 0] * v[..., 1] + 1).tolist()
    assert F.grad((X, Y))(v, 0.0).tolist() == v[..., ::-1].tolist()


def test_every_output_of_several_has_the_axes_of_the_batch() -> None:
    a, b = sg.Function([X, Y], (X, 3))(np.ones(4), np.ones((2, 1)))
    assert a.shape == b.shape == (2, 4)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: np.asfortranarray(a),
        lambda a: a[::-1],
        lambda a: a[:, ::2],
        lambda a: a.T,
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.int64),
        lambda a: a.astype(">f8"),
        lambda a: a.tolist(),
        lambda a: np.frombuffer(b"\0" + a.tobytes(), np.float64, a.size, 1),
    ],
    ids=[
        "fortran",
        "reversed",
        "strided",
        "transposed",
        "zero stride",
        "float32",
        "int64",
        "big endian",
        "list",
        "unaligned",
    ],
)
def test_the_layout_of_an_array_does_not_matter(view: Any) -> None:
    a = view(np.arange(12.0).reshape(3, 4))
    before = copy.deepcopy(a)
    result = sg.Function([X], X**2 + 1)(a)
    assert result.tolist() == (np.asarray(a, dtype=float) ** 2 + 1).tolist()
    assert np.array_equal(a, before)


def test_read_only_arrays_are_read() -> None:
    a = np.ones(3)
    a.flags.writeable = False
    assert sg.Function([X], 2 * X)(a).tolist() == [2.0] * 3


def test_a_result_is_an_array_of_its_own() -> None:
    a = np.ones(3)
    assert not np.shares_memory(sg.Function([X], X)(a), a)


def test_a_second_call_gives_the_same_bits() -> None:
    a = np.random.default_rng(0).normal(size=100)
    F = sg.Function([X], sp.exp(sp.sin(X)) / (1 + X**2)).grad()
    assert F(a).tobytes() == F(a).tobytes()


# -- out --------------------------------------------------------------------------------------------------------------


def test_out_takes_the_result() -> None:
    out = np.empty((2, 3))
    assert sg.Function([X, Y], X + Y)(np.ones((2, 1)), np.ones(3), out=out) is out
    assert out.tolist() == [[2.0] * 3] * 2


def test_out_is_in_the_structure_of_the_result() -> None:
    out = {"a": np.empty(3), "b": (np.empty((3, 2)),)}
    sg.Function([X], {"a": X, "b": (sp.Matrix([X, 1]),)})(np.arange(3.0), out=out)
    assert out["a"].tolist() == [0, 1, 2]
    assert out["b"][0].tolist() == [[0, 1], [1, 1], [2, 1]]


def test_out_of_a_single_point_is_an_array_without_axes() -> None:
    out = np.empty(())
    sg.Function([X], X**2)(3.0, out=out)
    assert out == 9.0


def test_out_may_be_strided() -> None:
    out = np.zeros(6)
    sg.Function([X], X**2)(np.arange(3.0), out=out[::2])
    assert out.tolist() == [0, 0, 1, 0, 4, 0]


def _read_only() -> np.ndarray:
    array = np.empty(3)
    array.flags.writeable = False
    return array


SHARED = np.ones(3)


@pytest.mark.parametrize(
    ("out", "text"),
    [
        (np.empty(4), r"out\[0\] cannot take the result, got float64 of \(4,\), wanted float64 of \(3,\)"),
        (np.empty((3, 1)), "cannot take the result"),
        (np.empty(3, np.float32), "cannot take the result, got float32"),
        (np.empty(3, np.int64), "cannot take the result, got int64"),
        ([1.0, 2.0, 3.0], r"out\[0\] is no array, got list"),
        (_read_only(), r"out\[0\] is read-only; pass a writeable array"),
        (SHARED, r"out\[0\] overlaps an input or another output; pass an array of its own"),
        (SHARED[::-1], "overlaps an input"),
    ],
    ids=["long", "axes", "float32", "int64", "list", "read-only", "input", "reversed input"],
)
def test_out_that_cannot_take_the_result_is_an_error(out: Any, text: str) -> None:
    before = SHARED.copy()
    with pytest.raises(sg.OutputError, match=text):
        sg.Function([X], X**2)(SHARED, out=out)
    assert np.array_equal(SHARED, before)


def test_two_outputs_may_not_be_one_array() -> None:
    out = np.empty(3)
    with pytest.raises(sg.OutputError, match=r"out\[1\] overlaps"):
        sg.Function([X], (X, X**2))(np.ones(3), out=(out, out))


@pytest.mark.parametrize(
    "out", [np.empty(()), (np.empty(()),), {"a": np.empty(())}, 3], ids=["array", "short", "dict", "number"]
)
def test_out_of_another_structure_is_an_error(out: Any) -> None:
    with pytest.raises(sg.OutputError, match=r"out is not in the structure of the result|is no array"):
        sg.Function([X], [X, X**2])(1.0, out=out)


# -- derivatives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "outputs", "wrt", "shape"),
    [
        ([X, Y], [X * Y, X, Y], [X, Y], (3, 2)),
        ([X, Y], (X * Y, X, Y), X, (3,)),
        ([X, Y], X * Y, [X, Y], (2,)),
        ([X, Y], X * Y, X, ()),
        ([(X, Y)], sp.Matrix([X * Y, X, Y]), (X, Y), (3, 2)),
        ([(X, Y)], sp.Matrix([[X, Y], [1, X * Y]]), (X, Y), (2, 2, 2)),
        ([sp.Matrix([[X, Y], [Z, T]])], sp.Matrix([X * Y, Z * T]), None, (2, 2, 2)),
        ([(X, Y), Z], [X * Y, Z], [(X, Y), Z], (2, 3)),
        ([X, Y], sp.zeros(2, 3), [X, Y], (2, 3, 2)),
    ],
    ids=str,
)
def test_a_jacobian_has_the_shape_of_the_output_and_then_of_the_variable(
    args: Any, outputs: Any, wrt: Any, shape: Any
) -> None:
    J = sg.Function(args, outputs).jacobian(wrt)
    point = [np.ones(a.shape) if a.shape else 1.0 for a in J.arguments]
    assert np.shape(J(*point)) == shape
    assert np.shape(J(*[np.ones((4, *a.shape)) for a in J.arguments])) == (4, *shape)


def test_the_jacobian_of_nested_outputs_is_nested() -> None:
    J = sg.Function([X, Y], {"a": X * Y, "b": [X**2, sp.Matrix([X, Y])]}).jacobian([X, Y]).outputs
    assert {"a": sp.Matrix([Y, X]), "b": [sp.Matrix([2 * X, 0]), sp.eye(2)]} == J


@pytest.mark.parametrize(
    ("wrt", "shape"), [(X, ()), ((Y, Z), (2, 2)), ([X], (1, 1)), ([X, Y], (2, 2)), ([X, (Y, Z)], (3, 3))], ids=str
)
def test_a_hessian_has_the_shape_of_its_variable_twice(wrt: Any, shape: Any) -> None:
    H = sg.Function([X, (Y, Z)], X**2 * Y * sp.sin(Z)).hessian(wrt)
    assert np.shape(H(1.0, [2.0, 3.0])) == shape


def test_a_jacobian_vector_product_takes_a_vector_for_each_variable() -> None:
    P = sg.Function([X, (Y, Z)], [X * Y, Z**2]).jvp([X, (Y, Z)])
    assert [a.shape for a in P.arguments] == [(), (2,), (), (2,)]
    assert P(2.0, [3.0, 5.0], 1.0, [10.0, 100.0]) == [23.0, 1000.0]


def test_a_vector_jacobian_product_takes_a_vector_for_each_output() -> None:
    P = sg.Function([X, (Y, Z)], [X * Y, Z**2]).vjp([X, (Y, Z)])
    assert [a.shape for a in P.arguments] == [(), (2,), (), ()]
    dx, dy = P(2.0, [3.0, 5.0], 1.0, 10.0)
    assert dx == 3.0
    assert dy.tolist() == [2.0, 100.0]


def test_a_hessian_vector_product_takes_a_vector_for_each_variable() -> None:
    P = sg.Function([(X, Y)], X**2 * Y).hvp((X, Y))
    assert P([2.0, 3.0], [1.0, 10.0]).tolist() == [46.0, 4.0]


def test_the_vector_has_a_name_that_is_free() -> None:
    v = sp.Symbol("v")
    assert [a.name for a in sg.Function([v], v**2).jvp(v).arguments] == ["v", "v_"]


def test_the_vector_is_taken_by_name() -> None:
    assert sg.Function([X], X**3).hvp()(x=2.0, v=10.0) == 120.0


def test_a_derivative_is_a_function_of_the_same_arguments() -> None:
    F = sg.Function([X, (Y, Z)], X * Y * Z)
    assert F.grad(X).arguments == F.arguments


def test_derivatives_are_differentiated_again() -> None:
    F = sg.Function([X, Y], X**4 * Y**2)
    assert F.grad(X).grad(X).grad(Y).outputs == 24 * X**2 * Y
    assert F.hessian([X, Y]).jacobian(X).outputs == sp.Matrix(
        [[24 * X * Y**2, 24 * X**2 * Y], [24 * X**2 * Y, 8 * X**3]]
    )


# -- errors -----------------------------------------------------------------------------------------------------------

DECLARATIONS = [
    (
        lambda: sg.Function([X], X * Y),
        sg.ArgumentError,
        "holds a variable that is not among the arguments, got y, wanted x",
    ),
    (lambda: sg.Function([X, X], X), sg.ArgumentError, "a variable stands twice among the arguments, got x"),
    (lambda: sg.Function([X, (X, Y)], X), sg.ArgumentError, "a variable stands twice"),
    (lambda: sg.Function([X**2], X), sg.UnsupportedExpression, r"an argument that is no variable, got x\*\*2"),
    (lambda: sg.Function("x", X), sg.UnsupportedExpression, "an argument that is no variable, got str 'x'"),
    (lambda: sg.Function([None], X), sg.UnsupportedExpression, "an argument that is no variable, got NoneType"),
    (lambda: sg.Function([3], X), sg.UnsupportedExpression, "an argument that is no variable, got int 3"),
    (lambda: sg.Function([[[X], [Y]]], X), sg.UnsupportedExpression, "a list within a list of symbols"),
    (lambda: sg.Function([sp.Symbol("q", commutative=False)], 1), sg.UnsupportedExpression, "does not commute"),
    (lambda: sg.Function([sp.IndexedBase("w")], 1), sg.UnsupportedExpression, "an array without a shape"),
    (lambda: sg.Function([X], "x**2"), sg.UnsupportedExpression, "text is not parsed"),
    (lambda: sg.Function([X], None), sg.UnsupportedExpression, "this is no SymPy expression, got NoneType"),
    (lambda: sg.Function([X], [X, sp.I]), sg.ComplexInput, "the imaginary unit"),
    (
        lambda: sg.Function([X, Y], [X, Y]).grad(X),
        sg.ObjectiveError,
        "a gradient needs one scalar output, got 2 outputs",
    ),
    (lambda: sg.Function([X], sp.Matrix([X, X])).hessian(), sg.ObjectiveError, "use jacobian, jvp or vjp"),
    (lambda: sg.Function([X], {"a": X}).value_and_grad().grad(), sg.ObjectiveError, "needs one scalar output"),
    (
        lambda: sg.Function([X], [1, X < 1]),
        sg.UnsupportedExpression,
        r"an output that is a truth value, got <; write Piecewise",
    ),
    (
        lambda: sg.Function([X, Y], X).grad(),
        sg.VariableError,
        "which variable to differentiate by.*one or a list of: x, y",
    ),
    (
        lambda: sg.Function([X, Y], X).grad(Z),
        sg.VariableError,
        "wrt is not among the arguments, got z, wanted one or a list of: x, y",
    ),
    (lambda: sg.Function([X, Y], X).grad(X**2), sg.VariableError, r"wrt is not among the arguments, got x\*\*2"),
    (lambda: sg.Function([X, Y], X).grad("x"), sg.VariableError, "got str 'x'"),
    (lambda: sg.Function([X, Y], X).grad(0), sg.VariableError, "got int 0"),
    (lambda: sg.Function([X, Y], X).grad([]), sg.VariableError, "wrt is not among the arguments"),
    (lambda: sg.Function([X, Y], X).grad([X, X]), sg.VariableError, "a variable is named twice"),
    (lambda: sg.Function([(X, Y)], X).grad([(X, Y), X]), sg.VariableError, "a variable is named twice"),
    (
        lambda: sg.Function([X, Y], sp.besselj(X, Y)).grad(X),
        sg.UndefinedDerivative,
        r"besselj has no derivative by its argument 1",
    ),
]


@pytest.mark.parametrize(("build", "kind", "text"), DECLARATIONS)
def test_a_wrong_declaration_is_an_error(build: Any, kind: type[sg.SymgradError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        build()
    assert type(caught.value) is kind


CALLS: list[tuple[tuple[Any, ...], dict[str, Any], type[sg.SymgradError], str]] = [
    ((1.0,), {}, sg.ArgumentError, "an argument is missing, got 1 of 2, wanted y"),
    ((), {}, sg.ArgumentError, "an argument is missing, got 0 of 2, wanted x, y"),
    ((1.0, 2.0, 3.0), {}, sg.ArgumentError, "too many arguments, got 3, wanted 2: x, y"),
    ((1.0,), {"q": 2.0}, sg.ArgumentError, "no argument of this name, got 'q', wanted x, y"),
    ((1.0, 2.0), {"x": 2.0}, sg.ArgumentError, "an argument is given twice, got x"),
    ((1j, 1.0), {}, sg.ComplexInput, "argument x is complex, got complex128, wanted real numbers"),
    ((1.0, np.ones(2, np.complex64)), {}, sg.ComplexInput, "argument y is complex, got complex64"),
    ((np.array([1.0, None]), 1.0), {}, sg.DTypeError, "argument x is of type object"),
    ((None, 1.0), {}, sg.DTypeError, "argument x is of type object, got None, wanted numbers"),
    (("1", 1.0), {}, sg.DTypeError, "argument x is text, got '1', wanted numbers"),
    ((np.array(["a"]), 1.0), {}, sg.DTypeError, "argument x is text"),
    ((b"1", 1.0), {}, sg.DTypeError, "argument x is text"),
    ((Decimal(1), 1.0), {}, sg.DTypeError, "argument x is of type object"),
    ((np.array(["2020"], "M8[Y]"), 1.0), {}, sg.DTypeError, r"of type datetime64\[Y\]"),
    ((np.zeros(1, [("a", "f8")]), 1.0), {}, sg.DTypeError, "of type"),
    ((X, 1.0), {}, sg.DTypeError, "argument x is of type object, got x"),
    (
        (np.ma.array([1.0, 2.0], mask=[0, 1]), 1.0),
        {},
        sg.DTypeError,
        r"argument x is a masked array, wanted plain arrays; use",
    ),
    (
        (scipy.sparse.csr_matrix([[1.0]]), 1.0),
        {},
        sg.DTypeError,
        r"argument x is a sparse matrix, wanted a dense array; use",
    ),
    (([[1, 2], [3]], 1.0), {}, sg.ShapeError, "argument x is a ragged list"),
    ((np.ones(3), np.ones(4)), {}, sg.ShapeError, r"batch axes that do not broadcast, got x \(3,\), y \(4,\)"),
]


@pytest.mark.parametrize(("args", "named", "kind", "text"), CALLS)
def test_a_wrong_call_is_an_error(args: Any, named: Any, kind: type[sg.SymgradError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        sg.Function([X, Y], X * Y)(*args, **named)
    assert type(caught.value) is kind


@pytest.mark.parametrize("value", [3.0, [1, 2, 3], [[1, 2, 3]], np.ones((2, 3)), np.ones((4, 2, 3)), []], ids=str)
def test_an_array_of_another_shape_is_an_error(value: Any) -> None:
    with pytest.raises(
        sg.ShapeError, match=r"argument arg0 has another shape, got \(.*\), wanted \(2,\), with any batch axes before"
    ):
        sg.Function([(X, Y)], X * Y)(value)


def test_an_argument_that_is_named_by_two_symbols_cannot_be_given_by_name() -> None:
    F = sg.Function([sp.Symbol("x"), sp.Symbol("x", positive=True)], 1)
    with pytest.raises(sg.ArgumentError, match="several arguments of this name, got x; give them by position"):
        F(1.0, x=2.0)


def test_a_call_after_an_error_is_right() -> None:
    F = sg.Function([X, Y], X * Y)
    with pytest.raises(sg.DTypeError):
        F("1", 2.0)
    assert F(1.0, 2.0) == 2.0


def test_numpys_error_state_and_warnings_are_as_before() -> None:
    before = np.geterr()
    sg.Function([X], sp.log(X) / X)(np.array([0.0, -1.0]))
    assert np.geterr() == before


@pytest.mark.parametrize(("x", "value"), [(0.0, -np.inf), (-1.0, np.nan), (np.nan, np.nan), (np.inf, np.inf)])
def test_what_has_no_value_is_nan_or_infinite_and_nothing_raises(x: float, value: float) -> None:
    assert np.array_equal(sg.Function([X], sp.log(X))(x), value, equal_nan=True)


# -- copies -----------------------------------------------------------------------------------------------------------


def function_to_copy() -> sg.Function:
    return sg.Function([(X, Y), Z], {"a": sp.exp(X * Y) + sp.Max(X, Z), "b": (sp.log(1 + sp.exp(Z)),)}, name="g")


@pytest.mark.parametrize(
    "copied",
    [
        lambda F: pickle.loads(pickle.dumps(F)),
        copy.copy,
        copy.deepcopy,
        lambda F: cloudpickle.loads(cloudpickle.dumps(F)),
    ],
    ids=["pickle", "copy", "deepcopy", "cloudpickle"],
)
def test_a_copy_is_the_same_function(copied: Any) -> None:
    F = function_to_copy()
    F([1.0, 2.0], 3.0)
    G = copied(F)
    assert G.outputs == F.outputs
    assert str(G) == str(F)
    assert G.applied == F.applied
    assert G([1.0, 2.0], 3.0) == F([1.0, 2.0], 3.0)
    assert G.jacobian(Z).outputs == F.jacobian(Z).outputs


def test_a_pickle_holds_no_more_than_the_outputs_need() -> None:
    F = sg.Function([X], sp.sin(X))
    size = len(pickle.dumps(F))
    for _ in range(5):
        F.hessian()
    assert len(pickle.dumps(F)) == size


def test_a_pickle_of_a_long_chain_does_not_recurse() -> None:
    e = X
    with sp.evaluate(False):
        for _ in range(5_000):
            e = sp.sin(e)
    F = sg.Function([X], e)
    assert len(pickle.loads(pickle.dumps(F)).nodes) == 5_001


def test_a_fresh_process_reads_a_pickle(tmp_path: Any) -> None:
    (tmp_path / "f.pickle").write_bytes(pickle.dumps(rosenbrock().value_and_grad()))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))([1.0, 2.0])[1].tolist())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "f.pickle")],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert run.stdout.strip() == "[-400.0, 200.0]"


def test_many_threads_may_make_the_first_call() -> None:
    F = sg.Function([X], sp.exp(X) * sp.sin(X)).grad()
    results: list[float] = []
    threads = [threading.Thread(target=lambda: results.append(F(0.5))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 16
    assert len(set(results)) == 1


# -- SciPy and Numba --------------------------------------------------------------------------------------------------


def test_scipy_minimizes_with_value_gradient_and_hessian_products() -> None:
    F = rosenbrock()
    found = scipy.optimize.minimize(
        F.value_and_grad(), [-1.2, 1.0], jac=True, hessp=F.hvp(), method="trust-ncg", options={"gtol": 1e-12}
    )
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-9)


def test_scipy_takes_the_hessian() -> None:
    F = rosenbrock()
    found = scipy.optimize.minimize(F, [-1.2, 1.0], jac=F.grad(), hess=F.hessian(), method="trust-exact", tol=1e-12)
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-9)


def test_scipy_solves_a_stiff_equation_with_the_jacobian() -> None:
    mu = 100
    F = sg.Function([T, (X, Y)], [Y, mu * (1 - X**2) * Y - X])
    J = F.jacobian((X, Y))
    solution = solve_ivp(F, (0, 10), [2.0, 0.0], method="Radau", jac=J, rtol=1e-8, atol=1e-10)
    assert solution.success
    assert J(0.0, [2.0, 0.0]).tolist() == [[0, 1], [-1, -300]]


def test_scipy_fits_least_squares_with_the_jacobian() -> None:
    times = np.linspace(0, 1, 8)
    residuals = sg.Function([(X, Y)], [X * sp.exp(-Y * t) - 3 * np.exp(-2 * t) for t in times.tolist()])
    found = scipy.optimize.least_squares(residuals, [1.0, 1.0], jac=residuals.jacobian())
    assert found.x == pytest.approx([3.0, 2.0], abs=1e-8)


def test_scipy_finds_a_root_with_the_jacobian() -> None:
    F = sg.Function([(X, Y)], [X**2 + Y**2 - 1, X - Y])
    found = scipy.optimize.root(F, [1.0, 0.5], jac=F.jacobian())
    assert found.x == pytest.approx([0.5**0.5] * 2, abs=1e-10)


def test_scipy_fits_a_curve_with_the_jacobian_over_all_points() -> None:
    model = sg.Function([T, X, Y], X * sp.exp(-Y * T))
    times = np.linspace(0, 1, 20)
    found, _ = scipy.optimize.curve_fit(model, times, 3 * np.exp(-2 * times), p0=[1.0, 1.0], jac=model.jacobian([X, Y]))
    assert found == pytest.approx([3.0, 2.0], abs=1e-8)


def test_a_kernel_is_called_from_numba_code() -> None:
    import numba

    kernel = sg.Function([X, Y], X**2 * Y).value_and_grad([X, Y]).kernel.njit

    @numba.njit
    def total(n: int) -> float:
        result = 0.0
        for i in range(n):
            value, dx, dy = kernel(float(i), 2.0)
            result += value + dx + dy
        return result

    assert total(4) == sum(2 * i**2 + 4 * i + i**2 for i in range(4))


def test_an_exact_number_of_sympys_is_a_value() -> None:
    assert sg.Function([X], 2 * X)(sp.pi) == 2 * math.pi


@pytest.mark.parametrize("value", [sp.I, sp.zoo, 1 + sp.sqrt(2) * sp.I], ids=str)
def test_a_complex_number_of_sympys_is_an_error_of_its_own(value: sp.Expr) -> None:
    with pytest.raises(sg.ComplexInput):
        sg.Function([X], 2 * X)(value)
