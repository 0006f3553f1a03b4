"""Nodes -> equal nodes in better form, by a table of named rules.

A rule says before => after, and when it holds. Two sets: what stability needs runs before and after build_grad; what
only shapes the form runs after it. "Exact" means: the same real number wherever the left side is defined. None of the
rules is `x/x => 1` or `0*x => 0`.

Each pass is one forward sweep: a node's inputs are in their final form when the node is reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from symgrad.graph import Node, Op, arithmetic, reachable
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.exponential import Exp, Expm1, Log, Log1p, XLogX, log
from symgrad.ops.hyperbolic import Cosh, LogCosh
from symgrad.ops.leaf import exact_value
from symgrad.ops.logic import Not, Relation
from symgrad.ops.rounding import Abs, Step
from symgrad.ops.select import Select, guard_of
from symgrad.ops.stable import FilledReciprocal, Hypot, LogSumExp, Norm, Sigmoid, Softplus


@dataclass(frozen=True)
class Rule:
    """before => after, tried on nodes of one operation; `apply` gives None where it does not hold."""

    name: str
    formula: str
    condition: str
    head: type[Op]
    apply: Callable[[Node, set[Node]], Node | None]


class Simplified(NamedTuple):
    outputs: list[Node]
    applied: Counter[str]


STABLE: list[Rule] = []
FORM: list[Rule] = []


def simplify(outputs: Sequence[Node], rules: Iterable[Rule], normal: Iterable[Node] = ()) -> Simplified:
    """The outputs in the form that the rules give, and how often each rule was applied.

    Nodes in `normal` are known to be in form already, with all below them: they are kept as they are.
    """
    table: dict[type[Op], list[Rule]] = {}
    for rule in rules:
        table.setdefault(rule.head, []).append(rule)
    applied: Counter[str] = Counter()
    new: dict[Node, Node] = {}
    finite: set[Node] = set()
    kept = set(normal)
    for node in reachable(outputs):
        if node in kept:
            new[node] = node
            if _is_finite(node, finite):
                finite.add(node)
            continue
        inputs = [new[x] for x in node.inputs]
        result = node if all(a is b for a, b in zip(inputs, node.inputs, strict=True)) else node.op.apply(*inputs)
        result = new[node] = _rewritten(result, table, finite, applied)
        if _is_finite(result, finite):
            finite.add(result)
    return Simplified([new[node] for node in outputs], applied)


def _rewritten(node: Node, table: dict[type[Op], list[Rule]], finite: set[Node], applied: Counter[str]) -> Node:
    """The node after its rules, until none holds; each makes it smaller or changes its operation, so this ends."""
    rules = table.get(type(node.op))
    while rules:
        for rule in rules:
            result = rule.apply(node, finite)
            if result is not None and result is not node:
                applied[rule.name] += 1
                node = result
                break
        else:
            break
        rules = table.get(type(node.op))
    return node


def _is_finite(node: Node, finite: set[Node]) -> bool:
    """Is the value finite for finite inputs, short of overflow? Only what is surely so."""
    if isinstance(node.op, Power):
        whole = isinstance(node.op.exponent, int) and node.op.exponent > 0
        return whole and node.inputs[0] in finite
    return node.op.finite and all(x in finite for x in node.inputs if x.type.dtype != "b1")


def _rule(
    into: list[Rule], head: type[Op], formula: str, condition: str = "exact"
) -> Callable[..., Callable[..., Node | None]]:
    """Enters a function into a table, under its name."""

    def enter(function: Callable[..., Node | None]) -> Callable[..., Node | None]:
        name = function.__name__.strip("_").replace("_", "-")
        wants_finite = function.__code__.co_argcount == 2
        apply = function if wants_finite else lambda node, finite: function(node)
        into.append(Rule(name, formula, condition, head, apply))
        return function

    return enter


class Terms(NamedTuple):
    """A sum, apart: its exact constant and (coefficient, node) for the rest."""

    number: int | Fraction | float
    terms: list[tuple[int | Fraction | float, Node]]


def _terms(node: Node) -> Terms:
    if not isinstance(node.op, Add):
        return Terms(0, [(1, node)])
    if len(node.inputs) == 1:  # in normal form it is no number
        return Terms(0, [(node.op.coefficients[0], node.inputs[0])])
    number: int | Fraction | float = 0
    terms = []
    for c, x in zip(node.op.coefficients, node.inputs, strict=True):
        value = exact_value(x)
        if value is None:
            terms.append((c, x))
        else:
            number += c * value
    return Terms(number, terms)


def _sum(terms: Sequence[tuple[int | Fraction | float, Node]], number: int | Fraction | float, like: Node) -> Node:
    return arithmetic["sum"]([*terms, (1, like.like(number))])


def _without(factors: Sequence[Node], *gone: Node) -> list[Node]:
    left = list(factors)
    for x in gone:
        left.remove(x)
    return left


# -- stability: logarithms and exponentials ---------------------------------------------------------------------------


@_rule(STABLE, Log, "log(exp(u)) => u")
def log_of_exp(node: Node) -> Node | None:
    (x,) = node.inputs
    return x.inputs[0] if isinstance(x.op, Exp) else None


@_rule(STABLE, Log, "log(x**p) => p*log(x)", "exact; p not an integer, so that x >= 0 on both sides")
def log_of_root(node: Node) -> Node | None:
    (x,) = node.inputs
    if isinstance(x.op, Power) and Fraction(x.op.exponent).denominator != 1:
        return x.op.exponent * log(x.inputs[0])
    return None


@_rule(
    STABLE,
    Log,
    "log(sum c_i exp(u_i)) => logsumexp(u_i + log c_i); log(1 + exp(u)) => softplus(u)",
    "exact; all c_i > 0",
)
def log_of_sum_of_exp(node: Node) -> Node | None:
    (x,) = node.inputs
    exponents = _exponents(x)
    return None if exponents is None else _logsumexp(exponents)


def _exponents(x: Node) -> list[Node] | None:
    """[u_i + log c_i] if x is a sum of c_i exp(u_i), and constants, with positive coefficients."""
    if not isinstance(x.op, Add) or len(x.inputs) < 2:
        return None
    number, terms = _terms(x)
    if number < 0 or not all(c > 0 and isinstance(t.op, Exp) for c, t in terms):
        return None
    found = [t.inputs[0] if c == 1 else t.inputs[0] + log(x.like(c)) for c, t in terms]
    if number != 0:
        found.append(x.like(0) if number == 1 else log(x.like(number)))
    return found


def _logsumexp(exponents: list[Node]) -> Node:
    graph = exponents[0].graph
    if len(exponents) == 2 and exact_value(exponents[1]) == 0:
        return graph.add(Softplus(), exponents[0])
    return graph.add(LogSumExp(), *exponents)


@_rule(STABLE, Log, "log(sigmoid(u)) => -softplus(-u); log(1 - sigmoid(u)) => -softplus(u)")
def log_of_sigmoid(node: Node) -> Node | None:
    (x,) = node.inputs
    if not isinstance(x.op, Sigmoid):
        return None
    (u,) = x.inputs
    return -node.graph.add(Softplus(), u if x.op.complement else _negated(u))


@_rule(STABLE, Log, "log(cosh(u)) => logcosh(u), which does not overflow")
def log_of_cosh(node: Node) -> Node | None:
    (x,) = node.inputs
    return node.graph.add(LogCosh(), *x.inputs) if isinstance(x.op, Cosh) else None


@_rule(STABLE, Log, "log(1 + u) => log1p(u)")
def log_of_one_plus(node: Node) -> Node | None:
    (x,) = node.inputs
    number, terms = _terms(x)
    if number != 1 or not terms:
        return None
    return node.graph.add(Log1p(), arithmetic["sum"](terms))


@_rule(STABLE, Add, "c*exp(u) - c => c*expm1(u)")
def exp_minus_one(node: Node) -> Node | None:
    number, terms = _terms(node)
    for c, x in terms:
        if number != 0 and c == -number and isinstance(x.op, Exp):
            rest = [(k, t) for k, t in terms if t is not x]
            return _sum([*rest, (c, node.graph.add(Expm1(), *x.inputs))], 0, node)
    return None


@_rule(STABLE, Add, "c - c*sigmoid(u) => c*(1 - sigmoid(u)) as one operation")
def one_minus_sigmoid(node: Node) -> Node | None:
    number, terms = _terms(node)
    for c, x in terms:
        if number != 0 and c == -number and isinstance(x.op, Sigmoid):
            rest = [(k, t) for k, t in terms if t is not x]
            return _sum([*rest, (number, node.graph.add(Sigmoid(not x.op.complement), *x.inputs))], 0, node)
    return None


@_rule(STABLE, Power, "1/(1 + exp(u)) => sigmoid(-u)", "exact; and so its powers")
def reciprocal_of_one_plus_exp(node: Node) -> Node | None:
    one_plus_exp, p = _base_and_exponent(node)
    number, terms = _terms(one_plus_exp)
    if p >= 0 or number != 1 or len(terms) != 1:
        return None
    ((c, e),) = terms
    if c != 1 or not isinstance(e.op, Exp):
        return None
    return node.graph.add(Sigmoid(), _negated(e.inputs[0])) ** -p


def _negated(u: Node) -> Node:
    """-u; a sum is negated term by term."""
    if isinstance(u.op, Add):
        return arithmetic["sum"]([(-c, x) for c, x in zip(u.op.coefficients, u.inputs, strict=True)])
    return -u


@_rule(STABLE, Product, "exp(u)*sigmoid(-u) => sigmoid(u)", "exact; and so for its powers from 1 up")
def exp_times_sigmoid(node: Node) -> Node | None:
    for e in node.inputs:
        if isinstance(e.op, Exp):
            (u,) = e.inputs
            for factor in node.inputs:
                s, p = _base_and_exponent(factor)
                if p < 1 or not isinstance(s.op, Sigmoid):
                    continue
                if (s.inputs[0] if s.op.complement else _negated(s.inputs[0])) is u:
                    rest = [*_without(node.inputs, e, factor), node.graph.add(Sigmoid(), u)]
                    return arithmetic["product"](rest if p == 1 else [*rest, s ** (p - 1)])
    return None


@_rule(
    STABLE,
    Product,
    "exp(u)/sum c_i exp(u_i) => exp(u - logsumexp(u_i + log c_i)); of two: sigmoid",
    "exact; all c_i > 0",
)
def softmax(node: Node) -> Node | None:
    for r in node.inputs:
        if isinstance(r.op, Power) and r.op.exponent == -1:
            exponents = _exponents(r.inputs[0])
            for e in node.inputs:
                if exponents is not None and isinstance(e.op, Exp):
                    (u,) = e.inputs
                    if len(exponents) == 2 and u in exponents:  # the difference of two carries no rounding of the sum
                        entry = node.graph.add(Sigmoid(), u - exponents[1 - exponents.index(u)])
                    else:
                        entry = node.graph.add(Exp(), u - _logsumexp(exponents))
                    return arithmetic["product"]([*_without(node.inputs, e, r), entry])
    return None


@_rule(STABLE, Product, "x*log(x) => xlogx(x)", "equal for x > 0; the removable point 0 is filled with 0")
def x_times_log(node: Node) -> Node | None:
    for logarithm in node.inputs:
        if not isinstance(logarithm.op, Log):
            continue
        (x,) = logarithm.inputs
        for factor in node.inputs:
            base, p = _base_and_exponent(factor)
            if base is x and p >= 1:
                rest = [*_without(node.inputs, logarithm, factor), node.graph.add(XLogX(), x)]
                return arithmetic["product"](rest if p == 1 else [*rest, x ** (p - 1)])
    return None


def _base_and_exponent(x: Node) -> tuple[Node, int | Fraction | float]:
    return (x.inputs[0], x.op.exponent) if isinstance(x.op, Power) else (x, 1)


# -- stability: roots of squares --------------------------------------------------------------------------------------


@_rule(STABLE, Power, "(x**(2k))**p => |x|**(2kp)", "exact for real x; p not an integer")
def root_of_even_power(node: Node) -> Node | None:
    power, p = _base_and_exponent(node)
    x, inner = _base_and_exponent(power)
    if Fraction(p).denominator == 1 or not isinstance(inner, int) or inner % 2:
        return None
    return node.graph.add(Abs(), x) ** (inner * p)


@_rule(STABLE, Power, "sqrt(w_1 x_1**2 + ...) => norm(x); of two: hypot", "exact; all w_i > 0, two terms or more")
def root_of_sum_of_squares(node: Node) -> Node | None:
    squares, p = _base_and_exponent(node)
    return _norm(squares) if p == Fraction(1, 2) else None


def _norm(x: Node) -> Node | None:
    """The norm whose square is x, if x is a sum of squares."""
    number, terms = _terms(x)
    if (
        number != 0
        or len(terms) < 2
        or not all(c > 0 and isinstance(t.op, Power) and t.op.exponent == 2 for c, t in terms)
    ):
        return None
    roots = [t.inputs[0] for _, t in terms]
    if len(terms) == 2 and all(c == 1 for c, _ in terms):
        return x.graph.add(Hypot(), *roots)
    return x.graph.add(Norm(tuple(c for c, _ in terms)), *roots)


@_rule(STABLE, Product, "x_i/sqrt(sum x_j**2) => x_i*(1/norm, 0 at 0)", "exact but at 0, which is filled with 0")
def direction(node: Node) -> Node | None:
    for r in node.inputs:
        if isinstance(r.op, Power) and r.op.exponent == Fraction(-1, 2):
            norm = _norm(r.inputs[0])
            if norm is not None and any(x in norm.inputs for x in node.inputs):
                inverse = node.graph.add(FilledReciprocal(), norm)
                return arithmetic["product"]([*_without(node.inputs, r), inverse])
    return None


# -- form -------------------------------------------------------------------------------------------------------------


@_rule(
    FORM, Select, "select(not a < b, Heaviside(a - b)*r, 0) => Heaviside(a - b)*r", "exact; r finite for finite inputs"
)
def unguard(node: Node, finite: set[Node]) -> Node | None:
    guard = guard_of(node)
    if guard is None or not isinstance(guard[0].op, Not):
        return None
    condition, value = guard
    (less,) = condition.inputs
    if not isinstance(less.op, Relation) or less.op.symbol != "<":
        return None
    for _, term in _terms(value).terms:
        factors = term.inputs if isinstance(term.op, Product) else (term,)
        steps = [x for x in factors if isinstance(x.op, Step) and x.inputs == less.inputs]
        if not steps or not all(x in finite for x in factors):
            return None
    return value
