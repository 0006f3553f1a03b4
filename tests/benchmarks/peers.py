"""`python -m tests.benchmarks.peers PEER ROW FOLDER`: one peer's side of one row, run by the Python that has the peer.

Reads the data from FOLDER/data.npz, and a model from FOLDER/model.pickle if the row has one; writes its numbers to
FOLDER/PEER.npy, and prints the seconds to the first result; then, for each line on standard input, prints the shortest
run it finds within so many seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import formulas
from .timing import best

Call = Callable[[], Any]


def jax(row: str, data: list[np.ndarray]) -> Call:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    kind, places = formulas.base(row), tuple(range(formulas.wrt(row)))
    arrays = [jnp.array(a) for a in data]
    if kind == "ba":
        camera, point, weight, feature = arrays
        residuals = lambda v, feature: jnp.stack(formulas.ba(jnp, v, feature))  # noqa: E731
        run = jax.jit(jax.vmap(jax.jacfwd(residuals)))
        arrays = [jnp.concatenate([camera, point, weight[:, None]], axis=1), feature]
    else:
        f = lambda *a: formulas.FORMULAS[kind](jnp, *a)  # noqa: E731
        if kind == "batch":
            run = jax.jit(jax.vmap(jax.value_and_grad(f, places)))
        elif row.endswith("_hvp"):
            count, ones = len(places), [jnp.ones_like(arrays[p]) for p in places]

            def product(v: Any, *a: Any) -> Any:
                grad = jax.grad(lambda *p: f(*p, *a[count:]), places)
                return jax.jvp(grad, a[:count], tuple(v))[1]

            run, arrays = jax.jit(product), [ones, *arrays]
        elif row.endswith("_hess"):
            run = jax.jit(jax.hessian(f))
        else:
            run = jax.jit(jax.value_and_grad(f, places))
    return lambda: jax.block_until_ready(run(*arrays))


def torch(row: str, data: list[np.ndarray]) -> Call:
    import torch

    class Module:
        exp, tanh, log, sin, cos, einsum = torch.exp, torch.tanh, torch.log, torch.sin, torch.cos, torch.einsum
        logaddexp = staticmethod(lambda a, b: torch.nn.functional.softplus(b))

    def mlp(_: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
        logs = torch.log_softmax(torch.relu(X @ W1 + b1) @ W2 + b2, 1)
        return -(Y * logs).sum() / len(X) + formulas.DECAY * ((W1**2).sum() + (W2**2).sum())

    def gmm(_: Any, a: Any, mu: Any, q: Any, factors: Any, x: Any) -> Any:
        d = x[:, None, :] - mu[None]
        Qd = torch.exp(q)[None] * d + torch.einsum("kij,nkj->nki", factors, d)
        return torch.logsumexp(a[None] + q.sum(1)[None] - 0.5 * (Qd * Qd).sum(2), 1).sum()

    kind, places = formulas.base(row), range(formulas.wrt(row))
    form = {"mlp": mlp, "gmm": gmm}.get(kind) or formulas.FORMULAS[kind]
    arrays = [torch.tensor(a, requires_grad=place in places) for place, a in enumerate(data)]
    leaves = [arrays[place] for place in places]

    def run() -> Any:
        value = form(Module, *arrays)
        if row.endswith("_hvp"):
            slopes = torch.autograd.grad(value, leaves, create_graph=True)
            return torch.autograd.grad(sum(g.sum() for g in slopes), leaves)
        return value.detach(), torch.autograd.grad(value.sum(), leaves)

    return run


def heyoka(row: str, data: list[np.ndarray]) -> Call:
    import heyoka as hy

    points = np.array(data) if row == "batch" else data[0]
    symbols = hy.make_vars(*(f"x{i}" for i in range(len(points))))
    value = formulas.batch(hy, *symbols) if row == "batch" else formulas.FORMULAS[row](hy, symbols)
    gradient = hy.diff_tensors([value], symbols, diff_order=1).gradient
    run = hy.cfunc([value, *gradient], symbols)
    out = np.empty((len(points) + 1, *points.shape[1:]))
    return lambda: run(points, outputs=out)


def casadi(row: str, data: list[np.ndarray]) -> Call:
    import casadi as ca

    options = {"jit": True, "compiler": "shell", "jit_options": {"flags": ["-O2"]}}
    inputs = [ca.SX.sym(f"v{k}", a.size) for k, a in enumerate(data)]
    if formulas.base(row) == "pendulum":
        value = ca.vertcat(*pendulum_of(row, {"sin": ca.sin, "cos": ca.cos})(*map(ca.vertsplit, inputs)))
        outputs = [value] if row.endswith("_value") else [ca.jacobian(value, ca.vertcat(*inputs[:2]))]
    else:
        value = formulas.FORMULAS[formulas.base(row)](ca, inputs[0])
        outputs = [value, ca.gradient(value, inputs[0])]
    outputs = [ca.densify(ca.transpose(y)) for y in outputs]  # CasADi stores columns
    run = ca.Function("f", inputs, outputs, options)
    arguments, results = [np.ascontiguousarray(a) for a in data], [np.empty(y.numel()) for y in outputs]
    buffer, trigger = run.buffer()  # no copies: the call that costs least
    for k, a in enumerate(arguments):
        buffer.set_arg(k, memoryview(a))
    for k, a in enumerate(results):
        buffer.set_res(k, memoryview(a))

    def work() -> Any:
        trigger()
        return results

    work.keep = (run, buffer)  # type: ignore[attr-defined]
    return work


def pytensor(row: str, data: list[np.ndarray]) -> Call:
    import pytensor
    import pytensor.tensor as pt

    class Module:
        exp, log, maximum, tanh, sin = pt.exp, pt.log, pt.maximum, pt.tanh, pt.sin
        logaddexp = staticmethod(lambda a, b: pt.softplus(b))

    def mlp(_: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
        logs = pt.special.log_softmax(pt.maximum(X @ W1 + b1, 0.0) @ W2 + b2, axis=1)
        return -(Y * logs).sum() / X.shape[0] + formulas.DECAY * ((W1 * W1).sum() + (W2 * W2).sum())

    symbols = [pt.TensorType("float64", (None,) * a.ndim)(f"a{i}") for i, a in enumerate(data)]
    value = mlp(Module, *symbols) if row == "mlp" else formulas.FORMULAS[row](Module, *symbols)
    wrt = symbols[: formulas.wrt(row)]
    run = pytensor.function(symbols, [value, *pytensor.grad(value.sum(), wrt)])
    run.trust_input = True
    return lambda: run(*data)


def symengine(row: str, data: list[np.ndarray]) -> Call:
    import symengine as se

    symbols = [se.Symbol(f"x{i}") for i in range(data[0].size)]
    value = formulas.FORMULAS[row](se, symbols)
    run = se.Lambdify(symbols, [value, *(value.diff(s) for s in symbols)])  # cse=True gives other numbers in 0.15
    return lambda: run(data[0])


def pendulum_of(row: str, module: Any) -> Callable[..., Any]:
    """All entries of mass matrix and forcing by SymPy's lambdify, over the functions of a module."""
    import sympy as sp

    model = formulas.pendulum(formulas.links(row))
    arguments = [model.q, model.u, model.parameters]
    return sp.lambdify(arguments, [*model.mass, *model.forcing], module, cse=True)


def sympy(row: str, data: list[np.ndarray]) -> Call:
    import sympy as sp

    if formulas.base(row) == "pendulum":
        model, lists = formulas.pendulum(formulas.links(row)), [a.tolist() for a in data]
        if row.endswith("_value"):
            run = pendulum_of(row, "math")
        else:
            entries = [e.diff(v) for e in (*model.mass, *model.forcing) for v in (*model.q, *model.u)]
            run = sp.lambdify([model.q, model.u, model.parameters], entries, "math", cse=True)
        return lambda: run(*lists)
    symbols = sp.symbols(f"x0:{data[0].size}")
    value = formulas.FORMULAS[row](sp, symbols)
    run = sp.lambdify(symbols, [value, *(sp.diff(value, s) for s in symbols)], "math", cse=True)
    numbers = data[0].tolist()
    return lambda: run(*numbers)


PEERS = {f.__name__: f for f in (jax, torch, heyoka, casadi, pytensor, symengine, sympy)}


ARRAYS = ("batch", "logreg", "logreg_hvp", "mlp", "mlp_hvp", "gmm", "rosen", "rosen_hvp")
PENDULUM = ("pendulum_5", "pendulum_20", "pendulum_20_value")
# Rows of each peer; the others are not measured: no such transform, scalars only, or minutes to compile.
ROWS = {
    "jax": [*ARRAYS, "logreg_hess", "ba", "call", "dot"],
    "torch": [*ARRAYS, "scalar", "dag", "call", "dot"],
    "heyoka": ["batch", "scalar", "dag", "call"],
    "casadi": ["scalar", "scalar_bound", "dag", "call", "call_bound", *PENDULUM],
    "pytensor": ["batch", "logreg", "mlp", "rosen", "dot"],
    "symengine": ["scalar", "call"],
    "sympy": ["call", *PENDULUM],
}


def main() -> None:
    peer, row, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    __import__(peer)  # an import is not part of the first result
    with np.load(folder / "data.npz") as stored:
        data = [stored[f"a{place}"] for place in range(len(stored.files))]
    formulas.take_model(row, Path(folder))
    for other in ("dot", "call"):  # nor is what comes with the first compilation of a process
        if other in ROWS[peer] and other != row:
            PEERS[peer](other, formulas.data(other))()
            break
    start = time.perf_counter()
    work = PEERS[peer](row, data)
    result = work()
    first = time.perf_counter() - start
    np.save(folder / f"{peer}.npy", formulas.flat(result))
    print(first, flush=True)
    for line in sys.stdin:
        print(best(work, float(line)), flush=True)


if __name__ == "__main__":
    main()
