"""The pages that users read: every Python block, command line and error in them is run, and what is shown is compared.

A page is run from top to bottom in one namespace. What is shown after `>>>`, after `$ symgrad`, in a comment behind
`print(...)`, or as the message in a table of errors, is what running gives: text to the letter, floats to seven digits.
After a line with `# measured` numbers may differ by half, or by 1: they depend on the machine.

`python -m tests.test_docs --write docs/use.md` writes what running gives in place of what is shown.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

import symgrad as sg
from symgrad import cli, simplify
from symgrad.ops.elementwise import OPERATIONS
from symgrad.user import IMPLEMENTATIONS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NUMBER = re.compile(r"(?<![\w.])(\d+\.?\d*(?:e[-+]?\d+)?)(?!\w)")
RELATIVE = 1e-7  # NumPy shows eight digits of the entries of an array
ERROR_ROW = re.compile(r"\| `(\w+)` \| (.*) \| `(.*)` \|(.*)\|")


class Shown(NamedTuple):
    """What a page shows for some source, and what running it gives; `lines` are the lines of the page that show it."""

    source: str
    want: str
    got: str
    lines: range | None = None

    @property
    def holds(self) -> bool:
        return same(self.want, self.got, measured="# measured" in self.source)


def run(text: str) -> list[Shown]:
    """All that a page shows, in order."""
    scope: dict[str, Any] = {"__name__": "page"}
    found: list[Shown] = []
    with mock.patch.dict(OPERATIONS), mock.patch.dict(IMPLEMENTATIONS):  # users' operations end with the page
        for language, first, lines in _blocks(text):
            if language == "console":
                found += _commands(lines, first)
            elif language == "table":
                found += _error_rows(lines, first, scope)
            elif any(line.startswith(">>> ") for line in lines):
                found += _dialogue(lines, first, scope)
            else:
                found += _program(lines, scope)
    return found


def same(want: str, got: str, *, measured: bool = False) -> bool:
    """Is this what is shown? White space does not count."""
    wanted, given = NUMBER.split(want), NUMBER.split(got)
    if len(wanted) != len(given) or any(_bare(a) != _bare(b) for a, b in zip(wanted[::2], given[::2], strict=True)):
        return False
    return all(_close(a, b, measured) for a, b in zip(wanted[1::2], given[1::2], strict=True))


def _bare(text: str) -> str:
    return "".join(text.split())


def _close(a: str, b: str, measured: bool) -> bool:
    if a == b:
        return True
    x, y = float(a), float(b)
    if measured:
        return abs(x - y) <= max(1, abs(x) / 2)
    return not (a.isdigit() and b.isdigit()) and abs(x - y) <= RELATIVE * max(abs(x), abs(y))


def _blocks(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """(language, number of the first line, lines) of each block of Python or of commands, and of each row of errors."""
    language, first, lines = "", 0, []
    for number, line in enumerate(text.split("\n")):
        if line.startswith("```"):
            if language in ("python", "console"):
                yield language, first, lines
            language = "" if language else line[3:] or "text"
            first, lines = number + 1, []
        elif language:
            lines.append(line)
        elif ERROR_ROW.fullmatch(line):
            yield "table", number, [line]


def _dialogue(lines: list[str], first: int, scope: dict[str, Any]) -> Iterator[Shown]:
    """A block with prompts: each statement, and up to the next prompt what it shows."""
    starts = [k for k, line in enumerate(lines) if line.startswith(">>> ")] + [len(lines)]
    for start, end in pairwise(starts):
        body = start + 1
        while body < end and lines[body].startswith("..."):
            body += 1
        while end > body and not lines[end - 1].strip():
            end -= 1
        source = "\n".join(line[4:] for line in lines[start:body])
        got = _output(source, scope)
        yield Shown(source, "\n".join(lines[body:end]), got, range(first + body, first + end))


def _program(lines: list[str], scope: dict[str, Any]) -> Iterator[Shown]:
    """A block without prompts: a comment behind a `print` of one line is what it prints."""
    source = "\n".join(lines)
    if "@rule" in source:  # a rule stands in simplify/; here it is entered into tables of its own
        scope = {**vars(simplify.scalars), "STABLE": [], "FORM": []}
    for statement in ast.parse(source).body:
        decorators = getattr(statement, "decorator_list", [])
        start, end = min([statement.lineno, *(d.lineno for d in decorators)]) - 1, statement.end_lineno
        printed = _output("\n".join(lines[start:end]), scope, mode="exec")
        _, mark, comment = lines[start].rpartition("  # ")
        if mark and end == start + 1 and lines[start].startswith("print("):
            yield Shown(lines[start], comment, printed)
        elif printed and not lines[start].startswith("print("):  # an error, most of all
            yield Shown(lines[start], "", printed)


def _output(source: str, scope: dict[str, Any], mode: str = "single") -> str:
    """What a statement prints, or the error that it ends with."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(source + "\n", "<page>", mode), scope)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what happens, and is compared
            print(f"{type(error).__name__}: {error}")
    return "\n".join(line.rstrip() for line in printed.getvalue().rstrip("\n").split("\n"))


def _commands(lines: list[str], first: int) -> Iterator[Shown]:
    starts = [k for k, line in enumerate(lines) if line.startswith("$ symgrad ")] + [len(lines)]
    for start, end in pairwise(starts):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            cli.main(shlex.split(lines[start])[2:])
        want = "\n".join(lines[start + 1 : end])
        yield Shown(lines[start], want, printed.getvalue().rstrip("\n"), range(first + start + 1, first + end))


def _error_rows(lines: list[str], first: int, scope: dict[str, Any]) -> Iterator[Shown]:
    """The class, when it is raised, an example, and the message of this example."""
    for k, line in enumerate(lines):
        name, when, example, _ = ERROR_ROW.fullmatch(line).groups()  # type: ignore[union-attr]
        message = _output(example, scope, mode="exec").removeprefix(f"{name}: ").replace("|", "\\|")
        message = " ".join(message.split())  # a row is one line
        yield Shown(example, line, f"| `{name}` | {when} | `{example}` | {message} |", range(first + k, first + k + 1))


# -- the pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_shows_what_running_gives(page: Path) -> None:
    shown = run(page.read_text())
    if page.name == "README.md":  # its comments are words
        shown = [s for s in shown if s.lines is not None]
    wrong = [f"{s.source}\n-- shown:\n{s.want}\n-- running gives:\n{s.got}" for s in shown if not s.holds]
    assert not wrong, "\n\n".join(wrong)


def test_readme_begins_with_the_first_example() -> None:
    _, _, lines = next(_blocks((ROOT / "README.md").read_text()))
    docstring, *program = ast.parse((ROOT / "examples" / "first.py").read_text()).body
    assert isinstance(docstring, ast.Expr)
    assert ast.unparse(ast.parse("\n".join(lines))) == "\n".join(map(ast.unparse, program))


def test_every_public_name_is_in_the_page_for_users() -> None:
    text = (ROOT / "docs" / "use.md").read_text()
    assert [name for name in sg.__all__ if not re.search(rf"\b{name}\b", text)] == []


def test_every_rule_of_simplification_is_in_the_mathematics() -> None:
    text = (ROOT / "docs" / "mathematics.md").read_text()
    rules = [*simplify.STABLE, *simplify.FORM]
    assert [rule.name for rule in rules if f"`{rule.name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", _prose(page))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_formulas_survive_markdown(page: Path) -> None:
    """Markdown takes a backslash before punctuation, pairs of *, and pairs of _ that follow punctuation."""
    text = _prose(page)
    assert [f for f in re.findall(r"\$\$?([^$]+)\$\$?", text) if re.search(r"\\[^A-Za-z]|\*|[^\w]_", f)] == []
    assert text.count("$") % 2 == 0


def _prose(page: Path) -> str:
    """The page without its code."""
    return re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", page.read_text())


# -- the test of the test ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("want", "got", "alike"),
    [
        ("x**2", "x**2", True),
        ("x**2", "x**3", False),
        ("2*x", "2*y", False),
        ("0.123456789", "0.123456788", True),
        ("0.1234567", "0.1234577", False),
        ("[1. 2.]", "[1.  2.]", True),
        ("(1.0, 2.0)", "(1.0, 2.0, 3.0)", False),
        ("3", "4", False),
        ("t0 + t1", "t0 + t2", False),
        ("nan", "1.0", False),
        ("-1.0", "1.0", False),
    ],
)
def test_what_is_the_same(want: str, got: str, alike: bool) -> None:
    assert same(want, got) is alike


def test_a_wrong_output_is_found_in_every_kind_of_block() -> None:
    page = (
        "```python\n>>> 1 + 1\n3\n>>> 1 + 1\n2\n```\n"
        "```python\nprint(3 * 3)  # 8\nprint(3 * 3)  # 9\n```\n"
        '```console\n$ symgrad grad "x**2"\nf_grad(x) = 3*x\n$ symgrad grad "x**2"\nf_grad(x) = 2*x\n```\n'
        "| `KeyError` | a key | `{}['x']` | 'y' |\n| `KeyError` | a key | `{}['x']` | 'x' |\n"
    )
    assert [s.holds for s in run(page)] == [False, True] * 4


def _write(page: Path) -> None:
    """Put what running gives in place of what is shown."""
    lines = page.read_text().split("\n")
    for shown in reversed(run(page.read_text())):
        if shown.lines is not None and not shown.holds:
            lines[shown.lines.start : shown.lines.stop] = shown.got.split("\n") if shown.got else []
    page.write_text("\n".join(lines))


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--write":
        raise SystemExit(__doc__)
    for name in sys.argv[2:]:
        _write(Path(name))
