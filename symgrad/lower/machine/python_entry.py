"""A kernel -> a builtin function of Python, of objects to objects, as an extension written in C would have it.

Its text depends on ranks and nesting alone. What belongs to one kernel, and to the shapes that it is called with,
stands in a record. It takes exactly what the record names, and hands all else over to a careful function.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.target import host
from symgrad.lower.machine.entry_steps import NUMPY, PYTHON, TYPES
from symgrad.lower.machine.entry_text import Form, Word, entry_text
from symgrad.lower.machine.layout import numpy_function, python_function
from symgrad.structure import Structure

# methodobject.h: self, the address of arguments, their number, the names of keywords, whose values are after these
METH_FASTCALL, METH_KEYWORDS, METH_NOARGS = 0x0080, 0x0002, 0x0004

Array = tuple[tuple[int, ...], np.dtype]  # shape and element type


class Record(NamedTuple):
    """What an entry reads: the kernel, and the arguments that it is for."""

    code: Any  # the kernel, or what runs its parts
    careful: Callable[..., Any]  # who takes a call with other arguments
    inputs: Sequence[Array]
    outputs: Sequence[Array]
    table: int = 0  # the address of the sizes
    scratch: int = 0  # the address of the block of scratch buffers
    offsets: Sequence[int] = ()  # of scratch buffers in the block
    plan: int = 0  # the address of how parts are run on threads
    kept: Any = None  # what must live as long as the entry


def python_entry(form: Form, record: Record) -> Callable[..., Any]:
    """The builtin function. It takes positional arguments and returns results in their nesting, or what the careful
    function returns.

    Any number of threads may call it. Where another call has the scratch memory, the careful function is called too.
    Other threads run while the kernel does, unless it is brief. Raises MemoryError.
    """
    from symgrad.lower.machine.machine_code import address  # here: LLVM takes a while to import

    entry, words = _compiled(form)
    values: dict[Word, int] = {
        **{(name,): id(type_) for name, type_ in TYPES.items()},
        ("careful",): id(record.careful),
        ("code",): address(record.code),
        ("table",): record.table,
        ("scratch",): record.scratch,
        ("plan",): record.plan,
    }
    for k, (shape, dtype) in enumerate([*record.inputs, *record.outputs]):
        values["dtype", k] = id(dtype)
        values |= {("size", k, axis): n for axis, n in enumerate(shape)}
    values |= {("offset", k): n for k, n in enumerate(record.offsets)}
    numbers = np.array([values[w] for w in words], np.int64)
    return builtin(entry, METH_FASTCALL | METH_KEYWORDS, (numbers, record))


def builtin(code: Any, flags: int, owned: tuple[Any, ...]) -> Callable[..., Any]:
    """The builtin function of this machine code, which is given the tuple of what it owns as `self`."""
    from symgrad.lower.machine.machine_code import address

    definition = _MethodDef(b"kernel", address(code), flags, None)
    function: Callable[..., Any] = _function(ctypes.addressof(definition), (*owned, definition, code), None)
    return function


def entry_module(symbol: str) -> Module:
    """The module of an entry under this symbol, with the addresses of what it calls."""
    module = Module(symbol, host())
    module.addresses |= {name: python_function(name) for name in PYTHON}
    module.addresses |= {name: numpy_function(name) for name in NUMPY}
    return module


def refused(*args: Any, **named: Any) -> Any:
    """The careful function that takes nothing."""
    return NotImplemented


def numba_call(dispatcher: Callable[..., Any], nesting: Structure, careful: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in for an entry where none can be made: Numba's dispatcher of a kernel for one point."""
    from numba.core.errors import NumbaTypeError

    build = nesting.builder()
    refusals = ValueError, TypeError, NumbaTypeError  # other shapes, other types, types that Numba does not know

    def call(*args: Any, **named: Any) -> Any:
        if named:
            return careful(*args, **named)
        try:
            found = dispatcher(*args)
        except refusals:
            return careful(*args)
        return build(found if nesting.size != 1 else (found,))

    return call


class _MethodDef(ctypes.Structure):
    """PyMethodDef, methodobject.h."""

    _fields_ = (("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


def _function(*arguments: Any) -> Any:
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return kind(("PyCFunction_NewEx", ctypes.pythonapi))(*arguments)


@cache
def _compiled(form: Form) -> tuple[Any, list[Word]]:
    """The machine code of the entry, and the words of its record."""
    from symgrad.lower.machine import machine_code

    with machine_code.LOCK:
        text, words = entry_text(form, machine_code.SYMBOL)
        return machine_code.kernel_code(text, entry_module(machine_code.SYMBOL), machine_code.POINT), words
