"""What hurt people in public threads, each as a test named for its thread: the project, its number, the pain."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import cloudpickle
import numba
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import sympy as sp
from scipy import LowLevelCallable
from sympy.physics.mechanics import ReferenceFrame
from sympy.tensor.array.expressions import ArraySymbol

import symgrad as sg

X, Y, Z = sp.symbols("x y z")
T = sp.Symbol("t")
THETA = sp.Function("theta")(T)
OMEGA = THETA.diff(T)
ALPHA = OMEGA.diff(T)
LINE = np.linspace(-2.0, 2.0, 5)


# -- names ------------------------------------------------------------------------------------------------------------


def test_sympy_25043_a_symbol_named_as_an_intermediate() -> None:
    c, x0 = sp.Symbol("c"), sp.Symbol("x0", real=True)
    assert sg.lambdify((c, x0), c * x0**2 + c * (x0**4 - x0**2), cse=True)(1, 2) == 16.0


@pytest.mark.parametrize(
    "name", ["lambda", "exp", "np", "for", "x y", "a\nb", '"""', "", "α", "1", r"\alpha", "f", "__import__('os')"]
)
def test_sympy_7249_7427_a_symbol_that_is_no_identifier(name: str) -> None:
    x = sp.Symbol(name)
    F = sg.Function([x, Y], x**2 * sp.exp(Y), name="f")
    assert F.grad(x)(3.0, 0.0) == 6.0
    assert F(**{name: 3.0, "y": 0.0}) == 9.0


def test_sympy_24990_a_name_is_never_run_as_code(tmp_path: Path) -> None:
    target = tmp_path / "written"
    x = sp.Symbol(f"__import__('pathlib').Path({str(target)!r}).touch()")
    F = sg.Function([x], sp.sin(x), name=x.name)
    F(1.0), F(np.ones(3)), F.source, str(F), F.latex(), F.explain([1.0])
    exec(F.source, {})
    assert not target.exists()


def test_sympy_26404_two_symbols_that_print_alike() -> None:
    a, b = sp.Symbol("x"), sp.Symbol("x", positive=True)
    F = sg.Function([a, b], a / b)
    assert F(6.0, 3.0) == 2.0
    assert F.grad([a, b])(6.0, 3.0) == pytest.approx((1 / 3, -2 / 3), rel=1e-15)


# -- functions of time ------------------------------------------------------------------------------------------------


def test_sympy_10844_13753_17656_a_function_and_its_derivatives_are_arguments() -> None:
    f = sg.lambdify((THETA, OMEGA, ALPHA), THETA + 10 * OMEGA + 100 * ALPHA)
    assert f(1.0, 2.0, 3.0) == 321.0


@pytest.mark.parametrize("arguments", [(THETA, OMEGA), (OMEGA, THETA)], ids=["before", "after"])
def test_sympy_27006_26404_derivatives_as_arguments_with_shared_parts(arguments: Any) -> None:
    f = sg.lambdify(arguments, sp.sin(THETA + OMEGA) + sp.cos(THETA + OMEGA), cse=True)
    assert f(0.25, 0.5) == pytest.approx(math.sin(0.75) + math.cos(0.75), rel=1e-15)


def test_sympy_23536_23809_columns_of_functions_as_arguments() -> None:
    q, u = sp.Matrix([THETA, T]), sp.Matrix([OMEGA])
    f = sg.lambdify((q, u), (sp.Matrix([[THETA * OMEGA]]), sp.Matrix([T + OMEGA, T])), cse=True)
    mass, forcing = f(np.array([2.0, 3.0]), np.array([5.0]))
    assert mass.tolist() == [[10.0]]
    assert forcing.tolist() == [[8.0], [3.0]]


def test_sympy_17810_the_absolute_value_of_a_plain_symbol() -> None:
    derivative = sg.grad(sp.Abs(X), X)
    assert derivative == sp.sign(X)
    assert sg.Function([X], derivative)(7.0) == 1.0


def test_symengine_1696_the_derivative_of_abs_and_of_sign() -> None:
    assert sg.Function([X], sp.Abs(X) + sp.sign(X)).grad()(1.0) == 1.0


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", [sp.Integer(0), sp.Integer(2), sp.diff(X**2, X, 2), X / X, sp.pi], ids=str)
def test_sympy_5642_18347_24036_a_constant_keeps_the_shape_of_the_input(expression: Any) -> None:
    assert sg.lambdify(X, expression)(LINE).tolist() == [float(expression)] * 5


def test_sympy_27632_arrays_and_numbers_in_one_matrix() -> None:
    f = sg.lambdify((X, Y), sp.Matrix([[X, Y], [X + Y, Y**2]]), cse=True)
    assert f(np.ones(5), 10.0).tolist() == [[[1.0, 10.0], [11.0, 100.0]]] * 5


@pytest.mark.parametrize("shape", [(0, 1), (1, 0), (0, 0), (0, 3)], ids=str)
def test_sympy_27174_an_empty_matrix_keeps_its_shape(shape: tuple[int, int]) -> None:
    assert sg.lambdify(X, sp.Matrix(*shape, []))(1.0).shape == shape


def test_fiat_54_a_derivative_that_is_zero_keeps_the_shape() -> None:
    assert sg.Function([X, Y], X**2).grad(Y)(LINE, 1.0).tolist() == [0.0] * 5


def test_tensorflow_783_8478_36436_no_gradient_is_zero_and_not_none() -> None:
    dx, dy = sg.Function([X, (Y, Z)], X**2).value_and_grad([X, (Y, Z)])(3.0, [1.0, 2.0])[1]
    assert dx == 6.0
    assert dy.tolist() == [0.0, 0.0]


# -- branches ---------------------------------------------------------------------------------------------------------


def test_sympy_11306_19441_no_division_by_zero_in_a_branch_not_taken() -> None:
    p = sp.Piecewise((1 / X, Y < -1), (X, Y <= 1), (1 / X, True))
    F = sg.Function([X, Y], p)
    assert F(0, 1) == 0.0
    assert F.grad([X, Y])(0, 1) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        (sp.Piecewise((sp.log(-X), X < 0), (sp.log(X), True)), 10.0),
        (sp.Piecewise((sp.sqrt(X), X >= 0), (sp.sqrt(-X), True)), np.array([-1.2, 1.2])),
    ],
    ids=["sympy_14789", "sympy_28585"],
)
def test_sympy_14789_28585_15014_a_branch_not_taken_warns_of_nothing(expression: Any, at: Any) -> None:
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert np.all(np.isfinite(sg.Function([X], expression)(at)))
        assert np.all(np.isfinite(sg.Function([X], expression).grad()(at)))


def test_sympy_21611_an_extremum_in_a_branch_of_a_batch() -> None:
    f = sg.lambdify(Z, sp.Piecewise((0, Z < 0), (2 * Z + sp.Min(60, Z) ** 2 - sp.Min(45, Z), True)))
    assert f(np.array([-1.0, 50.0, 100.0])).tolist() == [0.0, 2555.0, 3755.0]


def test_jax_347_the_gradient_of_a_guarded_norm_at_zero() -> None:
    norm = sp.sqrt(X**2 + Y**2)
    F = sg.Function([X, Y], sp.Piecewise((norm, norm > 0.5), (1, True))).grad([X, Y])
    assert F(0.0, 0.0) == (0.0, 0.0)
    assert F(3.0, 4.0) == pytest.approx((0.6, 0.8), rel=1e-15)


def test_jax_1052_the_gradient_of_a_guarded_angle_at_the_origin() -> None:
    F = sg.Function([X, Z], sp.Piecewise((0, sp.Rational(1, 2) < Z), (sp.atan2(X, X), True))).grad(X)
    assert F(0.0, 1.0) == 0.0
    assert F(3.0, 0.0) == 0.0


def test_jax_5798_the_gradient_of_the_branch_beside_a_root() -> None:
    F = sg.Function([X], sp.Piecewise((X, X < 1), (sp.sqrt(X), True))).grad()
    assert F(np.array([0.0, 1e-9, 4.0])).tolist() == [1.0, 1.0, 0.25]


def test_tinygrad_12409_a_guarded_product_with_a_root() -> None:
    assert sg.Function([X], sp.Piecewise((0, sp.Eq(X, 0)), (X * sp.sqrt(X), True))).grad()(0.0) == 0.0


def test_jax_21723_the_gradient_of_the_square_of_a_norm_at_zero() -> None:
    assert sg.Function([X, Y], sp.sqrt(X**2 + Y**2) ** 2).grad([X, Y])(0.0, 0.0) == (0.0, 0.0)


# -- overflow ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [-2000.0, -30.0, 0.0, 30.0, 800.0, 1e10])
def test_sympy_12671_jax_13398_the_logarithm_of_one_plus_an_exponential(x: float) -> None:
    value, slope = sg.Function([X], sp.log(1 + sp.exp(X))).value_and_grad()(x)
    assert value == pytest.approx(float(np.logaddexp(0, x)), rel=1e-14)
    assert slope == pytest.approx(float(scipy.special.expit(x)), rel=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_jax_2107_1315_derivatives_of_softplus_at_zero(order: int) -> None:
    F = sg.Function([X], sp.log(1 + sp.exp(X)))
    for _ in range(order):
        F = F.grad()
    assert F(0.0) == [0.5, 0.25, 0.0, -0.125][order - 1]
    assert F(1000.0) == (1.0 if order == 1 else 0.0)


@pytest.mark.parametrize("x", [-1000.0, -1e-9, 0.0, 1e-9, 1000.0])
def test_keras_8524_the_logarithm_of_the_hyperbolic_cosine(x: float) -> None:
    value, slope = sg.Function([X], sp.log(sp.cosh(X))).value_and_grad()(x)
    assert value == pytest.approx(abs(x) - math.log(2) if abs(x) > 1 else x * x / 2, rel=1e-14)
    assert slope == math.tanh(x)


def test_theano_3162_cross_entropy_of_a_softmax_of_large_logits() -> None:
    total = sp.exp(X) + sp.exp(Y) + sp.exp(Z)
    F = sg.Function([(X, Y, Z)], -sp.log(sp.exp(X) / total)).value_and_grad()
    value, slope = F([0.0, 1000.0, -1000.0])
    assert value == 1000.0
    assert slope.tolist() == [-1.0, 1.0, 0.0]


def test_pytorch_2211_the_logarithm_of_a_sigmoid() -> None:
    F = sg.Function([X], sp.log(1 / (1 + sp.exp(-X)))).value_and_grad()
    assert F(-300.0) == (-300.0, 1.0)
    assert F(300.0) == pytest.approx((-math.exp(-300), math.exp(-300)), rel=1e-14)


def test_fate_65_the_slope_of_a_sigmoid_written_out() -> None:
    F = sg.Function([X], sp.exp(X) / (1 + sp.exp(X)) ** 2)
    assert F(1000.0) == 0.0
    assert F(30.0) == pytest.approx(math.exp(-30) / (1 + math.exp(-30)) ** 2, rel=1e-14)


@pytest.mark.parametrize("expression", [sp.log(1 + X), sp.exp(X) - 1], ids=str)
def test_tensor2tensor_1424_small_arguments_lose_no_digits(expression: Any) -> None:
    assert sg.Function([X], expression)(1e-18) == 1e-18


# -- Numba ------------------------------------------------------------------------------------------------------------


def test_sympy_26032_21083_numba_2328_a_piecewise_matrix_in_compiled_code() -> None:
    kernel = sg.Function([X], sp.Matrix([[sp.Piecewise((-X, X < 1), (X**2, True)), X]])).kernel.njit

    @numba.njit
    def total(values: np.ndarray) -> float:
        result = 0.0
        for value in values:
            result += kernel(value)[0]
        return result

    assert total(np.array([0.5, 3.0])) == 8.5


def test_numba_3346_a_piecewise_curve_as_a_c_function() -> None:
    speed = sp.Piecewise((sp.sqrt(4 * sp.sin(X) ** 2 + 4 * sp.cos(X) ** 2), sp.And(X >= 0, 2 * sp.pi >= X)), (0, True))
    callback = sg.Function([X], speed).kernel.cfunc("float64(float64)")
    length, _ = scipy.integrate.quad(LowLevelCallable(callback.ctypes), 0, math.pi)
    assert length == pytest.approx(2 * math.pi, rel=1e-12)


def test_numba_3086_1902_special_functions_in_compiled_code() -> None:
    kernel = sg.Function([X], sp.besselj(1, X) + sp.erfinv(X) + sp.polygamma(1, X)).value_and_grad().kernel.njit

    @numba.njit
    def value(x: float) -> float:
        return kernel(x)[0]

    assert value(0.5) == pytest.approx(
        scipy.special.jv(1, 0.5) + scipy.special.erfinv(0.5) + float(scipy.special.polygamma(1, 0.5)), rel=1e-14
    )


def test_numba_8565_autograd_47_newtons_method_with_derivatives_in_compiled_code() -> None:
    F = sg.Function([X], sp.cos(X) - X)
    step = F.value_and_grad().kernel.njit

    @numba.njit
    def root(x: float) -> float:
        for _ in range(20):
            value, slope = step(x)
            x -= value / slope
        return x

    assert root(1.0) == pytest.approx(0.7390851332151607, rel=1e-15)


# -- size -------------------------------------------------------------------------------------------------------------


def test_sympy_24673_many_terms() -> None:
    terms = [k * X**k * Y ** (k % 7) * sp.sin(Z + k) for k in range(1, 2_000)]
    F = sg.Function([X, Y, Z], sp.Add(*terms)).grad(X)
    expected = sum(k * k * 0.9 ** (k - 1) * 1.1 ** (k % 7) * math.sin(0.5 + k) for k in range(1, 2_000))
    assert F(0.9, 1.1, 0.5) == pytest.approx(expected, rel=1e-10)


def test_sympy_24673_deep_nesting() -> None:
    e = X
    with sp.evaluate(False):
        for _ in range(3_000):
            e = sp.sin(e) + X
    F = sg.Function([X], e)
    value = 0.5
    for _ in range(3_000):
        value = math.sin(value) + 0.5
    assert F(0.5) == pytest.approx(value, rel=1e-13)
    assert math.isfinite(F.grad()(0.5))


def test_sympy_8191_25801_the_jacobian_of_a_shared_chain_is_linear_in_its_length() -> None:
    sizes = []
    for links in (10, 20, 40):
        q = sp.symbols(f"q:{links}", real=True)
        angle, energy = sp.Integer(0), sp.Integer(0)
        for x in q:
            angle = sp.sin(angle + x)
            energy = energy + angle**2 * sp.cos(angle)
        sizes.append(len(sg.Function([q], energy).value_and_grad().nodes))
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_sympy_29946_12411_shared_parts_are_computed_once() -> None:
    part = sp.erf(sp.sin(X) * Y)
    F = sg.Function([X, Y], [part**k + part for k in range(1, 50)])
    assert sum(node.op.name == "erf" for node in F.nodes) == 1
    assert F.source.count("erf(") == 1


def test_sympy_29583_value_gradient_and_hessian_share_one_kernel() -> None:
    f = sp.exp(sp.sin(X) * Y)
    whole = sg.Function([X, Y], [f, sg.grad(f, [X, Y]), sg.hessian(f, [X, Y])])
    apart = sg.Function([X, Y], f)
    assert len(whole.nodes) < len(apart.value_and_grad([X, Y]).nodes) + len(apart.hessian([X, Y]).nodes)
    value, gradient, hessian = whole(0.5, 2.0)
    assert (value, gradient) == apart.value_and_grad([X, Y])(0.5, 2.0)
    assert hessian == pytest.approx(apart.hessian([X, Y])(0.5, 2.0), rel=1e-15)


def test_sympy_23692_a_physics_vector_is_an_error_and_no_recursion() -> None:
    with pytest.raises(sg.UnsupportedExpression, match="this is no SymPy expression, got Vector"):
        sg.lambdify(X, X * ReferenceFrame("r").x)


def test_sympy_26807_an_array_symbol_is_no_recursion() -> None:
    V = ArraySymbol("V", (2,))
    assert sg.lambdify([V], V[0] * V[1])([2.0, 3.0]) == 6.0
    assert sg.lambdify([V], V)([2.0, 3.0]).tolist() == [2.0, 3.0]
    with pytest.raises(sg.ArgumentError, match="got V"):
        sg.lambdify([], V)


# -- seeing, copying, special functions -------------------------------------------------------------------------------


def test_autograd_587_the_gradient_can_be_seen() -> None:
    F = sg.Function([X], X * sp.sin(X), name="wave").grad()
    assert str(F) == "wave_grad(x) = x*cos(x) + sin(x)"
    assert r"x \cos{\left(x \right)}" in F.latex()
    space: dict[str, Any] = {}
    exec(F.source, space)
    assert space["wave_grad"](0.5) == pytest.approx(F(0.5), rel=1e-15)


@pytest.mark.parametrize("tool", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_sympy_12023_dill_104_197_201_247_a_compiled_function_pickles(tool: Any) -> None:
    f = sg.lambdify((X, Y), sp.sqrt(2 * X) + Y)
    assert tool.loads(tool.dumps(f))(2, 2) == 4.0


def _value(job: tuple[Any, float]) -> float:
    function, x = job
    return float(function(x))


def test_tensorwaves_281_pysb_478_functions_cross_processes() -> None:
    F = sg.Function([X], X**3).grad()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map_async(_value, [(F, 2.0)]).get(timeout=120) == [12.0]  # a child that cannot unpickle hangs


def test_jax_38610_julia_160_the_derivative_by_the_order_of_a_bessel_function_is_an_error() -> None:
    F = sg.Function([X, Y], sp.besselj(X, Y))
    assert F.grad(Y)(1.5, 2.0) == pytest.approx(float(scipy.special.jvp(1.5, 2.0)), rel=1e-13)
    with pytest.raises(sg.UndefinedDerivative, match="no closed form by the order of a Bessel function"):
        F.grad(X)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_pytensor_1975_derivatives_of_third_order_and_above(order: int) -> None:
    F = sg.Function([X], sp.exp(2 * X) * sp.sin(X))
    for _ in range(order):
        F = F.grad()
    expected = ((2 + 1j) ** order * np.exp((2 + 1j) * 0.3)).imag
    assert F(0.3) == pytest.approx(expected, rel=1e-13)


def test_sympy_10784_9651_no_c_compiler_is_wanted() -> None:
    code = (
        "import sympy, symgrad; x = sympy.Symbol('x'); "
        "print(symgrad.Function(x, sympy.sin(x)*sympy.erfinv(x)).grad()(0.0))"
    )
    environment = {"PATH": "", "CC": "/nonexistent", "SYMGRAD_CACHE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "0.0"
