"""What rules take apart: sums, products and powers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from symgrad.graph import Node, arithmetic
from symgrad.ops.arithmetic import Add, Power
from symgrad.ops.leaf import exact_value


class Terms(NamedTuple):
    """A sum, apart: its exact constant and (coefficient, node) for the rest."""

    number: int | Fraction | float
    terms: list[tuple[int | Fraction | float, Node]]


def terms_of(node: Node) -> Terms:
    if not isinstance(node.op, Add):
        return Terms(0, [(1, node)])
    if len(node.inputs) == 1:  # in normal form it is no number
        return Terms(0, [(node.op.coefficients[0], node.inputs[0])])
    number: int | Fraction | float = 0
    terms = []
    for c, x in zip(node.op.coefficients, node.inputs, strict=True):
        value = exact_value(x)
        if value is None:
            terms.append((c, x))
        else:
            number += c * value
    return Terms(number, terms)


def sum_of(terms: Sequence[tuple[int | Fraction | float, Node]], number: int | Fraction | float, like: Node) -> Node:
    return arithmetic["sum"]([*terms, (1, like.like(number))])


def without(factors: Sequence[Node], *gone: Node) -> list[Node]:
    left = list(factors)
    for x in gone:
        left.remove(x)
    return left


def base_and_exponent(x: Node) -> tuple[Node, int | Fraction | float]:
    return (x.inputs[0], x.op.exponent) if isinstance(x.op, Power) else (x, 1)
