"""Calls at one point that share a vector: which do, in what order, and that the numbers are those of a batch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from symgrad.graph import Graph, Node, Op
from symgrad.lower.emit.target import Target, host
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars import schedule
from symgrad.lower.scalars.pack import FEWEST, packed
from symgrad.lower.scalars.program import Let, Load, Number, Pack, Part, Program, Statement, Store
from symgrad.lower.source.python import to_python
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.special import Polygamma
from symgrad.ops.stable import LogSumExp, Sigmoid
from symgrad.ops.trigonometric import Cos, Sec, Sin
from symgrad.structure import LEAF, tuple_of
from tests.lower.programs import assert_close, inputs, kernel_of, random_graph, reference
from tests.rules import domain, operations


class WithFunctions(Target):
    """A target that has every function for vectors, whatever this machine has."""

    def vector_function(self, name: str, inputs: int) -> str | None:
        return f"_ZGVeN8{'v' * inputs}_{name}"


class WithoutFunctions(Target):
    def vector_function(self, name: str, inputs: int) -> str | None:
        return None


EIGHT = WithFunctions(8)


def of_each(op: Op, count: int) -> Kernel:
    names = inputs(Graph(), *(f"u{k}" for k in range(count)))
    return kernel_of(names, [op.apply(x) for x in names])  # type: ignore[attr-defined]


def packs(program: Program) -> list[list[str]]:
    """The operations in each pack."""
    return [[let.op.label() for let in s.body] for s in _without_parts(program.body) if isinstance(s, Pack)]


def _without_parts(body: Sequence[Statement]) -> Iterator[Statement]:
    for s in body:
        yield from s.body if isinstance(s, Part) else [s]


def test_a_packed_program_prints_its_packs() -> None:
    assert str(packed(of_each(Sin(), 3).scheduled, EIGHT)) == (
        "program f(in u0: f8; in u1: f8; in u2: f8; out out0: f8; out out1: f8; out out2: f8)\n"
        "  %0 = load u0\n"
        "  %1 = load u1\n"
        "  %2 = load u2\n"
        "  pack:\n"
        "    %3 = sin(%0)\n"
        "    %4 = sin(%1)\n"
        "    %5 = sin(%2)\n"
        "  out0 = %3\n"
        "  out1 = %4\n"
        "  out2 = %5"
    )


def test_the_program_of_a_kernel_has_the_packs_of_this_machine() -> None:
    kernel = of_each(Sin(), 9)
    assert str(kernel.program) == str(packed(kernel.scheduled, host()))


def test_two_calls_stay_apart() -> None:
    program = of_each(Sin(), 2).scheduled
    assert packed(program, EIGHT) is program


def test_a_pack_holds_as_many_calls_as_a_vector_has_lanes() -> None:
    assert [len(pack) for pack in packs(packed(of_each(Sin(), 20).scheduled, EIGHT))] == [8, 8, 4]
    assert [len(pack) for pack in packs(packed(of_each(Sin(), 20).scheduled, WithFunctions(4)))] == [4] * 5


def test_calls_that_wait_for_one_another_share_no_vector() -> None:
    (x,) = inputs(Graph(), "x")
    y = x
    for _ in range(9):
        y = Sin().apply(y)
    assert packs(packed(kernel_of([x], [y]).scheduled, EIGHT)) == []


def test_calls_before_most_others_come_first() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(11)))
    last = [Sin().apply(x) for x in names]
    for _ in range(3):
        last[8:] = [Sin().apply(y) for y in last[8:]]
    assert [len(pack) for pack in packs(packed(kernel_of(names, last).scheduled, EIGHT))] == [8, 6] + [3] * 2


def test_calls_of_one_number_are_as_urgent_as_the_most_urgent_of_them() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(9)))
    outputs = [Sin().apply(x) for x in names[:8]] + [Cos().apply(names[8]), Exp().apply(Sin().apply(names[8]))]
    assert [len(pack) for pack in packs(packed(kernel_of(names, outputs).scheduled, EIGHT))] == [9]


def test_what_is_called_for_one_number_takes_one_lane() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(8)))
    program = packed(kernel_of(names, [op.apply(x) for op in (Sin(), Cos()) for x in names]).scheduled, EIGHT)
    assert packs(program) == [["sin", "cos"] * 8]


def test_operations_that_call_the_same_functions_share_a_vector() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(6)))
    outputs = [op.apply(x) for op, x in zip((Sin(), Cos(), Sec()) * 2, names, strict=True)]
    assert packs(packed(kernel_of(names, outputs).scheduled, EIGHT)) == [["sin", "cos", "sec"] * 2]


def test_other_functions_share_no_vector() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(6)))
    outputs = [op.apply(x) for op, x in zip((Exp(), Log()) * 3, names, strict=True)]
    assert packs(packed(kernel_of(names, outputs).scheduled, EIGHT)) == [["exp"] * 3, ["log"] * 3]


def test_one_kind_of_call_may_share_a_vector_where_another_does_not() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(5)))
    outputs = [op.apply(x) for op, x in zip((Exp(), Exp(), Sin(), Sin(), Sin()), names, strict=True)]
    assert packs(packed(kernel_of(names, outputs).scheduled, EIGHT)) == [["sin"] * 3]


def test_operations_that_call_a_function_of_other_numbers_share_none() -> None:
    names = inputs(Graph(), *(f"u{k}" for k in range(6)))
    outputs = [op.apply(x) for op in (Exp(), Sigmoid()) for x in names]
    assert packs(packed(kernel_of(names, outputs).scheduled, EIGHT)) == [["exp"] * 6, ["sigmoid"] * 6]


def test_operations_with_other_numbers_of_inputs_share_no_vector() -> None:
    a, b, c = inputs(Graph(), "a", "b", "c")
    add = a.graph.add
    several = [(a, b), (a, c), (b, c), (a, b, c), (b, c, a), (c, a, b)]
    program = packed(kernel_of([a, b, c], [add(LogSumExp(), *some) for some in several]).scheduled, EIGHT)
    found = [[len(let.arguments) for let in s.body] for s in program.body if isinstance(s, Pack)]
    assert sorted(found) == [[2, 2, 2], [3, 3, 3]]


@pytest.mark.parametrize("op", [Polygamma(0), Exp()])
def test_functions_without_a_form_for_vectors_stay_apart(op: Op) -> None:
    program = of_each(op, 5).scheduled
    assert packed(program, WithoutFunctions(8) if op == Exp() else EIGHT) is program


@pytest.mark.parametrize("size", [300, 8_000])
def test_a_packed_program_reads_only_what_it_computed_before(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "WHOLE", 1_000)
    program = packed(kernel_of(*random_graph(size, 3)).scheduled, EIGHT)
    known: set[int] = set()
    for s in _without_parts(program.body):
        together = s.body if isinstance(s, Pack) else (s,)
        for one in together:
            assert known.issuperset(one.arguments if isinstance(one, Let) else ())
            assert not isinstance(one, Store) or one.value in known
        known |= {one.value for one in together if isinstance(one, (Let, Load, Number))}


@pytest.mark.parametrize("size", [300, 16_000])
def test_a_packed_program_has_the_statements_of_the_program(size: int) -> None:
    program = kernel_of(*random_graph(size, 4)).scheduled
    assert isinstance(program.body[0], Part) == (size == 16_000)
    found = packed(program, EIGHT)
    flat = [one for s in _without_parts(found.body) for one in (s.body if isinstance(s, Pack) else (s,))]
    assert packs(found)
    assert sorted(map(repr, flat)) == sorted(map(repr, _without_parts(program.body)))


KINDS = {"sin": "circular", "cos": "circular", "exp": "exp", "log": "log", "tanh": "tanh"}


def replayed(body: Sequence[Statement], found: Sequence[Statement], lanes: int) -> None:
    """Is each step what it may be? What is no call comes first; then calls of a kind whose first has most calls after
    it, one after another; of such kinds one of which most wait."""
    left = list(body)
    kinds = {s.value: KINDS.get(s.op.label()) for s in body if isinstance(s, Let)}
    arguments = {s.value: s.arguments for s in body if isinstance(s, Let)}
    follow: dict[int, int] = {}
    for value in reversed(kinds):
        after = [follow[v] for v in kinds if value in arguments[v]]
        follow[value] = max(after, default=0) + (kinds[value] is not None)
    steps = list(found)
    while left:
        unmade = {s.value for s in left if isinstance(s, (Load, Number, Let))}
        ready = [s for s in left if unmade.isdisjoint(_read(s))]
        others = [s for s in ready if not isinstance(s, Let) or kinds[s.value] is None]
        if others:
            assert steps.pop(0) == others[0]
            left.remove(others[0])
            continue
        waiting: dict[str | None, dict[tuple[int, ...], list[Let]]] = {}
        for s in ready:
            assert isinstance(s, Let)
            waiting.setdefault(kinds[s.value], {}).setdefault(s.arguments, []).append(s)
        urgent = {
            kind: sorted(g.values(), key=lambda lets: -max(follow[s.value] for s in lets))
            for kind, g in waiting.items()
        }
        ranks = {kind: (max(follow[s.value] for s in groups[0]), len(groups)) for kind, groups in urgent.items()}
        first = steps[0].body[0] if isinstance(steps[0], Pack) else steps[0]
        assert isinstance(first, Let)
        kind = kinds[first.value]
        assert ranks[kind] == max(ranks.values())
        lets = tuple(s for group in urgent[kind][:lanes] for s in group)
        if len(lets) >= FEWEST:
            assert steps.pop(0) == Pack(lets)
        else:
            assert tuple(steps[: len(lets)]) == lets
            del steps[: len(lets)]
        left = [s for s in left if s not in lets]
    assert not steps


def _read(s: Statement) -> tuple[int, ...]:
    return s.arguments if isinstance(s, Let) else (s.value,) if isinstance(s, Store) else ()


@pytest.mark.parametrize("lanes", [8, 4])
@pytest.mark.parametrize("seed", range(6))
def test_packs_are_of_the_most_urgent_calls(seed: int, lanes: int) -> None:
    program = kernel_of(*random_graph(150, seed, 9)).scheduled
    replayed(program.body, packed(program, WithFunctions(lanes)).body, lanes)


def test_the_source_of_a_packed_program_computes_the_same() -> None:
    kernel = kernel_of(*random_graph(400, 5))
    texts = [to_python(program) for program in (kernel.scheduled, packed(kernel.scheduled, EIGHT))]
    results = []
    for text in texts:
        scope: dict[str, object] = {}
        exec(compile(text, "<source>", "exec"), scope)
        results.append(scope["f"](0.1, 0.2, 0.3, 0.4))  # type: ignore[operator]
    assert results[0] == results[1]


@pytest.mark.parametrize("size", [500, 14_000])
def test_a_kernel_with_packs_computes_what_it_evaluates(size: int) -> None:
    kernel = kernel_of(*random_graph(size, 6))
    point = [0.3, -0.4, 0.5, -0.6]
    for call in (kernel.njit, kernel.entry(tuple_of([LEAF] * len(kernel.results)))):
        for got, wanted in zip(call(*point), reference(kernel, point), strict=True):
            assert_close(got, wanted, 1e-9)


COPIES = 5
SPECIAL = (0.0, -0.0, 1.0, -2.5, 1e-300, 1e300, np.inf, -np.inf, np.nan)


def _copies(op: Op) -> tuple[Kernel, Kernel, int]:
    """The operation once; and several times, on numbers of their own; its inputs."""
    count = len(domain(op))
    once, several = inputs(Graph(), *(f"u{k}" for k in range(count))), Graph()
    names = inputs(several, *(f"u{k}" for k in range(count * COPIES)))
    outputs: list[Node] = [several.add(op, *names[k * count : (k + 1) * count]) for k in range(COPIES)]
    return kernel_of(once, [once[0].graph.add(op, *once)]), kernel_of(names, outputs), count


@pytest.mark.skipif(host().vector_function("sin", 1) is None, reason="no vector functions here")
@pytest.mark.parametrize("op", operations(), ids=repr)
def test_a_pack_computes_what_a_batch_does_to_the_last_bit(op: Op) -> None:
    once, several, count = _copies(op)
    if not packs(packed(several.scheduled, host())):
        return
    call, draw = several.entry(tuple_of([LEAF] * COPIES)), random.Random(repr(op))
    for values in ([draw.uniform(*domain(op)[k % count]) for k in range(count * COPIES)], None):
        values = values or [draw.choice(SPECIAL) for _ in range(count * COPIES)]
        points = np.reshape(values, (COPIES, count)).T
        assert np.array_equal(call(*values), once.batch(list(points))[0], equal_nan=True)
