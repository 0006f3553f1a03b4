"""Nodes of any rank -> the entry at given indices, in index notation: x[i], sums over named indices, KroneckerDelta.

What an entry needs of the inputs is asked for one by one: a rule is a generator that yields (node, indices) and is sent
the entry, so that no rule calls another and graphs may be deep.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArraySymbol

from symgrad.entries import Entries
from symgrad.graph import Node, Op
from symgrad.index_functions import MaximumOverIndex, MinimumOverIndex
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.leaf import Const, Input
from symgrad.ops.linear_algebra import Cholesky, Determinant, Factored, Inverse, LogDet, Solve
from symgrad.ops.position import Position
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, ProductOfOthers, ProductOver, Softmax
from symgrad.ops.reshape import Reshape
from symgrad.ops.view import Accumulate, Place, Stack, View
from symgrad.pieces import Pieces, hidden
from symgrad.to_sympy.linear import whole_matrix
from symgrad.to_sympy.masks import narrowed
from symgrad.to_sympy.names import Names
from symgrad.to_sympy.opened import entry
from symgrad.to_sympy.ranges import Scope, function_matrix, limits_of, plus, solved_for, where_all
from symgrad.types import Size

OVER_INDEX = {Maximum: MaximumOverIndex, Minimum: MinimumOverIndex}
Indices = tuple[Any, ...]
Key = tuple[Node, Indices, tuple[tuple[Any, Any], ...]]
Rule = Generator[tuple[Node, Indices], Any, Any]


class Found(NamedTuple):
    """An entry, and the names of the sums in it."""

    entry: Any
    bound: frozenset[Any]


def entries_of(node: Node, names: Names, given: Mapping[Node, Any], indices: Indices = ()) -> Any:
    """The node in index notation: an expression of a scalar, Entries of an array. given: nodes with a variable;
    indices: those of the axes, if they are to have these names."""
    indices = indices or names.several(len(node.type.shape))
    body = entry_at(node, indices, names, given)
    return Entries(body, *zip(indices, node.type.shape, strict=True)) if indices else body


class Frame:
    """A rule at work: what it has been sent, and which names are bound in that."""

    def __init__(self, key: Key, sizes: Mapping[Any, Size | None], names: Names):
        self.key = key
        node, indices, _ = key
        self.scope = Scope(sizes, names)
        self.rule = entry_rule(node.op, node, indices, self.scope)
        self.bound: frozenset[Any] = frozenset()


def entry_at(node: Node, indices: Indices, names: Names, given: Mapping[Node, Any]) -> Any:
    """The entry of a node."""
    known: dict[Key, Found] = {}
    sizes = dict(zip(indices, node.type.shape, strict=True))
    stack = [Frame(_key(node, indices, sizes), sizes, names)]
    sent: Any = None
    while True:
        frame = stack[-1]
        try:
            asked, places = frame.rule.send(sent)
        except StopIteration as finished:
            found = known[frame.key] = Found(finished.value, frame.bound | frame.scope.bound)
            stack.pop()
            if not stack:
                return found.entry
            stack[-1].bound |= found.bound
            sent = found.entry
            continue
        if asked in given:
            sent = given[asked][places] if places else given[asked]
            continue
        key = _key(asked, places, frame.scope.sizes)
        earlier = known.get(key)
        if earlier is not None and not earlier.bound & set(frame.scope.sizes):
            frame.bound |= earlier.bound
            sent = earlier.entry
        else:
            stack.append(Frame(key, frame.scope.sizes, names))
            sent = None


def _key(node: Node, indices: Indices, sizes: Mapping[Any, Size | None]) -> Key:
    """What an entry depends on: the ranges of the indices too, since conditions that these imply are left out."""
    symbols = dict.fromkeys(s for i in indices for s in sp.sympify(i, strict=True).free_symbols)
    return node, indices, tuple([(s, sizes[s]) for s in symbols if s in sizes])


@singledispatch
def entry_rule(op: Op, node: Node, indices: Indices, scope: Scope) -> Rule:
    """The entry, of those of the inputs at the same indices: the rule of all that works entry by entry."""
    args = []
    for x in node.inputs:
        args += [(yield x, indices)]
    return op.to_sympy(*args)


@entry_rule.register
def _input(op: Input, node: Node, indices: Indices, scope: Scope) -> Rule:
    yield from ()
    x: Any = op.variable
    if isinstance(x, sp.MatrixSymbol):
        rest = list(indices)
        return entry(x, *[sp.Integer(0) if n == 1 else rest.pop(0) for n in x.shape])
    if not indices:
        return x
    if isinstance(x, sp.Symbol):  # stands for a whole array
        x = sp.IndexedBase(x, shape=node.type.shape)
    return x[indices] if isinstance(x, (sp.IndexedBase, ArraySymbol)) else sp.Indexed(x, *indices)


@entry_rule.register
def _const(op: Const, node: Node, indices: Indices, scope: Scope) -> Rule:
    yield from ()
    return op.to_sympy()


@entry_rule.register
def _position(op: Position, node: Node, indices: Indices, scope: Scope) -> Rule:
    yield from ()
    return indices[0]


@entry_rule.register
def _contract(op: Contract, node: Node, indices: Indices, scope: Scope) -> Rule:
    at: dict[Any, Any] = {}
    deltas = []
    for k, i in zip(op.output, indices, strict=True):
        if at.setdefault(k, i) != i:
            deltas.append(sp.KroneckerDelta(at[k], i))
    sizes = {
        k: n
        for x, labels in zip(node.inputs, op.labels, strict=True)
        for k, n in zip(labels, x.type.shape, strict=True)
    }
    summed = list(dict.fromkeys(k for labels in op.labels for k in labels if k not in at))
    at.update({k: scope.fresh(sizes[k]) for k in summed})
    factors = []
    for x, labels in zip(node.inputs, op.labels, strict=True):
        e = yield x, tuple(at[k] for k in labels)
        factors.append((e, {at[k] for k in labels if k in summed}))
    return sp.Mul(*summed_apart(factors, [(at[k], sizes[k]) for k in summed], scope), *deltas)


def summed_apart(
    factors: Sequence[tuple[Any, set[Any]]], limits: Sequence[tuple[Any, Size]], scope: Scope
) -> list[Any]:
    """The sum of a product, as a product of sums of what shares an index; what shares none stands before them."""
    found = [e for e, inside in factors if not inside]
    left = [(e, inside) for e, inside in factors if inside]
    while left:
        joined = set(left[0][1])
        while any(inside & joined and not inside <= joined for _, inside in left):
            joined |= {i for _, inside in left if inside & joined for i in inside}
        body = sp.Mul(*[e for e, inside in left if inside & joined])
        found.append(sum_over(body, [(i, n) for i, n in limits if i in joined], scope))
        left = [(e, inside) for e, inside in left if not inside & joined]
    return found


def sum_over(body: Any, limits: Sequence[tuple[Any, Size]], scope: Scope) -> Any:
    """Sum of the body for each index from 0 to its size - 1, or as far as its condition holds; a number stands before
    it."""
    if not limits:
        return body
    number, rest = body.as_coeff_Mul()
    rest, ends = narrowed(rest, limits_of(limits), scope)
    whole = sp.Sum(hidden(rest), *ends)
    return whole if number == 1 else sp.Mul(number, whole)


@entry_rule.register
def _spread(op: Spread, node: Node, indices: Indices, scope: Scope) -> Rule:
    return (yield node.inputs[0], tuple(indices[k] for k in op.axes))


def _index(place: Place, indices: Indices, integers: Sequence[Node], scope: Scope) -> Rule:
    """The index that a place is, where the values are at these indices."""
    index = sp.sympify(place.offset, strict=True)
    for axis, c in place.terms:
        index = plus(index, c, indices[axis])
    for k, axes, c in place.gathered:
        at = yield integers[k], tuple(indices[a] for a in axes)
        index = plus(index, c, at)
    return index


@entry_rule.register
def _view(op: View, node: Node, indices: Indices, scope: Scope) -> Rule:
    x, *integers = node.inputs
    places = []
    for place in op.places:
        places += [(yield from _index(place, indices, integers, scope))]
    value = yield x, tuple(places)
    if not op.clip:
        return value
    conditions = []
    for index, n in zip(places, x.type.shape, strict=True):
        conditions += scope.inside(index, n)
    return where_all(value, conditions)


@entry_rule.register
def _accumulate(op: Accumulate, node: Node, indices: Indices, scope: Scope) -> Rule:
    """In gather form: index = offset + c j + ... is solved for a j of coefficient 1 or -1, else a KroneckerDelta."""
    x, *integers = node.inputs
    shape = x.type.shape
    at: dict[int, Any] = {}
    solved: dict[int, int] = {}  # axis of the values -> axis of the array that gives it
    order = sorted(range(len(op.places)), key=lambda a: len(op.places[a].terms))
    for a in order:
        place = op.places[a]
        free = [axis for axis, c in place.terms if abs(c) == 1 and axis not in solved]
        if free and not place.gathered and not any(axis in solved for axis, _ in place.terms):
            solved[free[0]] = a
    summed = [axis for axis in range(len(shape)) if axis not in solved]
    at.update({axis: scope.fresh(shape[axis]) for axis in summed})
    conditions: list[Any] = []
    for axis, a in solved.items():
        place = op.places[a]
        c = dict(place.terms)[axis]
        rest = sp.sympify(place.offset, strict=True)
        for other, d in place.terms:
            if other != axis:
                rest = plus(rest, d, at[other])
        at[axis] = solved_for(indices[a], rest, c)
        conditions += scope.inside(at[axis], shape[axis])
    places = tuple(at[axis] for axis in range(len(shape)))
    deltas = []
    for a in range(len(op.places)):
        if a not in solved.values():
            index = yield from _index(op.places[a], places, integers, scope)
            deltas.append(sp.KroneckerDelta(indices[a], index))
    value = yield x, places
    body = where_all(sp.Mul(value, *deltas), conditions)
    return sum_over(body, [(at[axis], shape[axis]) for axis in summed], scope)


@entry_rule.register
def _stack(op: Stack, node: Node, indices: Indices, scope: Scope) -> Rule:
    entries = []
    for x in node.inputs:
        entries += [(yield x, ())]
    if len(op.shape) > 2:
        return sp.ImmutableDenseNDimArray(entries, op.shape)[indices]
    rows, columns = (*op.shape, 1)[:2]
    return entry(sp.ImmutableDenseMatrix(rows, columns, entries), *(*indices, 0)[:2])


def _last(op: Any, node: Node, indices: Indices, scope: Scope) -> tuple[Indices, list[tuple[Any, Size]]]:
    """The indices of what is reduced over the last axes, and the new ones with their sizes."""
    shape = node.inputs[0].type.shape
    kept = len(shape) - op.axes
    new = [(scope.fresh(n), n) for n in shape[kept:]]
    return (*indices[:kept], *[i for i, _ in new]), new


@entry_rule.register
def _log_sum_exp_over(op: LogSumExpOver, node: Node, indices: Indices, scope: Scope) -> Rule:
    places, limits = _last(op, node, indices, scope)
    x = yield node.inputs[0], places
    return sp.log(sum_over(sp.exp(x), limits, scope))


@entry_rule.register
def _norm_over(op: NormOver, node: Node, indices: Indices, scope: Scope) -> Rule:
    places, limits = _last(op, node, indices, scope)
    x = yield node.inputs[0], places
    return sp.sqrt(sum_over(x**2, limits, scope))


@entry_rule.register
def _softmax(op: Softmax, node: Node, indices: Indices, scope: Scope) -> Rule:
    here = yield node.inputs[0], indices
    places, limits = _last(op, node, indices, scope)
    x = yield node.inputs[0], places
    return sp.exp(here) / sum_over(sp.exp(x), limits, scope)


@entry_rule.register
def _product_over(op: ProductOver, node: Node, indices: Indices, scope: Scope) -> Rule:
    places, limits = _last(op, node, indices, scope)
    x = yield node.inputs[0], places
    return sp.Product(hidden(x), *limits_of(limits))


@entry_rule.register
def _product_of_others(op: ProductOfOthers, node: Node, indices: Indices, scope: Scope) -> Rule:
    *kept, own = indices
    k = scope.fresh(node.type.shape[-1])
    x = yield node.inputs[0], (*kept, k)
    body = Pieces((hidden(x), sp.Ne(k, own, evaluate=False)), (sp.Integer(1), sp.true))
    return sp.Product(body, (k, 0, node.type.shape[-1] - 1))


def _matrix(x: Node, scope: Scope) -> Rule:
    """A matrix or column as a SymPy expression: a FunctionMatrix, or the matrix itself if the entry is one of it."""
    rows, columns = (*x.type.shape, 1)[:2]
    i, j = scope.fresh(rows), scope.fresh(columns)
    body = yield x, (i, j)[: len(x.type.shape)]
    column = j if len(x.type.shape) == 2 else sp.Integer(0)
    if isinstance(body, MatrixElement) and not body.parent.free_symbols & {i, j}:
        if body.args[1:] == (i, column):
            return body.parent
        if body.args[1:] == (column, i):
            return sp.Transpose(body.parent)
    return function_matrix(rows, columns, (i, j), body)


@entry_rule.register(Inverse)
@entry_rule.register(Determinant)
@entry_rule.register(LogDet)
@entry_rule.register(Solve)
@entry_rule.register(Cholesky)
def _factored(op: Factored, node: Node, indices: Indices, scope: Scope) -> Rule:
    args: list[Any] = []
    for k, x in enumerate(node.inputs):
        lu = isinstance(op, Factored) and k == 1
        args.append(None if lu else (yield from _matrix(x, scope)))
    whole = whole_matrix(op, args)
    return entry(whole, *(*indices, 0)[:2]) if indices else whole


@entry_rule.register(Maximum)
@entry_rule.register(Minimum)
def _extremum(op: Any, node: Node, indices: Indices, scope: Scope) -> Rule:
    places, limits = _last(op, node, indices, scope)
    x = yield node.inputs[0], places
    return OVER_INDEX[type(op)](hidden(x), *limits_of(limits))


@entry_rule.register
def _reshape(op: Reshape, node: Node, indices: Indices, scope: Scope) -> Rule:
    """The entry as far from the beginning in C order."""
    (x,) = node.inputs
    with sp.evaluate(True):
        flat: Any = sp.Integer(0)
        for i, n in zip(indices, node.type.shape, strict=True):
            flat = sp.expand(flat * n) + i
        places: list[Any] = []
        for n in reversed(x.type.shape[1:]):
            places.append(sp.Mod(flat, n))
            flat = sp.floor(flat / n)
    return (yield x, (flat, *reversed(places))[: len(x.type.shape)])
