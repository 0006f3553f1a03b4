"""A neuron that starts out badly wrong: with the quadratic cost it is slow to learn, with cross-entropy it is not.

The gradient of the quadratic cost has a factor sigma'(z), which is small where the neuron is saturated, right or wrong.
In that of cross-entropy it cancels: what is left is the error itself. `--plot FILE` draws both learning curves.
"""

import argparse

import numpy as np
import sympy as sp

import symgrad as sg

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("--plot", metavar="FILE", help="draw the learning curves into a PNG")
plot = options.parse_args().plot

w, b, x, t, z = sp.symbols("w b x t z")


def costs(a):
    """Of an output a, where t is wanted."""
    return {"quadratic cost": (a - t) ** 2 / 2, "cross-entropy": -t * sp.log(a) - (1 - t) * sp.log(1 - a)}


sigma = sg.sigmoid
print("With a = sigmoid(z), z = w x + b, and sigmoid' = sigmoid(z) (1 - sigmoid(z)):")
by_z = {}
for name, cost in costs(sigma(z)).items():
    slope = sg.grad(cost, z)
    by_z[name] = sp.expand(slope.subs(sigma(-z), 1 - sigma(z))) if slope.has(sigma(-z)) else slope
    print(f"    {name:14s} dC/dz = {slope}" + (f" = {by_z[name]}" if by_z[name] != slope else ""))

RATE, EPOCHS = 0.15, 300
X, T = 1.0, 0.0  # the one sample: for the input 1, the output should be 0

output = sg.Function([w, b, x], sigma(w * x + b))
curves, slopes = {}, {}
for name, cost in costs(sigma(w * x + b)).items():
    gradient = sg.Function([w, b, x, t], cost).grad([w, b])
    here = np.array([2.0, 2.0])  # saturated: sigmoid(4) = 0.982
    slopes[name] = gradient(*here, X, T)
    curves[name] = [output(*here, X)]
    for _ in range(EPOCHS):
        here = here - RATE * np.array(gradient(*here, X, T))
        curves[name].append(output(*here, X))

derivative = sg.Function([z], sigma(z)).grad()
print(f"\nAt the start sigmoid = {output(2.0, 2.0, 1.0):.4f}, sigmoid' = {derivative(4.0):.4f}")
for name, curve in curves.items():
    print(f"{name:14s}: dC/dw = {slopes[name][0]:.4f}; output after 0, 50, 100, 300 epochs: ", end="")
    print(", ".join(f"{curve[k]:.4f}" for k in (0, 50, 100, 300)))

if plot:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, curve in curves.items():
        axis.plot(curve, label=name)
    axis.set(xlabel="epoch", ylabel="output of the neuron, wanted: 0", ylim=(0, 1), xlim=(0, EPOCHS))
    axis.legend(frameon=False)
    figure.savefig(plot, dpi=120)
