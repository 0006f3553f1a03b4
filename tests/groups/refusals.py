"""What is not float64: right, or an error with its own class. Inputs and outputs of every element type; bad inputs, by
class and text."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import sympy as sp

import symgrad as sg
from symgrad import errors
from tests.groups.group import Group, Outcome, Outcomes
from tests.oracles import error

x, y, nu = sp.symbols("x y nu")
n, m = sp.symbols("n m", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
A, B, v = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("B", n, m), sp.MatrixSymbol("v", n, 1)

F = sg.Function([x, y], x**2 * sp.sin(y))
P = sg.Function([(x, y)], x**2 * y)
V = sg.Function([v], (v.T * v)[0, 0])
M = sg.Function([A, v], (v.T * A).T)

# -- element types -----------------------------------------------------------------------------------------------------

KINDS = ["float64", "float32", "int64", "int32", "bool", "int", "complex128"]
TARGETS = ["none", *[k for k in KINDS if k != "int"]]  # the type of `out`; none at all
SINGLE = 1e-5  # float32: 24 bits, and a sum of squares


class Typed(NamedTuple):
    """A function, called on values of one type, into an array of another."""

    kind: str
    target: str


TYPED = [Typed(kind, target) for kind in KINDS for target in TARGETS]


def _typed(draw: random.Random, index: int) -> Outcomes:
    kind, target = TYPED[index]
    outcome = Outcome()
    given = [1, 0, 1] if kind == "bool" else [3, 1, 2]
    exact = np.array(given, float)
    values: Any = given if kind == "int" else np.array(given).astype(kind)
    wanted: list[tuple[str, sg.Function, np.ndarray, Any]] = [
        ("a batch of scalars", sg.Function([x], sp.exp(-x)).grad(), -np.exp(-exact), np.float64),
        ("an array", V.grad(v), 2 * exact, np.float64),
        ("an array in float32", sg.Function([v], (v.T * v)[0, 0], dtype="float32").grad(v), 2 * exact, np.float32),
    ]  # fmt: skip
    for words, function, right, dtype in wanted:
        out = None if target == "none" else np.full(3, 7, target)
        expected = (
            errors.ComplexInput
            if kind == "complex128"
            else errors.OutputError
            if out is not None and out.dtype != dtype
            else None
        )
        try:
            got = function(values, out=out)
        except errors.SymgradError as raised:
            if expected is None or type(raised) is not expected:
                outcome.failure = f"{words} of {kind} into {target}: {raised!r}"
            continue
        if expected is not None:
            outcome.failure = f"{words} of {kind} into {target}: no {expected.__name__} but {got}"
        elif got.dtype != dtype or (out is not None and got is not out):
            outcome.failure = f"{words} of {kind}: {got.dtype}, wanted {dtype}"
        else:
            e = max(map(error, got.tolist(), right.tolist()))
            bound = SINGLE if dtype == np.float32 else 1e-14
            outcome.error = max(outcome.error, e if dtype == np.float64 else 0.0)
            if not e <= bound:
                outcome.failure = f"{words} of {kind}: {got}, wanted {right}"
    return {"dtypes": outcome}


# -- bad inputs --------------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    """What is done wrong, the class of its error, and a word of the text."""

    words: str
    action: Callable[[], Any]
    kind: type[Exception]
    text: str


def _read_only(shape: Any) -> np.ndarray:
    array = np.empty(shape)
    array.flags.writeable = False
    return array


def _into_input() -> Any:
    array = np.ones(6)
    return F(array[:3], 1.0, out=array[2:5])


E = errors
one, three, two_by_three = np.ones(1), np.ones(3), np.ones((2, 3))
noncommutative = sp.Symbol("q", commutative=False)
unknown = sp.Function("unknown")
BAD = [
    Bad("a string", lambda: F("3", 1.0), E.DTypeError, "is text"),
    Bad("a string, array", lambda: V("3"), E.DTypeError, "is text"),
    Bad("an array of strings", lambda: F(np.array(["a", "b"]), 1.0), E.DTypeError, "is text"),
    Bad("bytes", lambda: F(b"3", 1.0), E.DTypeError, "is text"),
    Bad("None", lambda: F(None, 1.0), E.DTypeError, "of type object"),
    Bad("None, array", lambda: V(None), E.DTypeError, "of type object"),
    Bad("None in a list", lambda: F([1.0, None], 1.0), E.DTypeError, "of type object"),
    Bad("a ragged list", lambda: F([[1.0], [1.0, 2.0]], 1.0), E.ShapeError, "ragged"),
    Bad("a ragged list, array", lambda: V([[1.0], [1.0, 2.0]]), E.ShapeError, "ragged"),
    Bad("an array of objects", lambda: F(np.array([1.0, 2.0], object), 1.0), E.DTypeError, "of type object"),
    Bad("an array of objects, array", lambda: V(np.array([1.0, 2.0], object)), E.DTypeError, "of type object"),
    Bad("a date", lambda: F(np.datetime64("2020-01-01"), 1.0), E.DTypeError, "datetime64"),
    Bad("a dict", lambda: F({}, 1.0), E.DTypeError, "of type object"),
    Bad("a symbol", lambda: F(x, 1.0), E.DTypeError, "of type object"),
    Bad("a structured array", lambda: F(np.zeros(2, [("a", float)]), 1.0), E.DTypeError, "of type"),
    Bad("complex", lambda: F(1j, 1.0), E.ComplexInput, "complex"),
    Bad("complex, array", lambda: V(three * 1j), E.ComplexInput, "complex"),
    Bad("a masked array", lambda: F(np.ma.masked_array([1.0]), 1.0), E.DTypeError, "masked"),
    Bad("a masked array, array", lambda: V(np.ma.masked_array([1.0])), E.DTypeError, "masked"),
    Bad("a sparse matrix", lambda: M(scipy.sparse.eye(3), three), E.DTypeError, "sparse"),
    Bad("a sparse array", lambda: F(scipy.sparse.csr_array(two_by_three), 1.0), E.DTypeError, "sparse"),
    Bad("a missing argument", lambda: F(1.0), E.ArgumentError, "missing"),
    Bad("a missing argument, array", lambda: M(two_by_three), E.ArgumentError, "missing"),
    Bad("too many arguments", lambda: F(1.0, 2.0, 3.0), E.ArgumentError, "too many"),
    Bad("an unknown name", lambda: F(1.0, z=2.0), E.ArgumentError, "no argument of this name"),
    Bad("an argument twice", lambda: F(1.0, x=2.0), E.ArgumentError, "twice"),
    Bad("another shape", lambda: P([1.0, 2.0, 3.0]), E.ShapeError, "another shape"),
    Bad("too few axes", lambda: P(1.0), E.ShapeError, "another shape"),
    Bad("too many axes", lambda: V(two_by_three), E.ShapeError, "axes"),
    Bad("sizes that differ", lambda: M(two_by_three, three), E.ShapeError, "shape"),
    Bad("batches that do not broadcast", lambda: F(three, np.ones(2)), E.ShapeError, "broadcast"),
    Bad("a read-only out", lambda: F(three, 1.0, out=_read_only(3)), E.OutputError, "read-only"),
    Bad("a read-only out, array", lambda: V.grad(v)(three, out=_read_only(3)), E.OutputError, "read-only"),
    Bad("an out that overlaps", _into_input, E.OutputError, "overlaps"),
    Bad("an out that overlaps, array", lambda: V.grad(v)(three, out=three), E.OutputError, "overlaps"),
    Bad("an out of another shape", lambda: F(three, 1.0, out=np.empty(4)), E.OutputError, "cannot take"),
    Bad("an out that is a list", lambda: F(three, 1.0, out=[0.0, 0.0, 0.0]), E.OutputError, "no array"),
    Bad("an out of too few", lambda: F.grad([x, y])(three, 1.0, out=(np.empty(3),)), E.OutputError, "structure"),
    Bad("text as expression", lambda: sg.grad("x**2", x), E.UnsupportedExpression, "x**2"),
    Bad("None as expression", lambda: sg.grad(None, x), E.UnsupportedExpression, "None"),
    Bad("an unknown function", lambda: sg.grad(unknown(x), x), E.UndefinedDerivative, "not known"),
    Bad("an Integral", lambda: sg.grad(sp.Integral(sp.exp(x * y), (y, 0, 1)), x), E.UnsupportedExpression, "Integral"),
    Bad("a Limit", lambda: sg.grad(sp.Limit(sp.sin(x * y) / y, y, 0), x), E.UnsupportedExpression, "Limit"),
    Bad("a relational", lambda: sg.grad(x < y, x), E.UnsupportedExpression, "truth value"),
    Bad("the imaginary unit", lambda: sg.grad(sp.I * x, x), E.ComplexInput, "imaginary"),
    Bad("what does not commute", lambda: sg.grad(noncommutative * x, x), E.UnsupportedExpression, "commut"),
    Bad("zoo", lambda: sg.grad(sp.Add(x, sp.zoo, evaluate=False), x), E.NotANumber, "zoo"),
    Bad("nan", lambda: sg.grad(sp.Add(x, sp.nan, evaluate=False), x), E.NotANumber, "nan"),
    Bad("an infinity", lambda: sg.grad(x + sp.oo, x), E.NotANumber, "oo"),
    Bad("an infinite limit", lambda: sg.grad(sp.Sum(x**i, (i, 0, sp.oo)), x), E.UnsupportedExpression, "oo"),
    Bad("an unbound index", lambda: sg.Function([x], x * i), E.ArgumentError, "i"),
    Bad("of the wrong rank", lambda: sg.grad(sp.Indexed("T", i), x), E.SymgradError, ""),
    Bad("shapes that do not go together", lambda: sg.logsumexp(A, axis=3), E.SymgradError, "axis"),
    Bad("wrt twice", lambda: F.grad([x, x]), E.VariableError, "twice"),
    Bad("wrt no argument", lambda: F.grad(nu), E.VariableError, "not among"),
    Bad("wrt no variable", lambda: sg.grad(x**2, x**2), E.VariableError, "x**2"),
    Bad("wrt left out", lambda: F.grad(), E.VariableError, "x, y"),
    Bad("a vector objective", lambda: M.grad(v), E.ObjectiveError, "scalar"),
    Bad("a list objective", lambda: sg.Function([x], [x, x**2]).grad(), E.ObjectiveError, "scalar"),
    Bad("an unknown element type", lambda: sg.Function([v], V.outputs, dtype="int32"), E.DTypeError, "float64 or"),
]  # fmt: skip


def _bad(draw: random.Random, index: int) -> Outcomes:
    case = BAD[index]
    try:
        got = case.action()
    except Exception as raised:  # noqa: BLE001  the class is what is checked
        fits = isinstance(raised, case.kind) and isinstance(raised, errors.SymgradError)
        text = "" if fits and case.text in str(raised) else f"{case.words}: {type(raised).__name__}: {raised!s:.200}"
        return {"bad_inputs": Outcome(failure=text)}
    return {"bad_inputs": Outcome(failure=f"{case.words}: no error but {got!s:.100}")}


GROUPS = [
    Group("dtypes", len(TYPED), _typed, whole=True),
    Group("bad_inputs", len(BAD), _bad, whole=True),
]
