"""The machine -> what the emitter may use of it: the width of its vectors, the vector functions of its C library."""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from symgrad.environment import numba_names_the_processor

# Where vector functions of C's math library are: glibc's libmvec. 4 ulp at worst (glibc manual, 19.7).
LIBMVEC = "libmvec.so.1"
# How the names of its functions begin, and the letter of each width (x86-64 vector function ABI, section 2.6).
VECTOR = "_ZGV"
WIDTHS = {8: "e", 4: "d", 2: "b"}


@dataclass(frozen=True)
class Target:
    """lanes: how many float64 a vector holds."""

    lanes: int

    def vector_function(self, name: str, inputs: int) -> str | None:
        """The symbol that computes a C math function on a whole vector, if this process can find it."""
        symbol = f"{VECTOR}{WIDTHS[self.lanes]}N{self.lanes}{'v' * inputs}_{name}"
        return symbol if _is_found(symbol) else None


class Processor(NamedTuple):
    """What LLVM compiles for: its names of the system, of the processor, and of all that this can and cannot do."""

    triple: str
    name: str
    features: str


@cache
def processor() -> Processor:
    """This machine's, unless Numba's own settings narrow it: what Numba compiles may call the same functions."""
    if "numba" in sys.modules or numba_names_the_processor():  # else it is not worth the 0.2 s of importing Numba
        from numba.core.registry import cpu_target

        return Processor(*cpu_target.target_context.codegen().magic_tuple())
    return this_processor()


def this_processor() -> Processor:
    """This machine's."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # a processor that LLVM does not know, as Numba has it
        features = ""
    return Processor(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


@cache
def host() -> Target:
    """The target that kernels are compiled for."""
    import llvmlite.binding as llvm

    triple, _, features = processor()
    if triple.startswith("x86_64") and "linux" in triple:
        with suppress(RuntimeError):  # a C library without it, such as musl: functions are then called lane by lane
            llvm.load_library_permanently(LIBMVEC)
    enabled = set(features.split(","))
    return Target(8 if "+avx512f" in enabled else 4 if "+avx2" in enabled else 2)


@cache
def _is_found(symbol: str) -> bool:
    import llvmlite.binding as llvm

    return llvm.address_of_symbol(symbol) is not None


def constant(value: float) -> str:
    """A float64 in LLVM's text: its bits, since decimals that are not exact are refused."""
    return "0x" + struct.pack(">d", value).hex().upper()
