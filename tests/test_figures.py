"""How large the graphs of well-known models are, with their gradients, and how many matrix products they hold.

The bounds are those of a prototype whose coefficients could hold sizes, as in 2/n. Here n is a node. So what depends on
nothing but sizes and numbers is not counted, nor is the product of one value with it: there it is a coefficient.

A matrix product is a product of two arrays that is summed over a label and has three labels or more, in the graph as it
is lowered: there a contraction of several factors is split into pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp

from symgrad import build_grad
from symgrad.graph import Graph, Node, reachable
from symgrad.lower.arrays.prepare import prepared
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import Contract, contract
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.leaf import Input
from symgrad.ops.position import extent
from symgrad.ops.products import dot, matrix_product, total
from symgrad.ops.stable import Relu
from symgrad.ops.view import Place, view
from symgrad.simplify import FORM, STABLE, simplify
from symgrad.types import Type

n, m, k, d = sp.symbols("n m k d", integer=True, positive=True)
Model = Callable[[Graph], tuple[Node, list[Node]]]


def array(graph: Graph, name: str, *shape: Any) -> Node:
    return graph.add(Input(sp.Symbol(name), Type("f8", shape)))


def ridge(graph: Graph) -> tuple[Node, list[Node]]:
    x, w, t, lam = array(graph, "X", n, m), array(graph, "w", m), array(graph, "t", n), array(graph, "lam")
    r = matrix_product(x, w) - t
    return dot(r, r) / extent(graph, n) + lam * dot(w, w), [w]


def logistic(graph: Graph) -> tuple[Node, list[Node]]:
    x, w, y = array(graph, "X", n, m), array(graph, "w", m), array(graph, "y", n)
    u = -(y * matrix_product(x, w))
    return total(graph.add(Log(), 1 + graph.add(Exp(), u))) / extent(graph, n), [w]


def log_of_sum_of_exp(z: Node) -> Node:
    """By the rows."""
    return z.graph.add(Log(), contract(z.graph, [(z.graph.add(Exp(), z), "ij")], "i"))


def cross_entropy(z: Node, y: Node) -> Node:
    return total(log_of_sum_of_exp(z)) - dot(y, z)


def softmax_regression(graph: Graph) -> tuple[Node, list[Node]]:
    x, w, y = array(graph, "X", n, m), array(graph, "W", m, k), array(graph, "Y", n, k)
    return cross_entropy(matrix_product(x, w), y) / extent(graph, n), [w]


def mlp(graph: Graph) -> tuple[Node, list[Node]]:
    x, y, lam = array(graph, "X", n, m), array(graph, "Y", n, k), array(graph, "lam")
    w1, w2 = array(graph, "W1", m, d), array(graph, "W2", d, k)
    z = matrix_product(graph.add(Relu(), matrix_product(x, w1)), w2)
    return cross_entropy(z, y) + lam * (dot(w1, w1) + dot(w2, w2)), [w1, w2]


def mixture(graph: Graph) -> tuple[Node, list[Node]]:
    x, mu, a = array(graph, "X", n, d), array(graph, "mu", k, d), array(graph, "a", k)
    r = contract(graph, [(x, "id")], "ikd", {"k": k}) - contract(graph, [(mu, "kd")], "ikd", {"i": n})
    distances = contract(graph, [(r, "ikd"), (r, "ikd")], "ik")
    z = contract(graph, [(a, "k")], "ik", {"i": n}) - Fraction(1, 2) * distances
    return -total(log_of_sum_of_exp(z)), [mu, a]


def attention(graph: Graph) -> tuple[Node, list[Node]]:
    q, key, v = array(graph, "Q", n, d), array(graph, "K", m, d), array(graph, "V", m, k)
    scores = contract(graph, [(extent(graph, d) ** Fraction(-1, 2), ""), (q, "id"), (key, "jd")], "ij")
    e = graph.add(Exp(), scores)
    weights = contract(graph, [(e, "ij"), (contract(graph, [(e, "ij")], "i") ** -1, "i")], "ij")
    return total(matrix_product(weights, v)), [q, key, v]


def rosenbrock(graph: Graph) -> tuple[Node, list[Node]]:
    x = array(graph, "x", n)
    first = view(x, [Place(0, ((0, 1),))], (n - 1,))
    second = view(x, [Place(1, ((0, 1),))], (n - 1,))
    a, b = second - first**2, 1 - first
    return 100 * dot(a, a) + dot(b, b), [x]


def trace_of_square(graph: Graph) -> tuple[Node, list[Node]]:
    a, x, b = array(graph, "A", n, m), array(graph, "X", m, k), array(graph, "B", k, d)
    y = contract(graph, [(a, "ij"), (x, "jk"), (b, "kl")], "il")
    return dot(y, y), [x]


def normal(model: Model) -> tuple[list[Node], list[Node]]:
    """The value, and the value with the gradients, in normal form."""
    graph = Graph()
    value, wrt = model(graph)
    (value,) = simplify([value], STABLE).outputs
    gradients = build_grad(value, wrt)
    rules = [*STABLE, *FORM]
    return simplify([value], rules).outputs, simplify([value, *gradients], rules).outputs


def counted(outputs: list[Node]) -> int:
    """The nodes, without those that a coefficient would be."""
    of_sizes: set[Node] = set()
    number = 0
    for node in reachable(outputs):
        rest = [x for x in node.inputs if x not in of_sizes]
        if not rest and not isinstance(node.op, Input):
            of_sizes.add(node)
        elif len(rest) == 1 < len(node.inputs) and isinstance(node.op, (Product, Contract)):
            number += isinstance(node.op, Contract) and bool(node.op.summed)
        else:
            number += 1
    return number


def matrix_products(outputs: list[Node]) -> int:
    """The products of two arrays over three labels or more that are summed."""
    inputs = [node for node in reachable(outputs) if isinstance(node.op, Input)]
    lowered, _ = prepared(outputs, inputs)
    ops = [node.op for node in reachable(lowered) if len(node.inputs) == 2]
    return sum(isinstance(op, Contract) and bool(op.summed) and len(set(sum(op.labels, ()))) > 2 for op in ops)


FIGURES = [
    (ridge, 10, 13),
    (logistic, 8, 11),
    (softmax_regression, 9, 14),
    (mlp, 16, 30),
    (mixture, 17, 25),
    (attention, 9, 21),
    (rosenbrock, 12, 19),
]


@pytest.mark.parametrize(("model", "value", "gradient"), FIGURES, ids=[row[0].__name__ for row in FIGURES])
def test_a_model_and_its_gradient_have_no_more_nodes_than_were_found_by_hand(
    model: Model, value: int, gradient: int
) -> None:
    of_value, of_gradient = map(counted, normal(model))
    assert of_value <= value
    assert of_gradient <= gradient


@pytest.mark.parametrize(("model", "products"), [(mlp, 5), (attention, 3), (trace_of_square, 4), (ridge, 0)])
def test_value_and_gradient_take_no_more_matrix_products_than_by_hand(model: Model, products: int) -> None:
    assert matrix_products(normal(model)[1]) <= products
