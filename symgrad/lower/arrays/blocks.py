"""How many rows a group of nests computes together, and into how many chunks its rows are cut.

A block is as many rows as stay in the cache, from how many numbers a row has. Chunks are for threads; sizes alone
decide how many there are, so that what is summed chunk by chunk does not depend on the number of threads.
"""

from __future__ import annotations

CACHE = 2**15  # bytes: the first level's
STEP, LARGEST = 8, 512  # rows: a multiple of any vector's lanes
CHUNKS = 8
SMALL = 2**12  # multiplications of a product for each row: OpenBLAS needs no threads of its own for 64 such rows


def block_of(numbers: int, least: int) -> int:
    """The rows of a block; `least`: however many numbers they have."""
    return max(min(CACHE // (8 * STEP) // max(numbers, 1), LARGEST // STEP) * STEP, least)


def block_text(numbers: str, least: int) -> str:
    """The same as a Python expression."""
    return f"max(min({CACHE // (8 * STEP)}//max({numbers}, 1), {LARGEST // STEP})*{STEP}, {least})"


def length_of(extent: int, block: int, row: int, sums: int) -> int:
    """The rows of a chunk, from those in all and in a block, the numbers in a row, and those summed over the rows.

    They are whole blocks, and enough of them that adding the chunks' sums is little beside.
    """
    least = (CACHE // 8 + sums) // max(row, 1)
    return max(-(-max(extent // CHUNKS, least) // block), 1) * block


def length_text(extent: str, block: str, row: str, sums: str) -> str:
    """The same as a Python expression."""
    least = f"({CACHE // 8} + {sums})//max({row}, 1)"
    return f"max(-(-max(({extent})//{CHUNKS}, {least})//{block}), 1)*{block}"
