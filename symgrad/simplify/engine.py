"""The tables of rules, and the pass that applies them.

A rule says before => after, and when it holds. Two sets: what stability needs runs before and after build_grad; what
only shapes the form runs after it. "Exact" means: the same real number wherever the left side is defined. None of the
rules is `x/x => 1` or `0*x => 0`.

Each pass is one forward sweep: a node's inputs are in their final form when the node is reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from symgrad.graph import Node, Op, reachable
from symgrad.progress import counted

MOST_SWEEPS = 8  # over arrays: what one rule made may leave a node with one reader, which another waits for


@dataclass(frozen=True)
class Rule:
    """before => after, tried on nodes of one operation that have such an input; `apply` gives None where it does not
    hold. of_arrays: never where no node is an array."""

    name: str
    formula: str
    condition: str
    heads: tuple[type[Op], ...]  # an abstract class stands for all of its kind
    over: tuple[type[Op], ...]  # of one input at least: where there is none, the rule does not hold
    apply: Callable[[Node, Counter[Node]], Node | None]
    of_arrays: bool = False
    wants_readers: bool = False


class Simplified(NamedTuple):
    """The outputs, how often each rule was applied, and the nodes that the outputs depend on, in topological order."""

    outputs: list[Node]
    applied: Counter[str]
    nodes: list[Node]


STABLE: list[Rule] = []
FORM: list[Rule] = []


def simplify(outputs: Sequence[Node], rules: Iterable[Rule], normal: Iterable[Node] = ()) -> Simplified:
    """The outputs in the form that the rules give.

    Nodes in `normal` are known to be in form already, with all below them: they are kept as they are.
    """
    applied: Counter[str] = Counter()
    kept = set(normal)
    found, nodes = list(outputs), reachable(outputs)
    has_arrays = any(node.type.shape for node in nodes)
    table = _Table([rule for rule in rules if has_arrays or not rule.of_arrays])
    for _ in range(MOST_SWEEPS):
        now: Counter[str] = Counter()
        swept = _swept(found, [node for node in nodes if node not in kept], table, kept, now)
        if not now:
            break
        found, nodes = swept, reachable(swept)
        applied += now
        if not has_arrays:  # of scalars, one sweep gives all
            break
    return Simplified(found, applied, nodes)


class _Table(dict[type[Op], "_RulesOver"]):
    """The rules by operation, found when one is first met."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    def __missing__(self, head: type[Op]) -> _RulesOver:
        self[head] = _RulesOver([rule for rule in self.rules if issubclass(head, rule.heads)])
        return self[head]

    def of(self, node: Node) -> Sequence[Rule]:
        """Those that may hold. Mostly there are none: no input by itself has any."""
        over = self[type(node.op)]
        for x in node.inputs:
            if over[type(x.op)]:
                return over[frozenset([type(x.op) for x in node.inputs])]
        return ()


class _RulesOver(dict[type[Op] | frozenset[type[Op]], list[Rule]]):
    """The rules of one operation by the kind of an input, or by those of all."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    def __missing__(self, key: type[Op] | frozenset[type[Op]]) -> list[Rule]:
        kinds = key if isinstance(key, frozenset) else [key]
        self[key] = [rule for rule in self.rules if any(issubclass(kind, rule.over) for kind in kinds)]
        return self[key]


def _swept(
    outputs: Sequence[Node],
    nodes: Sequence[Node],
    table: _Table,
    kept: set[Node],
    applied: Counter[str],
) -> list[Node]:
    moved: dict[Node, Node] = {}
    readers: Counter[Node] = Counter()
    if any(rule.wants_readers for rule in table.rules):
        readers.update(chain(*[node.inputs for node in nodes], outputs, kept))  # what is kept is read elsewhere too
    for node in counted(nodes, "simplifying"):
        result = node
        if moved and not moved.keys().isdisjoint(node.inputs):
            result = node.op.apply(*[moved.get(x, x) for x in node.inputs])
        result = _rewritten(result, table, readers, applied)
        if result is not node:
            moved[node] = result
            readers[result] += readers[node]
    return [moved.get(node, node) for node in outputs]


def _rewritten(node: Node, table: _Table, readers: Counter[Node], applied: Counter[str]) -> Node:
    """The node after its rules, until none holds; each makes it smaller or changes its operation, so this ends."""
    rules = table.of(node)
    while rules:
        for rule in rules:
            result = rule.apply(node, readers)
            if result is not None and result is not node:
                applied[rule.name] += 1
                node = result
                break
        else:
            break
        rules = table.of(node)
    return node


Kind = type[Op] | tuple[type[Op], ...]


def rule(
    into: list[Rule], heads: Kind, formula: str, condition: str = "exact", *, over: Kind = Op, of_arrays: bool = False
) -> Callable[..., Callable[..., Node | None]]:
    """Enters a function into a table, under its name. A second argument is how many read each node that exists so far;
    what a rule makes on the way is read by nobody else."""

    def enter(function: Callable[..., Node | None]) -> Callable[..., Node | None]:
        name = function.__name__.strip("_").replace("_", "-")
        wants_readers = function.__code__.co_argcount == 2
        apply = function if wants_readers else lambda node, readers: function(node)
        into.append(Rule(name, formula, condition, _kinds(heads), _kinds(over), apply, of_arrays, wants_readers))
        return function

    return enter


def _kinds(kind: Kind) -> tuple[type[Op], ...]:
    return kind if isinstance(kind, tuple) else (kind,)
