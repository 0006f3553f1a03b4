"""What all parts of one conversion share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.from_sympy.scope import Labelled, Scope, Scopes
from symgrad.graph import Graph
from symgrad.types import Type

Child = tuple[Any, Scope]


class State(NamedTuple):
    """The graph that grows; the scopes; the arrays that are one leaf each, with their types; the symbols of sizes."""

    graph: Graph
    scopes: Scopes
    arrays: Mapping[Any, Type]
    sizes: frozenset[Any]


class Kind(NamedTuple):
    """How a kind of expression that is more than a function of its arguments is read.

    open: the parts that are to be converted, and a note; close: the value, from the note and the parts' values.
    """

    open: Callable[[State, Any, Scope], tuple[Any, Sequence[Child]]]
    close: Callable[[State, Any, Scope, Any, Sequence[Any]], Labelled]
