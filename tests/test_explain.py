"""The explanation of a function: its steps, their values, what flows up and down, and as text and LaTeX."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sympy as sp

import symgrad as sg

X, Y = sp.symbols("x y")
F = sg.Function([X, Y], X * sp.sin(Y) + sp.exp(X))
AT = [1.0, 2.0]


def by_name(explanation: Any) -> dict[str, Any]:
    return {str(step.name): step for step in explanation.steps}


def test_every_node_but_constants_is_a_step() -> None:
    steps = sg.Function([X], 3 * sp.sin(X) + sp.pi).explain().steps
    assert [str(step.formula) for step in steps] == ["x", "sin(x)", "3*t0 + pi"]


def test_steps_have_names_in_order_and_the_output_that_of_the_function() -> None:
    assert [str(step.name) for step in F.explain().steps] == ["x", "y", "t0", "t1", "t2", "f"]


def test_a_name_that_is_taken_is_not_given_again() -> None:
    t0, f = sp.symbols("t0 f")
    names = [str(step.name) for step in sg.Function([t0, f], sp.sin(t0) * f).explain().steps]
    assert names == ["t0", "f", "t1", "t2"]


def test_values_are_those_of_the_nodes() -> None:
    steps = by_name(F.explain(AT))
    assert steps["t0"].value == pytest.approx(math.sin(2), rel=1e-15)
    assert steps["f"].value == pytest.approx(math.sin(2) + math.e, rel=1e-15)


def test_the_upstream_of_the_output_is_one() -> None:
    assert by_name(F.explain(AT))["f"].upstream == 1.0


def test_the_upstream_of_an_input_is_its_gradient() -> None:
    steps = by_name(F.explain(AT))
    assert [steps["x"].upstream, steps["y"].upstream] == pytest.approx([math.sin(2) + math.e, math.cos(2)], rel=1e-15)


@pytest.mark.parametrize(
    "expression", [X * sp.sin(Y) + sp.exp(X), X**2 / Y + sp.sin(X * Y) ** 2, sp.Max(X, Y) * X], ids=str
)
def test_what_all_steps_send_to_an_input_adds_up_to_its_upstream(expression: sp.Expr) -> None:
    steps = sg.Function([X, Y], expression).explain(AT).steps
    for step in steps[:-1]:
        sent = [edge.product for other in steps for edge in other.edges if edge.to == step.name]
        assert sum(sent) == pytest.approx(step.upstream, rel=1e-14)


def test_a_product_is_local_times_upstream() -> None:
    for step in F.explain(AT).steps:
        for edge in step.edges:
            assert edge.product == pytest.approx(edge.local_value * step.upstream, rel=1e-15)


def test_local_gradients_are_in_terms_of_names() -> None:
    edges = by_name(F.explain())["t1"].edges
    assert [(str(e.to), str(e.local)) for e in edges] == [("x", "t0"), ("t0", "x")]


def test_a_local_gradient_is_in_terms_of_the_output_where_its_rule_is() -> None:
    (edge,) = by_name(sg.Function([X], sp.tanh(X) + 1).explain())["t0"].edges
    assert str(edge.local) == "1 - t0**2"


def test_without_a_point_there_are_no_numbers() -> None:
    for step in F.explain().steps:
        assert step.value is None
        assert all(edge.product is None for edge in step.edges)


@pytest.mark.parametrize(
    "at",
    [[1, 2], (1, 2), {"x": 1, "y": 2}, {X: 1, Y: 2}, {"y": 2, X: 1}],
    ids=["list", "tuple", "names", "symbols", "both"],
)
def test_a_point_is_given_by_position_by_name_or_by_symbol(at: Any) -> None:
    assert F.explain(at).at == {"x": 1.0, "y": 2.0}


def test_a_point_of_an_array_argument_is_given_whole_or_by_element() -> None:
    G = sg.Function([(X, Y)], X * Y)
    assert G.explain([[1, 2]]) == G.explain({"x": 1, "y": 2}) == G.explain({"arg0": [1, 2]})


def test_the_text_is_a_table() -> None:
    assert str(sg.Function([X], sp.sin(X) * 2).explain([0.0])).splitlines() == [
        "f(x) at x = 0",
        "step  formula  value  upstream  local gradient    product",
        "---------------------------------------------------------",
        "x     x        0      2",
        "t0    sin(x)   0      2         d/dx: cos(x) = 1  2",
        "f     2*t0     0      1         d/dt0: 2          2",
    ]


def test_columns_without_content_are_left_out() -> None:
    assert str(F.explain()).splitlines()[1].split() == ["step", "formula", "local", "gradient"]


def test_the_latex_has_a_row_for_each_edge() -> None:
    explanation = F.explain(AT)
    rows = sum(max(1, len(step.edges)) for step in explanation.steps)
    assert explanation.latex().count(r"\\") == rows  # the head's, and one between any two rows
    assert explanation._repr_latex_() == f"$\\displaystyle {explanation.latex()}$"


def test_a_part_that_does_not_depend_on_the_variables_sends_nothing() -> None:
    steps = by_name(sg.Function([X], X * sp.sqrt(2)).explain(at=[3.0]))
    assert [str(edge.to) for edge in steps["f"].edges] == ["x"]


def test_a_nan_shows_at_its_first_step() -> None:
    steps = sg.Function([X], sp.sin(sp.log(X))).explain([-1.0]).steps
    assert next(str(step.formula) for step in steps if math.isnan(step.value)) == "log(x)"


def test_several_outputs_cannot_be_explained() -> None:
    with pytest.raises(sg.ObjectiveError):
        sg.Function([X], [X, X]).explain()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ([1], "an argument is missing"),
        ({"x": 1}, "an argument is missing"),
        ({"x": 1, "z": 2}, "no argument of this name"),
        ([[1, 2], 3], "explain takes one point, argument x is a batch"),
    ],
    ids=str,
)
def test_a_point_that_does_not_fit_is_an_error(at: Any, text: str) -> None:
    with pytest.raises(sg.ArgumentError, match=text):
        F.explain(at)


def test_a_single_number_is_a_point_of_one_argument() -> None:
    assert str(sg.Function([X], sp.sin(X)).explain(0.0)) == str(sg.Function([X], sp.sin(X)).explain([0.0]))
