"""Contractions: what the constructor makes of each form, the values against NumPy's einsum, the derivatives."""

from __future__ import annotations

# ruff: noqa: E501  a table, one line a fact
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad import build_grad
from symgrad.errors import ShapeError
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node
from symgrad.ops.contract import Contract, Spread, contract, contract_guarded, is_finite, spread
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.leaf import Input
from symgrad.ops.logic import less
from symgrad.ops.position import extent
from symgrad.ops.products import broadcast, dot, identity, matrix_product, total, transpose
from symgrad.ops.select import Select, guarded
from symgrad.ops.trigonometric import Sin
from symgrad.types import Type
from tests import array_checks
from tests.array_rules import Arrays, k, m, n

EXAMPLES = [e for e in array_checks.EXAMPLES if e.op is Contract]
CHOICES = [c for c in array_checks.CHOICES if c.op is Contract]


def values(A: Arrays) -> dict[Node, Any]:
    return array_checks.values(A, 1)


# what is built => the node that it is
SAME: dict[str, tuple[Callable[[Arrays], Node], Callable[[Arrays], Node]]] = {
    "a transpose of a transpose is the array": (lambda A: A("ij->ji", A("ij->ji", A.X)), lambda A: A.X),
    "X as it is": (lambda A: A("ij->ij", A.X), lambda A: A.X),
    "numbers go in front": (lambda A: A("ij,jk->ik", 2 * A.X, -3 * A.Z), lambda A: -6 * A("ij,jk->ik", A.X, A.Z)),
    "a constant array is a number": (lambda A: A("ij,ij->ij", A.X, A.X.like(5)), lambda A: 5 * A.X),
    "times 0 is 0": (lambda A: A("ij,ij->i", A.X, A.X.like(0)), lambda A: A.v.like(0)),
    "the identity renames": (lambda A: A("ij,j->i", identity(A.graph, n), A.v), lambda A: A.v),
    "the trace of the identity is its size": (lambda A: A("ii->", identity(A.graph, n)), lambda A: extent(A.graph, n)),
    "the identity twice": (lambda A: A("ij,jk->ik", identity(A.graph, n), identity(A.graph, n)), lambda A: identity(A.graph, n)),
    "a diagonal of an embedding": (lambda A: A("ii->i", A("i->ii", A.v)), lambda A: A.v),
    "an embedded diagonal scales": (lambda A: A("ij,jk->ik", A("i->ii", A.v), A.X), lambda A: A("i,ij->ij", A.v, A.X)),
    "a sum of what is the same counts": (lambda A: A("ij->i", A("i->ij", A.v, j=m)), lambda A: A("i,->i", A.v, extent(A.graph, m))),
    "a sum of a constant counts": (lambda A: A("i->", A.v.like(3)), lambda A: 3 * extent(A.graph, n)),
    "what shares no label is a scalar factor": (lambda A: A("i,jk->i", A.v, A.Z), lambda A: A("i,->i", A.v, A("jk->", A.Z))),
    "two sums apart are a product": (lambda A: A("i,j->", A.v, A.a), lambda A: A("i->", A.v) * A("j->", A.a)),
    "x x is a square": (lambda A: A("i,i->i", A.v, A.v), lambda A: A.v**2),
    "the sum of a square is a product": (lambda A: A("i->", A.v**2), lambda A: dot(A.v, A.v)),
    "x x x summed is a power": (lambda A: A("i,i,i->", A.v, A.v, A.v), lambda A: A("i->", A.v**3)),
    "factors commute": (lambda A: A("ij,jk->ik", A.X, A.Z), lambda A: A("jk,ij->ik", A.Z, A.X)),
    "labels are names only": (lambda A: A("ij,jk->ik", A.X, A.Z), lambda A: A("pq,qr->pr", A.X, A.Z)),
    "the trace of a product turns": (lambda A: A("ij,ji->", A.S, A.T), lambda A: A("ij,ji->", A.T, A.S)),
    "tr SSS'": (lambda A: A("ij,jk,ik->", A.S, A.S, A.S), lambda A: A("jk,ik,ij->", A.S, A.S, A.S)),
    "elementwise products of arrays": (lambda A: A.X * A.Y, lambda A: A("ij,ij->ij", A.X, A.Y)),
    "a scalar times an array": (lambda A: A.X * A.s, lambda A: A("ij,->ij", A.X, A.s)),
    "the total is a contraction": (lambda A: total(A.X), lambda A: A("ij->", A.X)),
    "matrix times matrix": (lambda A: matrix_product(A.X, A.Z), lambda A: A("ij,jk->ik", A.X, A.Z)),
    "matrix times vector": (lambda A: matrix_product(A.X, A.a), lambda A: A("ij,j->i", A.X, A.a)),
    "vector times matrix": (lambda A: matrix_product(A.v, A.X), lambda A: A("i,ij->j", A.v, A.X)),
    "a broadcast of a broadcast": (
        lambda A: A("ij->ijk", A("i->ij", A.v, j=m), k=k),
        lambda A: A("i->ijk", A.v, j=m, k=k),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_equal_forms_are_one_node(name: str) -> None:
    A = Arrays(Graph())
    left, right = SAME[name]
    assert left(A) is right(A)


@pytest.mark.parametrize(
    ("equation", "names"),
    [
        ("ij,jk->ik", "XZ"), ("ij,jk->ki", "XZ"), ("ij,ij->", "XY"), ("ij,kj->ik", "XY"), ("ii->i", "S"), ("ii->", "S"),
        ("iij->j", "R"), ("i,j->ij", "va"), ("i,i->i", "vw"), ("i,ij,j->", "vXa"), ("ijk->kji", "R"), ("iji->j", "R'"),
        ("ij,jk,ik->", "XZU"), ("i,i,i->", "vvv"), ("ij,,j->i", "Xsa"), ("i,j->", "va"),
    ],
)  # fmt: skip
def test_values_are_those_of_einsum(equation: str, names: str) -> None:
    A = Arrays(Graph())
    factors = [A("ijk->ikj", A.R)] if names == "R'" else [getattr(A, name) for name in names]
    numbers = evaluate(factors, values(A))
    (own,) = evaluate([A(equation, *factors)], values(A))
    np.testing.assert_allclose(own, np.einsum(equation, *numbers), rtol=1e-13)


def test_a_label_twice_in_the_output_is_an_embedding() -> None:
    A = Arrays(Graph())
    (own, plain) = evaluate([A("i->ii", A.v), A.v], values(A))
    assert (own == np.diag(plain)).all()


def test_an_embedding_of_a_product_is_zero_off_the_diagonal() -> None:
    A = Arrays(Graph())
    (own, x) = evaluate([A("ij->iji", A.X), A.X], values(A))
    exact = np.zeros((2, 3, 2))
    for i in range(2):
        exact[i, :, i] = x[i]
    assert (own == exact).all()


def test_a_label_of_the_output_alone_is_a_broadcast() -> None:
    A = Arrays(Graph())
    (own, plain) = evaluate([A("i->jik", A.v, j=m, k=k), A.v], values(A))
    assert (own == np.broadcast_to(plain[:, None], (3, 2, 4))).all()


@pytest.mark.parametrize("equation", ["ij,jk->ik", "ij,kj->ik", "ij,jk->"])
def test_of_empty_arrays_sums_are_zero(equation: str) -> None:
    graph = Graph()
    x = graph.add(Input(sp.Symbol("X"), Type("f8", (n, m))))
    z = graph.add(Input(sp.Symbol("Z"), Type("f8", (m, k) if "jk" in equation else (k, m))))
    node = contract(graph, list(zip((x, z), equation.split("->")[0].split(","), strict=True)), equation.split("->")[1])
    gradients = build_grad(total(node), [x, z])
    empty = {x: np.zeros((2, 0)), z: np.zeros((0, 4) if "jk" in equation else (4, 0))}
    value, gx, gz = evaluate([node, *gradients], empty)
    assert not np.any(value)
    assert np.shape(gx) == (2, 0)
    assert np.shape(gz) == empty[z].shape


def test_the_size_of_an_empty_sum_is_zero() -> None:
    graph = Graph()
    v = graph.add(Input(sp.Symbol("v"), Type("f8", (n,))))
    assert evaluate([total(v.like(1)), total(v)], {v: np.zeros(0)}) == [0, 0]


def test_two_sizes_of_one_label_are_an_error() -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="sizes that do not go together"):
        A("ij,jk->ik", A.X, A.U)


def test_a_factor_of_another_rank_is_an_error() -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError, match="another rank"):
        A.graph.add(Contract(((0,),), (0,)), A.X)


def test_arrays_of_other_shapes_do_not_multiply_entry_by_entry() -> None:
    A = Arrays(Graph())
    with pytest.raises(ShapeError):
        _ = A.X * A.v


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_first_and_second_derivatives_are_those_of_a_complex_step(index: int) -> None:
    assert array_checks.derivative_problems(EXAMPLES[index]) == []


@pytest.mark.parametrize("index", range(len(CHOICES)))
def test_what_is_switched_off_has_gradient_zero_even_times_infinity(index: int) -> None:
    assert array_checks.choice_problems(CHOICES[index]) == []


def test_a_finite_partial_needs_no_guard() -> None:
    A = Arrays(Graph())
    kept = guarded(less(A.v.like(0), A.v), A.v)
    assert isinstance(contract_guarded(kept, "i", [(A.X, "ij")], "j").op, Contract)
    through = contract_guarded(kept, "i", [(A.graph.add(Log(), A.X), "ij")], "j")
    assert isinstance(through.inputs[0].op, Select)


def test_a_gradient_passes_a_guard_on_a_diagonal() -> None:
    A = Arrays(Graph())
    embedded = A("i->ii", A.graph.add(Log(), A.v))
    condition = less(A.S.like(0), A.S)
    target = total(guarded(condition, A("ij,jk->ik", embedded, A.S)))
    (g,) = build_grad(target, [A.v])
    at = {A.S: np.array([[1.0, -1.0], [-2.0, 3.0]]), A.v: np.array([0.5, 2.0])}
    (own,) = evaluate([g], at)
    np.testing.assert_allclose(own, [1 / 0.5, 3 / 2])


def test_truth_values_are_spread_from_a_diagonal_too() -> None:
    A = Arrays(Graph())
    condition = less(A.S.like(0), A.S)
    node = spread(condition, [0, 0], [0, 1], {0: n, 1: m})
    assert isinstance(node.op, Spread)
    (own,) = evaluate([node], {A.S: np.array([[1.0, -1], [-1, -1]]), A.X: np.zeros((2, 3))})
    assert own.tolist() == [[True] * 3, [False] * 3]


@pytest.mark.parametrize(
    ("build", "finite"),
    [
        (lambda A: A("ij,j->i", A.X, A.a), True),
        (lambda A: A.graph.add(Sin(), A.X), True),
        (lambda A: A.graph.add(Exp(), A.X), False),
        (lambda A: A.graph.add(Log(), A.X), False),
        (lambda A: A.X**-1, False),
        (lambda A: A.X**2, True),
        (lambda A: A("ij->i", A.graph.add(Log(), A.X)), False),
        (lambda A: guarded(less(A.v, A.w), A.v), True),
    ],
)
def test_finite_is_what_is_surely_so(build: Callable[[Arrays], Node], finite: bool) -> None:
    assert is_finite(build(Arrays(Graph()))) is finite


def test_of_a_chain_of_a_hundred_thousand_nodes_it_is_known_whether_they_are_finite() -> None:
    A = Arrays(Graph())
    x = A.v
    for _ in range(50_000):
        x = A.graph.add(Sin(), A.w - x)
    assert is_finite(x)


def test_a_transpose_puts_axes_in_order() -> None:
    A = Arrays(Graph())
    (own, r) = evaluate([transpose(A.R, (2, 0, 1)), A.R], values(A))
    assert (own == np.transpose(r, (2, 0, 1))).all()


def test_a_broadcast_puts_axes_where_they_are_told_to_go() -> None:
    A = Arrays(Graph())
    (own, x) = evaluate([broadcast(A.X, (m, k, n), (2, 0)), A.X], values(A))
    assert (own == np.broadcast_to(x.T[:, None, :], (3, 4, 2))).all()
