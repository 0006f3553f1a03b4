"""A report on a user's function: what it holds, that it fails where something is wrong, and what it lets pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.ops.elementwise import OPERATIONS
from symgrad.user import IMPLEMENTATIONS

X, Y = sp.symbols("x y")
N = sp.Symbol("n", integer=True, positive=True)
A = sp.MatrixSymbol("A", N, N)
V = sp.MatrixSymbol("v", N, 1)


@pytest.fixture
def registry() -> Iterator[None]:
    with mock.patch.dict(OPERATIONS), mock.patch.dict(IMPLEMENTATIONS):
        yield


def same(slope: float) -> Any:
    """x as a user's function, with a derivative of this slope."""

    class itself(sp.Function):
        def fdiff(self, argindex: int = 1) -> Any:
            return sp.Float(slope)

        def _eval_evalf(self, prec: int) -> Any:
            return self.args[0]._eval_evalf(prec)

    return itself


def test_a_function_of_scalars_is_verified() -> None:
    report = sg.Function([X, Y], sp.sin(X) * sp.exp(Y)).verify(domain=(-3, 3), points=5)
    assert report.passed
    assert report.compared == 10, "each point by itself, and in a batch"
    assert report.derivatives is not None


def test_a_function_of_arrays_is_verified() -> None:
    report = sg.Function([A, V], (V.T * A * V)[0, 0]).verify(points=3, order=2)
    assert report.passed
    assert report.compared == 3


def test_a_wrong_value_fails(registry: None) -> None:
    f = same(1.0)
    sg.register(f, lambda x: x * (1 + 1e-13))
    with pytest.raises(sg.CheckFailed) as caught:
        sg.Function([X], f(X)).verify(points=3)
    assert not caught.value.report.passed
    assert 400 < caught.value.report.worst.roundings < 2000, "1e-13 is 900 ulp"


def test_a_wrong_derivative_fails(registry: None) -> None:
    f = same(1.001)
    sg.register(f, lambda x: x)
    with pytest.raises(sg.CheckFailed) as caught:
        sg.Function([X], f(X)).verify(points=3)
    assert caught.value.report.worst is None
    assert not caught.value.report.derivatives.passed


def test_a_wrong_batch_fails() -> None:
    F = sg.Function([X], sp.sin(X))
    right = F.kernel.batch
    with (
        mock.patch.object(F.kernel, "batch", lambda *args: [y * (1 + 1e-12) for y in right(*args)]),
        pytest.raises(sg.CheckFailed) as caught,
    ):
        F.verify(points=3)
    assert caught.value.report.worst.path == "batch"


def test_an_overflow_on_the_way_fails_and_is_blamed() -> None:
    F = sg.Function([X], sp.log(1 + sp.exp(X)), simplify=False)
    with pytest.raises(sg.CheckFailed) as caught:
        F.verify(domain=(800, 900), points=2)
    assert "stable: softplus(x)" in str(caught.value.report)


def test_cancellation_that_is_in_the_formula_passes() -> None:
    report = sg.Function([X], (1 - sp.cos(X)) / X**2).verify(domain=(1e-3, 1e-2), points=5, order=0)
    assert report.worst is not None
    assert report.worst.roundings < 64


def test_points_that_float64_cannot_tell_are_counted() -> None:
    report = sg.Function([X], (1 - sp.cos(X)) / X**2, simplify=False).verify(domain=(1e-7, 1e-6), points=4)
    assert report.ill > 0


def test_each_argument_has_its_domain() -> None:
    report = sg.Function([X, Y], sp.log(X) * Y).verify(domain={X: (1, 2), Y: (-5, -4)}, points=2)
    assert report.domain == {"x": (1.0, 2.0), "y": (-5.0, -4.0)}


@pytest.mark.parametrize("domain", [{"z": (0, 1)}, (1, 0), (0, np.inf)])
def test_a_domain_that_is_none_is_refused(domain: Any) -> None:
    with pytest.raises(sg.ArgumentError):
        sg.Function([X], X).verify(domain=domain)


def test_one_seed_is_one_report() -> None:
    F = sg.Function([X], sp.gamma(X))
    assert F.verify(seed=3, points=3).to_json() == F.verify(seed=3, points=3).to_json()


def test_the_report_is_json() -> None:
    report = sg.Function([X], sp.exp(X)).verify(points=2)
    kept = json.loads(report.to_json())
    assert kept["passed"] is True
    assert kept == report.to_dict()


def test_values_are_verified_where_no_derivative_exists() -> None:
    report = sg.Function([X, Y], sp.besselj(X, Y)).verify(points=2)
    assert report.passed
    assert "no closed form" in report.without


def test_an_array_of_float32_is_judged_by_its_own_digits() -> None:
    assert sg.Function([V], (V.T * V)[0, 0], dtype="float32").verify(points=2, order=0).passed
