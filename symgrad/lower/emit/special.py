"""A function of scipy.special -> an LLVM function that runs the inner loop of its NumPy ufunc.

The ufunc's C structure (NumPy reference, C API, PyUFuncObject) holds for each signature the address of a loop over
arrays, which needs no interpreter. scipy.special.cython_special has scalar functions at addresses too, but not all:
zeta and lambertw are missing from it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from symgrad.lower.emit.target import constant

# Beside "d...d->d", real numbers to a real number: signature, and the values of the arguments that are always the same.
SIGNATURES: dict[str, tuple[str, tuple[float, ...]]] = {
    "lambertw": ("Dld->D", (1e-8,)),  # z, branch, tolerance: as scipy.special.lambertw calls it
}
# NumPy's letter of an element type -> LLVM's, and its size in bytes.
LONG = ctypes.sizeof(ctypes.c_long)
ELEMENTS = {"d": ("double", 8), "l": (f"i{8 * LONG}", LONG), "D": ("double", 16)}


class _Ufunc(ctypes.Structure):
    """The head of NumPy's PyUFuncObject."""

    _fields_ = [
        ("object", ctypes.c_byte * object.__basicsize__),
        *((name, ctypes.c_int) for name in ("nin", "nout", "nargs", "identity")),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
    ]


class SpecialFunction(NamedTuple):
    """A ufunc's loop: its signature, constants for its last inputs, and the addresses of its code and of its data."""

    name: str
    signature: str
    constants: tuple[float, ...]
    code: int
    data: int

    @property
    def symbol(self) -> str:
        """The name of the loop in LLVM; `_data` after it is the data's."""
        return f"symgrad_loop_{self.name}{len(self.signature)}"

    @property
    def addresses(self) -> dict[str, int]:
        """Where the linker finds both."""
        return {self.symbol: self.code, f"{self.symbol}_data": self.data}

    @property
    def declaration(self) -> str:
        return f"declare void @{self.symbol}(ptr, ptr, ptr, ptr)\n@{self.symbol}_data = external global i8"


@cache
def special_function(name: str, inputs: int) -> SpecialFunction:
    """The real loop of scipy.special's ufunc of this name."""
    import scipy.special

    ufunc = getattr(scipy.special, name)
    if not isinstance(ufunc, np.ufunc):  # zeta and lambertw are Python functions over one
        ufunc = getattr(scipy.special._ufuncs, f"_{name}")
    signature, constants = SIGNATURES.get(name, ("d" * inputs + "->d", ()))
    k = ufunc.types.index(signature)
    head = _Ufunc.from_address(id(ufunc))
    return SpecialFunction(name, signature, constants, head.functions[k] or 0, head.data[k] or 0)


def definition(function: SpecialFunction, symbol: str, lanes: int) -> str:
    """The LLVM function of this symbol, of doubles or vectors of them. A complex value that is not real is nan."""
    return "\n".join(_definition(function, symbol, lanes))


def _definition(function: SpecialFunction, symbol: str, lanes: int) -> Iterator[str]:
    inputs, _ = function.signature.split("->")
    type_ = "double" if lanes == 1 else f"<{lanes} x double>"
    free = len(inputs) - len(function.constants)
    kinds = [*inputs, function.signature[-1]]
    parameters = ", ".join(f"{type_} %x{k}" for k in range(free))
    yield f'define internal {type_} @{symbol}({parameters}) noinline nounwind "stackrealign" {{'
    yield "  %counts = alloca i64"
    yield f"  store i64 {lanes}, ptr %counts"
    for table in ("steps", "arrays"):
        yield f"  %{table} = alloca [{len(kinds)} x i64]"
    for k, kind in enumerate(kinds):
        element, size = ELEMENTS[kind]
        yield f"  %array{k} = alloca [{size * lanes} x i8], align 16"
        yield f"  store [{size * lanes} x i8] zeroinitializer, ptr %array{k}"
        yield f"  %steps.{k} = getelementptr i64, ptr %steps, i64 {k}"
        yield f"  store i64 {size}, ptr %steps.{k}"
        yield f"  %arrays.{k} = getelementptr ptr, ptr %arrays, i64 {k}"
        yield f"  store ptr %array{k}, ptr %arrays.{k}"
        for lane in range(lanes if k < len(inputs) else 0):
            at = f"{k}.{lane}"
            if k >= free:
                value = constant(function.constants[k - free])
            else:
                value = f"%x{k}"
                if lanes > 1:
                    yield f"  %double.{at} = extractelement {type_} %x{k}, i32 {lane}"
                    value = f"%double.{at}"
                if kind == "l":
                    yield f"  %long.{at} = fptosi double {value} to {element}"
                    value = f"%long.{at}"
            yield f"  %at.{at} = getelementptr i8, ptr %array{k}, i64 {size * lane}"
            yield f"  store {element} {value}, ptr %at.{at}"
    yield f"  call void @{function.symbol}(ptr %arrays, ptr %counts, ptr %steps, ptr @{function.symbol}_data)"
    yield from _results(kinds[-1], f"%array{len(inputs)}", type_, lanes)
    yield "}"


def _results(kind: str, array: str, type_: str, lanes: int) -> Iterator[str]:
    """Read the results, and return them."""
    size, whole = ELEMENTS[kind][1], "poison"
    for lane in range(lanes):
        yield f"  %from.{lane} = getelementptr i8, ptr {array}, i64 {size * lane}"
        yield f"  %real.{lane} = load double, ptr %from.{lane}"
        value = f"%real.{lane}"
        if kind == "D":
            yield f"  %next.{lane} = getelementptr i8, ptr %from.{lane}, i64 8"
            yield f"  %imaginary.{lane} = load double, ptr %next.{lane}"
            yield f"  %is.{lane} = fcmp oeq double %imaginary.{lane}, 0.0"
            yield f"  %value.{lane} = select i1 %is.{lane}, double {value}, double 0x7FF8000000000000"
            value = f"%value.{lane}"
        if lanes > 1:
            yield f"  %whole.{lane} = insertelement {type_} {whole}, double {value}, i32 {lane}"
            whole = f"%whole.{lane}"
        else:
            whole = value
    yield f"  ret {type_} {whole}"
