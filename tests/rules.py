"""One operation -> where its value and partials disagree with SymPy's head, at 50 digits. Used by tests and mutants.

The law: a rule is never tested with the formula it was derived from. The reference is SymPy's own function of the head
(or, without one, the formula that it prints), evaluated by tests/oracles.py; derivatives of it are central
differences.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import fields
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

from symgrad import ops  # noqa: F401  importing the operations defines their classes
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph, Node, Op, reachable
from symgrad.ops import arithmetic, exponential, leaf, logic, rounding, select, special, stable, trigonometric
from symgrad.ops.elementwise import Elementwise, Undefined
from symgrad.types import TRUTH
from tests.oracles import DIGITS, Reference, differences, error

EXACT = 1e-30  # two 80-digit computations of one number, the coarser a second difference good to 1e-40
DOUBLE = 2e-13  # double precision against 80 digits; scipy's special functions are good to 1e-14 or so
HALF = Fraction(1, 2)

# Operations with parameters, beside their default: what a family's other members are.
MEMBERS: dict[type, list[Op]] = {
    arithmetic.Power: [
        arithmetic.Power(p) for p in (3, -1, -2, HALF, -HALF, Fraction(5, 2), Fraction(1, 3), Fraction(-1, 3), 0.75)
    ],
    exponential.Pow: [exponential.Pow(k) for k in (1, 2, 3)],
    exponential.PowLog: [exponential.PowLog(k) for k in (2, 3)],
    rounding.Step: [rounding.Step(0), rounding.Step(1)],
    special.Polygamma: [special.Polygamma(k) for k in (1, 2, 3)],
    special.LambertW: [special.LambertW(-1)],
    trigonometric.Sinc: [trigonometric.Sinc(k) for k in (1, 2, 3)],
    stable.Sigmoid: [stable.Sigmoid(True)],
    stable.Norm: [stable.Norm((4, Fraction(1, 3), 5))],
}
DOMAINS: dict[Op, tuple[tuple[float, float], ...]] = {special.LambertW(-1): ((-0.35, -0.05),)}

# Partials at points where there is a choice, or a removable point: (operation, point, partials). From docs/kinks.md.
CHOICES: list[tuple[Op, tuple[float, ...], tuple[float, ...]]] = [
    (rounding.Abs(), (0.0,), (0.0,)),
    (rounding.Sign(), (0.0,), (0.0,)),
    (rounding.Step(), (0.0, 0.0), (0.0, 0.0)),
    (rounding.Floor(), (2.0,), (0.0,)),
    (rounding.Ceiling(), (2.0,), (0.0,)),
    (rounding.Frac(), (2.0,), (1.0,)),
    (rounding.Mod(), (4.0, 2.0), (1.0, -2.0)),
    (rounding.Mod(), (-3.0, 2.0), (1.0, 2.0)),
    (rounding.Max(), (1.0, 1.0), (0.5, 0.5)),
    (rounding.Min(), (1.0, 1.0), (0.5, 0.5)),
    (rounding.Max(), (1.0, 1.0, 0.0), (0.5, 0.5, 0.0)),
    (rounding.Min(), (1.0, 1.0, 2.0), (0.5, 0.5, 0.0)),
    (rounding.Max(), (1.0, 1.0, 1.0), (1 / 3, 1 / 3, 1 / 3)),
    (rounding.Min(), (1.0, 1.0, 1.0), (1 / 3, 1 / 3, 1 / 3)),
    (stable.Relu(), (0.0,), (0.0,)),
    (stable.Relu(), (0.5,), (1.0,)),
    (stable.Relu(), (-0.5,), (0.0,)),
    (stable.LogSumExp(), (1000.0, 1000.0), (0.5, 0.5)),
    (stable.LogSumExp(), (1.0, 0.0), (0.7310585786300049, 0.2689414213699951)),
    (stable.Hypot(), (0.0, 0.0), (0.0, 0.0)),
    (stable.Norm(), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    (trigonometric.Sinc(), (0.0,), (0.0,)),
    (trigonometric.Sinc(1), (0.0,), (-1 / 3,)),
    (trigonometric.Sinc(2), (0.0,), (0.0,)),
    (trigonometric.Sinc(3), (0.0,), (0.2,)),
    (exponential.XLogX(), (0.0,), (-np.inf,)),
    (exponential.Log(), (0.0,), (np.inf,)),
    (exponential.Pow(), (0.0, 2.0), (0.0, 0.0)),
    (exponential.Pow(), (0.0, 1.0), (1.0, 0.0)),
    (exponential.Pow(), (0.0, 0.5), (np.inf, 0.0)),
    (exponential.Pow(), (2.0, 0.0), (0.0, float(np.log(2)))),
    (exponential.Pow(1), (0.0, 3.0), (0.0, 0.0)),
    (exponential.Pow(1), (0.0, 2.0), (2.0, 0.0)),
    (exponential.Pow(1), (3.0, 0.0), (0.0, 1 / 3)),
    (exponential.Pow(1), (3.0, 1.0), (0.0, 1 + float(np.log(3)))),
    (exponential.Pow(1), (2.0, -1.0), (0.25, 0.25 * (1 - float(np.log(2))))),
    (exponential.Pow(1), (0.0, 0.0), (0.0, np.inf)),
    (exponential.PowLog(), (0.0, 2.0), (0.0, 0.0)),
    (arithmetic.Power(2), (0.0,), (0.0,)),
    (arithmetic.Power(3), (0.0,), (0.0,)),
    (arithmetic.Power(HALF), (0.0,), (np.inf,)),
]

# Where an operation has to hold back an infinite slope below it: (operation, expression of x, point, slope).
X = sp.Symbol("x", real=True)
HELD_BACK: list[tuple[type, sp.Expr, float, float]] = [
    (rounding.Max, sp.Max(sp.sqrt(X), 1, evaluate=False), 0.0, 0.0),
    (rounding.Min, sp.Min(-sp.sqrt(X), -1, evaluate=False), 0.0, 0.0),
    (rounding.Max, sp.Max(sp.sqrt(X), 1, X, evaluate=False), 0.0, 0.0),
    (stable.Relu, stable.relu(sp.sqrt(X) - 1), 0.0, 0.0),
    (select.Select, sp.Piecewise((sp.sqrt(X), X > 0), (X, True)), 0.0, 1.0),
    (select.Select, sp.Piecewise((X, X <= 0), (sp.sqrt(X), True)), 0.0, 1.0),
]


def operations() -> list[Op]:
    """Every elementwise operation, each member of a family once: the classes are found, not listed."""
    found: list[Op] = []
    stack: list[type] = [Elementwise]
    while stack:
        kind = stack.pop()
        stack.extend(sorted(kind.__subclasses__(), key=lambda k: k.__name__, reverse=True))
        if kind.__module__.startswith("symgrad.") and _final(kind):
            found += [kind(), *MEMBERS.get(kind, [])]
    return found


def _final(kind: type) -> bool:
    """Is this an operation, and not a base of some?"""
    return "__dataclass_params__" in kind.__dict__ and all(f.default is not f.default_factory for f in fields(kind))


def domain(op: Op) -> tuple[tuple[float, float], ...]:
    """An interval for each input."""
    return DOMAINS.get(op, op.domain)


def points(op: Op, count: int, seed: int = 0) -> Iterator[list[float]]:
    """Points drawn in the domain, with values that a rule wrong by a constant cannot miss."""
    draw = random.Random(f"{op!r} {seed}")
    for _ in range(count):
        yield [draw.uniform(a, b) for a, b in domain(op)]


def reference(op: Op) -> Reference:
    """SymPy's head of the operation, or without one the formula that it prints, as mpmath steps."""
    symbols = sp.symbols(f"u:{len(domain(op))}", real=True)
    head = type(op).sympy
    head = head[0] if isinstance(head, tuple) else head
    if head is None or fields(op) or (issubclass(head, sp.Function) and len(symbols) not in head.nargs):
        return Reference(op.to_sympy(*symbols), symbols)
    return Reference(head(*symbols), symbols)


def apply(op: Op, count: int | None = None) -> tuple[Node, list[Node]]:
    """The operation on fresh inputs, as many as its domain has: (output, inputs)."""
    graph = Graph()
    inputs = [graph.add(leaf.Input(sp.Symbol(f"u{i}"))) for i in range(count or len(domain(op)))]
    return graph.add(op, *inputs), inputs


def value_at(output: Node, values: dict[Node, Any], numbers: Any) -> Any:
    """The value of a node, in a loop of its own: the evaluator of the package is not trusted here."""
    found = dict(values)
    for node in reachable([output]):
        if node not in found:
            found[node] = node.op.evaluate(numbers, *[found[x] for x in node.inputs])
    return found[output]


def partial_values(op: Op, point: Sequence[float], numbers: Any = mp) -> list[Any]:
    """The partials by the rule at the point: a number each, or the Undefined that stands there."""
    y, inputs = apply(op, len(point))
    number = mp.mpf if numbers is mp else np.float64
    values = {x: number(v) for x, v in zip(inputs, point, strict=True)}
    if numbers is mp:
        return [_partial_value(p, y, values, numbers) for p in op.partials(y)]
    with np.errstate(all="ignore"):
        return [_partial_value(p, y, values, numbers) for p in op.partials(y)]


def _partial_value(partial: Any, y: Node, values: dict[Node, Any], numbers: Any) -> Any:
    if isinstance(partial, Undefined):
        return partial
    if partial is None:
        return 0
    return value_at(partial, values, numbers) if isinstance(partial, Node) else partial


def problems(op: Op, count: int = 3, *, order: int = 2) -> list[str]:
    """What is wrong with an operation: its value, its partials, and the partials of these; nothing for a right one."""
    found = []
    with mp.workdps(DIGITS):
        exact = reference(op)
        for point in points(op, count):
            found += _wrong_at(op, exact, point, order)
            if found:
                return found
    for other, point, partials in CHOICES:
        if other == op:
            for numbers in (np, mp):
                got = partial_values(op, point, numbers)
                if len(got) != len(partials) or max(map(error, got, partials)) > 1e-15:
                    found.append(f"{op} at {point}: partials {got}, chosen {partials}")
    return found + leaking(type(op))


def leaking(kind: type) -> list[str]:
    """The operation lets an infinite slope through that it has to hold back."""
    found = []
    for head, expression, at, slope in HELD_BACK:
        if head is kind:
            graph = Graph()
            x = graph.add(leaf.Input(X))
            gradient = gradient_of(from_sympy(graph, expression), [x])[x]
            with np.errstate(all="ignore"):
                got = value_at(gradient, {x: np.float64(at)}, np)
            if got != slope:
                found.append(f"{expression} at {at}: slope {got}, chosen {slope}")
    return found


def _wrong_at(op: Op, exact: Reference, point: list[float], order: int) -> list[str]:
    found = []
    x = [mp.mpf(v) for v in point]
    y, inputs = apply(op)
    value = exact.value(x)
    with np.errstate(all="ignore"):
        ours = op.evaluate(np, *map(np.float64, point))
    if error(op.evaluate(mp, *x), value) > EXACT:
        found.append(f"{op} at {point}: value {op.evaluate(mp, *x)}, SymPy's {value}")
    if error(ours, value) > DOUBLE:
        found.append(f"{op} at {point}: value in double precision {ours}, SymPy's {value}")
    partials = op.partials(y)
    if len(partials) != len(inputs):
        return [*found, f"{op}: {len(partials)} partials for {len(inputs)} inputs"]
    slopes = differences(lambda *v: exact.value(v), x)
    values = dict(zip(inputs, x, strict=True))
    for i, (partial, slope) in enumerate(zip(partials, slopes, strict=True)):
        if isinstance(partial, Undefined):
            if not partial.reason:
                found.append(f"{op}: no reason for the partial {i}")
            continue
        rule = _partial_value(partial, y, values, mp)
        if not _agree(rule, slope):
            found.append(f"{op} at {point}: partial {i} is {mp.nstr(rule, 12)}, by differences {mp.nstr(slope, 12)}")
        elif order > 1 and isinstance(partial, Node):
            found += _wrong_seconds(op, partial, inputs, values, i)
    return found


def _wrong_seconds(op: Op, partial: Node, inputs: list[Node], values: dict[Node, Any], i: int) -> list[str]:
    """The gradient of the partial as the rules give it, against differences of the partial's value."""
    found = []
    rules = gradient_of(partial, inputs)

    def by_differences(*v: Any) -> Any:
        return value_at(partial, dict(zip(inputs, v, strict=True)), mp)

    slopes = differences(by_differences, [values[x] for x in inputs])
    for j, (x, slope) in enumerate(zip(inputs, slopes, strict=True)):
        rule = rules[x]
        if isinstance(rule, Undefined):
            continue
        if not _agree(_partial_value(rule, partial, values, mp), slope):
            found.append(f"{op}: second partial {i}, {j} by the rules disagrees with differences {mp.nstr(slope, 12)}")
    return found


def gradient_of(target: Node, wrt: Sequence[Node]) -> dict[Node, Any]:
    """Reverse sweep over the rules alone: the gradient of `target` by each of `wrt`, Undefined where a rule says so."""
    total: dict[Node, Any] = {target: target.graph.node(1)}
    for node in reversed(reachable([target])):
        g = total.get(node)
        if g is None or not node.inputs:
            continue
        gradients = [g] * len(node.inputs) if isinstance(g, Undefined) else node.op.bprop(node, g)
        for x, gx in zip(node.inputs, gradients, strict=True):
            if gx is None:
                continue
            if isinstance(gx, Undefined) or isinstance(total.get(x), Undefined):
                total[x] = gx if isinstance(gx, Undefined) else total[x]
            else:
                total[x] = gx if x not in total else total[x] + gx
    return {x: total.get(x) for x in wrt}


def _agree(a: Any, b: Any) -> bool:
    if mp.isnan(a) or mp.isnan(b):
        return False
    return abs(a - b) <= EXACT * max(1, abs(a) + abs(b))


def bprop_problems(op: Op, inputs: int, count: int = 2) -> list[str]:
    """The same for an operation that is not elementwise: bprop with a symbolic cotangent, against differences."""
    graph = Graph()
    xs = [graph.add(leaf.Input(sp.Symbol(f"u{i}"))) for i in range(inputs)]
    truths = [graph.add(leaf.Input(sp.Symbol("c"), TRUTH))] if isinstance(op, select.Select) else []
    g = graph.add(leaf.Input(sp.Symbol("g")))
    y = graph.add(op, *truths, *xs)
    draw = random.Random(repr(op))
    found = []
    with mp.workdps(DIGITS):
        for switch in (True, False)[: 1 + len(truths)]:
            for _ in range(count):
                x = [mp.mpf(draw.uniform(0.5, 2)) for _ in xs]
                seed = mp.mpf(draw.uniform(0.5, 2))
                fixed = dict.fromkeys(truths, switch)

                def value(*v: Any, fixed: dict[Node, Any] = fixed) -> Any:
                    return value_at(y, {**fixed, **dict(zip(xs, v, strict=True))}, mp)

                gradients = y.op.bprop(y, g)
                if len(gradients) != len(y.inputs):
                    return [f"{op}: {len(gradients)} gradients for {len(y.inputs)} inputs"]
                values = {**fixed, **dict(zip(xs, x, strict=True)), g: seed}
                for i, (gx, slope) in enumerate(zip(gradients[len(truths) :], differences(value, x), strict=True)):
                    got = _partial_value(gx, y, values, mp)
                    if not _agree(got, seed * slope):
                        found.append(
                            f"{op}: gradient {i} is {mp.nstr(got, 12)}, by differences {mp.nstr(seed * slope, 12)}"
                        )
    return found + leaking(type(op))


# The operations that are not elementwise, each with a number of inputs.
STRUCTURAL: list[tuple[Op, int]] = [
    (arithmetic.Add((1, 1)), 2),
    (arithmetic.Add((2, -3, Fraction(1, 2))), 3),
    (arithmetic.Add((-1,)), 1),
    (arithmetic.Product(), 2),
    (arithmetic.Product(), 3),
    (arithmetic.Product(), 5),
    (select.Select(), 2),
]
LOGICAL: tuple[type, ...] = (logic.Relation, logic.And, logic.Or, logic.Not)
