"""SymPy expressions -> nodes: the loop over the parts, each in the scope of the indices that it holds.

Symbols are real, whatever SymPy assumes of them. What stands for a variable is an input: a Symbol or Dummy, an applied
function such as theta(t) and its derivatives, an element of a matrix or an indexed base with integer indices; a whole
array, where it is used as one. Symbols in the sizes of arrays and in limits are sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArrayElement, ArraySymbol
from sympy.tensor.indexed import Indexed, IndexedBase

from symgrad.arrays import array_types, is_array
from symgrad.entries import Entries
from symgrad.errors import ExpressionError, ShapeError, SymgradError, UnsupportedExpression
from symgrad.from_matrix import CONVERT, MATRIX_RULES, parts_of
from symgrad.from_sympy import indexed, reductions
from symgrad.from_sympy.free_indices import free_indices
from symgrad.from_sympy.leaves import as_expression, is_variable, unsupported
from symgrad.from_sympy.scalars import LINEAR, RULES, piecewise, rational, structure
from symgrad.from_sympy.scope import Labelled, Scope, Scopes, check_entry
from symgrad.from_sympy.state import Child, Kind, State
from symgrad.graph import Exact, Graph, Node
from symgrad.index_functions import LogSumExpOverIndex, MaximumOverIndex, MinimumOverIndex
from symgrad.inference import size_symbols
from symgrad.ops.contract import contract
from symgrad.ops.elementwise import OPERATIONS, Elementwise
from symgrad.ops.logic import truth
from symgrad.ops.select import guard_of, guarded, multiple
from symgrad.pieces import Pieces
from symgrad.progress import popped
from symgrad.ranges import ELEMENTS
from symgrad.size import objects, subexpressions
from symgrad.types import Type

Rule = Callable[[Graph, Any, Sequence[Node]], Node]


def from_sympy(graph: Graph, expression: Any) -> Node:
    """The node of an expression; equal parts become one node. Iterative: depth does not matter.

    Raises UnsupportedExpression for a node without a meaning here, naming it and the way to it; NotANumber for nan,
    zoo and infinities; ComplexInput for the imaginary unit.
    """
    return convert_all(graph, [expression])[0]


def convert_all(
    graph: Graph,
    expressions: Sequence[Any],
    arrays: Mapping[Any, Type] | None = None,
    inside: Sequence[Any] | None = None,
) -> list[Node]:
    """The nodes of several expressions. arrays: those that are one leaf each, with their types, and inside: the objects
    in the expressions, if they are known.

    An expression with free indices is an array, whose axes are the indices in the order in which they are met.
    """
    roots = [as_expression(e) for e in expressions]
    state = _state(graph, roots, arrays, objects(*roots) if inside is None else inside)
    frames: list[Any] = []
    places = []
    for e in roots:
        scope, labels = state.scopes.root, []
        for index, range_ in (
            free_indices(e, state.scopes, state.arrays, state.sizes) if state.scopes.has_indices else ()
        ):
            scope, binding = state.scopes.bind(scope, index, range_)
            labels.append(binding.label)
        scope = state.scopes.of(e, scope)
        frames.append((e, scope, None))
        places.append((scope, labels))
    _run(state, frames, roots)
    return [_output(state, e, scope, labels) for e, (scope, labels) in zip(roots, places, strict=True)]


def _state(graph: Graph, roots: Sequence[Any], arrays: Mapping[Any, Type] | None, inside: Sequence[Any]) -> State:
    if not arrays and not any(_mentions_arrays(kind) for kind in set(map(type, inside))):
        return State(graph, Scopes(has_indices=False), {}, frozenset())
    arrays = array_types(roots) if arrays is None else arrays
    _check_integers(roots, {array for array, type_ in arrays.items() if type_.dtype == "i8"})
    return State(graph, Scopes(has_indices=True), arrays, size_symbols(roots, arrays))


def _check_integers(roots: Sequence[Any], arrays: set[Any]) -> None:
    """Raises UnsupportedExpression for an entry of an array of integers that is no index."""
    seen: set[int] = set()
    stack = list(roots) if arrays else []
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        array = e.args[0] if isinstance(e, ELEMENTS) else e
        if is_array(array) and array in arrays:
            raise UnsupportedExpression(
                "an array of integers, used as numbers", got=e, wanted="an index, as in x[k[i]]"
            )
        if getattr(e, "limits", None) is not None:
            stack.append(e.args[0])
        elif not isinstance(e, (*ELEMENTS, sp.KroneckerDelta)):
            stack.extend(e.args)


def _mentions_arrays(kind: type) -> bool:
    found = _kind_of(kind)
    return isinstance(found, Kind) and found not in (indexed.SYMBOL, PIECEWISE)


def _output(state: State, e: Any, scope: Scope, labels: Sequence[int]) -> Node:
    value = _labelled(scope, e)
    return state.scopes.spread(value, labels) if labels else value.node


def _run(state: State, frames: list[Any], roots: Sequence[Any]) -> None:
    """Convert what is on the stack: (part, its scope, None, or what is known of it once its own parts are done)."""
    scopes = state.scopes
    kinds: dict[type, Kind | _Plain | None] = {}  # of this conversion: a user may register another meaning
    frames.reverse()
    e: Any = None
    try:
        for e, scope, opened in popped(frames, "reading"):
            if opened is not None:
                kind, note, children = opened
                if isinstance(kind, _Plain):
                    scope.values[id(e)] = _plain_value(state, e, scope, kind, children)
                else:
                    values = [_labelled(inner, part) for part, inner in children]
                    scope.values[id(e)] = _stored(scope, kind.close(state, e, scope, note, values))
            elif id(e) not in scope.values:
                kind = kinds.get(type(e))
                if kind is None:
                    kind = kinds[type(e)] = _kind_of(type(e))
                if isinstance(kind, _Plain):
                    arguments = [a for a in e.args if not a.is_Rational] if kind.is_linear else e.args
                    if scope.is_root:
                        values = scope.values
                        wanted = [(a, scope, None) for a in arguments if id(a) not in values]
                    else:
                        wanted = [(a, scopes.of(a, scope), None) for a in arguments]
                    if wanted:
                        frames.append((e, scope, (kind, None, arguments)))
                        frames.extend(reversed(wanted))
                    else:
                        scope.values[id(e)] = _plain_value(state, e, scope, kind, arguments)
                elif kind is indexed.SYMBOL:
                    scope.values[id(e)] = _stored(scope, kind.close(state, e, scope, None, ()))
                elif kind is None:  # before its parts: the outermost one is the one to name
                    raise unsupported(e)
                else:
                    note, children = kind.open(state, e, scope)
                    frames.append((e, scope, (kind, note, children)))
                    frames.extend([(part, inner, None) for part, inner in reversed(children)])
    except ExpressionError as error:
        error.path = error.path or _path(roots, e)
        raise


def _stored(scope: Scope, value: Labelled) -> Any:
    """A value as its scope keeps it: a term in the root, since c x needs no node where it is added or multiplied."""
    return (1, value.node) if scope.is_root else value


def _labelled(scope: Scope, e: Any) -> Labelled:
    value = scope.values[id(e)]
    if value is None:
        raise UnsupportedExpression(f"{type(e).__name__} is no number", got=e)
    return Labelled(multiple(*value)) if scope.is_root else value


# -- functions of their arguments -------------------------------------------------------------------------------------


class _Plain(NamedTuple):
    """A kind whose value is a function of its arguments' values: of their nodes, or of terms and numbers."""

    rule: Any
    is_linear: bool


def _plain_value(state: State, e: Any, scope: Scope, kind: _Plain, arguments: Sequence[Any]) -> Any:
    rule = kind.rule
    if rule is structure:  # a tuple of arguments: read by its parent
        return None
    if scope.is_root:
        values = scope.values
        try:
            if not kind.is_linear:
                return 1, rule(state.graph, e, [multiple(*x) for a in arguments if (x := values[id(a)]) is not None])
            terms = [values[id(a)] for a in arguments]
            if None in terms:
                raise UnsupportedExpression("a part of it is no number", got=e)
            return rule(state.graph, terms, _numbers(e, arguments))
        except ShapeError as error:
            raise _not_together(e, [x[1] for a in arguments if (x := values[id(a)])]) from error
    placed = [(a, state.scopes.of(a, scope)) for a in arguments]
    found = [_labelled(inner, a) for a, inner in placed if inner.values[id(a)] is not None]
    if isinstance(e, sp.Mul):
        return _product(state, found, prod(_numbers(e, arguments)))
    nodes, labels = state.scopes.aligned(found)
    try:
        if kind.is_linear:
            value = multiple(*rule(state.graph, [(1, x) for x in nodes], _numbers(e, arguments)))
        else:
            value = rule(state.graph, e, nodes)
    except ShapeError as error:
        raise _not_together(e, nodes) from error
    return Labelled(value, labels if value.type.shape else ())


def _numbers(e: Any, arguments: Sequence[Any]) -> Sequence[Exact]:
    """The rational numbers in a sum or product, whose other arguments these are."""
    return [rational(a) for a in e.args if a.is_Rational] if len(arguments) < len(e.args) else ()


def _not_together(e: Any, inputs: Sequence[Any]) -> SymgradError:
    """The error for values of different types: a truth value among numbers, or arrays of different shapes."""
    types = [x.type for x in inputs if isinstance(x, Node)]
    if any(t.shape for t in types) and len({t.dtype for t in types}) == 1:
        return ShapeError("arrays and scalars in one operation", got=e, wanted="entries: x[i], or one shape")
    return UnsupportedExpression(
        "a number where a truth value is wanted, or the reverse", got=e, hint="compare it: x > 0"
    )


def _product(state: State, factors: Sequence[Labelled], number: Exact) -> Labelled:
    """One contraction of all factors; a factor that is 1 or 0 by a condition guards the others."""
    conditions, rest = [], []
    for value in factors:
        check_entry(value)
        guard = guard_of(value.node)
        if guard is not None and guard[1] is value.node.like(1):
            conditions.append(Labelled(guard[0], value.labels))
        else:
            rest.append(value)
    scopes = state.scopes
    labels = tuple(dict.fromkeys(label for value in [*rest, *conditions] for label in value.labels))
    x = contract(state.graph, rest, labels, {label: scopes.sizes[label] for label in labels}, number)
    for condition in conditions:
        x = guarded(scopes.spread(condition, labels), x)
    return Labelled(x, labels)


# -- pieces -----------------------------------------------------------------------------------------------------------


def _open_piecewise(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    """Where the conditions hold indices, the pieces are read at places that nobody asks for."""
    inner = scope
    if not scope.is_root and any(not state.scopes.of(c, scope).is_root for _, c in e.args):
        inner = state.scopes.masked(scope)
    scopes = state.scopes
    return None, [child for a, c in e.args for child in (scopes.child(a, inner), scopes.child(c, scope))]


def _close_piecewise(state: State, e: Any, scope: Scope, note: Any, values: Sequence[Labelled]) -> Labelled:
    graph = state.graph
    always = truth(graph, True)
    if scope.is_root:
        labels: tuple[int, ...] = ()
        nodes = [value.node for value in values]
    else:
        _, labels = state.scopes.aligned(values)
        nodes = [v.node if v.node is always else state.scopes.spread(v, labels) for v in values]
    try:
        return Labelled(piecewise(graph, e, nodes), labels)
    except ShapeError as error:
        raise _not_together(e, nodes) from error


PIECEWISE = Kind(_open_piecewise, _close_piecewise)


# -- matrices and arrays ----------------------------------------------------------------------------------------------


def _open_matrix(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    inside = parts_of(e)
    return None, [state.scopes.child(a, scope) for a in (e.args if inside is None else inside)]


def _matrix(rule: Rule) -> Kind:
    def close(state: State, e: Any, scope: Scope, note: Any, values: Sequence[Labelled]) -> Labelled:
        if any(value.labels for value in values):
            raise UnsupportedExpression(
                "an index within an expression of whole arrays", got=e, hint="write entries: (A*B)[i, j], or A[i, k]"
            )
        return Labelled(rule(state.graph, e, [value.node for value in values]))

    return Kind(_open_matrix, close)


# -- tables -----------------------------------------------------------------------------------------------------------

KINDS: dict[type, Kind] = {
    sp.Symbol: indexed.SYMBOL,
    AppliedUndef: indexed.SYMBOL,
    sp.Derivative: indexed.SYMBOL,
    sp.Idx: indexed.SYMBOL,
    sp.MatrixSymbol: indexed.ARRAY,
    ArraySymbol: indexed.ARRAY,
    IndexedBase: indexed.ARRAY,
    Indexed: indexed.ELEMENT,
    MatrixElement: indexed.ELEMENT,
    ArrayElement: indexed.ELEMENT,
    sp.KroneckerDelta: indexed.DELTA,
    sp.Piecewise: PIECEWISE,
    Pieces: PIECEWISE,
    sp.Sum: reductions.SUM,
    sp.Product: reductions.PRODUCT,
    LogSumExpOverIndex: reductions.LOG_SUM_EXP,
    MaximumOverIndex: reductions.MAXIMUM,
    MinimumOverIndex: reductions.MINIMUM,
    Entries: reductions.ENTRIES,
    sp.FunctionMatrix: reductions.FUNCTION_MATRIX,
}


def _kind_of(kind: type) -> Kind | _Plain | None:
    """How expressions of this class are read; None: they have no meaning here."""
    for base in kind.__mro__:
        if base in KINDS:
            return KINDS[base]
        if base in RULES:
            return _Plain(RULES[base], False)
        if base in LINEAR:
            return _Plain(LINEAR[base], True)
        if base in OPERATIONS:
            return _Plain(partial(_operation, OPERATIONS[base]), False)
        if base in MATRIX_RULES:
            return _matrix(MATRIX_RULES[base])
    return None


def _operation(operation: type[Elementwise], graph: Graph, e: Any, inputs: Sequence[Node]) -> Node:
    return operation.from_sympy(e, *inputs)


CONVERT.append(convert_all)


# -- parts, and the ways to them --------------------------------------------------------------------------------------


def parts(roots: Sequence[sp.Basic]) -> Iterator[sp.Basic]:
    """The parts of expressions, arguments first, each once. What stands for a variable is not entered.

    Raises UnsupportedExpression for a part that has no meaning here.
    """
    seen: set[int] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        e, ready = stack.pop()
        if ready:
            yield e
        elif id(e) not in seen:
            seen.add(id(e))
            stack.append((e, True))
            if not is_variable(e):
                if _kind_of(type(e)) is None and not isinstance(e, ExprCondPair):
                    raise unsupported(e).at(_path(roots, e))
                stack.extend((a, False) for a in reversed(e.args) if id(a) not in seen)


def _path(roots: Sequence[sp.Basic], wanted: sp.Basic) -> str:
    """The way from a root to a part of it: the heads that are passed, outermost first."""
    parents: dict[int, sp.Basic] = {}
    for e in subexpressions(*roots):
        for a in e.args:
            parents.setdefault(id(a), e)
    way = [wanted]
    while id(way[-1]) in parents and len(way) < 100_000:
        way.append(parents[id(way[-1])])
    heads = [type(e).__name__ for e in reversed(way)]
    if len(heads) > 12:
        heads = [*heads[:5], f"... {len(heads) - 10} more ...", *heads[-5:]]
    return " > ".join(heads)
