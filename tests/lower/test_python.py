"""The Python source: what it looks like, that it is Python, and that it computes the same."""

from __future__ import annotations

import ast
from fractions import Fraction

import numba
import numpy as np
import pytest
import sympy as sp

from symgrad.graph import Graph, Node
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Const, Input
from symgrad.ops.special import LambertW
from symgrad.ops.trigonometric import Sin
from tests.lower.programs import array, assert_close, function_of, inputs, kernel_of, random_graph, reference


def three() -> Kernel:
    graph = Graph()
    x, y, z = inputs(graph, "x", "y", "z")
    e = Exp().apply(-(x * y))
    return kernel_of([x, y, z], [e * Tanh().apply(z) + Log().apply(x + y * z) * Sin().apply(x), e * x])


def test_source_of_scalars() -> None:
    assert three().source == (
        "import numpy as np\n"
        "\n"
        "\n"
        "def f(x, y, z):\n"
        "    t0 = np.exp(-x*y)\n"
        "    return t0*np.tanh(z) + np.log(x + y*z)*np.sin(x), x*t0\n"
    )


def test_source_of_arrays() -> None:
    graph = Graph()
    a, (s,) = array(graph, "A", 2, 2), inputs(graph, "s")
    p, q, r, _ = a.elements
    kernel = kernel_of([a, s], [Result((2, 2), (p * s, q, graph.node(0), r / s)), p - q])
    assert kernel.source == (
        "import numpy as np\n"
        "\n"
        "\n"
        "def f(A, s):\n"
        "    out0 = np.array([[A[0, 0]*s, A[0, 1]], [0.0, A[1, 0]/s]])\n"
        "    return out0, A[0, 0] - A[0, 1]\n"
    )


def expression(build: Node) -> str:
    names = [x for x in build.graph.nodes if isinstance(x.op, Input)]
    return kernel_of(names, [build]).source.split("return ")[1].strip()


def test_parentheses_are_those_that_are_needed() -> None:
    graph = Graph()
    x, y, z = inputs(graph, "x", "y", "z")
    assert expression(x - (y + z * 2)) == "x - (y + 2*z)"
    assert expression(x / (y * z)) == "x/(y*z)"
    assert expression(x / (y / z)) == "x/(y/z)"
    assert expression((x + y) ** 2) == "(x + y)**2"
    assert expression(-(x**2)) == "-x**2"
    assert expression((-x) ** 3) == "-x**3"
    assert expression((x * y) ** 2 * z) == "z*(x*y)**2"
    assert expression(x ** Fraction(1, 2)) == "np.sqrt(x)"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (3, "3*x"),
        (Fraction(1, 2), "0.5*x"),
        (Fraction(1, 3), "1/3*x"),
        (Fraction(-2, 7), "-2/7*x"),
        (0.1, "0.1*x"),
        (-2.5, "-2.5*x"),
        (2**60, "1.152921504606847e+18*x"),
        (10**400, "np.inf*x"),
        (Fraction(10**400, 3), "np.inf*x"),
    ],
)
def test_coefficients(number: int | Fraction | float, text: str) -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    source = expression(number * x)
    assert source in (text, f"-({text[1:]})")


@pytest.mark.parametrize(
    ("number", "text"), [(sp.pi, "np.pi"), (sp.E, "np.e"), (sp.Catalan, "0.915965594177219"), (2, "2.0")]
)
def test_constants(number: object, text: str) -> None:
    assert kernel_of([], [Graph().add(Const(number))]).source.endswith(f"return {text}\n")


def test_definitions_stand_above_the_function() -> None:
    graph = Graph()
    (x,) = inputs(graph, "x")
    source = kernel_of([x], [LambertW().apply(x)]).source
    assert source.startswith("import numpy as np\nfrom scipy import special\n\n\ndef lambertw(x, branch):\n")


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs(seed: int) -> None:
    kernel = kernel_of(*random_graph(150, seed))
    assert all(len(line) <= 88 for line in kernel.source.split("\n"))
    values = list(np.random.default_rng(seed).uniform(-2, 2, (4, 9)))
    function = function_of(kernel)
    for got, wanted in zip(function(*values), reference(kernel, values), strict=True):
        assert_close(got, wanted, 1e-12)
    point = [float(v[0]) for v in values]
    for got, wanted in zip(function(*point), reference(kernel, point), strict=True):
        assert_close(got, wanted, 1e-12)


def test_equal_graphs_give_equal_source() -> None:
    assert kernel_of(*random_graph(300, 1)).source == kernel_of(*random_graph(300, 1)).source


def test_large_programs_are_python() -> None:
    source = kernel_of(*random_graph(20_000, 2)).source
    compile(source, "<source>", "exec")
    assert max(map(len, source.split("\n"))) <= 88


def test_wide_sums_and_products_are_python() -> None:
    graph = Graph()
    v = array(graph, "v", 4000)
    total = graph.node(0)
    for x in v.elements:
        total = total + x
    sums = kernel_of([v], [total])
    values = np.random.default_rng(0).uniform(size=4000)
    assert_close(function_of(sums)(values), values.sum(), 1e-12)
    ast.parse(sums.source)
    assert_close(sums.njit(values), values.sum(), 1e-12)


def test_numba_compiles_it() -> None:
    kernel = three()
    scope: dict[str, object] = {}
    exec(kernel.source, scope)
    assert_close(numba.njit(scope["f"])(0.3, 0.4, 0.5), kernel.njit(0.3, 0.4, 0.5), 1e-14)
