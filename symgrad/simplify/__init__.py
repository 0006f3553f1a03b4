"""Nodes -> equal nodes in better form, by a table of named rules."""

from symgrad.simplify import arrays, contractions, form, inverses, scalars
from symgrad.simplify.engine import FORM, STABLE, Rule, Simplified, rule, simplify
from symgrad.simplify.shared import shared_products

MODULES = (arrays, contractions, form, inverses, scalars)

__all__ = ["FORM", "MODULES", "STABLE", "Rule", "Simplified", "rule", "scalars", "shared_products", "simplify"]
