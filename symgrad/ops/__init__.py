"""The operations: one class for each, the only place that knows it. Importing the package fills the table."""

from symgrad.ops import (
    arithmetic,
    exponential,
    guards,
    hyperbolic,
    leaf,
    logic,
    rounding,
    select,
    special,
    stable,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "exponential",
    "guards",
    "hyperbolic",
    "leaf",
    "logic",
    "rounding",
    "select",
    "special",
    "stable",
    "trigonometric",
]
