"""The text and LaTeX of arrays: as people write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symgrad import Function, grad, jacobian, logsumexp, norm, relu, softmax
from symgrad.arrays import array_type
from symgrad.derivatives import build_grad
from symgrad.graph import Graph, Node
from symgrad.ops.contract import contract
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input
from symgrad.ops.linear_algebra import Cholesky, Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less
from symgrad.ops.position import extent
from symgrad.ops.products import broadcast, dot, identity, matrix_product, total, transpose
from symgrad.ops.reduce import LogSumExpOver, Maximum, Softmax
from symgrad.ops.select import select
from symgrad.ops.stable import Relu, Sigmoid
from symgrad.ops.view import Place, accumulate, view
from symgrad.printers import Latex, Text
from symgrad.printing import to_text, where_form
from symgrad.to_sympy import to_sympy

N, M, K, E = sp.symbols("n m k E", integer=True, positive=True)


class Inputs:
    """Nodes of inputs in one graph, by name."""

    def __init__(self) -> None:
        self.graph = Graph()
        for name, shape in MATRICES.items():
            setattr(self, name, self._input(sp.MatrixSymbol(name, *shape)))
        for name, shape in INDEXED.items():
            setattr(self, name, self._input(sp.IndexedBase(name, shape=shape, integer=name == "idx")))
        self.lam = self.graph.add(Input(sp.Symbol("lam")))
        self.n = extent(self.graph, N)

    def _input(self, x: Any) -> Node:
        return self.graph.add(Input(x, array_type(x)))

    def __getattr__(self, name: str) -> Node:  # for mypy: they are set above
        raise AttributeError(name)

    def op(self, op: Any, *inputs: Node) -> Node:
        """The node of an operation."""
        return self.graph.add(op, *inputs)


MATRICES: dict[str, tuple[Any, Any]] = {
    "X": (N, M),
    "w": (M, 1),
    "t": (N, 1),
    "y": (N, 1),
    "r": (1, M),
    "S": (N, N),
    "D": (N, N),
    "W": (M, K),
    "V": (M, K),
    "U": (N, K),
    "R": (N, M),
    "Y": (N, K),
    "p": (N, 1),
    "one": (1, 1),
}
INDEXED: dict[str, tuple[Any, ...]] = {
    "a": (N,),
    "b": (N,),
    "c": (K,),
    "A": (N, M),
    "T": (N, M, K),
    "idx": (E,),
}


def at(*places: Place) -> list[Place]:
    return list(places)


def gathered(x: Inputs) -> Node:
    return view(x.a, [Place(0, (), ((0, (0,), 1),))], (E,), [x.idx])


def windows(x: Inputs) -> Node:
    return view(x.a, [Place(0, ((0, 1), (1, 1)))], (N - K + 1, K))


def gradient(target: Callable[[Inputs], Node], name: str) -> Callable[[Inputs], Node]:
    """The gradient of a scalar by an input."""

    def build(x: Inputs) -> Node:
        (g,) = build_grad(target(x), [getattr(x, name)])
        return g

    return build


def ridge(x: Inputs) -> Node:
    residual = matrix_product(x.X, x.w) - x.t
    return dot(residual, residual) / x.n + x.lam * dot(x.w, x.w)


def logistic(x: Inputs) -> Node:
    sigma = x.op(Sigmoid(), -(x.y * matrix_product(x.X, x.w)))
    return -(matrix_product(transpose(x.X, (1, 0)), x.y * sigma)) / x.n


BOX = "i = 0..n - 1, j = 0..m - 1"
SOFTMAX = "DiagMatrix(p) - p*p.T"
CONVOLUTION = "Sum(Piecewise((c[j], (i >= j) & (i - j <= -k + n)), (0, True)), (j, 0, k - 1)) for i = 0..n - 1"
HESSIAN = "KroneckerDelta(i, l)*S[j, k] for i, j, k, l = 0..n - 1"

TEXTS: list[tuple[Callable[[Inputs], Node], str]] = [
    (ridge, "lam*(w.T*w)[0, 0] + ((X*w - t).T*(X*w - t))[0, 0]/n"),
    (gradient(ridge, "w"), "2*lam*w + (2/n)*X.T*(X*w - t)"),
    (logistic, "-1/n*X.T*(y o sigmoid.(-(y o X*w)))"),
    (lambda x: contract(x.graph, [(x.S, "ij"), (x.S, "jk"), (x.S, "ki")], ""), "Trace(S**3)"),
    (lambda x: dot(x.X, x.R), "Trace(X.T*R)"),
    (lambda x: contract(x.graph, [(x.p, "i"), (x.S, "ij"), (x.t, "j")], ""), "(p.T*S*t)[0, 0]"),
    (lambda x: total(x.X), "Sum(X[i, j], (i, 0, n - 1), (j, 0, m - 1))"),
    (lambda x: total(x.op(Exp(), -x.t)), "Sum(exp(-t[i, 0]), (i, 0, n - 1))"),
    (lambda x: contract(x.graph, [(x.X, "ij")], "j"), "X.T*ones(n, 1)"),
    (lambda x: broadcast(x.t, (N, M), [0]) + x.X, "X + t*ones(1, m)"),
    (lambda x: contract(x.graph, [(x.t, "i"), (x.X, "ij")], "ij"), "DiagMatrix(t)*X"),
    (lambda x: contract(x.graph, [(x.p, "i")], "ii") - contract(x.graph, [(x.p, "i"), (x.p, "j")], "ij"), SOFTMAX),
    (lambda x: contract(x.graph, [(x.S, "ii")], "i"), "DiagonalOf(S)"),
    (lambda x: x.X * x.R, "X o R"),
    (lambda x: 3 * x.X**2, "3*X.**2"),
    (lambda x: 1 / x.X, "X.**(-1)"),
    (lambda x: x.r * 2 - x.w, "2*r.T - w"),
    (lambda x: x.one * x.X, "one[0, 0]*X"),
    (lambda x: matrix_product((x.X - matrix_product(x.U, transpose(x.V, (1, 0)))) * x.R, x.V), "(R o (X - U*V.T))*V"),
    (lambda x: factored(Inverse(), x.S), "S**(-1)"),
    (lambda x: factored(Solve(True), x.S, 2 * x.t), "2*S.T**(-1)*t"),
    (lambda x: factored(LogDet(), x.S) + factored(Determinant(), x.D), "Determinant(D) + logdet(S)"),
    (lambda x: x.op(Cholesky(), x.S), "cholesky(S)"),
    (lambda x: x.op(Softmax(), matrix_product(x.X, x.W)) - x.Y, "softmax(X*W) - Y"),
    (lambda x: x.op(LogSumExpOver(), x.t), "logsumexp(t)"),
    (lambda x: x.op(Maximum(), x.X), "maximum(X, axis=1)"),
    (lambda x: identity(x.graph, N) + x.S, "I + S"),
    (lambda x: select(less(x.X, x.R), x.X, x.R), f"Piecewise((X[i, j], X[i, j] < R[i, j]), (R[i, j], True)) for {BOX}"),
    (gradient(lambda x: dot(x.a - x.b, x.a - x.b), "a"), "2*a[i] - 2*b[i] for i = 0..n - 1"),
    (lambda x: dot(x.a - x.b, x.a - x.b), "Sum((a[i] - b[i])**2, (i, 0, n - 1))"),
    (lambda x: contract(x.graph, [(x.A, "ij"), (x.a, "i")], "j"), "Sum(A[j, i]*a[j], (j, 0, n - 1)) for i = 0..m - 1"),
    (lambda x: contract(x.graph, [(x.a, "i")], "ii"), "KroneckerDelta(i, j)*a[i] for i, j = 0..n - 1"),
    (lambda x: view(x.a, at(Place(1, ((0, 1),))), (N - 1,)), "a[i + 1] for i = 0..n - 2"),
    (
        lambda x: accumulate(x.a, at(Place(1, ((0, 1),))), (N + 1,)),
        "Piecewise((a[i - 1], i >= 1), (0, True)) for i = 0..n",
    ),
    (windows, "a[i + j] for i = 0..-k + n, j = 0..k - 1"),
    (gradient(lambda x: contract(x.graph, [(windows(x), "ip"), (x.c, "p")], ""), "a"), CONVOLUTION),
    (gathered, "a[idx[i]] for i = 0..E - 1"),
    (
        gradient(lambda x: total(gathered(x) ** 2), "a"),
        "2*Sum(KroneckerDelta(i, idx[j])*a[idx[j]], (j, 0, E - 1)) for i = 0..n - 1",
    ),
    (lambda x: contract(x.graph, [(x.T, "ijk")], "kij"), "T[j, l, i] for i = 0..k - 1, j = 0..n - 1, l = 0..m - 1"),
    (lambda x: contract(x.graph, [(x.S, "jk"), (identity(x.graph, N), "li")], "ijkl"), HESSIAN),
]


@pytest.mark.parametrize(("build", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_text(build: Callable[[Inputs], Node], text: str) -> None:
    (e,) = to_sympy([build(Inputs())])
    assert Text().doprint(e) == text


LATEX: list[tuple[Callable[[Inputs], Node], str]] = [
    (gradient(lambda x: ridge(x) - x.lam * dot(x.w, x.w), "w"), r"\frac{2}{n} X^{T} \left(X w - t\right)"),
    (lambda x: dot(x.w, x.w) / x.n, r"\frac{w^{T} w}{n}"),
    (lambda x: dot(x.w, x.w) ** 2, r"\left(w^{T} w\right)^{2}"),
    (lambda x: x.op(Sigmoid(), matrix_product(x.X, x.w)), r"\sigma\left(X w\right)"),
    (lambda x: x.op(Exp(), x.S), r"\exp_{\circ}\left(S\right)"),
    (lambda x: contract(x.graph, [(x.X, "ij")], "j"), r"X^{T} \mathbf{1}"),
    (lambda x: factored(Inverse(), x.S), "S^{-1}"),
    (lambda x: x.a - x.b, r"{a}_{i} - {b}_{i} \quad \left(i = 0, \ldots, n - 1\right)"),
]


@pytest.mark.parametrize(("build", "latex"), LATEX, ids=[latex for _, latex in LATEX])
def test_latex(build: Callable[[Inputs], Node], latex: str) -> None:
    (e,) = to_sympy([build(Inputs())])
    assert Latex().doprint(e) == latex


@pytest.mark.parametrize("latex", [latex for _, latex in LATEX])
def test_latex_is_set_by_matplotlib(latex: str) -> None:
    pytest.importorskip("matplotlib.mathtext").MathTextParser("path").parse(f"${latex}$")


BOOK = {name: sp.MatrixSymbol(name, *shape) for name, shape in MATRICES.items()}


def book_gradients() -> list[tuple[str, Any, Any, str]]:
    """Value, variable and gradient as books have it."""
    X, w, t, y, S, W, Y, D = (BOOK[name] for name in ("X", "w", "t", "y", "S", "W", "Y", "D"))
    V, U, R, p = (BOOK[name] for name in ("V", "U", "R", "p"))
    A, i = sp.MatrixSymbol("A", N, N), sp.Symbol("i", integer=True)
    hidden, second = (X * W).applyfunc(relu), sp.MatrixSymbol("W2", K, K)
    loss = sp.Sum(logsumexp(X * W, axis=1)[i, 0], (i, 0, N - 1)) - sp.Trace(Y.T * X * W)
    scores = hidden * second
    network = sp.Sum(logsumexp(scores, axis=1)[i, 0], (i, 0, N - 1)) - sp.Trace(Y.T * scores)
    rest = R - U * V.T
    margins = sp.HadamardProduct(y, X * w).applyfunc(sp.Lambda(i, sp.log(1 + sp.exp(-i))))
    return [
        ("ridge", (X * w - t).T * (X * w - t) / N, w, "(2/n)*X.T*(X*w - t)"),
        ("logistic", sp.OneMatrix(1, N) * margins / N, w, "-1/n*X.T*(y o sigmoid.(-(y o X*w)))"),
        ("softmax regression", loss / N, W, "1/n*X.T*(softmax(X*W) - Y)"),
        ("network", network, W, "X.T*(Heaviside.(X*W) o (softmax(relu.(X*W)*W2) - Y)*W2.T)"),
        ("network, last", network, second, "relu.(X*W).T*(softmax(relu.(X*W)*W2) - Y)"),
        ("factorisation", sp.Trace(rest.T * rest), U, "-2*(R - U*V.T)*V"),
        ("Cookbook 81", p.T * D * p, p, "(D + D.T)*p"),
        ("Cookbook 83", (X * w + t).T * D * (X * w + t), X, "(D + D.T)*(X*w + t)*w.T"),
        ("Cookbook 57", sp.log(sp.Determinant(S)), S, "S.T**(-1)"),
        ("Cookbook 124", sp.Trace(A * S.inverse() * D), S, "-S.T**(-1)*A.T*D.T*S.T**(-1)"),
        ("Cookbook 119", sp.Trace((A * S * D + A) * (A * S * D + A).T), S, "2*A.T*(A + A*S*D)*D.T"),
        ("Cookbook 121", sp.Trace(S**4), S, "4*S.T**3"),
        ("norm", norm(p - t), p, "1/norm(p - t)*(p - t)"),
    ]


@pytest.mark.parametrize(("value", "wrt", "text"), [pytest.param(*rest, id=name) for name, *rest in book_gradients()])
def test_gradients_read_as_in_the_book(value: Any, wrt: Any, text: str) -> None:
    assert Text().doprint(grad(value, wrt)) == text


def test_the_jacobian_of_softmax_reads_as_in_the_book() -> None:
    p = BOOK["p"]
    assert str(jacobian(softmax(p), p)) == "DiagMatrix(softmax(p)) - softmax(p)*softmax(p).T"


def test_a_gradient_by_a_row_is_a_row() -> None:
    x = Inputs()
    row, column = to_sympy([2 * x.r, 2 * x.w], like=[x.r.op.variable, x.w.op.variable])  # type: ignore[attr-defined]
    assert (Text().doprint(row), row.shape) == ("2*r", (1, M))
    assert (Text().doprint(column), column.shape) == ("2*w", (M, 1))


def test_an_index_is_not_called_as_an_input_or_a_size_is() -> None:
    graph = Graph()
    i, k = sp.symbols("i k", integer=True, positive=True)
    j = graph.add(Input(x := sp.IndexedBase("j", shape=(i, k)), array_type(x)))
    (e,) = to_sympy([contract(graph, [(j, "ab")], "b")])
    assert Text().doprint(e) == "Sum(j[p, l], (p, 0, i - 1)) for l = 0..k - 1"


def test_sums_within_sums_have_indices_of_their_own() -> None:
    x = Inputs()
    inner = contract(x.graph, [(x.A, "ij"), (x.A, "kj")], "ik")
    (e,) = to_sympy([total(x.op(Exp(), inner))])
    assert Text().doprint(e) == "Sum(exp(Sum(A[i, k]*A[j, k], (k, 0, m - 1))), (i, 0, n - 1), (j, 0, n - 1))"


def network(x: Inputs) -> list[Node]:
    """A net of one hidden layer with its gradients: U for the second weights, (k, n)."""
    second = transpose(x.U, (1, 0))
    scores = matrix_product(x.op(Relu(), matrix_product(x.X, x.W)), second)
    loss = total(x.op(LogSumExpOver(), scores)) - dot(scores, x.S) + x.lam * dot(x.W, x.W)
    return [loss, *build_grad(loss, [x.W, x.U])]


def test_long_formulas_of_matrices_name_what_is_used_again() -> None:
    text = to_text("L", where_form(network(Inputs())), lambda x: x)
    assert text.splitlines()[1:] == [
        "where",
        "    t0 = X*W",
        "    t1 = relu.(t0)",
        "    t2 = t1*U.T",
        "    t3 = softmax(t2) - S",
    ]
    assert "2*lam*W + X.T*(t3*U o Heaviside.(t0)), t3.T*t1]" in text.splitlines()[0]


def test_long_formulas_in_index_notation_name_entries() -> None:
    x = Inputs()
    y = x.op(Exp(), contract(x.graph, [(windows(x), "ip"), (x.c, "p")], "i"))
    loss = total(y * x.op(Sigmoid(), y))
    text = to_text("L", where_form([loss, *build_grad(loss, [x.a, x.c])]), lambda x: x)
    assert text.splitlines()[1:4] == [
        "where",
        "    t0[i] = exp(Sum(a[i + j]*c[j], (j, 0, k - 1))) for i = 0..-k + n",
        "    t1[i] = sigmoid(t0[i]) for i = 0..-k + n",
    ]


def test_a_deep_graph_of_arrays_goes_out() -> None:
    for x in (Inputs().t, Inputs().a):
        deep = x
        for _ in range(1000):
            deep = x.graph.add(Exp(), -deep)
        (e,) = to_sympy([deep])
        assert e is not None


def test_a_triangle_goes_out_as_one() -> None:
    n, (i, j) = sp.Symbol("n", integer=True, positive=True), sp.symbols("i j", integer=True)
    x, s = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("S", shape=(n, n))
    squares = sp.Sum(sp.Sum(s[i, j] * x[j], (j, 0, i)) ** 2, (i, 0, n - 1))
    gradient = grad(squares, x)
    assert str(gradient) == "Sum(2*S[j, i]*Sum(S[j, k]*x[k], (k, 0, j)), (j, i, n - 1)) for i = 0..n - 1"
    point = np.array([[1.0, 9.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 6.0]]), np.array([0.5, -1.0, 2.0])
    lower = np.tril(point[0])
    np.testing.assert_allclose(Function([s, x], gradient)(*point), 2 * lower.T @ lower @ point[1], rtol=1e-14)


def test_conditions_within_nested_sums_and_products_stay_inside() -> None:
    n, (i, j) = sp.Symbol("n", integer=True, positive=True), sp.symbols("i j", integer=True)
    x, y = (sp.IndexedBase(name, shape=(n,)) for name in "xy")
    expression = sp.Sum(sp.Product(1 + x[i] / 3, (i, 0, j)) * y[j], (j, 0, n - 1))
    gradient = grad(expression, x)
    assert not {s.name for s in gradient.free_symbols} & {"i", "j", "k"}
    point = [0.3, -3.0, 0.7, 1.1], [1.0, 2.0, 3.0, 4.0]
    expected = Function([x, y], expression).grad(x)(*point)
    np.testing.assert_allclose(Function([x, y], gradient)(*point), expected, rtol=1e-13)
