"""The cache of compiled kernels: what is kept, what is found, what is refused. Attacks on it are in groups/cache.py."""

import os
import stat
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import environment
from symgrad.cli import main
from symgrad.environment import cache_directory
from symgrad.lower.emit.target import processor, this_processor
from symgrad.lower.machine import cache, machine_code
from symgrad.lower.machine.cache import ABANDONED, PLAN, SUFFIX, UNFINISHED, Cache
from symgrad.lower.machine.machine_code import plan_key
from tests.groups import cache as attacks
from tests.groups.cache_plans import nothing_is_laid_out

x, y = sp.symbols("x y", real=True)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of the cache, which is not there yet; what was warned of is forgotten. How Python calls the kernels
    of these tests, which is kept too, is compiled already."""
    attacks.function()(*attacks.POINT)
    sg.register(twice, lambda t: 2 * t)
    sg.Function([x], twice(x))(1.0)
    monkeypatch.setenv("SYMGRAD_CACHE", "1")
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(machine_code, "plan_key", plan_key)  # which other tests are without
    cache._warn.cache_clear()
    yield tmp_path / "kernels"
    cache._warn.cache_clear()


class twice(sp.Function):
    pass


def entries(own: Path) -> list[Path]:
    return sorted(own.glob(f"*{SUFFIX}")) if own.exists() else []


def compiles_nothing() -> Any:
    return mock.patch.object(machine_code, "compiled", side_effect=AssertionError("compiled again"))


# -- entries ---------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_loaded(own: Path) -> None:
    assert Cache(own).load("a") is None
    assert Cache(own).store("a", b"content")
    assert Cache(own).load("a") == b"content"
    assert Cache(own).load("b") is None


def test_nobody_else_may_read_or_write_it(own: Path) -> None:
    Cache(own).store("a", b"content")
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in own.iterdir()] == [0o600]


def test_an_altered_entry_is_deleted(own: Path) -> None:
    Cache(own).store("a", b"content")
    entries(own)[0].write_bytes(entries(own)[0].read_bytes()[:-1])
    assert Cache(own).load("a") is None
    assert entries(own) == []


def test_an_entry_under_the_name_of_another_is_none(own: Path) -> None:
    for name, suffix in (("b", SUFFIX), ("a", PLAN)):
        Cache(own).store("a", b"content")
        entries(own)[0].rename(own / f"{name}{suffix}")
        assert Cache(own).load(name, suffix) is None


def test_what_was_used_longest_ago_is_deleted_first(own: Path) -> None:
    kept = Cache(own, limit=3 * len(cache.entry("a", bytes(1000))))
    for age, name in enumerate("cba"):
        kept.store(name, bytes(1000))
        os.utime(own / f"{name}{SUFFIX}", (time.time() + age - 100,) * 2)
    kept.load("c")
    kept.store("d", bytes(1000))
    assert [file.stem for file in entries(own)] == ["a", "c", "d"]


def test_what_was_never_finished_is_deleted_in_the_end(own: Path) -> None:
    Cache(own).store("a", b"content")
    new, old = own / f"new{UNFINISHED}", own / f"old{UNFINISHED}"
    for file, age in ((new, ABANDONED / 2), (old, 2 * ABANDONED)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    Cache(own).store("b", b"content")
    assert new.exists()
    assert not old.exists()


def test_other_files_are_left_alone(own: Path) -> None:
    Cache(own).store("a", b"content")
    (own / "letter").write_text("to keep")
    assert Cache(own).clear() == (1, len(cache.entry("a", b"content")))
    assert [file.name for file in own.iterdir()] == ["letter"]


# -- refusals --------------------------------------------------------------------------------------------------------


def test_a_directory_that_others_may_use_is_refused_and_named_once(own: Path) -> None:
    own.mkdir()
    own.chmod(0o755)
    with pytest.warns(RuntimeWarning, match=r"is not used: others may read or write it; its mode is to be 700"):
        assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    assert list(own.iterdir()) == []


def test_a_full_disk_is_told_once_and_leaves_nothing(own: Path) -> None:
    with mock.patch.object(cache.os, "fsync", side_effect=OSError(28, "No space left on device")):
        with pytest.warns(RuntimeWarning, match="No space left on device"):
            assert not Cache(own).store("a", b"content")
        assert not Cache(own).store("a", b"content")
    assert list(own.iterdir()) == []


def test_a_system_without_owners_has_no_cache(own: Path) -> None:
    with mock.patch.object(cache, "SUPPORTED", False), pytest.warns(RuntimeWarning, match="who owns a file"):
        assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    assert not own.exists()


@pytest.mark.parametrize("k", [0, 1], ids=["the machine code", "the plan"])
def test_a_poisoned_entry_is_one_that_would_be_run(own: Path, k: int) -> None:
    # otherwise the attacks that put it elsewhere would show nothing
    attacks.poisons()[k].put(own)
    assert attacks.function()(*attacks.POINT) == attacks.RIGHT + 1000


@pytest.mark.parametrize("index", range(len(attacks.STATES)), ids=[state.__name__ for state in attacks.STATES])
def test_files_that_this_user_did_not_write_are_not_run(index: int) -> None:
    (outcome,) = attacks.untrusted(mock.Mock(), index).values()
    assert outcome.failure == ""


# -- kernels ---------------------------------------------------------------------------------------------------------


def test_a_kernel_is_compiled_once(own: Path) -> None:
    assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    assert len(entries(own)) == 1
    with nothing_is_laid_out():
        assert attacks.function()(*attacks.POINT) == attacks.RIGHT


def test_another_process_finds_it_without_importing_numba(own: Path) -> None:
    code = (
        "import sys, sympy as sp; from symgrad.function import Function\n"
        "x, y = sp.symbols('x y', real=True)\n"
        "print(float(Function([x, y], x * sp.sin(y) + x)(0.5, 0.25)), 'numba' in sys.modules)\n"
    )
    scope = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=scope)
        assert run.stdout.split() == [repr(attacks.RIGHT), "False"]
    assert len(entries(own)) == 2  # the kernel, and its entry


def test_a_batch_kernel_is_compiled_once(own: Path) -> None:
    points = np.linspace(0.1, 2, 50)
    first = sg.Function([x, y], sp.exp(x) * y)(points, 0.5)
    with nothing_is_laid_out():
        assert np.array_equal(sg.Function([x, y], sp.exp(x) * y)(points, 0.5), first)
    assert np.allclose(first, np.exp(points) * 0.5, rtol=1e-14)


def test_an_array_kernel_is_compiled_once(own: Path) -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    A, v = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("v", n, 1)
    matrix, vector = np.arange(9.0).reshape(3, 3), np.ones(3)
    first = sg.Function([A, v], v.T * A * A * v)(matrix, vector)
    with nothing_is_laid_out():
        assert sg.Function([A, v], v.T * A * A * v)(matrix, vector) == first
    assert first == vector @ matrix @ matrix @ vector


def test_functions_of_scipy_are_found_by_name(own: Path) -> None:
    first = sg.Function([x], sp.erfinv(x / 9) + sp.LambertW(x))(2.5)
    with nothing_is_laid_out():
        assert sg.Function([x], sp.erfinv(x / 9) + sp.LambertW(x))(2.5) == first


def test_no_address_is_in_the_machine_code(own: Path) -> None:
    text, module = sg.Function([x], sp.LambertW(x)).kernel._written()  # type: ignore[union-attr]
    code = machine_code.compiled(text)
    assert module.addresses
    assert not any(struct.pack("<Q", address) in code for address in module.addresses.values())


def test_kernels_of_one_symbol_live_side_by_side(own: Path) -> None:
    for _ in range(2):  # compiled, then loaded
        kernels = [sg.Function([x], x + k) for k in range(5)]
        assert [f(1.0) for f in kernels] == [1, 2, 3, 4, 5]
        assert [f(1.0) for f in kernels] == [1, 2, 3, 4, 5]


def test_kernels_with_users_functions_are_not_kept(own: Path) -> None:
    assert sg.Function([x], twice(x))(3.0) == 6
    assert entries(own) == []


def test_numbas_dispatcher_is_not_kept(own: Path) -> None:
    assert sg.Function([x], x**2).kernel.njit(3.0) == 9  # type: ignore[union-attr]
    assert entries(own) == []


def test_nothing_is_written_if_it_is_turned_off(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE", "0")
    assert attacks.function()(*attacks.POINT) == attacks.RIGHT
    assert not own.exists()


def test_the_key_holds_all_that_decides_the_machine_code() -> None:
    usual = machine_code.key("text")
    assert machine_code.key("other text") != usual
    for other in (processor()._replace(name="i386"), processor()._replace(features="")):
        with mock.patch.object(machine_code, "processor", return_value=other):
            assert machine_code.key("text") != usual
    for k, version in enumerate(machine_code._versions()):
        versions = (*machine_code._versions()[:k], version + "1", *machine_code._versions()[k + 1 :])
        with mock.patch.object(machine_code, "_versions", return_value=versions):
            assert machine_code.key("text") != usual
    assert metadata.version("llvmlite") in machine_code._versions()


def test_the_processor_is_the_one_that_numba_compiles_for() -> None:
    from numba.core.registry import cpu_target

    assert this_processor() == cpu_target.target_context.codegen().magic_tuple()


# -- settings --------------------------------------------------------------------------------------------------------

HOME = {"HOME": "/home/ada"}
SETTINGS = [
    ({**HOME, "SYMGRAD_CACHE": "0"}, None),
    ({**HOME, "SYMGRAD_CACHE": "0", "SYMGRAD_CACHE_DIR": "/fast"}, None),
    ({**HOME, "SYMGRAD_CACHE_DIR": "/fast"}, "/fast"),
    ({**HOME, "XDG_CACHE_HOME": "/caches"}, "/caches/symgrad"),
    ({**HOME, "XDG_CACHE_HOME": "caches"}, "/home/ada/.cache/symgrad"),
    (HOME, "/home/ada/.cache/symgrad"),
]


@pytest.mark.parametrize(("settings", "directory"), SETTINGS, ids=[str(settings) for settings, _ in SETTINGS])
def test_the_environment_names_the_directory(settings: dict[str, str], directory: str | None) -> None:
    with mock.patch.dict(os.environ, settings, clear=True), mock.patch.object(environment.sys, "platform", "linux"):
        assert cache_directory() == (None if directory is None else Path(directory))


def test_on_macos_the_directory_is_among_its_caches() -> None:
    with mock.patch.dict(os.environ, HOME, clear=True), mock.patch.object(environment.sys, "platform", "darwin"):
        assert cache_directory() == Path("/home/ada/Library/Caches/symgrad")


def test_the_command_tells_what_is_kept_and_deletes_it(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Cache(own).store("a", b"content")
    Cache(own).store("a", b"of a plan", PLAN)
    size = len(cache.entry("a", b"content")) + len(cache.entry("a", b"of a plan", PLAN))
    assert main(["cache", "info"]) == 0
    assert f"directory  {own}\nkernels    1\nsize       {size} bytes" in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"deleted 1 kernels, {size} bytes\n"
    assert list(own.iterdir()) == []


def test_the_command_refuses_a_directory_of_others(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.mkdir()
    own.chmod(0o755)
    assert main(["cache", "clear"]) == 2
    assert "others may read or write it" in capsys.readouterr().err
