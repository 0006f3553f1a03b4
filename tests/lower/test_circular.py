"""Sines and cosines of vectors: against mpmath, near the zeros, beyond the limit, beside lanes that need care."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower.emit import circular
from symgrad.lower.emit.target import host

pytestmark = pytest.mark.skipif(host().lanes == 2, reason="narrow vectors call the C library")

X = sp.Symbol("x")
random = np.random.default_rng(5)
NEAR = {
    "small": random.uniform(-1, 1, 500),
    "usual": random.uniform(-100, 100, 500),
    "large": random.uniform(-circular.LIMIT, circular.LIMIT, 500),
    "tiny": 10.0 ** random.uniform(-300, -3, 100),
    "beside the zeros": np.array([float(k * mp.pi / 2) for k in random.integers(-(2**21), 2**21, 500)]),
    "beside the first zeros": np.array([float(k * mp.pi / 2) for k in range(-100, 100) if k]),
    "where n changes": np.array([float(k * mp.pi / 2 + mp.pi / 4) for k in range(-100, 100)]),
}


@pytest.fixture(scope="module")
def both() -> sg.Function:
    return sg.Function([X], [sp.sin(X), sp.cos(X)])


def ulps(y: np.ndarray, exact: list[mp.mpf]) -> float:
    """The largest error in units of the last place of the exact number."""
    return max(float(abs(mp.mpf(float(a)) - b) / np.spacing(abs(float(b)))) for a, b in zip(y, exact, strict=True))


@pytest.mark.parametrize("where", NEAR)
def test_the_last_two_units_of_the_last_place(both: sg.Function, where: str) -> None:
    x = NEAR[where]
    with mp.workprec(300):
        for y, exact in zip(both(x), (mp.sin, mp.cos), strict=True):
            assert ulps(y, [exact(mp.mpf(float(a))) for a in x]) < 1.6


@pytest.mark.parametrize("size", [circular.LIMIT, 1e9, 1e22, 1e300, -1e300])
def test_beyond_the_limit_the_c_library_is_asked(both: sg.Function, size: float) -> None:
    sine, cosine = both(np.full(9, size))
    assert list(sine) == [math.sin(size)] * 9
    assert list(cosine) == [math.cos(size)] * 9


def test_zeros_keep_their_signs(both: sg.Function) -> None:
    sine, cosine = both(np.array([0.0, -0.0] * 5))
    assert not sine.any()
    assert list(np.signbit(sine)) == [False, True] * 5
    assert list(cosine) == [1.0] * 10


def test_the_sine_is_odd_and_the_cosine_even_to_the_last_bit(both: sg.Function) -> None:
    x = NEAR["usual"]
    (sine, cosine), (sine_back, cosine_back) = both(x), both(-x)
    assert (sine == -sine_back).all()
    assert (cosine == cosine_back).all()


@pytest.mark.parametrize("other", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_gives_nan(both: sg.Function, other: float) -> None:
    assert np.isnan(both(np.full(9, other))).all()


@pytest.mark.parametrize("other", [0.0, -1e-300, 1e10, math.inf, math.nan])
def test_a_lane_does_not_depend_on_its_neighbours(both: sg.Function, other: float) -> None:
    x = NEAR["usual"][:37]
    before = both(x)
    for lane in (0, 3, 7):
        changed = x.copy()
        changed[lane::8] = other
        kept = [k for k in range(37) if k % 8 != lane]
        for y, y_before in zip(both(changed), before, strict=True):
            assert y[kept].tobytes() == y_before[kept].tobytes()


def test_the_polynomials_are_exact_to_the_last_bits() -> None:
    with mp.workprec(200):
        for r in mp.linspace(mp.mpf(1) / 1000, mp.pi / 4, 200):
            sine = r + r**3 * mp.polyval(circular.SINE[::-1], r * r)
            cosine = 1 - r * r / 2 + r**4 * mp.polyval(circular.COSINE[::-1], r * r)
            assert abs(sine / mp.sin(r) - 1) < mp.mpf(2) ** -57
            assert abs(cosine / mp.cos(r) - 1) < mp.mpf(2) ** -59


def test_half_pi_is_a_sum_of_three_numbers() -> None:
    with mp.workprec(300):
        assert abs(mp.fsum(circular.HALF_PI) - mp.pi / 2) < mp.mpf(2) ** -159
    assert circular.TWO_OVER_PI == float(2 / mp.pi)
