"""A kernel of arrays -> a function that Numba compiles, for users' own @njit code. Imported when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba.core import types

from symgrad.errors import UnsupportedExpression
from symgrad.graph import Node, reachable
from symgrad.lower.arrays.blocks import block_text, length_text
from symgrad.lower.arrays.storage import Storage
from symgrad.lower.machine.user_functions import OPTIONS
from symgrad.lower.source.size_text import SizeNames, integer_text

REAL = {"f8": types.float64, "f4": types.float32, "i8": types.int64}


def array_dispatcher(
    storage: Storage,
    call: Callable[[int, int], int],
    inputs: Sequence[Node],
    outputs: Sequence[Node],
) -> Any:
    """The dispatcher: arrays of any layout and numbers to arrays and numbers, or the tuple of them.

    Sizes are read and checked at entry: ValueError for arrays that do not fit together, or are empty. Raises
    UnsupportedExpression for sizes that no argument tells.
    """
    names = [f"x{k}" for k in range(len(inputs))]
    nodes = reachable(outputs)
    sizes = SizeNames(inputs, names, nodes, {*names})
    every = [n for b in storage.buffers for n in b.dims] + list(storage.table)
    blocks = {b.symbol: b for b in storage.blocks}
    own = [*blocks, *(s for cut in storage.cuts for s in (cut.length, cut.number))]
    for n in every:
        if n not in own:
            sizes.text(n)
    if sizes.unbound():
        raise UnsupportedExpression(
            "a size that no argument tells", got=", ".join(map(str, sizes.unbound())), hint="make it an argument"
        )
    known = {s: sizes.names[s] for s in sizes.names} | {s: f"own{k}_" for k, s in enumerate(own)}
    lines = list(sizes.lines())
    for k, node in enumerate(inputs):
        for axis, n in enumerate(node.type.shape):
            message = f"argument {k}, {node.op.label()}: axis {axis} has another size than {n}, or is empty"
            lines += [f"if x{k}.shape[{axis}] != {integer_text(n, known)} or x{k}.shape[{axis}] == 0:"]
            lines += [f"    raise ValueError({message!r})"]
    lines += [f"{known[s]} = {block_text(integer_text(b.numbers, known), b.least)}" for s, b in blocks.items()]
    for cut in storage.cuts:
        extent, *rest = [integer_text(n, known) for n in cut[2:]]
        lines.append(f"{known[cut.length]} = {length_text(extent, *rest)}")
        lines.append(f"{known[cut.number]} = -(-({extent})//{known[cut.length]})")
    lines.append(f"sizes = np.empty({len(storage.table) + 1}, np.int64)")
    lines += [f"sizes[{k}] = {integer_text(n, known)}" for k, n in enumerate(storage.table)]
    lines.append(f"table = np.empty({len(storage.buffers)}, np.int64)")
    for k, b in enumerate(storage.buffers):
        shape = "".join(f"{integer_text(n, known)}, " for n in b.dims)
        if b.role == "in" and b.dims:
            lines.append(f"a{k} = np.ascontiguousarray(x{k})")
        elif b.of:
            lines.append(f"a{k} = np.empty(1)")
        else:
            lines.append(f"a{k} = np.empty(({shape or '1,'}), np.{np.dtype(b.dtype).name})")
        if b.role == "in" and not b.dims:
            lines.append(f"a{k}[0] = x{k}")
        lines.append(f"table[{k}] = a{k}.ctypes.data")
    lines.append("call(table.ctypes, sizes.ctypes)")
    # used after the call, so that no array is freed before it
    lines.append(f"table[0] = {' + '.join(f'a{k}.size' for k in range(len(storage.buffers)))}")
    first = len(inputs)
    returned = [f"a{first + k}" + ("" if y.type.shape else "[0]") for k, y in enumerate(outputs)]
    lines.append(f"return {', '.join(returned) or '()'}")
    source = "\n    ".join([f"def entry({', '.join(names)}):", *lines])
    scope: dict[str, Any] = {"np": np, "call": call, "__name__": __name__}
    exec(source, scope)
    signature = tuple(_type(b.dtype, len(b.dims)) for b in storage.buffers if b.role == "in")
    return numba.njit([signature], **OPTIONS)(scope["entry"])


def _type(dtype: str, rank: int) -> Any:
    return types.Array(REAL[dtype], rank, "A", readonly=True) if rank else REAL[dtype]
