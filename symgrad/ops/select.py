"""Select, and what it guards: what a condition switched off is zero, whatever it is multiplied by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair

from symgrad.errors import ShapeError
from symgrad.graph import Exact, Node, Op, Term, arithmetic
from symgrad.ops.emitter import Emitter
from symgrad.ops.leaf import Const
from symgrad.ops.logic import conjunction, negation
from symgrad.types import Type


@dataclass(frozen=True)
class Select(Op):
    """y = a where c, else b; the gradient goes to the one that was taken, and nothing to the other."""

    finite = True

    def apply(self, *inputs: Node) -> Node:
        return select(*inputs)

    def result_type(self, *types: Type) -> Type:
        condition, a, b = types
        if condition.dtype != "b1" or a != b or condition.shape != a.shape:
            raise ShapeError("select takes a condition and two values of its shape", got=", ".join(map(str, types)))
        return a

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        c, _, _ = y.inputs
        return None, guarded(c, g), guarded(negation(c), g)

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        shape = (*batch, *inputs[0].type.shape)
        places = range(len(batch), len(shape))
        parts = [x if c else arithmetic["broadcast"](x, shape, places) for x, c in zip(inputs, carried, strict=True)]
        return select(*parts)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        c, a, b = values
        return np.where(c, a, b) if numbers is np else (a if c else b)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.select(*args)

    def to_sympy(self, *args: Any) -> Any:
        c, a, b = args
        if isinstance(b, sp.Piecewise):  # select(c1, a1, select(c2, a2, b)) is one Piecewise
            return piecewise((a, c), *b.args)
        if b is sp.nan:  # no condition holds: no value
            return piecewise((a, c))
        return piecewise((a, c), (b, sp.true))


def piecewise(*pairs: Any) -> sp.Expr:
    """The Piecewise of (value, condition) pairs, as they are.

    SymPy's constructor, evaluate=False or not, folds and simplifies a condition that holds a Piecewise: for minutes, or
    until the recursion limit.
    """
    return sp.Basic.__new__(sp.Piecewise, *[sp.Basic.__new__(ExprCondPair, *pair) for pair in map(tuple, pairs)])


def select(condition: Node, a: Node, b: Node) -> Node:
    """a where the condition holds, else b."""
    return a if a is b else condition.graph.add(Select(), condition, a, b)


def guarded(condition: Node, value: Node) -> Node:
    """value where the condition holds, else 0. Two guards are one, of both conditions: they do not nest."""
    inner = guard_of(value)
    if inner is not None:
        condition, value = conjunction(condition, inner[0]), inner[1]
    return select(condition, value, value.like(0))


def guard_of(node: Node) -> tuple[Node, Node] | None:
    """(condition, value) if the node is zero, whatever the value, unless the condition holds."""
    if type(node.op) is not Select:
        return None
    c, a, b = node.inputs
    zero = node.like(0)
    if b is zero:
        return c, a
    if a is zero:
        return negation(c), b
    return None


def times(g: Node, partial: Node | Exact) -> Node:
    """g * partial as a node, guarded where one of them is."""
    return multiple(*share(1, g, partial))


def share(number: Exact, g: Node, partial: Node | Exact) -> Term:
    """number * g * partial; what is guarded stays so: select(c, g, 0) * p => select(c, g * p, 0), from either side.

    Without this, 0 * inf leaks a nan from the branch that was not taken.
    """
    if not isinstance(partial, Node):
        return _exact_product(number, partial), g
    if type(g.op) is Const and g.op.value == 1:  # the target's own gradient: most sweeps begin so
        return number, partial
    if type(g.op) is not Select and type(partial.op) is not Select:
        inner, x = arithmetic["scaled product"]((g, partial))
        return _exact_product(number, inner), x
    values, conditions = [], []
    for factor in (g, partial):
        guard = guard_of(factor)
        while guard is not None:
            condition, factor = guard
            conditions.append(condition)
            guard = guard_of(factor)
        values.append(factor)
    a, b = values
    return number, guarded(conjunction(*conditions), a * b) if conditions else a * b


def _exact_product(a: Exact, b: Exact) -> Exact:
    return b if a == 1 else a if b == 1 else a * b  # mostly one of them is 1, and a product of fractions takes 1 us


def multiple(number: Exact, x: Node) -> Node:
    """number * x, where what is guarded stays guarded."""
    if number == 1:
        return x
    guard = guard_of(x)
    if guard is None:
        return arithmetic["sum"]([(number, x)])
    condition, value = guard
    return guarded(condition, arithmetic["sum"]([(number, value)]))


arithmetic["multiple"] = multiple
