"""The steps of a computation as a table, in text and in LaTeX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

SHOWN = 6  # entries of an array that are shown in full


@dataclass(frozen=True)
class Edge:
    """What one step sends back to one of its inputs."""

    to: Any  # the name of the input
    local: Any  # d step / d input, in terms of names
    local_value: float | None
    product: float | None  # local times upstream: the share of this step in the gradient by the input


@dataclass(frozen=True)
class Step:
    """One node: its name and formula, and at a point its value and the gradient that arrives from above."""

    name: Any
    formula: Any
    value: float | None
    upstream: float | None
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Explanation:
    """The steps from the variables to the output. Prints as a table; `latex()` is the same table."""

    head: str
    steps: tuple[Step, ...]
    at: dict[str, Any] | None

    def __str__(self) -> str:
        rows = [("step", "formula", "value", "upstream", "local gradient", "product")]
        for step in self.steps:
            first = (str(step.name), str(step.formula), _number(step.value), _number(step.upstream))
            edges = [(f"d/d{e.to}: {e.local}{_equals(e)}", _number(e.product)) for e in step.edges]
            for k, edge in enumerate(edges or [("", "")]):
                rows.append((*(first if k == 0 else ("", "", "", "")), *edge))
        columns = [c for c in range(6) if any(row[c] for row in rows[1:])]
        widths = {c: max(len(row[c]) for row in rows) for c in columns}
        lines = ["  ".join(row[c].ljust(widths[c]) for c in columns).rstrip() for row in rows]
        where = f" at {', '.join(f'{k} = {_number(v)}' for k, v in self.at.items())}" if self.at else ""
        return "\n".join([self.head + where, lines[0], "-" * len(lines[0]), *lines[1:]])

    def latex(self) -> str:
        """The table in LaTeX."""
        rows = []
        for step in self.steps:
            first = f"{_tex(step.name)} & {_tex(step.formula)} & {_number(step.value)} & {_number(step.upstream)}"
            for k, e in enumerate(step.edges or (None,)):
                left = first if k == 0 else " & & & "
                if e is None:
                    rows.append(f"{left} & & ")
                    continue
                local = rf"\frac{{\partial {_tex(step.name)}}}{{\partial {_tex(e.to)}}} = {_tex(e.local)}{_equals(e)}"
                rows.append(f"{left} & {local} & {_number(e.product)}")
        columns = ("step", "formula", "value", "upstream", "local gradient", "product")
        head = " & ".join(rf"\text{{{column}}}" for column in columns) + r" \\ \hline"
        body = " \\\\\n".join(rows)
        return f"\\begin{{array}}{{llrrlr}}\n{head}\n{body}\n\\end{{array}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def _number(value: Any) -> str:
    if value is None:
        return ""
    if np.ndim(value):
        return " ".join(
            np.array2string(np.asarray(value), precision=4, threshold=SHOWN, edgeitems=2, separator=", ").split()
        )
    return f"{float(value):.10g}"


def _equals(edge: Edge) -> str:
    """The value of a local gradient, unless its formula is a number already."""
    return "" if edge.local_value is None or edge.local.is_number else f" = {_number(edge.local_value)}"


def _tex(expression: Any) -> str:
    return str(sp.latex(expression))
