"""The entry of a matrix expression at (i, j), opened as far as it reads better: sums, products and functions entry by
entry; of a product of matrices it stays (X*w)[i, 0]."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.pieces import Pieces
from symgrad.to_sympy.terms import product, split

ZERO = sp.Integer(0)


class Opened(NamedTuple):
    """Which entries are needed, and how they are put together."""

    parts: list[tuple[Any, Any, Any]]
    join: Callable[..., Any]


def entry(e: Any, i: Any, j: Any) -> Any:
    """The entry of a matrix as it is: SymPy's own indexing writes products out as sums."""
    return MatrixElement(e, sp.sympify(i, strict=True), sp.sympify(j, strict=True))


def opened(e: Any, i: Any, j: Any) -> Any:
    """The entry at (i, j); an index along an axis of size 1 is 0."""
    order: list[tuple[tuple[Any, Any, Any], Opened]] = []
    start = _key(e, i, j)
    pending = [start]
    while pending:
        key = pending.pop()
        rule = how(key[0], key[1], key[2])
        parts = [_key(*part) for part in rule.parts]
        order.append((key, Opened(parts, rule.join)))
        pending.extend(parts)
    found: dict[tuple[Any, Any, Any], Any] = {}
    for key, rule in reversed(order):
        if key not in found:
            found[key] = rule.join(*[found[part] for part in rule.parts])
    return found[start]


def _key(e: Any, i: Any, j: Any) -> tuple[Any, Any, Any]:
    rows, columns = e.shape
    return e, ZERO if rows == 1 else sp.sympify(i, strict=True), ZERO if columns == 1 else sp.sympify(j, strict=True)


@singledispatch
def how(e: Any, i: Any, j: Any) -> Opened:
    """How the entry of this expression is made."""
    return Opened([], lambda: entry(e, i, j))


@how.register
def _transpose(e: sp.Transpose, i: Any, j: Any) -> Opened:
    return Opened([(e.arg, j, i)], lambda x: x)


@how.register
def _mat_add(e: sp.MatAdd, i: Any, j: Any) -> Opened:
    return Opened([(x, i, j) for x in e.args], sp.Add)


@how.register
def _mat_mul(e: sp.MatMul, i: Any, j: Any) -> Opened:
    coefficient, factors = split(e)
    runs: list[list[Any]] = [[]]
    for x in factors:
        runs[-1].append(x)
        if x.shape[1] == 1 and x is not factors[-1]:
            runs.append([])
    if len(runs) == 1 and len(factors) > 1:
        if coefficient == 1:
            return Opened([], lambda: entry(e, i, j))
        return Opened([(product(1, factors), i, j)], lambda x: sp.Mul(coefficient, x))
    return Opened([(product(1, run), i, j) for run in runs], lambda *xs: sp.Mul(coefficient, *xs))


@how.register
def _hadamard_product(e: sp.HadamardProduct, i: Any, j: Any) -> Opened:
    return Opened([(x, i, j) for x in e.args], sp.Mul)


@how.register
def _hadamard_power(e: sp.HadamardPower, i: Any, j: Any) -> Opened:
    return Opened([(e.base, i, j)], lambda x: sp.Pow(x, e.exp))


@how.register
def _elementwise_apply_function(e: ElementwiseApplyFunction, i: Any, j: Any) -> Opened:
    f = e.function
    head = (lambda x: f.expr.xreplace({f.variables[0]: x})) if isinstance(f, sp.Lambda) else f
    return Opened([(e.expr, i, j)], head)


@how.register
def _one_matrix(e: sp.OneMatrix, i: Any, j: Any) -> Opened:
    return Opened([], lambda: sp.Integer(1))


@how.register
def _zero_matrix(e: sp.ZeroMatrix, i: Any, j: Any) -> Opened:
    return Opened([], lambda: ZERO)


@how.register
def _identity(e: sp.Identity, i: Any, j: Any) -> Opened:
    return Opened([], lambda: sp.KroneckerDelta(i, j))


@how.register
def _diagonal_of(e: sp.DiagonalOf, i: Any, j: Any) -> Opened:
    return Opened([(e.arg, i, i)], lambda x: x)


@how.register
def _function_matrix(e: sp.FunctionMatrix, i: Any, j: Any) -> Opened:
    return Opened([], lambda: at_place(e.lamda.expr, dict(zip(e.lamda.variables, (i, j), strict=True))))


def at_place(body: Any, places: dict[Any, Any]) -> Any:
    """The body at these places; what a condition excludes there is left out first, since its entries may not exist."""
    try:
        return body.xreplace(places)
    except IndexError:
        left = {}
        for e in body.atoms(sp.Piecewise, Pieces):
            holds = [(c.xreplace(places), pair) for pair in e.args for c in pair.args[1:]]
            kept = [pair for condition, pair in holds if condition is not sp.false]
            left[e] = kept[0].args[0] if kept[0].args[1].xreplace(places) is sp.true else Pieces(*kept)
        return body.xreplace(left).xreplace(places)


def bound_inside(e: Any) -> set[Any]:
    """The names of the sums in an expression, which must not be taken for an index put into it."""
    if isinstance(e, sp.FunctionMatrix):  # its own indices are replaced
        e = e.lamda.expr
    sums = {limit[0] for s in e.atoms(ExprWithLimits) for limit in s.limits}
    return sums | {s for f in e.atoms(sp.Lambda) for s in f.variables}
