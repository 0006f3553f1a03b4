"""Sums of guarded cotangents: the two branches of a condition become one select, and what is left keeps a guard."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Node, arithmetic
from symgrad.ops.logic import And, Not, Relation, conjunction, disjunction, negation
from symgrad.ops.select import guard_of, guarded, select

MOST = 16  # conditions of a guard that are looked through: to compare all with all costs their square


def guarded_sum(terms: Sequence[Node]) -> Node:
    """The sum of cotangents. If each is guarded, so is the sum, by the disjunction: all may be switched off at once."""
    if len(terms) == 1:
        return terms[0]
    guards = [guard_of(term) for term in terms]
    if not any(guards):
        return arithmetic["sum"]([(1, term) for term in terms])
    if sum(guard is not None for guard in guards) > 1:
        terms = _branches_joined(terms)
        guards = [guard_of(term) for term in terms]
    total = arithmetic["sum"]([(1, term) for term in terms]) if len(terms) > 1 else terms[0]
    conditions = [guard[0] for guard in guards if guard is not None]
    if len(terms) == 1 or len(conditions) < len(terms) or _one_holds(conditions):
        return total
    return guarded(disjunction(*conditions), total)


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
