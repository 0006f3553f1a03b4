"""The source of a function -> the functions that differ from it in one place: its mutants."""

from __future__ import annotations
import __future__ as future

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

FLIPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Gt: ast.GtE,
    ast.Lt: ast.LtE,
    ast.GtE: ast.Gt,
    ast.LtE: ast.Lt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
# Operations that are another's neighbour: a rule that names the wrong one.
NEIGHBOURS = {
    "Sin": "Cos", "Cos": "Sin", "Sinh": "Cosh", "Cosh": "Sinh", "Tan": "Cot", "Cot": "Tan", "Tanh": "Coth",
    "Coth": "Tanh",
    "log": "exp", "exp": "log", "less": "equal", "equal": "less",
}  # fmt: skip

PLACES = (ast.expr, ast.Return, ast.comprehension, ast.If, ast.Expr, ast.match_case)  # that may be changed

Way = tuple[str, Callable[[Any], ast.AST]]


@dataclass(frozen=True)
class Mutant:
    """A function that is wrong in one place; `words` say where and how."""

    words: str
    function: Callable[..., Any]


def mutants(function: Callable[..., Any], ways: Callable[[ast.AST], Iterator[Way]] | None = None) -> list[Mutant]:
    """Every mutant of the function, by its source; those that have the same source once."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    found, seen = [], {ast.unparse(tree)}
    for words, changed in changes(tree, ways or _ways):
        text = ast.unparse(changed)
        if text not in seen:
            seen.add(text)
            found.append(Mutant(words, _compiled(text, definition.name, function)))
    return found


def _compiled(text: str, name: str, like: Callable[..., Any]) -> Callable[..., Any]:
    flags = future.annotations.compiler_flag
    space: dict[str, Any] = dict(like.__globals__)
    free = like.__code__.co_freevars
    assert not free or free == ("__class__",), f"{name} closes over {free}"
    exec(compile(text, f"<mutant of {name}>", "exec", flags, dont_inherit=True), space)
    return space[name]  # type: ignore[no-any-return]


def changes(tree: ast.Module, ways: Callable[[ast.AST], Iterator[Way]]) -> Iterator[tuple[str, ast.Module]]:
    """(words, tree) for each place and each way to change it."""
    places = [node for node in ast.walk(tree) if isinstance(node, PLACES)]
    skip = _never_run(tree)
    for position, node in enumerate(places):
        if id(node) in skip:
            continue
        for words, change in ways(node):
            changed = copy.deepcopy(tree)
            target = [n for n in ast.walk(changed) if isinstance(n, PLACES)][position]
            replacement = change(target)
            result = _Replace(target, replacement).visit(changed)
            yield f"{words}: {_short(node)} @ {_statement(tree, node)}", ast.fix_missing_locations(result)


def _short(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:70]


def _statement(tree: ast.Module, node: ast.AST) -> str:
    """The innermost statement that holds the node; of a compound one its first line."""
    inside = [s for s in ast.walk(tree) if isinstance(s, ast.stmt) and any(n is node for n in ast.walk(s))]
    return ast.unparse(inside[-1]).split("\n")[0][:50]


def _never_run(tree: ast.Module) -> set[int]:
    """Annotations, messages of errors, docstrings."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if part is not None:
                inside |= {id(n) for n in ast.walk(part)}
        if isinstance(node, ast.Raise):
            inside |= {id(n) for n in ast.walk(node)}
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            inside |= {id(n) for n in ast.walk(node.body[0])}
    return inside


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST):
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> Any:
        return self.replacement if node is self.target else super().visit(node)


SYMMETRIC = {"add", "mul", "both", "either", "maximum", "minimum"}  # words of the emitter whose order is no matter
OTHERS = {"any": "all", "all": "any", "min": "max", "max": "min"}
# Words in generated code, and another that stands in its place.
WORDS = [
    (" + ", " - "), (" - ", " + "), ("**", "*"), ("*", "/"), ("/", "*"), (" @ ", " * "), (" & ", " | "), (" | ", " & "),
    ("np.sum", "np.prod"), ("np.max", "np.min"), ("np.min", "np.max"), ("sqrt", "abs"), ("floor", "ceil"),
    ("ceil", "floor"), ("maximum", "minimum"), ("minimum", "maximum"), ("copysign", "maximum"), ("abs", "negative"),
    ("fadd", "fsub"), ("fsub", "fadd"), ("fmul", "fdiv"), ("fdiv", "fmul"), ("fneg", "fadd"), ("fabs", "floor"),
    ("olt", "ole"), ("ole", "olt"), ("oeq", "une"), ("une", "oeq"), ("axis=", "axis=1 - "), ("inf", "nan"),
    ("[0]", "[1]"), (".T", ""), ("transpose", "reshape"), ("None", ":"), (":", "None"), ("-1", "0"), ("1", "2"),
]  # fmt: skip


def ways_with_words(node: ast.AST) -> Iterator[Way]:
    """The ways to change one place of what writes code: also the words that are written, and their order."""
    symmetric = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SYMMETRIC
    for words, change in _ways(node):
        if not (symmetric and words == "arguments swapped"):
            yield words, change
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        for word, other in WORDS:
            if word in node.value:
                yield f"{word!r} for {other!r}", lambda n, w=word, o=other: ast.Constant(n.value.replace(w, o, 1))
    if isinstance(node, ast.JoinedStr):
        holes = [i for i, part in enumerate(node.values) if isinstance(part, ast.FormattedValue)]
        for i, j in pairwise(holes):
            yield "holes swapped", lambda n, i=i, j=j: ast.JoinedStr(_swapped(n.values, i, j))


def ways_with_statements(node: ast.AST) -> Iterator[Way]:
    """The ways to change one place of what rewrites programs: also what it asks and does at all."""
    yield from ways_with_words(node)
    if isinstance(node, ast.If):
        yield "never", lambda n: ast.If(ast.Constant(False), n.body, n.orelse)
        yield "always", lambda n: ast.If(ast.Constant(True), n.body, n.orelse)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "not done", lambda n: ast.Pass()
    if isinstance(node, ast.match_case):
        yield "case dropped", lambda n: ast.match_case(n.pattern, ast.Constant(False), n.body)
    if isinstance(node, ast.Name) and node.id in OTHERS:
        yield "another word", lambda n: ast.Name(OTHERS[n.id], ast.Load())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "the opposite", lambda n: ast.Constant(not n.value)


# The same of LLVM's language; a line that begins with one of the last may be left out.
LLVM_WORDS = [
    (" add ", " sub "), (" mul ", " add "), (" and ", " or "), ("icmp eq", "icmp ne"), ("oeq", "une"),
    ("icmp ult", "icmp ule"), ("icmp slt", "icmp sle"), ("smin", "smax"), (" 0", " 1"), (" 1", " 2"), (", 8", ", 4"),
    (" -", " "), ("true", "false"), ("false", "true"),
]  # fmt: skip
LLVM_EFFECTS = ("  store ", "  call ")


def llvm_changes(text: str) -> Iterator[tuple[str, str]]:
    """(words, text) for each line of LLVM's language and each way to change it."""
    lines, own = text.split("\n"), ""
    for k, line in enumerate(lines):
        if line.startswith("define"):
            own = line[line.index("@") : line.index("(")]
        if line.startswith(("declare", ";", "define")):
            continue
        found = [
            (f"{word!r} for {other!r}", line.replace(word, other, 1)) for word, other in LLVM_WORDS if word in line
        ]
        if line.startswith(LLVM_EFFECTS):
            found.append(("left out", ""))
        if line.startswith("  br i1 "):
            condition, first, second = line.split(", ")
            found.append(("branches swapped", f"{condition}, {second}, {first}"))
        for words, new in found:
            yield f"{words}: {line.strip()} {own}".strip(), "\n".join([*lines[:k], new, *lines[k + 1 :]])


def _swapped(values: list[ast.expr], i: int, j: int) -> list[ast.expr]:
    values = list(values)
    values[i], values[j] = values[j], values[i]
    return values


def _ways(node: ast.AST) -> Iterator[Way]:
    """The ways to change one place."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in FLIPPED:
            yield "operator", lambda n: ast.BinOp(n.left, FLIPPED[type(n.op)](), n.right)
        if isinstance(node.op, (ast.Sub, ast.Div, ast.Pow)):
            yield "operands swapped", lambda n: ast.BinOp(n.right, n.op, n.left)
        yield "right operand dropped", lambda n: n.left
        yield "left operand dropped", lambda n: n.right
    if isinstance(node, ast.BoolOp):
        yield "and for or", lambda n: ast.BoolOp(ast.Or() if isinstance(n.op, ast.And) else ast.And(), n.values)
        for i in range(len(node.values)):
            yield (
                f"condition {i} dropped",
                lambda n, i=i: ast.BoolOp(
                    n.op, [ast.Constant(isinstance(n.op, ast.And)), *[v for j, v in enumerate(n.values) if j != i]]
                ),
            )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not dropped", lambda n: n.operand
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign dropped", lambda n: n.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        yield "constant + 1", lambda n: ast.Constant(n.value + 1)
        yield "constant - 1", lambda n: ast.Constant(n.value - 1)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= 2:
        yield "another word", lambda n: ast.Constant({"<": "<=", "<=": "<"}.get(n.value, n.value))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        yield "relation", lambda n: ast.Compare(n.left, [COMPARED[type(n.ops[0])]()], n.comparators)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in NEIGHBOURS:
        yield "neighbour", lambda n: ast.Name(NEIGHBOURS[n.id], ast.Load())
    if isinstance(node, ast.IfExp):
        yield "branches swapped", lambda n: ast.IfExp(n.test, n.orelse, n.body)
    if isinstance(node, ast.comprehension) and node.ifs:
        yield "filter dropped", lambda n: ast.comprehension(n.target, n.iter, [], n.is_async)
    if isinstance(node, ast.Call):
        plain = [a for a in node.args if not isinstance(a, ast.Starred)]
        if len(plain) == 2 and len(node.args) == 2 and not node.keywords:
            yield "arguments swapped", lambda n: ast.Call(n.func, n.args[::-1], [])
        if isinstance(node.func, ast.Name) and node.func.id in ("guarded", "select", "times", "negation"):
            yield (
                "guard dropped" if node.func.id != "times" else "factor dropped",
                lambda n: n.args[-1] if n.func.id != "times" else n.args[0],
            )
    if isinstance(node, ast.Return) and node.value is not None:
        value = node.value
        entries = value.elts if isinstance(value, ast.Tuple) else None
        if entries is not None:
            for i in range(len(entries)):
                if isinstance(entries[i], ast.Starred):
                    continue
                yield f"None for entry {i}", lambda n, i=i: ast.Return(_entry(n.value, i, ast.Constant(None)))
                yield (
                    f"sign of entry {i}",
                    lambda n, i=i: ast.Return(_entry(n.value, i, ast.UnaryOp(ast.USub(), n.value.elts[i]))),
                )
                yield (
                    f"twice entry {i}",
                    lambda n, i=i: ast.Return(
                        _entry(n.value, i, ast.BinOp(ast.Constant(2), ast.Mult(), n.value.elts[i]))
                    ),
                )
            if len(entries) > 1:
                yield "entries reversed", lambda n: ast.Return(ast.Tuple(n.value.elts[::-1], ast.Load()))
            yield "an entry short", lambda n: ast.Return(ast.Tuple(n.value.elts[:-1], ast.Load()))
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "tuple":
            yield "entries reversed", lambda n: ast.Return(_slice(n.value, step=-1))
            yield "an entry short", lambda n: ast.Return(_slice(n.value, upper=-1))
            yield "nothing", lambda n: ast.Return(ast.Tuple([], ast.Load()))
        elif not isinstance(value, ast.Constant):
            yield "None returned", lambda n: ast.Return(ast.Constant(None))


def _slice(value: ast.expr, *, step: int | None = None, upper: int | None = None) -> ast.Subscript:
    ends = [None if n is None else ast.Constant(n) for n in (upper, step)]
    return ast.Subscript(value, ast.Slice(None, *ends), ast.Load())


def _entry(value: ast.Tuple, i: int, new: ast.expr) -> ast.Tuple:
    return ast.Tuple([new if j == i else e for j, e in enumerate(value.elts)], ast.Load())
