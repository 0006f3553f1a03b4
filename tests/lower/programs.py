"""Graphs for the tests of lowering, and the three ways to compute them: node by node, Python source, machine code."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.exponential import Exp, Log
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.trigonometric import Cos, Sin


class Argument(NamedTuple):
    """What schedule asks of an argument."""

    name: str
    shape: tuple[int, ...]
    elements: tuple[Node | None, ...]


def inputs(graph: Graph, *names: str) -> list[Node]:
    return [graph.add(Input(sp.Symbol(name))) for name in names]


def scalar(node: Node) -> Argument:
    return Argument(node.op.label(), (), (node,))


def array(graph: Graph, name: str, *shape: int) -> Argument:
    size = int(np.prod(shape))
    return Argument(name, shape, tuple(graph.add(Input(sp.Symbol(f"{name}_{k}"))) for k in range(size)))


def kernel_of(wrt: Sequence[Node | Argument], outputs: Sequence[Node | Result], name: str = "f") -> Kernel:
    arguments = [x if isinstance(x, Argument) else scalar(x) for x in wrt]
    return Kernel(name, arguments, [Result((), (y,)) if isinstance(y, Node) else y for y in outputs])


def function_of(kernel: Kernel) -> Any:
    """The function in the kernel's Python source, executed as users would."""
    scope: dict[str, Any] = {}
    exec(compile(kernel.source, "<source>", "exec"), scope)

    def quiet(*values: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return scope[kernel.program.name](*values)

    return quiet


def reference(kernel: Kernel, values: Sequence[Any]) -> list[np.ndarray]:
    """The results node by node, for values whose batch axes, if any, are the last."""
    places = {
        node: np.asarray(value)[index]
        for argument, value in zip(kernel.arguments, values, strict=True)
        for index, node in zip(np.ndindex(*argument.shape), argument.elements, strict=True)
        if node is not None
    }
    results = []
    for result in kernel.results:
        numbers = evaluate(result.elements, places)
        shape = np.broadcast_shapes(*map(np.shape, numbers), *map(np.shape, places.values()))
        numbers = [np.broadcast_to(np.asarray(y, float), shape) for y in numbers]
        results.append(np.array(numbers).reshape((*result.shape, *shape)))
    return results


def assert_close(got: Any, wanted: Any, tolerance: float) -> None:
    """Equal to so many relative errors, where nan equals nan and infinities have their sign."""
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(wanted, float), rtol=tolerance, atol=tolerance)


UNARY: tuple[Elementwise, ...] = (Exp(), Log(), Tanh(), Sin(), Cos())


def random_graph(size: int, seed: int, variables: int = 4) -> tuple[list[Node], list[Node]]:
    """Inputs and outputs of a graph of about so many operations, all of them live; values stay within 1e3 or so."""
    draw, graph = random.Random(seed), Graph()
    wrt = inputs(graph, *(f"x{k}" for k in range(variables)))
    live = list(wrt)
    while len(graph) < size:
        a, b = draw.choice(live[-12:]), draw.choice(live[-12:])
        kind = draw.randrange(6)
        if kind == 0:
            y = draw.choice((Sin(), Cos(), Tanh())).apply(a)
        elif kind == 1:
            y = a * b * draw.choice((1, -1)) / (2 + b**2)
        elif kind == 2:
            y = Exp().apply(-(a**2))
        elif kind == 3:
            y = Log().apply(1 + a**2 + b**2)
        elif kind == 4:
            y = a / (1 + b**2)
        else:
            y = (a + draw.randrange(1, 4) * b) / 4
        live.append(y)
    total = live[-1]
    return wrt, [total, *live[-6:-1]]
