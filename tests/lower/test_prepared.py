"""What arrays are prepared for loops: products that are there already are taken, numbers go to what is small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import sympy as sp

from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node, reachable
from symgrad.lower.arrays.prepare import prepared
from symgrad.ops.arithmetic import Add
from symgrad.ops.contract import Contract, contract
from symgrad.ops.leaf import Input
from symgrad.types import Type

N = 3


class Given:
    """Square matrices X, Y, Z and a vector v."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.inputs = [self.graph.add(Input(sp.Symbol(name), Type("f8", (N,) * rank))) for name, rank in RANKS.items()]
        self.X, self.Y, self.Z, self.v = self.inputs

    def __call__(self, equation: str, *factors: Node) -> Node:
        labels, output = equation.split("->")
        return contract(self.graph, list(zip(factors, labels.split(","), strict=True)), output)


RANKS = {"X": 2, "Y": 2, "Z": 2, "v": 1}


def products(given: Given, outputs: Sequence[Node]) -> list[Node]:
    """What is multiplied and summed of the outputs as they are prepared, which are right."""
    found, inputs = prepared(outputs, given.inputs)
    draw = np.random.default_rng(0)
    values = [draw.normal(size=x.type.shape) for x in inputs]
    wanted = evaluate(outputs, dict(zip(given.inputs, values, strict=True)))
    for a, b in zip(evaluate(found, dict(zip(inputs, values, strict=True))), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
    return [x for x in reachable(found) if isinstance(x.op, Contract) and x.op.summed]


def test_a_product_that_another_output_is_costs_nothing() -> None:
    A = Given()
    assert len(products(A, [A("ij,jk->ik", A.X, A.Y), A("ij,jk,k->i", A.X, A.Y, A.v)])) == 2
    assert len(products(A, [A("ij,jk,k->i", A.X, A.Y, A.v)])) == 2  # without it, two products with the vector


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("ij,jk->ik", "ij,jk->ki"),
        ("ij,kj->ik", "kj,ij->ik"),
        ("ij,ij->i", "ij,ij->i"),
    ],
)
def test_a_product_is_the_same_however_it_lies(first: str, again: str) -> None:
    A = Given()
    assert len(products(A, [A(first, A.X, A.Y), A(again, A.X, A.Y)])) == 1


def test_a_product_is_the_same_in_whichever_order_it_was_multiplied() -> None:
    A = Given()
    XYZ = A("ij,jk,kl->il", A.X, A.Y, A.Z)
    total = A("ij,jk,kl,il->", A.X, A.Y, A.Z, A.X)
    left = A("ik,kl->il", A("ij,jk->ik", A.X, A.Y), A.Z)
    assert len(products(A, [XYZ, total, left])) == 3


def test_equal_factors_may_change_places() -> None:
    A = Given()
    assert len(products(A, [A("ij,jk->ik", A.X, A.X), A("ki,ij->kj", A.X, A.X), A("ij,ki->kj", A.X, A.X)])) == 1
    assert len(products(A, [A("ij,jk->ik", A.X, A.X), A("ij,kj->ik", A.X, A.X)])) == 2


def test_products_over_other_axes_are_others() -> None:
    A = Given()
    assert len(products(A, [A("ij,jk->ik", A.X, A.Y), A("ij,ik->jk", A.X, A.Y), A("ij,ij->i", A.X, A.Y)])) == 3


@pytest.mark.parametrize("equation", ["i->ii", "i,i->ii"])
def test_a_number_in_front_of_a_diagonal_multiplies_the_vector(equation: str) -> None:
    A = Given()
    found, _ = prepared([-2 * A(equation, *[A.v] * (1 + equation.count(",")))], A.inputs)
    assert [x.type.shape for x in reachable(found) if isinstance(x.op, Add)] == [(N,)]


def test_a_number_in_front_of_an_outer_product_multiplies_a_vector() -> None:
    A = Given()
    outer = contract(A.graph, [(A.v, "i"), (A("ij->j", A.X), "j")], "ij")
    found, _ = prepared([3 * outer], A.inputs)
    assert [x.type.shape for x in reachable(found) if isinstance(x.op, Add)] == [(N,)]
