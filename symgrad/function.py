"""Function: what users hold. One graph, and its three faces: the formula, the source, the compiled kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, wraps
from operator import attrgetter
from typing import Any, ParamSpec

import numpy as np
import sympy as sp

from symgrad import derivatives
from symgrad.arguments import Argument, as_numbers, declare, element_type
from symgrad.array_call import ArrayCaller
from symgrad.arrays import array_types, objects_in
from symgrad.blame import Blame, blame
from symgrad.call import Caller, CallSignature
from symgrad.errors import ArgumentError, ObjectiveError, UnsupportedExpression
from symgrad.explain import explain
from symgrad.formula import Formula
from symgrad.from_sympy import convert_all
from symgrad.graph import Graph, Node, reachable, substitute
from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.kernel import Kernel
from symgrad.lower.scalars.schedule import Result
from symgrad.lower.source.numpy_source import numpy_source
from symgrad.lower.source.opened import opened
from symgrad.ops.leaf import Input
from symgrad.ops.position import Extent, sizes_of_nodes
from symgrad.results import jacobians, result_of, results_like, vectors_like
from symgrad.simplify import FORM, STABLE, Rule, shared_products
from symgrad.simplify import simplify as apply_rules
from symgrad.steps import Explanation
from symgrad.structure import LEAF, Shape, Structure, flatten, tuple_of
from symgrad.types import symbols_in
from symgrad.verify import Verification, verify
from symgrad.wrt import Variables, variables

P = ParamSpec("P")


def _growing(derive: Callable[P, Function]) -> Callable[P, Function]:
    """A method that adds to the graph, from the derivative to its last form as one growth (Graph.growing)."""

    @wraps(derive)
    def grown(*args: P.args, **named: P.kwargs) -> Function:
        function = args[0]
        assert isinstance(function, Function)
        with function.graph.growing():
            return derive(*args, **named)

    return grown


class Function(Formula):
    """A function of declared arguments, from SymPy expressions: symbolic, callable, differentiable any number of times.

    args: a variable, or a list of them, each a Symbol, an applied function such as theta(t), a matrix symbol of integer
    size, or a list, tuple or Matrix of variables, which is then one array argument.
    outputs: an expression, a Matrix (an array; a column or a row is a vector), or nested lists, tuples, dicts of those.
    dtype: of array functions, "float64" or "float32". parallel: may a large batch run on several threads?

    Raises UnsupportedExpression, ComplexInput or NotANumber for an expression without a meaning here, ArgumentError if
    the arguments do not bind it.

        >>> import sympy as sp, symgrad as sg
        >>> x, y = sp.symbols("x y")
        >>> F = sg.Function([x, y], x**2 * sp.sin(y))
        >>> print(F.grad([x, y]))
        f_grad(x, y) = (2*x*sin(y), x**2*cos(y))
    """

    def __init__(
        self,
        args: Any,
        outputs: Any,
        *,
        name: str | None = None,
        simplify: bool = True,
        dtype: Any = "float64",
        parallel: bool = True,
    ):
        graph = Graph()
        declared = list(args) if isinstance(args, (list, tuple, sp.Tuple)) else [args]
        structure, leaves = flatten(outputs)
        expressions = [element for _, elements in leaves for element in elements]
        inside = objects_in(expressions)
        whole = array_types(expressions, declared, inside)
        arguments = declare(graph, declared, whole)
        self.dtype, self.parallel = element_type(dtype), parallel
        with graph.growing():
            nodes = convert_all(graph, expressions, whole, inside)
            for node in nodes:
                if node.type.dtype == "b1":
                    raise UnsupportedExpression(
                        "an output that is a truth value",
                        got=node.op.label(),
                        hint="write Piecewise((1, condition), (0, True))",
                    )
            rest = iter(nodes)
            results = [result_of(shape, [next(rest) for _ in elements]) for shape, elements in leaves]
            self._fill(graph, arguments, results, structure, name or "f", simplify, STABLE)

    def _fill(
        self,
        graph: Graph,
        arguments: tuple[Argument, ...],
        results: Sequence[Result],
        structure: Structure,
        name: str,
        simplified: bool,
        rules: Sequence[Rule],
        normal: Sequence[Node] = (),
    ) -> None:
        self.graph, self.arguments, self.structure, self.name = graph, arguments, structure, name
        self.simplified = simplified
        self.applied: Counter[str] = Counter()
        if simplified:
            given = [e for r in results for e in r.elements]
            if any(a.is_whole for a in arguments):
                given = shared_products(given)
            outputs, self.applied, self.nodes = apply_rules(given, rules, normal)
            rest = iter(outputs)
            results = [r._replace(elements=tuple(next(rest) for _ in r.elements)) for r in results]
        self.results = tuple(results)
        bound = {node for argument in arguments for node in argument.elements}
        for node in [node for node in self.nodes if not node.inputs]:
            if isinstance(node.op, Input) and node not in bound:
                raise ArgumentError(
                    "the expression holds a variable that is not among the arguments",
                    got=node.op.label(),
                    wanted=", ".join(a.name for a in arguments) or "no variables",
                    hint=f"add {node.op.label()} to the arguments",
                )
        if self.has_arrays:
            self._check_sizes()

    def _check_sizes(self) -> None:
        """Raise ArgumentError if a size cannot be read off the arguments."""
        given = symbols_in(a.shape for a in self.arguments) | {a.declared for a in self.arguments if a.shape == ()}
        unknown = symbols_in(sizes_of_nodes(self.nodes)) - given
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            raise ArgumentError(
                f"the size {names} is not determined by the arguments",
                got=", ".join(a.name for a in self.arguments) or "no arguments",
                hint=f"add {names} to the arguments, or an array that has this size",
            )

    @cached_property
    def has_arrays(self) -> bool:
        """Is an argument an array of one node, or anything that the outputs depend on an array, or a size?"""
        if any(a.is_whole for a in self.arguments):
            return True
        return any(node.type.shape or isinstance(node.op, Extent) for node in self.nodes)

    def _derive(
        self,
        suffix: str,
        results: Sequence[Result],
        structure: Structure,
        extra: Sequence[Argument] = (),
        *,
        arguments: tuple[Argument, ...] | None = None,
    ) -> Function:
        """A Function on the same graph, of the same arguments (or these) and then the extra ones."""
        derived = object.__new__(Function)
        derived.dtype, derived.parallel = self.dtype, self.parallel
        derived._fill(
            self.graph,
            (*(self.arguments if arguments is None else arguments), *extra),
            results,
            structure,
            f"{self.name}_{suffix}" if suffix else self.name,
            self.simplified,
            [*STABLE, *FORM],
            self.nodes,
        )
        return derived

    # -- derivatives --------------------------------------------------------------------------------------------------

    @_growing
    def grad(self, wrt: Any = None) -> Function:
        """The gradient of the one scalar output: shaped as the variable; a tuple for a list of variables.

        Raises ObjectiveError unless the output is one scalar, VariableError for a `wrt` that is no input,
        UndefinedDerivative where there is none.
        """
        v = self._variables(wrt)
        gradient = self._gradient(v)
        return self._derive("grad", results_like(v.parts, gradient), v.structure)

    @_growing
    def value_and_grad(self, wrt: Any = None) -> Function:
        """(value, gradient): one kernel, in which they share all they can."""
        v = self._variables(wrt)
        gradient = self._gradient(v)
        results = [*self.results, *results_like(v.parts, gradient)]
        return self._derive("value_and_grad", results, tuple_of([LEAF, v.structure]))

    @_growing
    def jacobian(self, wrt: Any = None) -> Function:
        """d outputs / d wrt, of shape out.shape + wrt.shape. A list of scalars is one axis, in either place.

        By reverse accumulation where there are no more outputs than variables, else forward.
        """
        v = self._variables(wrt)
        if self.has_arrays:
            results = [r for result in self.results for r in jacobians(result, v)]
            return self._derive("jacobian", results, self.structure.map_leaves(lambda: v.structure))
        outputs, shape, structure = self._elements(), *self._rows()
        rows = derivatives.jacobian_rows(outputs, v.nodes)
        if structure.is_leaf:
            return self._derive("jacobian", [Result((*shape, *v.stacked), tuple(x for row in rows for x in row))], LEAF)
        rest = iter(rows)
        results = [
            Result((*r.shape, *v.stacked), tuple(x for _ in r.elements for x in next(rest))) for r in self.results
        ]
        return self._derive("jacobian", results, structure)

    @_growing
    def hessian(self, wrt: Any = None) -> Function:
        """The symmetric matrix of second derivatives, of shape wrt.shape + wrt.shape; a list of scalars is one axis."""
        v = self._variables(wrt)
        if self.has_arrays:
            gradient = results_like(v.parts, self._gradient(v))
            results = [r for g in gradient for r in jacobians(g, v)]
            return self._derive("hessian", results, v.structure.map_leaves(lambda: v.structure))
        rows = derivatives.hessian_rows(self.target, v.nodes)
        return self._derive("hessian", [Result((*v.stacked, *v.stacked), tuple(x for row in rows for x in row))], LEAF)

    @_growing
    def jvp(self, wrt: Any = None) -> Function:
        """J v, by forward accumulation. After the arguments comes v: one for each variable, shaped as it is."""
        v, outputs = self._variables(wrt), self._elements()
        vectors = self._vectors("v", v.parts)
        along = v.widened([x for a in vectors for x in a.elements])
        products = derivatives.jacobian_vector(outputs, v.nodes, along)
        return self._derive("jvp", results_like(self.results, products), self.structure, vectors)

    @_growing
    def vjp(self, wrt: Any = None) -> Function:
        """J^T u, by reverse accumulation. After the arguments comes u: one for each output, shaped as it is."""
        v, outputs = self._variables(wrt), self._elements()
        vectors = self._vectors("u", self.results)
        products = derivatives.vector_jacobian(outputs, v.nodes, [x for a in vectors for x in a.elements])
        return self._derive("vjp", results_like(v.parts, v.narrowed(products)), v.structure, vectors)

    @_growing
    def hvp(self, wrt: Any = None) -> Function:
        """H v without H. After the arguments comes v: one for each variable, shaped as it is."""
        v = self._variables(wrt)
        vectors = self._vectors("v", v.parts)
        along = v.widened([x for a in vectors for x in a.elements])
        product = derivatives.hessian_vector(self.target, v.nodes, along)
        return self._derive("hvp", results_like(v.parts, v.narrowed(product)), v.structure, vectors)

    @_growing
    def weighted(self) -> Function:
        """<u, outputs>, one scalar, for weights u that come after the arguments, shaped as the outputs are."""
        weights = self._vectors("u", self.results)
        total = derivatives.inner(self._elements(), [x for a in weights for x in a.elements])
        return self._derive("weighted", [Result((), (total,))], LEAF, weights)

    @_growing
    def substitute(self, replacements: Mapping[Node, Node]) -> Function:
        """The same function with other nodes of its graph in place of inputs, which are no arguments any more."""
        nodes = substitute(self._elements(), replacements)
        left = tuple(a for a in self.arguments if not any(x in replacements for x in a.elements))
        return self._derive("", results_like(self.results, nodes), self.structure, arguments=left)

    @property
    def target(self) -> Node:
        """The one scalar output. Raises ObjectiveError if there are more, or an array."""
        if len(self.results) != 1 or self.results[0].shape != ():
            raise ObjectiveError(
                "a gradient needs one scalar output",
                got=f"{len(self.results)} outputs of shapes {[r.shape for r in self.results]}",
                hint="use jacobian, jvp or vjp",
            )
        return self.results[0].elements[0]

    def _gradient(self, v: Variables) -> list[Node]:
        return v.narrowed(derivatives.build_grad(self.target, v.nodes, below=self.nodes))

    def _rows(self) -> tuple[Shape, Structure]:
        """The shape of all outputs as one array, if they are one, or a plain list of scalars."""
        if self.structure.is_leaf:
            return self.results[0].shape, LEAF
        flat = self.structure.kind != "dict" and all(c.is_leaf for c in self.structure.children)
        if flat and all(r.shape == () for r in self.results):
            return (len(self.results),), LEAF
        return (), self.structure

    def _variables(self, wrt: Any) -> Variables:
        return variables(self.arguments, wrt)

    def _vectors(self, letter: str, parts: Sequence[Argument | Result]) -> list[Argument]:
        return vectors_like(self.graph, self.arguments, letter, parts)

    # -- faces --------------------------------------------------------------------------------------------------------

    def explain(self, at: Any = None) -> Explanation:
        """Each step with its formula, value, local gradient, upstream gradient and their product, at a point."""
        return explain(self, at)

    def blame(self, at: Any) -> Blame:
        """The first step that is nan or infinite at a point, why, and the stable form where one is known."""
        return blame(self, at)

    def verify(self, **options: Any) -> Verification:
        """A report on values and derivatives at random points, by symgrad.verify.verify. Raises CheckFailed."""
        return verify(self, **options)

    @property
    def source(self) -> str:
        """The program as plain Python over NumPy, which runs without symgrad."""
        if isinstance(self.kernel, Kernel):
            return self.kernel.source
        arguments = [opened(a.name, a.shape, a.elements) for a in self.arguments]
        results = [opened("", r.shape, r.elements) for r in self.results]
        return numpy_source(self.name, arguments, results, self.dtype).text

    @cached_property
    def kernel(self) -> Kernel | ArrayKernel:
        """The compiled form: `.njit` for users' Numba code, `.cfunc(signature)` for C callbacks, `.inspect_llvm()`."""
        if self.has_arrays:
            inputs = [x for a in self.arguments for x in a.elements]
            return ArrayKernel(self.name, inputs, self._elements(), self.dtype, self.parallel)
        return Kernel(self.name, self.arguments, self.results, parallel=self.parallel)

    # A property: what is called is machine code, without a frame of Python between, half of the time of a small kernel.
    __call__ = property(
        attrgetter("_caller.quick"),
        doc="""F(*args, out=None, **named): the numbers, in the structure of `outputs`. Batch axes before an argument's
        own broadcast as NumPy's do.

        Raises ArgumentError, ShapeError, DTypeError or ComplexInput for arguments, OutputError for `out`.
        """,
    )

    __signature__ = CallSignature()

    def bind(self, *args: np.ndarray, out: Any) -> Callable[[], Any]:
        """A function without arguments, which reads these arrays whenever it is called, fills `out` and returns it.

        args: float64 arrays in C order of the shapes of the arguments, np.empty(()) for a number. They are looked at
        once, and kept. Raises ArgumentError, OutputError, and UnsupportedExpression for a function of whole arrays."""
        return self._caller.bound(args, out)

    def as_numbers(self, argument: Argument, value: Any) -> np.ndarray:
        """What a call takes for this argument, checked, as an array."""
        caller = self._caller
        return caller.value(argument, value) if isinstance(caller, ArrayCaller) else as_numbers(argument, value)

    @cached_property
    def _caller(self) -> Caller | ArrayCaller:
        if isinstance(self.kernel, ArrayKernel):
            return ArrayCaller(self.arguments, self.results, self.structure, self.kernel)
        return Caller(self.arguments, self.results, self.structure, self.kernel)

    def __reduce__(self) -> tuple[Any, ...]:
        graph = Graph()  # what the outputs and arguments need, and no more
        kept: dict[Node, Node] = {}
        for node in reachable([*(x for a in self.arguments for x in a.elements), *self._elements()]):
            kept[node] = graph.add(node.op, *[kept[x] for x in node.inputs])
        arguments = tuple((a.name, a.shape, [kept[x].index for x in a.elements], a.declared) for a in self.arguments)
        results = [(r.shape, [kept[x].index for x in r.elements], r.declared) for r in self.results]
        more = self.name, self.simplified, self.applied, self.dtype, self.parallel
        return _restore, (graph, arguments, results, self.structure, *more)


def _restore(
    graph: Graph,
    arguments: Sequence[Any],
    results: Sequence[Any],
    structure: Structure,
    name: str,
    simplified: bool,
    applied: Counter[str],
    dtype: str,
    parallel: bool,
) -> Function:
    """A Function from its pickled parts."""
    function: Function = object.__new__(Function)
    function.dtype, function.parallel = dtype, parallel
    function._fill(
        graph,
        tuple(Argument(n, s, tuple(graph.nodes[i] for i in e), d) for n, s, e, d in arguments),
        [Result(s, tuple(graph.nodes[i] for i in e), d) for s, e, d in results],
        structure,
        name,
        False,
        (),
    )
    function.simplified, function.applied = simplified, applied
    return function
