"""The functions that SymPy has no word for: of numbers, of matrices entry by entry, of matrices along an axis, of whole
matrices, and over an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.tensor.indexed import Idx

from symgrad.errors import UnsupportedExpression
from symgrad.index_functions import LogSumExpOverIndex, MaximumOverIndex, MinimumOverIndex
from symgrad.matrix_functions import (
    CholeskyFactor,
    LogDet,
    LogSoftmaxAlong,
    LogSumExpAlong,
    LogSumExpOfMatrix,
    MaximumAlong,
    MaximumOfMatrix,
    MinimumAlong,
    MinimumOfMatrix,
    Norm,
    SoftmaxAlong,
    Solution,
    as_matrix,
    log_sum_exp,
)
from symgrad.ops.stable import relu, sigmoid, softplus

__all__ = [
    "cholesky",
    "log_softmax",
    "logdet",
    "logsumexp",
    "maximum",
    "minimum",
    "norm",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "solve",
]


def logsumexp(x: Any, *limits: Any, axis: int | None = None) -> Any:
    """log(sum of exp(x)), which does not overflow: over all entries of a matrix; with an axis, for each column (0) or
    row (1, -1); of an expression and limits (i, 0, n - 1), over the index; of several numbers, over them."""
    return _reduced("logsumexp", x, limits, axis)


def maximum(x: Any, *limits: Any, axis: int | None = None) -> Any:
    """The largest: of all entries of a matrix; with an axis, of each column (0) or row (1, -1); of an expression over
    an index (i, 0, n - 1); of several numbers. Equal ones share the derivative."""
    return _reduced("maximum", x, limits, axis)


def minimum(x: Any, *limits: Any, axis: int | None = None) -> Any:
    """The smallest: of all entries of a matrix; with an axis, of each column (0) or row (1, -1); of an expression over
    an index (i, 0, n - 1); of several numbers. Equal ones share the derivative."""
    return _reduced("minimum", x, limits, axis)


def norm(x: Any, kind: Any = None) -> Any:
    """The 2-norm of a vector, the Frobenius norm of a matrix; its derivative is 0 where it is 0.

    norm(X, "fro") says the same. Raises UnsupportedExpression for other kinds.
    """
    if isinstance(x, sp.Expr) and not x.is_Matrix:
        return sp.Abs(x)
    x = as_matrix("norm", x)
    if kind not in (None, "fro", 2) or (kind == 2 and sp.S.One not in x.shape):
        raise UnsupportedExpression(
            "a norm of another kind",
            got=repr(kind),
            wanted="the 2-norm of a vector or the Frobenius norm of a matrix",
            hint="the 1-norm and the maximum norm are sums and maxima of Abs",
        )
    return Norm(x)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(X) over its sums along an axis: a matrix of the same shape. Of a vector, along its only axis."""
    return SoftmaxAlong(x, axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of softmax, which is finite where that is 0 or 1 in floating point."""
    return LogSoftmaxAlong(x, axis)


def logdet(x: Any) -> Any:
    """log |det X|, which does not overflow, of a square matrix."""
    return LogDet(x)


def solve(a: Any, b: Any) -> Any:
    """A^-1 B by a factorisation, without the inverse; derivatives use the same factorisation."""
    return Solution(a, b)


def cholesky(a: Any) -> Any:
    """L, lower triangular, with A = L L^T. The lower triangle of A is read; the derivative is symmetric."""
    return CholeskyFactor(a)


# word -> over the whole matrix, along an axis, of several numbers, over an index
_KINDS: dict[str, tuple[Any, Any, Any, Any]] = {
    "logsumexp": (LogSumExpOfMatrix, LogSumExpAlong, log_sum_exp, LogSumExpOverIndex),
    "maximum": (MaximumOfMatrix, MaximumAlong, lambda xs: sp.Max(*xs), MaximumOverIndex),
    "minimum": (MinimumOfMatrix, MinimumAlong, lambda xs: sp.Min(*xs), MinimumOverIndex),
}


def _reduced(word: str, x: Any, more: Sequence[Any], axis: int | None) -> Any:
    whole, along, of_numbers, over_index = _KINDS[word]
    if isinstance(x, (sp.MatrixExpr, sp.MatrixBase, list)):
        if len(more) == 1 and axis is None and more[0] in (0, 1, -1):
            (axis,), more = more, ()
        if more:
            raise UnsupportedExpression(
                f"{word} of a matrix and something more", got=more, wanted="an axis, 0 or 1, or none"
            )
        return whole(x) if axis is None else along(x, axis)
    if axis is not None:
        raise UnsupportedExpression(f"{word} along an axis of what is no matrix", got=x, wanted="a matrix")
    if more and all(isinstance(limit, (tuple, sp.Tuple, Idx)) for limit in more):
        return over_index(sp.sympify(x, strict=True), *more)
    return of_numbers([sp.sympify(v, strict=True) for v in (x, *more)])
