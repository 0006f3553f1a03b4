"""Two models with the same error rate, of which one is much better: why one trains on cross-entropy.

Each gives three probabilities to each of three samples, whose labels are 3, 2, 1. Both get two of three right. But the
first is right by a hair and wrong with confidence; cross-entropy and squared loss see it, the error rate does not. Nor
has the error rate a gradient to follow: it is flat wherever it is not jumping.
"""

import numpy as np
import sympy as sp

import symgrad as sg

LABELS = (3, 2, 1)
FIRST = np.array([[0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]])
SECOND = np.array([[0.1, 0.2, 0.7], [0.1, 0.7, 0.2], [0.3, 0.4, 0.3]])

p = sp.Matrix(3, 3, sp.symbols("p(1:4)_(1:4)"))  # p[n, k]: the probability that sample n is of class k
targets = [[1 if label == k else 0 for k in (1, 2, 3)] for label in LABELS]
right = [p[n, label - 1] for n, label in enumerate(LABELS)]
others = [[p[n, k] for k in range(3) if k != label - 1] for n, label in enumerate(LABELS)]

losses = {
    "error rate": sum(sp.Heaviside(sp.Max(*rest) - good, 1) for good, rest in zip(right, others, strict=True)) / 3,
    "cross-entropy": -sum(sp.log(good) for good in right) / 3,
    "squared loss": sum((p[n, k] - targets[n][k]) ** 2 for n in range(3) for k in range(3)) / 3,
}
values, gradients = {}, {}
for name, loss in losses.items():
    F = sg.Function([p], loss)
    values[name] = (F(FIRST), F(SECOND))
    gradients[name] = F.grad(p)(FIRST)
    print(f"{name:14s} {values[name][0]:.3f} for the first model, {values[name][1]:.3f} for the second")

for name, gradient in gradients.items():
    print(f"\nd {name} / dp of the first model:\n{np.round(gradient, 3) + 0.0}")
