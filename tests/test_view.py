"""Views and accumulations: composed, bounded, clipped; values against NumPy's indices; each the other's derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad import build_grad
from symgrad.errors import ShapeError
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node
from symgrad.ops.leaf import Input
from symgrad.ops.logic import less
from symgrad.ops.select import guard_of, guarded
from symgrad.ops.view import Accumulate, Bound, Place, Stack, View, accumulate, bounds, element, joined, stack, view
from symgrad.types import Type
from tests import array_checks
from tests.array_checks import axis, indices
from tests.array_rules import Arrays, k, m, n

EXAMPLES = [e for e in array_checks.EXAMPLES if e.op in (View, Accumulate, Stack)]


def values(A: Arrays) -> dict[Node, Any]:
    return array_checks.values(A, 1)


def test_a_view_of_all_is_the_array() -> None:
    A = Arrays(Graph())
    assert view(A.X, [axis(0), axis(1)], (n, m)) is A.X


def test_an_accumulation_into_the_same_places_is_the_array() -> None:
    A = Arrays(Graph())
    assert accumulate(A.X, [axis(0), axis(1)], (n, m)) is A.X


def test_a_view_of_a_view_is_one_view() -> None:
    A = Arrays(Graph())
    once = view(A.a, [axis(0, 1, 2)], (m - 2,))
    twice = view(view(A.a, [axis(0, 1, 1)], (m - 1,)), [axis(0, 1, 1)], (m - 2,))
    assert once is twice


def test_strides_and_offsets_compose() -> None:
    A = Arrays(Graph())
    u = A("jk->k", A.Z)
    twice = view(view(u, [axis(0, -1, k - 1)], (k,)), [axis(0, 2, 1)], (2,))
    assert twice is view(u, [axis(0, -2, k - 2)], (2,))


def test_a_view_of_a_constant_is_a_constant() -> None:
    A = Arrays(Graph())
    assert view(A.a.like(3), [axis(0, 1, 1)], (m - 1,)) is A.graph.nodes[-1]
    assert A.graph.nodes[-1].op.label() == "3"


def test_an_accumulation_of_zeros_is_zero() -> None:
    A = Arrays(Graph())
    assert accumulate(A.a.like(0), [axis(0, 1, 1)], (m + 1,)).op.label() == "0"


def test_a_guard_is_seen_through_a_view() -> None:
    A = Arrays(Graph())
    assert guard_of(view(guarded(less(A.a, A.b), A.a), [axis(0, 1, 1)], (m - 1,))) is not None


@pytest.mark.parametrize(
    ("build", "exact"),
    [
        (lambda A: view(A.X, [axis(0), axis(1, 1, 1)], (n, m - 1)), lambda v: v["X"][:, 1:]),
        (lambda A: view(A.X, [axis(1), axis(0)], (m, n)), lambda v: v["X"].T),
        (lambda A: view(A.a, [axis(0, -1, m - 1)], (m,)), lambda v: v["a"][::-1]),
        (lambda A: view(A.a, [axis(0, 2)], (2,)), lambda v: v["a"][::2]),
        (lambda A: view(A.a, [Place(0, ((0, 1), (1, 1)))], (m - 1, 2)), lambda v: np.array([v["a"][:2], v["a"][1:]])),
        (lambda A: view(A.S, [axis(0), axis(0)], (n,)), lambda v: np.diag(v["S"])),
        (lambda A: view(A.X, [Place(1), axis(0)], (m,)), lambda v: v["X"][1]),
        (lambda A: element(A.X, (1, 2)), lambda v: v["X"][1, 2]),
        (lambda A: view(A.a, [axis(0, 1, -1)], (k + 1,), clip=True), lambda v: np.array([0, *v["a"], 0])),
        (array_checks.gathered, lambda v: v["a"][[0, 2, 2, 1]]),
        (lambda A: accumulate(A.a, [axis(0, 1, 1)], (m + 1,)), lambda v: np.array([0, *v["a"]])),
        (lambda A: accumulate(A.a, [axis(0, 1, -1)], (n,), clip=True), lambda v: v["a"][1:]),
        (lambda A: accumulate(A.a, [Place(0)], (n,)), lambda v: np.array([v["a"].sum(), 0])),
        (
            lambda A: accumulate(A("jk->k", A.Z), [Place(0, (), ((0, (0,), 1),))], (m,), [indices(A)]),
            lambda v: np.bincount([0, 2, 2, 1], v["Z"].sum(0), 3),
        ),
        (lambda A: stack([A.s, A.r, A.r, A.s], (2, 2)), lambda v: np.array([[v["s"], v["r"]], [v["r"], v["s"]]])),
        (lambda A: joined([A.v, A.w], (2,)), lambda v: np.stack([v["v"], v["w"]], -1)),
    ],
)  # fmt: skip
def test_values_are_those_of_numpy(build: Any, exact: Any) -> None:
    A = Arrays(Graph())
    at = values(A)
    (own,) = evaluate([build(A)], at)
    np.testing.assert_allclose(own, exact({node.op.label(): value for node, value in at.items()}), rtol=1e-14)


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_first_and_second_derivatives_are_those_of_a_complex_step(index: int) -> None:
    assert array_checks.derivative_problems(EXAMPLES[index]) == []


def test_the_gradient_of_a_view_is_an_accumulation_and_the_other_way_round() -> None:
    A = Arrays(Graph())
    places, seed = [axis(0, 1, 1)], A.graph.add(Input(sp.Symbol("g"), Type("f8", (m - 1,))))
    (g,) = build_grad(view(A.a, places, (m - 1,)), [A.a], seed)
    assert g is accumulate(seed, places, (m,))
    (back,) = build_grad(g, [seed], A.a)
    assert back is view(A.a, places, (m - 1,))


def test_a_repeated_index_gathers_the_sum_of_gradients() -> None:
    A = Arrays(Graph())
    (g,) = build_grad(array_checks.gathered(A), [A.a], A("jk->k", A.Z))
    at = values(A)
    column = at[A.Z].sum(0)
    np.testing.assert_allclose(evaluate([g], at)[0], [column[0], column[3], column[1] + column[2]])


@pytest.mark.parametrize("size", [0, 1, 2])
def test_shifted_differences_of_short_arrays_have_empty_ranges(size: int) -> None:
    graph = Graph()
    x = graph.add(Input(sp.Symbol("x"), Type("f8", (n,))))
    difference = view(x, [axis(0, 1, 1)], (n - 1,)) - view(x, [axis(0)], (n - 1,))
    (g,) = build_grad((difference**2), [x], difference.like(1))
    value, own = evaluate([difference, g], {x: np.arange(float(size))})
    assert value.shape == (max(size - 1, 0),)
    assert own.tolist() == {0: [], 1: [0.0], 2: [-2.0, 2.0]}[size]


def test_bounds_are_those_of_the_first_and_last_place() -> None:
    A = Arrays(Graph())
    node = view(A.a, [axis(0, -2, k)], (n,))
    assert list(bounds(node.op, (m,), (n,))) == [Bound(k - 2 * n + 2, k, m, (n,))]  # type: ignore[arg-type]


def test_a_clipped_view_has_no_bounds() -> None:
    A = Arrays(Graph())
    node = view(A.a, [axis(0, 1, -1)], (n,), clip=True)
    assert list(bounds(node.op, (m,), (n,))) == []  # type: ignore[arg-type]


def test_an_index_for_each_axis_is_wanted() -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="an index for each axis"):
        view(A.X, [axis(0)], (n,))


def test_indices_that_are_no_integers_are_an_error() -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="integer array"):
        view(A.a, [Place(0, (), ((0, (0,), 1),))], (n,), [A.v])
