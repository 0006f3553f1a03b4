"""Text and names that carry code: nothing is executed, and no module holds a way to execute it."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sympy as sp

from symgrad.errors import SyntaxProblem, SymgradError, TooLarge
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph
from symgrad.parse import parse, parse_assignments, parse_list, parse_names

# Each would leave a mark, were it executed: `{mark}` becomes a path.
PAYLOADS = [
    "__import__('os').system('touch {mark}')",
    '__import__("os").system("touch {mark}")',
    "import os; os.system('touch {mark}')",
    'exec(\'open("{mark}", "w")\')',
    'eval(\'open("{mark}", "w")\')',
    "open('{mark}', 'w')",
    "compile('1', '{mark}', 'exec')",
    "getattr(x, 'is_real')",
    "x.__class__",
    "x.__class__.__mro__[1].__subclasses__()",
    "().__class__.__bases__[0]",
    "(lambda: open('{mark}', 'w'))()",
    "lambda x: x",
    "[open('{mark}', 'w') for _ in range(1)]",
    "[x for x in y]",
    "{{x: 1}}",
    'f\'{{open("{mark}", "w")}}\'',
    "x if y else a",
    "(y := open('{mark}', 'w'))",
    "x; y",
    "x # y",
    "x\\\ny",
    "print(x)",
    "exit()",
    "globals()",
    "sin.func(x)",
    "sin(x).subs(x, open('{mark}', 'w'))",
    "Symbol('x')",
    "Function('f')(x)",
    "Lambda(x, x**2)",
    "sympify('x')",
    'S(\'open("{mark}", "w")\')',
    "parse_expr('x')",
    "lambdify(x, x)(1)",
    "Integral(exp(x**2), (x, 0, 1))",
    "factorint(10**60 + 7)",
    "x\x00y",
    "\x00",
    "x\u202ey",  # right to left
    "\uff53\uff49\uff4e(x)",  # full-width letters: NFKC makes them sin(x)
    "s\u0456n(x)",  # a Cyrillic i
    "x\u2212y",  # a minus that is none
    "x\u037e y",  # a question mark that looks like a semicolon
    "\ud800",  # half a surrogate pair
    "%s%s%n",
    "$(touch {mark})",
    "`touch {mark}`",
    "'; touch {mark}; '",
    "../../etc/passwd",
    "@file",
]


def refused(text: str) -> None:
    """Every way in says no."""
    for read in (parse, parse_list, parse_names):
        with pytest.raises(SyntaxProblem):
            read(text)
    with pytest.raises(SyntaxProblem):
        parse_assignments(f"x={text}")


WATCHED = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "pickle.")
_events: list[str] = []
_watching = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event.startswith(WATCHED):
        _events.append(event)


sys.addaudithook(_hook)  # for good: hooks cannot be taken away, so this one is switched


@contextmanager
def nothing_executed() -> Iterator[None]:
    """Fails if the body compiles, executes, imports or opens anything, by the word of the interpreter's audit."""
    global _watching
    _events.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False
    assert _events == []


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_a_payload_is_refused_and_not_executed(payload: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    text = payload.format(mark=mark)
    refused(text)
    with nothing_executed():
        refused(text)
    assert not mark.exists()


@pytest.mark.parametrize("word", ["print", "exit", "os", "lambda", "import", "None", "__name__"[2:-2]])
def test_a_word_of_python_is_a_symbol(word: str) -> None:
    with nothing_executed():
        assert parse(word) == sp.Symbol(word)


def test_the_audit_sees_what_is_executed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), nothing_executed():
        compile("1", "text", "eval")


@pytest.mark.parametrize("character", [chr(code) for code in range(128) if not chr(code).isalnum()], ids=ascii)
def test_a_character_outside_of_the_grammar_is_refused_wherever_it_stands(character: str) -> None:
    if character in " \t\r\n+-*/<>=&|~()[],_":
        return
    for text in (character, f"x{character}", f"{character}x", f"x{character}y", f"sin(x{character})"):
        refused(text)


def test_no_character_beyond_ascii_is_read() -> None:
    for code in [*range(128, 0x3000), *range(0xFE00, 0x10000), *range(0x1D400, 0x1D800)]:
        with pytest.raises(SyntaxProblem):
            parse(f"x{chr(code)}")


def test_a_payload_after_a_long_text_or_in_a_deep_one_is_refused() -> None:
    refused("+".join(["x"] * 40_000) + "+__import__('os')")
    refused("(" * 40_000 + "x.__class__" + ")" * 40_000)
    with pytest.raises(TooLarge):
        parse("sin(" * 200 + "x" + ")" * 200)


# -- names -----------------------------------------------------------------------------------------------------------

NAMES = [
    "__import__('os').system('touch {mark}')",
    "x); open('{mark}', 'w'); (x",
    "x\nopen('{mark}', 'w')\n",
    "x\\nopen('{mark}', 'w')",
    "'''",
    '"""',
    "x'",
    "x#",
    "lambda: 0",
    "{{0}}",
    "%s",
    "x\x00y",
    "",
    "exec",
    "__builtins__",
    "\u202ex",
    "a" * 10_000,
]


@pytest.mark.parametrize(
    "kind", [sp.Symbol, lambda name: sp.Function(name)(sp.Symbol("t"))], ids=["symbol", "function"]
)
@pytest.mark.parametrize("payload", NAMES, ids=lambda name: ascii(name)[:40])
def test_a_name_that_carries_code_is_a_name(payload: str, kind: Callable[[str], sp.Expr], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    variable = kind(payload.format(mark=mark))
    try:
        with nothing_executed():
            node = from_sympy(Graph(), 2 * sp.sin(variable))
    except SymgradError:
        node = None
    assert node is None or node.inputs
    assert not mark.exists()


# -- the modules themselves ------------------------------------------------------------------------------------------

PACKAGE = Path(__file__).parent.parent / "symgrad"

# What turns text into code, objects or commands.
DANGEROUS = {
    *("eval", "exec", "compile", "__import__", "import_module", "execfile"),
    *("sympify", "_sympify", "S", "parse_expr", "parse_latex", "lambdify", "autowrap", "ufuncify"),
    *("system", "popen", "Popen", "call", "check_output", "loads", "load", "globals", "vars", "setattr"),
}

# Where one of them has its place: (file, name). What is no longer there must go from here too.
ALLOWED = {
    ("from_sympy.py", "sympify"),  # on Python's numbers, which are checked to be such
}


def calls(path: Path) -> Iterator[tuple[str, int, ast.Call]]:
    """(name, line, call) of every call in a file whose name is dangerous, as a function or as a module's attribute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            plain = isinstance(node.func, ast.Name) or isinstance(getattr(node.func, "value", None), ast.Name)
            if name in DANGEROUS and plain:
                yield name, node.lineno, node


def found() -> dict[tuple[str, str], list[int]]:
    places: dict[tuple[str, str], list[int]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, line, _ in calls(path):
            places.setdefault((path.relative_to(PACKAGE).as_posix(), name), []).append(line)
    return places


def test_no_module_turns_text_into_code() -> None:
    extra = {place: lines for place, lines in found().items() if place not in ALLOWED}
    assert extra == {}


def test_what_is_allowed_is_there() -> None:
    assert ALLOWED <= set(found())


@pytest.mark.parametrize("file", ["parse.py", "vocabulary.py"])
def test_text_is_read_without_attributes_by_name(file: str) -> None:
    names = {node.id for node in ast.walk(ast.parse((PACKAGE / file).read_text())) if isinstance(node, ast.Name)}
    assert not names & {"getattr", "setattr", "vars", "globals", "locals", "type", "__builtins__"} - {"type"}
