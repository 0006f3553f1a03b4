"""The Jacobian of an elementwise maximum: diagonal, written as such, and never formed where only products are wanted.

y_i = max(a_i, b_i). Of a and b with a million entries each, the Jacobian has 10^12, of which 10^6 may differ from zero.
"""

import numpy as np
import sympy as sp

import symgrad as sg

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Idx("i", n)
a, b = sp.IndexedBase("a", shape=(n,)), sp.IndexedBase("b", shape=(n,))
y = sg.Function([a, b], sp.Max(a[i], b[i]), name="y")
J = y.jacobian(a)
print(f"{y}\nJacobian by a: {J.outputs}")
small = np.array([1.0, 5.0, 2.0, 4.0]), np.array([3.0, 3.0, 2.0, 1.0])
jacobian = J(*small)
print(f"at a = {small[0]}, b = {small[1]}: y = {y(*small)}\n{jacobian}")
print("The larger one gets the gradient; at a tie, as in the third entry, both get half of it.\n")

vjp, jvp = y.vjp(a), y.jvp(a)
print(f"u^T J: {vjp.outputs}\n J v:  {jvp.outputs}\n\n{vjp.source}")
random = np.random.default_rng(0)
large = random.normal(size=(3, 1_000_000))
product = vjp(*large)
print(f"a million entries: u^T J has shape {product.shape}, J would take {8e12 / 1e12:.0f} terabytes")

x = sp.MatrixSymbol("x", n, 1)
tanh = sg.Function([x], x.applyfunc(sp.tanh)).jacobian(x)
print(f"\nSo it is for every function of entries. In matrix notation: the Jacobian of tanh.(x) is {tanh.outputs}")
