"""Which operations are calls of BLAS, and with what."""

from __future__ import annotations

from collections.abc import Mapping

from symgrad.graph import Node
from symgrad.lower.arrays.loops import Call
from symgrad.ops.contract import Contract
from symgrad.types import Size

SMALL = 16  # a matrix product with an axis of no more, as a number, is loops

Labels = tuple[int, ...]


def called(node: Node, target: str, places: Mapping[Node, str] | None) -> Call | None:
    """The call that computes this node into a buffer, if there is one; without `places`, only to ask."""
    op = node.op
    if not isinstance(op, Contract) or len(node.inputs) != 2 or op.embeds:
        return None
    a, b = node.inputs
    found = _as_matrices(op, op.output)
    if found is None:
        return None
    swapped, flags, (rows, inner, columns) = found
    sizes: dict[int, Size] = {}
    for x, labels in zip(node.inputs, op.labels, strict=True):
        sizes.update(zip(labels, x.type.shape, strict=True))
    extents = tuple(tuple(sizes[k] for k in labels) for labels in (rows, inner, columns))
    if any(len(n) == 1 and isinstance(n[0], int) and n[0] <= SMALL for n in extents):
        return None
    left, right = (b, a) if swapped else (a, b)
    names = ("", "", target) if places is None else (places[left], places[right], target)
    return Call("gemm", names, flags, extents)


def loop_over_rows(node: Node) -> str | None:
    """The loop over what a matrix product sums, if that are the rows of both factors in memory; else None."""
    call = called(node, "", None)
    if call is None or call.flags != "TN" or len(call.sizes[1]) != 1:
        return None
    assert isinstance(node.op, Contract)
    (label,) = set(node.op.labels[0]) & set(node.op.labels[1])
    return f"i{label}"


def _as_matrices(op: Contract, output: Labels) -> tuple[bool, str, tuple[Labels, Labels, Labels]] | None:
    """The product as one of matrices whose axes are groups of axes: (are the factors exchanged, is each transposed,
    rows, summed, columns)."""
    for swapped in (False, True):
        left, right = reversed(op.labels) if swapped else op.labels
        inner = tuple(k for k in left if k in right)
        rows, columns = tuple(k for k in left if k not in right), tuple(k for k in right if k not in left)
        if not inner or not rows or not columns or set(inner) & set(output) or output != rows + columns:
            continue
        if len(set(left)) < len(left) or len(set(right)) < len(right):
            continue
        flags = ""
        for labels, plain, turned in ((left, rows + inner, inner + rows), (right, inner + columns, columns + inner)):
            flags += "N" if labels == plain else "T" if labels == turned else "?"
        if "?" not in flags:
            return swapped, flags, (rows, inner, columns)
    return None
