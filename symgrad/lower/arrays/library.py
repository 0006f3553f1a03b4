"""Which operations are calls of BLAS, with what, and into which memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from symgrad.graph import Exact, Node, consumers
from symgrad.lower.arrays.loops import Call, Statement
from symgrad.ops.arithmetic import Add
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
    """The loop of a matrix product over the rows of its left factor in memory, by which it may run in blocks; or None.

    They are the rows of the result, or what is summed, if they are the right factor's as well.
    """
    call = called(node, "", None)
    if call is None or call.flags not in ("NN", "NT", "TN") or len(call.by_rows) != 1:
        return None
    assert isinstance(node.op, Contract)
    label = node.op.output[0]
    if call.flags == "TN":
        (label,) = set(node.op.labels[0]) & set(node.op.labels[1])
    return f"i{label}"


class Accumulated(NamedTuple):
    """A sum, by what its memory has before products are added to it, if anything; and these, with their factors."""

    first: Node | None
    products: Mapping[Node, Exact]

    def calls(self, target: str, places: Mapping[Node, str]) -> list[Statement]:
        """The products, the first of which stores if there is nothing to add to."""
        found: list[Statement] = []
        for product, factor in self.products.items():
            call = called(product, target, places)
            assert call is not None
            found.append(replace(call, factor=factor, accumulates=bool(found) or self.first is not None))
        return found


def accumulated(nodes: Sequence[Node], stored: Collection[Node], kept: Collection[Node]) -> dict[Node, Accumulated]:
    """The stored sums whose products of matrices are computed in their memory: by calls that add to what is there.

    A product is if nothing else reads it. kept: nodes that want memory of their own.
    """
    readers = consumers(nodes)
    found: dict[Node, Accumulated] = {}
    for node in nodes:
        op = node.op
        if not isinstance(op, Add) or node not in stored:
            continue
        terms = dict(zip(node.inputs, op.coefficients, strict=True))
        own = {x: c for x, c in terms.items() if readers[x] == [node] and x not in kept and called(x, "", None)}
        rest = {x: c for x, c in terms.items() if x not in own}
        if own:
            first = node.graph.add(Add(tuple(rest.values())), *rest) if rest else None
            found[node] = Accumulated(first, own)
    return found


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
