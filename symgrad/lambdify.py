"""lambdify(args, expr): the one-line migration from SymPy, with its conventions for arguments and results."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symgrad.arguments import Argument
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.structure import flatten
from symgrad.types import as_size

MODULES = {None, "numpy", "scipy"}


class Lambdified:
    """A Function called as SymPy's lambdify is; `function` is the Function, with its derivatives."""

    def __init__(self, function: Function, shapes: list[tuple[Any, ...] | None]):
        self.function, self.shapes = function, shapes
        self.__name__ = function.name

    def __call__(self, *args: Any, **named: Any) -> Any:
        arguments = self.function.arguments
        values = [_leading(a, v) for a, v in zip(arguments, args, strict=False)]
        values += args[len(arguments) :]
        by_name = {a.name: a for a in arguments}
        named = {k: _leading(by_name[k], v) if k in by_name else v for k, v in named.items()}
        result = self.function(*values, **named)
        leaves = self.function.structure.flatten(result)
        pairs = zip(leaves, self.function.results, self.shapes, strict=True)
        return self.function.structure.build([_matrix(x, len(r.shape), shape) for x, r, shape in pairs])

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"{self.function}\n\nSource code:\n\n{self.function.source}"


def lambdify(args: Any, expr: Any, modules: Any = None, *, cse: bool = False, dummify: bool = False) -> Lambdified:
    """A compiled function of the arguments, in the conventions of sympy.lambdify.

    args: a symbol or a list; an argument that is itself a list, tuple or Matrix of symbols takes a sequence, of
    which the first axis is over the symbols. A Matrix comes back as an array of its shape, (n, 1) too; a list, a list.
    modules: numpy or scipy, which changes nothing here. cse and dummify change nothing: sub-expressions are always
    shared, and names never matter.

        >>> x, y = sp.symbols("x y")
        >>> float(lambdify([x, (y,)], x + y)(1, [2]))
        3.0
    """
    wanted = modules if isinstance(modules, (list, tuple)) else [modules]
    if not all(isinstance(m, (str, type(None))) and m in MODULES for m in wanted):
        raise ArgumentError("a module that this lambdify does not know", got=modules, wanted="numpy, scipy or None")
    return Lambdified(Function(args, expr, name="lambdified"), [_shape(leaf) for leaf in _leaves(expr)])


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (dict, sp.Dict)):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    if isinstance(value, (list, tuple, sp.Tuple)):
        return [leaf for v in value for leaf in _leaves(v)]
    return [value]


def _shape(leaf: Any) -> tuple[Any, ...] | None:
    """The shape in which SymPy gives the result back; None: as it comes."""
    if isinstance(leaf, sp.MatrixBase):
        return leaf.shape
    if isinstance(leaf, sp.MatrixExpr):
        return tuple(as_size(n) for n in leaf.shape)
    shape = flatten(leaf)[1][0][0]
    return None if shape == () and not isinstance(leaf, (sp.Expr, int, float)) else shape


def _leading(argument: Argument, value: Any) -> Any:
    """An array argument as SymPy takes it, the symbols' axes first -> as a Function takes it, these last."""
    rank = len(argument.shape)
    if rank == 0 or argument.is_whole:
        return value
    if isinstance(value, (list, tuple)) and rank == 1:
        value = np.stack(np.broadcast_arrays(*value)) if len(value) else value
    array = np.asarray(value)
    shape = argument.declared.shape if isinstance(argument.declared, sp.MatrixSymbol) else argument.shape
    if array.shape[: len(shape)] == shape:
        array = array.reshape(*argument.shape, *array.shape[len(shape) :])  # a column or a row is a vector
        return np.moveaxis(array, range(rank), range(-rank, 0))
    return array


def _matrix(value: Any, rank: int, shape: tuple[Any, ...] | None) -> Any:
    """A vector that was declared as a column or a row, in its declared shape."""
    if not shape or len(shape) == rank:
        return value
    if not all(isinstance(n, int) for n in shape):
        return np.expand_dims(value, [axis for axis, n in enumerate(shape) if n == 1])
    return value.reshape(*value.shape[: value.ndim - rank], *shape)
