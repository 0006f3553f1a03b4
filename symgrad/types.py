"""What a node's value is: an element type and a shape. Sizes are integers, or SymPy expressions in integer symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import sympy as sp

Size: TypeAlias = int | sp.Expr
Sizes: TypeAlias = Mapping[sp.Symbol, int]  # the numbers that stand for the symbols in sizes


class Type(NamedTuple):
    """Element type (NumPy's short name: f8, f4, i8, b1) and shape. Shape () is a scalar."""

    dtype: str
    shape: tuple[Size, ...] = ()

    def __str__(self) -> str:
        return self.dtype + (f"[{', '.join(map(str, self.shape))}]" if self.shape else "")


REAL = Type("f8")
TRUTH = Type("b1")


def as_size(value: Any) -> Size:
    """A size in normal form: an int, or an expanded SymPy expression. Equal sizes are `==` in this form."""
    if isinstance(value, int):
        return value
    expanded = sp.expand(value)
    return int(expanded) if expanded.is_Integer else expanded


def as_count(size: Size) -> Size:
    """The size of an axis as a number in a formula: 0 where it may be below."""
    if isinstance(size, int):
        return max(0, size)
    counts = {s: sp.Dummy(integer=True, nonnegative=True) for s in size.free_symbols if not s.is_nonnegative}
    return size if size.xreplace(counts).is_nonnegative else sp.Max(0, size)


def size_in_numbers(size: Size, sizes: Sizes) -> int:
    """The size for these numbers; below 0 it is 0: a range whose end is before its begin is empty."""
    return max(0, integer(size, sizes))


def integer(value: Size, sizes: Sizes) -> int:
    """An integer expression in sizes, such as an offset, for these numbers."""
    return value if isinstance(value, int) else int(value.xreplace(dict(sizes)))


def shape_in_numbers(shape: tuple[Size, ...], sizes: Sizes) -> tuple[int, ...]:
    """The shape for these numbers."""
    return tuple([size_in_numbers(n, sizes) for n in shape])


def symbols_in(shapes: Iterable[tuple[Size, ...]]) -> set[sp.Symbol]:
    """The symbols in the sizes of some shapes."""
    return {s for shape in shapes for n in shape if isinstance(n, sp.Expr) for s in n.free_symbols}
