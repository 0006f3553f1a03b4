"""LLVM IR -> something to call, by way of Numba: the only file that knows it. Imported when a kernel is first compiled.

Numba's own front end sees one call of an intrinsic that brings the finished module, since its compile time grows faster
than the number of statements. One lock keeps two threads from compiling at once.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target
from numba.core.types import containers
from numba.extending import get_cython_function_address, intrinsic

from symgrad.errors import RegistrationError
from symgrad.graph import Op
from symgrad.lower.instructions import Module

LOCK = threading.RLock()
OPTIONS = {"error_model": "numpy", "nogil": True}  # 1/0 is an infinity; other threads run meanwhile

Shape = tuple[int, ...]
# (function, number of arguments) -> users' functions as C functions. Kept for good: kernels hold their addresses.
_USERS: dict[tuple[Any, int], Any] = {}

_F8, _I32, _I64, _POINTER = ir.DoubleType(), ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()


class BatchCode(NamedTuple):
    """A kernel with a size, as a function of its table of addresses, the range of points, and the number of all."""

    call: Callable[[int, int, int, int], int]
    library: Any  # keeps the machine code


class PointCode(NamedTuple):
    """A kernel for one point, as a function of its numbers and addresses."""

    call: Callable[..., int]
    library: Any  # keeps the machine code


@global_compiler_lock
def batch_code(text: str, module: Module) -> BatchCode:
    """Compile a kernel with a size. Calling it lets other threads run."""
    library = cpu_target.target_context.codegen().create_library(module.symbol)
    _add(library, text, module)
    library.finalize()
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    return BatchCode(kind(library.get_pointer_to_function(module.symbol)), library)


@global_compiler_lock
def array_code(text: str, module: Module) -> PointCode:
    """Compile a program of arrays, as a function of the addresses of its two tables. Calling it lets other threads run.

    The tables hold the addresses of buffers and the sizes.
    """
    library = cpu_target.target_context.codegen().create_library(module.symbol)
    for name in module.routines:
        llvm.add_symbol(f"symgrad_blas_{name}", get_cython_function_address("scipy.linalg.cython_blas", name))
    _add(library, text, module)
    library.finalize()
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    return PointCode(kind(library.get_pointer_to_function(module.symbol)), library)


@global_compiler_lock
def point_code(text: str, module: Module, arguments: Sequence[Shape], results: Sequence[Shape]) -> PointCode:
    """Compile a kernel for one point, to be called through its address. Calling it lets other threads run."""
    library = cpu_target.target_context.codegen().create_library(module.symbol)
    _add(library, text, module)
    library.finalize()
    inputs = [ctypes.c_double if shape == () else ctypes.c_void_p for shape in arguments]
    kind = ctypes.CFUNCTYPE(ctypes.c_int, *inputs, *[ctypes.c_void_p] * len(results))
    return PointCode(kind(library.get_pointer_to_function(module.symbol)), library)


def point_dispatcher(text: str, module: Module, arguments: Sequence[Shape], results: Sequence[Shape]) -> Any:
    """Compile a kernel for one point: a function of floats and arrays to a float, an array or a tuple of them.

    Other types raise TypeError, arrays of other shapes ValueError.
    """
    call, check = _kernel_call(text, module, results), _shape_check(arguments)
    names = [f"x{k}" for k in range(len(arguments))]
    values = f"({', '.join(names)}{',' * (len(names) == 1)})"
    arrays = [f"y{k}" for k, shape in enumerate(results) if shape != ()]
    lines = [f"check({values})"] * any(arguments)
    lines += [f"{y} = empty({shape})" for y, shape in zip(arrays, filter(None, results), strict=True)]
    lines.append(f"numbers = call({values}, ({', '.join(arrays)}{',' * (len(arrays) == 1)}))")
    numbers = iter(range(len(results)))
    returned = [f"y{k}" if shape != () else f"numbers[{next(numbers)}]" for k, shape in enumerate(results)]
    lines.append(f"return {', '.join(returned) or '()'}")
    entry = _function(names, lines, {"call": call, "check": check, "empty": np.empty})
    return numba.njit([tuple(map(_numba_type, arguments))], **OPTIONS)(entry)


def c_callback(dispatcher: Any, signature: str, inputs: int) -> Any:
    """A C function of this signature that calls a kernel of so many numbers to one number.

    With CPointer arguments the C caller's count must not be less than the kernel's, else the result is nan.
    """
    kind = numba.core.sigutils.normalize_signature(signature)[0]
    if "CPointer" in signature:
        names = [f"x{k}" for k in range(len(kind))]
        values = ", ".join(f"x1[{k}]" for k in range(inputs))
        lines = [f"return kernel({values}) if x0 >= {inputs} else nan"]
    else:
        names = [f"x{k}" for k in range(inputs)]
        lines = [f"return kernel({', '.join(names)})"]
    return numba.cfunc(signature, **OPTIONS)(_function(names, lines, {"kernel": dispatcher, "nan": np.nan}))


def _function(names: Sequence[str], lines: Sequence[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """The Python function that Numba compiles around a kernel. Nothing a user wrote gets here: names are positions."""
    source = "\n    ".join([f"def entry({', '.join(names)}):", *lines])
    scope["__name__"] = __name__
    exec(source, scope)
    return scope["entry"]


def _numba_type(shape: Shape) -> Any:
    # Read-only: a writeable array converts to it, and the other way does not.
    return types.Array(types.float64, len(shape), "C", readonly=True) if shape else types.float64


def _add(library: Any, text: str, module: Module) -> None:
    """Put the module into a library of Numba's, after what it calls by address."""
    for symbol, address in module.addresses.items():
        llvm.add_symbol(symbol, address)
    for op, symbol in module.users.items():
        llvm.add_symbol(symbol, _user_address(op))
    library.add_llvm_module(llvm.parse_assembly(text))


def _user_address(op: Op) -> int:
    """The address of a user's function as a C function. Raises RegistrationError if Numba cannot compile it."""
    implementation, count = op.implementation, op.arity  # type: ignore[attr-defined]
    if (implementation, count) not in _USERS:
        names = [f"x{k}" for k in range(count)]
        entry = _function(names, [f"return function({', '.join(names)})"], {"function": implementation})
        try:
            compiled = numba.cfunc(types.float64(*[types.float64] * count), **OPTIONS)(entry)
        except NumbaError as error:
            raise RegistrationError(
                f"Numba cannot compile the implementation of {op.name}",
                wanted=f"a function of {count} floats that returns a float",
                hint="its own message is above",
            ) from error
        _USERS[implementation, count] = compiled
    return int(_USERS[implementation, count].address)


def _kernel_call(text: str, module: Module, results: Sequence[Shape]) -> Any:
    """The intrinsic (inputs, arrays to fill) -> the numbers among the results."""
    scalars = sum(shape == () for shape in results)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _add(context.active_code_library, text, module)
        inputs, arrays = (cgutils.unpack_tuple(builder, a) for a in args)
        numbers = cgutils.alloca_once(builder, _F8, size=max(scalars, 1))
        values = [
            _data(context, builder, kind, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args[0].types, inputs, strict=True)
        ]
        targets = iter(_data(context, builder, k, v) for k, v in zip(signature.args[1].types, arrays, strict=True))
        places = iter([builder.gep(numbers, [ir.Constant(_I64, k)]) for k in range(scalars)])
        values += [builder.bitcast(next(places), _POINTER) if shape == () else next(targets) for shape in results]
        kernel = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_I32, [v.type for v in values]), module.symbol
        )
        failed = builder.icmp_unsigned("!=", builder.call(kernel, values), ir.Constant(_I32, 0))
        with builder.if_then(failed, likely=False):
            context.call_conv.return_user_exc(builder, MemoryError, ("no memory for the values between parts",))
        found = [builder.load(builder.gep(numbers, [ir.Constant(_I64, k)])) for k in range(scalars)]
        return context.make_tuple(builder, signature.return_type, found)

    @intrinsic
    def call(typing_context: Any, inputs: Any, arrays: Any) -> Any:
        return containers.UniTuple(types.float64, scalars)(inputs, arrays), codegen

    return call


def _shape_check(shapes: Sequence[Shape]) -> Any:
    """The intrinsic that raises ValueError unless the arrays among the inputs have these shapes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        inputs = cgutils.unpack_tuple(builder, args[0])
        for k, (kind, value, shape) in enumerate(zip(signature.args[0].types, inputs, shapes, strict=True)):
            if not isinstance(kind, types.Array):
                continue
            array = context.make_array(kind)(context, builder, value)
            for size, wanted in zip(cgutils.unpack_tuple(builder, array.shape), shape, strict=True):
                other = builder.icmp_unsigned("!=", size, ir.Constant(size.type, wanted))
                with builder.if_then(other, likely=False):
                    message = f"argument {k} has another shape, wanted {shape}"
                    context.call_conv.return_user_exc(builder, ValueError, (message,))
        return context.get_dummy_value()

    @intrinsic
    def check(typing_context: Any, inputs: Any) -> Any:
        return types.void(inputs), codegen

    return check


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return builder.bitcast(context.make_array(kind)(context, builder, value).data, _POINTER)
