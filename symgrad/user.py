"""A user's own function, registered in one call: a SymPy Function with `fdiff`, and how its numbers are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import ArgumentIndexError

from symgrad.errors import RegistrationError
from symgrad.from_sympy import from_sympy
from symgrad.graph import Node, substitute
from symgrad.ops.elementwise import OPERATIONS, Elementwise, Partial, Undefined
from symgrad.ops.emitter import Emitter
from symgrad.ops.leaf import Input

# SymPy function -> the Python function that computes it; filled by `register`.
IMPLEMENTATIONS: dict[type, Callable[..., float]] = {}


def register(head: type[sp.Function], implementation: Callable[..., float]) -> None:
    """Make a SymPy function known: expressions may hold it, and are differentiated through its `fdiff`.

    head: a subclass of sympy.Function; fdiff(i) returns its derivative by argument i, in functions known here.
    implementation: a function of floats, compiled by numba.njit, or one that it can compile, or a ufunc of NumPy.

    Raises RegistrationError if the head is no such class, or is known already.

        >>> import numba, sympy as sp, symgrad as sg
        >>> class cube(sp.Function):
        ...     def fdiff(self, argindex=1):
        ...         return 3 * self.args[0] ** 2
        >>> sg.register(cube, numba.njit(lambda x: x * x * x))
        >>> sg.grad(cube(sp.Symbol("x")))
        3*x**2
    """
    if not (isinstance(head, type) and issubclass(head, sp.Function)):
        raise RegistrationError("no SymPy function", got=repr(head)[:80], wanted="a subclass of sympy.Function")
    functions = (FunctionType, BuiltinFunctionType, np.ufunc)
    if not isinstance(implementation, functions) and not hasattr(implementation, "py_func"):
        raise RegistrationError("no implementation", got=repr(implementation)[:80], wanted="a function of floats")
    if OPERATIONS.get(head, UserFunction) is not UserFunction:
        raise RegistrationError("a function that symgrad has already", got=head.__name__)
    IMPLEMENTATIONS[head] = implementation
    OPERATIONS[head] = UserFunction


@dataclass(frozen=True)
class UserFunction(Elementwise):
    """y = f(x1, ..., xn) for a registered SymPy function; dy/dxi by its fdiff."""

    head: type[sp.Function]
    arity: int

    analytic = False

    @property
    def name(self) -> str:
        return self.head.__name__

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Does SymPy know digits of it beyond a float64's? It does if the class has an evalf of its own."""
        return bool(self.head(*[sp.Rational(1, 2)] * self.arity).evalf(30).is_Float)

    @property
    def implementation(self) -> Callable[..., float]:
        """The function as Numba compiles it; one object until another is registered."""
        return _compiled(IMPLEMENTATIONS[self.head])

    @property
    def python(self) -> Callable[..., float]:
        """The function as Python runs it."""
        function = IMPLEMENTATIONS[self.head]
        return getattr(function, "py_func", function)

    def partials(self, y: Node) -> Sequence[Partial]:
        return [self._partial(y, i) for i in range(1, len(y.inputs) + 1)]

    def _partial(self, y: Node, argument: int) -> Partial:
        if self.head.fdiff is sp.Function.fdiff:
            return Undefined(f"{self.name} has no fdiff")
        stand_ins = [sp.Dummy(real=True) for _ in y.inputs]
        try:
            derivative = self.head(*stand_ins, evaluate=False).fdiff(argument)
        except ArgumentIndexError:
            return Undefined(f"{self.name} has no fdiff by this argument")
        places = {y.graph.add(Input(s)): x for s, x in zip(stand_ins, y.inputs, strict=True)}
        return substitute([from_sympy(y.graph, derivative)], places)[0]

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        function = IMPLEMENTATIONS[self.head]
        if numbers is np:
            return np.vectorize(function, otypes=[float])(*values)[()]
        exact = self.head(*[sp.Float(v, numbers.dps) for v in values]).evalf(numbers.dps)
        # without an evalf of its own, as many digits as the implementation has
        return exact._to_mpmath(numbers.prec) if exact.is_Float else numbers.mpf(function(*map(float, values)))

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.user(self, *args)

    def to_sympy(self, *args: Any) -> Any:
        return self.head(*args)

    @classmethod
    def from_sympy(cls, expression: sp.Expr, *args: Node) -> Node:
        return args[0].graph.add(cls(expression.func, len(args)), *args)


@cache
def _compiled(function: Callable[..., float]) -> Callable[..., float]:
    if hasattr(function, "py_func"):
        return function
    import numba

    if isinstance(function, FunctionType):
        return numba.njit(function)
    # a builtin or a ufunc, such as math.erf or numpy.sin: not compiled, but Numba has its own
    return numba.njit(lambda *args: function(*args))
