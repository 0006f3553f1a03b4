"""XOR, which no linear model computes, by a network of one hidden layer (Goodfellow et al., section 6.1).

The model is f(X) = relu(X W + 1 c^T) w + b with squared error. Two hidden units do; their number is a symbol here, so
that the program compiled once serves the solution of the book, and the larger net that gradient descent finds.
"""

import numpy as np
import sympy as sp

import symgrad as sg

n, d, h = sp.symbols("n d h", integer=True, positive=True)
X, t = sp.MatrixSymbol("X", n, d), sp.MatrixSymbol("t", n, 1)
W, c, w, b = sp.MatrixSymbol("W", d, h), sp.MatrixSymbol("c", h, 1), sp.MatrixSymbol("w", h, 1), sp.Symbol("b")
one = sp.OneMatrix(n, 1)

POINTS, XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 1.0, 1.0, 0.0])
v = sp.MatrixSymbol("v", d, 1)
e = X * v + b * one - t
linear = sg.Function([v, b, X, t], (e.T * e)[0, 0] / n, name="J").grad([v, b])
print(f"A linear model: {linear}")
gradient = [linear(np.zeros(2), 0.5, POINTS, XOR), linear(np.zeros(2), 0.0, POINTS, XOR)]
print(f"at v = 0, b = 1/2 the gradient is {gradient[0]}: it says 1/2 everywhere\n")

output = sg.relu(X * W + one * c.T) * w + b * one
net = sg.Function([W, c, w, b, X], output, name="f")
solution = np.ones((2, 2)), np.array([0.0, -1.0]), np.array([1.0, -2.0]), 0.0
outputs = net(*solution, POINTS)
print(f"The net: {net}\nwith W = 1, c = (0, -1), w = (1, -2), b = 0: {outputs}")

e = output - t
train = sg.Function([W, c, w, b, X, t], (e.T * e)[0, 0] / n, name="J").value_and_grad([W, c, w, b])
print(f"\n{train}\n")
random = np.random.default_rng(1)
theta = [random.normal(size=(2, 8)), np.zeros(8), random.normal(size=8) / 3, 0.0]
losses = []
for step in range(2_001):
    loss, gradients = train(*theta, POINTS, XOR)
    losses.append(loss)
    theta = [p - 0.1 * g for p, g in zip(theta, gradients, strict=True)]
    if step in (0, 10, 100, 1_000, 2_000):
        print(f"step {step:5d}: J = {loss:.3e}, outputs {net(*theta, POINTS).round(4)}")
