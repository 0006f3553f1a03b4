"""Is a derivative right? Compare it with one that uses no rule of differentiation.

A difference quotient (f(x + h) - f(x - h)) / 2h is off by h^2 or by rounding, whichever is larger: 10 digits at best.
A complex step, Im f(x + ih) / h, forms no difference and loses nothing. `check_grads` uses it, along random directions;
second derivatives, and functions that have no complex form, are compared with differences in 50-digit arithmetic.
"""

import numpy as np
import sympy as sp

import symgrad as sg
from symgrad.evaluate import evaluate

x, y = sp.symbols("x y")
F = sg.Function([x, y], sp.exp(x * sp.sin(y)) / (1 + x**2))
exact = F.grad(x)(0.5, 1.5)

print("step      central difference   error")
errors = {}
for exponent in range(-1, -16, -2):
    h = 10.0**exponent
    quotient = (F(0.5 + h, 1.5) - F(0.5 - h, 1.5)) / (2 * h)
    errors[exponent] = abs(quotient - exact) / abs(exact)
    print(f"1e{exponent:<5d}  {quotient:20.16f}   {errors[exponent]:.1e}")

nodes = [node for argument in F.arguments for node in argument.elements]
(value,) = evaluate([F.target], dict(zip(nodes, (complex(0.5, 1e-100), 1.5), strict=True)))
complex_step = value.imag / 1e-100
print(f"complex  {complex_step:20.16f}   {abs(complex_step - exact) / abs(exact):.1e}\n")

report = sg.check_grads(F)
print(report)
print()


class wrong_sine(sp.Function):  # noqa: N801  a sine, whose derivative is off by a twentieth of a per cent
    def fdiff(self, argindex=1):
        return sp.cos(self.args[0]) * sp.Rational(10_005, 10_000)

    def _eval_evalf(self, prec):
        return sp.sin(self.args[0])._eval_evalf(prec)


sg.register(wrong_sine, lambda value: np.sin(value))
try:
    sg.check_grads(sg.Function([x], wrong_sine(x)))
except sg.CheckFailed as error:
    failure = error.report
    print("A derivative off by a twentieth of a per cent is found:", failure, sep="\n")
