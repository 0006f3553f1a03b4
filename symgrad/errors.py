"""One class for each mistake a user can make. A message says what happened, what was got, what was wanted, what to
try."""

from __future__ import annotations

from typing import Any, Self

from symgrad.size import tree_exceeds


def _short(value: object, limit: int = 120) -> str:
    """The text of a value, cut in the middle. An expression may be a graph of 2**60 paths: count before printing."""
    if tree_exceeds(value, 200):
        return f"<{type(value).__name__} of more than 200 operations>"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


class SymgradError(Exception):
    """The base of every error that symgrad raises for what a user did. Facts are fields."""

    def __init__(self, what: str, *, got: Any = None, wanted: str | None = None, hint: str | None = None):
        self.what, self.got, self.wanted, self.hint = what, got, wanted, hint
        super().__init__(what)

    def __str__(self) -> str:
        parts = [self.what]
        if self.got is not None:
            parts.append(f"got {_short(self.got)}")
        if self.wanted is not None:
            parts.append(f"wanted {self.wanted}")
        text = ", ".join(parts)
        return f"{text}; {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.what, dict(self.__dict__))


def _rebuild(kind: type[SymgradError], what: str, fields: dict[str, Any]) -> SymgradError:
    error = kind(what)
    error.__dict__.update(fields)
    return error


class ExpressionError(SymgradError):
    """Something in an expression; `path` leads from the whole to it."""

    path: str = ""

    def at(self, path: str) -> Self:
        """The same error, with the place."""
        self.path = path
        return self

    def __str__(self) -> str:
        return super().__str__() + (f" (at {self.path})" if self.path else "")


class UnsupportedExpression(ExpressionError, TypeError):
    """A SymPy node that has no meaning here."""


class UndefinedDerivative(ExpressionError, ArithmeticError):
    """The derivative was asked through an argument in which the operation has none."""


class ComplexInput(ExpressionError, TypeError):
    """A complex number, symbol or array: symgrad's numbers are real."""


class NotANumber(ExpressionError, ValueError):
    """An expression that holds nan, zoo or an infinity as a literal."""


class VariableError(SymgradError, ValueError):
    """`wrt` names what cannot be differentiated by: no input, named twice, left out where there are several."""


class ArgumentError(SymgradError, TypeError):
    """The arguments of a Function, or of a call of it, do not fit: missing, unknown, given twice, not bound."""


class ShapeError(SymgradError, ValueError):
    """An array of another shape than the one that was declared, or shapes that do not go together."""


class DTypeError(SymgradError, TypeError):
    """A value of an element type that would be truncated, or that is no number."""


class OutputError(SymgradError, ValueError):
    """An `out=` array that cannot take the result: read-only, of another shape or type, or overlapping an input."""


class ObjectiveError(SymgradError, ValueError):
    """A gradient, Hessian or Hessian-vector product was asked of something that is not one scalar."""


class RegistrationError(SymgradError, ValueError):
    """A user's function that cannot be registered: no derivative rule, or an implementation Numba cannot type."""


class SyntaxProblem(SymgradError, ValueError):
    """Text at the command line that is not in the closed grammar; `position` is where it stops being so."""

    def __init__(
        self, what: str, *, position: int = 0, got: Any = None, wanted: str | None = None, hint: str | None = None
    ):
        super().__init__(what, got=got, wanted=wanted, hint=hint)
        self.position = position


class SingularMatrix(SymgradError, ArithmeticError):
    """A matrix without an inverse, or without a Cholesky factor, where one was needed; `matrix` holds its numbers."""

    matrix: Any = None


class TooLarge(SymgradError, ValueError):
    """Something that would grow beyond every use was asked to be written out."""


class CheckFailed(SymgradError, AssertionError):
    """check_grads found a derivative that disagrees with the independent one; `report` holds the points."""

    report: Any = None
