"""The circuit f = (x + y) z at (-2, 5, -4): what flows forward, what flows back, and what each kind of gate does to it.

Every gate multiplies the gradient that arrives from above (upstream) by its own derivative (local) and passes on the
product. An addition distributes: its local gradients are 1. A multiplication swaps: each input gets the other's value.
A maximum routes: the larger input gets all. A copy adds: a value read twice gets the sum of both gradients.
"""

import sympy as sp

import symgrad as sg

x, y, z = sp.symbols("x y z")

circuit = sg.Function([x, y, z], (x + y) * z)
explanation = circuit.explain(at=(-2, 5, -4))
print(explanation)
value = {str(step.name): step.value for step in explanation.steps}
upstream = {str(step.name): step.upstream for step in explanation.steps}
print(f"\nq = t0 = {value['t0']}, df/dq = {upstream['t0']}, f = {value['f']}")
print("df/dx, df/dy, df/dz =", circuit.grad([x, y, z])(-2.0, 5.0, -4.0))

GATES = {
    "add distributes": (x + y, (3, -1)),
    "multiply swaps": (x * y, (3, -1)),
    "max routes": (sp.Max(x, y), (3, -1)),
    "max at a tie shares": (sp.Max(x, y), (2, 2)),
    "copy adds": (x * y + sp.sin(x), (3, -1)),
}
gradients = {}
for name, (expression, point) in GATES.items():
    gate = sg.Function([x, y], expression)
    gradients[name] = gate.grad([x, y])(*map(float, point))
    print(f"\n{name}: {expression} at {point} has the gradient {gate.grad([x, y]).outputs} = {gradients[name]}")
    print(gate.explain(at=point))
