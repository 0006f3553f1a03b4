"""Entropies of a coin, and what maximum likelihood minimises.

Of a Gaussian it is the squared error, of a Bernoulli variable the cross-entropy. Then one number that stands for many:
the mean is the minimiser of squared error, the median that of absolute error.
"""

import numpy as np
import sympy as sp

import symgrad as sg

p, q = sp.symbols("p q", positive=True)


def cross_entropy(a, b):
    """Of two coins that fall heads with probabilities a and b, in nats."""
    return -a * sp.log(b) - (1 - a) * sp.log(1 - b)


entropy = sg.Function([p], cross_entropy(p, p))
divergence = cross_entropy(p, q) - cross_entropy(p, p)
KL = sg.Function([p, q], divergence)
print("entropy        ", entropy, f"is {entropy(0.5):.6f} for a fair coin, {entropy(0.0)} for a certain one")
print("cross-entropy  ", cross_entropy(p, q))
print("Kullback-Leibler = cross-entropy - entropy:", f"{KL(0.5, 0.5)} at q = p, {KL(0.5, 0.1):.6f} at p = 0.5, q = 0.1")
by_q = sp.factor(sg.grad(divergence, q))
print("d KL/dq        ", by_q, ": zero at q = p only\n")

# Maximum likelihood is minimum of -log(likelihood). x: what the model predicts; t: what was measured.
x, t, s = sp.symbols("x t sigma", positive=True)
gaussian = sp.exp(-((t - x) ** 2) / (2 * s**2)) / sp.sqrt(2 * sp.pi * s**2)
bernoulli = x**t * (1 - x) ** (1 - t)
gaussian_loss = sp.expand_log(-sp.log(gaussian), force=True)
bernoulli_loss = sp.expand_log(-sp.log(bernoulli), force=True)
print("Gaussian:  -log p =", gaussian_loss, "  squared error, and what does not depend on x")
print("           d/dx   =", sp.factor(sg.grad(gaussian_loss, x)))
print("Bernoulli: -log p =", bernoulli_loss, "  cross-entropy")
print("           d/dx   =", sp.factor(sg.grad(bernoulli_loss, x)), "\n")

# One number for many: the gradient of the loss vanishes at its minimum.
m = sp.Symbol("m")
DATA = [1.0, 2.0, 3.0, 7.0, 37.0]
squared = sg.Function([m], sum((value - m) ** 2 for value in DATA)).grad()
absolute = sg.Function([m], sum(sp.Abs(value - m) for value in DATA)).grad()
print("data", DATA, "mean", np.mean(DATA), "median", np.median(DATA))
print("   m    squared error, d/dm   absolute error, d/dm")
slopes = {}
for point in (1.0, 2.5, 3.0, 5.0, 10.0, 37.0):
    slopes[point] = squared(point), absolute(point)
    print(f"{point:5.1f}   {slopes[point][0]:19.1f}   {slopes[point][1]:20.1f}")
print("The first is zero at the mean. The second counts the points on each side: it is zero at the median.")
