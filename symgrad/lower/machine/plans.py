"""What is kept of a kernel beside its machine code, so that it need not be laid out again: its plan.

It is found by what the kernel computes and by the sources of this package, which lay it out. It names the machine code
and what that calls; addresses are found anew in each process.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad.environment import STARTED
from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.special import special_function
from symgrad.lower.emit.target import host
from symgrad.lower.machine.blas import blas_addresses

KEY = re.compile("[0-9a-f]{64}")
PACKAGE = str(Path(__file__).parents[2])


class Plan(NamedTuple):
    """The key of the machine code; the names that it is called by; what it calls; and what its callers are to know, in
    numbers, words and lists of these."""

    code: str
    names: list[str]
    routines: list[str]  # of BLAS
    special: list[list[Any]]  # of scipy.special: name, number of inputs, signature
    facts: Any

    def content(self) -> bytes:
        """What is kept on disk."""
        return json.dumps(self._asdict()).encode()

    def addresses(self) -> dict[str, int] | None:
        """What the machine code calls that is not the C library's; None if SciPy has no such functions."""
        try:
            symbols = blas_addresses(self.routines) if self.routines else {}
            functions = [(special_function(name, inputs), signature) for name, inputs, signature in self.special]
        except (AttributeError, KeyError, ValueError):
            return None
        for function, signature in functions:
            if function.signature != signature:
                return None
            symbols |= function.addresses
        return symbols


def plan_of(content: bytes) -> Plan | None:
    """A plan as it was kept; None for what is none."""
    try:
        plan = Plan(**json.loads(content))
        special = [(name, signature) for name, inputs, signature in plan.special if type(inputs) is int]
        words = [plan.code, *plan.names, *plan.routines, *(word for pair in special for word in pair)]
    except (ValueError, TypeError):
        return None
    usual = len(special) == len(plan.special) and all(type(word) is str for word in words)
    return plan if usual and KEY.fullmatch(plan.code) else None


def plan_for(code: str, names: list[str], module: Module, facts: Any) -> Plan:
    """The plan of the kernel that a module defines."""
    special = [[name, inputs, f.signature] for (name, inputs), f in module.special.items()]
    return Plan(code, names, sorted(module.routines), special, facts)


def identity(words: str) -> tuple[str, ...] | None:
    """All beside the machine that decides the plan of a kernel so described; None where sources are not what runs."""
    sources = _sources()
    return None if sources is None else (sources, sp.__version__, np.__version__, _c_library(), words)


@cache
def _sources() -> str | None:
    """A digest of the sources of this package; None if they cannot be read, or are newer than what was imported."""
    total = hashlib.sha256()
    paths = [f"{folder}/{name}" for folder, _, names in os.walk(PACKAGE) for name in names if name.endswith(".py")]
    try:
        for path in sorted(paths):
            with open(path, "rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_ctime > STARTED:  # that of a copy of an old file, too, is new
                    return None
                data = file.read()
            total.update(f"{path[len(PACKAGE) :]} {len(data)}\n".encode() + data)
    except OSError:
        return None
    return total.hexdigest() if paths else None


@cache
def _c_library() -> str:
    """Its version, which decides what functions of vectors it has, and whether they are there."""
    version = None
    with suppress(AttributeError, ValueError, OSError):  # of another system's there is no name for it
        version = os.confstr("CS_GNU_LIBC_VERSION")
    return f"{version} {host().vector_function('exp', 1)}"
