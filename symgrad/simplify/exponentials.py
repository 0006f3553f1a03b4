"""The logarithm of what is made of exponentials, without computing one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from symgrad.graph import Exact, Node, arithmetic
from symgrad.ops.arithmetic import Add
from symgrad.ops.contract import Contract, Factor, contract, spread
from symgrad.ops.exponential import Exp, log
from symgrad.ops.leaf import exact_value
from symgrad.ops.position import Extent
from symgrad.ops.reduce import LogSumExpOver
from symgrad.ops.stable import LogSumExp, Softplus
from symgrad.simplify.parts import base_and_exponent, factors_of, terms_of


def exponents_of(x: Node) -> list[Node] | None:
    """[u_i + log c_i] if x is a sum of c_i exp(u_i), and constants, with positive coefficients."""
    if not isinstance(x.op, Add) or len(x.inputs) < 2:
        return None
    number, terms = terms_of(x)
    found = []
    for c, t in terms:
        u = exponent_of(t) if c > 0 else None
        if u is None:
            return None
        found.append(u if c == 1 else u + log(x.like(c)))
    if number < 0:
        return None
    if number != 0:
        found.append(x.like(0) if number == 1 else log(x.like(number)))
    return found


def exponent_of(t: Node) -> Node | None:
    """log(t) for an exponential, or a sum of exponentials over axes."""
    if isinstance(t.op, Exp):
        return t.inputs[0]
    return log_of_contraction(t) if isinstance(t.op, Contract) and t.op.summed else None


def logsumexp(exponents: list[Node]) -> Node:
    graph = exponents[0].graph
    if len(exponents) == 2 and exact_value(exponents[1]) == 0:
        return graph.add(Softplus(), exponents[0])
    return graph.add(LogSumExp(), *exponents)


def log_of_contraction(x: Node, c: Exact = 1) -> Node | None:
    """The logarithm of c times a contraction that has exponentials among its factors."""
    op = x.op
    assert isinstance(op, Contract)
    summed = op.summed
    exponents: list[tuple[Node, Sequence[Hashable]]] = []
    outside: list[Factor] = []
    for f, labels in factors_of(x):
        if isinstance(f.op, Exp):
            exponents.append((f.inputs[0], labels))
        elif not summed & set(labels):
            outside.append((f, labels))
        elif is_positive(f):
            exponents.append((log(f), labels))
        else:
            return None
    if op.embeds or not any(isinstance(f.op, Exp) for f in x.inputs):
        return None
    sizes = {k: n for f, labels in factors_of(x) for k, n in zip(labels, f.type.shape, strict=True)}
    sizes.update(op.extents)
    every = [*op.output, *sorted(summed)]
    z = arithmetic["sum"]([(1, spread(u, labels, every, sizes)) for u, labels in exponents])
    logarithm = x.graph.add(LogSumExpOver(len(summed)), z) if summed else z
    if outside or c != 1:
        weight = contract(x.graph, outside, op.output, dict(zip(op.output, x.type.shape, strict=True)), c)
        logarithm = logarithm + log(weight)
    return logarithm


def is_positive(node: Node) -> bool:
    """Is the value surely above 0, or rounded to 0? Of exponentials, sizes, and their powers."""
    x, _ = base_and_exponent(node)
    value = exact_value(x)
    if value is not None:
        return value > 0
    return isinstance(x.op, Exp) or (isinstance(x.op, Extent) and bool(x.op.size.is_positive))
