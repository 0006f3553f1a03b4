"""Inputs and outputs that may be arrays of any size -> what computes the outputs: one program for all sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.evaluate import evaluate
from symgrad.graph import Node


class ArrayKernel:
    """The outputs as functions of the inputs; the sizes of all arrays are symbols or integers.

    inputs: nodes of scalars and arrays, of integers too. dtype: "f8" or "f4", that of all real numbers.
    """

    def __init__(self, name: str, inputs: Sequence[Node], outputs: Sequence[Node], dtype: str = "f8"):
        self.name, self.inputs, self.outputs, self.dtype = name, tuple(inputs), tuple(outputs), dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayKernel, (self.name, self.inputs, self.outputs, self.dtype)

    def run(
        self,
        values: Sequence[np.ndarray | float],
        sizes: Mapping[sp.Symbol, int],
        out: Sequence[np.ndarray] | None = None,
    ) -> list[Any]:
        """The outputs, as arrays and numbers; or `out`, filled, whose arrays have their shapes and element type."""
        found = evaluate(self.outputs, dict(zip(self.inputs, values, strict=True)))
        return [np.asarray(y, self.dtype)[()] for y in found]
