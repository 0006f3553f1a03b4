"""How many rows a group of nests computes together: as many as stay in the cache, from how many numbers a row has."""

from __future__ import annotations

CACHE = 2**15  # bytes: the first level's
STEP, LARGEST = 8, 512  # rows: a multiple of any vector's lanes


def block_of(numbers: int) -> int:
    """The rows of a block."""
    return min(max(CACHE // (8 * STEP) // max(numbers, 1), 1), LARGEST // STEP) * STEP


def block_text(numbers: str) -> str:
    """The same as a Python expression."""
    return f"min(max({CACHE // (8 * STEP)}//max({numbers}, 1), 1), {LARGEST // STEP})*{STEP}"
