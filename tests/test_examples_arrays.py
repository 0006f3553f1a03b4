"""The examples over arrays of any size: their figures against independent ones."""

from __future__ import annotations

import numpy as np

from tests.test_examples import close, run


def test_a_squared_norm_has_the_figures_of_the_lecture() -> None:
    norm = run("matrix_norm")
    assert close(norm["value"], 0.1160)
    by_matrix, by_vector = norm["gradients"]
    assert close(by_matrix, [[0.088, 0.176], [0.104, 0.208]], 1e-14)
    assert close(by_vector, [-0.112, 0.636], 1e-14)
    W, x, V = norm["W"], norm["x"], norm["product"].outputs
    assert norm["by_matrix"].outputs == 2 * W * x * x.T
    assert norm["by_vector"].outputs == 2 * W.T * W * x
    assert norm["H"].outputs == 2 * W.T * W
    assert V.shape == W.shape


def test_a_squared_norm_has_its_gradients_at_any_size() -> None:
    norm = run("matrix_norm")
    W, x = norm["larger"]
    assert np.allclose(norm["by_matrix"](W, x), 2 * np.outer(W @ x, x), rtol=1e-12, atol=1e-10)
    assert np.allclose(norm["by_vector"](W, x), 2 * W.T @ (W @ x), rtol=1e-12, atol=1e-9)
