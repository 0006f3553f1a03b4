"""Softmax regression with cross-entropy: stable at any scores; the gradient is what is predicted minus what is true.

Of one sample with scores z: J = -log p_y with p = softmax(z), the gradient by z is p - y for one-hot y, and the
Jacobian of softmax is p_j (delta_jk - p_k): positive on the diagonal, negative off it.
"""

import numpy as np
import sympy as sp

import symgrad as sg

N, m, K = sp.symbols("N m K", integer=True, positive=True)
z, y = sp.MatrixSymbol("z", K, 1), sp.MatrixSymbol("y", K, 1)
softmax = sg.Function([z], sg.softmax(z), name="p")
J = softmax.jacobian(z)
scores = np.array([1.0, 2.0, 4.0])
print(f"{softmax}\n{J}\nat z = {scores}: p = {softmax(scores)}, Jacobian\n{J(scores)}")
cost = sg.Function([z, y], sg.logsumexp(z) - (y.T * z)[0, 0], name="J")
print(f"\n{cost}\n{cost.grad(z)}\n{cost.hessian(z)}")
large = np.array([1000.0, 0.0, -1000.0])
one_hot = np.array([0.0, 0.0, 1.0])
stable = softmax(large), cost(large, one_hot), cost.grad(z)(large, one_hot)
print(f"at z = {large}, y = {one_hot}: p = {stable[0]}, J = {stable[1]}, gradient {stable[2]}")
log_p = sg.Function([z], sg.log_softmax(z), name="log_p")
print(f"{log_p}\nlog p = {log_p(large)}\n")

X, W, Y = sp.MatrixSymbol("X", N, m), sp.MatrixSymbol("W", m, K), sp.MatrixSymbol("Y", N, K)
total = sp.OneMatrix(1, N) * sg.logsumexp(X * W, axis=1)
model = sg.Function([W, X, Y], total[0, 0] / N - sp.Trace(Y.T * X * W) / N, name="J")
train, product = model.value_and_grad(W), model.hvp(W)
print(f"{model}\n{model.grad(W)}\n{product}\n\n{model.grad(W).source}")

random = np.random.default_rng(0)
kind = random.integers(3, size=300)
centres = np.array([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
inputs = np.column_stack([centres[kind] + random.normal(size=(300, 2)), np.ones(300)])
targets, weights = np.eye(3)[kind], np.zeros((3, 3))
for step in range(201):
    loss, gradient = train(weights, inputs, targets)
    if step in (0, 10, 50, 200):
        right = (np.argmax(inputs @ weights, axis=1) == kind).mean()
        print(f"step {step:3d}: J = {loss:.6f}, {right:.1%} right")
    weights = weights - 0.5 * gradient
