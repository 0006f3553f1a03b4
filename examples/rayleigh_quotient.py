"""Principal components as maxima of the Rayleigh quotient R(w) = w^T S w / w^T w.

The gradient is 2 (S w - R w) / w^T w: it vanishes at the eigenvectors, where R is the eigenvalue. S is the covariance
of the data; the direction of the largest variance is the eigenvector of the largest eigenvalue.
"""

import numpy as np
import sympy as sp

import symgrad as sg

d = sp.Symbol("d", integer=True, positive=True)
S, w = sp.MatrixSymbol("S", d, d), sp.MatrixSymbol("w", d, 1)
R = sg.Function([w, S], (w.T * S * w)[0, 0] / (w.T * w)[0, 0], name="R")
ascend, product, H = R.value_and_grad(w), R.hvp(w), R.hessian(w)
print(f"{R}\n{R.grad(w)}\n{product}\n\n{R.grad(w).source}")

random = np.random.default_rng(0)
data = random.normal(size=(500, 6)) @ random.normal(size=(6, 6))
covariance = np.cov(data, rowvar=False)
values, vectors = np.linalg.eigh(covariance)
here = np.ones(6)
for step in range(201):
    value, gradient = ascend(here, covariance)
    if step in (0, 10, 50, 100, 200):
        off = 1 - abs(here @ vectors[:, -1]) / np.linalg.norm(here)
        print(f"step {step:3d}: R = {value:.12f}, 1 - cos of the angle to the eigenvector {off:.1e}")
    here = here / np.linalg.norm(here)  # R is the same along a ray
    here = here + 0.5 / values[-1] * ascend(here, covariance)[1] if step < 200 else here
print(f"numpy.linalg.eigh:          {values[-1]:.12f}")

# At an eigenvector w of length 1 with eigenvalue r the Hessian is 2 (S - r I): along another one, 2 (s - r).
w1 = vectors[:, -1]
curvatures = [w2 @ product(w1, covariance, w2) for w2 in vectors.T]
print("curvature along the eigenvectors:", np.round(curvatures, 6))
print("2 (s - r):                       ", np.round(2 * (values - values[-1]), 6))
