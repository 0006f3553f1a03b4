"""The words from which the machine code of a kernel is found: equal for equal programs, different for any other."""

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import Graph, Node, Op
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.described import _Writer, described
from symgrad.lower.kernel import Kernel
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.leaf import Const, Input
from symgrad.ops.position import Extent, Position
from symgrad.ops.reshape import Reshape
from symgrad.ops.view import Accumulate, Place, View
from symgrad.types import Type
from tests.lower import array_graphs
from tests.rules import STRUCTURAL, operations

x, y, z = sp.symbols("x y z", real=True)
n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)


def point(arguments: Any, outputs: Any, **named: Any) -> str:
    """The words of a kernel for one point."""
    kernel = sg.Function(arguments, outputs, **named).kernel
    assert isinstance(kernel, Kernel)
    return kernel._words(("point",))


def arrays(build: Callable[[Graph], tuple[list[Node], list[Node]]], *kind: Any) -> str:
    """The words of a kernel of arrays."""
    inputs, outputs = build(Graph())
    return described(kind, [inputs, outputs]).words


# -- programs that differ ----------------------------------------------------------------------------------------------

# Scalars: (arguments, outputs), each another program than all others.
SCALARS: list[tuple[Any, Any]] = [
    ([x, y], x - y),
    ([y, x], x - y),
    ([[x, y]], x - y),
    ([x, y, z], x - y),
    ([[x, y], z], x - y),
    ([x, [y, z]], x - y),
    ([x, y], x + y),
    ([x, y], x / y),
    ([x, y], y / x),
    ([x, y], x**y),
    ([x, y], x**2 + y),
    ([x, y], x**3 + y),
    ([x, y], x ** sp.Rational(5, 2) + y),
    ([x, y], x**2.5 + y),
    ([x, y], x + 2 * y),
    ([x, y], x + 2.0 * y),
    ([x, y], x + 2.0000000000000004 * y),
    ([x, y], x + sp.pi * y),
    ([x, y], x + sp.E * y),
    ([x, y], x + sp.Rational(1, 3) * y),
    ([x, y], x + y / 3.0),
    ([x, y], x + y + 1),
    ([x, y], sp.sin(x) + sp.cos(y)),
    ([x, y], sp.cos(x) + sp.sin(y)),
    ([x, y], sp.sin(x) + sp.sin(y)),
    ([x, y], sp.besselj(1, x) + y),
    ([x, y], sp.besselj(2, x) + y),
    ([x, y], sp.bessely(1, x) + y),
    ([x, y], sp.polygamma(1, x) + y),
    ([x, y], sp.polygamma(2, x) + y),
    ([x, y], sp.LambertW(x) + y),
    ([x, y], sp.LambertW(x, -1) + y),
    ([x, y], sp.Max(x, y)),
    ([x, y], sp.Min(x, y)),
    ([x, y], sp.Heaviside(x, 0) + y),
    ([x, y], sp.Heaviside(x, 1) + y),
    ([x, y], sp.Piecewise((x, x < y), (y, True))),
    ([x, y], sp.Piecewise((x, x <= y), (y, True))),
    ([x, y], sp.Piecewise((y, x < y), (x, True))),
    ([x, y], [x, y]),
    ([x, y], [y, x]),
    ([x, y], [x, x]),
    ([x, y], sp.Matrix([x, y])),
    ([x, y], sp.Matrix([[x, y], [y, x]])),
    ([x, y], sp.Matrix([x, y, y, x])),
    ([x, y], [x - y, x]),
]


def test_scalars_that_differ_have_other_words() -> None:
    words = [point(arguments, outputs) for arguments, outputs in SCALARS]
    assert all(words)
    for (a, w), (b, v) in combinations(zip(SCALARS, words, strict=True), 2):
        assert w != v, (a, b)


def test_one_point_and_points_differ_by_what_varies() -> None:
    kernel: Any = sg.Function([x, y], x - y).kernel
    kinds = [("point",), ("points", (True, True)), ("points", (True, False)), ("points", (False, True))]
    assert len({kernel._words(kind) for kind in kinds}) == len(kinds)


def vectors(*shapes: tuple[Any, ...], variables: str = "abc") -> Callable[[Graph], list[Node]]:
    def build(graph: Graph) -> list[Node]:
        return [graph.add(Input(sp.Symbol(v), Type("f8", s))) for v, s in zip(variables, shapes, strict=False)]

    return build


def applied(op: Op, *shapes: tuple[Any, ...]) -> Callable[[Graph], tuple[list[Node], list[Node]]]:
    def build(graph: Graph) -> tuple[list[Node], list[Node]]:
        inputs = vectors(*shapes)(graph)
        return inputs, [graph.add(op, *inputs)]

    return build


loose, named, dummy = sp.Symbol("n", integer=True), sp.Symbol("k", integer=True, positive=True), sp.Dummy("n")
GRAPHS = [
    applied(Contract(((0, 1), (1, 2)), (0, 2)), (n, m), (m, n)),
    applied(Contract(((0, 1), (1, 2)), (2, 0)), (n, m), (m, n)),
    applied(Contract(((0, 1), (0, 1)), ()), (n, m), (n, m)),
    applied(Contract(((0, 1), (0, 1)), (0,)), (n, m), (n, m)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (n, m), (n, m)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (n, named), (n, named)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (n, 7), (n, 7)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (n, 8), (n, 8)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (n, n), (n, n)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (loose, loose), (loose, loose)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (dummy, dummy), (dummy, dummy)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (n + 1, n), (n + 1, n)),
    applied(Contract(((0, 1), (0, 1)), (1,)), (2 * n, n), (2 * n, n)),
    applied(Contract(((0,),), (0, 1), ((1, m),)), (n,)),
    applied(Contract(((0,),), (1, 0), ((1, m),)), (n,)),
    applied(Contract(((0,),), (0, 1), ((1, n),)), (n,)),
    applied(Spread((0,), (n, m)), (n,)),
    applied(Spread((1,), (m, n)), (n,)),
    applied(Reshape((m * n,)), (n, m)),
    applied(Reshape((m, n)), (n, m)),
    applied(View((Place(0, ((0, 1),)),), (n - 1,)), (n,)),
    applied(View((Place(1, ((0, 1),)),), (n - 1,)), (n,)),
    applied(View((Place(0, ((0, 1),)),), (n - 2,)), (n,)),
    applied(View((Place(n - 1, ((0, -1),)),), (n,)), (n,)),
    applied(View((Place(0, ((0, 2),)),), (n,)), (2 * n,)),
    applied(View((Place(0, ((0, 1),)),), (n - 1,), clip=True), (n,)),
    applied(Accumulate((Place(0, ((0, 1),)),), (n,)), (n - 1,)),
    applied(Accumulate((Place(0, ((0, 1),)),), (n,), clip=True), (n - 1,)),
    applied(Const(0, (n,))),
    applied(Const(1, (n,))),
    applied(Const(Fraction(1, 2), (n,))),
    applied(Const(0.5, (n,))),
    applied(Position((n,))),
    applied(Extent(n)),
    applied(Extent(n + m)),
]


def test_graphs_of_arrays_that_differ_have_other_words() -> None:
    words = [arrays(build) for build in GRAPHS]
    assert all(words)
    assert len(set(words)) == len(words)


def test_the_kind_of_a_kernel_is_in_the_words() -> None:
    kinds = [(), ("f8",), ("f4",), (8, "f8"), (4, "f8"), ("f8", (n,)), ("f8", (m,)), ("f8", (n, m))]
    assert len({arrays(GRAPHS[0], *kind) for kind in kinds}) == len(kinds)


def test_what_an_array_kernel_is_made_with_is_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from symgrad.lower import array_kernel

    seen: list[tuple[str, Any]] = []

    def kept(kind: Any, groups: Any) -> Any:
        seen.append((described(kind, groups).words, groups))
        return described(kind, groups)

    monkeypatch.setattr(array_kernel, "described", kept)
    inputs, outputs = GRAPHS[2](Graph())
    for parts in (inputs, outputs), (inputs[::-1], outputs), (inputs, [*outputs, inputs[0]]), (inputs, outputs * 2):
        for dtype in ("f8", "f4"):
            ArrayKernel("f", *parts, dtype)._code(frozenset())
    ArrayKernel("f", inputs, outputs)._code(frozenset([n * m]))
    assert len({words for words, _ in seen}) == len(seen) == 9


# -- parameters ------------------------------------------------------------------------------------------------------


def all_operations() -> Iterator[Op]:
    """Of every class, with the parameters that the tests of the rules have."""
    yield from operations()
    yield from (op for op, *_ in STRUCTURAL)
    for graph in GRAPHS:
        yield graph(Graph())[1][0].op
    for build in array_graphs.KINDS.values():
        yield from (node.op for y in build(array_graphs.Arrays()) for node in y.graph)


OPERATIONS = list({repr(op): op for op in all_operations() if type(op) is not Input}.values())


@pytest.mark.parametrize("op", OPERATIONS, ids=repr)
def test_every_parameter_is_in_the_words(op: Op) -> None:
    word = _Writer().operation(op)
    for field in dataclasses.fields(op):  # type: ignore[arg-type]
        other = dataclasses.replace(op, **{field.name: 987_654_321})  # type: ignore[type-var]
        assert _Writer().operation(other) != word


def test_numbers_of_other_types_have_other_words() -> None:
    numbers = [1, 1.0, True, Fraction(1), "1", None, (1,), ((1,),), (), sp.Integer(1), sp.Float(1), sp.Float(1, 30)]
    assert len({_Writer().word(number) for number in numbers}) == len(numbers)
    floats = [0.0, -0.0, float("inf"), -float("inf"), 5e-324, 1.0, 1.0000000000000002]
    assert len({_Writer().word(number) for number in floats}) == len(floats)


def test_words_in_words_are_told_apart() -> None:
    assert _Writer().word(("a", "b")) != _Writer().word(("a','b",))
    assert _Writer().word(((1, 2), 3)) != _Writer().word((1, (2, 3)))


# -- programs that are the same ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(len(SCALARS)))
def test_the_same_formula_has_the_same_words(k: int) -> None:
    assert point(*SCALARS[k]) == point(*SCALARS[k])


def test_names_of_variables_are_not_in_the_words() -> None:
    other = sp.symbols("x0 sin", real=True)
    assert point([x, y], x - sp.exp(y)) == point(list(other), other[0] - sp.exp(other[1]))
    assert point([x, y], x - y, name="g") == point([x, y], x - y)


def test_what_else_a_graph_holds_is_not_in_the_words() -> None:
    f = sg.Function([x, y], x - y)
    f.grad([x, y]).hessian  # noqa: B018
    assert f.kernel._words(("point",)) == point([x, y], x - y)  # type: ignore[union-attr]


def test_symbols_of_sizes_come_in_the_order_of_their_numbers() -> None:
    inputs, outputs = applied(Contract(((0, 1), (1, 2)), (0, 2)), (n, m), (m, n))(Graph())
    assert described((), [inputs, outputs]).symbols == (n, m)


# -- what has no words -------------------------------------------------------------------------------------------------


class unheard(sp.Function):
    pass


@dataclasses.dataclass(frozen=True)
class Strange(Op):
    """An operation of another package."""

    def result_type(self, *types: Type) -> Type:
        return types[0]


def test_functions_of_users_have_no_words() -> None:
    sg.register(unheard, lambda t: 2 * t)
    assert point([x], unheard(x)) == ""


def test_operations_of_others_have_no_words() -> None:
    graph = Graph()
    a = graph.add(Input(x))
    assert not described((), [[a], [graph.add(Strange(), a)]])


def test_parameters_of_unknown_types_have_no_words() -> None:
    graph = Graph()
    assert not described((), [[graph.add(Const(object()))]])  # type: ignore[arg-type]
    assert not described((), [[graph.add(Const(0, (sp.Function("size")(n),)))]])
