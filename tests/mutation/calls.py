"""What must notice a mutant of the entries by which Python calls kernels: the tests of calls.

An entry reads and counts objects in memory: a mutant of it may end its process, which is why it has one of its own. Of
what writes the text of entries, a mutant that changes none is not noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from symgrad.lower.machine import bound_entry, python_entry
from tests.mutation.arrays import Check, changed

TESTS = [str(Path(__file__).parents[1] / "lower" / f"test_{kind}_entry.py") for kind in ("python", "bound", "batch")]


def tests_fail() -> bool:
    """Does any test of calls fail, with entries that are made anew?"""
    python_entry._compiled.cache_clear()
    bound_entry._compiled.cache_clear()
    with redirect_stdout(StringIO()):
        return pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *TESTS]) != pytest.ExitCode.OK


@cache
def _written() -> list[tuple[str, tuple[Any, ...]]]:
    """The functions that write texts of entries, with what each is called with by the tests."""
    found: dict[tuple[str, tuple[Any, ...]], None] = {}

    def noted(name: str, right: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: found.setdefault((name, given)) or right(*given)

    with (
        patch.object(python_entry, "entry_text", noted("entry_text", python_entry.entry_text)),
        patch.object(bound_entry, "_text", noted("_text", bound_entry._text)),
    ):
        assert not tests_fail()
    return list(found)


def entry_checks() -> dict[str, Check]:
    """Of the text of entries."""
    _written()

    def made() -> list[Any]:
        homes = {"entry_text": python_entry, "_text": bound_entry}
        return [getattr(homes[name], name)(*given) for name, given in _written()]

    return {"tests of calls": changed(made, lambda _: tests_fail())}


def record_checks() -> dict[str, Check]:
    """Of what entries are told about their kernels."""
    return {"tests of calls": tests_fail}
