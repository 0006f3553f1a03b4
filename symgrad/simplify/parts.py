"""What rules take apart: sums, products, contractions and powers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from symgrad.graph import Exact, Node, arithmetic
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract, Factor, contract
from symgrad.ops.leaf import exact_value
from symgrad.types import Size


class Terms(NamedTuple):
    """A sum, apart: its exact constant and (coefficient, node) for the rest."""

    number: Exact
    terms: list[tuple[Exact, Node]]


def terms_of(node: Node) -> Terms:
    if not isinstance(node.op, Add):
        return Terms(0, [(1, node)])
    if len(node.inputs) == 1:  # in normal form it is no number
        return Terms(0, [(node.op.coefficients[0], node.inputs[0])])
    number: Exact = 0
    terms = []
    for c, x in zip(node.op.coefficients, node.inputs, strict=True):
        value = exact_value(x)
        if value is None:
            terms.append((c, x))
        else:
            number += c * value
    return Terms(number, terms)


def sum_of(terms: Sequence[tuple[Exact, Node]], number: Exact, like: Node) -> Node:
    return arithmetic["sum"]([*terms, (1, like.like(number))])


def without(factors: Sequence[Node], *gone: Node) -> list[Node]:
    left = list(factors)
    for x in gone:
        left.remove(x)
    return left


def base_and_exponent(x: Node) -> tuple[Node, Exact]:
    return (x.inputs[0], x.op.exponent) if isinstance(x.op, Power) else (x, 1)


def factors_of(node: Node) -> list[tuple[Node, tuple[int, ...]]]:
    """(factor, labels) of a contraction."""
    assert isinstance(node.op, Contract)
    return list(zip(node.inputs, node.op.labels, strict=True))


def recontracted(
    node: Node, factors: Sequence[Factor], gone: Sequence[int] = (), sizes: Mapping[Any, Size] | None = None
) -> Node:
    """The contraction with some of its factors, by their places, taken away and others put to it. sizes: of labels that
    may be in no factor; a summed one counts as often as its size."""
    assert isinstance(node.op, Contract)
    kept: list[Factor] = [f for k, f in enumerate(factors_of(node)) if k not in gone]
    known: dict[Any, Size] = dict(zip(node.op.output, node.type.shape, strict=True))
    return contract(node.graph, [*kept, *factors], node.op.output, known | dict(sizes or {}))


def products_in(node: Node) -> Iterator[tuple[Sequence[Node], Callable[[Sequence[Node]], Node]]]:
    """The factors that are multiplied entry by entry, with what puts others in their place: those of a product, or
    those of a contraction that run over the same axes."""
    if not isinstance(node.op, Contract):
        yield node.inputs, arithmetic["product"]
        return
    groups: dict[tuple[int, ...], list[int]] = {}
    for k, labels in enumerate(node.op.labels):
        if len(set(labels)) == len(labels):  # on a diagonal, the other entries need not be computed
            groups.setdefault(labels, []).append(k)
    for labels, places in groups.items():
        if len(places) > 1:
            yield [node.inputs[k] for k in places], _Replaced(node, labels, places)


@dataclass(frozen=True)
class _Replaced:
    node: Node
    labels: tuple[int, ...]
    places: list[int]

    def __call__(self, factors: Sequence[Node]) -> Node:
        return recontracted(self.node, [(x, self.labels) for x in factors], self.places)


def scale_of(node: Node) -> tuple[Exact, Node]:
    """(c, x) of c*x."""
    if isinstance(node.op, Add) and len(node.inputs) == 1:
        return node.op.coefficients[0], node.inputs[0]
    return 1, node


def opened(node: Node) -> list[Factor]:
    """(factor, labels) of a product or a contraction, with the scalars of the latter apart."""
    if not isinstance(node.op, Contract):
        return [(x, ()) for x in node.inputs] if isinstance(node.op, Product) else []
    found: list[Factor] = []
    for x, labels in factors_of(node):
        found.extend([(f, ()) for f in x.inputs] if isinstance(x.op, Product) and not labels else [(x, labels)])
    return found


def multiplied(node: Node, factors: Sequence[Factor]) -> Node:
    """A product or a contraction like the node, of other factors."""
    if not isinstance(node.op, Contract):
        return arithmetic["product"]([x for x, _ in factors])
    return recontracted(node, factors, range(len(node.inputs)))
