"""SymPy classes for functions of whole matrices that SymPy has no word for. They are written by those of functions.py,
printed, evaluated entry by entry for integer sizes, and differentiated by symgrad only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions.arrayexpr_derivatives import array_derive

from symgrad.errors import ShapeError, UnsupportedExpression


def _no_derivative(e: Any, x: Any) -> Any:
    """SymPy's derivative of these would be a guess. Raises UnsupportedExpression unless it is zero."""
    if e.free_symbols & x.free_symbols:  # of w[0, 0] too, which norm(w) does not hold as such
        raise UnsupportedExpression(
            "SymPy has no derivative of this",
            got=e,
            hint="take the gradient by symgrad.grad, or write explicit entries first: .as_explicit()",
        )
    return sp.S.Zero


class ScalarOfMatrix(sp.Expr):
    """A number that is a function of a matrix; `word` names it, `as_explicit` writes it out for integer sizes.

    `doit` does so of an explicit matrix only: SymPy calls it for every product.
    """

    word: ClassVar[str]
    is_commutative = True
    is_real = True
    is_extended_real = True

    def __new__(cls, x: Any) -> Any:
        return super().__new__(cls, as_matrix(cls.word, x))

    @property
    def arg(self) -> Any:
        """The matrix."""
        return self.args[0]

    def of_entries(self, entries: Sequence[Any]) -> Any:
        """The value from the matrix's entries."""
        raise NotImplementedError

    def of_matrix(self, x: Any) -> Any:
        """The value of an explicit matrix."""
        return self.of_entries(x.flat())

    def as_explicit(self) -> Any:
        """The formula in the entries of the matrix, whose sizes are numbers."""
        return self.of_matrix(self.arg.as_explicit())

    def doit(self, **hints: Any) -> Any:
        x = self.arg.doit(**hints) if hints.get("deep", True) else self.arg
        return self.of_matrix(x) if isinstance(x, sp.MatrixBase) else self.func(x)

    def _eval_derivative(self, x: Any) -> Any:
        return _no_derivative(self, x)

    def _eval_derivative_n_times(self, x: Any, n: Any) -> Any:
        return _no_derivative(self, x)

    def _eval_derivative_matrix_lines(self, x: Any) -> Any:
        return _no_derivative(self, x)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.word}({', '.join(map(printer._print, self.args))})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{{self.word}}}\left({printer._print(self.arg)}\right)"


class MatrixOfMatrix(sp.MatrixExpr):
    """A matrix that is a function of matrices; `word` names it."""

    word: ClassVar[str]

    def explicit(self, *matrices: Any) -> Any:
        """The value of explicit matrices, with the other arguments."""
        raise NotImplementedError

    def as_explicit(self) -> Any:
        """The matrix of formulas in the entries of the arguments, whose sizes are numbers."""
        return self.explicit(*[a.as_explicit() for a in self.args if a.is_Matrix]).as_immutable()

    def doit(self, **hints: Any) -> Any:
        args = [a.doit(**hints) for a in self.args] if hints.get("deep", True) else self.args
        e = self.func(*args)
        return e.as_explicit() if all(isinstance(a, sp.MatrixBase) for a in args if a.is_Matrix) else e

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        if has_integer_sizes(self) and sp.sympify(i, strict=True).is_Integer and sp.sympify(j, strict=True).is_Integer:
            return self.as_explicit()[i, j]
        return MatrixElement(self, i, j)

    def _eval_transpose(self) -> Any:
        return None

    def _eval_derivative(self, x: Any) -> Any:
        _no_derivative(self, x)
        return sp.ZeroMatrix(*self.shape)

    def _eval_derivative_n_times(self, x: Any, n: Any) -> Any:
        return self._eval_derivative(x)

    def _eval_derivative_matrix_lines(self, x: Any) -> Any:
        return _no_derivative(self, x)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.word}({', '.join(map(printer._print, self.args))})"

    def _latex(self, printer: Any) -> str:
        args = ", ".join(map(printer._print, self.args))
        return rf"\operatorname{{{self.word.replace('_', ' ')}}}\left({args}\right)"


array_derive.register(ScalarOfMatrix, _no_derivative)  # SymPy's own rule for what it does not know is 0
array_derive.register(MatrixOfMatrix, _no_derivative)


def as_matrix(word: str, x: Any) -> Any:
    """A matrix or a list of entries (a column) as SymPy's immutable matrix. Raises UnsupportedExpression otherwise."""
    if isinstance(x, (list, tuple, sp.Tuple)):
        x = sp.ImmutableMatrix(list(x))
    if isinstance(x, sp.MatrixBase):
        return x.as_immutable()
    if not isinstance(x, sp.MatrixExpr):
        raise UnsupportedExpression(
            f"{word} takes a matrix",
            got=f"{type(x).__name__} {x}",
            wanted="a MatrixExpr, a Matrix, or a list of entries",
        )
    return x


def square(word: str, x: Any) -> Any:
    """A matrix with as many rows as columns. Raises ShapeError."""
    x = as_matrix(word, x)
    if sp.expand(x.rows - x.cols) != 0:
        raise ShapeError(f"{word} takes a square matrix", got=f"{x} of shape {x.shape}")
    return x


def has_integer_sizes(x: Any) -> bool:
    """Are the sizes numbers?"""
    return all(sp.sympify(n, strict=True).is_Integer for n in x.shape)


def axis_of(word: str, x: Any, axis: Any) -> int:
    """0 or 1; -1 is the last axis, of a column its only one. Raises ShapeError for others."""
    if axis == -1:
        return 0 if x.cols == 1 else 1
    if axis not in (0, 1):
        raise ShapeError(f"{word} along an axis that a matrix has not", got=axis, wanted="0, 1, -1")
    return int(axis)


def along(x: Any, axis: int, function: Any) -> Any:
    """An explicit matrix of a function of the columns (axis 0: a row of values) or rows (1: a column)."""
    if axis == 0:
        return sp.Matrix(1, x.cols, [function(list(x[:, j])) for j in range(x.cols)])
    return sp.Matrix(x.rows, 1, [function(list(x[i, :])) for i in range(x.rows)])


def log_sum_exp(entries: Sequence[Any]) -> Any:
    """log(exp(x1) + ...), as SymPy writes it."""
    return sp.log(sp.Add(*[sp.exp(v) for v in entries]))


class LogSumExpOfMatrix(ScalarOfMatrix):
    """log of the sum of exp of all entries."""

    word = "logsumexp"

    def of_entries(self, entries: Sequence[Any]) -> Any:
        return log_sum_exp(entries)


class MaximumOfMatrix(ScalarOfMatrix):
    """The largest entry."""

    word = "maximum"

    def of_entries(self, entries: Sequence[Any]) -> Any:
        return sp.Max(*entries)

    def _latex(self, printer: Any) -> str:
        return rf"\max\left({printer._print(self.arg)}\right)"


class MinimumOfMatrix(ScalarOfMatrix):
    """The smallest entry."""

    word = "minimum"

    def of_entries(self, entries: Sequence[Any]) -> Any:
        return sp.Min(*entries)

    def _latex(self, printer: Any) -> str:
        return rf"\min\left({printer._print(self.arg)}\right)"


class Norm(ScalarOfMatrix):
    """The square root of the sum of squares: the 2-norm of a vector, the Frobenius norm of a matrix."""

    word = "norm"
    is_nonnegative = True

    def of_entries(self, entries: Sequence[Any]) -> Any:
        return sp.sqrt(sp.Add(*[v**2 for v in entries]))

    def _latex(self, printer: Any, exp: Any = None) -> str:
        which = "2" if sp.S.One in self.arg.shape else "F"
        power = f"^{{{exp}}}" if exp is not None else ""
        return rf"\left\|{printer._print(self.arg)}\right\|_{{{which}}}{power}"


class LogDet(ScalarOfMatrix):
    """log |det X|."""

    word = "logdet"

    def __new__(cls, x: Any) -> Any:
        return super().__new__(cls, square(cls.word, x))

    def of_matrix(self, x: Any) -> Any:
        return sp.log(sp.Abs(x.det()))

    def _latex(self, printer: Any) -> str:
        return rf"\log\left|{printer._print(self.arg)}\right|"


class AlongAxis(MatrixOfMatrix):
    """A function of a matrix along one of its axes: args are the matrix and 0 or 1."""

    def __new__(cls, x: Any, axis: Any = -1) -> Any:
        x = as_matrix(cls.word, x)
        return super().__new__(cls, x, sp.Integer(axis_of(cls.word, x, axis)))

    @property
    def arg(self) -> Any:
        """The matrix."""
        return self.args[0]

    @property
    def axis(self) -> int:
        """0: down each column, 1: along each row."""
        return int(self.args[1])

    @property
    def is_last(self) -> bool:
        """Is it the axis that is meant when none is given?"""
        return self.axis == axis_of(self.word, self.arg, -1)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.word}({printer._print(self.arg)}{'' if self.is_last else f', axis={self.axis}'})"

    def _latex(self, printer: Any) -> str:
        index = "" if self.is_last else f"_{{{self.axis}}}"
        word = self.word.replace("_", r"\,")
        return rf"\operatorname{{{word}}}{index}\left({printer._print(self.arg)}\right)"


class OneEach(AlongAxis):
    """One number for each row or column."""

    @property
    def shape(self) -> Any:
        rows, columns = self.arg.shape
        return (sp.S.One, columns) if self.axis == 0 else (rows, sp.S.One)

    def of_line(self, entries: Sequence[Any]) -> Any:
        """The value from the entries of one row or column."""
        raise NotImplementedError

    def explicit(self, *matrices: Any) -> Any:
        return along(matrices[0], self.axis, self.of_line)

    def _sympystr(self, printer: Any) -> str:  # without an axis it is the function of all entries
        return f"{self.word}({printer._print(self.arg)}, axis={self.axis})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{{self.word}}}_{{{self.axis}}}\left({printer._print(self.arg)}\right)"


class LogSumExpAlong(OneEach):
    """log of the sum of exp of each row or column."""

    word = "logsumexp"

    def of_line(self, entries: Sequence[Any]) -> Any:
        return log_sum_exp(entries)


class MaximumAlong(OneEach):
    """The largest of each row or column."""

    word = "maximum"

    def of_line(self, entries: Sequence[Any]) -> Any:
        return sp.Max(*entries)


class MinimumAlong(OneEach):
    """The smallest of each row or column."""

    word = "minimum"

    def of_line(self, entries: Sequence[Any]) -> Any:
        return sp.Min(*entries)


class SoftmaxAlong(AlongAxis):
    """exp(X) over the sum of exp(X) along an axis: the last, or that of a vector."""

    word = "softmax"

    @property
    def shape(self) -> Any:
        return self.arg.shape

    def explicit(self, *matrices: Any) -> Any:
        e = matrices[0].applyfunc(sp.exp)
        sums = along(e, self.axis, lambda entries: sp.Add(*entries))
        return sp.Matrix(*e.shape, lambda i, j: e[i, j] / (sums[0, j] if self.axis == 0 else sums[i, 0]))


class LogSoftmaxAlong(AlongAxis):
    """X less the log of the sum of exp(X) along an axis: the last, or that of a vector."""

    word = "log_softmax"

    @property
    def shape(self) -> Any:
        return self.arg.shape

    def explicit(self, *matrices: Any) -> Any:
        (x,) = matrices
        sums = along(x, self.axis, log_sum_exp)
        return sp.Matrix(*x.shape, lambda i, j: x[i, j] - (sums[0, j] if self.axis == 0 else sums[i, 0]))


class Solution(MatrixOfMatrix):
    """A^-1 B by a factorisation, without the inverse."""

    word = "solve"

    def __new__(cls, a: Any, b: Any) -> Any:
        a, b = square(cls.word, a), as_matrix(cls.word, b)
        if sp.expand(a.rows - b.rows) != 0:
            raise ShapeError(
                "solve takes a right-hand side of as many rows as the matrix",
                got=f"{b} of shape {b.shape}",
                wanted=f"{a.rows} rows, as {a} of shape {a.shape} has",
            )
        return super().__new__(cls, a, b)

    @property
    def shape(self) -> Any:
        return self.args[1].shape

    def explicit(self, *matrices: Any) -> Any:
        a, b = matrices
        return a.LUsolve(b)

    def _latex(self, printer: Any) -> str:
        a, b = self.args
        return rf"{printer.parenthesize(a, 1000, strict=True)}^{{-1}} {printer.parenthesize(b, 50, strict=True)}"


class CholeskyFactor(MatrixOfMatrix):
    """L, lower triangular, with A = L L^T, of a positive definite A, whose lower triangle is read."""

    word = "cholesky"

    def __new__(cls, a: Any) -> Any:
        return super().__new__(cls, square(cls.word, a))

    @property
    def shape(self) -> Any:
        return self.args[0].shape

    def explicit(self, *matrices: Any) -> Any:
        (a,) = matrices
        n = a.rows
        y = sp.zeros(n, n)
        for j in range(n):
            y[j, j] = sp.sqrt(a[j, j] - sum(y[j, k] ** 2 for k in range(j)))
            for i in range(j + 1, n):
                y[i, j] = (a[i, j] - sum(y[i, k] * y[j, k] for k in range(j))) / y[j, j]
        return y
