"""ArrayProgram -> LLVM IR: one function of a table of addresses and a table of sizes.

Memory holds float64 or float32; arithmetic is in float64 in either case. A simd loop runs in vectors, then the rest
one by one. What a loop sums is summed in as many parts as a vector has lanes: `reassoc` stands there only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from symgrad.lower.instructions import Instructions, Module, Value
from symgrad.lower.llvm import ATTRIBUTES, WIDE
from symgrad.lower.loops import (
    AddTo,
    Affine,
    ArrayProgram,
    Bound,
    Buffer,
    Call,
    Count,
    Extent,
    Fill,
    Guard,
    Index,
    Let,
    Load,
    Loop,
    Number,
    Read,
    Start,
    Statement,
    Store,
    Update,
    When,
    flat,
)
from symgrad.lower.target import Target, constant
from symgrad.types import Size

MEMORY = {"f8": "double", "f4": "float", "i8": "i64", "i4": "i32"}
BYTES = {"f8": 8, "f4": 4, "i8": 8, "i4": 4}
ROUTINES = {"f8": "d", "f4": "s"}  # the letter before a name of BLAS


def arrays_to_llvm(program: ArrayProgram, symbol: str, target: Target) -> tuple[str, Module, list[Size]]:
    """The text of the module, what it calls by address, and the sizes that the second table holds."""
    writer = _Writer(program, Module(symbol, target))
    return writer.text(), writer.module, list(writer.sizes)


class _Writer(Instructions):
    """A program while it is written down."""

    def __init__(self, program: ArrayProgram, module: Module):
        super().__init__(module)
        self.program, self.full = program, self.lanes
        self.lanes = 1
        self.numbers = {b.name: k for k, b in enumerate(program.buffers)}
        self.buffers = {b.name: b for b in program.buffers}
        self.sizes: dict[Size, str] = {}
        self.entry: list[str] = []
        self.counter = count()
        self.values: dict[int, Value] = {}
        self.lane_of: str | None = None  # the loop whose iterations are lanes
        self.indices: dict[str, str] = {}
        self.sums: dict[str, tuple[str, str]] = {}  # scalar and vector accumulators, by name
        self.strides: dict[tuple[str, int], str | int] = {}
        self.block = "begin"
        self.mask: Value | None = None  # in a loop's last vector, the lanes that are new

    def text(self) -> str:
        self.statements(self.program.body)
        attributes = ATTRIBUTES + (WIDE if self.full == 8 else "")
        head = f"define i32 @{self.module.symbol}(ptr %table, ptr %sizes) {attributes} {{"
        return "\n".join(
            [
                *self.module.globals.values(),
                head,
                "entry:",
                *self.entry,
                "  br label %begin",
                "begin:",
                *self.lines,
                "  ret i32 0",
                "}",
                "attributes #0 = { nounwind willreturn memory(none) }",
                "",
            ]
        )

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
            k = len(self.sizes)
            self.sizes[n] = f"%size{k}"
            self.entry.append(f"  %size{k}.at = getelementptr i64, ptr %sizes, i64 {k}")
            self.entry.append(f"  %size{k} = load i64, ptr %size{k}.at")
        return self.sizes[n]

    def integer(self, operation: str, a: int | str, b: int | str) -> int | str:
        if isinstance(a, int) and isinstance(b, int):
            return {"add": a + b, "sub": a - b, "mul": a * b}[operation]
        if operation == "mul" and (a == 0 or b == 0):
            return 0
        if (operation in ("add", "sub") and b == 0) or (operation == "mul" and b == 1):
            return a
        if (operation == "add" and a == 0) or (operation == "mul" and a == 1):
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
            c = i.coefficient(self.lane_of) if self.lane_of else 0
            if c:
                step = self.integer("add", step, self.integer("mul", c, stride))
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
        if self.lanes == 1 or step == 0:
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
        if self.lanes == 1 or step == 0:
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

    # -- statements ---------------------------------------------------------------------------------------------------

    def statements(self, body: Sequence[Statement]) -> None:
        for s in body:
            match s:
                case Let():
                    self.values[s.value] = s.op.emit(self, *[self.values[a] for a in s.arguments])
                case Load():
                    self.values[s.value] = self.load(s)
                case Number():
                    self.values[s.value] = self.number(s.number)
                case Extent():
                    self.values[s.value] = self.as_real(self.size(s.size))
                case Count():
                    self.values[s.value] = self.position(s.index)
                case Bound():
                    self.values[s.value] = self.bound(s)
                case Store():
                    self.store(s.buffer, s.index, self.values[s.value], add=False)
                case AddTo():
                    self.store(s.buffer, s.index, self.values[s.value], add=True)
                case Start():
                    self.start(s)
                case Update():
                    self.update(s)
                case Read():
                    self.values[s.value] = self.define(f"load double, ptr {self.sums[s.name][0]}", "double")
                case Guard() | When():
                    self.guard(s)
                case Fill():
                    self.fill(self.buffers[s.buffer])
                case Call():
                    self.library(s)
                case Loop():
                    self.loop(s)

    def as_real(self, n: int | str) -> Value:
        return self.number(n) if isinstance(n, int) else self.define(f"sitofp i64 {n} to double", "double")

    def position(self, i: Affine) -> Value:
        first = self.as_real(self.affine(i))
        c = i.coefficient(self.lane_of) if self.lane_of else 0
        if self.lanes == 1 or not c:
            return first
        steps = ", ".join(f"double {constant(float(c * lane))}" for lane in range(self.lanes))
        return self.add(first, Value(f"<{steps}>", self.real))

    def bound(self, s: Bound) -> Value:
        name = f"llvm.s{s.which}.i64"
        self.module.globals[name] = f"declare i64 @{name}(i64, i64)"
        found, *rest = [self.affine(i) for i in s.indices]
        for other in rest:
            found = self.define(f"call i64 @{name}(i64 {found}, i64 {other})", "i64").text
        return Value(str(found), "i64")

    def fill(self, buffer: Buffer) -> None:
        size: int | str = BYTES[buffer.dtype]
        for n in buffer.dims:
            size = self.integer("mul", size, self.size(n))
        self.module.globals["llvm.memset"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        self.line(f"call void @llvm.memset.p0.i64(ptr {self.base(buffer.name)}, i8 0, i64 {size}, i1 false)")

    # -- accumulators -------------------------------------------------------------------------------------------------

    def start(self, s: Start) -> None:
        name = f"%sum{next(self.counter)}"
        self.entry.append(f"  {name} = alloca double")
        self.entry.append(f"  {name}.lanes = alloca <{self.full} x double>, align 64")
        self.sums[s.name] = name, f"{name}.lanes"
        self.line(f"store double {constant(s.number)}, ptr {name}")

    def update(self, s: Update) -> None:
        slot = self.sums[s.name][self.lanes > 1]
        a = self.values[s.value] if self.lanes == 1 else self.splat(self.values[s.value])
        if self.mask is not None and self.lanes > 1:
            a = self.select(self.mask, a, self.neutral(s.kind))
        old = self.define(f"load {a.type}, ptr {slot}", a.type)
        self.line(f"store {a.type} {self.combined(s.kind, old, a).text}, ptr {slot}")

    def combined(self, kind: str, a: Value, b: Value) -> Value:
        if kind in ("max", "min"):
            return self.maximum(a, b) if kind == "max" else self.minimum(a, b)
        return self._binary(f"f{kind} reassoc contract", a, b)

    def gathered(self, kind: str, name: str) -> None:
        """The lanes of a vector accumulator into the scalar one."""
        scalar, vector = self.sums[name]
        type_ = f"<{self.full} x double>"
        whole = self.define(f"load {type_}, ptr {vector}", type_)
        parts = [self.define(f"extractelement {type_} {whole.text}, i32 {lane}", "double") for lane in range(self.full)]
        while len(parts) > 1:
            parts = [self.combined(kind, a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        old = self.define(f"load double, ptr {scalar}", "double")
        self.line(f"store double {self.combined(kind, old, parts[0]).text}, ptr {scalar}")

    # -- control ------------------------------------------------------------------------------------------------------

    def loop(self, s: Loop) -> None:
        first, stop = self.affine(s.first), self.affine(s.stop)
        if s.kind != "simd":
            self.iterate(s, first, stop, self.size(s.step))
            return
        updates = list({u.name: u.kind for u in flat(s.body) if isinstance(u, Update)}.items())
        for name, kind in updates:
            self.line(f"store <{self.full} x double> {self.neutral(kind).text}, ptr {self.sums[name][1]}, align 64")
        number = self.integer("sub", stop, first)
        rest = (
            number % self.full
            if isinstance(number, int)
            else self.define(f"srem i64 {number}, {self.full}", "i64").text
        )
        whole = self.integer("sub", stop, rest)
        self.lanes, self.lane_of = self.full, s.index
        self.iterate(s, first, whole, self.full)
        # memory that is added to just after it was written would be waited for
        if not any(isinstance(u, AddTo) for u in flat(s.body)):
            whole = self.last_vector(s, number, rest, whole, stop)
        self.lanes, self.lane_of = 1, None
        for name, kind in updates:
            self.gathered(kind, name)
        self.iterate(s, whole, stop, 1)

    def neutral(self, kind: str) -> Value:
        """The vector that changes no accumulator of this kind."""
        start = {"add": "-0.0", "mul": "1.0", "max": constant(float("-inf")), "min": constant(float("inf"))}[kind]
        return Value(f"<{', '.join([f'double {start}'] * self.full)}>", f"<{self.full} x double>")

    def last_vector(self, s: Loop, number: int | str, rest: int | str, whole: int | str, stop: int | str) -> int | str:
        """The rest as one vector that ends at the last iteration, if there are as many: what it stores again is the
        same, and accumulators take what is new. Returns where the loop for what is left begins."""
        label = f"last{next(self.counter)}"
        enough = self.define(f"icmp sge i64 {number}, {self.full}", "i1").text
        left = self.define(f"icmp sgt i64 {rest}, 0", "i1").text
        both = self.define(f"and i1 {enough}, {left}", "i1").text
        splats = dict(self._splats)
        self.line(f"br i1 {both}, label %{label}, label %{label}.done")
        self.label(label)
        self.indices[s.index] = str(self.integer("sub", stop, self.full))
        old = self.integer("sub", self.full, rest)
        numbers = ", ".join(f"i64 {lane}" for lane in range(self.full))
        bound = self.splat(Value(str(old), "i64"))
        self.mask = self.define(f"icmp sge <{self.full} x i64> <{numbers}>, {bound.text}", f"<{self.full} x i1>")
        self.statements(s.body)
        self.mask = None
        self.line(f"br label %{label}.done")
        self.label(f"{label}.done")
        self._splats = splats
        return self.define(f"select i1 {enough}, i64 {stop}, i64 {whole}", "i64").text

    def iterate(self, s: Loop, first: int | str, stop: int | str, step: int | str) -> None:
        """A loop of this body."""
        label = f"loop{next(self.counter)}"
        splats = dict(self._splats)
        self.entry.append(f"  %{label}.slot = alloca i64")
        self.line(f"store i64 {first}, ptr %{label}.slot")
        self.line(f"br label %{label}")
        self.label(label)
        index = f"%{label}.at"
        self.line(f"{index} = load i64, ptr %{label}.slot")
        self.line(f"%{label}.more = icmp slt i64 {index}, {stop}")
        self.line(f"br i1 %{label}.more, label %{label}.body, label %{label}.done")
        self.label(f"{label}.body")
        self.indices[s.index] = index
        self.statements(s.body)
        self.line(f"%{label}.next = add nsw i64 {index}, {step}")
        self.line(f"store i64 %{label}.next, ptr %{label}.slot")
        self.line(f"br label %{label}")
        self.label(f"{label}.done")
        self._splats = splats

    def guard(self, s: Guard | When) -> None:
        label = f"guard{next(self.counter)}"
        holds = None
        for i, n in s.conditions:
            # as unsigned numbers, those below 0 are large
            at = self.affine(i)
            one = self.define(f"icmp ult i64 {at}, {self.size(n)}", "i1")
            holds = one if holds is None else self._binary("and", holds, one)
        assert holds is not None
        before, splats = self.block, dict(self._splats)
        self.line(f"br i1 {holds.text}, label %{label}, label %{label}.done")
        self.label(label)
        self.statements(s.body)
        inside = self.block
        self.line(f"br label %{label}.done")
        self.label(f"{label}.done")
        self._splats = splats
        if isinstance(s, When):
            return
        inner = self.values[s.inner]
        self.values[s.value] = self.define(
            f"phi {inner.type} [ {inner.text}, %{inside} ], [ zeroinitializer, %{before} ]", inner.type
        )

    # -- libraries ----------------------------------------------------------------------------------------------------

    def library(self, s: Call) -> None:
        {"gemm": self.gemm, "getrf": self.getrf, "getrs": self.getrs, "potrf": self.potrf}[s.routine](s)

    def gemm(self, s: Call) -> None:
        """C = A B in rows is C^T = B^T A^T in columns, as BLAS has it."""
        a, b, c = s.buffers
        rows, inner, columns = [self.product(n) for n in s.sizes]
        real = MEMORY[self.buffers[c].dtype]
        left, right = s.flags[0], s.flags[1]
        one, zero = (self.reference(real, constant(v)) for v in (1.0, 0.0))
        arguments = [
            self.reference("i8", str(ord(right))),
            self.reference("i8", str(ord(left))),
            *(self.reference("i32", n) for n in (columns, rows, inner)),
            one,
            self.base(b),
            self.reference("i32", columns if right == "N" else inner),
            self.base(a),
            self.reference("i32", inner if left == "N" else rows),
            zero,
            self.base(c),
            self.reference("i32", columns),
        ]
        self.fortran(s.routine, c, arguments)

    def getrf(self, s: Call) -> None:
        """Rows, columns, matrix, leading size, pivots, info: of a singular matrix the factors have a 0."""
        pivots, matrix = s.buffers
        n = self.reference("i32", self.product(s.sizes[0]))
        self.fortran("getrf", matrix, [n, n, self.base(matrix), n, self.base(pivots), self.reference("i32", 0)])

    def getrs(self, s: Call) -> None:
        """Transposed or not, size, number of right-hand sides, factors, pivots, and these, which become the result."""
        matrix, pivots, right = s.buffers
        n, many = (self.reference("i32", self.product(size)) for size in s.sizes)
        flag, info = self.reference("i8", str(ord(s.flags))), self.reference("i32", 0)
        addresses = [self.base(matrix), n, self.base(pivots), self.base(right), n, info]
        self.fortran("getrs", right, [flag, n, many, *addresses])

    def potrf(self, s: Call) -> None:
        """The triangle by columns, size, matrix, leading size; info goes into the other buffer."""
        info, matrix = s.buffers
        n = self.reference("i32", self.product(s.sizes[0]))
        flag = self.reference("i8", str(ord(s.flags)))
        self.fortran("potrf", matrix, [flag, n, self.base(matrix), n, self.base(info)])

    def fortran(self, routine: str, buffer: str, arguments: Sequence[str]) -> None:
        """The call of a routine for the element type of a buffer."""
        name = ROUTINES[self.buffers[buffer].dtype] + routine
        symbol = f"symgrad_blas_{name}"
        self.module.routines.add(name)
        self.module.globals[symbol] = f"declare void @{symbol}({', '.join(['ptr'] * len(arguments))})"
        self.line(f"call void @{symbol}({', '.join(f'ptr {x}' for x in arguments)})")

    def product(self, sizes: Sequence[Size]) -> int | str:
        total: int | str = 1
        for n in sizes:
            total = self.integer("mul", total, self.size(n))
        return total

    def reference(self, type_: str, value: int | str) -> str:
        """The address of a number, as Fortran takes it."""
        slot = f"%argument{next(self.counter)}"
        self.entry.append(f"  {slot} = alloca {type_}")
        if type_ == "i32" and isinstance(value, str):
            value = self.define(f"trunc i64 {value} to i32", "i32").text
        self.line(f"store {type_} {value}, ptr {slot}")
        return slot
