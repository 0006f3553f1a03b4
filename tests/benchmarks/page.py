"""Measured rows -> a line each on the terminal, and a dated page with its picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .compare import Measured
from .first import WORKS, First
from .peers import PEERS
from .without import Gain

NOTES = "## What is behind these numbers"
HEAD = """# Benchmarks

Written by `python -m tests.benchmarks --write docs/benchmarks.md` on {date}, on {machine}.
Load of the machine at the end, over 1, 5 and 15 minutes: {load}. One run: all sides of a row gave the same numbers, to
1e-8 of the largest, and were then timed in turns; milliseconds, the least of many. Data: NumPy's default_rng(31337).
The sizes of arrays are symbols to symgrad, and known to JAX when it compiles. No compiled kernel came from a cache.
`pendulum` is SymPy's n-link pendulum on a cart: the Jacobian of mass matrix and forcing by coordinates and speeds, and
the two themselves (`_value`); SymPy's own modelling, seconds long, is in no time.

"floor" is what the memory bus (a copy of as many bytes), BLAS (the matrix products alone; a matrix times a vector for
logreg) or libm (NumPy's exponentials or sines alone) took in the same run. It is not the whole work of a row.
"ratio" is the best peer's time over symgrad's: above 1, symgrad is faster. "first" is the time from the formula to
the first result, in seconds, without imports; a peer has compiled another function before. "nodes" are those of the
value, then of what the row computes.
CasADi is compiled C (-O2), called through buffers that were bound before, so that no number is handed over; in `_bound`
rows neither is any to symgrad (`Function.bind`).

![symgrad against the best peer]({picture})

"""


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.4g}"


def ratio(row: Measured) -> float | None:
    """The best peer's time over symgrad's."""
    return min(row.peers.values()) / row.ours if row.peers else None


def line(row: Measured) -> str:
    """One row for the terminal."""
    sides = [
        f"{name} {milliseconds(t)} ({t / row.ours:.2f}x, first {row.firsts[name]:.2f} s)"
        for name, t in row.peers.items()
    ]
    sides += [f"{name} - ({why[:60]})" for name, why in row.reasons.items()]
    if row.floor:
        sides.insert(0, f"floor {row.floor[0]} {milliseconds(row.floor[1])}")
    nodes = f"nodes {row.value_nodes} -> {row.nodes}"
    head = f"{row.row:12} symgrad {milliseconds(row.ours)} ms (first {row.first:.2f} s, {nodes})"
    return "; ".join([head, *sides])


class Page(NamedTuple):
    """What has been measured so far."""

    rows: list[Measured]
    firsts: list[First]
    gains: list[Gain]


def write(found: Page, path: Path) -> None:
    """Writes the page, and its picture beside it. The notes at the end of a page that is there stay."""
    rows = found.rows
    _, mark, notes = (path.read_text() if path.exists() else "").partition(NOTES)
    load = ", ".join(f"{v:.1f}" for v in os.getloadavg())
    picture = path.with_suffix(".svg")
    text = HEAD.format(date=datetime.now(UTC).date(), machine=machine(), load=load, picture=picture.name)
    names = list(PEERS)
    table = ["| row | symgrad | " + " | ".join(names) + " | ratio | floor | first: symgrad | first: peers | nodes |"]
    table.append("|---" * (len(names) + 7) + "|")
    for row in rows:
        best = ratio(row)
        cells = [row.row, milliseconds(row.ours), *(milliseconds(row.peers.get(name)) for name in names)]
        cells.append(f"{best:.2f}" if best else "-")
        cells.append(f"{milliseconds(row.floor[1])} {row.floor[0]}" if row.floor else "-")
        cells.append(f"{row.first:.2f}")
        cells.append(", ".join(f"{name} {t:.2f}" for name, t in row.firsts.items()) or "-")
        cells.append(f"{row.value_nodes}, {row.nodes}")
        table.append("| " + " | ".join(cells) + " |")
    reasons = [
        f"- {row.row}, {name}: {why}" for row in rows for name, why in row.reasons.items() if "NotImpl" not in why
    ]
    rest = (
        ["", "Not timed, and why (a dash without a reason: the peer has no such row here):", "", *reasons]
        if reasons
        else []
    )
    told = "\n".join([*table, *rest, *firsts(found.firsts), *gains(found.gains)])
    path.write_text(f"{text}{told}\n" + (f"\n{mark}{notes}" if notes else ""))
    plot(rows, picture)


def firsts(found: Sequence[First]) -> list[str]:
    """A section on first values."""
    if not found:
        return []
    head = ["", "## The first value in a new process", ""]
    head.append(
        "Seconds from the formula to the first gradient, without imports and one earlier, small compilation; the"
    )
    head += ["least of three processes for symgrad, one for a peer. PyTensor's own cache was empty.", ""]
    head += ["| work | symgrad | from the disk | peers |", "|---|---|---|---|"]
    for one in found:
        peers = ", ".join(f"{name} {seconds:.3f}" for name, seconds in one.peers.items()) or "-"
        head.append(f"| {WORKS[one.work]} | {one.cold:.3f} | {one.kept:.3f} | {peers} |")
    return head


def gains(found: Sequence[Gain]) -> list[str]:
    """A section on what each optimisation gains."""
    if not found:
        return []
    head = ["", "## With and without each optimisation", ""]
    head.append(
        "One function of the package replaced by a simpler one (`tests/benchmarks/without.py`); results agree to"
    )
    head += ["1e-8. Milliseconds of a call, or to the first value where that is what is gained.", ""]
    head += ["| optimisation | row | with | without | ratio |", "|---|---|---|---|---|"]
    for one in found:
        row = f"{one.switch.row}, first value" if one.switch.compiling else one.switch.row
        times = f"{milliseconds(one.on)} | {milliseconds(one.off)} | {one.off / one.on:.2f}"
        head.append(f"| {one.switch.name} | {row} | {times} |")
    return head


def machine() -> str:
    """Processor, its count, and Python."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    model = next(
        (text.partition(":")[2].strip() for text in lines if text.startswith("model name")), platform.machine()
    )
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def plot(rows: Sequence[Measured], path: Path) -> None:
    """Bars of the ratio to the best peer, on a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same file each time
    from matplotlib import pyplot

    shown = [(row.row, value) for row in reversed(rows) if (value := ratio(row))]
    if not shown:
        return
    figure, axes = pyplot.subplots(figsize=(7, 0.32 * len(shown) + 1), layout="constrained")
    axes.barh([name for name, _ in shown], [value - 1 for _, value in shown], left=1)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("time of the best peer / time of symgrad")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
