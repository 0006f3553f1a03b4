"""Every mutant of what operations emit, of the two emitters, of how programs are laid out, of how Python calls kernels
-> whether a kernel, its Python source, a program, or a call is off.

A mutant lives in a forked child, which may crash or hang: that is noticed too. What a function is checked by is found
by running the checks once and seeing which of them call it.
"""

from __future__ import annotations

import ast
import operator
import os
import random
import resource
import signal
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from itertools import accumulate
from time import perf_counter
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad import ops
from symgrad.evaluate import evaluate
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph, Op
from symgrad.lower.arrays import (
    access,
    axes,
    blocked,
    carried,
    chunks,
    fill,
    fusion,
    jam,
    merge,
    nest,
    nests,
    overlap,
    rows,
)
from symgrad.lower.emit import instructions, llvm, llvm_library, llvm_loops, llvm_memory, llvm_parts
from symgrad.lower.emit import special as special_loops
from symgrad.lower.machine import batch_entry, bound_entry, entry_steps, entry_text, machine_code, python_entry
from symgrad.lower.scalars import order, pack, quotient, schedule
from symgrad.lower.source import expressions, numpy_contract, numpy_index, numpy_source, numpy_words
from symgrad.ops import exponential, rounding
from symgrad.ops.leaf import Input
from symgrad.ops.logic import And, Not, Or, Relation, truth
from symgrad.ops.select import Select
from symgrad.structure import LEAF
from tests.lower.programs import function_of, inputs, kernel_of
from tests.mutation import arrays, calls, numbers
from tests.mutation.mutants import Mutant, llvm_changes, mutants, ways_with_statements, ways_with_words
from tests.rules import STRUCTURAL, domain, operations

SECONDS = 60  # of one check in a child
USUALLY = 6  # seconds of the checks of one function
FOR_ALL = dict.fromkeys(["nests", "blocks", "programs of numbers"], 60) | dict.fromkeys(
    ["LLVM of arrays", "LLVM of numbers", "entries", "records of entries"], 600
)
MEMORY = 2**34  # bytes
NEAR = 1e-11
MODERATE = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5)
SPECIAL = (*MODERATE, 1e-300, 1e300, -1e300, 710.0, np.inf, -np.inf, np.nan)
UNDECIDED = (rounding.Mod, exponential.Pow, exponential.PowLog)  # not the same node by node at infinities
Check = Callable[[], bool]  # does it find something wrong?


class Target(NamedTuple):
    """A function that is mutated, and the checks that must notice."""

    words: str
    original: Any
    mutants: list[Mutant]
    checks: list[Check]


# -- checks ------------------------------------------------------------------------------------------------------------


def points(op: Op, count: int) -> np.ndarray:
    """Inside the domain, and where floats are special."""
    draw = random.Random(repr(op))
    intervals = domain(op) if hasattr(op, "domain") else [(-2.0, 2.0)] * count
    inside = [[draw.uniform(a, b) for _ in range(19)] for a, b in intervals]
    special = MODERATE if isinstance(op, UNDECIDED) else SPECIAL
    outside = [list(special)] if count == 1 else [[draw.choice(special) for _ in range(60)] for _ in range(count)]
    return np.array([[*a, *b] for a, b in zip(inside, outside, strict=True)])


@cache
def _wanted(op: Op, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points, and the values there one by one by the operation's own NumPy function."""
    at = points(op, count)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return at, np.array([op.evaluate(np, *map(np.float64, p)) for p in at.T], float)


def _off(got: Any, wanted: Any) -> bool:
    wanted = np.asarray(wanted, float)
    got = np.broadcast_to(np.asarray(got, float), wanted.shape)
    with np.errstate(all="ignore"):
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        return not bool(np.all(same | (np.abs(got - wanted) <= NEAR * np.maximum(1, np.abs(wanted)))))


def source_of_operation(op: Op, count: int) -> Check:
    """The Python source of one operation."""

    def check() -> bool:
        at, wanted = _wanted(op, count)
        graph = Graph()
        wrt = inputs(graph, *(f"u{k}" for k in range(count)))
        kernel = kernel_of(wrt, [graph.add(op, *wrt)])
        with np.errstate(all="ignore"):
            return _off(function_of(kernel)(*at), wanted)

    return check


def kernel_of_operation(op: Op, count: int) -> Check:
    """The machine code of one operation, for a point and for a batch."""

    def check() -> bool:
        at, wanted = _wanted(op, count)
        graph = Graph()
        wrt = inputs(graph, *(f"u{k}" for k in range(count)))
        kernel = kernel_of(wrt, [graph.add(op, *wrt)])
        batch, entry = kernel.batch(list(at))[0], kernel.entry(LEAF)
        return _off(batch, wanted) or _off([entry(*map(float, p)) for p in at.T], wanted)

    return check


def _conditions() -> list[tuple[Any, int]]:
    """Relations and connectives: builders of a number from two."""

    def chosen(make: Callable[[Graph, Any, Any], Any]) -> Callable[[Graph, Sequence[Any]], Any]:
        return lambda graph, u: graph.add(Select(), make(graph, *u), graph.node(1), graph.node(0))

    def less(graph: Graph, a: Any, b: Any) -> Any:
        return graph.add(Relation("<"), a, b)

    return [
        *[(chosen(lambda g, a, b, s=symbol: g.add(Relation(s), a, b)), 2) for symbol in ("<", "<=", "==", "!=")],
        (chosen(lambda g, a, b: g.add(And(), less(g, a, b), less(g, b, g.node(2)))), 2),
        (chosen(lambda g, a, b: g.add(Or(), less(g, a, b), less(g, g.node(2), b))), 2),
        (chosen(lambda g, a, b: g.add(Not(), less(g, a, b))), 2),
        (chosen(lambda g, a, b: g.add(And(), truth(g, True), less(g, a, b))), 2),
        (chosen(lambda g, a, b: g.add(Or(), truth(g, False), less(g, a, b))), 2),
    ]


VALUES = np.array([[a, b] for a in (0.0, -0.0, 1.0, 3.0, np.inf, np.nan) for b in (0.0, 1.0, 3.0, -np.inf, np.nan)]).T


def condition(build: Any, how: str) -> Check:
    """A truth value as 1 or 0, where numbers are in and out of order."""

    def check() -> bool:
        graph = Graph()
        wrt = inputs(graph, "u0", "u1")
        y = build(graph, wrt)
        wanted = np.array([evaluate([y], dict(zip(wrt, p, strict=True)))[0] for p in VALUES.T], float)
        kernel = kernel_of(wrt, [y])
        if how == "source":
            return _off(function_of(kernel)(*VALUES), wanted)
        entry = kernel.entry(LEAF)
        points = [entry(*map(float, p)) for p in VALUES.T]
        return _off(kernel.batch(list(VALUES))[0], wanted) or _off(points, wanted)

    return check


U, V = sp.symbols("u0 u1", real=True)
FORMULAS = [  # where parentheses, signs and numbers are decided
    -(U + V), -(U * V), -(U**2) * V, U - (V - U), U / (V / (U + 1)), (U + V) ** 3, (-U) ** 3, U * (-2) + V * -3,
    (U * V) ** 2, (U / V) ** 2, sp.sqrt(U**2 + 1) ** 3, -sp.exp(-U), 2 - (3 - sp.sin(U)),
    1 / (U * V), (U - V) / (U + V),
    sp.pi * U + sp.E * V - sp.EulerGamma, U / 3 + sp.Rational(2**60 + 1, 3) * V, 2**70 * U + V, 10**15 * U + 1,
    sp.Rational(1, 3) ** U, (-sp.Rational(1, 3) * U) ** 2, (2 * U) ** -2, -(U - V) ** 2,
    sp.Float(0.1) * U - sp.Float(1e-5),
    sp.Add(*[sp.sin(k * U) * sp.cos(k + V) for k in range(1, 60)]), sp.tanh(U * 40) + sp.tanh(V), U**64 + V**65,
    sp.Piecewise((U, sp.And(U < V, sp.Or(U > 0, V > 1))), (V, sp.Or(sp.And(U > 1, V < 3), U < -1)), (-U, True)),
    sp.Piecewise((1, U < V), (2, True)) - sp.Piecewise((U, sp.Not(sp.And(U < 1, V < 1))), (V, True)) ** 2,
    sp.Max(U, V, 1) - sp.Min(U, V, sp.Rational(1, 2)), sp.atan2(U, V) - sp.Mod(U, V),
    sp.Piecewise((U, V > 0), (1, True)), sp.polygamma(0, U + 4) - sp.besselj(1, V) * sp.polygamma(0, V + 4),
]  # fmt: skip


def formula(e: sp.Expr, how: str) -> Check:
    """A formula of several operations."""

    def check() -> bool:
        graph = Graph()
        wrt = [graph.add(Input(s)) for s in (U, V)]
        y = from_sympy(graph, e)
        at = np.random.default_rng(0).uniform(-2, 2, (2, 13))
        wanted = np.array([evaluate([y], dict(zip(wrt, map(np.float64, p), strict=True)))[0] for p in at.T], float)
        kernel = kernel_of(wrt, [y])
        if how == "source":
            return _off(function_of(kernel)(*at), wanted)
        entry = kernel.entry(LEAF)
        single = [entry(*map(float, p)) for p in at.T]
        if _off(kernel.batch(list(at))[0], wanted) or _off(single, wanted):
            return True
        for k in (0, 1):  # one of them the same at all points
            fixed = at.copy()
            fixed[k] = at[k, 0]
            given = [np.array(x[0]) if j == k else x for j, x in enumerate(fixed)]
            if _off(kernel.batch(given)[0], [entry(*map(float, p)) for p in fixed.T]):
                return True
        return False

    return check


def words_of_two_levels() -> bool:
    """Every word of Python on every other, which is where parentheses are needed."""
    scope: dict[str, Any] = {"np": np, "x": 1.3, "y": -0.7, "z": 0.37, "w": 2.9}
    words = expressions.Expressions(lambda text: text, set())
    binary = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}
    unary: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
        (words.neg, operator.neg),
        (lambda a: words.power(a, 2), lambda a: a**2),
    ]
    numbers = [words.number(n) for n in (2, -3, Fraction(1, 3), Fraction(-5, 7), 0.25, 2**60, sp.pi)]
    leaves = [(a, eval(a.text, scope)) for a in [expressions.Text("x"), expressions.Text("y"), *numbers]]

    def applied(some: Any, others: Any) -> Any:
        for a, v in some:
            for word, function in unary:
                yield word(a), function(v)
            for name, function in binary.items():
                for b, w in others:
                    yield getattr(words, name)(a, b), function(v, w)
                    yield getattr(words, name)(b, a), function(w, v)

    other = [(words.number(n), float(n)) for n in (-7, Fraction(3, 11))]  # no difference is 0
    first = list(applied(leaves, [(expressions.Text("z"), scope["z"]), *other]))
    second = applied(first, [(expressions.Text("w"), scope["w"]), *other])
    return any(abs(eval(a.text, scope) - v) > 1e-12 * abs(v) for a, v in [*first, *second])


@cache
def checks(part: str) -> dict[str, Check]:
    """The checks of a part, by name."""
    if part in LAYOUTS:
        return LAYOUTS[part]()
    how, of_operation = ("source", source_of_operation) if part != "LLVM" else ("kernel", kernel_of_operation)
    found = {repr(op): of_operation(op, len(domain(op))) for op in operations()}
    found |= {f"{op!r} of {n}": of_operation(op, n) for op, n in STRUCTURAL if not isinstance(op, Select)}
    found |= {str(e): formula(e, how) for e in FORMULAS}
    if part == "Python":
        found["words"] = words_of_two_levels
    return found | {f"condition {k}": condition(build, how) for k, (build, _) in enumerate(_conditions())}


# -- targets -----------------------------------------------------------------------------------------------------------

PARTS: dict[str, list[ModuleType]] = {
    "operations": [],
    "Python": [expressions],
    "LLVM": [instructions, special_loops],
    "programs of numbers": [order, pack, quotient, schedule],
    "LLVM of numbers": [llvm],
    "entries": [entry_text],
    "records of entries": [python_entry, bound_entry, batch_entry],
    "NumPy of arrays": [numpy_index, numpy_contract],
    "nests": [access, axes, fill, nest, nests, rows],
    "blocks": [fusion, blocked],
    "merged loops": [merge, overlap],
    "jammed loops": [jam],
    "carried values": [carried],
    "chunks": [chunks],
    "LLVM of arrays": [llvm_library, llvm_loops, llvm_memory, llvm_parts],
}
LAYOUTS = {
    "programs of numbers": numbers.layout_checks,
    "LLVM of numbers": numbers.machine_checks,
    "entries": calls.entry_checks,
    "records of entries": calls.record_checks,
    "NumPy of arrays": arrays.source_checks,
    "nests": arrays.layout_checks,
    "blocks": partial(arrays.layout_checks, "fused"),
    "merged loops": partial(arrays.layout_checks, "merged"),
    "jammed loops": partial(arrays.layout_checks, "jammed"),
    "carried values": partial(arrays.layout_checks, "carried"),
    "chunks": partial(arrays.layout_checks, "chunked"),
    "LLVM of arrays": arrays.machine_checks,
}
MORE = LAYOUTS.keys() - {"NumPy of arrays"}  # whose statements are mutated too
STYLE = {"steps", "_greedy", "_number", "_sorted", "_ellipsis"}  # in which order, and how short: never what
TABLES: dict[str, list[tuple[ModuleType, str]]] = {
    "operations": [],
    "Python": [(expressions, "NUMPY"), (expressions, "SCIPY"), (expressions, "CONSTANTS")],
    "LLVM": [(instructions, "RELATIONS")],
    "NumPy of arrays": [(numpy_words, "DEFINITIONS"), (numpy_source, "WRITERS")],
}
TEXTS: dict[str, list[tuple[ModuleType, str]]] = {  # in LLVM's language
    "LLVM of numbers": [(llvm, "FRAME"), (llvm, "CHUNKS")],
    "entries": [(entry_steps, "STEPS")],
}


def functions(part: str) -> dict[str, Any]:
    """The functions that a part is made of, by name: every `emit`, or all of some modules."""
    found: dict[str, Any] = {}
    if part == "operations":
        kinds = {kind for op in [*operations(), *[op for op, _ in STRUCTURAL]] for kind in type(op).__mro__}
        kinds |= {Relation, And, Or, Not, type(truth(Graph(), True).op)}
        for kind in sorted(kinds, key=lambda k: k.__qualname__):
            if "emit" in kind.__dict__ and kind is not Op:
                found[f"{kind.__name__}.emit"] = kind.__dict__["emit"]
    if part == "NumPy of arrays":
        found = {f.__qualname__: f for f in dict.fromkeys(numpy_source.WRITERS.values())}
        helpers = (
            "whole",
            "shape",
            "_factor",
            "_view_of_labels",
            "_product",
            "_embedded",
            "_call",
            "_axes",
            "_returned",
        )
        found |= {f"_Writer.{name}": vars(numpy_source._Writer)[name] for name in helpers}
    for module in PARTS[part]:
        for name, value in vars(module).items():
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                found[name] = value
            if isinstance(value, type) and value.__module__ == module.__name__:
                own = {k: f.fget if isinstance(f, property) else f for k, f in vars(value).items()}
                own = {k: f for k, f in own.items() if isinstance(f, FunctionType)}
                found |= {f"{name}.{k}": f for k, f in own.items() if f.__code__.co_filename == module.__file__}
    return {
        name: f for name, f in found.items() if name not in STYLE and not f.__code__.co_freevars
    }  # a mutant has no super()


def callers(part: str) -> dict[CodeType, list[Check]]:
    """By each function's code, the checks that call it. Raises AssertionError if a check finds something wrong now."""
    found: dict[CodeType, list[Check]] = {}
    seconds: dict[Check, float] = {}
    for name, check in checks(part).items():
        start = perf_counter()
        assert not check(), f"{part}: {name} is wrong without a mutant"
        seconds[check] = perf_counter() - start
        seen: set[CodeType] = set()
        sys.setprofile(lambda frame, event, _, seen=seen: seen.add(frame.f_code) if event == "call" else None)
        try:
            check()
        finally:
            sys.setprofile(None)
        for code in seen:
            found.setdefault(code, []).append(check)
    most = FOR_ALL.get(part, USUALLY)
    return {code: _short(sorted(these, key=seconds.__getitem__), seconds, most) for code, these in found.items()}


def _short(these: list[Check], seconds: dict[Check, float], most: float) -> list[Check]:
    """The first of these, as many as are done in the time for one mutant."""
    ends = accumulate(seconds[check] for check in these)
    return [check for check, end in zip(these, ends, strict=True) if end < most]


def targets(part: str) -> list[Target]:
    """The functions that some check calls, with their mutants; tables with two entries alike; definitions as text."""
    called = callers(part)
    found = []
    for name, function in functions(part).items():
        if function.__code__ in called:
            made = mutants(function, ways_with_statements if part in MORE else ways_with_words)
            found.append(Target(name, function, made, called[function.__code__]))
    for module, name in TABLES.get(part, []):
        found.append(Target(name, getattr(module, name), list(_of_table(module, name)), list(checks(part).values())))
    for module, name in TEXTS.get(part, []):
        text = getattr(module, name)
        made = [Mutant(words, lambda new=new: new) for words, new in llvm_changes(text)]
        found.append(Target(name, text, made, list(checks(part).values())))
    return found


def _of_table(module: ModuleType, name: str) -> Iterator[Mutant]:
    """Each entry with the value of the next; an entry that is source, with each of its own mutants."""
    table = getattr(module, name)
    keys = list(table)
    for key, following in zip(keys, [*keys[1:], keys[0]], strict=True):
        if isinstance(table[key], str) and table[key].startswith("def "):
            for words, text in _of_text(table[key]):
                yield Mutant(f"{name}[{key!r}] {words}", lambda k=key, v=text: table.__setitem__(k, v))
        elif table[key] != table[following]:
            value = table[following]
            yield Mutant(f"{name}[{key!r}] is {following!r}'s", lambda k=key, v=value: table.__setitem__(k, v))


def _of_text(text: str) -> Iterator[tuple[str, str]]:
    from tests.mutation.mutants import changes

    tree = ast.parse(textwrap.dedent(text.format(name="function")))
    seen = {ast.unparse(tree)}
    for words, changed in changes(tree, ways_with_words):
        new = ast.unparse(changed)
        if new not in seen:
            seen.add(new)
            yield words, new.replace("{", "{{").replace("}", "}}").replace("def function(", "def {name}(", 1)


# -- mutants -----------------------------------------------------------------------------------------------------------


def survivors(target: Target, chosen: Sequence[Mutant]) -> Iterator[Mutant]:
    """Those mutants that no check notices."""
    for mutant in chosen:
        if not _noticed(target, mutant):
            yield mutant


def _noticed(target: Target, mutant: Mutant) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            with open(os.devnull, "w", encoding="utf-8") as nothing:
                os.dup2(nothing.fileno(), 2)  # LLVM tells its errors there
                _put(target.original, mutant.function)
                code = int(any(_in_time(check) for check in target.checks))
        except BaseException:  # noqa: BLE001  a mutant that raises is noticed
            code = 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status != 0


def _in_time(check: Check) -> bool:
    """Does the check find something wrong? What takes too long, or waits for ever, ends the child."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(10 * SECONDS)
    return check()


def _put(original: Any, mutant: Any) -> None:
    """The mutant in place of the function wherever the package, or a test, refers to it; of a table, the change."""
    machine_code.plan_key = lambda words: None  # what was kept on disk was laid out by the function as it was
    if isinstance(original, FunctionType):
        mutant = _at_home(mutant, original)
    elif isinstance(original, str):
        mutant = mutant()
    else:
        mutant()
        return
    for module in [m for name, m in sys.modules.items() if name.startswith(("symgrad.", "tests."))]:
        for name, value in list(vars(module).items()):
            if value is original:
                setattr(module, name, mutant)
            elif isinstance(value, dict):
                value.update({k: mutant for k, v in list(value.items()) if v is original})
            elif isinstance(value, type):
                for k in [k for k, v in vars(value).items() if v is original]:
                    setattr(value, k, mutant)
                for k in [k for k, v in vars(value).items() if isinstance(v, property) and v.fget is original]:
                    setattr(value, k, property(mutant))


def _at_home(mutant: FunctionType, original: FunctionType) -> FunctionType:
    """The mutant with the names of the original's module, which a check may change for a while."""
    found = FunctionType(mutant.__code__, original.__globals__, None, mutant.__defaults__, mutant.__closure__)
    found.__kwdefaults__ = mutant.__kwdefaults__
    return found


assert ops  # importing the operations fills their table
