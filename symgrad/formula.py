"""The outputs of a graph as a user reads them: as SymPy's expressions, as text, in LaTeX, as a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.arguments import Argument
from symgrad.graph import Node, reachable, to_dot
from symgrad.lower.scalars.schedule import Result
from symgrad.printers import Latex
from symgrad.printing import to_latex, to_text, where_form
from symgrad.results import sympy_array
from symgrad.structure import Structure
from symgrad.to_sympy import to_sympy


class Formula:
    """Named outputs, nested as they were given, of declared arguments."""

    name: str
    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    structure: Structure

    def _elements(self) -> list[Node]:
        return [e for r in self.results for e in r.elements]

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes that the outputs depend on, in topological order."""
        return reachable(self._elements())

    @cached_property
    def outputs(self) -> Any:
        """The formulas as SymPy expressions, nested as the result is: an explicit array is an immutable matrix or
        array, one of any size a matrix expression, or an expression in indices."""
        return self._build(to_sympy(self._elements(), like=self._declared()))

    def _declared(self) -> list[Any]:
        """For each element the variable, if any, as whose column or row it prints."""
        return [r.declared if r.is_whole else None for r in self.results for _ in r.elements]

    def _build(self, expressions: Sequence[Any]) -> Any:
        rest = iter(expressions)
        leaves = [
            next(rest) if r.is_whole else sympy_array(r.shape, [next(rest) for _ in r.elements]) for r in self.results
        ]
        return self.structure.build(leaves)

    def __str__(self) -> str:
        return to_text(self.head, where_form(self._elements(), like=self._declared()), self._build)

    def __repr__(self) -> str:
        return f"<symgrad.{type(self).__name__} {self.head}, {len(self.nodes)} nodes>"

    @property
    def head(self) -> str:
        """The name and the arguments, as text."""
        return f"{self.name}({', '.join(a.name if a.shape == () else _declared_text(a) for a in self.arguments)})"

    def latex(self) -> str:
        """The formulas in LaTeX, with named intermediates where a tree would be long."""
        names = ", ".join(Latex().doprint(sp.sympify(a.declared)) for a in self.arguments)
        name = self.name.replace("_", r"\_").replace("%", r"\%")
        head = rf"\operatorname{{{name}}}\left({names}\right)"
        return to_latex(head, where_form(self._elements(), like=self._declared()), self._build)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return to_dot(self._elements())


def _declared_text(argument: Argument) -> str:
    if isinstance(argument.declared, (tuple, list, sp.Tuple)):
        return f"({', '.join(map(str, argument.declared))})"
    return argument.name
