# ruff: noqa: E501  programs as text
"""Threads, processes, interrupts, leaks, and what stays behind in the interpreter. Each case is a process of its own with
a limit of time: what it finds, or that it hangs, is the outcome."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.groups.deep import FULL
from tests.groups.group import Group, Outcome, Outcomes

SECONDS = 240  # a case takes less than ten, but a loaded machine is slow
WHOLE = 3_600  # of the whole counts, the longest takes a quarter of an hour

# Kernels of every kind, with one set of arguments each, and the result as bytes.
KINDS = '''
import warnings, pickle, sys, os, threading, random, gc, time
import numpy as np, sympy as sp, symgrad as sg
n, m = sp.symbols("n m", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, y = sp.symbols("x y")
def kinds(c=1):
    A, v = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("v", m, 1)
    T, K = sp.IndexedBase("T", shape=(m,)), sp.IndexedBase("K", shape=(n,), integer=True)
    draw = np.random.default_rng(1)
    return {
        "scalar": (sg.Function([x, y], sp.exp(x) * sp.sin(c * y)).value_and_grad([x, y]), (0.5, 0.25)),
        "batch": (sg.Function([x, y], sp.exp(x) * sp.cos(c * y)).value_and_grad([x, y]), (draw.normal(size=50), 0.25)),
        "BLAS": (sg.Function([A, v], c * ((A * v).T * (A * v))[0, 0]).value_and_grad([A, v]), (draw.normal(size=(6, 4)), draw.normal(size=4))),
        "gather": (sg.Function([T, K], c * sp.Sum(sp.tanh(T[K[i]]) ** 2, (i, 0, n - 1))).value_and_grad([T]), (draw.normal(size=5), np.array([4, 0, 0, 2]))),
    }
def bits(result):
    if isinstance(result, (tuple, list)):
        return b"".join(map(bits, result))
    return np.asarray(result, float).tobytes()
def crowd(count, work):
    """`count` threads at once, with fast switching; the first error of any is raised."""
    errors, ready = [], threading.Barrier(count)
    def body(k):
        ready.wait()
        try:
            work(k)
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=body, args=(k,)) for k in range(count)]
    for t in threads: t.start()
    for t in threads: t.join()
    if errors: raise errors[0]
sys.setswitchinterval(1e-5)
FULL = bool(os.environ.get("SYMGRAD_SCOREBOARD_FULL_RUN"))
'''

THREADS = {
    "16 threads build the same graph": """
wanted = {k: str(f) for k, (f, _) in kinds().items()}
def work(k):
    assert {name: str(f) for name, (f, _) in kinds().items()} == wanted
crowd(16, work)
""",
    "16 threads build different graphs": """
wanted = [{name: str(f) for name, (f, _) in kinds(k + 2).items()} for k in range(16)]
def work(k):
    assert {name: str(f) for name, (f, _) in kinds(k + 2).items()} == wanted[k]
crowd(16, work)
""",
    **{
        f"16 threads call one kernel: {kind}": f"""
f, arguments = kinds()[{kind!r}]
wanted = bits(f(*arguments))
def work(k):
    for _ in range(10_000 if FULL else 1_000):
        assert bits(f(*arguments)) == wanted
crowd(16, work)
"""
        for kind in ("scalar", "batch", "BLAS", "gather")
    },
    **{
        f"64 threads race for the first call: {kind}": f"""
for again in range(3 if FULL else 1):
    f, arguments = kinds(again + 2)[{kind!r}]
    found = [None] * 64
    def work(k):
        found[k] = bits(f(*arguments))
    crowd(64, work)
    assert set(found) == {{bits(f(*arguments))}}, len(set(found))
"""
        for kind in ("scalar", "batch", "BLAS", "gather")
    },
}

PROCESSES = {
    f"{method}, {who} compiles": f'''
import multiprocessing
made = kinds()
def wanted():
    return {{name: bits(f(*a)) for name, (f, a) in made.items()}}
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    here = wanted() if {who!r} == "the parent" else None
    with context.Pool(2) as pool:
        there = pool.apply_async(wanted).get(timeout=200)
    assert there == (here or wanted())
'''
    for method in ("fork", "spawn")
    for who in ("the parent", "the child")
} | {
    "pickle, deepcopy and cloudpickle": '''
import copy, subprocess, cloudpickle
for name, (f, a) in kinds().items():
    wanted = bits(f(*a))
    for dumped in (pickle.dumps(f), cloudpickle.dumps(f)):
        assert bits(pickle.loads(dumped)(*a)) == wanted
    assert bits(copy.deepcopy(f)(*a)) == wanted
    assert str(copy.deepcopy(f)) == str(f)
every = {name: (cloudpickle.dumps(f), a, bits(f(*a))) for name, (f, a) in kinds().items()}
child = "import pickle, sys; exec(pickle.load(sys.stdin.buffer))"
code = KINDS_TEXT + """
every = pickle.load(sys.stdin.buffer)
for name, (f, a, wanted) in every.items():
    f = pickle.loads(f)
    assert bits(f(*a)) == wanted, name
    assert bits(f(*a)) == wanted, name
"""
subprocess.run([sys.executable, "-c", child], input=pickle.dumps(code) + pickle.dumps(every), check=True, timeout=200)
''',
    "one source under ten hash seeds": '''
import subprocess
code = KINDS_TEXT + """
for f, _ in kinds().values():
    print(f.source); print(f); print(*f.nodes, sep=chr(10))
"""
seeds = range(10) if FULL else range(3)
texts = {subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": str(seed)}, check=True,
                        capture_output=True, timeout=200).stdout for seed in seeds}
assert len(texts) == 1, len(texts)
assert len(texts.pop()) > 1000
''',
}  # fmt: skip

SIGNALS = {
    "interrupts": """
import signal
draw = random.Random(int(sys.argv[1]))
wanted = {name: (str(f), bits(f(*a))) for name, (f, a) in kinds(7).items()}
start = time.perf_counter()
{name: (str(f), bits(f(*a))) for name, (f, a) in kinds(8).items()}
whole = time.perf_counter() - start
hit = 0
for trial in range(12):
    old = kinds(7)
    try:
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(0, 1) * whole)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        again = {name: (str(f), bits(f(*a))) for name, (f, a) in old.items()}
        fresh = {name: (str(f), bits(f(*a))) for name, (f, a) in kinds(9 + trial).items()}
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        hit += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert {name: (str(f), bits(f(*a))) for name, (f, a) in old.items()} == wanted  # the ones that were interrupted
    assert {name: (str(f), bits(f(*a))) for name, (f, a) in kinds(7).items()} == wanted
print("interrupts:", hit)
assert hit
""",
    "interrupts between two instructions of symgrad": """
# An alarm mostly falls into long calls. This one counts the interpreter's instructions in symgrad's own code.
draw = random.Random(int(sys.argv[1]))
sys.setswitchinterval(0.005)
HOME = os.path.dirname(sg.__file__)
def interrupted(work, at):
    seen = 0
    def step(frame, event, argument):
        nonlocal seen
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen += 1
            if seen == at: raise KeyboardInterrupt
        return step
    sys.settrace(step)
    try: work()
    finally: sys.settrace(None)
    return seen
def texts(made):
    return {name: (str(f), bits(f(*a))) for name, (f, a) in made.items()}
def more(made):  # on the graphs that are there: what an interrupt leaves in them would be met again
    f = sg.Function([x, y], sp.exp(x) * sp.sin(7 * y) + x * y)
    return {**made, "grown": (f.value_and_grad([x, y]), (0.5, 0.25)), "hessian": (f.hessian([x, y]), (0.5, 0.25))}
wanted = texts(more(kinds(7)))
whole = interrupted(lambda: texts(more(kinds(8))), -1)
hit = 0
for trial in range(6):
    old = kinds(7)
    base = sg.Function([x, y], sp.exp(x) * sp.sin(7 * y) + x * y)
    def work():
        base.value_and_grad([x, y]), base.hessian([x, y])
        texts(old); texts(kinds(9 + trial))
    try: interrupted(work, draw.randrange(1, whole))
    except KeyboardInterrupt: hit += 1
    assert gc.isenabled()
    grown = {**old, "grown": (base.value_and_grad([x, y]), (0.5, 0.25)), "hessian": (base.hessian([x, y]), (0.5, 0.25))}
    found = [None]
    def elsewhere(): found[0] = texts(grown)
    other = threading.Thread(target=elsewhere, daemon=True)  # meets what is still locked
    other.start(); other.join(60)
    assert found[0] == wanted, "after an interrupt"
    assert all(base.graph.nodes[n.index] is n for _, made in base.graph._made.values() for n in made.values())
print("interrupts:", hit)
assert hit
""",
}

RESIDENT = """
FILLED = 1_200  # rounds after which caches of a thousand entries, of numbers that each round has anew, are full
def clean():  # SymPy keeps the last thousand results of each of its functions
    from sympy.core.cache import clear_cache
    clear_cache(); gc.collect()
def grown(work, warm, rounds):
    \"\"\"Bytes of memory that each round leaves behind, once what is filled one time is full.\"\"\"
    def run(first, last):
        for k in range(first, last):
            work(k)
            if k % 20 == 0: clean()
        clean()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    before = run(0, warm)
    each = (run(warm, warm + rounds) - before) / rounds
    return each
"""
LEAKS = {
    "builds": RESIDENT
    + """
def build(k):
    z = sp.Symbol("z%d" % (k % 5))
    F = sg.Function([x, z], sp.exp(x * z) * sp.sin(z) + (k + 2) * x**2)
    F.value_and_grad([x, z])
    A, v = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("v", m, 1)
    sg.Function([A, v], ((A * v).T * (A * v))[0, 0]).grad([A, v])
each = grown(build, FILLED if FULL else 200, 25_000 if FULL else 60)  # four functions each
print("bytes a build:", each / 4)
assert each < (40 if FULL else 4_000), each  # a build makes a hundred times that
""",
    "compilations": RESIDENT
    + """
def compiled(k):
    f = sg.Function([x, y], sp.exp(x) * sp.sin((k + 2) * y)).value_and_grad([x, y])
    f(0.5, 0.25)
def compiled_arrays(k):
    A, v = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("v", m, 1)
    f = sg.Function([A, v], (k + 2) * ((A * v).T * (A * v))[0, 0]).value_and_grad([A, v])
    f(np.ones((3, 2)), np.ones(2))
# the first hundreds of scalars take memory that all others share
for kind, work, warm in (("scalars", compiled, 500), ("arrays", compiled_arrays, 100)):
    each = grown(work, FILLED if FULL else warm, 1_000 if FULL else 60)
    print(f"bytes a kernel of {kind}:", each)
    # LLVM keeps 2 kB; a kernel that is in use takes 60; one step of the allocator, of 1 MB, is 17 kB of 60 rounds
    assert each < (4_000 if FULL else 30_000), each
""",
}

TRACES = {
    "the import": "",
    "building and calling": """
def state():
    return (np.geterr(), np.get_printoptions(), sys.getrecursionlimit(), list(warnings.filters), random.getstate(),
            [np.asarray(part).tolist() for part in np.random.get_state()[1:]], os.getcwd(), sp.Symbol("x").assumptions0)
import decimal, mpmath, locale, signal
before, precision, handler = state(), mpmath.mp.prec, signal.getsignal(signal.SIGINT)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    filters = list(warnings.filters)
    for f, a in kinds(3).values():
        f(*a), str(f), f.source, pickle.dumps(f)
    sg.Function([x], sp.log(x) / x)(0.0)
    try: sg.grad(sp.I * x, x)
    except sg.SymgradError: pass
    sg.check_grads(sg.Function([x], sp.sin(x)), at=[0.5])
    assert list(warnings.filters) == filters
assert state() == before
assert (mpmath.mp.prec, signal.getsignal(signal.SIGINT)) == (precision, handler)
assert not caught, [str(w.message) for w in caught]
""",
}
IMPORT = """
import os, sys, threading, warnings, random, tempfile
import numpy as np, sympy, mpmath
home = tempfile.mkdtemp(); os.chdir(home); os.environ["SYMGRAD_CACHE_DIR"] = os.path.join(home, "kept")
written = []
sys.addaudithook(lambda e, a: e == "open" and isinstance(a[1], str) and set(a[1]) & set("wax+") and written.append(a[0]))
def state():
    return np.geterr(), sys.getrecursionlimit(), list(warnings.filters), random.getstate(), mpmath.mp.prec, threading.active_count()
before = state()
import symgrad
assert state() == before
assert "numba" not in sys.modules and "llvmlite" not in sys.modules, "import symgrad takes Numba along"
assert not os.listdir(home) and not [w for w in written if not str(w).endswith(".pyc") and "__pycache__" not in str(w)], written
"""
TRACES["the import"] = IMPORT


def _check(name: str, table: dict[str, str]) -> Callable[[random.Random, int], Outcomes]:
    def check(draw: random.Random, index: int) -> Outcomes:
        words = list(table)[index % len(table)]
        text = table[words]
        body = text if text is IMPORT else f"{KINDS}\nKINDS_TEXT = {KINDS!r}\n{textwrap.dedent(text)}"
        environment = {**os.environ, "SYMGRAD_CACHE": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        if os.environ.get(FULL):
            environment["SYMGRAD_SCOREBOARD_FULL_RUN"] = "1"
        return {name: _run(words, body, environment, str(draw.randrange(2**31)))}

    return check


def _run(words: str, body: str, environment: dict[str, str], seed: str) -> Outcome:
    """A process of its own, from a file: spawned children read it again."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.py"
        file.write_text(body, encoding="utf-8")
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        seconds = WHOLE if os.environ.get(FULL) else SECONDS
        try:
            done = subprocess.run(
                [sys.executable, str(file), seed], env=environment, capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return Outcome(failure=f"{words}: not done after {seconds} s")
    if done.returncode:
        return Outcome(failure=f"{words}: code {done.returncode}\n{done.stderr[-1500:]}")
    told = re.findall(r"^(.+): (\S+)$", done.stdout, re.MULTILINE)
    return Outcome(numbers={name: float(number) for name, number in told})


GROUPS = [
    Group("threads", len(THREADS), _check("threads", THREADS), whole=True),
    Group("processes", len(PROCESSES), _check("processes", PROCESSES), whole=True),
    Group("signals", 20, _check("signals", SIGNALS)),
    Group("leaks", len(LEAKS), _check("leaks", LEAKS), whole=True),
    Group("no_traces", len(TRACES), _check("no_traces", TRACES), whole=True),
]
