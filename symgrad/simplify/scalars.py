"""Rules for stability, entry by entry: logarithms, exponentials, roots of squares; of numbers and of whole arrays."""

from __future__ import annotations

from fractions import Fraction

from symgrad.graph import Node, arithmetic
from symgrad.ops.arithmetic import Add, Power, Product
from symgrad.ops.contract import Contract
from symgrad.ops.exponential import Exp, Expm1, Log, Log1p, XLogX, log
from symgrad.ops.hyperbolic import Cosh, LogCosh, Tanh, TanhSlope
from symgrad.ops.rounding import Abs
from symgrad.ops.stable import FilledReciprocal, Hypot, Norm, Sigmoid, Softplus
from symgrad.simplify.engine import STABLE, rule
from symgrad.simplify.exponentials import exponents_of, logsumexp
from symgrad.simplify.parts import base_and_exponent, products_in, sum_of, terms_of, without

# -- logarithms and exponentials ---------------------------------------------------------------------------


@rule(STABLE, Log, "log(exp(u)) => u", over=Exp)
def log_of_exp(node: Node) -> Node | None:
    (x,) = node.inputs
    return x.inputs[0] if isinstance(x.op, Exp) else None


@rule(STABLE, Log, "log(x**p) => p*log(x)", "exact; p not an integer, so that x >= 0 on both sides", over=Power)
def log_of_root(node: Node) -> Node | None:
    (x,) = node.inputs
    if isinstance(x.op, Power) and Fraction(x.op.exponent).denominator != 1:
        return x.op.exponent * log(x.inputs[0])
    return None


@rule(
    STABLE,
    Log,
    "log(sum c_i exp(u_i)) => logsumexp(u_i + log c_i); log(1 + exp(u)) => softplus(u)",
    "exact; all c_i > 0",
    over=Add,
)
def log_of_sum_of_exp(node: Node) -> Node | None:
    (x,) = node.inputs
    exponents = exponents_of(x)
    return None if exponents is None else logsumexp(exponents)


@rule(STABLE, Log, "log(sigmoid(u)) => -softplus(-u); log(1 - sigmoid(u)) => -softplus(u)", over=Sigmoid)
def log_of_sigmoid(node: Node) -> Node | None:
    (x,) = node.inputs
    if not isinstance(x.op, Sigmoid):
        return None
    (u,) = x.inputs
    return -node.graph.add(Softplus(), u if x.op.complement else negated(u))


@rule(STABLE, Log, "log(cosh(u)) => logcosh(u), which does not overflow", over=Cosh)
def log_of_cosh(node: Node) -> Node | None:
    (x,) = node.inputs
    return node.graph.add(LogCosh(), *x.inputs) if isinstance(x.op, Cosh) else None


@rule(STABLE, Log, "log(1 + u) => log1p(u)", over=Add)
def log_of_one_plus(node: Node) -> Node | None:
    (x,) = node.inputs
    number, terms = terms_of(x)
    if number != 1 or not terms:
        return None
    return node.graph.add(Log1p(), arithmetic["sum"](terms))


@rule(STABLE, Add, "c*exp(u) - c => c*expm1(u)", over=Exp)
def exp_minus_one(node: Node) -> Node | None:
    number, terms = terms_of(node)
    for c, x in terms:
        if number != 0 and c == -number and isinstance(x.op, Exp):
            rest = [(k, t) for k, t in terms if t is not x]
            return sum_of([*rest, (c, node.graph.add(Expm1(), *x.inputs))], 0, node)
    return None


@rule(STABLE, Add, "c - c*sigmoid(u) => c*(1 - sigmoid(u)) as one operation", over=Sigmoid)
def one_minus_sigmoid(node: Node) -> Node | None:
    number, terms = terms_of(node)
    for c, x in terms:
        if number != 0 and c == -number and isinstance(x.op, Sigmoid):
            rest = [(k, t) for k, t in terms if t is not x]
            return sum_of([*rest, (number, node.graph.add(Sigmoid(not x.op.complement), *x.inputs))], 0, node)
    return None


@rule(STABLE, Add, "c - c*tanh(u)**2 => c*(1 - tanh(u)**2) as one operation", over=Power)
def one_minus_tanh_squared(node: Node) -> Node | None:
    number, terms = terms_of(node)
    for c, x in terms:
        tanh, p = base_and_exponent(x)
        if c == -number and p == 2 and isinstance(tanh.op, Tanh):
            rest = [(k, t) for k, t in terms if t is not x]
            return sum_of([*rest, (number, node.graph.add(TanhSlope(), *tanh.inputs))], 0, node)
    return None


@rule(STABLE, Power, "1/(1 + exp(u)) => sigmoid(-u)", "exact; and so its powers", over=Add)
def reciprocal_of_one_plus_exp(node: Node) -> Node | None:
    one_plus_exp, p = base_and_exponent(node)
    number, terms = terms_of(one_plus_exp)
    if p >= 0 or number != 1 or len(terms) != 1:
        return None
    ((c, e),) = terms
    if c != 1 or not isinstance(e.op, Exp):
        return None
    return node.graph.add(Sigmoid(), negated(e.inputs[0])) ** -p


def negated(u: Node) -> Node:
    """-u; a sum is negated term by term."""
    if isinstance(u.op, Add):
        return arithmetic["sum"]([(-c, x) for c, x in zip(u.op.coefficients, u.inputs, strict=True)])
    return -u


@rule(
    STABLE, (Product, Contract), "exp(u)*sigmoid(-u) => sigmoid(u)", "exact; and so for its powers from 1 up", over=Exp
)
def exp_times_sigmoid(node: Node) -> Node | None:
    for factors, replaced in products_in(node):
        for e in factors:
            if isinstance(e.op, Exp):
                (u,) = e.inputs
                for factor in factors:
                    s, p = base_and_exponent(factor)
                    if p < 1 or not isinstance(s.op, Sigmoid):
                        continue
                    if (s.inputs[0] if s.op.complement else negated(s.inputs[0])) is u:
                        rest = [*without(factors, e, factor), node.graph.add(Sigmoid(), u)]
                        return replaced(rest if p == 1 else [*rest, s ** (p - 1)])
    return None


@rule(
    STABLE,
    (Product, Contract),
    "exp(u)/sum c_i exp(u_i) => exp(u - logsumexp(u_i + log c_i)); of two: sigmoid",
    "exact; all c_i > 0",
    over=Power,
)
def softmax(node: Node) -> Node | None:
    for factors, replaced in products_in(node):
        for r in factors:
            if isinstance(r.op, Power) and r.op.exponent == -1:
                exponents = exponents_of(r.inputs[0])
                for e in factors:
                    if exponents is not None and isinstance(e.op, Exp):
                        (u,) = e.inputs
                        if len(exponents) == 2 and u in exponents:  # the difference carries no rounding of the sum
                            entry = node.graph.add(Sigmoid(), u - exponents[1 - exponents.index(u)])
                        else:
                            entry = node.graph.add(Exp(), u - logsumexp(exponents))
                        return replaced([*without(factors, e, r), entry])
    return None


@rule(
    STABLE,
    (Product, Contract),
    "x*log(x) => xlogx(x)",
    "equal for x > 0; the removable point 0 is filled with 0",
    over=Log,
)
def x_times_log(node: Node) -> Node | None:
    for factors, replaced in products_in(node):
        for logarithm in factors:
            if not isinstance(logarithm.op, Log):
                continue
            (x,) = logarithm.inputs
            for factor in factors:
                base, p = base_and_exponent(factor)
                if base is x and p >= 1:
                    rest = [*without(factors, logarithm, factor), node.graph.add(XLogX(), x)]
                    return replaced(rest if p == 1 else [*rest, x ** (p - 1)])
    return None


# -- roots of squares --------------------------------------------------------------------------------------


@rule(STABLE, Power, "(x**(2k))**p => |x|**(2kp)", "exact for real x; p not an integer", over=Power)
def root_of_even_power(node: Node) -> Node | None:
    power, p = base_and_exponent(node)
    x, inner = base_and_exponent(power)
    if Fraction(p).denominator == 1 or not isinstance(inner, int) or inner % 2:
        return None
    return node.graph.add(Abs(), x) ** (inner * p)


@rule(
    STABLE, Power, "sqrt(w_1 x_1**2 + ...) => norm(x); of two: hypot", "exact; all w_i > 0, two terms or more", over=Add
)
def root_of_sum_of_squares(node: Node) -> Node | None:
    squares, p = base_and_exponent(node)
    return norm_of(squares) if p == Fraction(1, 2) else None


def norm_of(x: Node) -> Node | None:
    """The norm whose square is x, if x is a sum of squares."""
    number, terms = terms_of(x)
    if (
        number != 0
        or len(terms) < 2
        or not all(c > 0 and isinstance(t.op, Power) and t.op.exponent == 2 for c, t in terms)
    ):
        return None
    roots = [t.inputs[0] for _, t in terms]
    if len(terms) == 2 and all(c == 1 for c, _ in terms):
        return x.graph.add(Hypot(), *roots)
    return x.graph.add(Norm(tuple(c for c, _ in terms)), *roots)


@rule(
    STABLE,
    (Product, Contract),
    "x_i/sqrt(sum x_j**2) => x_i*(1/norm, 0 at 0)",
    "exact but at 0, which is filled with 0",
    over=Power,
)
def direction(node: Node) -> Node | None:
    for factors, replaced in products_in(node):
        for r in factors:
            if isinstance(r.op, Power) and r.op.exponent == Fraction(-1, 2):
                norm = norm_of(r.inputs[0])
                if norm is not None and any(x in norm.inputs for x in factors):
                    inverse = node.graph.add(FilledReciprocal(), norm)
                    return replaced([*without(factors, r), inverse])
    return None
