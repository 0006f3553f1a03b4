"""Users' functions -> C functions, compiled by Numba. Imported when a kernel that calls one is first compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
from numba.core import types
from numba.core.errors import NumbaError

from symgrad.errors import RegistrationError
from symgrad.graph import Op

OPTIONS = {"error_model": "numpy", "nogil": True}  # 1/0 is an infinity; other threads run meanwhile

# (function, number of arguments) -> users' functions as C functions. Kept for good: kernels hold their addresses.
_USERS: dict[tuple[Any, int], Any] = {}


def user_address(op: Op) -> int:
    """The address of a user's function as a C function. Raises RegistrationError if Numba cannot compile it."""
    implementation, count = op.implementation, op.arity  # type: ignore[attr-defined]
    if (implementation, count) not in _USERS:
        names = [f"x{k}" for k in range(count)]
        entry = python_function(names, [f"return function({', '.join(names)})"], {"function": implementation})
        try:
            compiled = numba.cfunc(types.float64(*[types.float64] * count), **OPTIONS)(entry)
        except NumbaError as error:
            raise RegistrationError(
                f"Numba cannot compile the implementation of {op.name}",
                wanted=f"a function of {count} floats that returns a float",
                hint="its own message is above",
            ) from error
        _USERS.setdefault((implementation, count), compiled)  # one stays, though two threads may make it
    return int(_USERS[implementation, count].address)


def python_function(names: Sequence[str], lines: Sequence[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """The Python function that Numba compiles around another. Nothing a user wrote gets here: names are positions."""
    source = "\n    ".join([f"def entry({', '.join(names)}):", *lines])
    scope["__name__"] = __name__
    exec(source, scope)
    return scope["entry"]
