"""A call of a Function: arguments as users give them -> checked numbers -> the kernel -> results in their structure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import Any

import numpy as np

from symgrad.arguments import Argument, as_numbers, batch_shape, bind
from symgrad.errors import ArgumentError, OutputError
from symgrad.lower.batch import points_first
from symgrad.lower.emit.target import host
from symgrad.lower.kernel import Kernel
from symgrad.lower.machine.layout import is_supported
from symgrad.lower.machine.python_entry import refused
from symgrad.lower.scalars.schedule import Result
from symgrad.structure import LEAF, Shape, Structure, tuple_of

FLOAT64 = np.dtype(np.float64)
MOST_BATCHES = 10  # of different shapes whose entries are kept

Entry = Callable[[Structure, Callable[..., Any]], Callable[..., Any]]  # of a nesting and the careful function


class Caller:
    """The compiled function of some arguments, checked, with its results in the structure of the outputs."""

    def __init__(self, arguments: Sequence[Argument], results: Sequence[Result], structure: Structure, kernel: Kernel):
        self.arguments, self.results, self.structure, self.kernel = arguments, results, structure, kernel
        self.quick: Callable[..., Any] = self  # the entry for one point, once there was one
        self._batches: dict[tuple[Shape, ...], Callable[..., Any]] = {}  # entries by the shapes that were seen

    def __call__(self, /, *args: Any, out: Any = None, **named: Any) -> Any:
        """The numbers, the careful way: every argument is looked at.

        Raises ArgumentError, ShapeError, DTypeError or ComplexInput, and OutputError for `out`.
        """
        if out is None and not named:
            entry: Callable[..., Any] = self._batches.get(_shapes(args), refused)
            found = entry(*args)
            if found is not NotImplemented:
                return found
        values = [as_numbers(a, v) for a, v in zip(self.arguments, bind(self.arguments, args, named), strict=True)]
        batch = batch_shape(self.arguments, values)
        if out is None and not batch:
            self.quick = self._point
            return self.quick(*[plain(v) for v in values])
        shapes = [(*batch, *r.shape) for r in self.results]
        targets = None if out is None else checked_targets(self.structure, out, shapes, values)
        results = self.kernel.batch(values, targets)
        if out is not None:
            return out
        if not named and all(map(_is_plain, args)):
            self._seen(_shapes(args), values, batch)
        return self.structure.build(results)

    def bound(self, values: Sequence[Any], out: Any) -> Callable[[], Any]:
        """What computes on these arrays, and into `out`, whenever it is called. Raises ArgumentError or OutputError."""
        if len(values) != len(self.arguments):
            raise ArgumentError("another number of arrays", got=len(values), wanted=str(len(self.arguments)))
        for a, v in zip(self.arguments, values, strict=True):
            if not _is_in_place(v) or v.shape != a.shape:
                kind = f"{v.dtype} of {v.shape}" if isinstance(v, np.ndarray) else type(v).__name__
                wanted = f"a float64 array of shape {a.shape}, in C order"
                raise ArgumentError(f"{a.name} cannot be read in place", got=kind, wanted=wanted)
        targets = checked_targets(self.structure, out, [r.shape for r in self.results], values)
        for k, target in enumerate(targets):
            if not _is_in_place(target):
                raise OutputError(f"out[{k}] cannot be written in place", hint="pass an array in C order")
        return self.kernel.bound(values, targets, out) or partial(self, *values, out=out)

    def _seen(self, given: tuple[Shape, ...], values: Sequence[np.ndarray], batch: Shape) -> None:
        """Let batches of these shapes have an entry the second time that they come. Only scalar arguments can."""
        if any(a.shape for a in self.arguments) or not set(given) <= {batch, ()} or math.prod(batch) < host().lanes:
            return
        if given in self._batches and is_supported():
            entry, build = self.kernel.batch_entry(given, values), self.structure.builder()
            self._batches[given] = _points_first(entry, [len(r.shape) for r in self.results], build)
            return
        if len(self._batches) >= MOST_BATCHES:
            self._batches.clear()
        self._batches[given] = refused

    @cached_property
    def _point(self) -> Callable[..., Any]:
        """The compiled kernel for one point, and its results in their structure. What it does not take as it is,
        anything but plain numbers and C-contiguous arrays of the shapes, goes the careful way."""
        return structured(self.kernel.entry, self.structure, self)


def _shapes(args: Sequence[Any]) -> tuple[Shape, ...]:
    """The shapes of arrays; () for all else."""
    return tuple([a.shape if type(a) is np.ndarray else () for a in args])


def _is_plain(value: Any) -> bool:
    """Is this what an entry takes as it is?"""
    if type(value) is np.ndarray:
        return _is_in_place(value) and value.dtype is FLOAT64 and value.ndim > 0
    return type(value) in (float, int, bool, np.float64)


def _is_in_place(value: Any) -> bool:
    """Is it an array that a kernel reads, or writes, where it is?"""
    if not isinstance(value, np.ndarray) or value.dtype != FLOAT64:
        return False
    return value.flags.c_contiguous and value.flags.aligned


def _points_first(
    entry: Callable[..., Any], ranks: Sequence[int], build: Callable[[tuple[Any, ...]], Any]
) -> Callable[..., Any]:
    """The entry of a batch with results in their structure and axes: the points first."""

    def call(*args: Any) -> Any:
        found = entry(*args)
        if found is NotImplemented:
            return found
        if any(ranks):
            found = tuple([points_first(y, rank) for y, rank in zip(found, ranks, strict=True)])
        return build(found)

    return call


class CallSignature:
    """The attribute of a Function that `inspect.signature` reads: its arguments by their names. Of the class it is
    none, so that this keeps its own."""

    def __get__(self, function: Any, owner: type) -> Signature:
        if function is None:
            raise AttributeError("__signature__")
        names = [a.name for a in function.arguments]
        is_usual = len({*names, "out"}) > len(names) and all(n.isidentifier() and not iskeyword(n) for n in names)
        kind = Parameter.POSITIONAL_OR_KEYWORD if is_usual else Parameter.POSITIONAL_ONLY
        parameters = [Parameter(n if is_usual else f"argument{k}", kind) for k, n in enumerate(names)]
        return Signature([*parameters, Parameter("out", Parameter.KEYWORD_ONLY, default=None)])


def structured(entry: Entry, structure: Structure, careful: Callable[..., Any]) -> Callable[..., Any]:
    """The entry of a kernel with its results in this structure. It nests tuples and lists itself; dicts are built."""
    if structure.is_sequences:
        return entry(structure, careful)
    flat, build = entry(tuple_of([LEAF] * structure.size), refused), structure.builder()

    def call(*args: Any, **named: Any) -> Any:
        leaves = flat(*args, **named)
        return careful(*args, **named) if leaves is NotImplemented else build(leaves)

    return call


def plain(value: np.ndarray) -> float | np.ndarray:
    """The value as an entry takes it: a number, or an array in C order."""
    if value.ndim == 0:
        return float(value)
    array = np.empty(value.shape)
    array[...] = value
    return array


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
