"""Kernel ridge regression: f(x) = sum of a_i k(x_i, x) with (K + lam I) a = t, by the derivative through the solution.

The kernel is k(x, y) = exp(-(x - y)^2 / (2 l^2)). What is measured on other points depends on the regularisation lam
and on the lengthscale l by way of a: both are learned by the gradient, which solves with the same factorisation.
"""

import numpy as np
import sympy as sp

import symgrad as sg

n, m = sp.symbols("n m", integer=True, positive=True)
log_lam, log_l = sp.symbols("log_lam log_l")
x, t = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("t", n, 1)
y, s = sp.MatrixSymbol("y", m, 1), sp.MatrixSymbol("s", m, 1)


def kernel(x, y):
    distances = x * sp.OneMatrix(1, y.shape[0]) - sp.OneMatrix(x.shape[0], 1) * y.T
    return (-sp.exp(-2 * log_l) / 2 * distances.applyfunc(lambda d: d**2)).applyfunc(sp.exp)


a = sg.solve(kernel(x, x) + sp.exp(log_lam) * sp.Identity(n), t)
prediction = sg.Function([log_lam, log_l, x, t, y], kernel(y, x) * a, name="f")
e = kernel(y, x) * a - s
J = sg.Function([log_lam, log_l, x, t, y, s], (e.T * e)[0, 0] / m, name="J")
train, hessian, product = (D([log_lam, log_l]) for D in (J.value_and_grad, J.hessian, J.hvp))
print(f"{J}\n\n{train}\n\n{train.source}")

random = np.random.default_rng(0)
points, others = random.uniform(-3, 3, size=40), random.uniform(-3, 3, size=30)
targets, measured = (np.sin(2 * p) + 0.1 * random.normal(size=p.size) for p in (points, others))
data = points, targets, others, measured
here = np.array([0.0, 1.0])
for step in range(21):  # Newton's method, with the Hessian made positive: two parameters are few
    value, gradient = train(*here, *data)
    if step % 4 == 0:
        print(f"step {step:2d}: J = {value:.8f}, lam = {np.exp(here[0]):.6f}, l = {np.exp(here[1]):.6f}, {gradient}")
    curvatures, axes = np.linalg.eigh(np.array(hessian(*here, *data)))
    newton = -axes @ ((axes.T @ np.array(gradient)) / np.maximum(np.abs(curvatures), 1e-3))
    here = here + newton * min(1, 0.5 / np.linalg.norm(newton))
print("H v for v = (1, 0):", product(*here, *data, 1.0, 0.0))
