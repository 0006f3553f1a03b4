"""An interpreter of index notation: SymPy's tree with plain Python loops, in complex numbers. symgrad is not used.

A sum whose end is before its begin is 0. A factor that is exactly 0 by a delta, and a piece whose condition is false,
are not asked for: their entries may be anywhere.
"""

from __future__ import annotations

import cmath
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

STEP = 1e-30  # of the complex step: no difference is taken, so it may be as small as one likes
FUNCTIONS = {sp.sin: cmath.sin, sp.cos: cmath.cos, sp.exp: cmath.exp, sp.tanh: cmath.tanh, sp.log: cmath.log}
RELATIONS = {
    sp.Lt: lambda a, b: a < b,
    sp.Le: lambda a, b: a <= b,
    sp.Gt: lambda a, b: a > b,
    sp.Ge: lambda a, b: a >= b,
    sp.Eq: lambda a, b: a == b,
    sp.Ne: lambda a, b: a != b,
}


def value(e: Any, known: Mapping[Any, Any]) -> Any:
    """The number of an expression, for the values of arrays, scalars, sizes and indices."""
    if e in known:
        return known[e]
    if e.is_Number:
        return int(e) if e.is_Integer else float(e)
    if isinstance(e, (sp.Sum, sp.Product)):
        return _looped(e, list(e.limits), known)
    if isinstance(e, sp.Indexed):
        return _entry(known[e.base], [value(k, known) for k in e.indices], e)
    if isinstance(e, sp.KroneckerDelta):
        a, b = (value(k, known) for k in e.args)
        return int(a == b)
    if isinstance(e, sp.Add):
        return sum(value(a, known) for a in e.args)
    if isinstance(e, sp.Mul):
        return _product(e, known)
    if isinstance(e, sp.Pow):
        base, exponent = (value(a, known) for a in e.args)
        return complex(base) ** exponent
    if isinstance(e, sp.Piecewise):
        return next((value(a, known) for a, c in e.args if _holds(c, known)), float("nan"))
    if e.func in FUNCTIONS:
        return FUNCTIONS[e.func](value(e.args[0], known))
    raise TypeError(f"no meaning for {e.func}")


def _looped(e: Any, limits: list[Any], known: Mapping[Any, Any]) -> Any:
    if not limits:
        return value(e.function, known)
    *inner, (index, low, high) = limits  # the last is the outermost
    terms = [_looped(e, inner, {**known, index: k}) for k in range(int(value(low, known)), int(value(high, known)) + 1)]
    return sum(terms) if isinstance(e, sp.Sum) else reduce(lambda a, b: a * b, terms, 1)


def _entry(array: Any, indices: list[int], e: Any) -> Any:
    for k, size in zip(indices, np.shape(array), strict=True):
        if not 0 <= k < size:
            raise IndexError(f"{e} at {indices}")
    entry = array[tuple(indices)]
    return int(entry) if isinstance(entry, np.integer) else entry


def _product(e: Any, known: Mapping[Any, Any]) -> Any:
    deltas = [a for a in e.args if isinstance(a, sp.KroneckerDelta)]
    if any(value(d, known) == 0 for d in deltas):
        return 0
    return reduce(lambda a, b: a * b, [value(a, known) for a in e.args if a not in deltas], 1)


def _holds(c: Any, known: Mapping[Any, Any]) -> bool:
    if c in (sp.true, sp.false):
        return bool(c)
    if isinstance(c, (sp.And, sp.Or)):
        return (all if isinstance(c, sp.And) else any)(_holds(a, known) for a in c.args)
    a, b = (np.real(value(a, known)) for a in c.args)
    return bool(RELATIONS[c.func](a, b))


def gradient(e: Any, array: Any, known: Mapping[Any, Any]) -> np.ndarray:
    """The derivatives of a scalar by each entry of an array, by complex steps."""
    start = np.asarray(known[array])
    found = np.zeros(start.shape)
    for index in np.ndindex(*start.shape):
        moved = start.astype(complex)
        moved[index] += STEP * 1j
        found[index] = np.imag(value(e, {**known, array: moved if start.shape else moved[()]})) / STEP
    return found
