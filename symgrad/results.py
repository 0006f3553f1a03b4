"""Nodes -> what goes out of a Function, and the vectors that come in after its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.tensor.array.expressions import ArraySymbol
from sympy.tensor.indexed import IndexedBase

from symgrad.arguments import Argument
from symgrad.arrays import ELEMENTS
from symgrad.derivatives import jacobian_array
from symgrad.graph import Graph, Node
from symgrad.lower.scalars.schedule import Result
from symgrad.ops.leaf import Input
from symgrad.ops.view import Place, joined, stack, view
from symgrad.structure import Shape
from symgrad.types import Type
from symgrad.wrt import Variables


def result_of(shape: Shape, nodes: Sequence[Node]) -> Result:
    """What goes out for an output as it was written: an expression of an array's own shape is one."""
    return Result(nodes[0].type.shape if shape == () else shape, tuple(nodes))


def results_like(parts: Sequence[Argument | Result], nodes: Sequence[Node]) -> list[Result]:
    """The nodes, cut into results of the shapes of the parts."""
    rest = iter(nodes)
    return [
        Result(part.shape, tuple(next(rest) for _ in part.elements), part.declared if part.is_whole else None)
        for part in parts
    ]


def jacobians(result: Result, v: Variables) -> list[Result]:
    """The derivative of one output by each variable, of shape output.shape + variable.shape."""
    output = result.elements[0] if result.is_whole else stack(result.elements, result.shape)
    found = []
    for part, entry in zip(v.parts, v.entries, strict=True):
        if not part.shape or part.is_whole:
            array = jacobian_array(output, part.elements[0])
            if entry is not None:
                places = [Place(0, ((axis, 1),)) for axis in range(len(result.shape))]
                array = view(array, [*places, *map(Place, entry)], result.shape)
        else:
            array = joined([jacobian_array(output, x) for x in part.elements], part.shape)
        found.append(Result((*result.shape, *part.shape), (array,), part.declared if result.shape == () else None))
    return found


def vectors_like(
    graph: Graph, arguments: Sequence[Argument], letter: str, parts: Sequence[Argument | Result]
) -> list[Argument]:
    """New arguments of the shapes of these variables or outputs, of names that are free."""
    taken = {a.name for a in arguments}
    taken |= {x.op.label() for a in arguments for x in a.elements}
    vectors = []
    for k, part in enumerate(parts):
        name = letter if len(parts) == 1 else f"{letter}_{part.name if isinstance(part, Argument) else k}"
        while name in taken:
            name += "_"
        taken.add(name)
        vectors.append(_whole_vector(graph, name, part) if part.shape and part.is_whole else _vector(graph, name, part))
    return vectors


def _whole_vector(graph: Graph, name: str, part: Argument | Result) -> Argument:
    symbol = _symbol_like(name, part)
    return Argument(name, part.shape, (graph.add(Input(symbol, Type("f8", part.shape))),), symbol)


def _vector(graph: Graph, name: str, part: Argument | Result) -> Argument:
    symbols = [sp.Symbol(f"{name}_{i}" if part.shape else name, real=True) for i in range(len(part.elements))]
    declared = sp.Tuple(*symbols) if part.shape else symbols[0]
    return Argument(name, part.shape, tuple(graph.add(Input(s)) for s in symbols), declared)


def _symbol_like(name: str, part: Argument | Result) -> Any:
    """A symbol for an array of the shape of this variable, of its kind if it has one."""
    declared = part.declared.args[0] if isinstance(part.declared, ELEMENTS) else part.declared
    if isinstance(declared, IndexedBase):
        return IndexedBase(name, shape=part.shape)
    if isinstance(declared, sp.MatrixSymbol):
        return sp.MatrixSymbol(name, *declared.shape)
    if len(part.shape) <= 2:
        return sp.MatrixSymbol(name, *part.shape, *[1] * (2 - len(part.shape)))
    return ArraySymbol(name, part.shape)


def sympy_array(shape: Shape, elements: list[Any]) -> Any:
    """The explicit SymPy matrix or array of these entries; a vector is a column."""
    if shape == ():
        return elements[0]
    if len(shape) == 1:
        return sp.ImmutableDenseMatrix(len(elements), 1, elements)
    if len(shape) == 2:
        return sp.ImmutableDenseMatrix(*shape, elements)
    return sp.ImmutableDenseNDimArray(elements, shape)
