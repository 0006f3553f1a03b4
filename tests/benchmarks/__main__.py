"""`python -m tests.benchmarks [ROW ...] [--peers NAMES] [--python PATH]`: speeds beside peers, in one run.

Results are compared first. Times are minima over repeats. Nothing here is a test: a machine that is busy is slow.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .compare import measure
from .growth import growth
from .ours import ROWS
from .page import line, page
from .peers import PEERS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}, growth; all if left out")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, with commas between")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--seconds", type=float, default=0.4, help="of repeats, for each side and turn")
    parser.add_argument("--write", metavar="PATH", help="a page for the table; its picture stands beside it")
    chosen = parser.parse_args()
    os.environ["SYMGRAD_CACHE"] = "0"  # what is compiled is to be compiled
    peers = [name for name in chosen.peers.split(",") if name]
    if unknown := sorted({*peers} - {*PEERS}) + sorted({*chosen.rows} - {*ROWS, "growth"}):
        parser.error(f"unknown: {', '.join(unknown)}")
    rows = []
    for name in chosen.rows or [*ROWS, "growth"]:
        if name == "growth":
            growth()
            continue
        rows.append(measure(name, peers, chosen.python, chosen.seconds))
        print(line(rows[-1]), flush=True)
        if chosen.write:
            page(rows, Path(chosen.write))


if __name__ == "__main__":
    main()
