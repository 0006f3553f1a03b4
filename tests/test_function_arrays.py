"""Functions of whole arrays: what goes in, what comes out, what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from tests.groups.group import by_source

n, m, k = sp.symbols("n m k", integer=True, positive=True)
i, j, e = sp.symbols("i j e", integer=True)
X, w, t = sp.MatrixSymbol("X", n, m), sp.MatrixSymbol("w", m, 1), sp.MatrixSymbol("t", n, 1)
A = sp.MatrixSymbol("A", n, n)
S = sp.Symbol("s")
x, index = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("index", shape=(k,), integer=True)
LOSS = ((X * w - t).T * (X * w - t))[0, 0] / n
F = sg.Function([w, X, t], LOSS)

random = np.random.default_rng(5)
X0, W0, T0 = random.normal(size=(5, 3)), random.normal(size=3), random.normal(size=5)


def test_the_first_formula_of_the_field_reads_as_in_the_books() -> None:
    assert str(sg.grad(LOSS, w)) == "(2/n)*X.T*(X*w - t)"
    assert sp.latex(sg.grad(LOSS, w)) == r"\frac{2}{n} X^{T} \left(X w - t\right)"


def test_sizes_are_read_off_the_arrays() -> None:
    for rows, columns in ((5, 3), (1, 1), (4, 7), (2, 0)):
        a, b, c = random.normal(size=(rows, columns)), random.normal(size=columns), random.normal(size=rows)
        value, gradient = F.value_and_grad(w)(b, a, c)
        np.testing.assert_allclose(value, ((a @ b - c) ** 2).sum() / rows, rtol=1e-12)
        np.testing.assert_allclose(gradient, 2 / rows * a.T @ (a @ b - c), rtol=1e-12, atol=1e-14)


def test_a_scalar_result_is_a_float() -> None:
    assert type(F(W0, X0, T0)) is float


def test_columns_and_rows_are_vectors() -> None:
    assert F(W0[:, None], X0, T0[None, :]) == F(W0, X0, T0)
    assert F.grad(w)(W0[:, None], X0, T0).shape == (3,)


def test_memory_order_and_strides_change_nothing() -> None:
    expected = F(W0, X0, T0)
    wide = np.zeros((10, 6))
    wide[::2, ::2] = X0
    frozen = X0.copy()
    frozen.flags.writeable = False
    for array in (np.asfortranarray(X0), wide[::2, ::2], X0[::-1][::-1], frozen, X0.tolist()):
        assert abs(F(W0, array, T0) - expected) <= 1e-15 * abs(expected)


def test_an_array_by_name_and_into_out() -> None:
    out = np.empty(3)
    assert F.grad(w)(t=T0, w=W0, X=X0, out=out) is out
    np.testing.assert_array_equal(out, F.grad(w)(W0, X0, T0))


def test_single_precision_where_asked() -> None:
    single = sg.Function([w, X, t], LOSS, dtype="float32")
    gradient = single.grad(w)(W0, X0, T0)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, F.grad(w)(W0, X0, T0), rtol=1e-5)


def test_an_entry_is_a_variable() -> None:
    whole_w, whole_x = F.grad([w, X])(W0, X0, T0)
    by_entries = F.grad([w[1, 0], X[2, 1]])(W0, X0, T0)
    np.testing.assert_allclose(by_entries, [whole_w[1], whole_x[2, 1]], rtol=1e-15)
    hessian = F.hessian(w)(W0, X0, T0)
    np.testing.assert_allclose(F.hessian([w[1, 0], w])(W0, X0, T0)[0][1], hessian[1], rtol=1e-12)
    np.testing.assert_allclose(F.jvp(w[1, 0])(W0, X0, T0, 2.0), 2 * whole_w[1], rtol=1e-12)
    np.testing.assert_allclose(F.hvp(w[2, 0])(W0, X0, T0, 3.0), 3 * hessian[2, 2], rtol=1e-12)


def test_a_hessian_of_several_arrays_is_a_block_for_each_pair() -> None:
    blocks = F.hessian([w, X])(W0, X0, T0)
    assert [[block.shape for block in row] for row in blocks] == [[(3, 3), (3, 5, 3)], [(5, 3, 3), (5, 3, 5, 3)]]
    np.testing.assert_allclose(blocks[0][1], np.moveaxis(blocks[1][0], -1, 0), rtol=1e-12)


def test_derivatives_to_order_four() -> None:
    cubic = sg.Function([A], sp.Trace(A**4))
    fourth = cubic.hessian(A).jacobian(A).jacobian(A)
    values = fourth(random.normal(size=(2, 2)))
    assert values.shape == (2,) * 8
    pairs = [(0, 1), (2, 3), (4, 5), (6, 7)]
    for a, b in ((0, 1), (1, 2), (2, 3)):  # symmetric under exchange of any two of the four variables
        order = [axis for p in [*pairs[:a], pairs[b], *pairs[a + 1 : b], pairs[a], *pairs[b + 1 :]] for axis in p]
        np.testing.assert_allclose(values, values.transpose(order), atol=1e-12)


def test_a_variable_the_output_does_not_hold_has_a_zero_gradient_of_its_shape() -> None:
    gradient = sg.Function([A, w], sp.Trace(A)).grad(w)
    assert gradient.outputs == sp.ZeroMatrix(m, 1)
    np.testing.assert_array_equal(gradient(np.eye(2), [1, 2, 3]), np.zeros(3))


def test_a_size_may_be_an_argument() -> None:
    powers = sg.Function([n, t_ := sp.Symbol("t")], sp.Sum(t_**i, (i, 1, n)))
    assert powers(5, 2.0) == 62.0
    assert powers.grad(t_)(5, 2.0) == 129.0
    repeated = sg.Function([n, t_], sp.Sum(t_, (i, 0, n - 1)))
    assert (repeated(4, 2.5), repeated.grad(t_)(4, 2.5)) == (10.0, 4.0)
    with pytest.raises(sg.ArgumentError, match=r"argument n is a size, got 2\.5"):
        powers(2.5, 2.0)


def test_the_source_is_the_same_for_every_size() -> None:
    small, large = (sg.Function([w, X, t], LOSS) for _ in range(2))
    small(W0, X0, T0)
    large(random.normal(size=2), random.normal(size=(100_000, 2)), random.normal(size=100_000))
    assert small.value_and_grad(w).source == large.value_and_grad(w).source


def test_the_source_takes_and_returns_a_matrix_of_which_entries_are_read() -> None:
    B, p, q = sp.MatrixSymbol("B", 2, 3), *sp.symbols("p q")
    G = sg.Function([B, [p, q], X], sp.Trace(X * X.T) * B[0, 1] * q + B[1, 1] + p).value_and_grad([B, [p, q], X])
    assert "def f_value_and_grad(B, arg1, X):" in G.source
    B0 = random.normal(size=(2, 3))
    value, *gradients = by_source(G)(B0, np.array([0.5, 2.0]), X0)
    wanted, slopes = G(B0, [0.5, 2.0], X0)
    for ours, exact in zip((value, *gradients), (wanted, *slopes), strict=True):
        assert np.shape(ours) == np.shape(exact)
        np.testing.assert_allclose(ours, exact, rtol=1e-14)


def test_a_function_of_arrays_pickles() -> None:
    again = pickle.loads(pickle.dumps(F.grad(w)))
    np.testing.assert_array_equal(again(W0, X0, T0), F.grad(w)(W0, X0, T0))
    assert str(again) == str(F.grad(w))


def test_inputs_are_never_written_to() -> None:
    values = [W0.copy(), X0.copy(), T0.copy()]
    F.value_and_grad([w, X, t])(*values)
    for before, after in zip((W0, X0, T0), values, strict=True):
        np.testing.assert_array_equal(before, after)


def test_check_grads_holds_functions_of_arrays() -> None:
    assert sg.check_grads(F).passed
    gathered = sg.Function([x, index], sp.Sum(sp.sin(x[index[e]]), (e, 0, k - 1)))
    assert sg.check_grads(gathered, at=[[0.1, 0.2, 0.3], [0, 2, 2]]).passed
    with pytest.raises(sg.ArgumentError, match="indices cannot be drawn at random"):
        sg.check_grads(gathered)


def test_explain_shows_what_each_input_is_sent() -> None:
    text = str(F.explain([W0, X0, T0]))
    assert "d/dw: X.T*g" in text
    assert "d/dX: g*w.T" in text


GATHERED = sg.Function([x, index], sp.Sum(x[index[e]], (e, 0, k - 1)))
WINDOW = sg.Function([x, w], sp.Sum(x[i] * w[i, 0], (i, 0, m - 1)))


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: F(W0, X0.T, T0), sg.ShapeError, r"argument X has another shape, got \(3, 5\), wanted \(n, m\) ="),
        (lambda: F(W0[:2], X0, T0), sg.ShapeError, "has another shape"),
        (lambda: F(W0, X0[0], T0), sg.ShapeError, r"argument X has another number of axes, got shape \(3,\)"),
        (lambda: F(W0, X0), sg.ArgumentError, "an argument is missing"),
        (lambda: F(W0, X0, T0 + 1j), sg.ComplexInput, "argument t is complex"),
        (lambda: F(W0, X0, ["a"] * 5), sg.DTypeError, "argument t is text"),
        (lambda: F(W0, X0, np.ma.array(T0)), sg.DTypeError, "argument t is a masked array"),
        (lambda: F.grad(w)(W0, X0, T0, out=np.empty(4)), sg.OutputError, "cannot take the result"),
        (lambda: F.grad(t)(W0, X0, T0, out=T0), sg.OutputError, "overlaps an input"),
        (lambda: GATHERED([1, 2], [0, 2]), sg.ShapeError, "indices in index run from 0 to 2, got an axis of size 2"),
        (lambda: GATHERED([1, 2], [-1]), sg.ShapeError, "indices in index run from -1 to -1"),
        (lambda: GATHERED([1, 2], [0.5]), sg.DTypeError, "argument index is of indices, got float64, wanted integers"),
        (lambda: WINDOW([1, 2], [1, 2, 3]), sg.ShapeError, "indices of x run from 0 to 2, got an axis of size n = 2"),
        (lambda: sg.Function([w], LOSS), sg.ArgumentError, "a variable that is not among the arguments"),
        (lambda: sg.grad(X * w, w), sg.ObjectiveError, "a gradient needs one scalar output"),
        (lambda: sg.Function([w, X, t], LOSS, dtype="int8"), sg.DTypeError, "wanted float64 or float32"),
        (lambda: sg.Function([A], A.I)([[1, 2], [2, 4]]), sg.SingularMatrix, "a singular matrix, got A"),
        (lambda: sg.Function([A], sg.cholesky(A))([[1, 2], [2, 1]]), sg.SingularMatrix, "not positive definite, got A"),
        (lambda: sg.Function([X], sp.Determinant(X)), sg.ShapeError, "takes a square matrix"),
        (lambda: sg.Function([S], sp.Sum(S**i, (i, 1, n))), sg.ArgumentError, "the size n is not determined"),
        (lambda: sg.Function([S], sp.Sum(S, (i, 1, n))), sg.ArgumentError, "the size n is not determined"),
        (lambda: F.grad([w, w]), sg.VariableError, "a variable is named twice"),
        (lambda: F.grad(A), sg.VariableError, "wrt is not among the arguments, got A"),
    ],
)
def test_a_mistake_is_an_error_of_its_own(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()


def test_nan_in_is_nan_out_and_no_error() -> None:
    value = sg.Function([A], A.I)([[np.nan, 0], [0, 1]])
    assert np.isnan(value).any()


def test_a_free_index_names_the_axis() -> None:
    w_ = sp.IndexedBase("w", shape=(n,))
    gradient = sg.grad(sp.Sum(w_[i] ** 2 * sp.Sum(w_[j], (j, 0, n - 1)), (i, 0, n - 1)), w_[j])
    assert str(gradient).endswith("for j = 0..n - 1")
    assert gradient[0].free_symbols & {i, j} == set()
    np.testing.assert_allclose(sg.Function([w_], gradient)([1.0, 2.0]), [2 * 3 + 5, 4 * 3 + 5], rtol=1e-15)
