"""A sigmoid neuron, f = 1/(1 + exp(-(w0 x0 + w1 x1 + w2))): gate by gate, and with the sigmoid as one gate.

With simplify=False the circuit stays as it was written: multiply, add, negate, exp, add 1, invert. Otherwise symgrad
knows the sigmoid, whose derivative is f (1 - f): one gate, the same gradients, and no exp that could overflow.
"""

import sympy as sp

import symgrad as sg

w, x = sp.symbols("w:3"), sp.symbols("x:2")
formula = 1 / (1 + sp.exp(-(w[0] * x[0] + w[1] * x[1] + w[2])))
point = (2.0, -3.0, -3.0), (-1.0, -2.0)

by_gates = sg.Function([w, x], formula, simplify=False)
print(by_gates.explain(at=point))

one_gate = sg.Function([w, x], formula)
print(f"\nOne gate, by the rule {', '.join(one_gate.applied)}:")
print(one_gate.explain(at=point))
print()

values = []
for neuron in (by_gates, one_gate):
    f, (dw, dx) = neuron.value_and_grad([w, x])(*point)
    values.append((f, *dw, *dx))
    print("f, dw, dx = " + ", ".join(f"{v:.10f}" for v in values[-1]))

print("\nSaturated, w2 = -1000: exp(1005) is infinite, and infinity times 0 is not a number")
saturated = [neuron.grad(w)((2.0, -3.0, -1000.0), point[1]) for neuron in (by_gates, one_gate)]
print("by gates:", saturated[0])
print("one gate:", saturated[1])
