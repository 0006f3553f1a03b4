"""Norms in machine code: numbers of any size, in vectors of which some lanes need care and others do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower.kernel import Kernel

X, Y, Z = SYMBOLS = sp.symbols("x y z", real=True)
NORM = sp.sqrt(X**2 + Y**2 + Z**2)
N = sp.Symbol("n", integer=True, positive=True)
at_i = sp.Symbol("i", integer=True)
SIZES = [0.0, 5e-324, 1e-310, 1e-160, 1e-141, 9e-141, 1.0, 3e139, 2e140, 1e154, 1e300]
USUAL = np.random.default_rng(1).normal(size=(3, 37))


def mixed(seed: int, count: int = 37) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(3, count)) * random.choice(SIZES, size=(3, count))


def expected(values: np.ndarray) -> np.ndarray:
    return np.array([math.hypot(*point) for point in values.T])


def close(y: np.ndarray, z: np.ndarray) -> bool:
    return np.allclose(y, z, rtol=1e-15, atol=5e-324)


@pytest.fixture(scope="module")
def norm() -> sg.Function:
    return sg.Function(SYMBOLS, NORM)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_of_any_size(norm, seed):
    values = mixed(seed)
    assert close(norm(*values), expected(values))


@pytest.mark.parametrize("size", SIZES)
def test_one_point_of_any_size(norm, size):
    assert close(norm(3 * size, 4 * size, 0.0), math.hypot(3 * size, 4 * size))


@pytest.mark.parametrize("other", [0.0, 1e-200, 1e200, math.inf, math.nan])
def test_a_lane_does_not_depend_on_its_neighbours(norm, other):
    before = norm(*USUAL)
    for lane in (0, 3, 7):
        values = USUAL.copy()
        values[:, lane::8] = other
        kept = [k for k in range(37) if k % 8 != lane]
        assert norm(*values)[kept].tobytes() == before[kept].tobytes()


def test_what_is_not_finite(norm):
    x, z = np.ones((2, 9))
    x[:4], z[:4] = (math.inf, -math.inf, math.nan, math.inf), range(4)
    found = norm(x, 0.0, z)
    assert found[:4].tolist() == [math.inf, math.inf, pytest.approx(math.nan, nan_ok=True), math.inf]


def test_in_loops_over_arrays():
    x = sp.IndexedBase("x", shape=(N,))
    f = sg.Function([x], sp.Sum(sp.sqrt(x[at_i] ** 2 + x[at_i + 1] ** 2), (at_i, 0, N - 2)))
    for count in (2, 9, 100):
        v = np.random.default_rng(count).normal(size=count) * 1e-170
        assert f(v) == pytest.approx(math.fsum(map(math.hypot, v[1:], v[:-1])), rel=1e-14)


def test_in_users_compiled_code(norm):
    assert norm.kernel.njit(3e-200, 4e-200, 0.0) == pytest.approx(5e-200, rel=1e-15)


def test_in_parts(norm):
    total = NORM
    for k in range(2_600):
        total = sp.sin(total, evaluate=False) + sp.Float(k) / 1000 * X
    f, values = sg.Function(SYMBOLS, [total, NORM]), mixed(1)
    assert isinstance(f.kernel, Kernel)
    assert close(f(*values)[1], expected(values))


def test_derivatives_of_any_size(norm):
    values = np.random.default_rng(2).normal(size=(3, 20)) * 10.0 ** np.arange(-200, 200, 20)
    found = np.array(norm.grad(SYMBOLS)(*values))
    assert np.allclose(found, values / expected(values), rtol=1e-14)
