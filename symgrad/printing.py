"""Nodes -> text and LaTeX: a tree while that is short, a list of named intermediates where it is not.

The size of a tree is counted before it is printed: a graph of sixty nodes can be a tree of 2**60.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graph import Node, consumers, reachable
from symgrad.ops.arithmetic import Add, Power
from symgrad.ops.leaf import Input, Leaf
from symgrad.to_sympy import to_sympy, tree_sizes

SHORT = 60  # nodes of a tree that still reads at a glance
TEXT_WHERE = r"\text{where}\quad "
LONGEST = 400  # lines before a listing is cut in the middle


class WhereForm(NamedTuple):
    """Expressions in terms of named intermediates, each defined in terms of earlier ones."""

    bodies: list[Any]
    definitions: list[tuple[sp.Symbol, Any]]


def where_form(outputs: Sequence[Node]) -> WhereForm:
    """The outputs as trees if these are short together, else with a name for all that is used more than once, and for
    what would be a long tree by itself."""
    sizes = tree_sizes(outputs)
    if sum(sizes[node] for node in outputs) <= SHORT:
        return WhereForm(to_sympy(outputs), [])
    nodes = reachable(outputs)
    readers = consumers(nodes)
    taken = {str(node.op.variable) for node in nodes if isinstance(node.op, Input)}
    expressions: dict[Node, Any] = {}
    inlined: dict[Node, int] = {}  # the size of what stands for a node where it is read
    definitions: list[tuple[sp.Symbol, Any]] = []
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


def _is_short(node: Node) -> bool:
    """A leaf, a multiple of one, or a power of one: repeating it is clearer than naming it."""
    if isinstance(node.op, Leaf):
        return True
    return isinstance(node.op, (Add, Power)) and len(node.inputs) == 1 and isinstance(node.inputs[0].op, Leaf)


def _fresh(number: int, taken: set[str]) -> str:
    name = f"t{number}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def to_text(head: str, form: WhereForm, build: Any) -> str:
    """`head = body`, and below it the definitions."""
    lines = [f"{head} = {_structured_text(build(form.bodies))}"]
    if form.definitions:
        lines.append("where")
        lines.extend(_cut([f"    {symbol} = {body}" for symbol, body in form.definitions]))
    return "\n".join(lines)


def to_latex(head: str, form: WhereForm, build: Any) -> str:
    """The same in LaTeX; several lines are `aligned`."""
    first = f"{head} = {sp.latex(build(form.bodies))}"
    if not form.definitions:
        return first
    rows = [f"{head} &= {sp.latex(build(form.bodies))}"]
    for k, (symbol, body) in enumerate(form.definitions):
        rows.append(rf"{TEXT_WHERE if k == 0 else ''}{sp.latex(symbol)} &= {sp.latex(body)}")
    return "\\begin{aligned}\n" + " \\\\\n".join(_cut(rows)) + "\n\\end{aligned}"


def _structured_text(value: Any) -> str:
    """str of a nested structure, in which SymPy prints as str and not as repr."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_structured_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_structured_text, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return str(value)


def _cut(lines: list[str]) -> list[str]:
    if len(lines) <= LONGEST:
        return lines
    half = LONGEST // 2
    return [*lines[:half], f"    ... {len(lines) - 2 * half} more lines ...", *lines[-half:]]
