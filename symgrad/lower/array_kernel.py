"""Inputs and outputs that may be arrays of any size -> what computes the outputs: one program for all sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graph import Node
from symgrad.lower.numpy_source import numpy_source


class ArrayKernel:
    """The outputs as functions of the inputs; the sizes of all arrays are symbols or integers.

    inputs: nodes of scalars and arrays, of integers too. dtype: "f8" or "f4", that of all real numbers.
    """

    def __init__(self, name: str, inputs: Sequence[Node], outputs: Sequence[Node], dtype: str = "f8"):
        self.name, self.inputs, self.outputs, self.dtype = name, tuple(inputs), tuple(outputs), dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayKernel, (self.name, self.inputs, self.outputs, self.dtype)

    @cached_property
    def source(self) -> str:
        """What is computed, as Python over NumPy, which runs without symgrad: the same text for all sizes."""
        return numpy_source(self.name, self.inputs, self.outputs, self.dtype).text

    @cached_property
    def in_numpy(self) -> Callable[..., list[Any]]:
        """The source as a function of the inputs and the sizes: it computes what no loops were written for."""
        found = numpy_source(self.name, self.inputs, self.outputs, self.dtype)
        scope: dict[str, Any] = {"__name__": __name__}
        exec(compile(found.text, f"<source of {self.name}>", "exec"), scope)
        function, real = scope[found.name], np.dtype(self.dtype)

        def call(values: Sequence[Any], sizes: Mapping[sp.Symbol, int]) -> list[Any]:
            # numbers as NumPy's: division by zero is an infinity
            own = [v if np.ndim(v) or isinstance(v, np.generic) else np.dtype(self.dtype).type(v) for v in values]
            with np.errstate(all="ignore"):
                y = function(*own, **{name: sizes[s] for s, name in found.loose.items()})
            results = y if len(self.outputs) != 1 else (y,)
            return [np.asarray(value, real)[()] for value in results]

        return call

    def run(
        self,
        values: Sequence[np.ndarray | float],
        sizes: Mapping[sp.Symbol, int],
        out: Sequence[np.ndarray] | None = None,
    ) -> list[Any]:
        """The outputs, as arrays and numbers; or `out`, filled, whose arrays have their shapes and element type.

        Of a singular matrix what depends on its inverse is nan or infinite, and nothing is raised.
        """
        found = self.in_numpy(values, sizes)
        found = [np.array(y) if any(y is v for v in values) else y for y in found]
        if out is None:
            return found
        for target, y in zip(out, found, strict=True):
            target[...] = y
        return list(out)
