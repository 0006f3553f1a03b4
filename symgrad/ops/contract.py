"""Contract: a product of factors over labelled axes, some of them summed; and the constructor that keeps it in form.

Axes are positional. Labels say which axes of the factors run together: plain multiplication, outer products, diagonals
and their embeddings, traces, broadcasts, transposes, sums over axes and matrix products are all the one operation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial, prod
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.graph import Exact, Graph, Node, Op, arithmetic
from symgrad.ops.arithmetic import Add, Power, power, scaled
from symgrad.ops.leaf import Const, constant
from symgrad.ops.position import extent
from symgrad.ops.select import guard_of, guarded
from symgrad.types import Size, Sizes, Type, as_count, size_in_numbers

Labels = tuple[int, ...]
Factor = tuple[Node, Sequence[Hashable]]

MOST_ORDERS = 24  # orders of equal factors that are tried for the smallest labels: those of four


@dataclass(frozen=True)
class Contract(Op):
    """y[output] = sum over all other labels of x1[labels1] x2[labels2] ...

    A label twice in one factor reads its diagonal; twice in the output, the result is zero off that diagonal; in the
    output only, the result is the same along that axis, whose size `extents` gives. No label is summed that is in no
    factor: the constructor makes a size of it.
    """

    labels: tuple[Labels, ...]
    output: Labels
    extents: tuple[tuple[int, Size], ...] = ()

    finite = True

    def apply(self, *inputs: Node) -> Node:
        return contract(inputs[0].graph, list(zip(inputs, self.labels, strict=True)), self.output, dict(self.extents))

    def sized(self, sizes: Sizes) -> Contract:
        if not self.extents:
            return self
        return Contract(self.labels, self.output, tuple((k, size_in_numbers(n, sizes)) for k, n in self.extents))

    @property
    def summed(self) -> set[int]:
        """The labels that are summed over."""
        return {k for labels in self.labels for k in labels} - set(self.output)

    @property
    def embeds(self) -> bool:
        """Is the result zero off a diagonal?"""
        return len(set(self.output)) < len(self.output)

    @property
    def is_view(self) -> bool:
        """Is each number of the result one of the one factor's: a transposition, a broadcast, a diagonal?"""
        return len(self.labels) == 1 and not self.embeds and not self.summed

    def label(self) -> str:
        return f"contract[{', '.join(map(_letters, self.labels))} -> {_letters(self.output)}]"

    def result_type(self, *types: Type) -> Type:
        sizes: dict[Any, Size] = dict(self.extents)
        for t, labels in zip(types, self.labels, strict=True):
            if len(labels) != len(t.shape):
                raise ShapeError("a factor of another rank", got=t, wanted=f"{len(labels)} axes")
            _join(sizes, labels, t.shape)
        return Type("f8", tuple([sizes[k] for k in self.output]))

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        pairs = list(zip(y.inputs, self.labels, strict=True))
        sizes: dict[Any, Size] = dict(self.extents)
        for x, labels in pairs:
            sizes.update(zip(labels, x.type.shape, strict=True))
        return tuple(
            contract_guarded(g, self.output, pairs[:k] + pairs[k + 1 :], labels, sizes)
            for k, (_, labels) in enumerate(pairs)
        )

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        more = tuple(range(-len(batch), 0))
        labels = [(*more, *ks) if c else ks for c, ks in zip(carried, self.labels, strict=True)]
        factors = list(zip(inputs, labels, strict=True))
        return contract(inputs[0].graph, factors, (*more, *self.output), dict(self.extents))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        extents = dict(self.extents)
        found = {
            k: n
            for v, labels in zip(values, self.labels, strict=True)
            for k, n in zip(labels, np.shape(v), strict=True)
        }
        unique = tuple(dict.fromkeys(self.output))
        core = tuple(k for k in unique if k not in extents)
        operands = [
            part for v, labels in zip(values, self.labels, strict=True) for part in (np.asarray(v), list(labels))
        ]
        if operands:
            one = np.einsum(*operands, list(core), optimize=len(values) > 2 and numbers is np)
        else:
            one = np.asarray(1.0 if numbers is np else numbers.mpf(1), None if numbers is np else object)
        found.update(extents)
        places = [slice(None) if k in core else np.newaxis for k in unique]
        whole = np.broadcast_to(np.asarray(one)[tuple(places)], [found[k] for k in unique])
        if self.embeds:
            spread = np.zeros([found[k] for k in self.output], whole.dtype)
            grids = np.indices(whole.shape)
            spread[tuple(grids[unique.index(k)] for k in self.output)] = whole
            whole = spread
        return whole[()]


def _letters(labels: Labels) -> str:
    return "".join(chr(ord("i") + k) if k < 18 else f"<{k}>" for k in labels) or "1"


def _join(sizes: dict[Any, Size], labels: Iterable[Hashable], shape: tuple[Size, ...]) -> None:
    """Enter the sizes of a factor's axes. Raises ShapeError where an axis has two."""
    for k, n in zip(labels, shape, strict=True):
        if sizes.setdefault(k, n) != n:
            raise ShapeError(
                "sizes that do not go together in a product", got=f"{sizes[k]} and {n}", wanted="equal sizes"
            )


def contract(
    graph: Graph,
    factors: Sequence[Factor],
    output: Sequence[Hashable],
    sizes: Mapping[Any, Size] | None = None,
    coefficient: Exact = 1,
) -> Node:
    """The node of coefficient * sum of products of the factors over the labels that are not in the output.

    factors: (node, a label for each of its axes); labels are any hashable values. sizes: of labels that may be in no
    factor. Numbers go in front; transposes, broadcasts and diagonals into the labels; a factor that is zero off a
    diagonal, such as the identity, unifies two labels; what shares no label with the output becomes a scalar.
    """
    sizes = dict(sizes or {})
    for x, labels in factors:
        _join(sizes, labels, x.type.shape)
    same = _Unified()
    opened: list[tuple[Node, tuple[Hashable, ...]]] = []
    pending = [(x, tuple(labels)) for x, labels in reversed(factors)]
    while pending:
        x, labels = pending.pop()
        op = x.op
        if isinstance(op, Const) and op.is_exact:
            coefficient = coefficient * op.value
        elif isinstance(op, Add) and len(x.inputs) == 1:
            coefficient = coefficient * op.coefficients[0]
            pending.append((x.inputs[0], labels))
        elif isinstance(op, Contract) and (op.is_view or op.embeds) and not op.summed:
            inner: dict[int, Hashable] = {}
            for axis, outer in zip(op.output, labels, strict=True):
                same.join(inner.setdefault(axis, outer), outer, sizes)
            pending.extend((f, tuple(inner[k] for k in ks)) for f, ks in zip(x.inputs, op.labels, strict=True))
        else:
            opened.append((x, labels))
    if coefficient == 0:
        return constant(graph, 0, tuple(sizes[k] for k in output))
    output = tuple(same.of(k) for k in output)
    everything = dict.fromkeys(same.of(k) for k in sizes)
    terms = [(x, tuple(same.of(k) for k in labels)) for x, labels in opened]
    present = {k for _, labels in terms for k in labels}
    for k in everything:
        if k not in present and k not in output:  # summed, but nothing depends on it: as often as its size
            number = sizes[k]
            if isinstance(number, int):
                coefficient = coefficient * number
            else:
                terms.append((extent(graph, as_count(number)), ()))
    if coefficient == 0:
        return constant(graph, 0, tuple(sizes[k] for k in output))
    terms = _powers_collected(terms, set(output))
    scalar, terms = _scalar_apart(graph, terms, set(output))
    if scalar is not None and isinstance(scalar.op, Add) and len(scalar.inputs) == 1:
        coefficient, scalar = coefficient * scalar.op.coefficients[0], scalar.inputs[0]
    if not terms:
        if not output:
            return scaled(coefficient, scalar) if scalar is not None else constant(graph, coefficient)
        if scalar is None and len(set(output)) == len(output):
            return constant(graph, coefficient, tuple(sizes[k] for k in output))
    if scalar is not None:
        terms = [(scalar, ()), *terms]
    node = _in_order(graph, terms, output, sizes)
    return node if coefficient == 1 else scaled(coefficient, node)


class _Unified:
    """Labels that were found to be one."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def of(self, label: Hashable) -> Hashable:
        while label in self._parent:
            label = self._parent[label]
        return label

    def join(self, a: Hashable, b: Hashable, sizes: dict[Any, Size]) -> None:
        a, b = self.of(a), self.of(b)
        if a != b:
            _join(sizes, [a], (sizes[b],))
            self._parent[b] = a


def _powers_collected(
    terms: Sequence[tuple[Node, tuple[Hashable, ...]]], output: set[Hashable]
) -> list[tuple[Node, tuple[Hashable, ...]]]:
    """Equal factors as a power, but for the two of a sum of squares: x.x is a product, as x.y is."""
    counts: Counter[tuple[Node, tuple[Hashable, ...]]] = Counter()
    for x, labels in terms:
        if isinstance(x.op, Power) and x.op.exponent == 2 and not set(labels) <= output:
            counts[x.inputs[0], labels] += 2
        else:
            counts[x, labels] += 1
    found = []
    for (x, labels), n in counts.items():
        if n == 2 and not set(labels) <= output:
            found += [(x, labels), (x, labels)]
        else:
            found.append((x if n == 1 else power(x, n), labels))
    return found


def _scalar_apart(
    graph: Graph, terms: Sequence[tuple[Node, tuple[Hashable, ...]]], output: set[Hashable]
) -> tuple[Node | None, list[tuple[Node, tuple[Hashable, ...]]]]:
    """The product of all that shares no label with the output, as a scalar, if there is any; and the rest."""
    groups: list[tuple[set[Hashable], list[tuple[Node, tuple[Hashable, ...]]]]] = []
    for term in terms:
        labels, members = set(term[1]), [term]
        rest = []
        for other, more in groups:
            if other & labels:
                labels |= other
                members = more + members
            else:
                rest.append((other, more))
        groups = [*rest, (labels, members)]
    inner = [members for labels, members in groups if not labels & output]
    outer = [members for labels, members in groups if labels & output]
    if not inner or (not output and len(inner) == 1 and inner[0][0][1]):
        return None, [term for members in [*inner, *outer] for term in members]
    scalars = [
        members[0][0] if members[0][1] == () else _in_order(graph, members, (), _sizes_of(members)) for members in inner
    ]
    scalar = scalars[0] if len(scalars) == 1 else arithmetic["product"](scalars)
    return scalar, [term for members in outer for term in members]


def _sizes_of(terms: Sequence[tuple[Node, tuple[Hashable, ...]]]) -> dict[Hashable, Size]:
    return {k: n for x, labels in terms for k, n in zip(labels, x.type.shape, strict=True)}


def _in_order(
    graph: Graph,
    terms: Sequence[tuple[Node, tuple[Hashable, ...]]],
    output: tuple[Hashable, ...],
    sizes: Mapping[Any, Size],
) -> Node:
    """The node with factors ordered by age, and labels numbered from the output on; of equal factors, the order that
    gives the smallest labels."""
    if len(terms) == 1 and terms[0][1] == output and len(set(output)) == len(output):
        return terms[0][0]
    terms = sorted(terms, key=lambda term: term[0].index)
    numbered = _numbered(terms, output)
    ties = [n for n in Counter(x for x, _ in terms).values() if n > 1]
    if ties and prod(map(factorial, ties)) <= MOST_ORDERS:
        groups: dict[Node, list[tuple[Node, tuple[Hashable, ...]]]] = {}
        for term in terms:
            groups.setdefault(term[0], []).append(term)
        orders = product(*[permutations(group) for group in groups.values()])
        numbered = min(_numbered([term for group in order for term in group], output) for order in orders)
    labels, out = numbered
    names = dict(zip(out, output, strict=True))
    inside = {k for ks in labels for k in ks}
    extents = tuple((k, sizes[names[k]]) for k in sorted(set(out) - inside))
    return graph.add(Contract(labels, out, extents), *[x for x, _ in terms])


def _numbered(
    terms: Sequence[tuple[Node, tuple[Hashable, ...]]], output: tuple[Hashable, ...]
) -> tuple[tuple[Labels, ...], Labels]:
    """The labels as numbers in the order in which they are met: those of the output first."""
    numbers: dict[Hashable, int] = {}
    out = tuple([numbers.setdefault(k, len(numbers)) for k in output])
    return tuple([tuple([numbers.setdefault(k, len(numbers)) for k in labels]) for _, labels in terms]), out


def contract_guarded(
    g: Node,
    labels: Sequence[Hashable],
    others: Sequence[Factor],
    output: Sequence[Hashable],
    sizes: Mapping[Any, Size] | None = None,
) -> Node:
    """The contraction of a cotangent with partials, in which what is guarded stays guarded: 0 * inf is not met.

    select(c, g, 0) * p => select(c, g*p, 0), before anything is summed. A partial that is finite for finite inputs
    needs no guard, so that a matrix product stays one.
    """
    guard = guard_of(g)
    if guard is None or all(is_finite(x) for x, _ in others):
        return contract(g.graph, [(g, labels), *others], output, sizes)
    condition, value = guard
    found: dict[Hashable, Size] = dict(sizes or {})
    for x, ks in [(g, labels), *others]:
        _join(found, ks, x.type.shape)
    every = tuple(found)
    product_ = contract(g.graph, [(value, labels), *others], every, found)
    kept = guarded(spread(condition, labels, every, found), product_)
    return contract(g.graph, [(kept, every)], output, found)


def is_finite(node: Node) -> bool:
    """Is the value finite for finite inputs, short of overflow? Only what is surely so; each node is looked at once."""
    known = node.graph.finite
    stack = [node]
    while stack:
        x = stack[-1]
        if x in known:
            stack.pop()
            continue
        whole = not isinstance(x.op, Power) or (isinstance(x.op.exponent, int) and x.op.exponent > 0)
        if not whole or not (x.op.finite or isinstance(x.op, Power)):
            known[x] = False
            continue
        missing = [i for i in x.inputs if i not in known and i.type.dtype == "f8"]
        if missing:
            stack.extend(missing)
        else:
            known[x] = all(known[i] for i in x.inputs if i.type.dtype == "f8")
    return known[node]


def spread(x: Node, labels: Sequence[Hashable], output: Sequence[Hashable], sizes: Mapping[Any, Size]) -> Node:
    """The array with its axes in another order, and the same along axes that it has not. Truth values too."""
    if x.type.dtype == "f8":
        return contract(x.graph, [(x, labels)], output, sizes)
    if tuple(labels) == tuple(output):
        return x
    return x.graph.add(Spread(tuple(output.index(k) for k in labels), tuple(sizes[k] for k in output)), x)


@dataclass(frozen=True)
class Spread(Op):
    """Truth values or integers with axes in another order, and the same along new axes. axes[k]: where axis k goes.

    Of two that go to one place, the diagonal is read.
    """

    axes: tuple[int, ...]
    shape: tuple[Size, ...]

    def sized(self, sizes: Sizes) -> Spread:
        return Spread(self.axes, tuple(size_in_numbers(n, sizes) for n in self.shape))

    def label(self) -> str:
        return f"spread[{', '.join(map(str, self.axes))}]"

    def result_type(self, *types: Type) -> Type:
        (t,) = types
        if tuple(self.shape[k] for k in self.axes) != t.shape:
            raise ShapeError("an array that does not spread to this shape", got=t, wanted=str(self.shape))
        return Type(t.dtype, self.shape)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return (None,)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        grids = np.indices(self.shape, sparse=True)
        return np.broadcast_to(np.asarray(x)[tuple(grids[k] for k in self.axes)], self.shape)
