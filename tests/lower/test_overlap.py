"""Loops whose ranges differ by a few iterations: what is known of limits, the program, and what it computes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import ArrayProgram, Bound, Buffer, Load, Loop, Store, flat
from symgrad.lower.arrays.merge import merged
from symgrad.lower.arrays.overlap import FEW, Limits

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, row = (Affine(0, ((name, 1),)) for name in ("i", "j", "row"))
BUFFERS = (Buffer("x", (n,), "in"), Buffer("y", (n,), "out"), Buffer("z", (n,), "out"))


def value(number: int, more: int = 0) -> Affine:
    return Affine(more, (), ((number, 1),))


def size(*offsets: sp.Expr | int) -> tuple[Affine, ...]:
    return tuple(map(Affine, offsets))


LIMITS = Limits(
    (
        Bound(1, "min", size(n - 1, m)),
        Bound(2, "max", size(n - 1, 1)),
        Bound(3, "min", (value(2), *size(m))),
        Bound(4, "max", (*size(1), row)),
    )
)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        *((Affine(2), Affine(2)), (Affine(2), Affine(3)), (Affine(n - 1), Affine(n)), (row, row.plus(Affine(1)))),
        *((Affine(0), row), (row, value(4)), (value(1), Affine(m)), (value(1), Affine(n)), (Affine(n - 1), value(2))),
        *((value(1), value(3)), (value(4), row.plus(Affine(1))), (value(3), value(3, 1)), (value(1, 1), Affine(n))),
    ],
    ids=lambda x: str(x),
)
def test_what_is_known_of_two_limits(a: Affine, b: Affine) -> None:
    assert LIMITS.at_most(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        *((Affine(3), Affine(2)), (Affine(n), Affine(m)), (row, i), (row, Affine(n)), (Affine(1), Affine(n))),
        *((value(3), value(1)), (value(2), Affine(n - 1)), (value(4), row), (value(9), Affine(n))),
        (Affine(0, (), ((1, 2),)), Affine(m)),  # twice the least of two
    ],
    ids=lambda x: str(x),
)
def test_what_is_not_known_of_two_limits(a: Affine, b: Affine) -> None:
    assert not LIMITS.at_most(a, b)


def two(first: Affine, stop: Affine) -> ArrayProgram:
    """A loop over n, and another with these limits."""
    store = Loop("i", Affine(), Affine(n), (Load(0, "x", (i,)), Store("y", (i,), 0)), "simd")
    other = Loop("j", first, stop, (Load(1, "x", (j,)), Store("z", (j,), 1)), "simd")
    return ArrayProgram("f", BUFFERS, (store, other))


def test_iterations_of_one_loop_alone_stand_before_and_after() -> None:
    assert str(merged(two(Affine(1), Affine(n - 1)))).splitlines()[4:] == [
        "  %2 = min(n, 1)",
        "  for i in range(%2):",
        "    %3 = load x[i]",
        "    y[i] = %3",
        "  for i in simd(1, n - 1):",
        "    %0 = load x[i]",
        "    y[i] = %0",
        "    z[i] = %0",
        "  %4 = max(n - 1, 1)",
        "  for i in range(%4, n):",
        "    %5 = load x[i]",
        "    y[i] = %5",
    ]


@pytest.mark.parametrize(
    ("first", "stop"),
    [(Affine(), Affine(m)), (Affine(FEW + 1), Affine(n)), (Affine(), Affine(n - FEW - 1)), (row, Affine(n))],
    ids=str,
)
def test_loops_that_may_be_far_apart_stay_so(first: Affine, stop: Affine) -> None:
    program = two(first, stop)
    assert merged(program).body == program.body


TERMS = {
    "one apart": (lambda x, k: (x[k + 1] - x[k] ** 2) ** 2, 0, 1),
    "two apart": (lambda x, k: x[k] * x[k + 2] ** 2, 0, 2),
    "both sides": (lambda x, k: x[k - 1] * x[k] * x[k + 1], 1, 1),
    "four apart": (lambda x, k: x[k + 4] * x[k], 0, 4),
    "all of them": (lambda x, k: x[k] ** 3, 0, 0),
}


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("count", [*range(1, 12), 16, 17, 33, 5000])
def test_a_sum_over_neighbours_and_its_gradient(terms: str, count: int) -> None:
    form, before, after = TERMS[terms]
    x, k = sp.IndexedBase("x", shape=(n,)), sp.Symbol("k", integer=True)
    F = sg.Function([x], sp.Sum(form(x, k), (k, before, n - 1 - after))).value_and_grad(x)
    numbers = np.random.default_rng(count).normal(size=count)

    def total(numbers: np.ndarray) -> complex:
        return sum(form(numbers, k) for k in range(before, len(numbers) - after))

    found, gradient = F(numbers)
    assert found == pytest.approx(total(numbers), rel=1e-12, abs=1e-14)
    for place in {0, 1, count // 2, count - 2, count - 1} & set(range(count)):
        step = numbers.astype(complex)
        step[place] += 1e-30j
        assert gradient[place] == pytest.approx(np.imag(total(step)) * 1e30, rel=1e-12, abs=1e-14)


def test_a_sum_over_neighbours_and_its_gradient_are_one_loop_in_vectors() -> None:
    x, k = sp.IndexedBase("x", shape=(n,)), sp.Symbol("k", integer=True)
    F = sg.Function([x], sp.Sum((x[k + 1] - x[k] ** 2) ** 2, (k, 0, n - 2))).value_and_grad(x)
    loops = [s for s in flat(F.kernel.program.body) if isinstance(s, Loop) and s.kind == "simd"]  # type: ignore[union-attr]
    assert len(loops) == 1
