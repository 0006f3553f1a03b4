"""The kernel for one point, called through its address: a function of numbers and arrays, without Numba's dispatcher.

In a fresh process it is ready in half the time (a first value in 0.3 s against 0.7 s: type inference would first load
all that Numba knows), but a call takes some 2 microseconds more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shape = tuple[int, ...]

NUMBERS = (float, int, bool, np.float64)  # exactly these: a subclass may mean something else by its value


def direct(call: Callable[..., int], arguments: Sequence[Shape], results: Sequence[Shape]) -> Callable[..., Any]:
    """A function of floats and arrays that returns a float, an array, or the tuple of several results.

    call: the kernel in C's conventions: numbers by value, arrays and results by address, 0 for success.
    The function raises TypeError for other types, ValueError for arrays of other shapes, as Numba's dispatcher does.
    """

    def run(*args: Any) -> Any:
        if len(args) != len(arguments):
            raise TypeError(f"{len(args)} arguments for {len(arguments)}")
        inputs = [_number(x) if shape == () else _address(x, shape) for x, shape in zip(args, arguments, strict=True)]
        outputs = [np.empty(shape) for shape in results]
        if call(*inputs, *(y.__array_interface__["data"][0] for y in outputs)):
            raise MemoryError("no memory for the values between parts")
        values = [y if shape else float(y) for y, shape in zip(outputs, results, strict=True)]
        return values[0] if len(values) == 1 else tuple(values)

    return run


def _number(value: Any) -> float:
    if type(value) not in NUMBERS:
        raise TypeError(f"a number is wanted, not {type(value).__name__}")
    return float(value)


def _address(value: Any, shape: Shape) -> int:
    if type(value) is not np.ndarray or value.dtype != np.float64 or not value.flags.c_contiguous:
        raise TypeError("a C-contiguous array of float64 is wanted")
    if value.shape != shape:
        raise ValueError(f"an array of shape {value.shape}, wanted {shape}")
    return int(value.__array_interface__["data"][0])
