"""Graphs of arrays beside those of array_graphs.py: the ways to write an index, a product, a number at its limits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.graph import Node
from symgrad.ops.contract import contract, spread
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input, constant
from symgrad.ops.linear_algebra import Cholesky, Determinant, LogDet, factored
from symgrad.ops.logic import less
from symgrad.ops.position import extent, positions
from symgrad.ops.products import broadcast, total, transpose
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, ProductOfOthers, ProductOver, Softmax
from symgrad.ops.reshape import reshape
from symgrad.ops.rounding import Abs
from symgrad.ops.select import select
from symgrad.ops.stable import Relu
from symgrad.ops.trigonometric import Sin
from symgrad.ops.view import Place, accumulate, view
from symgrad.types import Type
from tests.lower import array_graphs
from tests.lower.array_graphs import k, m, n, q


class Arrays(array_graphs.Arrays):
    """Also integers along two axes."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = self.graph.add(Input(sp.Symbol("pairs"), Type("i8", (q, m))))
        self.inputs.append(self.pairs)


def up(axis: int, *, by: int = 1, at: Any = 0) -> Place:
    """An index that goes along an axis."""
    return Place(at, ((axis, by),))


def gathered(*axes: int, at: Any = 0, times: int = 1) -> Place:
    """An index that the first array of integers has."""
    return Place(at, (), ((0, axes, times),))


def _slices(a: Arrays) -> list[Node]:
    """Of what is put into the middle of zeros: with and without begin, end and step, forwards and backwards."""
    long = accumulate(a.t, [up(0, at=2)], (n + 3,))
    double = accumulate(a.t, [up(0, by=2, at=1)], (2 * n + 2,))
    both = accumulate(a.t, [up(0, at=m)], (n + m,))
    spread = accumulate(a.t, [up(0, by=2, at=m)], (2 * n + m,))
    deep = accumulate(a.cube, [up(0), up(1), up(2, at=1)], (n, m, k + 1))
    return [
        *[view(long, [up(0, at=at)], (n + size,)) for at, size in ((0, 3), (1, 2), (0, 2), (1, 1))],
        *[view(double, [up(0, by=2, at=at)], (n,)) for at in (0, 1, 2)],
        *[view(double, [up(0, by=2, at=at)], (n + 1,)) for at in (0, 1)],
        *[view(both, [up(0, at=at)], (size,)) for at, size in ((0, n), (m, n), (0, m), (n, m))],
        view(double, [up(0, by=-1, at=n)], (n,)),
        view(double, [up(0, by=-1, at=2 * n + 1)], (2 * n + 2,)),
        view(double, [up(0, by=-2, at=2 * n)], (n,)),
        view(long, [Place(0, ((0, 1), (1, 1)))], (n, 3)),
        view(spread, [up(0, by=2)], (n,)),
        view(deep, [up(0), up(1), up(2, at=1)], (n, m, k)),
        view(a.t, [up(0, at=-1)], (n,), clip=True),
        accumulate(a.t, [up(0, at=-1)], (n,), clip=True),
        *[
            accumulate(a.x, [up(0, by=by, at=at), up(1, at=2)], (3 * n + 1, m + 2))
            for by, at in ((1, 0), (3, 1), (-1, n))
        ],
    ]


def _counts(a: Arrays) -> list[Node]:
    """Indices as numbers: every second one, backwards, of two axes."""
    every = positions(a.graph, 2 * n + m)
    return [
        view(every, [up(0, by=2, at=1)], (n,)) * a.t,
        view(every, [up(0, by=-1, at=n)], (n,)) * a.t,
        a.graph.add(Exp(), view(every, [Place(0, ((0, 1), (1, 1)))], (n, m)) * -1) * a.x,
        view(every, [Place(m - 1, ((0, 1), (1, -1)))], (n, m)) * a.x,
        accumulate(a.x, [Place(m - 1, ((0, 1), (1, -1)))], (n + m - 1,)),
    ]


def _numbers(a: Arrays) -> list[Node]:
    """Axes whose length is a number, beside those of vectors."""
    found = []
    for length in (11, 16, 33):
        row = positions(a.graph, length) * broadcast(a.s, (length,), [])
        both = broadcast(row, (n, length), [1]) * broadcast(a.t, (n, length), [0])
        found += [row, a.graph.add(Sin(), both), total(a.graph.add(Sin(), row))]
    return found


def _orders(a: Arrays) -> list[Node]:
    """Views whose axes are transposed, taken twice, left out, or new."""
    columns = broadcast(a.t, (n, 3), [0]) * 2
    return [
        view(a.x, [up(1), up(0)], (m, n)),
        view(a.spd, [up(0), up(0)], (n,)),
        view(a.t, [up(1)], (m, n)),
        view(a.t, [up(0)], (n, m)),
        a.x * view(a.t, [up(0)], (n, m)),
        view(a.x, [up(0), up(2)], (n, k, m)),
        view(a.x, [up(0), up(2)], (n, k, m)) * 2 + a.graph.add(Sin(), view(a.t, [up(0)], (n, k, m))),
        view(columns, [up(0), Place(1)], (n,)),
        view(columns, [Place(n - 1), up(0)], (3,)),
        view(a.x, [Place(0), Place(m - 1)], ()),
        accumulate(a.x, [up(1), up(0)], (m, n)),
        accumulate(a.x, [up(0)], (n,)),
        accumulate(a.x, [up(1, at=1)], (m + 1,)),
        accumulate(a.t, [up(0), up(0)], (n, n)),
        accumulate(a.cube, [up(0), up(2)], (n, k)),
        accumulate(a.cube, [up(2), Place(1), up(0)], (k, 2, n)),
    ]


def _integers(a: Arrays) -> list[Node]:
    """Indices from memory: times a number, beside an axis, from two axes in either order, beyond the array."""
    long = accumulate(a.t, [up(0, by=2, at=1)], (2 * n + 2,))
    both = Place(1, ((1, 1),), ((0, (0,), 1),))
    return [
        view(long, [gathered(0, at=1, times=2)], (q,), [a.at]),
        view(long, [both], (q, 3), [a.at]) ** 2,
        view(a.x, [gathered(0), Place(0)], (q,), [a.at]),
        view(accumulate(a.x, [up(0), up(1, by=2)], (n, 2 * m)), [gathered(0), up(1, by=2)], (q, m), [a.at]),
        view(a.t, [gathered(0, 1)], (q, m), [a.pairs]),
        view(a.t, [gathered(1, 0)], (m, q), [a.pairs]),
        view(a.t, [gathered(2, 0)], (m, k, q), [a.pairs]),
        view(a.x, [gathered(2, 1), up(0)], (m, m, q), [a.pairs]),
        view(a.t, [gathered(0, at=-3)], (q,), [a.at], clip=True),
        view(a.t, [Place(-1, ((1, 1),), ((0, (0,), 1),))], (q, 3), [a.at], clip=True),
        view(a.t, [Place(-1, ((0, 1),), ((0, (1,), 1),))], (3, q), [a.at], clip=True),
        accumulate(view(a.t, [gathered(1, 0)], (m, q), [a.pairs]), [gathered(1, 0)], (n,), [a.pairs]),
        accumulate(view(a.t, [gathered(0)], (q,), [a.at]), [gathered(0, at=-3)], (n,), [a.at], clip=True),
        accumulate(view(long, [both], (q, 3), [a.at]), [both], (2 * n + 2,), [a.at]),
    ]


def _products(a: Arrays) -> list[Node]:
    """Contractions that NumPy has several ways to write."""
    g, sine = a.graph, a.graph.add(Sin(), a.x)
    thick = contract(g, [(a.spd, "ij"), (a.w, "k")], "ijk")
    return [
        *[contract(g, [(a.cube, "ijk"), (a.cube, "ilk")], out) for out in ("ijl", "lij", "jl", "il")],
        *[
            contract(g, [(thick, labels)], out)
            for labels, out in (("iij", "j"), ("iij", "ij"), ("iij", ""), ("ijk", "kji"))
        ],
        *[contract(g, [(thick, "iij"), (a.w, "j")], out) for out in ("i", "ij", "")],
        *[contract(g, [(a.x, "ij"), (x, labels)], "") for x, labels in ((a.x, "ij"), (sine, "ij"), (a.spd, "ii"))],
        contract(g, [(a.cube, "ijk"), (g.add(Sin(), a.cube), "ijk")], ""),
        *[contract(g, [(a.t, "i"), (a.x, "ij")], out) for out in ("ij", "ji", "j", "")],
        *[contract(g, [(a.x, "ij"), (a.w, "j")], out) for out in ("ij", "ji", "i")],
        *[contract(g, [(a.w, "j"), (a.b, "jk")], out) for out in ("k", "jk", "")],
        contract(g, [(a.t, "i"), (sine, "ij"), (a.w, "j"), (a.s, "")], ""),
        contract(g, [(a.t, "i"), (a.t, "i")], "i"),
        contract(g, [(a.s, "")], "ii", {"i": n}),
        *[contract(g, [(a.x, "ij")], out) for out in ("ijij", "iji", "jjij")],
        contract(g, [(a.cube, "ijk")], "iijk"),
        contract(g, [(sine, "ij"), (extent(g, m) ** -1, "")], "i"),
        contract(g, [(broadcast(a.t, (n, m), [0]), "ij"), (a.b, "jk")], "ik"),
        contract(g, [(a.spd * broadcast(contract(g, [(a.spd, "ii")], "i"), (n, n), [0]), "ii")], ""),
    ]


def _limits(a: Arrays) -> list[Node]:
    """Where a formula as it stands would overflow, have no sign, or no value."""
    g, huge = a.graph, a.x.like(10**200)
    infinite = g.add(Relu(), -g.add(Abs(), a.x)) ** -1
    turned = a.spd * broadcast(a.t, (n, n), [0])
    reverse = view(a.spd, [up(0, by=-1, at=n - 1), up(1)], (n, n))
    return [
        *[g.add(NormOver(axes), x) for axes in (1, 2) for x in (a.x, a.x * 0)],
        g.add(NormOver(), a.x * huge) * a.t.like(Fraction(1, 10**200)),
        g.add(NormOver(), a.x * huge**-1) * a.t.like(10**200),
        g.add(NormOver(), infinite),
        *[g.add(op(axes), 1000 * x) for op in (LogSumExpOver, Softmax) for axes in (1, 2) for x in (a.x, -a.x)],
        g.add(LogSumExpOver(), a.x * 0 - 2000),
        *[g.add(op(2), a.cube) for op in (Maximum, Minimum, ProductOver)],
        g.add(ProductOfOthers(), a.cube),
        *[g.add(op, a.t) for op in (ProductOfOthers(), Sin())],
        *[factored(Determinant(), x) for x in (turned, -turned, reverse)],
        factored(LogDet(), turned),
        total(g.add(Cholesky(), -a.spd)),
        g.add(Cholesky(), a.spd * 4),
        reshape(view(a.t, [Place(0)], (1,)), ()) + extent(g, n + 1),
        constant(g, 0, (n,)),
        constant(g, 2, (3,)),
        constant(g, 1, (n, 2)),
        constant(g, -1, (n,)),
        a.s * extent(g, n + 1),
        a.s * (extent(g, n) ** -1 + g.add(Sin(), a.s)),
        positions(g, n + 2),
    ]


def _factors(a: Arrays) -> list[Node]:
    """A factorisation itself, which loops do not have."""
    return [factored(Determinant(), a.spd).inputs[1]]


def _masks(a: Arrays) -> list[Node]:
    """Truth values with other axes."""
    sizes = {"i": n, "j": m}
    below = spread(less(a.x, a.x.like(0)), "ij", "ji", sizes)
    turned = transpose(a.x, (1, 0))
    return [
        select(spread(less(a.t, a.t.like(0)), "i", "ij", sizes), a.x, a.x * 2),
        select(spread(less(a.w, a.w.like(0)), "j", "ij", sizes), a.x, a.x * 2),
        select(below, turned, a.graph.add(Exp(), turned)),
        select(spread(less(a.spd, a.spd.like(1)), "ii", "i", sizes), a.t, a.t * 2),
    ]


FURTHER: dict[str, Callable[[Arrays], list[Node]]] = {
    "slices": _slices,
    "counts": _counts,
    "numbers": _numbers,
    "orders": _orders,
    "integers": _integers,
    "products": _products,
    "limits": _limits,
    "factors": _factors,
    "masks": _masks,
}
