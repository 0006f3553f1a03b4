"""Every operation in every way there is to compute it, a point, a batch, and Python source, against its evaluate."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from symgrad.graph import Graph, Node, Op
from symgrad.lower.kernel import Kernel
from symgrad.ops.logic import And, Not, Or, Relation, truth
from symgrad.ops.select import Select
from tests.lower.programs import assert_close, function_of, inputs, kernel_of, reference
from tests.rules import domain, operations

# libmvec is good to 4 ulp, scipy.special to some hundreds; an argument off by 1 ulp moves a result by its condition.
TOLERANCE = 1e-12
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-300, 1e300, -1e300, 710.0, np.inf, -np.inf, np.nan)
ENDS = (0.0, 1.0, -2.5, np.inf, -np.inf, np.nan)


def kernel_for(op: Op, count: int) -> Kernel:
    graph = Graph()
    wrt = inputs(graph, *(f"u{k}" for k in range(count)))
    return kernel_of(wrt, [graph.add(op, *wrt)])


@pytest.mark.parametrize("op", operations(), ids=repr)
def test_an_operation_computes_what_it_evaluates(op: Op) -> None:
    intervals = domain(op)
    kernel, draw = kernel_for(op, len(intervals)), random.Random(repr(op))
    points = np.array([[draw.uniform(a, b) for _ in range(21)] for a, b in intervals])
    (wanted,) = reference(kernel, points)
    assert_close(kernel.batch(list(points))[0], wanted, TOLERANCE)
    assert_close([kernel.njit(*map(float, p)) for p in points.T], wanted, TOLERANCE)
    assert_close(function_of(kernel)(*points), wanted, TOLERANCE)
    assert_close([function_of(kernel)(*map(float, p)) for p in points.T[:3]], wanted[:3], TOLERANCE)


@pytest.mark.parametrize("op", operations(), ids=repr)
def test_an_operation_is_the_same_in_a_point_and_in_a_batch_at_special_values(op: Op) -> None:
    count = len(domain(op))
    kernel, draw = kernel_for(op, count), random.Random(repr(op))
    points = np.array([SPECIAL] if count == 1 else [[draw.choice(SPECIAL) for _ in range(60)] for _ in range(count)])
    single = np.array([kernel.njit(*map(float, p)) for p in points.T])
    batch = kernel.batch(list(points))[0]
    assert_close(batch, single, TOLERANCE)
    zeros = (single == 0) & (batch == 0)
    assert np.array_equal(np.signbit(batch[zeros]), np.signbit(single[zeros]))


@pytest.mark.parametrize("op", operations(), ids=repr)
def test_an_operation_is_nan_and_infinite_where_its_evaluate_is(op: Op) -> None:
    count = len(domain(op))
    kernel = kernel_for(op, count)
    points = np.array(list(product(SPECIAL if count < 3 else ENDS, repeat=count))).T
    (wanted,) = reference(kernel, points)
    got = kernel.batch(list(points))[0]
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    assert np.array_equal(got[np.isinf(got)], wanted[np.isinf(wanted)])


def chosen(condition: Node) -> Kernel:
    """1 where the condition on u0, u1 holds, else 0."""
    graph = condition.graph
    wrt = inputs(graph, "u0", "u1")
    return kernel_of(wrt, [graph.add(Select(), condition, graph.node(1), graph.node(0))])


VALUES = np.array([[a, b] for a in (0.0, -0.0, 1.0, np.inf, np.nan) for b in (0.0, 1.0, -np.inf, np.nan)]).T


@pytest.mark.parametrize("relation", ["<", "<=", "==", "!="])
def test_relations_are_false_for_nan_but_not_equal(relation: str) -> None:
    graph = Graph()
    kernel = chosen(graph.add(Relation(relation), *inputs(graph, "u0", "u1")))
    (wanted,) = reference(kernel, VALUES)
    assert np.array_equal(kernel.batch(list(VALUES))[0], wanted)
    assert [kernel.njit(*p) for p in VALUES.T] == list(wanted)
    assert np.array_equal(function_of(kernel)(*VALUES), wanted)


def test_connectives() -> None:
    graph = Graph()
    a, b = inputs(graph, "u0", "u1")
    less, equal = graph.add(Relation("<"), a, b), graph.add(Relation("=="), a, b)
    for condition in (
        graph.add(And(), less, graph.add(Relation("<"), b, graph.node(2))),
        graph.add(Or(), less, equal, graph.add(Not(), equal)),
        graph.add(Not(), graph.add(Or(), less, equal)),
        graph.add(And(), truth(graph, True), less),
        truth(graph, False),
    ):
        kernel = chosen(condition)
        (wanted,) = reference(kernel, VALUES)
        assert np.array_equal(kernel.batch(list(VALUES))[0], wanted)
        assert [kernel.njit(*p) for p in VALUES.T] == list(wanted)
        assert np.array_equal(np.broadcast_to(function_of(kernel)(*VALUES), wanted.shape), wanted)
