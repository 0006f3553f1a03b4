"""Where CPython and NumPy keep what extensions written in C find through their headers, and whether it is so here."""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from functools import cache
from typing import Any

import numpy as np

# In bytes: Py_TYPE (object.h), and the fields of PyArrayObject (numpy/ndarraytypes.h).
TYPE, DATA, RANK, SIZES, DTYPE, FLAGS = 8, 16, 24, 32, 56, 64
C_CONTIGUOUS_ALIGNED = 0x0001 | 0x0100
# In NumPy's table of functions (numpy/__multiarray_api.h), of these versions (NPY_VERSION).
NUMPY_PLACES = {"PyArray_GetNDArrayCVersion": 0, "PyArray_Empty": 184}
NUMPY_VERSIONS = 0x01000009, 0x02000000
NUMPY_LIBRARIES = "numpy._core._multiarray_umath", "numpy.core._multiarray_umath"


@cache
def is_supported() -> bool:
    """Are objects and arrays in memory as this file has it? Else no entry can be made (python_entry)."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    version = numpy_function("PyArray_GetNDArrayCVersion")
    if not version or ctypes.CFUNCTYPE(ctypes.c_uint)(version)() not in NUMPY_VERSIONS:
        return False
    read_only = np.arange(24.0).reshape(2, 3, 4)[:, ::2]
    read_only.flags.writeable = False
    for a in (np.zeros(()), np.zeros(3, np.float32), np.zeros((2, 5), np.int64, order="F"), read_only):
        sizes = _at(a, SIZES, ctypes.c_void_p) or 0
        found = (
            _at(a, TYPE, ctypes.c_void_p),
            _at(a, DATA, ctypes.c_void_p),
            _at(a, RANK, ctypes.c_int),
            _at(a, DTYPE, ctypes.c_void_p),
            _at(a, FLAGS, ctypes.c_int),
        )
        flags = a.flags.num
        if found != (id(np.ndarray), a.ctypes.data, a.ndim, id(a.dtype), flags):
            return False
        if a.ndim and tuple((ctypes.c_ssize_t * a.ndim).from_address(sizes)) != a.shape:
            return False
    return all(_at(x, TYPE, ctypes.c_void_p) == id(type(x)) for x in (1, 1.0, True, np.float64(1)))


def _at(x: Any, offset: int, kind: Any) -> Any:
    return kind.from_address(id(x) + offset).value


def python_function(name: str) -> int:
    """The address of a function of CPython's C interface."""
    return ctypes.cast(ctypes.pythonapi[name], ctypes.c_void_p).value or 0


def numpy_function(name: str) -> int:
    """The address of a function of NumPy's C interface; 0 if there is no such table."""
    tables = filter(None, [getattr(sys.modules.get(library), "_ARRAY_API", None) for library in NUMPY_LIBRARIES])
    capsule = next(tables, None)
    if capsule is None:
        return 0
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    table: int = kind(("PyCapsule_GetPointer", ctypes.pythonapi))(capsule, None)
    return ctypes.c_void_p.from_address(table + 8 * NUMPY_PLACES[name]).value or 0
