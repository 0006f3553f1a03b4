"""Products of matrices that sum over rows: block by block as long as they are small, right at any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower import array_kernel
from symgrad.lower.arrays.blocks import SMALL
from symgrad.lower.arrays.loops import Call, flat
from symgrad.lower.machine import threads

n, m, k = sp.symbols("n m k", integer=True, positive=True)
i, a, b = sp.symbols("i a b", integer=True)
X, Y = sp.IndexedBase("X", shape=(n, m)), sp.IndexedBase("Y", shape=(n, k))
w, z = sp.IndexedBase("w", shape=(m,)), sp.IndexedBase("z", shape=(n + 1,))
LARGE = 70  # columns: a product of two such matrices is not small
assert LARGE**2 > SMALL > 20 * 30


def weighted() -> sg.Function:
    """X' diag(s) X, where s are functions of the rows of X."""
    margin = sp.Sum(X[i, a] * w[a], (a, 0, m - 1))
    return sg.Function([w, X], sp.Sum(sg.softplus(margin), (i, 0, n - 1))).hessian([w])


def data(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    return random.normal(size=columns) / columns, random.normal(size=(rows, columns))


def in_numpy(w: np.ndarray, X: np.ndarray) -> np.ndarray:
    s = 1 / (1 + np.exp(-X @ w))
    return X.T @ (X * (s * (1 - s))[:, None])


def products(F: sg.Function) -> list[str]:
    return [str(s) for s in flat(F.kernel.program.body) if isinstance(s, Call)]


def found(F: sg.Function, *values: Any) -> np.ndarray:
    return np.asarray(F(*values)).reshape(-1)


@pytest.fixture
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_kernel, "block_of", lambda numbers, least: 8)
    monkeypatch.setattr(array_kernel, "length_of", lambda extent, block, row, sums: 16)


def test_the_program_prints_a_product_of_the_rows_of_a_block() -> None:
    (product,) = products(weighted())
    assert product.startswith("gemm(x1[row0], ")
    assert product.endswith(" accumulated")


def test_a_factor_that_only_the_product_reads_is_kept_for_a_block() -> None:
    program = weighted().kernel.program
    assert [b.dims for b in program.buffers if b.role == "scratch" and n in b.dims] == []


def test_a_product_of_what_is_in_memory_is_one_call() -> None:
    F = sg.Function([X, Y], sp.Sum(X[i, a] * Y[i, b], (i, 0, n - 1)))
    assert [product for product in products(F) if "accumulated" in product] == []


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 129])
def test_values_at_the_limits_of_blocks_and_chunks(rows: int) -> None:
    given = data(rows, 20)
    np.testing.assert_allclose(found(weighted(), *given), in_numpy(*given).reshape(-1), 1e-11, 1e-13)


@pytest.mark.parametrize("columns", [1, 5, 64, 65, LARGE])
@pytest.mark.parametrize("rows", [1, 63, 64, 65, 3_000])
def test_values_of_small_and_large_products(rows: int, columns: int) -> None:
    given = data(rows, columns)
    np.testing.assert_allclose(found(weighted(), *given), in_numpy(*given).reshape(-1), 1e-10, 1e-12)


def test_a_large_product_is_one_call() -> None:
    F = weighted()
    F(*data(10, 20))
    F(*data(10, LARGE))
    calls = [[s.accumulates for s in flat(p.body) if isinstance(s, Call)] for p in F.kernel._programs.values()]
    assert calls == [[True], [False]]


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONG", -1.0)
    monkeypatch.setattr(threads, "TIMED", 0)
    F, given = weighted(), data(5_000, 20)
    bits = set()
    for count in ("1", "2", "3"):
        monkeypatch.setenv("SYMGRAD_THREADS", count)
        bits |= {found(F, *given).tobytes() for _ in range(5)}
    assert len(bits) == 1


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 17, 33])
def test_rows_of_other_lengths_beside_a_product(rows: int) -> None:
    """The product has n rows, what stands beside it n + 1."""
    scaled = sp.Sum(X[i, a] * sp.exp(z[i + 1] - z[i]) * Y[i, b], (i, 0, n - 1))
    F = sg.Function([X, Y, z], [scaled, sp.exp(z[a])])
    random = np.random.default_rng(rows)
    given = random.normal(size=(rows, 20)), random.normal(size=(rows, 30)), random.normal(size=rows + 1)
    product, powers = F(*given)
    np.testing.assert_allclose(powers, np.exp(given[2]), 1e-14)
    np.testing.assert_allclose(product, given[0].T @ (given[1] * np.exp(np.diff(given[2]))[:, None]), 1e-11, 1e-12)


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("rows", [1, 8, 9, 33])
def test_both_factors_may_be_of_one_block(rows: int) -> None:
    F = sg.Function([X, Y], sp.Sum(sp.sin(X[i, a]) * sp.exp(Y[i, b]), (i, 0, n - 1)))
    random = np.random.default_rng(rows)
    x, y = random.normal(size=(rows, 20)), random.normal(size=(rows, 30))
    assert ["accumulated" in product for product in products(F)] == [True]
    np.testing.assert_allclose(F(x, y), np.sin(x).T @ np.exp(y), 1e-11, 1e-12)


def test_compiled_code_calls_it_with_any_sizes() -> None:
    kernel = weighted().kernel
    for columns in (20, LARGE):
        given = data(300, columns)
        np.testing.assert_allclose(kernel.njit(*given), in_numpy(*given), 1e-10, 1e-12)


# -- products added to what is in memory ------------------------------------------------------------------------------

A, B, C = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("B", m, k), sp.MatrixSymbol("C", n, k)
SIZES = [(1, 1, 1), (1, 40, 3), (2, 17, 33), (33, 1, 5), (40, 50, 1), (130, 70, 90)]


def matrices(rows: int, inner: int, columns: int) -> list[np.ndarray]:
    random = np.random.default_rng(rows)
    return [random.normal(size=shape) for shape in ((rows, inner), (inner, columns), (rows, columns))]


def test_a_product_is_added_to_what_the_rest_of_a_sum_has_stored() -> None:
    F = sg.Function([A, B, C], A * B + C / 500)
    assert products(F) == ["gemm(x0, x1, y0, NN, n, m, k) accumulated"]
    assert [b for b in F.kernel.program.buffers if b.role == "scratch"] == []


def test_the_factor_of_a_product_is_handed_to_the_library() -> None:
    F = sg.Function([A, B], 3 * A * B)
    assert products(F) == ["gemm(x0, x1, y0, NN, n, m, k) times 3"]


def test_of_several_products_the_first_stores() -> None:
    F = sg.Function([A, B, C], 2 * A * B - C * C.T * C)
    assert [product.endswith("accumulated") for product in products(F) if "y0" in product] == [False, True]


def test_a_product_that_something_else_reads_has_memory_of_its_own() -> None:
    F = sg.Function([A, B, C], [A * B + C, A * B])
    (product,) = products(F)
    assert " y1[" in product
    assert not product.endswith("accumulated")


@pytest.mark.parametrize("sizes", SIZES)
def test_values_of_products_in_sums(sizes: tuple[int, int, int]) -> None:
    a, b, c = matrices(*sizes)
    F = sg.Function([A, B, C], [A * B + C / 500, 3 * A * B - 2 * C * C.T * C + A * B * C.T * C, 7 * B * C.T])
    found = F(a, b, c)
    wanted = a @ b + c / 500, 3 * a @ b - 2 * c @ c.T @ c + a @ b @ c.T @ c, 7 * b @ c.T
    for y, w in zip(found, wanted, strict=True):
        np.testing.assert_allclose(y, w, 1e-11, 1e-11)


@pytest.mark.parametrize("sizes", SIZES)
def test_what_reads_a_sum_waits_for_its_products(sizes: tuple[int, int, int]) -> None:
    a, b, c = matrices(*sizes)
    total = A * B / 10 + C
    y, high = sg.Function([A, B, C], [total, sp.Trace(total.T * sg.relu(total))])(a, b, c)
    np.testing.assert_allclose(y, a @ b / 10 + c, 1e-11, 1e-12)
    np.testing.assert_allclose(high, (np.maximum(y, 0) ** 2).sum(), 1e-11)


def test_a_sum_that_a_product_reads_waits_for_its_own() -> None:
    a, b, c = matrices(30, 40, 50)
    F = sg.Function([A, B, C], C.T * (A * B + C / 3))
    assert [product[5:].split(",")[2] for product in products(F)] == [" t0", " y0"]
    np.testing.assert_allclose(F(a, b, c), c.T @ (a @ b + c / 3), 1e-11, 1e-11)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_sum_with_a_product_in_either_precision(kind: str) -> None:
    a, b, c = (x.astype(kind) for x in matrices(20, 30, 40))
    y = sg.Function([A, B, C], A * B / 3 + C / 7, dtype=kind)(a, b, c)
    np.testing.assert_allclose(y, a @ b / 3 + c / 7, {"f4": 1e-4, "f8": 1e-12}[kind], {"f4": 1e-5, "f8": 1e-12}[kind])


def test_what_was_in_the_memory_of_a_product_is_not_read() -> None:
    a, b, c = matrices(20, 30, 40)
    for F in (sg.Function([A, B, C], 3 * A * B), sg.Function([A, B, C], A * B + C)):
        wanted = F(a, b, c)
        np.testing.assert_array_equal(F(a, b, c, out=np.full((20, 40), np.nan)), wanted)


def test_nan_in_a_term_stays_where_it_is() -> None:
    a, b, c = matrices(20, 30, 40)
    c[3, 5] = np.nan
    y = sg.Function([A, B, C], A * B + C)(a, b, c)
    assert np.argwhere(np.isnan(y)).tolist() == [[3, 5]]


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_sum_with_a_product_over_an_empty_axis(empty: int) -> None:
    sizes = [3, 4, 5]
    sizes[empty] = 0
    a, b, c = matrices(*sizes)
    np.testing.assert_allclose(sg.Function([A, B, C], A * B + C / 2)(a, b, c), a @ b + c / 2)


def test_the_gradient_of_a_penalty_and_a_product() -> None:
    a, b, c = matrices(20, 30, 40)
    slope = sg.Function([A, B, C], sp.Trace(C.T * A * B) + sp.Trace(A.T * A) / 1000).grad([A])
    assert products(slope) == ["gemm(x2, x1, y0, NT, n, k, m) accumulated"]
    np.testing.assert_allclose(slope(a, b, c)[0], c @ b.T + a / 500, 1e-12, 1e-12)


# -- products that are read by columns --------------------------------------------------------------------------------


def hidden() -> sg.Function:
    """The gradient by A of a layer between two products of matrices."""
    return sg.Function([A, B, C], sp.Trace(C.T * sg.relu(A) * B)).grad([A])


def test_a_product_that_is_read_by_columns_is_computed_transposed() -> None:
    (product,) = products(hidden())
    assert product.startswith("gemm(x2[row0], x1, ")
    assert ", NT, " in product


def test_values_of_a_product_that_is_read_by_columns() -> None:
    a, b, c = matrices(20, 30, 40)
    np.testing.assert_allclose(hidden()(a, b, c)[0], (c @ b.T) * (a > 0), 1e-12)


# -- products whose rows are those of a block -------------------------------------------------------------------------

j = sp.symbols("j", integer=True)
D = sp.MatrixSymbol("D", k, m)


def layers() -> sg.Function:
    """The gradient of a network of one hidden layer by both of its matrices."""
    out = sg.relu(sg.sigmoid(A) * B) * D
    return sg.Function([B, D, A], sp.Trace(sg.sigmoid(out).T * A)).value_and_grad([B, D])


def layers_in_numpy(B: np.ndarray, D: np.ndarray, A: np.ndarray) -> list[np.ndarray]:
    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    hidden = sigmoid(A) @ B
    y = sigmoid(np.maximum(hidden, 0) @ D)
    out = A * y * (1 - y)
    return [(A * y).sum(), sigmoid(A).T @ (out @ D.T * (hidden > 0)), np.maximum(hidden, 0).T @ out]


def weights(rows: int, columns: int, hidden: int) -> list[np.ndarray]:
    random = np.random.default_rng(rows)
    return [random.normal(size=shape) for shape in ((columns, hidden), (hidden, columns), (rows, columns))]


def holds(F: sg.Function, given: list[np.ndarray]) -> None:
    value, slopes = F(*given)
    wanted = layers_in_numpy(*given)
    for y, w in zip([value, *slopes], wanted, strict=True):
        np.testing.assert_allclose(y, w, 1e-10, 1e-10)


def test_a_product_of_rows_of_a_block_is_of_these_rows() -> None:
    found = products(layers())
    assert len(found) == 5
    assert all("row0" in product for product in found)
    assert [product.endswith("accumulated") for product in found].count(True) == 2


def test_layers_keep_their_rows_for_a_block() -> None:
    program = layers().kernel.program
    assert [b.dims for b in program.buffers if b.role == "scratch" and n in b.dims] == []


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 15, 16, 17, 33, 129])
def test_values_of_layers_at_the_limits_of_blocks_and_chunks(rows: int) -> None:
    holds(layers(), weights(rows, 20, 30))


@pytest.mark.parametrize("columns", [1, 5, 40])
@pytest.mark.parametrize("hidden", [1, 64, 300])
@pytest.mark.parametrize("rows", [1, 65, 700])
def test_values_of_small_and_large_layers(rows: int, columns: int, hidden: int) -> None:
    holds(layers(), weights(rows, columns, hidden))


def test_rows_begin_with_a_product_of_what_is_in_memory() -> None:
    F = sg.Function([A, B, D], sg.relu(A * B) * D)
    assert [product.split(", N")[0] for product in products(F)] == [
        "gemm(x0[row0], x1, t0[chunk0]",
        "gemm(t1[chunk0], x2, y0[row0]",
    ]
    x, v, _ = matrices(200, 20, 30)
    d = np.random.default_rng(0).normal(size=(30, 20))
    np.testing.assert_allclose(F(x, v, d), np.maximum(x @ v, 0) @ d, 1e-11, 1e-11)


def test_a_chain_of_products_is_right() -> None:
    F = sg.Function([A, B, C, D], [sg.sigmoid(A * B * D), A * B])
    x, v, _ = matrices(200, 20, 30)
    d = np.random.default_rng(0).normal(size=(30, 20))
    found = F(x, v, np.zeros((200, 30)), d)
    np.testing.assert_allclose(found[0], 1 / (1 + np.exp(-x @ v @ d)), 1e-11, 1e-11)
    np.testing.assert_allclose(found[1], x @ v, 1e-11, 1e-11)


def test_a_product_with_itself_transposed_is_of_all_rows() -> None:
    row = sp.exp(X[i, a]), sp.exp(X[j, a])
    F = sg.Function([X], sp.Sum(row[0] * row[1], (a, 0, m - 1)))
    assert products(F) == ["gemm(t0, t0, y0, NT, n, m, n)"]


def test_of_two_products_the_large_one_alone_is_one_call() -> None:
    E = sg.sigmoid(A)
    F = sg.Function([A, B, C], [E * B, E.T * C, E.T * A])
    x, v, y = matrices(300, LARGE, 17)
    e = 1 / (1 + np.exp(-x))
    for found, wanted in zip(F(x, v, y), (e @ v, e.T @ y, e.T @ x), strict=True):
        np.testing.assert_allclose(found, wanted, 1e-10, 1e-10)
    (program,) = F.kernel._programs.values()
    calls = [s.is_of_block for s in flat(program.body) if isinstance(s, Call)]
    assert sorted(calls) == [False, True, True]


def test_the_number_of_threads_changes_no_bit_of_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONG", -1.0)
    monkeypatch.setattr(threads, "TIMED", 0)
    F, given = layers(), weights(2_000, 20, 30)
    bits = set()
    for count in ("1", "2", "3"):
        monkeypatch.setenv("SYMGRAD_THREADS", count)
        bits |= {b"".join(y.tobytes() for y in F(*given)[1]) for _ in range(5)}
    assert len(bits) == 1


def test_only_the_program_for_the_given_sizes_is_scheduled() -> None:
    kernel = weighted().kernel
    values = data(300, LARGE)
    kernel.run(values, {n: 300, m: LARGE})  # type: ignore[union-attr, arg-type]
    ((whole, program),) = kernel._programs.items()  # type: ignore[union-attr]
    assert whole
    assert not any(s.is_of_block for s in flat(program.body) if isinstance(s, Call))  # type: ignore[union-attr]
