"""Matrix factorisation with missing entries: |Omega o (T - U V^T)|^2, where Omega is 1 at what is known and else 0.

Its gradients are -2 Omega o (T - U V^T) V by U, and the like by V. H v comes without the Hessian, which has
(n r + m r)^2 entries; Newton's method by conjugate gradients needs no more.
"""

import numpy as np
import sympy as sp
from scipy.optimize import minimize

import symgrad as sg

n, m, r = sp.symbols("n m r", integer=True, positive=True)
T, Omega = sp.MatrixSymbol("T", n, m), sp.MatrixSymbol("Omega", n, m)
U, V, lam = sp.MatrixSymbol("U", n, r), sp.MatrixSymbol("V", m, r), sp.Symbol("lam")
E = sp.HadamardProduct(Omega, T - U * V.T)
F = sg.Function([U, V, T, Omega, lam], sg.norm(E) ** 2 + lam * (sg.norm(U) ** 2 + sg.norm(V) ** 2), name="f")
train, products = F.value_and_grad([U, V]), F.hvp([U, V])
print(f"{F}\n\n{F.grad([U, V])}\n\n{products}\n\n{F.grad([U, V]).source}")

random = np.random.default_rng(0)
true = random.normal(size=(60, 2)), random.normal(size=(40, 2))
known = (random.uniform(size=(60, 40)) < 0.3).astype(float)  # 30 % of the entries
table = known * (true[0] @ true[1].T)
constants = table, known, 1e-8
sizes = [(60, 2), (40, 2)]


def joined(pair):
    return np.concatenate([part.ravel() for part in pair])


def parts(x):
    return x[:120].reshape(sizes[0]), x[120:].reshape(sizes[1])


def value_and_gradient(x):
    value, gradients = train(*parts(x), *constants)
    return value, joined(gradients)


def product(x, d):
    return joined(products(*parts(x), *constants, *parts(d)))


start = random.normal(size=200)
found = minimize(value_and_gradient, start, jac=True, hessp=product, method="trust-ncg", options={"maxiter": 500})
u, v = parts(found.x)
error = np.abs(u @ v.T - true[0] @ true[1].T).max()
print(f"f = {value_and_gradient(start)[0]:.4f} at the start, {found.fun:.2e} after {found.nit} steps, {found.nhev} H v")
print(f"all entries, the unknown 70 % too, are found: the largest error is {error:.1e}")
