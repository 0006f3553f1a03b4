"""Inputs and outputs that may be arrays of any size -> what computes the outputs: one program for all sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad.arguments import Argument
from symgrad.errors import UnsupportedExpression
from symgrad.graph import Node, reachable
from symgrad.lower.arrays.blocks import SMALL, block_of, length_of
from symgrad.lower.arrays.chunks import chunked
from symgrad.lower.arrays.loops import ArrayProgram
from symgrad.lower.arrays.nest import NotInLoops
from symgrad.lower.arrays.nests import products_in_blocks, schedule_arrays
from symgrad.lower.arrays.storage import Storage, as_words, from_words, storage
from symgrad.lower.described import described
from symgrad.lower.emit.llvm_parts import arrays_to_llvm
from symgrad.lower.emit.target import host
from symgrad.lower.kernel import unique_symbol
from symgrad.lower.machine.entry_text import Form
from symgrad.lower.machine.layout import is_supported
from symgrad.lower.machine.python_entry import Record, python_entry
from symgrad.lower.machine.threads import Parts, address
from symgrad.lower.scalars.schedule import Result
from symgrad.lower.source.numpy_source import numpy_source
from symgrad.structure import Shape, Structure
from symgrad.types import Size, integer, shape_in_numbers

LINE = 64  # bytes to which scratch memory is aligned: a line of the cache
MOST_SIZES = 100  # layouts that are remembered
LARGEST = 2**31  # BLAS counts in 32 bits


class ArrayKernel:
    """The outputs as functions of the inputs; the sizes of all arrays are symbols or integers.

    inputs: nodes of scalars and arrays, of integers too. dtype: "f8" or "f4", that of all real numbers.
    parallel: may long work run on several threads?
    """

    def __init__(
        self, name: str, inputs: Sequence[Node], outputs: Sequence[Node], dtype: str = "f8", parallel: bool = True
    ):
        self.parallel = parallel
        self.name, self.inputs, self.outputs, self.dtype = name, tuple(inputs), tuple(outputs), dtype
        self._programs: dict[frozenset[Size], ArrayProgram | str] = {}
        self._codes: dict[frozenset[Size], _Compiled | None] = {}
        self._layouts: dict[tuple[tuple[sp.Symbol, int], ...], _Layout | None] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayKernel, (self.name, self.inputs, self.outputs, self.dtype, self.parallel)

    @cached_property
    def source(self) -> str:
        """What is computed, as Python over NumPy, which runs without symgrad: the same text for all sizes."""
        return numpy_source(self.name, self.inputs, self.outputs, self.dtype).text

    @cached_property
    def program(self) -> ArrayProgram | str:
        """The loops and calls, for all sizes; the source, for what loops do not cover."""
        return self._program(frozenset())

    def _program(self, whole: frozenset[Size]) -> ArrayProgram | str:
        """The program where these products of matrices do not run in blocks, by their multiplications for each row."""
        if whole not in self._programs:
            try:
                found = chunked(schedule_arrays(self.name, self.inputs, self.outputs, self.dtype, whole))
            except NotInLoops as why:
                self._programs[whole] = f"in NumPy, since no loops are written for {why}:\n{self.source}"
            else:
                self._programs[whole] = found
        return self._programs[whole]

    def _whole(self, is_whole: Callable[[Size], bool]) -> frozenset[Size]:
        """The products that do not run in blocks, where none is to of which this is true: large ones, to which BLAS
        gives all threads."""
        return frozenset(n for n in self._products if is_whole(n))

    @cached_property
    def _products(self) -> frozenset[Size]:
        try:
            return products_in_blocks(self.inputs, self.outputs)
        except NotInLoops:
            return frozenset()

    def inspect_llvm(self) -> str:
        """The LLVM IR of the kernel, before LLVM optimises it; nothing for what loops do not cover."""
        if isinstance(self.program, str):
            return ""
        return arrays_to_llvm(self.program, unique_symbol(), host()).text

    @cached_property
    def njit(self) -> Any:
        """The kernel, compiled by Numba: to call from users' own @njit code. Takes arrays of any layout and numbers.

        Raises ValueError for arrays that do not fit together or are empty. Raises UnsupportedExpression for what loops
        do not cover, and where a size is no argument's.
        """
        from symgrad.lower.machine import array_entry, machine_code

        whole = self._whole(lambda _: True)  # its sizes are not known yet
        code = self._code(whole)
        if code is None:
            raise UnsupportedExpression("no Numba function of this", got=str(self._program(whole)).split(":")[0])
        with machine_code.LOCK:
            return array_entry.array_dispatcher(code.storage, code.call, self.inputs, self.outputs)

    def run(
        self,
        values: Sequence[np.ndarray | float],
        sizes: Mapping[sp.Symbol, int],
        out: Sequence[np.ndarray] | None = None,
    ) -> list[Any]:
        """The outputs, as arrays and numbers; or `out`, filled, whose arrays have their shapes and element type.

        Of a singular matrix what depends on its inverse is nan or infinite, and nothing is raised.
        """
        layout = self._layout(sizes)
        if layout is None:
            found = self._in_numpy(values, sizes)
            if out is None:
                return found
            for target, y in zip(out, found, strict=True):
                target[...] = y
            return list(out)
        targets = [np.empty(shape, self.dtype) for shape in layout.outputs]
        if out is not None:
            targets = [y if y.flags.c_contiguous else t for y, t in zip(out, targets, strict=True)]
        layout.call(self._contiguous(values), targets)
        if out is None:
            return [y[()] for y in targets]
        for y, target in zip(out, targets, strict=True):
            if y is not target:
                y[...] = target
        return list(out)

    def is_settled(self, sizes: Mapping[sp.Symbol, int]) -> bool:
        """Is it known for these sizes which parts are worth several threads? The first calls are timed for it."""
        layout = self._layout(sizes)
        return layout is None or layout.parts is None or layout.parts.are_timed

    def entry(
        self,
        arguments: Sequence[Argument],
        results: Sequence[Result],
        given: Sequence[Shape],
        sizes: Mapping[sp.Symbol, int],
        nesting: Structure,
        careful: Callable[..., Any],
    ) -> Callable[..., Any]:
        """The kernel as Python calls it, for arrays of these sizes, given in these shapes: results nested in tuples
        and lists like this. `careful` is called for what is not such an array in C order, and is what there is where no
        entry can be made for this kernel or these sizes.
        """
        from symgrad.lower.machine.pool import POOL  # here: LLVM takes a while to import

        layout = self._layout(sizes) if is_supported() else None
        if layout is None:
            return careful
        parts: list[tuple[Argument | Result, Any]] = [(a, self.dtype if a.is_real else "i8") for a in arguments]
        parts += [(r, self.dtype) for r in results]
        if not all(a.is_real or a.shape for a in arguments):
            return careful
        places = [(k, i * int(kind[1])) for k, (part, kind) in enumerate(parts) for i in range(len(part.elements))]
        shapes = [*given, *(shape_in_numbers(r.shape, sizes) for r in results)]
        arrays = [(shape, np.dtype(kind)) for shape, (_, kind) in zip(shapes, parts, strict=True)]
        inputs, outputs = arrays[: len(arguments)], arrays[len(arguments) :]
        shared = layout.parts  # another thread may forget them meanwhile
        form = Form(
            tuple([len(shape) or None for shape, _ in inputs]),
            tuple([len(shape) or None for shape, _ in outputs]),
            nesting,
            tuple(places),
            {"f8": "double", "f4": "float"}[self.dtype],
            len(layout.offsets),
            shared is not None,
        )
        code: Any = layout.code.call if shared is None else POOL.runner
        plan = None if shared is None else shared.plan()
        block, start = layout.block()
        numbers = layout.sizes_at, start, layout.offsets, 0 if plan is None else address(plan)
        return python_entry(form, Record(code, careful, inputs, outputs, *numbers, (layout, block, plan)))

    def _contiguous(self, values: Sequence[Any]) -> list[np.ndarray]:
        return [
            v
            if type(v) is np.ndarray and v.dtype is kind and v.flags.c_contiguous and v.flags.aligned
            else np.require(v, kind, ["C", "A"])
            for v, kind in zip(values, self._kinds, strict=True)
        ]

    @cached_property
    def _kinds(self) -> list[np.dtype]:
        return [np.dtype(self.dtype if x.type.dtype == "f8" else x.type.dtype) for x in self.inputs]

    # -- loops --------------------------------------------------------------------------------------------------------

    def _code(self, whole: frozenset[Size]) -> _Compiled | None:
        """The machine code where these products of matrices do not run in blocks; None for what loops do not cover."""
        from symgrad.lower.machine import machine_code

        with machine_code.LOCK:
            if whole not in self._codes:
                self._codes[whole] = self._compiled(whole)
            return self._codes[whole]

    def _compiled(self, whole: frozenset[Size]) -> _Compiled | None:
        from symgrad.lower.machine.machine_code import ARRAYS, kernel_code, part_of, recalled

        kind = ("arrays", host().lanes, self.dtype, tuple(sorted(whole, key=str)))
        words, symbols = described(kind, [self.inputs, self.outputs])
        code = recalled(words, ARRAYS)
        if code is not None:
            return _Compiled(from_words(code.facts, symbols), code, part_of(code))
        program = self._program(whole)
        if isinstance(program, str):
            return None
        found = arrays_to_llvm(program, unique_symbol(), host())
        stored = storage(program, found.table, found.chunks)
        facts = as_words(stored, symbols)
        code = kernel_code(found.text, found.module, ARRAYS, words if facts else "", facts)
        return _Compiled(stored, code, part_of(code))

    @cached_property
    def _shapes(self) -> list[tuple[Size, ...]]:
        return list(dict.fromkeys(node.type.shape for node in reachable(self.outputs) if node.type.shape))

    def _layout(self, sizes: Mapping[sp.Symbol, int]) -> _Layout | None:
        """Where things are for these sizes; None where the NumPy source is to run: for what loops do not cover, and
        where an axis is empty, so that loops need not ask."""
        key = tuple(sizes.items())
        if key not in self._layouts:
            shapes = [shape_in_numbers(shape, sizes) for shape in self._shapes]
            usual = all(0 < n < LARGEST for shape in shapes for n in shape)
            if len(self._layouts) >= MOST_SIZES:
                self._layouts.clear()
            code = self._code(self._whole(lambda n: integer(n, sizes) > SMALL)) if usual else None
            self._layouts[key] = None if code is None else _Layout(code, sizes, self.parallel)
        return self._layouts[key]

    # -- NumPy --------------------------------------------------------------------------------------------------------

    @cached_property
    def _function(self) -> tuple[Callable[..., Any], dict[sp.Symbol, str]]:
        found = numpy_source(self.name, self.inputs, self.outputs, self.dtype)
        scope: dict[str, Any] = {"__name__": __name__}
        exec(compile(found.text, f"<source of {self.name}>", "exec"), scope)
        return scope[found.name], found.loose

    def _in_numpy(self, values: Sequence[Any], sizes: Mapping[sp.Symbol, int]) -> list[Any]:
        """The outputs by the source."""
        function, loose = self._function
        kinds = [self.dtype if x.type.dtype == "f8" else x.type.dtype for x in self.inputs]
        # numbers as NumPy's: division by zero is an infinity
        own = [np.asarray(v, kind)[()] for v, kind in zip(values, kinds, strict=True)]
        with np.errstate(all="ignore"):
            y = function(*own, **{name: sizes[s] for s, name in loose.items()})
        results = y if len(self.outputs) != 1 else (y,)
        return [np.array(value, self.dtype)[()] for value in results]


class _Compiled(NamedTuple):
    """Machine code of a program; what is to be known of its memory; the address of what runs one part."""

    storage: Storage
    call: Callable[[int, int], int]
    part: int


class _Layout:
    """For given sizes: the shapes of outputs, and where scratch buffers are in one block of memory."""

    def __init__(self, code: _Compiled, sizes: Mapping[sp.Symbol, int], parallel: bool):
        self.code, stored = code, code.storage
        sizes = dict(sizes)
        for block in stored.blocks:
            sizes[block.symbol] = block_of(integer(block.numbers, sizes), block.least)
        for cut in stored.cuts:
            extent, *rest = [integer(n, sizes) for n in cut[2:]]
            sizes[cut.length] = length_of(extent, *rest)
            sizes[cut.number] = -(-extent // sizes[cut.length])
        self.outputs = [shape_in_numbers(b.dims, sizes) for b in stored.buffers if b.role == "out"]
        self.sizes = np.array([integer(n, sizes) for n in stored.table] or [0], np.int64)
        self.offsets: list[int] = []
        end = 0
        for b in stored.buffers:
            if b.role == "scratch":
                self.offsets.append(end)
                count = 0 if b.of else int(np.prod(shape_in_numbers(b.dims, sizes), dtype=object))
                end += -(-count * 8 // LINE) * LINE
        self.bytes = end + LINE
        self.free: list[tuple[np.ndarray, list[int]]] = []  # blocks that no call uses now, and the addresses in them
        self.sizes_at = address(self.sizes)
        parts = Parts(code.part, [integer(n, sizes) for n in stored.chunks])
        self.parts = parts if parallel and parts.are_long else None  # those to run on several threads

    def call(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        """Run the machine code on these arrays."""
        try:
            scratch = self.free.pop()
        except IndexError:
            block, start = self.block()
            scratch = block, [start + k for k in self.offsets]
        table = np.array([*map(address, inputs), *map(address, outputs), *scratch[1]], np.int64)
        parts = self.parts  # another thread may forget them meanwhile
        if parts is None:
            self.code.call(address(table), self.sizes_at)
        else:
            parts.run(address(table), self.sizes_at)
            if not parts.are_long:
                self.parts = None
        self.free.append(scratch)

    def block(self) -> tuple[np.ndarray, int]:
        """Memory for scratch buffers, and the address at which they begin."""
        block = np.empty(self.bytes, np.uint8)
        return block, -(-address(block) // LINE) * LINE
