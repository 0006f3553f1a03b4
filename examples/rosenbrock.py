"""Rosenbrock's function of ten variables, minimised by SciPy with exact gradients and Hessian-vector products."""

import numpy as np
import sympy as sp
from scipy.optimize import minimize

import symgrad as sg

x = sp.symbols("x:10")
f = sum(100 * (x[k + 1] - x[k] ** 2) ** 2 + (1 - x[k]) ** 2 for k in range(9))
F = sg.Function([x], f)
value_and_grad, hvp = F.value_and_grad(x), F.hvp(x)
x0 = np.full(10, -1.0)

results = {
    "differences": minimize(F, x0, method="BFGS"),
    "gradient": minimize(value_and_grad, x0, jac=True, method="BFGS"),
    "gradient and H v": minimize(value_and_grad, x0, jac=True, hessp=hvp, method="Newton-CG", tol=1e-12),
    "gradient and H": minimize(value_and_grad, x0, jac=True, hess=F.hessian(x), method="trust-exact", tol=1e-12),
}
print("given              f at the end   distance to (1, ..., 1)   calls of f")
for name, result in results.items():
    print(f"{name:18s} {result.fun:12.2e} {np.abs(result.x - 1).max():25.2e} {result.nfev:12d}")
