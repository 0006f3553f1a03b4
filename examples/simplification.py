"""The rules by which symgrad rewrites a graph, and which of them were applied to an expression.

As Theano and TensorFlow do it, by a table of named rules. Those for stability run before and after differentiation;
those that only shape the form run after it. A rule says when it is exact; none of them is x/x => 1 or 0*x => 0.
"""

import sympy as sp

import symgrad as sg
from symgrad.simplify import FORM, STABLE

for title, rules in (("Rules for stability", STABLE), ("Rules of form", FORM)):
    print(title)
    for rule in rules:
        print(f"  {rule.name:28s} {rule.formula}\n{'':31s}{rule.condition}")
    print()

x = sp.Symbol("x")
EXPRESSIONS = [  # and a point at which it fails, computed as it is written
    (sp.log(1 + sp.exp(x)), 1000.0),
    (1 / (1 + sp.exp(-x)), -1000.0),
    (sp.log(1 - 1 / (1 + sp.exp(-x))), 40.0),
    (sp.log(sp.exp(x) + sp.exp(2 * x) + 3), 1000.0),
    (sp.log(sp.cosh(x)), 1000.0),
    (sp.log(1 + x), 1e-18),
    (sp.exp(x) - 1, 1e-18),
    (x * sp.log(x), 0.0),
    (sp.sqrt(x**2 + (x + 1) ** 2), 1e200),
    (sp.sqrt(x**2 + sp.sin(x) ** 2 + sp.tan(x) ** 2), 0.0),
    (sp.exp(x) / (sp.exp(x) + sp.exp(2 * x) + 1), 1000.0),
    (sp.sqrt(x**4), 0.0),
]
applied, values = {}, {}
for expression, point in EXPRESSIONS:
    stable, naive = sg.Function([x], expression), sg.Function([x], expression, simplify=False)
    operations = " > ".join(node.op.name for node in stable.nodes if node.inputs)
    applied[expression] = dict(stable.applied)
    values[expression] = stable(point), naive(point), stable.grad()(point), naive.grad()(point)
    print(f"{expression}\n    rules: {', '.join(stable.applied)}; operations: {operations}")
    value, written, slope, slope_written = (f"{number:.6g}" for number in values[expression])
    print(f"    at {point:g}: {value}, as written {written}; derivative {slope}, as written {slope_written}")
