"""Seconds of one run, and the shortest of many."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def best(work: Callable[[], Any], seconds: float = 1.0, least: int = 5) -> float:
    """The shortest of many runs, in seconds; work below 50 us is timed a hundred runs at a time."""
    _, once = timed(work)
    many = 100 if once < 5e-5 else 1
    shortest, end, runs = float("inf"), time.perf_counter() + seconds, 0
    while runs < least or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(many):
            work()
        shortest = min(shortest, (time.perf_counter() - start) / many)
        runs += 1
    return shortest


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of one run, and its seconds."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
