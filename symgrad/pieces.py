"""A Piecewise within a sum or product over an index, which SymPy leaves where it is."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair

from symgrad.size import subexpressions


class Pieces(sp.Expr):
    """The same value as Piecewise(*args), printed as that; `doit` makes it one.

    SymPy's Sum and Product move every Piecewise in their body outwards (piecewise_fold), through the sums and products
    within it: the indices that these bind then stand unbound in the condition. It does not look for this class.
    """

    is_commutative = True
    is_extended_real = True

    def __new__(cls, *pairs: Any) -> Pieces:
        return sp.Basic.__new__(cls, *[ExprCondPair(*pair) for pair in pairs])

    def doit(self, **hints: Any) -> sp.Expr:
        return sp.Basic.__new__(sp.Piecewise, *self.args)

    def _sympystr(self, printer: Any) -> str:
        return f"Piecewise({', '.join(map(printer._print, self.args))})"

    def _latex(self, printer: Any) -> str:
        return str(printer._print(self.doit()))


def hidden(body: Any) -> Any:
    """The expression with every Piecewise in it as Pieces; they are nested at most as deep as conditions are."""
    while body.has(sp.Piecewise):
        innermost = {
            e: Pieces(*e.args)
            for e in subexpressions(body)
            if isinstance(e, sp.Piecewise) and not any(a.has(sp.Piecewise) for a in e.args)
        }
        body = body.xreplace(innermost)
    return body
