"""Every mutant of every derivative rule -> whether the checks of its operation notice.

A mutant is put in place of the method on the class, in this process, and the checks of tests/rules.py are run on each
operation of the class: value, first and second partials against 80-digit differences, and the choices at kinks.
"""

from __future__ import annotations

# ruff: noqa: E501  a table, one line a mutant
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from symgrad.graph import Op
from symgrad.ops import arithmetic, contract, select, stable
from symgrad.ops.elementwise import Entrywise
from tests import array_checks
from tests.mutation.mutants import Mutant, mutants
from tests.rules import STRUCTURAL, bprop_problems, operations, problems


class Target(NamedTuple):
    """A function that is mutated: where it lives, under which name, and the checks that must notice."""

    owner: Any
    name: str
    checks: list[Callable[[], list[str]]]

    @property
    def words(self) -> str:
        return f"{self.owner.__name__.rpartition('.')[2]}.{self.name}"


# Mutants that are the same function: reason -> (target, words) of each.
REASONS: dict[str, list[tuple[str, str]]] = {
    "the form for n inputs gives two of them the same weights; the other only saves operations": [
        ("Extremum.partials", "constant - 1: 2 @ if len(y.inputs) == 2:"),
    ],
    "a guard before what is finite changes no value; without it a matrix product stays one": [
        (
            "contract.contract_guarded",
            "condition 1 dropped: guard is None or all((is_finite(x) for x, _ in others)) @ if guard is None or all((is_finite(x) for x, _ in ",
        ),
    ],
    "equality is symmetric": [
        (
            "ExtremumOver.bprop",
            "arguments swapped: equal(x, self.along(y, x)) @ chosen = equal(x, self.along(y, x))",
        ),
        (
            "ProductOfOthers.bprop",
            "arguments swapped: equal(contract(graph, [(eye, ['i', 'j'])], labels, sizes), ones) @ diagonal = equal(contract(graph, [(eye, ['i', 'j']",
        ),
        (
            "Pow.partials",
            "arguments swapped: equal(falling, y.like(0)) @ nonzero = negation(equal(falling, y.like(0)))",
        ),
    ],
    "PowLog(0) is Pow: log x to the power 0 is 1": [
        ("PowLog.partials", "relation: k > 1 @ lower = add(PowLog(k - 1) if k > 1 else Pow(), x, "),
        ("PowLog.partials", "constant - 1: 1 @ lower = add(PowLog(k - 1) if k > 1 else Pow(), x, "),
    ],
    "without its short form the power takes the general rule, which is the same function; no Power has this exponent otherwise": [
        ("Power.partials", "sign dropped: -1 @ if p == -1:"),
        ("Power.partials", "constant - 1: 1 @ if p == -1:"),
        ("Power.partials", "constant + 1: 1 @ if p == Fraction(1, 2):"),
        ("Power.partials", "constant - 1: 1 @ if p == Fraction(1, 2):"),
        ("Power.partials", "constant - 1: 2 @ if p == Fraction(1, 2):"),
        ("Power.partials", "sign dropped: -1 @ if p == Fraction(-1, 2):"),
        ("Power.partials", "constant - 1: 2 @ if p == Fraction(-1, 2):"),
        ("Power.partials", "constant + 1: 1 @ if p == Fraction(-1, 2):"),
        ("Power.partials", "constant - 1: 1 @ if p == Fraction(-1, 2):"),
    ],
    "the form for n factors gives the same for two; the other only saves operations": [
        ("Product.partials", "constant - 1: 2 @ if len(y.inputs) == 2:"),
    ],
    "times is symmetric: a guard is found on either side": [
        (
            "ExtremumOver.bprop",
            "arguments swapped: times(g, count ** (-1)) @ return (guarded(chosen, self.along(times(g, count ",
        ),
        (
            "ProductOver.bprop",
            "arguments swapped: times(self.along(g, x), x.graph.add(ProductOfOthers(), x)) @ return (times(self.along(g, x), x.graph.add(Produc",
        ),
        (
            "LogSumExpOver.bprop",
            "arguments swapped: times(self.along(g, x), x.graph.add(Softmax(self.axes), x)) @ return (times(self.along(g, x), x.graph.add(Softma",
        ),
        (
            "Softmax.bprop",
            "arguments swapped: times(g - broadcast(mean, y.type.shape, kept), y) @ return (times(g - broadcast(mean, y.type.shape, ke",
        ),
        (
            "NormOver.bprop",
            "arguments swapped: times(g, y.graph.add(FilledReciprocal(), y)) @ share = times(g, y.graph.add(FilledReciprocal(), y",
        ),
        (
            "NormOver.bprop",
            "arguments swapped: times(self.along(share, x), x) @ return (times(self.along(share, x), x),)",
        ),
    ],
}
EQUIVALENT = {mutant for same in REASONS.values() for mutant in same}


def targets() -> list[Target]:
    """Every `partials` and `bprop` of the operations, once each, and the helper that some of them share."""
    users: dict[tuple[Any, str], list[Op]] = {}
    for op in operations():
        for kind in type(op).__mro__:
            if "partials" in kind.__dict__ and kind is not Entrywise:
                users.setdefault((kind, "partials"), []).append(op)
                break
        for kind in type(op).__mro__:
            if "wins" in kind.__dict__:
                users.setdefault((kind, "wins"), []).append(op)
                break
    found = [Target(owner, name, [_check(op) for op in ops]) for (owner, name), ops in users.items()]
    norms: list[Op] = [stable.Hypot(), stable.Norm(), stable.Norm((2, 3, 5))]
    found.append(Target(stable, "_norm_partials", [_check(op) for op in norms]))
    for kind, name in ((arithmetic.Add, "partials"), (arithmetic.Product, "partials"), (select.Select, "bprop")):
        members = [(op, n) for op, n in STRUCTURAL if isinstance(op, kind)]
        found.append(Target(kind, name, [_structural_check(op, n) for op, n in members]))
    return [*found, *array_targets()]


def array_targets() -> list[Target]:
    """The `bprop` of every operation on whole arrays."""
    checks: dict[Any, list[Callable[[], list[str]]]] = {}
    for example in array_checks.EXAMPLES:
        checks.setdefault(_owner(example.op), []).append(lambda e=example: array_checks.derivative_problems(e))
    for choice in array_checks.CHOICES:
        checks.setdefault(_owner(choice.op), []).append(lambda c=choice: array_checks.choice_problems(c))
    found = [Target(owner, "bprop", of_owner) for owner, of_owner in checks.items()]
    with_guards = [*checks[contract.Contract], array_checks.guarded_product_problems]
    found.append(Target(contract, "contract_guarded", with_guards))
    return found


def _owner(kind: type) -> type:
    """The class that the rule stands in."""
    return next(c for c in kind.__mro__ if "bprop" in c.__dict__)


def _check(op: Op) -> Callable[[], list[str]]:
    return lambda: problems(op, count=2)


def _structural_check(op: Op, inputs: int) -> Callable[[], list[str]]:
    return lambda: bprop_problems(op, inputs, count=1)


def survivors(target: Target) -> Iterator[Mutant | None]:
    """For each mutant of the target: itself if no check noticed, else None."""
    original = target.owner.__dict__[target.name]
    for mutant in mutants(original):
        setattr(target.owner, target.name, mutant.function)
        try:
            noticed = any(map(_notices, target.checks))
        finally:
            setattr(target.owner, target.name, original)
        yield None if noticed else mutant


def _notices(check: Callable[[], list[str]]) -> bool:
    try:
        return bool(check())
    except Exception:  # noqa: BLE001  a mutant that raises is noticed
        return True
