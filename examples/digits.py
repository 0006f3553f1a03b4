"""The multilayer perceptron of Goodfellow et al., section 6.5.7, trained on images of handwritten digits, 8 x 8 pixels.

One hidden layer of rectified linear units, softmax, cross-entropy, weight decay, stochastic gradient descent.
The images are those of scikit-learn (`pip install scikit-learn`), or drawn here without it. `--plot FILE` draws the
learning curve.
"""

import argparse

import numpy as np
import sympy as sp

import symgrad as sg

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("--plot", metavar="FILE", help="draw the learning curve into a PNG")
plot = options.parse_args().plot

N, d, h, K = sp.symbols("N d h K", integer=True, positive=True)
X, Y, lam = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("Y", N, K), sp.Symbol("lam")
W1, W2 = sp.MatrixSymbol("W1", d, h), sp.MatrixSymbol("W2", h, K)
U = sg.relu(X * W1) * W2  # H W2
J_MLE = (sp.Trace(sp.OneMatrix(1, N) * sg.logsumexp(U, axis=1)) - sp.Trace(Y.T * U)) / N  # -log softmax, where Y is 1
J = sg.Function([W1, W2, X, Y, lam], J_MLE + lam * (sp.Trace(W1.T * W1) + sp.Trace(W2.T * W2)), name="J")
train = J.value_and_grad([W1, W2])
scores = sg.Function([W1, W2, X], U)
print(f"{J}\n{J.grad(W2)}\n{train}\nin the words of the book: H = t1, G = t3\n\n{train.source}")

random = np.random.default_rng(0)
try:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
except ImportError:
    print("scikit-learn is not installed (pip install scikit-learn): the images are drawn from a font, with noise")
    font = (0o75557, 0o26227, 0o71747, 0o71717, 0o55711, 0o74717, 0o74757, 0o71111, 0o75757, 0o75717)
    glyphs = np.array([[f >> k & 1 for k in range(14, -1, -1)] for f in font]).reshape(10, 5, 3)
    labels, images = random.integers(10, size=1797), random.uniform(0, 3, size=(1797, 8, 8))
    for image, label, y, x in zip(images, labels, *random.integers(1, 3, size=(2, 1797)), strict=True):
        image[y : y + 5, x : x + 3] += 8 * glyphs[label]
order = random.permutation(len(labels))
inputs = np.column_stack([images.reshape(-1, 64)[order] / 16, np.ones(len(labels))])  # 1: W1 holds the offsets too
labels = labels[order]
targets = np.eye(10)[labels]
first = 1300  # the others are for the test

weights = [random.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in ((65, 64), (64, 10))]
curve = []
for epoch in range(61):
    wrong = np.argmax(scores(*weights, inputs), axis=1) != labels
    cost = J(*weights, inputs[:first], targets[:first], 1e-4)
    curve.append((cost, wrong[:first].mean(), wrong[first:].mean()))
    if epoch % 10 == 0:
        print(f"epoch {epoch:2d}: J = {cost:.4f}, wrong in training {curve[-1][1]:.2%}, in test {curve[-1][2]:.2%}")
    for batch in np.split(random.permutation(first), first // 50):
        _, gradients = train(*weights, inputs[batch], targets[batch], 1e-4)
        weights = [w - 0.2 * g for w, g in zip(weights, gradients, strict=True)]

if plot:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    costs, *errors = np.array(curve).T
    axes[0].semilogy(costs)
    axes[0].set(xlabel="epoch", title="J")
    axes[1].plot(100 * np.transpose(errors), label=["training", "test"])
    axes[1].set(xlabel="epoch", title="wrong, in per cent", ylim=(0, 20))
    axes[1].legend(frameon=False)
    figure.savefig(plot, dpi=120)
