"""Back-propagation in the words of Goodfellow, Bengio, Courville, Deep Learning, section 6.5.6, on any graph.

    get_operation(V)     the operation that computes V           node.op
    get_inputs(V, G)     what it is computed from                node.inputs
    get_consumers(V, G)  the operations that read it             consumers(graph)[node]
    op.bprop(...)        the gradients that it sends to them     node.op.bprop(node, g)
    grad_table           the gradient by every variable so far   a dict

The book goes up from each variable by recursion (Algorithms 6.5 and 6.6). Here it is written so; symgrad's own
build_grad goes down in one sweep instead, and gives the same nodes.
"""

import sympy as sp

import symgrad as sg
from symgrad.derivatives import between
from symgrad.graph import consumers
from symgrad.ops.guards import guarded_sum
from symgrad.ops.leaf import Input
from symgrad.ops.trigonometric import Sin
from symgrad.to_sympy import to_sympy


def back_propagation(variables, target):
    """Algorithm 6.5: the gradients of the target by each of the variables, as nodes of the same graph."""
    part = between(variables, [target])  # G': what leads from the variables to the target
    get_consumers = consumers(part)
    grad_table = {target: target.graph.node(1)}
    return [build_grad(v, get_consumers, grad_table) for v in variables], grad_table


def build_grad(v, get_consumers, grad_table):
    """Algorithm 6.6: the gradient by v is the sum of what its consumers send back."""
    if v in grad_table:
        return grad_table[v]
    contributions = []
    for c in dict.fromkeys(get_consumers[v]):
        d = build_grad(c, get_consumers, grad_table)
        contributions += [gx for x, gx in zip(c.inputs, c.op.bprop(c, d), strict=True) if x is v and gx is not None]
    grad_table[v] = guarded_sum(contributions)
    return grad_table[v]


x, y = sp.symbols("x y")
F = sg.Function([x, y], sp.exp(x * y) * sp.sin(x) + x, name="f", simplify=False)
variables = [node for argument in F.arguments for node in argument.elements]
readers = consumers(F.nodes)
print(f"{F}\n\nnode                      get_operation  get_inputs  get_consumers")
for node in F.nodes:
    print(f"{node!s:25s} {node.op.label():14s} {node.inputs!s:11s} {readers[node]}")

book, grad_table = back_propagation(variables, F.target)
own = sg.build_grad(F.target, variables)
print("\ngrad_table: the gradient of f by each node, a node itself")
table = dict(zip(grad_table, to_sympy(grad_table.values()), strict=True))
for node, expression in table.items():
    print(f"by {node!r}: {grad_table[node]!r} = {expression}")
print(f"as the book has it {book}, in one sweep {own}\n")

print(" links   nodes of f   nodes that its gradient adds   added per link")
counts = {}
for links in (10, 100, 1_000, 10_000):
    graph = sg.Graph()
    start = node = graph.add(Input(x))
    for _ in range(links):  # v -> v sin(v): each node is read twice, so that as a tree this is 2**links large
        node = node * graph.add(Sin(), node)
    size = len(graph)
    sg.build_grad(node, [start])
    counts[links] = (size, len(graph) - size)
    print(f"{links:6d} {size:12d} {len(graph) - size:30d} {(len(graph) - size) / links:16.3f}")
