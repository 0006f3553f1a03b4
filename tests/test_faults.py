"""Every group of the scoreboard sees the fault that it is there for: the package is broken on purpose, the group fails.

Of the groups that run programs in processes of their own, the fault is put into the program, after its imports.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import derivatives
from symgrad.errors import SymgradError
from symgrad.graph import Node
from symgrad.lower import described
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays import products
from symgrad.lower.machine import cache as kept
from symgrad.lower.source import names
from symgrad.ops.arithmetic import Power
from symgrad.ops.contract import Contract
from symgrad.ops.elementwise import Partial
from symgrad.ops.exponential import Exp
from symgrad.ops.hyperbolic import ArcSinh, Sinh
from symgrad.ops.rounding import Abs, Extremum
from symgrad.ops.select import Select
from symgrad.ops.trigonometric import Sin
from symgrad.to_sympy import to_sympy
from tests.groups import bombs, compiling, deep, layouts, running, second_system
from tests.scoreboard import SEED, all_groups, run_cases

Patch = pytest.MonkeyPatch


def seen(name: str, cases: Sequence[int], line: str = "") -> bool:
    """Does the group fail at any of these cases, in its own line or in this one?"""
    group = next(g for g in all_groups() if g.name == name)
    return any(o.failure and found == (line or name) for found, o, _, _ in run_cases(group, SEED, cases))


# -- faults in the package ---------------------------------------------------------------------------------------------


def calls_go_through(patch: Patch, wrong: Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]) -> None:
    """Every call of a Function becomes wrong(right call, the function, arguments, named)."""
    right = sg.Function.__call__
    patch.setattr(sg.Function, "__call__", lambda self, *args, **named: wrong(right, self, args, named))


def integers_are_truncated(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        found = right(function, *args, **named)
        whole = np.asarray(args[0]).dtype.kind in "ib"
        return np.trunc(found) if whole and isinstance(found, np.ndarray) else found

    calls_go_through(patch, wrong)


def complex_is_cast(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return right(function, *[np.real(a) if np.iscomplexobj(a) else a for a in args], **named)

    calls_go_through(patch, wrong)


def errors_are_nan(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            return right(function, *args, **named)
        except SymgradError:
            return np.nan

    calls_go_through(patch, wrong)


def an_input_is_written_to(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        found = right(function, *args, **named)
        for a in args:
            if isinstance(a, np.ndarray) and a.size and a.flags.writeable and a.dtype == float:
                a[(0,) * a.ndim] += 1.0
        return found

    calls_go_through(patch, wrong)


def strides_are_not_looked_at(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        flat = [a.T.ravel("K").reshape(a.shape) if isinstance(a, np.ndarray) and a.ndim == 2 else a for a in args]
        return right(function, *flat, **named)

    calls_go_through(patch, wrong)


def nan_is_dropped(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return right(function, *[np.nan_to_num(a) if isinstance(a, (float, np.ndarray)) else a for a in args], **named)

    calls_go_through(patch, wrong)


def only_gradients_raise(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            return right(function, *args, **named)
        except SymgradError:
            if "grad" in function.name:
                raise
            return np.nan

    calls_go_through(patch, wrong)


def products_are_doubled(patch: Patch) -> None:
    right = Contract.bprop

    def wrong(self: Contract, y: Node, g: Node) -> Any:
        found = right(self, y, g)
        return [gx * 2 if gx is not None and len(y.inputs) > 1 else gx for gx in found]

    patch.setattr(Contract, "bprop", wrong)


def gradients_take_a_detour(patch: Patch) -> None:
    """They are right, and their cotangents are computed in a dozen operations more."""

    gathered, value_and_grad = derivatives.gathered, sg.Function.value_and_grad

    def detour(contributions: Any) -> Any:
        c, g = gathered(contributions)
        for _ in range(6):
            g = g.graph.add(Sinh(), g.graph.add(ArcSinh(), g))
        return c, g

    def wrong(self: sg.Function, wrt: Any = None) -> sg.Function:
        with Patch.context() as meanwhile:
            meanwhile.setattr(derivatives, "gathered", detour)
            return value_and_grad(self, wrt)

    patch.setattr(sg.Function, "value_and_grad", wrong)


def products_are_computed_wherever_they_are_read(patch: Patch) -> None:
    numbers = count()
    right = products.Products._key

    def wrong(self: products.Products, factors: Any, kept: Any) -> Any:
        (terms, labels), names = right(self, factors, kept)
        return ((*terms, (next(numbers), ())), labels), names

    patch.setattr(products.Products, "_key", wrong)


def what_is_printed_is_a_dummy(patch: Patch) -> None:
    patch.setattr("symgrad.formula.to_sympy", lambda nodes, **named: [sp.Dummy() for _ in nodes])


def gradients_are_printed_transposed(patch: Patch) -> None:
    right = to_sympy

    def wrong(nodes: Sequence[Node], **named: Any) -> Any:
        return [sp.Transpose(e) if isinstance(e, sp.MatrixExpr) else e for e in right(nodes, **named)]

    patch.setattr("symgrad.formula.to_sympy", wrong)


def rule(kind: type, partials: Callable[[Any, Node], Sequence[Partial]]) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(kind, "partials", partials)


def _one_sided(self: Power, y: Node) -> Sequence[Partial]:
    (x,) = y.inputs
    return (self.exponent * y.graph.add(Power(self.exponent - 1), y.graph.add(Abs(), x)),)


def branches_are_swapped(patch: Patch) -> None:
    right = Select.bprop
    patch.setattr(Select, "bprop", lambda self, y, g: [None, *list(right(self, y, g))[:0:-1]])


def a_loser_gets_its_share(patch: Patch) -> None:
    patch.setattr(Extremum, "partials", lambda self, y: [Fraction(1, 2)] * len(y.inputs))


def names_are_taken_as_they_are(patch: Patch) -> None:
    patch.setattr(names, "is_safe", lambda name: True)
    patch.setattr("symgrad.lower.source.names.identifiers", lambda texts, *rest: list(texts))
    patch.setattr("symgrad.arguments.identifiers", lambda texts, *rest: list(texts), raising=False)


def the_cache_believes_what_it_reads(patch: Patch) -> None:
    patch.setattr(kept, "_digest", lambda key, content: b"\0" * 32)


def words_forget_parameters(patch: Patch) -> None:
    patch.setattr(described, "_fields", lambda kind: ())


def the_cache_believes_its_owner(patch: Patch) -> None:
    patch.setattr(kept, "OTHERS", 0)


def a_budget_of_nothing(patch: Patch) -> None:
    patch.setattr(deep, "SECONDS", 0.0)


def growth_is_held_against_less(patch: Patch) -> None:
    patch.setattr(deep, "LARGEST_EXPONENT", 0.9)
    patch.setattr(deep, "SIZES", [100, 1_000])


def results_are_a_little_off(patch: Patch) -> None:
    def wrong(right: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        value, gradients = right(function, *args, **named)
        return value + 1e-6, gradients

    calls_go_through(patch, wrong)


def sums_are_written_out(patch: Patch) -> None:
    def unrolled(size: Any) -> sg.Function:
        return sg.Function([compiling.x], sp.Add(*[sp.sin(k * compiling.x) for k in range(1, size % 7 + 2)]))

    patch.setattr(compiling, "BUILDERS", [unrolled])


# -- faults in programs that run in processes of their own -------------------------------------------------------------

WRAPPED = """
_right = sg.Function.__call__
def _wrong(self, *args, **named):
{body}
sg.Function.__call__ = _wrong
"""


def wrapped(body: str) -> str:
    return WRAPPED.format(body="\n".join("    " + line for line in body.strip().split("\n")))


ONE_BUFFER = wrapped("""
found = _right(self, *args, **named)
kept = _kept.setdefault(self, [None])
kept[0] = 0.0
time.sleep(0)
kept[0] = found
time.sleep(0)
return kept[0]
""").replace("_right =", "_kept = {}\n_right =", 1)
HALF_DONE = wrapped("""
self.__dict__["half"] = self.__dict__.get("half", 0) + 1
found = _right(self, *args, **named)
self.__dict__["half"] -= 1
return (0.0,) if self.half else found
""")
STALE = """
def _reduced(self): return (sg.Function, ([x], x))
sg.Function.__reduce__ = _reduced
sg.Function.__reduce_ex__ = lambda self, protocol: _reduced(self)
sg.Function.__deepcopy__ = lambda self, memo: sg.Function([x], x)
"""
HASHED = """
_text = sg.Function.__str__
sg.Function.__str__ = lambda self: _text(self) + str(hash("x"))
"""
NOISY = wrapped("""
np.seterr(all="raise")
random.seed(1)
return _right(self, *args, **named)
""")


def in_the_program(text: str) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(running, "KINDS", running.KINDS + text)


def the_import_takes_numba_along(patch: Patch) -> None:
    patch.setitem(running.TRACES, "the import", running.IMPORT.replace("import symgrad\n", "import symgrad, numba\n"))
    patch.setattr(running, "IMPORT", running.TRACES["the import"])


def all_paths_are_walked(patch: Patch) -> None:
    patch.setattr(bombs, "SECONDS", 8)
    walk = "def walk(e): return sum(map(walk, e.args)) + 1\nright = sg.grad\n"
    patch.setattr(bombs, "START", bombs.START + walk + "sg.grad = lambda e, *w: walk(e) and right(e, *w)\n")


def text_is_evaluated(patch: Patch) -> None:
    patch.setattr(bombs, "TEXTS", ["x**2"] * len(bombs.TEXTS))  # what is right to refuse is not refused


def the_last_of_many_rows_is_forgotten(patch: Patch) -> None:
    run = ArrayKernel.run

    def forgetful(*args: Any) -> list[Any]:
        found = run(*args)
        for y in found:
            if np.shape(y) and len(y) > 8:
                y[-1] = 0
        return found

    patch.setattr(ArrayKernel, "run", forgetful)


def a_rule_is_wrong_beside_another_system(patch: Patch) -> None:
    rule(Power, _one_sided)(patch)
    patch.setattr(second_system, "other", Disagreeing)


class Disagreeing:
    """A second system that says nothing right: what is ours is judged by the reference."""

    systems = ("SymEngine",)

    def ask(self, request: Any) -> dict[str, Any]:
        return {"numbers": []}


FAULTS: list[tuple[str, Callable[[Patch], None], Sequence[int]]] = [
    ("fuzz_scalar", rule(Power, _one_sided), range(1, 60)),
    ("fuzz_indexed", products_are_doubled, range(10)),
    ("fuzz_matrix", products_are_doubled, range(10)),
    ("fuzz_kernels", the_last_of_many_rows_is_forgotten, range(10)),
    ("second_system", a_rule_is_wrong_beside_another_system, range(1, 30)),
    ("second_order", rule(Power, _one_sided), range(1, 60)),
    ("second_order_arrays", products_are_doubled, range(10)),
    ("dot_product", rule(Exp, lambda self, y: (y * Fraction(20_010, 20_000),)), range(0, 60, 5)),
    ("metamorphic", rule(Power, _one_sided), range(2, 200, 9)),
    ("matrix_identities", products_are_doubled, range(10)),
    ("edge_table", rule(Abs, lambda self, y: (1,)), range(64)),
    ("ties", a_loser_gets_its_share, range(20)),
    ("guarded_branches", branches_are_swapped, range(4)),
    ("piecewise_ends", branches_are_swapped, range(4)),
    ("index_capture", products_are_doubled, range(10)),
    ("nested_differentiation", rule(Sin, lambda self, y: (y,)), range(12)),
    ("dtypes", integers_are_truncated, range(49)),
    ("dtypes", complex_is_cast, range(49)),
    ("bad_inputs", errors_are_nan, range(10)),
    ("bad_inputs", complex_is_cast, range(15, 17)),
    ("layouts", an_input_is_written_to, range(20)),
    ("layouts", strides_are_not_looked_at, range(len(layouts.CASES))),
    ("nan_inf", nan_is_dropped, range(20)),
    ("throws_iff", only_gradients_raise, range(20)),
    ("hostile_names", names_are_taken_as_they_are, range(40)),
    ("bombs", all_paths_are_walked, [6]),
    ("payloads", text_is_evaluated, [0]),
    ("cache_plans", words_forget_parameters, range(0, 30, 3)),
    ("cache_flipped", the_cache_believes_what_it_reads, range(40)),
    ("cache_truncated", the_cache_believes_what_it_reads, range(20)),
    ("cache_untrusted", the_cache_believes_its_owner, range(13)),
    ("deep_wide_shared", a_budget_of_nothing, [3]),
    ("linear_size", growth_is_held_against_less, [1]),
    ("compile_curve", results_are_a_little_off, [0]),
    ("no_unrolling", sums_are_written_out, [0]),
    ("threads", in_the_program(ONE_BUFFER), [2]),
    ("processes", in_the_program(STALE), [4]),
    ("processes", in_the_program(HASHED), [5]),
    ("signals", in_the_program(HALF_DONE), [0]),
    ("no_traces", in_the_program(NOISY), [1]),
    ("no_traces", the_import_takes_numba_along, [0]),
]
LINES: list[tuple[str, str, Callable[[Patch], None], Sequence[int]]] = [
    ("cheap_gradient", "fuzz_scalar", gradients_take_a_detour, range(1, 10)),
    ("cheap_gradient", "fuzz_indexed", gradients_take_a_detour, range(1, 10)),
    ("cheap_gradient", "fuzz_matrix", gradients_take_a_detour, range(1, 10)),
    ("cheap_gradient", "fuzz_matrix", products_are_computed_wherever_they_are_read, [1769]),
    ("cheap_gradient", "second_order_arrays", gradients_take_a_detour, range(2, 10)),
    ("no_leaks", "fuzz_indexed", what_is_printed_is_a_dummy, [0]),
    ("no_leaks", "fuzz_matrix", what_is_printed_is_a_dummy, [5]),
    ("no_leaks", "fuzz_matrix", gradients_are_printed_transposed, range(5, 30, 5)),
    ("no_leaks", "second_order_arrays", what_is_printed_is_a_dummy, [0]),
]
# Their faults are put into the package by tests of their own, which take another process or a file system to fail.
ELSEWHERE = {"cache_killed", "cache_raced", "cache_processes", "cache_refused", "leaks"}


@pytest.mark.parametrize(("name", "fault", "cases"), FAULTS, ids=[f"{n}-{k}" for k, (n, _, _) in enumerate(FAULTS)])
def test_the_group_sees_the_fault(
    monkeypatch: Patch, name: str, fault: Callable[[Patch], None], cases: Sequence[int]
) -> None:
    fault(monkeypatch)
    if name.startswith("cache"):  # altered bytes are executed now: in a child, which may not live through it
        child = os.fork()
        if child == 0:
            faulthandler.disable()
            os._exit(seen(name, cases))
        assert os.waitpid(child, 0)[1] != 0
    else:
        assert seen(name, cases)


@pytest.mark.parametrize(
    ("line", "name", "fault", "cases"), LINES, ids=[f"{line}-{n}-{k}" for k, (line, n, _, _) in enumerate(LINES)]
)
def test_a_line_of_several_groups_sees_the_fault(
    monkeypatch: Patch, line: str, name: str, fault: Callable[[Patch], None], cases: Sequence[int]
) -> None:
    fault(monkeypatch)
    assert seen(name, cases, line)


def test_every_group_has_a_fault() -> None:
    assert {g.name for g in all_groups()} == {name for name, _, _ in FAULTS} | ELSEWHERE
