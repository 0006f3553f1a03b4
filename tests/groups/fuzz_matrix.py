"""Random matrix expressions, all sizes distinct: value and gradients against 2-D NumPy and complex steps;
leaks and cost on the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct
from sympy.matrices.expressions.kronecker import KroneckerProduct

from symgrad import functions as sg
from symgrad.function import Function
from tests import matrix_words  # noqa: F401  the interpreter learns them
from tests.array_leaks import array_leaks
from tests.groups.group import Outcome, Outcomes, fuzz
from tests.matrix_nodes import assert_shape, compiled, difference, executed, value_and_gradients
from tests.matrix_oracle import STEP, Interpreter
from tests.shrink import Posed
from tests.work import cheap

N, M, P = sp.symbols("n m p", integer=True, positive=True)
ONE = sp.S.One
T = sp.Symbol("t")
A, B = sp.symbols("a b")
DEEPEST = 4
LARGE = 1e8  # where numbers are larger than this, differences of them say nothing at 1e-16
TOLERANCE = 1e-10
SHAKEN = 256  # how many times the effect of one rounding of the inputs an error may be
COMPILED = 10  # one case in so many is compiled, and its source executed: 200 of 2,000
PRINTED = 5  # one case in so many is printed
ENTRIES = 2  # entries of each symbol that are stepped, besides one direction


FUNCTIONS: list[Callable[[Any], Any]] = [
    sp.sin,
    sp.cos,
    sp.tanh,
    lambda t: t**2,
    lambda t: sp.exp(sp.sin(t)),
    lambda t: sp.sin(A * t) + t * B,
    lambda t: 1 / (2 + sp.sin(t)),
    lambda t: sp.log(1 + t**2),
    lambda t: sp.Piecewise((t**2, t > 0), (sp.sin(t), True)),
]


class Tree:
    """Random expressions over symbols that are made as they are needed."""

    def __init__(self, draw: random.Random):
        self.draw = draw
        sizes = draw.sample([2, 3, 4, 5], 3)
        if draw.random() < 0.2:  # a size may happen to be 0, or 1
            sizes[draw.randrange(3)] = draw.choice([0, 1])
        self.sizes = dict(zip((N, M, P), sizes, strict=True))
        self.pool = [N, M, P, ONE, sp.Integer(2)]

    def size(self) -> Any:
        return self.draw.choice(self.pool)

    def symbol(self, rows: Any, columns: Any) -> Any:
        return sp.MatrixSymbol(f"{self.draw.choice('XY')}_{rows}{columns}", rows, columns)

    def matrix(self, rows: Any, columns: Any, depth: int) -> Any:
        """A matrix expression of this shape."""
        if depth <= 0:
            return self._leaf(rows, columns)
        makers = [self._leaf, self._sum, self._sum, self._product, self._product, self._scaled, self._hadamard]
        makers += [self._transposed, self._applied, self._blocks, self._functions]
        if rows == columns and rows != 1:
            makers += [self._power, self._inverse, self._diagonal, self._leaf]
        if columns == 1 and rows != 1:
            makers += [self._diagonal_of, self._solved]
        if 1 in (rows, columns):
            makers.append(self._kronecker)
        if rows == 2:
            makers.append(self._slice)
        if rows == 2 and columns == 2:
            makers.append(self._explicit)
        make: Any = self.draw.choice(makers)
        return make(rows, columns) if make == self._leaf else make(rows, columns, depth - 1)

    def scalar(self, depth: int) -> Any:
        """A scalar expression."""
        draw = self.draw
        if depth <= 0:
            return draw.choice([A, B])
        n = self.size()
        x, y = self.matrix(n, ONE, depth - 1), self.matrix(n, ONE, depth - 1)
        square = self.matrix(n, n, depth - 1)
        choices: list[Callable[[], Any]] = [
            lambda: sp.Trace(square),
            lambda: sp.Trace(sp.MatMul(x.T, square, y)),
            lambda: DotProduct(x, y),
            lambda: sp.Determinant(self._regular(n, depth - 1)),
            lambda: sp.sin(self.scalar(depth - 1)),
            lambda: self.scalar(depth - 1) * self.scalar(depth - 1),
            lambda: self.scalar(depth - 1) + 2 * self.scalar(depth - 1),
            lambda: sp.exp(-(sp.Trace(square) ** 2)),
            lambda: sp.tanh(sp.Trace(KroneckerProduct(square, self.matrix(N, N, depth - 2)))),
            lambda: self.symbol(sp.Integer(2), sp.Integer(3))[1, draw.randrange(3)],
            lambda: sg.norm(self._away_from_zero(x, n)),
            lambda: sg.logdet(self._regular(n, depth - 1)),
            lambda: sg.logsumexp(x) if self.sizes.get(n, n) else A,
            lambda: sp.log(1 + sp.Trace(x.T * x)),
        ]
        return draw.choice(choices)()

    def _away_from_zero(self, x: Any, n: Any) -> Any:
        return sp.BlockMatrix([[x], [sp.OneMatrix(2, 1)]])

    def _regular(self, n: Any, depth: int) -> Any:
        """Far from singular: entries below 1 beside 6 on the diagonal."""
        inside = self.matrix(n, n, depth).applyfunc(sp.sin)
        return 6 * sp.Identity(n) + inside

    def _leaf(self, rows: Any, columns: Any) -> Any:
        constants = [sp.OneMatrix(rows, columns), sp.ZeroMatrix(rows, columns)]
        if rows == columns:
            constants.append(sp.Identity(rows))
        return self.draw.choice(constants) if self.draw.random() < 0.12 else self.symbol(rows, columns)

    def _sum(self, rows: Any, columns: Any, depth: int) -> Any:
        terms = [self.matrix(rows, columns, depth) for _ in range(self.draw.choice([2, 2, 3]))]
        return sp.MatAdd(*[self.draw.choice([1, -1, 2, sp.Rational(1, 3)]) * x for x in terms])

    def _product(self, rows: Any, columns: Any, depth: int) -> Any:
        inner = [self.size() for _ in range(self.draw.choice([1, 1, 2]))]
        sizes = [rows, *inner, columns]
        factors = [self.matrix(r, c, depth) for r, c in pairwise(sizes)]
        return sp.MatMul(*factors, evaluate=False)

    def _scaled(self, rows: Any, columns: Any, depth: int) -> Any:
        return self.scalar(depth) * self.matrix(rows, columns, depth)

    def _hadamard(self, rows: Any, columns: Any, depth: int) -> Any:
        x = self.matrix(rows, columns, depth)
        if self.draw.random() < 0.3:
            return sp.HadamardPower(x, self.draw.choice([2, 3]))
        return sp.HadamardProduct(x, self.matrix(rows, columns, depth), evaluate=False)

    def _transposed(self, rows: Any, columns: Any, depth: int) -> Any:
        return sp.Transpose(self.matrix(columns, rows, depth))

    def _applied(self, rows: Any, columns: Any, depth: int) -> Any:
        if rows == columns == 1:  # SymPy would write the entry, and sums over indices for it
            return self.symbol(rows, columns)
        function = sp.Lambda(T, self.draw.choice(FUNCTIONS)(T))
        return ElementwiseApplyFunction(function, self.matrix(rows, columns, depth))

    def _blocks(self, rows: Any, columns: Any, depth: int) -> Any:
        """A row of blocks times a column of blocks."""
        inner = [self.size(), self.size()]
        left = sp.BlockMatrix([[self.matrix(rows, k, depth) for k in inner]])
        right = sp.BlockMatrix([[self.matrix(k, columns, depth)] for k in inner])
        return sp.MatMul(left, right, evaluate=False)

    def _functions(self, rows: Any, columns: Any, depth: int) -> Any:
        x, axis = self.matrix(rows, columns, depth), self.draw.choice([0, 1])
        if self.sizes.get((rows, columns)[axis], 1) == 0:
            return x
        choices = [lambda: sg.softmax(x, axis), lambda: sg.log_softmax(x, axis)]
        if columns == 1:
            choices.append(lambda: sg.logsumexp(self.matrix(rows, sp.Integer(2), depth), axis=1))
        return self.draw.choice(choices)()

    def _power(self, rows: Any, columns: Any, depth: int) -> Any:
        return sp.MatPow(self.matrix(rows, rows, depth), self.draw.choice([2, 3]))

    def _inverse(self, rows: Any, columns: Any, depth: int) -> Any:
        return sp.MatPow(self._regular(rows, depth), self.draw.choice([-1, -1, -2]))

    def _diagonal(self, rows: Any, columns: Any, depth: int) -> Any:
        if self.draw.random() < 0.3:
            return DiagonalMatrix(self.matrix(rows, rows, depth))
        return DiagMatrix(self.symbol(rows, ONE))  # of a zero vector SymPy's doit returns the vector

    def _diagonal_of(self, rows: Any, columns: Any, depth: int) -> Any:
        return DiagonalOf(self.matrix(rows, rows, depth))

    def _solved(self, rows: Any, columns: Any, depth: int) -> Any:
        return sg.solve(self._regular(rows, depth), self.matrix(rows, columns, depth))

    def _kronecker(self, rows: Any, columns: Any, depth: int) -> Any:
        parts = self.matrix(rows, ONE, depth), self.matrix(ONE, columns, depth)
        return KroneckerProduct(*self.draw.sample(parts, 2))

    def _slice(self, rows: Any, columns: Any, depth: int) -> Any:
        start, step = self.draw.choice([(0, 1), (1, 1), (1, 2), (3, 1)])
        return self.symbol(sp.Integer(5), columns)[start : start + 2 * step : step, :]

    def _explicit(self, rows: Any, columns: Any, depth: int) -> Any:
        return sp.ImmutableMatrix(2, 2, [A, self.scalar(depth - 1), 1, sp.sin(B)])


def values_of(e: Any, sizes: Mapping[Any, int], draw: random.Random) -> dict[Any, Any]:
    """Numbers for its symbols."""
    numbers = np.random.default_rng(draw.randrange(2**32))
    values: dict[Any, Any] = {}
    for s in sorted(e.atoms(sp.MatrixSymbol), key=str):
        values[s] = 0.6 * numbers.normal(size=[int(n.xreplace(dict(sizes))) for n in s.shape])
    return values | {s: numbers.normal() for s in (A, B) if e.has(s)}


def drawn(draw: random.Random, index: int) -> Posed | None:
    """One random expression, a third of them scalars, at one point; None where SymPy cannot make it."""
    tree = Tree(draw)
    depth = draw.randint(1, DEEPEST)
    try:
        e = tree.scalar(depth) if index % 3 == 0 else tree.matrix(tree.size(), tree.size(), depth)
        assert not e.is_Matrix or len(e.shape) == 2
    except (AttributeError, TypeError, NotImplementedError):  # SymPy's own, in its constructors
        return None
    if e.has(sp.Sum):  # an entry of a product, which SymPy writes in index notation
        return None
    return Posed(e, {**values_of(e, tree.sizes, draw), **tree.sizes})


def again(case: Posed, index: int = 0) -> Outcomes:
    """Value and gradients: of the graph, and of some the compiled kernel and its source; what they cost, and what some
    print."""
    e, sizes = case.expression, sizes_of(case)
    values = {x: v for x, v in case.values.items() if x not in sizes}
    outcome = outcome_of(e, sizes, values, random.Random(index))
    if index % COMPILED == 0 and not (outcome.failure or outcome.skipped or outcome.numbers):
        outcome.merge(by_kernel(e, sizes, values))
    wrt = [x for x in values if e.has(x)]
    if not wrt:
        return {"fuzz_matrix": outcome}
    function = weighted(e, wrt)
    both = function.value_and_grad(wrt)
    outcomes = {"fuzz_matrix": outcome, "cheap_gradient": cheap(function, both, sizes)}
    if index % PRINTED == 0:
        _, gradients = both.outputs
        shapes = {x: x.shape if isinstance(x, sp.MatrixSymbol) else () for x in wrt}
        symbols = {*values, *sizes, *(a.declared for a in function.arguments)}
        outcomes["no_leaks"] = array_leaks(gradients, shapes, symbols, e)
    return outcomes


def weighted(e: Any, wrt: Sequence[Any]) -> Function:
    """The expression as a function of these, and of sizes that none of them tells; of a matrix, the sum of its entries
    with weights."""
    told = {s for x in wrt if isinstance(x, sp.MatrixSymbol) for n in x.shape for s in n.free_symbols}
    function = Function([*wrt, *[s for s in (N, M, P) if e.has(s) and s not in told]], e)
    return function.weighted() if function.results[0].shape else function


def sizes_of(case: Posed) -> dict[Any, int]:
    """What the symbols in shapes stand for."""
    return {s: n for s, n in case.values.items() if s in (N, M, P)}


def by_kernel(e: Any, sizes: Mapping[Any, int], values: Mapping[Any, Any]) -> Outcome:
    """Value and gradients of the compiled function and of its Python source, against those of the nodes."""
    shapes = {k for x in values if isinstance(x, sp.MatrixSymbol) for n in x.shape for k in n.free_symbols}
    if not values or not e.free_symbols & set(sizes) <= shapes:  # a size that no argument tells
        return Outcome()
    ones = np.ones(np.shape(Interpreter(values, sizes)(e)))
    value, gradients = value_and_gradients(e, values, sizes, ones)
    outcome = Outcome(numbers={"compiled": 1})
    for words, way in (("compiled", compiled), ("as Python source", executed)):
        ours, slopes = way(e, values, sizes)
        worst = difference(ours, value)
        for x, g in slopes.items():
            worst = max(worst, difference(g, gradients.get(x, np.zeros(np.shape(g)))))
        failure = "" if worst < TOLERANCE else f"{words}, error {worst:.1e}: {e} at {dict(sizes)}"[:2000]
        outcome.merge(Outcome(worst, failure))
    return outcome


def outcome_of(e: Any, sizes: Mapping[Any, int], values: Mapping[Any, Any], draw: random.Random) -> Outcome:
    """Value, and gradients at some entries and along one direction of each symbol."""
    numbers = np.random.default_rng(draw.randrange(2**32))
    with np.errstate(all="ignore"):
        exact = np.real(Interpreter(values, sizes)(e))
    weights = numbers.normal(size=np.shape(exact))
    directions = {x: list(_directions(np.shape(v), numbers, draw)) for x, v in values.items()}

    def stepped(at: Mapping[Any, Any]) -> list[Any]:
        found = []
        for x, some in directions.items():
            for direction in some:
                moved = Interpreter({**at, x: at[x] + 1j * STEP * direction}, sizes)(e)
                found.append(np.sum(np.imag(moved) * weights) / STEP)
        return [*np.ravel(np.real(Interpreter(at, sizes)(e))), *found]

    with np.errstate(all="ignore"):
        expected = stepped(values)
    if not np.all(np.abs(expected) < LARGE):
        return Outcome(skipped=1)
    value, gradients = value_and_gradients(e, values, sizes, weights)
    try:
        assert_shape(value, e, sizes)
        for x, g in gradients.items():
            assert_shape(g, x, sizes)
    except AssertionError as error:
        return Outcome(failure=f"shape {error}")
    ours = [*np.ravel(value)]
    for x, some in directions.items():
        g = gradients.get(x, 0.0)
        ours += [np.sum(np.reshape(g, np.shape(d)) * d) if x in gradients else 0.0 for d in some]
    worst = difference(ours, expected)
    if not worst < TOLERANCE:
        shaken = {x: v * (1 + 2.0**-52 * numbers.choice([-1.0, 1.0], size=np.shape(v))) for x, v in values.items()}
        with np.errstate(all="ignore"):
            movement = difference(stepped(shaken), expected)
        if worst < SHAKEN * movement < 1e-4:
            return Outcome(numbers={"ill-conditioned": 1})
        return Outcome(worst, f"error {worst:.1e}: {e} at {dict(sizes)}, ours {ours}, reference {expected}"[:2000])
    return Outcome(worst)


def _directions(shape: tuple[int, ...], numbers: np.random.Generator, draw: random.Random) -> Any:
    yield numbers.normal(size=shape)
    for _ in range(ENTRIES if np.prod(shape) else 0):
        unit = np.zeros(shape)
        unit[tuple(draw.randrange(n) for n in shape)] = 1.0
        yield unit


GROUPS = [fuzz("fuzz_matrix", 2_000, drawn, again)]
