"""Nodes -> equal nodes in better form, by a table of named rules."""

from symgrad.simplify import arrays, contractions, form, inverses, scalars
from symgrad.simplify.engine import FORM, STABLE, Rule, Simplified, rule, simplify

__all__ = [
    "FORM",
    "STABLE",
    "Rule",
    "Simplified",
    "arrays",
    "contractions",
    "form",
    "inverses",
    "rule",
    "scalars",
    "simplify",
]
