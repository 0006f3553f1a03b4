"""The axes along which nests run together, in blocks of rows: what is chosen, and that the values are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower import array_kernel
from symgrad.lower.arrays.loops import (
    ArrayProgram,
    Buffer,
    Loop,
    Rows,
    flat,
)
from symgrad.lower.arrays.nests import schedule_arrays

n, m, K, D = sp.symbols("n m K D", integer=True, positive=True)
i, j, k, c = sp.symbols("i j k c", integer=True)
x, w = sp.IndexedBase("x", shape=(n, m)), sp.IndexedBase("w", shape=(m,))
mu, A = sp.IndexedBase("mu", shape=(K, D)), sp.IndexedBase("A", shape=(K, D, D))
p = sp.IndexedBase("p", shape=(n, D))


def total(term: Any, *indices: tuple[Any, Any]) -> sp.Expr:
    return sp.Sum(term, *[(index, 0, size - 1) for index, size in indices])


def regression() -> sg.Function:
    """A pass over the rows of x gives the value and the gradient."""
    margin = total(x[i, j] * w[j], (j, m))
    return sg.Function([w, x], total(sp.log(1 + sp.exp(margin)), (i, n))).value_and_grad([w])


def mixture() -> sg.Function:
    """Each row of p has the work of K matrices."""
    distance = total(total(A[k, j, c] * (p[i, c] - mu[k, c]), (c, D)) ** 2, (j, D))
    return sg.Function([mu, A, p], total(sp.log(total(sp.exp(-distance), (k, K))), (i, n))).value_and_grad([mu, A])


def fused(F: sg.Function) -> ArrayProgram:
    """The program, before loops are merged and unrolled."""
    kernel = F.kernel
    with pytest.MonkeyPatch.context() as patch:
        for name in ("jammed", "merged"):
            patch.setattr(f"symgrad.lower.arrays.nests.{name}", lambda program: program)
        program = schedule_arrays("f", kernel.inputs, kernel.outputs, "f8")
    assert isinstance(program, ArrayProgram)
    return program


def passes(program: ArrayProgram) -> list[str]:
    """Along which axes, one after the other."""
    return [str(s.extent) for s in program.body if isinstance(s, Rows)]


def shapes(program: ArrayProgram) -> list[str]:
    return [", ".join(map(str, b.dims)) for b in program.buffers if b.role == "scratch" and b.dims]


@pytest.fixture
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_kernel, "block_of", lambda numbers, least: 8)
    monkeypatch.setattr(array_kernel, "length_of", lambda extent, block, row, sums: 16)


def test_value_and_gradient_of_a_regression_are_one_pass_over_its_rows() -> None:
    program = fused(regression())
    assert passes(program).count("n") == 1
    assert all("n" not in shape.split(", ") for shape in shapes(program))


def test_vectors_run_along_rows_that_have_more_work_than_data() -> None:
    program = fused(mixture())
    assert passes(program).count("n") == 1
    loops = [s for s in flat(program.body) if isinstance(s, Loop) and s.kind == "simd" and s.first.terms]
    assert loops
    assert all(str(s.first).startswith("row") for s in loops)


def test_data_are_copied_so_that_vectors_along_rows_are_read_whole() -> None:
    program = fused(mixture())
    copies = [b for b in program.buffers if b.name.startswith("x2_row")]
    assert [str(b.dims[0]) for b in copies] == ["D"]


def test_vectors_run_across_rows_where_results_have_another_axis() -> None:
    y, z = sp.IndexedBase("y", shape=(n,)), sp.IndexedBase("z", shape=(m,))
    F = sg.Function([y, z], sp.exp(-((y[i] - z[j]) ** 2)))
    (inner,) = [s for s in flat(fused(F).body) if isinstance(s, Loop) and s.kind == "simd"]
    assert str(inner.stop) == "m"


def test_what_needs_the_whole_of_a_sum_is_another_pass() -> None:
    y = sp.IndexedBase("y", shape=(n,))
    F = sg.Function([y], total((y[i] - total(y[j], (j, n)) / n) ** 2, (i, n)))
    assert passes(fused(F)) == ["n", "n"]


def test_what_is_needed_from_elsewhere_does_not_part_a_pass() -> None:
    y, q = sp.IndexedBase("y", shape=(n, m)), sp.IndexedBase("q", shape=(m,))
    first = total(y[i, j] * sp.exp(q[j]), (j, m))
    F = sg.Function([y, q], total(first**2, (i, n))).value_and_grad([q])
    assert passes(fused(F)).count("n") == 1


def test_rows_of_other_lengths_share_a_pass() -> None:
    y = sp.IndexedBase("y", shape=(n,))
    F = sg.Function([y], total((y[i + 1] - y[i] ** 2) ** 2, (i, n - 1))).value_and_grad([y])
    assert passes(fused(F)) == ["n"]


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("rows", [2, 3, 7, 8, 9, 15, 16, 17, 33, 100])
def test_rows_of_other_lengths_are_right_at_the_limits_of_blocks(rows: int) -> None:
    y = sp.IndexedBase("y", shape=(n,))
    F = sg.Function([y], total((y[i + 1] - y[i] ** 2) ** 2, (i, n - 1))).value_and_grad([y])
    given = np.random.default_rng(rows).normal(size=rows)
    value, (gradient,) = F(given)
    rest = given[1:] - given[:-1] ** 2
    wanted = np.zeros(rows)
    wanted[1:] += 2 * rest
    wanted[:-1] -= 4 * rest * given[:-1]
    assert value == pytest.approx((rest**2).sum(), rel=1e-13)
    np.testing.assert_allclose(gradient, wanted, 1e-12, 1e-12)


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 16, 17, 40])
def test_vectors_along_rows_are_right_at_the_limits_of_blocks(rows: int) -> None:
    random = np.random.default_rng(rows)
    given = random.normal(size=(3, 2)), random.normal(size=(3, 2, 2)), random.normal(size=(rows, 2))
    value, (by_mu, by_A) = mixture()(*given)
    step = 1e-30

    def f(at: np.ndarray, matrices: np.ndarray) -> complex:
        apart = given[2][:, None, :] - at[None, :, :]
        turned = np.einsum("kjc,ikc->ikj", matrices, apart)
        return complex(np.log(np.exp(-(turned**2).sum(-1)).sum(1)).sum())

    assert value == pytest.approx(f(given[0], given[1]).real, rel=1e-12)
    for found, where in ((by_mu, 0), (by_A, 1)):
        wanted = np.empty_like(found)
        for index in np.ndindex(*found.shape):
            moved = [a.astype(complex) for a in given[:2]]
            moved[where][index] += step * 1j
            wanted[index] = f(*moved).imag / step
        np.testing.assert_allclose(found, wanted, 1e-10, 1e-12)


def test_a_copy_has_the_shape_of_a_block() -> None:
    (copy,) = [b for b in fused(mixture()).buffers if b.name.startswith("x2_row")]
    assert isinstance(copy, Buffer)
    assert str(copy.dims[-1]).startswith("block")
