"""The graph evaluated node by node, without compiling: in NumPy's numbers or in mpmath's of any precision.

This is symbol-to-number beside symbol-to-symbol (Goodfellow et al., section 6.5.5), and the oracle of the kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from symgrad.errors import ArgumentError
from symgrad.graph import Node, reachable
from symgrad.ops.leaf import Input


def evaluate(outputs: Sequence[Node], inputs: Mapping[Node, Any], numbers: Any = np) -> list[Any]:
    """The values of the outputs, given those of the inputs; `numbers` is numpy (complex too) or mpmath.mp."""
    values = all_values(outputs, inputs, numbers)
    return [values[node] for node in outputs]


def all_values(outputs: Sequence[Node], inputs: Mapping[Node, Any], numbers: Any = np) -> dict[Node, Any]:
    """The value of every node that the outputs depend on, in topological order.

    Raises ArgumentError if an input has no value. Values that are no real numbers are nan; nothing warns or raises.
    """
    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in reachable(outputs):
            if node in inputs:
                values[node] = inputs[node]
            elif isinstance(node.op, Input):
                raise ArgumentError("an input without a value", got=node.op.label())
            else:
                arguments = [values[x] for x in node.inputs]
                values[node] = (
                    node.op.evaluate(numbers, *arguments) if numbers is np else _real(node, arguments, numbers)
                )
    return values


def _real(node: Node, arguments: Sequence[Any], numbers: Any) -> Any:
    """mpmath leaves the real line, or raises, where float arithmetic says nan or infinity."""
    try:
        value = node.op.evaluate(numbers, *arguments)
    except ZeroDivisionError:
        return numbers.nan
    except (ValueError, ArithmeticError):  # a pole of gamma, the logarithm of nan
        return numbers.nan
    if isinstance(value, mpmath.mpc):
        return value.real if value.imag == 0 else numbers.nan
    return value
