"""What goes out comes in as the same node; sharing survives; nothing blows up."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import sympy as sp

from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph, Node
from symgrad.ops.leaf import Input, constant
from symgrad.ops.stable import FilledReciprocal, LogSumExp, Norm, Sigmoid, Softplus
from symgrad.size import subexpressions, tree_size
from symgrad.to_sympy import TIDY, to_sympy, tree_sizes
from tests.test_from_sympy import FORMULAS, LOGIC, NUMBERS, PIECES, VALUES, VARIABLES

X, Y = sp.symbols("x y")

ROUND_TRIP = [
    *NUMBERS,
    *VARIABLES,
    *VALUES,
    *(e for e, _ in PIECES),
    *(e for e, _ in FORMULAS),
    *(condition for condition, _ in LOGIC),
]


def out_and_in(node: Node) -> Node:
    (expression,) = to_sympy([node])
    return from_sympy(node.graph, expression)


def doubled(times: int) -> Any:
    """e = e + sin e, again and again: 2**times paths."""
    e = X
    for _ in range(times):
        e = sp.Add(e, sp.sin(e, evaluate=False), evaluate=False)
    return e


@pytest.mark.parametrize("expression", ROUND_TRIP, ids=str)
def test_what_goes_out_comes_in_as_the_same_node(expression: Any) -> None:
    node = from_sympy(Graph(), expression)
    once = out_and_in(node)  # a stable form such as log1p goes out as log(1 + x): from then on it is fixed
    assert out_and_in(once) is once


@pytest.mark.parametrize("expression", [*NUMBERS, *VARIABLES, *VALUES, *(e for e, _ in PIECES)], ids=str)
def test_a_function_with_a_head_of_its_own_comes_back_at_once(expression: Any) -> None:
    node = from_sympy(Graph(), expression)
    assert out_and_in(node) is node


@pytest.mark.parametrize(
    ("op", "count", "formula"),
    [
        (Sigmoid(), 1, "sigmoid(a)"),
        (Sigmoid(True), 1, "1 - sigmoid(a)"),
        (Softplus(), 1, "softplus(a)"),
        (LogSumExp(), 3, "log(exp(a) + exp(b) + exp(c))"),
        (Norm((1, 2, 3)), 3, "sqrt(a**2 + 2*b**2 + 3*c**2)"),
        (FilledReciprocal(), 1, "1/a"),
    ],
    ids=lambda v: str(v)[:20],
)
def test_a_stable_form_prints_as_what_it_computes(op: Any, count: int, formula: str) -> None:
    graph = Graph()
    node = graph.add(op, *[graph.add(Input(sp.Symbol(letter))) for letter in "abc"[:count]])
    assert str(to_sympy([node])[0]) == formula


def test_a_number_goes_out_exactly() -> None:
    graph = Graph()
    third = sp.Rational(1, 3)
    assert to_sympy([from_sympy(graph, third), constant(graph, sp.pi), from_sympy(graph, sp.Float(0.1))]) == [
        third,
        sp.pi,
        sp.Float(0.1),
    ]


def test_a_shared_node_goes_out_as_one_object() -> None:
    (e,) = to_sympy([from_sympy(Graph(), doubled(60))])
    assert sum(1 for _ in subexpressions(e)) == 121


def test_a_shared_node_is_shared_between_outputs() -> None:
    graph = Graph()
    a, b = to_sympy(convert_all(graph, [sp.sin(X * Y) ** 2, sp.cos(sp.sin(X * Y))]))
    assert a.base is b.args[0]


def test_tree_sizes_count_without_walking_the_tree() -> None:
    node = from_sympy(Graph(), doubled(200))
    assert tree_sizes([node])[node] == 3 * 2**200 - 2


def test_the_size_of_an_expression_is_that_of_its_tree() -> None:
    assert tree_size(doubled(200)) == 3 * 2**200 - 2


def test_a_small_expression_is_tidied_by_sympy() -> None:
    graph = Graph()
    x, y = convert_all(graph, [X, Y])
    assert to_sympy([x * (x * y)]) == [X**2 * Y]


def test_a_wide_sum_goes_out_as_one_sum() -> None:
    terms = [sp.sin(sp.Symbol(f"x{i}")) for i in range(TIDY)]
    (e,) = to_sympy([from_sympy(Graph(), sp.Add(*terms))])
    assert len(e.args) == TIDY


def test_a_deep_chain_goes_out_and_comes_in() -> None:
    graph = Graph()
    node = from_sympy(graph, X)
    for _ in range(20_000):
        node = from_sympy(graph, sp.sin(sp.Symbol("s"))).op.apply(node)
    assert out_and_in(node) is node


def test_an_expression_of_our_own_functions_pickles() -> None:
    (e,) = to_sympy([from_sympy(Graph(), sp.Heaviside(X) * sp.Max(X, Y))])
    assert pickle.loads(pickle.dumps(e)) == e
