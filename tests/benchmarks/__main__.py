"""`python -m tests.benchmarks [ROW ...] [--peers NAMES] [--python PATH] [--write PATH]`: speeds beside peers.

Results are compared first. Times are minima over repeats. Nothing here is a test: a machine that is busy is slow.
Beside rows there are three words: first (values in new processes), without (each optimisation switched off), growth.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import first, growth, page, without
from .compare import measure
from .ours import ROWS
from .page import Page
from .peers import PEERS

WORDS = ("first", "without", "growth")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join((*ROWS, *WORDS))}; all if left out")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, with commas between")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--seconds", type=float, default=0.4, help="of repeats, for each side and turn")
    parser.add_argument("--write", metavar="PATH", help="a page for the tables; growth.md and pictures stand beside it")
    chosen = parser.parse_args()
    os.environ["SYMGRAD_CACHE"] = "0"  # what is compiled is to be compiled
    peers = [name for name in chosen.peers.split(",") if name]
    wanted = chosen.rows or [*ROWS, *WORDS]
    if unknown := sorted({*peers} - {*PEERS}) + sorted({*wanted} - {*ROWS, *WORDS}):
        parser.error(f"unknown: {', '.join(unknown)}")
    path = Path(chosen.write) if chosen.write else None
    found = Page([], [], [])

    def keep() -> None:
        if path:
            page.write(found, path)

    for row in wanted:
        if row == "growth":
            growth.report(path and path.parent, page.machine)
        elif row == "first":
            for work in first.WORKS:
                found.firsts.append(first.first(work, peers, chosen.python))
                print(first.line(found.firsts[-1]), flush=True)
                keep()
        elif row == "without":
            for switch in without.SWITCHES:
                found.gains.append(without.gain(switch, chosen.seconds))
                print(without.line(found.gains[-1]), flush=True)
                keep()
        else:
            found.rows.append(measure(row, peers, chosen.python, chosen.seconds))
            print(page.line(found.rows[-1]), flush=True)
            keep()


if __name__ == "__main__":
    main()
