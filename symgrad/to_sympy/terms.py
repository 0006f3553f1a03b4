"""Products of matrices in SymPy, made and taken apart without its own evaluation, which reorders and multiplies out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.entries import Applied, Ones
from symgrad.types import Size


def split(e: Any) -> tuple[Any, tuple[Any, ...]]:
    """The coefficient and the factors of a matrix expression."""
    if not isinstance(e, sp.MatMul):
        return sp.Integer(1), (e,)
    scalars = [x for x in e.args if not x.is_Matrix]
    return sp.Mul(*scalars), tuple(x for x in e.args if x.is_Matrix)


def product(coefficient: Any, factors: Sequence[Any]) -> Any:
    """coefficient * factor * factor ...; equal neighbours as a power; identities left out."""
    kept: list[Any] = []
    for x in factors:
        if isinstance(x, sp.Identity):
            continue
        if isinstance(x, sp.DiagMatrix) and kept and isinstance(kept[-1], sp.OneMatrix) and kept[-1].shape[0] == 1:
            kept[-1] = sp.Transpose(x.args[0])  # ones.T * DiagMatrix(v) = v.T
            continue
        base, exponent = _power(x)
        before, power = _power(kept[-1]) if kept else (None, 0)
        if before == base and x.shape[0] == x.shape[1] and x.shape[0] != 1:
            kept[-1] = sp.MatPow(base, power + exponent)
        else:
            kept.append(x)
    if not kept:
        kept = [factors[0]]
    if coefficient == 1:
        return kept[0] if len(kept) == 1 else sp.MatMul(*kept, evaluate=False)
    return sp.MatMul(sp.sympify(coefficient), *kept, evaluate=False)


def _power(e: Any) -> tuple[Any, Any]:
    return (e.base, e.exp) if type(e) is sp.MatPow else (e, 1)


def transposed(e: Any) -> Any:
    """The transpose, pushed into a product; into a sum or a product entry by entry if fewer are shown so."""
    if isinstance(e, sp.MatMul):
        coefficient, factors = split(e)
        return product(coefficient, [transposed_factor(x) for x in reversed(factors)])
    return transposed_factor(e)


def transposed_factor(e: Any) -> Any:
    """The transpose of what is no product."""
    if not isinstance(e, (sp.MatAdd, sp.HadamardProduct)):
        return _outside(e)
    terms = []
    for x in e.args:
        coefficient, factors = split(x)
        terms.append(product(coefficient, [_outside(f) for f in reversed(factors)]))
    inside = e.func(*terms, evaluate=False)
    return inside if _shown(inside) <= _shown(e) else sp.Transpose(e)


def _shown(e: Any) -> int:
    """How many transposes an expression shows, near its root."""
    return sum(isinstance(x, sp.Transpose) for x in islice(sp.preorder_traversal(e), 200))


def _outside(e: Any) -> Any:
    if isinstance(e, sp.Transpose):
        return e.arg
    if isinstance(e, (sp.Identity, sp.DiagMatrix)):
        return e
    if isinstance(e, (sp.OneMatrix, sp.ZeroMatrix)):
        return type(e)(*reversed(e.shape))
    if isinstance(e, sp.Inverse):
        return sp.Inverse(_flipped(e.arg))
    if isinstance(e, sp.MatPow):
        return sp.MatPow(_flipped(e.base), e.exp)
    if isinstance(e, sp.HadamardPower) and isinstance(e.base, sp.Transpose):
        return sp.HadamardPower(e.base.arg, e.exp)
    if isinstance(e, ElementwiseApplyFunction) and isinstance(e.expr, sp.Transpose):
        return Applied(e.function, e.expr.arg)
    return sp.Transpose(e)


def _flipped(e: Any) -> Any:
    return e.arg if isinstance(e, sp.Transpose) else sp.Transpose(e)


def transposes(factors: Sequence[Any]) -> int:
    """How many transposes a chain shows."""
    return sum(
        len(x.atoms(sp.Transpose)) if isinstance(x, sp.Inverse) else isinstance(x, sp.Transpose) for x in factors
    )


def scaled_sum(left: Sequence[Any], e: Any, right: Sequence[Any]) -> Any:
    """DiagMatrix(u) * e * DiagMatrix(v), multiplied out if e is a sum and that makes each term simpler: of (I - p*1.T)
    times DiagMatrix(p), DiagMatrix(p) - p*p.T. None if it does not."""
    if not isinstance(e, sp.MatAdd) or len(left) + len(right) != 1:
        return None
    terms = []
    for x in e.args:
        coefficient, factors = split(x)
        (diagonal,) = [*left, *right]
        end = factors[0] if left else factors[-1]
        column = diagonal.args[0]
        if isinstance(end, sp.Identity) and len(factors) == 1:
            terms.append((coefficient, diagonal))
        elif left and isinstance(end, sp.OneMatrix) and end.shape[1] == 1:
            terms.append((coefficient, product(1, [column, *factors[1:]])))
        elif right and isinstance(end, sp.OneMatrix) and end.shape[0] == 1:
            terms.append((coefficient, product(1, [*factors[:-1], transposed(column)])))
        else:
            return None
    return weighted(terms)


def hadamard(factors: Sequence[Any]) -> Any:
    """The product entry by entry; ones left out, equal factors as a power."""
    counts: dict[Any, int] = {}
    opened = [part for x in factors for part in (x.args if isinstance(x, sp.HadamardProduct) else [x])]
    for x in opened:
        base, power = (x.base, x.exp) if isinstance(x, sp.HadamardPower) and x.exp.is_Integer else (x, 1)
        if not isinstance(x, sp.OneMatrix):
            counts[base] = counts.get(base, 0) + power
    powers = [x if p == 1 else sp.HadamardPower(x, p) for x, p in counts.items() if p != 0]
    if not powers:
        return ones(*factors[0].shape)
    return powers[0] if len(powers) == 1 else sp.HadamardProduct(*powers, evaluate=False)


def weighted(terms: Sequence[tuple[Any, Any]]) -> Any:
    """c1 x1 + c2 x2 + ... of matrices, what is added before what is subtracted."""
    found = []
    for c, e in terms:
        coefficient, factors = split(e)
        found.append((c * coefficient, factors))
    found.sort(key=lambda term: bool(term[0].could_extract_minus_sign()))
    parts = [product(c, factors) for c, factors in found]
    return parts[0] if len(parts) == 1 else sp.MatAdd(*parts, evaluate=False)


def ones(rows: Size, columns: Size) -> Any:
    """The matrix of ones."""
    return Ones(rows, columns)
