"""LLVM IR -> what users' own compiled functions can call, by way of Numba. Imported when that is first asked for.

Numba's own front end sees one call of an intrinsic that brings the finished module, since its compile time grows faster
than the number of statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.types import containers
from numba.extending import intrinsic

from symgrad.lower.emit.instructions import Module
from symgrad.lower.machine.user_functions import OPTIONS, python_function, user_address

Shape = tuple[int, ...]
_F8, _I32, _I64, _POINTER = ir.DoubleType(), ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()


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
    entry = python_function(names, lines, {"call": call, "check": check, "empty": np.empty})
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
    return numba.cfunc(signature, **OPTIONS)(python_function(names, lines, {"kernel": dispatcher, "nan": np.nan}))


def _numba_type(shape: Shape) -> Any:
    # Read-only: a writeable array converts to it, and the other way does not.
    return types.Array(types.float64, len(shape), "C", readonly=True) if shape else types.float64


def _add(library: Any, text: str, module: Module) -> None:
    """Put the module into a library of Numba's, after what it calls by address."""
    for symbol, address in module.addresses.items():
        llvm.add_symbol(symbol, address)
    for op, symbol in module.users.items():
        llvm.add_symbol(symbol, user_address(op))
    library.add_llvm_module(llvm.parse_assembly(text))


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
