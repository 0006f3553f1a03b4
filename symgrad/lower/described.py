"""What a kernel computes -> words, from which its machine code is found before anything is laid out.

Two kernels of equal words have one program: all that the lowering reads is in them. So they name every node's
operation with all its parameters, every input and output, what symbols in sizes are called and what is assumed of
them; of variables they say no more than which is which. What has no words here has no description.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graph import Node, Op, reachable
from symgrad.ops.leaf import Input

# Of exact types: each is spelled as no value of another is.
PLAIN: dict[type, Callable[[Any], str]] = {
    bool: repr,
    int: repr,
    str: repr,
    type(None): repr,
    float: float.hex,
    Fraction: lambda x: f"{x.numerator}/{x.denominator}",
}


class Description(NamedTuple):
    """The words, and the symbols that sizes are written in, by their numbers in the words; none for what has no
    words."""

    words: str
    symbols: tuple[sp.Symbol, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words)


class _NoWords(Exception):
    """Of a value that may mean one thing here, and another in another process."""


def described(kind: Sequence[Any], groups: Sequence[Sequence[Node | None]]) -> Description:
    """Of the nodes that these groups depend on: they, in order, and the places of the groups' own among them.

    kind: all else that decides the program. Empty words if there are none for some part.
    """
    try:
        return _Writer().description(kind, groups)
    except _NoWords:
        return Description("")


class _Writer:
    """Words while they are written: what has been given a number."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}  # of symbols and variables
        self.symbols: dict[sp.Symbol, int] = {}  # those in sizes

    def description(self, kind: Sequence[Any], groups: Sequence[Sequence[Node | None]]) -> Description:
        nodes = reachable(node for group in groups for node in group if node is not None)
        places: dict[Node | None, str] = {node: str(k) for k, node in enumerate(nodes)}
        places[None] = ""
        words: dict[int, str] = {}  # equal operations are one object
        lines = []
        for node in nodes:
            op = node.op
            word = words.get(id(op))
            if word is None:
                word = words[id(op)] = self.operation(op)
            lines.append(f"{word} {','.join([places[x] for x in node.inputs])}")
        lines += [f"= {','.join([places[x] for x in group])}" for group in groups]
        lines.append(self.word(tuple(kind)))
        lines += [self.symbol(s, number) for s, number in self.symbols.items()]
        return Description("\n".join(lines), tuple(self.symbols))

    def operation(self, op: Op) -> str:
        if type(op) is Input:
            return f"input {self.number(op.variable)} {self.word(op.type)}"
        return self.word(op)

    def number(self, x: Any) -> int:
        return self.numbers.setdefault(x, len(self.numbers))

    def word(self, x: Any) -> str:
        """Of a parameter. Raises _NoWords."""
        kind: Any = type(x)
        plain = PLAIN.get(kind)
        if plain is not None:
            return plain(x)
        if kind is tuple:
            return f"({','.join([self.word(part) for part in x])})"
        if isinstance(x, sp.Basic):
            return self.sympy_word(x)
        return f"{kind.__module__}.{kind.__qualname__}{self.word(tuple([getattr(x, name) for name in _fields(kind)]))}"

    def sympy_word(self, x: sp.Basic) -> str:
        """Of a number or a size."""
        kind = type(x)
        if isinstance(x, sp.Symbol):
            self.symbols[x] = self.number(x)
            return f"s{self.symbols[x]}"
        if (kind.__module__ or "").split(".")[0] != "sympy":  # undefined functions are of no module
            raise _NoWords
        if isinstance(x, sp.Rational):
            return f"sympy {x.p}/{x.q}"
        if isinstance(x, sp.Float):
            return f"sympy {x._mpf_} of {x._prec}"
        if not x.args and not isinstance(x, (sp.Number, sp.NumberSymbol)):
            raise _NoWords
        return f"sympy {kind.__name__}({','.join([self.word(part) for part in x.args])})"

    def symbol(self, s: sp.Symbol, number: int) -> str:
        """What decides how SymPy orders it, and what it concludes."""
        return f"s{number} {type(s).__name__} {s.name!r} {sorted(s.assumptions0.items())}"


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """The parameters of a class of this package: another's methods may be others tomorrow."""
    if kind.__module__.split(".")[0] != "symgrad":
        raise _NoWords
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return tuple(kind._fields)
    if not is_dataclass(kind):
        raise _NoWords
    return tuple(field.name for field in fields(kind))
