"""The derivatives of the operations on whole arrays, against complex steps: first and second, in random directions.

A complex step of 1e-30 is exact to rounding, and knows nothing of the rules. What has no derivative is stated: ties,
zero norms, what a condition switched off.
"""

from __future__ import annotations

# ruff: noqa: E501  a table, one line an example
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad import build_grad
from symgrad.evaluate import evaluate
from symgrad.graph import Graph, Node
from symgrad.ops import contract as contractions
from symgrad.ops import view as views
from symgrad.ops.exponential import Log
from symgrad.ops.hyperbolic import Tanh
from symgrad.ops.leaf import Input
from symgrad.ops.linear_algebra import Cholesky, Determinant, Inverse, LogDet, Solve, factored
from symgrad.ops.logic import less
from symgrad.ops.products import identity, total
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, ProductOfOthers, ProductOver, Softmax
from symgrad.ops.select import guarded
from symgrad.ops.trigonometric import Sin
from symgrad.ops.view import Place, accumulate, element, stack, view
from symgrad.types import Type, shape_in_numbers
from tests.array_rules import SHAPES, SIZES, Arrays, k, m, n

Build = Callable[[Arrays], Node]
TOLERANCE = 1e-9  # relative: some hundred roundings, of numbers near 1


class Example(NamedTuple):
    """Of which operation; the array that is built; by which inputs it is differentiated."""

    op: type
    build: Build
    inputs: tuple[str, ...]


def axis(a: int, c: int = 1, offset: Any = 0) -> Place:
    return Place(offset, ((a, c),))


def indices(A: Arrays) -> Node:
    return A.graph.add(Input(sp.Symbol("indices"), Type("i8", (k,))))


def regular(A: Arrays) -> Node:
    return A.graph.add(Tanh(), A.S) + 3 * identity(A.graph, n)


def positive(A: Arrays) -> Node:
    return A("ij,kj->ik", A.X, A.X) + A("ij,kj->ik", A.S, A.S) + identity(A.graph, n)


def gathered(A: Arrays) -> Node:
    return view(A.a, [Place(0, (), ((0, (0,), 1),))], (k,), [indices(A)])


def scattered(A: Arrays) -> Node:
    return accumulate(A("jk->k", A.Z), [Place(0, (), ((0, (0,), 1),))], (m,), [indices(A)])


EXAMPLES = [
    *[
        Example(contractions.Contract, build, inputs)
        for build, inputs in [
            (lambda A: A("ij,jk->ik", A.X, A.Z), ("X", "Z")),
            (lambda A: A("ij,kj->", A.X, A.Y), ("X", "Y")),
            (lambda A: A("ij,jk,kl->il", A.X, A.Z, A("ij->ji", A.U)), ("X", "Z", "U")),
            (lambda A: A("ii->i", A.S), ("S",)),
            (lambda A: A("ii->", A.S), ("S",)),
            (lambda A: A("iij->j", A.R), ("R",)),
            (lambda A: A("i->ii", A.v), ("v",)),
            (lambda A: A("ij->iji", A.X), ("X",)),
            (lambda A: A("i->ijk", A.v, j=m, k=k), ("v",)),
            (lambda A: A("i,j->ij", A.v, A.a), ("v", "a")),
            (lambda A: A("ij,,i->j", A.X, A.s, A.v), ("X", "s", "v")),
            (lambda A: A("ij,ij->i", A.X, A.X), ("X",)),
            (lambda A: A("ij,ji->", A.S, A.S), ("S",)),
            (lambda A: A("ij,jk,ki->", A.S, A.S, A.S), ("S",)),
            (lambda A: A("i->", A.v), ("v",)),
            (lambda A: A("ij,j->i", A.S, A("ij,j->i", A.S, A.v)), ("S", "v")),
            (lambda A: A("ij,i,i->ij", A.X, A.v, A.w), ("X", "v", "w")),
        ]
    ],
    *[
        Example(views.View, build, inputs)
        for build, inputs in [
            (lambda A: view(A.X, [axis(0), axis(1, 1, 1)], (n, m - 1)), ("X",)),
            (lambda A: view(A("jk->k", A.Z), [axis(0, 2)], (2,)), ("Z",)),
            (lambda A: view(A("jk->k", A.Z), [axis(0, -1, k - 1)], (k,)), ("Z",)),
            (lambda A: view(A("jk->k", A.Z), [Place(0, ((0, 1), (1, 1)))], (k - 1, 2)), ("Z",)),
            (lambda A: view(A.a, [axis(0, 1, -1)], (k,), clip=True), ("a",)),
            (lambda A: element(A.X, (1, 2)), ("X",)),
            (gathered, ("a",)),
        ]
    ],
    *[
        Example(views.Accumulate, build, inputs)
        for build, inputs in [
            (lambda A: accumulate(A.X, [axis(0), axis(1, 1, 1)], (n, m + 1)), ("X",)),
            (lambda A: accumulate(A.X, [Place(0, ((0, 1), (1, 1)))], (n + m - 1,)), ("X",)),
            (lambda A: accumulate(A.a, [axis(0, 1, -1)], (n,), clip=True), ("a",)),
            (scattered, ("Z",)),
        ]
    ],
    Example(views.Stack, lambda A: stack([A.s, A.r, A.s * A.r, A.r, A.s, A.r], (2, 3)), ("s", "r")),
    *[
        Example(type(op), lambda A, op=op, name=name: A.graph.add(op, getattr(A, name)), (name,))
        for name in ("X", "R")
        for op in (
            Maximum(), Maximum(2), Minimum(), Minimum(2), ProductOver(), ProductOfOthers(), LogSumExpOver(), LogSumExpOver(2),
            Softmax(), Softmax(2), NormOver(), NormOver(2),
        )
    ],
    *[
        Example(type(op), lambda A, op=op: factored(op, regular(A)), ("S",))
        for op in (Inverse(), Determinant(), LogDet())
    ],
    *[
        Example(Solve, lambda A, op=op, name=name: factored(op, regular(A), getattr(A, name)), ("S", name))
        for op in (Solve(), Solve(True))
        for name in ("v", "X", "R")
    ],
    Example(Cholesky, lambda A: A.graph.add(Cholesky(), positive(A)), ("X", "S")),
]  # fmt: skip


def values(A: Arrays, seed: int) -> dict[Node, Any]:
    draw = np.random.default_rng(seed)
    found: dict[Node, Any] = {indices(A): np.array([0, 2, 2, 1])}
    for name, shape in SHAPES.items():
        found[getattr(A, name)] = draw.uniform(-1.5, 1.5, shape_in_numbers(shape, SIZES))[()]
    return found


def slope(target: Node, x: Node, at: dict[Node, Any], direction: Any) -> float:
    """The derivative of a scalar along a direction of one input, by a complex step."""
    (value,) = evaluate([target], {**at, x: at[x] + 1e-30j * direction})
    return float(np.imag(value) / 1e-30)


def derivative_problems(example: Example, *, order: int = 2) -> list[str]:
    """Where the gradient of a sum of sines of the array, or the gradient of one of that, is not what the step says."""
    A = Arrays(Graph())
    at, draw = values(A, 3), np.random.default_rng(5)
    target = total(A.graph.add(Sin(), example.build(A)))
    wrt = [getattr(A, name) for name in example.inputs]
    found = []
    for times in range(1, order + 1):
        gradients = build_grad(target, wrt)
        for x, g in zip(wrt, evaluate(gradients, at), strict=True):
            if np.shape(g) != np.shape(at[x]):
                found.append(f"{x.op.label()}: a gradient of shape {np.shape(g)}")
                continue
            for _ in range(2):
                direction = draw.normal(size=np.shape(g))
                exact, own = slope(target, x, at, direction), float(np.sum(g * direction))
                if not abs(exact - own) <= TOLERANCE * (1 + np.abs(g * direction).sum()):
                    found.append(f"order {times}, {x.op.label()}: {own}, by steps {exact}")
        target = total(A.graph.add(Sin(), gradients[0]))
        for g in gradients[1:]:
            target = target + total(A.graph.add(Sin(), g))
    return found


class Choice(NamedTuple):
    """A point where there is no derivative, or where the formula meets 0 * inf, and the gradient that is chosen."""

    op: type
    build: Build
    point: dict[str, Any]
    gradient: Any  # by the first input of the point


def _switched_off(A: Arrays) -> Node:
    """What is switched off at v = 0, where its derivative is infinite."""
    kept = guarded(less(A.v.like(0), A.v), A.graph.add(Log(), A.v))
    return A("i,i->", kept, A.w)


CHOICES = [
    Choice(Maximum, lambda A: A.graph.add(Maximum(), A.a), {"a": [1.0, 3.0, 3.0]}, [0, 0.5, 0.5]),
    Choice(
        Maximum, lambda A: 4 * A.graph.add(Maximum(2), A.X), {"X": [[3.0, 1, 3], [3, 2, 3]]}, [[1, 0, 1], [1, 0, 1]]
    ),
    Choice(Minimum, lambda A: A.graph.add(Minimum(), A.a), {"a": [1.0, 1.0, 3.0]}, [0.5, 0.5, 0]),
    Choice(ProductOver, lambda A: A.graph.add(ProductOver(), A.a), {"a": [0.0, 2.0, 3.0]}, [6, 0, 0]),
    Choice(ProductOver, lambda A: A.graph.add(ProductOver(), A.a), {"a": [0.0, 2.0, 0.0]}, [0, 0, 0]),
    Choice(NormOver, lambda A: A.graph.add(NormOver(), A.a), {"a": [0.0, 0.0, 0.0]}, [0, 0, 0]),
    Choice(
        NormOver, lambda A: A.graph.add(NormOver(), A.X), {"X": [[0.0, 0, 0], [0, 3, 4]]}, [[0, 0, 0], [0, 0.6, 0.8]]
    ),
    Choice(contractions.Contract, _switched_off, {"v": [0.0, 2.0], "w": [3.0, 4.0]}, [0, 2]),
    Choice(
        contractions.Contract,
        lambda A: A("ij,j->i", guarded(less(A.X.like(0), A.X), A.X), A.graph.add(Log(), A.a)),
        {"X": [[-1.0, 2, 3], [-1, 2, 3]], "a": [0.0, 1.0, np.e]},
        [[0, 0, 1], [0, 0, 1]],
    ),
    Choice(
        contractions.Contract,
        lambda A: guarded(less(A.v.like(0), A.v), A("ij,j->i", A.X, A.graph.add(Log(), A.a))),
        {"X": [[1.0, 2, 3], [1, 2, 3]], "v": [-1.0, 2.0], "a": [0.0, 1.0, np.e]},
        [[0, 0, 0], [-np.inf, 0, 1]],
    ),
    Choice(
        contractions.Contract,
        lambda A: guarded(less(A.v.like(0), A.v), A("ij,i->i", A.X, A.graph.add(Log(), A.w))),
        {"X": [[1.0, 2, 3], [1, 2, 3]], "v": [-1.0, 2.0], "w": [0.0, np.e]},
        [[0, 0, 0], [1, 1, 1]],
    ),
    Choice(LogSumExpOver, lambda A: A.graph.add(LogSumExpOver(), A.a), {"a": [1000.0, 1000.0, -1000.0]}, [0.5, 0.5, 0]),
    Choice(Softmax, lambda A: A.graph.add(Softmax(), A.a), {"a": [1000.0, 1000.0, -1000.0]}, [0, 0, 0]),
]


def guarded_product_problems() -> list[str]:
    """A guarded array times an infinite one, summed."""
    A = Arrays(Graph())
    kept = guarded(less(A.v.like(0), A.v), A.v)
    product = contractions.contract_guarded(kept, "i", [(A.graph.add(Log(), A.w), "i")], "")
    (value,) = evaluate([product], {A.v: np.array([-1.0, 2.0]), A.w: np.array([0.0, np.e])})
    return [] if value == 2 else [f"{value}"]


def choice_problems(choice: Choice) -> list[str]:
    A = Arrays(Graph())
    x = getattr(A, next(iter(choice.point)))
    (g,) = build_grad(total(choice.build(A)), [x])
    at = {getattr(A, name): np.asarray(value) for name, value in choice.point.items()}
    (value,) = evaluate([g], {**values(A, 1), **at})
    return [] if np.allclose(value, choice.gradient, rtol=1e-12, atol=1e-15) else [f"{value}"]
