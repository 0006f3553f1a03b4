"""Product and reciprocal -> quotient: x * (1/y) is computed as x / y, which rounds once instead of twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.graph import Exact, Node, Op
from symgrad.ops.arithmetic import Power, Product
from symgrad.ops.emitter import Emitter


@dataclass(frozen=True)
class Quotient(Op):
    """x1 x2 / x3**p3 ...: the factors in order, each multiplied, or divided by its power. It exists in programs only.

    divisors: for each factor None, or the positive exponent of what divides. The first multiplies.
    """

    divisors: tuple[Exact | None, ...]

    def label(self) -> str:
        powers = ["*" if p is None else "/" if p == 1 else f"/**{p}" for p in self.divisors]
        return f"quotient[{' '.join(powers)}]"

    def emit(self, t: Emitter, *args: Any) -> Any:
        # One by one, in the order of the product: collecting the divisors first would overflow where it did not before.
        value, *rest = args
        for x, p in zip(rest, self.divisors[1:], strict=True):
            value = t.mul(value, x) if p is None else t.div(value, x if p == 1 else Power(p).emit(t, x))
        return value


def quotients(
    readers: dict[Node, list[Node]], wanted: set[Node], eligible: Callable[[Node], bool]
) -> tuple[dict[Node, tuple[Op, tuple[Node, ...]]], set[Node]]:
    """The products that become quotients, with what each is computed by and from; and the reciprocals that vanish.

    Only a reciprocal that one product reads goes in: a shared one is divided once and multiplied often, and
    multiplying is five times as fast.
    """
    found: dict[Node, tuple[Op, tuple[Node, ...]]] = {}
    absorbed: set[Node] = set()
    for product in dict.fromkeys(
        users[0]
        for node, users in readers.items()
        if isinstance(node.op, Power) and len(users) == 1 and isinstance(users[0].op, Product)
    ):
        factors = [(x, _divisor(x, readers[x]) if x not in wanted and eligible(x) else None) for x in product.inputs]
        first = next((k for k, (_, p) in enumerate(factors) if p is None), None)
        if first is None or len(factors) == sum(p is None for _, p in factors):
            continue
        factors.insert(0, factors.pop(first))
        absorbed |= {x for x, p in factors if p is not None}
        found[product] = (
            Quotient(tuple(p for _, p in factors)),
            tuple(x if p is None else x.inputs[0] for x, p in factors),
        )
    return found, absorbed


def _divisor(node: Node, users: Sequence[Node]) -> Exact | None:
    """The exponent to divide by if the node is a reciprocal that is read once."""
    if len(users) == 1 and isinstance(node.op, Power) and node.op.exponent < 0:
        return -node.op.exponent
    return None
