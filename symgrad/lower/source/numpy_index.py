"""Maps of indices -> NumPy's slices where they say it, else arrays of indices."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.lower.source.expressions import ATOM, TERM, Text
from symgrad.lower.source.size_text import SizeNames
from symgrad.ops.view import Mapped, Place
from symgrad.types import Size, as_size


def viewed(
    op: Mapped, array: tuple[Size, ...], integers: Sequence[Text], sizes: SizeNames
) -> tuple[str, frozenset[int]]:
    """The index of a View's array as a text, and the axes of the result along which it is thin."""
    used = [axis for place in op.places for axis, _ in place.terms]
    used += [axis for place in op.places for _, axes, _ in place.gathered for axis in axes]
    thin = frozenset(range(len(op.shape))) - set(used)
    if not op.clip and _slices(op, array, op.shape) and used == sorted(used):
        parts = [_slice(p, n, op.shape, sizes) for p, n in zip(op.places, array, strict=True)]
        gaps = [axis for axis in range(len(op.shape)) if axis in thin and any(u < axis for u in used)]
        if not gaps:
            while len(parts) > 1 and parts[-1] == ":":
                parts.pop()
            return ", ".join(parts), thin
    axes = [axis for axis in range(len(op.shape)) if axis not in thin]
    front = axes[0] if axes else len(op.shape)
    grids = range(front, len(op.shape))  # thin axes in front are missing
    return ", ".join(_indices(op, op.shape, list(grids), integers, sizes)), thin


def accumulated(
    op: Mapped, array: tuple[Size, ...], values: tuple[Size, ...], integers: Sequence[Text], sizes: SizeNames
) -> tuple[list[int], str, str]:
    """Of an Accumulate: the axes of the values that are not summed before, the index, and "slice" or "add"."""
    used = [axis for place in op.places for axis, _ in place.terms]
    used += [axis for place in op.places for _, axes, _ in place.gathered for axis in axes]
    kept = [axis for axis in range(len(values)) if axis in used]
    if not op.clip and _slices(op, array, values) and used == sorted(used):
        return kept, ", ".join(_slice(p, n, values, sizes) for p, n in zip(op.places, array, strict=True)), "slice"
    return kept, ", ".join(_indices(op, values, kept, integers, sizes)), "add"


def _slices(op: Mapped, array: Sequence[Size], values: Sequence[Size]) -> bool:
    """Is every place an offset, or a range up one axis, or the whole of one downwards; and has no axis two places?"""
    used = [axis for place in op.places for axis, _ in place.terms]
    if len(set(used)) < len(used):
        return False
    for place, size in zip(op.places, array, strict=True):
        if place.gathered or len(place.terms) > 1:
            return False
        for axis, c in place.terms:
            whole = (c, place.offset, values[axis]) == (-1, as_size(size - 1), size)
            if c <= 0 and not whole:
                return False
    return True


def _slice(place: Place, size: Size, shape: Sequence[Size], sizes: SizeNames) -> str:
    """start:stop:step, which is right for empty axes too."""
    if not place.terms:
        return sizes.text(place.offset)
    ((axis, c),) = place.terms
    n = shape[axis]
    if c < 0:
        return "::-1"
    stop = as_size(place.offset + c * n)
    start = "" if place.offset == 0 else sizes.extent(place.offset)
    left = as_size(size - stop)
    if c > 1:
        inside = isinstance(left, int) and left > 0
        end = f"-{left}" if inside else "" if isinstance(left, int) else sizes.extent(stop)
        return f"{start}:{end}:{c}"
    end = "" if left == 0 else f"-{left}" if isinstance(left, int) and left > 0 else sizes.extent(stop)
    return f"{start}:{end}"


def _indices(
    op: Mapped, values: Sequence[Size], axes: list[int], integers: Sequence[Text], sizes: SizeNames
) -> list[str]:
    """An array of indices for each place: they broadcast together to these axes of the values."""
    found = []
    for place in op.places:
        terms: list[str] = []
        for axis, c in place.terms:
            grid = f"np.arange({sizes.extent(values[axis])}){_new_axes([axis], axes)}"
            terms.append(grid if c == 1 else f"{c}*{grid}")
        for k, at, c in place.gathered:
            text = integers[k]
            order = sorted(range(len(at)), key=lambda a: at[a])
            if order != list(range(len(at))):
                text = Text(f"{text.within(ATOM)}.transpose({', '.join(map(str, order))})")
            suffix = _new_axes(sorted(at), axes)
            grid = f"{text.within(ATOM)}{suffix}" if suffix else text.within(TERM)
            terms.append(grid if c == 1 else f"{c}*{grid}")
        if place.offset != 0 or not terms:
            terms.append(sizes.text(place.offset))
        found.append(" + ".join(terms).replace("+ -", "- "))
    return found


def _new_axes(own: list[int], axes: list[int]) -> str:
    """The index that puts an array's axes where they belong among these."""
    if not own:
        return ""
    places = [":" if axis in own else "None" for axis in axes if axis >= own[0]]
    return "" if "None" not in places else f"[{', '.join(places)}]"
