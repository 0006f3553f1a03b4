"""Contractions of several factors -> contractions of two, in the cheapest order. What is there already costs nothing: a
gradient takes the products that the value or another gradient needs, however they lie.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, combinations, groupby, permutations, product
from math import factorial, prod
from operator import itemgetter

from symgrad.graph import Node
from symgrad.lower.source.numpy_contract import MOST_FOR_ALL_ORDERS, steps
from symgrad.ops.arithmetic import Product
from symgrad.ops.contract import MOST_ORDERS, Contract
from symgrad.types import Size

Labels = tuple[int, ...]
Factor = tuple[Node, Labels]
Term = tuple[int, Labels]  # the number of a factor's node, and its labels
Key = tuple[tuple[Term, ...], frozenset[int]]  # a product: what of, and the labels that are not summed over

_node = itemgetter(0)  # of a term


class Products:
    """The products of one graph, by what they are products of."""

    def __init__(self) -> None:
        self._made: dict[Key, Factor] = {}
        self._terms: dict[Node, tuple[Sequence[Term], Labels]] = {}

    def contraction(self, op: Contract, *inputs: Node) -> Node:
        """Contractions of two arrays; scalars are multiplied with the result."""
        if not op.summed:
            return inputs[0].graph.add(op, *inputs)
        output = tuple(dict.fromkeys(op.output))
        sizes: dict[int, Size] = dict(op.extents)
        for x, labels in zip(inputs, op.labels, strict=True):
            sizes.update(zip(labels, x.type.shape, strict=True))
        arrays = [(x, ks) for x, ks in zip(inputs, op.labels, strict=True) if ks]
        scalars = [x for x, ks in zip(inputs, op.labels, strict=True) if not ks]
        if len(arrays) > 1:
            for k, (x, labels) in enumerate(arrays):
                elsewhere = set(output).union(*[ks for j, (_, ks) in enumerate(arrays) if j != k])
                kept = tuple(dict.fromkeys(i for i in labels if i in elsewhere))
                if kept != labels:
                    arrays[k] = self._product([(x, labels)], kept)
            for step in steps([ks for _, ks in arrays], output, sizes, self._known(arrays, output)):
                rest = [f for k, f in enumerate(arrays) if k not in step.places]
                labels = step.labels if rest else tuple(k for k in output if k in step.labels)
                arrays = [*rest, self._product([arrays[k] for k in step.places], labels)]
        elif set(arrays[0][1]) - set(output):
            arrays = [self._product(arrays, tuple(k for k in output if k in arrays[0][1]))]
        ((total, labels),) = arrays
        if labels == op.output and not scalars:
            return total
        every = [(x, ()) for x in scalars] + [(total, labels)]
        if not op.output:
            return total.graph.add(Product(), *[x for x, _ in every])
        return renumbered(every, op.output, sizes)

    def _product(self, factors: Sequence[Factor], labels: Labels) -> Factor:
        """The product with these labels: the one that is there, in the order that its axes have, or a new one."""
        key, numbers = self._key(factors, labels)
        if key in self._made:
            node, own = self._made[key]
            names = {numbers[k]: k for k in labels}
            return node, tuple(names[n] for n in own)
        node = renumbered(factors, labels, {})
        own = tuple(numbers[k] for k in labels)
        self._made[key] = node, own
        self._terms.setdefault(node, (key[0], own))
        return node, labels

    def _known(self, factors: Sequence[Factor], output: Labels) -> set[frozenset[int]]:
        """The places of factors whose product is there."""
        found: set[frozenset[int]] = set()
        for count in range(2, len(factors) + 1) if 2 < len(factors) <= MOST_FOR_ALL_ORDERS else ():
            for members in combinations(range(len(factors)), count):
                own = [factors[k] for k in members]
                outside = set(output).union(*[ks for k, (_, ks) in enumerate(factors) if k not in members])
                if self._key(own, outside.intersection([k for _, ks in own for k in ks]))[0] in self._made:
                    found.add(frozenset(members))
        return found

    def _key(self, factors: Sequence[Factor], kept: Iterable[Hashable]) -> tuple[Key, dict[Hashable, int]]:
        """What a product is known by, in terms of what is no product itself; and the numbers of labels in it."""
        terms: list[tuple[int, tuple[Hashable, ...]]] = []
        for place, (x, labels) in enumerate(factors):
            inner, own = self._terms.get(x, ([(x.index, labels)], labels))
            names: dict[int, Hashable] = dict(zip(own, labels, strict=True))
            terms += [(n, tuple(names.get(k, (place, k)) for k in ks)) for n, ks in inner]
        groups = [list(group) for _, group in groupby(sorted(terms, key=_node), key=_node)]
        if prod([factorial(len(group)) for group in groups]) > MOST_ORDERS:
            return _numbered([*chain.from_iterable(groups)], kept)
        orders = product(*[permutations(group) for group in groups])  # of equal factors, all
        found = (_numbered([*chain.from_iterable(order)], kept) for order in orders)
        return min(found, key=lambda one: (one[0][0], sorted(one[0][1])))


def _numbered(
    terms: Sequence[tuple[int, tuple[Hashable, ...]]], kept: Iterable[Hashable]
) -> tuple[Key, dict[Hashable, int]]:
    """The terms with labels numbered as they are met."""
    numbers: dict[Hashable, int] = {}
    own = tuple((n, tuple(numbers.setdefault(k, len(numbers)) for k in ks)) for n, ks in terms)
    return (own, frozenset(numbers[k] for k in kept)), numbers


def renumbered(factors: Sequence[Factor], output: Labels, sizes: dict[int, Size]) -> Node:
    """The contraction, as it is, its labels numbered from the output on."""
    numbers: dict[int, int] = {}
    out = tuple(numbers.setdefault(k, len(numbers)) for k in output)
    labels = tuple(tuple(numbers.setdefault(k, len(numbers)) for k in ks) for _, ks in factors)
    inside = {k for _, ks in factors for k in ks}
    extents = tuple((numbers[k], sizes[k]) for k in dict.fromkeys(output) if k not in inside)
    if len(factors) == 1 and labels[0] == out and len(set(out)) == len(out):
        return factors[0][0]
    return factors[0][0].graph.add(Contract(labels, out, extents), *[x for x, _ in factors])
