"""Every mutant of every rewrite rule -> whether the examples of the rule notice.

An example of a rule is an expression to which it applies, and what it becomes, or one to which it does not, by a hair.
Both sides are evaluated in 50 digits.
"""

from __future__ import annotations

# ruff: noqa: E501  a table, one line an example
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
from mpmath import mp

from symgrad import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph, Node, Op, reachable
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.leaf import Input
from symgrad.ops.logic import less, less_equal, negation
from symgrad.ops.rounding import Max, Step
from symgrad.ops.select import guarded
from symgrad.ops.stable import Sigmoid, relu, sigmoid
from symgrad.simplify import FORM, MODULES, STABLE, Rule, simplify
from tests.array_rules import ARRAY_EXAMPLES, SHAPES, Arrays, values_in_mpmath
from tests.mutation.mutants import Mutant, mutants

x, y, z = symbols = sp.symbols("x y z", real=True)
Build = Callable[[Graph], Node]


def _of(expression: sp.Expr) -> Build:
    return lambda graph: from_sympy(graph, expression)


def _slope(expression: sp.Expr, by: sp.Symbol = x) -> Build:
    def build(graph: Graph) -> Node:
        target = from_sympy(graph, expression)
        return build_grad(target, [graph.add(Input(by))])[0]

    return build


def _log(e: Any) -> sp.Expr:
    return sp.log(e, evaluate=False)


def _sqrt(e: Any) -> sp.Expr:
    return sp.Pow(e, sp.S.Half, evaluate=False)


def _complemented(graph: Graph) -> Node:
    u = graph.add(Input(x))
    return graph.add(Exp(), u) * graph.add(Sigmoid(True), u)


def _switched(condition: Callable[..., Node], value: Callable[..., Node]) -> Build:
    """What is 0 unless the condition of x and y holds, and else the value of x, y, z."""

    def build(graph: Graph) -> Node:
        a, b, c = (graph.add(Input(s)) for s in symbols)
        return guarded(condition(a, b), value(a, b, c))

    return build


def _step(a: Node, b: Node) -> Node:
    return a.graph.add(Step(), a, b)


def _on_arrays(build: Callable[[Arrays], Node]) -> Build:
    return lambda graph: build(Arrays(graph))


e = sp.exp
# rule: ([(before, the words of the graph after that must be there)], [what it must leave alone])
EXAMPLES: dict[str, tuple[list[tuple[Build, str]], list[Build]]] = {
    "log-of-exp": ([(_of(_log(sp.exp(x * y, evaluate=False))), "product")], [_of(_log(sp.cosh(x)))]),
    "log-of-root": (
        [(_of(_log(_sqrt(x))), "log"), (_of(_log(sp.Pow(x, sp.Rational(-2, 3), evaluate=False))), "log")],
        [_of(_log(x**2)), _of(_log(x**-3)), _of(_log(sp.cosh(x)))],
    ),
    "log-of-sum-of-exp": (
        [
            (_of(_log(e(x) + e(y))), "logsumexp"),
            (_of(_log(e(x) + 3 * e(y) + e(z))), "logsumexp"),
            (_of(_log(1 + e(x))), "softplus"),
            (_of(_log(2 + e(x))), "logsumexp"),
            (_of(_log(1 + 2 * e(x))), "softplus"),
            (_of(_log(1 + e(x) + e(y))), "logsumexp"),
            (_of(_log(sp.Rational(1, 2) + e(x) / 3)), "logsumexp"),
        ],
        [_of(_log(e(x) - e(y) / 99)), _of(_log(e(x) + e(y) + z)), _of(_log(2 * e(x))), _of(_log(e(x) + e(y) - 1)), _of(_log(x + 1))],
    ),
    "log-of-sigmoid": (
        [
            (_of(_log(sigmoid(x))), "softplus"),
            (_of(_log(sigmoid(x - y))), "softplus"),
            (lambda graph: graph.add(Log(), graph.add(Sigmoid(True), graph.add(Input(x)))), "softplus"),
        ],
        [_of(_log(sp.cosh(x)))],
    ),
    "log-of-cosh": ([(_of(_log(sp.cosh(x))), "logcosh")], [_of(_log(sp.sinh(x)))]),
    "log-of-one-plus": (
        [(_of(_log(1 + x)), "log1p"), (_of(_log(1 + 2 * x + y)), "log1p")],
        [_of(_log(2 + x)), _of(_log(x)), _of(_log(x + y))],
    ),
    "exp-minus-one": (
        [
            (_of(e(x) - 1), "expm1"),
            (_of(2 - 2 * e(x)), "expm1"),
            (_of(1 - e(x)), "expm1"),
            (_of(e(x) - 1 + y), "expm1"),
            (_of(3 * y + 5 * e(x) - 5 + e(y)), "expm1"),
        ],
        [_of(e(x) - 2), _of(e(x) + 1), _of(e(x) + y), _of(sp.cosh(x) - 1)],
    ),
    "one-minus-sigmoid": (
        [(_of(1 - sigmoid(x)), "1-sigmoid"), (_of(sigmoid(x) - 1), "1-sigmoid"), (_of(y - 3 * sigmoid(x) + 3), "1-sigmoid")],
        [_of(2 - sigmoid(x)), _of(1 + sigmoid(x)), _of(y - sigmoid(x)), _of(1 - sp.cosh(x))],
    ),
    "one-minus-tanh-squared": (
        [(_of(1 - sp.tanh(x) ** 2), "1-tanh^2"), (_of(2 * sp.tanh(x) ** 2 - 2), "1-tanh^2"), (_of(y - 3 * sp.tanh(x) ** 2 + 3), "1-tanh^2")],
        [_of(2 - sp.tanh(x) ** 2), _of(1 + sp.tanh(x) ** 2), _of(y - sp.tanh(x) ** 2), _of(1 - sp.tanh(x)), _of(1 - sp.tanh(x) ** 3), _of(1 - sp.cosh(x) ** 2)],
    ),
    "reciprocal-of-one-plus-exp": (
        [
            (_of(1 / (1 + e(x))), "sigmoid"),
            (_of(1 / (1 + e(-x - y))), "sigmoid"),
            (_of((1 + e(x)) ** -2), "sigmoid"),
            (_of(1 / _sqrt(1 + e(x))), "sigmoid"),
        ],
        [_of((1 + e(x)) ** 2), _of(_sqrt(1 + e(x))), _of(1 / (2 + e(x))), _of(1 / (1 + 2 * e(x))), _of(1 / (1 + e(x) + y)), _of(1 / (1 + sp.cosh(x)))],
    ),
    "exp-times-sigmoid": (
        [(_of(e(x) * sigmoid(-x)), "sigmoid"), (_complemented, "sigmoid"), (_of(e(x) * sigmoid(-x) ** 3), "power[2]"), (_of(e(x) * sigmoid(-x) ** 2 * y), "sigmoid"), (_of(e(x) * y * sigmoid(-x)), "sigmoid"), (_of(e(x - y) * sigmoid(y - x)), "sigmoid")],
        [_of(e(x) * sigmoid(x)), _of(e(x) * sigmoid(-y)), _of(sp.cosh(x) * sigmoid(-x)), _of(e(x) / sigmoid(-x)), _of(e(x) * _sqrt(sigmoid(-x)))],
    ),
    "softmax": (
        [
            (_of(e(x) / (e(x) + e(y))), "sigmoid"),
            (_of(e(y) / (e(x) + e(y))), "sigmoid"),
            (_of(e(x) * z / (e(x) + e(y) + e(z))), "logsumexp"),
            (_of(e(x) / (e(x) + 3 * e(y))), "sigmoid"),
            (_of(e(x) / (2 * e(x) + e(y))), "logsumexp"),
            (_of(e(x) / (2 + e(x))), "sigmoid"),
        ],
        [_of(e(x) * (e(x) + e(y))), _of(e(x) / (e(x) - e(y) / 9)), _of(sp.cosh(x) / (e(x) + e(y))), _of(e(x) / (e(x) + e(y)) ** 2)],
    ),
    "x-times-log": (
        [(_of(x * sp.log(x)), "xlogx"), (_of(x**3 * sp.log(x)), "xlogx"), (_of(x**2 * sp.log(x)), "xlogx"), (_of(x * y * sp.log(x)), "xlogx")],
        [_of(y * sp.log(x)), _of(_sqrt(x) * sp.log(x)), _of(sp.log(x) / x), _of(x * sp.sin(x))],
    ),
    "root-of-even-power": (
        [(_of(_sqrt(sp.Pow(x, 2))), "abs"), (_of(sp.Pow(x**4, sp.Rational(3, 4), evaluate=False)), "abs"), (_of(sp.Pow(x**2, sp.Rational(-1, 2), evaluate=False)), "abs")],
        [_of(_sqrt(x**3)), _of(sp.Pow(x**2, 3, evaluate=False)), _of(_sqrt(_sqrt(x))), _of(_sqrt(sp.cosh(x)))],
    ),
    "root-of-sum-of-squares": (
        [
            (_of(_sqrt(x**2 + y**2)), "hypot"),
            (_of(_sqrt(x**2 + y**2 + z**2)), "norm"),
            (_of(_sqrt(2 * x**2 + y**2)), "norm["),
            (_of(_sqrt(x**2 + 3 * y**2 + z**2 / 2)), "norm["),
        ],
        [
            _of(1 / _sqrt(x**2 + y**2)), _of(_sqrt(x**2 + y**2 + 1)), _of(_sqrt(x**2 - y**2 / 99)), _of(_sqrt(x**2 + y**4)),
            _of(_sqrt(2 * x**2)), _of(_sqrt(x**2 + sp.cosh(y))), _of((x**2 + y**2) ** 2),
        ],
    ),
    "direction": (
        [(_of(x / _sqrt(x**2 + y**2)), "filled"), (_of(z * x / _sqrt(x**2 + y**2 + z**2)), "filled"), (_of(x / _sqrt(2 * x**2 + y**2)), "filled")],
        [_of(z / _sqrt(x**2 + y**2)), _of(x * _sqrt(x**2 + y**2)), _of(x * (x**2 + y**2) ** -1), _of(x / _sqrt(x**2 + y**2 + 1))],
    ),
    "unguard": (
        [(_slope(sp.Max(x, y) * z), "step"), (_slope(sp.Max(x, y) ** 2 + x * y), "step"), (_slope(relu(x - y) ** 2 * sp.sin(z)), "step")],
        [_slope(sp.Max(sp.sqrt(x), y)), _slope(sp.Piecewise((x**2, x > y), (y, True))), _slope(sp.Piecewise((x**2, x >= y), (y, True))), _of(sp.Piecewise((x, x > y), (y, True))),
            _switched(lambda a, b: negation(less(a, b)), lambda a, b, c: c),
            _switched(lambda a, b: negation(less(a, b)), lambda a, b, c: _step(a, c) * c),
            _switched(lambda a, b: negation(less(a, b)), lambda a, b, c: a.graph.add(Max(), a, b) * c),
            _switched(lambda a, b: negation(less_equal(a, b)), lambda a, b, c: _step(a, b) * c),
        ],
    ),
}  # fmt: skip
for _rule, (_fires, _misses) in ARRAY_EXAMPLES.items():
    _applies, _leaves = EXAMPLES.setdefault(_rule, ([], []))
    _applies += [(_on_arrays(build), word) for build, word in _fires]
    _leaves += [_on_arrays(build) for build in _misses]

# Mutants that are the same function: reason -> (function, words) of each.
REASONS: dict[str, list[tuple[str, str]]] = {
    "what is common to all is in each": [
        ("common-scalar", "constant + 1: 0 @ common = [x for x, _ in parts[0] if all(((x, ()) i"),
        ("common-scalar", "constant - 1: 0 @ common = [x for x, _ in parts[0] if all(((x, ()) i"),
    ],
    "all are the same view": [
        ("function-of-view", "constant - 1: 0 @ op = arrays[0].op"),
        ("function-of-view", "constant - 1: 0 @ shape = arrays[0].inputs[0].type.shape"),
        ("function-of-view", "constant - 1: 0 @ inputs = [constant(x.graph, x.op.value, shape) if "),
        ("function-of-view", "constant - 1: 0 @ if not isinstance(op, Contract) or not op.is_view "),
        ("function-of-view", "constant - 1: 0 @ return contract(node.graph, [(node.op.apply(*input"),
    ],
    "the matrix is square": [
        ("inverse-cancels", "constant + 1: 0 @ return recontracted(node, [(identity(node.graph, x"),
        ("inverse-cancels", "constant - 1: 0 @ return recontracted(node, [(identity(node.graph, x"),
        ("logdet-of-simpler", "constant + 1: 0 @ size = extent(node.graph, x.type.shape[0])"),
        ("logdet-of-simpler", "constant - 1: 0 @ size = extent(node.graph, x.type.shape[0])"),
    ],
    "both factors of a square are the same": [
        ("direction-over-axes", "constant + 1: 0 @ if norm is not None and any((x is squares.inputs[0"),
        ("direction-over-axes", "constant - 1: 0 @ if norm is not None and any((x is squares.inputs[0"),
    ],
    "a sum has no coefficient 0": [
        ("log-of-exp-over-axes", "relation: c <= 0 @ if c <= 0:"),
        ("log-of-exp-over-axes", "constant - 1: 0 @ if c <= 0:"),
        ("root-of-squares-over-axes", "relation: c <= 0 @ if norm is None or c <= 0:"),
        ("content", "relation: d > 0 @ signs = [(1 if d > 0 else -1, t) for d, t in zip(x"),
    ],
    "the root of 1 is 1; the other form only saves operations": [
        ("root-of-squares-over-axes", "constant + 1: 1 @ return norm if c == 1 else norm * norm.like(c) ** "),
        ("root-of-squares-over-axes", "constant - 1: 1 @ return norm if c == 1 else norm * norm.like(c) ** "),
    ],
    "without a norm the product is None, or there is none": [
        ("root-of-squares-over-axes", "condition 0 dropped: norm is None or c <= 0 @ if norm is None or c <= 0:"),
    ],
    "the inputs are one, so the last is the first": [
        ("log-of-exp-over-axes", "constant - 1: 0 @ return x.inputs[0] + log(x.like(c)) if c != 1 else"),
        ("log-of-exp-over-axes", "constant - 1: 0 @ return arithmetic['sum']([(1, log(weight)), *[(1, "),
        ("exp-of-log-softmax", "constant - 1: 0 @ whole = other.inputs[0] if other.inputs else other"),
        ("root-of-squares-over-axes", "constant - 1: 0 @ c, squares = scale_of(node.inputs[0])"),
        ("log-of-exp", "constant - 1: 0 @ return x.inputs[0] if isinstance(x.op, Exp) else N"),
        ("log-of-root", "constant - 1: 0 @ return x.op.exponent * log(x.inputs[0])"),
        ("reciprocal-of-one-plus-exp", "constant - 1: 0 @ return node.graph.add(Sigmoid(), negated(e.inputs["),
        ("exp-times-sigmoid", "constant - 1: 0 @ if (s.inputs[0] if s.op.complement else negated(s."),
        ("direction", "constant - 1: 0 @ norm = norm_of(r.inputs[0])"),
        ("softmax", "constant - 1: 0 @ exponents = exponents_of(r.inputs[0])"),
    ],
    "a sum of nothing but 1 is no Add": [
        ("log-of-one-plus", "condition 1 dropped: number != 1 or not terms @ if number != 1 or not terms:"),
    ],
    "no term of a sum has the coefficient 0": [
        (
            "exp-minus-one",
            "condition 0 dropped: number != 0 and c == -number and isinstance(x.op, Exp) @ if number != 0 and c == -number and isinstance(x.o",
        ),
        (
            "one-minus-sigmoid",
            "condition 0 dropped: number != 0 and c == -number and isinstance(x.op, Sigmoid) @ if number != 0 and c == -number and isinstance(x.o",
        ),
    ],
    "no Power has the exponent 0": [
        ("reciprocal-of-one-plus-exp", "relation: p >= 0 @ if p >= 0 or number != 1 or len(terms) != 1:"),
    ],
    "of two, index i - 1 is the other one, as 1 - i is": [
        (
            "inverse-of-product-cancels",
            "operands swapped: 1 - a_turned @ found, ends = (_turned(b, b_turned), (row, others[",
        ),
        (
            "inverse-of-product-cancels",
            "operands swapped: 1 - b_turned @ if x is b and others[1 - b_turned] == row and _onl",
        ),
        ("softmax", "operands swapped: 1 - exponents.index(u) @ entry = node.graph.add(Sigmoid(), u - exponents[1 "),
    ],
    "a fraction is not 0 modulo 2": [
        (
            "root-of-even-power",
            "condition 1 dropped: Fraction(p).denominator == 1 or not isinstance(inner, int) or inner %  @ if Fraction(p).denominator == 1 or not isinstance(",
        ),
    ],
    "a step has real inputs, a connective has truth values: they are never the same": [
        (
            "unguard",
            "condition 0 dropped: not isinstance(less.op, Relation) or less.op.symbol != '<' @ if not isinstance(less.op, Relation) or less.op.sy",
        ),
    ],
    "x**0 is 1, and a product drops it": [
        ("exp-times-sigmoid", "constant - 1: 1 @ return replaced(rest if p == 1 else [*rest, s ** ("),
        ("x-times-log", "constant - 1: 1 @ return replaced(rest if p == 1 else [*rest, x ** ("),
    ],
}
EQUIVALENT = {mutant for same in REASONS.values() for mutant in same}


def rule_functions() -> dict[str, Callable[..., Any]]:
    """The function of each rule, by the rule's name."""
    known = {name: f for module in MODULES for name, f in vars(module).items()}
    return {r.name: known[r.name.replace("-", "_")] for r in [*STABLE, *FORM]}


def wrong(rule: Rule) -> list[str]:
    """What the examples of a rule say against it; nothing for a right one."""
    found: list[str] = []
    applies, leaves = EXAMPLES[rule.name]
    with mp.workdps(50):
        for build, word in applies:
            found += _wrong(rule, build, word)
        for build in leaves:
            found += _wrong(rule, build, None)
    return found


def _wrong(rule: Rule, build: Build, word: str | None) -> list[str]:
    graph = Graph()
    before = build(graph)
    after, applied, _ = simplify([before], [rule])
    text = " ".join(node.op.label() for node in reachable(after))
    if (applied[rule.name] > 0) != (word is not None):
        return [f"{rule.name}: applied {applied[rule.name]} times to {before}"]
    if word is not None and word not in text:
        return [f"{rule.name}: no {word} in {text}"]
    draw = random.Random(rule.name)
    inputs = [node for node in reachable([before, *after]) if isinstance(node.op, Input)]
    if {node.op.label() for node in inputs} <= set(SHAPES):
        points = [values_in_mpmath(graph, 1)]
    else:
        points = [{node: mp.mpf(draw.uniform(0.3, 2)) for node in inputs} for _ in range(3)]
    found = []
    for point in points:
        a, b = map(np.asarray, evaluate([before, *after], point, mp))
        if a.shape != b.shape or not all(map(_near, a.flat, b.flat)):
            found.append(f"{rule.name}: {a} became {b}")
    return found


def _near(a: Any, b: Any) -> bool:
    return a == b or abs(a - b) <= 1e-30 * max(1, abs(a)) or (mp.isnan(a) and mp.isnan(b))


def applied_anywhere(rule: Rule) -> dict[str, int]:
    """How often a rule holds in the examples of all."""
    builds = [build for applies, leaves in EXAMPLES.values() for build in [*(b for b, _ in applies), *leaves]]
    return dict(sum((simplify([build(Graph())], [rule]).applied for build in builds), Counter[str]()))


def survivors(name: str) -> Iterator[Mutant]:
    """The mutants of a rule that its examples do not notice."""
    rule = next(r for r in [*STABLE, *FORM] if r.name == name)
    for mutant in mutants(rule_functions()[name]):
        wants_readers = mutant.function.__code__.co_argcount == 2
        apply = mutant.function if wants_readers else lambda node, readers, f=mutant.function: f(node)
        if not _noticed([replace(rule, apply=_limited(apply), over=(Op,))]):  # what it says, not where it is tried
            yield mutant


def _limited(apply: Callable[..., Any], most: int = 2_000) -> Callable[..., Any]:
    """The same, but an error after so many calls: a mutant may rewrite its own result for ever."""
    calls = [0]

    def limited(node: Node, readers: Counter[Node]) -> Any:
        calls[0] += 1
        if calls[0] > most:
            raise RecursionError("no end of rewriting")
        return apply(node, readers)

    return limited


def _noticed(rules: list[Rule]) -> bool:
    try:
        return any(map(wrong, rules))
    except Exception:  # noqa: BLE001  a mutant that raises is noticed
        return True
