"""One gradient of two expressions that are equal by algebra: nine ways to change the form, none the function.

Everything is evaluated in 50 digits, so that the condition of the point plays no part; expressions hold no floats,
which SymPy would round when it collects them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import sympy as sp
from mpmath import mp

from symgrad.function import Function
from symgrad.size import tree_size
from tests.expressions import Case, bare, random_case, random_vector
from tests.groups.group import Group, Outcome, Outcomes, same, values_at
from tests.oracles import DIGITS, Reference, children_first

NAMES = ["lambda", "x y", "exp", "_", "t0", "a\nb", "α", "None", "x0", "x0 ", "%1", "def"]


def _gradient(expression: Any, symbols: Any, point: Any, *, simplify: bool = True) -> list[Any]:
    function = Function(list(symbols), expression, simplify=simplify)
    return values_at(function.value_and_grad(list(symbols)), point, mp)


def _case(draw: random.Random, **options: Any) -> Case:
    return random_case(draw, size=(3, 25), smooth=draw.random() < 0.5, exact=True, **options)


def _replaced(expression: sp.Expr, values: dict[sp.Basic, sp.Basic]) -> sp.Expr:
    """Parts replaced by others, each shared part once, and nothing evaluated."""
    new: dict[int, Any] = {}
    for e in children_first(expression):
        new[id(e)] = values[e] if e in values else _rebuilt(e, [new[id(a)] for a in e.args])
    return new[id(expression)]


def _rebuilt(e: Any, arguments: list[Any]) -> Any:
    if not e.args or all(a is b for a, b in zip(arguments, e.args, strict=True)):
        return e
    return bare(e.func, *arguments)


def rename(draw: random.Random) -> Outcome:
    """Other names, of symbols and dummies, hostile ones too: the same numbers."""
    case = _case(draw)
    names = draw.sample(NAMES, len(case.symbols))
    new = [sp.Dummy(n) if draw.random() < 0.5 else sp.Symbol(n, real=True) for n in names]
    if draw.random() < 0.3:
        new = [sp.Dummy("x") for _ in names]  # alike to the eye
    renamed = _replaced(case.expression, dict(zip(case.symbols, new, strict=True)))
    a, b = _gradient(case.expression, case.symbols, case.point), _gradient(renamed, new, case.point)
    return same(a, b, f"renamed to {new}: {case}")


def reorder(draw: random.Random) -> Outcome:
    """The operands of sums, products and extrema in another order, and the variables too."""
    case = _case(draw)
    new: dict[int, Any] = {}
    for e in children_first(case.expression):
        arguments = [new[id(a)] for a in e.args]
        if isinstance(e, (sp.Add, sp.Mul)):
            draw.shuffle(arguments)
        new[id(e)] = _rebuilt(e, arguments)
    order = list(range(len(case.symbols)))
    draw.shuffle(order)
    a = _gradient(case.expression, case.symbols, case.point)
    b = _gradient(new[id(case.expression)], [case.symbols[i] for i in order], [case.point[i] for i in order])
    return same([a[0], *[a[1 + i] for i in order]], b, f"reordered: {case}")


def expand(draw: random.Random) -> Outcome:
    """Products multiplied out, of what is small: SymPy's expand is slow."""
    case = random_case(draw, size=(3, 9), smooth=True, exact=True)
    if tree_size(case.expression) > 60:
        return Outcome(skipped=1)
    expanded = sp.expand(
        case.expression, multinomial=True, mul=True, log=False, power_base=False, power_exp=False, trig=False
    )
    a, b = (_gradient(e, case.symbols, case.point) for e in (case.expression, expanded))
    return same(a, b, f"expanded to {expanded}: {case}")


def add_nothing(draw: random.Random) -> Outcome:
    """0*g added, as a literal zero and as a symbol that is 0 there; g may be undefined for neither."""
    f, g = random_vector(draw, 2, size=(3, 25), smooth=True, exact=True)
    a = _gradient(f.expression, f.symbols, f.point)
    if draw.random() < 0.5:
        more = sp.Add(f.expression, sp.Mul(0, g.expression, evaluate=False), evaluate=False)
        return same(a, _gradient(more, f.symbols, f.point), f"0*g added: {f}")
    nothing = sp.Symbol("nothing", real=True)
    more = sp.Add(f.expression, sp.Mul(nothing, g.expression, evaluate=False), evaluate=False)
    b = _gradient(more, [*f.symbols, nothing], [*f.point, 0.0])
    with mp.workdps(DIGITS):  # and the slope by the symbol is g
        value = Reference(g.expression, g.symbols).value([mp.mpf(v) for v in g.point])
    return same([*a, value], b, f"c*g added at c = 0: {f}")


def linearity(draw: random.Random) -> Outcome:
    """grad (2 f - g/3) = 2 grad f - grad g / 3."""
    f, g = random_vector(draw, 2, size=(3, 25), smooth=draw.random() < 0.5, exact=True)
    both = sp.Add(2 * f.expression, sp.Mul(sp.Rational(-1, 3), g.expression, evaluate=False), evaluate=False)
    parts = [_gradient(e.expression, f.symbols, f.point) for e in (f, g)]
    sums = [2 * a - b / 3 for a, b in zip(*parts, strict=True)]
    return same(_gradient(both, f.symbols, f.point), sums, f"linear: {f} and {g}")


IDENTITIES: list[Callable[[sp.Symbol], sp.Expr]] = [
    lambda x: sp.log(sp.exp(x, evaluate=False), evaluate=False),
    lambda x: sp.sinh(sp.asinh(x, evaluate=False), evaluate=False),
    lambda x: sp.tan(sp.atan(x, evaluate=False), evaluate=False),
    lambda x: sp.Mul(2, sp.Mul(sp.S.Half, x, evaluate=False), evaluate=False),
    lambda x: sp.Piecewise((x, x < 100), (sp.sqrt(x - 100), True)),
    lambda x: sp.Max(x, x - 1, evaluate=False),
    lambda x: sp.log(1 + sp.exp(x)) - sp.log(1 + sp.exp(-x)),
    lambda x: x * sp.sin(x) ** 2 + x * sp.cos(x) ** 2,
]


def chain_with_identity(draw: random.Random) -> Outcome:
    """Each variable through a function that is the identity."""
    case = _case(draw)
    chained = _replaced(case.expression, {x: draw.choice(IDENTITIES)(x) for x in case.symbols})
    a, b = (_gradient(e, case.symbols, case.point) for e in (case.expression, chained))
    return same(a, b, f"{chained}\n    for {case}", 1e-22)


def scale(draw: random.Random) -> Outcome:
    """g(x) = f(4 x) at x/4, a power of 2: 4 times the gradient."""
    case = _case(draw)
    scaled = _replaced(case.expression, {x: 4 * x for x in case.symbols})
    a = _gradient(case.expression, case.symbols, case.point)
    b = _gradient(scaled, case.symbols, [x / 4 for x in case.point])
    return same([a[0], *[4 * x for x in a[1:]]], b, f"scaled: {case}")


def sharing_off(draw: random.Random) -> Outcome:
    """The expression as a tree of objects of its own, none of them shared: the same graph, node by node."""
    case = _case(draw)
    if tree_size(case.expression) > 3_000:
        return Outcome(skipped=1)
    copy = _unshared(case.expression)
    shared, apart = (Function(list(case.symbols), e) for e in (case.expression, copy))
    if str(shared.graph) != str(apart.graph):
        return Outcome(failure=f"another graph without sharing: {case}")
    a, b = (_gradient(e, case.symbols, case.point) for e in (case.expression, copy))
    return same(a, b, f"unshared: {case}", 0.0)


def _unshared(e: Any) -> Any:
    if not e.args or e.is_Symbol:
        return e
    return bare(e.func, *[_unshared(a) for a in e.args])


def simplify_off(draw: random.Random) -> Outcome:
    """With and without the rewrite rules."""
    case = _case(draw)
    a, b = (_gradient(case.expression, case.symbols, case.point, simplify=s) for s in (True, False))
    return same(a, b, f"not simplified: {case}")


RELATIONS = [rename, reorder, expand, add_nothing, linearity, chain_with_identity, scale, sharing_off, simplify_off]


def check(draw: random.Random, index: int) -> Outcomes:
    """One of the relations, in turn."""
    relation = RELATIONS[index % len(RELATIONS)]
    with mp.workdps(50):
        outcome = relation(draw)
    if outcome.failure:
        outcome.failure = f"{relation.__name__}: {outcome.failure}"
    return {"metamorphic": outcome}


GROUPS = [Group("metamorphic", 500 * len(RELATIONS), check)]
