"""Linear algebra for loops: operations as LAPACK has them, and the statements that call it.

Matrices are stored by rows, which LAPACK reads as the columns of the transpose: it is X^T that is factorised, and rows
that are solved for. So nothing is transposed in memory but where a matrix on the right is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from symgrad.graph import Node, Op
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.fill import nest_of
from symgrad.lower.arrays.loops import Call, Count, Load, Read, Start, Statement, Store, Update
from symgrad.lower.arrays.nest import Nest, Values
from symgrad.ops.contract import Contract
from symgrad.ops.exponential import Log
from symgrad.ops.linear_algebra import Cholesky, Determinant, Factorisation, Inverse, LogDet, Solve, lower
from symgrad.ops.rounding import Abs
from symgrad.types import REAL, Type


@dataclass(frozen=True)
class Factors(Op):
    """The LU factors of X^T by columns, in one matrix. Its pivots have a buffer beside it."""

    def result_type(self, *types: Type) -> Type:
        return types[0]


@dataclass(frozen=True)
class SolvedRows(Op):
    """From the factors of X and the rows b: the rows X^-1 b, or X^-T b."""

    transposed: bool = False

    def result_type(self, *types: Type) -> Type:
        return types[1]


@dataclass(frozen=True)
class FromFactors(Op):
    """The determinant from the factors, or the logarithm of its absolute value."""

    logarithm: bool = False

    def result_type(self, *types: Type) -> Type:
        return REAL


@dataclass(frozen=True)
class CholeskyFactor(Op):
    """From a lower triangle with zeros above: the factor, and zeros above."""

    def result_type(self, *types: Type) -> Type:
        return types[0]


def _factors(op: Factorisation, x: Node) -> Node:
    return x.graph.add(Factors(), x)


def _inverse(op: Inverse, x: Node, lu: Node) -> Node:
    eye = x.graph.add(Contract((), (0, 0), ((0, x.type.shape[0]),)))
    return x.graph.add(SolvedRows(True), lu, eye)


def _solve(op: Solve, x: Node, lu: Node, b: Node) -> Node:
    axes = tuple(range(len(b.type.shape)))
    turned = (*axes[1:], 0)
    if len(axes) == 1:
        return x.graph.add(SolvedRows(op.transposed), lu, b)
    rows = x.graph.add(SolvedRows(op.transposed), lu, x.graph.add(Contract((axes,), turned), b))
    return x.graph.add(Contract((turned,), axes), rows)


def _determinant(op: Determinant, x: Node, lu: Node) -> Node:
    return x.graph.add(FromFactors(), lu)


def _log_det(op: LogDet, x: Node, lu: Node) -> Node:
    return x.graph.add(FromFactors(True), lu)


def _cholesky(op: Cholesky, x: Node) -> Node:
    return x.graph.add(CholeskyFactor(), lower(x))


REWRITES: dict[type, Callable[..., Node]] = {
    Factorisation: _factors,
    Inverse: _inverse,
    Solve: _solve,
    Determinant: _determinant,
    LogDet: _log_det,
    Cholesky: _cholesky,
}
STORED = (Factors, SolvedRows, FromFactors, CholeskyFactor)


def pivots(factors: str) -> str:
    """The name of the buffer of the pivots; of a Cholesky factor, of the one number that is not 0 if there is none."""
    return f"{factors}p"


def linear(node: Node, target: str, places: Mapping[Node, str], values: Values) -> list[Statement]:
    """The statements for one of these operations."""
    op = node.op
    if isinstance(op, FromFactors):
        return _from_factors(node, op, target, places, values)
    x = node.inputs[-1]
    copy = nest_of(x, target, places, values, copy=True)
    n = x.type.shape[-1]
    if isinstance(op, Factors):
        return [*copy, Call("getrf", (pivots(target), target), "", ((n,),))]
    if isinstance(op, SolvedRows):
        lu = places[node.inputs[0]]
        flag = "N" if op.transposed else "T"
        return [*copy, Call("getrs", (lu, pivots(lu), target), flag, ((n,), x.type.shape[:-1]))]
    found = Call("potrf", (pivots(target), target), "U", ((n,),))
    nest = Nest(places, ["i0", "i1"], {"i0": n, "i1": n}, values)
    index = (Affine(0, (("i0", 1),)), Affine(0, (("i1", 1),)))

    def checked() -> None:
        """Not a number anywhere, if the matrix is not positive definite."""
        y = nest.made(lambda v: Load(v, target, index), 2)
        failed = nest.made(lambda v: Load(v, pivots(target), (Affine(),)), 0)
        info = nest.made(lambda v: Count(v, Affine(0, (), ((failed.value, 1),))), 0)
        kept = nest.chosen(info, y, float("nan"))
        nest.keep(Store(target, index, kept.value))

    nest.innermost(checked)
    return [*copy, found, *nest.folded()]


def _from_factors(
    node: Node, op: FromFactors, target: str, places: Mapping[Node, str], values: Values
) -> list[Statement]:
    """The product along the diagonal, its sign changed for each row that was exchanged with another."""
    (lu,) = node.inputs
    n = lu.type.shape[0]
    nest = Nest(places, ["i0"], {"i0": n}, values)
    at = Affine(0, (("i0", 1),))
    kind = "add" if op.logarithm else "mul"
    name = f"{kind} of {target}"

    def body() -> None:
        d = nest.made(lambda v: Load(v, places[lu], (at, at)), 1)
        if op.logarithm:
            d = nest.let(Log(), nest.let(Abs(), d))
        else:
            p = nest.made(lambda v: Load(v, pivots(places[lu]), (at,)), 1)
            away = Affine(-1, (("i0", -1),), ((p.value, 1),))  # LAPACK counts from 1
            moved = nest.made(lambda v: Count(v, away), 1)
            d = nest.multiplied([d, nest.chosen(moved, nest.number(1), -1)])
        nest.keep(Update(name, kind, d.value))

    nest.levels[0].append(Start(name, kind, 0.0 if op.logarithm else 1.0))
    nest.piece(body, Affine(), Affine(n), serial=True)
    value = nest.new()
    nest.after[0] += [Read(value, name), Store(target, (), value)]
    return nest.folded()
