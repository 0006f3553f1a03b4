"""The floor of each row: what the memory bus, BLAS, or libm alone takes for its work, measured there and then."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import formulas


def floor(row: str, data: list[np.ndarray]) -> tuple[str, Callable[[], object]] | None:
    """What the floor is, and the work to be timed; none where the row has no single one."""
    kind = formulas.base(row)
    if kind in ("batch", "ba"):
        outputs = 4 if kind == "batch" else 30 * len(data[0]) / data[0].size
        moved = sum(a.nbytes for a in data) + int(outputs * data[0].nbytes)
        return "bus", _copy(moved)
    if kind == "rosen":
        return "bus", _copy((3 if row.endswith("_hvp") else 2) * data[0].nbytes)
    if kind == "logreg":
        w, X, _ = data
        if row.endswith("_hess"):
            left = np.ascontiguousarray(X * 0.5)
            return "BLAS", lambda: np.dot(X.T, left)
        return "BLAS", lambda: np.dot(X, w)
    if kind == "mlp":
        W1, X = data[0], data[4]
        Z, product = np.dot(X, W1), np.empty(W1.shape)
        forward = 2 if row.endswith("_hvp") else 1  # of the weights, and of the vector; back, only one is asked for

        def products() -> None:
            for _ in range(forward):
                np.dot(X, W1, out=Z)
            np.dot(X.T, Z, out=product)

        return "BLAS", products
    if kind == "gmm":
        exponents = np.linspace(-5.0, 0.0, len(data[4]) * len(data[0]))
        out = np.empty_like(exponents)
        return "libm", lambda: np.exp(exponents, out=out)
    if kind == "scalar":
        angles = np.linspace(0.0, 1.0, 240)  # sines and cosines: 40 % of 300, and their derivatives
        out = np.empty_like(angles)
        return "libm", lambda: np.sin(angles, out=out)
    return None


def _copy(moved: int) -> Callable[[], object]:
    """A copy that reads and writes so many bytes in all."""
    source = np.ones(moved // 16)
    target = np.empty_like(source)
    return lambda: np.copyto(target, source)
