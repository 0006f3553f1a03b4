"""Functions of whole matrices -> SymPy's words and symgrad's for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import sympy as sp

from symgrad import matrix_functions as words
from symgrad.graph import Op
from symgrad.ops.linear_algebra import Cholesky, Determinant, Inverse, LogDet, Solve
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, Softmax
from symgrad.to_sympy.terms import product, split, transposed

OVER_ALL = {
    LogSumExpOver: words.LogSumExpOfMatrix,
    Maximum: words.MaximumOfMatrix,
    Minimum: words.MinimumOfMatrix,
}
OVER_ROWS = {LogSumExpOver: words.LogSumExpAlong, Maximum: words.MaximumAlong, Minimum: words.MinimumAlong}


@singledispatch
def whole_matrix(op: Op, args: Sequence[Any]) -> Any:
    """The function of matrices and columns; None if there is no word for it."""
    return None


@whole_matrix.register
def _inverse(op: Inverse, args: Sequence[Any]) -> Any:
    return sp.Inverse(args[0])


@whole_matrix.register
def _solve(op: Solve, args: Sequence[Any]) -> Any:
    x, _, b = args
    coefficient, factors = split(b)
    inverse = sp.Inverse(x)
    return product(coefficient, [transposed(inverse) if op.transposed else inverse, *factors])


@whole_matrix.register
def _determinant(op: Determinant, args: Sequence[Any]) -> Any:
    return sp.Determinant(args[0])


@whole_matrix.register
def _log_det(op: LogDet, args: Sequence[Any]) -> Any:
    return words.LogDet(args[0])


@whole_matrix.register
def _cholesky(op: Cholesky, args: Sequence[Any]) -> Any:
    return words.CholeskyFactor(args[0])


@whole_matrix.register(Maximum)
@whole_matrix.register(Minimum)
@whole_matrix.register(LogSumExpOver)
def _reduced(op: Any, args: Sequence[Any]) -> Any:
    (x,) = args
    if op.axes == 2 or x.shape[1] == 1:
        return OVER_ALL[type(op)](x)
    return OVER_ROWS[type(op)](x, 1)


@whole_matrix.register
def _norm(op: NormOver, args: Sequence[Any]) -> Any:
    (x,) = args
    return words.Norm(x) if op.axes == 2 or x.shape[1] == 1 else None


@whole_matrix.register
def _softmax(op: Softmax, args: Sequence[Any]) -> Any:
    return words.SoftmaxAlong(args[0]) if op.axes == 1 else None
