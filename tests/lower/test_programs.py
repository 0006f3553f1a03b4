"""Programs of arrays, one statement at a time: right at any size, of chunks and lanes that are independent; and the
kernels and the source of the same examples."""

from __future__ import annotations

import pytest
import sympy as sp

from symgrad.lower.array_kernel import ArrayKernel
from symgrad.lower.arrays.affine import Affine
from symgrad.lower.arrays.loops import (
    AddTo,
    ArrayProgram,
    Bound,
    Buffer,
    Chunks,
    Count,
    Load,
    Loop,
    Number,
    Statement,
    Store,
)
from tests.lower.array_examples import examples
from tests.lower.interpreter import CHUNK, Wrong, interpreted
from tests.mutation import arrays

n, m = sp.symbols("n m", integer=True, positive=True)
i, j = (Affine(0, ((name, 1),)) for name in "ij")
before, after = (Affine(by, i.terms) for by in (-1, 1))
BUFFERS = Buffer("x", (n,), "in"), Buffer("y", (n,), "out"), Buffer("t", (n + 1,), "scratch")


@pytest.mark.parametrize("name", examples())
def test_the_program_is_right(name: str) -> None:
    check = arrays.layout_checks().get(name)
    assert check is None or not check()  # some are left to NumPy


@pytest.mark.parametrize("name", arrays.source_checks())
def test_the_source_is_right(name: str) -> None:
    assert not arrays.source_checks()[name]()


@pytest.mark.parametrize("name", arrays.machine_checks())
def test_the_kernel_is_right_and_stays_within_its_memory(name: str) -> None:
    assert not arrays.machine_checks()[name]()


def test_a_factorisation_as_a_result_is_left_to_numpy() -> None:
    e = examples()["factors"]
    assert isinstance(ArrayKernel("f", e.inputs, e.outputs).program, str)


# -- what the interpreter sees ----------------------------------------------------------------------------------------


def run(*body: Statement) -> list[float]:
    (y,) = interpreted(ArrayProgram("f", BUFFERS, body), [[1.0, 2.0, 3.0]], {n: 3})
    return list(y)


def loop(*body: Statement, kind: str = "serial") -> Loop:
    return Loop("i", Affine(), Affine(n), body, kind)


COPY = loop(Load(1, "x", (i,)), Store("y", (i,), 1))


def test_a_program_that_copies_copies() -> None:
    assert run(COPY) == [1, 2, 3]


@pytest.mark.parametrize(
    "body",
    [
        (loop(Load(1, "t", (i,)), Store("y", (i,), 1)),),
        (loop(Load(1, "x", (after,)), Store("y", (i,), 1)),),
        (loop(Load(1, "x", (before,)), Store("y", (i,), 1)),),
        (loop(Load(1, "x", (i,)), Store("x", (i,), 1)), COPY),
        (loop(Load(1, "x", (i, i)), Store("y", (i,), 1)),),
        (loop(Load(1, "x", (i,))), loop(Store("y", (i,), 1))),
        (Loop("i", Affine(), Affine(n - 1), COPY.body),),
        (
            Number(2, 0),
            Store("t", (Affine(),), 2),
            loop(Load(1, "t", (i,)), Store("t", (after,), 1), kind="simd"),
            COPY,
        ),
        (Number(2, 0), Store("y", (Affine(),), 2), loop(Load(1, "x", (i,)), AddTo("y", (Affine(),), 1), kind="simd")),
        (loop(Bound(3, "min", (i, Affine(n))), *COPY.body, kind="simd"),),
        (loop(Loop("j", Affine(), i, (Count(1, j),)), *COPY.body, kind="simd"),),
        (loop(loop(kind="simd"), *COPY.body, kind="simd"),),
    ],
    ids=[
        "nobody wrote it",
        "beyond the end",
        "before the begin",
        "an input is written",
        "another rank",
        "the value of another loop",
        "an entry of the result is left out",
        "a lane reads what another stores",
        "lanes add to one place",
        "a limit of a lane",
        "loops of other lengths from lane to lane",
        "lanes in lanes",
    ],
)
def test_what_is_wrong_is_seen(body: tuple[Statement, ...]) -> None:
    with pytest.raises(Wrong):
        run(*body)


def test_what_is_done_again_in_the_last_vector_is_to_give_the_same() -> None:
    twice = loop(Load(1, "y", (i,)), Load(2, "x", (i,)), Count(3, i), Store("y", (i,), 3), kind="simd")
    assert run(COPY, twice) == [0, 1, 2]
    swapped = loop(Load(1, "y", (i,)), Load(2, "t", (i,)), Store("y", (i,), 2), Store("t", (i,), 1), kind="simd")
    assert run(loop(Load(1, "x", (i,)), Store("t", (i,), 1)), loop(Number(1, 7), Store("y", (i,), 1)), swapped)[2] == 7


@pytest.mark.parametrize(("index", "is_wrong"), [(i, False), (Affine(), True)], ids=["rows of its own", "one place"])
def test_chunks_have_rows_of_their_own(index: Affine, is_wrong: bool) -> None:
    number, length = sp.symbols("chunks0 length0", integer=True, positive=True)
    end = Bound(0, "min", (Affine(CHUNK, (("first0", 1),)), Affine(n)))
    rows = Loop(
        "i", Affine(0, (("first0", 1),)), Affine(0, (), ((0, 1),)), (Load(1, "x", (i,)), Store("y", (index,), 1))
    )
    cut = arrays.chunks.Cut(number, length, n, 1, 1, 0)
    made = ArrayProgram("f", BUFFERS, (COPY, Chunks("chunk0", "first0", number, length, (end, rows))), (), (cut,))
    given = [float(k) for k in range(2 * CHUNK)]
    if is_wrong:
        with pytest.raises(Wrong):
            interpreted(made, [given], {n: 2 * CHUNK})
    else:
        assert list(interpreted(made, [given], {n: 2 * CHUNK})[0]) == given
