"""Robertson's chemical reactions, a stiff system: scipy.integrate.solve_ivp with the exact Jacobian.

Three rates, nine orders of magnitude apart. An explicit method must follow the fastest all the way; an implicit one
solves equations with the Jacobian of the right-hand side at each step, and here it is exact.
"""

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import symgrad as sg

t = sp.Symbol("t")
y = a, b, c = sp.symbols("a b c")
slow, fast, middle = sp.Rational(4, 100), 3 * 10**7, 10**4
rates = [
    -slow * a + middle * b * c,
    slow * a - middle * b * c - fast * b**2,
    fast * b**2,
]
F = sg.Function([t, y], sp.Matrix(rates), name="rates")
J = F.jacobian(y)
print(f"{F}\n{J}\n")

span, start = (0.0, 1e5), [1.0, 0.0, 0.0]
options = {"t_eval": [0.4, 40.0, 4e3, 1e5], "rtol": 1e-8, "atol": 1e-12, "dense_output": True}
solutions = {
    "Radau": solve_ivp(F, span, start, method="Radau", jac=J, **options),
    "BDF": solve_ivp(F, span, start, method="BDF", jac=J, **options),
}
exact = solutions["Radau"]
print("       t             a             b             c   a + b + c - 1")
for time, values in zip(exact.t, exact.y.T, strict=True):
    print(f"{time:8.1f}  {values[0]:12.9f}  {values[1]:12.5e}  {values[2]:12.9f}   {values.sum() - 1:13.1e}")
print("\nmethod   steps   evaluations of F   of J")
for name, solution in solutions.items():
    print(f"{name:6s} {len(solution.sol.ts) - 1:7d} {solution.nfev:18d} {solution.njev:6d}")
stiffness = np.linalg.eigvals(J(1e5, exact.y[:, -1]))
print("eigenvalues of J at the end:", np.sort(stiffness.real))
