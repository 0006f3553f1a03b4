"""Truth values: relations of numbers, and what joins them. Their derivatives are zero."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symgrad.errors import ShapeError
from symgrad.graph import Graph, Node, Op
from symgrad.ops.emitter import Emitter
from symgrad.types import TRUTH, Type


@dataclass(frozen=True)
class Truth(Op):
    """True or False."""

    value: bool

    def label(self) -> str:
        return str(self.value)

    def result_type(self, *types: Type) -> Type:
        return TRUTH

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return ()

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return self.value

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.truth(self.value)

    def to_sympy(self, *args: Any) -> Any:
        return sp.true if self.value else sp.false


@dataclass(frozen=True)
class Relation(Op):
    """a < b, a <= b, a == b or a != b. With a nan, all are false but the last."""

    symbol: str

    functions: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "<": operator.lt,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
    }
    heads: ClassVar[dict[str, Any]] = {"<": sp.Lt, "<=": sp.Le, "==": sp.Eq, "!=": sp.Ne}

    @property
    def name(self) -> str:
        return self.symbol

    def result_type(self, *types: Type) -> Type:
        a, b = types
        if a != b:
            raise ShapeError("a relation takes two values of one type", got=f"{a}, {b}")
        return Type("b1", a.shape)

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return None, None

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        a, b = values
        if numbers is np:  # complex step: the branch is chosen by the real parts
            a, b = np.real(a), np.real(b)
        return self.functions[self.symbol](a, b)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.compare(self.symbol, *args)

    def to_sympy(self, *args: Any) -> Any:
        return self.heads[self.symbol](*args, evaluate=False)


class Connective(Op):
    """And, Or, Not of truth values of one shape."""

    def result_type(self, *types: Type) -> Type:
        if any(t.dtype != "b1" or t != types[0] for t in types):
            raise ShapeError(f"{self.name} takes truth values of one shape", got=", ".join(map(str, types)))
        return types[0]

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return (None,) * len(y.inputs)


@dataclass(frozen=True)
class And(Connective):
    """True where all inputs are."""

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return reduce(np.logical_and, values) if numbers is np else all(values)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return reduce(t.both, args)

    def to_sympy(self, *args: Any) -> Any:
        return sp.And(*args, evaluate=False)


@dataclass(frozen=True)
class Or(Connective):
    """True where any input is."""

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return reduce(np.logical_or, values) if numbers is np else any(values)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return reduce(t.either, args)

    def to_sympy(self, *args: Any) -> Any:
        return sp.Or(*args, evaluate=False)


@dataclass(frozen=True)
class Not(Connective):
    """True where the input is false."""

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return np.logical_not(values[0]) if numbers is np else not values[0]

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.negate(*args)

    def to_sympy(self, *args: Any) -> Any:
        return sp.Not(*args, evaluate=False)


def truth(graph: Graph, value: bool) -> Node:
    """True or False as a node."""
    return graph.add(Truth(value))


def less(a: Node, b: Node) -> Node:
    """a < b."""
    return a.graph.add(Relation("<"), a, b)


def less_equal(a: Node, b: Node) -> Node:
    """a <= b."""
    return a.graph.add(Relation("<="), a, b)


def equal(a: Node, b: Node) -> Node:
    """a == b, the smaller index first: equality is one node, not two."""
    return a.graph.add(Relation("=="), *sorted((a, b), key=lambda x: x.index))


def negation(a: Node) -> Node:
    """Not a; twice is nothing."""
    return a.inputs[0] if isinstance(a.op, Not) else a.graph.add(Not(), a)


def conjunction(*conditions: Node) -> Node:
    """All of them; one of several equal ones."""
    first, *rest = dict.fromkeys(conditions)
    return first.graph.add(And(), first, *rest) if rest else first


def disjunction(*conditions: Node) -> Node:
    """Any of them; one of several equal ones."""
    first, *rest = dict.fromkeys(conditions)
    return first.graph.add(Or(), first, *rest) if rest else first
