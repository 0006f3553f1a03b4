"""Text and LaTeX: a tree while that is short, named intermediates where it is not, cut where it is very long."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad.from_sympy import convert_all, from_sympy
from symgrad.graph import Graph
from symgrad.printing import LONGEST, SHORT, WIDEST, where_form
from symgrad.to_sympy import to_sympy, tree_sizes

X, Y = sp.symbols("x y", real=True)


def doubled(times: int) -> Any:
    """e = e + sin e, again and again: 2**times paths."""
    e = X
    for _ in range(times):
        e = sp.Add(e, sp.sin(e, evaluate=False), evaluate=False)
    return e


def filled(form: Any, at: Any) -> list[float]:
    """The bodies with the definitions put in, as numbers."""
    values = dict(at)
    for symbol, definition in form.definitions:
        values[symbol] = definition.subs(values).evalf()
    return [float(body.subs(values)) for body in form.bodies]


def test_a_short_function_prints_as_one_formula() -> None:
    assert str(sg.Function([X, Y], X**2 * sp.sin(Y))) == "f(x, y) = x**2*sin(y)"


def test_a_long_function_prints_with_named_intermediates() -> None:
    text = str(sg.Function([X], doubled(6)))
    assert text.splitlines()[1] == "where"
    assert "    t0 = x + sin(x)" in text.splitlines()


def test_the_where_form_has_the_value_of_the_tree() -> None:
    graph = Graph()
    outputs = convert_all(graph, [doubled(6), sp.exp(doubled(5)) * Y])
    at = {X: sp.Float("0.3"), Y: sp.Float("0.7")}
    assert filled(where_form(outputs), at) == pytest.approx([float(e.subs(at)) for e in to_sympy(outputs)], rel=1e-12)


def test_a_definition_uses_earlier_names_only() -> None:
    form = where_form([from_sympy(Graph(), doubled(20))])
    known = {X}
    for symbol, definition in form.definitions:
        assert definition.free_symbols <= known
        known.add(symbol)


def test_no_definition_is_a_long_tree() -> None:
    graph = Graph()
    for e in (doubled(20), sum(sp.sin(k * X) ** k for k in range(1, 40))):
        form = where_form([from_sympy(graph, e)])
        sizes = [tree_sizes([n])[n] for n in convert_all(Graph(), [d for _, d in form.definitions])]
        assert not sizes or max(sizes) <= 2 * SHORT


def test_names_of_intermediates_are_free() -> None:
    t0 = sp.Symbol("t0", real=True)
    form = where_form([from_sympy(Graph(), doubled(6).subs(X, t0))])
    assert t0 not in [symbol for symbol, _ in form.definitions]


def test_a_long_listing_is_cut_in_the_middle() -> None:
    lines = str(sg.Function([X], doubled(2_000))).splitlines()
    assert len(lines) == LONGEST + 3
    assert sum("more ..." in line for line in lines) == 1


def test_a_wide_expression_is_cut_in_the_middle() -> None:
    symbols = sp.symbols("x:20000", real=True)
    text = str(sg.Function([symbols], sp.Add(*symbols)))
    assert len(text) < 20_000 * 8 + 2 * WIDEST
    assert "more characters" in text


def test_latex_of_a_short_function_is_one_formula() -> None:
    assert sg.Function([X, Y], X * sp.sin(Y)).latex() == r"\operatorname{f}\left(x, y\right) = x \sin{\left(y \right)}"


def test_latex_of_a_long_function_is_aligned() -> None:
    latex = sg.Function([X], doubled(6)).latex()
    assert latex.startswith("\\begin{aligned}")
    assert r"\text{where}" in latex


def test_latex_of_an_array_argument_names_its_elements() -> None:
    assert r"\left( x, \  y\right)" in sg.Function([(X, Y)], X * Y).latex()


def test_latex_of_names_with_a_percent_sign() -> None:
    # SymPy's printer takes the name of a function, and its power, as a format of Python: a TypeError
    f = sp.Function("%s")(X)
    F = sg.Function([f, sp.Symbol("%d")], f ** sp.Symbol("%d") + sp.sin(f) ** 2, name="50%")
    assert F.latex() == (
        r"\operatorname{50\%}\left(\operatorname{\%s}{\left(x \right)}, \%d\right) = "
        r"\operatorname{\%s}^{\%d}{\left(x \right)} + \sin^{2}{\left(\operatorname{\%s}{\left(x \right)} \right)}"
    )


def test_the_notebook_face_is_the_latex() -> None:
    F = sg.Function([X], sp.exp(X))
    assert F._repr_latex_() == f"$\\displaystyle {F.latex()}$"


def test_the_nesting_of_the_outputs_is_printed() -> None:
    F = sg.Function([X], {"a": X, "b": [X**2, (X**3,)]})
    assert str(F) == "f(x) = {a: x, b: [x**2, (x**3,)]}"


def test_repr_counts_the_nodes() -> None:
    assert repr(sg.Function([X, Y], X * Y)) == "<symgrad.Function f(x, y), 3 nodes>"


def test_the_name_of_a_derivative_tells_what_it_is() -> None:
    F = sg.Function([X], X**2, name="area")
    assert F.grad().name == "area_grad"


def test_the_graph_is_drawn_in_dot() -> None:
    assert sg.Function([X], sp.sin(X)).dot().startswith("digraph")
