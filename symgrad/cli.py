"""The command `symgrad`: texts of expressions in, formulas, programs, graphs and numbers out.

Text is read by the closed grammar of parse.py. What a user did wrong is told on one line, with a caret below the place
if it is a matter of grammar, and the exit status is 2.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, NamedTuple, TypeVar

import numpy as np
import sympy as sp

from symgrad import __version__
from symgrad.arguments import bind
from symgrad.environment import cache_directory
from symgrad.errors import ArgumentError, SymgradError, SyntaxProblem, VariableError
from symgrad.evaluate import evaluate
from symgrad.expression import variables
from symgrad.from_sympy import convert_all
from symgrad.function import Function
from symgrad.graph import Graph
from symgrad.lower.emit.target import host
from symgrad.lower.machine.cache import LIMIT, Cache
from symgrad.ops.elementwise import OPERATIONS
from symgrad.parse import parse, parse_assignments, parse_list, parse_names

T = TypeVar("T")

SHOWN = 60  # characters of a text to either side of a mistake


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, 2 for what a user did wrong, 1 where nobody reads the output."""
    arguments = _parser().parse_args([_no_option(a) for a in (sys.argv[1:] if argv is None else argv)])
    try:
        print(arguments.run(arguments), flush=True)
    except _Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except SymgradError as error:
        print(_line(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # as shells say: 128 and the number of the signal
    except BrokenPipeError:  # the reader, such as `head`, has left: what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _no_option(argument: str) -> str:
    """The argument; with a space before it where argparse would take -x**2 or -1,0 for options."""
    return (
        f" {argument}" if argument.startswith("-") and not argument.startswith("--") and argument != "-h" else argument
    )


# -- mistakes --------------------------------------------------------------------------------------------------------


class _Mistake(Exception):
    """What is told about a text, in three lines: the mistake, the text, the caret."""


def _line(error: SymgradError) -> str:
    return f"symgrad: error: {_printable(str(error))}"


def _read(reader: Callable[[str], T], text: str) -> T:
    """What the reader makes of the text. Raises _Mistake for text outside of the grammar."""
    try:
        return reader(text)
    except SyntaxProblem as error:
        start = max(0, error.position - SHOWN)
        shown = _printable(text[start : error.position + SHOWN])
        raise _Mistake(f"{_line(error)}\n  {shown}\n  {' ' * (error.position - start)}^") from None


def _printable(text: str) -> str:
    """One character for each, so that a caret below still points to its place."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)


# -- derivatives -----------------------------------------------------------------------------------------------------


class Derivative(NamedTuple):
    """A command: how its text is read, and what is derived from it by the variables and the vector of --v."""

    summary: str
    read: Callable[[str], Any]
    derive: Callable[[Function, Any, Any], Function]


DERIVATIVES = {
    "grad": Derivative("the gradient of an expression", parse, lambda f, wrt, v: f.grad(wrt)),
    "jacobian": Derivative(
        "the Jacobian matrix of a list of expressions", parse_list, lambda f, wrt, v: f.jacobian(wrt)
    ),
    "hessian": Derivative("the matrix of second derivatives of an expression", parse, lambda f, wrt, v: f.hessian(wrt)),
    "hvp": Derivative(
        "the Hessian of an expression times a vector", parse, lambda f, wrt, v: _filled(f, f.hvp(wrt), v)
    ),
}


def _derivative(arguments: argparse.Namespace) -> str:
    """The faces of the derivative that were asked for, and its value at the point."""
    command = DERIVATIVES[arguments.command]
    outputs, vector = _read(command.read, arguments.expression), None
    if arguments.command == "hvp" and arguments.v is not None:
        vector = _read(parse_list, arguments.v)
    function, wrt = _function(outputs, arguments.wrt, vector or [])
    derived = command.derive(function, wrt, vector)
    shown = [FACES[face](derived) for face in FACES if getattr(arguments, face)] or [str(derived)]
    if arguments.at is not None:
        shown.append(_value_at(derived, arguments.at))
    return "\n".join(shown)


FACES: dict[str, Callable[[Function], str]] = {
    "latex": lambda f: f.latex(),
    "source": lambda f: f.source,
    "graph": lambda f: "\n".join(map(str, f.nodes)),
    "dot": lambda f: f.dot(),
}


def _function(outputs: Any, wrt: str | None, more: Sequence[sp.Expr] = ()) -> tuple[Function, Any]:
    """A function of the variables of `wrt`, then of the others by name; and `wrt`, one variable or a list."""
    names = [] if wrt is None else _read(parse_names, wrt)
    others = [v for v in variables(outputs, list(more)) if v not in names]
    if not names and not others:
        raise VariableError("the expression holds no variable", hint="name one: --wrt x")
    chosen = None if wrt is None else names[0] if len(names) == 1 else names
    return Function([*names, *others], outputs), chosen


def _filled(function: Function, product: Function, vector: Sequence[sp.Expr] | None) -> Function:
    """The product with the expressions of the vector in place of its last arguments; as it is without a vector."""
    if vector is None:
        return product
    places = [node for a in product.arguments[len(function.arguments) :] for node in a.elements]
    if len(places) != len(vector):
        raise ArgumentError("a vector of another length", got=len(vector), wanted=f"{len(places)}, as wrt has")
    return product.substitute(dict(zip(places, convert_all(product.graph, list(vector)), strict=True)))


def _value_at(function: Function, at: str) -> str:
    """The value at a point, node by node: one number is not worth a compilation."""
    point = bind(function.arguments, [], _point(at))
    inputs = {a.elements[0]: value for a, value in zip(function.arguments, point, strict=True)}
    rest = iter(evaluate([e for r in function.results for e in r.elements], inputs))
    values = [np.reshape([next(rest) for _ in r.elements], r.shape) for r in function.results]
    head = f"{function.name}({', '.join(f'{float(v):.17g}' for v in point)})"
    return f"{head} = {_numbers(function.structure.build(values))}"


def _point(at: str) -> dict[str, float]:
    """The number for each name of "x=1,y=pi/2"."""
    given = _read(parse_assignments, at)
    graph = Graph()
    numbers = evaluate(convert_all(graph, list(given.values())), {})
    return {symbol.name: float(number) for symbol, number in zip(given, numbers, strict=True)}


def _numbers(value: Any) -> str:
    """Numbers in their structure, each with the digits that tell it from its neighbours."""
    if isinstance(value, tuple):
        inner = ", ".join(map(_numbers, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return str(np.asarray(value).tolist())


# -- the other commands ----------------------------------------------------------------------------------------------


def _explain(arguments: argparse.Namespace) -> str:
    function, _ = _function(_read(parse, arguments.expression), arguments.wrt)
    explanation = function.explain(at=None if arguments.at is None else _point(arguments.at))
    return explanation.latex() if arguments.latex else str(explanation)


def _info(arguments: argparse.Namespace) -> str:
    """What this runs on: versions, machine, vector functions."""
    from llvmlite import binding  # here: the other commands do without LLVM

    packages = ("sympy", "numpy", "scipy", "numba", "llvmlite", "mpmath")
    target = host()
    functions = {("pow", 2), *((op.libm, len(op.domain)) for op in OPERATIONS.values() if op.libm)}
    vectorised = [name for name, inputs in sorted(functions) if target.vector_function(name, inputs)]
    rows = [
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("symgrad", __version__),
        *((name, _version(name)) for name in packages),
        ("machine", f"{platform.machine()}, {binding.get_host_cpu_name()}, {os.cpu_count()} processors"),
        ("system", platform.platform()),
        ("vectors", f"of {target.lanes} float64"),
        ("vector functions", ", ".join(vectorised) or "none: one call of C's math library for each number"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _cache(arguments: argparse.Namespace) -> str:
    """What the cache of compiled kernels holds, or what was deleted from it. Raises _Mistake if it cannot be used."""
    directory = cache_directory()
    if directory is None:
        return "no cache: SYMGRAD_CACHE=0, or a user without a home"
    try:
        if arguments.action == "clear":
            deleted = Cache(directory).clear()
            return f"deleted {deleted.entries} kernels, {_size(deleted.size)}"
        kept = Cache(directory).contents()
    except OSError as error:
        raise _Mistake(f"symgrad: error: the cache {directory} is not used: {error.strerror or error}") from None
    return f"directory  {directory}\nkernels    {kept.entries}\nsize       {_size(kept.size)} of {_size(LIMIT)}"


def _size(size: int) -> str:
    return f"{size:,} bytes"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


# -- the command line ------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symgrad",
        description="Derivatives of expressions: formulas, programs, numbers.",
        epilog='example: symgrad grad "x**2*sin(y)" --wrt x,y --at x=1,y=pi/2',
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"symgrad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, derivative in DERIVATIVES.items():
        command = commands.add_parser(name, help=derivative.summary, description=derivative.summary, allow_abbrev=False)
        text = '"[x*y, sin(x)]"' if derivative.read is parse_list else '"x**2*sin(y)"'
        command.add_argument("expression", help=f"such as {text}")
        _add_variables(command)
        if name == "hvp":
            command.add_argument("--v", metavar="1,0", help="the vector; without it, it is a further argument")
        command.add_argument("--latex", action="store_true", help="the formulas in LaTeX")
        command.add_argument("--source", action="store_true", help="the program in Python over NumPy")
        command.add_argument("--graph", action="store_true", help="the graph, a node a line")
        command.add_argument("--dot", action="store_true", help="the graph for Graphviz")
        command.set_defaults(run=_derivative)
    summary = "every step with its value, local gradient, upstream gradient and their product"
    command = commands.add_parser("explain", help=summary, description=summary, allow_abbrev=False)
    command.add_argument("expression", help='such as "x**2*sin(y)"')
    _add_variables(command)
    command.add_argument("--latex", action="store_true", help="the table in LaTeX")
    command.set_defaults(run=_explain)
    summary = "versions, machine, vector functions"
    command = commands.add_parser("info", help=summary, description=summary, allow_abbrev=False)
    command.set_defaults(run=_info)
    summary = "the compiled kernels that are kept on disk: where and how many, or delete them"
    command = commands.add_parser("cache", help=summary, description=summary, allow_abbrev=False)
    command.add_argument("action", choices=("info", "clear"))
    command.set_defaults(run=_cache)
    return parser


def _add_variables(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wrt", metavar="x,y", help="the variables; may be left out where there is one only")
    command.add_argument("--at", metavar="x=1,y=2", help="a point at which to give numbers too")
