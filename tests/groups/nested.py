"""Derivatives of expressions that hold derivatives: no perturbation is confused with another."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import sympy as sp

import symgrad as sg
from symgrad.function import Function
from tests.groups.group import Group, Outcome, Outcomes, leaks

x, y, z, t = sp.symbols("x y z t", real=True)


def _d(expression: Any, variable: sp.Symbol) -> sp.Expr:
    return sg.grad(expression, variable)


def _inner_depends_on_outer() -> tuple[Any, Any]:
    """d/dx (x d/dy (x y)) = 2 x: the classic of Siskind and Pearlmutter (2005), where x d/dy (x + y) gives 1."""
    return _d(x * _d(x * y, y), x), 2 * x


def _inner_constant() -> tuple[Any, Any]:
    return _d(x * _d(x + y, y), x), sp.Integer(1)


def _same_variable_within() -> tuple[Any, Any]:
    return _d(x * _d(x**3, x), x), 9 * x**2


def _at_a_point_within() -> tuple[Any, Any]:
    """The inner derivative at y = x, differentiated by x: both roles count."""
    return _d(_d(sp.sin(x * y), y).subs(y, x), x), sp.diff(sp.diff(sp.sin(x * y), y).subs(y, x), x)


def _three_deep() -> tuple[Any, Any]:
    f = x**2 * y**3 * sp.exp(z)
    return _d(y * _d(z * _d(f, x), y), z), sp.diff(y * sp.diff(z * sp.diff(f, x), y), z)


def _gradient_of_squared_gradient() -> tuple[Any, Any]:
    f = sp.sin(x) * y**2
    g = sg.grad(f, [x, y])
    s = sp.diff(f, x) ** 2 + sp.diff(f, y) ** 2
    return sg.grad(g[0] ** 2 + g[1] ** 2, [x, y]), (sp.diff(s, x), sp.diff(s, y))


def _hvp_of_hvp() -> tuple[Any, Any]:
    f = x**3 * y**2
    a = sg.hvp(f, [x, y], [y, x])
    s = sp.Matrix([sp.hessian(f, [x, y]) * sp.Matrix([y, x])])[0]
    return _d(a[0], x), sp.diff(s, x)


def _jvp_along_itself() -> tuple[Any, Any]:
    """The direction depends on the variable: it is not differentiated by jvp, and is by what comes after."""
    a = sg.jvp(x**2 * y, [x, y], [x, y])
    return (a, _d(a, x)), (3 * x**2 * y, 6 * x * y)


def _same_names() -> tuple[Any, Any]:
    """Dummies that print alike are not one variable."""
    a, b = sp.Dummy("x"), sp.Dummy("x")
    return _d(_d(a**2 * b**3, a), b), 6 * a * b**2


def _function_again() -> tuple[Any, Any]:
    """A Function of a gradient's outputs: derivative of the third order."""
    f = Function([x, y], sp.exp(x * y))
    g = Function([x, y], f.grad(x).outputs).grad(y)
    return Function([x, y], g.outputs).grad(x).outputs, sp.diff(sp.exp(x * y), x, y, x)


def _seed_named_as_a_variable() -> tuple[Any, Any]:
    """Arguments called u and v, as the directions of jvp and vjp are."""
    u, v = sp.symbols("u v", real=True)
    a = sg.jvp(u * v**2, [u, v], [v, u])
    return (a, *sg.vjp(u * v**2, [u, v], u)), (v**3 + 2 * u**2 * v, u * v**2, 2 * u**2 * v)


def _repeated() -> tuple[Any, Any]:
    """Fourth order, one sweep upon the other."""
    e: Any = sp.sin(t) * sp.exp(t)
    for _ in range(4):
        e = _d(e, t)
    return e, -4 * sp.sin(t) * sp.exp(t)


CASES: list[Callable[[], tuple[Any, Any]]] = [
    _inner_depends_on_outer, _inner_constant, _same_variable_within, _at_a_point_within, _three_deep,
    _gradient_of_squared_gradient, _hvp_of_hvp, _jvp_along_itself, _same_names, _function_again,
    _seed_named_as_a_variable, _repeated,
]  # fmt: skip


def check(draw: random.Random, index: int) -> Outcomes:
    """The symbolic result is the one that is wanted, at exact points too, and holds no debris."""
    got, wanted = CASES[index]()
    got, wanted = (e if isinstance(e, tuple) else (e,) for e in (got, wanted))
    outcome = Outcome()
    if len(got) != len(wanted):
        outcome.failure = f"{CASES[index].__name__}: {got}, wanted {wanted}"
    for a, b in zip(got, wanted, strict=False):
        difference = sp.simplify(a - b)
        if difference != 0:
            outcome.failure = f"{CASES[index].__name__}: {a}, wanted {b}"
    allowed = set().union(*(e.free_symbols for e in wanted)) | {x, y, z, t}
    return {
        "nested_differentiation": outcome,
        "no_leaks": leaks(tuple(got), allowed, len(wanted), CASES[index].__name__),
    }


GROUPS = [Group("nested_differentiation", len(CASES), check, whole=True)]
