"""SymPy expressions -> nodes of a graph: scalars, index notation, matrices and arrays."""

from symgrad.from_sympy.driver import convert_all, from_sympy, parts
from symgrad.from_sympy.leaves import as_expression, is_variable

__all__ = ["as_expression", "convert_all", "from_sympy", "is_variable", "parts"]
