"""Symbol-to-number beside symbol-to-symbol (Goodfellow et al., section 6.5.5): the graph evaluated without compiling.

The derivative is a graph too, so the same loop over its nodes gives the numbers: in NumPy's arithmetic, with complex
numbers, or to any number of digits. It is slow, shows every step, and is what the compiled kernels are tested against.
"""

import mpmath
import sympy as sp

import symgrad as sg
from symgrad.evaluate import all_values, evaluate

x, y = sp.symbols("x y")
F = sg.Function([x, y], x * sp.exp(x * y))
D = F.value_and_grad([x, y])
a, b = [node for argument in D.arguments for node in argument.elements]

print(D)
print("\nnode                        value at (2, 1/2)")
steps = all_values(D.nodes, {a: 2.0, b: 0.5})
for node, value in steps.items():
    print(f"{node!s:25s}  {value:.12g}")
value, (by_x, by_y) = D(2.0, 0.5)
print(f"compiled: {value:.12g}, {by_x:.12g}, {by_y:.12g}")

(value,) = evaluate([F.target], {a: complex(2, 1e-100), b: 0.5})
complex_step = value.imag / 1e-100
print(f"\nComplex step, d/dx = Im f(2 + ih, 1/2) / h = {complex_step:.12g}")

with mpmath.workdps(40):
    outputs = [node for result in D.results for node in result.elements]
    digits = evaluate(outputs, {a: mpmath.mpf(2), b: mpmath.mpf(1) / 2}, mpmath.mp)
    print("To 40 digits:", *digits, sep="\n  ")
