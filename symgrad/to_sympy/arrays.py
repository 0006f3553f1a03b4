"""Nodes of a graph with arrays -> SymPy's: all in one style, and with names for what was given one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from symgrad.entries import Entries
from symgrad.graph import Node, reachable
from symgrad.ops.arithmetic import Add
from symgrad.ops.contract import Contract
from symgrad.ops.leaf import Input
from symgrad.ops.position import Extent
from symgrad.ops.view import Mapped
from symgrad.to_sympy.indexed import entries_of
from symgrad.to_sympy.matrices import matrix_form_of, matrix_shape
from symgrad.to_sympy.names import Names
from symgrad.to_sympy.opened import entry
from symgrad.to_sympy.terms import split, transposed

MOST_DOUBLINGS = 10  # SymPy asks a multiple of a matrix for its shape by asking the matrix twice, and so on down


class ArrayWriter:
    """Writes nodes as matrices if all inputs are matrices and no rank is above 2, else in index notation."""

    def __init__(self, outputs: Sequence[Node]):
        nodes = reachable(outputs)
        self.names = Names(symbol_names(nodes))
        matrices = all(len(node.type.shape) <= 2 and _is_matrix(node) for node in nodes)
        self.as_matrices = matrices and _doublings(nodes) <= MOST_DOUBLINGS
        self._given: dict[Node, Any] = {}  # the variables that stand for nodes with names

    def expression(self, node: Node, like: Any = None) -> Any:
        """The node: a number, a matrix or a column, or Entries. like: a row, as which it is to come out, or an entry
        w[k], whose index is that of its axis."""
        if not self.as_matrices:
            named = node.type.shape and isinstance(like, sp.Indexed) and len(like.indices) == len(node.type.shape)
            return entries_of(node, self.names, self._given, like.indices if named else ())
        e = self._matrix(node)
        if node.type.shape and isinstance(split(e)[1][-1], sp.FunctionMatrix) and len(split(e)[1]) == 1:
            coefficient, (f,) = split(e)
            axes = list(zip(f.lamda.variables, f.shape, strict=True))
            return Entries(sp.Mul(coefficient, f.lamda.expr), *axes[: len(node.type.shape)])
        is_row = isinstance(like, sp.MatrixSymbol) and like.shape[0] == 1 and len(node.type.shape) == 1
        return transposed(e) if is_row else e

    def define(self, node: Node, name: str) -> tuple[Any, Any]:
        """What is defined, and as what, of a node that is written by this name from now on."""
        body = self.expression(node)
        shape = node.type.shape
        if not shape:
            symbol = sp.Symbol(name, real=True)
            self._given[node] = symbol
            return symbol, body
        if self.as_matrices:
            with sp.evaluate(True):
                variable: Any = sp.MatrixSymbol(name, *matrix_shape(shape))
        else:
            variable = sp.IndexedBase(name, shape=shape)
        self._given[node] = variable
        if not isinstance(body, Entries):
            return variable, body
        indices = (*body.indices, 0)[:2] if self.as_matrices else body.indices
        return (entry(variable, *indices) if self.as_matrices else variable[indices]), body

    def _matrix(self, output: Node) -> Any:
        forms: dict[Node, Any] = dict(self._given)
        for node in below([output], self._given):
            forms[node] = matrix_form_of(node, [forms[x] for x in node.inputs], self.names)
        return forms[output]


def _doublings(nodes: Iterable[Node]) -> int:
    """How many multiples of matrices stand one in the other."""
    depths: dict[Node, int] = {}
    for node in nodes:
        is_multiple = sum(bool(x.type.shape) for x in node.inputs) == 1 and isinstance(node.op, (Add, Contract))
        depths[node] = is_multiple + max((depths[x] for x in node.inputs), default=0)
    return max(depths.values(), default=0)


def symbol_names(nodes: Iterable[Node]) -> set[str]:
    """The names of all symbols in inputs and in sizes."""
    found: set[sp.Basic] = set()
    for node in nodes:
        op = node.op
        if isinstance(op, Input):
            found |= op.variable.free_symbols
        sizes: list[Any] = [*node.type.shape]
        if isinstance(op, Mapped):
            sizes += [place.offset for place in op.places]
        if isinstance(op, Extent):
            sizes.append(op.size)
        found |= {s for n in sizes if not isinstance(n, int) for s in n.free_symbols}
    return {str(s) for s in found}


def below(outputs: Iterable[Node], given: dict[Node, Any]) -> list[Node]:
    """What the outputs depend on, but not through what is given, in topological order."""
    found: dict[int, Node] = {}
    pending = [node for node in outputs if node not in given]
    while pending:
        node = pending.pop()
        if node.index not in found:
            found[node.index] = node
            pending.extend(x for x in node.inputs if x not in given)
    return [found[i] for i in sorted(found)]


def _is_matrix(node: Node) -> bool:
    """Is this no array that is indexed, such as an IndexedBase?"""
    if not isinstance(node.op, Input) or not node.type.shape:
        return True
    return node.type.dtype == "f8" and isinstance(node.op.variable, (sp.MatrixSymbol, sp.Symbol))
