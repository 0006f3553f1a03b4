"""Sums over an index whose terms count under a condition on it -> sums as far as the condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.to_sympy.ranges import Scope, where_all

Limit = tuple[Any, Any, Any]


def narrowed(body: Any, limits: Sequence[Limit], scope: Scope) -> tuple[Any, list[Limit]]:
    """The body and the limits of its sum: of Piecewise((x, j <= i), (0, True)) over j < n, x over j <= i.

    A condition that says more, or that may end outside of the range, stays.
    """
    found = list(limits)
    if len(limits) != 1:
        return body, found
    factors = list(sp.Mul.make_args(body))
    masks = [f for f in factors if isinstance(f, sp.Piecewise) and len(f.args) == 2 and f.args[1].args == (0, sp.true)]
    if len(masks) != 1:
        return body, found
    (index, low, high) = limits[0]
    value, condition = masks[0].args[0].args
    left = []
    with sp.evaluate(True):
        for part in condition.args if isinstance(condition, sp.And) else (condition,):
            end = _end(part, index)
            if end is None:
                left.append(part)
            elif end[0] == "high" and high == limits[0][2] and scope.proves(end[1] + 1) and scope.proves(high - end[1]):
                high = end[1]
            elif end[0] == "low" and low == limits[0][1] and scope.proves(end[1]) and scope.proves(high + 1 - end[1]):
                low = end[1]
            else:
                left.append(part)
    factors.remove(masks[0])
    kept = sp.Mul(*factors, where_all(value, left) if left else value)
    return kept, [(index, low, high)]


def _end(relation: Any, index: Any) -> tuple[str, Any] | None:
    """("high", e) of index <= e, ("low", e) of index >= e, for a relation of integers that says so."""
    if not isinstance(relation, (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan)):
        return None
    strict = isinstance(relation, (sp.StrictLessThan, sp.StrictGreaterThan))
    small, large = relation.lts, relation.gts
    difference = sp.expand(small - large) + int(strict)  # <= 0
    c = difference.coeff(index)
    rest = sp.expand(difference - c * index)
    if c not in (1, -1) or rest.has(index) or not all(s.is_integer for s in rest.free_symbols) or rest.has(sp.Indexed):
        return None
    return ("high", sp.expand(-rest)) if c == 1 else ("low", rest)
