"""symgrad's words for matrices, by formulas that are not symgrad's: entered into the interpreter when imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad import matrix_functions as words
from tests.matrix_oracle import TABLE, Interpreter, as_matrix


def _softmax(f: Interpreter, e: Any) -> Any:
    x = np.exp(as_matrix(f(e.arg)))
    return x / np.sum(x, axis=e.axis, keepdims=True)


def _positive(x: Any) -> Any:
    return np.where(np.real(x) < 0, -x, x)[()]


WORDS: dict[type, Callable[[Interpreter, Any], Any]] = {
    words.Norm: lambda f, e: np.sqrt(np.sum(as_matrix(f(e.arg)) ** 2)),
    words.LogDet: lambda f, e: np.log(_positive(np.linalg.det(as_matrix(f(e.arg))))),
    words.LogSumExpOfMatrix: lambda f, e: np.log(np.sum(np.exp(f(e.arg)))),
    words.LogSumExpAlong: lambda f, e: np.log(np.sum(np.exp(f(e.arg)), axis=e.axis, keepdims=True)),
    words.SoftmaxAlong: _softmax,
    words.LogSoftmaxAlong: lambda f, e: np.log(_softmax(f, e)),
    words.Solution: lambda f, e: np.linalg.inv(as_matrix(f(e.args[0]))) @ as_matrix(f(e.args[1])),
}
TABLE.update(WORDS)
