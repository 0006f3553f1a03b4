"""A case that failed -> the text of a test that runs it again, and the file of tests where it is kept."""

from __future__ import annotations

import json
import keyword
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from sympy.codegen import cfunctions

import symgrad as sg
from tests.oracles import children_first
from tests.shrink import Posed

FILE = Path(__file__).parent / "test_regressions.py"
INFIX = {
    sp.Add: " + ",
    sp.Mul: " * ",
    sp.Pow: " ** ",
    sp.MatAdd: " + ",
    sp.MatMul: " * ",
    sp.Lt: " < ",
    sp.Le: " <= ",
    sp.Gt: " > ",
    sp.Ge: " >= ",
}


def keep(name: str, group: str, case: Posed, failure: str, file: Path = FILE) -> None:
    """Appends the test, unless it is there."""
    known = file.read_text(encoding="utf-8")
    if f"def test_{name}(" not in known:
        file.write_text(known + "\n\n" + test_of(name, group, case, failure), encoding="utf-8")


def test_of(name: str, group: str, case: Posed, failure: str) -> str:
    """The test as text; the failure becomes its docstring."""
    lines = failure.strip().split("\n")
    what = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    lines = [f"def test_{name}() -> None:", f'    """{what[:90]}"""']
    lines += [f"    {line}" for line in declarations(case)]
    numbers = ", ".join(f"{python(x)}: {_number(v)}" for x, v in case.values.items())
    lines += [f"    e = {python(case.expression)}", f"    assert_right({text(group)}, e, {{{numbers}}})", ""]
    return "\n".join(lines)


test_of.__test__ = False  # type: ignore[attr-defined]


def declarations(case: Posed) -> list[str]:
    """A line for each symbol and array; shapes before those that have them."""
    found: dict[str, str] = {}
    for p in (p for root in (case.expression, *case.values) for p in children_first(root)):
        if isinstance(p, sp.MatrixSymbol):
            found[python(p)] = f"sp.MatrixSymbol({text(p.name)}, {', '.join(map(python, p.shape))})"
        elif isinstance(p, sp.IndexedBase):  # its label came first, as a symbol
            shape = "" if p.shape is None else f", shape={python(p.shape)}"
            found[python(p)] = f"sp.IndexedBase({text(p.name)}{shape}{_assumptions(p.label)})"
        elif isinstance(p, sp.Symbol):
            found.setdefault(python(p), f"sp.Symbol({text(p.name)}{_assumptions(p)})")
    return [f"{name} = {text}" for name, text in found.items()]


def _assumptions(symbol: Any) -> str:
    return "".join(f", {k}={v}" for k, v in sorted(getattr(symbol, "_assumptions_orig", {}).items()))


def python(e: Any) -> str:
    """The text that makes this expression: as one writes it where SymPy makes the same of that, else unevaluated."""
    if isinstance(e, (sp.Symbol, sp.IndexedBase, sp.MatrixSymbol)):
        return e.name if e.name.isidentifier() and not keyword.iskeyword(e.name) else f"s{abs(hash(e.name))}"
    if isinstance(e, (sp.Integer, sp.Rational)):
        return str(e) if e.is_Integer else f"sp.Rational({e.p}, {e.q})"
    if isinstance(e, sp.Float):
        return f"sp.Float({float(e)!r})"
    if isinstance(e, sp.Indexed):
        return f"{python(e.base)}[{', '.join(map(python, e.indices))}]"
    if isinstance(e, (tuple, sp.Tuple, sp.functions.elementary.piecewise.ExprCondPair)):
        return f"({''.join(python(a) + ', ' for a in e)[:-1].removesuffix(',' if len(tuple(e)) > 1 else '')})"
    if not e.args:
        return _head(type(e)).removesuffix("()") if e not in NAMED else NAMED[e]
    if type(e) in INFIX and _same(e.func(*e.args), e):
        parts = [python(a) if not a.args or isinstance(a, sp.Function) else f"({python(a)})" for a in e.args]
        return INFIX[type(e)].join(f"({p})" if p.startswith("-") else p for p in parts)
    evaluated = "" if _same(e.func(*e.args), e) else ", evaluate=False"
    return f"{_head(type(e))}({', '.join(map(python, e.args))}{evaluated})"


NAMED = {sp.pi: "sp.pi", sp.E: "sp.E", sp.true: "True", sp.false: "False", sp.EulerGamma: "sp.EulerGamma"}


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) and type(a) is type(b)


def _head(kind: type) -> str:
    """Where the class is found: in SymPy, here, or in the module that defines it."""
    for name, module in (("sp", sp), ("sg", sg), ("cfunctions", cfunctions)):
        if getattr(module, kind.__name__, None) is kind:
            return f"{name}.{kind.__name__}"
    return f"{kind.__module__.replace('sympy', 'sp', 1).replace('symgrad', 'sg', 1)}.{kind.__name__}"


def text(words: str) -> str:
    """A string as ruff writes it."""
    return json.dumps(words)


def _number(value: Any) -> str:
    """A number, or an array of them."""
    if np.ndim(value) == 0:
        return repr(value.item() if isinstance(value, np.generic) else value)
    array = np.asarray(value)
    if array.dtype == float and np.all(array == 1):
        return f"np.ones({array.shape})"
    return f"np.array({array.tolist()})" if array.size else f"np.zeros({array.shape})"
