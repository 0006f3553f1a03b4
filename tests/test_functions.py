"""symgrad's own functions: against NumPy formulas with complex steps; as SymPy objects; at extremes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from mpmath import mp

from symgrad.derivatives import build_grad
from symgrad.errors import ShapeError, UnsupportedExpression
from symgrad.evaluate import evaluate
from symgrad.functions import (
    cholesky,
    log_softmax,
    logdet,
    logsumexp,
    maximum,
    minimum,
    norm,
    relu,
    sigmoid,
    softmax,
    softplus,
    solve,
)
from symgrad.graph import Graph
from symgrad.index_functions import LogSumExpOverIndex, MaximumOverIndex, MinimumOverIndex
from symgrad.matrix_functions import MatrixOfMatrix, ScalarOfMatrix
from symgrad.ops.products import dot
from tests.matrix_nodes import difference, inputs_of, nodes_of
from tests.matrix_oracle import STEP

n, m = sp.symbols("n m", integer=True, positive=True)
SIZES = {n: 4, m: 3}
X = sp.MatrixSymbol("X", n, m)
S = sp.MatrixSymbol("S", n, n)
w = sp.MatrixSymbol("w", m, 1)
r = sp.MatrixSymbol("r", 1, m)
q = sp.MatrixSymbol("q", 1, 1)
Y = sp.MatrixSymbol("Y", 2, 3)
T = sp.MatrixSymbol("T", 2, 2)
a = sp.Symbol("a")
DRAW = np.random.default_rng(11)
VALUES: dict[Any, Any] = {
    X: DRAW.normal(size=(4, 3)),
    S: DRAW.normal(size=(4, 4)) + 3 * np.eye(4),
    w: DRAW.normal(size=(3, 1)),
    r: DRAW.normal(size=(1, 3)),
    q: np.array([[1.7]]),
    Y: DRAW.normal(size=(2, 3)),
    T: np.array([[2.0, 0.3], [0.3, 1.0]]),
}


def _extreme(pick: Any) -> Callable[..., Any]:
    def function(x: Any, axis: int | None = None) -> Any:
        if axis is None:
            x, axis = x.reshape(-1), 0
        at = np.expand_dims(pick(x.real, axis=axis), axis)
        return np.take_along_axis(x, at, axis)

    return function


def _logsumexp(x: Any, axis: int | None = None) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=axis is not None))


def _softmax(x: Any, axis: int) -> Any:
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


CASES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "softmax of rows": (softmax(X), lambda v: _softmax(v[X], 1)),
    "softmax of columns": (softmax(X, 0), lambda v: _softmax(v[X], 0)),
    "softmax of a vector": (softmax(w), lambda v: _softmax(v[w], 0)),
    "softmax of a row": (softmax(r), lambda v: _softmax(v[r], 1)),
    "softmax of a product": (softmax(X * w), lambda v: _softmax(v[X] @ v[w], 0)),
    "softmax along an axis of size 1": (softmax(w, 1), lambda v: _softmax(v[w], 1)),
    "log_softmax of rows": (log_softmax(X), lambda v: np.log(_softmax(v[X], 1))),
    "log_softmax of columns": (log_softmax(X, axis=0), lambda v: np.log(_softmax(v[X], 0))),
    "log_softmax of a vector": (log_softmax(w), lambda v: np.log(_softmax(v[w], 0))),
    "logsumexp": (logsumexp(X), lambda v: _logsumexp(v[X])),
    "logsumexp of a vector": (logsumexp(X * w), lambda v: _logsumexp(v[X] @ v[w])),
    "logsumexp of columns": (logsumexp(X, axis=0), lambda v: _logsumexp(v[X], 0)),
    "logsumexp of rows": (logsumexp(X, 1), lambda v: _logsumexp(v[X], 1)),
    "logsumexp along an axis of size 1": (logsumexp(w, 1), lambda v: v[w]),
    "logsumexp of 1 x 1": (logsumexp(q), lambda v: v[q]),
    "maximum": (maximum(X), lambda v: _extreme(np.argmax)(v[X])),
    "maximum of rows": (maximum(X, axis=-1), lambda v: _extreme(np.argmax)(v[X], 1)),
    "minimum": (minimum(X), lambda v: _extreme(np.argmin)(v[X])),
    "minimum of columns": (minimum(X, 0), lambda v: _extreme(np.argmin)(v[X], 0)),
    "norm of a vector": (norm(X * w), lambda v: np.sqrt(np.sum((v[X] @ v[w]) ** 2))),
    "norm of a matrix": (norm(X, "fro"), lambda v: np.sqrt(np.sum(v[X] ** 2))),
    "norm of 1 x 1": (norm(q), lambda v: v[q]),
    "norm in a formula": (norm(w) ** 2 * X, lambda v: np.sum(v[w] ** 2) * v[X]),
    "logdet": (logdet(S), lambda v: _logdet(v[S])),
    "logdet of 1 x 1": (logdet(q), lambda v: np.log(v[q])),
    "solve for a matrix": (solve(S, X), lambda v: np.linalg.solve(v[S], v[X])),
    "solve for a vector": (solve(S, X * w), lambda v: np.linalg.solve(v[S], v[X] @ v[w])),
    "solve by 1 x 1": (solve(q, r), lambda v: v[r] / v[q]),
    "quadratic form by solve": (
        (X * w).T * solve(S, X * w),
        lambda v: (v[X] @ v[w]).T @ np.linalg.solve(v[S], v[X] @ v[w]),
    ),
    "cholesky of 1 x 1": (cholesky(q), lambda v: np.sqrt(v[q])),
    "sigmoid of each entry": (sigmoid(X * w), lambda v: 1 / (1 + np.exp(-(v[X] @ v[w])))),
    "softplus of each entry": (softplus(X), lambda v: np.log(1 + np.exp(v[X]))),
    "relu of each entry": (relu(X), lambda v: np.where(v[X].real > 0, v[X], 0)),
    "sigmoid of 1 x 1": (sigmoid(w.T * w), lambda v: 1 / (1 + np.exp(-v[w].T @ v[w]))),
    "explicit matrix": (softmax(sp.Matrix([[T[0, 0], T[0, 1]]])), lambda v: _softmax(v[T][:1], 1)),
}


def _logdet(x: Any) -> Any:
    determinant = np.linalg.det(x)
    return np.log(determinant if determinant.real > 0 else -determinant)


def _quadratic(s: Any, v: Any) -> Any:
    return v.T @ np.linalg.solve(s, v)


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient(case: str) -> None:
    """The gradient is that of the sum of squares."""
    e, formula = CASES[case]
    graph = Graph()
    (node,) = nodes_of(graph, [e])
    inputs = inputs_of(graph, VALUES, SIZES)
    target = dot(node, node) if node.type.shape else node * node
    value, *gradients = evaluate([node, *build_grad(target, list(inputs))], inputs)
    assert difference(value, formula(VALUES)) < 1e-13
    for leaf, g in zip(inputs, gradients, strict=True):
        variable = leaf.op.variable  # type: ignore[attr-defined]
        stepped = np.empty(VALUES[variable].shape)
        for index in np.ndindex(*stepped.shape):
            moved = np.array(VALUES[variable], complex)
            moved[index] += 1j * STEP
            found = formula({**VALUES, variable: moved})
            stepped[index] = np.imag(np.sum(found * found)) / STEP
        assert difference(g, stepped) < 1e-11


def test_cholesky_and_its_derivative_along_a_symmetric_direction() -> None:
    a_ = VALUES[S] @ VALUES[S].T
    graph = Graph()
    (node,) = nodes_of(graph, [cholesky(S)])
    (leaf,) = inputs_of(graph, VALUES, SIZES)
    weights = np.arange(16.0).reshape(4, 4)
    target = dot(node, node * node)
    value, g = evaluate([node, *build_grad(target, [leaf])], {leaf: a_})
    assert np.allclose(value, np.linalg.cholesky(a_), rtol=1e-13)
    direction = weights + weights.T
    (moved,) = evaluate([target], {leaf: a_ + 1j * STEP * direction})
    assert np.isclose(np.sum(g * direction), moved.imag / STEP, rtol=1e-12)


@pytest.mark.parametrize(
    "e", [softmax(Y), softmax(Y, 0), log_softmax(Y), logsumexp(Y, 0), logsumexp(Y), norm(Y), solve(T, Y), logdet(T)]
)
def test_as_explicit_writes_out_the_entries(e: Any) -> None:
    values: dict[Any, Any] = {}
    for symbol in (Y, T):
        values |= {symbol[index]: VALUES[symbol][index] for index in np.ndindex(*VALUES[symbol].shape)}
    written = e.as_explicit()
    graph = Graph()
    (node,) = nodes_of(graph, [e])
    (value,) = evaluate([node], inputs_of(graph, VALUES, SIZES))
    explicit = np.array(written.xreplace(values).evalf(), float)
    assert difference(value, explicit) < 1e-13


def test_explicit_cholesky_is_cholesky() -> None:
    written = cholesky(T).as_explicit().xreplace({T[i, j]: VALUES[T][i, j] for i in range(2) for j in range(2)})
    assert np.allclose(np.array(written, float), np.linalg.cholesky(VALUES[T]))


def test_doit_of_extremes() -> None:
    assert maximum(sp.Matrix([[1, 5], [7, 2]])).doit() == 7
    assert minimum(sp.Matrix([[1, 5], [7, 2]]), axis=0).doit() == sp.Matrix([[1, 2]])


@pytest.mark.parametrize("e", [softmax(Y), norm(Y) * Y, solve(T, Y), logdet(T) * T, logsumexp(Y, 0)])
def test_a_product_leaves_it_as_it_is(e: Any) -> None:
    """SymPy calls doit for every product."""
    assert (2 * e).has(type(e.args[0]) if e.is_MatMul else type(e))


def test_doit_of_symbolic_sizes_is_itself() -> None:
    for e in (softmax(X), norm(w), logdet(S), solve(S, X), cholesky(S), logsumexp(X, 0)):
        assert e.doit() == e


WORDS = [
    (softmax(X), "softmax(X)", r"\operatorname{softmax}\left(X\right)"),
    (softmax(X, 0), "softmax(X, axis=0)", r"\operatorname{softmax}_{0}\left(X\right)"),
    (softmax(w), "softmax(w)", r"\operatorname{softmax}\left(w\right)"),
    (logsumexp(X), "logsumexp(X)", r"\operatorname{logsumexp}\left(X\right)"),
    (logsumexp(X, 0), "logsumexp(X, axis=0)", r"\operatorname{logsumexp}_{0}\left(X\right)"),
    (maximum(X), "maximum(X)", r"\max\left(X\right)"),
    (norm(w), "norm(w)", r"\left\|w\right\|_{2}"),
    (norm(X) ** 2, "norm(X)**2", r"\left\|X\right\|_{F}^{2}"),
    (logdet(S), "logdet(S)", r"\log\left|S\right|"),
    (solve(S, X), "solve(S, X)", r"S^{-1} X"),
    (cholesky(S), "cholesky(S)", r"\operatorname{cholesky}\left(S\right)"),
]


@pytest.mark.parametrize(("e", "text", "latex"), WORDS)
def test_text_and_latex(e: Any, text: str, latex: str) -> None:
    assert (str(e), sp.latex(e)) == (text, latex)


ALL = [softmax(X), softmax(X, 0), log_softmax(X), logsumexp(X), logsumexp(X, 0), maximum(X), minimum(X, 1)]
ALL += [norm(w), logdet(S), solve(S, X), cholesky(S), sigmoid(X)]


@pytest.mark.parametrize("e", ALL)
def test_it_is_a_sympy_object(e: Any) -> None:
    assert e.func(*e.args) == e
    assert pickle.loads(pickle.dumps(e)) == e
    assert hash(e.func(*e.args)) == hash(e)
    Z = sp.MatrixSymbol("Z", n, n)
    assert e.subs(S, Z).free_symbols == {Z if s == S else s for s in e.free_symbols}


@pytest.mark.parametrize("e", [norm(w), logdet(S), logsumexp(X), softmax(X), sp.Trace(softmax(X) * X.T), solve(S, X)])
def test_the_derivative_by_sympy_is_an_error_and_never_zero(e: Any) -> None:
    (variable, *_) = sorted(e.free_symbols, key=str)
    with pytest.raises(UnsupportedExpression, match=r"symgrad\.grad"):
        sp.diff(e, variable)


def test_the_derivative_by_an_entry_is_an_error_too() -> None:
    with pytest.raises(UnsupportedExpression):
        sp.diff(norm(w), w[0, 0])


def test_the_derivative_by_what_does_not_occur_is_zero() -> None:
    assert sp.diff(norm(w), a) == 0
    assert sp.diff(softmax(X), a) == sp.ZeroMatrix(n, m)


def test_of_numbers_they_are_those_of_sympy() -> None:
    x, y = sp.symbols("x y")
    assert maximum(x, y) == sp.Max(x, y)
    assert minimum(x, y, 1) == sp.Min(x, y, 1)
    assert logsumexp(x, y) == sp.log(sp.exp(x) + sp.exp(y))
    assert norm(x) == sp.Abs(x)


def test_over_an_index_they_are_those_of_the_index() -> None:
    i = sp.Symbol("i", integer=True)
    x = sp.IndexedBase("x")
    for function, kind in (
        (logsumexp, LogSumExpOverIndex),
        (maximum, MaximumOverIndex),
        (minimum, MinimumOverIndex),
    ):
        assert function(x[i], (i, 0, n - 1)) == kind(x[i], (i, 0, n - 1))
    assert maximum(x[sp.Idx(i, n)], sp.Idx(i, n)) == MaximumOverIndex(x[sp.Idx(i, n)], (sp.Idx(i, n), 0, n - 1))


def test_over_the_entries_of_a_vector_it_is_the_node_of_the_vector() -> None:
    i = sp.Symbol("i", integer=True)
    graph = Graph()
    first, second = nodes_of(graph, [logsumexp(w[i, 0], (i, 0, m - 1)), logsumexp(w)])
    assert first is second


def test_a_list_is_a_column() -> None:
    assert norm([3, 4]).doit() == 5


def test_entry_by_entry_twice_is_the_same_object() -> None:
    assert sigmoid(X * w) == sigmoid(X * w)
    assert sigmoid(sp.Matrix([a, 0])) == sp.Matrix([sigmoid(a), sigmoid(0)])


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: logdet(X), ShapeError, r"square matrix, got X of shape \(n, m\)"),
    (lambda: cholesky(X), ShapeError, "square matrix"),
    (lambda: solve(S, w), ShapeError, r"got w of shape \(m, 1\), wanted n rows, as S of shape \(n, n\) has"),
    (lambda: solve(X, w), ShapeError, "square matrix"),
    (lambda: softmax(X, 2), ShapeError, "axis that a matrix has not"),
    (lambda: softmax(a), UnsupportedExpression, "takes a matrix"),
    (lambda: norm(X, 2), UnsupportedExpression, "norm of another kind"),
    (lambda: norm(w, 1), UnsupportedExpression, "norm of another kind"),
    (lambda: logsumexp(X, X), UnsupportedExpression, "an axis"),
    (lambda: maximum(a, axis=0), UnsupportedExpression, "no matrix"),
]


@pytest.mark.parametrize(("make", "kind", "words"), ERRORS)
def test_errors(make: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        make()


def numbers_of(e: Any, values: dict[Any, Any], wrt: Any, sizes: Any = SIZES, numbers: Any = np) -> tuple[Any, Any]:
    """Value and gradient of a scalar."""
    graph = Graph()
    (node,) = nodes_of(graph, [e])
    inputs = inputs_of(graph, values, sizes)
    (leaf,) = [x for x in inputs if x.op.variable == wrt]  # type: ignore[attr-defined]
    value, gradient = evaluate([node, *build_grad(node, [leaf])], inputs, numbers)
    return value, gradient


def test_the_norm_of_zero_has_gradient_zero() -> None:
    value, gradient = numbers_of(norm(w), {w: np.zeros((3, 1))}, w)
    assert value == 0
    assert gradient.tolist() == [0, 0, 0]


def test_the_second_derivative_of_the_norm_at_zero_is_zero() -> None:
    graph = Graph()
    (node,) = nodes_of(graph, [norm(w)])
    (leaf,) = inputs_of(graph, VALUES, SIZES)
    (gradient,) = build_grad(node, [leaf])
    (second,) = build_grad(dot(gradient, leaf), [leaf])
    assert evaluate([second], {leaf: np.zeros(3)})[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_norm_neither_overflows_nor_underflows(scale: float) -> None:
    value, gradient = numbers_of(norm(w), {w: np.array([[3.0], [0.0], [4.0]]) * scale}, w)
    assert np.isclose(value, 5 * scale, rtol=1e-15)
    assert np.allclose(gradient, [0.6, 0, 0.8], rtol=1e-15)


def test_the_norm_of_nothing_is_zero() -> None:
    value, gradient = numbers_of(norm(w), {w: np.zeros((0, 1))}, w, {m: 0})
    assert value == 0
    assert gradient.shape == (0,)


def test_logsumexp_of_thousands_is_finite() -> None:
    value, gradient = numbers_of(logsumexp(w), {w: np.array([[1000.0], [1000.0], [-1000.0]])}, w)
    assert np.isclose(value, 1000 + np.log(2), rtol=1e-15)
    assert gradient.tolist() == [0.5, 0.5, 0]


def test_the_log_determinant_of_a_large_matrix_is_finite() -> None:
    value, gradient = numbers_of(logdet(S), {S: 1e-3 * np.eye(200)}, S, {n: 200})
    assert np.isclose(value, 200 * np.log(1e-3), rtol=1e-13)
    assert np.allclose(np.diag(gradient), 1e3)


def test_the_largest_share_the_gradient() -> None:
    _, gradient = numbers_of(maximum(w), {w: np.array([[2.0], [2.0], [1.0]])}, w)
    assert gradient.tolist() == [0.5, 0.5, 0]


def test_the_norm_in_fifty_digits() -> None:
    with mp.workdps(50):
        values = np.array([[mp.mpf(1)], [mp.mpf(2)], [mp.mpf(3)]], object)
        value, gradient = numbers_of(norm(w), {w: values}, w, numbers=mp)
        assert abs(value - mp.sqrt(14)) < mp.mpf(10) ** -48
        assert abs(gradient[2] - 3 / mp.sqrt(14)) < mp.mpf(10) ** -48


def test_every_class_has_a_word_and_a_rule() -> None:
    from symgrad.from_matrix import MATRIX_RULES

    classes = [*ScalarOfMatrix.__subclasses__(), *MatrixOfMatrix.__subclasses__()]
    leaves = [c for c in classes if not c.__subclasses__()]
    leaves += [c for parent in classes for c in parent.__subclasses__() if not c.__subclasses__()]
    assert all(c.word and c in MATRIX_RULES for c in leaves)
