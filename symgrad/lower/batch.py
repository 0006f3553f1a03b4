"""Arrays with batch axes -> the structure of arrays that a kernel reads and writes, copied only where it must be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from symgrad.errors import OutputError, ShapeError
from symgrad.lower.emit.target import host
from symgrad.lower.machine.threads import TIMED, address, chunk_of
from symgrad.lower.machine.threads import run as run_in_threads

if TYPE_CHECKING:
    from symgrad.lower.machine.machine_code import BatchCode

Shape = tuple[int, ...]


class Batch:
    """The points of one call: values of shape batch + core each, whose batch axes broadcast as NumPy's do."""

    def __init__(self, cores: Sequence[Shape], values: Sequence[np.ndarray]):
        self.cores, self.values = cores, values
        for core, v in zip(cores, values, strict=True):
            if v.shape[v.ndim - len(core) :] != core:
                raise ShapeError("an array of another shape", got=v.shape, wanted=f"batch axes, then {core}")
        shapes = [v.shape[: v.ndim - len(core)] for core, v in zip(cores, values, strict=True)]
        # np.broadcast_shapes takes as long as a hundred points
        self.shape: Shape = shapes[0] if len(set(shapes)) == 1 else np.broadcast_shapes(*shapes)
        self.count = math.prod(self.shape)
        self.varying = tuple(math.prod(shape) != 1 for shape in shapes)

    def empty(self, core: Shape) -> np.ndarray:
        """An array for a result, of shape batch + core, laid out as the kernel writes it: the points last."""
        return points_first(np.empty((*core, *self.shape)), len(core))

    def check(self, target: np.ndarray, core: Shape) -> None:
        """Raise OutputError unless the array can take a result: the kernel writes where it is told to."""
        wanted = (*self.shape, *core)
        if target.dtype != np.float64 or target.shape != wanted or not target.flags.writeable:
            got = f"{target.dtype} of {target.shape}{'' if target.flags.writeable else ', read-only'}"
            raise OutputError("an array that cannot take the result", got=got, wanted=f"float64 of {wanted}")

    def single(self, k: int) -> np.ndarray | float:
        """The k-th value where there is one point."""
        core, value = self.cores[k], _float64(self.values[k])
        return _aligned(value.reshape(core)) if core else float(value.item())

    def run(
        self, code: BatchCode, targets: Sequence[np.ndarray], cores: Sequence[Shape], *, fresh: bool, parallel: bool
    ) -> None:
        """Fill the targets, of shape batch + core each. Fresh ones share no memory with a value."""
        room = max(self.count, host().lanes)  # the kernel needs one whole vector
        inputs = [self._input(k, room) for k in range(len(self.values))]
        outputs = [self._output(y, len(core), room, fresh) for y, core in zip(targets, cores, strict=True)]
        memory = [y if own is None else own for y, own in zip(targets, outputs, strict=True)]
        table = np.array([address(a) for a in (*inputs, *memory)], np.uintp)
        at = address(table)
        if run_in_threads(code, at, room) if parallel else code.call(at, 0, room, room):
            raise MemoryError("no memory for the values between parts")
        for target, core, output in zip(targets, cores, outputs, strict=True):
            if output is not None:
                flat = output[..., : self.count].reshape((*core, *self.shape))
                target[...] = points_first(flat, len(core))

    def seconds(self, code: BatchCode, cores: Sequence[Shape]) -> float:
        """How long all points take on one thread, from the first of them."""
        probe = min(self.count, chunk_of(self.count))
        inputs = [self._input(k, self.count) for k in range(len(self.values))]
        outputs = [np.empty((*core, self.count)) for core in cores]
        table = np.array([address(a) for a in (*inputs, *outputs)], np.uintp)
        shortest = float("inf")
        for _ in range(TIMED):
            start = perf_counter()
            code.call(address(table), 0, probe, self.count)
            shortest = min(shortest, perf_counter() - start)
        return shortest * self.count / probe

    def _input(self, k: int, room: int) -> np.ndarray:
        """The k-th value, C-contiguous: core + (points,), or core if it is the same for all points."""
        core, value = self.cores[k], _float64(self.values[k])
        if not self.varying[k]:
            return _aligned(value.reshape(core))
        if value.ndim - len(core) != len(self.shape) or value.shape[: len(self.shape)] != self.shape:
            value = np.broadcast_to(value, (*self.shape, *core))
        flat = _points_last(value, len(core)).reshape((*core, self.count))
        if room == self.count:
            return _aligned(flat)
        padded = np.empty((*core, room))  # with a point of the batch: a vector function may be slow on others
        padded[..., : self.count], padded[..., self.count :] = flat, flat[..., -1:]
        return padded

    def _output(self, target: np.ndarray, rank: int, room: int, fresh: bool) -> np.ndarray | None:
        """None if the kernel can write into the target, else an array to be copied from."""
        inner = _points_last(target, rank)
        if room == self.count and inner.flags.c_contiguous and (fresh or self._may_take(inner)):
            return None
        return np.empty((*inner.shape[:rank], room))

    def _may_take(self, target: np.ndarray) -> bool:
        """May the kernel write here while it reads the values?"""
        flags = target.flags
        return flags.aligned and not any(np.may_share_memory(target, v) for v in self.values)


def points_first(array: np.ndarray, rank: int) -> np.ndarray:
    """core + batch -> batch + core, where the core has so many axes."""
    return array.transpose(*range(rank, array.ndim), *range(rank)) if rank else array


def _points_last(array: np.ndarray, rank: int) -> np.ndarray:
    """batch + core -> core + batch."""
    n = array.ndim - rank
    return array.transpose(*range(n, array.ndim), *range(n)) if rank else array


def _float64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64, casting="safe", copy=False)  # "safe": a complex array is a TypeError


def _aligned(array: np.ndarray) -> np.ndarray:
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else array.copy()
