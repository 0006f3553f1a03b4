"""Value and gradient of an expression by another system: JAX, or SymEngine, in a Python that has it.

What goes there is a list of steps, one for each distinct part of SymPy's tree: no object of SymPy's or of this
package's, so that nothing but the formula is shared. `python tests/other_systems.py` is the other side: it reads a
request as a line of JSON and answers with one, for as long as there are any. It needs nothing of this package.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

Step = tuple[str, Any, Sequence[int]]  # a word, what belongs to it, and the places of its arguments
Words = dict[str, Callable[..., Any]]


class Missing(Exception):
    """A word that a system does not have."""


def run(steps: Sequence[Step], words: Words, inputs: Sequence[Any]) -> Any:
    """The last step's value, with the words of a system."""
    values: list[Any] = []
    for word, own, places in steps:
        arguments = [values[k] for k in places]
        if word == "input":
            values.append(inputs[own])
        elif word not in words:
            raise Missing(word)
        else:
            values.append(words[word](*arguments) if own is None else words[word](own, *arguments))
    return values[-1]


def _product(*factors: Any) -> Any:
    return reduce(lambda a, b: a * b, factors)


def _total(*terms: Any) -> Any:
    return reduce(lambda a, b: a + b, terms)


def shared(m: Any) -> Words:
    """What both say in the same words, over a module with exp, sin, ...; the rest by its definition."""
    words: Words = {
        "Add": _total, "Mul": _product, "exp2": lambda x: 2**x,
        "log2": lambda x: m.log(x) / math.log(2), "log10": lambda x: m.log(x) / math.log(10),
        "cot": lambda x: 1 / m.tan(x), "sec": lambda x: 1 / m.cos(x), "csc": lambda x: 1 / m.sin(x),
        "coth": lambda x: 1 / m.tanh(x), "sech": lambda x: 1 / m.cosh(x), "csch": lambda x: 1 / m.sinh(x),
        "frac": lambda x: x - m.floor(x), "Mod": lambda x, y: x - y * m.floor(x / y),
        "StrictLessThan": lambda a, b: a < b, "LessThan": lambda a, b: a <= b,
        "StrictGreaterThan": lambda a, b: a > b, "GreaterThan": lambda a, b: a >= b,
        "pair": lambda value, condition: (value, condition),
    }  # fmt: skip
    return words | {f: getattr(m, f) for f in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor")}


def symengine() -> Callable[[dict[str, Any]], list[float]]:
    """Scalars: SymEngine's own derivatives, its own evaluation in double precision."""
    import symengine as se

    def larger(a: Any, b: Any) -> Any:
        return se.Piecewise((a, a > b), (b, True))

    # Max, Min and Abs of its own have no derivatives that it can evaluate: they are written as branches
    own = "asin acos atan acot asec acsc asinh acosh atanh acoth asech acsch erf erfc gamma loggamma polygamma beta"
    words = shared(se) | {
        **{name: getattr(se, name) for name in f"{own} LambertW sign ceiling atan2".split()},
        "float": se.RealDouble, "rational": lambda pq: se.Rational(*pq), "pi": lambda: se.pi,
        "Pow": lambda x, p: x**p, "expm1": lambda x: se.exp(x) - 1, "log1p": lambda x: se.log(1 + x),
        "Cbrt": lambda x: x ** se.Rational(1, 3), "sinc": lambda x: se.sin(x) / x,
        "hypot": lambda x, y: se.sqrt(x**2 + y**2), "sigmoid": lambda x: 1 / (1 + se.exp(-x)),
        "softplus": lambda x: se.log(1 + se.exp(x)), "relu": lambda x: larger(x, 0),
        "logaddexp": lambda *xs: se.log(_total(*map(se.exp, xs))), "Abs": lambda x: larger(x, -x),
        "Max": lambda *xs: reduce(larger, xs), "Min": lambda *xs: -reduce(larger, [-x for x in xs]),
        "cot": se.cot, "sec": se.sec, "csc": se.csc, "coth": se.coth, "sech": se.sech, "csch": se.csch,
        "Unequality": se.Ne, "And": se.And, "Or": se.Or, "Not": se.Not, "true": lambda: se.true,
        "Piecewise": lambda *pairs: se.Piecewise(*pairs),
    }  # fmt: skip

    def answer(request: dict[str, Any]) -> list[float]:
        symbols = [se.Symbol(f"x{i}") for i in range(len(request["inputs"]))]
        value = se.sympify(run(request["steps"], words, symbols))
        try:
            called = se.Lambdify(symbols, [value, *(value.diff(s) for s in symbols)])  # with cse=True it errs, in 0.15
        except RuntimeError as error:  # what it cannot evaluate
            raise Missing(str(error)) from error
        return [float(v) for v in called([float(v) for v in request["inputs"]])]

    return answer


def jax() -> Callable[[dict[str, Any]], list[float]]:
    """Scalars and matrices: jax.value_and_grad of the sum of value times weights, in double precision."""
    import jax as library
    import jax.numpy as jnp
    from jax.scipy import special

    library.config.update("jax_enable_x64", True)

    def float64(x: Any) -> Any:
        return jnp.asarray(x, jnp.float64)

    def number(x: Any) -> Any:
        return x[0, 0] if jnp.shape(x) == (1, 1) else x

    def piecewise(*pairs: Any) -> Any:
        """By the branch that holds; of arrays, entry by entry."""
        if all(jnp.shape(c) == () for _, c in pairs):
            return next(v for v, c in pairs if bool(c))
        return reduce(lambda rest, pair: jnp.where(pair[1], pair[0], rest), pairs[::-1][1:], pairs[-1][0])

    def power(x: Any, p: Any) -> Any:
        x, p = number(x), number(p)
        return x ** int(p) if isinstance(p, float) and p == int(p) else x**p

    scalars = shared(jnp) | {
        "float": float, "rational": lambda pq: pq[0] / pq[1], "pi": lambda: math.pi, "Pow": power,
        "Add": lambda *xs: _total(*map(number, xs)), "Mul": lambda *xs: _product(*map(number, xs)),
        "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "asinh": jnp.arcsinh, "acosh": jnp.arccosh,
        "atanh": jnp.arctanh, "atan2": jnp.arctan2, "acot": lambda x: jnp.arctan(1 / x), "ceiling": jnp.ceil,
        "asec": lambda x: jnp.arccos(1 / x), "acsc": lambda x: jnp.arcsin(1 / x), "acoth": lambda x: jnp.arctanh(1 / x),
        "asech": lambda x: jnp.arccosh(1 / x), "acsch": lambda x: jnp.arcsinh(1 / x), "Abs": jnp.abs, "sign": jnp.sign,
        "expm1": jnp.expm1, "log1p": jnp.log1p, "Cbrt": jnp.cbrt, "sinc": lambda x: jnp.sinc(x / math.pi),
        "Heaviside": lambda x, *_: jnp.heaviside(x, 0.5), "hypot": jnp.hypot, "sigmoid": library.nn.sigmoid,
        "softplus": library.nn.softplus, "relu": library.nn.relu, "logaddexp": jnp.logaddexp,
        "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv, "gamma": special.gamma,
        "loggamma": special.gammaln, "polygamma": lambda n, x: special.polygamma(int(n), x), "beta": special.beta,
        "Max": lambda *xs: reduce(jnp.maximum, xs), "Min": lambda *xs: reduce(jnp.minimum, xs),
        "Unequality": lambda a, b: a != b, "And": lambda *xs: reduce(jnp.logical_and, xs),
        "Or": lambda *xs: reduce(jnp.logical_or, xs), "Not": jnp.logical_not, "true": lambda: True,
        "Piecewise": piecewise,
    }  # fmt: skip
    matrix = jnp.atleast_2d

    def block(shape: list[int], *parts: Any) -> Any:
        rows, columns = shape
        return jnp.block([[matrix(x) for x in parts[r * columns : (r + 1) * columns]] for r in range(rows)])

    words = scalars | {
        "MatAdd": lambda *xs: _total(*map(matrix, xs)),
        "MatMul": lambda n, *xs: _product(reduce(jnp.matmul, map(matrix, xs[n:])), *map(number, xs[:n])),
        "MatPow": lambda x, p: jnp.linalg.matrix_power(matrix(x), int(p)),
        "Inverse": lambda x, *_: jnp.linalg.inv(matrix(x)), "Transpose": lambda x: matrix(x).T,
        "Trace": lambda x: jnp.trace(matrix(x)), "Determinant": lambda x: jnp.linalg.det(matrix(x)),
        "DotProduct": lambda a, b: jnp.vdot(a, b), "HadamardProduct": lambda *xs: _product(*map(matrix, xs)),
        "HadamardPower": lambda x, p: x ** int(p), "Identity": lambda shape: jnp.eye(shape[0]),
        "ZeroMatrix": jnp.zeros, "OneMatrix": jnp.ones, "DiagMatrix": lambda x: jnp.diag(jnp.ravel(x)),
        "DiagonalOf": lambda x: jnp.diagonal(x).reshape(-1, 1), "DiagonalMatrix": lambda x: jnp.diag(jnp.diagonal(x)),
        "BlockMatrix": block, "KroneckerProduct": lambda *xs: reduce(jnp.kron, map(matrix, xs)),
        "MatrixElement": lambda at, x: matrix(x)[tuple(at)],
        "MatrixSlice": lambda at, x: matrix(x)[jnp.array(at[0], int)[:, None], jnp.array(at[1], int)],
        "ImmutableDenseMatrix": lambda shape, *xs: jnp.stack([float64(number(x)) for x in xs]).reshape(shape),
        "Norm": lambda x: jnp.linalg.norm(jnp.ravel(x)), "LogDet": lambda x: jnp.linalg.slogdet(matrix(x))[1],
        "LogSumExpOfMatrix": special.logsumexp,
        "LogSumExpAlong": lambda axis, x: special.logsumexp(matrix(x), axis=axis, keepdims=True),
        "SoftmaxAlong": lambda axis, x: library.nn.softmax(matrix(x), axis=axis),
        "LogSoftmaxAlong": lambda axis, x: library.nn.log_softmax(matrix(x), axis=axis),
        "Solution": lambda a, b: jnp.linalg.solve(matrix(a), matrix(b)),
        "entries": matrix,
    }  # fmt: skip

    def answer(request: dict[str, Any]) -> list[float]:
        inputs = [float64(v).reshape(shape) for v, shape in zip(request["inputs"], request["shapes"], strict=True)]
        weights = float64(request["weights"])
        found = {}

        def objective(xs: list[Any]) -> Any:
            value = run(request["steps"], words, xs)
            found["value"] = library.lax.stop_gradient(value)
            return jnp.sum(jnp.ravel(value) * weights) + 0.0

        gradients = library.grad(objective)(inputs)
        return [float(v) for x in (found["value"], *gradients) for v in jnp.ravel(jnp.asarray(x))]

    return answer


SYSTEMS = {"JAX": jax, "SymEngine": symengine}


def main() -> None:
    """Answers requests; the first line says which systems are here."""
    systems = {}
    for name, start in SYSTEMS.items():
        try:
            systems[name] = start()
        except ImportError:
            continue
    print(json.dumps(list(systems)), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            found: dict[str, Any] = {"numbers": systems[request["system"]](request)}
        except Missing as error:
            found = {"missing": str(error)}
        except Exception as error:  # noqa: BLE001  whatever it raises is an answer
            found = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
