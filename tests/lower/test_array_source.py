"""The NumPy source of arrays reads as a person would write it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

from symgrad.graph import Node
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.ops.contract import contract
from symgrad.ops.linear_algebra import LogDet, Solve, factored
from symgrad.ops.position import extent
from symgrad.ops.products import broadcast, dot, identity, matrix_product, total
from symgrad.ops.reduce import Softmax
from symgrad.ops.view import Place, view
from tests.lower.array_graphs import Arrays, m, n, q


def returned(a: Arrays, y: Node) -> str:
    """What stands after the last return."""
    return ArrayKernel("f", a.inputs, [y]).source.rstrip().split("return ")[-1]


TEXTS: dict[str, Callable[[Arrays], Node]] = {
    "X @ w": lambda a: matrix_product(a.x, a.w),
    "X.T @ t": lambda a: contract(a.graph, [(a.x, "ij"), (a.t, "i")], "j"),
    "X @ w - t": lambda a: matrix_product(a.x, a.w) - a.t,
    "B.T @ (X.T @ t)": lambda a: contract(a.graph, [(a.t, "i"), (a.x, "ij"), (a.b, "jk")], "k"),
    "X.T @ X": lambda a: contract(a.graph, [(a.x, "ij"), (a.x, "ik")], "jk"),
    "np.outer(t, w)": lambda a: contract(a.graph, [(a.t, "i"), (a.w, "j")], "ij"),
    "np.sum(X, axis=0)": lambda a: contract(a.graph, [(a.x, "ij")], "j"),
    "np.sum(X)": lambda a: total(a.x),
    "t @ t/n": lambda a: dot(a.t, a.t) / extent(a.graph, n),
    "X + t[:, None]": lambda a: a.x + broadcast(a.t, (n, m), [0]),
    "X + w": lambda a: a.x + broadcast(a.w, (n, m), [1]),
    "X*t[:, None]": lambda a: a.x * broadcast(a.t, (n, m), [0]),
    "t[1:] - t[:-1]": lambda a: view(a.t, [Place(1, ((0, 1),))], (n - 1,)) - view(a.t, [Place(0, ((0, 1),))], (n - 1,)),
    "t[::-1]": lambda a: view(a.t, [Place(n - 1, ((0, -1),))], (n,)),
    "X[:, 2]": lambda a: view(a.x, [Place(0, ((0, 1),)), Place(2)], (n,)),
    "t[at]": lambda a: view(a.t, [Place(0, (), ((0, (0,), 1),))], (q,), [a.at]),
    "np.trace(S)": lambda a: contract(a.graph, [(a.spd, "ii")], ""),
    "np.diagonal(S)": lambda a: contract(a.graph, [(a.spd, "ii")], "i"),
    "np.eye(n)": lambda a: identity(a.graph, n),
    "np.zeros((n, m))": lambda a: a.x.like(0),
    "T.transpose(2, 0, 1)": lambda a: contract(a.graph, [(a.cube, "ijk")], "kij"),
    "softmax(X, axis=-1)": lambda a: a.graph.add(Softmax(), a.x),
    'np.einsum("ij,ij->i", X, X)': lambda a: contract(a.graph, [(a.x, "ij"), (a.x, "ij")], "i"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_it_reads_as(text: str) -> None:
    a = Arrays()
    assert returned(a, TEXTS[text](a)) == text


def test_a_size_that_is_not_below_zero_is_pythons_maximum() -> None:
    a = Arrays()
    kernel = ArrayKernel("f", a.inputs, [a.t * broadcast(extent(a.graph, sp.Max(0, n - 3)), (n,), [])])
    assert "max(0, n - 3)" in kernel.source


def test_sizes_are_read_from_shapes() -> None:
    a = Arrays()
    y = a.x * broadcast(extent(a.graph, n) * extent(a.graph, m), (n, m), [])
    assert "    n, m = X.shape\n" in ArrayKernel("f", a.inputs, [y]).source


def test_a_size_that_is_not_used_is_not_read() -> None:
    a = Arrays()
    assert ".shape" not in ArrayKernel("f", a.inputs, [a.t * a.t]).source


def test_a_size_that_no_input_tells_is_taken_by_name() -> None:
    a = Arrays()
    kernel = ArrayKernel("f", [a.s], [broadcast(a.s, (n,), [])])
    assert "def f(s, *, n):" in kernel.source
    assert kernel._in_numpy([2.0], {n: 3})[0].tolist() == kernel.run([2.0], {n: 3})[0].tolist() == [2, 2, 2]


def test_a_size_within_an_expression_is_solved_for() -> None:
    a = Arrays()
    x = a.real("x", 2 * n - 1)
    kernel = ArrayKernel("f", [x], [x * broadcast(extent(a.graph, n), (2 * n - 1,), [])])
    assert "n = (x.shape[0] + 1)//2" in kernel.source
    assert kernel.run([np.ones(5)], {n: 3})[0].tolist() == kernel._in_numpy([np.ones(5)], {n: 3})[0].tolist() == [3] * 5


def test_one_factorisation_serves_all() -> None:
    a = Arrays()
    outputs = [factored(LogDet(), a.spd), factored(Solve(), a.spd, a.t), factored(Solve(True), a.spd, a.t)]
    assert ArrayKernel("f", a.inputs, outputs).source.count("lu(S)") == 1


def test_names_mean_nothing_else() -> None:
    a = Arrays()
    x, y = a.real("np", n), a.real("lambda", n)
    source = ArrayKernel("def", [x, y], [x + y]).source
    assert "def f(x0, x1):\n    return x0 + x1" in source


def test_a_long_product_is_cut_into_lines() -> None:
    a = Arrays()
    xs = [a.real(f"a_rather_long_name_{i}", n) for i in range(12)]
    y = xs[0]
    for x in xs[1:]:
        y = y * x
    source = ArrayKernel("f", xs, [y]).source
    assert max(map(len, source.split("\n"))) <= 100
    ones = [np.full(3, 2.0)] * 12
    assert ArrayKernel("f", xs, [y])._in_numpy(ones, {n: 3})[0].tolist() == [4096.0] * 3


def test_a_sum_over_a_diagonal_and_another_axis_is_no_trace() -> None:
    a = Arrays()
    x = a.real("x", n, n, m)
    kernel = ArrayKernel("f", [x], [contract(a.graph, [(x, "iij")], "")])
    (found,) = kernel._in_numpy([np.arange(12.0).reshape(2, 2, 3)], {n: 2, m: 3})
    assert found.tolist() == 0 + 1 + 2 + 9 + 10 + 11
