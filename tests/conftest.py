"""What tests leave alone: the user's cache, and the table of operations.

What a module of tests registers is known in that module only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest import mock

import pytest

import symgrad  # noqa: F401  fills the tables before a test module adds to them
from symgrad.lower.machine import machine_code
from symgrad.ops.elementwise import OPERATIONS
from symgrad.user import IMPLEMENTATIONS

OWN = dict(OPERATIONS)


@pytest.fixture(autouse=True, scope="session")
def _a_cache_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    settings = {"SYMGRAD_CACHE": "1", "SYMGRAD_CACHE_DIR": str(tmp_path_factory.mktemp("cache") / "kernels")}
    # all kernels are laid out: a plan that was kept would not show what a test puts in the place of a function
    with mock.patch.dict(os.environ, settings), mock.patch.object(machine_code, "plan_key", return_value=None):
        yield


@pytest.fixture(autouse=True, scope="module")
def _users_operations_of_this_module_only(request: pytest.FixtureRequest) -> Iterator[None]:
    theirs = {head: op for head, op in OPERATIONS.items() if head.__module__ == request.module.__name__}
    with mock.patch.dict(OPERATIONS, {**OWN, **theirs}, clear=True), mock.patch.dict(IMPLEMENTATIONS):
        yield
