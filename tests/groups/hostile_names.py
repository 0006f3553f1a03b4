"""Symbols whose names are code, keywords, or alike: none reaches generated code, but plain identifiers as such."""

from __future__ import annotations

import builtins
import keyword
import random

import sympy as sp

import symgrad as sg
from symgrad.function import Function
from tests.groups.group import Group, Outcome, Outcomes, compiled_at
from tests.oracles import error

NAMES = [
    "lambda", "None", "True", "def", "class", "import", "print", "float", "exec", "__import__",
    "exp", "sin", "np", "numpy", "math", "f", "out", "t0", "x0", "self",
    "x y", "x\ny", 'x"y', "x'y", "x#y", "x\\y", "x;y", "", " ", "\t",
    "а", "α", "ﬁ", "x\u200b", "x" * 10_000, "%0", "{x}", "$x", "__class__", "'); boom('",
]  # fmt: skip


def check(draw: random.Random, index: int) -> Outcomes:
    """The value, gradient and second derivative with that name beside x are those of plain names; the source too."""
    name = NAMES[index]
    hostile = sp.Symbol(name, real=True) if draw.random() < 0.5 or not name.strip() else sp.Symbol(name)
    plain, other = sp.symbols("a b", real=True)
    alike = sp.Symbol(name, positive=True)  # of the same text and other assumptions
    outcome = Outcome(numbers={"compiled": 2})

    def model(p: sp.Symbol, q: sp.Symbol) -> sp.Expr:
        return sp.exp(p) * sp.sin(q) + p**2 * q

    booms = [0]
    had = getattr(builtins, "boom", None)
    builtins.boom = lambda *a: booms.append(1)  # type: ignore[attr-defined]
    try:
        wanted = Function([plain, other], model(plain, other)).value_and_grad([plain, other])
        for second in (other, alike):
            got = Function([hostile, second], model(hostile, second)).value_and_grad([hostile, second])
            a, b = compiled_at(got, [0.3, 0.7]), compiled_at(wanted, [0.3, 0.7])
            outcome.error = max(outcome.error, *map(error, a, b))
            if a != b:
                outcome.failure = f"{name!r}: {a}, with plain names {b}"
            if not _harmless(name) and len(name) > 3 and name in got.source and name not in wanted.source:
                outcome.failure = f"the name {name!r:.60} is in the source"
            compile(got.source, "<source>", "exec")
            str(got)
        gradient = sg.grad(model(hostile, other), hostile)
        if gradient.subs({hostile: sp.Rational(3, 10), other: sp.Rational(7, 10)}).free_symbols:
            outcome.failure = f"{name!r}: {gradient}"
    finally:
        del builtins.boom  # type: ignore[attr-defined]
        if had is not None:
            builtins.boom = had  # type: ignore[attr-defined]
    if len(booms) > 1:
        outcome.failure = f"the name {name!r} was run"
    return {"hostile_names": outcome}


def _harmless(name: str) -> bool:
    """May the source that people read show this name? Plain identifiers only, that mean nothing to Python."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not hasattr(builtins, name)


GROUPS = [Group("hostile_names", len(NAMES), check, whole=True)]
