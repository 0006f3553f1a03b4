"""Contractions -> NumPy as people write it: @, products that broadcast, sums; einsum where these do not say it.

Several factors are multiplied two at a time, in the order of fewest operations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from math import prod
from typing import NamedTuple

import sympy as sp

from symgrad.lower.source.expressions import ATOM, SIGN, TERM, Text
from symgrad.types import Size

Labels = tuple[int, ...]

MOST_FOR_ALL_ORDERS = 6  # factors: above, each step takes the pair that is cheapest then
RECIPROCAL = "np.divide(1, "  # of a size, which may be 0: Python's own division raises an error
TYPICAL = 100  # what a symbol counts where sizes are compared


class Factor(NamedTuple):
    """An array as an expression, and the labels of its axes, all different."""

    text: Text
    labels: Labels


class Step(NamedTuple):
    """Factors at these places of a list are taken out, and their product over `labels` is put at its end: two of them,
    or those whose product is known."""

    places: tuple[int, ...]
    labels: Labels


def steps(
    factors: Sequence[Labels], output: Iterable[int], sizes: dict[int, Size], known: Collection[frozenset[int]] = ()
) -> list[Step]:
    """The order of the products of two: the cheapest of all, once few factors are left.

    known: places of factors, where these are few, whose product is there already, and costs nothing.
    """
    numbers = {k: _number(n) for k, n in sizes.items()}
    kept = set(output)
    first, factors = _greedy(list(factors), kept, numbers)
    full = (1 << len(factors)) - 1
    labels = {1 << k: frozenset(f) for k, f in enumerate(factors)}
    cost = {1 << k: 0.0 for k in range(len(factors))}
    split: dict[int, tuple[int, ...]] = {}
    for count in range(2, len(factors) + 1):
        for members in combinations(range(len(factors)), count):
            whole = sum(1 << k for k in members)
            outside = kept.union(*[factors[k] for k in range(len(factors)) if not whole >> k & 1])
            inside = frozenset[int]().union(*[factors[k] for k in members])
            labels[whole] = inside & outside
            if frozenset(members) in known:
                cost[whole], split[whole] = 0.0, tuple(1 << k for k in members)
                continue
            part = (whole - 1) & whole
            while part:
                other = whole ^ part
                if part > other:
                    work = 1.0
                    for k in labels[part] | labels[other]:
                        work *= numbers[k]
                    price = cost[part] + cost[other] + work
                    if price < cost.get(whole, float("inf")):
                        cost[whole], split[whole] = price, (part, other)
                part = (part - 1) & whole
    order: list[int] = []
    pending = [full]
    while pending:
        whole = pending.pop()
        if whole in split:
            order.append(whole)
            pending.extend(split[whole])
    places = [1 << k for k in range(len(factors))]
    found = first
    for whole in reversed(order):
        taken = tuple(sorted(places.index(p) for p in split[whole]))
        found.append(Step(taken, _sorted(labels[whole], factors)))
        places = [p for k, p in enumerate(places) if k not in taken] + [whole]
    return found


def _greedy(factors: list[Labels], kept: set[int], numbers: dict[int, float]) -> tuple[list[Step], list[Labels]]:
    """The steps that leave fewest numbers, one after the other, and the factors that are left.

    Not the cheapest: of a chain of matrices between thin ones that is the thin ones' product, as large as a matrix.
    """
    found = []
    while len(factors) > MOST_FOR_ALL_ORDERS:
        best: tuple[tuple[float, float], int, int, Labels] | None = None
        near = [(i, j) for i, j in combinations(range(len(factors)), 2) if set(factors[i]) & set(factors[j])]
        for i, j in near or combinations(range(len(factors)), 2):
            rest = [f for k, f in enumerate(factors) if k not in (i, j)]
            labels = _sorted({*factors[i], *factors[j]} & kept.union(*rest), factors)
            grown, *gone = (prod(numbers[k] for k in ks) for ks in (labels, factors[i], factors[j]))
            price = (grown - sum(gone), prod(numbers[k] for k in {*factors[i], *factors[j]}))
            if best is None or price < best[0]:
                best = price, i, j, labels
        assert best is not None
        _, i, j, labels = best
        found.append(Step((i, j), labels))
        factors = [*[f for k, f in enumerate(factors) if k not in (i, j)], labels]
    return found, factors


def _sorted(labels: Iterable[int], factors: Sequence[Labels]) -> Labels:
    """The labels in the order in which the factors have them."""
    wanted = set(labels)
    return tuple(dict.fromkeys(k for f in factors for k in f if k in wanted))


def _number(size: Size) -> float:
    if isinstance(size, int):
        return float(size)
    return float(size.xreplace({s: sp.Integer(TYPICAL) for s in size.free_symbols}))


def product(a: Factor, b: Factor, output: Labels, named: Callable[[Text], Text]) -> Factor:
    """The product of two factors, summed over what is not in the output. Its labels are those of the output, in an
    order that may be another."""
    summed = [k for k in a.labels if k in b.labels and k not in output]
    shared = [k for k in a.labels if k in b.labels and k in output]
    if not summed:
        return multiplied(a, b, output)
    own_a = [k for k in a.labels if k not in b.labels]
    own_b = [k for k in b.labels if k not in a.labels]
    if len(summed) == 1 and len(own_a) <= 1 and len(own_b) <= 1 and (not shared or (own_a and own_b)):
        if own_a and own_b and output.index(own_b[0]) < output.index(own_a[0]):
            a, b, own_a, own_b = b, a, own_b, own_a
        left = transposed(a, (*shared, *own_a, *summed))
        right = transposed(b, (*shared, *summed, *own_b))
        if not own_a and own_b and not shared and b.labels != (*summed, *own_b):
            left, right, own_a, own_b = b, transposed(a, tuple(summed)), own_b, own_a  # X @ w, not w @ X.T
        text = f"{left.text.within(SIGN)} @ {right.text.within(SIGN)}"
        return Factor(Text(text, TERM), (*shared, *own_a, *own_b))
    if not shared and not own_a and not own_b:
        other = transposed(b, a.labels)
        if len(summed) == 2 and a.text.text != other.text.text:
            return Factor(Text(f"np.sum({a.text.within(TERM)}*{other.text.within(SIGN)})"), ())
        return Factor(Text(f"np.vdot({a.text.text}, {other.text.text})"), ())
    if not shared:
        axes = [[f.labels.index(k) for k in summed] for f in (a, b)]
        text = f"np.tensordot({a.text.text}, {b.text.text}, ({axes[0]}, {axes[1]}))"
        return Factor(Text(text), (*own_a, *own_b))
    return einsum([a, b], output)


def einsum(factors: Sequence[Factor], output: Labels) -> Factor:
    """np.einsum, with letters from i on."""
    letters = {
        k: "ijklmnopqrstuvwxyzabcdefgh"[n] for n, k in enumerate(dict.fromkeys(k for f in factors for k in f.labels))
    }
    spec = ",".join("".join(letters[k] for k in f.labels) for f in factors)
    out = "".join(letters[k] for k in output)
    return Factor(Text(f'np.einsum("{spec}->{out}", {", ".join(f.text.text for f in factors)})'), output)


def multiplied(a: Factor, b: Factor, output: Labels) -> Factor:
    """The product without a sum, by broadcasting."""
    if len(a.labels) == 1 and len(b.labels) == 1 and a.labels != b.labels:
        first, second = (a, b) if output.index(a.labels[0]) < output.index(b.labels[0]) else (b, a)
        return Factor(Text(f"np.outer({first.text.text}, {second.text.text})"), output)
    left, right = aligned(a, output), aligned(b, output)
    if not a.labels or len(b.labels) <= len(a.labels) or not b.labels:
        return Factor(times(left, right), output)
    return Factor(times(right, left), output)


def times(a: Text, b: Text) -> Text:
    """a*b; by the reciprocal of a size, a division."""
    for x, y in ((a, b), (b, a)):
        if y.text.startswith(RECIPROCAL) and y.binding == ATOM:
            return Text(f"{x.within(TERM)}/{y.text[len(RECIPROCAL) : -1]}", TERM)
    return Text(f"{a.within(TERM)}*{b.within(SIGN)}", TERM)


def aligned(f: Factor, output: Labels) -> Text:
    """The array with its axes in the output's order, and axes of length 1 where the output has others after them."""
    order = tuple(k for k in output if k in f.labels)
    text = transposed(f, order).text
    if not order:
        return text
    places = [":" if k in f.labels else "None" for k in output[output.index(order[0]) :]]
    return text if "None" not in places else Text(f"{text.within(ATOM)}[{', '.join(_ellipsis(places))}]")


def _ellipsis(places: list[str]) -> list[str]:
    """Full slices at the end need not be written."""
    while places[-1] == ":":
        places = places[:-1]
    return places


def transposed(f: Factor, order: Labels) -> Factor:
    """The factor with its axes in this order."""
    if f.labels == order:
        return f
    if len(order) == 2:
        return Factor(Text(f"{f.text.within(ATOM)}.T"), order)
    axes = ", ".join(str(f.labels.index(k)) for k in order)
    return Factor(Text(f"{f.text.within(ATOM)}.transpose({axes})"), order)


def summed(f: Factor, output: Iterable[int]) -> Factor:
    """The factor summed over what is not in the output."""
    kept = set(output)
    axes = [str(axis) for axis, k in enumerate(f.labels) if k not in kept]
    if not axes:
        return f
    if len(axes) == len(f.labels):
        return Factor(Text(f"np.sum({f.text.text})"), ())
    where = axes[0] if len(axes) == 1 else f"({', '.join(axes)})"
    return Factor(Text(f"np.sum({f.text.text}, axis={where})"), tuple(k for k in f.labels if k in kept))


def traced(diagonal: Factor) -> Factor:
    """The sum of a matrix's diagonal."""
    return Factor(Text(diagonal.text.text.replace("np.diagonal(", "np.trace(", 1)), ())
