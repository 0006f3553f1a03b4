"""What a call of compiled loops is to know of their program: its memory, for given sizes.

It has a form of numbers and words alone, in which it is kept on disk. A size is a word there: its expression, each
operation after what it is applied to, with numbers for the symbols: `s0 s1 Mul:2` is their product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import sympy as sp

from symgrad.lower.arrays.loops import ArrayProgram, Block, Buffer, Cut
from symgrad.types import Size

OPERATIONS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in (sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min, sp.floor, sp.ceiling, sp.Mod)
}


class Storage(NamedTuple):
    """The buffers, blocks and cuts of a program; the sizes in its table; how many chunks each part has."""

    buffers: Sequence[Buffer]
    blocks: Sequence[Block]
    cuts: Sequence[Cut]
    table: Sequence[Size]
    chunks: Sequence[Size]


def storage(program: ArrayProgram, table: Sequence[Size], chunks: Sequence[Size]) -> Storage:
    """That of a program, whose machine code has this table and these chunks."""
    return Storage(program.buffers, program.blocks, program.cuts, table, chunks)


def as_words(s: Storage, symbols: Sequence[sp.Symbol]) -> Any:
    """The same in lists of numbers and words; sizes are in these symbols and the program's own. None if one is not."""
    own = [*(b.symbol for b in s.blocks), *(x for cut in s.cuts for x in (cut.number, cut.length))]
    write = partial(_written, {x: f"s{k}" for k, x in enumerate([*symbols, *own])})
    try:
        return [
            [str(x) for x in own],
            [[b.name, write(b.dims), b.role, b.dtype, b.of] for b in s.buffers],
            [write(block) for block in s.blocks],
            [write(cut) for cut in s.cuts],
            write(s.table),
            write(s.chunks),
        ]
    except KeyError:
        return None


def from_words(words: Any, symbols: Sequence[sp.Symbol]) -> Storage:
    """The storage that is written so."""
    names, buffers, blocks, cuts, table, chunks = words
    own = [sp.Symbol(name, integer=True, positive=True) for name in names]
    read = partial(_read, {f"s{k}": x for k, x in enumerate([*symbols, *own])})
    return Storage(
        [Buffer(name, tuple(read(dims)), role, dtype, of) for name, dims, role, dtype, of in buffers],
        [Block(*read(block)) for block in blocks],
        [Cut(*read(cut)) for cut in cuts],
        read(table),
        read(chunks),
    )


def _written(symbols: Mapping[sp.Symbol, str], sizes: Iterable[Size]) -> list[str]:
    """The word for each size. Raises KeyError for one that has none."""
    return [" ".join([_token(symbols, e) for e in sp.postorder_traversal(sp.sympify(n, strict=True))]) for n in sizes]


def _token(symbols: Mapping[sp.Symbol, str], e: Any) -> str:
    if e.is_Rational:
        return str(e)
    if e.is_Symbol:
        return symbols[e]
    name = e.func.__name__
    if OPERATIONS.get(name) is not e.func:
        raise KeyError(name)
    return f"{name}:{len(e.args)}"


def _read(symbols: Mapping[str, sp.Symbol], words: Iterable[str]) -> list[Any]:
    """The size of each word."""
    found = []
    for word in words:
        stack: list[Any] = []
        for token in word.split(" "):
            name, colon, count = token.partition(":")
            if colon:
                first = len(stack) - int(count)
                stack[first:] = [OPERATIONS[name](*stack[first:])]
            elif token in symbols:
                stack.append(symbols[token])
            else:
                above, _, below = token.partition("/")
                stack.append(sp.Rational(int(above), int(below or "1")))
        (size,) = stack
        found.append(int(size) if size.is_Integer else size)
    return found
