"""Arguments and results -> the compiled kernel: for one point, for a batch, for C. Compiled when it is first used."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.environment import thread_count
from symgrad.errors import ArgumentError
from symgrad.graph import collector_paused
from symgrad.lower.batch import Batch
from symgrad.lower.described import described
from symgrad.lower.emit.llvm import to_llvm
from symgrad.lower.emit.target import host
from symgrad.lower.machine.bound_entry import bound_entry
from symgrad.lower.machine.entry_text import Form
from symgrad.lower.machine.layout import is_supported
from symgrad.lower.machine.python_entry import Record, numba_call, python_entry, refused
from symgrad.lower.machine.threads import LONG
from symgrad.lower.scalars.pack import packed
from symgrad.lower.scalars.program import Program
from symgrad.lower.scalars.schedule import Argument, Result, schedule
from symgrad.lower.source.python import to_python
from symgrad.progress import waited
from symgrad.structure import Shape, Structure

if TYPE_CHECKING:
    from symgrad.lower.emit.instructions import Module
    from symgrad.lower.machine.machine_code import BatchCode

BRIEF = 1_000  # statements, some microseconds: to let other threads of Python run meanwhile takes 0.07
# How C libraries pass many numbers: their count and address, and perhaps data of the user's.
POINTER_SIGNATURES = ("float64(intc, CPointer(float64))", "float64(intc, CPointer(float64), voidptr)")


class Kernel:
    """The compiled form of some results as functions of some arguments.

    Pickled without what was compiled; it is compiled again where it is used.
    """

    def __init__(self, name: str, arguments: Sequence[Argument], results: Sequence[Result], *, parallel: bool = True):
        self.name, self.arguments, self.results = name, tuple(arguments), tuple(results)
        self.parallel = parallel
        self._point: Any = None  # the machine code for one point, once it was needed
        self._batches: dict[tuple[bool, ...], BatchCode] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Kernel, parallel=self.parallel), (self.name, self.arguments, self.results)

    @cached_property
    def scheduled(self) -> Program:
        """What is computed for one point, on any machine."""
        with collector_paused():
            return schedule(self.name, self.arguments, self.results)

    @cached_property
    def program(self) -> Program:
        """What is computed for one point, with the calls that share vectors on this machine."""
        with collector_paused():
            return packed(self.scheduled, host())

    @cached_property
    def source(self) -> str:
        """The program as Python over NumPy, which runs without symgrad."""
        return to_python(self.scheduled)

    def _written(self) -> tuple[str, Module]:
        """The kernel for one point in LLVM's language, under a name of its own."""
        with collector_paused():
            return to_llvm(self.program, unique_symbol(), host())

    def inspect_llvm(self) -> str:
        """The LLVM IR of the kernel for one point, before LLVM optimises it."""
        return self._written()[0]

    @property
    def njit(self) -> Any:
        """The kernel for one point, compiled by Numba: to call from Python and from users' own @njit and prange code.

        Takes a float for each scalar argument and a C-contiguous float64 array for each array argument; returns a float
        or an array, or the tuple of them if there are several results. Raises TypeError for other types, ValueError for
        arrays of other shapes.
        """
        if "_njit" not in self.__dict__:
            from symgrad.lower.machine import machine_code, numba_entry

            with machine_code.LOCK:
                if "_njit" not in self.__dict__:
                    shapes = [a.shape for a in self.arguments], [r.shape for r in self.results]
                    written = self._written()
                    self._njit = waited(
                        lambda: numba_entry.point_dispatcher(*written, *shapes), f"compiling {self.name} by Numba"
                    )
        return self._njit

    def entry(self, nesting: Structure, careful: Callable[..., Any] = refused) -> Callable[..., Any]:
        """The kernel for one point as Python calls it, with results nested in tuples and lists like this. `careful` is
        called for all that is no float, np.float64, int or bool for a scalar, or no C-contiguous float64 array of the
        shape for an array.
        """
        if not is_supported():
            return numba_call(self.njit, nesting, careful)
        code = self._point_code()
        shapes, results = [a.shape for a in self.arguments], [r.shape for r in self.results]
        inputs, outputs = tuple([len(s) or None for s in shapes]), tuple([len(s) or None for s in results])
        real = np.dtype(np.float64)
        record = Record(code, careful, [(s, real) for s in shapes], [(s, real) for s in results])
        return python_entry(Form(inputs, outputs, nesting, (), "double", None, is_brief=code.facts), record)

    def bound(
        self, values: Sequence[np.ndarray], targets: Sequence[np.ndarray], result: Any
    ) -> Callable[[], Any] | None:
        """The kernel for one point as a function without arguments, of what is in these float64 arrays in C order when
        it is called; it fills the targets and returns the result. None where no entry can be made.
        """
        if not is_supported():
            return None
        code = self._point_code()
        return bound_entry(code, values, targets, result, is_brief=code.facts)

    def _point_code(self) -> Any:
        """The machine code for one point; its facts: is it too brief to let other threads of Python run meanwhile?"""
        from symgrad.lower.machine import machine_code

        with machine_code.LOCK:
            if self._point is None:
                words = self._words(("point",))
                self._point = machine_code.recalled(words, machine_code.POINT)
                if self._point is None:
                    text, module = self._written()
                    # a function of the user's may take long
                    is_brief = len(self.program.body) <= BRIEF and not module.users
                    self._point = machine_code.kernel_code(text, module, machine_code.POINT, words, is_brief)
            return self._point

    def cfunc(self, signature: str) -> Any:
        """The kernel as a C function, for scipy.LowLevelCallable(kernel.cfunc(signature).ctypes).

        signature: "float64(float64)", with a float64 for each argument; or "float64(intc, CPointer(float64))", with or
        without a voidptr after it, which is ignored.

        Raises ArgumentError for other signatures, and unless the arguments and the one result are scalars.
        """
        from symgrad.lower.machine import machine_code, numba_entry

        if any(a.shape for a in self.arguments) or [r.shape for r in self.results] != [()]:
            raise ArgumentError("a C function takes numbers to one number", got=self.name, hint="use njit or batch")
        inputs = len(self.arguments)
        signatures = (f"float64({', '.join(['float64'] * inputs)})", *POINTER_SIGNATURES)
        if "".join(signature.split()) not in {"".join(s.split()) for s in signatures}:
            raise ArgumentError("no C signature of this function", got=signature, wanted=" or ".join(signatures))
        with machine_code.LOCK:
            return numba_entry.c_callback(self.njit, signature, inputs)

    def batch(self, values: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The results at many points, in one loop.

        values: float64 arrays, each of shape batch + argument.shape; the batch axes broadcast as NumPy's do. Returns
        arrays of shape batch + result.shape, or `out`, filled, whose arrays have those shapes. Raises ShapeError,
        OutputError, or TypeError for complex values.
        """
        points = Batch([a.shape for a in self.arguments], values)
        targets = [points.empty(r.shape) for r in self.results] if out is None else list(out)
        for target, result in zip(targets, self.results, strict=True):
            points.check(target, result.shape)
        if points.count == 1:
            inputs = [points.single(k) for k in range(len(values))]
            numbers = self.njit(*inputs)
            for target, y in zip(targets, [numbers] if len(targets) == 1 else numbers, strict=True):
                target[...] = y
        elif points.count:
            code, cores = self._code(points.varying), [r.shape for r in self.results]
            points.run(code, targets, cores, fresh=out is None, parallel=self.parallel)
        return targets

    def batch_entry(self, given: Sequence[Shape], values: Sequence[np.ndarray]) -> Callable[..., Any]:
        """The kernel as Python calls it for batches of one shape: the shape of each argument, which is that or () for a
        number. Results are in one tuple, points last. The values are used to see how long it takes.
        """
        from symgrad.lower.machine.batch_entry import batch_entry

        points, cores = Batch([()] * len(values), values), [r.shape for r in self.results]
        code = self._code(points.varying)
        threads = thread_count() if self.parallel and points.seconds(code, cores) > LONG else 1
        return batch_entry(code, given, cores, points.shape, threads)

    def _code(self, varying: tuple[bool, ...]) -> BatchCode:
        """The kernel of which these arguments vary, compiled when it is first needed."""
        if varying not in self._batches:
            from symgrad.lower.machine import machine_code

            with machine_code.LOCK:
                if varying not in self._batches:
                    words = self._words(("points", varying))
                    code = machine_code.recalled(words, machine_code.POINTS)
                    if code is None:
                        with collector_paused():
                            program = schedule(self.name, self.arguments, self.results, varying=varying)
                            text, module = to_llvm(program, unique_symbol(), host())
                        code = machine_code.kernel_code(text, module, machine_code.POINTS, words)
                    self._batches[varying] = machine_code.BatchCode(code, machine_code.part_of(code))
        return self._batches[varying]

    def _words(self, kind: tuple[Any, ...]) -> str:
        """What this kernel computes, for so many points."""
        parts: list[Argument | Result] = [*self.arguments, *self.results]
        shapes = tuple(tuple(part.shape) for part in parts)
        return described((*kind, host().lanes, len(self.arguments), shapes), [part.elements for part in parts]).words


def unique_symbol() -> str:
    """A name that no other kernel has, in this process or in one whose machine code is loaded here."""
    return f"symgrad_{secrets.token_hex(8)}"
