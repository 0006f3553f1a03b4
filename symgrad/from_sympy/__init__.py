"""SymPy expressions -> nodes of a graph: scalars, index notation, matrices and arrays."""

from symgrad.from_sympy.scalars import as_expression, convert_all, from_sympy, is_variable, parts

__all__ = ["as_expression", "convert_all", "from_sympy", "is_variable", "parts"]
