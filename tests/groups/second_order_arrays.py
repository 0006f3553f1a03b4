"""Second and third derivatives of random functions of arrays, several ways; and what their gradients print."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.indexed import Indexed

from symgrad.arrays import array_types
from symgrad.derivatives import build_grad, hessian_vector, inner, jacobian_array, jacobian_vector
from symgrad.evaluate import evaluate
from symgrad.expression import grad
from symgrad.from_sympy import convert_all
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.leaf import Input
from symgrad.types import shape_in_numbers
from tests.groups.fuzz_indexed import given
from tests.groups.fuzz_matrix import Tree, values_of
from tests.groups.group import LEAKS, Group, Outcome, Outcomes
from tests.index_expressions import ARRAYS, random_index_case

STEP = 1e-100
BOUND = 1e-9  # of second derivatives; in units of the largest entry, since a sum cancels
LARGE = 1e8  # beyond it a case says nothing: powers and inverses of random matrices
THIRD = 10  # one case in so many is differentiated a third time
PRINTED = 5  # one case in so many is printed


def check(draw: random.Random, index: int) -> Outcomes:
    """One random function, in index notation or of matrices."""
    graph = Graph()
    if index % 2:
        case = random_index_case(draw)
        expression, values = case.expression, case.values
        types = array_types([expression], [array for array in ARRAYS if array.shape is not None])
        (target,) = convert_all(graph, [expression], types)
        inputs = given(graph, case, types)
    else:
        tree = Tree(draw)
        try:
            expression = tree.scalar(3)
        except (AttributeError, TypeError, NotImplementedError):  # SymPy's own, in its constructors
            return {"second_order_arrays": Outcome(skipped=1)}
        if expression.has(sp.Sum) or not expression.atoms(sp.MatrixSymbol):
            return {"second_order_arrays": Outcome(skipped=1)}
        values = values_of(expression, tree.sizes, draw)
        types = array_types([expression], expression.atoms(sp.MatrixSymbol))
        (target,) = convert_all(graph, [expression], types)
        brought = {s for t in types.values() for n in t.shape if isinstance(n, sp.Expr) for s in n.free_symbols}
        if not expression.free_symbols & set(tree.sizes) <= brought:
            return {"second_order_arrays": Outcome(skipped=1)}
        leaves = [node for node in reachable([target]) if isinstance(node.op, Input)]
        inputs = {node: _value(node, values, tree.sizes) for node in leaves}
    outcome = second_order(target, inputs, draw, third=index % THIRD < 2)
    outcome.failure = outcome.failure and f"{outcome.failure}: {expression} at {values}"[:3000]
    if index % PRINTED == 0:
        outcome.merge(no_leaks(expression, types))
    return {"second_order_arrays": outcome}


def _value(node: Node, values: dict[Any, Any], sizes: dict[Any, int]) -> Any:
    """The numbers of an input: of a matrix without its axes of size 1, or of an entry."""
    assert isinstance(node.op, Input)
    variable = node.op.variable
    if isinstance(variable, MatrixElement):
        return values[variable.parent][tuple(map(int, variable.indices))]
    return np.reshape(values[variable], shape_in_numbers(node.type.shape, sizes))


def second_order(target: Node, inputs: dict[Node, Any], draw: random.Random, *, third: bool) -> Outcome:
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
    if third:
        last = build_grad(inner(products, u), wrt)
        third_order = sum(_flat(g) @ _flat(a) for g, a in zip(evaluate(last, everything), along, strict=True))
        reference = sum(
            _flat(np.imag(h) / STEP) @ _flat(vectors[w]) for h, w in zip(evaluate(products, stepped), u, strict=True)
        )
        outcome.merge(_compared(third_order, reference, "third order"))
    return outcome


def no_leaks(expression: Any, types: dict[Any, Any]) -> Outcome:
    """The printed gradient holds nothing unevaluated and no foreign symbol."""
    arrays = [array for array, type_ in types.items() if type_.dtype == "f8" and expression.has(array)]
    if not arrays:
        return Outcome()
    gradients = grad(expression, arrays)
    allowed = expression.free_symbols | {s for a in types for s in a.free_symbols}
    allowed |= {s for t in types.values() for n in t.shape if isinstance(n, sp.Expr) for s in n.free_symbols}
    for g in gradients:
        for part in sp.preorder_traversal(g):
            if isinstance(part, LEAKS):
                return Outcome(failure=f"{type(part).__name__} in a gradient of {expression}")
        # SymPy counts the index of a product of ones among its free symbols
        bound = {limit.args[0] for part in sp.preorder_traversal(g) for limit in getattr(part, "limits", ())}
        foreign = {s for s in g.free_symbols - bound if s not in allowed and not isinstance(s, Indexed)}
        if foreign:
            return Outcome(failure=f"foreign symbols {foreign} in a gradient of {expression}")
    return Outcome(numbers={"printed": 1})


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


GROUPS: Sequence[Group] = [Group("second_order_arrays", 1_000, check)]
