"""The nests of test_nest.py as they print."""

from __future__ import annotations

TEXT = """\
# values in the outermost loop they need
%7 = load s
for i0 in range(n):
  %6 = load t[i0]
  %8 = product(%7, %6)
  for i1 in simd(m):
    %5 = load X[i0, i1]
    %9 = product(%8, %5)
    y[i0, i1] = %9
# a sum in memory
y = zeros
for i1 in range(n):
  %4 = load t[i1]
  for i0 in simd(m):
    %3 = load X[i1, i0]
    %5 = product(%4, %3)
    y[i0] += %5
# the largest
for i0 in range(n):
  max of y = -inf
  for i1 in range(m):
    for i2 in simd(k):
      %1 = load T[i0, i1, i2]
      max of y max= %1
  %2 = max of y
  y[i0] = %2
# products of others
for i0 in range(n):
  product of y = 1.0
  for i1 in range(m):
    %0 = product of y
    y[i0, i1] = %0
    %1 = load X[i0, i1]
    product of y *= %1
  product of y = 1.0
  for i1 in range(m):
    %2 = product of y
    %3 = load y[i0, -i1 + m - 1]
    %4 = product(%3, %2)
    y[i0, -i1 + m - 1] = %4
    %5 = load X[i0, -i1 + m - 1]
    product of y *= %5
# products of others, vectors along rows
for i1 in simd(m):
  for i0 in range(n):
    product of y = 1.0
    for i2 in range(k):
      %0 = product of y
      y[i0, i1, i2] = %0
      %1 = load T[i0, i1, i2]
      product of y *= %1
    product of y = 1.0
    for i2 in range(k):
      %2 = product of y
      %3 = load y[i0, i1, -i2 + k - 1]
      %4 = product(%3, %2)
      y[i0, i1, -i2 + k - 1] = %4
      %5 = load T[i0, i1, -i2 + k - 1]
      product of y *= %5
# a sum in memory, row by row
for i0 in range(k):
  %0 = 0
  for i1 in simd(m):
    y[i0, i1] = %0
  for i2 in range(n):
    %4 = load t[i2]
    for i1 in simd(m):
      %5 = load c[i2, i0, i1]
      %6 = product(%4, %5)
      y[i0, i1] += %6
# a sum in a register, rows of memory
for i1 in range(m):
  for i0 in range(k):
    add of y = 0.0
    for i2 in simd(n):
      %3 = load t[i2]
      %4 = load c[i2, i0, i1]
      %5 = product(%3, %4)
      add of y += %5
    %6 = add of y
    y[i0, i1] = %6
# vectors along rows
for i1 in range(m):
  for i0 in simd(k):
    add of y = 0.0
    for i2 in range(n):
      %3 = load t[i2]
      %4 = load c[i2, i0, i1]
      %5 = product(%3, %4)
      add of y += %5
    %6 = add of y
    y[i0, i1] = %6
# vectors along rows that are summed
y = zeros
for i0 in range(k):
  for i1 in range(m):
    add of y = 0.0
    for i2 in simd(n):
      %3 = load t[i2]
      %4 = load c[i2, i0, i1]
      %5 = product(%3, %4)
      add of y += %5
    %6 = add of y
    y[i0, i1] += %6
# what is added in the middle of longer axes
for i0 in range(n + 3):
  %1 = max(0, 2)
  %2 = min(%1, m + 4)
  %3 = min(m + 4, m + 2)
  %4 = max(%3, %2)
  for i1 in range(%2):
    %6 = 0 unless 0 <= i0 - 1 < n and 0 <= i1 - 2 < m
      %5 = load X[i0 - 1, i1 - 2]
    y[i0, i1] = %6
  for i1 in simd(%2, %4):
    %8 = 0 unless 0 <= i0 - 1 < n
      %7 = load X[i0 - 1, i1 - 2]
    y[i0, i1] = %8
  for i1 in range(%4, m + 4):
    %10 = 0 unless 0 <= i0 - 1 < n and 0 <= i1 - 2 < m
      %9 = load X[i0 - 1, i1 - 2]
    y[i0, i1] = %10
# read beside both ends
%3 = max(0, 1, m - n + 1)
%4 = min(%3, n)
%5 = min(n, n + 1, m + 1)
%6 = max(%5, %4)
for i0 in range(%4):
  %8 = 0 unless 0 <= i0 - 1 < n
    %7 = load t[i0 - 1]
  %10 = 0 unless 0 <= -i0 + m < n
    %9 = load t[-i0 + m]
  %11 = add(%8, %10)
  y[i0] = %11
for i0 in simd(%4, %6):
  %12 = load t[i0 - 1]
  %13 = load t[-i0 + m]
  %14 = add(%12, %13)
  y[i0] = %14
for i0 in range(%6, n):
  %16 = 0 unless 0 <= i0 - 1 < n
    %15 = load t[i0 - 1]
  %18 = 0 unless 0 <= -i0 + m < n
    %17 = load t[-i0 + m]
  %19 = add(%16, %18)
  y[i0] = %19
# a window
for i0 in range(n):
  %1 = max(0, -i0 + 1)
  %2 = min(%1, 5)
  %3 = min(5, -i0 + n + 1)
  %4 = max(%3, %2)
  for i1 in range(%2):
    %6 = 0 unless 0 <= i0 + i1 - 1 < n
      %5 = load t[i0 + i1 - 1]
    y[i0, i1] = %6
  for i1 in simd(%2, %4):
    %7 = load t[i0 + i1 - 1]
    y[i0, i1] = %7
  for i1 in range(%4, 5):
    %9 = 0 unless 0 <= i0 + i1 - 1 < n
      %8 = load t[i0 + i1 - 1]
    y[i0, i1] = %9
# a window that is added
for i1 in range(3):
  %1 = max(0, -i1 + 1)
  %2 = min(%1, n)
  %3 = min(n, -i1 + n + 1)
  %4 = max(%3, %2)
  for i0 in range(%2):
    when 0 <= i0 + i1 - 1 < n:
      %5 = load t[i0]
      y[i0 + i1 - 1] += %5
  for i0 in simd(%2, %4):
    %6 = load t[i0]
    y[i0 + i1 - 1] += %6
  for i0 in range(%4, n):
    when 0 <= i0 + i1 - 1 < n:
      %7 = load t[i0]
      y[i0 + i1 - 1] += %7
# every second
for i0 in range(n):
  %2 = 0 unless 0 <= 2*i0 < n
    %1 = load t[2*i0]
  y[i0] = %2
# a condition within another
%2 = max(0, -1, -2)
%3 = min(%2, n)
%4 = min(n, n - 1, n - 2)
%5 = max(%4, %3)
for i0 in range(%3):
  %9 = 0 unless 0 <= i0 + 1 < n
    %7 = 0 unless 0 <= i0 + 2 < n
      %6 = load t[i0 + 2]
    %8 = exp(%7)
  y[i0] = %9
for i0 in simd(%3, %5):
  %10 = load t[i0 + 2]
  %11 = exp(%10)
  y[i0] = %11
for i0 in range(%5, n):
  %15 = 0 unless 0 <= i0 + 1 < n
    %13 = 0 unless 0 <= i0 + 2 < n
      %12 = load t[i0 + 2]
    %14 = exp(%13)
  y[i0] = %15
# one row of several
for i0 in range(3):
  for i1 in simd(n):
    %2 = 0 unless 0 <= i0 - 2 < 1
      %1 = load t[i1]
    y[i0, i1] = %2
# the only row
for i0 in range(1):
  for i1 in simd(n):
    %1 = load t[i1]
    y[i0, i1] = %1
# rows that are looked up
for i0 in range(q):
  %2 = load at[i0]
  for i1 in simd(m):
    %3 = load X[%2, i1]
    y[i0, i1] = %3
# numbers that are looked up
for i0 in range(q):
  %2 = load at[i0]
  %3 = load t[-%2 + n - 1]
  y[i0] = %3
# rows that are looked up, if there are
for i0 in range(q):
  %2 = load at[i0]
  for i1 in range(m):
    %4 = 0 unless 0 <= %2 < n and 0 <= i1 + 1 < m
      %3 = load X[%2, i1 + 1]
    y[i0, i1] = %4
# numbers that are looked up under a condition
%2 = max(0, 1)
%3 = min(%2, q)
%4 = min(q, q + 1)
%5 = max(%4, %3)
for i0 in range(%3):
  %8 = 0 unless 0 <= i0 - 1 < q
    %6 = load at[i0 - 1]
    %7 = load t[%6]
  y[i0] = %8
for i0 in range(%3, %5):
  %9 = load at[i0 - 1]
  %10 = load t[%9]
  y[i0] = %10
for i0 in range(%5, q):
  %13 = 0 unless 0 <= i0 - 1 < q
    %11 = load at[i0 - 1]
    %12 = load t[%11]
  y[i0] = %13
# one number where it is looked up, if there is one
for i0 in range(q):
  %2 = load at[i0]
  %4 = 0 unless 0 <= %2 < n
    %3 = load s
  y[i0] = %4
# what is added where it is looked up
for i0 in range(n):
  for i1 in range(q):
    %2 = load at[i1]
    %3 = load z[i0, i1]
    y[%2, i0] += %3
# what is added to one place again and again
for i0 in range(n):
  for i1 in range(m):
    %1 = load X[i0, i1]
    y[i0] += %1
# sizes and indices
%9 = real(m*n)
%12 = 3
for i0 in simd(n):
  %7 = load t[i0]
  %8 = real(i0)
  %10 = product(%9, %8)
  %11 = product(%7, %10)
  %13 = add(%11, %12)
  y[i0] = %13
# truth values along another axis
%10 = 0
for i0 in range(n):
  %6 = load t[i0]
  %7 = add[2](%6)
  %8 = <(%6, %7)
  for i1 in simd(m):
    %9 = load X[i0, i1]
    %11 = select(%8, %9, %10)
    y[i0, i1] = %11
# what is read twice
for i0 in simd(n):
  %3 = load X[i0, 0]
  %4 = sin(%3)
  %5 = add[3](%4)
  y[i0] = %5
# what goes onto a diagonal
for i0 in simd(n):
  %1 = load t[i0]
  y[i0, i0] = %1
# a sum of all rows
add of y = 0.0
for i0 in simd(n):
  %2 = load t[i0]
  %3 = exp(%2)
  add of y += %3
%4 = add of y
y = %4
# one number
%0 = load s
%1 = exp(%0)
y = %1
# an identity
%1 = 1
for i0 in simd(n):
  y[i0, i0] = %1
# few columns
for i0 in range(n):
  %1 = load t[i0]
  for i1 in range(4):
    y[i0, i1] = %1
# columns
for i0 in range(n):
  %1 = load t[i0]
  for i1 in simd(5):
    y[i0, i1] = %1
# the only row there is
for i0 in simd(n):
  %1 = load r[0, i0]
  y[i0] = %1
# the first of two rows
for i0 in simd(n):
  %2 = 0 unless 0 <= 0 < 2
    %1 = load r[0, i0]
  y[i0] = %2
# as many as are there
%1 = max(0)
%2 = min(%1, m)
%3 = min(m, n)
%4 = max(%3, %2)
for i0 in range(%2):
  %6 = 0 unless 0 <= i0 < n
    %5 = load t[i0]
  y[i0] = %6
for i0 in simd(%2, %4):
  %7 = load t[i0]
  y[i0] = %7
for i0 in range(%4, m):
  %9 = 0 unless 0 <= i0 < n
    %8 = load t[i0]
  y[i0] = %9
# an index plus one that is looked up
for i0 in range(q):
  %2 = load at[i0]
  %4 = 0 unless 0 <= i0 + %2 < n
    %3 = load t[i0 + %2]
  y[i0] = %4
# whole rows that are looked up, if there are
for i0 in range(q):
  %2 = load at[i0]
  for i1 in simd(m):
    %4 = 0 unless 0 <= %2 < n
      %3 = load X[%2, i1]
    y[i0, i1] = %4
# vectors along rows whose sums have limits of their own
for i0 in range(n):
  add of y = 0.0
  %1 = max(0, -i0 + 1)
  %2 = min(%1, 5)
  %3 = min(5, -i0 + n + 1)
  %4 = max(%3, %2)
  for i1 in range(%2):
    %6 = 0 unless 0 <= i0 + i1 - 1 < n
      %5 = load t[i0 + i1 - 1]
    add of y += %6
  for i1 in range(%2, %4):
    %7 = load t[i0 + i1 - 1]
    add of y += %7
  for i1 in range(%4, 5):
    %9 = 0 unless 0 <= i0 + i1 - 1 < n
      %8 = load t[i0 + i1 - 1]
    add of y += %9
  %10 = add of y
  y[i0] = %10
# a number for all
%1 = 3
for i0 in simd(n):
  y[i0] = %1
"""

# by the line above each
PRINTED = dict(part.rstrip().split("\n", 1) for part in TEXT.split("# ")[1:])
