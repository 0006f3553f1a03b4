"""Lines of the scoreboard -> docs/scoreboard.md: the table between its marks; the rest is written by hand."""

from __future__ import annotations

import datetime
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import symgrad

PAGE = Path(__file__).parents[1] / "docs" / "scoreboard.md"
BEGIN, END = "<!-- the table: python -m tests.scoreboard --full --write -->\n", "<!-- end of the table -->\n"
HEAD = "| group | cases | failures | worst error | seconds | date | besides |\n|---|---|---|---|---|---|---|\n"
PACKAGES = ("sympy", "numpy", "scipy", "mpmath", "numba", "llvmlite")


class Line(Protocol):
    """What a line of the table tells."""

    name: str
    cases: int
    failures: list[str]
    error: float
    seconds: float

    @property
    def notes(self) -> str:
        """What was counted and measured besides."""


def write(lines: Sequence[Line], page: Path = PAGE) -> None:
    """Puts these lines into the table, in the order of their names, beside those of other groups that are there."""
    before, table, after = parts(page.read_text(encoding="utf-8"))
    rows = {row.split("|")[1].strip(): row for row in table.splitlines() if row.startswith("| ") and row not in HEAD}
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    for line in lines:
        error = f"{line.error:.1e}" if line.error else "0"
        cells = [line.name, f"{line.cases:,}", len(line.failures), error, f"{line.seconds:.0f}", today, line.notes]
        rows[line.name] = f"| {' | '.join(map(str, cells))} |"
    text = HEAD + "".join(rows[name] + "\n" for name in sorted(rows))
    page.write_text(before + f"{machine()}\n\n{text}" + after, encoding="utf-8")


def parts(text: str) -> tuple[str, str, str]:
    """What is before the table, the table, and what is after it, marks included."""
    found = re.fullmatch(f"(.*{re.escape(BEGIN)})(.*)({re.escape(END)}.*)", text, re.DOTALL)
    assert found is not None, "the page has no table"
    return found[1], found[2], found[3]


def machine() -> str:
    """What the numbers were measured with."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = f"symgrad {symgrad.__version__}, Python {platform.python_version()}, {packages}"
    return f"{python}; {platform.system()}, {platform.machine()}, {cpu()}."


def cpu() -> str:
    """The processor's own name, where Linux tells it."""
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        return platform.processor()
    return found[1] if found else platform.processor()
