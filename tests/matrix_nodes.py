"""A matrix expression by symgrad and by the independent interpreter: values and gradients of all its symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.tensor.array.expressions import ArraySymbol

from symgrad.arrays import array_type
from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all
from symgrad.function import Function
from symgrad.graph import Graph, Node
from symgrad.ops.contract import contract
from symgrad.ops.leaf import Input
from symgrad.types import Type
from tests.groups.group import by_source
from tests.matrix_oracle import STEP, Interpreter

Sizes = Mapping[Any, int]


def nodes_of(graph: Graph, expressions: Sequence[Any]) -> list[Node]:
    """The nodes of expressions, in which matrices are whole arrays, and their sizes are sizes."""
    roots = [e.as_immutable() if isinstance(e, sp.MatrixBase) else e for e in expressions]
    arrays = {x: array_type(x) for e in roots for x in e.atoms(sp.MatrixSymbol, ArraySymbol)}
    return convert_all(graph, roots, arrays)


def inputs_of(graph: Graph, values: Mapping[Any, Any], sizes: Sizes) -> dict[Node, Any]:
    """The inputs of a graph that have values, in the shapes that their nodes have."""
    found = {}
    for node in graph:
        if isinstance(node.op, Input) and node.op.variable in values:
            shape = [int(sp.sympify(n).xreplace(dict(sizes))) for n in node.type.shape]
            found[node] = np.reshape(values[node.op.variable], shape)[()]
    return found


def value_and_gradients(e: Any, values: Mapping[Any, Any], sizes: Sizes, weights: Any) -> tuple[Any, dict[Any, Any]]:
    """By symgrad: the value, and the derivatives of the sum of value * weights by each symbol."""
    graph = Graph()
    (node,) = nodes_of(graph, [e])
    inputs = inputs_of(graph, values, sizes)
    seed = graph.add(Input(sp.Symbol("weights"), node.type))
    axes = range(len(node.type.shape))
    target = contract(graph, [(node, axes), (seed, axes)], ())
    gradients = build_grad(target, list(inputs))
    shape = [int(sp.sympify(n).xreplace(dict(sizes))) for n in node.type.shape]
    everything = {**inputs, seed: np.reshape(weights, shape)[()]}
    for size, number in sizes.items():  # what no array is left to tell; without arrays n is a variable
        everything[graph.add(Input(size))] = np.float64(number)
        everything[graph.add(Input(sp.Dummy(), Type("f8", (size,))))] = np.zeros(number)
    value, *numbers = evaluate([node, *gradients], everything)
    return value, {x.op.variable: g for x, g in zip(inputs, numbers, strict=True)}  # type: ignore[attr-defined]


def compiled(e: Any, values: Mapping[Any, Any], sizes: Sizes) -> tuple[Any, dict[Any, Any]]:
    """By a compiled Function of its symbols: the value, and of a scalar the gradients."""
    function, symbols, arguments = _called(e, values, sizes)
    if getattr(e, "is_Matrix", False):
        return function(*arguments), {}
    value, gradients = function(*arguments)
    return value, dict(zip(symbols, gradients, strict=True))


def executed(e: Any, values: Mapping[Any, Any], sizes: Sizes) -> tuple[Any, dict[Any, Any]]:
    """The same by the Python source of the Function."""
    function, symbols, arguments = _called(e, values, sizes)
    result = by_source(function)(*map(np.asarray, arguments))
    if getattr(e, "is_Matrix", False):
        return result, {}
    value, *gradients = result
    return value, dict(zip(symbols, gradients, strict=True))


def _called(e: Any, values: Mapping[Any, Any], sizes: Sizes) -> tuple[Function, list[Any], list[Any]]:
    """The function of the symbols of an expression, with its gradients if it is a scalar, these, and their values."""
    symbols = [x for x in values if e.has(x)]
    function = Function([*symbols], e)
    called = function if getattr(e, "is_Matrix", False) else function.value_and_grad(symbols)
    return called, symbols, [_argument(x, values[x], sizes) for x in symbols]


def _argument(x: Any, value: Any, sizes: Sizes) -> Any:
    if not isinstance(x, sp.MatrixSymbol):
        return value
    return np.reshape(value, [int(k.xreplace(dict(sizes))) for k in x.shape if k != 1])[()]


def reference(e: Any, values: Mapping[Any, Any], sizes: Sizes, weights: Any) -> tuple[Any, dict[Any, Any]]:
    """The same by the interpreter: 2-D, and complex steps."""
    value = np.real(Interpreter(values, sizes)(e))
    gradients = {}
    for x, at in values.items():
        if not e.has(x):
            continue
        found = np.empty(np.shape(at))
        for index in np.ndindex(*found.shape):
            stepped = np.array(at, complex)
            stepped[index] += 1j * STEP
            shifted = Interpreter({**values, x: stepped[()]}, sizes)(e)
            found[index] = np.sum(np.imag(shifted) * weights) / STEP
        gradients[x] = found
    return value, gradients


def difference(a: Any, b: Any) -> float:
    """The largest |a - b| / max(1, |a| + |b|) of the entries; inf where one is nan."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.size != b.size:
        return np.inf
    a, b = a.reshape(-1), b.reshape(-1)
    with np.errstate(all="ignore"):
        e = np.abs(a - b) / np.maximum(1, np.abs(a) + np.abs(b))
    e = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, e)
    return float(np.max(np.where(np.isnan(e), np.inf, e), initial=0.0))


def check(e: Any, values: Mapping[Any, Any], sizes: Sizes, seed: int = 0) -> float:
    """The largest error of value and gradients. Asserts that shapes are those of the symbols, without axes of 1."""
    symbols = {x: v for x, v in values.items() if e.has(x)}
    weights = np.random.default_rng(seed).normal(size=np.shape(Interpreter(symbols, sizes)(e)))
    ours, gradients = value_and_gradients(e, symbols, sizes, weights)
    exact, stepped = reference(e, symbols, sizes, weights)
    assert_shape(ours, e, sizes)
    worst = difference(ours, exact)
    for x, expected in stepped.items():
        found = gradients.get(x, np.zeros(np.shape(expected)))
        if x in gradients:
            assert_shape(found, x, sizes)
        worst = max(worst, difference(found, expected))
    return worst


def assert_shape(value: Any, e: Any, sizes: Sizes) -> None:
    """Without the axes whose size is 1 in symbols."""
    if getattr(e, "is_Matrix", False):
        shape = tuple(int(sp.sympify(n).xreplace(dict(sizes))) for n in e.shape if n != 1)
        assert np.shape(value) == shape, (np.shape(value), shape, e)
    else:
        assert np.shape(value) == ()
