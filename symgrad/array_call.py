"""A call of a Function of arrays: arguments as users give them -> checked arrays and sizes -> the kernel -> results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.arguments import Argument, bind, real_array
from symgrad.call import checked_targets, structured
from symgrad.errors import ArgumentError, DTypeError, ShapeError, SingularMatrix, UnsupportedExpression
from symgrad.evaluate import all_values
from symgrad.graph import Node, reachable
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.scalars.schedule import Result
from symgrad.ops.linear_algebra import Cholesky, Factorisation
from symgrad.ops.position import sizes_of_nodes
from symgrad.ops.view import Mapped, View, bounds
from symgrad.sizes import bound_sizes
from symgrad.structure import Shape, Structure
from symgrad.to_sympy import to_sympy
from symgrad.types import Sizes, Type, integer, shape_in_numbers, symbols_in

MOST_SHAPES = 1_000  # combinations of shapes whose sizes are remembered
MOST_ENTRIES = 10  # of them those with an entry, which has scratch memory of its own


class ArrayCaller:
    """The compiled function of arguments that are arrays. Sizes are read and checked once for each new shape."""

    def __init__(
        self, arguments: Sequence[Argument], results: Sequence[Result], structure: Structure, kernel: ArrayKernel
    ):
        self.arguments, self.results, self.structure, self.kernel = arguments, results, structure, kernel
        self._known: dict[tuple[Any, ...], Sizes] = {}
        self._entries: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self.quick: Callable[..., Any] = self  # the entry of the shapes of the last call, once seen twice

    def bound(self, values: Sequence[Any], out: Any) -> Callable[[], Any]:
        """None: the kernel has memory of its own, which one call has at a time."""
        raise UnsupportedExpression(
            "binding a function of whole arrays", got=self.kernel.name, hint="call it with out="
        )

    def __call__(self, /, *args: Any, out: Any = None, **named: Any) -> Any:
        """The numbers, the careful way: every argument is looked at.

        Raises ArgumentError, ShapeError, DTypeError or ComplexInput, and OutputError for `out`.
        """
        bound = args if not named and len(args) == len(self.arguments) else bind(self.arguments, args, named)
        values = [self.value(a, v) for a, v in zip(self.arguments, bound, strict=True)]
        key = tuple([v.shape for v in values] + [float(values[k]) for k in self._size_arguments])
        sizes = self._known.get(key)
        if sizes is None:
            sizes = self._sizes(values)
            if len(self._known) < MOST_SHAPES:
                self._known[key] = sizes
        elif out is None:
            given = [np.shape(v) if isinstance(v, np.ndarray) else w.shape for v, w in zip(bound, values, strict=True)]
            self.quick = self._entry((*given, *key), given, sizes)
        if self._gathers:
            self._check_gathers(values, sizes)
        targets = None
        if out is not None:
            shapes = [shape_in_numbers(r.shape, sizes) for r in self.results]
            targets = checked_targets(self.structure, out, shapes, values, self.dtype)
        filled = targets is not None and all(r.is_whole for r in self.results)
        flat = self.kernel.run(self._inputs(values), sizes, targets if filled else None)
        self._check_finite(flat, values)
        if filled:
            return out
        rest = iter(flat)
        found = tuple([self._result(r, rest, sizes) for r in self.results])
        if targets is None:
            return self._build(found)
        for target, value in zip(targets, found, strict=True):
            target[...] = value
        return out

    def _entry(self, key: tuple[Any, ...], given: Sequence[Shape], sizes: Sizes) -> Callable[..., Any]:
        """The kernel as Python calls it, for arrays of these shapes: (n, 1) and (1, n) may be given for (n,)."""
        if not self.kernel.is_settled(sizes):
            return self
        if key not in self._entries:
            if len(self._entries) >= MOST_ENTRIES:
                self._entries.clear()
            self._entries[key] = structured(partial(self._made, given, sizes), self.structure, self)
        return self._entries[key]

    def _made(
        self, given: Sequence[Shape], sizes: Sizes, nesting: Structure, careful: Callable[..., Any]
    ) -> Callable[..., Any]:
        # what is looked up or checked by numbers at each call goes the careful way
        if self._gathers or self._factorised or self._size_arguments:
            return careful
        return self.kernel.entry(self.arguments, self.results, given, sizes, nesting, careful)

    @cached_property
    def dtype(self) -> Any:
        return np.dtype(self.kernel.dtype)

    @cached_property
    def _build(self) -> Callable[[tuple[Any, ...]], Any]:
        return self.structure.builder()

    def value(self, argument: Argument, value: Any) -> np.ndarray:
        """The value as an array of the argument's rank and element type. A column or a row is a vector."""
        rank = len(argument.shape)
        if type(value) is np.ndarray and value.dtype is self.dtype and value.ndim == rank and argument.is_real:
            return value
        array = real_array(argument, value)
        if array.ndim != rank and rank < 2 and array.ndim == 2 and 1 in array.shape:
            array = array.reshape(-1) if rank else array.reshape(())
        if array.ndim != rank:
            raise ShapeError(
                f"argument {argument.name} has another number of axes",
                got=f"shape {array.shape}",
                wanted=f"{rank} axes" + (f": ({', '.join(map(str, argument.shape))})" if rank else ""),
            )
        if not argument.is_real:
            if array.dtype.kind not in "iub":
                raise DTypeError(f"argument {argument.name} is of indices", got=array.dtype, wanted="integers")
            return array.astype(np.int64, copy=False)
        return array.astype(self.dtype, copy=False)

    def _inputs(self, values: Sequence[np.ndarray]) -> list[Any]:
        """The inputs of the kernel: whole arrays as they are, others entry by entry."""
        flat: list[Any] = []
        for argument, value in zip(self.arguments, values, strict=True):
            flat.extend([value] if argument.is_whole else value.flat)
        return flat

    def _result(self, result: Result, rest: Iterator[Any], sizes: Sizes) -> Any:
        if result.is_whole:
            value = next(rest)
            return value if result.shape else float(value)
        shape = shape_in_numbers(result.shape, sizes)
        return np.array([next(rest) for _ in result.elements], self.dtype).reshape(shape)

    # -- sizes --------------------------------------------------------------------------------------------------------

    @cached_property
    def _nodes(self) -> list[Node]:
        return reachable([e for r in self.results for e in r.elements])

    @cached_property
    def _symbols(self) -> set[sp.Symbol]:
        """The symbols that stand for sizes."""
        return symbols_in([*(a.shape for a in self.arguments), *sizes_of_nodes(self._nodes)])

    @cached_property
    def _size_arguments(self) -> list[int]:
        """The scalar arguments that give a size."""
        return [k for k, a in enumerate(self.arguments) if a.shape == () and a.declared in self._symbols]

    def _sizes(self, values: Sequence[np.ndarray]) -> Sizes:
        """The sizes, read off the arrays, and everything checked that depends on them alone."""
        given: dict[sp.Symbol, int] = {}
        for k in self._size_arguments:
            argument, number = self.arguments[k], float(values[k])
            if number != int(number) or number < 0:
                raise ArgumentError(f"argument {argument.name} is a size", got=number, wanted="an integer from 0 up")
            given[argument.declared] = int(number)
        arrays = [(a.name, a.shape, v.shape) for a, v in zip(self.arguments, values, strict=True) if a.shape]
        sizes = bound_sizes(arrays, given)
        for node in self._nodes:
            if isinstance(node.op, Mapped):
                self._check_bounds(node, sizes)
        return sizes

    def _check_bounds(self, node: Node, sizes: Sizes) -> None:
        """Raise ShapeError if affine indices of a view leave its array."""
        assert isinstance(node.op, Mapped)
        array, values = _shapes(node)
        for bound in bounds(node.op, array.shape, values.shape):
            lowest, highest, size = (integer(n, sizes) for n in (bound.lowest, bound.highest, bound.size))
            if 0 not in shape_in_numbers(bound.values, sizes) and not 0 <= lowest <= highest < size:
                name = node.inputs[0].op.label() if isinstance(node.op, View) else node.op.name
                raise ShapeError(
                    f"indices of {name} run from {lowest} to {highest}",
                    got=f"an axis of size {bound.size} = {size}",
                    wanted="indices from 0 to the size less 1",
                )

    @cached_property
    def _gathers(self) -> list[Node]:
        return [
            node
            for node in self._nodes
            if isinstance(node.op, Mapped) and not node.op.clip and any(p.gathered for p in node.op.places)
        ]

    def _check_gathers(self, values: Sequence[np.ndarray], sizes: Sizes) -> None:
        """Raise ShapeError if an index that is read from an integer array is outside of the array it goes into."""
        inputs = {a.elements[0]: v for a, v in zip(self.arguments, values, strict=True) if a.is_whole}
        integers = [x for node in self._gathers for x in node.inputs[1:]]
        found = all_values(integers, {node: v for node, v in inputs.items() if node.type.shape})
        for node in self._gathers:
            assert isinstance(node.op, Mapped)
            array, read = _shapes(node)
            shape, sized = shape_in_numbers(read.shape, sizes), node.op.sized(sizes)
            indices = sized.indices(shape, [found[x] for x in node.inputs[1:]])
            for place, index, size in zip(node.op.places, indices, shape_in_numbers(array.shape, sizes), strict=True):
                if place.gathered and index.size and (index.min() < 0 or index.max() >= size):
                    name = node.inputs[1 + place.gathered[0][0]].op.label()
                    raise ShapeError(
                        f"indices in {name} run from {index.min()} to {index.max()}",
                        got=f"an axis of size {size}",
                        wanted="indices from 0 to the size less 1",
                    )

    @cached_property
    def _factorised(self) -> list[Node]:
        return [node for node in self._nodes if isinstance(node.op, (Factorisation, Cholesky))]

    def _check_finite(self, results: Sequence[Any], values: Sequence[np.ndarray]) -> None:
        if self._factorised and not all(np.isfinite(y).all() for y in results):
            self._check_matrices(values)

    def _check_matrices(self, values: Sequence[np.ndarray]) -> None:
        """Raise SingularMatrix if a matrix of numbers has no factors that serve: asked where a result is not finite."""
        inputs = [x for a in self.arguments for x in a.elements]
        flat = [np.asarray(v) for v in self._inputs(values)]
        found = all_values(self._factorised, dict(zip(inputs, flat, strict=True)))
        for node in self._factorised:
            matrix, factors = found[node.inputs[0]], found[node]
            if isinstance(node.inputs[0].op, Cholesky) or not np.isfinite(matrix).all():
                continue  # of a factor with a zero on its diagonal the gradient is infinite, as that of a root at 0
            if isinstance(node.op, Cholesky):
                what, fails = "a matrix that is not positive definite", not np.isfinite(factors).all()
            else:
                what, fails = "a singular matrix", bool((np.diagonal(factors) == 0).any())
            if fails:
                error = SingularMatrix(
                    what, got=to_sympy([node.inputs[0]])[0], hint="its numbers are the field `matrix` of this error"
                )
                error.matrix = matrix
                raise error


def _shapes(node: Node) -> tuple[Type, Type]:
    """Of a View or Accumulate: the type of the array that indices go into, and that of the values."""
    return (node.inputs[0].type, node.type) if isinstance(node.op, View) else (node.type, node.inputs[0].type)
