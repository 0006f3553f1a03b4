# ruff: noqa: E501  programs as text
"""What is small to write and large to do: done fast, or refused with TooLarge before anything is built.

And text and names that carry code, run as a user runs them: at the command line, in a process of its own.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.groups.group import Group, Outcome, Outcomes
from tests.test_payloads import NAMES, PAYLOADS

SECONDS = 60  # each takes about one, of which SymPy's import is most; a loaded machine is slow
MEMORY = 3 << 30  # of addresses; SymPy, NumPy and LLVM take one

START = """
import sys, resource
import numpy as np, sympy as sp, symgrad as sg
resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
x, y = sp.symbols("x y")
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
""".replace("MEMORY", str(MEMORY))
SHARED = "e = x\nfor _ in range(60):\n    e = {}\n"
BOMBS = {
    "x**(10**9)": "assert sg.grad(x**10**9, x) == 10**9 * x**(10**9 - 1)",
    "x**(10**18)": "try: sg.grad(x**10**18, x)\nexcept sg.TooLarge: pass\nelse: assert False",
    "a sum to 10**12": "assert sg.Function([x], sp.Sum(x * i, (i, 1, 10**12))).grad() is not None",
    "a sum to 10**12, in itself": "sg.Function([x], sp.Sum(sp.Sum(x**i, (i, 1, 10**12)), (i, 1, 10**12))).grad()",
    "2**60 paths": SHARED.format("sp.Mul(e, e, evaluate=False)") + "assert sg.Function([x], e).grad()(1.0) == 2.0**60",
    "2**60 paths of sums": SHARED.format("sp.sin(e) + sp.cos(e)") + "assert np.isfinite(sg.Function([x], e).grad()(0.5))",
    "2**60 paths, as SymPy's": SHARED.format("sp.sin(e) * sp.cos(e)") + "try: sg.grad(e, x)\nexcept sg.TooLarge: pass",
    "2**60 paths, printed": SHARED.format("sp.sin(e) + sp.cos(e)") + "assert len(str(sg.Function([x], e).grad())) < 10**5",
    "a matrix of 10**12 entries": "A = sp.MatrixSymbol('A', 10**6, 10**6)\nassert str(sg.grad(sp.Trace(A.T * A), A)) == '2*A'",
    "a Hessian of 10**24 entries": "A = sp.MatrixSymbol('A', 10**6, 10**6)\nsg.Function([A], sp.Trace(A.T * A)).hessian(A)",
}  # fmt: skip


def _bomb(draw: random.Random, index: int) -> Outcomes:
    words, body = list(BOMBS.items())[index]
    try:
        done = subprocess.run(
            [sys.executable, "-c", START + body], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"bombs": Outcome(failure=f"{words}: not done after {SECONDS} s")}
    kind = done.stderr.strip().rpartition("\n")[2]
    fine = done.returncode == 0 or kind.startswith("symgrad.errors.TooLarge")
    return {"bombs": Outcome(failure="" if fine else f"{words}: {done.stderr[-600:]}")}


def _payload(draw: random.Random, index: int) -> Outcomes:
    """A payload in each place of the command line where text goes, or as the name of a function."""
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder) / "mark"
        if index < COMMANDS:
            text = TEXTS[index].format(mark=mark)
            place = draw.choice([["grad", text], ["grad", "x", "--wrt", text], ["grad", "x", "--at", f"x={text}"]])
            arguments = ["-m", "symgrad", *place]
        else:
            name = NAMES[index - COMMANDS].replace("\0", "").format(mark=mark)
            code = (
                "import sympy as sp, symgrad as sg\n"
                f"f = sp.Function({name!r})(sp.Symbol('t'))\n"
                f"F = sg.Function([f], sp.sin(f), name={name!r}).grad()\n"
                "assert F(0.0) == 1.0; str(F), F.dot(), F.latex()\n"
                "compile(F.source, 'x', 'exec')"
            )
            arguments = ["-c", code]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        words = f"{arguments!r:.200}: code {done.returncode}, {done.stderr[-300:]}"
        refused = done.returncode not in (0, 1) and "Traceback" not in done.stderr
        fine = refused if index < COMMANDS else done.returncode == 0
        if mark.exists():
            return {"payloads": Outcome(failure=f"executed: {words}")}
        return {"payloads": Outcome(failure="" if fine else words)}


TEXTS = [p for p in PAYLOADS if "\0" not in p and p.isprintable() and not p.startswith("\ud800")]
COMMANDS, FUNCTIONS = 25, 15
GROUPS = [
    Group("bombs", len(BOMBS), _bomb, whole=True),
    Group("payloads", COMMANDS + FUNCTIONS, _payload),
]
