"""Index notation -> nodes: what each form means, what it costs, and what is said of what has no meaning."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.arrays import array_types
from symgrad.entries import Entries
from symgrad.errors import ShapeError, SymgradError, UnsupportedExpression
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.functions import logsumexp, maximum, minimum
from symgrad.graph import Graph, Node, reachable
from symgrad.inference import index_arrays, infer_shapes
from symgrad.ops.contract import Contract, contract
from symgrad.ops.leaf import Input
from symgrad.ops.position import Extent
from symgrad.ops.view import View
from symgrad.types import Type

N, M = sp.symbols("n m", integer=True)
H, J, K, L = sp.symbols("i j k l", integer=True)
A = sp.Symbol("a")
X, Y = (sp.IndexedBase(name, shape=(N,)) for name in "xy")
W = sp.IndexedBase("w", shape=(M,))
P = sp.IndexedBase("P", shape=(N, M))
AT = sp.IndexedBase("at", shape=(M,), integer=True)
BARE = sp.IndexedBase("b")

DRAW = np.random.default_rng(5)
VX, VY, VW, VP = (DRAW.uniform(0.5, 1.5, shape) for shape in (5, 5, 3, (5, 3)))
VAT = np.array([4, 0, 4])
VALUES: dict[Any, Any] = {X: VX, Y: VY, W: VW, P: VP, AT: VAT, A: 0.7}


def node_of(graph: Graph, expression: Any) -> Node:
    """The node, where all arrays are declared."""
    declared = [array for array in VALUES if isinstance(array, sp.IndexedBase)]
    (node,) = convert_all(graph, [expression], array_types([expression], declared))
    return node


def test_a_product_over_an_index_that_it_does_not_hold_is_a_power() -> None:
    nodes = reachable([node_of(Graph(), sp.Product(X[H] + A, (J, 0, N - 1), (H, 0, N - 1)))])
    assert [x.op.label() for x in nodes if "product" in x.op.label() or "pow" in x.op.label()] == ["productover", "pow"]


def test_the_derivative_of_a_power_of_a_size_is_right_at_zero() -> None:
    F = sg.Function([X, A], A * sp.Product(X[0], (J, 0, N - 1))).grad(X)
    assert [list(F(np.zeros(n), 3.0)) for n in (1, 2)] == [[3.0], [0.0, 0.0]]


def number(expression: Any) -> Any:
    """The value at the numbers above."""
    graph = Graph()
    node = node_of(graph, expression)
    types = array_types([expression], [array for array in VALUES if array is not A])
    inputs = {graph.add(Input(array, type_)): VALUES[array] for array, type_ in types.items()}
    inputs[graph.add(Input(A))] = VALUES[A]
    return evaluate([node], inputs)[0]


def unchanged(kind: Any, body: Any, *limits: Any) -> Any:
    """A sum as it is written: SymPy's constructor walks its body as a tree."""
    e = sp.Expr.__new__(kind, body, *[sp.Tuple(*limit) for limit in limits])
    e.is_commutative = True
    return e


def over(i: Any, size: Any = N) -> tuple[Any, int, Any]:
    """A limit over a whole axis."""
    return i, 0, size - 1


# -- what it means ----------------------------------------------------------------------------------------------------

PAIRS = [(a, b) for a in range(5) for b in range(a + 1)]
VALUED: list[tuple[Any, Any]] = [
    (sp.Sum(X[H] ** 2, over(H)), (VX**2).sum()),
    (sp.Sum(X[H] * P[H, J] * W[J], over(H), over(J, M)), VX @ VP @ VW),
    (sp.Sum(sp.Sum(P[H, J] * W[J], over(J, M)) ** 2, over(H)), ((VP @ VW) ** 2).sum()),
    (sp.Sum(X[H + 1] - X[H], (H, 0, N - 2)), VX[-1] - VX[0]),
    (sp.Sum(X[2 * H], (H, 0, 2)), VX[0] + VX[2] + VX[4]),
    (sp.Sum(X[N - 1 - H] * Y[H], over(H)), VX[::-1] @ VY),
    (sp.Sum(sp.Sum(X[H + K] * W[K], over(K, M)) ** 2, (H, 0, N - M)), (np.correlate(VX, VW) ** 2).sum()),
    (sp.Sum(X[H] * Y[J], (J, 0, H), over(H)), sum(VX[a] * VY[b] for a, b in PAIRS)),
    (sp.Sum(X[H] * Y[J], (J, H + 1, N - 1), over(H)), sum(VX[b] * VY[a] for a, b in PAIRS if a != b)),
    (sp.Sum(X[H - J], (J, 0, H), over(H)), sum(VX[a - b] for a, b in PAIRS)),
    (sp.Sum(X[AT[K]] * W[K], over(K, M)), VX[VAT] @ VW),
    (sp.Sum(P[AT[K], K], over(K, M)), VP[VAT, range(3)].sum()),
    (sp.Sum(X[AT[K] - AT[K] + 1], over(K, M)), 3 * VX[1]),
    (sp.Sum(sp.KroneckerDelta(AT[K], H) * X[H] * W[K], over(H), over(K, M)), VX[VAT] @ VW),
    (sp.Sum(sp.KroneckerDelta(H, J) * X[H] * Y[J], over(H), over(J)), VX @ VY),
    (sp.Sum(sp.KroneckerDelta(H, J + 1) * X[H] * Y[J], over(H), over(J)), VX[1:] @ VY[:-1]),
    (sp.Sum(sp.KroneckerDelta(H, 2) * X[H], over(H)), VX[2]),
    (sp.Sum(H * X[H] + N, over(H)) / N, (np.arange(5) * VX + 5).mean()),
    (sp.Sum(3, (H, 1, N)) + A, 15.7),
    (sp.Sum(X[H], (H, 3, 2)), 0.0),
    (sp.Product(X[H], (H, 3, 2)), 1.0),
    (sp.Sum(1, (H, 0, N - 8)), 0.0),
    (sp.Product(X[H], over(H)), VX.prod()),
    (sp.Product(X[H], (J, 0, N - 1), over(H)), VX.prod() ** 5),
    (sp.Product(A - 1, over(J)), (-0.3) ** 5),
    (sp.Product(X[0], (J, 0, 2)), VX[0] ** 3),
    (sp.Product(X[0], (J, 3, 2), over(H)), 1.0),
    (sp.Product(X[H] * Y[J], (J, H, N - 1), over(H)), np.prod([VX[b] * VY[a] for a, b in PAIRS])),
    (sp.Sum(sp.Piecewise((X[H - 1], H > 0), (A, True)), over(H)), VX[:-1].sum() + 0.7),
    (X[N - 1] + X[1] * P[0, 2], VX[-1] + VX[1] * VP[0, 2]),
    (P[H, J] * X[H] - W[J], VP * VX[:, None] - VW),
    (sp.exp(P[J, H]), np.exp(VP.T)),
    (sp.Sum(P[H, J], over(H)) * W[J], VP.sum(0) * VW),
    (Entries(P[H, J] + X[H], (J, M), (H, N)), (VP + VX[:, None]).T),
    (logsumexp(A * X[H], over(H)), np.log(np.exp(0.7 * VX).sum())),
    (sp.Sum(logsumexp(P[H, J], over(J, M)), over(H)), np.log(np.exp(VP).sum(1)).sum()),
    (maximum(X[H] - Y[J], (J, 0, H), over(H)), max(VX[a] - VY[b] for a, b in PAIRS)),
    (minimum(X[H], over(H)), VX.min()),
    (2 * X - Y, 2 * VX - VY),
]


@pytest.mark.parametrize(("expression", "wanted"), VALUED, ids=lambda v: str(v)[:60])
def test_index_notation_has_its_value(expression: Any, wanted: Any) -> None:
    found = number(expression)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-14)


def test_an_idx_brings_its_range() -> None:
    i, j = sp.Idx("i", N), sp.Idx("j", (1, N - 1))
    np.testing.assert_allclose(number(sp.Sum(X[i], i)), VX.sum())
    np.testing.assert_allclose(number(X[j] - X[j - 1]), np.diff(VX))


def test_a_dummy_means_what_binds_it_last() -> None:
    inner = sp.Sum(X[H], over(H))
    np.testing.assert_allclose(number(sp.Sum(X[H] * inner, over(H))), VX.sum() ** 2)
    np.testing.assert_allclose(number(sp.Sum(X[H] * sp.Sum(W[H], over(H, M)), over(H))), VX.sum() * VW.sum())
    np.testing.assert_allclose(number(sp.Sum(sp.Sum(X[H] ** 2, (H, 0, H)), over(H))), sum(VX[b] ** 2 for _, b in PAIRS))


def test_an_entry_of_an_expression_of_matrices() -> None:
    a, b = sp.MatrixSymbol("A", N, M), sp.MatrixSymbol("B", M, N)
    F = sg.Function([a, b], sp.Sum((a * b)[H, H], over(H)))
    va, vb = DRAW.normal(size=(4, 3)), DRAW.normal(size=(3, 4))
    np.testing.assert_allclose(F(va, vb), np.trace(va @ vb))
    np.testing.assert_allclose(F.grad(a)(va, vb), vb.T)


def test_a_column_has_one_axis_and_two_indices() -> None:
    w = sp.MatrixSymbol("w", N, 1)
    F = sg.Function([w], sp.Sum(w[H, 0] ** 2, over(H)))
    assert F([1.0, 2.0]) == 5.0


# -- what it becomes --------------------------------------------------------------------------------------------------


def contracted(factors: list[tuple[Any, str]], output: str = "") -> tuple[Graph, Node]:
    """A graph and the contraction of whole arrays in it."""
    graph = Graph()
    types = array_types([], [array for array, _ in factors])
    return graph, contract(graph, [(graph.add(Input(a, types[a])), labels) for a, labels in factors], output)


@pytest.mark.parametrize(
    ("expression", "factors", "output"),
    [
        (sp.Sum(X[H] * P[H, J] * W[J], over(H), over(J, M)), [(X, "i"), (P, "ij"), (W, "j")], ""),
        (sp.Sum(sp.Sum(X[H] * P[H, J] * W[J], over(H)), over(J, M)), [(X, "i"), (P, "ij"), (W, "j")], ""),
        (sp.Sum(P[J, H], over(J)), [(P, "ji")], "i"),
        (sp.Sum(X[H] ** 2, over(H)), [(X, "i"), (X, "i")], ""),
        (sp.Sum(sp.KroneckerDelta(H, J) * X[H] * Y[J], over(H), over(J)), [(X, "i"), (Y, "i")], ""),
        (P[J, H], [(P, "ji")], "ij"),
    ],
    ids=str,
)
def test_a_sum_of_products_is_one_contraction(expression: Any, factors: Any, output: str) -> None:
    graph, wanted = contracted(factors, output)
    assert node_of(graph, expression) is wanted


def test_entries_in_another_order_share_what_is_computed_of_them() -> None:
    graph = Graph()
    node = node_of(graph, sp.Sum(sp.exp(P[H, J]) * sp.exp(P[K, L]), over(H), over(J, M), over(K), over(L, M)))
    assert sum(x.op.name == "exp" for x in reachable([node])) == 1


def test_a_delta_of_indices_leaves_no_mask_and_no_position() -> None:
    graph = Graph()
    node = node_of(graph, sp.Sum(sp.KroneckerDelta(H, J) * sp.sin(P[H, K]) * Y[J], over(H), over(J), over(K, M)))
    assert {x.op.name for x in reachable([node])} == {"p", "y", "sin", "contract", "input"} - {"p", "y"}


def test_what_does_not_depend_on_an_index_is_converted_once() -> None:
    graph = Graph()
    e: Any = sp.Sum(X[H], over(H))
    with sp.evaluate(False):
        for _ in range(40):  # 2**40 paths
            body = sp.Add(sp.Mul(e, X[H]), sp.sin(e))
            e = unchanged(sp.Sum, body, over(H))
    assert len(convert_all(graph, [e], {X: Type("f8", (N,))})) == 1
    assert len(graph) < 300


def test_depth_does_not_matter_within_a_sum() -> None:
    body: Any = X[H]
    with sp.evaluate(False):
        for _ in range(5_000):
            body = sp.sin(body)
    e = unchanged(sp.Sum, body, over(H))
    assert len(reachable([from_sympy(Graph(), e)])) == 5_002


def test_a_size_is_no_variable() -> None:
    graph = Graph()
    node = node_of(graph, sp.Sum(X[H], over(H)) / N)
    assert [x.op.size for x in reachable([node]) if isinstance(x.op, Extent)] == [N]
    assert {x.op.variable for x in reachable([node]) if isinstance(x.op, Input)} == {X}


def test_only_what_may_leave_the_array_is_clipped() -> None:
    views = [x.op for x in reachable([node_of(Graph(), sp.Sum(X[H - J] * Y[J], (J, 0, H), over(H)))])]
    assert [op.clip for op in views if isinstance(op, View)] == [True]
    views = [x.op for x in reachable([node_of(Graph(), sp.Sum(X[H + 1] * Y[J], over(J), (H, 0, N - 2)))])]
    assert [op.clip for op in views if isinstance(op, View)] == [False]


def test_a_piece_that_is_not_asked_for_leaks_nothing() -> None:
    e = sp.Sum(sp.Piecewise((sp.log(X[H - 1]) / X[H - 1], H > 0), (0, True)), over(H))
    F = sg.Function([X], e)
    assert np.all(np.isfinite(F.grad(X)(VX)))


def test_one_sum_is_one_program_for_all_sizes() -> None:
    small, large = (len(reachable([node_of(Graph(), sp.Sum(sp.exp(X[H]), over(H)))])) for _ in range(2))
    assert small == large == 3
    assert isinstance(node_of(Graph(), sp.Sum(sp.exp(X[H]), over(H))).op, Contract)


# -- arrays without a shape -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        (sp.Sum(BARE[H], over(H)), (N,)),
        (sp.Sum(BARE[H], (H, 1, N)), (N + 1,)),
        (sp.Sum(BARE[H + 1] - BARE[H], (H, 0, N - 2)), (N,)),
        (sp.Sum(BARE[H, J], over(H), over(J, M)), (N, M)),
        (sp.Sum(BARE[H, J], (J, 0, H), over(H)), (N, N)),
        (sp.Sum(sp.Piecewise((BARE[H - 1], H > 0), (BARE[H], True)), over(H)), (N,)),
        (BARE[N - 1] + sp.Sum(BARE[H], over(H)), (N,)),
        (BARE[sp.Idx("i", N)], (N,)),
        (sp.Sum(BARE[H], over(H)) + sp.Sum(BARE[H + J], over(J, M), (H, 0, N - M)), (N,)),
    ],
    ids=str,
)
def test_a_shape_follows_from_the_ranges_of_indices(expression: Any, shape: Any) -> None:
    assert infer_shapes([expression]) == {BARE: shape}


def test_an_array_that_is_read_at_numbers_only_is_so_many_scalars() -> None:
    assert infer_shapes([BARE[0] * BARE[1]]) == {}


def test_an_array_in_an_index_is_of_integers() -> None:
    e = sp.Sum(X[BARE[K]], over(K, M))
    assert index_arrays([e]) == {BARE}
    assert array_types([e]) == {X: Type("f8", (N,)), BARE: Type("i8", (M,))}


# -- errors -----------------------------------------------------------------------------------------------------------

SQUARE = sp.MatrixSymbol("S", 3, 3)
ERRORS: list[tuple[Any, type[SymgradError], str]] = [
    (sp.Sum(X[H], (H, 1, N)), ShapeError, "indices from 1 to n, wanted 0 to n - 1; .*(i, 0, n - 1)"),
    (sp.Sum(X[H + 1] - X[H], over(H)), ShapeError, "(i, 0, n - 2) stays inside"),
    (sp.Sum(X[H - 1], over(H)), ShapeError, "(i, 1, n - 1) stays inside"),
    (X[N], ShapeError, "an index outside of its array: x[n]"),
    (X[-1], ShapeError, "an index outside of its array: x[-1]"),
    (sp.Sum(X[H**2], over(H)), UnsupportedExpression, "i**2 in an index, which is not affine"),
    (sp.Sum(X[H * J], over(H), over(J)), UnsupportedExpression, "i*j in an index, which is not affine"),
    (sp.Sum(X[N * H], over(H)), UnsupportedExpression, "i*n in an index, which is not affine"),
    (sp.Sum(X[H / 2], over(H)), UnsupportedExpression, "an index times what is no integer"),
    (sp.Sum(X[H], (H, 0, sp.oo)), UnsupportedExpression, "an infinite range"),
    (sp.Sum(X[H], (H, 0, sp.Rational(5, 2))), UnsupportedExpression, "a limit that is no integer"),
    (sp.Sum(X[H], (H, 0, AT[0])), UnsupportedExpression, "limits read from an array"),
    (sp.Sum(X[W[K]] * W[K], over(K, M)), UnsupportedExpression, "an array of integers, used as numbers"),
    (X[H + 1], UnsupportedExpression, "the index i is not bound"),
    (X[H] + W[H], ShapeError, "the free index i runs over axes of different sizes"),
    (sp.Idx("i"), UnsupportedExpression, "the index i is not bound"),
    (BARE[H], UnsupportedExpression, "IndexedBase('b', shape=(n,))"),
    (sp.Sum(BARE[H], over(H)) + sp.Sum(BARE[H], over(H, M)), UnsupportedExpression, "a largest index"),
    (sp.Sum(BARE[H] + BARE[H, H], over(H)), UnsupportedExpression, "different numbers of indices"),
    (sp.Trace(X[H] * SQUARE), UnsupportedExpression, "an index within an expression of whole arrays"),
    (sp.Sum(X[H] + Y, over(H)), ShapeError, "a whole array where an entry is wanted, got y of shape (n)"),
    (sp.Sum(AT[K] * W[K], over(K, M)), UnsupportedExpression, "an array of integers, used as numbers"),
]


@pytest.mark.parametrize(("expression", "kind", "text"), ERRORS, ids=lambda v: str(v)[:50])
def test_what_has_no_meaning_is_an_error_that_says_why(expression: Any, kind: type[SymgradError], text: str) -> None:
    pattern = ".*".join(re.escape(part) for part in text.split(".*"))
    with pytest.raises(kind, match=pattern):
        node_of(Graph(), expression)


def test_rank_is_checked_where_sympy_does_not() -> None:
    a, b = sp.MatrixSymbol("A", N, N), sp.IndexedBase("c")
    with pytest.raises(UnsupportedExpression, match="different numbers of indices"):
        from_sympy(Graph(), sp.Sum(b[H] * b[H, J] * a[H, J], over(H), over(J)))


# -- functions over an index ------------------------------------------------------------------------------------------


def test_over_an_index_functions_write_themselves_out() -> None:
    assert logsumexp(A * H, (H, 0, 2)).doit() == sp.log(1 + sp.exp(A) + sp.exp(2 * A))
    assert maximum(A - H * J, (J, 0, H), (H, 0, 2)).doit() == sp.Max(A, A - 1, A - 2, A - 4)
    assert minimum(X[H], over(H)).doit() == minimum(X[H], over(H))
    assert N in logsumexp(X[H], over(H)).free_symbols
    assert H not in logsumexp(X[H], over(H)).free_symbols


def test_over_an_index_functions_have_derivatives() -> None:
    x = sp.IndexedBase("x", shape=(3,))
    for function in (logsumexp, maximum, minimum):
        e = function(A * x[H], (H, 0, 2))
        values = {x[0]: 0.3, x[1]: 0.9, x[2]: 0.5, A: 1.7}
        by_rule = e.diff(A).doit().xreplace({s: s for s in ()}).subs(values)
        written = e.doit().subs({k: v for k, v in values.items() if k != A})
        slope = (written.subs(A, 1.7 + 1e-6) - written.subs(A, 1.7 - 1e-6)) / 2e-6
        assert abs(float(by_rule.doit()) - float(slope)) < 1e-8


def test_over_an_index_functions_print_as_people_write_them() -> None:
    assert sp.latex(maximum(X[H] + 1, over(H))) == r"\max_{0 \leq i \leq n - 1} \left({x}_{i} + 1\right)"
    assert sp.latex(logsumexp(X[H], over(H))) == r"\log \sum_{i=0}^{n - 1} e^{{x}_{i}}"


# -- threads ----------------------------------------------------------------------------------------------------------


def test_sympy_12751_a_derivative_of_a_sum_by_one_entry_is_a_number() -> None:
    gradient = sg.Function([BARE, N], sp.Sum(BARE[H], (H, 1, N))).grad(BARE)
    np.testing.assert_array_equal(gradient([7.0, 8.0, 9.0], 2), [0.0, 1.0, 1.0])


def test_sympy_12750_a_delta_in_a_sum_is_summed() -> None:
    e = sp.Sum(sp.KroneckerDelta(1, H) * A, (H, 1, N))
    assert sg.Function([A, N], e)(3.0, 4) == 3.0


def test_sympy_13994_a_derivative_of_a_product_over_an_index() -> None:
    F = sg.Function([X], sp.Product(X[J], over(J)))
    np.testing.assert_allclose(F.grad(X)([2.0, 3.0, 5.0]), [15.0, 10.0, 6.0])
    np.testing.assert_allclose(F.grad(X)([2.0, 0.0, 5.0]), [0.0, 10.0, 0.0])


def test_sympy_21891_the_index_of_a_variable_is_not_captured_by_a_sum() -> None:
    c, x = sp.IndexedBase("c", shape=(N,)), sp.IndexedBase("x", shape=(N,))
    i = sp.Idx("i")
    F = sg.Function([c, x], sp.Sum(c[i] * x[i], (i, 0, N - 1)))
    np.testing.assert_array_equal(F.grad(x)([3.0, 4.0], [5.0, 6.0]), [3.0, 4.0])


def test_sympy_28950_a_delta_with_several_terms_gives_an_array() -> None:
    i, j = sp.Idx("i", N), sp.Idx("j", N)
    a, b = sp.IndexedBase("A"), sp.IndexedBase("B")
    F = sg.Function([a, b], sp.Sum(sp.KroneckerDelta(i, j) * a[j] * b[j], (j, 0, N - 1)))
    np.testing.assert_array_equal(F([1.0, 2.0], [3.0, 4.0]), [3.0, 8.0])


def test_sympy_10934_nested_sums_of_an_indexed_base() -> None:
    a = sp.IndexedBase("a")
    F = sg.Function([a], sp.Sum(a[H, J], (H, 0, 1), (J, 0, 1)))
    assert F([[1.0, 2.0], [3.0, 4.0]]) == 10.0


def test_sympy_20523_no_symbol_is_made_up() -> None:
    e = sp.Sum(sp.Sum(X[H] * P[H, J], over(J, M)) ** 2, over(H))
    (node,) = convert_all(Graph(), [e])
    assert {x.op.variable for x in reachable([node]) if isinstance(x.op, Input)} == {X, P}
