"""Logistic regression with labels -1 and 1, and with labels 0 and 1: one model, two ways to write its cost.

The cost is the negative log-likelihood: of y = -1 or 1, log(1 + exp(-y_n w^T x_n)), with the gradient
(1/N) sum of -y_n x_n sigma(-y_n w^T x_n); of t = (1 + y) / 2, the cross-entropy, with the gradient
(1/N) sum of (sigma(w^T x_n) - t_n) x_n.
"""

import numpy as np
import sympy as sp

import symgrad as sg

N, m = sp.symbols("N m", integer=True, positive=True)
X, w = sp.MatrixSymbol("X", N, m), sp.MatrixSymbol("w", m, 1)
y, t, one = sp.MatrixSymbol("y", N, 1), sp.MatrixSymbol("t", N, 1), sp.OneMatrix(N, 1)

margins = sp.HadamardProduct(y, X * w)
signs = sg.Function([w, X, y], (one.T * sg.softplus(-margins))[0, 0] / N, name="J")
bits = sg.Function([w, X, t], (one.T * sg.softplus(X * w) - t.T * X * w)[0, 0] / N, name="J")
for F in (signs, bits):
    print(f"{F}\n{F.grad(w)}\n{F.hessian(w)}\n{F.hvp(w)}\n")

p = 1 / (1 + sp.exp(-sp.Symbol("z")))  # as the lecture has it, which overflows: rules make it stable
p = (X * w).applyfunc(sp.Lambda(sp.Symbol("z"), p))
log_likelihood = t.T * p.applyfunc(sp.log) + (one - t).T * (one - p).applyfunc(sp.log)
written = sg.Function([w, X, t], -log_likelihood[0, 0] / N, name="J")
print(f"as written: {written}\n{written.grad(w)}\nrules applied: {dict(written.applied)}\n")

i, j = sp.symbols("i j", integer=True)  # the same in index notation
x_, y_, w_ = sp.IndexedBase("x", shape=(N, m)), sp.IndexedBase("y", shape=(N,)), sp.IndexedBase("w", shape=(m,))
score = sp.Sum(x_[i, j] * w_[j], (j, 0, m - 1))
sums = sg.Function([w_, x_, y_], sp.Sum(sp.log(1 + sp.exp(-y_[i] * score)), (i, 0, N - 1)) / N, name="J")
print(f"{sums}\n{sums.grad(w_)}\n")

random = np.random.default_rng(0)
inputs = np.column_stack([random.normal(size=(400, 2)), np.ones(400)])
labels = np.where(inputs @ [2.0, -1.0, 0.5] + random.logistic(size=400) > 0, 1.0, -1.0)
here = np.array([0.3, 0.2, -0.1])
values = [
    signs.value_and_grad(w)(here, inputs, labels),
    bits.value_and_grad(w)(here, inputs, (1 + labels) / 2),
    written.value_and_grad(w)(here, inputs, (1 + labels) / 2),
    sums.value_and_grad(w_)(here, inputs, labels),
]
for value, gradient in values:
    print(f"J = {value:.15f}, gradient {gradient}")

gradient, hessian, solution = signs.grad(w), signs.hessian(w), np.zeros(3)
for step in range(7):  # Newton's method, which is iteratively reweighted least squares here
    slope = gradient(solution, inputs, labels)
    print(f"step {step}: w = {solution.round(8)}, |gradient| = {np.linalg.norm(slope):.1e}")
    solution = solution - np.linalg.solve(hessian(solution, inputs, labels), slope)
far = signs.value_and_grad(w)(1e4 * here, inputs, labels)
print(f"far away, where exp(-y w^T x) overflows: J = {far[0]:.6f}, gradient {far[1].round(6)}")
