"""Second and third derivatives of random functions of arrays, several ways; what their gradients print, and cost."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.arrays import array_types
from symgrad.derivatives import build_grad, hessian_vector, inner, jacobian_array, jacobian_vector
from symgrad.evaluate import evaluate
from symgrad.expression import grad
from symgrad.from_sympy import convert_all
from symgrad.function import Function
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.leaf import Input
from symgrad.ops.reduce import ProductOfOthers
from symgrad.types import shape_in_numbers
from tests.array_leaks import array_leaks
from tests.groups.fuzz_indexed import arrays_of, function_of, given
from tests.groups.fuzz_indexed import sizes_of as sizes_of_indexed
from tests.groups.fuzz_matrix import Tree, sizes_of, values_of, weighted
from tests.groups.group import Outcome, Outcomes, by_source, fuzz
from tests.index_expressions import random_index_case
from tests.shrink import Posed
from tests.work import cheap

STEP = 1e-100
BOUND = 1e-9  # of second derivatives; in units of the largest entry, since a sum cancels
LARGE = 1e8  # beyond it a case says nothing: powers and inverses of random matrices
THIRD = 10  # one case in so many is differentiated a third time
COMPILED = 20  # two cases in so many are compiled, and their source executed
PRINTED = 5  # one case in so many is printed


def drawn(draw: random.Random, index: int) -> Posed | None:
    """One random function, in index notation or of matrices; None where SymPy cannot make it."""
    if index % 2:
        return random_index_case(draw)
    tree = Tree(draw)
    try:
        expression = tree.scalar(3)
    except (AttributeError, TypeError, NotImplementedError):  # SymPy's own, in its constructors
        return None
    if expression.has(sp.Sum) or not expression.atoms(sp.MatrixSymbol):
        return None
    return Posed(expression, {**values_of(expression, tree.sizes, draw), **tree.sizes})


def again(case: Posed, index: int = 0) -> Outcomes:
    """The graph, and of some the compiled kernels; what they cost, and what some print."""
    graph, draw, expression = Graph(), random.Random(index), case.expression
    matrices, sizes = expression.atoms(sp.MatrixSymbol), sizes_of(case)
    types = array_types([expression], [a for a in arrays_of(case) if a.shape is not None] + sorted(matrices, key=str))
    (target,) = convert_all(graph, [expression], types)
    if matrices:
        brought = {s for t in types.values() for n in t.shape if isinstance(n, sp.Expr) for s in n.free_symbols}
        if not expression.free_symbols & set(sizes) <= brought:
            return {"second_order_arrays": Outcome(skipped=1)}
        arrays = [graph.add(Input(x, type_)) for x, type_ in types.items()]  # the target may have lost some: sizes are
        leaves = dict.fromkeys([*(x for x in reachable([target]) if isinstance(x.op, Input)), *arrays])  # read off them
        inputs = {node: _value(node, case.values, sizes) for node in leaves}
    else:
        inputs = given(graph, case, types)
    compiled = case if index % COMPILED < 2 else None
    outcome = second_order(target, inputs, draw, third=index % THIRD < 2, compiled=compiled)
    outcome.failure = outcome.failure and f"{outcome.failure}: {expression} at {case.values}"[:3000]
    outcomes = {"second_order_arrays": outcome}
    outcomes["cheap_gradient"] = cost(case)
    if index % PRINTED == 0:
        outcomes["no_leaks"] = no_leaks(expression, types)
    return outcomes


def by_kernel(case: Posed, wrt: Sequence[Any], along: Sequence[Any], exact: Sequence[Any]) -> Outcome:
    """The compiled product of the Hessian with vectors, and its Python source."""
    if any(isinstance(x, MatrixElement) for x in wrt):  # of a matrix of few entries, which is opened
        return Outcome()
    matrices = [x for x in case.values if isinstance(x, sp.MatrixSymbol) and case.expression.has(x)]
    scalars = [x for x in case.values if x in wrt and isinstance(x, sp.Symbol)]
    arguments = [*matrices, *arrays_of(case), *scalars]
    function = Function(arguments, case.expression).hvp(list(wrt))
    numbers = [_without_ones(x, case.values[x]) for x in arguments]
    vectors = [np.asarray(v) if np.ndim(v) else float(v) for v in along]
    outcome = Outcome(numbers={"compiled": 1})
    for words, call in (("compiled", function), ("as Python source", by_source(function))):
        got = call(*numbers, *vectors)
        for x, a, b in zip(wrt, got if isinstance(got, tuple) else (got,), exact, strict=True):
            outcome.merge(_compared(a, b, f"H v {words} by {x}"))
    return outcome


def _without_ones(x: Any, value: Any) -> Any:
    """The numbers of a matrix, without its axes of size 1."""
    if not isinstance(x, sp.MatrixSymbol):
        return value
    return np.reshape(value, [k for k, n in zip(np.shape(value), x.shape, strict=True) if n != 1])[()]


def _value(node: Node, values: Mapping[Any, Any], sizes: Mapping[Any, int]) -> Any:
    """The numbers of an input: of a matrix without its axes of size 1, or of an entry."""
    assert isinstance(node.op, Input)
    variable = node.op.variable
    if isinstance(variable, MatrixElement):
        return values[variable.parent][tuple(map(int, variable.indices))]
    return np.reshape(values[variable], shape_in_numbers(node.type.shape, sizes))


def second_order(
    target: Node, inputs: dict[Node, Any], draw: random.Random, *, third: bool, compiled: Posed | None
) -> Outcome:
    """H symmetric; H v three ways, one of them a complex step of the gradient; the third derivative along v and u."""
    numbers = np.random.default_rng(draw.randrange(2**32))
    wrt = [x for x in inputs if x.type.dtype == "f8"]
    if not wrt:
        return Outcome(skipped=1)
    graph = target.graph
    v, u = ([graph.add(Input(sp.Dummy(), x.type)) for x in wrt] for _ in range(2))
    vectors = {x: numbers.normal(size=np.shape(inputs[y])) for x, y in zip([*v, *u], [*wrt, *wrt], strict=True)}
    everything = {**inputs, **vectors}
    gradient = build_grad(target, wrt)
    blocks = [[jacobian_array(g, x) for x in wrt] for g in gradient]
    products = hessian_vector(target, wrt, v)
    forward = jacobian_vector(gradient, wrt, v)
    hessian = [evaluate(row, everything) for row in blocks]
    along = [vectors[x] for x in v]
    by_blocks = [sum(_times(h, a) for h, a in zip(row, along, strict=True)) for row in hessian]
    stepped = {**everything, **{x: inputs[x] + 1j * STEP * a for x, a in zip(wrt, along, strict=True)}}
    exact = [np.imag(g) / STEP for g in evaluate(gradient, stepped)]
    if not all(np.all(np.abs(e) < LARGE) for e in exact):
        return Outcome(skipped=1)
    outcome = Outcome()
    for i, row in enumerate(hessian):
        for j in range(i):
            outcome.merge(_compared(row[j], _transposed(hessian[j][i], np.ndim(along[j])), "H is not symmetric"))
    for words, found in (
        ("H v by products", evaluate(products, everything)),
        ("H v forward over reverse", evaluate(forward, everything)),
        ("H times v", by_blocks),
    ):
        for x, a, b in zip(wrt, found, exact, strict=True):
            outcome.merge(_compared(a, b, f"{words} by {x.op.label()}"))
    if compiled is not None and not outcome.failure:
        outcome.merge(by_kernel(compiled, [x.op.variable for x in wrt], along, exact))  # type: ignore[attr-defined]
    if third:
        last = build_grad(inner(products, u), wrt)
        third_order = sum(_flat(g) @ _flat(a) for g, a in zip(evaluate(last, everything), along, strict=True))
        reference = sum(
            _flat(np.imag(h) / STEP) @ _flat(vectors[w]) for h, w in zip(evaluate(products, stepped), u, strict=True)
        )
        outcome.merge(_compared(third_order, reference, "third order"))
    return outcome


def no_leaks(expression: Any, types: dict[Any, Any]) -> Outcome:
    """The printed gradient holds nothing unevaluated and no foreign symbol, and is of its variable's shape."""
    shapes = {x: type_.shape for x, type_ in types.items() if type_.dtype == "f8" and expression.has(x)}
    if not shapes:
        return Outcome()
    allowed = expression.free_symbols | {s for a in types for s in a.free_symbols}
    allowed |= {s for t in types.values() for n in t.shape if isinstance(n, sp.Expr) for s in n.free_symbols}
    return array_leaks(grad(expression, list(shapes)), shapes, allowed, expression)


def cost(case: Posed) -> Outcome:
    """Of the derivative along a vector, which is a scalar as others are: its gradient is H v. Not of products over an
    index: the derivative of the product of all factors but one is a matrix of the products of all but two."""
    if case.expression.atoms(sp.MatrixSymbol):
        sizes = sizes_of(case)
        wrt = [x for x in case.values if x not in sizes and case.expression.has(x)]
        function = weighted(case.expression, wrt)
    else:
        sizes, (function, wrt) = sizes_of_indexed(case), function_of(case)
    along = function.jvp(wrt)
    if any(isinstance(node.op, ProductOfOthers) for node in along.nodes):
        return Outcome(numbers={"products over an index": 1})
    return cheap(along, along.value_and_grad(wrt), sizes)


def _flat(x: Any) -> np.ndarray:
    return np.ravel(np.asarray(x, float))


def _times(block: Any, vector: Any) -> Any:
    return np.tensordot(block, vector, np.ndim(vector))


def _transposed(block: Any, rank: int) -> Any:
    """The block with its first `rank` axes last."""
    return np.transpose(block, [*range(rank, np.ndim(block)), *range(rank)])


def _compared(ours: Any, exact: Any, words: str) -> Outcome:
    ours, exact = np.asarray(ours, float), np.asarray(exact, float)
    if ours.shape != exact.shape:
        return Outcome(failure=f"{words}: shape {ours.shape}, wanted {exact.shape}")
    scale = max(1.0, float(np.max(np.abs(exact), initial=0.0)))
    worst = float(np.max(np.abs(ours - exact), initial=0.0)) / scale
    return Outcome(worst, "" if worst <= BOUND else f"{words}: error {worst:.1e}")


GROUPS = [fuzz("second_order_arrays", 1_000, drawn, again)]
