"""What a compiler of derivatives has to see to (Goodfellow et al., section 6.5.8), each on a small graph."""

import sympy as sp

import symgrad as sg

x, y = sp.symbols("x y")

print("1. Results that share work: sin and cos of one angle, and the exponential in it, are computed once.")
angle = sp.exp(x) * y
F = sg.Function([x, y], sp.sin(angle) * sp.cos(angle))
shared = {"f": len(F.nodes), "gradient": len(F.grad([x, y]).nodes), "both": len(F.value_and_grad([x, y]).nodes)}
print(f"{F.value_and_grad([x, y])}\n   nodes: {shared}\n")

print("2. Gradients accumulate: exp(x) is read three times, and gets the sum of three contributions.")
u = sp.exp(x)
thrice = sg.Function([x, y], u * y + sp.sin(u) + sp.sqrt(1 + u))
accumulated = thrice.explain(at=(0.5, 2))
print(f"{accumulated}\n")

print("3. Numbers of several kinds: integers become float64, what would lose its meaning is an error.")
square = sg.Function([x], x**2).grad()
print("  ", square(3), square([1, 2, 3]))
errors = {}
for value in (1j, "3"):
    try:
        square(value)
    except sg.SymgradError as error:
        errors[value] = error
        print(f"   {type(error).__name__}: {error}")

print("4. What has no gradient is named, with the way to it: no zero, no None.")
order, argument = sp.symbols("nu z")
bessel = sp.exp(sp.besselj(order, argument)) * 2
print("   by its argument:", sg.grad(bessel, argument))
try:
    sg.grad(bessel, order)
except sg.UndefinedDerivative as error:
    errors["order"] = error
    print(f"   by its order: {type(error).__name__}: {error}")
flat = sg.grad(sp.floor(x) * y, [x, y])
print(f"   A step is flat where it does not jump: the gradient of floor(x) y is {flat}")
