"""Every script of examples/ runs, and the figures that it prints are right."""

from __future__ import annotations

import io
import runpy
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.evaluate import evaluate
from symgrad.graph import Node

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@cache
def run(name: str, *arguments: str) -> dict[str, Any]:
    """The variables that a script leaves, and as `printed` what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), mock.patch.object(sys, "argv", [name, *arguments]):
        variables = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return {**variables, "printed": printed.getvalue()}


def close(value: Any, wanted: Any, relative: float = 1e-12) -> bool:
    """Equal to so many digits, in every entry; a zero is a zero."""
    return bool(np.all(np.abs(np.asarray(value) - np.asarray(wanted)) <= relative * np.abs(np.asarray(wanted))))


# -- what holds for all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_example_runs_and_prints_without_nan_it_does_not_mean(name: str) -> None:
    printed = run(name)["printed"]
    assert len(printed.splitlines()) >= 4
    assert "nan" not in printed or name in ("neuron", "simplification")


@pytest.mark.parametrize("name", NAMES)
def test_example_can_be_read_in_one_sitting(name: str) -> None:
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()
    assert lines[0].startswith('"""')
    assert len(lines) <= 80


@pytest.mark.parametrize("name", ["linear_regression", "saturated_neuron", "activations"])
def test_plot_is_a_png(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    run(name, "--plot", str(tmp_path / "plot.png"))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


# -- the lectures, in their order -------------------------------------------------------------------------------------


def test_first_example_shows_formula_source_and_numbers() -> None:
    first = run("first")
    a, b = 2 * np.sin(2) + 2 * np.exp(2), np.cos(2) + np.exp(2)
    assert close(first["G"](1.0, 2.0), (a, b))
    assert close(first["H"](1.0, 2.0, 1.0, 0.0), (2 * np.sin(2) + 4 * np.exp(2), 2 * np.cos(2) + 3 * np.exp(2)))
    assert first["printed"].startswith("f_grad(x, y) = (2*x*sin(y) + y*exp(x*y), x**2*cos(y) + x*exp(x*y))\n")
    assert first["G"].source in first["printed"]


def test_the_printed_source_of_the_first_example_runs_without_symgrad() -> None:
    first = run("first")
    scope: dict[str, Any] = {}
    exec(first["G"].source, scope)
    assert "symgrad" not in first["G"].source
    assert close(scope[first["G"].name](1.0, 2.0), first["G"](1.0, 2.0), 1e-15)


def test_gates_have_the_values_of_the_lecture() -> None:
    gates = run("gates")
    assert gates["value"] == {"x": -2, "y": 5, "z": -4, "t0": 3, "f": -12}
    assert gates["upstream"] == {"x": -4, "y": -4, "z": 3, "t0": -4, "f": 1}
    assert gates["circuit"].grad([gates[v] for v in "xyz"])(-2.0, 5.0, -4.0) == (-4.0, -4.0, 3.0)


def test_an_addition_distributes_a_product_swaps_a_maximum_routes_and_a_copy_adds() -> None:
    gradients = run("gates")["gradients"]
    assert gradients["add distributes"] == (1.0, 1.0)
    assert gradients["multiply swaps"] == (-1.0, 3.0)
    assert gradients["max routes"] == (1.0, 0.0)
    assert gradients["max at a tie shares"] == (0.5, 0.5)
    assert close(gradients["copy adds"], (-1 + np.cos(3), 3.0))


def test_a_sigmoid_neuron_is_the_same_by_gates_and_as_one_gate() -> None:
    neuron = run("neuron")
    wanted = 0.7310585786, -0.1966119332, -0.3932238665, 0.1966119332, 0.3932238665, -0.5898357997
    for values in neuron["values"]:
        assert np.allclose(values, wanted, rtol=0, atol=5e-11)
    assert dict(neuron["one_gate"].applied) == {"reciprocal-of-one-plus-exp": 1}
    assert not neuron["by_gates"].applied


def test_a_saturated_sigmoid_has_a_gradient_as_one_gate_only() -> None:
    by_gates, one_gate = run("neuron")["saturated"]
    assert np.isnan(by_gates).all()
    assert (one_gate == 0).all()


def test_a_difference_quotient_has_ten_digits_and_a_complex_step_all() -> None:
    check = run("gradient_check")
    x, y = sp.symbols("x y")
    exact = sp.diff(sp.exp(x * sp.sin(y)) / (1 + x**2), x).evalf(30, subs={x: sp.Rational(1, 2), y: sp.Rational(3, 2)})
    assert close(check["exact"], float(exact), 1e-14)
    assert close(check["complex_step"], float(exact), 1e-14)
    assert min(check["errors"], key=check["errors"].__getitem__) == -5
    assert check["errors"][-5] > 1e-12


def test_check_grads_passes_a_right_derivative_and_finds_one_off_by_a_twentieth_of_a_per_cent() -> None:
    check = run("gradient_check")
    assert check["report"].passed
    assert check["report"].worst.error < 1e-14
    assert not check["failure"].passed
    assert 1e-4 < check["failure"].worst.error < 1e-3


def test_linear_regression_has_the_loss_and_the_minimum_of_the_lecture() -> None:
    lecture = run("linear_regression")
    w0, w1 = lecture["w"]
    assert lecture["loss"] == 2 * w1**2 + 3 * w0**2 - 6 * w1 - 6 * w0 + 4 * w1 * w0 + 5
    assert lecture["minimum"] == {w0: 0, w1: sp.Rational(3, 2)}


def test_gradient_descent_takes_the_steps_of_the_lecture() -> None:
    path = run("linear_regression")["path"]
    w = np.ones(2)
    for here in path:  # by hand
        assert np.allclose(here, w, rtol=0, atol=1e-14)
        w = w - 0.1 * np.array([6 * w[0] + 4 * w[1] - 6, 4 * w[0] + 4 * w[1] - 6])
    assert np.allclose(path[[1, 2]], [(0.6, 0.8), (0.52, 0.84)], rtol=0, atol=1e-14)
    assert np.allclose(path[100], (6.42e-5, 1.49991777), rtol=0, atol=5e-9)


def test_equal_error_rates_hide_what_cross_entropy_shows() -> None:
    values = run("losses")["values"]
    assert close(values["error rate"], (1 / 3, 1 / 3))
    assert np.round(values["cross-entropy"], 3).tolist() == [1.378, 0.639]
    assert np.round(values["squared loss"], 3).tolist() == [0.807, 0.340]
    assert close(values["cross-entropy"], -np.log([0.4 * 0.4 * 0.1, 0.7 * 0.7 * 0.3]) / 3)


def test_the_error_rate_has_no_gradient_to_follow() -> None:
    losses = run("losses")
    assert (losses["gradients"]["error rate"] == 0).all()
    wanted = np.where(losses["targets"], -1 / (3 * losses["FIRST"]), 0)
    assert close(losses["gradients"]["cross-entropy"], wanted)
    assert close(losses["gradients"]["squared loss"], 2 * (losses["FIRST"] - losses["targets"]) / 3)


def test_entropies_of_a_coin() -> None:
    likelihood = run("maximum_likelihood")
    assert close(likelihood["entropy"](0.5), np.log(2))
    assert likelihood["entropy"](0.0) == 0
    assert likelihood["KL"](0.5, 0.5) == 0
    assert close(likelihood["KL"](0.5, 0.1), np.log(0.5 / 0.1) / 2 + np.log(0.5 / 0.9) / 2)
    p, q = likelihood["p"], likelihood["q"]
    assert sp.simplify(likelihood["by_q"] - (q - p) / (q * (1 - q))) == 0


def test_maximum_likelihood_is_squared_error_for_a_gaussian_and_cross_entropy_for_bernoulli() -> None:
    likelihood = run("maximum_likelihood")
    x, t, s = likelihood["x"], likelihood["t"], likelihood["s"]
    assert sp.simplify(sg.grad(likelihood["gaussian_loss"], x) - sg.grad((t - x) ** 2 / (2 * s**2), x)) == 0
    assert likelihood["bernoulli_loss"] == -t * sp.log(x) - (1 - t) * sp.log(1 - x)
    assert sp.simplify(sg.grad(likelihood["bernoulli_loss"], x) - (x - t) / (x * (1 - x))) == 0


def test_the_mean_minimises_squared_error_and_the_median_absolute_error() -> None:
    likelihood = run("maximum_likelihood")
    data, slopes = np.array(likelihood["DATA"]), likelihood["slopes"]
    assert [m for m, (squared, _) in slopes.items() if squared == 0] == [data.mean()]
    assert [m for m, (_, absolute) in slopes.items() if absolute == 0] == [np.median(data)]
    for m, (squared, absolute) in slopes.items():
        assert squared == 2 * np.sum(m - data)
        assert absolute == np.sum(np.sign(m - data))


def test_the_slope_of_a_saturated_neuron_is_in_one_gradient_and_not_in_the_other() -> None:
    neuron = run("saturated_neuron")
    z, t = neuron["z"], neuron["t"]
    assert sp.simplify(neuron["by_z"]["quadratic cost"] - (sg.sigmoid(z) - t) * sg.sigmoid(z).diff(z)) == 0
    assert neuron["by_z"]["cross-entropy"] == sg.sigmoid(z) - t


def test_a_saturated_neuron_learns_by_cross_entropy_and_not_by_squares() -> None:
    neuron = run("saturated_neuron")
    sigma = 1 / (1 + np.exp(-4))
    assert close(neuron["slopes"]["quadratic cost"], (sigma**2 * (1 - sigma),) * 2)
    assert close(neuron["slopes"]["cross-entropy"], (sigma, sigma))
    quadratic, entropy = neuron["curves"]["quadratic cost"], neuron["curves"]["cross-entropy"]
    assert np.round([quadratic[k] for k in (0, 50, 100, 300)], 4).tolist() == [0.9820, 0.9759, 0.9641, 0.2028]
    assert np.round([entropy[k] for k in (0, 50, 100, 300)], 4).tolist() == [0.9820, 0.0985, 0.0411, 0.0120]


ACTIVATIONS = {  # in NumPy, by hand: value and derivative
    "sigmoid": (lambda z, a: 1 / (1 + np.exp(-z)), lambda z, a: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (lambda z, a: np.tanh(z), lambda z, a: 1 / np.cosh(z) ** 2),
    "ReLU, as relu(z)": (lambda z, a: np.maximum(z, 0), lambda z, a: np.where(z > 0, 1, 0)),
    "ReLU, as Max(0, z)": (lambda z, a: np.maximum(z, 0), lambda z, a: np.where(z > 0, 1, 0)),
    "absolute value": (lambda z, a: np.abs(z), lambda z, a: np.sign(z)),
    "leaky ReLU": (lambda z, a: np.where(z > 0, z, z / 100), lambda z, a: np.where(z > 0, 1, 0.01)),
    "PReLU": (lambda z, a: np.where(z > 0, z, a * z), lambda z, a: np.where(z > 0, 1, a)),
    "maxout of two": (lambda z, a: np.maximum(1 - z, z / 2 - 2), lambda z, a: np.where(z > 2, 0.5, -1)),
    "ELU": (lambda z, a: np.where(z > 0, z, np.expm1(z)), lambda z, a: np.where(z > 0, 1, np.exp(z))),
    "softplus": (lambda z, a: np.log1p(np.exp(z)), lambda z, a: 1 / (1 + np.exp(-z))),
    "hard tanh": (lambda z, a: np.clip(z, -1, 1), lambda z, a: np.where(np.abs(z) < 1, 1, 0)),
    "radial basis": (lambda z, a: np.exp(-((z - 1) ** 2) / 2), lambda z, a: (1 - z) * np.exp(-((z - 1) ** 2) / 2)),
    "cosine": (lambda z, a: np.cos(z), lambda z, a: -np.sin(z)),
    "softmax of (z, -z, 0)": (
        lambda z, a: np.exp(z) / (np.exp(z) + np.exp(-z) + 1),
        lambda z, a: (2 + np.exp(z)) / (np.exp(z) + np.exp(-z) + 1) ** 2,
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_its_derivative(name: str) -> None:
    activations = run("activations")
    value, derivative = ACTIVATIONS[name]
    z = np.array([-3.7, -1.3, -0.2, 0.4, 1.9, 3.1])
    assert close(activations["functions"][name](z, 0.25), value(z, 0.25), 1e-14)
    assert close(activations["derivatives"][name](z, 0.25), derivative(z, 0.25), 1e-13)


def test_every_activation_has_its_formula_here() -> None:
    assert run("activations")["functions"].keys() == ACTIVATIONS.keys()


def test_the_derivative_at_a_kink_is_the_one_that_is_stated() -> None:
    assert run("activations")["chosen"] == {
        ("ReLU, as relu(z)", 0.0): 0.0,
        ("ReLU, as Max(0, z)", 0.0): 0.5,
        ("absolute value", 0.0): 0.0,
        ("leaky ReLU", 0.0): 0.01,
        ("PReLU", 0.0): 0.625,
        ("maxout of two", 2.0): -0.25,
        ("ELU", 0.0): 1.0,
        ("hard tanh", -1.0): 0.5,
        ("hard tanh", 1.0): 0.5,
    }


def test_activations_that_are_one_another() -> None:
    activations = run("activations")
    tanh, sigmoid, softplus = (activations["functions"][name] for name in ("tanh", "sigmoid", "softplus"))
    assert close(tanh(1.0, 0.0), 2 * sigmoid(2.0, 0.0) - 1, 1e-15)
    assert softplus(1000.0, 0.0) == 1000
    assert activations["derivatives"]["softplus"](1000.0, 0.0) == 1
    assert activations["by_slope"] == sp.Min(0, activations["z"])


def test_back_propagation_as_the_book_has_it_gives_the_nodes_of_build_grad() -> None:
    back = run("back_propagation")
    assert back["book"] == back["own"]
    x, y = back["x"], back["y"]
    f = sp.exp(x * y) * sp.sin(x) + x
    by_x, by_y = back["back_propagation"](back["variables"], back["F"].target)[0]
    assert sp.simplify(back["table"][back["variables"][0]] - f.diff(x)) == 0
    assert sp.simplify(back["table"][back["variables"][1]] - f.diff(y)) == 0
    assert [by_x, by_y] == back["own"]


def test_back_propagation_is_linear_in_the_number_of_nodes() -> None:
    counts = run("back_propagation")["counts"]
    assert {links: added for links, (_, added) in counts.items()} == {links: 5 * links - 1 for links in counts}


def test_derivatives_of_orders_one_to_four() -> None:
    orders = run("higher_orders")["orders"]
    x = sp.Symbol("x")
    for order, F in enumerate(orders):
        exact = sp.diff(sp.exp(sp.sin(x)), x, order).subs(x, sp.Rational(1, 2)).evalf(30)
        assert close(F(0.5), float(exact), 1e-14)
    assert [len(F.nodes) for F in orders] == [3, 5, 8, 12, 20]


def test_a_hessian_vector_product_is_the_hessian_times_the_vector() -> None:
    orders = run("higher_orders")
    assert orders["H"](orders["here"]).tolist() == [[702, -200, 0], [-200, 602, 400], [0, 400, 200]]
    assert orders["Hv"](orders["here"], orders["v"]).tolist() == [302, 2204, 1400]


def test_a_hessian_vector_product_costs_a_multiple_of_the_function() -> None:
    counts = run("higher_orders")["counts"]
    f, gradient, product, hessian = np.array([counts[n] for n in (5, 10, 20, 40)]).T
    assert np.diff(product).tolist() == [120, 240, 480]
    assert (gradient < 3 * f).all()
    assert (product < 6 * f).all()
    assert hessian[-1] > 25 * f[-1]


def test_symbol_to_number_gives_the_compiled_numbers() -> None:
    numbers = run("symbol_to_number")
    wanted = 2 * np.e, 2 * np.e, 4 * np.e
    assert close((numbers["value"].real, numbers["by_x"], numbers["by_y"]), wanted, 1e-15)
    assert close([numbers["steps"][n] for r in numbers["D"].results for n in r.elements], wanted, 1e-15)
    assert close(numbers["complex_step"], wanted[1], 1e-15)
    with mpmath.workdps(40):
        exact = [2 * mpmath.e, 2 * mpmath.e, 4 * mpmath.e]
        assert all(abs(a - b) <= mpmath.mpf(10) ** -38 for a, b in zip(numbers["digits"], exact, strict=True))


def test_results_share_work() -> None:
    assert run("complications")["shared"] == {"f": 7, "gradient": 12, "both": 13}


def test_gradients_accumulate() -> None:
    steps = {str(step.name): step for step in run("complications")["accumulated"].steps}
    shares = [e.product for step in steps.values() for e in step.edges if str(e.to) == "t0"]
    assert len(shares) == 3
    u = np.exp(0.5)
    assert close(sum(shares), 2 + np.cos(u) + 1 / (2 * np.sqrt(1 + u)), 1e-15)
    assert close(steps["t0"].upstream, sum(shares), 1e-15)


def test_what_has_no_gradient_or_is_no_number_is_named() -> None:
    errors = run("complications")["errors"]
    assert isinstance(errors[1j], sg.ComplexInput)
    assert isinstance(errors["3"], sg.DTypeError)
    assert isinstance(errors["order"], sg.UndefinedDerivative)
    assert "besselj" in str(errors["order"])
    assert "exp > besselj" in str(errors["order"])


def test_a_step_is_flat() -> None:
    complications = run("complications")
    assert complications["flat"] == (0, sp.floor(complications["x"]))


def test_every_rule_of_the_table_is_printed_with_its_condition() -> None:
    simplification = run("simplification")
    for rule in (*simplification["STABLE"], *simplification["FORM"]):
        assert rule.name in simplification["printed"]
        assert rule.condition in simplification["printed"]


def test_simplified_forms_are_right_where_the_written_ones_fail() -> None:
    simplification = run("simplification")
    assert all(simplification["applied"].values())
    values = list(simplification["values"].values())
    wanted = [  # value and derivative of the stable form
        (1000, 1),
        (0, 0),
        (-40, -1),
        (2000, 2),
        (1000 - np.log(2), 1),
        (1e-18, 1),
        (1e-18, 1),
        (0, -np.inf),
        (np.sqrt(2) * 1e200, np.sqrt(2)),
        (0, 0),
        (0, 0),
        (0, 0),
    ]
    assert len(values) == len(wanted)
    for (value, _, slope, _), (right, right_slope) in zip(values, wanted, strict=True):
        assert np.allclose((value, slope), (right, right_slope), rtol=1e-14, atol=0)


# -- SciPy ------------------------------------------------------------------------------------------------------------


def test_rosenbrock_is_minimised_with_products_of_the_hessian() -> None:
    results = run("rosenbrock")["results"]
    assert all(result.fun < 1e-9 for result in results.values())
    for name in ("gradient and H v", "gradient and H"):
        assert np.abs(results[name].x - 1).max() < 1e-12
        assert results[name].nfev < results["differences"].nfev / 10


def test_curve_fit_takes_the_exact_jacobian() -> None:
    fit = run("curve_fit")
    assert fit["jacobian"](fit["times"], *fit["true"]).shape == (200, 4)
    assert (np.abs(fit["fitted"] - fit["true"]) < 3 * fit["deviations"]).all()
    assert np.allclose(fit["fitted"], fit["by_differences"], rtol=1e-5)
    parameters = fit["parameters"]
    model = sp.lambdify([fit["t"], *parameters], [fit["model"].outputs.diff(p) for p in parameters], "numpy")
    wanted = np.stack(model(fit["times"], *fit["true"]), axis=-1)
    assert np.allclose(fit["jacobian"](fit["times"], *fit["true"]), wanted, rtol=1e-12, atol=1e-15)


def test_robertson_has_the_concentrations_of_the_literature() -> None:
    ode = run("stiff_ode")
    # E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, section IV.10; SUNDIALS, cvRoberts_dns
    for time, wanted in ((0.4, (9.8517e-01, 3.3864e-05, 1.4794e-02)), (40.0, (7.1583e-01, 9.1855e-06, 2.8416e-01))):
        values = ode["exact"].y[:, list(ode["exact"].t).index(time)]
        assert np.allclose(values, wanted, rtol=5e-5)
    for solution in ode["solutions"].values():
        assert solution.success
        assert np.allclose(solution.y, ode["exact"].y, rtol=1e-5)
    assert np.abs(ode["exact"].y.sum(axis=0) - 1).max() < 1e-13


def test_quad_integrates_the_c_callback_as_it_does_the_formula() -> None:
    results = run("quad_callback")["results"]
    assert len(results) == 6
    for value, wanted in results.values():
        assert close(value, wanted, 1e-14)
    a = sp.Symbol("a", positive=True)
    integral = sp.sqrt(sp.pi / a) * sp.exp(-1 / (4 * a))
    exact = {"integral of f": integral, "integral of df/da": integral.diff(a)}
    for (name, _), (value, _) in results.items():
        assert close(value, float(exact[name].subs(a, sp.Rational(3, 2))), 1e-14)


# -- mechanics --------------------------------------------------------------------------------------------------------


def test_five_pendulums_equal_the_derivatives_of_sympy_to_50_digits() -> None:
    pendulum = run("pendulum", "5")
    state, constants, kane = pendulum["state"], pendulum["constants"], pendulum["kane"]
    u, v = sp.Matrix(pendulum["u"]), pendulum["v"]
    energy = (u.T * kane.mass_matrix * u)[0] / 2
    along_v = sum(sp.Rational(b) * energy.diff(s) for s, b in zip(state, v, strict=True))
    wanted = [
        [[entry.diff(s) for s in state] for entry in kane.mass_matrix],
        [[entry.diff(s) for s in state] for entry in kane.forcing],
        [along_v.diff(s) for s in state],
    ]
    with mpmath.workdps(50):
        point = [list(map(mpmath.mpf, values)) for values in (pendulum["x"], pendulum["c"])]
        exact = sp.lambdify([state, constants], wanted, "mpmath", cse=True)(*point)
        by_mass, by_forcing, product = [np.array(part, dtype=float) for part in exact]
    assert close(pendulum["by_mass"], by_mass.reshape(6, 6, 12), 1e-11)
    assert close(pendulum["by_forcing"], by_forcing, 1e-11)
    assert close(pendulum["product"], product, 1e-11)


def test_twenty_pendulums_equal_the_complex_step() -> None:
    pendulum = run("pendulum", "20")
    x, c, v = pendulum["x"], pendulum["c"], pendulum["v"]
    by_state = _complex_step(pendulum["motion"], x, c, np.eye(42))
    by_mass, by_forcing = by_state[:441].reshape(21, 21, 42), by_state[441:]
    assert close(pendulum["by_mass"], by_mass, 1e-11)
    assert close(pendulum["by_forcing"], by_forcing, 1e-11)
    gradient = pendulum["energy"].grad(pendulum["state"])
    assert close(pendulum["product"], _complex_step(gradient, x, c, v[:, None])[:, 0], 1e-11)


def _complex_step(F: sg.Function, x: np.ndarray, c: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """d outputs / dt at x + t d for each column d, by Im f(x + i h d) / h."""
    step = 1e-100
    state, constants = F.arguments
    inputs: dict[Node, Any] = {e: a + 1j * step * d for e, a, d in zip(state.elements, x, directions, strict=True)}
    inputs.update(zip(constants.elements, c, strict=True))
    values = evaluate([e for result in F.results for e in result.elements], inputs)
    return np.array([np.broadcast_to(np.imag(v), directions.shape[1:]) for v in values]) / step


def test_the_derivatives_of_a_pendulum_are_a_few_times_its_size() -> None:
    pendulum = run("pendulum", "10")
    assert len(pendulum["motion"].nodes) < 1_500
    assert len(pendulum["jacobian"].nodes) < 3 * len(pendulum["motion"].nodes)
    assert len(pendulum["hvp"].nodes) < 5 * len(pendulum["energy"].nodes)
    for name in ("motion", "jacobian", "energy", "hvp"):
        assert f" {len(pendulum[name].nodes)} nodes" in pendulum["printed"]
