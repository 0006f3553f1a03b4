"""Arguments and results of Python source: one node each, or an array whose entries are nodes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from symgrad.graph import Node


class Opened(NamedTuple):
    """An array whose entries are nodes of their own, in C order."""

    name: str
    shape: tuple[int, ...]
    elements: tuple[Node, ...]


def opened(name: str, shape: tuple[int, ...], elements: Sequence[Node]) -> Node | Opened:
    """The node that is this argument or result; of an array whose entries are nodes of their own, the array."""
    if len(elements) == 1 and elements[0].type.shape == shape:
        return elements[0]
    return Opened(name, shape, tuple(elements))


def read_as(argument: Node | Opened, name: str) -> list[tuple[Node, str]]:
    """The nodes of an argument of this name, and how each is read."""
    if not isinstance(argument, Opened):
        return [(argument, name)]
    indices = [", ".join(map(str, index)) for index in np.ndindex(*argument.shape)]
    return [(node, f"{name}[{index}]") for node, index in zip(argument.elements, indices, strict=True)]
