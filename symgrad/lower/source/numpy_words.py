"""The words of the source of arrays; functions that NumPy has not, or with another meaning, stand above it, defined."""

from __future__ import annotations

from collections.abc import Iterator

from symgrad.lower.source.expressions import Expressions, Text
from symgrad.lower.source.numpy_contract import times

DEFINITIONS = {  # {name}: the function's name
    "logsumexp": """\
def {name}(x, axis):
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))""",
    "softmax": """\
def {name}(x, axis):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return e/np.sum(e, axis=axis, keepdims=True)""",
    "norm": """\
def {name}(x, axis):
    top = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    unit = np.where(np.isfinite(top) & (top > 0), top, 1)
    return np.squeeze(unit, axis)*np.sqrt(np.sum((x/unit)**2, axis=axis))""",
    "product_of_others": """\
def {name}(x):
    ones = np.ones_like(x[..., :1])
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, x[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before*after if x.size else x""",
    "clipped": """\
def {name}(x, *index):  # x at the index, 0 outside
    index = np.broadcast_arrays(*index)
    inside = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, x.shape)])
    y = np.zeros(inside.shape, x.dtype)
    y[inside] = x[tuple(i[inside] for i in index)]
    return y""",
    "added_within": """\
def {name}(shape, x, *index):  # x added into zeros at the index, and nothing outside
    y = np.zeros(shape, x.dtype)
    *index, x = np.broadcast_arrays(*index, x)
    inside = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, y.shape)])
    np.add.at(y, tuple(i[inside] for i in index), x[inside])
    return y""",
    "lu": """\
def {name}(x):
    if not x.size:
        return x, np.zeros(0, int)
    factors, pivots, _ = linalg.lapack.get_lapack_funcs("getrf", [x])(x)
    return factors, pivots""",
    "solve": """\
def {name}(lu, b, trans=0):
    if not b.size:
        return b
    return linalg.lapack.get_lapack_funcs("getrs", [lu[0]])(*lu, b, trans=trans)[0]""",
    "det": """\
def {name}(lu):
    factors, pivots = lu
    odd = np.count_nonzero(pivots != np.arange(len(pivots))) % 2
    return np.prod(np.diagonal(factors))*(1 - 2*odd)""",
    "cholesky": """\
def {name}(x):
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return np.full_like(x, np.nan)""",
}
NEEDS_LINALG = {"lu", "solve"}  # those that call scipy.linalg


class NumPyWords(Expressions):
    """Expressions, in which a size may be divided by a size that is 0."""

    sizes: frozenset[str] = frozenset()

    def mul(self, a: Text, b: Text) -> Text:
        return self._text(*times(a, b))

    def div(self, a: Text, b: Text) -> Text:
        if b.text in self.sizes and (a.text in self.sizes or a.text.replace(".", "").isdigit()):
            return self._call("np.divide", a, b)  # Python's own integers raise an error
        return super().div(a, b)

    def defined(self, name: str) -> str:
        """The name of a function that stands above."""
        return self._defined(name, name, DEFINITIONS[name])

    def imports(self) -> Iterator[str]:
        lines = list(super().imports())
        if NEEDS_LINALG & self.definitions.keys():
            lines.insert(1, "from scipy import linalg")
        return iter(lines)
