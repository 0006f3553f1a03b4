"""Arrays by their entries, as SymPy objects: x[i] - t[i] for i = 0, ..., n - 1; and a function of each entry."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction


class Entries(sp.Basic):
    """The array whose entry at (i, j, ...) is the body: Entries(body, (i, n), (j, m), ...) has the shape (n, m, ...).

    Indices count from 0. It prints as the body and the ranges; `E[2, 3]` is an entry, `E.body` the body.
    """

    def __new__(cls, body: Any, *ranges: Any) -> Entries:
        pairs = [sp.Tuple(*(sp.sympify(part, strict=True) for part in pair)) for pair in ranges]
        return sp.Basic.__new__(cls, sp.sympify(body, strict=True), *pairs)

    @property
    def body(self) -> Any:
        """The entry at the indices."""
        return self.args[0]

    @property
    def indices(self) -> tuple[Any, ...]:
        """The free indices, one for each axis."""
        return tuple(pair.args[0] for pair in self.args[1:])

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of the axes."""
        return tuple(pair.args[1] for pair in self.args[1:])

    @property
    def bound_symbols(self) -> list[Any]:
        """The indices, which mean nothing outside."""
        return list(self.indices)

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols of the body and of the sizes, but for the indices."""
        sizes = {s for n in self.shape for s in n.free_symbols}
        bound = set(self.indices)
        return {s for s in self.body.free_symbols if not s.free_symbols & bound} | sizes  # x[i] is one too, to SymPy

    def __getitem__(self, position: Any) -> Any:
        places = position if isinstance(position, tuple) else (position,)
        if len(places) != len(self.indices):
            raise IndexError(f"{len(places)} indices of an array of {len(self.indices)} axes")
        numbers = [sp.sympify(k, strict=True) for k in places]
        return self.body.xreplace(dict(zip(self.indices, numbers, strict=True)))

    def _sympystr(self, printer: Any) -> str:
        ranges = [f"{', '.join(map(printer._print, i))} = 0..{printer._print(n - 1)}" for i, n in self._ranges()]
        return f"{printer._print(self.body)} for {', '.join(ranges)}"

    def _latex(self, printer: Any) -> str:
        ranges = [
            rf"{', '.join(map(printer._print, i))} = 0, \ldots, {printer._print(n - 1)}" for i, n in self._ranges()
        ]
        together = r";\ ".join(ranges)
        return rf"{printer._print(self.body)} \quad \left({together}\right)"

    def _ranges(self) -> list[tuple[list[Any], Any]]:
        """The indices that have one size, one after the other, and the size."""
        found: list[tuple[list[Any], Any]] = []
        for i, n in zip(self.indices, self.shape, strict=True):
            if found and found[-1][1] == n:
                found[-1][0].append(i)
            else:
                found.append(([i], n))
        return found


class Applied(ElementwiseApplyFunction):
    """SymPy's function of each entry of a matrix, which prints with the function's name: exp.(X)."""

    def _sympystr(self, printer: Any) -> str:
        body, d = self._body()
        name = function_name(body, d) or f"Lambda({printer._print(d)}, {printer._print(body)})"
        return f"{name}.({printer._print(self.expr)})"

    def _latex(self, printer: Any) -> str:
        body, d = self._body()
        name = function_name(body, d)
        if name is None:
            name = rf"\left({printer._print(d)} \mapsto {printer._print(body)}\right)_{{\circ}}"
            return rf"{name}\left({printer._print(self.expr)}\right)"
        word = WORDS.get(name, rf"\operatorname{{{name}}}")
        # of a square matrix, exp(X) might be the exponential of the matrix
        dot = r"_{\circ}" if self.shape[0] == self.shape[1] else ""
        return rf"{word}{dot}\left({printer._print(self.expr)}\right)"

    def _body(self) -> tuple[Any, Any]:
        """What is applied to each entry d, and d."""
        d = sp.Symbol("d")
        f = self.function
        return (f.expr.xreplace({f.variables[0]: d}) if isinstance(f, sp.Lambda) else f(d)), d


class Ones(sp.OneMatrix):
    """SymPy's matrix of ones, which prints as one: SymPy prints X*1."""

    def _sympystr(self, printer: Any) -> str:
        return f"ones({', '.join(map(printer._print, self.shape))})"

    def _latex(self, printer: Any) -> str:
        rows, columns = self.shape
        if columns == 1:
            return r"\mathbf{1}"
        if rows == 1:
            return r"\mathbf{1}^{T}"
        return rf"\mathbf{{1}}_{{{printer._print(rows)} \times {printer._print(columns)}}}"


WORDS = {
    **{name: rf"\{name}" for name in ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh")},
    "sigmoid": r"\sigma",
    "Heaviside": r"\theta",
}


def function_name(body: Any, d: Any) -> str | None:
    """The name of a function of d alone, or of d and numbers that go without saying."""
    if not isinstance(body, sp.Function) or body.args[0] != d or any(x.free_symbols for x in body.args[1:]):
        return None
    return str(body.func.__name__)


def matrix_entries(e: sp.FunctionMatrix) -> Entries:
    """A FunctionMatrix as Entries: a row or column has one index."""
    axes = zip(e.lamda.variables, e.shape, strict=True)
    return Entries(e.lamda.expr, *[(i, n) for i, n in axes if n != 1])
