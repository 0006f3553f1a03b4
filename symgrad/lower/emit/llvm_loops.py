"""A part of an ArrayProgram -> LLVM IR: a function of a table of addresses and a table of sizes.

Memory holds float64 or float32; arithmetic is in float64 in either case. A simd loop runs in vectors, then the rest
one by one. What a loop sums is summed in as many parts as a vector has lanes: `reassoc` stands there only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symgrad.lower.arrays.access import defined
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.carried import cone
from symgrad.lower.arrays.loops import (
    AddTo,
    Bound,
    Call,
    Chunks,
    Count,
    Extent,
    Fill,
    Guard,
    Let,
    Load,
    Loop,
    Number,
    Read,
    Rows,
    Start,
    Statement,
    Store,
    Update,
    When,
    flat,
    inside,
)
from symgrad.lower.emit.instructions import Value
from symgrad.lower.emit.llvm import ATTRIBUTES, WIDE
from symgrad.lower.emit.llvm_library import Library
from symgrad.lower.emit.llvm_memory import BYTES
from symgrad.lower.emit.target import constant

SHORT = ", !llvm.loop !0"  # of a loop of few iterations: as it is
METADATA = (
    "!0 = distinct !{!0, !1, !2}",
    '!1 = !{!"llvm.loop.vectorize.enable", i1 false}',
    '!2 = !{!"llvm.loop.unroll.disable"}',
)


class PartWriter(Library):
    """A part of a program while it is written down."""

    def function(self, k: int, body: Sequence[Statement]) -> str:
        """The k-th part: a function of the two tables and the number of a chunk."""
        self.statements(body)
        attributes = ATTRIBUTES + (WIDE if self.full == 8 else "")
        head = f"define internal void @{self.module.symbol}.{k}(ptr %table, ptr %sizes, i64 %chunk) {attributes} {{"
        return "\n".join([head, "entry:", *self.entry, "  br label %begin", "begin:", *self.lines, "  ret void", "}"])

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
                    slot = self.sums[s.name][self.lanes > 1]
                    real = self._real(self.lanes)
                    self.values[s.value] = self.define(f"load {real}, ptr {slot}", real)
                case Guard() | When():
                    self.guard(s)
                case Fill():
                    self.fill(s)
                case Call():
                    self.library(s)
                case Loop():
                    self.loop(s)
                case Rows():
                    self.statements(inside(s))
                case Chunks():
                    self.chunk(s)

    def as_real(self, n: int | str) -> Value:
        return self.number(n) if isinstance(n, int) else self.define(f"sitofp i64 {n} to double", "double")

    def position(self, i: Affine) -> Value:
        first = self.as_real(self.affine(i))
        c = i.coefficient(self.lane_of)
        if not c:
            return first
        steps = ", ".join(f"double {constant(float(c * lane))}" for lane in range(self.lanes))
        return self.add(first, Value(f"<{steps}>", self.real))

    def bound(self, s: Bound) -> Value:
        if s.which == "whole":
            begin, end, step = [self.affine(i) for i in s.indices]
            left = self.define(f"srem i64 {self.integer('sub', end, begin)}, {step}", "i64").text
            return Value(str(self.integer("sub", end, left)), "i64")
        found, *rest = [self.affine(i) for i in s.indices]
        for other in rest:
            found = self.define(f"call i64 @llvm.s{s.which}.i64(i64 {found}, i64 {other})", "i64").text
        return Value(str(found), "i64")

    def fill(self, s: Fill) -> None:
        buffer = self.buffers[s.buffer]
        size: int | str = BYTES[buffer.dtype]
        for n in buffer.dims[len(s.index) :]:
            size = self.integer("mul", size, self.size(n))
        self.clear(self.address(s.buffer, self.place(s.buffer, s.index)[0]), size)

    # -- accumulators -------------------------------------------------------------------------------------------------

    def start(self, s: Start) -> None:
        name = f"%sum{next(self.counter)}"
        self.entry.append(f"  {name} = alloca double")
        self.entry.append(f"  {name}.lanes = alloca <{self.full} x double>, align 64")
        self.sums[s.name] = name, f"{name}.lanes"
        if self.lanes == 1:
            self.line(f"store double {constant(s.number)}, ptr {name}")
            return
        first = self.splat(Value(constant(s.number), "double"))
        self.line(f"store {self.real} {first.text}, ptr {name}.lanes, align 64")

    def update(self, s: Update) -> None:
        slot = self.sums[s.name][self.lanes > 1]
        a = self.values[s.value] if self.lanes == 1 else self.splat(self.values[s.value])
        if self.mask is not None:
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
        width = self.full
        while width > 1:  # the upper half of what is left to the lower
            width //= 2
            part = f"<{width} x double>"
            halves = []
            for k in (0, width):
                lanes = ", ".join(f"i32 {k + lane}" for lane in range(width))
                text = f"shufflevector {whole.type} {whole.text}, {whole.type} poison, <{width} x i32> <{lanes}>"
                halves.append(self.define(text, part))
            whole = self.combined(kind, *halves)
        one = self.define(f"extractelement <1 x double> {whole.text}, i32 0", "double")
        old = self.define(f"load double, ptr {scalar}", "double")
        self.line(f"store double {self.combined(kind, old, one).text}, ptr {scalar}")

    # -- control ------------------------------------------------------------------------------------------------------

    def chunk(self, s: Chunks) -> None:
        """One chunk: which one is the function's argument."""
        self.indices[s.index] = "%chunk"
        self.indices[s.first] = str(self.integer("mul", "%chunk", self.size(s.length)))
        self.statements(s.body)

    def loop(self, s: Loop) -> None:
        first, stop = self.affine(s.first), self.affine(s.stop)
        if s.kind != "simd":
            self.iterate(s, first, stop, self.size(s.step), SHORT if s.kind == "short" else "")
            return
        own = {u.name for u in flat(s.body) if isinstance(u, Start)}
        updates = list({u.name: u.kind for u in flat(s.body) if isinstance(u, Update) and u.name not in own}.items())
        for name, kind in updates:
            self.line(f"store <{self.full} x double> {self.neutral(kind).text}, ptr {self.sums[name][1]}, align 64")
        number = self.integer("sub", stop, first)
        rest = self.define(f"srem i64 {number}, {self.full}", "i64").text
        whole = self.integer("sub", stop, rest)
        s = replace(s, carried=tuple(c for c in s.carried if c.far <= self.full))
        slots = self.before_first(s, first, whole)
        self.lanes, self.lane_of = self.full, s.index
        self.iterate(s, first, whole, self.full, slots=slots)
        # A block of rows has whole vectors, but for the last; memory that is added to just after it was written would
        # be waited for; and sums of a lane's own are not to be masked.
        if not own and not s.first.terms and not any(isinstance(u, AddTo) for u in flat(s.body)):
            whole = self.last_vector(s, number, rest, whole, stop)
        self.lanes, self.lane_of = 1, ""
        for name, kind in updates:
            self.gathered(kind, name)
        self.iterate(s, whole, stop, 1, SHORT)

    def neutral(self, kind: str) -> Value:
        """The vector that changes no accumulator of this kind."""
        start = {"add": "-0.0", "mul": "1.0", "max": constant(float("-inf")), "min": constant(float("inf"))}[kind]
        return Value(f"<{', '.join([f'double {start}'] * self.full)}>", f"<{self.full} x double>")

    def last_vector(self, s: Loop, number: int | str, rest: str, whole: int | str, stop: int | str) -> int | str:
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

    def iterate(
        self,
        s: Loop,
        first: int | str,
        stop: int | str,
        step: int | str,
        hint: str = "",
        slots: Mapping[int, str] | None = None,
    ) -> None:
        """A loop of this body. slots: where the vectors are that it carries."""
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
        if slots:
            self.carrying(s, slots)
        else:
            self.statements(s.body)
        self.line(f"%{label}.next = add nsw i64 {index}, {step}")
        self.line(f"store i64 %{label}.next, ptr %{label}.slot")
        self.line(f"br label %{label}{hint}")
        self.label(f"{label}.done")
        self._splats = splats

    # -- values of iterations before ----------------------------------------------------------------------------------

    def before_first(self, s: Loop, first: int | str, stop: int | str) -> dict[int, str]:
        """Slots for the values that are carried: in their last lanes what the first vector, if there is one, takes."""
        slots: dict[int, str] = {}
        if not s.carried:
            return slots
        label, splats = f"before{next(self.counter)}", dict(self._splats)
        vector = f"<{self.full} x double>"
        some = self.define(f"icmp slt i64 {first}, {stop}", "i1").text
        self.line(f"br i1 {some}, label %{label}, label %{label}.done")
        self.label(label)
        for c in sorted(s.carried, key=lambda c: -c.far):
            if c.later in slots:
                continue
            slot = slots[c.later] = f"%{label}.{c.later}"
            self.entry.append(f"  {slot} = alloca {vector}, align 64")
            whole = "poison"
            for k in range(c.far):
                self.indices[s.index] = str(self.integer("add", first, k))
                self.statements(cone(s.body, c.value))
                one, lane = self.values[c.value].text, self.full - c.far + k
                whole = self.define(f"insertelement {vector} {whole}, double {one}, i32 {lane}", vector).text
            self.line(f"store {vector} {whole}, ptr {slot}, align 64")
        self.line(f"br label %{label}.done")
        self.label(f"{label}.done")
        self._splats = splats
        return slots

    def carrying(self, s: Loop, slots: Mapping[int, str]) -> None:
        """One iteration: what is carried is the last lanes of a value as it was, then the first of what it is now."""
        # As integers, and spliced: of a shuffle of doubles LLVM makes vpermt2pd where valignq will do, which is slower.
        bits, splice = f"<{self.full} x i64>", f"llvm.vector.splice.v{self.full}i64"
        carried = {c.value: c for c in s.carried}
        old = {v: self.define(f"load {bits}, ptr {slot}, align 64", bits).text for v, slot in slots.items()}
        new: dict[int, str] = {}
        for u in s.body:
            value = defined(u)
            if value is None or value not in carried:
                self.statements((u,))
            else:
                _, later, far = carried[value]
                pair = f"{bits} {old[later]}, {bits} {new[later]}"
                spliced = self.define(f"call {bits} @{splice}({pair}, i32 {-far})", bits).text
                self.values[value] = self.define(f"bitcast {bits} {spliced} to {self.real}", self.real)
            if value is not None and value in slots:
                whole = self.splat(self.values[value]).text
                new[value] = self.define(f"bitcast {self.real} {whole} to {bits}", bits).text
                self.line(f"store {bits} {new[value]}, ptr {slots[value]}, align 64")

    # -- conditions ---------------------------------------------------------------------------------------------------

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
