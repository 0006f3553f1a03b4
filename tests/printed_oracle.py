"""The entries of a SymPy expression with matrices, sums and indices, for explicit small sizes: by its definition only.

It shares no line with the package: matrices are NumPy arrays of rank 2, sums are loops.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions import ArrayElement

from symgrad.pieces import Pieces

Values = Mapping[str, Any]  # numbers and arrays by name; a matrix symbol's array may lack its axes of size 1

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": math.exp,
    "log": lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "tan": math.tan,
    "atan": math.atan,
    "atan2": math.atan2,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "erf": math.erf,
    "Abs": abs,
    "sign": lambda x: float(np.sign(x)),
    "floor": math.floor,
    "ceiling": math.ceil,
    "Heaviside": lambda x, at0=0.5: 1.0 if x > 0 else 0.0 if x < 0 else float(at0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "relu": lambda x: max(0.0, x),
    "Max": max,
    "Min": min,
    "KroneckerDelta": lambda i, j: float(i == j),
}


def value(e: Any, values: Values) -> Any:
    """The number that a scalar is, or the array (of rank 2) that a matrix is, or the array of Entries."""
    e = sp.sympify(e)
    kind = type(e).__name__
    if kind == "Entries":
        indices, shape = (
            [pair.args[0] for pair in e.args[1:]],
            [int(value(pair.args[1], values)) for pair in e.args[1:]],
        )
        found = np.zeros(shape)
        for position in np.ndindex(*shape):
            here = dict(zip(map(str, indices), position, strict=True))
            found[position] = value(e.args[0], {**values, **here})
        return found
    if getattr(e, "is_Matrix", False):
        return matrix(e, values)
    return scalar(e, values)


def scalar(e: Any, values: Values) -> Any:
    """The number that an expression is: Piecewise reads only the branch that holds, Sum and Product are loops."""
    if e.is_Number or e.is_NumberSymbol:
        return int(e) if e.is_Integer else float(e)
    if e in (sp.true, sp.false):
        return bool(e)
    if e.is_Symbol:
        return values[str(e)]
    if isinstance(e, (sp.Sum, sp.Product)):
        return _loop(e, values)
    if isinstance(e, MatrixElement):
        whole, i, j = e.args
        return value(whole, values)[int(value(i, values)), int(value(j, values))]
    if isinstance(e, (sp.Indexed, ArrayElement)):
        name = e.base if isinstance(e, sp.Indexed) else e.args[0]
        indices = e.indices if isinstance(e, sp.Indexed) else e.args[1]
        places = tuple(int(value(i, values)) for i in indices)
        array = np.asarray(values[str(name)])
        assert all(0 <= i < n for i, n in zip(places, array.shape, strict=True)), (e, places, array.shape)
        return array[places].item()
    if isinstance(e, (sp.Piecewise, Pieces)):
        return next((value(v, values) for v, c in e.args if value(c, values)), math.nan)
    if isinstance(e, sp.Trace):
        return np.trace(value(e.arg, values))
    if isinstance(e, sp.Determinant):
        return np.linalg.det(value(e.arg, values))
    if isinstance(e, sp.Add):
        return sum(value(x, values) for x in e.args)
    if isinstance(e, sp.Mul):
        return math.prod(value(x, values) for x in e.args)
    if isinstance(e, sp.Pow):
        return _power(float(value(e.base, values)), value(e.exp, values))
    if isinstance(e, sp.Not):
        return not value(e.args[0], values)
    if isinstance(e, sp.And):
        return all(value(x, values) for x in e.args)
    if isinstance(e, sp.Or):
        return any(value(x, values) for x in e.args)
    if isinstance(e, sp.core.relational.Relational):
        a, b = (value(x, values) for x in e.args)
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[e.rel_op]
    name = type(e).__name__
    if name == "LogDet":
        return math.log(abs(np.linalg.det(value(e.args[0], values))))
    if name in REDUCTIONS:
        return _reduced(name, e, values)
    return FUNCTIONS[name](*[value(x, values) for x in e.args])


def _power(base: float, exponent: Any) -> float:
    if base == 0 and exponent < 0:
        return math.inf
    if base < 0 and exponent != int(exponent):
        return math.nan
    return base**exponent


def _positions(limits: Any, values: Values) -> Any:
    """The values of the indices: those named first vary fastest, and may depend on the later ones."""
    if not limits:
        yield dict(values)
        return
    index, low, high = limits[-1]
    for outer in [values]:
        for k in range(int(value(low, outer)), int(value(high, outer)) + 1):
            yield from _positions(limits[:-1], {**outer, str(index): k})


def _loop(e: Any, values: Values) -> Any:
    terms = [value(e.function, here) for here in _positions(e.limits, values)]
    return sum(terms) if isinstance(e, sp.Sum) else math.prod(terms)


REDUCTIONS: dict[str, Callable[[list[float]], float]] = {}
for _kind in ("OfMatrix", "OverIndex", "Along"):
    REDUCTIONS |= {
        f"LogSumExp{_kind}": lambda xs: float(np.logaddexp.reduce(xs)) if xs else -math.inf,
        f"Maximum{_kind}": lambda xs: max(xs, default=-math.inf),
        f"Minimum{_kind}": lambda xs: min(xs, default=math.inf),
    }
REDUCTIONS["Norm"] = lambda xs: math.sqrt(sum(x * x for x in xs))


def _reduced(name: str, e: Any, values: Values) -> float:
    """A function of all entries of a matrix, or of a body over indices with limits."""
    body, *limits = e.args
    if getattr(body, "is_Matrix", False):
        return REDUCTIONS[name](list(np.ravel(value(body, values))))
    return REDUCTIONS[name]([value(body, here) for here in _positions([tuple(x) for x in limits], values)])


def _shape(e: Any, values: Values) -> tuple[int, int]:
    rows, columns = (int(value(n, values)) for n in e.shape)
    return rows, columns


def matrix(e: Any, values: Values) -> Any:
    """The entries of a matrix expression. Raises AssertionError where shapes do not go together."""
    shape = _shape(e, values)
    found = np.asarray(_matrix(e, values), float)
    assert found.shape == shape, (e, found.shape, shape)
    return found


def _matrix(e: Any, values: Values) -> Any:
    rows, columns = _shape(e, values)
    if isinstance(e, sp.MatrixSymbol):
        return np.reshape(values[str(e)], (rows, columns))
    if isinstance(e, sp.MatrixBase):
        return np.array([[value(e[i, j], values) for j in range(columns)] for i in range(rows)]).reshape(rows, columns)
    if isinstance(e, sp.FunctionMatrix):
        i, j = map(str, e.lamda.variables)
        body = e.lamda.expr
        found = np.zeros((rows, columns))
        for a, b in itertools.product(range(rows), range(columns)):
            found[a, b] = value(body, {**values, i: a, j: b})
        return found
    if isinstance(e, sp.Identity):
        return np.eye(rows)
    if isinstance(e, sp.OneMatrix):
        return np.ones((rows, columns))
    if isinstance(e, sp.ZeroMatrix):
        return np.zeros((rows, columns))
    if isinstance(e, ElementwiseApplyFunction):
        return _each(e.function, matrix(e.expr, values), values)
    if isinstance(e, sp.HadamardPower):
        x, p = matrix(e.args[0], values), value(e.args[1], values)
        return np.array([[_power(v, p) for v in row] for row in x]).reshape(x.shape)
    parts = [value(x, values) for x in e.args]
    if isinstance(e, sp.MatAdd):
        assert len({np.shape(x) for x in parts}) == 1
        return sum(parts)
    if isinstance(e, sp.HadamardProduct):
        assert len({np.shape(x) for x in parts}) == 1
        return math.prod(parts)
    if isinstance(e, sp.MatMul):
        result = np.float64(1)
        for x in parts:
            result = result * x if np.ndim(x) == 0 or np.ndim(result) == 0 else result @ x
        return result
    if isinstance(e, sp.Inverse):
        return np.linalg.inv(parts[0])
    if isinstance(e, sp.MatPow):
        return np.linalg.matrix_power(parts[0], int(parts[1]))
    if isinstance(e, sp.Transpose):
        return parts[0].T
    if isinstance(e, (sp.DiagMatrix, sp.DiagonalMatrix)):
        return np.diag(np.ravel(parts[0])) if 1 in np.shape(parts[0]) else np.diag(np.diag(parts[0]))
    if isinstance(e, sp.DiagonalOf):
        return np.diagonal(parts[0]).reshape(-1, 1)
    name = type(e).__name__
    if name in ("SoftmaxAlong", "LogSoftmaxAlong"):
        y = np.exp(parts[0])
        y = y / y.sum(axis=int(e.args[1]), keepdims=True)
        return y if name == "SoftmaxAlong" else np.log(y)
    if name in REDUCTIONS:
        lines = parts[0].T if e.args[1] == 0 else parts[0]
        return np.array([REDUCTIONS[name](list(line)) for line in lines]).reshape(rows, columns)
    if name == "CholeskyFactor":
        return np.linalg.cholesky(parts[0])
    if name == "Solution":
        return np.linalg.solve(parts[0], parts[1])
    raise NotImplementedError(type(e).__name__)


def _each(function: Any, x: Any, values: Values) -> Any:
    if isinstance(function, sp.Lambda):
        (d,) = function.variables
        return np.array([[value(function.expr, {**values, str(d): v.item()}) for v in row] for row in x]).reshape(
            x.shape
        )
    return np.array([[FUNCTIONS[function.__name__](v.item()) for v in row] for row in x]).reshape(x.shape)
