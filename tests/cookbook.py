"""The derivatives of scalars by matrices of the Matrix Cookbook, sections 2.1 to 2.8, as a table.

K. B. Petersen, M. S. Pedersen, The Matrix Cookbook, version of November 15, 2012. Numbers are its equations'. What it
states of entries is stated with vectors a, b in place of unit vectors; of eigenvalues, what traces and determinants
say. Sizes are all distinct where the identity allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalOf
from sympy.matrices.expressions.kronecker import KroneckerProduct

from symgrad.functions import logdet, norm

n, m, p, q = sp.symbols("n m p q", integer=True, positive=True)
SIZES = {n: 5, m: 3, p: 4, q: 2}


@dataclass(frozen=True)
class Identity:
    """d expression / d wrt = expected, where the matrices in `symmetric` are."""

    number: str
    expression: Any
    wrt: Any
    expected: Any
    symmetric: tuple[Any, ...] = ()

    def values(self) -> dict[Any, Any]:
        """Numbers for all symbols; square matrices are far from singular, with positive determinants."""
        draw = np.random.default_rng(sum(map(ord, self.number)))
        values: dict[Any, Any] = {}
        symbols = self.expression.atoms(sp.MatrixSymbol) | self.expected.atoms(sp.MatrixSymbol) | {self.wrt}
        for s in sorted(symbols, key=str):
            if not isinstance(s, sp.MatrixSymbol):
                values[s] = 0.7
                continue
            rows, columns = (int(k.xreplace(SIZES)) for k in s.shape)
            x = draw.normal(size=(rows, columns)) / 2
            if rows == columns:
                x += 3 * np.eye(rows)
            values[s] = (x + x.T) / 2 if s in self.symmetric else x
        return values


def matrix(name: str, rows: Any, columns: Any) -> Any:
    """A symbol."""
    return sp.MatrixSymbol(name, rows, columns)


X = matrix("X", n, m)  # any shape
S = matrix("X", n, n)  # square
A, B, C, D = (matrix(name, n, n) for name in "ABCD")
a, b, c = (matrix(name, n, 1) for name in "abc")
x, s = (matrix(name, n, 1) for name in "xs")
am, bm, cm = (matrix(name, m, 1) for name in "abc")
t = sp.Symbol("t")
tr, det, ln = sp.Trace, sp.Determinant, sp.log


def inv(e: Any) -> Any:
    """The inverse, as it is written."""
    return sp.Inverse(e)


def invT(e: Any) -> Any:
    """X^-T."""
    return sp.Transpose(sp.Inverse(e))


def I(k: Any) -> Any:  # noqa: E743  as the Cookbook writes it
    """The identity."""
    return sp.Identity(k)


def scalar(e: Any) -> Any:
    """A 1 x 1 matrix as a number."""
    return sp.Trace(e)


_wide = matrix("A", p, n)  # A X B with all sizes distinct
_tall = matrix("B", m, q)
_loss = matrix("C", p, q)
_residual = _wide * X * _tall + _loss
_XtAX = X.T * A * X
_XtCX = X.T * C * X
_Am = matrix("A", m, m)
_Bm = matrix("B", m, m)
_Z = matrix("Z", m, n)  # a pseudo-inverse
_Y = matrix("Y", n, n)  # the free entries of a structured matrix
_symmetric = _Y + _Y.T - sp.HadamardProduct(_Y, I(n))
_As = matrix("A", n, m)
_sm = matrix("s", m, 1)
_Bx, _Dx = matrix("B", p, n), matrix("D", q, n)
_bp, _dq = matrix("b", p, 1), matrix("d", q, 1)
_Cpq = matrix("C", p, q)

DETERMINANTS = [
    Identity("46", det(t * A + B), t, det(t * A + B) * tr(inv(t * A + B) * A)),
    Identity("49", det(S), S, det(S) * invT(S)),
    Identity("51", det(A * S * B), S, det(A * S * B) * invT(S)),
    Identity("52", det(S.T * A * S), S, 2 * det(S.T * A * S) * invT(S)),
    Identity("53", det(_XtAX), X, 2 * det(_XtAX) * A * X * inv(_XtAX), (A,)),
    Identity("54", det(_XtAX), X, det(_XtAX) * (A * X * inv(_XtAX) + A.T * X * inv(X.T * A.T * X))),
    Identity("55", ln(det(X.T * X)), X, 2 * X * inv(X.T * X)),
    Identity("56", ln(det(inv(_Z * _Z.T))), _Z, -2 * inv(_Z * _Z.T) * _Z),
    Identity("57", logdet(S), S, invT(S)),
    Identity("57 ln det", ln(det(S)), S, invT(S)),
    Identity("58", det(S**3), S, 3 * det(S**3) * invT(S)),
]
INVERSES = [
    Identity("59", scalar(a.T * inv(t * A + B) * b), t, -scalar(a.T * inv(t * A + B) * A * inv(t * A + B) * b)),
    Identity("61", scalar(a.T * inv(S) * b), S, -invT(S) * a * b.T * invT(S)),
    Identity("62", det(inv(S)), S, -det(inv(S)) * invT(S)),
    Identity("63", tr(_wide * inv(S) * matrix("B", n, p)), S, -(inv(S) * matrix("B", n, p) * _wide * inv(S)).T),
    Identity("64", tr(inv(S + A)), S, -(inv(S + A) * inv(S + A)).T),
    Identity(
        "65",
        tr(B.T * inv(A).applyfunc(sp.sin)),
        A,
        -invT(A) * sp.HadamardProduct(B, inv(A).applyfunc(sp.cos)) * invT(A),
    ),
]
EIGENVALUES = [
    Identity("66", tr(S), S, I(n)),
    Identity("67", det(S), S, det(S) * invT(S)),
]
FIRST_ORDER = [
    Identity("69", scalar(x.T * a), x, a),
    Identity("69 transposed", scalar(a.T * x), x, a),
    Identity("70", scalar(a.T * X * bm), X, a * bm.T),
    Identity("71", scalar(am.T * X.T * b), X, b * am.T),
    Identity("72", scalar(a.T * S * a), S, a * a.T),
    Identity("72 transposed", scalar(a.T * S.T * a), S, a * a.T),
    Identity("74", scalar(a.T * X * matrix("A", m, p) * matrix("b", p, 1)), X, a * (matrix("A", m, p) * _bp).T),
    Identity("75", scalar(am.T * X.T * matrix("A", n, p) * _bp), X, matrix("A", n, p) * _bp * am.T),
]
_sum = scalar(sp.OneMatrix(1, n) * X * sp.OneMatrix(m, 1))
SECOND_ORDER = [
    Identity("76", _sum**2, X, 2 * _sum * sp.OneMatrix(n, m)),
    Identity("77", scalar(bm.T * X.T * X * cm), X, X * (bm * cm.T + cm * bm.T)),
    Identity(
        "78",
        scalar((_Bx * x + _bp).T * _Cpq * (_Dx * x + _dq)),
        x,
        _Bx.T * _Cpq * (_Dx * x + _dq) + _Dx.T * _Cpq.T * (_Bx * x + _bp),
    ),
    Identity("79", scalar(am.T * X.T * B * X * cm), X, B * X * cm * am.T + B.T * X * am * cm.T),
    Identity("81", scalar(x.T * B * x), x, (B + B.T) * x),
    Identity("82", scalar(bm.T * X.T * D * X * cm), X, D.T * X * bm * cm.T + D * X * cm * bm.T),
    Identity("83", scalar((X * bm + c).T * D * (X * bm + c)), X, (D + D.T) * (X * bm + c) * bm.T),
    Identity("84", scalar((x - _As * _sm).T * A * (x - _As * _sm)), _sm, -2 * _As.T * A * (x - _As * _sm), (A,)),
    Identity("85", scalar((x - s).T * A * (x - s)), x, 2 * A * (x - s), (A,)),
    Identity("86", scalar((x - s).T * A * (x - s)), s, -2 * A * (x - s), (A,)),
    Identity("87", scalar((x - _As * _sm).T * B * (x - _As * _sm)), x, 2 * B * (x - _As * _sm), (B,)),
    Identity("88", scalar((x - _As * _sm).T * B * (x - _As * _sm)), _As, -2 * B * (x - _As * _sm) * _sm.T, (B,)),
]


def _power(k: int) -> Any:
    """X^k, and no factor for k = 0."""
    return I(n) if k == 0 else S if k == 1 else S**k


HIGHER_ORDER = [
    Identity(
        "91",
        scalar(a.T * S**3 * b),
        S,
        sp.MatAdd(*[_power(r).T * a * b.T * _power(2 - r).T for r in range(3)]),
    ),
    Identity(
        "92",
        scalar(a.T * (S**3).T * S**3 * b),
        S,
        sp.MatAdd(*[(_power(2 - r) * a * b.T * (S**3).T * _power(r)).T for r in range(3)])
        + sp.MatAdd(*[_power(r).T * S**3 * a * b.T * _power(2 - r).T for r in range(3)]),
    ),
    Identity("95", scalar(x.T * A * x + b.T * x), x, (A + A.T) * x + b),
    Identity("97 times a vector", scalar(c.T * ((A + A.T) * x + b)), x, (A + A.T) * c),
]
_Amn = matrix("A", m, n)
_Apn = matrix("A", p, n)
TRACES = [
    Identity("99", tr(S), S, I(n)),
    Identity("100", tr(X * _Amn), X, _Amn.T),
    Identity("101", tr(_Apn * X * matrix("B", m, p)), X, _Apn.T * matrix("B", m, p).T),
    Identity("102", tr(matrix("A", p, m) * X.T * matrix("B", n, p)), X, matrix("B", n, p) * matrix("A", p, m)),
    Identity("103", tr(X.T * _As), X, _As),
    Identity("104", tr(_As * X.T), X, _As),
    Identity("105", tr(KroneckerProduct(_Am, S)), S, tr(_Am) * I(n)),
    Identity("106", tr(S**2), S, 2 * S.T),
    Identity("107", tr(S**2 * B), S, (S * B + B * S).T),
    Identity("108", tr(X.T * B * X), X, B * X + B.T * X),
    Identity("109", tr(B * X * X.T), X, B * X + B.T * X),
    Identity("110", tr(X * X.T * B), X, B * X + B.T * X),
    Identity("111", tr(X * _Bm * X.T), X, X * _Bm.T + X * _Bm),
    Identity("112", tr(_Bm * X.T * X), X, X * _Bm.T + X * _Bm),
    Identity("113", tr(X.T * X * _Bm), X, X * _Bm.T + X * _Bm),
    Identity(
        "114",
        tr(_Amn * X * matrix("B", m, n) * X),
        X,
        _Amn.T * X.T * matrix("B", m, n).T + matrix("B", m, n).T * X.T * _Amn.T,
    ),
    Identity("115", tr(X.T * X), X, 2 * X),
    Identity("115 transposed", tr(X * X.T), X, 2 * X),
    Identity("116", tr(_tall.T * X.T * C * X * _tall), X, C.T * X * _tall * _tall.T + C * X * _tall * _tall.T),
    Identity("117", tr(X.T * B * X * matrix("C", m, m)), X, B * X * matrix("C", m, m) + B.T * X * matrix("C", m, m).T),
    Identity(
        "118",
        tr(_Apn * X * _Bm * X.T * matrix("C", n, p)),
        X,
        _Apn.T * matrix("C", n, p).T * X * _Bm.T + matrix("C", n, p) * _Apn * X * _Bm,
    ),
    Identity("119", tr(_residual * _residual.T), X, 2 * _wide.T * _residual * _tall.T),
    Identity("120", tr(KroneckerProduct(S, S)), S, 2 * tr(S) * I(n)),
    Identity("121", tr(S**4), S, 4 * (S**3).T),
    Identity("122", tr(A * S**3), S, sp.MatAdd(*[(_power(r) * A * _power(2 - r)).T for r in range(3)])),
    Identity(
        "123",
        tr(_tall.T * X.T * C * X * X.T * C * X * _tall),
        X,
        C * X * X.T * C * X * _tall * _tall.T
        + C.T * X * _tall * _tall.T * X.T * C.T * X
        + C * X * _tall * _tall.T * X.T * C * X
        + C.T * X * X.T * C.T * X * _tall * _tall.T,
    ),
    Identity(
        "124",
        tr(_Apn * inv(S) * matrix("B", n, p)),
        S,
        -invT(S) * _Apn.T * matrix("B", n, p).T * invT(S),
    ),
    Identity("125", tr(inv(_XtCX) * _Am), X, -C * X * inv(_XtCX) * (_Am + _Am.T) * inv(_XtCX), (C,)),
    Identity(
        "126",
        tr(inv(_XtCX) * (X.T * B * X)),
        X,
        -2 * C * X * inv(_XtCX) * X.T * B * X * inv(_XtCX) + 2 * B * X * inv(_XtCX),
        (B, C),
    ),
    Identity(
        "127",
        tr(inv(_Am + _XtCX) * (X.T * B * X)),
        X,
        -2 * C * X * inv(_Am + _XtCX) * X.T * B * X * inv(_Am + _XtCX) + 2 * B * X * inv(_Am + _XtCX),
        (_Am, B, C),
    ),
]
NORMS = [
    Identity("129", norm(x - a), x, (x - a) / norm(x - a)),
    Identity("129 by a root", sp.sqrt(scalar((x - a).T * (x - a))), x, (x - a) / sp.sqrt(scalar((x - a).T * (x - a)))),
    Identity(
        "130",
        scalar(c.T * (x - a)) / norm(x - a),
        x,
        c / norm(x - a) - (x - a) * (x - a).T * c / norm(x - a) ** 3,
    ),
    Identity("131", norm(x) ** 2, x, 2 * x),
    Identity("131 as a product", scalar(x.T * x), x, 2 * x),
    Identity("132", norm(X) ** 2, X, 2 * X),
    Identity("132 as a trace", tr(X * X.T), X, 2 * X),
]
STRUCTURED = [
    Identity("139", tr(A * _symmetric), _Y, A + A.T - sp.HadamardProduct(A, I(n))),
    Identity(
        "140",
        det(_symmetric),
        _Y,
        det(_symmetric) * (2 * inv(_symmetric) - sp.HadamardProduct(inv(_symmetric), I(n))),
    ),
    Identity("141", ln(det(_symmetric)), _Y, 2 * inv(_symmetric) - sp.HadamardProduct(inv(_symmetric), I(n))),
    Identity("142", tr(A * sp.HadamardProduct(_Y, I(n))), _Y, sp.HadamardProduct(A, I(n))),
    Identity("142 of a vector", tr(A * DiagMatrix(x)), x, DiagonalOf(A)),
]
COOKBOOK = [
    *DETERMINANTS,
    *INVERSES,
    *EIGENVALUES,
    *FIRST_ORDER,
    *SECOND_ORDER,
    *HIGHER_ORDER,
    *TRACES,
    *NORMS,
    *STRUCTURED,
]
