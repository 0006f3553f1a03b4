"""Sums of guarded cotangents: the two branches of a condition become one select, and what is left keeps a guard."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Node, Term, arithmetic
from symgrad.ops.logic import And, Not, Relation, conjunction, disjunction, negation
from symgrad.ops.select import Select, guard_of, guarded, multiple, select

MOST = 16  # conditions of a guard that are looked through: to compare all with all costs their square


def guarded_sum(nodes: Sequence[Node]) -> Node:
    """The sum of cotangents. If each is guarded, so is the sum, by the disjunction: all may be switched off at once."""
    return multiple(*gathered([(1, x) for x in nodes]))


def gathered(terms: Sequence[Term]) -> Term:
    """The same of terms, as a term: one alone stays what it is."""
    if Select not in [type(x.op) for _, x in terms]:
        return terms[0] if len(terms) == 1 else (1, arithmetic["sum"](terms))
    nodes = [multiple(*term) for term in terms]
    if len(nodes) > 1:
        nodes = _branches_joined(nodes)
    guards = [guard_of(x) for x in nodes]
    total = arithmetic["sum"]([(1, x) for x in nodes])
    conditions = [guard[0] for guard in guards if guard is not None]
    if len(nodes) == 1 or len(conditions) < len(nodes) or _one_holds(conditions):
        return 1, total
    return 1, guarded(disjunction(*conditions), total)


def _branches_joined(terms: Sequence[Node]) -> list[Node]:
    """select(c and d, a, 0) + select(not c and d, b, 0) => select(d, select(c, a, b), 0); of one guard, their sum."""
    free: list[Node] = []
    by_conditions: dict[frozenset[Node], Node] = {}
    pending = list(reversed(terms))
    while pending:
        term = pending.pop()
        guard = guard_of(term)
        if guard is None:
            free.append(term)
            continue
        condition, value = guard
        conditions = _all_of(condition)
        same = by_conditions.pop(frozenset(conditions), None)
        if same is not None:
            pending.append(guarded(condition, _value(same) + value))
            continue
        joined = _joined_with_other_branch(conditions, value, by_conditions)
        if joined is None:
            by_conditions[frozenset(conditions)] = term
        else:
            pending.append(joined)
    return [*free, *by_conditions.values()]


def _joined_with_other_branch(
    conditions: list[Node], value: Node, by_conditions: dict[frozenset[Node], Node]
) -> Node | None:
    """This value and that of a term whose guard differs in the truth of one condition only, which leaves the table."""
    for c in conditions:
        others = [x for x in conditions if x is not c]
        partner = by_conditions.pop(frozenset([*others, negation(c)]), None)
        if partner is not None:
            other = _value(partner)
            joined = select(c.inputs[0], other, value) if isinstance(c.op, Not) else select(c, value, other)
            return guarded(conjunction(*others), joined) if others else joined
    return None


def _value(term: Node) -> Node:
    guard = guard_of(term)
    assert guard is not None
    return guard[1]


def _all_of(condition: Node) -> list[Node]:
    """The conditions that this one is the conjunction of, or itself if they are many."""
    found: dict[Node, None] = {}
    pending = [condition]
    while pending:
        c = pending.pop()
        if isinstance(c.op, And):
            pending.extend(reversed(c.inputs))
        else:
            found[c] = None
        if len(found) + len(pending) > MOST:
            return [condition]
    return list(found)


def _one_holds(conditions: Sequence[Node]) -> bool:
    """Does one of the conditions hold whatever the numbers, nan too? c or not c; not a < b or not b < a."""
    known = set(conditions)
    for c in known:
        if negation(c) in known:
            return True
        if isinstance(c.op, Not) and isinstance(c.inputs[0].op, Relation) and c.inputs[0].op.symbol == "<":
            a, b = c.inputs[0].inputs
            if negation(c.graph.add(Relation("<"), b, a)) in known:
                return True
    return False
