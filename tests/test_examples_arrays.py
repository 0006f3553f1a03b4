"""The examples over arrays of any size: their figures against independent ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import multivariate_normal

from tests.test_examples import EXAMPLES, NAMES, close, run


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
    assert norm["report"].passed


def test_a_squared_norm_has_its_gradients_at_any_size() -> None:
    norm = run("matrix_norm")
    W, x = norm["larger"]
    assert np.allclose(norm["by_matrix"](W, x), 2 * np.outer(W @ x, x), rtol=1e-12, atol=1e-10)
    assert np.allclose(norm["by_vector"](W, x), 2 * W.T @ (W @ x), rtol=1e-12, atol=1e-9)


def test_the_jacobian_of_a_maximum_is_diagonal_and_a_tie_is_shared() -> None:
    maximum = run("elementwise_maximum")
    assert maximum["jacobian"].tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]]
    assert str(maximum["J"]) == ("y_jacobian(a, b) = Heaviside(a[i] - b[i])*KroneckerDelta(i, j) for i, j = 0..n - 1")
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
    hessian = "J_hessian(w, X, t) = 1/N*X.T*DiagMatrix(sigmoid.(X*w) o (ones(N, 1) - sigmoid.(X*w)))*X"
    assert str(logistic["bits"].hessian(w)) == hessian


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


# -- the gallery ------------------------------------------------------------------------------------------------------


def test_matrix_factorisation_has_its_gradients_and_products() -> None:
    factorisation = run("matrix_factorisation")
    random = np.random.default_rng(5)
    u, v, du, dv = (random.normal(size=shape) for shape in ((6, 3), (5, 3), (6, 3), (5, 3)))
    T, known, lam = random.normal(size=(6, 5)), (random.uniform(size=(6, 5)) < 0.6).astype(float), 0.1

    def gradient(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = known * (T - u @ v.T)
        return -2 * e @ v + 2 * lam * u, -2 * e.T @ u + 2 * lam * v

    value, derived = factorisation["train"](u, v, T, known, lam)
    assert close(value, (known * (T - u @ v.T) ** 2).sum() + lam * ((u**2).sum() + (v**2).sum()), 1e-13)
    along = gradient(u + 1e-100j * du, v + 1e-100j * dv)
    for got, wanted in zip(derived, gradient(u, v), strict=True):
        assert np.allclose(got, wanted, rtol=1e-12, atol=1e-13)
    for got, wanted in zip(factorisation["products"](u, v, T, known, lam, du, dv), along, strict=True):
        assert np.allclose(got, wanted.imag / 1e-100, rtol=1e-11, atol=1e-12)


def test_matrix_factorisation_finds_what_is_missing() -> None:
    assert run("matrix_factorisation")["error"] < 1e-4


def test_a_gaussian_is_most_likely_at_the_mean_and_covariance_of_the_samples() -> None:
    gaussian = run("gaussian_likelihood")
    samples, (mean, covariance) = gaussian["samples"], gaussian["best"]
    value = gaussian["L"](mean, covariance, samples) + 300 * np.log(2 * np.pi)
    assert close(value, -multivariate_normal(mean, covariance).logpdf(samples).sum(), 1e-12)
    assert all(np.abs(slope).max() < 1e-10 for slope in gaussian["slopes"])
    assert np.allclose(gaussian["factor"] @ gaussian["factor"].T, np.cov(samples, rowvar=False, bias=True), atol=1e-12)


def test_a_gaussian_likelihood_has_the_gradients_of_the_closed_form() -> None:
    gaussian = run("gaussian_likelihood")
    for derived, by_hand in zip(gaussian["derived"], gaussian["by_hand"], strict=True):
        assert np.allclose(derived, by_hand, rtol=1e-12, atol=1e-11)


def test_a_gaussian_likelihood_has_its_hessian_vector_products() -> None:
    gaussian = run("gaussian_likelihood")
    samples, mean = gaussian["samples"], gaussian["best"][0] + 0.5
    S = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]])
    v, V = np.array([0.3, -1.0, 0.7]), np.array([[0.4, 0.1, 0.2], [0.5, -0.3, 0.6], [-0.1, 0.2, 0.8]])

    def gradient(mean: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e, P = samples - mean, np.linalg.inv(S)
        return -(P + P.T) @ e.sum(axis=0) / 2, (len(e) * P.T - P.T @ e.T @ e @ P.T) / 2

    along = gradient(mean + 1e-100j * v, S + 1e-100j * V)
    for got, wanted in zip(gaussian["products"](mean, S, samples, v, V), along, strict=True):
        assert np.allclose(got, wanted.imag / 1e-100, rtol=1e-11, atol=1e-10)


def test_the_rayleigh_quotient_is_largest_at_the_first_principal_component() -> None:
    rayleigh = run("rayleigh_quotient")
    values, vectors = np.linalg.eigh(rayleigh["covariance"])
    assert close(rayleigh["value"], values[-1], 1e-12)
    assert abs(rayleigh["here"] @ vectors[:, -1]) > 1 - 1e-12
    assert np.allclose(rayleigh["curvatures"], 2 * (values - values[-1]), rtol=1e-12, atol=1e-11)


def test_the_rayleigh_quotient_has_its_gradient_and_hessian() -> None:
    rayleigh = run("rayleigh_quotient")
    S, w, v = rayleigh["covariance"], np.arange(1.0, 7.0), np.cos(np.arange(6.0))

    def gradient(w: np.ndarray) -> np.ndarray:
        return 2 * (S @ w - w @ S @ w / (w @ w) * w) / (w @ w)

    step = gradient(w + 1e-100j * v).imag / 1e-100
    assert np.allclose(rayleigh["R"].grad(rayleigh["w"])(w, S), gradient(w), rtol=1e-12)
    assert np.allclose(rayleigh["product"](w, S, v), step, rtol=1e-11, atol=1e-14)
    assert np.allclose(rayleigh["H"](w, S) @ v, step, rtol=1e-11, atol=1e-14)


def test_kernel_ridge_regression_has_its_derivatives_by_regularisation_and_lengthscale() -> None:
    ridge = run("kernel_ridge")
    x, t, y, s = ridge["data"]

    def error(log_lam: Any, log_l: Any) -> Any:
        def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.exp(-((a[:, None] - b) ** 2) * np.exp(-2 * log_l) / 2)

        a = np.linalg.solve(kernel(x, x) + np.exp(log_lam) * np.eye(40), t)
        return ((kernel(y, x) @ a - s) ** 2).mean()

    point = -1.0, 0.3
    value, gradient = ridge["train"](*point, *ridge["data"])
    assert close(value, error(*point), 1e-11)
    steps = error(point[0] + 1e-100j, point[1]).imag / 1e-100, error(point[0], point[1] + 1e-100j).imag / 1e-100
    assert np.allclose(gradient, steps, rtol=1e-10, atol=0)
    H = np.array(ridge["hessian"](*point, *ridge["data"]))
    slopes = (
        ridge["train"](point[0] + 1e-5, point[1], *ridge["data"])[1],
        ridge["train"](point[0] - 1e-5, point[1], *ridge["data"])[1],
    )
    assert np.allclose(H[0], (np.array(slopes[0]) - slopes[1]) / 2e-5, rtol=1e-6)
    assert np.allclose(ridge["product"](*point, *ridge["data"], 0.5, -2.0), H @ (0.5, -2.0), rtol=1e-9)


def test_kernel_ridge_regression_learns_its_parameters() -> None:
    ridge = run("kernel_ridge")
    value, gradient = ridge["train"](*ridge["here"], *ridge["data"])
    assert value < 0.02
    assert np.abs(gradient).max() < 1e-6


# -- what holds for all -----------------------------------------------------------------------------------------------

GALLERY = [path.stem for path in EXAMPLES.glob("*.py") if "MatrixSymbol" in path.read_text()]


@pytest.mark.parametrize("name", GALLERY)
def test_script_has_less_than_sixty_lines(name: str) -> None:
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()
    assert len(lines) < (75 if name == "digits" else 60)  # with its plot and its images


def test_every_script_is_listed_once() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.py\) \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == NAMES
