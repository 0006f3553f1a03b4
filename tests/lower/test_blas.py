"""The addresses of BLAS and LAPACK, without the package of SciPy's that they are in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from symgrad.lower.machine.blas import blas_addresses

FOUND = "import sys; from symgrad.lower.machine.blas import blas_addresses as found; found(['dgemm', 'dgetrf']); "


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("print([name for name in sys.modules if name.startswith('scipy.linalg')])", "[]"),
        ("import scipy.linalg; print(scipy.linalg.solve([[2.0]], [1.0]), scipy.linalg.cython_blas.__name__)",
         "[0.5] scipy.linalg.cython_blas"),
        ("before = found(['dgemm']); import scipy.linalg; print(found(['dgemm']) == before)", "True"),
    ],
    ids=["no package is imported", "it can be imported later", "the addresses are those of the package"],
)  # fmt: skip
def test_in_a_process_of_its_own(code: str, printed: str) -> None:
    run = subprocess.run([sys.executable, "-c", FOUND + code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == printed


def test_a_routine_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        blas_addresses(["dnothing"])
