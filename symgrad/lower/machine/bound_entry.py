"""A kernel for one point and the arrays that it works on -> a builtin function of Python without arguments.

Nothing is handed over, checked or made: the record holds addresses, and what is at them is read when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from symgrad.lower.machine.entry_steps import DECLARATIONS
from symgrad.lower.machine.layout import DATA
from symgrad.lower.machine.python_entry import METH_NOARGS, builtin, entry_module


def bound_entry(
    code: Any, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], result: Any, *, is_brief: bool
) -> Callable[[], Any]:
    """The function, which returns `result`. It keeps the arrays: float64 in C order, those of numbers without axes.

    Other threads run while the kernel does, unless it is brief. Raises MemoryError.
    """
    from symgrad.lower.machine.machine_code import address

    arrays = (*inputs, *outputs)
    entry = _compiled(tuple(a.ndim == 0 for a in inputs), len(outputs), is_brief)
    words = np.array([address(code), id(result), *(a.__array_interface__["data"][0] for a in arrays)], np.int64)
    return builtin(entry, METH_NOARGS, (words, code, arrays, result))


@cache
def _compiled(are_numbers: tuple[bool, ...], outputs: int, is_brief: bool) -> Any:
    """The machine code for arguments of which these are numbers, and so many results."""
    from symgrad.lower.machine import machine_code

    with machine_code.LOCK:
        text = _text(machine_code.SYMBOL, are_numbers, outputs, is_brief)
        return machine_code.kernel_code(text, entry_module(machine_code.SYMBOL), machine_code.POINT)


def _text(symbol: str, are_numbers: tuple[bool, ...], outputs: int, is_brief: bool) -> str:
    """A function of its record, a tuple that begins with the words, in LLVM's language."""
    lines, operands = [], []
    for k, is_number in enumerate((*are_numbers, *[False] * outputs)):
        lines += [f"%at{k} = getelementptr ptr, ptr %words, i64 {k + 2}", f"%data{k} = load ptr, ptr %at{k}"]
        lines += [f"%number{k} = load double, ptr %data{k}"] if is_number else []
        operands.append(f"double %number{k}" if is_number else f"ptr %data{k}")
    call = [f"%status = call i32 %code({', '.join(operands)})"]
    if not is_brief:
        call = ["%thread = call ptr @PyEval_SaveThread()", *call, "call void @PyEval_RestoreThread(ptr %thread)"]
    return "\n".join(
        [
            *DECLARATIONS,
            f"define ptr @{symbol}(ptr %self, ptr %none) {{",
            "  %array = call ptr @PyTuple_GetItem(ptr %self, i64 0)",
            f"  %words.at = getelementptr i8, ptr %array, i64 {DATA}",
            "  %words = load ptr, ptr %words.at",
            "  %code = load ptr, ptr %words",
            "  %result.at = getelementptr ptr, ptr %words, i64 1",
            "  %result = load ptr, ptr %result.at",
            *[f"  {line}" for line in (*lines, *call)],
            "  %fine = icmp eq i32 %status, 0",
            "  br i1 %fine, label %done, label %full",
            "done:",
            "  call void @Py_IncRef(ptr %result)",
            "  ret ptr %result",
            "full:",
            "  %error = call ptr @PyErr_NoMemory()",
            "  ret ptr null",
            "}",
            "",
        ]
    )
