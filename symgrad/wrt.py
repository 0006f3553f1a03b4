"""`wrt`, as users write it -> the arguments, or the elements of arguments, that it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.arguments import Argument
from symgrad.arrays import ELEMENTS, is_element
from symgrad.errors import VariableError
from symgrad.from_sympy import is_variable
from symgrad.graph import Node
from symgrad.ops.view import Place, accumulate, element
from symgrad.structure import LEAF, Shape, Structure, tuple_of

Entry = tuple[int, ...]  # the indices of an entry of an array


class Variables(NamedTuple):
    """Some arrays or scalars, and how the results by each are put together.

    `entries` holds, for each part, the indices of the entry that it is of an array that is one node, or None.
    """

    parts: list[Argument]
    structure: Structure
    entries: list[Entry | None]

    @property
    def nodes(self) -> list[Node]:
        """The nodes to differentiate by: for an entry of an array, the array."""
        return [node for part in self.parts for node in part.elements]

    def narrowed(self, gradients: Sequence[Node]) -> list[Node]:
        """Of the gradients by `nodes`, those by the variables: an entry's is an entry."""
        rest, found = iter(gradients), []
        for part, entry in zip(self.parts, self.entries, strict=True):
            found += [next(rest) if entry is None else element(next(rest), entry) for _ in part.elements]
        return found

    def widened(self, vectors: Sequence[Node]) -> list[Node]:
        """Vectors of the variables as vectors of `nodes`: an entry's is an array that is zero elsewhere."""
        rest, found = iter(vectors), []
        for part, entry in zip(self.parts, self.entries, strict=True):
            for node in part.elements:
                v = next(rest)
                found.append(v if entry is None else accumulate(v, [Place(i) for i in entry], node.type.shape))
        return found

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
        return Variables([arguments[0]], LEAF, [None])
    elements = {node.op.to_sympy(): node for a in arguments for node in a.elements}
    one = _part(arguments, elements, wrt)
    if one is not None:
        return Variables([one], LEAF, [_entry(one)])
    if not isinstance(wrt, (list, tuple, sp.Tuple)) or not wrt:
        raise _no_variable(arguments, wrt)
    parts = []
    for variable in wrt:
        part = _part(arguments, elements, variable)
        if part is None:
            raise _no_variable(arguments, variable)
        parts.append(part)
    nodes = [node for part in parts for node in part.elements]
    named = [(node, _entry(part)) for part in parts for node in part.elements]
    if len(set(named)) != len(nodes):
        raise VariableError("a variable is named twice", got=str(list(wrt)))
    return Variables(parts, tuple_of([LEAF] * len(parts)), [_entry(part) for part in parts])


def _part(arguments: Sequence[Argument], elements: dict[Any, Node], variable: Any) -> Argument | None:
    """The argument that is named, or the one element of an argument."""
    whole = next((a for a in arguments if a.is_whole and is_entry_of(variable, a.declared)), None)
    if whole is not None:
        if is_element(variable):
            return Argument(str(variable), (), whole.elements, variable)
        return Argument(whole.name, whole.shape, whole.elements, variable)  # w[k], k free: all of w, printed as that
    if isinstance(variable, sp.Basic) and is_variable(variable):
        node = elements.get(variable)
        return None if node is None else Argument(str(variable), (), (node,), variable)
    return next((a for a in arguments if a.names(variable)), None)


def is_entry_of(variable: Any, array: Any) -> bool:
    """Is this an entry of the array, at numbers or at distinct symbols that stand for any?"""
    if not isinstance(variable, ELEMENTS) or variable.args[0] != array:
        return False
    free = all(isinstance(i, sp.Symbol) for i in variable.indices) and len(set(variable.indices)) == len(
        variable.indices
    )
    return free or is_element(variable)


def _entry(part: Argument) -> Entry | None:
    """The indices of a scalar part whose node is an array; an axis of size 1 of a matrix has none."""
    if part.shape or not part.elements[0].type.shape:
        return None
    sizes = part.declared.args[0].shape
    drop = isinstance(part.declared, MatrixElement)
    return tuple(int(i) for i, n in zip(part.declared.indices, sizes, strict=True) if not (drop and n == 1))


def _no_variable(arguments: Sequence[Argument], wrt: Any) -> VariableError:
    return VariableError(
        "wrt is not among the arguments",
        got=wrt if isinstance(wrt, sp.Basic) else f"{type(wrt).__name__} {wrt!r:.60}",
        wanted="one or a list of: " + ", ".join(a.name for a in arguments),
    )
