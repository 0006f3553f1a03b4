"""Products of matrices in SymPy, made and taken apart without its own evaluation, which reorders and multiplies out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.entries import Applied, Ones
from symgrad.types import Size

LARGEST_OPENED = 300  # terms and factors into which a transpose is pushed
JOINED = (sp.MatAdd, sp.HadamardProduct)
ENTRYWISE = (sp.HadamardPower, ElementwiseApplyFunction)


def split(e: Any) -> tuple[Any, tuple[Any, ...]]:
    """The coefficient and the factors of a matrix expression."""
    if not isinstance(e, sp.MatMul):
        return sp.Integer(1), (e,)
    scalars = [x for x in e.args if not x.is_Matrix]
    return sp.Mul(*scalars), tuple(x for x in e.args if x.is_Matrix)


def product(coefficient: Any, factors: Sequence[Any]) -> Any:
    """coefficient * factor * factor ...; equal neighbours as a power; identities left out."""
    opened: list[Any] = []
    for x in factors:
        own, chain = split(x)
        coefficient = coefficient if own == 1 else coefficient * own
        opened += chain
    kept: list[Any] = []
    for x in opened:
        if isinstance(x, sp.Identity):
            continue
        if isinstance(x, sp.DiagMatrix) and kept and isinstance(kept[-1], sp.OneMatrix) and kept[-1].shape[0] == 1:
            kept[-1] = sp.Transpose(x.args[0])  # ones.T * DiagMatrix(v) = v.T
            continue
        if kept and isinstance(x, sp.OneMatrix) and isinstance(kept[-1], sp.OneMatrix) and x.shape[0] == 1:
            kept[-1] = ones(kept[-1].shape[0], x.shape[1])
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
    return sp.MatMul(sp.sympify(coefficient, strict=True), *kept, evaluate=False)


def _power(e: Any) -> tuple[Any, Any]:
    return (e.base, e.exp) if type(e) is sp.MatPow else (e, 1)


def transposed(e: Any) -> Any:
    """The transpose, pushed into products; into a sum or a product entry by entry if no more are shown so, and a
    symmetric one is itself."""
    parts = list(islice(_opened(e), LARGEST_OPENED))
    if len(parts) == LARGEST_OPENED:
        return _turned(e)
    done: dict[Any, Any] = {}
    for x in reversed(parts):
        if isinstance(x, sp.MatMul):
            coefficient, factors = split(x)
            done[x] = product(coefficient, [done[f] for f in reversed(factors)])
        elif isinstance(x, JOINED):
            terms = [done[t] for t in x.args]
            inside = weighted([(1, t) for t in terms]) if x.is_MatAdd else hadamard(terms)
            done[x] = x if set(terms) == set(x.args) else inside if _shown(inside) <= _shown(x) else sp.Transpose(x)
        elif isinstance(x, ENTRYWISE):
            inside = _entrywise(x, done[_argument(x)])
            done[x] = inside if _shown(inside) <= _shown(x) else sp.Transpose(x)
        else:
            done[x] = _outside(x)
    return done[e]


def _argument(e: Any) -> Any:
    """The matrix whose entries are raised to a power or given to a function."""
    return e.base if isinstance(e, sp.HadamardPower) else e.expr


def _entrywise(e: Any, x: Any) -> Any:
    """The same of another matrix."""
    return sp.HadamardPower(x, e.exp) if isinstance(e, sp.HadamardPower) else Applied(e.function, x)


def _opened(e: Any) -> Iterator[Any]:
    """The expression, and the terms and factors that a transpose is pushed into; before their own."""
    pending = [e]
    while pending:
        x = pending.pop()
        yield x
        if isinstance(x, sp.MatMul):
            pending.extend(split(x)[1])
        elif isinstance(x, JOINED):
            pending.extend(x.args)
        elif isinstance(x, ENTRYWISE):
            pending.append(_argument(x))


def _shown(e: Any) -> int:
    """How many transposes an expression shows, near its root."""
    return sum(isinstance(x, sp.Transpose) for x in islice(sp.preorder_traversal(e), 200))


def _turned(e: Any) -> Any:
    """The transpose of a factor, of which nothing is opened."""
    if isinstance(e, sp.Transpose):
        return e.arg
    if isinstance(e, (sp.Identity, sp.DiagMatrix)):
        return e
    if isinstance(e, (sp.OneMatrix, sp.ZeroMatrix)):
        return type(e)(*reversed(e.shape))
    return sp.Transpose(e)


def _outside(e: Any) -> Any:
    if isinstance(e, sp.Inverse):
        return sp.Inverse(_flipped(e.arg))
    if isinstance(e, sp.MatPow):
        return sp.MatPow(_flipped(e.base), e.exp)
    return _turned(e)


def _flipped(e: Any) -> Any:
    """The transpose of what is inverted or raised to a power: of a product of symbols, the product of theirs."""
    if type(e) is sp.MatPow:
        return sp.MatPow(e.base.arg if isinstance(e.base, sp.Transpose) else sp.Transpose(e.base), e.exp)
    if isinstance(e, sp.MatAdd):
        turned = [_flipped_product(x) for x in e.args]
        return e if set(turned) == set(e.args) else sp.Transpose(e)
    return _flipped_product(e)


def _flipped_product(e: Any) -> Any:
    coefficient, factors = split(e)
    return product(coefficient, [_turned(x) for x in reversed(factors)])


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
    coefficient: Any = sp.Integer(1)
    opened: list[Any] = []
    for x in factors:
        own, chain = split(x)
        coefficient = coefficient if own == 1 else coefficient * own
        whole = product(1, chain)
        opened += whole.args if isinstance(whole, sp.HadamardProduct) else [whole]
    for x in opened:
        is_power = isinstance(x, sp.HadamardPower) and x.exp.is_Integer and x.exp > 0  # x/x is not 1 where x is 0
        base, power = (x.base, x.exp) if is_power else (x, 1)
        if not isinstance(x, sp.OneMatrix):
            counts[base] = counts.get(base, 0) + power
    powers = [x if p == 1 else sp.HadamardPower(x, p) for x, p in counts.items()]
    if not powers:
        return product(coefficient, [ones(*factors[0].shape)])
    return product(coefficient, [powers[0] if len(powers) == 1 else sp.HadamardProduct(*powers, evaluate=False)])


def weighted(terms: Sequence[tuple[Any, Any]]) -> Any:
    """c1 x1 + c2 x2 + ... of matrices: sums among them opened, equal terms collected, what is subtracted last."""
    found: dict[tuple[Any, ...], Any] = {}
    count = 0
    for c, e in terms:
        coefficient, factors = split(e)
        inner = factors[0].args if c * coefficient == 1 and len(factors) == 1 and factors[0].is_MatAdd else [e]
        for x in inner:
            count += 1
            own, chain = split(x)
            found[chain] = found.get(chain, 0) + (own if inner[0] is not e else c * own)
    signed = sorted(found.items(), key=lambda term: bool(term[1].could_extract_minus_sign()))
    coefficients = {c for _, c in signed}
    common = coefficients.pop() if len(coefficients) == 1 and len(signed) < count else sp.Integer(1)
    parts = [product(c / common, chain) for chain, c in signed if c != 0]
    if not parts:
        return zeros(*terms[0][1].shape)
    whole = parts[0] if len(parts) == 1 else sp.MatAdd(*parts, evaluate=False)
    return product(common, split(whole)[1]) if common != 1 else whole


def ones(rows: Size, columns: Size) -> Any:
    """The matrix of ones."""
    with sp.evaluate(True):  # sizes are computed, whatever is not
        return Ones(rows, columns)


def zeros(rows: Size, columns: Size) -> Any:
    """The matrix of zeros."""
    with sp.evaluate(True):
        return sp.ZeroMatrix(rows, columns)


def identity(size: Size) -> Any:
    """The identity matrix."""
    with sp.evaluate(True):
        return sp.Identity(size)
