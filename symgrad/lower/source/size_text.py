"""Sizes in numbers of symbols -> Python expressions, and the lines that read the symbols from shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sympy as sp

from symgrad.graph import Node
from symgrad.lower.source.names import identifiers
from symgrad.ops.leaf import Input
from symgrad.types import Size, as_size


class SizeNames:
    """The names of the symbols in sizes, where each is read, and which of them were used."""

    def __init__(self, inputs: Sequence[Node], names: Sequence[str], nodes: Sequence[Node], taken: set[str]):
        shapes = [node.type.shape for node in nodes] + [node.type.shape for node in inputs]
        found = {s for shape in shapes for n in shape if isinstance(n, sp.Expr) for s in n.free_symbols}
        found |= {s for node in nodes for s in sizes_in(node)}
        symbols = sorted(found, key=str)
        self.inputs, self.arguments = inputs, names
        self.given = {node.op.variable: k for k, node in enumerate(inputs) if isinstance(node.op, Input)}
        self.names = dict(zip(symbols, identifiers([str(s) for s in symbols], "n", taken), strict=True))
        taken.update(self.names.values())
        self.used: set[sp.Symbol] = set()

    def text(self, size: Size) -> str:
        """The expression, as it is, even if it is below 0."""
        size = as_size(size)
        if isinstance(size, int):
            return str(size)
        self.used |= size.free_symbols
        return integer_text(size, self.names)

    def extent(self, size: Size) -> str:
        """The size of an axis: not below 0."""
        text = self.text(size)
        return text if may_not_be_negative(size) else f"max({text}, 0)"

    def unbound(self) -> list[sp.Symbol]:
        """The symbols that no input tells: the function takes them by name."""
        return [s for s in self._in_order() if self._place(s) is None and s not in self.given]

    def lines(self) -> Iterator[str]:
        """The lines at the head of the function that read the sizes."""
        pending = set(self._in_order())
        for k, node in enumerate(self.inputs):
            shape = node.type.shape
            here = [s for s in shape if s in pending and self._place(s) == (k, shape.index(s))]
            if not here:
                continue
            pending -= set(here)
            targets = [self.names[n] if n in here and shape.index(n) == axis else "_" for axis, n in enumerate(shape)]
            if len(here) == 1:
                yield f"{self.names[here[0]]} = {self.arguments[k]}.shape[{shape.index(here[0])}]"
            else:
                yield f"{', '.join(targets)} = {self.arguments[k]}.shape"
        for s in self._in_order():
            place = self._place(s)
            if s in pending and place is not None:
                k, axis = place
                (solution,) = sp.solve(self.inputs[k].type.shape[axis] - sp.Symbol("size"), s)
                whole = sp.together(solution)
                top, bottom = sp.fraction(whole)
                top = str(top.xreplace({o: sp.Symbol(n) for o, n in self.names.items()}))
                top = top.replace("size", f"{self.arguments[k]}.shape[{axis}]")
                yield f"{self.names[s]} = " + (f"({top})//{bottom}" if bottom != 1 else top)
            elif s in pending and s in self.given:
                yield f"{self.names[s]} = int({self.arguments[self.given[s]]})"

    def _in_order(self) -> list[sp.Symbol]:
        return [s for s in self.names if s in self.used]

    def _place(self, s: sp.Symbol) -> tuple[int, int] | None:
        """The input and the axis that tell a symbol: as the axis itself, or else alone in an expression."""
        shapes = [node.type.shape for node in self.inputs]
        for k, shape in enumerate(shapes):
            if s in shape:
                return k, shape.index(s)
        for k, shape in enumerate(shapes):
            for axis, n in enumerate(shape):
                if isinstance(n, sp.Expr) and n.free_symbols == {s} and sp.Poly(n, s).degree() == 1:
                    return k, axis
        return None


def sizes_in(node: Node) -> set[sp.Symbol]:
    """The symbols in an operation's own parameters."""
    op = node.op
    found: set[sp.Symbol] = set()
    size = getattr(op, "size", None)
    if isinstance(size, sp.Expr):
        found |= size.free_symbols
    for place in getattr(op, "places", ()):
        if isinstance(place.offset, sp.Expr):
            found |= place.offset.free_symbols
    return found


def integer_text(size: Size, names: Mapping[sp.Symbol, str]) -> str:
    """The expression in integers only: n*(n + 1)/2 is (n**2 + n)//2."""
    if isinstance(size, int):
        return str(size)
    top, bottom = sp.fraction(sp.together(size))
    text = sp.pycode(sp.expand(top).xreplace({s: sp.Symbol(n) for s, n in names.items()}))  # max, where SymPy has Max
    return text if bottom == 1 else f"({text})//{bottom}"


def may_not_be_negative(size: Size) -> bool:
    """Is the size 0 or more whatever the symbols stand for?"""
    if isinstance(size, int):
        return size >= 0
    return all(term.as_coeff_Mul()[0] > 0 for term in sp.Add.make_args(size))
