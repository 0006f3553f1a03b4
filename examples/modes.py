"""Forward and reverse accumulation, and why the order of multiplications matters (Goodfellow et al., section 6.5.9).

A Jacobian of m outputs by n inputs takes m sweeps in reverse, or n sweeps forward: the fewer are chosen. Either way it
is a product of matrices, which costs least in an order that depends on their sizes.
"""

import sympy as sp

import symgrad as sg
from symgrad.derivatives import build_grad, jacobian_rows, jacobian_vector
from symgrad.graph import reachable
from symgrad.lower.source.numpy_contract import steps


def model(n, m):
    """n inputs -> m outputs, with a long way of two values between them: its nodes."""
    x = sp.symbols(f"x:{n}")
    p, q = sum(x), sum(v**2 for v in x)
    for _ in range(10):
        p, q = sp.sin(p + 2 * q), sp.cos(p * q)
    f = sg.Function(x, [sp.exp(p / k) * q for k in range(1, m + 1)], simplify=False)
    return [a.elements[0] for a in f.arguments], [node for result in f.results for node in result.elements]


def in_reverse(x, y):
    return [build_grad(output, x) for output in y]


def forward(x, y):
    one, zero = x[0].like(1), x[0].like(0)
    return [jacobian_vector(y, x, [one if v is w else zero for v in x]) for w in x]


print("inputs  outputs  nodes of f   with the Jacobian in reverse   forward   as chosen")
counts = {}
for n, m in ((1, 20), (5, 20), (20, 5), (20, 1)):
    sizes = [len(reachable(model(n, m)[1]))]
    for way in (in_reverse, forward, lambda x, y: jacobian_rows(y, x)):
        x, y = model(n, m)
        parts = way(x, y)
        sizes.append(len(reachable([*y, *[node for part in parts for node in part]])))
    counts[n, m] = sizes
    print(f"{n:6d} {m:8d} {sizes[0]:11d} {sizes[1]:30d} {sizes[2]:9d} {sizes[3]:11d}")

# Matrix chains: with the sizes of Cormen et al., Introduction to Algorithms, section 15.2, ten times dearer one way.
A, B, C = (sp.MatrixSymbol(name, *shape) for name, shape in zip("ABC", ((10, 100), (100, 5), (5, 50)), strict=True))
chain = sg.Function([A, B, C], A * B * C)
first, second = steps([(0, 1), (1, 2), (2, 3)], (0, 3), {0: 10, 1: 100, 2: 5, 3: 50})
multiplications = {"(A B) C": 10 * 100 * 5 + 10 * 5 * 50, "A (B C)": 100 * 5 * 50 + 10 * 100 * 50}
print(f"\n{multiplications}; the factors that are multiplied first: {first.places}\n{chain.source}")

n = sp.Symbol("n", integer=True, positive=True)
P, Q, R = (sp.MatrixSymbol(name, n, n) for name in "PQR")
v = sp.MatrixSymbol("v", n, 1)
F = sg.Function([P, Q, R, v], P * (Q * (R * v)).applyfunc(sp.tanh))
print(f"forward, from the right:\n{F.jvp(v).source}in reverse, from the left, with u^T first:\n{F.vjp(v).source}")
