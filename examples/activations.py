"""Activation functions: formula, derivative, and what the derivative is at a kink, where there is none.

At a kink symgrad chooses, and says so: |z| has 0, the middle of its slopes; Max shares between what is largest; relu, a
function of its own, has 0, as is usual; a Piecewise has the slope of the piece that holds. `--plot FILE` draws them.
"""

import argparse

import numpy as np
import sympy as sp

import symgrad as sg

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("--plot", metavar="FILE", help="draw the functions and their derivatives into a PNG")
plot = options.parse_args().plot

z, a = sp.symbols("z a")  # a: the slope that a PReLU learns

ACTIVATIONS = {  # name: (expression, kinks)
    "sigmoid": (1 / (1 + sp.exp(-z)), []),
    "tanh": (sp.tanh(z), []),
    "ReLU, as relu(z)": (sg.relu(z), [0.0]),
    "ReLU, as Max(0, z)": (sp.Max(0, z), [0.0]),
    "absolute value": (sp.Abs(z), [0.0]),
    "leaky ReLU": (sp.Piecewise((z, z > 0), (z / 100, True)), [0.0]),
    "PReLU": (sp.Max(0, z) + a * sp.Min(0, z), [0.0]),
    "maxout of two": (sp.Max(1 - z, z / 2 - 2), [2.0]),
    "ELU": (sp.Piecewise((z, z > 0), (sp.exp(z) - 1, True)), [0.0]),
    "softplus": (sp.log(1 + sp.exp(z)), []),
    "hard tanh": (sp.Max(-1, sp.Min(1, z)), [-1.0, 1.0]),
    "radial basis": (sp.exp(-((z - 1) ** 2) / 2), []),
    "cosine": (sp.cos(z), []),
    "softmax of (z, -z, 0)": (sp.exp(z) / (sp.exp(z) + sp.exp(-z) + 1), []),
}
SLOPE = 0.25

functions, derivatives, chosen = {}, {}, {}
for name, (expression, kinks) in ACTIVATIONS.items():
    F = functions[name] = sg.Function([z, a], expression, name="h")
    D = derivatives[name] = F.grad(z)
    print(f"{name}\n    h  = {F.outputs}\n    h' = {D.outputs}")
    for kink in kinks:
        chosen[name, kink] = D(kink, SLOPE)
        left, right = D(kink - 1e-6, SLOPE), D(kink + 1e-6, SLOPE)
        print(f"    at {kink:.4g}: {left:.4g} on the left, {right:.4g} on the right, chosen {chosen[name, kink]:.4g}")
by_slope = sg.grad(ACTIVATIONS["PReLU"][0], a)
print(f"PReLU learns its slope by dh/da = {by_slope}")
tanh, sigmoid = functions["tanh"](1.0, SLOPE), functions["sigmoid"](2.0, SLOPE)
print(f"tanh(1) = {tanh:.10f} = 2 sigmoid(2) - 1 = {2 * sigmoid - 1:.10f}")
print(f"softplus(1000) = {functions['softplus'](1000.0, SLOPE)}, slope {derivatives['softplus'](1000.0, SLOPE)}")

if plot:
    import matplotlib.pyplot as plt

    points = np.linspace(-4, 4, 801)
    figure, axes = plt.subplots(3, 5, figsize=(13, 7), layout="constrained")
    for axis, name in zip(axes.flat, functions, strict=False):
        axis.plot(points, functions[name](points, SLOPE), label="h")
        axis.plot(points, derivatives[name](points, SLOPE), "--", label="h'")
        axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        axis.set_title(name, fontsize=10)
    for axis in axes.flat[len(functions) :]:
        axis.axis("off")
        axis.legend(*axes[0, 0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.savefig(plot, dpi=110)
