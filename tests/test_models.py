"""Models of the kind that people bring: against the same formulas in NumPy, and complex steps of those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg

STEP = 1e-100


def complex_gradient(function: Callable[..., Any], values: Sequence[np.ndarray], which: int) -> np.ndarray:
    """The derivative of a NumPy function of analytic operations by one argument, entry by entry."""
    columns = []
    for index in np.ndindex(*values[which].shape):
        shifted = [np.asarray(v, complex) if v.dtype.kind == "f" else v for v in values]
        shifted[which] = shifted[which].copy()
        shifted[which][index] += 1j * STEP
        columns.append(np.imag(function(*shifted)) / STEP)
    whole = np.array(columns)
    return np.moveaxis(
        whole.reshape(*values[which].shape, *whole.shape[1:]), range(values[which].ndim), range(-values[which].ndim, 0)
    )


# -- a mixture of Gaussians, with packed triangles --------------------------------------------------------------------


def mixture() -> sg.Function:
    """log-likelihood of N points under K Gaussians in D dimensions with a Wishart prior. A covariance is given by the
    logarithms of a triangular factor's diagonal and, packed column by column, what is below it."""
    d, k, n, p = sp.symbols("D K N P", integer=True, positive=True)
    i, c, j, r, s = sp.symbols("i c j r s", integer=True)
    alpha, mu, factors = (
        sp.IndexedBase(name, shape=shape) for name, shape in (("a", (k,)), ("m", (k, d)), ("q", (k, p)))
    )
    x, place = sp.IndexedBase("x", shape=(n, d)), sp.IndexedBase("place", shape=(d, d), integer=True)
    gamma = sp.Symbol("gamma")

    def off(axis: Any) -> Any:
        return x[i, axis] - mu[c, axis]

    scaled = sp.exp(factors[c, r]) * off(r) + sp.Sum(factors[c, place[r, s]] * off(s), (s, 0, r - 1))
    log_diagonal = sp.Sum(factors[c, j], (j, 0, d - 1))
    exponent = alpha[c] + log_diagonal - sp.Sum(scaled**2, (r, 0, d - 1)) / 2
    points = sp.Sum(sg.logsumexp(exponent, (c, 0, k - 1)), (i, 0, n - 1))
    diagonals = sp.Sum(sp.exp(2 * factors[c, j]), (j, 0, d - 1))
    below = sp.Sum(factors[c, j] ** 2, (j, d, p - 1))
    prior = sp.Sum(gamma**2 / 2 * (diagonals + below) - log_diagonal, (c, 0, k - 1))
    value = points - n * sg.logsumexp(alpha[c], (c, 0, k - 1)) + prior
    return sg.Function([alpha, mu, factors, x, place, gamma], value)


def mixture_in_numpy(alpha: Any, mu: Any, factors: Any, x: Any, place: Any, gamma: Any) -> Any:
    k, d = mu.shape
    total = 0
    for point in x:
        exponents = []
        for c in range(k):
            q = np.diag(np.exp(factors[c, :d]))
            for row in range(d):
                for column in range(row):
                    q[row, column] = factors[c, place[row, column]]
            z = q @ (point - mu[c])
            exponents.append(alpha[c] + factors[c, :d].sum() - z @ z / 2)
        total = total + np.log(np.sum(np.exp(exponents)))
    total = total - len(x) * np.log(np.sum(np.exp(alpha)))
    prior = gamma**2 / 2 * (np.exp(2 * factors[:, :d]).sum() + (factors[:, d:] ** 2).sum()) - factors[:, :d].sum()
    return total + prior


def mixture_data(d: int, k: int, n: int) -> list[Any]:
    random = np.random.default_rng(7)
    place = np.zeros((d, d), int)
    packed = iter(range(d, d * (d + 1) // 2))
    for column in range(d):
        for row in range(column + 1, d):
            place[row, column] = next(packed)
    shapes = (k,), (k, d), (k, d * (d + 1) // 2), (n, d)
    return [*(random.normal(size=shape) for shape in shapes), place, np.float64(1.3)]


def test_a_mixture_of_gaussians_with_packed_triangles_has_the_value_and_gradient_of_plain_loops() -> None:
    function = mixture()
    derivative = function.value_and_grad([a.declared for a in function.arguments[:3]])
    for sizes in ((2, 3, 4), (3, 2, 5), (1, 4, 2)):
        data = mixture_data(*sizes)
        value, gradients = derivative(*data)
        assert abs(value - mixture_in_numpy(*data)) <= 1e-12 * abs(value)
        for which, gradient in enumerate(gradients):
            expected = complex_gradient(mixture_in_numpy, data, which)
            np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-12)


def test_the_mixture_far_away_from_its_points_is_finite() -> None:
    function, data = mixture(), mixture_data(2, 3, 4)
    data[3] = data[3] + 1e4
    value, gradient = function.value_and_grad(function.arguments[1].declared)(*data)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


# -- bundle adjustment ------------------------------------------------------------------------------------------------


def projection() -> sg.Function:
    """The error of an observed point (weight, camera of 11 numbers, point): rotation by an angle and axis, perspective,
    radial distortion."""
    camera, point = sp.Matrix(sp.symbols("r1:4 c1:4 f o1:3 k1:3")), sp.Matrix(sp.symbols("x1:4"))
    weight, seen = sp.Symbol("w"), sp.Matrix(sp.symbols("s1:3"))
    turn, offset = camera[:3, :], point - camera[3:6, :]
    angle = sp.sqrt(turn.dot(turn))
    axis = turn / angle
    turned = offset * sp.cos(angle) + axis.cross(offset) * sp.sin(angle) + axis * axis.dot(offset) * (1 - sp.cos(angle))
    flat = turned[:2, :] / turned[2]
    square = flat.dot(flat)
    image = camera[6] * flat * (1 + camera[9] * square + camera[10] * square**2) + camera[7:9, :]
    return sg.Function([camera, point, weight, seen], sp.Matrix(weight * (image - seen)))


def projection_in_numpy(camera: Any, point: Any, weight: Any, seen: Any) -> Any:
    turn = camera[:3]
    angle = np.sqrt(turn @ turn)
    a, b, c = turn / angle
    cross = np.array([[0, -c, b], [c, 0, -a], [-b, a, 0]])
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross  # Rodrigues
    turned = matrix @ (point - camera[3:6])
    flat = turned[:2] / turned[2]
    square = flat @ flat
    return weight * (camera[6] * flat * (1 + camera[9] * square + camera[10] * square**2) + camera[7:9] - seen)


def test_the_jacobian_of_a_projection_is_that_of_plain_numpy_at_every_observation() -> None:
    function = projection()
    camera, point, weight, _ = (a.declared for a in function.arguments)
    random = np.random.default_rng(3)
    data = [random.normal(size=(6, 11)), random.normal(size=(6, 3)), random.normal(size=6), random.normal(size=(6, 2))]
    data[1][:, 2] += 5.0
    found = function.jacobian([camera, point, weight])(*data)
    assert found.shape == (6, 2, 15)
    for row, values in zip(found, zip(*data, strict=True), strict=True):
        parts = [np.asarray(v) for v in values]
        expected = np.concatenate(
            [complex_gradient(projection_in_numpy, parts, k).reshape(2, -1) for k in range(3)], axis=1
        )
        np.testing.assert_allclose(row, expected, rtol=1e-11, atol=1e-11 * np.abs(expected).max())
