"""Linear regression in matrix notation: the gradient, the normal equation, the pseudo-inverse, and ridge regression.

L = |X w - t|^2 / N has the gradient 2/N X^T (X w - t), which vanishes where X^T X w = X^T t.
"""

import numpy as np
import sympy as sp

import symgrad as sg

N, m = sp.symbols("N m", integer=True, positive=True)
X, w, t = sp.MatrixSymbol("X", N, m), sp.MatrixSymbol("w", m, 1), sp.MatrixSymbol("t", N, 1)
lam = sp.Symbol("lam")
e = X * w - t
L = sg.Function([w, X, t], (e.T * e)[0, 0] / N, name="L")
gradient, H, Hv = L.grad(w), L.hessian(w), L.hvp(w)
print(f"{L}\ngradient: {gradient.outputs}\nHessian:  {H.outputs}\nH v:      {Hv.outputs}\n\n{gradient.source}")

random = np.random.default_rng(0)
inputs, true = random.normal(size=(500, 4)), np.array([1.0, -2.0, 0.5, 3.0])
targets = inputs @ true + 0.1 * random.normal(size=500)
normal = sg.Function([X, t], sg.solve(X.T * X, X.T * t), name="w")
pseudo_inverse = sg.Function([X], (X.T * X).inv() * X.T)(inputs)
solutions = {"normal equation": normal(inputs, targets), "pseudo-inverse": pseudo_inverse @ targets}
w0 = np.zeros(4)  # L is quadratic: one step of Newton's method, w - H^-1 g, is at the minimum
solutions["Newton"] = w0 - np.linalg.solve(H(w0, inputs, targets), gradient(w0, inputs, targets))
for name, solution in solutions.items():
    size = np.abs(gradient(solution, inputs, targets)).max()
    print(f"{name:16s} w = {solution.round(6)}, largest entry of the gradient there {size:.1e}")

ridge = sg.Function([w, X, t, lam], (e.T * e)[0, 0] / N + lam * (w.T * w)[0, 0], name="R")
print(f"\nRidge: {ridge}\ngradient: {ridge.grad(w).outputs}\nH v:      {ridge.hvp(w).outputs}")
shrunk = sg.Function([X, t, lam], sg.solve(X.T * X + N * lam * sp.Identity(m), X.T * t), name="w")
by_lam = shrunk.jacobian(lam)
print(f"minimum:  {shrunk.outputs}\nby lam:   {by_lam.outputs}")
path = {value: shrunk(inputs, targets, value) for value in (0.0, 0.1, 1.0, 10.0)}
for value, solution in path.items():
    print(f"lam = {value:4.1f}: |w| = {np.linalg.norm(solution):.6f}, w = {solution.round(4)}")
