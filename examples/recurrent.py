"""A recurrent net, unrolled over time (Goodfellow et al., section 10.2): shared weights accumulate their gradients.

    h(t) = tanh(U x(t) + W h(t - 1) + b),  o = v . h(T),  E = (o - target)^2 / 2

Every step reads the same U, W and b; the gradient by each of them is the sum of what all steps send back.
"""

import argparse

import numpy as np
import sympy as sp

import symgrad as sg

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("steps", nargs="?", type=int, default=3)
steps = options.parse_args().steps

d, h = sp.symbols("d h", integer=True, positive=True)
U, W = sp.MatrixSymbol("U", h, d), sp.MatrixSymbol("W", h, h)
b, v, target = sp.MatrixSymbol("b", h, 1), sp.MatrixSymbol("v", h, 1), sp.Symbol("target")
x = [sp.MatrixSymbol(f"x{t + 1}", d, 1) for t in range(steps)]


def unrolled(weights):
    """The output, where step t has the weights (U, W, b) number t."""
    state = sp.ZeroMatrix(h, 1)
    for xt, (ut, wt, bt) in zip(x, weights, strict=True):
        state = (ut * xt + wt * state + bt).applyfunc(sp.tanh)
    return (v.T * state)[0, 0]


E = sg.Function([U, W, b, v, *x, target], (unrolled([(U, W, b)] * steps) - target) ** 2 / 2, name="E")
train = E.value_and_grad([U, W, b, v])
print(f"{E}\n{train}\n{steps} steps: {len(E.nodes)} nodes, with the gradients {len(train.nodes)}\n")

# The same with weights of its own for every step: the shared gradient is the sum of these.
own = [
    (sp.MatrixSymbol(f"U{t}", h, d), sp.MatrixSymbol(f"W{t}", h, h), sp.MatrixSymbol(f"b{t}", h, 1))
    for t in range(steps)
]
flat = [symbol for weights in own for symbol in weights]
separate = sg.Function([*flat, v, *x, target], (unrolled(own) - target) ** 2 / 2, name="E").grad(flat)
random = np.random.default_rng(0)
shared = [random.normal(size=s) / 2 for s in ((4, 2), (4, 4), (4,))]
rest = [random.normal(size=4), *random.normal(size=(steps, 2)), 0.5]
value, gradients = train(*shared, *rest)
parts = separate(*shared * steps, *rest)
print(f"E = {value:.10f}; |gradient by W| of each step, and of their sum:")
for step in range(steps):
    print(f"  step {step + 1}: {np.linalg.norm(parts[3 * step + 1]):.6f}")
sums = [sum(parts[k::3]) for k in range(3)]
print(f"  shared: {np.linalg.norm(gradients[1]):.6f}, of the sum {np.linalg.norm(sums[1]):.6f}")
print("largest difference:", max(np.abs(g - s).max() for g, s in zip(gradients, sums, strict=False)))
