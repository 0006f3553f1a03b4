"""Products of matrices that are there already: SymPy opens Y.T*(A*B) to Y.T*A*B, also where A*B is needed elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

from symgrad.graph import Node, reachable, substitute
from symgrad.ops.contract import Contract, contract
from symgrad.simplify.parts import factors_of, recontracted


def shared_products(outputs: Sequence[Node]) -> list[Node]:
    """The outputs with contractions of three factors and more in terms of a product of two of them that is a node of
    its own among those that the outputs depend on.

    Before differentiation: what is computed once is also differentiated once.
    """
    nodes = reachable(outputs)
    products = {node for node in nodes if isinstance(node.op, Contract) and len(node.inputs) == 2 and node.op.summed}
    replaced: dict[Node, Node] = {}
    for node in nodes if products else ():
        if isinstance(node.op, Contract) and len(node.inputs) > 2:
            found = _by_a_product(node, products)
            if found is not None:
                replaced[node] = found
    return substitute(outputs, replaced) if replaced else list(outputs)


def _by_a_product(node: Node, products: set[Node]) -> Node | None:
    """The contraction with one of the products in place of two factors."""
    assert isinstance(node.op, Contract)
    factors = factors_of(node)
    for k, j in combinations(range(len(factors)), 2):
        pair = [factors[k], factors[j]]
        others: set[Hashable] = set(node.op.output)
        others.update(label for i, (_, ks) in enumerate(factors) if i not in (k, j) for label in ks)
        inside = list(dict.fromkeys(label for _, ks in pair for label in ks))
        kept = [label for label in inside if label in others]
        if len(kept) == len(inside) or not kept:
            continue
        for order in (kept, kept[::-1]) if len(kept) == 2 else (kept,):
            product = contract(node.graph, pair, order)
            if product in products:
                return recontracted(node, [(product, order)], [k, j])
    return None
