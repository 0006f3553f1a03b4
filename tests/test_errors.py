"""Errors: their text, their fields, their copies; and that none prints what is too large."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import errors
from symgrad.ops.elementwise import OPERATIONS
from symgrad.parse import parse
from symgrad.user import IMPLEMENTATIONS
from tests.test_docs import ERROR_ROW, ROOT

X = sp.Symbol("x")
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, sg.SymgradError)]


def test_the_text_says_what_got_wanted_and_what_to_try() -> None:
    error = sg.ShapeError(
        "mul takes inputs of one shape", got="(4,) and (3,)", wanted="equal ones", hint="broadcast one first"
    )
    assert str(error) == "mul takes inputs of one shape, got (4,) and (3,), wanted equal ones; broadcast one first"


def test_the_facts_are_fields() -> None:
    error = sg.DTypeError("what", got=3, wanted="numbers", hint="try")
    assert (error.what, error.got, error.wanted, error.hint) == ("what", 3, "numbers", "try")


def test_an_error_in_an_expression_tells_the_path() -> None:
    error = sg.UnsupportedExpression("Integral has no meaning here").at("exp > Integral")
    assert error.path == "exp > Integral"
    assert str(error) == "Integral has no meaning here (at exp > Integral)"


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_an_error_comes_through_a_process_whole(kind: type[sg.SymgradError], copied: Any) -> None:
    error = copied(kind("what", got=X**2, wanted="y", hint="z"))
    assert type(error) is kind
    assert str(error) == "what, got x**2, wanted y; z"
    assert error.got == X**2


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_every_error_is_public_and_has_a_base_of_pythons_own(kind: type[sg.SymgradError]) -> None:
    assert kind is errors.ExpressionError or getattr(sg, kind.__name__) is kind
    assert issubclass(kind, sg.SymgradError)
    assert kind.__doc__


def test_a_long_value_is_cut_in_the_middle() -> None:
    assert len(str(sg.DTypeError("what", got="a" * 10_000))) < 200


def test_a_large_expression_is_not_printed() -> None:
    e: Any = X
    for _ in range(60):
        e = sp.Add(e, sp.sin(e, evaluate=False), evaluate=False)
    assert str(sg.DTypeError("what", got=e)) == "what, got <Add of more than 200 operations>"


def test_got_none_is_not_mentioned() -> None:
    assert str(sg.SymgradError("what")) == "what"


# -- every class is reached by what a user does, with its facts and its text -------------------------------------------

Y, NU = sp.symbols("y nu")
M = sp.MatrixSymbol("M", 2, 2)
F = sg.Function([X, Y], X * sp.sin(Y))


class slanted(sp.Function):
    """x, with the derivative 2."""

    def fdiff(self, argindex: int = 1) -> Any:
        return sp.Integer(2)

    def _eval_evalf(self, prec: int) -> Any:
        return self.args[0]._eval_evalf(prec)


def _check_a_wrong_slope() -> Any:
    with mock.patch.dict(OPERATIONS), mock.patch.dict(IMPLEMENTATIONS):
        sg.register(slanted, lambda x: x)
        return sg.check_grads(sg.Function([X], slanted(X)), at=[0.5], order=1)


REACHED: list[tuple[str, Callable[[], Any], str]] = [
    ("UnsupportedExpression", lambda: sg.grad(sp.zeta(X), X), "zeta has no meaning here"),
    ("UndefinedDerivative", lambda: sg.grad(sp.besselj(NU, X), NU), "no derivative by its argument 1"),
    ("ComplexInput", lambda: F(1j, 1.0), "argument x is complex"),
    ("NotANumber", lambda: sg.grad(X + sp.oo, X), "an infinity or nan as a literal"),
    ("VariableError", lambda: F.grad(NU), "wrt is not among the arguments"),
    ("ArgumentError", lambda: F(1.0), "an argument is missing"),
    ("ShapeError", lambda: sg.Function([M], sp.trace(M))([1.0]), "argument M"),
    ("DTypeError", lambda: F("3", 1.0), "argument x is text"),
    ("OutputError", lambda: F(np.zeros(3), 1.0, out=np.zeros(2)), "out"),
    ("ObjectiveError", lambda: sg.Function([X], [X, X]).grad(), "a gradient needs one scalar output"),
    ("RegistrationError", lambda: sg.register(sp.sin, np.sin), "a function that symgrad has already"),
    ("SyntaxProblem", lambda: parse("x +* y"), "an operand is missing"),
    ("SingularMatrix", lambda: sg.Function([M], M.I)([[1, 2], [2, 4]]), "a singular matrix"),
    ("TooLarge", lambda: sg.grad(X ** (2**53 + 1), X), "an integer exponent that float64 cannot hold"),
    ("CheckFailed", _check_a_wrong_slope, "a derivative disagrees with the values"),
]


@pytest.mark.parametrize(("name", "call", "what"), REACHED, ids=[row[0] for row in REACHED])
def test_a_mistake_raises_its_class_with_facts_and_text(name: str, call: Callable[[], Any], what: str) -> None:
    with pytest.raises(sg.SymgradError) as caught:
        call()
    error = caught.value
    assert type(error).__name__ == name
    assert what in error.what
    assert str(error).startswith(error.what)
    assert error.got is not None or error.wanted is not None or error.hint is not None
    assert all(text in str(error) for text in (error.wanted, error.hint) if text is not None)


def test_every_class_is_reached() -> None:
    assert {row[0] for row in REACHED} == {k.__name__ for k in KINDS} - {"SymgradError", "ExpressionError"}


def test_every_class_has_a_row_of_the_page_that_is_run_and_has_a_message() -> None:
    rows = [ERROR_ROW.fullmatch(line) for line in (ROOT / "docs" / "use.md").read_text().splitlines()]
    assert {row[1] for row in rows if row and row[4].strip()} == {row[0] for row in REACHED}
