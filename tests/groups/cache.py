"""What may befall the cache of compiled kernels: writers killed, bytes altered, files of others. Values stay right.

The kernel of each case is made anew, so that its machine code comes from the disk, or is compiled. A poisoned entry
is whole, and the machine code in it, or that it names, gives another value: that it is refused shows in the value.
"""

from __future__ import annotations

import errno
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import sympy as sp

from symgrad.function import Function
from symgrad.lower.machine import machine_code
from symgrad.lower.machine.cache import HEAD, PLAN, SUFFIX, Cache, entry
from symgrad.lower.machine.machine_code import plan_key
from tests.groups.group import Group, Outcome, Outcomes

STRANGER = 54_321  # a user that is not this one
SECONDS = 0.05  # in which a writer is killed: time for some entries
LARGE = bytes(range(256)) * 4096  # 1 MiB, so that much of the time goes into writing
LOADS = 40

x, y = sp.symbols("x y", real=True)
POINT = (0.5, 0.25)
RIGHT = 0.5 * math.sin(0.25) + 0.5


def function() -> Function:
    """x sin y + x, with nothing compiled."""
    return Function([x, y], x * sp.sin(y) + x)


@cache
def kernel() -> tuple[str, bytes, bytes]:
    """The key of that kernel, its machine code, and that of x sin y + x + 1000."""
    texts = []
    for f in (function(), Function([x, y], x * sp.sin(y) + x + 1000)):
        text, module = f.kernel._written()  # type: ignore[union-attr]
        texts.append(text.replace(module.symbol, machine_code.SYMBOL))
    right, other = map(machine_code.compiled, texts)
    return machine_code.key(texts[0]), right, other


@cache
def plan() -> tuple[str, bytes]:
    """The key of that kernel's plan, and the plan."""
    with directory() as own:
        function()(*POINT)
        (file,) = own.glob(f"*{PLAN}")
        content = Cache(own).load(file.stem, PLAN)
    assert content is not None
    return file.stem, content


@contextmanager
def directory() -> Iterator[Path]:
    """A new directory, in which `kernels` is the cache."""
    with tempfile.TemporaryDirectory() as place:
        own = Path(place) / "kernels"
        settings = {"SYMGRAD_CACHE": "1", "SYMGRAD_CACHE_DIR": str(own)}
        # plans too, which are not kept in other tests
        with mock.patch.dict(os.environ, settings), mock.patch.object(machine_code, "plan_key", plan_key):
            yield own


def judged(words: str) -> Outcome:
    """Is the value right, and without an exception?"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        value = function()(*POINT)
    return Outcome() if value == RIGHT else Outcome(failure=f"{words}: {value!r} for {RIGHT!r}")


def mended(own: Path, words: str) -> Outcome:
    """Is the value right, and the entry whole again?"""
    outcome = judged(words)
    (name, code, _), (plan_name, content) = kernel(), plan()
    kept = Cache(own)
    if not outcome.failure and (kept.load(name), kept.load(plan_name, PLAN)) != (code, content):
        outcome.failure = f"{words}: the entry was not written again"
    return outcome


class Entry(NamedTuple):
    """An entry of the cache, and others that are to be there too, by the names of their files."""

    file: str
    key: str
    content: bytes
    others: Mapping[str, bytes] = {}

    @property
    def data(self) -> bytes:
        return entry(self.key, self.content, Path(self.file).suffix)

    def path(self, own: Path) -> Path:
        """The file."""
        return own / self.file

    def put(self, own: Path, data: bytes | None = None) -> Path:
        """The file, of this entry or with these bytes, and the others, in a directory as the cache makes it."""
        own.mkdir(mode=0o700, exist_ok=True)
        for file, content in {**self.others, self.file: self.data if data is None else data}.items():
            (own / file).write_bytes(content)
            (own / file).chmod(0o600)
        return self.path(own)


def machine_code_entry(code: bytes | None = None) -> Entry:
    """The kernel's, with its own machine code or this."""
    name, right, _ = kernel()
    return Entry(name + SUFFIX, name, right if code is None else code)


def plan_entry() -> Entry:
    """The kernel's plan, where its machine code is there too."""
    name, content = plan()
    code = machine_code_entry()
    return Entry(name + PLAN, name, content, {code.file: code.data})


def poisons() -> list[Entry]:
    """Whole entries of other machine code: in the place of the kernel's, and by a plan that names it."""
    (name, content), (right, _, other) = plan(), kernel()
    wrong = Entry("f" * 64 + SUFFIX, "f" * 64, other)
    named = content.replace(right.encode(), wrong.key.encode())
    return [machine_code_entry(other), Entry(name + PLAN, name, named, {wrong.file: wrong.data})]


# -- bytes -----------------------------------------------------------------------------------------------------------


def truncated(draw: random.Random, index: int) -> Outcomes:
    """Cut off at one of 64 places, from none of its bytes to all but one: the machine code, and the plan."""
    outcome = Outcome()
    for kept in (machine_code_entry(), plan_entry()):
        with directory() as own:
            at = index * (len(kept.data) - 1) // 63
            kept.put(own, kept.data[:at])
            outcome.merge(mended(own, f"{kept.file} cut off at {at} of {len(kept.data)}"))
    return {"cache_truncated": outcome}


def flipped(draw: random.Random, index: int) -> Outcomes:
    """With one bit of its head, digest or content turned over: the machine code, and the plan."""
    outcome = Outcome()
    for kept in (machine_code_entry(), plan_entry()):
        data = bytearray(kept.data)
        bit = draw.randrange(8 * (len(HEAD) + 32) if index % 4 == 0 else 8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        with directory() as own:
            kept.put(own, bytes(data))
            outcome.merge(mended(own, f"bit {bit} of {kept.file}"))
    return {"cache_flipped": outcome}


# -- processes -------------------------------------------------------------------------------------------------------


def child(work: Callable[[], None]) -> int:
    """The number of a process that does this work, and no more."""
    number = os.fork()
    if number == 0:
        try:
            work()
        finally:
            os._exit(0)
    return number


def killed(draw: random.Random, index: int) -> Outcomes:
    """A writer is killed at some moment: what it wrote is whole or not there, and the value is right."""
    name, code, _ = kernel()
    outcome = Outcome()
    with directory() as own:
        kept = Cache(own)

        def write() -> None:
            for n in range(1000):
                kept.store(f"large{n}", LARGE)
                kept.store(name, code)

        writer = child(write)
        time.sleep(draw.uniform(0, SECONDS))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        written = 0
        while (content := kept.load(f"large{written}")) is not None:
            written += 1
            if content != LARGE:
                outcome.failure = f"entry {written} is not what was stored"
        if kept.load(name) not in (None, code):
            outcome.failure = "the kernel's entry is not what was stored"
        outcome.merge(mended(own, f"killed after {written} entries"))
        outcome.numbers["entries written"] = written
    return {"cache_killed": outcome}


def raced(draw: random.Random, index: int) -> Outcomes:
    """Two writers of one entry, while it is read: always the one content or the other, whole."""
    name, contents = "both", (LARGE, LARGE[::-1])
    outcome = Outcome()
    with directory() as own:
        kept = Cache(own)

        def write(content: bytes) -> None:
            for _ in range(LOADS):
                kept.store(name, content)

        writers = [child(lambda content=content: write(content)) for content in contents]  # type: ignore[misc]
        for _ in range(LOADS):
            if kept.load(name) not in (None, *contents):
                outcome.failure = "the entry is neither"
        for writer in writers:
            os.waitpid(writer, 0)
        if kept.load(name) not in contents:
            outcome.failure = "the entry is neither, in the end"
        if any(file.name != name + SUFFIX for file in own.iterdir()):
            outcome.failure = "files were left behind"
    return {"cache_raced": outcome}


RACER = """
import sympy as sp
from symgrad.function import Function
x, y = sp.symbols("x y", real=True)
print(*[float(Function([x, y], x * sp.sin(y) + x + k)(0.5, 0.25)) for k in range(10)])
"""


def started_together(draw: random.Random, index: int) -> Outcomes:
    """Two processes that compile the same kernels, and one that finds them."""
    with directory():
        both = [subprocess.Popen([sys.executable, "-c", RACER], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        texts = [process.communicate()[0] for process in both]
        texts.append(subprocess.run([sys.executable, "-c", RACER], capture_output=True, text=True, check=True).stdout)
    wanted = [float(0.5 * math.sin(0.25) + 0.5 + k) for k in range(10)]
    close = all(
        len(t.split()) == 10 and all(abs(float(a) - b) < 1e-14 for a, b in zip(t.split(), wanted, strict=True))
        for t in texts
    )
    same = len(set(texts)) == 1
    return {"cache_processes": Outcome(failure="" if close and same else f"{texts}, wanted {wanted}")}


# -- whose files, and what kind ---------------------------------------------------------------------------------------


def stranger_owns_the_directory(own: Path, poison: Entry) -> None:
    poison.put(own)
    os.chown(own, STRANGER, STRANGER)


def stranger_owns_the_entry(own: Path, poison: Entry) -> None:
    os.chown(poison.put(own), STRANGER, STRANGER)


def others_may_write_the_directory(own: Path, poison: Entry) -> None:
    poison.put(own)
    own.chmod(0o777)


def others_may_read_the_directory(own: Path, poison: Entry) -> None:
    poison.put(own)
    own.chmod(0o755)


def others_may_write_the_entry(own: Path, poison: Entry) -> None:
    poison.put(own).chmod(0o622)


def directory_is_a_link(own: Path, poison: Entry) -> None:
    other = own.parent / "other"
    poison.put(other)
    own.symlink_to(other)


def entry_is_a_link(own: Path, poison: Entry) -> None:
    poison.put(own).rename(own.parent / "other")
    poison.path(own).symlink_to(own.parent / "other")


def entry_is_a_hard_link(own: Path, poison: Entry) -> None:
    os.link(poison.put(own), own.parent / "other")


def entry_is_a_link_to_nothing(own: Path, poison: Entry) -> None:
    own.mkdir(mode=0o700)
    poison.path(own).symlink_to(own.parent / "nothing")


def entry_is_a_directory(own: Path, poison: Entry) -> None:
    own.mkdir(mode=0o700)
    poison.path(own).mkdir()


def entry_is_a_pipe(own: Path, poison: Entry) -> None:
    own.mkdir(mode=0o700)
    os.mkfifo(poison.path(own), 0o600)


def entry_is_anothers(own: Path, poison: Entry) -> None:
    poison.put(own, poison._replace(key="another").data)


def directory_is_a_file(own: Path, poison: Entry) -> None:
    own.write_bytes(poison.data)


STATES = [
    stranger_owns_the_directory,
    stranger_owns_the_entry,
    others_may_write_the_directory,
    others_may_read_the_directory,
    others_may_write_the_entry,
    directory_is_a_link,
    entry_is_a_link,
    entry_is_a_hard_link,
    entry_is_a_link_to_nothing,
    entry_is_a_directory,
    entry_is_a_pipe,
    entry_is_anothers,
    directory_is_a_file,
]


def untrusted(draw: random.Random, index: int) -> Outcomes:
    """What this user did not write, or others can reach, is not run."""
    state = STATES[index]
    if os.geteuid() != 0 and "stranger" in state.__name__:
        return {"cache_untrusted": Outcome(skipped=1)}
    outcome = Outcome()
    for poison in poisons():
        with directory() as own:
            state(own, poison)
            outcome.merge(judged(f"{state.__name__}: {poison.file}"))
    return {"cache_untrusted": outcome}


# -- disks -----------------------------------------------------------------------------------------------------------

REFUSED = {  # function -> what it raises, on a disk that is full, read only, or broken
    "fsync": errno.ENOSPC,
    "replace": errno.ENOSPC,
    "mkdir": errno.EROFS,
    "open": errno.EACCES,
    "listdir": errno.EIO,
    "utime": errno.EROFS,
    "unlink": errno.EROFS,
    "fstat": errno.EIO,
}


def refused(draw: random.Random, index: int) -> Outcomes:
    """The system refuses: the value is right, without an entry, with a whole one and with an altered one."""
    name, number = list(REFUSED.items())[index]
    outcome = Outcome()

    def refuse(*args: object, **named: object) -> None:
        raise OSError(number, os.strerror(number))

    for kept, data in (
        (None, b""),
        *((e, d) for e in (machine_code_entry(), plan_entry()) for d in (None, b"altered")),
    ):
        with directory() as own:
            if kept is not None:
                kept.put(own, data)
            with mock.patch(f"symgrad.lower.machine.cache.os.{name}", refuse):
                outcome.merge(judged(f"os.{name}: {errno.errorcode[number]}"))
            outcome.merge(judged(f"after os.{name}: {errno.errorcode[number]}"))
    return {"cache_refused": outcome}


GROUPS = [
    Group("cache_truncated", 64, truncated),
    Group("cache_flipped", 256, flipped),
    Group("cache_killed", 200, killed),
    Group("cache_raced", 20, raced),
    Group("cache_processes", 10, started_together),
    Group("cache_untrusted", len(STATES), untrusted, whole=True),
    Group("cache_refused", len(REFUSED), refused, whole=True),
]
