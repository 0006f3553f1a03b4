"""The graph: sharing, order, equality by identity, printing, copies, depth."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from fractions import Fraction

import pytest
import sympy as sp

from symgrad.errors import ShapeError
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph, Node, consumers, reachable, substitute, to_dot
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.exponential import Exp
from symgrad.ops.leaf import Const, Input
from symgrad.ops.logic import less
from symgrad.ops.select import Select
from symgrad.ops.trigonometric import Cos, Sin
from symgrad.types import TRUTH, Type

X, Y = sp.symbols("x y")
CHAIN = 100_000


def inputs(count: int = 2) -> list[Node]:
    graph = Graph()
    return [graph.add(Input(sp.Symbol(f"x{i}"))) for i in range(count)]


def chain(x: Node, length: int) -> Node:
    """sin(cos(sin(cos(... x))))."""
    for i in range(length):
        x = x.graph.add((Sin(), Cos())[i % 2], x)
    return x


def test_the_same_operation_on_the_same_inputs_is_the_same_node() -> None:
    x, y = inputs()
    assert x.graph.add(Product(), x, y) is x.graph.add(Product(), x, y)


def test_other_parameters_make_another_node() -> None:
    x, _ = inputs()
    assert x.graph.add(Power(2), x) is not x.graph.add(Power(3), x)


def test_other_inputs_make_another_node() -> None:
    x, y = inputs()
    assert x.graph.add(Sin(), x) is not x.graph.add(Sin(), y)


def test_another_class_of_equal_fields_makes_another_node() -> None:
    x, _ = inputs()
    assert x.graph.add(Sin(), x) is not x.graph.add(Cos(), x)


def test_integer_and_float_constants_of_one_value_have_equal_values() -> None:
    graph = Graph()
    assert graph.node(2).op.value == graph.node(2.0).op.value


def test_a_whole_fraction_is_the_integer() -> None:
    graph = Graph()
    assert graph.node(Fraction(4, 2)) is graph.node(2)


def test_a_node_is_its_own_constant() -> None:
    x, _ = inputs()
    assert x.graph.node(x) is x


def test_inputs_come_before_their_readers() -> None:
    graph = Graph()
    from_sympy(graph, sp.sin(X * Y) + sp.exp(X) ** 3 / Y)
    assert all(x.index < node.index for node in graph for x in node.inputs)


def test_indices_are_positions() -> None:
    graph = Graph()
    from_sympy(graph, sp.sin(X * Y) + sp.exp(X))
    assert [node.index for node in graph] == list(range(len(graph)))


def test_equal_parts_of_several_expressions_are_one_node() -> None:
    graph = Graph()
    a, b = convert_all(graph, [sp.sin(X * Y) ** 2, sp.sin(X * Y)])
    assert a.inputs == (b,)


def test_operators_make_what_the_words_say() -> None:
    x, y = inputs()
    graph = x.graph
    assert x + y is graph.add(Add((1, 1)), x, y)
    assert x - y is graph.add(Add((1, -1)), x, y)
    assert x * y is graph.add(Product(), x, y)
    assert x**3 is graph.add(Power(3), x)
    assert -x is graph.add(Add((-1,)), x)
    assert x / y is graph.add(Product(), x, graph.add(Power(-1), y))


def test_numbers_stand_on_either_side_of_an_operator() -> None:
    x, _ = inputs()
    assert 1 + x is x + 1
    assert 2 * x is x * 2
    assert 1 - x is -x + 1
    assert 1 / x is x**-1


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, y: x - x, lambda x, y: x.graph.node(0)),
        (lambda x, y: x + x, lambda x, y: 2 * x),
        (lambda x, y: 2 * (3 * x), lambda x, y: 6 * x),
        (lambda x, y: x * x, lambda x, y: x**2),
        (lambda x, y: y * x, lambda x, y: x * y),
        (lambda x, y: x * 1, lambda x, y: x),
        (lambda x, y: x * 0, lambda x, y: x.graph.node(0)),
        (lambda x, y: x + 0, lambda x, y: x),
        (lambda x, y: x**1, lambda x, y: x),
        (lambda x, y: x**0, lambda x, y: x.graph.node(1)),
        (lambda x, y: -(-x), lambda x, y: x),  # noqa: B002
        (lambda x, y: (2 * x) ** 3, lambda x, y: 8 * x**3),
        (lambda x, y: x.graph.node(2) ** 10, lambda x, y: x.graph.node(1024)),
        (lambda x, y: x.graph.node(2) ** -1, lambda x, y: x.graph.node(Fraction(1, 2))),
    ],
)
def test_normal_form(build: object, expected: object) -> None:
    x, y = inputs()
    assert build(x, y) is expected(x, y)  # type: ignore[operator]


def test_a_quotient_of_equal_nodes_is_not_one() -> None:
    x, _ = inputs()
    assert x / x is not x.graph.node(1)


def test_a_shared_sum_is_not_opened() -> None:
    x, y = inputs()
    total = x + y
    assert total in (total + x).inputs


def test_adding_a_node_rewrites_nothing() -> None:
    x, _ = inputs()
    zero = x.graph.node(0)
    assert x.graph.add(Add((1, 1)), x, zero).inputs == (x, zero)


def test_a_node_prints_as_one_line() -> None:
    x, y = inputs()
    assert str(x.graph.add(Add((3, -1)), x, y)) == "%2: f8 = add[3, -1](%0, %1)"


def test_a_graph_prints_one_node_a_line() -> None:
    graph = Graph()
    from_sympy(graph, sp.sin(X) * 2)
    assert str(graph).splitlines() == ["%0: f8 = x", "%1: f8 = sin(%0)", "%2: f8 = add[2](%1)"]


def test_a_name_with_a_newline_prints_on_one_line() -> None:
    graph = Graph()
    assert "\n" not in str(graph.add(Input(sp.Symbol("a\nb"))))


def test_types_print_their_shape() -> None:
    assert str(Type("f8", (3, sp.Symbol("n")))) == "f8[3, n]"


def test_a_relation_is_a_truth_value() -> None:
    x, y = inputs()
    assert less(x, y).type == TRUTH


def test_a_truth_value_cannot_be_added() -> None:
    x, y = inputs()
    with pytest.raises(ShapeError, match="takes inputs of one type, got f8, b1"):
        x.graph.add(Add((1, 1)), x, less(x, y))


def test_a_select_wants_a_condition() -> None:
    x, y = inputs()
    with pytest.raises(ShapeError, match="select takes a condition"):
        x.graph.add(Select(), x, x, y)


def test_reachable_leaves_out_what_the_output_does_not_need() -> None:
    x, y = inputs()
    output = x.graph.add(Sin(), x)
    y.graph.add(Cos(), y)
    assert reachable([output]) == [x, output]


def test_consumers_count_every_reading() -> None:
    x, _ = inputs()
    square = x.graph.add(Product(), x, x)
    assert consumers([x, square]) == {x: [square, square], square: []}


def test_substitution_keeps_the_normal_form() -> None:
    x, y = inputs()
    assert substitute([x - y], {y: x}) == [x.graph.node(0)]


def test_substitution_reaches_what_is_between() -> None:
    x, y = inputs()
    inner = x.graph.add(Sin(), x)
    assert substitute([x.graph.add(Exp(), inner)], {inner: y}) == [x.graph.add(Exp(), y)]


def test_dot_draws_each_node_and_each_reading() -> None:
    x, y = inputs()
    assert to_dot([x * y]).count("->") == 2
    assert to_dot([x * y]).count("label=") == 3


def test_dot_escapes_names() -> None:
    graph = Graph()
    x = graph.add(Input(sp.Symbol('a"]; evil [label="')))
    assert r"a\"]; evil [label=\"" in to_dot([x])


def test_a_pickled_graph_is_equal() -> None:
    graph = Graph()
    from_sympy(graph, sp.sin(X * Y) + sp.Rational(1, 3) * sp.exp(X) + sp.pi)
    assert str(pickle.loads(pickle.dumps(graph))) == str(graph)


def test_a_copied_node_belongs_to_a_graph_of_its_own() -> None:
    x, y = inputs()
    node = copy.deepcopy(x * y)
    assert node.graph is not x.graph
    assert str(node) == str(x * y)


def test_nodes_copied_together_stay_in_one_graph() -> None:
    x, y = inputs()
    a, b = copy.deepcopy([x, y])
    assert a.graph is b.graph


def test_a_long_chain_is_built_pickled_printed_and_substituted_without_recursion() -> None:
    limit = sys.getrecursionlimit()
    x, y = inputs()
    top = chain(x, CHAIN)
    assert len(reachable([top])) == CHAIN + 1
    assert len(pickle.loads(pickle.dumps(top.graph))) == CHAIN + 2
    assert len(str(top.graph).splitlines()) == CHAIN + 2
    assert substitute([top], {x: y})[0] is chain(y, CHAIN)
    assert sys.getrecursionlimit() == limit


def test_threads_that_grow_one_graph_share_their_nodes() -> None:
    x, _ = inputs()
    tops: list[Node] = []
    threads = [threading.Thread(target=lambda: tops.append(chain(x, 2_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tops)) == 1
    assert [node.index for node in x.graph] == list(range(len(x.graph)))


def test_constants_are_exact() -> None:
    graph = Graph()
    assert from_sympy(graph, sp.Rational(1, 3)).op == Const(Fraction(1, 3))
