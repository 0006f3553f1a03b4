"""The environment -> the settings of symgrad: the only file that reads it. It is read anew each time."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

STARTED = time.time()  # about when this package was imported

# What narrows the processor that Numba compiles for (Numba reference manual, environment variables).
NUMBA_PROCESSOR = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")
NUMBA_FILE = ".numba_config.yaml"  # the same settings, in the directory where the process is


def cache_directory() -> Path | None:
    """Where compiled kernels are kept, an absolute path; None if they are not.

    SYMGRAD_CACHE=0 turns the cache off. SYMGRAD_CACHE_DIR names the directory; without it, it is `symgrad` among the
    user's caches: under XDG_CACHE_HOME, else ~/Library/Caches on macOS, else ~/.cache.
    """
    if os.environ.get("SYMGRAD_CACHE", "1") == "0":
        return None
    if own := os.environ.get("SYMGRAD_CACHE_DIR"):
        return Path(own).absolute()
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if Path(caches).is_absolute():  # the specification has relative paths ignored
        return Path(caches) / "symgrad"
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "symgrad"


def thread_count() -> int:
    """How many threads a batch may run on: SYMGRAD_THREADS, else the processors that this process may use."""
    own = os.environ.get("SYMGRAD_THREADS", "")
    if own.isdecimal() and int(own) > 0:
        return int(own)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def progress_wanted() -> bool | None:
    """Is long work to be told on standard error? SYMGRAD_PROGRESS=1: yes, =0: no; else None: on a terminal."""
    return {"0": False, "1": True}.get(os.environ.get("SYMGRAD_PROGRESS", ""))


def numba_names_the_processor() -> bool:
    """May Numba's own settings ask for another processor than this one?"""
    return any(name in os.environ for name in NUMBA_PROCESSOR) or Path(NUMBA_FILE).exists()
