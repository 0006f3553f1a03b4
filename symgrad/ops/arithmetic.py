"""Sums, products and powers, and the constructors that keep them in normal form.

The constructors do what SymPy's own Add and Mul do: numbers are collected, equal terms are added, equal factors become
a power, numeric factors stand in front. They open no shared node, so nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from itertools import accumulate
from operator import attrgetter
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symgrad.errors import TooLarge
from symgrad.graph import Exact, Node, Term, arithmetic
from symgrad.ops.elementwise import Elementwise, Entrywise, Partial
from symgrad.ops.emitter import Emitter
from symgrad.ops.leaf import Const, as_double, constant, exact_value

LONGEST_EXACT = 4096  # bits of a constant that is computed here: four times what the exponent of a float64 reaches
LARGEST_EXACT = 2**53  # a float64 holds every integer up to here, and its parity


@dataclass(frozen=True)
class Add(Entrywise):
    """y = c1 x1 + c2 x2 + ..., with exact coefficients: add, subtract, negate and scale in one."""

    coefficients: tuple[Exact, ...]

    finite = True

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.coefficients)  # of a fraction it takes half a microsecond

    def apply(self, *inputs: Node) -> Node:
        return weighted_sum(list(zip(self.coefficients, inputs, strict=True)))

    def label(self) -> str:
        if all(c == 1 for c in self.coefficients):
            return "add"
        return f"add[{', '.join(map(str, self.coefficients))}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        return self.coefficients

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        assert all(carried), "a sum that is linear in what it carries has no other terms"
        return weighted_sum(list(zip(self.coefficients, inputs, strict=True)))

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return sum(as_number(numbers, c) * x for c, x in zip(self.coefficients, values, strict=True))

    def emit(self, t: Emitter, *args: Any) -> Any:
        terms = sorted(zip(self.coefficients, args, strict=True), key=lambda term: term[0] < 0)  # positive ones first
        (c, x), *rest = terms
        total = x if c == 1 else t.neg(x) if c == -1 else t.mul(t.number(c), x)
        for c, x in rest:
            term = x if abs(c) == 1 else t.mul(t.number(abs(c)), x)
            total = t.sub(total, term) if c < 0 else t.add(total, term)
        return total

    def to_sympy(self, *args: Any) -> Any:
        terms = [to_sympy_number(c) * x if c != 1 else x for c, x in zip(self.coefficients, args, strict=True)]
        return sp.Add(*terms)


@dataclass(frozen=True)
class Product(Entrywise):
    """y = x1 x2 ...; dy/dxi is the product of the others, all of them in linear time by products from both ends."""

    finite = True

    def apply(self, *inputs: Node) -> Node:
        return product(inputs)

    def partials(self, y: Node) -> Sequence[Partial]:
        if len(y.inputs) == 2:
            a, b = y.inputs
            return b, a
        before = list(accumulate(y.inputs[:-1], lambda a, b: a * b))  # x1, x1 x2, ...
        after = list(accumulate(reversed(y.inputs[1:]), lambda a, b: a * b))[::-1]  # ..., xn-1 xn, xn
        between = [a * b for a, b in zip(before, after[1:], strict=False)]
        return after[0], *between, before[-1]

    def push(self, inputs: Sequence[Node], carried: Sequence[bool], batch: tuple[Any, ...]) -> Node:
        return product(inputs)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return reduce(lambda a, b: a * b, values)

    def emit(self, t: Emitter, *args: Any) -> Any:
        return reduce(t.mul, args)

    def to_sympy(self, *args: Any) -> Any:
        return sp.Mul(*args)


@dataclass(frozen=True)
class Power(Elementwise):
    """y = x**p for a number p;  dy/dx = p x**(p-1), in terms of y where that is cheaper.

    Real: nan for x < 0 unless p is an integer.
    """

    exponent: Exact = 2

    domain = ((0.2, 2.0),)

    def apply(self, *inputs: Node) -> Node:
        (x,) = inputs
        return power(x, self.exponent)

    def label(self) -> str:
        return f"power[{self.exponent}]"

    def partials(self, y: Node) -> Sequence[Partial]:
        (x,) = y.inputs
        p = self.exponent
        if p == -1:
            return (-(y * y),)
        if p == Fraction(1, 2):
            return (Fraction(1, 2) / y,)
        if p == Fraction(-1, 2):
            return (Fraction(-1, 2) * y**3,)
        return (p * x ** (p - 1),)

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        (x,) = values
        if numbers is np:
            size = abs(Fraction(self.exponent))
            if size not in (Fraction(1, 2), Fraction(3, 2)):
                return np.power(x, float(self.exponent))
            root = np.sqrt(x) if size == Fraction(1, 2) else x * np.sqrt(x)
            return 1 / root if self.exponent < 0 else root  # pow(-inf, -1/2) is 0 in C, a root of it nan
        if x == 0 and self.exponent < 0:
            return mpmath.mpf("inf")
        return mpmath.power(x, as_number(numbers, self.exponent))

    def emit(self, t: Emitter, *args: Any) -> Any:
        (x,) = args
        p = Fraction(self.exponent)
        if p < 0 and p != -1:
            below = Power(-self.exponent).emit(t, x)
            return t.div(t.number(1), below)
        if p == -1:
            return t.div(t.number(1), x)
        if p.denominator == 1 and p.numerator <= 64:  # longer chains of products lose more than pow does
            return t.power(x, p.numerator)
        if p == Fraction(1, 2):
            return t.sqrt(x)
        if p == Fraction(3, 2):
            return t.mul(x, t.sqrt(x))
        return t.libm("pow", x, t.number(self.exponent))

    def to_sympy(self, *args: Any) -> Any:
        return sp.Pow(args[0], to_sympy_number(self.exponent))


INDEX, PRODUCT = attrgetter("index"), Product()  # made once: these are the innermost loops of a build


def weighted_sum(terms: Sequence[Term]) -> Node:
    """The node of c1 x1 + c2 x2 + ...: equal nodes are collected, numbers added, scaled nodes opened."""
    if len(terms) == 1:
        return scaled(*terms[0])
    graph = terms[0][1].graph
    collected: dict[Node, Exact] = {}
    number: Exact = 0
    for c, x in terms:
        op = x.op
        if type(op) is Const and op.is_exact:
            number += c * op.value
            continue
        if type(op) is Add and len(x.inputs) == 1:
            c, x = op.coefficients[0] if c == 1 else c * op.coefficients[0], x.inputs[0]
        collected[x] = collected[x] + c if x in collected else c
    order = [x for x, c in collected.items() if c]
    if len(order) > 1:
        order.sort(key=INDEX)
    coefficients = [c if type(c) is int else _whole(c) for c in map(collected.__getitem__, order)]
    if number != 0 or not order:
        order.append(constant(graph, number, terms[0][1].type.shape))
        coefficients.append(1)
    if len(order) == 1 and coefficients[0] == 1:
        return order[0]
    return graph.add(_sum_of(*coefficients), *order)


@lru_cache(maxsize=1_000, typed=True)  # few are met, and each often; typed: 2 and 2.0 print differently
def _sum_of(*coefficients: Exact) -> Add:
    return Add(coefficients)


def scaled(c: Exact, x: Node) -> Node:
    """The node of c x."""
    op = x.op
    if type(op) is Const and op.is_exact:
        return constant(x.graph, c * op.value, x.type.shape)
    if type(op) is Add and len(x.inputs) == 1:
        c, x = c * op.coefficients[0], x.inputs[0]
    if c == 1:
        return x
    return x.graph.add(_sum_of(_whole(c)), x) if c else x.like(0)


def product(factors: Sequence[Node]) -> Node:
    """The node of x1 x2 ...: numbers go in front, equal factors become a power."""
    return scaled(*scaled_product(factors))


def scaled_product(factors: Sequence[Node]) -> Term:
    """The number in front of a product, and the product of the rest."""
    graph = factors[0].graph
    counts: dict[Node, int] = {}
    number: Exact = 1
    for x in factors:
        if x.type.shape:
            return 1, arithmetic["elementwise product"](factors)
        op = x.op
        if type(op) is Const and op.is_exact:
            number *= op.value
            continue
        if type(op) is Add and len(x.inputs) == 1:
            (c,), (x,) = op.coefficients, x.inputs
            number = c if number == 1 else number * c
        counts[x] = counts[x] + 1 if x in counts else 1
    if number == 0 or not counts:
        return 1, constant(graph, number)
    order = [x if n == 1 else power(x, n) for x, n in counts.items()]
    if len(order) == 1:
        return number, order[0]
    order.sort(key=INDEX)
    return number, graph.add(PRODUCT, *order)


def power(x: Node, exponent: Exact) -> Node:
    """The node of x**p for a number p; a number to an integer power is a number, as far as its digits are few."""
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        exponent = exponent.numerator
    if isinstance(exponent, int) and abs(exponent) > LARGEST_EXACT and float(exponent) != exponent:
        raise TooLarge("an integer exponent that float64 cannot hold", got=exponent, wanted="at most 2**53")
    if exponent == 1:
        return x
    if exponent == 0:
        return x.like(1)
    value = _exact_power(exact_value(x), exponent)
    if value is not None:
        return x.like(value)
    if isinstance(x.op, Add) and len(x.inputs) == 1:
        scale = _exact_power(x.op.coefficients[0], exponent)  # (c x)**n = c**n x**n
        if scale is not None:
            return weighted_sum([(scale, power(x.inputs[0], exponent))])
    return x.graph.add(Power(exponent), x)


def _exact_power(value: Exact | None, exponent: Exact) -> Exact | None:
    """The power of a rational number, if it is one, and short enough to be carried along."""
    if not isinstance(value, (int, Fraction)) or value == 0 or not isinstance(exponent, int):
        return None
    bits = value.numerator.bit_length() + value.denominator.bit_length()
    return _whole(Fraction(value) ** exponent) if bits * abs(exponent) <= LONGEST_EXACT else None


def _whole(value: Exact) -> Exact:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def as_number(numbers: Any, value: Exact) -> Any:
    """An exact number in the arithmetic of numpy or mpmath, rounded once."""
    if numbers is np:
        return as_double(value)
    if isinstance(value, Fraction):
        return mpmath.mpf(value.numerator) / value.denominator
    return mpmath.mpf(value)


def to_sympy_number(value: Exact) -> Any:
    """An exact number as SymPy's."""
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    return sp.Integer(value) if isinstance(value, int) else sp.Float(value)


arithmetic.update({"sum": weighted_sum, "product": product, "scaled product": scaled_product, "power": power})
