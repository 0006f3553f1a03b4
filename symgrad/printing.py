"""Nodes -> text and LaTeX: a tree while that is short, a list of named intermediates where it is not.

The size of a tree is counted before it is printed: a graph of sixty nodes can be a tree of 2**60.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad.graph import Node, consumers, reachable
from symgrad.ops.arithmetic import Add, Power
from symgrad.ops.contract import Contract
from symgrad.ops.leaf import Input, Leaf
from symgrad.ops.linear_algebra import Factorisation
from symgrad.ops.rounding import Step
from symgrad.ops.view import View
from symgrad.printers import Latex, Text
from symgrad.size import subexpressions
from symgrad.to_sympy import TIDY, has_arrays, has_small_numbers, to_sympy, tree_sizes
from symgrad.to_sympy.arrays import ArrayWriter, symbol_names

SHORT = 60  # nodes of a tree that still reads at a glance
LONGEST = 400  # definitions before a listing is cut in the middle
WIDEST = 20_000  # characters before an expression is cut in the middle
WIDE = 50  # terms of a sum that SymPy may still put in order


class WhereForm(NamedTuple):
    """Expressions in terms of named intermediates, each defined in terms of earlier ones."""

    bodies: list[Any]
    definitions: list[tuple[Any, Any]]  # what is defined (a symbol, t0[i, j]), and as what


def where_form(outputs: Sequence[Node], *, like: Sequence[Any] | None = None) -> WhereForm:
    """The outputs as trees if these are short together, else with a name for all that is used more than once, and for
    what would be a long tree by itself. like: as for `to_sympy`."""
    sizes = tree_sizes(outputs)
    if sum(sizes[node] for node in outputs) <= SHORT:
        return WhereForm(to_sympy(outputs, like=like), [])
    nodes = reachable(outputs)
    if has_arrays(nodes):
        return _arrays_where(outputs, nodes, like or [None] * len(outputs))
    readers = consumers(nodes)
    taken = {str(node.op.variable) for node in nodes if isinstance(node.op, Input)}
    tidy = len(nodes) <= TIDY and has_small_numbers(nodes)
    expressions: dict[Node, Any] = {}
    inlined: dict[Node, int] = {}  # the size of what stands for a node where it is read
    definitions: list[tuple[sp.Symbol, Any]] = []
    with sp.evaluate(tidy):
        for node in nodes:
            expression = node.op.to_sympy(*[expressions[x] for x in node.inputs])
            size = 1 + sum(inlined[x] for x in node.inputs)
            shared = len(readers[node]) > 1 and not _is_short(node) and node.type.dtype != "b1"
            if shared or (size > SHORT and readers[node]):
                symbol = sp.Symbol(_fresh(len(definitions), taken), real=True)
                definitions.append((symbol, expression))
                expression, size = symbol, 1
            expressions[node], inlined[node] = expression, size
    return WhereForm([expressions[node] for node in outputs], definitions)


def _arrays_where(outputs: Sequence[Node], nodes: Sequence[Node], like: Sequence[Any]) -> WhereForm:
    readers = consumers(nodes)
    taken = symbol_names(nodes)
    inlined: dict[Node, int] = {}
    definitions: list[tuple[Any, Any]] = []
    with sp.evaluate(len(nodes) <= TIDY and has_small_numbers(nodes)):
        writer = ArrayWriter(outputs)
        for node in nodes:
            inlined[node] = 1 + sum(inlined[x] for x in node.inputs)
            if node.type.dtype != "f8" or isinstance(node.op, Factorisation):
                continue
            used = {x for reader in readers[node] for x in _seen_through(reader, readers)}
            shared = len(used) > 1 and not _is_short(node) and not _is_mask(node)
            if shared or (inlined[node] > SHORT and readers[node]):
                definitions.append(writer.define(node, _fresh(len(definitions), taken)))
                inlined[node] = 1
        return WhereForm([writer.expression(x, a) for x, a in zip(outputs, like, strict=True)], definitions)


def _seen_through(reader: Node, readers: dict[Node, list[Node]]) -> list[Node]:
    """A reader, or of a factorisation its own: it is not printed."""
    return readers[reader] if isinstance(reader.op, Factorisation) else [reader]


def _is_mask(node: Node) -> bool:
    """Is this a step of one matrix, which is multiplied by entry by entry?"""
    return isinstance(node.op, Step)


def _is_short(node: Node) -> bool:
    """A leaf, a multiple, power, transpose or window of one: repeating it is clearer than naming it."""
    if isinstance(node.op, Leaf):
        return True
    if isinstance(node.op, View):
        return all(isinstance(x.op, Leaf) for x in node.inputs)
    small = isinstance(node.op, (Add, Power)) or (isinstance(node.op, Contract) and node.op.is_view)
    return small and len(node.inputs) == 1 and isinstance(node.inputs[0].op, Leaf)


def _fresh(number: int, taken: set[str]) -> str:
    name = f"t{number}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def to_text(head: str, form: WhereForm, build: Any) -> str:
    """`head = body`, and below it the definitions."""
    lines = [f"{head} = {as_text(build(form.bodies))}"]
    if form.definitions:
        shown = _cut(form.definitions)
        lines += ["where", *(f"    {symbol} = {as_text(body)}" for symbol, body in shown.first)]
        if shown.left_out:
            lines.append(f"    ... {shown.left_out} more ...")
        lines += [f"    {symbol} = {as_text(body)}" for symbol, body in shown.last]
    return "\n".join(lines)


def to_latex(head: str, form: WhereForm, build: Any) -> str:
    """The same in LaTeX; several lines are `aligned`."""
    body = _latex(build(form.bodies))
    if not form.definitions:
        return f"{head} = {body}"
    shown = _cut(form.definitions)
    rows = [f"{_latex(symbol)} &= {_latex(definition)}" for symbol, definition in shown.first]
    if shown.left_out:
        rows.append(rf"& \text{{\ldots\ {shown.left_out} more}}")
    rows += [f"{_latex(symbol)} &= {_latex(definition)}" for symbol, definition in shown.last]
    rows[0] = r"\text{where}\quad " + rows[0]
    return "\\begin{aligned}\n" + " \\\\\n".join([f"{head} &= {body}", *rows]) + "\n\\end{aligned}"


class Cut(NamedTuple):
    """The first and the last of a long list, and how many are left out between them."""

    first: list[Any]
    left_out: int
    last: list[Any]


def _cut(items: list[Any]) -> Cut:
    if len(items) <= LONGEST:
        return Cut(items, 0, [])
    half = LONGEST // 2
    return Cut(items[:half], len(items) - 2 * half, items[-half:])


def as_text(value: Any) -> str:
    """str of a nested structure, in which SymPy prints as str and not as repr."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {as_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (sp.MatrixBase, sp.NDimArray)):
        if math.prod(value.shape) > LONGEST:
            shown = _cut(list(_elements(value)))
            ends = ", ".join(map(as_text, shown.first)), ", ".join(map(as_text, shown.last))
            return f"array of shape {value.shape}: [{ends[0]}, ... {shown.left_out} more ..., {ends[1]}]"
        return as_text(value.flat() if value.shape[1:] == (1,) else value.tolist())
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(as_text, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    text = Text({"order": _order(value)}).doprint(value)
    if len(text) <= WIDEST:
        return str(text)
    return f"{text[: WIDEST // 2]} ... {len(text) - WIDEST} more characters ... {text[-WIDEST // 2 :]}"


def _elements(array: Any) -> Iterator[Any]:
    return (array[index] for index in np.ndindex(*array.shape))


def _latex(value: Any) -> str:
    if isinstance(value, (sp.MatrixBase, sp.NDimArray)) and math.prod(value.shape) > LONGEST:
        shown = _cut(list(_elements(value)))
        ends = ", ".join(map(_latex, shown.first)), ", ".join(map(_latex, shown.last))
        return rf"\left[{ends[0]},\ \ldots\ \text{{{shown.left_out} more}}\ \ldots,\ {ends[1]}\right]"
    expressions = [value] if isinstance(value, sp.Basic) else []
    return str(Latex({"order": _order(*expressions)}).doprint(value))


def _order(*expressions: Any) -> str | None:
    """SymPy's order of terms, whose cost is quadratic in their number; of a long sum, the order in which it stands."""
    wide = any(e.is_Add and len(e.args) > WIDE for e in subexpressions(*expressions))
    return "none" if wide else None
