"""ArrayProgram -> LLVM IR: a function for each of its parts, and two that call them.

A part is Chunks, or what stands between two of them. The kernel runs the parts in turn. A second function runs one
part, as far as no other thread does: each thread that calls it takes one chunk after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from symgrad.lower.arrays.loops import ArrayProgram, Chunks, Statement
from symgrad.lower.emit.instructions import Module
from symgrad.lower.emit.llvm_loops import METADATA, PartWriter
from symgrad.lower.emit.target import Target
from symgrad.types import Size

PART = "_part"  # what the name of the second function adds to the kernel's


class ArrayCode(NamedTuple):
    """The text of a module, what it calls, the sizes that the second table holds, and how many chunks each part has."""

    text: str
    module: Module
    table: list[Size]
    chunks: list[Size]


def arrays_to_llvm(program: ArrayProgram, symbol: str, target: Target) -> ArrayCode:
    """The kernel, as a function of the addresses of its two tables: those of buffers and of sizes."""
    module = Module(symbol, target)
    table: list[Size] = []
    parts = _parts(program.body)
    chunks = [part[0].number if isinstance(part[0], Chunks) else 1 for part in parts]
    functions = [PartWriter(program, module, table).function(k, part) for k, part in enumerate(parts)]
    functions += [_part(symbol, chunks, table), _whole(symbol, len(parts))]
    attributes = "attributes #0 = { nounwind willreturn memory(none) }"
    text = "\n".join([*module.globals.values(), *functions, attributes, *METADATA, ""])
    return ArrayCode(text, module, table, chunks)


def _parts(body: Sequence[Statement]) -> list[list[Statement]]:
    found: list[list[Statement]] = []
    for s in body:
        if found and not isinstance(s, Chunks) and not isinstance(found[-1][0], Chunks):
            found[-1].append(s)
        else:
            found.append([s])
    return found


def _part(symbol: str, chunks: Sequence[Size], table: list[Size]) -> str:
    """The function of one part: `counter` tells the next chunk, to whoever asks for one."""
    cases = " ".join(f"i64 {k}, label %part{k}" for k in range(len(chunks)))
    lines = [
        f"define i32 @{symbol}{PART}(ptr %table, ptr %sizes, i64 %part, ptr %counter) {{",
        f"  switch i64 %part, label %done [ {cases} ]",
    ]
    for k, n in enumerate(chunks):
        lines.append(f"part{k}:")
        if not isinstance(n, int):
            if n not in table:
                table.append(n)
            lines.append(f"  %number{k}.at = getelementptr i64, ptr %sizes, i64 {table.index(n)}")
            lines.append(f"  %number{k} = load i64, ptr %number{k}.at")
        lines += [
            f"  br label %next{k}",
            f"next{k}:",
            f"  %chunk{k} = atomicrmw add ptr %counter, i64 1 monotonic",
            f"  %is_left{k} = icmp slt i64 %chunk{k}, {n if isinstance(n, int) else f'%number{k}'}",
            f"  br i1 %is_left{k}, label %run{k}, label %done",
            f"run{k}:",
            f"  call void @{symbol}.{k}(ptr %table, ptr %sizes, i64 %chunk{k})",
            f"  br label %next{k}",
        ]
    return "\n".join([*lines, "done:", "  ret i32 0", "}"])


def _whole(symbol: str, parts: int) -> str:
    """The kernel: all parts on this thread."""
    lines = [f"define i32 @{symbol}(ptr %table, ptr %sizes) {{", "  %counter = alloca i64"]
    for k in range(parts):
        lines.append("  store i64 0, ptr %counter")
        lines.append(f"  call i32 @{symbol}{PART}(ptr %table, ptr %sizes, i64 {k}, ptr %counter)")
    return "\n".join([*lines, "  ret i32 0", "}"])
