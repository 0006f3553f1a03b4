"""A convolution layer with pooling, small, in the spirit of AlexNet, written as on paper: in indices.

a[i, j] = sum over p, q of x[i + p, j + q] k[p, q]       (valid convolution)
y[r, s] = max over u, v of relu(a[2 r + u, 2 s + v])     (maxima of 2 by 2 windows)
"""

import numpy as np
import sympy as sp
from scipy.signal import convolve2d, correlate2d

import symgrad as sg

h, w, a, b = sp.symbols("h w a b", integer=True, positive=True)  # image h x w, kernel a x b
i, j, p, q, r, s, u, v = sp.symbols("i j p q r s u v", integer=True)
x, k = sp.IndexedBase("x", shape=(h, w)), sp.IndexedBase("k", shape=(a, b))


def convolution(i, j):
    return sp.Sum(x[i + p, j + q] * k[p, q], (p, 0, a - 1), (q, 0, b - 1))


g = sp.IndexedBase("g", shape=(h - a + 1, w - b + 1))  # what comes back to a
linear = sg.Function([x, k, g], sp.Sum(convolution(i, j) * g[i, j], (i, 0, h - a), (j, 0, w - b)), name="L")
print(f"{linear}\n{linear.grad(x)}\n{linear.grad(k)}\n\n{linear.grad([x, k]).source}")

random = np.random.default_rng(0)
image, kernel = random.normal(size=(9, 11)), random.normal(size=(3, 4))
back = random.normal(size=(7, 8))
by_image, by_kernel = linear.grad([x, k])(image, kernel, back)
errors = {
    "value": abs(linear(image, kernel, back) - (correlate2d(image, kernel, "valid") * back).sum()),
    "by image, a full convolution": np.abs(by_image - convolve2d(back, kernel, "full")).max(),
    "by kernel, a valid correlation": np.abs(by_kernel - correlate2d(image, back, "valid")).max(),
}
for name, error in errors.items():
    print(f"{name}: difference from SciPy {error:.1e}")

m, n = sp.symbols("m n", integer=True, positive=True)  # pooled, of an image of 2 m + a - 1 by 2 n + b - 1
x = sp.IndexedBase("x", shape=(2 * m + a - 1, 2 * n + b - 1))
window = sg.maximum(sg.relu(convolution(2 * r + u, 2 * s + v)), (u, 0, 1), (v, 0, 1))
layer = sg.Function([x, k], sp.Sum(window**2, (r, 0, m - 1), (s, 0, n - 1)) / 2, name="E")
train = layer.value_and_grad([x, k])
print(f"\n{layer}\n{train}\n")
image = random.normal(size=(10, 11))
value, (by_image, by_kernel) = train(image, kernel)
print(f"E = {value:.10f}, gradients of shapes {by_image.shape} and {by_kernel.shape}\nby k = {by_kernel.round(6)}")
