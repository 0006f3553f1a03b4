"""Rules for form: what is shorter to print and to compute, after build_grad."""

from __future__ import annotations

from symgrad.graph import Node
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import Contract, is_finite
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
    if guard is None or not isinstance(guard[0].op, Not):
        return None
    condition, value = guard
    (less,) = condition.inputs
    if not isinstance(less.op, Relation) or less.op.symbol != "<":
        return None
    for _, term in terms_of(value).terms:
        factors = term.inputs if isinstance(term.op, (Product, Contract)) else (term,)
        labels = term.op.labels if isinstance(term.op, Contract) else [()] * len(factors)
        own = term.op.output if isinstance(term.op, Contract) else ()
        steps = [
            x
            for x, ks in zip(factors, labels, strict=True)
            if isinstance(x.op, Step) and x.inputs == less.inputs and ks == own
        ]
        if not steps or not all(is_finite(x) for x in factors):
            return None
    return value
