"""Users' own functions: registered ones, and a stranger's operation, defined here and nowhere else."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pytest
import sympy as sp
from mpmath import mp

import symgrad as sg
from symgrad.graph import Node
from symgrad.lower import kernel
from symgrad.ops.elementwise import OPERATIONS, Elementwise, Partial
from symgrad.ops.emitter import Emitter
from symgrad.to_sympy import to_sympy

X, Y = sp.symbols("x y")


class cube(sp.Function):
    """x**3: compiled by the user."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return 3 * self.args[0] ** 2


class blend(sp.Function):
    """x*y**2: plain Python, of two arguments, its derivative in terms of itself."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x, y = self.args
        return self / x if argindex == 1 else 2 * x * y


class half_known(sp.Function):
    """x + y, differentiable by its first argument only."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        if argindex == 1:
            return sp.Integer(1)
        raise sp.core.function.ArgumentIndexError(self, argindex)


class opaque(sp.Function):
    """Without fdiff."""


class unregistered(sp.Function):
    """Never registered."""


class digits(sp.Function):
    """Its own evalf knows many digits: sin x + 1."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.cos(self.args[0])

    def _eval_evalf(self, prec: int) -> Any:
        return (sp.sin(self.args[0]) + 1)._eval_evalf(prec)


class gauss_bump(sp.Function):
    """exp(-x**2), as a stranger's operation."""


@dataclass(frozen=True)
class GaussBump(Elementwise):
    """y = exp(-x**2),  dy/dx = -2 x y."""

    sympy = gauss_bump
    numpy = staticmethod(lambda x: np.exp(-x * x))
    mpmath = staticmethod(lambda x: mp.exp(-x * x))

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        return (-2 * x * y,)

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        return t.libm("exp", t.neg(t.mul(x, x)))


@numba.njit
def compiled_cube(x: float) -> float:
    return x * x * x


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    sg.register(cube, compiled_cube)
    sg.register(blend, lambda x, y: x * y**2)
    sg.register(half_known, lambda x, y: x + y)
    sg.register(opaque, math.tanh)
    sg.register(digits, lambda x: math.sin(x) + 1)
    yield
    for head in (cube, blend, half_known, opaque, digits):
        del OPERATIONS[head]


# -- registered functions ---------------------------------------------------------------------------------------------


def test_the_value_of_a_compiled_implementation() -> None:
    assert sg.Function([X], cube(X) + 1)(2.0) == 9.0


def test_the_value_of_a_plain_implementation() -> None:
    assert sg.Function([X, Y], blend(X, Y) * 2)(3.0, 2.0) == 24.0


def test_other_threads_of_python_run_while_a_function_of_the_users_does(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = []
    entry = kernel.python_entry
    monkeypatch.setattr(kernel, "python_entry", lambda form, record: forms.append(form) or entry(form, record))
    for expression in (cube(X), X**3):
        sg.Function([X], expression)(2.0)
    assert [form.is_brief for form in forms] == [False, True]


def test_a_batch() -> None:
    x = np.arange(5.0)
    assert sg.Function([X], cube(X) + 1)(x).tolist() == (x**3 + 1).tolist()


def test_the_gradient_is_by_fdiff() -> None:
    assert sg.grad(cube(X) * Y, [X, Y]) == (3 * X**2 * Y, cube(X))


def test_the_gradient_has_a_value() -> None:
    assert sg.Function([X], cube(sp.sin(X))).grad()(0.5) == pytest.approx(
        3 * math.sin(0.5) ** 2 * math.cos(0.5), rel=1e-15
    )


def test_derivatives_by_each_of_several_arguments() -> None:
    assert sg.Function([X, Y], blend(X, Y)).grad([X, Y])(3.0, 2.0) == (4.0, 12.0)


def test_a_derivative_in_terms_of_the_function_is_differentiated_again() -> None:
    second = sg.Function([X, Y], blend(X, Y)).hessian([X, Y])
    assert second(3.0, 2.0).tolist() == [[0.0, 4.0], [4.0, 6.0]]


def test_a_registered_function_prints_by_its_name() -> None:
    assert str(sg.Function([X], cube(X))) == "f(x) = cube(x)"


def test_equal_applications_are_one_node() -> None:
    assert len(sg.Function([X], cube(X) + sp.sin(cube(X))).nodes) == 4


def test_mpmath_takes_the_functions_own_evalf() -> None:
    assert sg.check_grads(sg.Function([X], digits(X))).worst.error < 1e-14


def test_the_source_calls_the_function_by_its_name() -> None:
    assert "cube" in sg.Function([X], cube(X)).source


def test_a_function_of_a_registered_one_pickles() -> None:
    F = pickle.loads(pickle.dumps(sg.Function([X], cube(X))))
    assert F(2.0) == 8.0


def test_a_derivative_that_fdiff_refuses_is_an_error() -> None:
    F = sg.Function([X, Y], half_known(X, Y))
    assert F.grad(X).outputs == 1
    with pytest.raises(
        sg.UndefinedDerivative, match="half_known has no derivative by its argument 2: half_known has no fdiff"
    ):
        F.grad(Y)


def test_a_function_without_fdiff_has_a_value_but_no_derivative() -> None:
    F = sg.Function([X], opaque(X))
    assert F(0.5) == math.tanh(0.5)
    with pytest.raises(sg.UndefinedDerivative, match="opaque has no fdiff"):
        F.grad()


def test_an_implementation_may_be_replaced() -> None:
    sg.register(opaque, math.atan)
    try:
        assert sg.Function([X], opaque(X))(0.5) == math.atan(0.5)
    finally:
        sg.register(opaque, math.tanh)


def test_a_function_that_was_not_registered_is_an_error() -> None:
    with pytest.raises(
        sg.UnsupportedExpression, match=r"register it: symgrad.register\(unregistered, implementation\)"
    ):
        sg.Function([X], unregistered(X))


def test_a_builtin_may_be_an_implementation() -> None:
    assert sg.Function([X], opaque(X))(np.array([0.5, 0.25])).tolist() == [math.tanh(0.5), math.tanh(0.25)]


@pytest.mark.parametrize(
    "implementation",
    [lambda x: "text" + x, lambda x: (x, x), lambda x, y: x, lambda: 1.0],
    ids=["add", "tuple", "two", "none"],
)
def test_an_implementation_that_does_not_compile_is_an_error(implementation: Any) -> None:
    sg.register(opaque, implementation)
    try:
        with pytest.raises(
            sg.RegistrationError, match="Numba cannot compile the implementation of opaque, wanted a function of 1 f"
        ):
            sg.Function([X], opaque(X))(0.5)
    finally:
        sg.register(opaque, math.tanh)


@pytest.mark.parametrize(
    ("head", "implementation", "text"),
    [
        (sp.sin, math.sin, "a function that symgrad has already, got sin"),
        (sp.Symbol("f"), math.sin, "no SymPy function, got f, wanted a subclass of sympy.Function"),
        (math.sin, math.sin, "no SymPy function"),
        (sp.Add, math.sin, "no SymPy function"),
        (opaque, "tanh", "no implementation, got 'tanh', wanted a function of floats"),
        (opaque, None, "no implementation"),
    ],
    ids=str,
)
def test_a_wrong_registration_is_an_error(head: Any, implementation: Any, text: str) -> None:
    with pytest.raises(sg.RegistrationError, match=text):
        sg.register(head, implementation)


# -- a stranger's operation -------------------------------------------------------------------------------------------


def test_a_strangers_operation_is_taken_up_by_conversion() -> None:
    assert sg.grad(gauss_bump(X), X) == -2 * X * gauss_bump(X)


def test_a_strangers_operation_is_differentiated_again() -> None:
    F = sg.Function([X], gauss_bump(X))
    assert sp.expand(F.grad().grad().outputs - (4 * X**2 - 2) * gauss_bump(X)) == 0


def test_a_strangers_operation_is_compiled() -> None:
    F = sg.Function([X], gauss_bump(X) * 2)
    x = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(F(x), 2 * np.exp(-x * x), rtol=1e-15)
    assert F(0.5) == pytest.approx(2 * math.exp(-0.25), rel=1e-15)


def test_a_strangers_operation_is_written_as_python() -> None:
    F = sg.Function([X], gauss_bump(X), name="bump")
    space: dict[str, Any] = {}
    exec(F.source, space)
    assert float(space["bump"](0.5)) == pytest.approx(math.exp(-0.25), rel=1e-15)


def test_a_strangers_operation_is_checked() -> None:
    assert sg.check_grads(sg.Function([X, Y], gauss_bump(X) * sp.sin(Y * X))).passed


def test_a_strangers_operation_goes_out_as_its_head() -> None:
    F = sg.Function([X], gauss_bump(X))
    assert to_sympy([F.target]) == [gauss_bump(X)]


def test_a_ufunc_of_numpys_is_an_implementation() -> None:
    class sine_by_numpy(sp.Function):
        nargs = 1

        def fdiff(self, argindex: int = 1) -> sp.Expr:
            return sp.cos(self.args[0])

    sg.register(sine_by_numpy, np.sin)
    function = sg.Function([X], X * sine_by_numpy(X))
    assert function(0.5) == pytest.approx(0.5 * math.sin(0.5), rel=1e-15)
    assert function.grad()(0.5) == pytest.approx(math.sin(0.5) + 0.5 * math.cos(0.5), rel=1e-15)
    np.testing.assert_allclose(function(np.array([0.5, 1.0])), [0.5 * math.sin(0.5), math.sin(1.0)], rtol=1e-15)
