"""What a Function is declared with -> its arguments; what it is called with -> checked numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from symgrad.arrays import ARRAYS
from symgrad.errors import ArgumentError, ComplexInput, DTypeError, ShapeError, UnsupportedExpression
from symgrad.from_sympy import is_variable
from symgrad.graph import Graph, Node
from symgrad.ops.leaf import Input, as_double
from symgrad.structure import Shape, as_array
from symgrad.types import Size, Type


@dataclass(frozen=True)
class Argument:
    """A scalar, or an array that is one argument: one node of its shape, or a scalar node for each of its entries.

    `declared` is what the user wrote, to be found again.
    """

    name: str
    shape: tuple[Size, ...]
    elements: tuple[Node, ...]
    declared: Any

    @property
    def is_whole(self) -> bool:
        """Is the array one node?"""
        return bool(self.shape) and len(self.elements) == 1 and self.elements[0].type.shape == self.shape

    @property
    def is_real(self) -> bool:
        """Is it of real numbers? Else of integers, which are indices."""
        return not self.elements or self.elements[0].type.dtype == "f8"

    def names(self, variable: Any) -> bool:
        """Does this expression, list or matrix name the argument?"""
        return same_declaration(self.declared, variable)


def same_declaration(a: Any, b: Any) -> bool:
    """Are these the same argument, as users write them? A list and a tuple of the same symbols are."""
    return _canonical(a) == _canonical(b)


def _canonical(declared: Any) -> Any:
    array = as_array(declared)
    if array is not None:
        shape, elements = array
        return shape, tuple(elements)
    if isinstance(declared, (tuple, list, sp.Tuple)):
        return (len(declared),), tuple(declared)
    return declared


def declare(graph: Graph, declared: Sequence[Any], whole: Mapping[Any, Type]) -> tuple[Argument, ...]:
    """The arguments, with an input node for each variable; of the types given for arrays that are one variable.

    Raises ArgumentError if a variable stands twice, UnsupportedExpression for what is no variable.
    """
    arguments = tuple(
        _whole_argument(graph, d, whole[d]) if isinstance(d, ARRAYS) and d in whole else _argument(graph, d, k)
        for k, d in enumerate(declared)
    )
    seen: set[Node] = set()
    for argument in arguments:
        for node in argument.elements:
            if node in seen:
                raise ArgumentError("a variable stands twice among the arguments", got=node.op.label())
            seen.add(node)
    return arguments


def _whole_argument(graph: Graph, declared: Any, type_: Type) -> Argument:
    return Argument(str(declared), type_.shape, (graph.add(Input(declared, type_)),), declared)


def _argument(graph: Graph, declared: Any, position: int) -> Argument:
    shape, variables = declared_variables(declared)
    for variable in variables:
        if not is_variable(variable):
            raise UnsupportedExpression(
                "an argument that is no variable",
                got=variable if isinstance(variable, sp.Basic) else f"{type(variable).__name__} {variable!r:.60}",
                wanted="a Symbol, an applied function, a matrix symbol of integer size, or a list of those",
            )
        if variable.is_commutative is False:
            raise UnsupportedExpression("an argument that does not commute", got=variable)
    whole = isinstance(declared, ARRAYS)
    name = str(declared) if shape == () or whole else f"arg{position}"
    return Argument(name, shape, tuple(graph.add(Input(v)) for v in variables), declared)


def declared_variables(declared: Any) -> tuple[Shape, list[Any]]:
    """The shape of an argument as the user wrote it, and its variables in C order."""
    array = as_array(declared)
    if array is not None:
        return array
    if isinstance(declared, (tuple, list, sp.Tuple)):
        if any(isinstance(d, (tuple, list, sp.Tuple)) for d in declared):
            raise UnsupportedExpression(
                "a list within a list of symbols", got=str(declared), hint="use a Matrix for two axes"
            )
        return (len(declared),), list(declared)
    if isinstance(declared, ARRAYS):
        if declared.shape is None or not all(getattr(n, "is_Integer", isinstance(n, int)) for n in declared.shape):
            raise UnsupportedExpression(
                "an array whose sizes are not integers", got=declared, hint="give its shape in numbers"
            )
        sizes = tuple(int(n) for n in declared.shape)
        elements = [declared[index] for index in np.ndindex(*sizes)]
        vector = isinstance(declared, sp.MatrixSymbol) and 1 in sizes
        return ((sizes[0] * sizes[1],) if vector else sizes), elements
    return (), [declared]


def bind(arguments: Sequence[Argument], values: Sequence[Any], named: dict[str, Any]) -> list[Any]:
    """The values in the order of the arguments, those by name included. Raises ArgumentError."""
    names = [argument.name for argument in arguments]
    if len(values) > len(names):
        raise ArgumentError("too many arguments", got=len(values), wanted=f"{len(names)}: {', '.join(names)}")
    bound = dict(enumerate(values))
    for name, value in named.items():
        if name not in names:
            raise ArgumentError("no argument of this name", got=repr(name), wanted=", ".join(names) or "none")
        if names.count(name) > 1:  # two symbols may print alike
            raise ArgumentError("several arguments of this name", got=name, hint="give them by position")
        place = names.index(name)
        if place in bound:
            raise ArgumentError("an argument is given twice", got=name)
        bound[place] = value
    missing = [name for place, name in enumerate(names) if place not in bound]
    if missing:
        raise ArgumentError("an argument is missing", got=f"{len(bound)} of {len(names)}", wanted=", ".join(missing))
    return [bound[place] for place in range(len(names))]


def batch_shape(arguments: Sequence[Argument], values: Sequence[np.ndarray]) -> Shape:
    """The axes before the arguments' own, broadcast. Raises ShapeError where they do not go together."""
    batches = [v.shape[: v.ndim - len(a.shape)] for a, v in zip(arguments, values, strict=True)]
    try:
        return np.broadcast_shapes(*batches)
    except ValueError:
        got = ", ".join(f"{a.name} {batch}" for a, batch in zip(arguments, batches, strict=True))
        raise ShapeError("batch axes that do not broadcast", got=got, wanted="equal sizes, or 1") from None


def real_array(argument: Argument, value: Any) -> np.ndarray:
    """The value as an array of real numbers, of any element type. Raises ComplexInput, or DTypeError for no number."""
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(
            f"argument {argument.name} is a masked array", wanted="plain arrays", hint="use .filled(value)"
        )
    if type(value).__module__.startswith("scipy.sparse"):
        raise DTypeError(f"argument {argument.name} is a sparse matrix", wanted="a dense array", hint="use .toarray()")
    if isinstance(value, Real):  # integers of any size, fractions, SymPy's numbers
        value = as_double(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"argument {argument.name} is a ragged list", got=str(error)) from None
    if array.dtype.kind == "c":
        raise ComplexInput(f"argument {argument.name} is complex", got=array.dtype, wanted="real numbers")
    if isinstance(value, sp.Expr) and value.is_number:  # pi, sqrt(2)
        if not value.is_extended_real:
            raise ComplexInput(f"argument {argument.name} is complex", got=value, wanted="real numbers")
        array = np.asarray(float(value))
    if array.dtype.kind not in "fiub":
        kind = "text" if array.dtype.kind in "US" else f"of type {array.dtype}"
        raise DTypeError(f"argument {argument.name} is {kind}", got=repr(value)[:60], wanted="numbers")
    return array


def as_numbers(argument: Argument, value: Any) -> np.ndarray:
    """The value as a float64 array of shape batch + argument.shape.

    Raises ComplexInput, DTypeError for what is no number, ShapeError for another shape.
    """
    array = real_array(argument, value).astype(np.float64, copy=False)
    rank = len(argument.shape)
    core = array.shape[array.ndim - rank :] if rank else ()
    if (
        core != argument.shape
        and rank == 1
        and array.ndim >= 2
        and array.shape[-2:] in ((*argument.shape, 1), (1, *argument.shape))
    ):
        array = array.reshape(*array.shape[:-2], *argument.shape)  # a column or a row is a vector
        core = argument.shape
    if array.ndim < rank or core != argument.shape:
        raise ShapeError(
            f"argument {argument.name} has another shape",
            got=array.shape,
            wanted=f"{argument.shape}" + ", with any batch axes before" if rank else "any",
        )
    return array


def element_type(dtype: Any) -> str:
    """f8 or f4, of a float type as NumPy names it. Raises DTypeError for another."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    if kind not in (np.float64, np.float32):
        raise DTypeError("no element type of kernels", got=dtype, wanted="float64 or float32")
    return str(np.dtype(dtype).str[1:])
