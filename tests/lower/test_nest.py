"""Nests of loops as they print: where each value is computed, what is summed in registers, where loops are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, product
from typing import Any

import pytest

from symgrad.graph import Node, reachable
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.fill import Along, accumulation, loops_of, nest_of, stored_entries
from symgrad.lower.arrays.loops import Load, Loop, Statement, Store, flat, inside
from symgrad.lower.arrays.nest import Nest
from symgrad.ops.contract import contract, spread
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input, constant
from symgrad.ops.logic import less, truth
from symgrad.ops.position import extent, positions
from symgrad.ops.products import broadcast, identity, total
from symgrad.ops.reduce import Maximum, ProductOfOthers
from symgrad.ops.select import Select, select
from symgrad.ops.trigonometric import Sin
from symgrad.ops.view import Accumulate, Place, accumulate, stack, view
from symgrad.types import Size
from tests.lower.array_graphs import Arrays, k, m, n, q
from tests.lower.further_graphs import gathered as looked_up
from tests.lower.further_graphs import up
from tests.lower.printed_nests import PRINTED


def nest(y: Node, row: str = "", *, lanes: bool = False, copy: bool = False) -> list[Statement]:
    """What fills the buffer y, of inputs in buffers of their own names; a copy is of buffer z."""
    places = {x: x.op.label() for x in reachable([y]) if isinstance(x.op, Input)}
    loops = loops_of(y, copy=copy)
    along = Along(row, {**loops.outer, **loops.inner}[row], (y, 0), lanes) if row else None
    return nest_of(y, "y", {**places, y: "z"}, count(), copy=copy, along=along)


def lines(body: Any, indent: str = "") -> Iterator[str]:
    for s in body:
        yield indent + str(s)
        yield from lines(inside(s), indent + "  ")


def folded(a: Arrays) -> Node:
    """A sum over the first axis, of three."""
    return contract(a.graph, [(a.real("c", n, k, m), "ikj"), (a.t, "i")], "kj")


def window(a: Arrays) -> Node:
    return view(a.t, [Place(-1, ((0, 1), (1, 1)))], (n, 5), clip=True)


def column(a: Arrays) -> Node:
    return view(a.graph.add(Sin(), a.x), [up(0), Place(0)], (n,))


# by what is to be seen: a graph; the loop over rows; do vectors run along them
NESTS: dict[str, tuple[Callable[[Arrays], Node], str, bool]] = {
    "values in the outermost loop they need": (
        lambda a: contract(a.graph, [(a.x, "ij"), (a.t, "i"), (a.s, "")], "ij"),
        "",
        False,
    ),
    "a sum in memory": (lambda a: contract(a.graph, [(a.x, "ij"), (a.t, "i")], "j"), "", False),
    "the largest": (lambda a: a.graph.add(Maximum(2), a.cube), "", False),
    "products of others": (lambda a: a.graph.add(ProductOfOthers(), a.x), "i0", False),
    "products of others, vectors along rows": (lambda a: a.graph.add(ProductOfOthers(), a.cube), "i1", True),
    "a sum in memory, row by row": (lambda a: folded(a), "i0", False),
    "a sum in a register, rows of memory": (lambda a: folded(a), "i1", False),
    "vectors along rows": (lambda a: folded(a), "i0", True),
    "vectors along rows that are summed": (lambda a: folded(a), "i2", True),
    "what is added in the middle of longer axes": (
        lambda a: accumulate(a.x, [up(0, at=1), up(1, at=2)], (n + 3, m + 4)),
        "",
        False,
    ),
    "read beside both ends": (
        lambda a: view(a.t, [up(0, at=-1)], (n,), clip=True) + view(a.t, [up(0, by=-1, at=m)], (n,), clip=True),
        "",
        False,
    ),
    "a window": (lambda a: window(a), "", False),
    "a window that is added": (
        lambda a: accumulate(broadcast(a.t, (n, 3), [0]), [Place(-1, ((0, 1), (1, 1)))], (n,), clip=True),
        "",
        False,
    ),
    "every second": (lambda a: view(a.t, [up(0, by=2)], (n,), clip=True), "", False),
    "a condition within another": (
        lambda a: view(a.graph.add(Exp(), view(a.t, [up(0, at=1)], (n,), clip=True)), [up(0, at=1)], (n,), clip=True),
        "",
        False,
    ),
    "one row of several": (lambda a: accumulate(a.t, [Place(2), up(0)], (3, n)), "", False),
    "the only row": (lambda a: accumulate(a.t, [Place(0), up(0)], (1, n)), "", False),
    "rows that are looked up": (lambda a: view(a.x, [looked_up(0), up(1)], (q, m), [a.at]), "", False),
    "numbers that are looked up": (lambda a: view(a.t, [looked_up(0, at=n - 1, times=-1)], (q,), [a.at]), "", False),
    "rows that are looked up, if there are": (
        lambda a: view(a.x, [looked_up(0), up(1, at=1)], (q, m), [a.at], clip=True),
        "",
        False,
    ),
    "numbers that are looked up under a condition": (
        lambda a: view(view(a.t, [looked_up(0)], (q,), [a.at]), [up(0, at=-1)], (q,), clip=True),
        "",
        False,
    ),
    "one number where it is looked up, if there is one": (
        lambda a: view(broadcast(a.s, (n,), []), [looked_up(0)], (q,), [a.at], clip=True),
        "",
        False,
    ),
    "what is added where it is looked up": (
        lambda a: accumulate(a.real("z", n, q), [looked_up(1), up(0)], (m, n), [a.at]),
        "",
        False,
    ),
    "what is added to one place again and again": (lambda a: accumulate(a.x, [up(0)], (n,)), "", False),
    "sizes and indices": (
        lambda a: positions(a.graph, n) * broadcast(extent(a.graph, n * m), (n,), []) * a.t + 3,
        "",
        False,
    ),
    "truth values along another axis": (
        lambda a: select(spread(less(a.t, a.t * 2), "i", "ij", {"i": n, "j": m}), a.x, a.x.like(0)),
        "",
        False,
    ),
    "what is read twice": (lambda a: column(a) + column(a) * 2, "", False),
    "what goes onto a diagonal": (lambda a: contract(a.graph, [(a.t, "i")], "ii"), "", False),
    "a sum of all rows": (lambda a: total(a.graph.add(Exp(), a.t)), "i0", False),
    "one number": (lambda a: a.graph.add(Exp(), a.s), "", False),
    "an identity": (lambda a: identity(a.graph, n), "", False),
    "few columns": (lambda a: broadcast(a.t, (n, 4), [0]), "", False),
    "columns": (lambda a: broadcast(a.t, (n, 5), [0]), "", False),
    "the only row there is": (lambda a: view(a.real("r", 1, n), [Place(0), up(0)], (n,), clip=True), "", False),
    "the first of two rows": (lambda a: view(a.real("r", 2, n), [Place(0), up(0)], (n,), clip=True), "", False),
    "as many as are there": (lambda a: view(a.t, [up(0)], (m,), clip=True), "", False),
    "an index plus one that is looked up": (
        lambda a: view(a.t, [Place(0, ((0, 1),), ((0, (0,), 1),))], (q,), [a.at], clip=True),
        "",
        False,
    ),
    "whole rows that are looked up, if there are": (
        lambda a: view(a.x, [looked_up(0), up(1)], (q, m), [a.at], clip=True),
        "",
        False,
    ),
    "vectors along rows whose sums have limits of their own": (
        lambda a: contract(a.graph, [(window(a), "ij")], "i"),
        "i0",
        True,
    ),
    "a number for all": (lambda a: constant(a.graph, 3, (n,)), "", False),
}


@pytest.mark.parametrize("what", NESTS)
def test_a_nest_prints(what: str) -> None:
    make, row, lanes = NESTS[what]
    assert "\n".join(lines(nest(make(Arrays()), row, lanes=lanes))) == PRINTED[what]


def test_what_needs_nothing_is_computed_before_all_loops() -> None:
    a = Arrays()
    always = spread(truth(a.graph, True), "", "i", {"i": n})
    assert next(str(s) for s in nest(a.graph.add(Select(), always, a.t, a.t * 2))) == "%4 = True()"


def test_a_value_is_chosen_in_as_many_loops_as_it_needs() -> None:
    one = Nest({}, ["i"], {"i": n}, count(10))
    number = one.made(lambda v: Load(v, "x", ()), 0)
    value = one.made(lambda v: Load(v, "y", (Affine(0, (("i", 1),)),)), 1)
    one.keep(Store("z", (), one.multiplied([one.chosen(number, value, 7.0), one.multiplied([])]).value))
    assert [[str(s) for s in level] for level in one.levels] == [
        ["%10 = load x", "%12 = 0", "%13 = ==(%10, %12)", "%14 = 7.0", "%16 = 1"],
        ["%11 = load y[i]", "%15 = select(%13, %11, %14)", "%17 = product(%16, %15)", "z = %17"],
    ]


def test_vectors_do_not_run_along_rows_within_which_a_loop_is_cut() -> None:
    a = Arrays()
    y = contract(a.graph, [(view(a.x, [up(0), up(1, at=1)], (n, m), clip=True), "ij")], "i")
    assert not any(isinstance(s, Loop) and s.kind == "simd" for s in flat(tuple(nest(y, "i0", lanes=True))))


def test_a_copy_reads_what_is_there() -> None:
    a = Arrays()
    add, places = a.graph.add, [up(0, at=1)]
    copied = [add(Exp(), a.t), total(a.x), contract(a.graph, [(a.x, "ij")], "i"), add(Maximum(), a.x)]
    copied += [add(ProductOfOthers(), a.t), accumulate(a.t, places, (n,)), view(a.t, places, (n,), clip=True)]
    copied += [accumulate(a.t, [up(0, by=2)], (2 * n,))]
    for y in copied:
        load, store = list(lines(nest(y, copy=True)))[-2:]
        assert load.strip().endswith("= load z[i0]" if y.type.shape else "= load z")
        assert store.strip().startswith("y")


# -- the order of loops ------------------------------------------------------------------------------------------------


def order(y: Node) -> str:
    """The loops from the outermost on."""
    return " ".join(s.index for s in flat(tuple(nest(y))) if isinstance(s, Loop))


def exponential(a: Arrays, shape: tuple[Size, ...], *factors: tuple[Node, str]) -> Node:
    """Of a product, in one nest over i, j and l."""
    labels = "ijl"[: len(shape)]
    return a.graph.add(Exp(), contract(a.graph, factors, labels, dict(zip(labels, shape, strict=True))))


def many(a: Arrays, count: int, labels: str, *shape: Size) -> list[tuple[Node, str]]:
    return [(a.real(f"{labels}{k}", *shape), labels) for k in range(count)]


@pytest.mark.parametrize(("turned", "along"), [*product(range(4), range(13))])
def test_an_access_counts_by_its_axes_for_the_loop_that_reads_it_in_order_and_against_others(
    turned: int, along: int
) -> None:
    """The result is in the order of the second loop; so are vectors, against matrices that are transposed."""
    a = Arrays()
    y = exponential(a, (n, m), *many(a, turned, "ji", m, n), *many(a, along, "j", m))
    first, second = 4 * turned - 4, 4 - 4 * turned + 2 * along
    assert order(y) == ("i1 i0" if first > second else "i0 i1")


@pytest.mark.parametrize(("short", "along"), [*product([3, 7, 8], range(10))])
def test_a_loop_of_fewer_than_eight_iterations_is_rarely_innermost(short: int, along: int) -> None:
    a = Arrays()
    last = exponential(a, (n, short), *many(a, along, "i", n))
    assert order(last) == ("i1 i0" if 2 * along - 4 > 4 - 6 * (short < 8) else "i0 i1")
    first = exponential(a, (short, m), *many(a, along, "i", short))
    assert order(first) == ("i1 i0" if 2 * along - 4 - 6 * (short < 8) > 4 else "i0 i1")


def test_what_is_not_read_in_order_counts_against_a_loop() -> None:
    a = Arrays()
    diagonal = (a.spd, "ii")
    assert order(exponential(a, (n, m), diagonal, *many(a, 3, "i", n))) == "i0 i1"
    double = view(a.real("t2", 2 * n), [up(0, by=2)], (n,)), "i"
    assert order(exponential(a, (n, m), double, *many(a, 4, "i", n))) == "i0 i1"
    back = view(a.t, [up(0, by=-1, at=n - 1)], (n,)), "i"
    assert order(exponential(a, (n, m), back, *many(a, 4, "i", n))) == "i1 i0"
    taken = view(a.x, [looked_up(0), up(1)], (q, m), [a.at]), "ij"
    assert order(exponential(a, (q, m), taken, *many(a, 1, "ji", m, q), *many(a, 2, "i", q))) == "i0 i1"


def test_a_loop_that_is_cut_counts_as_one() -> None:
    a = Arrays()
    x = a.real("X3", n, 3)
    clipped = view(x, [up(0), up(1, at=1)], (n, 3), clip=True), "ij"
    assert order(exponential(a, (n, 3), clipped, *many(a, 6, "i", n))) == "i1 i0"
    values = exponential(a, (n, 3), (x, "ij"), *many(a, 2, "i", n))
    assert order(accumulate(values, [Place(-1, ((0, 1), (1, 1)))], (n,), clip=True)) == "i1 i0 i0 i0"


def test_what_is_added_where_it_is_looked_up_is_read_in_order() -> None:
    a = Arrays()
    turned = contract(a.graph, [(a.real("z", q, n), "ji")], "ij")
    assert order(accumulate(turned, [looked_up(1), up(0)], (m, n), [a.at])) == "i1 i0"


def test_the_other_loops_of_a_sum_are_in_the_order_of_the_largest_array() -> None:
    a = Arrays()
    y = contract(a.graph, [(a.real("u", n, m), "ij"), (a.real("c", m, n, k), "jik")], "k")
    assert order(y) == "i2 i1 i0"
    assert order(contract(a.graph, [(a.cube, "ijk")], "jik")) == "i0 i1 i2"
    assert order(contract(a.graph, [(a.cube, "ijk")], "ji")) == "i0 i1 i2"
    weights = broadcast(a.real("v", q), (n, m, k, q), [3])
    term = a.graph.add(Exp(), broadcast(a.cube, (n, m, k, q), [0, 1, 2]) * weights)
    assert order(contract(a.graph, [(term, "ijkl")], "k")) == "i3 i1 i2 i0"


# -- what is added, what is stored -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("places", "shape", "clip", "wanted"),
    [
        ([up(1, at=1), up(0)], (m + 1, n), False, "gather"),
        ([up(0), Place(2), up(1)], (n, 3, m), False, "gather"),
        ([up(0, at=-1), up(1)], (n, m), True, "scatter"),
        ([up(0, by=2), up(1)], (2 * n, m), False, "scatter"),
        ([up(0, by=-1, at=n - 1), up(1)], (n, m), False, "scatter"),
        ([Place(0, ((0, 1), (1, 1)))], (n + m,), False, "scatter"),
        ([Place(0, ((0, 2), (1, 1))), up(0)], (2 * n + m, n), False, "scatter"),
        ([up(0)], (n,), False, "scatter"),
        ([up(0), up(0)], (n, n), False, "scatter"),
        ([up(0), up(0), up(1)], (n, n, m), False, "scatter"),
    ],
)
def test_what_takes_one_value_at_most_is_read(
    places: list[Place], shape: tuple[Size, ...], clip: bool, wanted: str
) -> None:
    a = Arrays()
    y = accumulate(a.x, places, shape, clip=clip)
    assert isinstance(y.op, Accumulate)
    assert accumulation(y.op, y) == wanted


def test_what_is_added_where_it_is_looked_up_is_added_one_by_one() -> None:
    a = Arrays()
    y = accumulate(a.real("z", q), [looked_up(0)], (n,), [a.at])
    assert isinstance(y.op, Accumulate)
    assert accumulation(y.op, y) == "scatter"
    both = accumulate(a.real("u", q), [Place(0, ((0, 1),), ((0, (0,), 1),))], (n + q,), [a.at])
    assert isinstance(both.op, Accumulate)
    assert accumulation(both.op, both) == "scatter"


def test_entries_are_stored_one_by_one() -> None:
    a = Arrays()
    numbers = [a.real(name) for name in "abcdef"]
    y = stack(numbers, (2, 3))
    found = stored_entries(y, "y", {x: x.op.label() for x in numbers}, count())
    assert [str(s) for s in found if isinstance(s, Store)] == [f"y[{k // 3}, {k % 3}] = %{k}" for k in range(6)]
