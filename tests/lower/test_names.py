"""What a user's name may do in generated text: nothing."""

from __future__ import annotations

import ast
import builtins
import keyword

import pytest
import sympy as sp

from symgrad.graph import Graph
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.lower.source.names import identifiers, is_safe
from symgrad.ops.leaf import Input
from symgrad.ops.special import LambertW
from tests.lower.programs import Argument, function_of

HOSTILE = [
    *("", " ", "x y", "a.b", "1x", "x;y", "x#", "'", "\\", "\0", "%", "@f", "é", "ｘ", "λ"),
    *("x\n    import os", "x):\n import os\ndef g(", "__import__('os')", "__class__", "x" * 31),
    *("lambda", "None", "match", "case", "_", "type", "print", "exec", "np", "special"),
]


def kernel(*names: str, function: str = "f") -> Kernel:
    """The sum of k times the k-th argument, and Lambert's W of the first, whose source defines a function."""
    graph = Graph()
    nodes = [graph.add(Input(sp.Symbol(f"s{k}"))) for k in range(len(names))]
    total = sum((k * x for k, x in enumerate(nodes[1:], 2)), start=nodes[0])
    arguments = [Argument(name, (), (node,)) for name, node in zip(names, nodes, strict=True)]
    return Kernel(function, arguments, [Result((), (total,)), Result((1,), (LambertW().apply(nodes[0]),))])


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_replaced(name: str) -> None:
    k = kernel(name, "y", function=name)
    (function,) = [f for f in ast.parse(k.source).body if isinstance(f, ast.FunctionDef) and f.name != "lambertw"]
    assert function.name == "f"
    assert [a.arg for a in function.args.args] == ["x0", "y"]
    assert function_of(k)(1.0, 3.0)[0] == k.njit(1.0, 3.0)[0] == 7.0
    assert len(name) < 3 or name not in k.inspect_llvm()


@pytest.mark.parametrize(
    "names",
    [
        ("x1", "x y"),
        ("a b", "x0"),
        ("x", "x"),
        ("out0", "t0"),
        ("t0", "t1"),
        ("f", "lambertw"),
        ("w", "n"),
        ("i", "out1"),
    ],
)
def test_names_that_meet_others_compute_the_same(names: tuple[str, str]) -> None:
    k = kernel(*names)
    value, (w,) = function_of(k)(1.0, 3.0)
    assert value == 7.0
    assert w == pytest.approx(0.5671432904097838)  # the omega constant


def test_a_safe_name_is_kept() -> None:
    assert identifiers(["alpha", "x_1", "X", "_private"], "x") == ["alpha", "x_1", "X", "_private"]


def test_positions_give_names_that_are_free() -> None:
    assert identifiers(["x1", "x y", "x2", "x y"], "x") == ["x1", "x1_", "x2", "x3"]
    assert identifiers(["a", "a"], "x", ["x0"]) == ["x0_", "x1"]


def test_no_word_of_python_is_safe() -> None:
    assert not [name for name in (*keyword.kwlist, *keyword.softkwlist, *dir(builtins)) if is_safe(name)]
