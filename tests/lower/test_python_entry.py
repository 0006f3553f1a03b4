"""How Python calls kernels: what a builtin function in machine code takes, refuses, returns and keeps."""

from __future__ import annotations

import ctypes
import gc
import inspect
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import array_call
from symgrad.call import Caller
from symgrad.lower import array_kernel
from symgrad.lower import kernel as kernels
from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.target import host
from symgrad.lower.machine import layout, machine_code, python_entry, threads
from symgrad.lower.machine.entry_text import entry_text
from symgrad.structure import LEAF, Structure, tuple_of

X, Y, N = sp.Symbol("x"), sp.Symbol("y"), sp.Symbol("n", integer=True, positive=True)
A, B = sp.MatrixSymbol("a", N, 1), sp.MatrixSymbol("b", N, 1)
ARRAY = np.arange(6.0)


class Number(float):
    """A float that is more than one."""


def of_numbers() -> sg.Function:
    return sg.Function([X, Y], X * sp.exp(Y)).value_and_grad([X, Y])


def of_arrays(dtype: str = "float64") -> sg.Function:
    return sg.Function([A, B, X], sp.Trace(A.T * B) * X, dtype=dtype).value_and_grad([A, B, X])


def entry_of(F: sg.Function, *values: Any) -> Callable[..., Any]:
    """What stands for calls with these values, after two of them."""
    F(*values), F(*values)
    quick: Callable[..., Any] = F._caller.quick
    return quick


def of_one_point() -> Callable[..., Any]:
    """The same of a function of numbers."""
    point: Callable[..., Any] = of_numbers()._caller._point  # type: ignore[union-attr]
    return point


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the careful way gives NotImplemented."""
    for kind in (Caller, array_call.ArrayCaller):
        monkeypatch.setattr(kind, "__call__", lambda *_, **__: NotImplemented)


def test_objects_and_arrays_are_in_memory_as_entries_read_them() -> None:
    assert layout.is_supported()


# -- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(2.0, 1.0), (2, True), (np.float64(2), 1), (-1.0, -1)], ids=str)
@pytest.mark.usefixtures("careless")
def test_plain_numbers_are_taken(values: Any) -> None:
    value, (dx, dy) = of_one_point()(*values)
    x, y = map(float, values)
    assert [value, dx, dy] == pytest.approx([x * np.exp(y), np.exp(y), x * np.exp(y)], rel=1e-15)


@pytest.mark.parametrize(
    "values",
    [
        *((), (1.0,), (1.0, 2.0, 3.0), (1.0, "2"), (1.0, None), (1.0, 2j), (1.0, Number(2)), (1.0, 10**400)),
        *((1.0, np.array(2.0)), (1.0, np.float32(2)), (1.0, sp.Integer(2)), (1.0, [2.0])),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("careless")
def test_all_but_plain_numbers_is_refused(values: Any) -> None:
    assert of_one_point()(*values) is NotImplemented


@pytest.mark.usefixtures("careless")
def test_an_int_beyond_all_doubles_leaves_no_exception_behind() -> None:
    assert of_one_point()(10**400, 1.0) is NotImplemented
    assert sys.exc_info() == (None, None, None)


def unaligned() -> np.ndarray:
    array = np.zeros(49, np.uint8)[1:].view(np.float64)
    array[...] = ARRAY
    return array


OTHERS = {
    "strided": np.repeat(ARRAY, 2)[::2],
    "reversed": ARRAY[::-1],
    "unaligned": unaligned(),
    "single": ARRAY.astype(np.float32),
    "swapped": ARRAY.astype(">f8"),
    "integers": ARRAY.astype(np.int64),
    "longer": np.arange(7.0),
    "empty": np.zeros(0),
    "a column": ARRAY[:, None],
    "a number": np.array(1.0),
    "a list": ARRAY.tolist(),
    "a subclass": ARRAY.view(np.recarray),
    "masked": np.ma.masked_array(ARRAY),
    "none": None,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_arrays_that_are_not_as_the_record_has_them_are_refused(other: Any, request: pytest.FixtureRequest) -> None:
    entry = entry_of(of_arrays(), ARRAY, ARRAY, 2.0)
    request.getfixturevalue("careless")
    assert entry(ARRAY, ARRAY, 2.0)[0] == 110.0
    assert entry(ARRAY, other, 2.0) is NotImplemented
    assert entry(other, ARRAY, 2.0) is NotImplemented


def test_every_axis_of_a_matrix_is_looked_at(request: pytest.FixtureRequest) -> None:
    m = sp.MatrixSymbol("M", N, sp.Symbol("m", integer=True, positive=True))
    entry = entry_of(sg.Function([m], sp.Trace(m * m.T)), np.ones((3, 2)))
    request.getfixturevalue("careless")
    assert entry(np.ones((3, 2))) == 6.0
    assert [entry(np.ones(shape)) for shape in ((3, 4), (4, 2), (2, 3))] == [NotImplemented] * 3


@pytest.mark.parametrize("name", ["strided", "reversed", "unaligned", "single", "swapped", "integers", "a column"])
def test_what_an_entry_refuses_goes_the_careful_way(name: str) -> None:
    F, other = of_arrays(), OTHERS[name]
    value, (da, _, dx) = [F(ARRAY, ARRAY, 2.0), F(ARRAY, ARRAY, 2.0), F(ARRAY, other, 2.0)][-1]
    expected = float(ARRAY @ np.ravel(other))
    assert (value, dx) == (2 * expected, expected)
    assert da.tolist() == (2.0 * np.ravel(other)).tolist()


def test_a_read_only_array_is_taken() -> None:
    entry, fixed = entry_of(of_arrays(), ARRAY, ARRAY, 2.0), ARRAY.copy()
    fixed.flags.writeable = False
    assert entry(fixed, fixed, 2.0)[0] == 110.0


def test_single_precision_is_taken_in_single_precision_only(request: pytest.FixtureRequest) -> None:
    single = ARRAY.astype(np.float32)
    entry = entry_of(of_arrays("float32"), single, single, 0.5)
    value, (da, _, dx) = entry(single, single, 0.5)
    assert (type(value), value, dx, da.dtype) == (float, 27.5, 55.0, np.float32)
    request.getfixturevalue("careless")
    assert entry(ARRAY, ARRAY, 0.5) is NotImplemented


def test_alternating_shapes_each_have_an_entry() -> None:
    F = of_arrays()
    for n in [3, 5, 3, 5, 3, 5]:
        assert F(np.ones(n), np.ones(n), 1.0)[0] == n
    assert len(F._caller._entries) == 2  # type: ignore[union-attr]


def test_few_entries_are_remembered() -> None:
    F = of_arrays()
    for n in range(1, 2 * array_call.MOST_ENTRIES):
        entry_of(F, np.ones(n), np.ones(n), 1.0)
    assert len(F._caller._entries) <= array_call.MOST_ENTRIES  # type: ignore[union-attr]


def test_shapes_that_are_seen_once_have_no_entry() -> None:
    F = of_arrays()
    F(ARRAY, ARRAY, 1.0)
    assert F._caller.quick is F._caller


def test_indices_out_of_range_are_found_at_each_call() -> None:
    p = sp.IndexedBase("p", shape=(N,), integer=True)
    w, i = sp.IndexedBase("w", shape=(sp.Symbol("m", integer=True, positive=True),)), sp.Idx("i", N)
    F = sg.Function([w, p], sp.Sum(w[p[i]], (i, 0, N - 1)))
    for _ in range(3):
        assert F(ARRAY, np.array([1, 5])) == 6.0
    with pytest.raises(sg.ShapeError):
        F(ARRAY, np.array([1, 6]))


def test_a_singular_matrix_is_found_at_each_call() -> None:
    M = sp.MatrixSymbol("M", 2, 2)
    F = sg.Function([M], sp.Trace(M.inv()))
    for _ in range(3):
        assert F(np.eye(2)) == 2.0
    with pytest.raises(sg.SingularMatrix):
        F(np.ones((2, 2)))


def test_what_is_given_by_name_goes_the_careful_way() -> None:
    F, out = of_numbers(), (np.empty(()), (np.empty(()), np.empty(())))
    assert F(2.0, y=0.0) == F(y=0.0, x=2.0) == (2.0, (1.0, 2.0))
    assert F(2.0, 0.0, out=out) is out
    assert out[0] == 2.0
    with pytest.raises(sg.ArgumentError, match="twice"):
        F(2.0, 1.0, x=2.0)


def test_a_function_tells_its_arguments_by_their_names() -> None:
    assert str(inspect.signature(of_numbers())) == "(x, y, *, out=None)"
    assert str(inspect.signature(sg.Function(sp.symbols("x lambda"), X))) == "(argument0, argument1, /, *, out=None)"
    assert list(inspect.signature(sg.Function).parameters)[:2] == ["args", "outputs"]


# -- what is returned -------------------------------------------------------------------------------------------------


NESTINGS: list[Any] = [X, (X,), (), [], (X, (Y, (X, ()), X), Y), [X, (Y, [X, [], Y]), [X]], {"a": X, "b": [Y, X]}]


@pytest.mark.parametrize("outputs", NESTINGS, ids=str)
def test_numbers_are_nested_as_they_were_declared(outputs: Any) -> None:
    def numbers(e: Any) -> Any:
        if isinstance(e, dict):
            return {k: numbers(v) for k, v in e.items()}
        return type(e)(map(numbers, e)) if isinstance(e, (tuple, list)) else {X: 2.0, Y: 3.0}[e]

    assert sg.Function([X, Y], outputs)(2.0, 3.0) == numbers(outputs)


def test_a_list_of_results_is_the_callers() -> None:
    F = sg.Function([X, Y], [X, [Y]])
    F(2.0, 3.0)[1].append("more")
    F(2.0, 3.0).clear()
    assert F(2.0, 3.0) == [2.0, [3.0]]


def test_arrays_and_numbers_are_nested_together() -> None:
    F = sg.Function([X, (Y, sp.Symbol("z"))], (sp.Matrix([X, Y]), (X, sp.Matrix([[X, 0], [Y, 1]]))))
    first, (x, second) = F(2.0, np.array([3.0, 4.0]))
    assert (first.tolist(), x, second.tolist()) == ([2.0, 3.0], 2.0, [[2.0, 0.0], [3.0, 1.0]])


def test_results_are_new_at_each_call() -> None:
    F = of_arrays()
    found = [F(ARRAY, ARRAY, float(k))[1][0] for k in range(4)]
    assert [y[1] for y in found] == [0.0, 1.0, 2.0, 3.0]


# -- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("careless")
def test_no_reference_is_lost_or_kept() -> None:
    F, G, x = of_numbers(), of_arrays(), 0.1234
    point = F._caller._point  # type: ignore[union-attr]
    entry = G._caller._entry((), [(6,), (6,), ()], {N: 6})  # type: ignore[union-attr]
    lists = sg.Function([X, Y], [X, [Y, (X,)]])._caller._point  # type: ignore[union-attr]
    counted = [x, ARRAY, np.empty, NotImplemented, np.dtype(float), point, entry, lists]

    def calls() -> None:
        for _ in range(1000):
            point(x, x), entry(ARRAY, ARRAY, x), entry(ARRAY, None, x), point(x, None), lists(x, x)

    for _ in range(2):  # what the first collection finds ended may hold more, of tests before
        calls()
        gc.collect()
    before, objects = [sys.getrefcount(c) for c in counted], len(gc.get_objects())
    calls()
    gc.collect()
    assert all(abs(sys.getrefcount(c) - b) < 100 for c, b in zip(counted, before, strict=True))
    assert abs(len(gc.get_objects()) - objects) < 100


REAL = np.dtype(np.float64)


def returning(status: int) -> Any:
    """A kernel that does nothing, and returns this."""
    text = f"define i32 @{machine_code.SYMBOL}() {{ ret i32 {status} }}"
    return machine_code.kernel_code(text, Module(machine_code.SYMBOL, host()), machine_code.POINT)


def fill_the_stack() -> None:
    """Leave no zero where the next function of C finds its stack."""
    memory = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
    fill = "%x = alloca [8192 x i8]\n call void @llvm.memset.p0.i64(ptr %x, i8 85, i64 8192, i1 true)\n ret i32 0"
    text = f"{memory}\ndefine i32 @{machine_code.SYMBOL}() {{ {fill} }}"
    code = machine_code.kernel_code(text, Module(machine_code.SYMBOL, host()), machine_code.POINT)
    ctypes.CFUNCTYPE(ctypes.c_int)(machine_code.address(code))()


FAILING: dict[str, tuple[int, int]] = {"an array is too large": (0, 2**55), "the kernel gets none": (1, 2)}


@pytest.mark.parametrize(("status", "size"), FAILING.values(), ids=FAILING)
@pytest.mark.parametrize("scratch", [None, 1])
def test_memory_that_cannot_be_had_is_a_memory_error(status: int, size: int, scratch: int | None) -> None:
    """And what was made before is released, and the scratch memory given back."""
    places = tuple((k, 0) for k in range(4))
    form = kernels.Form((None, None), (1, 1), tuple_of([LEAF, LEAF]), places, "double", scratch)
    inputs, outputs, block = [((), REAL)] * 2, [((2,), REAL), ((size,), REAL)], np.zeros(8)
    record = python_entry.Record(
        returning(status), python_entry.refused, inputs, outputs, scratch=threads.address(block), offsets=[0]
    )
    entry, before = python_entry.python_entry(form, record), sys.getrefcount(REAL)
    for _ in range(1000):
        fill_the_stack()
        with pytest.raises(MemoryError):
            entry(1.5, 2.5)
    assert abs(sys.getrefcount(REAL) - before) < 100


def test_a_kernel_lets_other_threads_run_unless_it_is_brief() -> None:
    for is_brief in (True, False):
        form = kernels.Form((None,), (None,), LEAF, (), "double", None, is_brief=is_brief)
        text, _ = entry_text(form, "f")
        assert ("call ptr @PyEval_SaveThread" in text) != is_brief


FORMS = [
    *[kernels.Form((None,) * k, (None,) * (3 - k), tuple_of([LEAF] * (3 - k)), (), "double", None) for k in range(3)],
    kernels.Form(
        (1, None), (None, 2), tuple_of([tuple_of([LEAF]), LEAF]), ((0, 0), (1, 0), (2, 0), (3, 8)), "float", 3
    ),
    kernels.Form((2,), (1,), LEAF, ((0, 0), (1, 0), (1, 8)), "double", 0, is_shared=True),
]
LENGTH, PLACE = r"  %([a-z.]+) = alloca \[(\d+) x", r"(%v\d+) = getelementptr i64, ptr %([a-z.]+), i64 (\d+)"


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_entry_reads_and_writes_within_its_arrays(form: Any) -> None:
    text, words = entry_text(form, "f")
    own = text[text.index("define ptr @f") :]
    lengths = {name: int(n) for name, n in re.findall(LENGTH, own)}
    places = {v: (name, int(k)) for v, name, k in re.findall(PLACE, own)}
    lengths["arguments"] = len(form.inputs)
    counts = {v: int(n) for v, n in re.findall(r"@(?:numbers|floats|put)\(ptr (%v\d+), i64 (\d+)", own)}
    assert "objects" in {name for name, _ in places.values()}
    for v, (name, k) in places.items():
        assert k + counts.get(v, 1) <= lengths[name]
    assert f"ptr %objects, i8 0, i64 {8 * lengths['objects']}" in own
    assert f"@release(ptr %objects, i64 {lengths['objects']})" in own
    assert all(int(k) < 8 * len(words) for k in re.findall(r"ptr %record, i64 (\d+)", own))


@pytest.mark.usefixtures("careless")
def test_scratch_memory_is_given_back() -> None:
    m = sp.MatrixSymbol("M", N, N)
    F = sg.Function([m, A], sp.Trace((m * m * A).T * (m * m * A)))
    entry = F._caller._entry((), [(3, 3), (3,)], {N: 3})  # type: ignore[union-attr]
    assert [entry(np.eye(3), np.ones(3)) for _ in range(3)] == [3.0] * 3


def test_an_entry_outlives_its_function() -> None:
    F = of_arrays()
    entry = entry_of(F, ARRAY, ARRAY, 2.0)
    del F
    gc.collect()
    assert entry(ARRAY, ARRAY, 2.0)[0] == 110.0


def test_many_threads_share_an_entry_with_scratch_memory() -> None:
    m = sp.MatrixSymbol("M", N, N)
    F = sg.Function([m, A], sp.Trace((m * m * A).T * (m * m * A)))
    M, a = np.eye(40) * 2.0, np.ones(40)
    entry_of(F, M, a)
    found: list[set[float]] = []

    def work() -> None:
        found.append({F(M, a * k) / k**2 for k in (1.0, 2.0, 4.0) * 200})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [{640.0}] * 8


# -- where there are none ---------------------------------------------------------------------------------------------


@pytest.fixture
def unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kernels, array_kernel):
        monkeypatch.setattr(module, "is_supported", lambda: False)


@pytest.mark.usefixtures("unsupported")
def test_another_interpreter_calls_numbers_by_numba() -> None:
    F = of_numbers()
    assert F(2.0, 0.0) == F(2, 0) == (2.0, (1.0, 2.0))
    assert F(np.array([2.0, 2.0]), 0.0)[0].tolist() == [2.0, 2.0]
    assert F(2.0, y=0.0) == (2.0, (1.0, 2.0))
    assert sg.Function([X, Y], X + Y)(2.0, 0.5) == 2.5
    assert sg.Function([X, Y], [X + Y])(2.0, 0.5) == [2.5]
    with pytest.raises(sg.DTypeError):
        F("2", 0.0)
    with pytest.raises(sg.ArgumentError, match="twice"):
        F(2.0, 1.0, x=2.0)


@pytest.mark.usefixtures("unsupported")
def test_another_interpreter_calls_arrays_by_addresses() -> None:
    F = of_arrays()
    for _ in range(3):
        assert F(ARRAY, ARRAY, 2.0)[0] == 110.0


def test_no_entry_is_made_for_another_table_of_numpys_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "NUMPY_VERSIONS", (0x03000000,))
    assert not layout.is_supported.__wrapped__()


def test_no_entry_is_made_without_numpys_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "NUMPY_LIBRARIES", ("numpy",))
    assert not layout.is_supported.__wrapped__()


def test_a_dict_is_nested_by_python() -> None:
    assert not tuple_of([LEAF, Structure("dict", (LEAF,), ("a",))]).is_sequences
    assert tuple_of([LEAF, Structure("list", (tuple_of([]),))]).is_sequences
