"""The steps that all entries share, as LLVM functions: they read Python's objects and make new ones."""

from __future__ import annotations

import numpy as np

from symgrad.lower.machine.layout import C_CONTIGUOUS_ALIGNED, DATA, DTYPE, FLAGS, RANK, SIZES, TYPE

# The functions of CPython that an entry calls, as LLVM declares them.
PYTHON = {
    "PyTuple_GetItem": "ptr (ptr, i64)",
    "PyTuple_New": "ptr (i64)",
    "PyTuple_SetItem": "i32 (ptr, i64, ptr)",
    "PyList_New": "ptr (i64)",
    "PyList_SetItem": "i32 (ptr, i64, ptr)",
    "PyObject_Vectorcall": "ptr (ptr, ptr, i64, ptr)",
    "PyFloat_AsDouble": "double (ptr)",
    "PyFloat_FromDouble": "ptr (double)",
    "PyErr_Occurred": "ptr ()",
    "PyErr_Clear": "void ()",
    "PyErr_NoMemory": "ptr ()",
    "PyEval_SaveThread": "ptr ()",
    "PyEval_RestoreThread": "void (ptr)",
    "Py_IncRef": "void (ptr)",
    "Py_DecRef": "void (ptr)",
}
# The same of NumPy's C interface.
NUMPY = {"PyArray_Empty": "ptr (i32, ptr, ptr, i32)"}
DECLARATIONS = [f"declare {kind.replace('(', f'@{name}(')}" for name, kind in (PYTHON | NUMPY).items()]
# The first words of every record: the types of what is taken.
TYPES = {"ndarray": np.ndarray, "float": float, "np.float64": np.float64, "int": int, "bool": bool}

STEPS = f"""
declare i32 @memcmp(ptr, ptr, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; So many objects that are floats, np.float64, ints or bools, and of no subclass: their numbers. Are they?
define internal i1 @numbers(ptr %objects, i64 %count, ptr %record, ptr %into) noinline {{
  br label %one
one:
  %i = phi i64 [ 0, %0 ], [ %i.next, %yes ]
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %object.at
  %type.at = getelementptr i8, ptr %object, i64 {TYPE}
  %type = load ptr, ptr %type.at
  br label %known
known:
  %k = phi i64 [ 1, %one ], [ %k.next, %other ]
  %known.at = getelementptr ptr, ptr %record, i64 %k
  %known.type = load ptr, ptr %known.at
  %is.known = icmp eq ptr %type, %known.type
  br i1 %is.known, label %convert, label %other
other:
  %k.next = add i64 %k, 1
  %more.types = icmp ult i64 %k.next, {len(TYPES)}
  br i1 %more.types, label %known, label %no
convert:
  %x = call double @PyFloat_AsDouble(ptr %object)
  %number = getelementptr double, ptr %into, i64 %i
  store double %x, ptr %number
  %perhaps = fcmp oeq double %x, -1.0
  br i1 %perhaps, label %look, label %yes
look:
  %error = call ptr @PyErr_Occurred()
  %fine = icmp eq ptr %error, null
  br i1 %fine, label %yes, label %clear
clear:  ; an int beyond all doubles
  call void @PyErr_Clear()
  br label %no
yes:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %count
  br i1 %more, label %one, label %all
all:
  ret i1 true
no:
  ret i1 false
}}

; So many numbers as floats, unless memory is out.
define internal i1 @floats(ptr %numbers, i64 %count, ptr %objects) noinline {{
  br label %one
one:
  %i = phi i64 [ 0, %0 ], [ %i.next, %made ]
  %number = getelementptr double, ptr %numbers, i64 %i
  %x = load double, ptr %number
  %object = call ptr @PyFloat_FromDouble(double %x)
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  store ptr %object, ptr %object.at
  %none = icmp eq ptr %object, null
  br i1 %none, label %no, label %made
made:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %count
  br i1 %more, label %one, label %all
all:
  ret i1 true
no:
  ret i1 false
}}

; So many objects from a place on in a tuple or list, to which they belong then.
define internal void @put(ptr %objects, i64 %count, ptr %sequence, i64 %place, ptr %set.item) noinline {{
  br label %one
one:
  %i = phi i64 [ 0, %0 ], [ %i.next, %one ]
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %object.at
  store ptr null, ptr %object.at
  %at = add i64 %place, %i
  call i32 %set.item(ptr %sequence, i64 %at, ptr %object)
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %count
  br i1 %more, label %one, label %all
all:
  ret void
}}

; So many objects released; null stands for none.
define internal void @release(ptr %objects, i64 %count) noinline {{
  br label %one
one:
  %i = phi i64 [ 0, %0 ], [ %i.next, %one ]
  %object.at = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %object.at
  call void @Py_DecRef(ptr %object)
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %count
  br i1 %more, label %one, label %all
all:
  ret void
}}

; The data of an ndarray, and no subclass, of this element type, rank and sizes, in C order; else null.
define internal ptr @array(ptr %object, ptr %record, ptr %wanted, i32 %rank) noinline {{
  %type.at = getelementptr i8, ptr %object, i64 {TYPE}
  %type = load ptr, ptr %type.at
  %ndarray = load ptr, ptr %record
  %is.array = icmp eq ptr %type, %ndarray
  br i1 %is.array, label %look, label %no
look:
  %dtype.at = getelementptr i8, ptr %object, i64 {DTYPE}
  %dtype = load ptr, ptr %dtype.at
  %dtype.wanted = load ptr, ptr %wanted
  %of.type = icmp eq ptr %dtype, %dtype.wanted
  %rank.at = getelementptr i8, ptr %object, i64 {RANK}
  %rank.found = load i32, ptr %rank.at
  %of.rank = icmp eq i32 %rank.found, %rank
  %flags.at = getelementptr i8, ptr %object, i64 {FLAGS}
  %flags = load i32, ptr %flags.at
  %both = and i32 %flags, {C_CONTIGUOUS_ALIGNED}
  %in.order = icmp eq i32 %both, {C_CONTIGUOUS_ALIGNED}
  %a = and i1 %of.type, %of.rank
  %fits = and i1 %a, %in.order
  br i1 %fits, label %compare, label %no
compare:
  %sizes.at = getelementptr i8, ptr %object, i64 {SIZES}
  %sizes = load ptr, ptr %sizes.at
  %sizes.wanted = getelementptr i8, ptr %wanted, i64 8
  %many = zext i32 %rank to i64
  %bytes = mul i64 %many, 8
  %order = call i32 @memcmp(ptr %sizes, ptr %sizes.wanted, i64 %bytes)
  %same = icmp eq i32 %order, 0
  br i1 %same, label %yes, label %no
yes:
  %data.at = getelementptr i8, ptr %object, i64 {DATA}
  %data = load ptr, ptr %data.at
  ret ptr %data
no:
  ret ptr null
}}
"""
