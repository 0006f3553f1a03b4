"""Random expressions in index notation: value and gradient against plain loops over the numbers, in complex steps."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from symgrad.arrays import array_types
from symgrad.derivatives import build_grad
from symgrad.evaluate import evaluate
from symgrad.from_sympy import convert_all
from symgrad.graph import Graph, Node
from symgrad.ops.leaf import Input
from symgrad.types import Type
from tests.groups.group import Group, Outcome, Outcomes
from tests.index_expressions import ARRAYS, IndexCase, random_index_case
from tests.index_oracle import gradient, value

BOUND = 1e-11  # of numbers up to some hundreds, summed in another order


def check(draw: random.Random, index: int) -> Outcomes:
    """One random expression at one point."""
    return {"fuzz_indexed": outcome_of(random_index_case(draw))}


def outcome_of(case: IndexCase) -> Outcome:
    """Value and gradients by every array and scalar that the expression holds."""
    graph = Graph()
    types = array_types([case.expression], [array for array in ARRAYS if array.shape is not None])
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


def given(graph: Graph, case: IndexCase, types: dict[Any, Type]) -> dict[Node, Any]:
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


GROUPS = [Group("fuzz_indexed", 2_000, check)]
