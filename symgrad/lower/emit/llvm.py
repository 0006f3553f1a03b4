"""Program -> LLVM IR: one function in C's conventions, which returns 0, or 1 if it could not get memory.

A program for one point takes numbers by value, arrays and results by address. A program with a size takes a table of
addresses, one for each buffer, then the range of points to compute and the number of all: the same for every such
kernel. Its loop has a vector of points in each step. The last vector ends at the last point, and so may compute points
again: every point is computed by the same instructions, wherever it stands. It needs at least one vector of points.

What is computed in one part and read in another lives in a frame on the heap: a thread's stack may be small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from math import prod

from symgrad.lower.emit.instructions import Instructions, Module, Value
from symgrad.lower.emit.target import Target
from symgrad.lower.scalars.program import (
    Buffer,
    Extent,
    Index,
    Let,
    Load,
    Loop,
    Number,
    Pack,
    Part,
    Program,
    Statement,
    Store,
    Zeros,
)
from symgrad.progress import counted

# Vectors spilled to the stack want it aligned to their width, which C does not promise: without it kernels were up to
# 1.4 times slower, by luck of the caller's stack. The attribute is lost if the function is inlined.
ATTRIBUTES = 'noinline nounwind "stackrealign"'
# LLVM avoids 512-bit vectors where they once slowed the clock; libmvec's arguments are of that width in any case.
WIDE = ' "prefer-vector-width"="512" "min-legal-vector-width"="512"'
# Optimising large functions takes more than linear time; in parts without it, code runs 10 % slower.
UNOPTIMISED = "optnone"
# LLVM compares each load of a block with the others: a sum of 10,000 terms would take 10 s.
MOST_LOADS = 64

CACHE_LINE = 64  # bytes
FRAME = f"""
  %size.memory = add i64 {{size}}, {CACHE_LINE}
  %memory = call ptr @malloc(i64 %size.memory)
  %no.memory = icmp eq ptr %memory, null
  br i1 %no.memory, label %failed, label %begin
failed:
  ret i32 1
begin:
  %address = ptrtoint ptr %memory to i64
  %address.next = add i64 %address, {CACHE_LINE - 1}
  %address.aligned = and i64 %address.next, -{CACHE_LINE}
  %frame = inttoptr i64 %address.aligned to ptr"""


# The one part of a kernel with a size: the points in chunks, of which each thread that calls it takes one after the
# other. %sizes: the number of points, and that of a chunk.
CHUNKS = """
define i32 @{symbol}_part(ptr %table, ptr %sizes, i64 %part, ptr %counter) {{
  %length.at = getelementptr i64, ptr %sizes, i64 1
  %points = load i64, ptr %sizes
  %length = load i64, ptr %length.at
  br label %next
next:
  %failed = phi i32 [ 0, %0 ], [ %failed.any, %run ]
  %chunk = atomicrmw add ptr %counter, i64 1 monotonic
  %first = mul i64 %chunk, %length
  %is_left = icmp slt i64 %first, %points
  br i1 %is_left, label %run, label %done
run:
  %end = add i64 %first, %length
  %last = call i64 @llvm.smin.i64(i64 %end, i64 %points)
  %failed.here = call i32 @{symbol}(ptr %table, i64 %first, i64 %last, i64 %points)
  %failed.any = or i32 %failed, %failed.here
  br label %next
done:
  ret i32 %failed
}}"""


def to_llvm(program: Program, symbol: str, target: Target) -> tuple[str, Module]:
    """The text of the module that defines the kernel under this symbol, and what it calls by address."""
    module = Module(symbol, target, repeats=bool(_sizes(program.buffers)))
    return _Writer(program, module).text(), module


class _Writer:
    """A program while it is written down: first its kernel, and then the parts that were met on the way."""

    def __init__(self, program: Program, module: Module):
        self.program, self.module = program, module
        self.buffers = {b.name: (k, b) for k, b in enumerate(program.buffers)}
        self.sizes = {d: f"%size{k}" for k, d in enumerate(_sizes(program.buffers))}
        self.numbers: dict[int, Value] = {}
        self.slots = {value: slot for slot, value in enumerate(sorted(_crossing(program.body)))}
        self.has_parts = any(isinstance(s, Part) for s in _flat(program.body))
        self.types: dict[int, str] = {}  # of the values in the frame
        self.counter = count()
        self.parts: list[str] = []
        self.attributes = ATTRIBUTES + (WIDE if module.target.lanes == 8 else "")
        self.slot_size = 8 * (module.target.lanes if self.sizes else 1)

    def text(self) -> str:
        kernel = "\n".join(self._kernel())
        return "\n".join(
            [
                *self.module.globals.values(),
                *self.parts,
                kernel,
                *([CHUNKS.format(symbol=self.module.symbol)] if self.sizes else []),
                "attributes #0 = { nounwind willreturn memory(none) }",
                '!0 = distinct !{!0, !{!"llvm.loop.unroll.disable"}}',
                "",
            ]
        )

    # -- functions ----------------------------------------------------------------------------------------------------

    def _kernel(self) -> Iterator[str]:
        f = _Function(self, {})
        frame = []
        if self.has_parts:
            self.module.globals["malloc"] = "declare noalias ptr @malloc(i64)"
            self.module.globals["free"] = "declare void @free(ptr)"
            slots = len(self.slots) + len(self.buffers)
            frame = [FRAME.format(size=self.slot_size * slots)]
            for k, buffer in self.buffers.values():
                f.line(f"store {_passed(buffer)} %buffer{k}, ptr {f.slot(len(self.slots) + k)}")
        f.statements(self.program.body)
        yield f"define i32 @{self.module.symbol}({self._parameters()}) {self.attributes} {{"
        yield "entry:"
        if self.sizes:
            for k, buffer in self.buffers.values():
                yield f"  %entry{k} = getelementptr ptr, ptr %table, i64 {k}"
                yield f"  %buffer{k}{'' if _is_address(buffer) else '.address'} = load ptr, ptr %entry{k}"
                if not _is_address(buffer):
                    yield f"  %buffer{k} = load double, ptr %buffer{k}.address"
        yield from frame
        yield from f.lines
        if self.has_parts:
            yield "  call void @free(ptr %memory)"
        yield "  ret i32 0"
        yield "}"

    def _parameters(self) -> str:
        if not self.sizes:
            return ", ".join(f"{_passed(b)} %buffer{k}" for k, b in self.buffers.values())
        return ", ".join(["ptr %table", "i64 %first", "i64 %last", *(f"i64 {size}" for size in self.sizes.values())])

    def part(self, caller: _Function, part: Part) -> None:
        """A function of its own, and the call of it."""
        f = _Function(self, caller.indices, whole=False)
        f.statements(part.body)
        symbol = f"{self.module.symbol}_part{len(self.parts)}"
        integers = [f"i64 {name}" for name in (*caller.indices.values(), *self.sizes.values())]
        parameters = ", ".join(["ptr %frame", *integers])
        head = f"define internal void @{symbol}({parameters}) {self.attributes} {UNOPTIMISED} {{"
        self.parts.append("\n".join([head, "entry:", *f.lines, "  ret void", "}"]))
        caller.line(f"call void @{symbol}({parameters})")


class _Function(Instructions):
    """One function of the module. `indices` are the loops around, by the name of the index."""

    def __init__(self, writer: _Writer, indices: dict[str, str], *, whole: bool = True):
        super().__init__(writer.module)
        self.writer, self.indices, self.whole = writer, dict(indices), whole
        self.values: dict[int, Value] = {}
        self.addresses: dict[int, str] = {}
        self.loads, self.around = 0, len(indices)  # loads from the frame; loops around, not in the function

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def statements(self, body: Sequence[Statement]) -> None:
        for s in counted(body, "writing", "parts of the program"):  # a part may hold a thousand statements
            match s:
                case Let():
                    self.keep(s.value, s.op.emit(self, *[self.read(a) for a in s.arguments]))
                case Load():
                    self.keep(s.value, self.load(s.buffer, s.index))
                case Number():
                    self.writer.numbers[s.value] = self.number(s.number)
                case Store():
                    self.store(s.buffer, s.index, self.read(s.value))
                case Zeros():
                    self.zeros(s.buffer)
                case Part():
                    self.writer.part(self, s)
                case Pack():
                    self.pack(s)
                case Loop():
                    self.loop(s)

    # -- values -------------------------------------------------------------------------------------------------------

    def keep(self, value: int, operand: Value) -> None:
        """Remember a value; one that another function reads goes into the frame."""
        self.values[value] = operand
        slot = self.writer.slots.get(value)
        if slot is not None:
            self.writer.types[value] = operand.type
            self.line(f"store {operand.type} {operand.text}, ptr {self.slot(slot)}")

    def read(self, value: int) -> Value:
        operand = self.values.get(value) or self.writer.numbers.get(value)
        if operand is None:
            self.loads += 1
            if self.loads % MOST_LOADS == 0 and len(self.indices) == self.around:
                self.line(f"br label %block{self.loads}")
                self.lines.append(f"block{self.loads}:")
            type_, slot = self.writer.types[value], self.slot(self.writer.slots[value])
            operand = self.values[value] = self.define(f"load {type_}, ptr {slot}", type_)
        return operand

    def slot(self, number: int) -> str:
        """The address of a slot of the frame."""
        name = f"%slot{next(self.writer.counter)}"
        self.line(f"{name} = getelementptr i8, ptr %frame, i64 {number * self.writer.slot_size}")
        return name

    def pack(self, pack: Pack) -> None:
        """Operations on several numbers, each in a lane."""
        lanes = list(dict.fromkeys(s.arguments for s in pack.body))
        vectors = [self.vector([self.read(a) for a in each]) for each in zip(*lanes, strict=True)]
        found = {op: op.emit(self, *vectors) for op in dict.fromkeys(s.op for s in pack.body)}
        for s in pack.body:
            self.keep(s.value, self.lane(found[s.op], lanes.index(s.arguments)))

    # -- memory -------------------------------------------------------------------------------------------------------

    def buffer(self, name: str) -> str:
        """The address of a buffer, or the number itself if it was passed by value."""
        k, buffer = self.writer.buffers[name]
        if self.whole:
            return f"%buffer{k}"
        if k not in self.addresses:
            type_ = _passed(buffer)
            slot = self.slot(len(self.writer.slots) + k)
            self.addresses[k] = self.define(f"load {type_}, ptr {slot}", type_).text
        return self.addresses[k]

    def element(self, name: str, index: tuple[Index, ...]) -> tuple[str, str]:
        """The address of an element, and the type of what is there: a vector where the last index is a loop's."""
        offset = self.offset(self.writer.buffers[name][1].dims, index)
        base, address = self.buffer(name), f"%element{next(self.writer.counter)}"
        self.line(f"{address} = getelementptr inbounds double, ptr {base}, i64 {offset}")
        return address, self.real if index and isinstance(index[-1], str) else "double"

    def offset(self, dims: tuple[Extent, ...], index: tuple[Index, ...]) -> str:
        """((i0 d1 + i1) d2 + i2) ..., with numbers multiplied out here."""
        total: int | str = 0
        for dim, i in zip(dims, index, strict=True):
            place = self.indices[i] if isinstance(i, str) else i
            total = self.integer("add", self.integer("mul", total, self.size(dim)), place)
        return str(total)

    def size(self, dim: Extent) -> int | str:
        return self.writer.sizes[dim] if isinstance(dim, str) else dim

    def integer(self, operation: str, a: int | str, b: int | str) -> int | str:
        if isinstance(a, int) and isinstance(b, int):
            return a + b if operation == "add" else a * b
        if a == 0:
            return b if operation == "add" else 0
        return self.define(f"{operation} nsw i64 {a}, {b}", "i64").text

    def load(self, name: str, index: tuple[Index, ...]) -> Value:
        if not _is_address(self.writer.buffers[name][1]):
            return Value(self.buffer(name), "double")
        address, type_ = self.element(name, index)
        return self.define(f"load {type_}, ptr {address}, align 8", type_)

    def store(self, name: str, index: tuple[Index, ...], a: Value) -> None:
        address, type_ = self.element(name, index)
        a = self.splat(a) if type_ == self.real else a
        self.line(f"store {type_} {a.text}, ptr {address}, align 8")

    def zeros(self, name: str) -> None:
        size = 8 * prod(int(d) for d in self.writer.buffers[name][1].dims)
        self.clear(self.buffer(name), size)

    # -- loops --------------------------------------------------------------------------------------------------------

    def loop(self, loop: Loop) -> None:
        """The range [first, last) in steps of a vector; the last step ends at the last point of all."""
        label, lanes = f"loop{next(self.writer.counter)}", self.lanes
        self.module.globals["llvm.smin.i64"] = "declare i64 @llvm.smin.i64(i64, i64)"
        index = self.indices[loop.index] = f"%{label}.at"
        self.line(f"%{label}.end = sub nsw i64 {self.size(loop.extent)}, {lanes}")
        self.line(f"br label %{label}.start")
        self.lines.append(f"{label}.start:")
        self.line(f"br label %{label}")
        self.lines.append(f"{label}:")
        self.line(f"%{label}.step = phi i64 [ %first, %{label}.start ], [ %{label}.next, %{label} ]")
        self.line(f"{index} = call i64 @llvm.smin.i64(i64 %{label}.step, i64 %{label}.end)")
        self.statements(loop.body)
        self.line(f"%{label}.next = add nsw i64 %{label}.step, {lanes}")
        self.line(f"%{label}.more = icmp slt i64 %{label}.next, %last")
        self.line(f"br i1 %{label}.more, label %{label}, label %{label}.done, !llvm.loop !0")
        self.lines.append(f"{label}.done:")
        del self.indices[loop.index]


def _is_address(buffer: Buffer) -> bool:
    return buffer.role == "out" or bool(buffer.dims)


def _passed(buffer: Buffer) -> str:
    return "ptr" if _is_address(buffer) else "double"


def _sizes(buffers: Sequence[Buffer]) -> list[str]:
    """The names of sizes, in the order in which they are met."""
    return list(dict.fromkeys(d for b in buffers for d in b.dims if isinstance(d, str)))


def _flat(body: Sequence[Statement]) -> Iterator[Statement]:
    """All statements; loops and parts before what they hold."""
    for s in body:
        yield s
        if isinstance(s, (Loop, Part)):
            yield from _flat(s.body)


def _crossing(body: Sequence[Statement]) -> set[int]:
    """The values that are read in another function than the one that computes them. Numbers are written where they are
    read."""
    home: dict[int, int] = {}
    found: set[int] = set()
    functions = count(1)

    def walk(body: Sequence[Statement], here: int) -> None:
        for s in body:
            match s:
                case Let():
                    home[s.value] = here
                    found.update(a for a in s.arguments if home.get(a, here) != here)
                case Load():
                    home[s.value] = here
                case Store():
                    if home.get(s.value, here) != here:
                        found.add(s.value)
                case Loop() | Pack():
                    walk(s.body, here)
                case Part():
                    walk(s.body, next(functions))

    walk(body, 0)
    return found
