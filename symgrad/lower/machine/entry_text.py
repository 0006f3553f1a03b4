"""The form of a call -> the LLVM IR of a builtin function of Python, as C programmers write them by hand.

Arguments are looked at once more at each call: a builtin function that gets anything but what its record names hands
the call over to another, the careful one. References are counted as CPython's documentation of each function has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from symgrad.lower.machine.entry_steps import DECLARATIONS, STEPS, TYPES
from symgrad.lower.machine.layout import DATA
from symgrad.structure import Structure

Word = tuple[str | int, ...]  # what a word of a record means
SEQUENCES = {"tuple": "PyTuple", "list": "PyList"}  # what CPython's functions of them begin with


class Form(NamedTuple):
    """What the text of an entry depends on."""

    inputs: tuple[int | None, ...]  # the rank of each array; None for a number
    outputs: tuple[int | None, ...]  # the same of the results
    nesting: Structure  # of the outputs, in tuples and lists
    # of each buffer of the kernel: the input or output that it is in, and where in it, in bytes
    places: tuple[tuple[int, int], ...]
    real: str  # LLVM's type of a number in memory
    scratch: int | None  # buffers of a kernel that reads its addresses from tables; None if it takes them one by one
    is_shared: bool = False  # among threads, by a plan
    is_brief: bool = False  # too brief to let other threads of Python run meanwhile


def entry_text(form: Form, symbol: str) -> tuple[str, list[Word]]:
    """The module that defines the function under this symbol, and the words of its record."""
    writer = _Writer(form)
    return writer.text(symbol), list(writer.words)


def runs(holds: Sequence[bool]) -> list[tuple[int, int]]:
    """Where the condition holds: (first, count) of what stands together."""
    places = [k for k, h in enumerate(holds) if h]
    starts = [k for k in places if k == 0 or not holds[k - 1]]
    return [(k, next((m for m in range(k, len(holds)) if not holds[m]), len(holds)) - k) for k in starts]


class _Writer:
    """An entry while it is written down."""

    def __init__(self, form: Form):
        self.form = form
        self.words: dict[Word, int] = {(name,): k for k, name in enumerate(TYPES)}  # where STEPS look for them
        self.lines: list[str] = []
        # The root of the nested results, then the results that are not in it yet. An array, since of variables of their
        # own LLVM would tell for each exit which are set.
        self.objects = 1 + len(form.outputs)
        self.count = 0
        self.failure = "fail"  # where to go if there is no memory

    def text(self, symbol: str) -> str:
        form = self.form
        if form.is_shared:
            self.check_threads()
        for first, count in runs([rank is None for rank in form.inputs]):
            self.numbers(first, count)
        inputs = [self.input(k, rank) for k, rank in enumerate(form.inputs)]
        scratch = self.take_scratch() if form.scratch else None
        outputs = [self.output(k, rank) for k, rank in enumerate(form.outputs)]
        self.call([*inputs, *outputs], scratch)
        for first, count in runs([rank is None for rank in form.outputs]):
            self.floats(first, count)
        self.nest()
        self.exits(scratch)
        return "\n".join(
            [
                *DECLARATIONS,
                STEPS,
                f"define ptr @{symbol}(ptr %self, ptr %arguments, i64 %count, ptr %keywords) {{",
                f"  %objects = alloca [{self.objects} x ptr]",
                f"  call void @llvm.memset.p0.i64(ptr %objects, i8 0, i64 {8 * self.objects}, i1 false)",
                f"  %numbers.in = alloca [{len(form.inputs)} x double]",
                f"  %numbers.out = alloca [{len(form.outputs)} x double]",
                f"  %table = alloca [{len(form.places) + (form.scratch or 0)} x ptr]",
                "  %numbers = call ptr @PyTuple_GetItem(ptr %self, i64 0)",
                f"  %record.at = getelementptr i8, ptr %numbers, i64 {DATA}",
                "  %record = load ptr, ptr %record.at",
                f"  %enough = icmp eq i64 %count, {len(form.inputs)}",
                "  %plain = icmp eq ptr %keywords, null",
                "  %usual = and i1 %enough, %plain",
                "  br i1 %usual, label %begin, label %refuse",
                "begin:",
                *self.lines,
                "}",
                "",
            ]
        )

    # -- words --------------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def define(self, text: str) -> str:
        self.count += 1
        self.line(f"%v{self.count} = {text}")
        return f"%v{self.count}"

    def address(self, *word: str | int) -> str:
        """The address of a word of the record."""
        place = self.words.setdefault(word, len(self.words))
        return self.define(f"getelementptr i8, ptr %record, i64 {8 * place}")

    def element(self, array: str, k: int) -> str:
        """The address of an element of 8 bytes."""
        return self.define(f"getelementptr i64, ptr {array}, i64 {k}")

    def word(self, *word: str | int) -> str:
        """A word of the record."""
        return self.define(f"load ptr, ptr {self.address(*word)}")

    def check(self, holds: str, otherwise: str) -> None:
        self.count += 1
        self.line(f"br i1 {holds}, label %next{self.count}, label %{otherwise}")
        self.lines.append(f"next{self.count}:")

    def made(self, an_object: str) -> str:
        """A new object, which is null if there was no memory for it."""
        self.check(self.define(f"icmp ne ptr {an_object}, null"), self.failure)
        return an_object

    # -- steps --------------------------------------------------------------------------------------------------------

    def check_threads(self) -> None:
        """Are there as many threads as the plan asks for? In a forked process there are none yet."""
        plan = self.word("plan")
        pool = self.define(f"load ptr, ptr {plan}")
        there = self.define(f"load i64, ptr {self.element(pool, 1)}")
        wanted = self.define(f"load i64, ptr {self.element(plan, 1)}")
        self.check(self.define(f"icmp uge i64 {there}, {wanted}"), "refuse")

    def numbers(self, first: int, count: int) -> None:
        """The arguments from the first on are numbers: read them."""
        given, into = self.element("%arguments", first), self.element("%numbers.in", first)
        found = self.define(f"call i1 @numbers(ptr {given}, i64 {count}, ptr %record, ptr {into})")
        self.check(found, "refuse")
        if self.form.real != "double":
            for k in range(first, first + count):
                at = self.element("%numbers.in", k)
                x = self.define(f"fptrunc double {self.define(f'load double, ptr {at}')} to {self.form.real}")
                self.line(f"store {self.form.real} {x}, ptr {at}")

    def floats(self, first: int, count: int) -> None:
        """The results from the first on are numbers: make objects of them."""
        if self.form.real != "double":
            for k in range(first, first + count):
                at = self.element("%numbers.out", k)
                x = self.define(f"fpext {self.form.real} {self.define(f'load {self.form.real}, ptr {at}')} to double")
                self.line(f"store double {x}, ptr {at}")
        numbers, objects = self.element("%numbers.out", first), self.element("%objects", 1 + first)
        self.check(self.define(f"call i1 @floats(ptr {numbers}, i64 {count}, ptr {objects})"), self.failure)

    def input(self, k: int, rank: int | None) -> str:
        """The address of the k-th argument's numbers."""
        if rank is None:
            return self.element("%numbers.in", k)
        given = self.define(f"load ptr, ptr {self.element('%arguments', k)}")
        data = self.define(f"call ptr @array(ptr {given}, ptr %record, ptr {self.kind(k, rank)}, i32 {rank})")
        self.check(self.define(f"icmp ne ptr {data}, null"), "refuse")
        return data

    def kind(self, k: int, rank: int) -> str:
        """The address of the words for an argument's or a result's element type and sizes."""
        address = self.address("dtype", k)
        for axis in range(rank):
            self.words["size", k, axis] = len(self.words)
        return address

    def take_scratch(self) -> str:
        """The block of scratch memory, unless another call has it. The interpreter's lock is held here."""
        block = self.word("scratch")
        self.check(self.define(f"icmp ne ptr {block}, null"), "refuse")
        self.line(f"store ptr null, ptr {self.address('scratch')}")
        self.failure = "give.back"
        return block

    def output(self, k: int, rank: int | None) -> str:
        """The address of the k-th result's numbers."""
        if rank is None:
            return self.element("%numbers.out", k)
        kind = self.kind(len(self.form.inputs) + k, rank)
        dtype, sizes = self.define(f"load ptr, ptr {kind}"), self.element(kind, 1)
        self.line(f"call void @Py_IncRef(ptr {dtype})")  # it belongs to the array then
        array = self.made(self.define(f"call ptr @PyArray_Empty(i32 {rank}, ptr {sizes}, ptr {dtype}, i32 0)"))
        self.line(f"store ptr {array}, ptr {self.element('%objects', 1 + k)}")
        at = self.define(f"getelementptr i8, ptr {array}, i64 {DATA}")
        return self.define(f"load ptr, ptr {at}")

    def call(self, data: Sequence[str], scratch: str | None) -> None:
        """The kernel, without the interpreter's lock unless it is brief."""
        code, tables = self.word("code"), self.form.scratch is not None
        if tables:
            sizes = self.word("table")
            passed = [self.define(f"getelementptr i8, ptr {data[k]}, i64 {n}") for k, n in self.form.places]
            for k in range(self.form.scratch or 0):
                offset = self.define(f"ptrtoint ptr {self.word('offset', k)} to i64")
                passed.append(self.define(f"getelementptr i8, ptr {scratch}, i64 {offset}"))
            for k, place in enumerate(passed):
                self.line(f"store ptr {place}, ptr {self.element('%table', k)}")
            operands = f"ptr %table, ptr {sizes}" + (f", ptr {self.word('plan')}" if self.form.is_shared else "")
        else:
            operands = ", ".join(
                f"double {self.define(f'load double, ptr {x}')}" if self.is_number(k) else f"ptr {x}"
                for k, x in enumerate(data)
            )
        thread = "" if self.form.is_brief else self.define("call ptr @PyEval_SaveThread()")
        status = self.define(f"call i32 {code}({operands})")
        if thread:
            self.line(f"call void @PyEval_RestoreThread(ptr {thread})")
        if scratch:
            self.line(f"store ptr {scratch}, ptr {self.address('scratch')}")
            self.failure = "fail"
        self.check(self.define(f"icmp eq i32 {status}, 0"), "full")

    def is_number(self, k: int) -> bool:
        return k < len(self.form.inputs) and self.form.inputs[k] is None

    def nest(self) -> None:
        """The results into tuples and lists. What is in none yet is released if one cannot be made."""
        if self.form.nesting.is_leaf:
            result = self.define(f"load ptr, ptr {self.element('%objects', 1)}")
        else:
            self.sequence(self.form.nesting, 0)
            result = self.define("load ptr, ptr %objects")
        self.line(f"ret ptr {result}")

    def sequence(self, nesting: Structure, first: int, parent: str = "") -> None:
        """A tuple or list of the results from the first on, in another one: the text of its place there."""
        kind = SEQUENCES[nesting.kind]
        made = self.made(self.define(f"call ptr @{kind}_New(i64 {len(nesting.children)})"))
        if parent:
            self.define(f"call i32 {parent}, ptr {made})")
        else:
            self.line(f"store ptr {made}, ptr %objects")
        setter = f"@{kind}_SetItem"
        starts = list(accumulate((child.size for child in nesting.children), initial=1 + first))
        leaves = [child.is_leaf for child in nesting.children]
        for k, count in runs(leaves):
            given = f"ptr {self.element('%objects', starts[k])}, i64 {count}"
            self.line(f"call void @put({given}, ptr {made}, i64 {k}, ptr {setter})")
        for k, child in enumerate(nesting.children):
            if not child.is_leaf:
                self.sequence(child, starts[k] - 1, f"{setter}(ptr {made}, i64 {k}")

    def exits(self, scratch: str | None) -> None:
        """What is done where there is no result."""
        if scratch:
            self.lines.append("give.back:")
            self.line(f"store ptr {scratch}, ptr {self.address('scratch')}")
            self.line("br label %fail")
        self.lines.append("full:")
        self.define("call ptr @PyErr_NoMemory()")
        self.line("br label %fail")
        self.lines.append("fail:")
        self.line(f"call void @release(ptr %objects, i64 {self.objects})")
        self.line("ret ptr null")
        self.lines.append("refuse:")
        given = f"ptr {self.word('careful')}, ptr %arguments, i64 %count, ptr %keywords"
        self.line(f"ret ptr {self.define(f'call ptr @PyObject_Vectorcall({given})')}")
