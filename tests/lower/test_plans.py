"""The plans of kernels, by which they are found before they are laid out: what is found, and what is refused."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.lower.emit.target import processor
from symgrad.lower.machine import machine_code, plans
from symgrad.lower.machine.cache import PLAN, SUFFIX, Cache
from symgrad.lower.machine.machine_code import plan_key
from tests.groups import cache as attacks
from tests.groups.cache_plans import nothing_is_laid_out

x = sp.Symbol("x", real=True)


@pytest.fixture(autouse=True)
def own() -> Iterator[Path]:
    """The directory of the cache, which is not there yet. How Python calls the kernels of these tests is compiled."""
    attacks.function()(*attacks.POINT)
    sg.Function([x], x)(1.0)
    with attacks.directory() as directory:
        yield directory


def machine_codes(own: Path) -> list[Path]:
    return list(own.glob(f"*{SUFFIX}"))


def found(own: Path) -> Path:
    """The file of the one plan."""
    (file,) = own.glob(f"*{PLAN}")
    return file


def test_without_its_plan_a_kernel_is_found_by_its_text(own: Path) -> None:
    assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    found(own).unlink()
    with mock.patch.object(machine_code, "compiled", side_effect=AssertionError("compiled again")):
        assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    assert found(own).exists()


def test_a_plan_without_machine_code_is_none(own: Path) -> None:
    assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    machine_codes(own)[0].unlink()
    assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    assert len(machine_codes(own)) == 1


def test_a_plan_for_other_functions_of_scipy_is_none(own: Path) -> None:
    f = sg.Function([x], sp.LambertW(x))
    first = f(2.5)
    content = Cache(own).load(found(own).stem, PLAN)
    assert content is not None
    plan = plans.plan_of(content)
    assert plan is not None
    assert plan.special == [["lambertw", 2, "Dld->D"]]
    for special in (["lambertw", 2, "dld->D"], ["lambertv", 2, "Dld->D"], ["jv", 3, "ddd->d"]):
        Cache(own).store(found(own).stem, plan._replace(special=[special]).content(), PLAN)
        assert machine_code.recalled(f.kernel._words(("point",)), machine_code.POINT) is None  # type: ignore[union-attr]
        assert sg.Function([x], sp.LambertW(x))(2.5) == first


def test_what_prints_is_as_if_it_were_laid_out(own: Path) -> None:
    def printed(f: Any) -> list[str]:
        name = "symgrad_[0-9a-f]{16}"
        return [str(f.kernel.program), f.kernel.source, re.sub(name, "", f.kernel.inspect_llvm()), str(f.explain())]

    n = sp.Symbol("n", integer=True, positive=True)
    v = sp.MatrixSymbol("v", n, 1)
    for make, value in (
        (lambda: sg.Function([x], sp.sin(x) ** 2), 0.5),
        (lambda: sg.Function([v], v.T * v), np.ones(3)),
    ):
        laid_out = make()
        laid_out(value)
        kept = make()
        with nothing_is_laid_out():
            kept(value)
        assert printed(kept) == printed(laid_out)


def test_a_kernel_that_was_found_has_a_dispatcher_of_numbas(own: Path) -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    v = sp.MatrixSymbol("v", n, 1)
    sg.Function([v], v.T * v).kernel.njit  # noqa: B018
    with nothing_is_laid_out():
        assert sg.Function([v], v.T * v).kernel.njit(np.arange(4.0)) == 14


CONTENT: dict[str, Any] = {
    "code": "0" * 64,
    "names": ["f"],
    "routines": [],
    "special": [["jv", 2, "dd->d"]],
    "facts": 1,
}


def test_a_plan_is_read_as_it_was_written() -> None:
    plan = plans.Plan(**CONTENT)
    assert plans.plan_of(plan.content()) == plan


OTHERS: list[Any] = [
    {**CONTENT, "code": "0" * 63},
    {**CONTENT, "code": "../" + "0" * 61},
    {**CONTENT, "code": 0},
    {**CONTENT, "names": [1]},
    {**CONTENT, "names": 1},
    {**CONTENT, "routines": [None]},
    {**CONTENT, "special": [["jv", "2", "dd->d"]]},
    {**CONTENT, "special": [["jv", 2]]},
    {**CONTENT, "special": [[1, 2, "dd->d"]]},
    {**CONTENT, "more": 1},
    {k: v for k, v in CONTENT.items() if k != "facts"},
    [CONTENT],
    None,
]


@pytest.mark.parametrize("content", [*(json.dumps(other).encode() for other in OTHERS), b"", b"{", b"\xff"])
def test_what_is_no_plan_is_refused(content: bytes) -> None:
    assert plans.plan_of(content) is None


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Sources, in the place of this package's."""
    folder = tmp_path / "package"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.py").write_text("1")
    (folder / "inner" / "b.py").write_text("2")
    monkeypatch.setattr(plans, "PACKAGE", str(folder))
    monkeypatch.setattr(plans, "STARTED", time.time() + 60)
    plans._sources.cache_clear()
    yield folder
    plans._sources.cache_clear()


def changed(file: Path) -> None:
    file.write_text("3")


def moved(file: Path) -> None:
    file.rename(file.with_name("c.py"))


def divided(file: Path) -> None:
    file.with_name("b2.py").write_text("")


@pytest.mark.parametrize("change", [changed, moved, divided, Path.unlink])
def test_other_sources_have_other_plans(package: Path, change: Any) -> None:
    before = plan_key("words")
    plans._sources.cache_clear()
    assert before is not None
    assert plan_key("words") == before
    change(package / "inner" / "b.py")
    plans._sources.cache_clear()
    assert plan_key("words") not in (None, before)


def test_sources_that_are_newer_than_the_process_have_no_plans(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "STARTED", time.time() - 60)
    os.utime(package / "a.py", (0, 0))  # as a copy that keeps the time
    assert plan_key("words") is None


def test_without_sources_there_are_no_plans(package: Path) -> None:
    for file in package.rglob("*.py"):
        file.rename(file.with_suffix(".pyc"))
    assert plan_key("words") is None


def test_the_key_of_a_plan_holds_all_that_decides_it() -> None:
    usual, parts = plan_key("words"), plans.identity("words")
    assert parts is not None
    assert usual not in (None, plan_key("other words"), machine_code.key("words"))
    for k, part in enumerate(parts):
        with mock.patch.object(machine_code, "identity", return_value=(*parts[:k], part + "1", *parts[k + 1 :])):
            assert plan_key("words") != usual
    with mock.patch.object(machine_code, "processor", return_value=processor()._replace(features="")):
        assert plan_key("words") != usual
    assert {sp.__version__, np.__version__} < set(parts)
