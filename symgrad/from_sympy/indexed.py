"""Entries of arrays at indices, deltas, and indices as numbers -> views, identities and positions by labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sympy as sp
from sympy.tensor.indexed import Idx

from symgrad.arrays import is_array, is_element
from symgrad.errors import ShapeError, UnsupportedExpression
from symgrad.from_matrix.shapes import full_shape, is_matrix
from symgrad.from_sympy.leaves import is_variable
from symgrad.from_sympy.scope import Binding, Label, Labelled, Mask, Scope
from symgrad.from_sympy.state import Child, Kind, State
from symgrad.graph import Node
from symgrad.ops.contract import contract
from symgrad.ops.leaf import Input
from symgrad.ops.logic import Relation
from symgrad.ops.position import extent, positions
from symgrad.ops.products import identity
from symgrad.ops.select import select
from symgrad.ops.view import Place, view
from symgrad.ranges import Affine, Range, affine, check_inside, extremes, is_nonnegative
from symgrad.types import Size, as_size

# -- indices as numbers -----------------------------------------------------------------------------------------------


def index_value(state: State, binding: Binding) -> Labelled:
    """An index as numbers: low, low + 1, ..., along its own axis."""
    numbers = positions(state.graph, binding.range.size)
    if binding.range.low != 0:
        start = state.scopes.spread(Labelled(extent(state.graph, binding.range.low)), [binding.label])
        numbers = numbers + start
    return Labelled(numbers, (binding.label,))


def affine_value(state: State, form: Affine, bindings: Mapping[Any, Binding]) -> Labelled:
    """An affine index as numbers."""
    graph, scopes = state.graph, state.scopes
    parts = [(c, index_value(state, bindings[s])) for s, c in form.terms.items()]
    if not parts:
        return Labelled(extent(graph, form.offset))
    nodes, labels = scopes.aligned([value for _, value in parts])
    total = sum((c * x for (c, _), x in zip(parts[1:], nodes[1:], strict=True)), parts[0][0] * nodes[0])
    if form.offset != 0:
        total = total + scopes.spread(Labelled(extent(graph, form.offset)), labels)
    return Labelled(total, labels)


def compared(state: State, symbol: str, a: Labelled, b: Labelled) -> Labelled:
    """Where a < b, a <= b, a == b."""
    (x, y), labels = state.scopes.aligned([a, b])
    return Labelled(state.graph.add(Relation(symbol), x, y), labels)


def _gathered_parts(state: State, forms: Sequence[Affine], scope: Scope) -> list[Child]:
    return [state.scopes.child(entry, scope) for form in forms for entry, _ in form.gathers]


def _index_forms(state: State, indices: Sequence[Any], scope: Scope) -> list[Affine]:
    """The forms of indices. Raises UnsupportedExpression for one that no sum binds."""
    forms = [affine(i, scope.bindings) for i in indices]
    for form, index in zip(forms, indices, strict=True):
        loose = form.offset.free_symbols - state.sizes if isinstance(form.offset, sp.Expr) else ()
        if loose:
            names = ", ".join(sorted(map(str, loose)))
            raise UnsupportedExpression(
                f"the index {names} is not bound",
                got=index,
                wanted="an index of a Sum or Product, or a free index whose range an array's shape gives",
                hint="Idx('i', n) brings its range",
            )
    return forms


def _check_integers(value: Labelled, entry: Any) -> None:
    if value.node.type.dtype != "i8":
        raise UnsupportedExpression(
            "an index read from an array that is not of integers",
            got=entry,
            hint="IndexedBase(name, shape=..., integer=True)",
        )


class _Axes:
    """The axes of a view that is being made, one for each label; and its integer inputs."""

    def __init__(self, state: State, bindings: Mapping[Any, Binding]):
        self.state, self.bindings = state, bindings
        self.labels: list[Label] = []
        self.integers: list[Node] = []

    def of(self, label: Label) -> int:
        if label not in self.labels:
            self.labels.append(label)
        return self.labels.index(label)

    def place(self, form: Affine, gathers: Sequence[tuple[Labelled, int]]) -> Place:
        """The place of an index: positions along axes count from 0, indices from their low ends."""
        offset = form.offset
        terms = []
        for s, c in form.terms.items():
            binding = self.bindings[s]
            offset = offset + c * binding.range.low
            terms.append((self.of(binding.label), c))
        gathered = []
        for value, c in gathers:
            if value.node not in self.integers:
                self.integers.append(value.node)
            gathered.append((self.integers.index(value.node), tuple(map(self.of, value.labels)), c))
        return Place(as_size(offset), tuple(terms), tuple(gathered))

    @property
    def shape(self) -> tuple[Size, ...]:
        return tuple(self.state.scopes.sizes[label] for label in self.labels)


# -- entries of arrays ------------------------------------------------------------------------------------------------


def _open_element(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    base = e.args[0]
    if is_element(e) and base not in state.arrays:
        return None, ()
    forms = _index_forms(state, e.indices, scope)
    own = () if is_array(base) else (state.scopes.child(base, scope),)
    return forms, [*own, *_gathered_parts(state, forms, scope)]


def _close_element(state: State, e: Any, scope: Scope, forms: Any, values: Sequence[Any]) -> Labelled:
    base = e.args[0]
    if forms is None:
        if not is_variable(e):
            raise UnsupportedExpression("an entry that is no variable", got=e)
        return Labelled(state.graph.add(Input(e)))
    if is_array(base):
        whole = Labelled(array_leaf(state, base))
    else:
        whole, *values = values
    if whole.labels:
        raise UnsupportedExpression("an entry of an array that depends on an index itself", got=e)
    rest = iter(values)
    gathers = [[(next(rest), c) for _, c in form.gathers] for form in forms]
    for form, found in zip(forms, gathers, strict=True):
        for (entry, _), (value, _) in zip(form.gathers, found, strict=True):
            _check_integers(value, entry)
    return entry_at(state, e, whole.node, forms, gathers, scope)


def array_leaf(state: State, array: Any) -> Node:
    """A whole array as an input. Raises UnsupportedExpression if its shape is not known."""
    if array not in state.arrays:
        raise UnsupportedExpression(
            "an array whose shape is not known",
            got=array,
            hint=f"IndexedBase({str(array)!r}, shape=(n,))",
        )
    return state.graph.add(Input(array, state.arrays[array]))


class _Index(NamedTuple):
    """An index of one axis."""

    form: Affine
    gathers: list[tuple[Labelled, int]]
    size: Size


def entry_at(
    state: State,
    e: Any,
    x: Node,
    forms: Sequence[Affine],
    gathers: Sequence[list[tuple[Labelled, int]]],
    scope: Scope,
) -> Labelled:
    """x[form, ...] with an axis for each index that is met, in their order."""
    indices = [_Index(*parts) for parts in zip(forms, gathers, _axis_sizes(e, x, forms), strict=True)]
    clip = any(_may_leave(state, e, index, scope) for index in indices)
    if len(x.type.shape) < len(indices):  # axes of size 1 of a matrix are no axes
        indices = [index for index in indices if index.size != 1]
    bindings = scope.bindings
    if x.type.dtype == "f8" and all(_is_whole_axis(index, bindings) for index in indices):
        labels = tuple(bindings[s].label for index in indices for s in index.form.terms)
        unique = tuple(dict.fromkeys(labels))
        return Labelled(contract(state.graph, [(x, labels)], unique) if unique != labels else x, unique)
    axes = _Axes(state, bindings)
    places = [axes.place(index.form, index.gathers) for index in indices]
    return Labelled(view(x, places, axes.shape, axes.integers, clip=clip), tuple(axes.labels))


def _axis_sizes(e: Any, x: Node, forms: Sequence[Affine]) -> tuple[Size, ...]:
    """The sizes of the axes that the indices count: of a matrix, those of size 1 too."""
    shape = full_shape(e.args[0]) if is_matrix(e.args[0]) else x.type.shape
    if len(shape) != len(forms):
        raise ShapeError(
            f"{len(forms)} indices of an array of {len(shape)} axes",
            got=e,
            wanted=f"{len(shape)} indices: {e.args[0]} has the shape ({', '.join(map(str, shape))})",
        )
    return shape


def _is_whole_axis(index: _Index, bindings: Mapping[Any, Binding]) -> bool:
    """Does the index run over its whole axis in order?"""
    form = index.form
    if form.gathers or form.offset != 0 or list(form.terms.values()) != [1]:
        return False
    (s,) = form.terms
    return bindings[s].range.low == 0 and bindings[s].range.size == index.size


def _may_leave(state: State, e: Any, index: _Index, scope: Scope) -> bool:
    """Is it all right for an index to leave its axis, where nobody asks for the entry?

    Raises ShapeError for an index that surely leaves it where it is asked for.
    """
    form, mask = index.form, scope.mask
    ranges = {s: scope.bindings[s].range for s in form.terms}
    if form.gathers:
        return mask is Mask.BRANCH or (mask is Mask.TRIANGLE and bool(form.terms))
    low, high = extremes(form, ranges)
    if any(is_nonnegative(as_size(-r.size)) for r in ranges.values()):
        return False  # an empty range reads nothing
    if mask is Mask.NONE:
        check_inside(e, low, high, index.size, hint=_better_limits(form, ranges, index.size))
        return False
    if is_nonnegative(low) and is_nonnegative(as_size(index.size - 1 - high)):
        return False
    plain = form.offset == 0 and list(form.terms.values()) == [1] and all(r.is_box for r in ranges.values())
    return mask is Mask.BRANCH or not plain


def _better_limits(form: Affine, ranges: Mapping[Any, Range], size: Size) -> str | None:
    """Limits that would do, of a single index with a step of 1: those it has, where they are not wrong."""
    if list(form.terms.values()) != [1]:
        return None
    ((s, range_),) = ranges.items()
    low, high = as_size(-form.offset), as_size(size - 1 - form.offset)
    if form.offset != 0 or range_.size != size:  # as many as the axis has: all of them are meant
        low = low if is_nonnegative(as_size(low - range_.low)) else range_.low
        high = range_.high if is_nonnegative(as_size(high - range_.high)) else high
    return f"indices count from 0: ({s}, {low}, {high}) stays inside"


# -- deltas -----------------------------------------------------------------------------------------------------------


def _open_delta(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    if len(e.args) > 2:
        raise UnsupportedExpression("a KroneckerDelta over a range", got=e)
    if scope.is_root and not all(affine(a, ()).is_constant for a in e.args):
        raise UnsupportedExpression("a KroneckerDelta of what is no index", got=e)
    forms = _index_forms(state, e.args[:2], scope)
    return forms, _gathered_parts(state, forms, scope)


def _close_delta(state: State, e: Any, scope: Scope, forms: Any, values: Sequence[Any]) -> Labelled:
    a, b = forms
    graph, bindings = state.graph, scope.bindings
    if values:
        return _one_hot(state, e, scope, forms, values)
    if a.terms == b.terms and isinstance(as_size(a.offset - b.offset), int):
        return Labelled(graph.node(int(a.offset == b.offset)))
    if is_plain_delta(forms, bindings):
        (p,), (q,) = ([bindings[s] for s in form.terms] for form in forms)
        return Labelled(identity(graph, p.range.size), (p.label, q.label))
    left, right = (affine_value(state, form, bindings) for form in forms)
    same = compared(state, "==", left, right)
    ones = state.scopes.spread(Labelled(graph.node(1)), same.labels)
    return Labelled(select(same.node, ones, ones.like(0)), same.labels)


def is_plain_delta(forms: Sequence[Affine], bindings: Mapping[Any, Binding]) -> bool:
    """Is it the delta of two indices of one range?"""
    a, b = forms
    if a.gathers or b.gathers or a.offset != 0 or b.offset != 0:
        return False
    if list(a.terms.values()) != [1] or list(b.terms.values()) != [1]:
        return False
    (p,), (q,) = a.terms, b.terms
    return bindings[p].range[:2] == bindings[q].range[:2]


def _one_hot(state: State, e: Any, scope: Scope, forms: Sequence[Affine], values: Sequence[Any]) -> Labelled:
    """The delta of an index that is read from an array and one that is not: a row of the identity."""
    a, b = forms
    found: list[list[tuple[Labelled, int]]] = [[], []]
    rest = iter(values)
    for k, form in enumerate(forms):
        for entry, c in form.gathers:
            value = next(rest)
            _check_integers(value, entry)
            found[k].append((value, c))
    plain = a if b.gathers else b
    if plain.gathers or list(plain.terms.values()) != [1]:
        raise UnsupportedExpression(
            "a KroneckerDelta of entries of integer arrays", got=e, wanted="an index at its other side"
        )
    (s,) = plain.terms
    binding = scope.bindings[s]
    low = as_size(binding.range.low + plain.offset)
    axes = _Axes(state, scope.bindings)
    places = []
    for form, gathers in zip(forms, found, strict=True):
        place = axes.place(form, gathers)
        places.append(place._replace(offset=as_size(place.offset - low)))
    eye = identity(state.graph, binding.range.size)
    return Labelled(view(eye, places, axes.shape, axes.integers, clip=True), tuple(axes.labels))


# -- symbols ----------------------------------------------------------------------------------------------------------


def _open_symbol(state: State, e: Any, scope: Scope) -> tuple[Any, Sequence[Child]]:
    return None, ()


def _close_symbol(state: State, e: Any, scope: Scope, note: Any, values: Sequence[Any]) -> Labelled:
    if e in scope.bindings:
        return index_value(state, scope.bindings[e])
    if e in state.sizes:
        return Labelled(extent(state.graph, e))
    if isinstance(e, Idx):
        raise UnsupportedExpression(f"the index {e} is not bound", got=e, hint="Idx('i', n) brings its range")
    if not is_variable(e):
        raise UnsupportedExpression(f"{type(e).__name__} has no meaning here", got=e, hint="evaluate it first: .doit()")
    if e.is_commutative is False:
        raise UnsupportedExpression("a symbol that does not commute", got=e, wanted="commuting, real symbols")
    return Labelled(state.graph.add(Input(e)))


def _close_array(state: State, e: Any, scope: Scope, note: Any, values: Sequence[Any]) -> Labelled:
    return Labelled(array_leaf(state, e))


SYMBOL = Kind(_open_symbol, _close_symbol)
ARRAY = Kind(_open_symbol, _close_array)
ELEMENT = Kind(_open_element, _close_element)
DELTA = Kind(_open_delta, _close_delta)
