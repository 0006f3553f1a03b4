"""The scoreboard: every group of checks, as one table. `python -m tests.scoreboard [--full] [--write] [GROUP ...]`

A line is: group, cases, failures, worst error, seconds, and what was measured besides. Cases of a group are drawn from
generators seeded with the seed, the group and the case's number, so one case is run again with --case N.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import random
import statistics
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

from tests import groups
from tests.groups.deep import FULL
from tests.groups.group import Group, Outcome
from tests.kept import keep, test_of
from tests.other_process import PYTHON
from tests.scoreboard_page import write
from tests.shrink import Posed, smallest

SEED = 20_261_121
SHARE = 10  # continuous integration runs one case in so many
CHUNK = 40  # cases that one process takes at a time
SHOWN = 5  # failures printed of each line
SHRUNK = 2  # failures shrunk of each chunk: where a rule is wrong, most fail alike


@dataclass
class Line:
    """A line of the table, as it is filled."""

    name: str
    cases: int = 0
    failures: list[str] = field(default_factory=list)
    error: float = 0.0
    seconds: float = 0.0
    skipped: int = 0
    numbers: dict[str, list[float]] = field(default_factory=dict)
    shrunk: dict[str, tuple[Posed, str]] = field(default_factory=dict)

    def add(self, outcome: Outcome, words: str, seconds: float) -> None:
        """One more case."""
        self.cases += 1
        self.seconds += seconds
        self.skipped += outcome.skipped
        self.error = max(self.error, outcome.error)
        if outcome.failure:
            self.failures.append(f"{words}: {outcome.failure}")
        if outcome.case is not None:
            name = words.replace(" --seed ", "_").replace(" --case ", "_")
            self.shrunk[name] = outcome.case, outcome.failure
        for name, value in outcome.numbers.items():
            self.numbers.setdefault(name, []).append(value)

    def merge(self, other: Line) -> None:
        """The cases of another line of the same name."""
        self.cases += other.cases
        self.failures += other.failures
        self.shrunk |= other.shrunk
        self.seconds += other.seconds
        self.skipped += other.skipped
        self.error = max(self.error, other.error)
        for name, values in other.numbers.items():
            self.numbers.setdefault(name, []).extend(values)

    @property
    def notes(self) -> str:
        """What was counted and measured besides."""
        notes = [f"{self.skipped:,} numbers skipped"] if self.skipped else []
        for name, values in sorted(self.numbers.items()):
            if all(v == int(v) and v < 1000 for v in values):
                notes.append(f"{name} {int(sum(values)):,}")
            elif len(values) == 1:
                notes.append(f"{name} {values[0]:.3g}")
            else:
                notes.append(f"{name} median {statistics.median(values):.2f} max {max(values):.2f}")
        return ", ".join(notes)

    def __str__(self) -> str:
        return (
            f"{self.name:22} {self.cases:7,} {len(self.failures):8} {self.error:10.1e} {self.seconds:8.1f}  "
            + self.notes
        )


def all_groups() -> list[Group]:
    """The groups of every module under tests/groups."""
    found: list[Group] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(groups.__path__)):
        found += getattr(importlib.import_module(f"tests.groups.{module}"), "GROUPS", [])
    return found


def numbers_of_cases(group: Group, full: bool) -> range:
    """The cases to run."""
    return range(group.count if full or group.whole else max(1, group.count // SHARE))


def run_cases(
    group: Group, seed: int, cases: Iterable[int], *, shrinks: int = 0
) -> Iterator[tuple[str, Outcome, str, float]]:
    """(line, outcome, words, seconds) for each case. An exception is a failure; the first so many are shrunk."""
    for index in cases:
        words = f"{group.name} --seed {seed} --case {index}"
        start = time.perf_counter()
        try:
            outcomes = dict(group.check(random.Random(f"{seed} {group.name} {index}"), index))
        except Exception:  # noqa: BLE001  whatever the package raises is the finding
            text = traceback.format_exc(limit=-4)
            outcomes = {group.name: Outcome(failure=text)}
        seconds = time.perf_counter() - start
        if shrinks and group.again and any(o.failure for o in outcomes.values()):
            shrinks -= 1
            found = shrunk(group, seed, index)
            if found is not None:
                next(o for o in outcomes.values() if o.failure).case = found
        for name, outcome in outcomes.items():
            yield name, outcome, words, seconds if name == group.name else 0.0


def shrunk(group: Group, seed: int, index: int) -> Posed | None:
    """A small case that fails as the case of this number does: with an error of the same class, or in a number."""
    assert group.drawn is not None
    case = group.drawn(random.Random(f"{seed} {group.name} {index}"), index)
    if case is None:
        return None
    kind = _kind_of_failure(group, case, index)
    return smallest(case, lambda smaller: _kind_of_failure(group, smaller, index) == kind != "")


def _kind_of_failure(group: Group, case: Posed, index: int) -> str:
    """Which lines fail, or the class of what was raised and where; empty if nothing is wrong."""
    assert group.again is not None
    try:
        return ", ".join(name for name, outcome in group.again(case, index).items() if outcome.failure)
    except Exception as error:  # noqa: BLE001  whatever the package raises is the finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {place.filename}, {place.name}"


def run(
    chosen: Sequence[Group], seed: int = SEED, *, full: bool = False, jobs: int = 1, cases: Sequence[int] | None = None
) -> list[Line]:
    """The lines of these groups, in several processes if asked."""
    lines: dict[str, Line] = {group.name: Line(group.name) for group in chosen}
    chunks = []
    for group in chosen:
        todo = list(cases if cases is not None else numbers_of_cases(group, full))
        chunks += [(group.name, seed, todo[i : i + CHUNK]) for i in range(0, len(todo), CHUNK)]
    if jobs == 1 or len(chunks) == 1:  # a process is not worth starting for a small table
        results: Iterable[list[tuple[str, Outcome, str, float]]] = map(_chunk, chunks)
        _fill(lines, results)
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            _fill(lines, pool.map(_chunk, chunks))
    return list(lines.values())


def _fill(lines: dict[str, Line], results: Iterable[list[tuple[str, Outcome, str, float]]]) -> None:
    for outcomes in results:
        for name, outcome, words, seconds in outcomes:
            lines.setdefault(name, Line(name)).add(outcome, words, seconds)


def _chunk(task: tuple[str, int, list[int]]) -> list[tuple[str, Outcome, str, float]]:
    name, seed, cases = task
    group = next(g for g in all_groups() if g.name == name)
    return list(run_cases(group, seed, cases, shrinks=SHRUNK))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    parser.add_argument("--full", action="store_true", help="all cases, not a tenth")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--case", type=int, action="append", help="only these cases")
    parser.add_argument("--write", action="store_true", help="the lines into the table of docs/scoreboard.md")
    parser.add_argument("--peers", metavar="PYTHON", help="the Python that has JAX or SymEngine, for second_system")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    known = {group.name: group for group in all_groups()}
    unknown = [name for name in options.groups if name not in known]
    if unknown:
        parser.error(f"no group {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.groups] or list(known.values())
    os.environ["SYMGRAD_CACHE"] = "0"  # the user's kernels are none of ours, and compiling is what is checked
    if options.full:
        os.environ[FULL] = "1"
    if options.peers:
        os.environ[PYTHON] = options.peers
    start = time.perf_counter()
    print(f"{'group':22} {'cases':>7} {'failures':>8} {'worst':>10} {'seconds':>8}", flush=True)
    lines: dict[str, Line] = {}
    written: list[Line] = []  # in the table of the page, where groups may be run one by one
    for group in chosen:  # one after the other, so that a line is there as soon as it is known
        for line in run([group], options.seed, full=options.full, jobs=options.jobs, cases=options.case):
            if line.name == group.name:
                print(line, flush=True)
            name = line.name if line.name == group.name else f"{line.name}, {group.name}"
            written.append(replace(line, name=name))
            lines.setdefault(line.name, Line(line.name)).merge(line)
    for line in lines.values():
        if line.name not in known:
            print(line)
    for line in lines.values():
        for failure in line.failures[:SHOWN]:
            print(f"\n{failure}")
        for name, (case, what) in line.shrunk.items():
            print(f"\n{test_of(name, line.name, case, what)}")
            keep(name, line.name, case, what)
    if options.write:
        write(written)
    failures = sum(len(line.failures) for line in lines.values())
    print(
        f"\nseed {options.seed}, {failures} failures, {time.perf_counter() - start:.0f} s on {options.jobs} processes"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
