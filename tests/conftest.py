"""What a module of tests registers is known in that module only; elsewhere the table of operations stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

import symgrad  # noqa: F401  fills the tables before a test module adds to them
from symgrad.ops.elementwise import OPERATIONS
from symgrad.user import IMPLEMENTATIONS

OWN = dict(OPERATIONS)


@pytest.fixture(autouse=True, scope="module")
def _users_operations_of_this_module_only(request: pytest.FixtureRequest) -> Iterator[None]:
    theirs = {head: op for head, op in OPERATIONS.items() if head.__module__ == request.module.__name__}
    with mock.patch.dict(OPERATIONS, {**OWN, **theirs}, clear=True), mock.patch.dict(IMPLEMENTATIONS):
        yield
