"""What every elementwise operation is made of: its values, its partial derivatives, how it is emitted, its SymPy head.

A new operation is one class, anywhere, that derives from Elementwise: see docs/write_an_operation.md. Defining it is
enough for conversion from and to SymPy, derivatives of any order, both emitters, and the table of tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

import numpy as np
import sympy as sp

from symgrad.errors import ShapeError
from symgrad.graph import Exact, Node, Op
from symgrad.ops.emitter import Emitter
from symgrad.ops.select import multiple, share
from symgrad.types import Type

# SymPy head -> its operation, filled as the classes are defined.
OPERATIONS: dict[type, type[Elementwise]] = {}

Interval = tuple[float, float]


class Undefined:
    """Stands in a tuple of partials where no derivative exists: an error if it is needed, with this reason."""

    def __init__(self, reason: str):
        self.reason = reason


Partial = Node | Exact | Undefined | None


class Entrywise(Op):
    """A function of inputs of one shape, entry by entry. Its derivative is scalar calculus: `partials`."""

    def result_type(self, *types: Type) -> Type:
        first = types[0]
        for other in types:
            if other is not first and other != first:
                raise ShapeError(
                    f"{self.name} takes inputs of one type",
                    got=", ".join(map(str, types)),
                    hint="broadcast one of them first",
                )
        return first

    def partials(self, y: Node) -> Sequence[Partial]:
        """dy/dx for each input x of y = f(x, ...): a node, a number, None where it is zero, or Undefined(reason)."""
        raise NotImplementedError(f"{type(self).__name__} has no partials")

    @final
    def bprop(self, y: Node, g: Node) -> Sequence[Any]:
        return [multiple(*gx) if isinstance(gx, tuple) else gx for gx in self.shares(y, 1, g)]

    @final
    def shares(self, y: Node, c: Exact, g: Node) -> Sequence[Any]:
        return [p if p is None or isinstance(p, Undefined) else share(c, g, p) for p in self.partials(y)]


class Elementwise(Entrywise):
    """A scalar function that SymPy and the C library have a name for.

    sympy    the SymPy class that is this function, or None; the first of a tuple is the one printed
    numpy    the function on NumPy numbers; complex ones too, if `analytic`
    mpmath   the function on mpmath numbers
    libm     the name in C's <math.h>; or `emit` is written out
    domain   an interval for each input, in which tests draw
    exact    does the function on mpmath numbers have all their digits?
    """

    sympy: ClassVar[Any] = None
    numpy: ClassVar[Callable[..., Any]]
    mpmath: ClassVar[Callable[..., Any]]
    libm: ClassVar[str] = ""
    domain: ClassVar[tuple[Interval, ...]] = ((-2.0, 2.0),)
    analytic: ClassVar[bool] = True
    exact: bool = True

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        for head in _heads(cls.__dict__.get("sympy")):
            OPERATIONS[head] = cls

    def evaluate(self, numbers: Any, *values: Any) -> Any:
        return type(self).numpy(*values) if numbers is np else type(self).mpmath(*values)

    def emit(self, t: Emitter, *args: Any) -> Any:
        """The value, in the words of the emitter."""
        return t.libm(self.libm, *args)

    def to_sympy(self, *args: sp.Expr) -> sp.Expr:
        return _heads(self.sympy)[0](*args)

    @classmethod
    def from_sympy(cls, expression: sp.Expr, *args: Node) -> Node:
        """The node of a SymPy application of this function; `args` are the nodes of its arguments."""
        return args[0].graph.add(cls(), *args)


def _heads(sympy: Any) -> tuple[Any, ...]:
    if sympy is None:
        return ()
    return sympy if isinstance(sympy, tuple) else (sympy,)


def special(name: str) -> Callable[..., Any]:
    """scipy.special's function of that name, imported when it is first called: `import symgrad` stays quick."""

    def function(*values: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*values)

    return function
