"""The routines of BLAS and LAPACK that SciPy was built with -> their addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable


def blas_addresses(routines: Iterable[str]) -> dict[str, int]:
    """The addresses of routines such as dgemm, by the symbols that kernels call them by.

    SciPy gives them to Cython in capsules, each named by its signature (Python reference, C API, capsules).
    """
    from scipy.linalg import cython_blas, cython_lapack  # here: 0.1 s that only kernels with matrices need

    name, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.argtypes, name.restype = [ctypes.py_object], ctypes.c_char_p
    address.argtypes, address.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    table: dict[str, object] = {**cython_blas.__pyx_capi__, **cython_lapack.__pyx_capi__}
    capsules = {routine: table[routine] for routine in routines}
    return {f"symgrad_blas_{routine}": address(c, name(c)) for routine, c in capsules.items()}
