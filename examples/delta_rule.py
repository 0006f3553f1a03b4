"""The delta rule of a layered net, derived: delta_j = h'(a_j) sum over k of w_kj delta_k, and y - t at the outputs.

The deltas are the gradients of the error by the activations a, before the nonlinearity: E as a function of them.
"""

import numpy as np
import sympy as sp

import symgrad as sg

d, h, k = sp.symbols("d h k", integer=True, positive=True)
x, t = sp.MatrixSymbol("x", d, 1), sp.MatrixSymbol("t", k, 1)
U, W = sp.MatrixSymbol("U", h, d), sp.MatrixSymbol("W", k, h)
a, b = sp.MatrixSymbol("a", h, 1), sp.MatrixSymbol("b", k, 1)  # of the hidden layer, and of the outputs y


def squared(y):
    return ((y - t).T * (y - t))[0, 0] / 2


def cross_entropy(b):  # of softmax outputs and targets that sum to 1
    return sg.logsumexp(b) - (t.T * b)[0, 0]


hidden = a.applyfunc(sp.tanh)
rules = {
    "linear outputs, squared error: y - t": (sg.Function([b, t], squared(b), name="E"), b),
    "softmax outputs, cross-entropy: y - t": (sg.Function([b, t], cross_entropy(b), name="E"), b),
    "hidden layer: h'(a) o W^T delta": (sg.Function([a, W, t], squared(W * hidden), name="E"), a),
}
for name, (E, by) in rules.items():
    print(f"{name}\n    {E}\n    {E.grad(by)}")

E = sg.Function([U, W, x, t], squared(W * (U * x).applyfunc(sp.tanh)), name="E")
gradients = E.grad([U, W])
print(f"\nof the whole net: delta_hidden x^T and delta_output h^T\n{gradients}")

random = np.random.default_rng(0)
u, w, point, target = (random.normal(size=size) for size in ((4, 3), (2, 4), 3, 2))
activation = np.tanh(u @ point)
delta_output = w @ activation - target
delta_hidden = (1 - activation**2) * (w.T @ delta_output)  # h' = 1 - h^2 for tanh
by_hand = np.outer(delta_hidden, point), np.outer(delta_output, activation)
derived = gradients(u, w, point, target)
print(f"\nthe sum over k in one entry, by hand {delta_hidden}")
hidden_rule, by = rules["hidden layer: h'(a) o W^T delta"]
print(f"                            derived {hidden_rule.grad(by)(u @ point, w, target)}")
print("largest difference of the gradients:", max(np.abs(p - q).max() for p, q in zip(derived, by_hand, strict=True)))
