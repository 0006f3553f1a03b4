"""Text -> SymPy expressions, by the command line's own closed grammar.

No text is handed to SymPy's parsers or to Python: a name is a function of FUNCTIONS where a parenthesis follows, a
constant of CONSTANTS (vocabulary.py), or else a symbol. The result is the tree as written: tidying is the graph's.

    list        = "[" condition { "," condition } "]"
    condition   = conjunction { "|" conjunction }
    conjunction = negation { "&" negation }
    negation    = { "~" } relation
    relation    = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]
    sum         = product { ( "+" | "-" ) product }
    product     = signed { ( "*" | "/" ) signed }
    signed      = { "+" | "-" } power
    power       = atom [ "**" signed ]
    atom        = number | name | name "(" pair { "," pair } ")" | "(" condition ")"
    pair        = condition | "(" condition "," condition ")"

It is read in one pass over the tokens with explicit stacks (Dijkstra's shunting yard): operators wait until one that
binds less tightly arrives, and a run of one level, a + b - c, becomes one sum of many terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sympy as sp

from symgrad.errors import SyntaxProblem, TooLarge
from symgrad.vocabulary import (
    AND,
    COMBINE,
    NOT,
    OR,
    POWER,
    PRODUCT,
    RELATION,
    SIGN,
    SUM,
    Operand,
    function,
    literal,
    named,
    number,
)

MAX_LENGTH = 1_000_000  # characters: some seconds
MAX_DEPTH = 100  # of parts within parts: SymPy's printers recurse, with up to 7 frames a level of Python's 1,000


def parse(text: str) -> sp.Expr:
    """The expression that the text writes, unevaluated.

    Raises SyntaxProblem, with the position, for text outside of the grammar; TooLarge for numbers past all use.

        >>> parse("x**2*sin(y)/3").doit()
        x**2*sin(y)/3
    """
    return number(_expression(_tokens(text)))


def parse_list(text: str) -> list[sp.Expr]:
    """The expressions of a list, with its brackets or without: "[x*y, 2]", "x*y, 2"."""
    items = _items(_tokens(text))
    if len(items) == 1 and isinstance(items[0].value, list):
        items = items[0].value
    return [number(item) for item in items]


def parse_names(text: str) -> list[sp.Symbol]:
    """The symbols of a list of names: "x, y"."""
    symbols = []
    for item in _items(_tokens(text)):
        if not isinstance(item.value, sp.Symbol):
            raise SyntaxProblem("no name of a variable", position=item.position, hint="variables are listed as x,y")
        symbols.append(item.value)
    return symbols


def parse_assignments(text: str) -> dict[sp.Symbol, sp.Expr]:
    """The constant given to each name: "x=1, y=pi/2"."""
    values: dict[sp.Symbol, sp.Expr] = {}
    for part in _parts(_tokens(text)):
        name = part[0]
        if name.kind != "name" or part[1].text != "=":
            raise SyntaxProblem("no assignment", position=name.position, hint="values are given as x=1,y=2")
        symbol, value = named(name.text, name.position), number(_expression(part[2:]))
        if not isinstance(symbol, sp.Symbol) or symbol in values:
            what = "is given twice" if symbol in values else "is a constant"
            raise SyntaxProblem(f"{name.text} {what}", position=name.position)
        if value.free_symbols:
            free = ", ".join(sorted(map(str, value.free_symbols)))
            raise SyntaxProblem(f"the value of {name.text} depends on {free}", position=part[2].position)
        values[symbol] = value
    return values


# -- tokens ----------------------------------------------------------------------------------------------------------


class Token(NamedTuple):
    """One word of the text: a number, a name, a call (a name and its parenthesis), a sign, or the end."""

    kind: str
    text: str
    position: int

    @property
    def name(self) -> str:
        """The name of a call, without its parenthesis; any other word as it is."""
        return self.text.rstrip("( \t\r\n") if self.kind == "call" else self.text


# ASCII throughout: \d and \w also take the digits and letters of other scripts, which look alike.
TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<call>[A-Za-z][A-Za-z0-9_]*[ \t\r\n]*\()"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/<>&|~()\[\],=])"
)

# What people write elsewhere, and what is written for it here.
INSTEAD = {
    "^": "a power is written x**2",
    "%": "a remainder is written Mod(x, y)",
    "!": "n! is gamma(n + 1)",
    "@": "a product is written x*y",
    "=": "equality is written x == y",
    "[": "there are no indices: name the elements x0, x1",
    "and": "conditions are joined by &, each in parentheses",
    "or": "conditions are joined by |, each in parentheses",
    "not": "the opposite of a condition is ~(x < 0)",
}


def _tokens(text: str) -> list[Token]:
    if len(text) > MAX_LENGTH:
        raise TooLarge("a text too long to read", got=f"{len(text)} characters", wanted=f"at most {MAX_LENGTH}")
    tokens, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            sign = text[position]
            raise SyntaxProblem(
                "a character outside of the grammar", position=position, got=ascii(sign), hint=INSTEAD.get(sign)
            )
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match.group(), position))
        position = match.end()
    return [*tokens, Token("end", "", len(text))]


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens between the commas that stand in no parenthesis; an end closes each part."""
    part: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.kind == "call" or token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.kind == "end" or (token.text == "," and depth == 0):
            yield [*part, Token("end", "", token.position)]
            part = []
        else:
            part.append(token)


# -- one pass over the tokens ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """What a call, a parenthesis or a bracket has opened, or the text itself: what was read in it and waits."""

    opening: Token
    operands: list[Operand] = field(default_factory=list)
    operators: list[tuple[int, Token]] = field(default_factory=list)  # (level, sign)
    items: list[Operand] = field(default_factory=list)  # what commas have closed


PREFIX = {"~": NOT, "+": SIGN, "-": SIGN}
INFIX = {"|": OR, "&": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "**": POWER}
INFIX |= dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), RELATION)


def _expression(tokens: Sequence[Token]) -> Operand:
    """The one part that the tokens write."""
    first, *more = _items(tokens)
    if more:
        raise SyntaxProblem("one expression is wanted, not a list", position=more[0].position)
    return first


def _items(tokens: Sequence[Token]) -> list[Operand]:
    """The parts that the tokens write, between commas."""
    frames = [Frame(Token("start", "", tokens[0].position))]
    wants_operand = True
    for token in tokens:
        wants_operand = _operand(frames, token) if wants_operand else _after_operand(frames, token)
    return frames[0].items


def _operand(frames: list[Frame], token: Token) -> bool:
    """Take a token where an operand is wanted. Is one still wanted after it?"""
    if token.kind == "number":
        frames[-1].operands.append(Operand(literal(token.text), token.position))
        return False
    if token.kind == "name":
        frames[-1].operands.append(Operand(named(token.text, token.position), token.position))
        return False
    if token.kind == "call":
        function(token.name, token.position)  # before its arguments are read: the first mistake is the one to tell
        frames.append(Frame(token))
    elif token.text in ("(", "["):
        frames.append(Frame(token))
    elif token.text in PREFIX:
        frames[-1].operators.append((PREFIX[token.text], token))
    else:
        got = repr(token.text) if token.text else "the end"
        raise SyntaxProblem("an operand is missing", position=token.position, got=got)
    return True


def _after_operand(frames: list[Frame], token: Token) -> bool:
    """Take a token where an operand has ended. Is one wanted after it?"""
    frame = frames[-1]
    if token.text in INFIX:
        _combine_down_to(frame, INFIX[token.text])
        frame.operators.append((INFIX[token.text], token))
        return True
    if token.kind == "end" or token.text in (")", "]", ","):
        return _end_of_item(frames, token)
    hint = INSTEAD.get(token.name, "a product is written with *")
    raise SyntaxProblem("an operator is missing", position=token.position, got=repr(token.text), hint=hint)


def _end_of_item(frames: list[Frame], token: Token) -> bool:
    """Take a comma, what closes a parenthesis, or the end of the text. Is an operand wanted after it?"""
    frame = frames[-1]
    _combine_down_to(frame, -1)
    frame.items.append(frame.operands.pop())
    if token.text == ",":
        return True
    closing = {"(": ")", "[": "]"}.get(frame.opening.text[-1:], "")  # a call ends with its parenthesis
    if token.text != closing:
        if token.kind == "end":
            raise SyntaxProblem(f"{frame.opening.text!r} is not closed", position=frame.opening.position)
        what = "a parenthesis that does not fit"
        raise SyntaxProblem(what, position=token.position, got=repr(token.text), wanted=closing or "none")
    if token.kind != "end":
        frames.pop()
        frames[-1].operands.append(_closed(frame))
    return False


def _closed(frame: Frame) -> Operand:
    """What the frame holds, now that it is closed."""
    opening, items = frame.opening, frame.items
    if opening.text == "(":
        if len(items) > 2:
            raise SyntaxProblem("a pair of value and condition has two parts", position=items[2].position)
        return items[0] if len(items) == 1 else _whole(tuple(items), opening.position, items)
    if opening.text == "[":
        return _whole(items, opening.position, items)
    head = function(opening.name, opening.position)
    if not head.least <= len(items) <= head.most:
        what = f"{opening.name} takes another number of arguments"
        raise SyntaxProblem(what, position=opening.position, got=len(items), wanted=head.arity)
    return _whole(head.build(items), opening.position, items)


def _whole(value: Any, position: int, parts: Sequence[Operand], growth: int = 1) -> Operand:
    depth = growth + max(part.depth for part in parts)
    if depth > MAX_DEPTH:
        raise TooLarge("an expression nested too deeply", got=f"{depth} levels", wanted=f"at most {MAX_DEPTH}")
    return Operand(value, position, depth)


def _combine_down_to(frame: Frame, level: int) -> None:
    """Combine what binds more tightly than the level, a run of operators of one level at a time."""
    while frame.operators and frame.operators[-1][0] > level:
        top, signs = frame.operators[-1][0], []
        while frame.operators and frame.operators[-1][0] == top:
            signs.append(frame.operators.pop()[1])
        signs.reverse()
        prefix = top in (NOT, SIGN)
        count = 1 if prefix else len(signs) + 1
        operands = frame.operands[-count:]
        del frame.operands[-count:]
        value = COMBINE[top]([sign.text for sign in signs], operands)
        position = signs[0].position if prefix else operands[0].position
        frame.operands.append(_whole(value, position, operands, len(signs) if top == POWER else 1))
