"""The operations: one class for each, the only place that knows it. Importing the package fills the table."""

from symgrad.ops import (
    arithmetic,
    contract,
    exponential,
    guards,
    hyperbolic,
    leaf,
    linear_algebra,
    logic,
    position,
    reduce,
    rounding,
    select,
    special,
    stable,
    trigonometric,
    view,
)

__all__ = [
    "arithmetic",
    "contract",
    "exponential",
    "guards",
    "hyperbolic",
    "leaf",
    "linear_algebra",
    "logic",
    "position",
    "reduce",
    "rounding",
    "select",
    "special",
    "stable",
    "trigonometric",
    "view",
]
