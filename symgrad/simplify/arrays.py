"""Rules for stability of whole arrays: sums of exponentials and of squares over axes, determinants, inverses."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction

from symgrad.graph import Exact, Node, arithmetic
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract, Factor, contract, spread
from symgrad.ops.exponential import Exp, Log, log
from symgrad.ops.linear_algebra import Determinant, Inverse, LogDet, Solve
from symgrad.ops.reduce import LogSumExpOver, NormOver, Softmax
from symgrad.ops.rounding import Abs
from symgrad.ops.stable import FilledReciprocal
from symgrad.simplify.engine import STABLE, rule
from symgrad.simplify.exponentials import exponent_of, exponents_of, log_of_contraction, logsumexp
from symgrad.simplify.parts import factors_of, multiplied, opened, recontracted, scale_of

# -- sums of exponentials ---------------------------------------------------------------------------------------------


@rule(
    STABLE,
    Log,
    "log(c*w*sum_j v_j*exp(z_j)) => log(c*w) + logsumexp_j(z_j + log v_j)",
    "exact; c > 0, v_j are of exponentials and sizes, which are positive",
    over=(Add, Product, Contract),
)
def log_of_exp_over_axes(node: Node) -> Node | None:
    (x,) = node.inputs
    c, x = scale_of(x)
    if c <= 0:
        return None
    if isinstance(x.op, Product):
        exponentials = [f for f in x.inputs if isinstance(f.op, Exp)]
        if not exponentials:
            return None
        rest = [f for f in x.inputs if not isinstance(f.op, Exp)]
        weight = arithmetic["product"]([x.like(c), *rest])
        return arithmetic["sum"]([(1, log(weight)), *[(1, e.inputs[0]) for e in exponentials]])
    if isinstance(x.op, Exp):
        return x.inputs[0] + log(x.like(c)) if c != 1 else None
    return log_of_contraction(x, c) if isinstance(x.op, Contract) else None


@rule(STABLE, Log, "log(softmax(z)) => z - logsumexp(z)", over=Softmax)
def log_of_softmax(node: Node) -> Node | None:
    (x,) = node.inputs
    if not isinstance(x.op, Softmax):
        return None
    (z,) = x.inputs
    return z - _along(z.graph.add(LogSumExpOver(x.op.axes), z), z)


def _along(value: Node, z: Node) -> Node:
    """What was reduced over last axes, the same along them."""
    labels = range(len(z.type.shape))
    return spread(value, labels[: len(value.type.shape)], labels, dict(enumerate(z.type.shape)))


@rule(STABLE, Exp, "exp(z - logsumexp(z)) => softmax(z)", over=Add)
def exp_of_log_softmax(node: Node) -> Node | None:
    (x,) = node.inputs
    if not isinstance(x.op, Add) or sorted(x.op.coefficients) != [-1, 1]:
        return None
    z, other = x.inputs if x.op.coefficients[0] == 1 else reversed(x.inputs)
    whole = other.inputs[0] if other.inputs else other
    if not isinstance(whole.op, LogSumExpOver):
        return None
    (own,) = whole.inputs
    for order in _orders(z, own):
        kept = order[: len(whole.type.shape)]
        if spread(whole, kept, range(len(order)), dict(enumerate(z.type.shape))) is other:
            return contract(z.graph, [(z.graph.add(Softmax(whole.op.axes), own), order)], range(len(order)))
    return None


def _orders(z: Node, own: Node) -> list[tuple[int, ...]]:
    """The ways in which z may be `own` with its axes in another order."""
    if z is own:
        return [tuple(range(len(z.type.shape)))]
    if _is_transposed(z) and z.inputs[0] is own:
        return [z.op.labels[0]]  # type: ignore[attr-defined]
    if _is_transposed(own) and own.inputs[0] is z:
        (labels,) = own.op.labels  # type: ignore[attr-defined]
        return [tuple(labels.index(k) for k in range(len(labels)))]
    return []


def _is_transposed(x: Node) -> bool:
    """Is this another array with its axes in another order?"""
    return isinstance(x.op, Contract) and x.op.is_view and sorted(x.op.labels[0]) == list(x.op.output)


@rule(
    STABLE,
    (Product, Contract),
    "exp(z_j)/sum_j exp(z_j) => softmax(z)_j; exp(u)/(c + sum_j exp(z_j)) => exp(u - log(...))",
    "exact; c >= 0; also where the product of the exponential and others was summed before it is divided",
    over=(Power, Product),
    of_arrays=True,
)
def softmax_over_axes(node: Node) -> Node | None:
    factors = opened(node)
    for i, (r, outer) in enumerate(factors):
        if not isinstance(r.op, Power) or r.op.exponent != -1:
            continue
        (whole,) = r.inputs
        rest = factors[:i] + factors[i + 1 :]
        found = _shares(rest, scale_of(whole), outer) or _relative(rest, whole, outer)
        if found is not None:
            return multiplied(node, found)
    return None


def _shares(rest: list[Factor], whole: tuple[Exact, Node], outer: Sequence[Hashable]) -> list[Factor] | None:
    """The factors with a softmax for the exponential that the divisor is the sum of."""
    c, divisor = whole
    op = divisor.op
    if not isinstance(op, Contract) or len(divisor.inputs) != 1 or not op.summed or op.embeds or op.extents:
        return None
    (e,), (own,) = divisor.inputs, op.labels
    if not isinstance(e.op, Exp) or len(set(own)) < len(own):
        return None
    order = [*op.output, *sorted(op.summed)]
    share = e.graph.add(Softmax(len(op.summed)), contract(e.graph, [(e.inputs[0], own)], order))
    for k, (x, labels) in enumerate(rest):
        others = rest[:k] + rest[k + 1 :]
        if x is e:
            at = dict(zip(own, labels, strict=True))
            if [at[j] for j in op.output] == list(outer):
                return [*others, (share * (Fraction(1) / c), [at[j] for j in order])]
        elif isinstance(x.op, Contract) and e in x.inputs:
            q = x.inputs.index(e)
            at = dict(zip(own, x.op.labels[q], strict=True))
            outside: dict[Hashable, Hashable] = dict(zip(x.op.output, labels, strict=True))
            if [outside.get(at[j]) for j in op.output] == list(outer):
                inner = recontracted(x, [(share * (Fraction(1) / c), [at[j] for j in order])], [q])
                return [*others, (inner, labels)]
    return None


def _relative(rest: list[Factor], whole: Node, outer: Sequence[Hashable]) -> list[Factor] | None:
    """The factors with exp(u - log(divisor)) for an exponential exp(u)."""
    for k, (e, labels) in enumerate(rest):
        if isinstance(e.op, Exp) and labels and set(outer) <= set(labels) and len(set(labels)) == len(labels):
            exponents = exponents_of(whole)
            logarithm = logsumexp(exponents) if exponents else exponent_of(whole)
            if logarithm is None:
                return None
            (u,) = e.inputs
            sizes = dict(zip(labels, u.type.shape, strict=True))
            entry = e.graph.add(Exp(), u - spread(logarithm, outer, labels, sizes))
            return [*rest[:k], *rest[k + 1 :], (entry, labels)]
    return None


# -- sums of squares --------------------------------------------------------------------------------------------------


@rule(STABLE, Power, "sqrt(c*sum_j x_j**2) => sqrt(c)*norm_j(x)", "exact; c > 0", over=(Add, Contract), of_arrays=True)
def root_of_squares_over_axes(node: Node) -> Node | None:
    assert isinstance(node.op, Power)
    if node.op.exponent != Fraction(1, 2):
        return None
    c, squares = scale_of(node.inputs[0])
    norm = _norm_over(squares)
    if norm is None or c <= 0:
        return None
    return norm if c == 1 else norm * (norm.like(c) ** Fraction(1, 2))


def _norm_over(x: Node) -> Node | None:
    """The norm over axes whose square is x."""
    op = x.op
    if (
        not isinstance(op, Contract)
        or len(x.inputs) != 2
        or x.inputs[0] is not x.inputs[1]
        or op.labels[0] != op.labels[1]
    ):
        return None
    if not op.summed or op.embeds or op.extents:
        return None
    (labels, _), summed = op.labels, sorted(op.summed)
    return x.graph.add(NormOver(len(summed)), contract(x.graph, [(x.inputs[0], labels)], [*op.output, *summed]))


@rule(STABLE, Power, "norm_j(x)**2 => sum_j x_j**2", over=NormOver)
def square_of_norm(node: Node) -> Node | None:
    assert isinstance(node.op, Power)
    (norm,) = node.inputs
    if not isinstance(norm.op, NormOver) or node.op.exponent != 2:
        return None
    (x,) = norm.inputs
    axes = range(len(x.type.shape))
    return contract(x.graph, [(x, axes), (x, axes)], axes[: len(axes) - norm.op.axes])


@rule(
    STABLE,
    (Product, Contract),
    "x_i/sqrt(sum_j x_j**2) => x_i*(1/norm_j(x), 0 at 0)",
    "exact but at 0, which is filled with 0",
    over=(Power, Product),
    of_arrays=True,
)
def direction_over_axes(node: Node) -> Node | None:
    factors = opened(node)
    for i, (r, outer) in enumerate(factors):
        if not isinstance(r.op, Power) or r.op.exponent != Fraction(-1, 2):
            continue
        (squares,) = r.inputs
        norm = _norm_over(squares)
        if norm is not None and any(x is squares.inputs[0] for x, _ in factors):
            inverse = node.graph.add(FilledReciprocal(), norm)
            return multiplied(node, [*factors[:i], *factors[i + 1 :], (inverse, outer)])
    return None


# -- linear algebra ---------------------------------------------------------------------------------------------------


@rule(
    STABLE,
    Log,
    "log(det(X)) => logdet(X); log(|det(X)|) => logdet(X)",
    "exact where det X > 0, which a logarithm wants; for det X < 0 the right side is log|det X|",
    over=(Abs, Determinant),
)
def log_of_determinant(node: Node) -> Node | None:
    (x,) = node.inputs
    if isinstance(x.op, Abs):
        (x,) = x.inputs
    return node.graph.add(LogDet(), *x.inputs) if isinstance(x.op, Determinant) else None


@rule(
    STABLE,
    Contract,
    "X^-1*b => solve(X, b); b.T*X^-1 => solve(X.T, b).T",
    "exact; b is a vector, or a product",
    over=Inverse,
)
def inverse_times_vector(node: Node) -> Node | None:
    op = node.op
    assert isinstance(op, Contract)
    factors = factors_of(node)
    for k, (inverse, (row, column)) in ((k, f) for k, f in enumerate(factors) if isinstance(f[0].op, Inverse)):
        for transposed, summed, left in ((False, column, row), (True, row, column)):
            group = _reached(op, summed, k)
            touched = {j for g in group for j in op.labels[g]}
            if group and left not in touched and not touched & set(op.output):
                b = contract(node.graph, [factors[g] for g in group], [summed])
                x, lu = inverse.inputs
                return recontracted(node, [(node.graph.add(Solve(transposed), x, lu, b), [left])], [k, *group])
    return None


def _reached(op: Contract, label: int, without: int) -> list[int]:
    """The factors that hang together with a label, other than one."""
    found: list[int] = []
    labels = {label}
    while True:
        more = [g for g, ks in enumerate(op.labels) if g != without and g not in found and labels & set(ks)]
        if not more:
            return found
        found += more
        labels.update(j for g in more for j in op.labels[g])
