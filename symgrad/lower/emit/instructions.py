"""The words in which operations say how they are computed -> LLVM instructions, on doubles and on vectors of them.

Arithmetic carries the flag `contract`, so that a*b + c may be one fused operation, and no other: the rest of "fast
math" breaks nan, infinities and signed zeros. Both operands of an instruction are vectors or neither is; a number
that is the same for all lanes stays a scalar until it meets a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, NamedTuple

from symgrad.graph import Op
from symgrad.lower.emit.circular import CIRCULAR, SINE_AND_COSINE, circular, intrinsics
from symgrad.lower.emit.special import SpecialFunction, definition, special_function
from symgrad.lower.emit.target import Target, constant
from symgrad.lower.scalars.program import as_double

RELATIONS = {"<": "olt", "<=": "ole", "==": "oeq", "!=": "une"}  # ordered: false for a nan; "!=" is true


class Value(NamedTuple):
    """A number or a truth value: an LLVM operand and its type, such as double or <8 x i1>."""

    text: str
    type: str


@dataclass
class Module:
    """What the functions of one module share: declarations by name, and what they call by address."""

    symbol: str  # of the kernel; what else it defines begins with it
    target: Target
    repeats: bool = True  # does its code run in loops? Only there sines are inlined, 0.02 us faster in one point if not
    globals: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)  # of scipy.special's loops
    special: dict[tuple[str, int], SpecialFunction] = field(default_factory=dict)  # these, by name and inputs
    routines: set[str] = field(default_factory=set)  # of BLAS, by their names
    users: dict[Op, str] = field(default_factory=dict)  # users' functions, and the symbols that they are called by


class Instructions:
    """The instructions of one function, as they are written. It speaks the words of ops/emitter.py."""

    def __init__(self, module: Module):
        self.module, self.lanes = module, module.target.lanes
        self.real, self.truths = f"<{self.lanes} x double>", f"<{self.lanes} x i1>"
        self.lines: list[str] = []
        self._count = 0
        self._splats: dict[Value, Value] = {}
        self.add, self.sub = partial(self._binary, "fadd contract"), partial(self._binary, "fsub contract")
        self.mul, self.div = partial(self._binary, "fmul contract"), partial(self._binary, "fdiv contract")
        self.both, self.either = partial(self._binary, "and"), partial(self._binary, "or")

    def define(self, text: str, type_: str) -> Value:
        """The value of a new instruction. LLVM numbers unnamed results itself, so the count must miss none."""
        name = f"%{self._count}"
        self._count += 1
        self.lines.append(f"  {name} = {text}")
        return Value(name, type_)

    def declare(self, symbol: str, result: str, inputs: str, attributes: str = "") -> None:
        self.module.globals.setdefault(symbol, f"declare {result} @{symbol}({inputs}) {attributes}")

    def clear(self, address: str, size: int | str) -> None:
        """Zeros in so many bytes."""
        self.declare("llvm.memset.p0.i64", "void", "ptr, i8, i64, i1")
        self.lines.append(f"  call void @llvm.memset.p0.i64(ptr {address}, i8 0, i64 {size}, i1 false)")

    # -- vectors and scalars ------------------------------------------------------------------------------------------

    def splat(self, a: Value) -> Value:
        """The vector of this number in every lane; a vector as it is."""
        if a.type[0] == "<":
            return a
        vector = self._splats.get(a)
        if vector is None:
            type_ = f"<{self.lanes} x {a.type}>"
            one = self.define(f"insertelement {type_} poison, {a.type} {a.text}, i32 0", type_)
            zeros = f"<{self.lanes} x i32> zeroinitializer"
            vector = self.define(f"shufflevector {type_} {one.text}, {type_} poison, {zeros}", type_)
            self._splats[a] = vector
        return vector

    def vector(self, numbers: Sequence[Value]) -> Value:
        """The vector of these numbers, in as many lanes; what is in the others is one of them.

        It is put together from halves: by lanes, one after the other, LLVM takes two instructions for each.
        """
        filled = [*numbers, *[numbers[0]] * (self.lanes - len(numbers))]
        width, parts = 1, filled
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self._joined(a, b, width) for a, b in pairs]
            width *= 2
        return parts[0]

    def _joined(self, a: Value, b: Value, width: int) -> Value:
        """The lanes of one vector, or a number, and then those of another."""
        type_ = f"<{2 * width} x double>"
        if width == 1:
            first = self.define(f"insertelement {type_} poison, double {a.text}, i32 0", type_)
            return self.define(f"insertelement {type_} {first.text}, double {b.text}, i32 1", type_)
        places = ", ".join(f"i32 {k}" for k in range(2 * width))
        return self.define(f"shufflevector {a.type} {a.text}, {b.type} {b.text}, <{2 * width} x i32> <{places}>", type_)

    def lane(self, a: Value, lane: int) -> Value:
        """The number in a lane."""
        return self.define(f"extractelement {a.type} {a.text}, i32 {lane}", "double")

    def _alike(self, *values: Value) -> tuple[Value, ...]:
        """Vectors, if any of them is one."""
        return tuple(map(self.splat, values)) if any(v.type[0] == "<" for v in values) else values

    def _binary(self, operation: str, a: Value, b: Value) -> Value:
        if a.type != b.type:
            a, b = self._alike(a, b)
        return self.define(f"{operation} {a.type} {a.text}, {b.text}", a.type)

    def _call(self, symbol: str, values: tuple[Value, ...], attributes: str = "#0") -> Value:
        type_ = values[0].type
        self.declare(symbol, type_, ", ".join([type_] * len(values)), attributes)
        return self.define(f"call {type_} @{symbol}({', '.join(f'{type_} {v.text}' for v in values)})", type_)

    def _intrinsic(self, name: str, *values: Value) -> Value:
        values = self._alike(*values)
        type_ = values[0].type
        suffix = "f64" if type_ == "double" else f"v{type_[1:].split()[0]}f64"
        return self._call(f"llvm.{name}.{suffix}", values, "")

    def _lane_by_lane(self, symbol: str, vectors: tuple[Value, ...], attributes: str) -> Value:
        """A scalar function on every lane."""
        whole = "poison"
        for lane in range(self.lanes):
            inputs = [self.lane(v, lane) for v in vectors]
            y = self._call(symbol, tuple(inputs), attributes)
            whole = self.define(f"insertelement {self.real} {whole}, double {y.text}, i32 {lane}", self.real).text
        return Value(whole, self.real)

    # -- the words ----------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Value:
        return Value(constant(as_double(value)), "double")

    def neg(self, a: Value) -> Value:
        return self.define(f"fneg {a.type} {a.text}", a.type)

    def power(self, a: Value, n: int) -> Value:
        """By squaring: for n to 64 at most 12 roundings."""
        result = None
        while n:
            if n & 1:
                result = a if result is None else self.mul(result, a)
            n >>= 1
            if n:
                a = self.mul(a, a)
        assert result is not None
        return result

    def sqrt(self, a: Value) -> Value:
        return self._intrinsic("sqrt", a)

    def norm(self, *args: Value) -> Value:
        """The root of the sum of squares; the careful way only where squares come near the end of the range.

        Of vectors, if any lane does, as a branch; the other lanes keep what they have, whatever their neighbours are.
        """
        args = self._alike(*args)
        type_ = args[0].type
        symbol = f"{self.module.symbol}_norm{len(args)}_{1 if type_ == 'double' else self.lanes}"
        if symbol not in self.module.globals:
            self.module.globals[symbol] = _norm(self.module, symbol, type_, len(args))
        return self.define(f"call {type_} @{symbol}({', '.join(f'{a.type} {a.text}' for a in args)})", type_)

    def careful_norm(self, args: Sequence[Value]) -> Value:
        """Numbers beyond 1e140 or below 1e-140 are scaled, by a power of two."""
        largest = reduce(lambda a, b: self.select(self.compare("<", a, b), b, a), map(self.fabs, args))
        small = self.compare("<", largest, self.number(1e-140))
        large = self.compare("<", self.number(1e140), largest)
        up, down, one = map(self.number, (2.0**600, 2.0**-600, 1.0))
        scale = self.select(large, down, self.select(small, up, one))
        back = self.select(large, up, self.select(small, down, one))
        return self.mul(back, self.sqrt(self.squares([self.mul(a, scale) for a in args])))

    def squares(self, args: Sequence[Value]) -> Value:
        return reduce(self.add, [self.mul(a, a) for a in args])

    def fabs(self, a: Value) -> Value:
        return self._intrinsic("fabs", a)

    def floor(self, a: Value) -> Value:
        return self._intrinsic("floor", a)

    def ceil(self, a: Value) -> Value:
        return self._intrinsic("ceil", a)

    def copysign(self, a: Value, b: Value) -> Value:
        return self._intrinsic("copysign", a, b)

    def maximum(self, a: Value, b: Value) -> Value:
        return self._intrinsic("maximum", a, b)  # IEEE 754-2019: nan if either is; maxnum would lose it

    def minimum(self, a: Value, b: Value) -> Value:
        return self._intrinsic("minimum", a, b)

    def libm(self, name: str, *args: Value) -> Value:
        args = self._alike(*args)
        if args[0].type == "double":
            return self._call(name, args)
        expm1 = self.module.target.vector_function("expm1", 1) if name == "tanh" else None
        if expm1 is not None:
            return self._tanh(expm1, *args)
        if name in CIRCULAR and self.lanes > 2:  # narrower vectors are of machines without a fused a*b + c
            return self._circular(name, *args)
        vector = self.module.target.vector_function(name, len(args))
        return self._call(vector, args) if vector else self._lane_by_lane(name, args, "#0")

    def _circular(self, name: str, x: Value) -> Value:
        """Sine or cosine by the function of both: of two calls of it with one argument LLVM makes one."""
        pair = f"{{ {x.type}, {x.type} }}"
        for intrinsic in intrinsics(self.lanes):
            self.declare(*intrinsic)
        inlining = "alwaysinline" if self.module.repeats else "noinline"
        self.module.globals.setdefault(SINE_AND_COSINE, circular(self.lanes, inlining))
        both = self.define(f"call {pair} @{SINE_AND_COSINE}({x.type} {x.text}) #0", pair)
        return self.define(f"extractvalue {pair} {both.text}, {CIRCULAR.index(name)}", x.type)

    def _tanh(self, expm1: str, x: Value) -> Value:
        """With e = expm1(2|x|): e / (e + 2), 3.9 ulp at worst, and 1.1 ns a lane where libmvec's own takes 1.8. The
        call and the quotient are those of 1 - tanh^2, so that LLVM makes them once."""
        size = self.fabs(x)
        e, two = self._call(expm1, (self.add(size, size),)), self.number(2)
        y = self.mul(self.mul(self.number(0.5), e), self.div(two, self.add(e, two)))
        far = self.compare("<", self.number(20), size)  # there tanh is 1 to the last bit, and e may be infinite
        return self.copysign(self.select(far, self.number(1), y), x)

    def special(self, name: str, *args: Value) -> Value:
        args = self._alike(*args)
        lanes = 1 if args[0].type == "double" else self.lanes
        function = special_function(name, len(args))
        symbol = f"{function.symbol}_{lanes}"
        self.module.special[name, len(args)] = function
        self.module.addresses.update(function.addresses)
        self.module.globals.setdefault(function.symbol, function.declaration)
        self.module.globals.setdefault(symbol, definition(function, symbol, lanes))
        inputs = ", ".join(f"{a.type} {a.text}" for a in args)
        return self.define(f"call {args[0].type} @{symbol}({inputs})", args[0].type)

    def user(self, op: Op, *args: Value) -> Value:
        users, args = self.module.users, self._alike(*args)
        symbol = users.setdefault(op, f"{self.module.symbol}_user{len(users)}")
        if args[0].type == "double":
            return self._call(symbol, args, "")
        return self._lane_by_lane(symbol, args, "")

    def truth(self, value: bool) -> Value:
        return Value("true" if value else "false", "i1")

    def compare(self, relation: str, a: Value, b: Value) -> Value:
        a, b = self._alike(a, b)
        return self.define(f"fcmp {RELATIONS[relation]} {a.type} {a.text}, {b.text}", a.type.replace("double", "i1"))

    def negate(self, a: Value) -> Value:
        return self._binary("xor", a, Value("true", "i1"))

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        if condition.type[0] == "<" or a.type != b.type:
            a, b = self.splat(a), self.splat(b)
        return self.define(f"select {condition.type} {condition.text}, {a.type} {a.text}, {b.type} {b.text}", a.type)


def _norm(module: Module, symbol: str, type_: str, count: int) -> str:
    """The function of the norm of so many numbers, or vectors of them."""
    f = Instructions(module)
    args = [Value(f"%x{k}", type_) for k in range(count)]
    square = f.squares(args)
    root = f.sqrt(square)
    in_range = f.both(f.compare("<", f.number(1e-280), square), f.compare("<", square, f.number(1e280)))
    every = in_range
    if type_ != "double":
        every = f.define(f"call i1 @llvm.vector.reduce.and.v{f.lanes}i1({in_range.type} {in_range.text})", "i1")
        f.declare(f"llvm.vector.reduce.and.v{f.lanes}i1", "i1", in_range.type)
    f.lines += [
        f"  br i1 {every.text}, label %quick, label %careful",
        "quick:",
        f"  ret {type_} {root.text}",
        "careful:",
    ]
    f._splats.clear()
    found = f.select(in_range, root, f.careful_norm(args))
    parameters = ", ".join(f"{a.type} {a.text}" for a in args)
    head = f"define internal {type_} @{symbol}({parameters}) alwaysinline nounwind {{"
    return "\n".join([head, "entry:", *f.lines, f"  ret {found.type} {found.text}", "}"])
