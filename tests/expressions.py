"""Random scalar SymPy expressions with a point at which every operation is inside its domain.

The point is drawn first, and each new operation is chosen for the values that its arguments have there: so every
function of the vocabulary appears, deep down too, without wrappers that keep it safe. The vocabulary is the table of
operations: a new one is drawn as soon as it exists.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import mpmath
import sympy as sp
from mpmath import mp
from sympy.codegen.numpy_nodes import logaddexp

from symgrad import ops  # noqa: F401  importing the operations fills their table
from symgrad.ops.elementwise import OPERATIONS
from symgrad.ops.special import Bessel
from tests.oracles import children_first, mpmath_function, real

LARGEST = 50.0  # values above are not used further: exponentials of exponentials test overflow, not rules
GAP = 1e-2  # how far off a kink or the end of a branch a point stays, unless it is on it
SMALL = 6  # objects of a SymPy expression up to which SymPy's own evaluation is let loose on what is built of it
SHARED = 1 / 3  # the share of arguments that are in use already

ANALYTIC = {
    *(sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh),
    *(sp.asin, sp.acos, sp.atan, sp.asinh, sp.acosh, sp.atanh),
}
JUMPS = (sp.floor, sp.ceiling, sp.frac, sp.sign, sp.Heaviside, sp.Mod)
UNWANTED = (type(sp.I), type(sp.nan), type(sp.zoo), type(sp.oo), type(-sp.oo), sp.Derivative, sp.zeta)
Interval = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """An expression, its symbols, a point, and, if the point is on a kink, which."""

    expression: sp.Expr
    symbols: tuple[sp.Symbol, ...]
    point: tuple[float, ...]
    kink: str = ""

    @property
    def analytic(self) -> bool:
        """Can the complex step go through? Only functions that NumPy knows on complex numbers, and not at 0, where
        that of a root of a square takes one side."""
        kinds = (sp.Function, sp.Add, sp.Mul, sp.Pow, sp.Piecewise)
        return all(self.point) and all(
            e.func in ANALYTIC for e in children_first(self.expression) if isinstance(e, kinds)
        )

    def __str__(self) -> str:
        at = ", ".join(f"{s} = {v!r}" for s, v in zip(self.symbols, self.point, strict=True))
        return f"{sp.srepr(self.expression) if len(str(self.expression)) < 30 else self.expression} at {at}"


@dataclass
class Pool:
    """The values so far. `used` counts how often each was taken as an argument."""

    draw: random.Random
    exact: bool = False
    entries: list[tuple[Any, Any]] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    known: set[Any] = field(default_factory=set)

    def add(self, expression: Any, value: Any) -> bool:
        """Takes a new value in, unless it is unusable or there already."""
        if not usable(value) or expression in self.known:
            return False
        self.known.add(expression)
        self.entries.append((expression, value))
        self.used.append(0)
        return True

    def take(self) -> tuple[Any, Any]:
        """An argument: one that is in use already in a third of the cases, else the newest of those that are not."""
        fresh = [i for i, n in enumerate(self.used) if n == 0]
        shared = [i for i, n in enumerate(self.used) if n > 0]
        if fresh and (not shared or self.draw.random() > SHARED):
            i = fresh[-1] if self.draw.random() < 0.5 else self.draw.choice(fresh)
        else:
            i = self.draw.choice(shared)
        self.used[i] += 1
        return self.entries[i]


def holds_any(expression: Any, *kinds: type) -> bool:
    """Is there such a part? Each shared part is looked at once: `has` walks the tree, which may be too large."""
    return any(isinstance(e, kinds) for e in children_first(expression))


def usable(value: Any) -> bool:
    """Finite, of moderate size, not so near 0 that everything is lost in it."""
    return isinstance(value, mpmath.mpf) and bool(mp.isfinite(value)) and 1e-4 < abs(value) < LARGEST


def random_case(
    draw: random.Random,
    *,
    size: tuple[int, int] = (3, 60),
    smooth: bool = False,
    kinked: bool = False,
    exact: bool = False,
) -> Case:
    """An expression of 1 to 6 inputs. `smooth`: no kinks anywhere; `kinked`: the point is on one, of a stated choice;
    `exact`: no floats, which SymPy would round when it collects them."""
    return random_vector(draw, 1, size=size, smooth=smooth, kinked=kinked, exact=exact)[0]


def random_vector(
    draw: random.Random,
    outputs: int,
    *,
    size: tuple[int, int] = (3, 60),
    smooth: bool = False,
    kinked: bool = False,
    exact: bool = False,
) -> list[Case]:
    """Several expressions of the same symbols at the same point, which share their parts."""
    with mp.workdps(30):
        while True:
            cases = _attempt(draw, outputs, size, smooth, kinked, exact)
            if cases is not None:
                return cases


def _attempt(
    draw: random.Random, outputs: int, size: tuple[int, int], smooth: bool, kinked: bool, exact: bool
) -> list[Case] | None:
    count = draw.randint(1, 6)
    real_symbols = {"real": True} if draw.random() < 0.75 else {}
    symbols = tuple(sp.Symbol(f"x{i}", **real_symbols) for i in range(count))
    point = [draw.choice([-1, 1]) * draw.uniform(0.2, 2.5) for _ in symbols]
    pool = Pool(draw, exact)
    kink = ""
    if kinked:
        kink, expression, value = _on_a_kink(draw, symbols, point)
    for symbol, at in zip(symbols, point, strict=True):
        pool.add(symbol, mp.mpf(at))
    if (kinked and not pool.add(expression + 1, value + 1)) or not pool.entries:
        return None
    nodes = draw.randint(*size)
    makers = _makers(smooth or kinked)
    for _ in range(4 * nodes):
        if len(pool.entries) >= nodes:
            break
        make = draw.choices([m for m, _ in makers], [w for _, w in makers])[0]
        made = make(draw, pool)
        if made is not None:
            pool.add(*made)
    loose = [e for (e, _), n in zip(pool.entries, pool.used, strict=True) if n == 0]
    if not loose or len(pool.entries) < 2:
        return None
    totals = [apply(sp.Add, *[times(draw.choice([1, -1, 2, sp.Rational(1, 3)]), e) for e in loose])]
    totals += [draw.choice(pool.entries)[0] for _ in range(outputs - 1)]
    if not holds_any(totals[0], sp.Symbol) or any(holds_any(t, *UNWANTED) for t in totals):
        return None
    return [Case(total, symbols, tuple(point), kink) for total in totals]


# -- one function for each way to make a new value from the pool ------------------------------------------------------

Maker = Callable[[random.Random, Pool], Any]


def _makers(smooth: bool) -> list[tuple[Maker, float]]:
    makers: list[tuple[Maker, float]] = [
        (_sum, 4), (_product, 4), (_quotient, 1.5), (_integer_power, 1.5), (_root, 1), (_general_power, 0.7),
    ]  # fmt: skip
    makers.append((_function(smooth), 8))
    return makers if smooth else [*makers, (_piecewise, 1), (_extremum, 0.7)]


def _coefficient(draw: random.Random, pool: Pool) -> Any:
    numbers = [sp.Integer(draw.randint(1, 5)), sp.Rational(draw.randint(1, 9), 4), sp.pi]
    return draw.choice(numbers if pool.exact else [*numbers, sp.Float(draw.uniform(0.1, 3))])


def _sum(draw: random.Random, pool: Pool) -> Any:
    terms = [pool.take() for _ in range(draw.randint(2, 4))]
    weights = [draw.choice([1, 1, -1, _coefficient(draw, pool)]) for _ in terms]
    number = [_coefficient(draw, pool)] if draw.random() < 0.3 else []
    expression = apply(sp.Add, *[times(w, e) for w, (e, _) in zip(weights, terms, strict=True)], *number)
    return expression, mp.fsum([*(_mp(w) * v for w, (_, v) in zip(weights, terms, strict=True)), *map(_mp, number)])


def _product(draw: random.Random, pool: Pool) -> Any:
    factors = [pool.take() for _ in range(draw.randint(2, 3))]
    value = mp.mpf(1)
    for _, v in factors:
        value *= v
    return apply(sp.Mul, *[e for e, _ in factors]), value


def _quotient(draw: random.Random, pool: Pool) -> Any:
    (a, x), (b, y) = pool.take(), pool.take()
    return (apply(sp.Mul, a, apply(sp.Pow, b, sp.Integer(-1))), x / y) if abs(y) > 0.05 else None


def _integer_power(draw: random.Random, pool: Pool) -> Any:
    e, v = pool.take()
    n = draw.choice([2, 2, 3, 4, 5, -1, -2, -3])
    return (apply(sp.Pow, e, sp.Integer(n)), v**n) if abs(v) > 0.05 else None


def _root(draw: random.Random, pool: Pool) -> Any:
    e, v = _within(pool.take(), (0.1, 4.0), draw)
    fractions = [sp.Rational(*pq) for pq in ((1, 2), (-1, 2), (1, 3), (3, 2), (-5, 4))]
    p = draw.choice(fractions if pool.exact else [*fractions, sp.Float(0.7)])
    return apply(sp.Pow, e, p), mp.power(v, _mp(p))


def _general_power(draw: random.Random, pool: Pool) -> Any:
    e, v = _within(pool.take(), (0.2, 3.0), draw)
    p, q = pool.take()
    return (apply(sp.Pow, e, p), mp.power(v, q)) if abs(q) < 4 else None


def arguments_of(head: Any) -> tuple[Interval | str, ...]:
    """What a head takes: an interval for each argument, or "order" for a small integer."""
    domain = OPERATIONS[head].domain
    if head is sp.polygamma:
        return "order", domain[0]
    if issubclass(OPERATIONS[head], Bessel):
        return "order", domain[1]
    if head is sp.Heaviside:
        return (domain[0],)
    return domain[:2] if head is logaddexp else domain


def heads(smooth: bool) -> list[Any]:
    """The functions of the vocabulary, in the order of the table; Pow and the extrema have makers of their own."""
    without = {sp.Pow, sp.Max, sp.Min, *((*JUMPS, sp.Abs) if smooth else ())}
    return [h for h in OPERATIONS if h not in without and not (smooth and _has_kink(h))]


def _has_kink(head: Any) -> bool:
    return head.__name__ == "relu"


def _function(smooth: bool) -> Maker:
    vocabulary = heads(smooth)

    def make(draw: random.Random, pool: Pool) -> Any:
        head = draw.choice(vocabulary)
        arguments: list[tuple[Any, Any]] = []
        for wanted in arguments_of(head):
            if isinstance(wanted, str):
                n = draw.randint(0, 2)
                arguments.append((sp.Integer(n), n))
            else:
                arguments.append(_within(pool.take(), wanted, draw))
        values = [v for _, v in arguments]
        if _near_a_kink(head, values):
            return None
        value = real(mpmath_function(head, len(values))(*values))
        return apply(head, *[e for e, _ in arguments]), value

    return make


def apply(head: Any, *arguments: Any) -> Any:
    """The head on the arguments; evaluated by SymPy only if they are small: it asks the assumptions of all below."""
    small = all(map(_is_small, arguments))
    if head is logaddexp and not small:
        return bare(head, *arguments)  # it sorts its arguments, and asks the assumptions for that
    return head(*arguments) if small else head(*arguments, evaluate=False)


def _is_small(expression: Any) -> bool:
    """Has it fewer than SMALL distinct parts?"""
    seen: set[int] = set()
    stack = [expression]
    while stack and len(seen) < SMALL:
        e = stack.pop()
        if id(e) not in seen:
            seen.add(id(e))
            stack.extend(e.args)
    return len(seen) < SMALL


def _near_a_kink(head: Any, values: Sequence[Any]) -> bool:
    x = values[-1] if len(values) == 1 else values[0] / values[1] if head is sp.Mod else None
    if x is None:
        return False
    if head in (sp.Abs, sp.sign, sp.Heaviside, sp.acot, sp.acsch) or _has_kink(head):
        return bool(abs(x) < GAP)
    return head in JUMPS and bool(abs(x - mp.nint(x)) < GAP)


def _within(argument: tuple[Any, Any], interval: Interval, draw: random.Random) -> tuple[Any, Any]:
    """The argument, shifted by a short fraction into the interval if it is outside."""
    e, v = argument
    low, high = interval
    margin = 0.02 * (high - low)
    if low + margin < v < high - margin:
        return e, v
    shift = sp.Rational(round(64 * (draw.uniform(low + 2 * margin, high - 2 * margin) - float(v))), 64)
    return apply(sp.Add, e, shift), v + _mp(shift)


def bare(head: Any, *arguments: Any) -> Any:
    """The head on the arguments as they are, an object of its own."""
    if head in (sp.Add, sp.Mul):
        return head._from_args(arguments, is_commutative=True)
    if head is sp.Pow:
        return sp.Pow(*arguments, evaluate=False)
    return sp.Basic.__new__(head, *arguments)


def times(number: Any, expression: Any) -> Any:
    """A multiple, by a number."""
    return expression if number == 1 else apply(sp.Mul, sp.sympify(number), expression)


def _extremum(draw: random.Random, pool: Pool) -> Any:
    terms = [pool.take() for _ in range(draw.randint(2, 3))]
    values = sorted(v for _, v in terms)
    if any(b - a < GAP for a, b in pairwise(values)):
        return None
    head = draw.choice([sp.Max, sp.Min])
    # unevaluated: SymPy's own evaluation asks the assumptions of everything below
    return head(*[e for e, _ in terms], evaluate=False), values[-1] if head is sp.Max else values[0]


def _piecewise(draw: random.Random, pool: Pool) -> Any:
    pairs, taken = [], None
    for _ in range(draw.randint(1, 2)):
        condition, holds = _condition(draw, pool)
        if condition in (sp.true, sp.false):
            return None
        e, v = pool.take()
        if taken is None and holds:
            taken = v
        elif not holds and draw.random() < 0.5:
            e = _undefined(draw, pool)  # a branch that is not taken, and has no value
        pairs.append((e, condition))
    e, v = pool.take()
    if taken is not None and draw.random() < 0.5:
        e = _undefined(draw, pool)
    return sp.Piecewise(*pairs, (e, True), evaluate=False), v if taken is None else taken


def _undefined(draw: random.Random, pool: Pool) -> Any:
    """Something that is nan or infinite at the point."""
    e, v = pool.take()
    beyond = apply(sp.Add, e, -sp.Rational(round(64 * float(v)) + 32, 64))  # about -1/2
    return draw.choice([
        apply(sp.Pow, beyond, sp.Rational(1, 2)), apply(sp.Pow, beyond, sp.Rational(1, 3)),
        apply(sp.log, beyond), apply(sp.acosh, beyond), apply(sp.asin, times(4, beyond)),
    ])  # fmt: skip


def _condition(draw: random.Random, pool: Pool) -> tuple[Any, bool]:
    (a, x), (b, y) = pool.take(), pool.take()
    if holds_any(a, sp.Piecewise):  # SymPy would fold and simplify it, for minutes
        a, x = pool.entries[0]
    if abs(x - y) < GAP or a == b or holds_any(b, sp.Piecewise):
        b, y = (a2 := sp.Rational(round(4 * float(x)) + 2, 4)), _mp(a2)
    relation, holds = draw.choice([(sp.Lt, x < y), (sp.Le, x <= y), (sp.Gt, x > y), (sp.Ge, x >= y), (sp.Ne, True)])
    condition = relation(a, b, evaluate=False)
    kind = draw.random()
    if kind < 0.15:
        return sp.Not(condition, evaluate=False), not holds
    if kind < 0.4:
        other, also = _condition(draw, pool)
        return (
            (sp.And(condition, other, evaluate=False), holds and also)
            if kind < 0.28
            else (sp.Or(condition, other, evaluate=False), holds or also)
        )
    return condition, bool(holds)


def _mp(value: Any) -> Any:
    return value._to_mpmath(mp.prec) if isinstance(value, sp.Basic) else mp.mpf(value)


# -- points on kinks, where the choice and the mean of the one-sided derivatives are the same number ------------------


def _on_a_kink(draw: random.Random, symbols: Sequence[sp.Symbol], point: list[float]) -> tuple[str, Any, Any]:
    """(name, expression, value); moves the point onto the kink. The central difference is the mean of both sides."""
    x, *rest = symbols
    y = rest[0] if rest else None
    kinks: list[tuple[str, Any, Sequence[float]]] = [
        ("abs", sp.Abs(x), [0.0]),
        ("max with 0", sp.Max(x, 0), [0.0]),
        ("max with a number", sp.Max(x, sp.Rational(1, 2)), [0.5]),
        ("min with a number", sp.Min(x, 2), [2.0]),
        ("root of a square", sp.sqrt(x**2, evaluate=False), [0.0]),
        ("sinc", sp.sinc(x), [0.0]),
        ("integer power", x**3 + x**2, [0.0]),
        ("piecewise end", sp.Piecewise((x**2, x > 0), (x**3, True)), [0.0]),
        ("guarded logarithm", sp.Piecewise((sp.log(x), x > 0), (x, True)), [-1.0]),
    ]
    if y is not None:
        tie = draw.uniform(-2, 2)
        kinks += [
            ("tie of max", sp.Max(x, y), [tie, tie]),
            ("tie of min", sp.Min(x, y), [tie, tie]),
            ("abs of a difference", sp.Abs(x - y), [tie, tie]),
            ("norm", sp.sqrt(x**2 + y**2), [0.0, 0.0]),
            ("weighted norm", sp.sqrt(3 * x**2 + y**2 / 2), [0.0, 0.0]),
        ]
    name, expression, at = draw.choice(kinks)
    point[: len(at)] = at
    value = expression.subs(dict(zip(symbols, map(sp.Float, at), strict=False)))
    return name, expression, mp.mpf(sp.N(value, 30))
