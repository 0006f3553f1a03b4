"""f(W, x) = |W x|^2: gradients by a matrix and by a vector, as formulas for every size and as numbers at one."""

import numpy as np
import sympy as sp

import symgrad as sg

m, n = sp.symbols("m n", integer=True, positive=True)
W, x = sp.MatrixSymbol("W", m, n), sp.MatrixSymbol("x", n, 1)
q = W * x
f = sg.Function([W, x], (q.T * q)[0, 0], name="f")
by_matrix, by_vector = f.grad(W), f.grad(x)
print(f"{f}\nby W: {by_matrix.outputs}, with q = W x: 2 q x^T\nby x: {by_vector.outputs}, or 2 W^T q")

here = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])
value, gradients = f(*here), (by_matrix(*here), by_vector(*here))
print(f"\nat W = {here[0].tolist()}, x = {here[1].tolist()}")
print(f"q = {here[0] @ here[1]}, f = {value:.4f}\nby W = {gradients[0].round(4).tolist()}")
print(f"by x = {gradients[1].round(4).tolist()}")

# The same compiled program takes any size.
larger = np.random.default_rng(0).normal(size=(300, 200)), np.random.default_rng(1).normal(size=200)
print(
    f"\n300 x 200: f = {f(*larger):.6g}, gradients of shapes {by_matrix(*larger).shape} and {by_vector(*larger).shape}"
)

report = sg.check_grads(f)
print(f"checked along random directions: {report.passed}, worst error {report.worst.error:.1e}")

H, product = f.hessian(x), f.hvp(W)
print(f"\nHessian by x: {H.outputs}\nby W, in a direction v, a matrix too: {product.outputs}")
