"""The first example: an expression, its gradient, the generated source, the numbers, and a Hessian-vector product."""

import sympy as sp

import symgrad as sg

x, y = sp.symbols("x y")
F = sg.Function([x, y], x**2 * sp.sin(y) + sp.exp(x * y))
G = F.grad([x, y])
print(G)  # the formula
print(G.source)  # the program that is compiled, as Python
print(G(1.0, 2.0))  # the numbers, from machine code
H = F.hvp([x, y])
print(H(1.0, 2.0, 1.0, 0.0))  # H v for v = (1, 0), without H
