"""SymPy's printers, with the words for arrays that people use: A o B, exp.(X), ones(n, 1); a product of one entry is a
number without its [0, 0] in LaTeX."""

# ruff: noqa: N802, N815 - SymPy looks its methods up by these names
from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE, precedence_traditional
from sympy.printing.str import StrPrinter

from symgrad.entries import Applied, Ones, matrix_entries


def _ordered(terms: list[Any]) -> list[Any]:
    """What is added before what is subtracted, if these are entries of arrays: x[i] - t[i]."""
    if not any(x.has(sp.Indexed, MatrixElement) for x in terms):
        return terms
    return sorted(terms, key=lambda x: bool(x.could_extract_minus_sign()))


class Text(StrPrinter):
    """Text."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        return _ordered(super()._as_ordered_terms(expr, order))

    def _print_MatAdd(self, e: Any) -> str:
        return _signed(
            [f"({self._print(x)})" if x.is_MatAdd else str(self._print(x)) for x in _ordered_matrices(self, e)]
        )

    def _factor(self, e: Any) -> str:
        """An argument of a product entry by entry, or of a power: in brackets unless it is a word or a product."""
        loose = isinstance(e, sp.MatMul) and not e.args[0].is_Matrix
        return self._bracketed(e) if loose or isinstance(e, (sp.MatAdd, sp.HadamardProduct)) else str(self._print(e))

    def _bracketed(self, e: Any) -> str:
        return f"({self._print(e)})"

    def _print_HadamardProduct(self, e: Any) -> str:
        return " o ".join(map(self._factor, e.args))

    def _print_HadamardPower(self, e: Any) -> str:
        base = self.parenthesize(e.base, PRECEDENCE["Pow"])
        if isinstance(e.base, sp.HadamardPower):
            base = self._bracketed(e.base)
        return f"{base}.**{self.parenthesize(e.exp, PRECEDENCE['Pow'])}"

    def _print_ElementwiseApplyFunction(self, e: Any) -> str:
        return Applied(e.function, e.expr)._sympystr(self)

    def _print_OneMatrix(self, e: Any) -> str:
        return Ones(*e.shape)._sympystr(self)

    def _print_ZeroMatrix(self, e: Any) -> str:
        return f"zeros({', '.join(map(self._print, e.shape))})"

    def _print_FunctionMatrix(self, e: Any) -> str:
        return f"[{self._print(matrix_entries(e))}]"

    def _print_MatMul(self, e: Any) -> str:
        scalars = [x for x in e.args if not x.is_Matrix]
        matrices = [x for x in e.args if x.is_Matrix]
        coefficient = sp.Mul(*scalars)
        sign = ""
        if coefficient.could_extract_minus_sign():
            coefficient, sign = -coefficient, "-"
        level = precedence_traditional(e)
        chain = "*".join(
            self._bracketed(x) if isinstance(x, sp.HadamardProduct) else self.parenthesize(x, level) for x in matrices
        )
        if coefficient == 1:
            return sign + chain
        number = self._print(coefficient)
        bracketed = coefficient.is_Add or ("/" in number and not coefficient.is_Pow)
        return f"({sign}{number})*{chain}" if bracketed else f"{sign}{number}*{chain}"


PERCENT = "\ue000"  # a private character of Unicode, for % in names: SymPy's printer takes its own text as a format


class Latex(LatexPrinter):
    """LaTeX."""

    def doprint(self, expr: Any) -> str:
        return str(super().doprint(expr)).replace(PERCENT, r"\%")

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        return str(super()._print_Symbol(expr, style)).replace("%", PERCENT)

    def _hprint_Function(self, func: str) -> str:
        return str(super()._hprint_Function(func.replace("%", PERCENT)))

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        return _ordered(super()._as_ordered_terms(expr, order))

    def _print_MatAdd(self, e: Any) -> str:
        return _signed(
            [
                rf"\left({self._print(x)}\right)" if x.is_MatAdd else str(self._print(x))
                for x in _ordered_matrices(self, e)
            ]
        )

    def _print_ElementwiseApplyFunction(self, e: Any) -> str:
        return Applied(e.function, e.expr)._latex(self)

    def _print_MatrixElement(self, e: Any) -> str:
        return str(self._print(e.parent) if _is_number(e) else super()._print_MatrixElement(e))

    def parenthesize(self, item: Any, level: Any, is_neg: bool = False, strict: bool = False) -> str:
        return str(super().parenthesize(item.parent if _is_number(item) else item, level, is_neg, strict))

    def _print_OneMatrix(self, e: Any) -> str:
        return Ones(*e.shape)._latex(self)

    def _print_Identity(self, e: Any) -> str:
        return "I"

    def _print_DiagMatrix(self, e: Any) -> str:
        return rf"\operatorname{{diag}}\left({self._print(e.args[0])}\right)"

    _print_DiagonalOf = _print_DiagMatrix

    def _print_FunctionMatrix(self, e: Any) -> str:
        return rf"\left[{self._print(matrix_entries(e))}\right]"


def _ordered_matrices(printer: Any, e: Any) -> list[Any]:
    """The terms in SymPy's order, what is subtracted last."""
    terms = e.as_ordered_terms(order=printer.order) if printer.order != "none" else list(e.args)
    return sorted(terms, key=lambda x: bool(_is_negative(x)))


def _is_negative(e: Any) -> bool:
    """Does a minus stand before the term?"""
    return isinstance(e, sp.MatMul) and bool(sp.Mul(*[x for x in e.args if not x.is_Matrix]).could_extract_minus_sign())


def _signed(terms: list[str]) -> str:
    """A sum of terms, each with its sign."""
    first, *rest = terms
    return first + "".join(f" - {x[1:].lstrip()}" if x.startswith("-") else f" + {x}" for x in rest)


def _is_number(e: Any) -> bool:
    """Is this the entry of a product of one entry?"""
    return isinstance(e, MatrixElement) and e.parent.shape == (1, 1) and isinstance(e.parent, sp.MatMul)
