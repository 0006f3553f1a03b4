"""Random expressions in index notation: value and gradient against plain loops over the numbers, in complex steps;
leaks and cost on the same."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.arrays import array_types
from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all
from symgrad.graph import Graph, Node
from symgrad.ops.leaf import Input
from symgrad.types import Type
from tests.array_leaks import array_leaks
from tests.groups.group import Outcome, Outcomes, by_source, fuzz
from tests.index_expressions import ARRAYS, AT, A, M, N, random_index_case
from tests.index_oracle import gradient, value
from tests.shrink import Posed
from tests.work import cheap

BOUND = 1e-11  # of numbers up to some hundreds, summed in another order
COMPILED = 10  # one case in so many is compiled, and its source executed: 200 of 2,000
PRINTED = 5  # one case in so many is printed


def drawn(draw: random.Random, index: int) -> Posed:
    """One random expression at one point."""
    return random_index_case(draw)


def again(case: Posed, index: int = 0) -> Outcomes:
    """Value and gradients by every array and scalar: of the graph, and of some the compiled kernel and its source; what
    they cost, and what some print."""
    outcome = of_the_graph(case)
    if index % COMPILED == 0 and not outcome.failure:
        outcome.merge(by_kernel(case))
    function, wrt = function_of(case)
    both = function.value_and_grad(wrt)
    outcomes = {"fuzz_indexed": outcome, "cheap_gradient": cheap(function, both, sizes_of(case))}
    if index % PRINTED == 0:
        _, gradients = both.outputs
        shapes = {x: ARRAYS.get(x, ()) for x in wrt}
        outcomes["no_leaks"] = array_leaks(gradients, shapes, symbols_of(case), case.expression)
    return outcomes


def function_of(case: Posed) -> tuple[sg.Function, list[Any]]:
    """The function of all arrays and scalars, and those by which it is differentiated."""
    arguments = [*arrays_of(case), *[s for s in case.values if s == A]]
    return sg.Function(arguments, case.expression), [x for x in arguments if x is not AT]


def symbols_of(case: Posed) -> set[Any]:
    """All that a formula may hold."""
    return {*case.values, *(s for x in case.values for s in getattr(x, "free_symbols", ()))}


def sizes_of(case: Posed) -> dict[Any, int]:
    """What the symbols in shapes stand for; of a case that was shrunk, those that its arrays tell."""
    told = {s: n for a in arrays_of(case) for s, n in zip(a.shape or (), np.shape(case.values[a]), strict=False)}
    return {s: told.get(s, case.values.get(s)) for s in (N, M) if s in told or s in case.values}


def arrays_of(case: Posed) -> list[Any]:
    """The arrays that have values, and a shape: their own, or one that the expression tells."""
    return [a for a in [*ARRAYS, AT] if a in case.values and (a.shape is not None or case.expression.has(a))]


def of_the_graph(case: Posed) -> Outcome:
    """Every result evaluated node by node."""
    graph = Graph()
    types = array_types([case.expression], [array for array in arrays_of(case) if array.shape is not None])
    (node,) = convert_all(graph, [case.expression], types)
    inputs = given(graph, case, types)
    wrt = [x for x in inputs if x.type.dtype == "f8"]
    outcome = compared(evaluate([node], inputs)[0], value(case.expression, case.values), f"value of {case.expression}")
    for x, g in zip(wrt, evaluate(build_grad(node, wrt), inputs), strict=True):
        assert isinstance(x.op, Input)
        array = x.op.variable
        exact = gradient(case.expression, array, case.values)
        outcome.merge(compared(g, exact, f"gradient by {array} of {case.expression} at {case.values}"))
    outcome.numbers = {"nodes": len(graph)}
    return outcome


def by_kernel(case: Posed) -> Outcome:
    """The function of all arrays and scalars: called, and as its Python source."""
    value_of, wrt = function_of(case)
    numbers = [case.values[a.declared] for a in value_of.arguments]
    exact = [value(case.expression, case.values), *[gradient(case.expression, x, case.values) for x in wrt]]
    function = value_of.value_and_grad(wrt)
    first, slopes = function(*numbers)
    outcome = Outcome(numbers={"compiled": 1})
    for words, got in (("compiled", [first, *slopes]), ("as Python source", by_source(function)(*numbers))):
        for x, ours, wanted in zip(["value", *wrt], got, exact, strict=True):
            outcome.merge(compared(ours, wanted, f"{words}, {x} of {case.expression} at {case.values}"))
    return outcome


def given(graph: Graph, case: Posed, types: dict[Any, Type]) -> dict[Node, Any]:
    """The values of the inputs: of all arrays, which sizes are read off, and of the scalars that the graph holds."""
    arrays = {graph.add(Input(array, type_)): case.values[array] for array, type_ in types.items()}
    return arrays | {node: case.values[node.op.variable] for node in graph if isinstance(node.op, Input)}


def compared(ours: Any, exact: Any, words: str) -> Outcome:
    """Numbers, or arrays of one shape."""
    ours, exact = np.asarray(ours), np.real(np.asarray(exact))
    if ours.shape != exact.shape:
        return Outcome(failure=f"{words}: of shape {ours.shape}, wanted {exact.shape}")
    worst = float(np.max(np.abs(ours - exact) / np.maximum(1, np.abs(exact)), initial=0.0))
    if not worst <= BOUND:
        return Outcome(worst, f"{words}: {ours}, wanted {exact}")
    return Outcome(worst)


GROUPS = [fuzz("fuzz_indexed", 2_000, drawn, again)]
