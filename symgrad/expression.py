"""SymPy -> SymPy: the derivatives of expressions, without a Function to hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.arguments import declared_variables
from symgrad.arrays import array_of, array_types, holds_indices, is_array
from symgrad.errors import ArgumentError, UndefinedDerivative, VariableError
from symgrad.from_sympy import as_expression, convert_all, is_variable, parts
from symgrad.function import Function
from symgrad.graph import Graph, Node, reachable
from symgrad.ops.leaf import Input
from symgrad.ops.position import sizes_of_nodes
from symgrad.structure import flatten
from symgrad.types import symbols_in


def grad(expr: Any, wrt: Any = None) -> Any:
    """The gradient of a scalar expression: one variable in, one out; a list in, a tuple out, in its order.

    Raises VariableError, UnsupportedExpression, UndefinedDerivative.

        >>> x, y, z = sp.symbols("x y z")
        >>> grad((x + y) * z, [x, y, z])
        (z, z, x + y)
    """
    return _function(expr, wrt).grad(_chosen(expr, wrt)).outputs


def jacobian(exprs: Any, wrt: Any = None) -> Any:
    """d exprs / d wrt, of shape out.shape + wrt.shape: a Matrix for a list by a list, else a vector or a scalar."""
    return _function(exprs, wrt).jacobian(_chosen(exprs, wrt)).outputs


def hessian(expr: Any, wrt: Any = None) -> Any:
    """The Matrix of second derivatives of a scalar expression; for one scalar variable, the second derivative."""
    return _function(expr, wrt).hessian(_chosen(expr, wrt)).outputs


def jvp(exprs: Any, wrt: Any, v: Any) -> Any:
    """J v: the derivative of each expression along v, which holds an expression for each variable."""
    function = _function(exprs, wrt, v)
    return _filled(function, function.jvp(_chosen(exprs, wrt)), v)


def vjp(exprs: Any, wrt: Any, u: Any) -> Any:
    """J^T u: u holds an expression for each output."""
    function = _function(exprs, wrt, u)
    return _filled(function, function.vjp(_chosen(exprs, wrt)), u)


def hvp(expr: Any, wrt: Any, v: Any) -> Any:
    """H v, without H: v holds an expression for each variable."""
    function = _function(expr, wrt, v)
    return _filled(function, function.hvp(_chosen(expr, wrt)), v)


def variables(*values: Any) -> list[Any]:
    """All that stands for a variable in the expressions, by name. The t of theta(t) does only where it stands alone;
    the n of a size and the i of a sum do not."""
    expressions = _expressions(*values)
    whole = array_types(expressions)
    if holds_indices(expressions) or whole:
        nodes = reachable(convert_all(Graph(), expressions, whole))
        found = {node.op.variable: None for node in nodes if isinstance(node.op, Input)}
        found |= dict.fromkeys(_free_sizes(nodes))
    else:
        found = {e: None for e in parts(expressions) if is_variable(e)}
    return sorted(found, key=lambda e: (str(e), sp.default_sort_key(e)))


def _free_sizes(nodes: Sequence[Node]) -> set[sp.Symbol]:
    """The sizes that no array brings, such as the n of a sum of powers x**i for i = 1, ..., n."""
    arrays = [node.type.shape for node in nodes if isinstance(node.op, Input)]
    return symbols_in(sizes_of_nodes(nodes)) - symbols_in(arrays)


def _expressions(*values: Any) -> list[sp.Basic]:
    return [as_expression(e) for value in values for _, elements in flatten(value)[1] for e in elements]


def _function(exprs: Any, wrt: Any, *more: Any) -> Function:
    """The expressions as a function of `wrt` and of what else they hold."""
    chosen = _chosen(exprs, wrt)
    first = list(chosen) if isinstance(chosen, (list, tuple, sp.Tuple)) else [chosen]
    whole = array_types(_expressions(exprs, *more), map(array_of, first))
    first = _unique([array_of(d) if array_of(d) in whole else d for d in first])
    named = [v for d in first for v in ([d] if is_array(d) and d in whole else declared_variables(d)[1])]
    for v in named:
        if not is_variable(v) and v not in whole:
            raise VariableError(
                "wrt is no variable", got=v if isinstance(v, sp.Basic) else f"{type(v).__name__} {v!r:.60}"
            )
    taken = set(named)
    if len(taken) != len(named):
        raise VariableError("a variable is named twice", got=str(named))
    others = [v for v in variables(exprs, *more) if v not in taken]
    for v in others:
        hidden = {x for x in taken if not v.is_Symbol and not is_array(v) and x in v.free_symbols}
        if hidden:
            raise UndefinedDerivative(
                f"{v} depends on {', '.join(sorted(map(str, hidden)))} in a way that is not known",
                got=v,
                hint=f"name {v} in wrt, or among the arguments of a Function, to take it as a variable of its own",
            )
    return Function([*first, *others], exprs)


def _unique(declared: Sequence[Any]) -> list[Any]:
    """Without what stands there before: two entries of one array are one argument."""
    found: list[Any] = []
    for d in declared:
        if not (is_array(d) and d in found):
            found.append(d)
    return found


def _chosen(exprs: Any, wrt: Any) -> Any:
    if wrt is not None:
        return wrt
    found = variables(exprs)
    if len(found) != 1:
        names = ", ".join(map(str, found)) or "none"
        raise VariableError(
            "which variable to differentiate by?", got=f"variables {names}", wanted="wrt, one or a list of them"
        )
    return found[0]


def _filled(function: Function, product: Function, vector: Any) -> Any:
    """The outputs of a product, with the expressions of the vector in place of its last arguments."""
    places = [node for a in product.arguments[len(function.arguments) :] for node in a.elements]
    values = convert_all(product.graph, _expressions(vector))
    if len(values) != len(places):
        raise ArgumentError("a vector of another length", got=len(values), wanted=f"{len(places)} expressions")
    return product.substitute(dict(zip(places, values, strict=True))).outputs
