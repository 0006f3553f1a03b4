"""Nodes of rank 2 or less -> SymPy's matrix expressions: a vector is a column, its axis of size 1 comes second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.entries import Applied
from symgrad.graph import Node, Op
from symgrad.ops.arithmetic import Add, Power, to_sympy_number
from symgrad.ops.contract import Contract
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.leaf import Const, Input, exact_value
from symgrad.ops.linear_algebra import Factorisation
from symgrad.ops.logic import Connective, Relation
from symgrad.ops.select import Select, piecewise
from symgrad.to_sympy.chains import contraction
from symgrad.to_sympy.indexed import entry_rule
from symgrad.to_sympy.linear import whole_matrix
from symgrad.to_sympy.names import Names
from symgrad.to_sympy.opened import bound_inside, entry, opened
from symgrad.to_sympy.ranges import Scope, function_matrix
from symgrad.to_sympy.terms import hadamard, ones, product, split, weighted, zeros
from symgrad.types import Size

D = sp.Dummy("d")  # the variable of functions that are applied to each entry: one, so that equal ones are equal

# Conditions that hold for d > 0 and not for d < 0, as functions.
STEPS = {
    sp.Lt(0, D, evaluate=False): sp.Heaviside(D, 0),
    sp.Le(0, D, evaluate=False): sp.Heaviside(D, 1),
    sp.Not(sp.Lt(D, 0, evaluate=False), evaluate=False): sp.Heaviside(D, 1),
}


def matrix_shape(shape: Sequence[Size]) -> tuple[Size, Size]:
    """Rows and columns: a vector is a column."""
    rows, columns = (*shape, 1, 1)[:2]
    return rows, columns


def matrix_form_of(node: Node, args: Sequence[Any], names: Names) -> Any:
    """The matrix expression of one node from those of its inputs: a vector is a column; of truth values, a
    FunctionMatrix or a function applied to each entry. A factorisation has none."""
    if isinstance(node.op, Factorisation):
        return None
    scalar = not node.type.shape and not any(x.type.shape for x in node.inputs)
    if scalar and not isinstance(node.op, (Contract, Input)):
        return node.op.to_sympy(*args)
    form = matrix_form(node.op, node, args, names)
    return by_entries(node, args, names) if form is None else form


def by_entries(node: Node, args: Sequence[Any], names: Names) -> Any:
    """A node given by its entry: a number, or a FunctionMatrix of numbers or of truth values."""
    forms = dict(zip(node.inputs, args, strict=True))
    taken = {s for e in args if e is not None for s in bound_inside(e)}
    scope = Scope(dict.fromkeys(taken), names)
    rank = len(node.type.shape)
    indices = tuple([scope.fresh(n) for n in node.type.shape])
    rule = entry_rule(node.op, node, indices, scope)
    sent: Any = None
    while True:
        try:
            x, places = rule.send(sent)
        except StopIteration as finished:
            body = finished.value
            break
        sent = opened(forms[x], *(*places, 0, 0)[:2]) if x.type.shape else forms[x]
    if not rank:
        return body
    i, j = (*indices, *[scope.fresh(1) for _ in range(2 - rank)])
    return function_matrix(*matrix_shape(node.type.shape), (i, j), body)


@singledispatch
def matrix_form(op: Op, node: Node, args: Sequence[Any], names: Names) -> Any:
    """The matrix expression of a node of this operation; None if it has none."""
    return whole_matrix(op, args)


@matrix_form.register
def _input(op: Input, node: Node, args: Sequence[Any], names: Names) -> Any:
    rows, columns = matrix_shape(node.type.shape)
    x = op.variable
    if isinstance(x, sp.MatrixSymbol):
        if not node.type.shape:
            return entry(x, 0, 0)
        return sp.Transpose(x) if x.shape[0] == 1 else x
    if not node.type.shape:
        return x
    with sp.evaluate(True):
        return sp.MatrixSymbol(op.label(), rows, columns)


@matrix_form.register
def _const(op: Const, node: Node, args: Sequence[Any], names: Names) -> Any:
    if op.value == 0:
        return zeros(*matrix_shape(op.shape))
    return product(Const(op.value).to_sympy(), [ones(*matrix_shape(op.shape))])


@matrix_form.register
def _add(op: Add, node: Node, args: Sequence[Any], names: Names) -> Any:
    return weighted([(to_sympy_number(c), e) for c, e in zip(op.coefficients, args, strict=True)])


@matrix_form.register
def _power(op: Power, node: Node, args: Sequence[Any], names: Names) -> Any:
    coefficient, factors = split(args[0])
    power = to_sympy_number(op.exponent)
    return product(coefficient**power, [sp.HadamardPower(product(1, factors), power)])


@matrix_form.register
def _elementwise(op: Elementwise, node: Node, args: Sequence[Any], names: Names) -> Any:
    return _applied(op, node, args)


def _applied(op: Op, node: Node, args: Sequence[Any]) -> Any:
    """A function of one matrix and of numbers, applied to each entry; None if it is one of several matrices."""
    numbers = [exact_value(x) for x in node.inputs]
    if numbers.count(None) != 1:
        return None
    of = numbers.index(None)
    applied = op.to_sympy(*[D if number is None else to_sympy_number(number) for number in numbers])
    number, rest = applied.as_coeff_Add() if isinstance(applied, sp.Expr) else (0, applied)
    if number == 0:
        return Applied(sp.Lambda(D, applied), args[of])
    # 1 - f(x)**2 of each entry is the matrix of ones - f.(x).**2
    coefficient, power = rest.as_coeff_Mul()
    base, exponent = power.as_base_exp()
    entries = Applied(sp.Lambda(D, base), args[of])
    of_rest = entries if exponent == 1 else sp.HadamardPower(entries, exponent)
    return weighted([(number, ones(*args[of].shape)), (coefficient, of_rest)])


@matrix_form.register
def _relation(op: Relation, node: Node, args: Sequence[Any], names: Names) -> Any:
    return _applied(op, node, args)


@matrix_form.register
def _connective(op: Connective, node: Node, args: Sequence[Any], names: Names) -> Any:
    of = args[0].expr if isinstance(args[0], ElementwiseApplyFunction) else None
    if any(not isinstance(x, ElementwiseApplyFunction) or x.expr != of for x in args):
        return None
    return Applied(sp.Lambda(D, op.to_sympy(*[x.function.expr for x in args])), of)


@matrix_form.register
def _select(op: Select, node: Node, args: Sequence[Any], names: Names) -> Any:
    """What a condition on the entries of one matrix switches off is multiplied by 0 or 1, entry by entry."""
    condition, a, b = args
    if not isinstance(condition, ElementwiseApplyFunction) or not isinstance(b, sp.ZeroMatrix):
        return None
    coefficient, factors = split(a)
    whole = product(1, factors)
    parts = whole.args if isinstance(whole, sp.HadamardProduct) else [whole]
    body = condition.function.expr
    mask = Applied(sp.Lambda(D, STEPS.get(body) or indicator(body)), condition.expr)
    if body in STEPS and Applied(sp.Lambda(D, sp.Heaviside(D, 0)), condition.expr) in parts:
        return a
    return product(coefficient, [hadamard([mask, *parts])])


def indicator(condition: Any) -> Any:
    """1 where a condition holds, else 0."""
    return piecewise((sp.Integer(1), condition), (sp.Integer(0), sp.true))


@matrix_form.register
def _contract(op: Contract, node: Node, args: Sequence[Any], names: Names) -> Any:
    sizes: dict[Any, Size] = dict(op.extents)
    for x, labels in zip(node.inputs, op.labels, strict=True):
        sizes.update(zip(labels, x.type.shape, strict=True))
    return contraction(list(zip(args, op.labels, strict=True)), op.output, sizes, names)
