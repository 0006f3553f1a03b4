"""The routines of BLAS and LAPACK that SciPy was built with -> their addresses."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

PACKAGE = "scipy.linalg"


def blas_addresses(routines: Collection[str]) -> dict[str, int]:
    """The addresses of routines such as dgemm, by the symbols that kernels call them by.

    SciPy gives them to Cython in capsules, each named by its signature (Python reference, C API, capsules).
    """
    name, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.argtypes, name.restype = [ctypes.py_object], ctypes.c_char_p
    address.argtypes, address.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    table: dict[str, object] = dict(_module("cython_blas").__pyx_capi__)
    if not table.keys() >= set(routines):
        table |= _module("cython_lapack").__pyx_capi__
    capsules = {routine: table[routine] for routine in routines}
    return {f"symgrad_blas_{routine}": address(c, name(c)) for routine, c in capsules.items()}


def _module(name: str) -> Any:
    """A module of SciPy's `linalg` by its file, without the package: to import that takes 0.2 s, for nothing here."""
    if PACKAGE not in sys.modules:
        import scipy

        folders = [str(Path(place, "linalg")) for place in scipy.__path__]
        spec = PathFinder.find_spec(f"{PACKAGE}.{name}", folders)
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            if PACKAGE not in sys.modules:  # Cython entered it; only an import makes it an attribute of its package
                sys.modules.pop(spec.name, None)
            return module
    return import_module(f"{PACKAGE}.{name}")
