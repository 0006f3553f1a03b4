"""The life of machine code: it ends with the last thing that can call it, and not before."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numba
import numpy as np
import sympy as sp

import symgrad as sg
from symgrad.lower.machine import machine_code
from symgrad.structure import LEAF

x, y = sp.symbols("x y")
n = sp.Symbol("n", integer=True, positive=True)
v = sp.MatrixSymbol("v", n, 1)


def squares() -> sg.Function:
    return sg.Function([v], (v.T * v)[0, 0])


def library_of(function: sg.Function) -> weakref.ref[Any]:
    """That of the kernel of arrays."""
    call = function.kernel._code(frozenset()).call  # type: ignore[union-attr]
    return weakref.ref(call.library)


def test_machine_code_ends_with_its_function() -> None:
    function = squares()
    function(np.ones(3))
    library = library_of(function)
    assert library() is not None
    del function
    gc.collect()
    assert library() is None


def test_a_kernel_of_numbers_outlives_its_function() -> None:
    kernel = sg.Function([x, y], x * y + 1).kernel
    entry = kernel.entry(LEAF)  # type: ignore[union-attr, call-arg]
    del kernel
    gc.collect()
    assert entry(2.0, 3.0) == 7.0


def test_what_a_user_compiled_with_it_outlives_it() -> None:
    twice = doubled(squares().kernel.njit)
    assert twice(np.ones(3)) == 6.0
    twice.py_func.__closure__[0].cell_contents = None  # as where a user's name is bound to another function
    gc.collect()
    for scale in range(3):  # other code, where the freed one would have been
        sg.Function([v], (scale + 2) * (v.T * v)[0, 0])(np.ones(3))
    assert twice(np.ones(3)) == 6.0


def doubled(entry: Any) -> Any:
    return numba.njit(lambda a: 2 * entry(a))


def test_a_linker_outlives_its_turn_while_one_of_its_libraries_is_called() -> None:
    function = squares()
    assert function(np.ones(3)) == 3.0
    machine_code._linker.cache_clear()
    gc.collect()
    assert function(np.ones(3)) == 3.0
