"""What of a graph of arrays is kept in memory, what is computed where it is read, and which buffers a program has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest

from symgrad.graph import Node, Op, reachable
from symgrad.lower.arrays.loops import Call, Fill, Rows, Store, flat
from symgrad.lower.arrays.nest import NotInLoops
from symgrad.lower.arrays.nests import _own_cost, _repeats, _stored, products_in_blocks, schedule_arrays
from symgrad.ops.contract import contract, spread
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input, constant
from symgrad.ops.logic import less
from symgrad.ops.position import extent
from symgrad.ops.products import broadcast, matrix_product, total
from symgrad.ops.reduce import Maximum
from symgrad.ops.reshape import reshape
from symgrad.ops.select import select
from symgrad.ops.trigonometric import Sin
from symgrad.ops.view import accumulate, stack, view
from symgrad.types import Size, Type
from tests.lower.array_examples import KINDS
from tests.lower.array_graphs import k, m, n, q
from tests.lower.further_graphs import Arrays, up
from tests.lower.test_rows import mixture


def kept(*outputs: Node) -> list[str]:
    """The nodes in memory beside inputs and outputs."""
    nodes = reachable(outputs)
    stored = _stored(nodes, outputs)
    return [x.op.label() for x in nodes if x in stored and not isinstance(x.op, Input) and x not in outputs]


# -- what an operation costs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "cost"),
    [
        (lambda a: a.t**2, 1),
        (lambda a: a.t**3, 1),
        (lambda a: a.t**4, 1),
        (lambda a: a.t**-1, 4),
        (lambda a: a.t**-2, 4),
        (lambda a: a.t**5, 10),
        (lambda a: a.t ** Fraction(1, 2), 10),
        (lambda a: a.graph.add(Exp(), a.t), 10),
        (lambda a: a.t + 1, 1),
        (lambda a: a.t * a.t * a.t, 1),
        (lambda a: contract(a.graph, [(a.t, "i"), (a.w, "j")], "ij"), 1),
        (lambda a: view(a.t, [up(0, at=1)], (n - 1,)), 2),
        (lambda a: accumulate(a.t, [up(0, at=1)], (n + 1,)), 2),
        (lambda a: select(less(a.t, a.t * 2), a.t, a.t * 3), 1),
    ],
)  # fmt: skip
def test_an_operation_costs_so_many_multiplications(make: Callable[[Arrays], Node], cost: int) -> None:
    assert _own_cost(make(Arrays())) == cost


def dear(a: Arrays, steps: int, start: Node | None = None) -> Node:
    """An array of n numbers, of 5 multiplications and so many more, of t or of another array."""
    y = (start or a.t) ** -1 + a.real("u0", n)
    for step in range(steps):
        y = y + a.real(f"u{step + 1}", n) if step % 2 else y**2
    return y


def test_what_is_read_several_times_is_kept_from_eight_multiplications_on() -> None:
    a = Arrays()
    for steps, found in ((2, 0), (3, 1), (4, 1)):
        y = dear(a, steps)
        assert len(kept(y * a.t, y * 3)) == found, steps
        assert len(kept(broadcast(y, (n, m), [0]) * a.x)) == found, steps


def test_what_is_kept_costs_nothing_more() -> None:
    a = Arrays()
    for steps, found in ((2, 1), (3, 2)):
        y = dear(a, steps, contract(a.graph, [(a.x, "ij")], "i"))
        assert len(kept(y * a.t, y * 3)) == found, steps


def test_what_several_read_of_one_result_is_computed_once_for_it() -> None:
    a = Arrays()
    y = dear(a, 4)
    assert kept(y * a.t + a.graph.add(Sin(), y)) == []
    assert len(kept(view(y, [up(0, at=1)], (n,), clip=True) + y)) == 1


def test_a_number_is_not_kept() -> None:
    a = Arrays()
    for number in (constant(a.graph, 3), extent(a.graph, n)):
        assert kept(broadcast(number, (n,), []) * a.t, broadcast(number, (m,), []) * a.w) == []


def test_what_is_read_once_is_computed_where_it_is_read() -> None:
    a = Arrays()
    y = a.graph.add(Exp(), dear(a, 4))
    assert kept(y * a.t) == []
    assert kept(total(y * a.t)) == []


def test_a_scalar_that_several_read_is_kept_though_it_is_cheap() -> None:
    a = Arrays()
    twice = a.s * a.s
    assert kept(broadcast(twice, (n,), []) * a.t, broadcast(twice, (m,), []) * a.w) == [twice.op.label()]
    assert kept(broadcast(twice, (n,), []) * a.t) == []


def test_truth_values_are_not_kept() -> None:
    a = Arrays()
    low = less(a.graph.add(Exp(), a.t), a.t)
    assert kept(select(spread(low, "i", "ij", {"i": n, "j": m}), a.x, a.x * 2)) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda a: contract(a.graph, [(a.x, "ij")], "i"),
        lambda a: contract(a.graph, [(a.t, "i")], "ii"),
        lambda a: a.graph.add(Maximum(), a.x),
        lambda a: reshape(a.x, (m, n)),
        lambda a: stack([a.s, a.s * 2, a.s * 3], (3,)),
        lambda a: accumulate(a.t, [up(0, by=2)], (2 * n,)),
        lambda a: matrix_product(a.x, a.b),
    ],
    ids=["a sum", "a diagonal", "a maximum", "another shape", "entries", "what is added anywhere", "a product"],
)  # fmt: skip
def test_what_is_kept_in_any_case(make: Callable[[Arrays], Node]) -> None:
    a = Arrays()
    y = make(a)
    assert kept(a.graph.add(Sin(), y)) == [y.op.label()]


def test_what_a_library_or_another_shape_reads_is_kept() -> None:
    a = Arrays()
    y = a.x + 1
    assert kept(matrix_product(y, a.b)) == ["add"]
    assert kept(reshape(y, (m, n))) == ["add"]
    assert kept(contract(a.graph, [(y, "ij"), (a.w, "j")], "i")) == []


def test_an_element_is_read_several_times_along_axes_that_an_array_has_not() -> None:
    a = Arrays()
    outer = contract(a.graph, [(a.t, "i"), (a.x, "ij")], "ij")
    low = less(a.t, a.t * 2)
    assert _repeats(outer, a.t)
    assert not _repeats(outer, a.x)
    assert _repeats(contract(a.graph, [(a.t, "i")], "ij", {"j": m}), a.t)
    assert _repeats(view(a.t, [up(0, at=1)], (n - 1,)), a.t)
    assert _repeats(spread(low, "i", "ij", {"i": n, "j": m}), low)
    assert not _repeats(a.t * 2 + a.t**2, a.t)
    assert not _repeats(contract(a.graph, [(a.x, "ij")], "ji"), a.x)


# -- programs ----------------------------------------------------------------------------------------------------------


def memory(outputs: Sequence[Node], a: Arrays, whole: Collection[Size] = ()) -> list[str]:
    """The scratch memory; then what is stored into, and the calls, one after the other."""
    program = schedule_arrays("f", a.inputs, outputs, "f8", whole)
    done = [s for s in flat(program.body) if isinstance(s, (Store, Call))]
    scratch = [str(b).removeprefix("scratch ") for b in program.buffers if b.role == "scratch"]
    return [*scratch, *[s.buffer if isinstance(s, Store) else str(s) for s in done]]


def test_an_output_is_stored_once() -> None:
    a = Arrays()
    assert memory([a.t * 2], a) == ["y0"]
    assert memory([a.t * 2, a.t * 2], a) == ["y0", "y1"]
    assert memory([a.t], a) == ["y0"]


def test_an_input_that_is_a_result_is_copied() -> None:
    a = Arrays()
    program = schedule_arrays("f", a.inputs, [a.t], "f8")
    assert [str(s) for s in flat(program.body)][-2:] == ["%1 = load x1[i0]", "y0[i0] = %1"]


@dataclass(frozen=True)
class Odd(Op):
    """An operation that nobody knows."""

    def label(self) -> str:
        return "odd"

    def result_type(self, *types: Type) -> Type:
        return types[0]


def test_an_operation_that_nobody_knows_is_left_to_numpy() -> None:
    a = Arrays()
    with pytest.raises(NotInLoops, match="odd"):
        schedule_arrays("f", a.inputs, [a.graph.add(Odd(), a.t) * 2], "f8")


def test_integers_and_numbers_have_memory_of_their_own_kinds() -> None:
    a = Arrays()
    found = schedule_arrays("f", a.inputs, [a.t * 2], "f4").buffers
    assert [b.dtype for b in found] == ["f4"] * 7 + ["i8", "i8", "f4"]
    kept_numbers = schedule_arrays("f", a.inputs, [broadcast(total(a.t), (n,), []) * a.t], "f4").buffers
    assert [b.dtype for b in kept_numbers if b.role == "scratch"] == ["f4"]


def test_another_shape_has_the_same_memory() -> None:
    a = Arrays()
    y = reshape(a.x + 1, (n * m,))
    assert memory([contract(a.graph, [(y, "i"), (y, "i")], "")], a)[:2] == ["t0: f8[n, m]", "t1: f8[m*n] = t0"]
    assert memory([y], a) == ["t0: f8[n, m]", "t1: f8[m*n] = t0", "t0", "y0"]
    assert memory([reshape(a.x, (n * m,))], a) == ["t0: f8[m*n] = x0", "y0"]


def test_products_are_added_in_the_memory_of_their_sum() -> None:
    a = Arrays()
    c, product = a.real("c", n, k), matrix_product(a.x, a.b)
    a.inputs.append(c)
    assert memory([product * 3 + c], a) == ["y0", "gemm(x0, x3, y0, NN, n, m, k) times 3 accumulated"]
    assert memory([product * 3], a) == ["gemm(x0, x3, y0, NN, n, m, k) times 3"]
    assert memory([product + c, product], a, [k * m]) == ["gemm(x0, x3, y1, NN, n, m, k)", "y0"]


def sums_rows(a: Arrays, y: Node) -> Node:
    return contract(a.graph, [(y, "ij"), (a.x, "ik")], "jk")


def test_products_of_what_loops_fill_run_in_blocks() -> None:
    a = Arrays()
    y = a.graph.add(Exp(), a.x)
    first, second, third = matrix_product(y, a.b), sums_rows(a, y), matrix_product(a.x, a.b)
    assert products_in_blocks(a.inputs, [first]) == {k * m}
    assert products_in_blocks(a.inputs, [second]) == {m**2}
    assert products_in_blocks(a.inputs, [third]) == {k * m}
    assert products_in_blocks(a.inputs, [sums_rows(a, a.x)]) == set()
    assert products_in_blocks(a.inputs, [y]) == set()
    block, *_ = memory([first], a)
    assert block == "t0: f8[block0, m]"


def test_products_of_what_no_loops_fill_do_not_run_in_blocks() -> None:
    a = Arrays()
    c, other = a.real("c", k, n), a.real("o", n, q)
    a.inputs += [c, other]
    both_turned = contract(a.graph, [(a.graph.add(Exp(), a.x), "ij"), (c, "ki")], "jk")
    assert products_in_blocks(a.inputs, [both_turned]) == set()
    product = matrix_product(a.x, a.b)
    assert products_in_blocks(a.inputs, [contract(a.graph, [(product, "ik"), (other, "il")], "kl")]) == {k * m}
    shaped = reshape(a.x + 1, (m, n))
    assert products_in_blocks(a.inputs, [contract(a.graph, [(shaped, "ij"), (a.b, "ik")], "jk")]) == set()


def test_products_in_the_memory_of_a_sum_do_not_run_in_blocks() -> None:
    a = Arrays()
    c, product = a.real("c", n, k), matrix_product(a.x, a.b)
    a.inputs.append(c)
    assert products_in_blocks(a.inputs, [product * 3 + c]) == set()
    assert products_in_blocks(a.inputs, [a.graph.add(Exp(), product + c)]) == {k * m}
    assert isinstance(schedule_arrays("f", a.inputs, [product * 3 + c], "f8").body[0], Rows)


def test_memory_between_nests_is_in_the_order_of_vectors_along_rows() -> None:
    kernel = mixture().kernel
    found = schedule_arrays("f", kernel.inputs, kernel.outputs, "f8")
    assert any(str(b.dims[-1]).startswith("block") for b in found.buffers if len(b.dims) > 1)


def test_products_that_are_to_be_whole_are_one_call() -> None:
    a = Arrays()
    y = a.graph.add(Exp(), a.x)
    assert memory([matrix_product(y, a.b)], a, [k * m]) == [
        "t0: f8[n, m]",
        "t0",
        "gemm(t0, x3, y0, NN, n, m, k)",
    ]


def test_zeros_come_before_what_is_added_or_is_only_on_a_diagonal() -> None:
    a = Arrays()
    embedded = contract(a.graph, [(a.t, "i")], "ii")
    added = accumulate(a.real("z", n), [up(0, by=2)], (2 * n,))
    for y in (embedded, added):
        first, *_ = flat(schedule_arrays("f", reachable([y])[:1], [y], "f8").body[:1])
        assert "y0 = zeros" in [str(s) for s in getattr(first, "before", (first,))]
    whole = [a.t * 2, contract(a.graph, [(a.x, "ij")], "ji"), accumulate(a.t, [up(0, at=1)], (n + 1,))]
    assert not any(isinstance(s, Fill) for s in flat(schedule_arrays("f", a.inputs, whole, "f8").body))


def test_what_loops_do_not_cover_is_left_to_numpy() -> None:
    a = Arrays()
    with pytest.raises(NotInLoops):
        schedule_arrays("f", a.inputs, [a.t * 2, *KINDS["factors"](a)], "f8")
    y = a.t
    for step in range(400):
        y = a.graph.add(Sin(), y) * a.real(f"v{step}", n)
    inputs = [x for x in reachable([y]) if not x.inputs]
    with pytest.raises(NotInLoops, match="more than 1000 statements"):
        schedule_arrays("f", inputs, [y], "f8")
