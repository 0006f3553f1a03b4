"""Text and names that carry code: nothing is executed, and no module holds a way to execute it."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import SyntaxProblem, TooLarge
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


@pytest.mark.parametrize("word", ["print", "exit", "os", "lambda", "import", "None", "eval"])
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


@pytest.mark.parametrize("payload", NAMES, ids=lambda name: ascii(name)[:40])
def test_a_name_that_carries_code_is_a_name(payload: str, tmp_path: Path) -> None:
    name = payload.format(mark=tmp_path / "mark")
    kinds = [sp.Symbol, sp.Dummy] if "\x00" in name else [sp.Symbol, sp.Dummy, _applied]  # SymPy refuses that itself
    for kind in kinds:
        variable = kind(name)
        with nothing_executed():
            node = from_sympy(Graph(), 2 * sp.sin(variable))
        assert node.inputs
    assert not (tmp_path / "mark").exists()


def _applied(name: str) -> sp.Expr:
    return sp.Function(name)(sp.Symbol("t"))


# -- the modules themselves ------------------------------------------------------------------------------------------

PACKAGE = Path(__file__).parent.parent / "symgrad"

# What turns text or bytes into code, objects or commands: by its last word, or by its module and that.
DANGEROUS = {
    *("eval", "exec", "compile", "__import__", "import_module"),
    *("sympify", "_sympify", "S", "parse_expr", "parse_latex", "autowrap", "ufuncify", "sp.lambdify", "sympy.lambdify"),
    *("pickle.load", "pickle.loads", "marshal.load", "marshal.loads", "os.system", "os.popen"),
    *("subprocess.run", "subprocess.call", "subprocess.check_output", "subprocess.Popen"),
}

# Where one of them has its place, and why. What is no longer there must go from here too.
ALLOWED = {
    ("formula.py", "sp.sympify"): "a list of symbols, seen to be symbols, to SymPy's, for its LaTeX",
    ("lower/machine/blas.py", "import_module"): "one of two modules of SciPy, by names that stand there",
}

# Where text that was generated here becomes a function. No name of a user's is in it.
COMPILERS = {
    ("lower/machine/array_entry.py", "exec"): "the entry of a kernel: a fixed text, and the numbers of its arguments",
    ("lower/array_kernel.py", "compile"): "NumPy source of what LLVM is not made for",
    ("lower/array_kernel.py", "exec"): "the same",
    ("lower/machine/user_functions.py", "exec"): "the call of a user's function, by a name of ours",
}


def dangerous_calls(source: str) -> set[str]:
    """The calls in the text of a module that DANGEROUS names, each with the module it is taken from."""
    found = set()
    tree = ast.parse(source)
    called_names = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in called_names:  # handed on: map(eval, x)
            word = ast.unparse(node).rpartition(".")[2]
            if word in ("eval", "exec", "sympify", "_sympify", "parse_expr"):
                found.add(word)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            strict = called.endswith("sympify") and any(k.arg == "strict" for k in node.keywords)  # refuses text
            named = called in DANGEROUS or called.rpartition(".")[2] in DANGEROUS
            if named and not strict and called != "re.compile":
                found.add(called)
    return found


def dangerous_places() -> set[tuple[str, str]]:
    return {
        (path.relative_to(PACKAGE).as_posix(), call)
        for path in sorted(PACKAGE.rglob("*.py"))
        for call in dangerous_calls(path.read_text(encoding="utf-8"))
    }


def test_no_module_turns_text_into_code() -> None:
    assert dangerous_places() - set(COMPILERS) - set(ALLOWED) == set()


def test_what_is_allowed_is_there() -> None:
    assert set(ALLOWED) | set(COMPILERS) <= dangerous_places()


def test_the_search_finds_what_it_is_for() -> None:
    source = "eval(x); sp.sympify(x); sympy.parsing.sympy_parser.parse_expr(x); builtins.exec(x); pickle.loads(x)"
    assert len(dangerous_calls(source)) == 5
    assert dangerous_calls("map(sp.sympify, x); f = eval") == {"sympify", "eval"}
    assert dangerous_calls("t.load(x); self.evaluate(x); graph.call(x); sp.sympify(x, strict=True)") == set()


@pytest.mark.parametrize(
    "build",
    [
        lambda text: sg.logsumexp(text),
        lambda text: sg.maximum(text, sp.Symbol("x")),
        lambda text: sg.softplus(text),
        lambda text: sg.relu(text),
        lambda text: sg.logsumexp(text, (sp.Symbol("i"), 0, 3)),
        lambda text: sg.logsumexp(sp.Symbol("x"), (sp.Symbol("i"), 0, text)),
        lambda text: sg.grad(text, sp.Symbol("x")),
        lambda text: sg.Function([text], sp.Symbol("x")),
        lambda text: sg.Function([sp.Symbol("x")], text),
        lambda text: sg.Function([sp.Symbol("x")], sp.Symbol("x") ** 2).grad(text),
    ],
)
def test_text_in_place_of_an_expression_is_refused_and_not_executed(build: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises((ValueError, TypeError)):
        build(f"__import__('pathlib').Path({str(mark)!r}).touch()")
    assert not mark.exists()


@pytest.mark.parametrize("file", ["parse.py", "vocabulary.py"])
def test_text_is_read_without_attributes_by_name(file: str) -> None:
    names = {node.id for node in ast.walk(ast.parse((PACKAGE / file).read_text())) if isinstance(node, ast.Name)}
    assert not names & {"getattr", "setattr", "vars", "globals", "locals", "__builtins__", "__import__"}
