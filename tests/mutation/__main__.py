"""The table of mutants: `python -m tests.mutation [--full] [PART ...]`. What takes long is a tenth without --full."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from unittest import mock

from symgrad.lower.machine import machine_code
from tests.mutation import derivatives, emission, rewrites
from tests.mutation.equivalent import is_equivalent
from tests.mutation.mutants import Mutant, mutants

RULES = ("derivative rules", "rewrite rules")
QUICK = ("operations", "Python")
SHARE = 10


def survivors_of(part: str, *, full: bool) -> Iterator[tuple[str, int, list[tuple[str, bool]]]]:
    """(function, mutants, survivors with whether each is the same function) for each function of the part."""
    if part == "derivative rules":
        for d in derivatives.targets():
            alive = [m.words for m in derivatives.survivors(d) if m is not None]
            count = len(mutants(d.owner.__dict__[d.name]))
            yield d.words, count, [(w, (d.words, w) in derivatives.EQUIVALENT) for w in alive]
    elif part == "rewrite rules":
        for name, function in rewrites.rule_functions().items():
            alive = [m.words for m in rewrites.survivors(name)]
            yield name, len(mutants(function)), [(w, (name, w) in rewrites.EQUIVALENT) for w in alive]
    else:
        for target in emission.targets(part):
            chosen: list[Mutant] = target.mutants if full or part in QUICK else target.mutants[::SHARE]
            alive = [m.words for m in emission.survivors(target, chosen)]
            yield target.words, len(chosen), [(w, is_equivalent(target.words, w)) for w in alive]


def main() -> int:
    """Prints a line for each part, and what is alive; 1 if anything is that should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parts = [*RULES, *emission.PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--full", action="store_true", help="every mutant of every part")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    print(f"{'part':18} {'functions':>9} {'mutants':>8} {'killed':>7} {'the same':>9} {'alive':>6} {'seconds':>8}")
    total = 0
    for part in options.parts or parts:
        # a plan that was kept would not show the mutant
        with mock.patch.object(machine_code, "plan_key", return_value=None):
            start, lines = time.perf_counter(), list(survivors_of(part, full=options.full))
        count = sum(n for _, n, _ in lines)
        same = sum(known for _, _, alive in lines for _, known in alive)
        alive = [f"{name}: {words}" for name, _, words_alive in lines for words, known in words_alive if not known]
        seconds = time.perf_counter() - start
        killed = count - same - len(alive)
        print(f"{part:18} {len(lines):9} {count:8,} {killed:7,} {same:9} {len(alive):6} {seconds:8.1f}", flush=True)
        print(*alive, sep="\n", end="\n" * bool(alive))
        total += len(alive)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
