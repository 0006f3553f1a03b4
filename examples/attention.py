"""Attention with a skip connection: Y = X + softmax(Q K^T / sqrt d) V, where Q, K and V are linear in X.

Of one head, with P = softmax(S) by rows and S = Q K^T / sqrt d, the gradients are, for the gradient G by the result:
by V: P^T G;  by S: T = P o (G V^T - rowsum(P o G V^T));  by Q: T K / sqrt d;  by K: T^T Q / sqrt d.
"""

import numpy as np
import sympy as sp

import symgrad as sg

n, m, d, c = sp.symbols("n m d c", integer=True, positive=True)
Q, K, V = sp.MatrixSymbol("Q", n, d), sp.MatrixSymbol("K", m, d), sp.MatrixSymbol("V", m, c)
head = sg.Function([Q, K, V], sg.softmax(Q * K.T / sp.sqrt(d), axis=1) * V, name="A")
back = head.vjp([Q, K, V])
print(f"{head}\n{back}\n\n{back.source}")

random = np.random.default_rng(0)
queries, keys, values, upstream = (random.normal(size=s) for s in ((5, 4), (6, 4), (6, 3), (5, 3)))
scores = np.exp(queries @ keys.T / 2)
P = scores / scores.sum(axis=1, keepdims=True)
T = P * (upstream @ values.T - (P * (upstream @ values.T)).sum(axis=1, keepdims=True))
by_hand = T @ keys / 2, T.T @ queries / 2, P.T @ upstream
derived = back(queries, keys, values, upstream)
for name, gradient, wanted in zip("QKV", derived, by_hand, strict=True):
    print(f"by {name}: shape {gradient.shape}, difference from the formula {np.abs(gradient - wanted).max():.1e}")
large = head(1e3 * queries, 1e3 * keys, values)
print(f"with scores of a million, softmax chooses: rows of V, {np.isin(large, values).all()}\n")

X, T_ = sp.MatrixSymbol("X", n, d), sp.MatrixSymbol("T", n, d)
Wq, Wk, Wv = (sp.MatrixSymbol(f"W_{name}", d, d) for name in "QKV")
Y = X + sg.softmax(X * Wq * (X * Wk).T / sp.sqrt(d), axis=1) * X * Wv  # the skip connection, and self-attention
block = sg.Function([Wq, Wk, Wv, X, T_], sp.Trace((Y - T_).T * (Y - T_)) / 2, name="E")
train = block.value_and_grad([Wq, Wk, Wv, X])
print(f"{block}\n\n{train}\n\nnodes: {len(block.nodes)}, with four gradients {len(train.nodes)}")
point = [random.normal(size=s) for s in ((4, 4), (4, 4), (4, 4), (7, 4), (7, 4))]
value, gradients = train(*point)
print(f"E = {value:.10f}, |gradients| = {[round(float(np.linalg.norm(g)), 6) for g in gradients]}")
