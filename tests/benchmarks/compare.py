"""One row: every side started, compared, and timed in turns."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import floors, formulas, ours
from .peers import ROWS
from .timing import best, timed

AGREE = 1e-8  # of the largest number of a result: what all sides must agree to
ROUNDS = 3  # turns
ROOT = Path(__file__).parents[2]


class Peer:
    """A process of another Python that has the peer, holding one row."""

    def __init__(self, name: str, row: str, python: str, folder: Path, patience: float) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.peers", name, row, str(folder)],
            cwd=folder,  # CasADi leaves the C that it compiles where it runs
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.reason = ""
        first = self._line(patience)
        self.first = float(first) if first else None
        if first:
            self.numbers: np.ndarray = np.load(folder / f"{name}.npy")

    def _line(self, patience: float) -> str:
        """The next line it prints; none if it ends, or takes longer than patience."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], patience)[0]:
            self.reason = f"more than {patience:.0f} s"
            self.process.kill()
            return ""
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            assert self.process.stderr is not None
            self.reason = (self.process.stderr.read().strip().splitlines() or ["ended"])[-1]
        return line

    def best(self, seconds: float) -> float:
        """The shortest of its runs."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self._line(60.0) or "inf")

    def end(self) -> None:
        """Ends the process that this started."""
        self.process.kill()
        self.process.communicate()


class Measured(NamedTuple):
    """One row: seconds of symgrad, of each peer and of the floor, and what else the table tells."""

    row: str
    ours: float
    first: float
    value_nodes: int
    nodes: int
    peers: dict[str, float]
    firsts: dict[str, float]
    reasons: dict[str, str]
    floor: tuple[str, float] | None


def measure(row: str, peers: Sequence[str], python: str, seconds: float = 0.4, patience: float = 120.0) -> Measured:
    """The row timed, after the numbers of all sides agree; a side that does not agree is not timed."""
    data = formulas.data(row)
    side, built = timed(lambda: ours.side(row, data))
    result, compiled = timed(side.call)
    numbers = formulas.flat(result)
    below = floors.floor(row, data)
    reasons: dict[str, str] = {}
    running: list[Peer] = []
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), data)
        formulas.give_model(row, Path(folder))
        for name in (name for name in peers if row in ROWS[name]):
            peer = Peer(name, row, python, Path(folder), patience)
            if peer.first is None or not hasattr(peer, "numbers"):
                reasons[name] = peer.reason
                peer.end()
                continue
            running.append(peer)
    try:
        for peer in list(running):
            wrong = disagreement(numbers, peer.numbers)
            if wrong > AGREE:
                reasons[peer.name] = f"other numbers: {wrong:.1e}"
                running.remove(peer)
                peer.end()
        times = {peer.name: float("inf") for peer in running}
        mine, least = float("inf"), float("inf")
        for _ in range(ROUNDS):
            mine = min(mine, best(side.call, seconds))
            for peer in running:
                times[peer.name] = min(times[peer.name], peer.best(seconds))
            if below:
                least = min(least, best(below[1], seconds / 2))
    finally:
        for peer in running:
            peer.end()
    firsts = {peer.name: peer.first for peer in running if peer.first is not None}
    counts = len(side.function.nodes), len(side.derived.nodes)
    return Measured(row, mine, built + compiled, *counts, times, firsts, reasons, (below[0], least) if below else None)


def write_data(folder: Path, data: Sequence[np.ndarray]) -> None:
    """Where peers read it."""
    np.savez(folder / "data.npz", **{f"a{place}": a for place, a in enumerate(data)})  # type: ignore[arg-type]


def disagreement(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference over the largest number."""
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a - b).max() / np.abs(a).max())
