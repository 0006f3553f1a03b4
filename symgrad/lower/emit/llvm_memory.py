"""Buffers, indices and sizes of an ArrayProgram -> LLVM instructions that load and store.

Memory holds float64 or float32; what is loaded is float64. In the vectors of a simd loop, neighbours in memory are
loaded as one, others lane by lane, and what is the same for all lanes stays a number.
"""

from __future__ import annotations

from itertools import count

from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.loops import ArrayProgram, Buffer, Load
from symgrad.lower.emit.instructions import Instructions, Module, Value
from symgrad.types import Size

MEMORY = {"f8": "double", "f4": "float", "i8": "i64", "i4": "i32"}
BYTES = {"f8": 8, "f4": 4, "i8": 8, "i4": 4}
UNITS = {"add": 0, "sub": 0, "mul": 1}


class Memory(Instructions):
    """The buffers of a program, while it is written down."""

    def __init__(self, program: ArrayProgram, module: Module, table: list[Size]):
        super().__init__(module)
        self.program, self.full = program, self.lanes
        self.lanes = 1
        self.numbers = {b.name: k for k, b in enumerate(program.buffers)}
        self.buffers = {b.name: b for b in program.buffers}
        self.table = table  # of the sizes that any part of the program reads
        self.sizes: dict[Size, str] = {}
        self.entry: list[str] = []
        self.counter = count()
        self.values: dict[int, Value] = {}
        self.lane_of = ""  # the loop whose iterations are lanes
        self.indices: dict[str, str] = {}
        self.sums: dict[str, tuple[str, str]] = {}  # scalar and vector accumulators, by name
        self.strides: dict[tuple[str, int], str | int] = {}
        self.block = "begin"
        self.mask: Value | None = None  # in a loop's last vector, the lanes that are new

    # -- integers -----------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def size(self, n: Size) -> str | int:
        """A size as an operand: a number, or one of the table."""
        if isinstance(n, int):
            return n
        if n not in self.sizes:
            if n not in self.table:
                self.table.append(n)
            k = self.table.index(n)
            self.sizes[n] = f"%size{k}"
            self.entry.append(f"  %size{k}.at = getelementptr i64, ptr %sizes, i64 {k}")
            self.entry.append(f"  %size{k} = load i64, ptr %size{k}.at")
        return self.sizes[n]

    def integer(self, operation: str, a: int | str, b: int | str) -> int | str:
        """Of two integers; as it was where one changes nothing, so that neighbours in memory are known to be some."""
        if operation == "mul" and 0 in (a, b):
            return 0
        if b == UNITS[operation]:
            return a
        if a == UNITS[operation] and operation != "sub":
            return b
        return self.define(f"{operation} nsw i64 {a}, {b}", "i64").text

    def affine(self, i: Affine) -> int | str:
        """The integer; along lanes that of the first."""
        total = self.size(i.offset)
        for name, c in i.terms:
            total = self.integer("add", total, self.integer("mul", self.indices[name], c))
        for value, c in i.values:
            total = self.integer("add", total, self.integer("mul", self.values[value].text, c))
        return total

    def stride(self, buffer: Buffer, axis: int) -> int | str:
        """The numbers from one index of an axis to the next."""
        key = (buffer.name, axis)
        if key not in self.strides:
            known, symbols = 1, []
            for n in buffer.dims[axis + 1 :]:
                size = self.size(n)
                if isinstance(size, int):
                    known *= size
                else:
                    symbols.append(size)
            found: int | str = known
            for size in symbols:
                if found == 1:
                    found = size
                else:
                    name = f"%stride{next(self.counter)}"
                    self.entry.append(f"  {name} = mul nsw i64 {found}, {size}")
                    found = name
            self.strides[key] = found
        return self.strides[key]

    # -- memory -------------------------------------------------------------------------------------------------------

    def base(self, name: str) -> str:
        """The address of a buffer."""
        while self.buffers[name].of:
            name = self.buffers[name].of
        address = f"%buffer{self.numbers[name]}"
        line = f"  {address} = load ptr, ptr {address}.at"
        if line not in self.entry:
            self.entry.append(f"  {address}.at = getelementptr ptr, ptr %table, i64 {self.numbers[name]}")
            self.entry.append(line)
        return address

    def place(self, name: str, index: Index) -> tuple[int | str, int | str]:
        """How far into a buffer, and the distance from lane to lane."""
        buffer = self.buffers[name]
        offset: int | str = 0
        step: int | str = 0
        for axis, i in enumerate(index):
            stride = self.stride(buffer, axis)
            offset = self.integer("add", offset, self.integer("mul", self.affine(i), stride))
            step = self.integer("add", step, self.integer("mul", i.coefficient(self.lane_of), stride))
        return offset, step

    def address(self, name: str, offset: int | str) -> str:
        memory = MEMORY[self.buffers[name].dtype]
        return self.define(f"getelementptr inbounds {memory}, ptr {self.base(name)}, i64 {offset}", "ptr").text

    def read(self, name: str, offset: int | str, lanes: int = 1) -> Value:
        """A number, or neighbours as a vector."""
        dtype = self.buffers[name].dtype
        memory = MEMORY[dtype] if lanes == 1 else f"<{lanes} x {MEMORY[dtype]}>"
        found = self.define(f"load {memory}, ptr {self.address(name, offset)}, align {BYTES[dtype]}", memory)
        if dtype == "i4":
            return self.define(f"sext i32 {found.text} to i64", "i64")
        if dtype != "f4":
            return found
        return self.define(f"fpext {memory} {found.text} to {self._real(lanes)}", self._real(lanes))

    def write(self, name: str, offset: int | str, a: Value) -> None:
        dtype = self.buffers[name].dtype
        if dtype == "f4":
            narrow = a.type.replace("double", "float")
            a = self.define(f"fptrunc {a.type} {a.text} to {narrow}", narrow)
        self.line(f"store {a.type} {a.text}, ptr {self.address(name, offset)}, align {BYTES[dtype]}")

    def _real(self, lanes: int) -> str:
        return "double" if lanes == 1 else f"<{lanes} x double>"

    def load(self, s: Load) -> Value:
        offset, step = self.place(s.buffer, s.index)
        if step == 0:
            return self.read(s.buffer, offset)
        if step == 1:
            return self.read(s.buffer, offset, self.lanes)
        whole = "poison"
        for lane in range(self.lanes):
            at = self.integer("add", offset, self.integer("mul", step, lane))
            one = self.read(s.buffer, at)
            whole = self.define(f"insertelement {self.real} {whole}, double {one.text}, i32 {lane}", self.real).text
        return Value(whole, self.real)

    def store(self, name: str, index: Index, a: Value, *, add: bool) -> None:
        offset, step = self.place(name, index)
        if step == 0:
            self.write(name, offset, self.add(self.read(name, offset), a) if add else a)
            return
        a = self.splat(a)
        if step == 1:
            self.write(name, offset, self.add(self.read(name, offset, self.lanes), a) if add else a)
            return
        for lane in range(self.lanes):
            at = self.integer("add", offset, self.integer("mul", step, lane))
            one = self.define(f"extractelement {a.type} {a.text}, i32 {lane}", "double")
            self.write(name, at, self.add(self.read(name, at), one) if add else one)
