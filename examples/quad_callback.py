"""Integrals of a compiled function and of its derivative by a parameter, by SciPy's quad, with no Python inside.

`F.kernel.cfunc(signature)` is the function as C sees it, `double f(int n, double *x)`, with x = (x, a). The C code of
quad calls it by its address.
"""

import time

import sympy as sp
from scipy import LowLevelCallable
from scipy.integrate import quad

import symgrad as sg

x, a = sp.symbols("x a", positive=True)
F = sg.Function([x, a], sp.exp(-a * x**2) * sp.cos(x))
G = F.grad(a)
integral = sp.sqrt(sp.pi / a) * sp.exp(-1 / (4 * a))  # over the whole line
exact = sg.Function([a], integral).value_and_grad(a)
print(f"{F}\nintegrated over x: {integral}\n")

A = 1.5
C_SIGNATURE = "float64(intc, CPointer(float64))"


def integrate(callback):
    """The integral over the line, as far as exp(-A x**2) is not 0, and the seconds it takes."""
    start = time.perf_counter()
    for _ in range(100):
        value, _ = quad(callback, -20, 20, args=(A,), epsabs=1e-13, epsrel=1e-13, limit=200, points=[0])
    return value, (time.perf_counter() - start) / 100


results = {}
for name, function, wanted in zip(("integral of f", "integral of df/da"), (F, G), exact(A), strict=True):
    in_c = LowLevelCallable(function.kernel.cfunc(C_SIGNATURE).ctypes)
    plain = sp.lambdify([x, a], function.outputs, "math")
    for kind, callback in (("C callback", in_c), ("called from Python", function), ("SymPy's lambdify", plain)):
        value, seconds = integrate(callback)
        results[name, kind] = value, wanted
        print(f"{name:18s} {kind:20s} {value:.15f}, error {abs(value - wanted):.0e}, {seconds * 1e6:6.0f} microseconds")
