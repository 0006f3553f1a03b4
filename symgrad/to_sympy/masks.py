"""Factors that count under a condition only, without Piecewise: SymPy moves one out of a product, where it is wrong."""

from __future__ import annotations

from typing import Any

import sympy as sp


def unmasked(factor: Any) -> Any:
    """x where a condition on indices holds and 1 elsewhere, as x to the power of 0 or 1.

    A Sum around a product folds all Piecewise in it outwards (piecewise_fold), through the product, whose index then
    stands unbound in the condition.
    """
    if not isinstance(factor, sp.Piecewise) or len(factor.args) != 2 or factor.args[1].args != (1, sp.true):
        return factor
    value, condition = factor.args[0].args
    exponent = indicator(condition)
    return factor if exponent is None else value**exponent


def indicator(condition: Any) -> Any:
    """1 where a condition on integers holds, else 0; None for what is no conjunction of relations."""
    found = sp.Integer(1)
    for part in condition.args if isinstance(condition, sp.And) else (condition,):
        holds = part.args[0] if isinstance(part, sp.Not) else part
        one = _of_relation(holds)
        one = 1 - one if holds is not part and one is not None else one
        if one is None:
            return None
        found = found * one
    return found


def _of_relation(relation: Any) -> Any:
    if isinstance(relation, (sp.Eq, sp.Ne)):
        delta = sp.KroneckerDelta(*relation.args)
        return delta if isinstance(relation, sp.Eq) else 1 - delta
    if isinstance(relation, (sp.StrictLessThan, sp.LessThan)):
        return sp.Heaviside(relation.rhs - relation.lhs, int(isinstance(relation, sp.LessThan)))
    if isinstance(relation, (sp.StrictGreaterThan, sp.GreaterThan)):
        return sp.Heaviside(relation.lhs - relation.rhs, int(isinstance(relation, sp.GreaterThan)))
    return None
