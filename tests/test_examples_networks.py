"""The examples of neural networks: their figures against independent ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from tests.test_examples import close, run


def test_the_delta_rule_is_derived() -> None:
    delta = run("delta_rule")
    printed = [str(E.grad(by)).split(" = ")[1] for E, by in delta["rules"].values()]
    assert printed == ["b - t", "softmax(b) - t", "(ones(h, 1) - tanh.(a).**2) o W.T*(W*tanh.(a) - t)"]
    for derived, by_hand in zip(delta["derived"], delta["by_hand"], strict=True):
        assert np.allclose(derived, by_hand, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("layers", [1, 2, 3, 8])
def test_a_deep_network_has_the_gradients_of_numpy_and_of_differences(layers: int) -> None:
    network = run("deep_network", str(layers))
    assert close(network["cost"], network["wanted"], 1e-14)
    for got, wanted in zip(network["gradients"], network["wanted_gradients"], strict=True):
        assert got.shape == wanted.shape
        assert np.allclose(got, wanted, rtol=1e-12, atol=1e-15)
    weights, biases, x, y = (network[name] for name in ("weights", "biases", "inputs", "targets"))
    direction = [np.cos(np.arange(p.size)).reshape(p.shape) for p in (*weights, *biases)]

    def cost(h: float) -> float:
        return float(
            network["J"](*[p + h * q for p, q in zip((*weights, *biases), direction, strict=True)], x, y, 0.01)
        )

    slope = sum((g * q).sum() for g, q in zip(network["gradients"], direction, strict=True))
    assert abs((cost(1e-6) - cost(-1e-6)) / 2e-6 - slope) < 1e-8


def test_a_deep_network_grows_linearly_with_its_depth() -> None:
    small, large = (len(run("deep_network", layers)["train"].nodes) for layers in ("3", "8"))
    assert (large - small) / 5 < 20


def test_a_perceptron_prints_the_gradients_of_the_book() -> None:
    digits = run("digits")
    _, (by_W1, by_W2) = digits["train"].outputs
    printed = str(digits["train"])
    assert "2*lam*W1 + X.T*" in printed
    assert "2*lam*W2 + t1.T*t3" in printed
    assert "t1 = relu.(t0)" in printed
    assert "t3 = 1/N*(softmax(t2) - Y)" in printed
    assert by_W1.shape == digits["W1"].shape
    assert by_W2.shape == digits["W2"].shape


def test_a_perceptron_has_the_gradients_of_the_book() -> None:
    digits = run("digits")
    random = np.random.default_rng(1)
    W1, W2, X, Y = (
        random.normal(size=(7, 5)),
        random.normal(size=(5, 3)),
        random.normal(size=(9, 7)),
        np.eye(3)[[0, 1, 2] * 3],
    )
    cost, (by_W1, by_W2) = digits["train"](W1, W2, X, Y, 0.3)
    H = np.maximum(X @ W1, 0)
    P = softmax(H @ W2, axis=1)
    G = (P - Y) / 9
    assert close(cost, -np.mean(np.log(P[Y > 0])) + 0.3 * ((W1**2).sum() + (W2**2).sum()), 1e-13)
    assert np.allclose(by_W2, H.T @ G + 0.6 * W2, rtol=1e-12, atol=1e-14)
    assert np.allclose(by_W1, X.T @ (G @ W2.T * (H > 0)) + 0.6 * W1, rtol=1e-12, atol=1e-14)


def test_a_perceptron_learns_digits() -> None:
    curve = np.array(run("digits")["curve"])
    assert curve[0, 2] > 0.8
    assert curve[-1, 2] < 0.03


def test_learned_variance_and_precision_have_their_gradients() -> None:
    mixture = run("mixture_density")
    t, mu, v = 1.5, 0.25, 0.8
    e = t - mu
    assert close(mixture["variance"](t, mu, v), (-e / v, 1 / (2 * v) - e**2 / (2 * v**2)), 1e-14)
    assert close(mixture["precision"](t, mu, v), (-v * e, e**2 / 2 - 1 / (2 * v)), 1e-14)


def test_a_mixture_density_network_has_its_cost_and_gradients() -> None:
    mixture = run("mixture_density")
    x, y, theta = mixture["inputs"][:20], mixture["truth"][:20], mixture["start"]

    def cost(V: np.ndarray, A: np.ndarray, M: np.ndarray, S: np.ndarray) -> np.ndarray:
        hidden = np.tanh(x @ V)
        weights, precisions = np.exp(hidden @ A), np.exp(hidden @ S)
        weights = weights / weights.sum(axis=1, keepdims=True)
        likelihoods = weights * np.sqrt(precisions) * np.exp(-precisions * (y[:, None] - hidden @ M) ** 2 / 2)
        return -np.log(likelihoods.sum(axis=1)).mean()

    value, gradients = mixture["train"](*theta, x, y)
    assert close(value, cost(*theta), 1e-13)
    for gradient, wanted in zip(gradients, complex_steps(cost, theta), strict=True):
        assert np.allclose(gradient, wanted, rtol=1e-10, atol=1e-12)


def test_a_mixture_density_network_learns_and_is_finite_where_the_naive_form_overflows() -> None:
    mixture = run("mixture_density")
    assert mixture["costs"][-1] < mixture["costs"][0] - 2
    assert np.isinf(mixture["values"]["exp, sum, log"])
    assert 100 < mixture["values"]["logsumexp"] < 1e5
    assert mixture["finite"]


def test_a_convolution_has_the_gradients_of_scipy() -> None:
    assert max(run("convolution")["errors"].values()) < 1e-13


def test_a_layer_of_convolution_and_pooling_has_the_gradients_of_loops() -> None:
    layer = run("convolution")
    x, k = layer["image"], layer["kernel"]
    by_image, by_kernel = np.zeros_like(x), np.zeros_like(k)
    value = 0.0
    for r in range(4):
        for s in range(4):
            entries = {
                (i, j): (x[i : i + 3, j : j + 4] * k).sum() for i in (2 * r, 2 * r + 1) for j in (2 * s, 2 * s + 1)
            }
            i, j = max(entries, key=entries.__getitem__)
            a = max(entries[i, j], 0)
            value += a**2 / 2
            by_image[i : i + 3, j : j + 4] += a * k
            by_kernel += a * x[i : i + 3, j : j + 4]
    assert close(layer["value"], value, 1e-13)
    assert np.allclose(layer["by_image"], by_image, rtol=0, atol=1e-11)
    assert np.allclose(layer["by_kernel"], by_kernel, rtol=0, atol=1e-11)


def test_attention_has_the_gradients_of_the_formula() -> None:
    attention = run("attention")
    for derived, by_hand in zip(attention["derived"], attention["by_hand"], strict=True):
        assert np.allclose(derived, by_hand, rtol=0, atol=1e-13)


def test_self_attention_with_a_skip_connection_has_the_gradients_of_complex_steps() -> None:
    attention = run("attention")
    *theta, targets = attention["point"]

    def cost(*arrays: np.ndarray) -> np.ndarray:
        Q, K, V, X = arrays
        e = np.exp(X @ Q @ (X @ K).T / 2)
        return ((X + e / e.sum(axis=1, keepdims=True) @ X @ V - targets) ** 2).sum() / 2

    assert close(attention["value"], cost(*theta), 1e-12)
    for gradient, wanted in zip(attention["gradients"], complex_steps(cost, theta), strict=True):
        assert np.allclose(gradient, wanted, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_shared_weights_of_a_recurrent_net_accumulate(steps: int) -> None:
    net = run("recurrent", str(steps))
    for gradient, total in zip(net["gradients"], net["sums"], strict=False):
        assert np.allclose(gradient, total, rtol=0, atol=1e-14)


def test_back_propagation_through_time_equals_complex_steps() -> None:
    net = run("recurrent", "6")
    v, *inputs, target = net["rest"]

    def error(U: np.ndarray, W: np.ndarray, b: np.ndarray, v: np.ndarray) -> np.ndarray:
        state = np.zeros(4)
        for x in inputs:
            state = np.tanh(U @ x + W @ state + b)
        return (v @ state - target) ** 2 / 2

    theta = [*net["shared"], v]
    assert close(net["value"], error(*theta), 1e-12)
    for gradient, wanted in zip(net["gradients"], complex_steps(error, theta), strict=True):
        assert np.allclose(gradient, wanted, rtol=1e-11, atol=1e-14)


def complex_steps(f: Callable[..., Any], point: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The gradient of f by every array, entry by entry, by Im f(x + i h) / h."""
    gradients = []
    for k, array in enumerate(point):
        gradient = np.zeros(array.shape)
        for place in np.ndindex(*array.shape):
            moved = array.astype(complex)
            moved[place] += 1e-100j
            gradient[place] = f(*point[:k], moved, *point[k + 1 :]).imag / 1e-100
        gradients.append(gradient)
    return gradients


def test_the_cheaper_mode_is_chosen() -> None:
    for (inputs, outputs), (_, reverse, forward, chosen) in run("modes")["counts"].items():
        assert chosen == (reverse if outputs <= inputs else forward)
    counts = run("modes")["counts"]
    assert 4 * counts[1, 20][2] < counts[1, 20][1]
    assert 4 * counts[20, 1][1] < counts[20, 1][2]


def test_a_chain_of_matrices_is_multiplied_in_the_cheaper_order() -> None:
    modes = run("modes")
    assert modes["multiplications"] == {"(A B) C": 7_500, "A (B C)": 75_000}
    assert "(A @ B) @ C" in modes["chain"].source
    assert "P @ (" in modes["F"].jvp(modes["v"]).source
    assert "P.T @ u" in modes["F"].vjp(modes["v"]).source


def test_the_learning_curve_of_digits_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    run("digits", "--plot", str(tmp_path / "curve.png"))
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
