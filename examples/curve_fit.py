"""Fit a damped oscillation to noisy points: scipy.optimize.curve_fit with the exact Jacobian, of shape (M, n)."""

import numpy as np
import sympy as sp
from scipy.optimize import curve_fit

import symgrad as sg

t = sp.Symbol("t")
parameters = sp.symbols("amplitude decay frequency phase")
amplitude, decay, frequency, phase = parameters
model = sg.Function([t, *parameters], amplitude * sp.exp(-decay * t) * sp.cos(frequency * t + phase), name="model")
jacobian = model.jacobian(parameters)  # of one point: shape (4,); of an array of M points: (M, 4)
print(f"{model}\n\n{jacobian}\n")

random = np.random.default_rng(0)
true = np.array([2.0, 0.3, 4.0, 0.5])
times = np.linspace(0, 6, 200)
measured = model(times, *true) + random.normal(scale=0.05, size=times.size)

start = [1.0, 0.1, 3.8, 0.0]
fitted, covariance, exact, *_ = curve_fit(model, times, measured, p0=start, jac=jacobian, full_output=True)
by_differences, _, without, *_ = curve_fit(model, times, measured, p0=start, full_output=True)
deviations = np.sqrt(np.diag(covariance))
print(f"Jacobian of {times.size} points by {len(parameters)} parameters: {jacobian(times, *true).shape}")
print("parameter    true      fitted   +- deviation")
for name, wanted, found, deviation in zip(parameters, true, fitted, deviations, strict=True):
    print(f"{name!s:10s} {wanted:6.3f}  {found:10.6f}   +- {deviation:.6f}")
print(f"calls of the model: {exact['nfev']} with the Jacobian, {without['nfev']} without")
