"""Rules for the form of arrays: flat contractions, common factors of sums, one node for a matrix and its transpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from symgrad.graph import Exact, Node, arithmetic
from symgrad.ops.arithmetic import Add, Product
from symgrad.ops.contract import Contract, Factor, contract
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.leaf import Const, constant
from symgrad.ops.products import transpose
from symgrad.simplify.engine import FORM, rule
from symgrad.simplify.parts import factors_of, opened, recontracted

MOST_FACTORS = 6  # of a contraction: flattening without a bound is quadratic, and the orders to choose from explode
MOST_TERMS = 6


@rule(
    FORM,
    Contract,
    "contract(contract(a, b), c) => contract(a, b, c)",
    "exact; the inner one is no scalar, nothing else reads it, and there are six factors at most",
    over=Contract,
    of_arrays=True,
)
def contraction_into_contraction(node: Node, readers: Counter[Node]) -> Node | None:
    for k, (x, labels) in enumerate(factors_of(node)):
        if not isinstance(x.op, Contract) or not x.type.shape or x.op.embeds or readers[x] > 1:
            continue
        if len(node.inputs) - 1 + len(x.inputs) > MOST_FACTORS:
            continue
        outside = dict(zip(x.op.output, labels, strict=True))
        inner = [(f, [outside.get(j, ("inner", j)) for j in ks]) for f, ks in factors_of(x)]
        return recontracted(node, inner, [k], {outside[j]: n for j, n in x.op.extents})
    return None


@rule(
    FORM,
    Add,
    "a + (b + c) => a + b + c",
    "exact; of values that were summed over axes; nothing else reads the inner sum, and there are six terms at most",
    over=Add,
    of_arrays=True,
)
def sum_into_sum(node: Node, readers: Counter[Node]) -> Node | None:
    assert isinstance(node.op, Add)
    if len(node.inputs) < 2:
        return None
    terms = list(zip(node.op.coefficients, node.inputs, strict=True))
    for k, (c, x) in enumerate(terms):
        if not isinstance(x.op, Add) or readers[x] > 1 or len(x.inputs) + len(terms) - 1 > MOST_TERMS:
            continue
        if any(isinstance(t.op, Contract) for t in (*node.inputs, *x.inputs)):
            inner = [(c * d, t) for d, t in zip(x.op.coefficients, x.inputs, strict=True)]
            return arithmetic["sum"]([*terms[:k], *inner, *terms[k + 1 :]])
    return None


@rule(FORM, Contract, "contract(c*a + c*b, x) => c*contract(a + b, x)", "exact; c > 0", over=Add)
def content(node: Node) -> Node | None:
    for k, (x, labels) in enumerate(factors_of(node)):
        if isinstance(x.op, Add):
            sizes = {abs(c) for c in x.op.coefficients}
            if len(sizes) == 1 and sizes != {1}:
                (c,) = sizes
                signs = [(1 if d > 0 else -1, t) for d, t in zip(x.op.coefficients, x.inputs, strict=True)]
                return recontracted(node, [(constant(node.graph, c), ()), (arithmetic["sum"](signs), labels)], [k])
    return None


@rule(
    FORM,
    Add,
    "s*a + s*b => s*(a + b)",
    "exact; s is a scalar, a and b are arrays",
    over=(Product, Contract),
    of_arrays=True,
)
def common_scalar(node: Node, readers: Counter[Node]) -> Node | None:
    assert isinstance(node.op, Add)
    if not node.type.shape or len(node.inputs) < 2 or any(readers[x] > 1 for x in node.inputs):
        return None
    parts = [opened(x) for x in node.inputs]
    common = [x for x, _ in parts[0] if all((x, ()) in part for part in parts)]
    if not common:
        return None
    rests = [_rest(x, part, common) for x, part in zip(node.inputs, parts, strict=True)]
    total = arithmetic["sum"](list(zip(node.op.coefficients, rests, strict=True)))
    axes = range(len(node.type.shape))
    return contract(node.graph, [*[(s, ()) for s in common], (total, axes)], axes)


def _rest(x: Node, part: list[Factor], common: list[Node]) -> Node:
    left = list(part)
    for s in common:
        left.remove((s, ()))
    return recontracted(x, left, range(len(x.inputs)))


class _Open(NamedTuple):
    """A term without one of its factors: which term, which factor, its labels as the rest names them."""

    term: int
    place: int
    labels: tuple[int, ...]


@rule(
    FORM,
    Add,
    "A*X*B + A*Y*B => A*(X + Y)*B; B*x + B.T*x => (B + B.T)*x",
    "exact; one factor differs, nothing else reads the products",
    over=Contract,
    of_arrays=True,
)
def common_factors(node: Node, readers: Counter[Node]) -> Node | None:
    assert isinstance(node.op, Add)
    open_terms: dict[tuple[object, ...], _Open] = {}
    for k, x in enumerate(node.inputs):
        if not isinstance(x.op, Contract) or readers[x] > 1:
            continue
        for place in range(len(x.inputs)):
            found = _without_factor(x, place)
            if found is None:
                continue
            key, labels = found
            other = open_terms.setdefault(key, _Open(k, place, labels))
            if other.term != k and set(other.labels) == set(labels):
                return _joined(node, other, _Open(k, place, labels))
    return None


def _without_factor(x: Node, place: int) -> tuple[tuple[object, ...], tuple[int, ...]] | None:
    """All factors but one, under names for the labels that do not depend on it; and the one's own labels in them. None
    if it has a label of its own, or is a scalar."""
    op = x.op
    assert isinstance(op, Contract)
    own = op.labels[place]
    rest = [(f.index, ks) for k, (f, ks) in enumerate(factors_of(x)) if k != place]
    names = {k: j for j, k in enumerate(dict.fromkeys(op.output))}
    for _, ks in rest:
        for k in ks:
            names.setdefault(k, len(names))
    if not own or len(set(own)) < len(own) or not set(own) <= set(names):
        return None
    key = (tuple((i, tuple(names[k] for k in ks)) for i, ks in rest), tuple(names[k] for k in op.output))
    return key, tuple(names[k] for k in own)


def _joined(node: Node, a: _Open, b: _Open) -> Node:
    """The sum in which two terms are one, of the sum of the factors that differ."""
    assert isinstance(node.op, Add)
    first, second = node.inputs[a.term], node.inputs[b.term]
    x, y = first.inputs[a.place], second.inputs[b.place]
    c, d = node.op.coefficients[a.term], node.op.coefficients[b.term]
    scale = abs(c) if abs(c) == abs(d) else 1
    both = (c, d) if scale == 1 else (1 if c > 0 else -1, 1 if d > 0 else -1)
    factor = arithmetic["sum"]([(both[0], x), (both[1], transpose_to(y, b.labels, a.labels))])
    assert isinstance(first.op, Contract)
    joined = recontracted(first, [(factor, first.op.labels[a.place])], [a.place])
    rest = [term for k, term in _terms(node) if k not in (a.term, b.term)]
    return arithmetic["sum"]([*rest, (scale, joined)])


def _terms(node: Node) -> Iterable[tuple[int, tuple[Exact, Node]]]:
    assert isinstance(node.op, Add)
    return enumerate(zip(node.op.coefficients, node.inputs, strict=True))


def transpose_to(x: Node, labels: tuple[int, ...], output: tuple[int, ...]) -> Node:
    """The array whose axes have these labels, with them in another order."""
    return transpose(x, [labels.index(k) for k in output])


@rule(
    FORM,
    Add,
    "diag(a) + diag(b) => diag(a + b)",
    "exact; what is zero off the same diagonals, and nothing else reads",
    over=Contract,
    of_arrays=True,
)
def common_diagonal(node: Node, readers: Counter[Node]) -> Node | None:
    terms = list(_terms(node))
    same: dict[tuple[int, ...], list[int]] = {}
    for k, (_, x) in terms:
        if isinstance(x.op, Contract) and x.op.embeds and readers[x] <= 1:
            same.setdefault(x.op.output, []).append(k)
    for output, places in same.items():
        if len(places) > 1:
            on = tuple(dict.fromkeys(output))
            parts = [(c, recontracted_as(x, on)) for k, (c, x) in terms if k in places]
            sizes = dict(zip(output, node.type.shape, strict=True))
            diagonal = contract(node.graph, [(arithmetic["sum"](parts), on)], output, sizes)
            return arithmetic["sum"]([*[term for k, term in terms if k not in places], (1, diagonal)])
    return None


@rule(FORM, Add, "A*B.T + B*A.T => C + C.T for C = A*B.T", "exact; of matrices", over=Contract)
def transposed_term(node: Node) -> Node | None:
    if len(node.type.shape) != 2:
        return None
    seen: dict[tuple[Node, ...], Node] = {}
    for k, (c, x) in _terms(node):
        if not isinstance(x.op, Contract):
            continue
        other = seen.setdefault(x.inputs, x)
        if other is not x and recontracted_as(other, x.op.output[::-1]) is x:
            rest = [term for j, term in _terms(node) if j != k]
            return arithmetic["sum"]([*rest, (c, transpose(other, (1, 0)))])
    return None


def recontracted_as(node: Node, output: tuple[int, ...]) -> Node:
    """The contraction with its axes in another order."""
    assert isinstance(node.op, Contract)
    return contract(node.graph, factors_of(node), output, dict(node.op.extents))


@rule(
    FORM,
    (Elementwise, Add),
    "f(x.T) => f(x).T; f(broadcast(x)) => broadcast(f(x))",
    "exact; each entry of x is in the view: no diagonal, no slice",
    over=Contract,
)
def function_of_view(node: Node) -> Node | None:
    arrays = [x for x in node.inputs if not isinstance(x.op, Const)]
    if not arrays:
        return None
    op = arrays[0].op
    if not isinstance(op, Contract) or not op.is_view or len(set(op.labels[0])) < len(op.labels[0]):
        return None
    if any(x.op != op for x in arrays):
        return None
    shape = arrays[0].inputs[0].type.shape
    inputs = [constant(x.graph, x.op.value, shape) if isinstance(x.op, Const) else x.inputs[0] for x in node.inputs]
    return contract(node.graph, [(node.op.apply(*inputs), op.labels[0])], op.output, dict(op.extents))
