"""Long work is told where somebody reads it, and an interrupt leaves everything as it was."""

from __future__ import annotations

import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import Graph
from symgrad.lower.machine import threads
from symgrad.lower.machine.machine_code import BatchCode
from symgrad.progress import counted, popped, progress, waited

MODULE = import_module("symgrad.progress")  # symgrad.progress is the function
x = sp.Symbol("x")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes long; the environment says nothing."""
    monkeypatch.setattr(MODULE, "PATIENCE", 0.0)
    monkeypatch.setattr(MODULE, "STEP", 1)
    monkeypatch.delenv("SYMGRAD_PROGRESS", raising=False)


def derived(file: io.StringIO | None = None) -> str:
    """What is told of differentiating, on a stream or on standard error."""
    function = sg.Function([x], sp.sin(x) * sp.exp(x))
    if file is None:
        function.grad()
        return ""
    with progress(file=file):
        function.grad()
    return file.getvalue()


def test_the_items_come_in_order() -> None:
    assert list(counted(range(1234), "counting")) == list(range(1234))
    assert list(counted([], "counting")) == []


def test_a_stack_gives_its_top_and_what_is_put_on_it() -> None:
    stack, seen = [0], []
    for item in popped(stack, "reading"):
        seen.append(item)
        if item < 3:
            stack += [item + 10, item + 1]
    assert seen == [0, 1, 2, 3, 12, 11, 10]


def test_what_is_done_is_told_with_its_number() -> None:
    with progress(file=(file := io.StringIO())):
        list(counted(range(200), "differentiating", step=50))
    assert "symgrad: differentiating 100 of 200 operations\n" in file.getvalue()
    assert file.getvalue().endswith("symgrad: differentiating 200 operations: 0.0 s\n")


def test_building_differentiating_simplifying_and_compiling_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE", "0")
    with progress(file=(file := io.StringIO())):
        sg.Function([x], sp.sin(x) * sp.exp(x)).grad()(1.0)
    for doing in ("reading", "differentiating", "simplifying", "writing", "compiling"):
        assert f"symgrad: {doing} " in file.getvalue()


def test_nothing_is_told_in_the_first_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "PATIENCE", 1e9)
    assert derived(Terminal()) == ""


def test_a_pipe_is_told_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    derived()
    assert capfd.readouterr() == ("", "")


def test_a_terminal_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    list(counted(range(200), "differentiating", step=50))
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().endswith("\r\x1b[Ksymgrad: differentiating 200 operations: 0.0 s\n")


def test_an_error_ends_the_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    def work() -> None:
        for k in counted(range(200), "differentiating", step=50):
            if k == 150:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert terminal.getvalue().endswith("differentiating 150 of 200 operations\n")


@pytest.mark.parametrize(("setting", "told_there"), [("0", False), ("1", True)])
def test_the_environment_decides(
    setting: str, told_there: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYMGRAD_PROGRESS", setting)
    derived()
    assert ("symgrad: differentiating" in capfd.readouterr().err) is told_there


def test_who_asks_within_the_program_is_heard_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYMGRAD_PROGRESS", "1")
    with progress(False):
        derived()
    assert capfd.readouterr().err == ""


def test_a_process_on_a_terminal_tells_and_one_in_a_pipe_does_not() -> None:
    pty = pytest.importorskip("pty")
    code = (
        "import sys, symgrad, sympy; module = sys.modules['symgrad.progress']; module.PATIENCE, module.STEP = 0.0, 1; "
        "symgrad.grad(sympy.sin(sympy.Symbol('x')) * sympy.Symbol('x'), sympy.Symbol('x'))"
    )
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(sg.__file__).parents[1])}
    piped = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    main, side = pty.openpty()
    subprocess.run(command, env=environment, stderr=side, check=True)
    os.close(side)
    shown = os.read(main, 10_000).decode()
    os.close(main)
    assert (piped.stdout, piped.stderr) == ("", "")
    assert "symgrad: differentiating" in shown


# -- interrupts -------------------------------------------------------------------------------------------------------


def interrupt_soon() -> None:
    """An interrupt from the keyboard, in a moment."""
    threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()


def test_an_interrupt_does_not_wait_for_a_library() -> None:
    done = threading.Event()
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        waited(lambda: done.wait(60), "compiling")
    assert not done.is_set()
    done.set()


def test_work_that_was_interrupted_goes_on_to_its_end() -> None:
    go, ended = threading.Event(), threading.Event()
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        waited(lambda: go.wait(60) and ended.set(), "compiling")
    go.set()
    assert ended.wait(60)


def test_an_error_of_the_work_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        waited(lambda: 1 // 0, "compiling")


def test_work_asked_for_by_another_thread_is_done_there() -> None:
    seen: list[str] = []
    thread = threading.Thread(target=lambda: waited(lambda: seen.append(threading.current_thread().name), ""), name="a")
    thread.start()
    thread.join()
    assert seen == ["a"]


def test_without_more_threads_the_work_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert waited(lambda: 3, "compiling") == 3


def test_an_interrupt_waits_for_the_threads_that_write_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_THREADS", "2")
    monkeypatch.setattr(threads, "LONG", 0.0)
    begun, ended = threading.Event(), []

    def rest(table: int, sizes: int, part: int, counter: int) -> int:
        if threading.get_native_id() != main:
            begun.set()
            time.sleep(0.2)  # the main thread waits, outside of Python
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            ended.append(part)
        else:
            begun.wait(20)
        return 0

    main, kind = threading.get_native_id(), ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 4)
    part = kind(rest)
    code = BatchCode(kind(lambda *_: 0), ctypes.cast(part, ctypes.c_void_p).value or 0)

    with pytest.raises(KeyboardInterrupt):
        threads.run(code, 0, 1 << 16)
    assert ended


def test_an_interrupt_while_a_node_is_added_leaves_a_graph_that_is_in_order() -> None:
    """At each step of Graph.add: equal nodes are one afterwards, and places in the list are right."""
    F = sg.Function([x], sp.sin(x))
    op = F.target.op
    broken = steps = 0
    while broken == steps:
        graph = Graph()
        node = graph.add(F.nodes[0].op)
        steps += 1
        left = [steps]

        def step(frame: object, event: str, argument: object, left: list[int] = left) -> object:
            frame.f_trace_opcodes = frame.f_code is Graph.add.__code__  # type: ignore[attr-defined]
            if event == "opcode":
                left[0] -= 1
                if not left[0]:
                    raise KeyboardInterrupt
            return step

        before = sys.gettrace()
        sys.settrace(step)
        try:
            graph.add(op, node)
        except KeyboardInterrupt:
            broken += 1
        finally:
            sys.settrace(before)
        assert graph.add(op, node) is graph.add(op, node)
        assert [n.index for n in graph] == list(range(len(graph)))
        assert all(graph.nodes[n.index] is n for _, made in graph._made.values() for n in made.values())
    assert broken > 20


def test_the_collector_runs_again_after_an_interrupt() -> None:
    import gc

    from symgrad.graph import collector_paused

    with pytest.raises(KeyboardInterrupt), collector_paused():
        raise KeyboardInterrupt
    assert gc.isenabled()
