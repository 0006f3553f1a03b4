"""Which axes run together, and along which a nest runs in blocks: what is chosen for small graphs of nests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from symgrad.graph import Node, Op, reachable
from symgrad.lower.arrays.axes import Axes
from symgrad.lower.arrays.fill import loops_of
from symgrad.lower.arrays.rows import _candidates, _gain, _Nest, _reads, rows
from symgrad.ops.contract import contract, spread
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Input
from symgrad.ops.logic import And, less
from symgrad.ops.position import positions
from symgrad.ops.products import broadcast, total
from symgrad.ops.reduce import Maximum, Minimum, ProductOfOthers, ProductOver
from symgrad.ops.reshape import reshape
from symgrad.ops.select import select
from symgrad.ops.trigonometric import Sin
from symgrad.ops.view import Place, accumulate, view
from tests.lower.array_graphs import Arrays, k, m, n, q


def together(y: Node, x: Node) -> str:
    """The axes of y, for each the axes of x that run with it."""
    axes = Axes(reachable([y]))
    return ", ".join(
        "".join(str(b) for b in range(len(x.type.shape)) if axes.class_of((x, b)) == axes.class_of((y, a))) or "-"
        for a in range(len(y.type.shape))
    )


@pytest.mark.parametrize("op", [Sin(), ProductOfOthers()], ids=["a function", "products of others"])
def test_axes_of_what_has_one_shape_run_together(op: Op) -> None:
    a = Arrays()
    assert together(a.graph.add(op, a.x), a.x) == "0, 1"


def test_axes_of_all_operands_run_together() -> None:
    a = Arrays()
    y, z = (a.real(name, n, m) for name in "yz")
    for made in (a.x * y, a.x + y, y**3, select(less(y, a.x), z, y)):
        assert together(made, y) == "0, 1"
    condition = a.graph.add(And(), less(a.x, z), less(y, z))
    assert together(condition, y) == "0, 1"


@pytest.mark.parametrize("op", [Maximum(), Minimum(), ProductOver()])
def test_axes_that_are_not_reduced_run_together(op: Op) -> None:
    a = Arrays()
    assert together(a.graph.add(op, a.cube), a.cube) == "0, 1"


def test_axes_of_one_label_run_together() -> None:
    a = Arrays()
    product = contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ki")
    assert [together(product, x) for x in (a.x, a.b)] == ["-, 0", "1, -"]
    assert together(contract(a.graph, [(a.spd, "ii")], "i"), a.spd) == "01"
    axes = Axes(reachable([product]))
    assert axes.class_of((a.x, 1)) == axes.class_of((a.b, 0))


def test_axes_of_truth_values_that_are_spread_run_together() -> None:
    a = Arrays()
    low = less(a.t, a.t * 2)
    assert together(spread(low, "i", "ji", {"i": n, "j": m}), low) == "-, 0"


def test_an_axis_read_at_an_offset_runs_together_and_no_other_does() -> None:
    a = Arrays()
    offset, stride, back = Place(3, ((0, 1),)), Place(0, ((0, 2),)), Place(n - 1, ((0, -1),))
    places = [offset, stride, back, Place(0, ((0, 1), (1, 1)))]
    shapes = [(n - 3,), (1,), (n,), (n - 1, 2)]
    found = [together(view(a.t, [p], shape, clip=True), a.t) for p, shape in zip(places, shapes, strict=True)]
    assert found == ["0", "-", "-", "-, -"]
    gathered = view(a.x, [Place(0, (), ((0, (0,), 1),)), Place(0, ((1, 1),))], (q, m), [a.at])
    assert together(gathered, a.x) == "-, 1"
    mixed = view(a.t, [Place(0, ((0, 1),), ((0, (0,), 1),))], (q,), [a.at], clip=True)
    assert together(mixed, a.t) == "-"


def test_an_axis_added_to_at_an_offset_runs_together() -> None:
    a = Arrays()
    assert together(accumulate(a.t, [Place(1, ((0, 1),))], (n + 1,)), a.t) == "0"
    z, turn = a.real("z", n, q), [Place(0, ((axis, 1),)) for axis in (2, 0, 1)]
    assert together(accumulate(a.cube, turn, (k, n, m)), a.cube) == "2, 0, 1"
    assert together(view(a.cube, turn, (m, k, n)), a.cube) == "1, 2, 0"
    added = accumulate(z, [Place(0, (), ((0, (1,), 1),)), Place(0, ((0, 1),))], (m, n), [a.at])
    assert together(added, z) == "-, 0"


def test_axes_of_another_shape_of_the_same_memory_do_not_run_together() -> None:
    a = Arrays()
    assert together(reshape(a.x, (m, n)), a.x) == "-, -"


def test_axes_run_together_through_what_is_between() -> None:
    a = Arrays()
    y = a.graph.add(Sin(), broadcast(a.graph.add(Exp(), a.t), (m, n), [1]))
    assert together(y, a.t) == "-, 0"
    axes = Axes(reachable([y]))
    assert axes.of_array(y) == [axes.class_of((y, 0)), axes.class_of((a.t, 0))]


def test_loops_have_the_class_of_what_they_run_over() -> None:
    a = Arrays()
    product = contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ik")
    largest = a.graph.add(Maximum(), a.x)
    z = a.real("z", n, q)
    added = accumulate(z, [Place(0, (), ((0, (1,), 1),)), Place(0, ((0, 1),))], (m, n), [a.at])
    axes = Axes(reachable([product, largest, added]))
    assert list(axes.of_loops(product, "add").values()) == [axes.class_of(at) for at in ((a.x, 0), (a.x, 1), (a.b, 1))]
    assert axes.of_loops(largest, "max") == {"i0": axes.class_of((a.x, 0)), "i1": axes.class_of((a.x, 1))}
    assert axes.of_loops(added, "scatter") == {"i0": axes.class_of((z, 0)), "i1": axes.class_of((z, 1))}
    assert axes.of_loops(a.x, "") == {"i0": axes.class_of((a.x, 0)), "i1": axes.class_of((a.x, 1))}


# -- rows --------------------------------------------------------------------------------------------------------------


def chosen(stored: Sequence[Node], results: Sequence[Node]) -> list[str]:
    """For each stored node the extent of its rows; a star if vectors run along them. All inputs are in C order."""
    nodes = reachable(stored)
    fixed = {*results, *[x for x in nodes if isinstance(x.op, Input)]}
    found = rows({node: loops_of(node) for node in stored}, {}, stored, nodes, fixed)
    return [f"{found[y].extent}{'*' * found[y].lanes}" if y in found else "none" for y in stored]


def test_rows_are_in_the_order_of_memory() -> None:
    a = Arrays()
    assert chosen([a.x * 2], [a.x * 2]) == ["n"]
    turned = contract(a.graph, [(a.x, "ij")], "ji")
    assert chosen([turned], []) == ["n"]


def test_of_arrays_in_several_orders_the_larger_decides() -> None:
    a = Arrays()
    y = a.real("Y", m, n)
    assert chosen([contract(a.graph, [(a.cube, "ijk"), (y, "ji")], "ji")], []) == ["n"]


def test_the_order_of_what_has_one_axis_decides_nothing() -> None:
    a = Arrays()
    u = a.real("u", n)
    factors = [broadcast(x, (m, n), [axis]) for x, axis in ((a.t, 1), (u, 1), (a.w, 0))]
    assert chosen([a.graph.add(Exp(), factors[0]) + factors[1] * factors[2]], []) == ["m*"]


def test_what_stays_in_the_cache_is_worth_more_than_the_order_of_memory() -> None:
    a = Arrays()
    first = a.graph.add(Exp(), a.x)
    columns = contract(a.graph, [(first, "ij")], "j")
    last = first * broadcast(columns, (n, m), [1])
    assert chosen([first, columns, last], [last]) == ["m", "m", "m"]


def test_only_loops_whose_iterations_may_run_in_any_order_are_rows() -> None:
    a = Arrays()
    largest, others = a.graph.add(Maximum(), a.x), a.graph.add(ProductOfOthers(), a.x)
    assert chosen([largest], []) == ["n"]
    assert chosen([others], []) == ["n"]
    assert chosen([a.graph.add(ProductOfOthers(), a.t)], []) == ["none"]
    assert chosen([a.graph.add(Maximum(2), a.x)], []) == ["n"]
    assert chosen([total(a.s * a.s)], []) == ["none"]
    turned = contract(a.graph, [(a.real("y", m, n), "ji")], "ij")
    assert chosen([a.graph.add(Maximum(), turned)], []) == ["n"]
    first = a.graph.add(Exp(), turned)
    assert chosen([first, a.graph.add(Maximum(), first)], []) == ["n", "n"]


def test_what_has_another_axis_has_rows_of_its_own() -> None:
    a = Arrays()
    assert chosen([a.t * 2, a.w * 2], []) == ["n", "m"]


def gains(stored: Sequence[Node], results: Sequence[Node]) -> list[tuple[int, int]]:
    """How good the axes of the first array are, of which the graph is."""
    nodes = reachable(stored)
    axes, fixed = Axes(nodes), {*results, *[x for x in nodes if isinstance(x.op, Input)]}
    nests = []
    for y in stored:
        loops = loops_of(y)
        nests.append(_Nest(y, loops, _reads(y, stored), _candidates(loops, axes.of_loops(y, loops.kind))))
    (x,) = [x for x in nodes if isinstance(x.op, Input)]
    return [_gain(axes.class_of((x, axis)), nests, axes, fixed) for axis in range(len(x.type.shape))]


def test_an_axis_is_worth_the_axes_of_what_passes_along_it_and_is_in_its_order() -> None:
    a = Arrays()
    first = a.graph.add(Exp(), a.x)
    columns = contract(a.graph, [(first, "ij")], "j")
    sums = contract(a.graph, [(columns, "j")], "")
    last = first * broadcast(columns, (n, m), [1]) * broadcast(sums, (n, m), [])
    assert gains([first], []) == [(0, 2), (0, -2)]
    assert gains([first], [first]) == [(0, 4), (0, -4)]
    assert gains([first, columns], [columns]) == [(2, 2), (2, -2)]
    assert gains([first, columns, sums], []) == [(2, 2), (3, -2)]
    assert gains([first, columns, sums, last], [last]) == [(0, 4), (0, -4)]
    square = contract(a.graph, [(a.x, "ij"), (a.x, "ik")], "jk")
    assert gains([square], [square]) == [(0, 2), (0, 0)]
    begin = a.graph.add(Exp(), a.t)
    middle = begin * broadcast(total(begin), (n,), [])
    end = middle * broadcast(total(middle), (n,), [])
    assert gains([begin, total(begin), middle, total(middle), end], []) == [(0, 0)]


def test_the_rows_of_a_product_are_those_it_is_given() -> None:
    a = Arrays()
    product = contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ik")
    axes = Axes(reachable([product]))
    for label, x, axis in ((0, a.x, 0), (1, a.b, 1), (2, a.x, 1)):
        along = rows({}, {product: f"i{label}"}, [], reachable([product]), [])[product]
        assert along[:2] == (f"i{label}", x.type.shape[axis])
        assert (axes.class_of((x, axis)) == axes.class_of((a.x, 0))) == (label == 0)
        assert not along.lanes


# -- vectors along rows ------------------------------------------------------------------------------------------------


def distances(a: Arrays) -> tuple[Node, Node]:
    """Of each row of x and each column of b: three loops, where x has two axes and the result one that x has not."""
    return contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ik"), contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ki")


def test_vectors_run_along_rows_that_have_more_work_than_data() -> None:
    a = Arrays()
    assert [chosen([y], []) for y in distances(a)] == [["n*"], ["n*"]]


def test_vectors_run_along_the_rows_of_all_nests_if_one_has_more_work() -> None:
    a = Arrays()
    first, _ = distances(a)
    sums = contract(a.graph, [(first, "ik")], "i")
    assert chosen([first, sums], [sums]) == ["n*", "n*"]
    assert chosen([contract(a.graph, [(a.x, "ij"), (a.b, "jk")], "ijk")], []) == ["n*"]
    assert chosen([broadcast(a.s, (n, m), [])], []) == ["n*"]


def test_vectors_do_not_run_along_an_axis_that_a_result_has() -> None:
    a = Arrays()
    assert [chosen([y], [y]) for y in distances(a)] == [["n"], ["k"]]


def test_vectors_do_not_run_along_rows_that_are_summed() -> None:
    a = Arrays()
    assert chosen([contract(a.graph, [(a.x, "ij"), (a.x, "ik")], "jk")], []) == ["n"]
    first = a.graph.add(Exp(), a.t)
    cubes = broadcast(first, (n, m, k), [0]) * broadcast(a.w, (n, m, k), [1])
    term = a.graph.add(Exp(), cubes + broadcast(a.real("v", k), (n, m, k), [2]))
    assert chosen([first, contract(a.graph, [(term, "ijk")], "jk")], []) == ["n", "n"]


def test_vectors_do_not_run_along_rows_with_no_more_work_than_data() -> None:
    a = Arrays()
    assert chosen([contract(a.graph, [(a.x, "ij"), (a.w, "j")], "i")], []) == ["n"]
    assert chosen([contract(a.graph, [(a.cube, "ijk"), (a.real("v", k, q), "kl")], "il")], []) == ["n*"]
    assert chosen([contract(a.graph, [(a.cube, "ijk"), (a.x, "ij")], "ik")], []) == ["n"]
    sums = contract(a.graph, [(a.cube, "ijk")], "i")
    scaled = contract(a.graph, [(sums, "i"), (a.x, "ij"), (a.real("v", m, q), "jk")], "ik")
    assert chosen([sums, scaled], []) == ["n", "n"]


def test_vectors_do_not_run_along_rows_of_results_with_the_axes_of_the_data() -> None:
    a = Arrays()
    assert chosen([contract(a.graph, [(a.x, "ij"), (a.x, "ik")], "ij")], []) == ["n"]
    counted = broadcast(positions(a.graph, n), (n, m), [0]) * broadcast(a.w, (n, m), [1])
    assert chosen([contract(a.graph, [(a.graph.add(Exp(), counted), "ij")], "i")], []) == ["n"]
