"""A case that fails -> a small one that fails in the same way: parts in place of the whole, leaves in place of parts,
fewer arguments, plain numbers, fewer entries. Works on SymPy's tree, scalars, index notation and matrices alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from tests.expressions import bare
from tests.oracles import children_first

TRIES = 400  # cases looked at; a failure that takes long to see is shrunk less


class Posed(NamedTuple):
    """An expression, and numbers for all that it holds: symbols, arrays, sizes."""

    expression: Any
    values: Mapping[Any, Any]


Steps = Callable[[Posed], Iterator[Posed]]


def smallest(case: Posed, fails: Callable[[Posed], bool], tries: int = TRIES) -> Posed:
    """The smallest case found that still fails. What raises an exception in `fails` is no case at all."""
    for steps in (plainer, smaller, plainer):  # numbers that nothing reads are dropped first: less to carry along
        case = _reduced(case, steps, fails, tries)
    return case


def _reduced(case: Posed, steps: Steps, fails: Callable[[Posed], bool], tries: int) -> Posed:
    """The case after as many steps as keep it failing."""
    improved = True
    while improved:
        improved = False
        for candidate in steps(case):
            tries -= 1
            if tries < 0:
                return case
            with suppress(Exception):  # a smaller expression may be none: whatever it raises, it is no witness
                if fails(candidate):
                    case, improved = candidate, True
                    break
    return case


def weight(e: Any) -> int:
    """What shrinking makes less: a number counts one, a symbol two, anything else three, each shared part once."""
    return sum(1 if not p.args and p.is_number else 2 if not p.args else 3 for p in children_first(e))


def smaller(case: Posed) -> Iterator[Posed]:
    """Every case whose expression is one step smaller, the largest steps first."""
    before = weight(case.expression)
    for part in reversed(children_first(case.expression)):
        for instead in _replacements(part, case.values):
            with suppress(Exception):  # what does not go together
                e = replaced(case.expression, part, instead)
                if weight(e) < before:
                    yield Posed(e, case.values)


def replaced(expression: Any, part: Any, instead: Any) -> Any:
    """The expression with all that equals the part replaced; nothing is evaluated that was not."""
    new: dict[int, Any] = {}
    for e in children_first(expression):
        arguments = [new[id(a)] for a in e.args]
        if e == part:
            new[id(e)] = instead
        elif all(a is b for a, b in zip(arguments, e.args, strict=True)):
            new[id(e)] = e
        else:
            new[id(e)] = remade(e, arguments)
    return new[id(expression)]


def remade(e: Any, arguments: list[Any]) -> Any:
    """The same kind of expression, of other arguments."""
    if isinstance(e, (sp.Add, sp.Mul, sp.Pow, sp.Function)) and not isinstance(e, sp.Piecewise):
        return arguments[0] if len(arguments) == 1 and isinstance(e, (sp.Add, sp.Mul)) else bare(e.func, *arguments)
    if isinstance(e, (sp.Piecewise, sp.core.relational.Relational, sp.Max, sp.Min)):
        return e.func(*arguments, evaluate=False)
    if isinstance(e, (sp.Sum, sp.Product)):  # made by hand: SymPy moves a Piecewise out of what binds its index
        made = sp.Expr.__new__(e.func, *arguments)
        made.is_commutative = True
        return made
    return e.func(*arguments)


def _replacements(part: Any, values: Mapping[Any, Any]) -> Iterator[Any]:
    """What may stand in place of a part: of its own arguments, fewer of them, a symbol, a number."""
    if not isinstance(part, sp.Expr) or isinstance(part, (sp.IndexedBase, sp.Idx)) or part.is_number:
        if getattr(part, "is_number", False) and not part.is_Integer:
            yield sp.Integer(2)
        return
    kind = _kind(part)
    within = [a for a in part.args if isinstance(a, sp.Expr)] + [x for a in part.args for x in getattr(a, "args", ())]
    yield from (a for a in within if isinstance(a, sp.Expr) and _kind(a) == kind)
    if isinstance(part, (sp.Sum, sp.Product)):
        for i, low, _ in part.limits:
            yield replaced(part.function, i, low)
            if len(part.limits) > 1:
                yield remade(part, [part.function, *[x for x in part.limits if x[0] != i]])
    elif len(part.args) > 1 and not isinstance(part, (sp.Pow, sp.Indexed)):
        for gone in range(len(part.args)):
            with suppress(Exception):  # SymPy's constructors refuse in many ways
                yield remade(part, [a for k, a in enumerate(part.args) if k != gone])
    if kind is None:
        yield from (s for s in sorted(part.free_symbols, key=str) if type(s) is sp.Symbol and s != part)
        yield from (sp.Integer(1), sp.Integer(2))
    else:
        yield from (x for x in values if isinstance(x, sp.MatrixSymbol) and x.shape == kind and x != part)
        yield sp.OneMatrix(*kind)


def _kind(e: Any) -> Any:
    """The shape of a matrix; None of a scalar."""
    return e.shape if e.is_Matrix else None


def plainer(case: Posed) -> Iterator[Posed]:
    """Every case with one number or array less, smaller or rounder."""
    for x, value in case.values.items():
        yield Posed(case.expression, {s: v for s, v in case.values.items() if s != x})
        if isinstance(x, sp.Symbol) and isinstance(value, int):
            yield from (_cut(case, x, n) for n in range(value))
            continue
        numbers = np.asarray(value)
        for digits in (0, 1, 3) if numbers.dtype == float else ():
            plain = np.round(numbers, digits)
            choices = [np.ones_like(plain), plain] if digits == 0 else [plain]
            for better in choices:
                if _length(better) < _length(numbers):
                    yield Posed(case.expression, {**case.values, x: better if better.shape else float(better)})


def _length(numbers: Any) -> int:
    return sum(len(repr(float(v))) for v in np.ravel(numbers))


def _cut(case: Posed, size: Any, n: int) -> Posed:
    """The case with a smaller size: the arrays lose their last entries."""
    values = {**case.values, size: n}
    for x, value in case.values.items():
        shape = getattr(x, "shape", None) or ()
        if size in shape:
            values[x] = value[tuple(slice(n if s == size else None) for s in shape)]
    return Posed(case.expression, values)
