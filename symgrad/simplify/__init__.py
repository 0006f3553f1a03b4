"""Nodes -> equal nodes in better form, by a table of named rules."""

from symgrad.simplify import form, scalars
from symgrad.simplify.engine import FORM, STABLE, Rule, Simplified, rule, simplify

__all__ = ["FORM", "STABLE", "Rule", "Simplified", "form", "rule", "scalars", "simplify"]
