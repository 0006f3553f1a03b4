"""Rules for the form of inverses, solutions and determinants."""

from __future__ import annotations

from symgrad.graph import Node
from symgrad.ops.contract import Contract, contract
from symgrad.ops.exponential import log
from symgrad.ops.linear_algebra import Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.position import extent
from symgrad.ops.products import identity, transpose
from symgrad.ops.rounding import Abs
from symgrad.simplify.engine import FORM, rule
from symgrad.simplify.parts import factors_of, recontracted, scale_of

REGULAR = "exact; X is regular, or the left side has no value"


@rule(FORM, Contract, "X^-1*X => I; X*X^-1 => I", REGULAR, over=Inverse)
def inverse_cancels(node: Node) -> Node | None:
    factors = factors_of(node)
    for k, (inverse, labels) in enumerate(factors):
        if not isinstance(inverse.op, Inverse):
            continue
        row, column = labels
        for j, (x, others) in enumerate(factors):
            if x is not inverse.inputs[0]:
                continue
            first, second = others
            if column == first and _only(node, column, k, j):
                ends = (row, second)
            elif row == second and _only(node, row, k, j):
                ends = (first, column)
            else:
                continue
            return recontracted(node, [(identity(node.graph, x.type.shape[0]), ends)], [k, j])
    return None


def _only(node: Node, label: int, *places: int) -> bool:
    """Is the label summed, and in these two factors once each?"""
    op = node.op
    assert isinstance(op, Contract)
    return label not in op.output and all(ks.count(label) == (k in places) for k, ks in enumerate(op.labels))


@rule(FORM, Contract, "(A*B)^-1*A => B^-1; B*(A*B)^-1 => A^-1", "exact; A and B are square, and regular", over=Inverse)
def inverse_of_product_cancels(node: Node) -> Node | None:
    factors = factors_of(node)
    for k, (inverse, labels) in enumerate(factors):
        parts = _square_factors(inverse.inputs[0]) if isinstance(inverse.op, Inverse) else None
        if parts is None:
            continue
        row, column = labels
        (a, a_turned), (b, b_turned) = parts
        for j, (x, others) in enumerate(factors):
            if x is a and others[a_turned] == column and _only(node, column, k, j):
                found, ends = _turned(b, b_turned), (row, others[1 - a_turned])
            elif x is b and others[1 - b_turned] == row and _only(node, row, k, j):
                found, ends = _turned(a, a_turned), (others[b_turned], column)
            else:
                continue
            return recontracted(node, [(factored(Inverse(), found), ends)], [k, j])
    return None


def _square_factors(x: Node) -> list[tuple[Node, bool]] | None:
    """A and B, and whether each is transposed, if x is their product and both are square."""
    op = x.op
    if not isinstance(op, Contract) or op.embeds or len(x.inputs) != 2 or len(op.summed) != 1:
        return None
    found = []
    for place, end in enumerate(op.output):
        for y, ks in zip(x.inputs, op.labels, strict=True):
            if end in ks and len(set(ks)) == 2 and y.type == x.type:
                found.append((y, ks[place] != end))
    return found if len(found) == 2 else None


def _turned(x: Node, turned: bool) -> Node:
    return transpose(x, (1, 0)) if turned else x


@rule(FORM, Contract, "X*solve(X, b) => b", REGULAR, over=Solve)
def product_with_solution(node: Node) -> Node | None:
    factors = factors_of(node)
    for k, (solution, (row, *columns)) in ((k, f) for k, f in enumerate(factors) if isinstance(f[0].op, Solve)):
        assert isinstance(solution.op, Solve)
        x, _, b = solution.inputs
        for j, (matrix, labels) in enumerate(factors):
            if matrix is not x:
                continue
            summed, left = reversed(labels) if not solution.op.transposed else labels
            if row == summed and _only(node, row, k, j):
                return recontracted(node, [(b, (left, *columns))], [k, j])
    return None


@rule(FORM, Inverse, "(X^-1)^-1 => X; (X.T)^-1 => (X^-1).T; (c*X)^-1 => X^-1/c", REGULAR)
def inverse_of_simpler(node: Node) -> Node | None:
    x, _ = node.inputs
    if isinstance(x.op, Inverse):
        return x.inputs[0]
    under = transposed(x)
    if under is not None:
        return transpose(factored(Inverse(), under), (1, 0))
    scale, matrix = scale_and_matrix(x)
    if scale is None:
        return None
    return contract(node.graph, [(scale**-1, ()), (factored(Inverse(), matrix), "ij")], "ij")


@rule(FORM, Solve, "solve(X.T, b) => solve[transposed](X, b); solve(c*X, b) => solve(X, b)/c", REGULAR)
def solution_of_simpler(node: Node) -> Node | None:
    assert isinstance(node.op, Solve)
    x, _, b = node.inputs
    under = transposed(x)
    if under is not None:
        return factored(Solve(not node.op.transposed), under, b)
    scale, matrix = scale_and_matrix(x)
    if scale is None:
        return None
    axes = range(len(b.type.shape))
    return contract(node.graph, [(scale**-1, ()), (factored(node.op, matrix, b), axes)], axes)


@rule(FORM, Determinant, "det(X.T) => det(X); det(X^-1) => 1/det(X)", REGULAR)
def determinant_of_simpler(node: Node) -> Node | None:
    x, _ = node.inputs
    if isinstance(x.op, Inverse):
        return factored(Determinant(), x.inputs[0]) ** -1
    under = transposed(x)
    return None if under is None else factored(Determinant(), under)


@rule(
    FORM, LogDet, "logdet(X.T) => logdet(X); logdet(X^-1) => -logdet(X); logdet(c*X) => logdet(X) + n*log|c|", REGULAR
)
def logdet_of_simpler(node: Node) -> Node | None:
    x, _ = node.inputs
    if isinstance(x.op, Inverse):
        return -factored(LogDet(), x.inputs[0])
    under = transposed(x)
    if under is not None:
        return factored(LogDet(), under)
    scale, matrix = scale_and_matrix(x)
    if scale is None:
        return None
    size = extent(node.graph, x.type.shape[0])
    return factored(LogDet(), matrix) + size * log(node.graph.add(Abs(), scale))


def transposed(x: Node) -> Node | None:
    """The matrix that x is the transpose of, as a view."""
    op = x.op
    is_transpose = isinstance(op, Contract) and op.is_view and op.labels == ((1, 0),) and not op.extents
    return x.inputs[0] if is_transpose else None


def scale_and_matrix(x: Node) -> tuple[Node | None, Node]:
    """(s, Y) if x is s*Y of a scalar s."""
    c, rest = scale_of(x)
    scale = x.graph.node(c)
    op = rest.op
    if not isinstance(op, Contract) or op.embeds or len(op.labels) != 2:
        return (None, x) if c == 1 else (scale, rest)
    if () in op.labels and op.output in op.labels:
        s, y = rest.inputs if not rest.inputs[0].type.shape else reversed(rest.inputs)
        return scale * s, y
    return (None, x) if c == 1 else (scale, rest)
