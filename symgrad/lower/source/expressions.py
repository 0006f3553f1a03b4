"""The words in which operations say how they are computed -> texts of Python expressions over NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graph import Op
from symgrad.lower.scalars.program import as_double
from symgrad.lower.source.names import fresh, is_path, is_safe

# How tightly an expression holds together, loosest first, in the order of Python's own rules.
RELATION, EITHER, BOTH, SUM, TERM, SIGN, POWER, ATOM = range(8)

LARGEST_INTEGER = 2**53  # beyond it an integer is written as the float64 that it becomes
LONGEST = 600  # characters: longer expressions get names, else a sum of thousands is too deep for Python's parser

# C's names -> NumPy's where they differ, and those that only scipy.special has.
NUMPY = {
    "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
}  # fmt: skip
SCIPY = {"erf": "erf", "erfc": "erfc", "lgamma": "gammaln", "tgamma": "gamma"}
CONSTANTS = {sp.pi: "np.pi", sp.E: "np.e", sp.EulerGamma: "np.euler_gamma"}

# What NumPy has no word for, or SciPy one that means something else: a definition above the function, by a free name.
DEFINITIONS = {
    "length": """\
def {name}(*x):
    x = np.abs(np.broadcast_arrays(*x))
    _, power = np.frexp(np.max(x, axis=0))
    return np.ldexp(np.sqrt(np.sum(np.ldexp(x, -power)**2, axis=0)), power)""",
    "lambertw": """\
def {name}(x, branch):
    w = special.lambertw(x, branch)
    return np.where(w.imag == 0, w.real, np.nan)""",
}


class Text(NamedTuple):
    """An expression, and how tightly it holds together."""

    text: str
    binding: int = ATOM

    def within(self, binding: int) -> str:
        """The expression as an operand, in parentheses if it holds less tightly than this."""
        return self.text if self.binding >= binding else f"({self.text})"


class Expressions:
    """Expressions as texts: it speaks the words of ops/emitter.py.

    named: gives an expression a name, and returns that; taken: the names that are not free.
    """

    def __init__(self, named: Callable[[Text], Text], taken: set[str]):
        self.named, self.taken = named, taken
        self.uses_scipy = False
        self.definitions: dict[str, tuple[str, str]] = {}  # name here and source, by what is defined

    def imports(self) -> Iterator[str]:
        """The lines that stand above the function."""
        yield "import numpy as np"
        if self.uses_scipy:
            yield "from scipy import special"
        for _, source in self.definitions.values():
            yield from ("", "", *source.split("\n"))

    def _text(self, text: str, binding: int) -> Text:
        return self.named(Text(text, binding)) if len(text) > LONGEST else Text(text, binding)

    def _call(self, name: str, *args: Text) -> Text:
        return self._text(f"{name}({', '.join(a.text for a in args)})", ATOM)

    def _defined(self, what: str, name: str, source: str) -> str:
        """The name under which the source defines something: the name it has, or one that is free."""
        if what not in self.definitions:
            free = fresh(name, self.taken)
            self.definitions[what] = free, source.format(name=free)
        return self.definitions[what][0]

    # -- the words ----------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Text:
        if value in CONSTANTS:
            return Text(CONSTANTS[value])
        double = as_double(value)
        if isinstance(value, Fraction) and max(abs(value.numerator), value.denominator) <= LARGEST_INTEGER:
            if Fraction(double) != value:
                return Text(str(value), TERM)  # one division of exact numbers: rounded once
            text = repr(double)
        elif isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
            text = str(value)
        else:
            text = repr(double).replace("nan", "np.nan").replace("inf", "np.inf")
        return Text(text, SIGN if text.startswith("-") else ATOM)

    def add(self, a: Text, b: Text) -> Text:
        return self._text(f"{a.within(SUM)} + {b.within(TERM)}", SUM)

    def sub(self, a: Text, b: Text) -> Text:
        return self._text(f"{a.within(SUM)} - {b.within(TERM)}", SUM)

    def mul(self, a: Text, b: Text) -> Text:
        return self._text(f"{a.within(TERM)}*{b.within(SIGN)}", TERM)

    def div(self, a: Text, b: Text) -> Text:
        return self._text(f"{a.within(TERM)}/{b.within(SIGN)}", TERM)

    def neg(self, a: Text) -> Text:
        if a.text.startswith("-"):
            return Text(f"-({a.text})", SIGN)
        return Text(f"-{a.within(TERM)}", min(a.binding, SIGN) if a.binding >= TERM else SIGN)  # -x*y is -(x*y) exactly

    def power(self, a: Text, n: int) -> Text:
        return self._text(f"{a.within(ATOM)}**{n}", POWER)

    def sqrt(self, a: Text) -> Text:
        return self._call("np.sqrt", a)

    def norm(self, *args: Text) -> Text:
        return self._call(self._defined("length", "length", DEFINITIONS["length"]), *args)

    def fabs(self, a: Text) -> Text:
        return self._call("np.abs", a)

    def floor(self, a: Text) -> Text:
        return self._call("np.floor", a)

    def ceil(self, a: Text) -> Text:
        return self._call("np.ceil", a)

    def copysign(self, a: Text, b: Text) -> Text:
        return self._call("np.copysign", a, b)

    def maximum(self, a: Text, b: Text) -> Text:
        return self._call("np.maximum", a, b)

    def minimum(self, a: Text, b: Text) -> Text:
        return self._call("np.minimum", a, b)

    def libm(self, name: str, *args: Text) -> Text:
        if name in SCIPY:
            return self.special(SCIPY[name], *args)
        return self._call(f"np.{NUMPY.get(name, name)}", *args)

    def special(self, name: str, *args: Text) -> Text:
        self.uses_scipy = True
        if name in DEFINITIONS:
            return self._call(self._defined(name, name, DEFINITIONS[name]), *args)
        return self._call(f"special.{name}", *args)

    def user(self, op: Op, *args: Text) -> Text:
        function = op.python  # type: ignore[attr-defined]
        # the ufuncs of older NumPy versions tell neither
        module, name = getattr(function, "__module__", "") or "", getattr(function, "__qualname__", function.__name__)
        if module != "__main__" and is_path(module) and is_safe(name):
            source = f"from {module} import {name} as {{name}}"
        else:
            source = "# {name}: the function that was registered, to be defined here"
        return self._call(self._defined(f"{module}.{name}", name if is_safe(name) else "user", source), *args)

    def truth(self, value: bool) -> Text:
        return Text(str(value))

    def compare(self, relation: str, a: Text, b: Text) -> Text:
        return Text(f"{a.within(SUM)} {relation} {b.within(SUM)}", RELATION)

    def both(self, a: Text, b: Text) -> Text:
        return self._text(f"{a.within(BOTH)} & {b.within(SUM)}", BOTH)

    def either(self, a: Text, b: Text) -> Text:
        return self._text(f"{a.within(EITHER)} | {b.within(BOTH)}", EITHER)

    def negate(self, a: Text) -> Text:
        return self._call("np.logical_not", a)

    def select(self, condition: Text, a: Text, b: Text) -> Text:
        return self._call("np.where", condition, a, b)
