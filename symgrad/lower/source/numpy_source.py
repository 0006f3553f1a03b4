"""Graph of arrays -> Python source over NumPy, as a person would write it: the same text for all sizes.

What is read once stands where it is read, as long as the line stays short. An array that is the same along an axis is
written as one that broadcasts: its `thin` axes have length 1, or are missing in front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graph import Node, consumers, reachable
from symgrad.lower.source.expressions import ATOM, Expressions, Text
from symgrad.lower.source.names import identifiers, is_safe
from symgrad.lower.source.numpy_contract import RECIPROCAL, Factor, aligned, multiplied, product, steps, summed, traced
from symgrad.lower.source.numpy_index import accumulated, viewed
from symgrad.lower.source.numpy_words import NumPyWords
from symgrad.lower.source.opened import Opened, read_as
from symgrad.lower.source.python import INDENT, WIDTH, filled
from symgrad.lower.source.size_text import SizeNames
from symgrad.ops.contract import Contract, Spread
from symgrad.ops.leaf import Const
from symgrad.ops.linear_algebra import Cholesky, Determinant, Factorisation, Inverse, LogDet, Solve
from symgrad.ops.position import Extent, Position
from symgrad.ops.reduce import LogSumExpOver, Maximum, Minimum, NormOver, ProductOfOthers, ProductOver, Softmax
from symgrad.ops.reshape import Reshape
from symgrad.ops.view import Accumulate, Stack, View
from symgrad.types import Size

INLINE = WIDTH - 30  # characters of an expression that stands within another


def _real(text: str) -> str:
    """An integer literal as a float: arrays of integers have no infinities."""
    return f"{text}.0" if text.lstrip("-").isdigit() else text


class Value(NamedTuple):
    """An array as an expression; along its thin axes it is the same."""

    text: Text
    thin: frozenset[int] = frozenset()


class Source(NamedTuple):
    """The text, the name of its function, and the sizes that no input tells, which it takes by name."""

    text: str
    name: str
    loose: dict[sp.Symbol, str]


def numpy_source(
    name: str, arguments: Sequence[Node | Opened], results: Sequence[Node | Opened], dtype: str = "f8"
) -> Source:
    """The source of a function of the arguments that returns the result, or the tuple of the results."""
    writer = _Writer(name, arguments, results, dtype)
    text = "\n".join(writer.lines())
    return Source(text, writer.name, {s: writer.sizes.names[s] for s in writer.sizes.unbound()})


class _Writer:
    """A graph while it is written down, node by node."""

    def __init__(self, name: str, arguments: Sequence[Node | Opened], results: Sequence[Node | Opened], dtype: str):
        self.results = results
        self.outputs = [node for r in results for node in (r.elements if isinstance(r, Opened) else [r])]
        self.real = "float" if dtype == "f8" else "np.float32"
        self.nodes = reachable(self.outputs)
        own = [a.name if isinstance(a, Opened) else a.op.label() for a in arguments]
        self.arguments = identifiers(own, "x")
        self.inputs = {
            node: text for a, x in zip(arguments, self.arguments, strict=True) for node, text in read_as(a, x)
        }
        self.name = name if is_safe(name) and name not in self.arguments else "f"
        self.taken = {self.name, *self.arguments, "linalg", "size"}
        self.sizes = SizeNames(list(self.inputs), list(self.inputs.values()), self.nodes, self.taken)
        self.words = NumPyWords(lambda text: self.named(text), self.taken)
        self.words.sizes = frozenset(self.sizes.names.values())
        self.readers = consumers(self.nodes)
        self.values: dict[Node, Value] = {}
        self.body: list[str] = []
        self.temporaries = 0

    def lines(self) -> Iterator[str]:
        self.values = {node: Value(Text(text)) for node, text in self.inputs.items()}
        for node in self.nodes:
            if node not in self.values:
                self.values[node] = self._kept(node, self._value(node))
        returned = ", ".join(map(self._result, self.results))
        yield from self.words.imports()
        yield from ("", "")
        loose = [self.sizes.names[s] for s in self.sizes.unbound()]
        head = list(self.sizes.lines())
        yield from filled(f"def {self.name}(", ", ".join([*self.arguments, *(["*"] * bool(loose)), *loose]), "):", "")
        yield from (INDENT + line for line in head)
        yield from self.body
        yield from filled("return ", returned or "()", "", INDENT)
        yield ""

    # -- names --------------------------------------------------------------------------------------------------------

    def named(self, text: Text) -> Text:
        """A new name, to which the expression is assigned."""
        name = ""
        while not name or name in self.taken:
            name, self.temporaries = f"t{self.temporaries}", self.temporaries + 1
        self.body += filled(f"{name} = ", text.text, "", INDENT)
        return Text(name)

    def statement(self, line: str) -> None:
        self.body.append(INDENT + line)

    def _kept(self, node: Node, value: Value) -> Value:
        """The value as it stands where it is read: a name, if it is read often or long."""
        text = value.text
        times = len(self.readers[node]) + self.outputs.count(node)
        trivial = text.binding == ATOM and "(" not in text.text and "[" not in text.text
        simple = text.text.endswith(".T") and text.text[:-2].isidentifier()
        if text.text.startswith(RECIPROCAL) and text.text[len(RECIPROCAL) : -1] in self.words.sizes:
            return value
        if trivial or simple or isinstance(node.op, (Const, Extent, Factorisation)):
            return value
        if times > 1 or len(text.text) > INLINE:
            return Value(self.named(text), value.thin)
        return value

    def atom(self, node: Node) -> Text:
        """The value under a name, whole."""
        text = self.whole(node)
        if not text.text.isidentifier():
            text = self.named(text)
            self.values[node] = Value(text)
        return text

    def whole(self, node: Node) -> Text:
        """The value with all its axes at full length."""
        value = self.values[node]
        if not value.thin:
            return value.text
        return Text(f"np.broadcast_to({_real(value.text.text)}, {self.shape(node.type.shape)})")

    def shape(self, shape: Sequence[Size]) -> str:
        texts = [self.sizes.extent(n) for n in shape]
        return f"({', '.join(texts)})" if len(texts) != 1 else texts[0]

    def _returned(self, node: Node) -> str:
        value = self.values[node]
        if value.thin:
            if isinstance(node.op, Const):
                kind = "" if self.real == "float" else f", {self.real}"
                if node.op.value == 0:
                    return f"np.zeros({self.shape(node.type.shape)}{kind})"
                return f"np.full({self.shape(node.type.shape)}, {self.words.mul(value.text, Text('1.0')).text}{kind})"
            return f"np.array({self.whole(node).text})"
        if isinstance(node.op, Factorisation):
            return f"np.column_stack({value.text.text})"
        return value.text.text

    def _result(self, result: Node | Opened) -> str:
        if not isinstance(result, Opened):
            return self._returned(result)
        return self._array([self._returned(node) for node in result.elements], result.shape)

    def _array(self, entries: Sequence[str], shape: Sequence[Size]) -> str:
        """The array of these numbers in C order."""
        flat = f"np.array([{', '.join(entries)}], {self.real})"
        return flat if len(shape) == 1 else f"{flat}.reshape({self.shape(shape)})"

    # -- operations ---------------------------------------------------------------------------------------------------

    def _value(self, node: Node) -> Value:
        writer = WRITERS.get(type(node.op))
        return writer(self, node) if writer else self._elementwise(node)

    def _elementwise(self, node: Node) -> Value:
        """An operation in its own words; what it reads several times is named."""
        values = [self.values[x] for x in node.inputs]
        arguments = [v.text for v in values]
        stand_ins = [Text(f"\0{k}\0") for k in range(len(arguments))]
        trial = node.op.emit(Expressions(lambda text: text, set(self.taken)), *stand_ins).text
        for k, (a, stand_in) in enumerate(zip(arguments, stand_ins, strict=True)):
            if trial.count(stand_in.text) > 1 and not a.text.replace(".", "").isalnum():
                arguments[k] = self.named(a)
                self.values[node.inputs[k]] = Value(arguments[k], values[k].thin)
        thin = frozenset(range(len(node.type.shape)))
        return Value(node.op.emit(self.words, *arguments), thin.intersection(*[v.thin for v in values]))

    def _const(self, node: Node) -> Value:
        return Value(node.op.emit(self.words), frozenset(range(len(node.type.shape))))

    def _extent(self, node: Node) -> Value:
        assert isinstance(node.op, Extent)
        text = self.sizes.text(node.op.size)
        return Value(Text(text) if text.isidentifier() else Text(f"({text})"))

    def _position(self, node: Node) -> Value:
        return Value(Text(f"np.arange({self.shape(node.type.shape)}, dtype={self.real})"))

    def _spread(self, node: Node) -> Value:
        assert isinstance(node.op, Spread)
        return self._view_of_labels(node, node.op.axes, tuple(range(len(node.type.shape))))

    def _view_of_labels(self, node: Node, labels: tuple[int, ...], output: tuple[int, ...]) -> Value:
        (x,) = node.inputs
        factor = self._factor(x, labels)
        thin = frozenset(axis for axis, k in enumerate(output) if k not in factor.labels)
        return Value(aligned(factor, output), thin)

    def _factor(self, x: Node, labels: tuple[int, ...]) -> Factor:
        """A factor of a product, with its diagonal taken where a label stands twice."""
        text = self.whole(x)
        while len(set(labels)) < len(labels):
            second = next(k for k, label in enumerate(labels) if label in labels[:k])
            first = labels.index(labels[second])
            rank = len(labels)
            call = f"np.diagonal({text.text})" if rank == 2 else f"np.diagonal({text.text}, 0, {first}, {second})"
            labels = (*[k for axis, k in enumerate(labels) if axis not in (first, second)], labels[second])
            text = Text(call)
        return Factor(text, labels)

    def _contract(self, node: Node) -> Value:
        op = node.op
        assert isinstance(op, Contract)
        if op.is_view:
            return self._view_of_labels(node, op.labels[0], op.output)
        output = tuple(dict.fromkeys(op.output))
        sizes: dict[int, Size] = dict(op.extents)
        factors = []
        for x, labels in zip(node.inputs, op.labels, strict=True):
            sizes.update(zip(labels, x.type.shape, strict=True))
            factors.append(self._factor(x, labels))
        everything = [set(f.labels) for f in factors]
        for k, f in enumerate(factors):
            elsewhere = set(output).union(*everything[:k], *everything[k + 1 :])
            is_trace = len(op.labels[k]) == 2 and len(f.labels) == 1 and not elsewhere & everything[k]
            factors[k] = traced(f) if is_trace else summed(f, elsewhere)
        total = self._product(factors, output, sizes)
        text = aligned(total, output)
        thin = frozenset(axis for axis, k in enumerate(output) if k not in total.labels)
        if not op.embeds:
            return Value(text, thin)
        return Value(self._embedded(op.output, output, sizes, text))

    def _product(self, factors: list[Factor], output: tuple[int, ...], sizes: dict[int, Size]) -> Factor:
        if not factors:
            return Factor(Text("1.0"), ())
        scalars = [f for f in factors if not f.labels]
        arrays = [f for f in factors if f.labels]
        for step in steps([f.labels for f in arrays], output, sizes):
            a, b = (arrays[k] for k in step.places)
            rest = [f for k, f in enumerate(arrays) if k not in step.places]
            wanted = tuple([k for k in output if k in step.labels] + [k for k in step.labels if k not in output])
            made = product(a, b, wanted, self.named)
            if len(made.text.text) > INLINE:
                made = Factor(self.named(made.text), made.labels)
            arrays = [*rest, made]
        everything = [*scalars, *arrays]
        found = everything[0]
        for f in everything[1:]:
            found = multiplied(found, f, f.labels)
        return found

    def _embedded(self, axes: tuple[int, ...], output: tuple[int, ...], sizes: dict[int, Size], text: Text) -> Text:
        """Zeros with the values on a diagonal."""
        if axes == (0, 0):
            n = self.sizes.extent(sizes[0])
            if text.text == "1.0":
                kind = "" if self.real == "float" else f", dtype={self.real}"
                return Text(f"np.eye({n}{kind})")
            return Text(f"np.diag(np.broadcast_to({_real(text.text)}, {n}))")
        array = self.named(Text(f"np.zeros({self.shape([sizes[k] for k in axes])}, {self.real})"))
        indices = []
        for k in axes:
            after = ", ".join([":"] + ["None"] * (len(output) - 1 - output.index(k)))
            grid = f"np.arange({self.sizes.extent(sizes[k])})"
            indices.append(grid if after == ":" else f"{grid}[{after}]")
        self.statement(f"{array.text}[{', '.join(indices)}] = {text.text}")
        return array

    def _call(self, node: Node, function: str, *more: str) -> Value:
        return Value(Text(f"{function}({', '.join([self.whole(x).text for x in node.inputs] + list(more))})"))

    def _axes(self, node: Node) -> str:
        axes: int = node.op.axes  # type: ignore[attr-defined]
        return f"axis={tuple(range(-axes, 0)) if axes > 1 else -1}"

    def _reduction(self, node: Node) -> Value:
        table: dict[type, tuple[str, ...]] = {
            Maximum: ("np.max", "initial=-np.inf"),
            Minimum: ("np.min", "initial=np.inf"),
            ProductOver: ("np.prod",),
        }
        function, *more = table[type(node.op)]
        return self._call(node, function, self._axes(node), *more)

    def _stable(self, node: Node) -> Value:
        name = {LogSumExpOver: "logsumexp", Softmax: "softmax", NormOver: "norm"}[type(node.op)]
        return self._call(node, self.words.defined(name), self._axes(node))

    def _others(self, node: Node) -> Value:
        return self._call(node, self.words.defined("product_of_others"))

    def _reshape(self, node: Node) -> Value:
        (x,) = node.inputs
        if not node.type.shape:
            return Value(Text(f"{self.whole(x).within(ATOM)}.item()"))
        return Value(Text(f"np.reshape({self.whole(x).text}, {self.shape(node.type.shape)})"))

    def _stack(self, node: Node) -> Value:
        return Value(Text(self._array([self.values[x].text.text for x in node.inputs], node.type.shape)))

    def _view(self, node: Node) -> Value:
        assert isinstance(node.op, View)
        x, *integers = node.inputs
        index, thin = viewed(node.op, x.type.shape, [self.values[i].text for i in integers], self.sizes)
        if node.op.clip:
            return Value(Text(f"{self.words.defined('clipped')}({self.whole(x).text}, {index})"), thin)
        return Value(Text(f"{self.whole(x).within(ATOM)}[{index}]"), thin)

    def _accumulate(self, node: Node) -> Value:
        assert isinstance(node.op, Accumulate)
        x, *integers = node.inputs
        texts = [self.values[i].text for i in integers]
        axes, index, how = accumulated(node.op, node.type.shape, x.type.shape, texts, self.sizes)
        labels = tuple(range(len(x.type.shape)))
        values = aligned(summed(Factor(self.whole(x), labels), axes), tuple(k for k in labels if k in axes))
        shape = self.shape(node.type.shape)
        if node.op.clip:
            return Value(Text(f"{self.words.defined('added_within')}({shape}, {values.text}, {index})"))
        array = self.named(Text(f"np.zeros({shape}, {self.real})" if self.real != "float" else f"np.zeros({shape})"))
        if how == "slice":
            self.statement(f"{array.text}[{index}] = {values.text}")
        else:
            self.body += filled("np.add.at(", f"{array.text}, ({index},), {values.text}", ")", INDENT)
        return Value(array)

    # -- linear algebra -----------------------------------------------------------------------------------------------

    def _factorisation(self, node: Node) -> Value:
        (x,) = node.inputs
        return Value(self.named(Text(f"{self.words.defined('lu')}({self.whole(x).text})")))

    def _inverse(self, node: Node) -> Value:
        x, lu = node.inputs
        n = self.sizes.extent(x.type.shape[0])
        kind = "" if self.real == "float" else f", dtype={self.real}"
        return Value(Text(f"{self.words.defined('solve')}({self.values[lu].text.text}, np.eye({n}{kind}))"))

    def _solve(self, node: Node) -> Value:
        assert isinstance(node.op, Solve)
        _, lu, b = node.inputs
        more = ", trans=1" if node.op.transposed else ""
        return Value(Text(f"{self.words.defined('solve')}({self.values[lu].text.text}, {self.whole(b).text}{more})"))

    def _determinant(self, node: Node) -> Value:
        factors = self.values[node.inputs[1]].text.text
        if isinstance(node.op, LogDet):
            return Value(Text(f"np.sum(np.log(np.abs(np.diagonal({factors}[0]))))"))
        return Value(Text(f"{self.words.defined('det')}({factors})"))

    def _cholesky(self, node: Node) -> Value:
        return self._call(node, self.words.defined("cholesky"))


WRITERS: dict[type, Callable[[Any, Node], Value]] = {
    Const: _Writer._const,
    Extent: _Writer._extent,
    Position: _Writer._position,
    Spread: _Writer._spread,
    Contract: _Writer._contract,
    View: _Writer._view,
    Accumulate: _Writer._accumulate,
    Stack: _Writer._stack,
    Reshape: _Writer._reshape,
    Maximum: _Writer._reduction,
    Minimum: _Writer._reduction,
    ProductOver: _Writer._reduction,
    ProductOfOthers: _Writer._others,
    LogSumExpOver: _Writer._stable,
    Softmax: _Writer._stable,
    NormOver: _Writer._stable,
    Factorisation: _Writer._factorisation,
    Inverse: _Writer._inverse,
    Solve: _Writer._solve,
    Determinant: _Writer._determinant,
    LogDet: _Writer._determinant,
    Cholesky: _Writer._cholesky,
}
