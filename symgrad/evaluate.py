"""The graph evaluated node by node, without compiling: in NumPy's numbers or in mpmath's of any precision.

This is symbol-to-number beside symbol-to-symbol (Goodfellow et al., section 6.5.5), and the oracle of the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symgrad.errors import ArgumentError
from symgrad.graph import Node, Op, reachable
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.leaf import Input
from symgrad.ops.logic import Connective, Relation
from symgrad.ops.select import Select
from symgrad.sizes import bound_sizes


def evaluate(outputs: Sequence[Node], inputs: Mapping[Node, Any], numbers: Any = np) -> list[Any]:
    """The values of the outputs, given those of the inputs; `numbers` is numpy (complex too) or mpmath.mp."""
    values = all_values(outputs, inputs, numbers)
    return [values[node] for node in outputs]


def all_values(
    outputs: Sequence[Node],
    inputs: Mapping[Node, Any],
    numbers: Any = np,
    rounded: Callable[[Any], Any] | None = None,
) -> dict[Node, Any]:
    """The value of every node that the outputs depend on, in topological order; each as `rounded` gives it back.

    Raises ArgumentError if an input has no value. Values that are no real numbers are nan; nothing warns or raises.
    """
    values: dict[Node, Any] = {}
    sizes = sizes_of(inputs)
    with np.errstate(all="ignore"):
        for node in reachable(outputs):
            if node in inputs:
                values[node] = inputs[node]
            elif isinstance(node.op, Input):
                raise ArgumentError("an input without a value", got=node.op.label())
            else:
                arguments = [values[x] for x in node.inputs]
                op = node.op.sized(sizes)
                values[node] = op.evaluate(numbers, *arguments) if numbers is np else _real(op, arguments, numbers)
                if rounded is not None and node.type.dtype == "f8":
                    values[node] = rounded(values[node])
    return values


def sizes_of(inputs: Mapping[Node, Any]) -> dict[sp.Symbol, int]:
    """The numbers that stand for the symbols in the shapes of inputs. Raises ShapeError where they contradict."""
    return bound_sizes(
        [(node.op.label(), node.type.shape, np.shape(value)) for node, value in inputs.items() if node.type.shape]
    )


def _real(op: Op, arguments: Sequence[Any], numbers: Any) -> Any:
    """The value of one operation, entry by entry where it is of the entries."""
    if not any(isinstance(a, np.ndarray) for a in arguments) or not _is_entrywise(op):
        return _in_mpmath(op, arguments, numbers)
    entries = np.empty(np.shape(arguments[0]), object)
    for index in np.ndindex(*entries.shape):
        entries[index] = _in_mpmath(op, [a[index] for a in arguments], numbers)
    return entries


def _in_mpmath(op: Op, arguments: Sequence[Any], numbers: Any) -> Any:
    """mpmath leaves the real line, or raises, where float arithmetic says nan or infinity."""
    try:
        value = op.evaluate(numbers, *arguments)
    except ZeroDivisionError:
        return numbers.nan
    except (ValueError, ArithmeticError):  # a pole of gamma, the logarithm of nan
        return numbers.nan
    if isinstance(value, mpmath.mpc):
        return value.real if value.imag == 0 else numbers.nan
    return value


def _is_entrywise(op: Op) -> bool:
    return isinstance(op, (Elementwise, Select, Relation, Connective))
