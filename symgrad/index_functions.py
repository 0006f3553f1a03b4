"""SymPy classes for what SymPy has no word for over an index: log of a sum of exponentials, the largest, the smallest.

They bind their indices as Sum does. `doit` writes them out for integer limits; they differentiate, and print as LaTeX.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.printing.precedence import PRECEDENCE
from sympy.tensor.indexed import Idx

from symgrad.errors import UnsupportedExpression


class OverIndex(ExprWithLimits):
    """A function of all values of an expression over one index or more: (expression, (i, low, high), ...).

    Raises UnsupportedExpression for a limit that is not an index and its two ends.
    """

    __slots__ = ()

    def __new__(cls, function: Any, *limits: Any) -> Any:
        if not limits:
            raise UnsupportedExpression(f"{cls.__name__} without an index", got=function, wanted="(i, 0, n - 1)")
        e = sp.Expr.__new__(cls, sp.sympify(function, strict=True), *map(_limit, limits))
        e.is_commutative = True
        return e

    def of_values(self, values: Sequence[Any]) -> Any:
        """The function of so many numbers."""
        raise NotImplementedError

    def shares(self) -> Any:
        """The derivative by each value, as an expression in the indices."""
        raise NotImplementedError

    def doit(self, **hints: Any) -> Any:
        """Written out, where all limits are integers."""
        values = list(_values(self.function, list(self.limits)))
        if None in values:
            return self
        return self.of_values([v.doit(**hints) for v in values] if hints.get("deep", True) else values)

    def _eval_derivative(self, x: Any) -> Any:
        """The derivative by a symbol, or by an entry: the sum of the values' derivatives by their shares."""
        if any(x.free_symbols & end.free_symbols for limit in self.limits for end in limit.args[1:]) and x.is_Symbol:
            raise UnsupportedExpression("a derivative by what limits hold", got=x, wanted="a variable of the values")
        e = self
        hidden = [i for i in self.variables if i in x.free_symbols]
        if hidden:
            if x in hidden:
                return sp.S.Zero
            fresh = {i: sp.Dummy(str(i), integer=True) for i in hidden}  # x[i] is not the i that is bound here
            e = self.func(*[a.xreplace(fresh) for a in self.args])
        partial = e.function.diff(x)
        return sp.S.Zero if partial == 0 else sp.Sum(partial * e.shares(), *e.limits)

    def _eval_evalf(self, precision: int) -> Any:
        written = self.doit()
        return self if written == self else written._eval_evalf(precision)


class LogSumExpOverIndex(OverIndex):
    """log(sum of exp(expression)); of nothing, -oo."""

    __slots__ = ()

    def of_values(self, values: Sequence[Any]) -> Any:
        return sp.log(sp.Add(*map(sp.exp, values))) if values else -sp.oo

    def shares(self) -> Any:
        return sp.exp(self.function - self)

    def _latex(self, printer: Any, *args: Any) -> str:
        return r"\log " + str(printer._print(sp.Sum(sp.exp(self.function), *self.limits)))


class ExtremumOverIndex(OverIndex):
    """The largest or the smallest value; equal ones share the derivative."""

    __slots__ = ()

    def shares(self) -> Any:
        # no Piecewise: SymPy moves one out of the sum that binds its condition's index
        chosen = 1 - sp.sign(sp.Abs(self.function - self))
        return chosen / sp.Sum(chosen, *self.limits)

    def _over(self, printer: Any, word: str) -> str:
        ranges = []
        for index, low, high in self.limits:
            low, index, high = map(printer._print, (low, index, high))
            ranges.append(rf"{low} \leq {index} \leq {high}")
        body = printer.parenthesize(self.function, PRECEDENCE["Mul"])
        return rf"\{word}_{{{', '.join(ranges)}}} {body}"


class MaximumOverIndex(ExtremumOverIndex):
    """The largest; of nothing, -oo."""

    __slots__ = ()

    def of_values(self, values: Sequence[Any]) -> Any:
        return sp.Max(*values)

    def _latex(self, printer: Any, *args: Any) -> str:
        return self._over(printer, "max")


class MinimumOverIndex(ExtremumOverIndex):
    """The smallest; of nothing, oo."""

    __slots__ = ()

    def of_values(self, values: Sequence[Any]) -> Any:
        return sp.Min(*values)

    def _latex(self, printer: Any, *args: Any) -> str:
        return self._over(printer, "min")


def _limit(limit: Any) -> Any:
    """(i, low, high), as SymPy's Tuple; an Idx brings its own."""
    given = limit if isinstance(limit, (tuple, list, sp.Tuple)) else (limit,)
    parts = tuple(sp.sympify(part, strict=True) for part in given)
    if len(parts) == 1 and isinstance(parts[0], Idx) and parts[0].upper is not None:
        parts = (parts[0], parts[0].lower, parts[0].upper)
    if len(parts) != 3 or not isinstance(parts[0], (sp.Symbol, Idx)):
        raise UnsupportedExpression("a limit of another form", got=limit, wanted="(i, 0, n - 1)")
    return sp.Tuple(*parts)


def _values(function: Any, limits: list[Any]) -> Iterator[Any]:
    """The expression at each value of its indices; None where a limit is no integer."""
    pending = [(function, limits)]
    while pending:
        e, rest = pending.pop()
        if not rest:
            yield e
            continue
        *inner, (index, low, high) = rest  # the last is the outermost
        if not (low.is_Integer and high.is_Integer):
            yield None
            continue
        pending.extend(
            (e.subs(index, k), [sp.Tuple(i, a.subs(index, k), b.subs(index, k)) for i, a, b in inner])
            for k in range(int(high), int(low) - 1, -1)
        )
