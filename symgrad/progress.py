"""Long loops, and long calls of libraries -> lines that tell how far they are, where somebody reads them.

Nothing is told in the first second of a stretch of work, nor where standard error is no terminal, unless asked for.
A loop pays for a look at the clock now and then, and for nothing else.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import TextIO, TypeVar

from symgrad.environment import progress_wanted

PATIENCE = 1.0  # seconds of work before anything is told, and between two lines
STEP = 500  # operations between two looks at the clock: some 5 ms
CLEARED = "\r\x1b[K"  # to the first column of a terminal, and the line erased

T = TypeVar("T")

_asked: ContextVar[TextIO | bool | None] = ContextVar("progress", default=None)


@contextmanager
def progress(shown: bool = True, file: TextIO | None = None) -> Iterator[None]:
    """Work that takes long is told within it, in `file`, or else on standard error; if not `shown`, it is not told.

    Without it, work is told where standard error is a terminal; SYMGRAD_PROGRESS=0 and =1 say otherwise.
    """
    before = _asked.set((file or True) if shown else False)
    try:
        yield
    finally:
        _asked.reset(before)


def counted(items: Sequence[T], doing: str, what: str = "operations", step: int | None = None) -> Iterable[T]:
    """The items, one by one, while it is told how many of them are done: "differentiating 450 of 1,000 operations".

    step: how many of them between two looks at the clock, if they are not quick operations.
    """
    step = step or STEP
    return _counted(items, doing, what, step) if len(items) > step else items


def _counted(items: Sequence[T], doing: str, what: str, step: int) -> Iterator[T]:
    total = len(items)
    with _line() as line:
        for start in range(0, total, step):
            if perf_counter() >= line.due:
                line.tell(f"{doing} {start:,} of {total:,} {what}")
            yield from items[start : start + step]
        line.finish(f"{doing} {total:,} {what}")


def popped(stack: list[T], doing: str, what: str = "parts") -> Iterator[T]:
    """The items of a stack from its top until it is empty, while more may be put on it."""
    for _ in range(STEP):
        if not stack:
            return
        yield stack.pop()
    done = STEP
    with _line() as line:
        while stack:
            yield stack.pop()
            done += 1
            if not done % STEP and perf_counter() >= line.due:
                line.tell(f"{doing} {done:,} {what}")
        line.finish(f"{doing} {done:,} {what}")


def waited(work: Callable[[], T], doing: str) -> T:
    """The result of a long call of a library, told while it lasts, that an interrupt neither waits for nor breaks.

    Interrupts reach the main thread alone. There, another thread does the work while this one waits: after an
    interrupt it goes on to its end, with nobody to read what it gives, and leaves no lock taken or file half written.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001  raised where the result is asked for
            result.set_exception(error)

    with _line() as line:
        try:
            threading.Thread(target=run, name="symgrad").start()
        except RuntimeError:  # no more threads, as when Python ends
            return work()
        while wait([result], timeout=max(0.0, line.due - perf_counter())).not_done:
            line.tell(doing)
        line.finish(doing)
    return result.result()


@contextmanager
def _line() -> Iterator[_Line]:
    """Of one stretch of work. What comes after it has another line, also after an error."""
    line = _Line()
    try:
        yield line
    finally:
        line.leave()


class _Line:
    """What is told of one stretch of work. On a terminal it is one line, written again and again."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.due = self.began + PATIENCE
        self.stream: TextIO | None = None

    def tell(self, text: str) -> None:
        """How far it is now, if anybody reads it."""
        self.due = perf_counter() + PATIENCE
        self.stream = _stream()
        self._write(text)

    def finish(self, text: str) -> None:
        """What was done, and how long it took, if it was told before."""
        self._write(f"{text}: {perf_counter() - self.began:.1f} s")

    def leave(self) -> None:
        """The next line is another's."""
        if self.stream is not None and self.stream.isatty():
            print(file=self.stream, flush=True)

    def _write(self, text: str) -> None:
        if self.stream is None:
            return
        if self.stream.isatty():
            print(f"{CLEARED}symgrad: {text}", end="", file=self.stream, flush=True)
        else:
            print(f"symgrad: {text}", file=self.stream, flush=True)


def _stream() -> TextIO | None:
    """Where progress is told now; None: nowhere."""
    asked = _asked.get()
    if asked is None:
        asked = progress_wanted()
    if asked is None:
        asked = sys.stderr is not None and sys.stderr.isatty()  # None: a program without a console
    if isinstance(asked, bool):
        return sys.stderr if asked else None
    return asked
