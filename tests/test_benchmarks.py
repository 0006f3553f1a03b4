"""Every row of the benchmark computes what its NumPy formula says, at small sizes. Nothing is timed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import formulas, ours

STEP = 6.1e-6  # eps**(1/3), central difference


def numbers(row: str, data: list[np.ndarray], kind: str) -> np.ndarray:
    """Value or gradient of the NumPy formula, the latter by central differences."""
    form = formulas.FORMULAS[formulas.base(row)]
    if kind == "value":
        return np.asarray(form(np, *data), dtype=float)
    slopes = []
    for position in range(formulas.wrt(row)):
        for entry in range(data[position].size):
            moved = [[a.copy() for a in data] for _ in range(2)]
            for copy, sign in zip(moved, (1, -1), strict=True):
                copy[position].flat[entry] += sign * STEP
            slopes.append((form(np, *moved[0]) - form(np, *moved[1])) / (2 * STEP))
    return np.array(slopes)


@pytest.mark.parametrize("row", ["scalar", "call", "dot", "logreg", "mlp", "gmm", "rosen"])
def test_value_and_gradient_agree_with_numpy(row: str) -> None:
    data = formulas.data(row, small=True)
    got = formulas.flat(ours.side(row, data).call())
    np.testing.assert_allclose(got[0], numbers(row, data, "value"), rtol=1e-12)
    # central differences: eps**(2/3), times the size of third derivatives
    scale = np.abs(got).max()
    np.testing.assert_allclose(got[1:], numbers(row, data, "gradient"), rtol=1e-7, atol=1e-8 * scale)


def test_batch_agrees_with_a_complex_step() -> None:
    x, y, z = data = formulas.data("batch", small=True)
    got = formulas.flat(ours.side("batch", data).call()).reshape(4, -1)
    tiny = 1e-30j
    moved = [(x + tiny, y, z), (x, y + tiny, z), (x, y, z + tiny)]
    wanted = [formulas.batch(np, x, y, z), *(formulas.batch(np, *p).imag / 1e-30 for p in moved)]
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)


def test_ba_agrees_with_a_complex_step() -> None:
    camera, point, weight, feature = data = formulas.data("ba", small=True)
    got = np.asarray(ours.side("ba", data).call())
    v = np.concatenate([camera.T, point.T, weight[None]])
    wanted = np.empty((len(weight), 2, 15))
    for column in range(15):
        moved = v.astype(complex)
        moved[column] += 1e-30j
        for residual, value in enumerate(formulas.ba(np, moved, feature.T)):
            wanted[:, residual, column] = value.imag / 1e-30
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("row", ["logreg_hvp", "mlp_hvp", "rosen_hvp"])
def test_hessian_vector_product_is_the_slope_of_the_gradient(row: str) -> None:
    data, count = formulas.data(row, small=True), formulas.wrt(row)
    got = formulas.flat(ours.side(row, data).call())
    ends = []
    for sign in (1, -1):
        moved = [a + sign * STEP if place < count else a for place, a in enumerate(data)]
        ends.append(formulas.flat(ours.side(formulas.base(row), moved).call())[1:])
    scale = np.abs(got).max()
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2 * STEP), rtol=1e-7, atol=1e-8 * scale)


def test_hessian_of_logreg_is_its_closed_form() -> None:
    w, X, _ = data = formulas.data("logreg_hess", small=True)
    got = np.asarray(ours.side("logreg_hess", data).call())
    s = 1 / (1 + np.exp(-(X @ w)))
    np.testing.assert_allclose(got, (X.T * (s * (1 - s))) @ X + np.eye(len(w)), rtol=1e-12)
