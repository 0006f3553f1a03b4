"""Every row of the benchmark computes what its NumPy formula says, at small sizes. Nothing is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from tests.benchmarks import compare, first, formulas, growth, ours, page, without

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


@pytest.mark.parametrize(
    "row", ["scalar", "call", "scalar_bound", "call_bound", "dot", "logreg", "mlp", "gmm", "rosen"]
)
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


def test_dag_agrees_with_a_complex_step() -> None:
    (v,) = data = formulas.data("dag")
    got = formulas.flat(ours.side("dag", data).call())
    moved = [v + 1e-30j * (np.arange(8) == k) for k in range(8)]
    wanted = [formulas.dag(np, v), *(formulas.dag(np, p).imag / 1e-30 for p in moved)]
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)  # a thousand operations, of condition 1e4


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


def test_pendulum_agrees_with_a_complex_step() -> None:
    q, u, parameters = data = formulas.data("pendulum_2", small=True)
    model = formulas.pendulum(2)
    value = sp.lambdify([model.q, model.u, model.parameters], [*model.mass, *model.forcing])
    got = formulas.flat(ours.side("pendulum_2", data).call()).reshape(-1, 6)
    np.testing.assert_allclose(
        formulas.flat(ours.side("pendulum_2_value", data).call()), value(q, u, parameters), rtol=1e-13, atol=1e-13
    )
    states = np.concatenate([q, u])
    for column in range(6):
        moved = states.astype(complex)
        moved[column] += 1e-30j
        wanted = np.imag(value(moved[:3], moved[3:], parameters)) / 1e-30
        np.testing.assert_allclose(got[:, column], wanted, rtol=1e-12, atol=1e-12)


def test_a_peer_takes_the_model_that_was_made_for_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formulas.give_model("pendulum_1", tmp_path)
    made = formulas.pendulum(1)
    monkeypatch.setattr(formulas, "_models", {})
    formulas.take_model("pendulum_1", tmp_path)
    assert formulas._models == {1: made}


def test_an_exponent_is_the_slope_of_the_logarithms() -> None:
    sizes = [growth.Size(n, n, n, 1e-6 * n, 1e-9 * n**2, 1e-5 * n**1.5, 1.0) for n in (100, 1_000, 10_000)]
    assert growth.exponent(sizes, "build") == pytest.approx(1)
    assert growth.exponent(sizes, "derive") == pytest.approx(2)


def test_growth_is_measured_at_each_size() -> None:
    (size,) = growth.growth([100], seconds=0.0)
    assert size.operations == 100
    assert size.nodes > size.value_nodes > 50
    assert min(size.build, size.derive, size.compile, size.call) > 0


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


@pytest.mark.parametrize("switch", without.SWITCHES, ids=lambda s: s.name)
def test_without_an_optimisation_numbers_are_the_same(switch: without.Switch) -> None:
    without.gain(switch, seconds=0.0, small=True)


def test_a_page_holds_what_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")  # of its picture
    row = compare.Measured("dot", 1e-6, 0.1, 3, 3, {"torch": 2e-6}, {"torch": 0.2}, {}, None)
    gain = without.Gain(without.SWITCHES[0], 1.0, 2.0)
    page.write(page.Page([row], [first.First("call", 0.1, 0.05, {"jax": 0.2})], [gain]), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "| dot | 0.001 |" in text
    assert "| small formula | 0.100 | 0.050 | jax 0.200 |" in text
    assert "| vector functions of libmvec | batch | 1000 | 2000 | 2.00 |" in text
