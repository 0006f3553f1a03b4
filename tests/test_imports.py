"""The house: imports go down one list, importing is light, nothing recurses over a graph."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import symgrad

ROOT = Path(symgrad.__file__).parent
# Each may import what stands before it. A package is one step: inside it there is no cycle.
LAYERS = [
    *(
        "environment",
        "progress",
        "types",
        "size",
        "entries",
        "pieces",
        "errors",
        "index_functions",
        "ranges",
        "inference",
        "arrays",
        "sizes",
        "graph",
        "ops",
    ),
    *(
        "matrix_functions",
        "structure",
        "from_matrix",
        "from_sympy",
        "to_sympy",
        "printers",
        "printing",
        "arguments",
        "user",
    ),
    *("simplify", "derivatives", "evaluate", "lower"),
    *(
        "wrt",
        "call",
        "array_call",
        "blame",
        "steps",
        "explain_arrays",
        "explain",
        "results",
        "formula",
        "check",
        "verify",
        "function",
        "expression",
        "lambdify",
    ),
    *("functions", "vocabulary", "parse", "__init__", "cli", "__main__"),
]
# What nests as a user nests lists in lists, or as loops stand in loops; or twice, in a power of 2*x. All else loops.
NESTED = {
    *(
        "structure._flatten",
        "structure.Structure",
        "printing.as_text",
        "printing._latex",
        "check.flat",
        "lambdify._leaves",
        "cli._numbers",
        "lower.machine.entry_text._Writer",
        "lower.described._Writer",
    ),
    *(
        "lower.scalars.program._lines",
        "lower.source.python._flat",
        "lower.emit.llvm._flat",
        "lower.emit.llvm._Function",
    ),
    *(
        "lower.arrays.loops._lines",
        "lower.arrays.loops.flat",
        "lower.arrays.access.rebuilt",
        "lower.arrays.blocked._clipped",
        "lower.emit.llvm_loops.PartWriter",
        "lower.arrays.nest.Nest",
    ),
    *("lower.arrays.chunks._accesses", "lower.arrays.nest.Nest", "lower.arrays.overlap.Limits"),
    *(
        "lower.arrays.access.Names",
        "lower.arrays.jam._statements",
        "lower.arrays.jam._counted",
        "lower.arrays.jam._Jam",
    ),
    *("lower.arrays.merge._merged", "lower.arrays.merge._shared", "lower.arrays.merge._without"),
    "ops.arithmetic.power",
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(ROOT.rglob("*.py"))
}


def layer(module: str) -> int:
    """The place in the list."""
    return LAYERS.index(module.split(".")[0])


def imported(tree: ast.AST) -> Iterator[str]:
    """What a module imports from the package, in functions too, but for the types of annotations."""
    for node in outside_type_checking(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "symgrad":
            inside = node.module.partition(".")[2]
            for alias in node.names:
                name = f"{inside}.{alias.name}".lstrip(".")
                yield name if name in MODULES or f"{name}.__init__" in MODULES else inside or "__init__"


def outside_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            stack.extend(ast.iter_child_nodes(node))


def functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions of a module and the methods of its classes, by name."""
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        found |= {f"{kind.name}.{node.name}": node for node in kind.body if isinstance(node, ast.FunctionDef)}
    return found


def calls(name: str, function: ast.FunctionDef, known: dict[str, ast.FunctionDef]) -> set[str]:
    """The functions of the same module that a function names; of methods, those of its own class and name."""
    owner, _, own = name.rpartition(".")
    named = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in known:
            named.add(node.id)
        if isinstance(node, ast.Attribute) and owner and f"{owner}.{node.attr}" in known:
            called_on_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "child")
            if called_on_self or (node.attr == own and owner == "Structure"):
                named.add(f"{owner}.{node.attr}")
    return named


def may_nest(module: str, name: str) -> bool:
    return bool({f"{module}.{name}", f"{module}.{name.split('.')[0]}"} & NESTED)


def test_every_module_is_in_the_list() -> None:
    assert {module.split(".")[0] for module in MODULES} == set(LAYERS)


@pytest.mark.parametrize("module", [m for m in MODULES if m != "__init__"])
def test_imports_go_down_the_list(module: str) -> None:
    upward = [
        other
        for other in imported(MODULES[module])
        if layer(other) > layer(module) or (layer(other) == layer(module) and "." not in module)
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {m: {o for o in imported(tree) if o in MODULES} for m, tree in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_an_upward_import_would_be_seen() -> None:
    tree = ast.parse("from symgrad.graph import Node\ndef f():\n    from symgrad.function import Function\n")
    assert [other for other in imported(tree) if layer(other) > layer("ops.leaf")] == ["function"]


@pytest.mark.parametrize("module", MODULES)
def test_no_function_calls_itself(module: str) -> None:
    known = functions(MODULES[module])
    graph = {name: calls(name, f, known) for name, f in known.items() if not may_nest(module, name)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" calls ".join(reversed(error.args[1])))


def test_a_function_that_calls_itself_would_be_seen() -> None:
    known = functions(ast.parse("def depth(x):\n    return 1 + max(map(depth, x.inputs))\n"))
    assert calls("depth", known["depth"], known) == {"depth"}


def test_what_may_nest_is_there() -> None:
    names = {f"{module}.{name}" for module, tree in MODULES.items() for name in functions(tree)}
    names |= {name.rpartition(".")[0] for name in names}
    assert names >= NESTED


def test_importing_is_light() -> None:
    code = (
        "import sys, threading, symgrad; "
        "heavy = 'numba', 'llvmlite', 'scipy.special', 'matplotlib'; "
        "print([m for m in heavy if m in sys.modules], threading.active_count())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "[] 1"


def test_formulas_need_no_compiler() -> None:
    code = (
        "import sys, sympy, symgrad; x = sympy.Symbol('x'); F = symgrad.Function(x, sympy.exp(x)*x).hessian(); "
        "F.latex(), str(F), F.source; print('numba' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "False"


def test_all_public_names_are_there_and_sorted() -> None:
    assert symgrad.__all__ == sorted(symgrad.__all__)
    assert all(hasattr(symgrad, name) for name in symgrad.__all__)
