"""Function, point -> the first step that turns nan or infinite there: its formula, its inputs, and the stable form.

The graph is evaluated in float64 as it stands, so what the rules have made stable does not appear. A branch that is not
taken is not looked at: its values are switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symgrad.arguments import bind
from symgrad.errors import ArgumentError
from symgrad.evaluate import all_values
from symgrad.graph import Node, Op, consumers
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.exponential import Exp, Log, Log1p, Log2, Log10, Pow
from symgrad.ops.hyperbolic import ArcCosh, ArcTanh, Cosh, Sinh
from symgrad.ops.leaf import Input, exact_value
from symgrad.ops.select import Select
from symgrad.ops.trigonometric import ArcCos, ArcSin
from symgrad.to_sympy import to_sympy, tree_sizes

if TYPE_CHECKING:
    from symgrad.function import Function

SHORT = 60  # nodes of a formula that is still shown in full


@dataclass(frozen=True)
class Blame:
    """The first step that is not finite; all fields empty, and false in an `if`, where every step is finite."""

    name: str
    formula: str = ""
    value: float | None = None
    index: tuple[int, ...] = ()  # of the first offending entry, where the step is an array
    inputs: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    stable: str = ""
    outputs_finite: bool = True

    def __bool__(self) -> bool:
        return bool(self.formula)

    def __str__(self) -> str:
        if not self:
            return f"{self.name}: all finite"
        where = f" at entry {list(self.index)}" if self.index else ""
        lines = [f"{self.name}: {self.formula} is {_turned(self.value)}{where}: {self.reason}"]
        lines += [f"  {name} = {_number(value)}" for name, value in self.inputs.items()]
        if self.stable:
            lines.append(f"  stable: {self.stable}")
        if self.outputs_finite:
            lines.append("  the outputs are finite all the same; a derivative may not be")
        return "\n".join(lines)


def blame(function: Function, at: Mapping[Any, Any] | Sequence[Any] | Any) -> Blame:
    """The first step, in the order of computation, that is nan or infinite at one point.

    at: a point, by position as the function is called, or a mapping from variables or their names to values.
    Raises ArgumentError if the point does not fit, or is a batch of points.
    """
    values = all_values(function.nodes, _point(function, at))
    outputs = [e for result in function.results for e in result.elements]
    finite = all(np.isfinite(np.asarray(values[e])).all() for e in outputs)
    taken = _taken(function.nodes, outputs, values)
    readers = consumers(function.nodes)
    for node in function.nodes:
        if node not in taken or node.type.dtype != "f8":
            continue
        value = np.asarray(values[node], dtype=float)
        offending = np.argwhere(~np.isfinite(value) & taken[node])
        if len(offending):
            index = tuple(map(int, offending[0]))
            entrywise = isinstance(node.op, (Elementwise, Add, Product))
            given = [np.asarray(values[x])[index] if entrywise else np.asarray(values[x]) for x in node.inputs]
            return Blame(
                function.name,
                _text(node),
                float(value[index]),
                index,
                {_text(x): g for x, g in zip(node.inputs, given, strict=True) if exact_value(x) is None},
                _reason(node.op, given, float(value[index])),
                _stable(node, given, readers),
                finite,
            )
    return Blame(function.name)


def _point(function: Function, at: Any) -> dict[Node, Any]:
    """The value of each input node, as NumPy's numbers: these divide by zero without raising."""
    if isinstance(at, Mapping):
        bound = bind(function.arguments, [], {str(key): value for key, value in at.items()})
    else:
        several = isinstance(at, (list, tuple)) and not (
            len(function.arguments) == 1 and function.arguments[0].shape and len(at) != 1
        )
        bound = bind(function.arguments, list(at) if several else [at], {})
    values: dict[Node, Any] = {}
    for argument, value in zip(function.arguments, bound, strict=True):
        array = function.as_numbers(argument, value)
        if array.ndim != len(argument.shape):
            raise ArgumentError(f"blame takes one point, argument {argument.name} is a batch", got=array.shape)
        parts = [array] if argument.is_whole else [x[()] for x in array.reshape(-1)]
        values.update(zip(argument.elements, parts, strict=True))
    return values


def _taken(nodes: Sequence[Node], outputs: Sequence[Node], values: Mapping[Node, Any]) -> dict[Node, np.ndarray]:
    """For each node that counts at the point, the entries that do: those that no condition switches off."""
    taken: dict[Node, np.ndarray] = {}

    def take(node: Node, entries: Any) -> None:
        old = taken.get(node, np.zeros((), bool))
        taken[node] = np.broadcast_to(old | entries, np.shape(values[node]))

    for node in outputs:
        take(node, np.ones((), bool))
    for node in reversed(nodes):
        if node not in taken or not taken[node].any():
            taken.pop(node, None)
        elif isinstance(node.op, Select):
            condition, a, b = node.inputs
            chosen = np.asarray(values[condition], dtype=bool)
            for x, entries in ((condition, taken[node]), (a, taken[node] & chosen), (b, taken[node] & ~chosen)):
                take(x, entries)
        else:
            same = isinstance(node.op, (Elementwise, Add, Product))
            for x in node.inputs:
                take(x, taken[node] if same else np.ones((), bool))
    return taken


# -- why ---------------------------------------------------------------------------------------------------------------

LOGARITHMS = (Log, Log2, Log10)
# (operations, where, what happened): the first that holds is the reason.
REASONS: list[tuple[tuple[type[Op], ...], Callable[[Any, Any], bool], str]] = [
    ((Exp, Sinh, Cosh), lambda op, x: bool(abs(x[0]) > 709), "overflow, e**709.8 is the largest float64"),
    (LOGARITHMS, lambda op, x: bool(x[0] == 0), "the logarithm of zero"),
    (LOGARITHMS, lambda op, x: bool(x[0] < 0), "the logarithm of a negative number"),
    ((Log1p,), lambda op, x: bool(x[0] == -1), "the logarithm of zero"),
    ((Log1p,), lambda op, x: bool(x[0] < -1), "the logarithm of a negative number"),
    ((Power,), lambda op, x: bool(x[0] == 0 and op.exponent < 0), "division by zero"),
    ((Power,), lambda op, x: bool(x[0] < 0 and op.exponent != int(op.exponent)), "a root of a negative number"),
    ((Pow,), lambda op, x: bool(x[0] < 0 and x[1] != np.floor(x[1])), "a real power of a negative number"),
    ((Pow,), lambda op, x: bool(x[0] == 0 and x[1] < 0), "division by zero"),
    ((ArcSin, ArcCos), lambda op, x: bool(abs(x[0]) > 1), "outside of the domain [-1, 1]"),
    ((ArcTanh,), lambda op, x: bool(abs(x[0]) >= 1), "outside of the domain (-1, 1)"),
    ((ArcCosh,), lambda op, x: bool(x[0] < 1), "outside of the domain [1, oo)"),
]


def _reason(op: Op, given: Sequence[Any], value: float) -> str:
    """What happened, in words."""
    if isinstance(op, Input):
        return "the point itself is not finite"
    for operations, holds, reason in REASONS:
        if isinstance(op, operations) and holds(op, given):
            return reason
    if np.isnan(value):
        return "not a number from finite ones: outside of the domain of the step"
    return "too large for float64, or a pole"


def _stable(node: Node, given: Sequence[Any], readers: Mapping[Node, Sequence[Node]]) -> str:
    """The form to write instead, where one is known."""
    op = node.op
    if isinstance(op, Exp):
        return _stable_exponential(node, readers)
    if isinstance(op, (Sinh, Cosh)) and any(isinstance(r.op, Log) for r in readers[node]):
        return "log(cosh(u)) = abs(u) + softplus(-2*abs(u)) - log(2)"
    if isinstance(op, LOGARITHMS) and given[0] == 0 and any(isinstance(r.op, Product) for r in readers[node]):
        return "Piecewise((0, Eq(u, 0)), (u*log(u), True)), the limit at 0"
    if isinstance(op, LOGARITHMS) and isinstance(node.inputs[0].op, Exp):
        return "log(exp(u)) = u"
    if isinstance(op, Power) and op.exponent < 0 and given[0] == 0 and _is_ratio(node, readers):
        return "0/0: write the limit in a Piecewise, or cancel the factor before"
    if isinstance(op, Power) and op.exponent < 0 and given[0] == 0 and isinstance(node.inputs[0].op, Add):
        return "a norm or a difference at 0: add a small positive number under the root, or a Piecewise with the limit"
    return ""


def _stable_exponential(node: Node, readers: Mapping[Node, Sequence[Node]]) -> str:
    """log(1 + e**u), 1/(1 + e**u), e**u / sum e**u in the forms that do not overflow."""
    for middle in readers[node]:
        if not isinstance(middle.op, (Add, Contract)):
            continue
        for last in readers[middle]:
            if isinstance(last.op, LOGARITHMS):
                return _of_two_terms(node, middle, "softplus") or (
                    "log-sum-exp: m + log(sum of exp(u - m)), m the largest u; sympy's logaddexp for two terms"
                )
            if isinstance(last.op, Power) and last.op.exponent < 0:
                if any(isinstance(r.op, (Product, Contract)) and node in r.inputs for r in readers[last]):
                    return "softmax: exp(u - m) in place of exp(u), above and below, m the largest u"
                return _of_two_terms(node, middle, "sigmoid") or "exp(u - m) in place of exp(u), m the largest u"
    return ""


def _of_two_terms(node: Node, middle: Node, form: str) -> str:
    """The form of a + b e**u for numbers a, b > 0."""
    if not isinstance(middle.op, Add) or len(middle.inputs) != 2:
        return ""
    coefficient = dict(zip(middle.inputs, middle.op.coefficients, strict=True))
    (other,) = (x for x in middle.inputs if x is not node)
    number = exact_value(other)
    b = coefficient[node]
    if number is None or b <= 0 or number * coefficient[other] <= 0:
        return ""
    a, u = number * coefficient[other], _text(node.inputs[0])
    ratio = f" {'+' if form == 'softplus' else '-'} log({sp.sympify(b, strict=True) / a})" if a != b else ""
    if form == "softplus":
        return f"softplus({u}{ratio})" + (f" + log({a})" if a != 1 else "")
    return f"sigmoid(-({u}){ratio})" + (f"/{a}" if a != 1 else "")


def _is_ratio(node: Node, readers: Mapping[Node, Sequence[Node]]) -> bool:
    return any(isinstance(r.op, (Product, Contract)) for r in readers[node])


# -- text --------------------------------------------------------------------------------------------------------------


def _text(node: Node) -> str:
    """The formula of a node while it is short, else the name of its operation."""
    if tree_sizes([node])[node] > SHORT or node.type.dtype == "b1":
        return node.op.label()
    return str(to_sympy([node])[0])


def _turned(value: float | None) -> str:
    return "nan" if value is None or np.isnan(value) else "infinite" if value > 0 else "minus infinite"


def _number(value: Any) -> str:
    return " ".join(np.array2string(np.asarray(value), precision=6, threshold=20).split())
