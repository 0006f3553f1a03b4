"""The memory of a program of arrays, in numbers and words: what is written is read again."""

import json

import pytest
import sympy as sp

from symgrad.lower.arrays.loops import Block, Buffer, Cut
from symgrad.lower.arrays.storage import Storage, as_words, from_words
from symgrad.types import Size

n, m, loose = sp.Symbol("n", integer=True, positive=True), sp.Symbol("m", integer=True), sp.Symbol("p", integer=True)
block, length, number = sp.symbols("block0 length0 chunks0", integer=True, positive=True)


def of(size: Size) -> Storage:
    return Storage(
        [Buffer("x0", (size, 3), "in"), Buffer("t0", (), "scratch", "i4", "x0")],
        [Block(block, size, 8)],
        [Cut(number, length, n, block, m + 1, 0)],
        [size, block, length * n],
        [number, 1],
    )


SIZES = [
    *(0, 1, -7, n, m, n + 1, n - m, 2 * n * m - 3, n**2, (n + 1) * (m - 1), n / 2, sp.Integer(5)),
    *(sp.Max(0, n - m), sp.Min(n, m, 3), sp.floor(n / 2), sp.ceiling(n / 3), sp.Mod(n, m), sp.floor((n + m) / 4) * 4),
    *(n * block, sp.Max(0, sp.Min(n, m) - 1)),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_written_is_read_again(size: Size) -> None:
    words = as_words(of(size), [n, m])
    assert from_words(json.loads(json.dumps(words)), [n, m]) == of(size)


def test_symbols_go_by_their_numbers() -> None:
    words = as_words(of(n - m), [n, m])
    other = sp.symbols("a b", integer=True)
    assert from_words(words, other).table[0] == other[0] - other[1]


@pytest.mark.parametrize("size", [loose, n + loose, sp.gamma(n), n * 1.5, sp.oo, sp.Function("f")(n)], ids=str)
def test_what_has_no_words_is_not_written(size: Size) -> None:
    assert as_words(of(size), [n, m]) is None
