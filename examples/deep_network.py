"""A multilayer perceptron of any depth, with weight decay (Goodfellow et al., Algorithms 6.3 and 6.4), against NumPy.

J = 1/N sum over samples of the cross-entropy + lambda sum over layers of |W|^2. `deep_network.py 8` has 8 layers.
"""

import argparse
from itertools import pairwise

import numpy as np
import sympy as sp

import symgrad as sg

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("layers", nargs="?", type=int, default=3)
depth = options.parse_args().layers

N, lam = sp.Symbol("N", integer=True, positive=True), sp.Symbol("lam")
d = sp.symbols(f"d:{depth + 1}", integer=True, positive=True)  # the widths: every one of them any number
W = [sp.MatrixSymbol(f"W{k + 1}", d[k], d[k + 1]) for k in range(depth)]
b = [sp.MatrixSymbol(f"b{k + 1}", d[k + 1], 1) for k in range(depth)]
X, Y, one = sp.MatrixSymbol("X", N, d[0]), sp.MatrixSymbol("Y", N, d[depth]), sp.OneMatrix(N, 1)

H = X
for k in range(depth):  # Algorithm 6.3
    A = H * W[k] + one * b[k].T
    H = sg.relu(A) if k < depth - 1 else A
likelihood = sp.Trace(Y.T * sg.log_softmax(H, axis=1)) / N
J = sg.Function([*W, *b, X, Y, lam], lam * sum(sp.Trace(w.T * w) for w in W) - likelihood, name="J")
train = J.value_and_grad([*W, *b])
print(f"{J}\n{train}\n{depth} layers: {len(J.nodes)} nodes, with all gradients {len(train.nodes)}")


def by_hand(weights, biases, x, y, decay):
    """The cost and its gradients by all weights and biases, as Algorithm 6.4 has it."""
    layers = [x]
    for w, c in zip(weights, biases, strict=True):
        a = layers[-1] @ w + c
        layers.append(np.maximum(a, 0))
    shifted = a - a.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    cost = -(y * log_p).sum() / len(x) + decay * sum((w**2).sum() for w in weights)
    g, by_weights, by_biases = (np.exp(log_p) - y) / len(x), [], []
    for w, h in zip(reversed(weights), reversed(layers[:-1]), strict=True):
        by_weights.insert(0, h.T @ g + 2 * decay * w)
        by_biases.insert(0, g.sum(axis=0))
        g = (g @ w.T) * (h > 0)
    return cost, [*by_weights, *by_biases]


random = np.random.default_rng(0)
widths = [5, *[7 + k for k in range(depth - 1)], 3]
weights = [random.normal(size=s) / np.sqrt(s[0]) for s in pairwise(widths)]
biases = [random.normal(size=k) for k in widths[1:]]
inputs, targets = random.normal(size=(20, 5)), np.eye(3)[[0, 1] * 10]
cost, gradients = train(*weights, *biases, inputs, targets, 0.01)
wanted, wanted_gradients = by_hand(weights, biases, inputs, targets, 0.01)
error = max(np.abs(g - h).max() for g, h in zip(gradients, wanted_gradients, strict=True))
print(f"J = {cost:.12f}, by hand {wanted:.12f}; largest difference of {len(gradients)} gradients {error:.1e}")
