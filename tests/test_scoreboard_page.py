"""The page of the scoreboard: a line and a promise for every group, tests that exist, a table that is filled in."""

from __future__ import annotations

import re
from pathlib import Path

from tests.groups.group import Outcome
from tests.scoreboard import Line, all_groups
from tests.scoreboard_page import BEGIN, END, PAGE, parts, write


def test_every_group_has_a_promise() -> None:
    text = PAGE.read_text(encoding="utf-8")
    promised = text.split("## What is promised")[1].split("## Found")[0]
    names = {name for row in re.findall(r"^\| ([a-z_, ]+) \|", promised, re.MULTILINE) for name in row.split(", ")}
    assert {g.name for g in all_groups()} - names == set()


def test_the_tests_of_what_was_mended_exist() -> None:
    named = re.findall(r"\| (test_\w+) \|", PAGE.read_text(encoding="utf-8"))
    known = "".join(f.read_text(encoding="utf-8") for f in Path(__file__).parent.rglob("test_*.py"))
    assert named
    assert [name for name in named if f"def {name}(" not in known] == []


def test_lines_are_put_beside_those_that_are_there(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}{END}after\n", encoding="utf-8")
    for name, failure in (("guarded", ""), ("first", "wrong")):
        line = Line(name)
        line.add(Outcome(error=1e-14, failure=failure), name, 2.0)
        write([line], page)
    before, table, after = parts(page.read_text(encoding="utf-8"))
    rows = [row.split(" | ")[:4] for row in table.splitlines() if row.startswith("| ")][1:]
    assert (before, after) == (f"before\n{BEGIN}", f"{END}after\n")
    assert rows == [["| first", "1", "1", "1.0e-14"], ["| guarded", "1", "0", "1.0e-14"]]
