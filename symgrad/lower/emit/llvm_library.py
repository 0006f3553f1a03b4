"""Calls of BLAS and LAPACK -> LLVM instructions. Everything is passed by its address, as Fortran takes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgrad.lower.arrays.affine import Affine, Index
from symgrad.lower.arrays.loops import Call
from symgrad.lower.emit.llvm_memory import MEMORY, Memory
from symgrad.lower.emit.target import constant
from symgrad.ops.leaf import as_double
from symgrad.types import Size

ROUTINES = {"f8": "d", "f4": "s"}  # the letter before a name of BLAS


class Library(Memory):
    """The words of a program that libraries compute."""

    def library(self, s: Call) -> None:
        {"gemm": self.gemm, "getrf": self.getrf, "getrs": self.getrs, "potrf": self.potrf}[s.routine](s)

    def gemm(self, s: Call) -> None:
        """C = A B in rows is C^T = B^T A^T in columns, as BLAS has it. C is not read unless it is added to."""
        a, b, c = [self.matrix(name, first) for name, first in s.places]
        target = s.buffers[-1]
        rows, inner, columns = [self.product(n) for n in s.sizes]
        real = MEMORY[self.buffers[target].dtype]
        left, right = s.flags[0], s.flags[1]
        kind = np.dtype(self.buffers[target].dtype).type
        factor, before = (self.reference(real, constant(float(kind(v)))) for v in (as_double(s.factor), s.accumulates))
        arguments = [
            self.reference("i8", str(ord(right))),
            self.reference("i8", str(ord(left))),
            *(self.reference("i32", n) for n in (columns, rows, inner)),
            factor,
            b,
            self.reference("i32", columns if right == "N" else inner),
            a,
            self.reference("i32", inner if left == "N" else rows),
            before,
            c,
            self.reference("i32", columns),
        ]
        self.fortran(s.routine, target, arguments)

    def getrf(self, s: Call) -> None:
        """Rows, columns, matrix, leading size, pivots, info: of a singular matrix the factors have a 0."""
        pivots, matrix = s.buffers
        n = self.reference("i32", self.product(s.sizes[0]))
        self.fortran("getrf", matrix, [n, n, self.base(matrix), n, self.base(pivots), self.reference("i32", 0)])

    def getrs(self, s: Call) -> None:
        """Transposed or not, size, number of right-hand sides, factors, pivots, and these, which become the result."""
        matrix, pivots, right = s.buffers
        n, many = (self.reference("i32", self.product(size)) for size in s.sizes)
        flag, info = self.reference("i8", str(ord(s.flags))), self.reference("i32", 0)
        addresses = [self.base(matrix), n, self.base(pivots), self.base(right), n, info]
        self.fortran("getrs", right, [flag, n, many, *addresses])

    def potrf(self, s: Call) -> None:
        """The triangle by columns, size, matrix, leading size; info goes into the other buffer."""
        info, matrix = s.buffers
        n = self.reference("i32", self.product(s.sizes[0]))
        flag = self.reference("i8", str(ord(s.flags)))
        self.fortran("potrf", matrix, [flag, n, self.base(matrix), n, self.base(info)])

    def fortran(self, routine: str, buffer: str, arguments: Sequence[str]) -> None:
        """The call of a routine for the element type of a buffer."""
        name = ROUTINES[self.buffers[buffer].dtype] + routine
        symbol = f"symgrad_blas_{name}"
        self.module.routines.add(name)
        self.module.globals[symbol] = f"declare void @{symbol}({', '.join(['ptr'] * len(arguments))})"
        self.line(f"call void @{symbol}({', '.join(f'ptr {x}' for x in arguments)})")

    def matrix(self, name: str, first: Index) -> str:
        """The address where a matrix begins."""
        return self.address(name, self.place(name, first)[0]) if first else self.base(name)

    def product(self, sizes: Sequence[Size | Affine]) -> int | str:
        total: int | str = 1
        for n in sizes:
            total = self.integer("mul", total, self.affine(n) if isinstance(n, Affine) else self.size(n))
        return total

    def reference(self, type_: str, value: int | str) -> str:
        """The address of a number, as Fortran takes it."""
        slot = f"%argument{next(self.counter)}"
        self.entry.append(f"  {slot} = alloca {type_}")
        if type_ == "i32" and isinstance(value, str):
            value = self.define(f"trunc i64 {value} to i32", "i32").text
        self.line(f"store {type_} {value}, ptr {slot}")
        return slot
