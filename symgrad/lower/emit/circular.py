"""Sine and cosine of a vector -> an LLVM function of both: one reduction of the argument serves the two.

With n the nearest integer to 2|x|/pi and r = |x| - n pi/2, which is at most pi/4, sine and cosine of |x| are those of
r, exchanged if n is odd, with signs by its second bit (Cody, Waite, Software Manual for the Elementary Functions, 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symgrad.lower.emit.target import constant

CIRCULAR = ("sin", "cos")  # in the order of the pair
SINE_AND_COSINE = "symgrad_circular"

LIMIT = 2.0**22  # up to here n has 22 bits, and n times the first 53 bits of pi/2 is subtracted without a rounding
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)  # a sum of 159 bits
TWO_OVER_PI = 0.6366197723675814
ROUNDING = 1.5 * 2.0**52  # added to a number below 2^51, it leaves the nearest integer in the last bits
# (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 as polynomials of r^2, with which sine and cosine are exact to 2^-57
# and 2^-59. They interpolate where Chebyshev's polynomial of degree 7 is zero, whose last zero is put at r = 0.
SINE = (
    *(-0.16666666666666632, 0.008333333333322413, -0.0001984126982980749),
    *(2.755731369198108e-06, -2.505075814911691e-08, 1.5896798862290768e-10),
)
COSINE = (
    *(0.041666666666666644, -0.0013888888888882057, 2.4801587294417368e-05),
    *(-2.755731576376297e-07, 2.087591249645403e-09, -1.1369288744875926e-11),
)


def circular(lanes: int, inlining: str) -> str:
    """The function of that name, of a vector to the pair of its sines and its cosines: 2 ulp at worst.

    Lanes beyond the limit, infinite or nan, are the C library's; the others do not depend on them.
    """
    v = _Words(lanes)
    attributes = f"{inlining} nounwind willreturn memory(none)"
    return "\n".join(
        [
            f"define internal {v.pair} @{SINE_AND_COSINE}({v.real} %x) {attributes} {{",
            f"  %size = call {v.real} @llvm.fabs.v{lanes}f64({v.real} %x)",
            f"  %is.near = fcmp olt {v.real} %size, {v.all(LIMIT)}",
            f"  %every = call i1 @llvm.vector.reduce.and.v{lanes}i1({v.truths} %is.near)",
            *_reduced(v),
            *_polynomial("s", SINE, v),
            *_polynomial("c", COSINE, v),
            f"  %cube = fmul {v.real} %r, %u",
            f"  %sine.r = {v.fma('%cube', '%s', '%r')}",
            f"  %most = {v.fma('%u', v.all(-0.5), v.all(1.0))}",
            f"  %cosine.r = {v.fma('%u2', '%c', '%most')}",
            *_signs(v),
            *_turned("sine", "cosine", v),
            *_turned("cosine", "sine", v),
            "  br i1 %every, label %quick, label %careful",
            "quick:",
            f"  %pair.sine = insertvalue {v.pair} poison, {v.real} %sine, 0",
            f"  %pair = insertvalue {v.pair} %pair.sine, {v.real} %cosine, 1",
            f"  ret {v.pair} %pair",
            "careful:",
            f"  %mixed = call {v.pair} @{SINE_AND_COSINE}_careful({v.real} %x, {v.truths} %is.near,"
            f" {v.real} %sine, {v.real} %cosine)",
            f"  ret {v.pair} %mixed",
            "}",
            *_careful(v),
        ]
    )


def intrinsics(lanes: int) -> Iterator[tuple[str, str, str]]:
    """What the function calls of LLVM: names, types of results and of inputs."""
    v = _Words(lanes)
    yield f"llvm.fma.v{lanes}f64", v.real, f"{v.real}, {v.real}, {v.real}"
    yield f"llvm.fabs.v{lanes}f64", v.real, v.real
    yield f"llvm.vector.reduce.and.v{lanes}i1", "i1", v.truths
    for name in CIRCULAR:
        yield f"llvm.{name}.f64", "double", "double"


class _Words:
    """LLVM's names of vectors with so many lanes, and instructions on them."""

    def __init__(self, lanes: int):
        self.lanes = lanes
        self.real, self.bits, self.truths = (f"<{lanes} x {type_}>" for type_ in ("double", "i64", "i1"))
        self.pair = f"{{ {self.real}, {self.real} }}"

    def all(self, value: float) -> str:
        """A float64, or an integer of 64 bits, in every lane."""
        one = f"i64 {value}" if isinstance(value, int) else f"double {constant(value)}"
        return f"<{', '.join([one] * self.lanes)}>"

    def fma(self, a: str, b: str, c: str) -> str:
        """a b + c with one rounding."""
        return f"call {self.real} @llvm.fma.v{self.lanes}f64({self.real} {a}, {self.real} {b}, {self.real} {c})"


def _reduced(v: _Words) -> Iterator[str]:
    """n as an integer, r, r^2 and r^4."""
    yield f"  %shifted = {v.fma('%size', v.all(TWO_OVER_PI), v.all(ROUNDING))}"
    yield f"  %n = bitcast {v.real} %shifted to {v.bits}"
    yield f"  %n.real = fsub {v.real} %shifted, {v.all(ROUNDING)}"
    places = ("%size", "%first", "%second", "%r")
    for part, before, after in zip(HALF_PI, places, places[1:], strict=False):
        yield f"  {after} = {v.fma('%n.real', v.all(-part), before)}"
    yield f"  %u = fmul {v.real} %second, %second"  # r differs from that by 2^-87: where it matters u does not
    yield f"  %u2 = fmul {v.real} %u, %u"


def _polynomial(name: str, c: Sequence[float], v: _Words) -> Iterator[str]:
    """c0 + c1 u + ... + c5 u^5 by pairs, which do not wait for one another."""
    for k in (0, 2, 4):
        yield f"  %{name}{k} = {v.fma('%u', v.all(c[k + 1]), v.all(c[k]))}"
    yield f"  %{name}.high = {v.fma('%u2', f'%{name}4', f'%{name}2')}"
    yield f"  %{name} = {v.fma('%u2', f'%{name}.high', f'%{name}0')}"


def _signs(v: _Words) -> Iterator[str]:
    """The signs of both, as first bits: the sine has that of x too, the cosine is the sine at n + 1."""
    yield f"  %x.bits = bitcast {v.real} %x to {v.bits}"
    yield f"  %sine.turn = shl {v.bits} %n, {v.all(62)}"
    yield f"  %sine.sign = xor {v.bits} %sine.turn, %x.bits"
    yield f"  %n.next = add {v.bits} %n, {v.all(1)}"
    yield f"  %cosine.sign = shl {v.bits} %n.next, {v.all(62)}"
    yield f"  %n.odd = trunc {v.bits} %n to {v.truths}"


def _turned(one: str, other: str, v: _Words) -> Iterator[str]:
    """One of the two: the other's polynomial where n is odd, with its own sign."""
    yield f"  %{one}.size = select {v.truths} %n.odd, {v.real} %{other}.r, {v.real} %{one}.r"
    yield f"  %{one}.bits = bitcast {v.real} %{one}.size to {v.bits}"
    yield f"  %{one}.first = and {v.bits} %{one}.sign, {v.all(-(2**63))}"
    yield f"  %{one}.signed = xor {v.bits} %{one}.bits, %{one}.first"
    yield f"  %{one} = bitcast {v.bits} %{one}.signed to {v.real}"


def _careful(v: _Words) -> Iterator[str]:
    """The function that asks the C library for lanes that are not near."""
    parameters = f"{v.real} %x, {v.truths} %near, {v.real} %sin.near, {v.real} %cos.near"
    yield f"define internal {v.pair} @{SINE_AND_COSINE}_careful({parameters}) noinline cold nounwind {{"
    pair = "poison"
    for place, name in enumerate(CIRCULAR):
        far = "poison"
        for lane in range(v.lanes):
            yield f"  %{name}.x{lane} = extractelement {v.real} %x, i32 {lane}"
            yield f"  %{name}.y{lane} = call double @llvm.{name}.f64(double %{name}.x{lane})"
            yield f"  %{name}.far{lane} = insertelement {v.real} {far}, double %{name}.y{lane}, i32 {lane}"
            far = f"%{name}.far{lane}"
        yield f"  %{name} = select {v.truths} %near, {v.real} %{name}.near, {v.real} {far}"
        yield f"  %with.{name} = insertvalue {v.pair} {pair}, {v.real} %{name}, {place}"
        pair = f"%with.{name}"
    yield f"  ret {v.pair} {pair}"
    yield "}"
