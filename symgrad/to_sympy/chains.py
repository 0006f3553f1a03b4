"""The product of a contraction, as a chain of matrices: the path that its labels make, from one end to the other.

A summed label joins two matrices (or a matrix and a vector) into a product, a path that closes is a trace, vectors
along one label are multiplied entry by entry, and along a label within a path they are a diagonal matrix.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sympy as sp

from symgrad.to_sympy.names import Names
from symgrad.to_sympy.opened import bound_inside, entry, opened
from symgrad.to_sympy.ranges import limits_of
from symgrad.to_sympy.terms import hadamard, identity, ones, product, scaled_sum, split, transposed, transposes
from symgrad.types import Size


class Edge(NamedTuple):
    """A matrix as a chain of factors, from a row label to a column label."""

    chain: tuple[Any, ...]
    row: Hashable
    column: Hashable

    def starting(self, label: Hashable) -> Edge:
        """The same matrix, or its transpose, with this row label."""
        if self.row == label:
            return self
        return Edge(tuple(transposed(x) for x in reversed(self.chain)), self.column, self.row)


@dataclass
class Path:
    """What is left of a product while its labels are eliminated."""

    sizes: Mapping[Any, Size]
    scalars: list[Any] = field(default_factory=list)
    vectors: dict[Hashable, list[Any]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def insert(self, e: Any, labels: Sequence[Hashable]) -> None:
        """One more factor: a scalar, a column, or a matrix."""
        if not labels:
            self.scalars.append(e)
        elif len(labels) == 1:
            self.vectors.setdefault(labels[0], []).append(e)
        elif labels[0] == labels[1]:
            self.vectors.setdefault(labels[0], []).append(sp.DiagonalOf(e))
        else:
            coefficient, chain = split(e)
            self.scalars.append(coefficient)
            self.edges.append(Edge(chain, labels[0], labels[1]))

    def at(self, label: Hashable) -> list[Edge]:
        """The matrices that have this label."""
        return [edge for edge in self.edges if label in (edge.row, edge.column)]

    def vector(self, label: Hashable) -> Any:
        """The product of the vectors along a label, of one entry by entry; ones if there is none. It is used up."""
        factors = self.vectors.pop(label, [])
        return self.multiplied(factors) if factors else ones(self.sizes[label], 1)

    def diagonal(self, label: Hashable) -> tuple[Any, ...]:
        """The same as a factor of a chain, if there is any."""
        return (sp.DiagMatrix(self.vector(label)),) if label in self.vectors else ()

    def multiplied(self, factors: Sequence[Any]) -> Any:
        """The product of arrays of one shape, entry by entry, without its coefficient, which goes in front."""
        if len(factors) == 1:
            coefficient, chain = split(factors[0])
            self.scalars.append(coefficient)
            return product(1, chain)
        parts = [split(e) for e in factors]
        self.scalars += [c for c, _ in parts]
        return hadamard([product(1, chain) for _, chain in parts])

    def merge(self, edges: Sequence[Edge], row: Hashable) -> None:
        """Make one of matrices between the same two labels."""
        column = next(k for k in edges[0][1:] if k != row)
        rest = [edge for edge in self.edges if edge not in edges]
        one = Edge((self.multiplied([product(1, edge.starting(row).chain) for edge in edges]),), row, column)
        self.edges = [*rest, one]


def contraction(
    factors: Sequence[tuple[Any, Sequence[Hashable]]],
    output: Sequence[Hashable],
    sizes: Mapping[Any, Size],
    names: Names,
) -> Any:
    """The product of the factors, summed over what is not in the output: a scalar, a column or a matrix; None if the
    labels make no path."""
    path = Path(sizes)
    for e, labels in factors:
        path.insert(e, labels)
    summed = list(dict.fromkeys(k for _, labels in factors for k in labels if k not in output))
    while summed:
        label = min(summed, key=lambda k: (len(path.at(k)), summed.index(k)))
        other = _eliminated(path, label, summed, names)
        if other is None:
            return None
        summed = [k for k in summed if k not in other]
    return _result(path, tuple(output))


def _eliminated(path: Path, label: Hashable, summed: Sequence[Hashable], names: Names) -> set[Hashable] | None:
    """Sum over a label; the labels that this did away with, or None if more than two matrices meet there."""
    edges = path.at(label)
    if not edges:
        path.scalars.append(_summed_vector(path, label, names))
        return {label}
    ends = [next(k for k in edge[1:] if k != label) for edge in edges]
    if len(edges) == 1:
        return _matrix_with_vector(path, label, edges[0], ends[0], summed, names)
    if len(set(ends)) == 1:
        (end,) = set(ends)
        if len(edges) == 2 and end in summed and len(path.at(end)) == 2:
            path.scalars.append(_trace(path, label, end, *edges))
            return {label, end}
        path.merge(edges, label)
        return set()
    if len(edges) > 2:
        parallel = next((k for k in ends if ends.count(k) > 1), None)
        if parallel is None:
            return None
        path.merge([e for e, k in zip(edges, ends, strict=True) if k == parallel], label)
        return set()
    path.edges = [edge for edge in path.edges if edge not in edges]
    left, right = edges[0].starting(ends[0]), edges[1].starting(label)
    path.edges.append(Edge((*left.chain, *path.diagonal(label), *right.chain), ends[0], ends[1]))
    return {label}


def _matrix_with_vector(
    path: Path, label: Hashable, edge: Edge, end: Hashable, summed: Sequence[Hashable], names: Names
) -> set[Hashable]:
    alone = label not in path.vectors and end not in path.vectors and len(path.at(end)) == 1
    path.edges.remove(edge)
    if alone and end in summed:  # all entries
        e = product(1, edge.chain)
        path.scalars.append(total(e, path.sizes[edge.row], path.sizes[edge.column], names))
        return {label, end}
    coefficient, chain = split(path.vector(label))
    path.scalars.append(coefficient)
    path.vectors.setdefault(end, []).append(product(1, (*edge.starting(end).chain, *chain)))
    return {label}


def _summed_vector(path: Path, label: Hashable, names: Names) -> Any:
    factors = path.vectors.pop(label)
    if len(factors) == 1:
        e = path.multiplied(factors)
        if isinstance(e, sp.DiagonalOf):
            return sp.Trace(e.arg)
        return total(e, path.sizes[label], 1, names)
    *left, right = factors
    (a, b), rest = (path.multiplied(left), path.multiplied([right])), []
    for u, v in ((a, b), (b, a)):
        chain = (*[transposed(x) for x in reversed(split(u)[1])], *split(v)[1])
        rest.append(chain)
    return entry(product(1, min(rest, key=transposes)), 0, 0)


def _trace(path: Path, label: Hashable, end: Hashable, a: Edge, b: Edge) -> Any:
    path.edges = [edge for edge in path.edges if edge not in (a, b)]
    at_label, at_end = path.diagonal(label), path.diagonal(end)
    forms = []
    for x, y in ((a, b), (b, a)):
        for first, second, before, between in ((end, label, at_end, at_label), (label, end, at_label, at_end)):
            chain = (*before, *x.starting(first).chain, *between, *y.starting(second).chain)
            forms += [chain[k:] + chain[:k] for k in range(len(chain))]
    return sp.Trace(product(1, min(forms, key=lambda chain: (transposes(chain), not _opens(chain)))))


def _opens(chain: Sequence[Any]) -> bool:
    """Does the chain begin as people begin it: with its transpose, if it has any, and else where it began?"""
    return isinstance(chain[0], sp.Transpose)


def _result(path: Path, output: tuple[Hashable, ...]) -> Any:
    if not output:
        return sp.Mul(*path.scalars)
    if len(output) == 1:
        chain = split(path.vector(output[0]))[1]
        return product(sp.Mul(*path.scalars), chain)
    row, column = output
    if row == column:
        chain = path.diagonal(row) or (identity(path.sizes[row]),)
        return product(sp.Mul(*path.scalars), chain)
    if len(path.edges) > 1:
        path.merge(path.edges, row)
    if path.edges:
        middle = path.edges[0].starting(row).chain
        left, right = path.diagonal(row), path.diagonal(column)
        plain = scaled_sum(left, middle[0], right) if len(middle) == 1 else None
        chain = (*left, *middle, *right) if plain is None else (plain,)
        return product(sp.Mul(*path.scalars), chain)
    u, v = path.vector(row), path.vector(column)
    chain = (*split(u)[1], *[transposed(x) for x in reversed(split(v)[1])])
    return product(sp.Mul(*path.scalars), chain)


def total(e: Any, rows: Size, columns: Size, names: Names) -> Any:
    """The sum of all entries."""
    _, factors = split(e)
    if isinstance(factors[-1], sp.OneMatrix) and len(factors) > 1:  # the sum of sums
        columns, e = factors[-1].shape[0], product(1, factors[:-1])
    if isinstance(factors[0], sp.OneMatrix) and len(factors) > 1:
        rows, e = factors[0].shape[1], product(1, split(e)[1][1:])
    bound = bound_inside(e)
    i = names.beside(bound) if rows != 1 else sp.Integer(0)
    j = names.beside({*bound, i}) if columns != 1 else sp.Integer(0)
    limits = limits_of((k, n) for k, n in ((i, rows), (j, columns)) if n != 1)
    return sp.Sum(opened(e, i, j), *limits)
