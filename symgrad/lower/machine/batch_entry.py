"""A kernel for batches of one shape -> a builtin function of Python: 17 arguments take it 1 us, the careful way 60.

The points are in chunks, which threads of the pool take one after the other. No result depends on their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.lower.machine.entry_text import Form
from symgrad.lower.machine.machine_code import BatchCode
from symgrad.lower.machine.pool import POOL
from symgrad.lower.machine.python_entry import Record, python_entry, refused
from symgrad.lower.machine.threads import address, chunk_of
from symgrad.structure import LEAF, Shape, tuple_of


def batch_entry(
    code: BatchCode, given: Sequence[Shape], cores: Sequence[Shape], shape: Shape, threads: int
) -> Callable[..., Any]:
    """The function of arguments of these shapes, that of the batch or () for a number: a tuple of results, of shapes
    core + batch. NotImplemented for all that is not a float64 array of its shape in C order, or a plain number."""
    count = math.prod(shape)
    length = chunk_of(count)
    sizes, plan = np.array([count, length], np.int64), POOL.plan(code.part, [min(threads, -(-count // length))])
    real = np.dtype(np.float64)
    form = Form(
        inputs=tuple([len(s) or None for s in given]),
        outputs=tuple([len(core) + len(shape) for core in cores]),
        nesting=tuple_of([LEAF] * len(cores)),
        places=tuple([(k, 0) for k in range(len(given) + len(cores))]),
        real="double",
        scratch=0,
        is_shared=True,
    )
    inputs, outputs = [(s, real) for s in given], [((*core, *shape), real) for core in cores]
    kept = code, sizes, plan
    return python_entry(
        form, Record(POOL.runner, refused, inputs, outputs, address(sizes), plan=address(plan), kept=kept)
    )
