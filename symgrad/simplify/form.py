"""Rules for form: what is shorter to print and to compute, after build_grad."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Node
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import Contract, Spread, is_finite
from symgrad.ops.logic import Not, Relation
from symgrad.ops.rounding import Step
from symgrad.ops.select import Select, guard_of
from symgrad.simplify.engine import FORM, rule
from symgrad.simplify.parts import terms_of


@rule(
    FORM, Select, "select(not a < b, Heaviside(a - b)*r, 0) => Heaviside(a - b)*r", "exact; r finite for finite inputs"
)
def unguard(node: Node) -> Node | None:
    guard = guard_of(node)
    if guard is None:
        return None
    condition, value = guard
    axes: Sequence[int] = range(len(condition.type.shape))  # of the value: where the condition has its own
    if isinstance(condition.op, Spread):
        axes = condition.op.axes
        (condition,) = condition.inputs
    if not isinstance(condition.op, Not):
        return None
    (less,) = condition.inputs
    if not isinstance(less.op, Relation) or less.op.symbol != "<":
        return None
    for _, term in terms_of(value).terms:
        factors = term.inputs if isinstance(term.op, (Product, Contract)) else (term,)
        output = term.op.output if isinstance(term.op, Contract) else range(len(term.type.shape))
        labels = term.op.labels if isinstance(term.op, Contract) else [tuple(output)] * len(factors)
        own = tuple(output[k] for k in axes)
        steps = [
            x
            for x, ks in zip(factors, labels, strict=True)
            if isinstance(x.op, Step) and x.inputs == less.inputs and ks == own
        ]
        if not steps or not all(is_finite(x) for x in factors):
            return None
    return value
