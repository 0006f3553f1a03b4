"""From SymPy expression to first gradient in a new process, cold and from the disk cache, beside peers.

`python -m tests.benchmarks.first WORK` is such a process: it prints the seconds, without imports and one earlier
compilation.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import formulas
from .compare import ROOT, Peer, write_data
from .peers import ROWS

WORKS = {"call": "small formula", "dag": "1,000 operations", "mlp": "mlp"}
REPEATS = 3  # processes, of which the quickest counts


class First(NamedTuple):
    """Seconds to the first result of one work."""

    work: str
    cold: float
    kept: float
    peers: dict[str, float]


def first(work: str, peers: Sequence[str], python: str, patience: float = 120.0) -> First:
    """symgrad without and with kernels on disk, and the peers that have this row, each in processes of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_data(place, formulas.data(work))
        cold = min(_ours(work, place / f"cache{k}") for k in range(REPEATS))
        kept = min(_ours(work, place / "cache0") for _ in range(REPEATS))
        found: dict[str, float] = {}
        os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={place / 'pytensor'}"  # nothing that it compiled before
        for name in (name for name in peers if work in ROWS[name]):
            peer = Peer(name, work, python, place, patience)
            if peer.first is not None:
                found[name] = peer.first
            peer.end()
        del os.environ["PYTENSOR_FLAGS"]
    return First(work, cold, kept, found)


def line(found: First) -> str:
    """One work for the terminal."""
    peers = "; ".join(f"{name} {seconds:.3f}" for name, seconds in found.peers.items())
    return f"first    {WORKS[found.work]:16} symgrad {found.cold:.3f} s, from the disk {found.kept:.3f} s; {peers}"


def _ours(work: str, cache: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SYMGRAD_CACHE": "1", "SYMGRAD_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "tests.benchmarks.first", work]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    import sympy as sp

    import symgrad as sg

    from . import ours
    from .timing import timed

    work = sys.argv[1]
    data = formulas.data(work)
    warm = sp.Symbol("q")
    sg.Function([warm], warm**2).value_and_grad()(1.0)  # the earlier compilation
    print(timed(lambda: ours.side(work, data).call())[1])


if __name__ == "__main__":
    main()
