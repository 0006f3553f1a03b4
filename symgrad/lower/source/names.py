"""Names that users chose -> names that generated source may hold: harmless, unique, and theirs where possible."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Sequence

LONGEST = 30  # characters: longer names make lines that nobody reads
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = {"np", "special", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}


def is_safe(name: str) -> bool:
    """Is this a plain ASCII identifier of at most 30 characters that means nothing yet in Python or in our source?"""
    if len(name) > LONGEST or not _IDENTIFIER.fullmatch(name):
        return False
    return name not in _RESERVED and not name.startswith("__")


def is_path(module: str) -> bool:
    """Is this the dotted name of a module, in plain ASCII identifiers?"""
    return all(_IDENTIFIER.fullmatch(part) and not keyword.iskeyword(part) for part in module.split("."))


def identifiers(names: Sequence[str], prefix: str, taken: Iterable[str] = ()) -> list[str]:
    """Each name if it is safe and comes once, else its position: x0, x1, ... for the prefix x."""
    taken = set(taken)
    good = [is_safe(name) and name not in taken and names.count(name) == 1 for name in names]
    taken |= {name for name, ok in zip(names, good, strict=True) if ok}
    return [name if ok else fresh(f"{prefix}{k}", taken) for k, (name, ok) in enumerate(zip(names, good, strict=True))]


def fresh(name: str, taken: set[str]) -> str:
    """The name, or the first with underscores after it that is free; taken from then on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name
