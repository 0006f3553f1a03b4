"""The leaves: inputs and constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symgrad.graph import Exact, Graph, Node, Op, arithmetic
from symgrad.ops.emitter import Emitter
from symgrad.types import REAL, Size, Sizes, Type, shape_in_numbers


class Leaf(Op):
    """A node without inputs: nothing flows further down."""

    finite = True

    def bprop(self, y: Node, g: Node) -> Sequence[Node | None]:
        return ()


@dataclass(frozen=True)
class Input(Leaf):
    """A variable: a SymPy symbol, or any SymPy expression that stands for one, such as theta(t)."""

    variable: sp.Basic
    type: Type = REAL

    def label(self) -> str:
        return " ".join(str(self.variable).split())

    def result_type(self, *types: Type) -> Type:
        return self.type

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        raise TypeError(f"the input {self.label()} has no value of its own")

    def emit(self, t: Emitter, *args: Any) -> Any:
        raise TypeError(f"the input {self.label()} is loaded, not computed")

    def to_sympy(self, *args: Any) -> Any:
        return self.variable


@dataclass(frozen=True)
class Const(Leaf):
    """A number, exact until the kernel: int, Fraction, a float as it was given, or a SymPy number such as pi.

    Of a shape other than (): an array of this number everywhere, which no kernel ever stores.
    """

    value: Exact | sp.Number | sp.NumberSymbol
    shape: tuple[Size, ...] = ()

    def sized(self, sizes: Sizes) -> Const:
        return Const(self.value, shape_in_numbers(self.shape, sizes)) if self.shape else self

    @property
    def is_exact(self) -> bool:
        """Is the value one that Python computes with? pi is not."""
        return isinstance(self.value, (int, Fraction, float))

    def label(self) -> str:
        return str(self.value)

    def result_type(self, *types: Type) -> Type:
        return Type("f8", self.shape) if self.shape else REAL

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        number = self._number(numbers)
        return np.full(self.shape, number, None if numbers is np else object) if self.shape else number

    def _number(self, numbers: Any) -> Any:
        if numbers is np:
            return np.float64(as_double(self.value))
        if isinstance(self.value, Fraction):
            return mpmath.mpf(self.value.numerator) / self.value.denominator
        if isinstance(self.value, sp.Basic):
            return self.value._to_mpmath(mpmath.mp.prec)
        return mpmath.mpf(self.value)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return t.number(self.value)

    def to_sympy(self, *args: Any) -> Any:
        if isinstance(self.value, Fraction):
            return sp.Rational(self.value.numerator, self.value.denominator)
        return sp.sympify(self.value, strict=True)


def constant(graph: Graph, value: Exact | sp.NumberSymbol, shape: tuple[Size, ...] = ()) -> Node:
    """The constant as a node, the same number everywhere in an array; a fraction that is whole is an integer."""
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    return graph.add(Const(value, shape))


def as_double(value: Any) -> float:
    """The nearest float64: infinite beyond its range, as rounding is."""
    try:
        return float(value)
    except OverflowError:  # Python's integers and fractions raise where its floats overflow
        return float("inf") if value > 0 else float("-inf")


def exact_value(node: Node) -> Exact | None:
    """The number, if the node is a constant whose arithmetic is Python's."""
    return node.op.value if isinstance(node.op, Const) and node.op.is_exact else None


arithmetic["constant"] = constant
