"""Every kind of matrix and array expression: value and gradient against 2-D NumPy with complex steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct
from sympy.matrices.expressions.fourier import DFT
from sympy.tensor.array.expressions import (
    ArrayAdd,
    ArrayContraction,
    ArrayDiagonal,
    ArrayElement,
    ArrayElementwiseApplyFunc,
    ArraySymbol,
    ArrayTensorProduct,
    OneArray,
    PermuteDims,
    Reshape,
    ZeroArray,
)

from symgrad.derivatives import build_grad
from symgrad.errors import ShapeError, UnsupportedExpression
from symgrad.evaluate import evaluate
from symgrad.from_matrix.shapes import matrix_labels
from symgrad.graph import Graph
from symgrad.ops.contract import Contract
from symgrad.ops.leaf import Const, Input
from symgrad.ops.products import dot, total
from tests.matrix_nodes import check, inputs_of, nodes_of
from tests.matrix_oracle import random_values

n, m, p = sp.symbols("n m p", integer=True, positive=True)
SIZES = {n: 4, m: 3, p: 2}
A, C = (sp.MatrixSymbol(name, n, m) for name in "AC")
B = sp.MatrixSymbol("B", m, n)
S, T = (sp.MatrixSymbol(name, n, n) for name in "ST")
W = sp.MatrixSymbol("W", p, m)
D = sp.MatrixSymbol("D", 2, 2)
x, z = (sp.MatrixSymbol(name, n, 1) for name in "xz")
y = sp.MatrixSymbol("y", m, 1)
r = sp.MatrixSymbol("r", 1, n)
q = sp.MatrixSymbol("q", 1, 1)
a, b = sp.symbols("a b", positive=True)
SYMBOLS = [A, C, B, S, T, W, D, x, z, y, r, q, a, b]
VALUES: dict[Any, Any] = random_values(np.random.default_rng(1), SYMBOLS, SIZES)
VALUES |= {a: 0.7, b: 1.3, q: np.array([[1.9]])}
t = sp.Symbol("t")

KINDS = {
    "symbol": A,
    "product": A * B,
    "product of four": A * B * S * x,
    "matrix times vector": A * y,
    "quadratic form": x.T * S * x,
    "bilinear form": x.T * A * y,
    "inner product": x.T * z,
    "outer product": x * y.T,
    "outer product of rows": r.T * r,
    "row times column": r * x,
    "scalar times matrix": 3 * a * A,
    "scalar of a trace times matrix": sp.Trace(S) * A,
    "number times product": -sp.Rational(2, 3) * A * B,
    "product of explicit nesting": sp.MatMul(A, sp.MatMul(B, S, evaluate=False), evaluate=False),
    "sum": A + 2 * C,
    "sum with a product": S + A * B,
    "difference": A - C,
    "identity": S + sp.Identity(n),
    "identity in a product": sp.MatMul(S, sp.Identity(n), A, evaluate=False),
    "multiple of the identity": S + a * sp.Identity(n),
    "zeros": sp.MatAdd(A, sp.ZeroMatrix(n, m), evaluate=False),
    "ones": sp.OneMatrix(n, m) + A,
    "product with ones": S * sp.OneMatrix(n, 1),
    "power 2": S**2,
    "power 3": S**3,
    "power 6": S**6,
    "power 0": sp.MatPow(S, 0) + S,
    "power -1": sp.MatPow(S, -1),
    "power -2": S**-2,
    "inverse": S.I,
    "inverse of a product": (S * T).I,
    "inverse times vector": S.I * x,
    "determinant": sp.Determinant(S),
    "determinant of 1 x 1": sp.Determinant(x.T * S * x),
    "trace": sp.Trace(S),
    "trace of a product": sp.Trace(A * B),
    "trace of a product of four": sp.Trace(A * B * S.T * T),
    "trace of a sum": sp.Trace(S + A * B),
    "trace of a power": sp.Trace(S**3),
    "trace of a 1 x 1": sp.Trace(x.T * S * x),
    "trace of an inverse": sp.Trace(S.I * T),
    "transpose": A.T,
    "transpose of a product": sp.Transpose(sp.MatMul(A, B, S)),
    "transpose of a column": x.T,
    "transpose of a sum": sp.Transpose(S + T),
    "adjoint": sp.Adjoint(A),
    "dot product": DotProduct(x, z),
    "dot product of a row": DotProduct(r, x.T),
    "Hadamard product": sp.HadamardProduct(A, C),
    "Hadamard product in a chain": sp.HadamardProduct(S, T) * x,
    "Hadamard product of vectors": sp.HadamardProduct(x, z),
    "Hadamard square": sp.HadamardPower(A, 2),
    "Hadamard cube": sp.HadamardPower(A, 3),
    "Hadamard power": sp.HadamardPower(A.applyfunc(sp.exp), a),
    "Hadamard root": sp.HadamardPower(A.applyfunc(sp.exp), sp.Rational(1, 2)),
    "number to a Hadamard power": sp.HadamardPower(2, A),
    "scalar to a Hadamard power": sp.HadamardPower(a, A),
    "diagonal matrix of a vector": DiagMatrix(x) * A,
    "diagonal matrix of a row": DiagMatrix(r) * A,
    "diagonal matrix alone": DiagMatrix(x),
    "diagonal": DiagonalOf(S),
    "diagonal of a product": DiagonalOf(A * B),
    "diagonal of a wide matrix": DiagonalOf(sp.MatrixSymbol("E", 2, 3)),
    "off-diagonal dropped": DiagonalMatrix(S),
    "off-diagonal dropped of a tall matrix": DiagonalMatrix(A),
    "blocks": sp.BlockMatrix([[S, A], [B, sp.Identity(m)]]),
    "blocks of vectors": sp.BlockMatrix([[S, x], [r, q]]),
    "blocks in a column": sp.BlockMatrix([[x], [y]]),
    "blocks in a product": sp.BlockMatrix([[S, A]]) * sp.BlockMatrix([[x], [y]]),
    "block diagonal": sp.BlockDiagMatrix(S, A, x),
    "Kronecker product": sp.KroneckerProduct(A, W),
    "Kronecker product of three": sp.KroneckerProduct(x, W, D),
    "Kronecker product of a row": sp.KroneckerProduct(r, A),
    "entry": A[1, 2],
    "entry of a column": x[2, 0],
    "entry of a 1 x 1": q[0, 0],
    "rows": A[0:2, :],
    "rows and columns by steps": S[1:3, 0:4:2],
    "one column": A[:, 1],
    "one row": A[2, :],
    "from a symbolic offset": S[1:n, 0:1],
    "explicit matrix": sp.Matrix([[a, 2], [3, a**2]]),
    "explicit column": sp.Matrix([a, b, a * b]),
    "explicit 1 x 1": sp.Matrix([[a * b]]),
    "explicit zeros": sp.zeros(2, 2) * D + D,
    "explicit matrix times symbol": sp.Matrix([[a, 2], [3, b]]) * D,
    "explicit matrix of entries": sp.Matrix([[D[0, 0], D[0, 1]], [D[0, 0] * D[1, 1], a]]),
    "function of each entry": A.applyfunc(sp.sin),
    "function with parameters": A.applyfunc(lambda v: sp.sin(a * v) + b),
    "function that is a product": A.applyfunc(lambda v: v**2 * sp.exp(a * v) * v),
    "function of a product": (A * y).applyfunc(sp.tanh),
    "constant function": A.applyfunc(sp.Lambda(t, a)),
    "function that holds a trace": A.applyfunc(sp.Lambda(t, t * sp.Trace(S) + sp.exp(t))),
    "piecewise function": A.applyfunc(sp.Lambda(t, sp.Piecewise((t**2, t > 0), (-t, True)))),
    "function of a function": A.applyfunc(sp.sin).applyfunc(sp.exp),
    "square root of a 1 x 1": sp.sqrt(x.T * x),
    "symbolic power of a 1 x 1": sp.MatPow(x.T * x, a),
    "inverse of a 1 x 1": (x.T * x).I,
    "exponential of a trace": sp.exp(sp.Trace(S)),
    "exponential of a 1 x 1": sp.exp(sp.Trace(x.T * S * z)),
    "scalars of matrices together": sp.Trace(S) ** 2 * sp.Determinant(T) + a * DotProduct(x, z),
    "logarithm of a determinant": sp.log(sp.Determinant(S.T * S + sp.Identity(n))),
    "1 x 1 matrix plus 1": x.T * x + sp.Identity(1),
    "rank one update": S + a * x * x.T,
    "scalar in the middle": sp.MatMul(A, a, B, evaluate=False),
}
VALUES[sp.MatrixSymbol("E", 2, 3)] = np.random.default_rng(2).normal(size=(2, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_value_and_gradients(kind: str) -> None:
    assert check(KINDS[kind], VALUES, SIZES) < 1e-11


@pytest.mark.parametrize("kind", ["product", "quadratic form", "power 2", "inverse", "blocks", "Kronecker product"])
def test_of_no_rows(kind: str) -> None:
    sizes = {n: 0, m: 3, p: 2}
    values = random_values(np.random.default_rng(1), SYMBOLS, sizes)
    assert check(KINDS[kind], values, sizes) == 0


@pytest.mark.parametrize("kind", ["product", "quadratic form", "outer product", "power 3", "determinant", "blocks"])
def test_a_size_may_happen_to_be_one(kind: str) -> None:
    sizes = {n: 1, m: 3, p: 2}
    values = random_values(np.random.default_rng(1), SYMBOLS, sizes)
    assert check(KINDS[kind], values, sizes) < 1e-12


def node_of(e: Any) -> Any:
    return nodes_of(Graph(), [e])[0]


def test_labels_are_those_of_axes_longer_than_one() -> None:
    assert [matrix_labels(e, "i", "j") for e in (A, x, r, q)] == [["i", "j"], ["i"], ["j"], []]


def test_a_product_is_one_contraction_of_all_its_factors() -> None:
    node = node_of(A * B * S * x)
    assert isinstance(node.op, Contract)
    assert len(node.inputs) == 4


def test_a_transpose_is_in_the_labels() -> None:
    node = node_of(x.T * A * B * x)
    assert [type(i.op) for i in node.inputs] == [Input] * 4


def test_the_trace_of_a_product_is_one_contraction() -> None:
    node = node_of(sp.Trace(A * B * S))
    assert len(node.inputs) == 3
    assert node.op.output == ()


def test_the_identity_leaves_nothing_behind() -> None:
    graph = Graph()
    product, symbol = nodes_of(graph, [sp.MatMul(S, sp.Identity(n), evaluate=False), S])
    assert product is symbol


def test_the_trace_of_the_identity_is_its_size() -> None:
    node = node_of(sp.Trace(sp.Identity(n)))
    assert node.op.label() == "n"


def test_a_zero_matrix_is_a_constant() -> None:
    assert node_of(sp.ZeroMatrix(n, m)).op == Const(0, (n, m))


def test_equal_products_are_one_node() -> None:
    graph = Graph()
    first, second = nodes_of(graph, [sp.Trace(A * B), sp.Trace(B * A)])
    assert first is second


def test_matrix_power_with_a_symbol_is_an_error() -> None:
    with pytest.raises(UnsupportedExpression, match="no integer"):
        node_of(sp.MatPow(S, p))


def test_1_x_1_in_the_middle_of_a_product_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(ShapeError, match=r"cannot be multiplied.*Trace"):
        node_of(sp.MatMul(sp.MatMul(x.T, x), A, evaluate=False))


def test_sum_of_different_shapes_names_both() -> None:
    with pytest.raises(ShapeError, match=r"\(n, m\).*|\(m, n\).*"):
        node_of(sp.Basic.__new__(sp.MatAdd, A, B))


def test_diagonal_of_unrelated_sizes_is_an_error() -> None:
    with pytest.raises(ShapeError, match="neither"):
        node_of(DiagonalOf(A))


def test_a_function_of_two_arguments_is_no_function_of_each_entry() -> None:
    with pytest.raises((UnsupportedExpression, ValueError)):
        node_of(A.applyfunc(sp.Lambda((t, a), t * a)))


@pytest.mark.parametrize("e", [sp.Permanent(S), DFT(n)])
def test_what_has_no_meaning_here_is_named(e: Any) -> None:
    with pytest.raises(UnsupportedExpression, match=type(e).__name__):
        node_of(e)


def test_function_matrix_is_a_function_of_positions() -> None:
    i, j = sp.symbols("i j")
    node = node_of(sp.FunctionMatrix(2, 3, sp.Lambda((i, j), i**2 + 10 * j)))
    assert np.array_equal(evaluate([node], {})[0], [[0, 10, 20], [1, 11, 21]])


# -- arrays ----------------------------------------------------------------------------------------------------------

P = ArraySymbol("P", (n, m, p))
Q = ArraySymbol("Q", (m, p))
R = ArraySymbol("R", (n, n, m))
U = ArraySymbol("U", (1, m))
NUMBERS = {
    P: np.random.default_rng(3).normal(size=(4, 3, 2)),
    Q: np.random.default_rng(4).normal(size=(3, 2)),
    R: np.random.default_rng(5).normal(size=(4, 4, 3)),
    U: np.random.default_rng(6).normal(size=(1, 3)),
    **VALUES,
}
ARRAYS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "symbol": (P, lambda v: v[P]),
    "tensor product": (ArrayTensorProduct(P, Q), lambda v: np.multiply.outer(v[P], v[Q])),
    "tensor product with a column": (ArrayTensorProduct(x, Q), lambda v: np.multiply.outer(v[x], v[Q])),
    "contraction": (
        ArrayContraction(ArrayTensorProduct(P, Q), (1, 3), (2, 4)),
        lambda v: np.einsum("imp,mp->i", v[P], v[Q]),
    ),
    "contraction of matrices": (ArrayContraction(ArrayTensorProduct(A, B), (1, 2)), lambda v: v[A] @ v[B]),
    "contraction of a trace": (ArrayContraction(R, (0, 1)), lambda v: np.einsum("iim->m", v[R])),
    "contraction of three axes": (
        ArrayContraction(ArrayTensorProduct(A, B, y), (1, 2, 4)),
        lambda v: np.einsum("im,mj,mz->ijz", v[A], v[B], v[y]),
    ),
    "diagonal": (ArrayDiagonal(R, (0, 1)), lambda v: np.einsum("iim->mi", v[R])),
    "diagonal of a product": (
        ArrayDiagonal(ArrayTensorProduct(A, C), (0, 2), (1, 3)),
        lambda v: v[A] * v[C],
    ),
    "permuted": (PermuteDims(P, [2, 0, 1]), lambda v: np.transpose(v[P], (2, 0, 1))),
    "permuted column": (PermuteDims(x, [1, 0]), lambda v: v[x].T),
    "sum": (ArrayAdd(P, P, PermuteDims(PermuteDims(P, [2, 0, 1]), [1, 2, 0])), lambda v: 3 * v[P]),
    "sum of matrices": (ArrayAdd(A, PermuteDims(B, [1, 0])), lambda v: v[A] + v[B].T),
    "function of each entry": (
        ArrayElementwiseApplyFunc(sp.Lambda(t, sp.exp(t) * t + a), P),
        lambda v: np.exp(v[P]) * v[P] + v[a],
    ),
    "element": (ArrayElement(P, (3, 0, 1)), lambda v: v[P][3, 0, 1]),
    "reshape": (Reshape(P, (n * m, p)), lambda v: v[P].reshape(12, 2)),
    "reshape of a matrix": (Reshape(A, (n * m,)), lambda v: v[A].reshape(12)),
    "zeros and ones": (ArrayAdd(P, OneArray(n, m, p), ZeroArray(n, m, p)), lambda v: v[P] + 1),
    "an axis of size 1 stays": (ArrayTensorProduct(U, x), lambda v: np.multiply.outer(v[U], v[x])),
    "explicit array": (
        ArrayAdd(sp.ImmutableDenseNDimArray([[[a, 1], [2, b]]]), OneArray(1, 2, 2)),
        lambda v: np.array([[[v[a] + 1, 2], [3, v[b] + 1]]]),
    ),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(kind: str) -> None:
    """Values in full shape, and the gradient of the sum of squares by complex step."""
    e, formula = ARRAYS[kind]
    graph = Graph()
    (node,) = nodes_of(graph, [e])
    inputs = inputs_of(graph, NUMBERS, SIZES)
    target = dot(node, node) if node.type.shape else node * node
    value, *gradients = evaluate([node, *build_grad(target, list(inputs))], inputs)
    expected = formula(NUMBERS)
    rank = len(getattr(e, "shape", ()))
    assert np.shape(value) == np.shape(expected)
    assert len(node.type.shape) == rank
    assert np.allclose(value, expected, rtol=1e-13)
    for leaf, g in zip(inputs, gradients, strict=True):
        variable = leaf.op.variable  # type: ignore[attr-defined]
        at = np.array(NUMBERS[variable], complex)
        stepped = np.empty(at.shape)
        for index in np.ndindex(*at.shape):
            moved = at.copy()
            moved[index] += 1e-30j
            found = formula({**NUMBERS, variable: moved[()]})
            stepped[index] = np.imag(np.sum(found * found)) / 1e-30
        assert np.allclose(np.reshape(stepped, np.shape(g)), g, rtol=1e-12, atol=1e-12)


def test_contraction_of_different_sizes_names_both() -> None:
    with pytest.raises((ShapeError, ValueError), match=r"size|dimension"):
        node_of(ArrayContraction(ArrayTensorProduct(P, Q), (0, 3)))


def test_array_form_is_matrix_form() -> None:
    graph = Graph()
    first, second = nodes_of(graph, [ArrayContraction(ArrayTensorProduct(A, B), (1, 2)), A * B])
    assert first is second


# -- named for the threads in which SymPy's own derivative was found wrong --------------------------------------------

X = sp.MatrixSymbol("X", n, m)
w = sp.MatrixSymbol("w", m, 1)
V = sp.MatrixSymbol("V", n, n)
lam = sp.Symbol("lam", positive=True)
THREADS: dict[str, Any] = {
    "sympy_26561_ridge_by_traces": sp.Trace((X * w - z) * (X * w - z).T) + lam * sp.Trace(w * w.T),
    "sympy_26585_rayleigh_quotient": sp.Trace(x.T * S * x) / sp.Trace(x.T * x),
    "sympy_27406_gaussian_likelihood": sp.log(sp.Determinant(V.T * V + sp.Identity(n))) / 2
    + sp.Trace(x.T * (V.T * V + sp.Identity(n)).I * x) / 2,
    "sympy_25118_log_determinant": sp.log(sp.Determinant(X.T * X)),
    "sympy_24725_exponential_of_a_trace": sp.exp(sp.Trace(S)),
    "sympy_23492_logsumexp_of_a_product": sp.log(sp.Trace(sp.OneMatrix(1, n) * (X * w).applyfunc(sp.exp))),
    "sympy_30527_power_of_a_trace": sp.Trace(X.T * X) ** 2,
    "sympy_28618_determinant": sp.Determinant(S),
    "sympy_28615_trace_of_an_inverse": sp.Trace(S.I),
    "sympy_21597_quadratic_form_in_a_function": sp.sin(sp.Trace(x.T * S * x)),
    "sympy_17229_hadamard_square": sp.Trace(sp.HadamardPower(X, 2) * X.T),
    "sympy_15649_power_of_a_determinant": sp.Determinant(S) ** 3,
    "sympy_29421_frobenius_norm": sp.sqrt(sp.Trace(X.T * X)),
    "sympy_9840_norm_of_a_residual": sp.sqrt((X * w - z).T * (X * w - z)),
}


@pytest.mark.parametrize("thread", THREADS)
def test_thread(thread: str) -> None:
    e = THREADS[thread]
    symbols = [s for s in (X, w, V, S, x, z, lam) if e.has(s)]
    values = random_values(np.random.default_rng(7), symbols, SIZES)
    if lam in values:
        values[lam] = 0.3
    assert check(e, values, SIZES) < 1e-11


def test_sum_of_all_entries_has_ones_for_its_gradient() -> None:
    graph = Graph()
    (node,) = nodes_of(graph, [X])
    assert build_grad(total(node), [node])[0].op == Const(1, (n, m))
