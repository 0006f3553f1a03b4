"""LLVM IR -> machine code to call through its address, by way of LLVM alone; kept on disk for later processes.

The key of an entry is a digest of all that decides its bytes: the text of the module, with a fixed name in place of the
kernel's own, the versions, the processor. No address is in them: what a kernel calls is found by name when it is
loaded. A kernel with functions of the user's is compiled anew each time: their names do not say what they do.

That key is known when the text is. The plan of a kernel (`plans`), which has it, is found before.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import count
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
from llvmlite.binding.newpassmanagers import NewPassManager

from symgrad.environment import cache_directory
from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.llvm import UNOPTIMISED
from symgrad.lower.emit.llvm_parts import PART
from symgrad.lower.emit.target import Processor, processor
from symgrad.lower.machine.blas import blas_addresses
from symgrad.lower.machine.cache import PLAN, Cache
from symgrad.lower.machine.plans import Plan, identity, plan_for, plan_of
from symgrad.progress import waited

LOCK = threading.RLock()  # keeps two threads from compiling one kernel
SYMBOL = "symgrad_kernel"  # of every kernel kept: each is a library of its own, so that equal names do not meet
OPTIMISATION, EMISSION = 2, 3  # LLVM's levels
LIBRARIES = 64  # of one linker: it keeps 9 kB of each that is gone, and is 130 kB and 1 ms to make
FORM = "4"  # another one for every change of what `compiled` makes of a text, or of how its code is called

Inputs = tuple[Any, ...]  # types of C

_libraries = count()


class BatchCode(NamedTuple):
    """A kernel with a size, as a function of its table of addresses, the range of points, and the number of all; and
    the address of what runs it in chunks."""

    call: Callable[[int, int, int, int], int]
    part: int


# What a kernel takes, in C: of one point it is called by other machine code alone.
POINT: Inputs = ()
POINTS: Inputs = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
ARRAYS: Inputs = (ctypes.c_void_p, ctypes.c_void_p)


def recalled(words: str, inputs: Inputs) -> Any:
    """The kernel that these words describe, from the disk, and of what is known of it the `facts`; None if it is not
    there. Empty words describe none."""
    directory = cache_directory() if words else None
    name = None if directory is None else plan_key(words)
    if directory is None or name is None:
        return None
    kept = Cache(directory)
    content = kept.load(name, PLAN)
    plan = None if content is None else plan_of(content)
    if plan is None:
        return None
    code, symbols = kept.load(plan.code), plan.addresses()
    if code is None or symbols is None:
        return None
    return _function(_loaded(code, symbols, plan.names), inputs, plan.facts)


def kernel_code(text: str, module: Module, inputs: Inputs, words: str = "", facts: Any = None) -> Any:
    """The kernel, as a function of these types in C to an int. It keeps its machine code, which ends with it. A later
    process finds it by the words, and has the facts: numbers, words and lists of these.

    Interrupts do not wait for LLVM, nor break it. Calling it lets other threads run.
    """
    count = text.count("\n")
    return waited(lambda: _made(text, module, inputs, words, facts), f"compiling {count:,} instructions")


def part_of(kernel: Any) -> int:
    """The address of what runs one part of a kernel of points or arrays."""
    return int(kernel.library[SYMBOL + PART])


def address(code: Any) -> int:
    """Where machine code is, as long as it is kept."""
    return ctypes.cast(code, ctypes.c_void_p).value or 0


def library_of(text: str, names: Sequence[str]) -> Any:
    """The machine code of a module that calls nothing but the C library: addresses by these names."""
    return _loaded(_kept(text), {}, names)


def compiled(text: str) -> bytes:
    """The object file of a module, optimised for this processor."""
    # Code in parts is made in half the time, and runs 3 % slower.
    emission, optimisation = (0, 0) if UNOPTIMISED in text else (EMISSION, OPTIMISATION)
    machine = _machine(processor(), emission)
    # A context of its own: Numba may compile in another thread, in LLVM's global one.
    module = llvm.parse_assembly(text, llvm.create_context())
    module.triple, module.data_layout = processor().triple, str(machine.target_data)
    module.verify()
    # Vectors, the order of loops and what is unrolled are decided before: at level 3 and with LLVM's own unrolling the
    # kernel of a mixture of Gaussians compiles in twice the time and is no faster, nor is any other of the benchmark.
    tuning = llvm.create_pipeline_tuning_options(speed_level=optimisation)
    tuning.loop_vectorization, tuning.slp_vectorization, tuning.loop_unrolling = True, False, False
    passes = llvm.create_pass_builder(machine, tuning)
    pipeline = passes.getModulePassManager()
    pipeline.run(module, passes)
    NewPassManager._dispose(pipeline)  # 60 kB, which llvmlite 0.50 keeps: the `_dispose` that it calls does nothing
    pipeline.detach()  # and one that calls this shall not free it twice
    return bytes(machine.emit_object(module))


def key(text: str) -> str:
    """The name under which the machine code of a module is kept."""
    parts = (*_versions(), *processor(), text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def plan_key(words: str) -> str | None:
    """The name under which the plan of a kernel so described is kept; None for none."""
    parts = identity(words)
    return None if parts is None else key("\0".join(parts))


def _made(text: str, module: Module, inputs: Inputs, words: str, facts: Any) -> Any:
    """The kernel, by whoever compiles it."""
    text, symbols = text.replace(module.symbol, SYMBOL), dict(module.addresses)
    if module.routines:
        symbols |= blas_addresses(module.routines)
    if module.users:
        from symgrad.lower.machine.user_functions import user_address

        symbols |= {name.replace(module.symbol, SYMBOL): user_address(op) for op, name in module.users.items()}
    names = [name for name in (SYMBOL, SYMBOL + PART) if f"@{name}(" in text]
    code = compiled(text) if module.users else _kept(text)
    if words and not module.users:
        _keep_plan(words, plan_for(key(text), names, module, facts))
    return _function(_loaded(code, symbols, names), inputs, facts)


def _keep_plan(words: str, plan: Plan) -> None:
    directory, name = cache_directory(), plan_key(words)
    if directory is not None and name is not None:
        Cache(directory).store(name, plan.content(), PLAN)


def _function(library: Any, inputs: Inputs, facts: Any) -> Any:
    function = ctypes.CFUNCTYPE(ctypes.c_int, *inputs)(library[SYMBOL])
    function.library, function.facts = library, facts  # type: ignore[attr-defined]
    return function


def _kept(text: str) -> bytes:
    """The object file of a module, from the disk if it is there."""
    directory = cache_directory()
    if directory is None:
        return compiled(text)
    kept, name = Cache(directory), key(text)
    code = kept.load(name)
    if code is None:
        code = compiled(text)
        kept.store(name, code)
    return code


def _loaded(code: bytes, symbols: dict[str, int], names: Sequence[str]) -> Any:
    """The library of an object file that calls these symbols, and has these names."""
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in names:
        builder.export_symbol(name)
    for name, address in symbols.items():
        builder.import_symbol(name, address)
    number = next(_libraries)
    return builder.link(_linker(number // LIBRARIES), f"symgrad{number}")


@lru_cache(maxsize=1)
def _linker(group: int) -> Any:
    """What so many libraries share; it ends with the last of them, which hold it."""
    return llvm.create_lljit_compiler(_machine(processor(), EMISSION))


def _machine(wanted: Processor, level: int) -> Any:
    """What LLVM emits code with, with the settings that Numba gives it. One linker takes it, so it is made anew."""
    return llvm.Target.from_triple(wanted.triple).create_target_machine(
        cpu=wanted.name,
        features=wanted.features,
        opt=level,
        reloc="static" if wanted.triple.startswith(("x86", "i386", "i686")) else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _versions() -> tuple[str, ...]:
    """Of all that has a part in the bytes; symgrad's part is the text, and what `compiled` does with it."""
    return FORM, llvmlite.__version__, ".".join(map(str, llvm.llvm_version_info)), str(sys.implementation.cache_tag)
