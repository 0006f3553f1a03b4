"""The shapes of arrays that came in -> the numbers that stand for the symbols in declared sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from symgrad.errors import ShapeError
from symgrad.types import Size, shape_in_numbers


def bound_sizes(
    arrays: Sequence[tuple[str, tuple[Size, ...], tuple[int, ...]]], given: Mapping[sp.Symbol, int] | None = None
) -> dict[sp.Symbol, int]:
    """The sizes, from those given and from (name, declared shape, shape found) for each array.

    An axis declared as n binds n; one declared as 2*n - 1 binds it too if nothing else does. Raises ShapeError naming
    argument, expected and found, where an array does not fit, or a symbol is not determined.
    """
    sizes: dict[sp.Symbol, int] = dict(given or {})
    for name, declared, found in arrays:
        if len(declared) != len(found):
            raise ShapeError(
                f"argument {name} has another shape", got=found, wanted=f"{len(declared)} axes: {declared}"
            )
        for n, k in zip(declared, found, strict=True):
            if isinstance(n, sp.Symbol):
                sizes.setdefault(n, k)
    for _, declared, found in arrays:
        for n, k in zip(declared, found, strict=True):
            if isinstance(n, int):
                continue
            unknown = sorted(n.free_symbols - sizes.keys(), key=str)
            if len(unknown) == 1:
                solutions = sp.solve(n.xreplace(sizes) - k, unknown[0])
                whole = [s for s in solutions if s.is_Integer and s >= 0]
                if len(whole) == 1:
                    sizes[unknown[0]] = int(whole[0])
    for name, declared, found in arrays:
        loose = {s for n in declared if isinstance(n, sp.Expr) for s in n.free_symbols} - sizes.keys()
        if loose:
            raise ShapeError(
                f"the size {', '.join(sorted(map(str, loose)))} is not determined by the arguments", got=str(declared)
            )
        if shape_in_numbers(declared, sizes) != tuple(found):
            wanted = shape_in_numbers(declared, sizes)
            raise ShapeError(
                f"argument {name} has another shape",
                got=found,
                wanted=str(wanted) if declared == wanted else f"{_text(declared)} = {wanted}",
            )
    return sizes


def _text(shape: tuple[Size, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
