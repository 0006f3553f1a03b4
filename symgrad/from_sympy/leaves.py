"""What stands at the ends of an expression: what is an expression at all, and which of its parts are variables."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArrayElement, ArraySymbol
from sympy.tensor.array.expressions.array_expressions import _CodegenArrayAbstract
from sympy.tensor.indexed import Idx, Indexed, IndexedBase

from symgrad.entries import Entries
from symgrad.errors import ComplexInput, UnsupportedExpression

VARIABLES = (sp.Symbol, AppliedUndef, sp.Derivative, MatrixElement, Indexed, ArrayElement)
ARRAYS = (_CodegenArrayAbstract, Entries)


def as_expression(value: Any) -> sp.Basic:
    """A Python number as SymPy's; anything else must be SymPy's already: text is never parsed."""
    if isinstance(value, sp.MatrixBase) and value.shape == (1, 1):
        value = value[0, 0]
    if isinstance(value, (sp.Expr, sp.logic.boolalg.Boolean, *ARRAYS)):
        return value
    if isinstance(value, (Real, Decimal)):  # NumPy's scalars and mpmath's mpf are Real too
        return sp.sympify(value, strict=True)
    if isinstance(value, complex):
        raise ComplexInput("a complex number", got=value, wanted="real numbers: write real and imaginary parts apart")
    raise UnsupportedExpression(
        "this is no SymPy expression",
        got=f"{type(value).__name__} {value!r:.60}",
        wanted="a SymPy expression or a number",
        hint="text is not parsed: build it from sympy.symbols",
    )


def is_variable(e: Any) -> bool:
    """Does this stand for a variable?"""
    if not isinstance(e, VARIABLES):
        return False
    if isinstance(e, sp.Derivative):
        return isinstance(e.expr, AppliedUndef) and all(v.is_Symbol for v in e.variables)
    if isinstance(e, (MatrixElement, Indexed)):
        whole = e.parent if isinstance(e, MatrixElement) else e.base
        return isinstance(whole, (sp.MatrixSymbol, IndexedBase)) and all(i.is_Integer for i in e.indices)
    if isinstance(e, ArrayElement):
        return isinstance(e.name, ArraySymbol) and all(i.is_Integer for i in e.indices)
    return isinstance(e, (sp.Symbol, AppliedUndef)) and not isinstance(e, Idx)


def unsupported(e: Any) -> UnsupportedExpression:
    hint = None
    if isinstance(e, (sp.Derivative, sp.Integral, sp.Sum, sp.Product, sp.Limit, sp.Subs)):
        hint = "evaluate it first: .doit()"
    elif isinstance(e, sp.Function):
        hint = f"register it: symgrad.register({type(e).__name__}, implementation)"
    return UnsupportedExpression(f"{type(e).__name__} has no meaning here", got=e, hint=hint)
