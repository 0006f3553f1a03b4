"""`wrt`, as users write it -> the arguments, or the elements of arguments, that it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symgrad.arguments import Argument
from symgrad.errors import VariableError
from symgrad.from_sympy import is_variable
from symgrad.graph import Node
from symgrad.structure import LEAF, Shape, Structure, tuple_of


class Variables(NamedTuple):
    """Some arrays or scalars, and how the results by each are put together."""

    parts: list[Argument]
    structure: Structure

    @property
    def nodes(self) -> list[Node]:
        return [node for part in self.parts for node in part.elements]

    @property
    def stacked(self) -> Shape:
        """The shape of one axis or array that holds all: of a single part its own, of several scalars their number."""
        return self.parts[0].shape if self.structure.is_leaf else (len(self.nodes),)


def variables(arguments: Sequence[Argument], wrt: Any) -> Variables:
    """One variable: one part. A list of them: a tuple of parts. None: the one argument that there is.

    Raises VariableError for what is no variable among the arguments, for one that is named twice, and for None where
    there are several arguments.
    """
    if wrt is None:
        if len(arguments) != 1:
            names = ", ".join(a.name for a in arguments)
            raise VariableError("which variable to differentiate by?", wanted=f"wrt, one or a list of: {names}")
        return Variables([arguments[0]], LEAF)
    elements = {node.op.to_sympy(): node for a in arguments for node in a.elements}
    one = _part(arguments, elements, wrt)
    if one is not None:
        return Variables([one], LEAF)
    if not isinstance(wrt, (list, tuple, sp.Tuple)) or not wrt:
        raise _no_variable(arguments, wrt)
    parts = []
    for variable in wrt:
        part = _part(arguments, elements, variable)
        if part is None:
            raise _no_variable(arguments, variable)
        parts.append(part)
    nodes = [node for part in parts for node in part.elements]
    if len(set(nodes)) != len(nodes):
        raise VariableError("a variable is named twice", got=str(list(wrt)))
    return Variables(parts, tuple_of([LEAF] * len(parts)))


def _part(arguments: Sequence[Argument], elements: dict[Any, Node], variable: Any) -> Argument | None:
    """The argument that is named, or the one element of an argument."""
    if isinstance(variable, sp.Basic) and is_variable(variable):
        node = elements.get(variable)
        return None if node is None else Argument(str(variable), (), (node,), variable)
    return next((a for a in arguments if a.names(variable)), None)


def _no_variable(arguments: Sequence[Argument], wrt: Any) -> VariableError:
    return VariableError(
        "wrt is not among the arguments",
        got=wrt if isinstance(wrt, sp.Basic) else f"{type(wrt).__name__} {wrt!r:.60}",
        wanted="one or a list of: " + ", ".join(a.name for a in arguments),
    )
