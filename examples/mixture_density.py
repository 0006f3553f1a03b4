"""Outputs that are distributions (Goodfellow et al., section 6.2.2.4): learned variance or precision, and mixtures.

The cost is the negative log-likelihood. A mixture density network gives, for each x, the weights, means and deviations
of several Gaussians; its likelihood is a sum of exponentials, which underflows far from all means. logsumexp does not.
"""

import numpy as np
import sympy as sp

import symgrad as sg

t, mu, v, beta = sp.symbols("t mu v beta")
variance = sg.Function([t, mu, v], sp.log(v) / 2 + (t - mu) ** 2 / (2 * v), name="by_variance").grad([mu, v])
precision = sg.Function([t, mu, beta], beta * (t - mu) ** 2 / 2 - sp.log(beta) / 2, name="by_precision").grad(
    [mu, beta]
)
print(f"{variance}\n{precision}\n")

N, h, K = sp.symbols("N h K", integer=True, positive=True)
X, y, V = sp.MatrixSymbol("X", N, 2), sp.MatrixSymbol("y", N, 1), sp.MatrixSymbol("V", 2, h)
A, M, S = (sp.MatrixSymbol(name, h, K) for name in "AMS")  # of the weights, the means and the logarithms of precisions
H = (X * V).applyfunc(sp.tanh)
squares = sp.HadamardProduct((H * S).applyfunc(sp.exp), (y * sp.OneMatrix(1, K) - H * M).applyfunc(lambda z: z**2))
terms = (
    sg.log_softmax(H * A, axis=1) + H * S / 2 - squares / 2
)  # log(weight sqrt(precision) exp(-...)) of each Gaussian
stable = sg.Function([V, A, M, S, X, y], -sp.Trace(sp.OneMatrix(1, N) * sg.logsumexp(terms, axis=1)) / N, name="J")
sums = (terms.applyfunc(sp.exp) * sp.OneMatrix(K, 1)).applyfunc(sp.log)
naive = sg.Function([V, A, M, S, X, y], -sp.Trace(sp.OneMatrix(1, N) * sums) / N, name="J", simplify=False)
train = stable.value_and_grad([V, A, M, S])
print(f"{stable}\n\n{train}\n")

random = np.random.default_rng(0)
truth = random.uniform(size=300)  # t -> x is a function, x -> t has up to three values
inputs = np.column_stack([truth + 0.3 * np.sin(2 * np.pi * truth) + 0.03 * random.normal(size=300), np.ones(300)])
theta = [random.normal(size=shape) for shape in ((2, 12), (12, 3), (12, 3), (12, 3))]
start = [0.5 * p for p in theta]
theta, costs = start, []
for step in range(3_001):
    cost, gradients = train(*theta, inputs, truth)
    costs.append(cost)
    theta = [p - 0.02 * g for p, g in zip(theta, gradients, strict=True)]
    if step % 1_000 == 0:
        print(f"step {step:4d}: J = {cost:.4f}")

far = truth + 100.0  # where every Gaussian is exp(-5000) and less
with np.errstate(all="ignore"):
    values = {"exp, sum, log": naive(*start, inputs, far), "logsumexp": stable(*start, inputs, far)}
finite = all(np.isfinite(g).all() for g in stable.grad([V, A, M, S])(*start, inputs, far))
print(f"far from all means J is {values}; the gradient of logsumexp is finite: {finite}")
