"""Maximum likelihood for a Gaussian with a covariance matrix: gradients by the mean and by the covariance.

For N samples, the rows of X, the negative log-likelihood is N/2 log det S + 1/2 sum of (x - mu)^T S^-1 (x - mu). With
e = sum of (x - mu) and C = sum of (x - mu) (x - mu)^T its gradients are -S^-1 e by mu, and 1/2 (N S^-1 - S^-1 C S^-1)
by S. It is least for the mean of the samples and their covariance. (Up to N d/2 log(2 pi), which has no gradient.)
"""

import numpy as np
import sympy as sp

import symgrad as sg

N, d = sp.symbols("N d", integer=True, positive=True)
X, mu, S = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("mu", d, 1), sp.MatrixSymbol("S", d, d)
E = X - sp.OneMatrix(N, 1) * mu.T
L = sg.Function([mu, S, X], N * sg.logdet(S) / 2 + sp.Trace(E * S.inv() * E.T) / 2, name="L")
by_mean, by_covariance, products = L.grad(mu), L.grad(S), L.hvp([mu, S])
print(f"{L}\n{by_mean}\n{by_covariance}\n{L.hessian(mu)}\n{products}\n\n{L.value_and_grad([mu, S]).source}")

random = np.random.default_rng(0)
root = np.array([[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [-0.3, 0.2, 0.5]])
samples = np.array([1.0, -2.0, 0.5]) + random.normal(size=(200, 3)) @ root.T
centred = samples - samples.mean(axis=0)
best = samples.mean(axis=0), centred.T @ centred / len(samples)
slopes = by_mean(*best, samples), by_covariance(*best, samples)
print(f"at the sample mean and covariance: L = {L(*best, samples):.6f}")
print(f"largest entries of the gradients: {np.abs(slopes[0]).max():.1e}, {np.abs(slopes[1]).max():.1e}")

here = np.zeros(3), np.eye(3) + 0.1
e = samples - here[0]
P = np.linalg.inv(here[1])
by_hand = -P @ e.sum(axis=0), (len(e) * P - P @ e.T @ e @ P) / 2
derived = L.grad([mu, S])(*here, samples)
for name, gradient, wanted in zip(("mean", "covariance"), derived, by_hand, strict=True):
    print(f"elsewhere, by the {name}: difference from the closed form {np.abs(gradient - wanted).max():.1e}")

root_of = sp.MatrixSymbol("R", d, d)  # S = R R^T is positive definite for all R, so that any step may be taken
free = sg.Function([mu, root_of, X], L.outputs.subs(S, root_of * root_of.T), name="L").value_and_grad([mu, root_of])
mean, factor = np.zeros(3), np.eye(3)
for _ in range(2000):
    value, (g, G) = free(mean, factor, samples)
    mean, factor = mean - 0.1 / len(samples) * g, factor - 0.1 / len(samples) * G
print(f"gradient descent in mu and R: L = {value:.6f}, S off by {np.abs(factor @ factor.T - best[1]).max():.1e}")
