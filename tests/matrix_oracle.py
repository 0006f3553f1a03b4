"""SymPy's tree of a matrix expression, numbers -> its value, by NumPy on 2-D arrays: nothing here imports symgrad.

No axis is ever dropped: a vector is (n, 1), a scalar among matrices (1, 1). The numbers may be complex, for complex
steps; nothing is conjugated, as symbols are real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct
from sympy.matrices.expressions.kronecker import KroneckerProduct
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.expressions.slice import MatrixSlice

STEP = 1e-30  # of a complex step: its square is nothing beside 1


class Interpreter:
    """Values of expressions, given those of symbols (matrices as 2-D arrays) and of sizes."""

    def __init__(self, values: Mapping[Any, Any], sizes: Mapping[Any, int] | None = None):
        self.values, self.sizes = dict(values), dict(sizes or {})

    def __call__(self, e: Any) -> Any:
        e = sp.sympify(e)
        if e in self.values:
            return self.values[e]
        if e in self.sizes:
            return self.sizes[e]
        for kind in type(e).__mro__:
            if kind in TABLE:
                return TABLE[kind](self, e)
        if isinstance(e, sp.Basic) and e.is_number:
            return float(e)
        if isinstance(e, sp.Function):
            return FUNCTIONS[type(e)](*[self(a) for a in e.args])
        raise NotImplementedError(type(e).__name__)

    def shape(self, e: Any) -> tuple[int, int]:
        rows, columns = (int(sp.sympify(n).xreplace(self.sizes)) for n in e.shape)
        return rows, columns

    def integer(self, n: Any) -> int:
        return int(sp.sympify(n).xreplace(self.sizes))


def as_matrix(x: Any) -> Any:
    return np.atleast_2d(x)


def as_number(x: Any) -> Any:
    """A 1 x 1 matrix as a scalar."""
    return x[0, 0] if np.ndim(x) == 2 and np.shape(x) == (1, 1) else x


def _matmul(f: Interpreter, e: Any) -> Any:
    scalars = [f(a) for a in e.args if not a.is_Matrix]
    matrices = [as_matrix(f(a)) for a in e.args if a.is_Matrix]
    return reduce(lambda a, b: a @ b, matrices) * np.prod(scalars)


def _matpow(f: Interpreter, e: Any) -> Any:
    base, exponent = as_matrix(f(e.args[0])), f(e.args[1])
    if base.shape == (1, 1):
        return base**exponent
    return np.linalg.matrix_power(base, int(exponent))


def _diag(f: Interpreter, e: Any) -> Any:
    return np.diag(f(e.args[0]).reshape(-1))


def _diagonal_of(f: Interpreter, e: Any) -> Any:
    return np.diagonal(f(e.args[0])).reshape(-1, 1)


def _diagonal_matrix(f: Interpreter, e: Any) -> Any:
    x = f(e.args[0])
    return np.where(np.arange(x.shape[0])[:, None] == np.arange(x.shape[1]), x, 0)


def _apply(f: Interpreter, e: Any) -> Any:
    (variable,) = e.function.variables
    x = as_matrix(f(e.expr))
    found = np.empty(x.shape, complex)
    for index in np.ndindex(*x.shape):
        found[index] = Interpreter({**f.values, variable: x[index]}, f.sizes)(e.function.expr)
    return found


def _slice(f: Interpreter, e: Any) -> Any:
    shape = f.shape(e)
    rows, columns = (
        [f.integer(start) + k * f.integer(step) for k in range(size)]
        for (start, _, step), size in zip((e.rowslice, e.colslice), shape, strict=True)
    )
    return f(e.parent)[np.ix_(rows, columns)] if rows and columns else np.zeros(shape)


def _explicit(f: Interpreter, e: Any) -> Any:
    return np.array([f(v) for v in e.flat()]).reshape(e.shape)


def _product(f: Interpreter, e: Any) -> Any:
    return reduce(lambda a, b: a * b, [as_number(f(a)) for a in e.args])


def _sum(f: Interpreter, e: Any) -> Any:
    return reduce(lambda a, b: a + b, [as_number(f(a)) for a in e.args])


def _power(f: Interpreter, e: Any) -> Any:
    base, exponent = (as_number(f(a)) for a in e.args)
    return np.power(base + 0.0, exponent)


def _piecewise(f: Interpreter, e: Any) -> Any:
    return next(f(value) for value, condition in e.args if f(condition))


def _relation(compare: Callable[[Any, Any], Any]) -> Callable[[Interpreter, Any], Any]:
    return lambda f, e: compare(*[np.real(as_number(f(a))) for a in e.args])


TABLE: dict[type, Callable[[Interpreter, Any], Any]] = {
    sp.Add: _sum,
    sp.Mul: _product,
    sp.Pow: _power,
    sp.MatMul: _matmul,
    sp.MatAdd: lambda f, e: reduce(lambda a, b: a + b, [as_matrix(f(a)) for a in e.args]),
    sp.MatPow: _matpow,
    sp.Inverse: lambda f, e: np.linalg.inv(as_matrix(f(e.arg))),
    sp.Transpose: lambda f, e: as_matrix(f(e.arg)).T,
    sp.Adjoint: lambda f, e: as_matrix(f(e.arg)).T,
    sp.Trace: lambda f, e: np.trace(as_matrix(f(e.arg))),
    sp.Determinant: lambda f, e: np.linalg.det(as_matrix(f(e.arg))),
    DotProduct: lambda f, e: np.sum(f(e.args[0]).reshape(-1) * f(e.args[1]).reshape(-1)),
    sp.HadamardProduct: lambda f, e: reduce(lambda a, b: a * b, [as_matrix(f(a)) for a in e.args]),
    sp.HadamardPower: lambda f, e: np.power(f(e.args[0]) + 0.0, f(e.args[1])),
    sp.Identity: lambda f, e: np.eye(f.shape(e)[0]),
    sp.ZeroMatrix: lambda f, e: np.zeros(f.shape(e)),
    sp.OneMatrix: lambda f, e: np.ones(f.shape(e)),
    DiagMatrix: _diag,
    DiagonalOf: _diagonal_of,
    DiagonalMatrix: _diagonal_matrix,
    sp.BlockMatrix: lambda f, e: np.block([[as_matrix(f(b)) for b in row] for row in e.blocks.tolist()]),
    KroneckerProduct: lambda f, e: reduce(np.kron, [as_matrix(f(a)) for a in e.args]),
    MatrixElement: lambda f, e: as_matrix(f(e.parent))[f.integer(e.i), f.integer(e.j)],
    MatrixSlice: _slice,
    sp.MatrixBase: _explicit,
    ElementwiseApplyFunction: _apply,
    sp.Piecewise: _piecewise,
    sp.StrictGreaterThan: _relation(lambda a, b: a > b),
    sp.StrictLessThan: _relation(lambda a, b: a < b),
    sp.GreaterThan: _relation(lambda a, b: a >= b),
    sp.LessThan: _relation(lambda a, b: a <= b),
    BooleanTrue: lambda f, e: True,
    BooleanFalse: lambda f, e: False,
}
FUNCTIONS: dict[type, Callable[..., Any]] = {
    sp.exp: lambda x: np.exp(as_number(x)),
    sp.log: lambda x: np.log(as_number(x)),
    sp.sin: lambda x: np.sin(as_number(x)),
    sp.cos: lambda x: np.cos(as_number(x)),
    sp.tanh: lambda x: np.tanh(as_number(x)),
    sp.Abs: lambda x: x if np.real(x) > 0 else -x,
}


def complex_step(e: Any, x: Any, values: Mapping[Any, Any], sizes: Mapping[Any, int] | None = None) -> Any:
    """d e / d x of a scalar e, of the shape of x."""
    at = np.asarray(values[x], complex)
    found = np.empty(at.shape)
    for index in np.ndindex(*at.shape):
        stepped = at.copy()
        stepped[index] += 1j * STEP
        found[index] = np.imag(as_number(Interpreter({**values, x: stepped}, sizes)(e))) / STEP
    return found


def random_values(draw: np.random.Generator, symbols: Sequence[Any], sizes: Mapping[Any, int]) -> dict[Any, Any]:
    """Numbers for matrix symbols and scalars."""
    return {
        s: draw.normal(size=[int(sp.sympify(n).xreplace(dict(sizes))) for n in s.shape])
        if isinstance(s, sp.MatrixSymbol)
        else draw.normal()
        for s in symbols
    }
