"""Sums, products and the like over indices, and entries at free indices -> contractions and reductions of last axes.

Limits that depend on outer indices make a box with a condition: what the condition leaves out is never asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from symgrad.entries import matrix_entries
from symgrad.errors import UnsupportedExpression
from symgrad.from_sympy.indexed import affine_value, compared, index_value
from symgrad.from_sympy.scope import Binding, Label, Labelled, Scope, check_entry
from symgrad.from_sympy.state import Child, Kind, State
from symgrad.graph import Exact, Node
from symgrad.ops.arithmetic import Add
from symgrad.ops.contract import Contract, contract
from symgrad.ops.exponential import Pow
from symgrad.ops.leaf import constant
from symgrad.ops.logic import conjunction
from symgrad.ops.position import extent
from symgrad.ops.products import broadcast
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, ProductOver
from symgrad.ops.select import guarded, select
from symgrad.ranges import Range, affine, limit_range
from symgrad.types import Size, as_count, as_size


class _Bound(NamedTuple):
    """What a sum binds: for each index, outermost first, the binding, and the indices that its limits may hold."""

    bindings: list[Binding]
    outer: list[dict[Any, Binding]]


def _open(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    bound = _Bound([], [])
    for limit in reversed(e.limits):  # the last is the outermost
        range_ = limit_range(limit, scope.ranges)
        _check_sizes(state, limit, range_)
        bound.outer.append(scope.bindings)
        scope, binding = state.scopes.bind(scope, limit[0], range_)
        bound.bindings.append(binding)
    return bound, (state.scopes.child(e.args[0], scope),)


def _check_sizes(state: State, limit: Any, range_: Range) -> None:
    loose = {s for n in (range_.low, range_.high) if not isinstance(n, int) for s in n.free_symbols} - state.sizes
    if loose:
        names = ", ".join(sorted(map(str, loose)))
        raise UnsupportedExpression(f"limits that hold {names}, which is no size here", got=limit)


def _condition(state: State, bound: _Bound) -> Labelled | None:
    """Where all indices are within limits that depend on others."""
    conditions = []
    for binding, outer in zip(bound.bindings, bound.outer, strict=True):
        if binding.range.is_box:
            continue
        own = index_value(state, binding)
        ranges = {s: b.range for s, b in outer.items()}
        if binding.range.lower is not None:
            conditions.append(
                compared(state, "<=", affine_value(state, affine(binding.range.lower, ranges), outer), own)
            )
        if binding.range.upper is not None:
            conditions.append(
                compared(state, "<=", own, affine_value(state, affine(binding.range.upper, ranges), outer))
            )
    if not conditions:
        return None
    nodes, labels = state.scopes.aligned(conditions)
    return Labelled(conjunction(*nodes), labels)


def _masked(state: State, value: Labelled, condition: Labelled | None, otherwise: Exact) -> Labelled:
    """The value where the condition holds, else a number that changes nothing."""
    if condition is None:
        return value
    (x, c), labels = state.scopes.aligned([value, condition])
    return Labelled(guarded(c, x) if otherwise == 0 else select(c, x, x.like(otherwise)), labels)


# -- sums -------------------------------------------------------------------------------------------------------------


def _close_sum(state: State, e: Any, scope: Scope, bound: Any, values: Sequence[Any]) -> Labelled:
    value = _masked(state, values[0], _condition(state, bound), 0)
    gone = [binding.label for binding in bound.bindings]
    return summed(state, value, gone)


def summed(state: State, value: Labelled, gone: Sequence[Label]) -> Labelled:
    """The sum over these labels: one contraction of what the value is the product of."""
    check_entry(value)
    sizes: dict[Any, Any] = {label: state.scopes.sizes[label] for label in gone}
    kept = tuple(label for label in value.labels if label not in gone)
    coefficient, x = _coefficient(value.node)
    op = x.op
    if isinstance(op, Contract) and not op.embeds:
        names: dict[int, Any] = dict(zip(op.output, value.labels, strict=True))
        for k, size in op.extents:
            sizes[names[k]] = size
        factors = [
            (f, tuple([names.setdefault(k, ("summed", k)) for k in ks]))
            for f, ks in zip(x.inputs, op.labels, strict=True)
        ]
    else:
        factors = [(x, value.labels)]
    return Labelled(contract(state.graph, factors, kept, sizes, coefficient), kept)


def _coefficient(x: Node) -> tuple[Exact, Node]:
    coefficient: Exact = 1
    while isinstance(x.op, Add) and len(x.inputs) == 1:
        coefficient, x = coefficient * x.op.coefficients[0], x.inputs[0]
    return coefficient, x


# -- what reduces the last axes ---------------------------------------------------------------------------------------


def _last(state: State, value: Labelled, gone: Sequence[Label]) -> tuple[Node, tuple[Label, ...]]:
    """The node with these labels last, and the labels before them."""
    kept = tuple(label for label in value.labels if label not in gone)
    return state.scopes.spread(value, [*kept, *gone]), kept


def _close_product(state: State, e: Any, scope: Scope, bound: Any, values: Sequence[Any]) -> Labelled:
    value = _masked(state, values[0], _condition(state, bound), 1)
    gone = [binding.label for binding in bound.bindings]
    own = [label for label in gone if label in value.labels]
    x, kept = _last(state, value, own)
    for _ in own:
        x = state.graph.add(ProductOver(), x)
    times = prod(as_count(state.scopes.sizes[label]) for label in gone if label not in own)
    return Labelled(_repeated(x, as_size(times)), kept)


def _repeated(x: Node, times: Size) -> Node:
    """The product of a value with itself, so many times: a power."""
    if isinstance(times, int):
        return x**times
    return x.graph.add(Pow(), x, broadcast(extent(x.graph, times), x.type.shape, ()))


def _reduction(op: Callable[[int], Any], nothing: float) -> Kind:
    """Over all indices at once; `nothing` is what changes nothing."""

    def close(state: State, e: Any, scope: Scope, bound: Any, values: Sequence[Any]) -> Labelled:
        (value,) = values
        condition = _condition(state, bound)
        if condition is not None:
            (x, c), labels = state.scopes.aligned([value, condition])
            value = Labelled(select(c, x, constant(state.graph, nothing, x.type.shape)), labels)
        gone = [binding.label for binding in bound.bindings]
        x, kept = _last(state, value, gone)
        return Labelled(state.graph.add(op(len(gone)), x), kept)

    return Kind(_open, close)


# -- entries at free indices ------------------------------------------------------------------------------------------


def _open_entries(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    labels = []
    for index, size in zip(e.indices, e.shape, strict=True):
        scope, binding = state.scopes.bind(scope, index, limit_range((index, 0, size - 1), scope.ranges))
        labels.append(binding.label)
    return labels, (state.scopes.child(e.body, scope),)


def _open_function_matrix(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    return _open_entries(state, matrix_entries(e), scope)


def _close_entries(state: State, e: Any, scope: Scope, labels: Any, values: Sequence[Any]) -> Labelled:
    (value,) = values
    if set(value.labels) - set(labels):
        raise UnsupportedExpression("an array of entries within an index", got=e)
    return Labelled(state.scopes.spread(value, labels))


SUM = Kind(_open, _close_sum)
PRODUCT = Kind(_open, _close_product)
LOG_SUM_EXP = _reduction(LogSumExpOver, float("-inf"))
MAXIMUM = _reduction(Maximum, float("-inf"))
MINIMUM = _reduction(Minimum, float("inf"))
ENTRIES = Kind(_open_entries, _close_entries)
FUNCTION_MATRIX = Kind(_open_function_matrix, _close_entries)
