"""The examples over arrays of any size: their figures against independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize
from scipy.special import expit

from tests.test_examples import close, run


def test_a_squared_norm_has_the_figures_of_the_lecture() -> None:
    norm = run("matrix_norm")
    assert close(norm["value"], 0.1160)
    by_matrix, by_vector = norm["gradients"]
    assert close(by_matrix, [[0.088, 0.176], [0.104, 0.208]], 1e-14)
    assert close(by_vector, [-0.112, 0.636], 1e-14)
    W, x, V = norm["W"], norm["x"], norm["product"].outputs
    assert norm["by_matrix"].outputs == 2 * W * x * x.T
    assert norm["by_vector"].outputs == 2 * W.T * W * x
    assert norm["H"].outputs == 2 * W.T * W
    assert V.shape == W.shape


def test_a_squared_norm_has_its_gradients_at_any_size() -> None:
    norm = run("matrix_norm")
    W, x = norm["larger"]
    assert np.allclose(norm["by_matrix"](W, x), 2 * np.outer(W @ x, x), rtol=1e-12, atol=1e-10)
    assert np.allclose(norm["by_vector"](W, x), 2 * W.T @ (W @ x), rtol=1e-12, atol=1e-9)


def test_the_jacobian_of_a_maximum_is_diagonal_and_a_tie_is_shared() -> None:
    maximum = run("elementwise_maximum")
    assert maximum["jacobian"].tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]]
    assert maximum["J"].outputs.has(sp.KroneckerDelta)
    assert isinstance(maximum["tanh"].outputs, sp.DiagMatrix)


def test_products_with_the_jacobian_of_a_maximum_do_not_form_it() -> None:
    maximum = run("elementwise_maximum")
    a, b, u = maximum["large"]
    assert (maximum["product"] == np.where(a > b, u, 0)).all()
    assert all(len(node.type.shape) <= 1 for F in (maximum["vjp"], maximum["jvp"]) for node in F.nodes)


def test_xor_is_computed_by_the_net_of_the_book_and_by_no_linear_model() -> None:
    xor = run("xor")
    assert xor["outputs"].tolist() == [0, 1, 1, 0]
    design = np.column_stack([xor["POINTS"], np.ones(4)])
    assert np.allclose(np.linalg.lstsq(design, xor["XOR"], rcond=None)[0], (0, 0, 0.5), atol=1e-15)
    by_v, by_b = xor["gradient"][0]
    assert (by_v == 0).all()
    assert by_b == 0
    assert close(xor["gradient"][1][0], (-0.5, -0.5))
    assert close(xor["gradient"][1][1], -1)


def test_gradient_descent_finds_xor() -> None:
    xor = run("xor")
    assert np.abs(xor["net"](*xor["theta"], xor["POINTS"]) - xor["XOR"]).max() < 1e-10
    assert xor["losses"][-1] < 1e-20 < xor["losses"][100]


def test_linear_regression_prints_the_gradient_of_the_lecture() -> None:
    regression = run("multivariate_regression")
    assert str(regression["gradient"]) == "L_grad(w, X, t) = (2/N)*X.T*(X*w - t)"
    assert str(regression["H"]) == "L_hessian(w, X, t) = (2/N)*X.T*X"


def test_normal_equation_pseudo_inverse_and_newton_are_least_squares() -> None:
    regression = run("multivariate_regression")
    wanted = np.linalg.lstsq(regression["inputs"], regression["targets"], rcond=None)[0]
    for solution in regression["solutions"].values():
        assert np.allclose(solution, wanted, rtol=1e-12, atol=0)
    assert np.allclose(regression["pseudo_inverse"], np.linalg.pinv(regression["inputs"]), rtol=0, atol=1e-14)


def test_ridge_regression_is_least_squares_with_more_rows() -> None:
    ridge = run("multivariate_regression")
    x, t = ridge["inputs"], ridge["targets"]
    for lam, solution in ridge["path"].items():
        more = np.vstack([x, np.sqrt(len(x) * lam) * np.eye(4)]), np.concatenate([t, np.zeros(4)])
        assert np.allclose(solution, np.linalg.lstsq(*more, rcond=None)[0], rtol=1e-11, atol=0)
        assert np.abs(ridge["ridge"].grad(ridge["w"])(solution, x, t, lam)).max() < 1e-12
    h = 1e-5
    slope = (ridge["shrunk"](x, t, 1 + h) - ridge["shrunk"](x, t, 1 - h)) / (2 * h)
    assert np.allclose(ridge["by_lam"](x, t, 1.0), slope, rtol=1e-8, atol=0)


def test_logistic_regression_has_one_cost_in_four_notations() -> None:
    logistic = run("logistic_regression")
    x, y, w = logistic["inputs"], logistic["labels"], logistic["here"]
    sigma = 1 / (1 + np.exp(y * (x @ w)))
    for value, gradient in logistic["values"]:
        assert close(value, np.mean(np.log1p(np.exp(-y * (x @ w)))), 1e-14)
        assert np.allclose(gradient, np.mean(-y[:, None] * x * sigma[:, None], axis=0), rtol=1e-12, atol=0)


def test_logistic_regression_prints_the_gradients_of_the_lecture() -> None:
    logistic = run("logistic_regression")
    w = logistic["w"]
    assert str(logistic["signs"].grad(w)) == "J_grad(w, X, y) = -1/N*X.T*(y o sigmoid.(-(y o X*w)))"
    assert str(logistic["bits"].grad(w)) == "J_grad(w, X, t) = 1/N*X.T*(sigmoid.(X*w) - t)"


def test_newtons_method_solves_logistic_regression_and_large_margins_stay_finite() -> None:
    logistic = run("logistic_regression")
    x, y = logistic["inputs"], logistic["labels"]
    fit = minimize(lambda w: np.mean(np.logaddexp(0, -y * (x @ w))), np.zeros(3), tol=1e-10)
    assert np.allclose(logistic["solution"], fit.x, atol=1e-4)
    value, gradient = logistic["far"]
    margin = 1e4 * y * (x @ logistic["here"])
    assert close(value, np.mean(np.logaddexp(0, -margin)))
    assert np.allclose(gradient, np.mean(-y[:, None] * x * expit(-margin)[:, None], axis=0), rtol=1e-10)


def test_the_jacobian_of_softmax_is_that_of_the_lecture() -> None:
    softmax = run("softmax_regression")
    assert str(softmax["J"]) == "p_jacobian(z) = DiagMatrix(softmax(z)) - softmax(z)*softmax(z).T"
    J, p = softmax["J"](softmax["scores"]), softmax["softmax"](softmax["scores"])
    assert np.allclose(J, [[p[j] * ((j == k) - p[k]) for k in range(3)] for j in range(3)], rtol=1e-14)
    assert ((J > 0) == np.eye(3, dtype=bool)).all()


def test_softmax_and_cross_entropy_are_stable() -> None:
    p, cost, gradient = run("softmax_regression")["stable"]
    assert p.tolist() == [1, 0, 0]
    assert cost == 2000
    assert gradient.tolist() == [1, 0, -1]


def test_softmax_regression_prints_what_is_predicted_minus_what_is_true() -> None:
    regression = run("softmax_regression")
    assert str(regression["model"].grad(regression["W"])) == "J_grad(W, X, Y) = 1/N*X.T*(softmax(X*W) - Y)"
    assert regression["right"] > 0.93


def test_softmax_regression_has_its_gradient_and_hessian_vector_product() -> None:
    regression = run("softmax_regression")
    x, y = regression["inputs"], regression["targets"]
    random = np.random.default_rng(3)
    w, v = random.normal(size=(2, 3, 3))

    def gradient(w: np.ndarray) -> np.ndarray:
        e = np.exp(x @ w)
        return x.T @ (e / e.sum(axis=1, keepdims=True) - y) / len(x)

    assert np.allclose(regression["train"](w, x, y)[1], gradient(w), rtol=1e-12, atol=1e-15)
    step = gradient(w + 1e-100j * v).imag / 1e-100
    assert np.allclose(regression["product"](w, x, y, v), step, rtol=1e-12, atol=1e-15)


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
    weights, biases, x, y = network["point"]
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
