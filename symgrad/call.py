"""A call of a Function: arguments as users give them -> checked numbers -> the kernel -> results in their structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from symgrad.arguments import Argument, as_numbers, batch_shape, bind
from symgrad.errors import OutputError
from symgrad.lower.kernel import Kernel
from symgrad.lower.schedule import Result
from symgrad.structure import Shape, Structure

FIRST_CALLS = 10_000  # 2 us more each: together less than a tenth of what a dispatcher takes to be made
MOST_BY_ADDRESS = 1_000  # arguments and results: ctypes passes no more than 1,024


class Caller:
    """The compiled function of some arguments, checked, with its results in the structure of the outputs."""

    def __init__(self, arguments: Sequence[Argument], results: Sequence[Result], structure: Structure, kernel: Kernel):
        self.arguments, self.results, self.structure, self.kernel = arguments, results, structure, kernel

    def __call__(self, args: Sequence[Any], named: dict[str, Any], out: Any) -> Any:
        """The numbers. Raises ArgumentError, ShapeError, DTypeError or ComplexInput, and OutputError for `out`."""
        if out is None and not named:
            try:
                return self.point(*args)
            except Exception as refusal:  # not plain numbers, nor contiguous arrays of the shapes: the careful way
                if not isinstance(refusal, _refusals()):
                    raise
        values = [as_numbers(a, v) for a, v in zip(self.arguments, bind(self.arguments, args, named), strict=True)]
        batch = batch_shape(self.arguments, values)
        if out is None and not batch:
            # the kernel for one point reads C-contiguous arrays; a column of a matrix is not one
            numbers = [
                float(v) if a.shape == () else np.ascontiguousarray(v)
                for a, v in zip(self.arguments, values, strict=True)
            ]
            return self.point(*numbers)
        shapes = [(*batch, *r.shape) for r in self.results]
        targets = None if out is None else checked_targets(self.structure, out, shapes, values)
        results = self.kernel.batch(values, targets)
        return self.structure.build(results) if out is None else out

    @cached_property
    def point(self) -> Callable[..., Any]:
        """The shortest way: the compiled kernel, and its results in their structure. It checks types and shapes.

        The first calls go through the kernel's address, which is ready sooner. When there have been many, Numba's
        dispatcher is made, which is quicker to call, and takes this place.
        """
        if len(self.arguments) + len(self.results) > MOST_BY_ADDRESS:
            return self._structured(self.kernel.njit)
        first, calls = self._structured(self.kernel.direct), count(1)

        def call(*args: Any) -> Any:
            if next(calls) == FIRST_CALLS:
                self.__dict__["point"] = self._structured(self.kernel.njit)
            return first(*args)

        return call

    def _structured(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """The kernel, with its results in the structure of the outputs."""
        structure = self.structure
        flat = structure.is_leaf or (structure.kind == "tuple" and all(c.is_leaf for c in structure.children))
        if flat and (structure.is_leaf or len(self.results) > 1):
            return kernel
        build = structure.builder()
        if len(self.results) == 1:
            return lambda *args: build((kernel(*args),))
        return lambda *args: build(kernel(*args))


def _refusals() -> tuple[type[Exception], ...]:
    """What a kernel raises for arrays of other shapes, and Numba's dispatcher for values that are not of the kernel's
    types, or of none that it knows."""
    from numba.core.errors import NumbaTypeError

    return ValueError, TypeError, NumbaTypeError


def checked_targets(
    structure: Structure, out: Any, shapes: Sequence[Shape], values: Sequence[np.ndarray], dtype: Any = np.float64
) -> list[np.ndarray]:
    """The arrays of `out`, checked: they can take results of these shapes, and none shares memory with a value or with
    another. Raises OutputError."""
    dtype = np.dtype(dtype)
    try:
        targets = structure.flatten(out)
    except (TypeError, ValueError, KeyError) as error:
        raise OutputError("out is not in the structure of the result", got=str(error)) from None
    for k, (target, shape) in enumerate(zip(targets, shapes, strict=True)):
        if not isinstance(target, np.ndarray):
            raise OutputError(f"out[{k}] is no array", got=type(target).__name__, wanted=f"a {dtype} array of {shape}")
        if target.dtype != dtype or target.shape != shape:
            raise OutputError(
                f"out[{k}] cannot take the result",
                got=f"{target.dtype} of {target.shape}",
                wanted=f"{dtype} of {shape}",
            )
        if not target.flags.writeable:
            raise OutputError(f"out[{k}] is read-only", hint="pass a writeable array")
        if any(np.shares_memory(target, other) for other in [*values, *targets[:k]]):
            raise OutputError(f"out[{k}] overlaps an input or another output", hint="pass an array of its own")
    return targets
