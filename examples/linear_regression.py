"""Linear regression by gradient descent, on the points (0, 0), (1, 1), (1, 2).

The loss is a paraboloid in (w0, w1); each step goes down its gradient. How far, is the learning rate: too small is
slow, too large goes from one side of the valley to the other, or up. `--plot FILE` draws the paths of three rates.
"""

import argparse

import numpy as np
import sympy as sp

import symgrad as sg

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("--plot", metavar="FILE", help="draw the paths of three learning rates into a PNG")
plot = options.parse_args().plot

w = w0, w1 = sp.symbols("w0 w1")
POINTS = [(0, 0), (1, 1), (1, 2)]
loss = sp.expand(sum((w1 * x + w0 - t) ** 2 for x, t in POINTS))
print("L =", loss)
minimum = sp.solve(sg.grad(loss, [w0, w1]), [w0, w1])
print("dL/dw0, dL/dw1 =", sg.grad(loss, [w0, w1]), "vanishes at", minimum)

value_and_grad = sg.Function([w], loss).value_and_grad(w)


def descend(rate, steps, start=(1.0, 1.0)):
    """The points passed on the way down, and the loss at each."""
    path, losses, here = [], [], np.array(start)
    for _ in range(steps + 1):
        value, gradient = value_and_grad(here)
        path.append(here)
        losses.append(value)
        here = here - rate * gradient
    return np.array(path), np.array(losses)


path, losses = descend(0.1, 100)
for step in (0, 1, 2, 3, 10, 100):
    print(f"step {step:3d}: w0 = {path[step, 0]:.8f}, w1 = {path[step, 1]:.8f}, L = {losses[step]:.8f}")

if plot:
    import matplotlib.pyplot as plt

    a, b = np.meshgrid(np.linspace(-0.7, 1.2, 200), np.linspace(0.5, 1.9, 200))
    surface = sg.Function([w0, w1], loss)(a, b)  # scalar arguments broadcast over arrays
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="constrained")
    for axis, rate in zip(axes, (0.01, 0.1, 0.21), strict=True):
        path, losses = descend(rate, 40)
        axis.contour(a, b, surface, levels=0.5 + np.geomspace(0.005, 8, 14), colors="0.75", linewidths=0.8)
        axis.plot(*path.T, "o-", markersize=3, linewidth=1)
        axis.plot(minimum[w0], minimum[w1], "k*", markersize=10)
        axis.set(title=f"rate {rate}: L = {losses[-1]:.4f} after 40 steps", xlabel="$w_0$", aspect="equal")
    axes[0].set_ylabel("$w_1$")
    figure.savefig(plot, dpi=120)
