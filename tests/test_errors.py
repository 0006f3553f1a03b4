"""Errors: their text, their fields, their copies; and that none prints what is too large."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad import errors

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
