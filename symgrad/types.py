"""What a node's value is: an element type and a shape. Sizes are integers, or SymPy expressions in integer symbols."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import sympy as sp

Size: TypeAlias = int | sp.Expr


class Type(NamedTuple):
    """Element type (NumPy's short name: f8, f4, i8, b1) and shape. Shape () is a scalar."""

    dtype: str
    shape: tuple[Size, ...] = ()

    def __str__(self) -> str:
        return self.dtype + (f"[{', '.join(map(str, self.shape))}]" if self.shape else "")


REAL = Type("f8")
TRUTH = Type("b1")
