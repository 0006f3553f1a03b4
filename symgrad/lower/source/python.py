"""Program -> Python source over NumPy: self-contained, to be read, stepped through, and compiled by users themselves.

A value that is read once stands where it is read, as long as the line stays short; the others get names, in order. The
function broadcasts as its operations do, and a batch program is written as a function of whole arrays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from symgrad.lower.scalars.program import Buffer, Index, Let, Load, Loop, Number, Pack, Part, Program, Statement, Store
from symgrad.lower.source.expressions import ATOM, Expressions, Text

WIDTH = 88  # characters in a line
INLINE = WIDTH - 16  # in an expression that stands within another, or after an indent, a name and an equals sign
INDENT = "    "

# Where a line may end within parentheses: at a space, or after * that is not **.
_BREAKS = re.compile(r"(?<= )|(?<=[^*]\*)(?=[^*])")
_WHOLE = re.compile(r"-?\d+")


def to_python(program: Program) -> str:
    """The source of a function of the program's name, with its imports. Equal programs give equal text."""
    return "\n".join(_Writer(program).lines())


class _Writer:
    """A program while it is written down, statement by statement."""

    def __init__(self, program: Program):
        self.program = program
        self.taken = {program.name, *(b.name for b in program.buffers)}
        self.words = Expressions(self._named, self.taken)
        self.reads = Counter(a for s in _flat(program.body) for a in _reads(s))
        self.values: dict[int, Text] = {}
        self.results: dict[str, dict[tuple[int, ...], str]] = {b.name: {} for b in program.buffers if b.role == "out"}
        self.body: list[str] = []
        self.temporaries = 0

    def lines(self) -> Iterator[str]:
        for s in _flat(self.program.body):
            self._statement(s)
        returned = [self._result(b) for b in self.program.buffers if b.role == "out"]
        inputs = [b.name for b in self.program.buffers if b.role == "in"]
        yield from self.words.imports()
        yield from ("", "")
        yield from filled(f"def {self.program.name}(", ", ".join(inputs), "):", "")
        yield from self.body
        yield from filled("return ", ", ".join(returned) or "()", "", INDENT)
        yield ""

    def _statement(self, s: Statement) -> None:
        match s:
            case Let():
                self.values[s.value] = self._computed(s)
            case Load():
                places = ", ".join(map(str, _places(s.index)))
                self.values[s.value] = Text(f"{s.buffer}[{places}]" if places else s.buffer)
            case Number():
                self.values[s.value] = self.words.number(s.number)
            case Store():
                text = self.values[s.value].text
                # a result is a float, also where the expression is an integer
                self.results[s.buffer][_places(s.index)] = f"{text}.0" if _WHOLE.fullmatch(text) else text

    def _computed(self, s: Let) -> Text:
        """The expression of an operation, or the name that it was given."""
        arguments = [self.values[a] for a in s.arguments]
        # What the operation reads several times is named, so that it is computed once.
        stand_ins = [Text(f"\0{k}\0") for k in range(len(arguments))]
        trial = s.op.emit(Expressions(lambda text: text, set(self.taken)), *stand_ins).text
        for k, (a, stand_in) in enumerate(zip(arguments, stand_ins, strict=True)):
            is_computed = a.binding != ATOM or "(" in a.text
            if is_computed and trial.count(stand_in.text) > 1:
                arguments[k] = self._name(s.arguments[k])
        text = s.op.emit(self.words, *arguments)
        while len(text.text) > INLINE:
            longest = max(range(len(arguments)), key=lambda k: len(arguments[k].text), default=0)
            if not arguments or len(arguments[longest].text) <= 12:
                break
            arguments[longest] = self._name(s.arguments[longest])
            text = s.op.emit(self.words, *arguments)
        return text if self.reads[s.value] == 1 and len(text.text) <= INLINE else self._named(text)

    def _name(self, value: int) -> Text:
        self.values[value] = self._named(self.values[value])
        return self.values[value]

    def _named(self, text: Text) -> Text:
        """A new name, to which the expression is assigned."""
        name = ""
        while not name or name in self.taken:
            name, self.temporaries = f"t{self.temporaries}", self.temporaries + 1
        self.body += filled(f"{name} = ", text.text, "", INDENT)
        return Text(name)

    def _result(self, buffer: Buffer) -> str:
        """The expression of a result; an array's is assigned to a name first."""
        elements = self.results[buffer.name]
        shape = [d for d in buffer.dims if isinstance(d, int)]
        if not shape:
            return elements[()]
        if 0 in shape:
            return f"np.empty({tuple(shape)})"
        nested = _nested([elements.get(k, "0.0") for k in np.ndindex(*shape)], shape)
        self.body += filled(f"{buffer.name} = np.array(", nested, ")", INDENT)
        return buffer.name


def _nested(elements: Sequence[str], shape: Sequence[int]) -> str:
    """The elements in C order as nested lists."""
    texts = list(elements)
    for size in reversed(shape):
        texts = [f"[{', '.join(texts[k : k + size])}]" for k in range(0, len(texts), size)]
    (text,) = texts
    return text


def filled(head: str, text: str, tail: str, indent: str) -> Iterator[str]:
    """The line head + text + tail; in parentheses and on several lines if it is too long for one."""
    if len(indent + head + text + tail) <= WIDTH:
        yield indent + head + text + tail
        return
    opening, closing = (head, tail) if head.endswith("(") else (head + "(", ")" + tail)
    yield indent + opening
    line = indent + INDENT
    for piece in _BREAKS.split(text):
        if len(line + piece.rstrip()) > WIDTH and line.strip():
            yield line.rstrip()
            line = indent + INDENT
        line += piece
    yield line.rstrip()
    yield indent + closing


def _places(index: tuple[Index, ...]) -> tuple[int, ...]:
    """The index within one point: the point itself is the last axis, which NumPy takes whole."""
    return tuple(i for i in index if isinstance(i, int))


def _flat(body: Sequence[Statement]) -> Iterator[Statement]:
    """The statements without loops and parts: NumPy's operations are over whole arrays."""
    for s in body:
        if isinstance(s, (Loop, Part, Pack)):
            yield from _flat(s.body)
        else:
            yield s


def _reads(s: Statement) -> tuple[int, ...]:
    return s.arguments if isinstance(s, Let) else (s.value,) if isinstance(s, Store) else ()
