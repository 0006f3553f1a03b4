"""The gradient is a graph, and is differentiated again: orders 1 to 4, the Hessian, and H v without the Hessian."""

import numpy as np
import sympy as sp

import symgrad as sg

x = sp.Symbol("x")
orders = [sg.Function([x], sp.exp(sp.sin(x)))]
for _ in range(4):
    orders.append(orders[-1].grad())
for order, F in enumerate(orders):
    exact = sp.diff(sp.exp(sp.sin(x)), x, order).subs(x, sp.Rational(1, 2)).evalf(20)
    print(f"order {order}: {len(F.nodes):2d} nodes, at 1/2: {F(0.5):+.12f}, SymPy {exact:+.12f}")
print(f"{orders[2]}\n")

# Rosenbrock's function of three variables: its Hessian, and H v as the gradient of <gradient, v>.
z = sp.symbols("z:3")
rosenbrock = sum(100 * (z[k + 1] - z[k] ** 2) ** 2 + (1 - z[k]) ** 2 for k in range(2))
F = sg.Function([z], rosenbrock)
H, Hv = F.hessian(), F.hvp()
here, v = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, 3.0])
print(f"{H}\n\nat {here}:\n{H(here)}\nH v = {H(here) @ v}, without H: {Hv(here, v)}\n")

# How much that saves: f = log(sum_i exp(x_i) sin(x_i+1)), whose Hessian is full.
print("variables   nodes of f   of its gradient   of H v   of H")
counts = {}
for n in (5, 10, 20, 40):
    y = sp.symbols(f"y:{n}")
    F = sg.Function([y], sp.log(3 * n + sum(sp.exp(y[k]) * sp.sin(y[k - 1]) for k in range(n))))
    counts[n] = [len(f.nodes) for f in (F, F.grad(), F.hvp(), F.hessian())]
    print(f"{n:9d} {counts[n][0]:12d} {counts[n][1]:17d} {counts[n][2]:8d} {counts[n][3]:6d}")
