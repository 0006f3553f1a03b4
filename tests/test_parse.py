"""The command line's grammar: text against SymPy expressions built by hand, and mistakes against their positions."""

import random
import re
import time

import pytest
import sympy as sp
from sympy.codegen import cfunctions
from sympy.codegen.numpy_nodes import logaddexp

from symgrad.errors import SyntaxProblem, TooLarge
from symgrad.from_sympy import from_sympy
from symgrad.graph import Graph
from symgrad.ops.elementwise import OPERATIONS
from symgrad.ops.stable import relu, sigmoid, softplus
from symgrad.parse import MAX_DEPTH, MAX_LENGTH, parse, parse_assignments, parse_list, parse_names
from symgrad.vocabulary import CONSTANTS, FUNCTIONS, MAX_BITS

a, b, c, n, x, y = sp.symbols("a b c n x y")

GRAMMAR = [
    # numbers
    ("7", sp.Integer(7)),
    ("1/3", sp.Rational(1, 3)),
    ("2/6 + 1/6", sp.Rational(1, 2)),
    ("2**-2", sp.Rational(1, 4)),
    ("(2/3)**2", sp.Rational(4, 9)),
    ("2**10 - 1000", sp.Integer(24)),
    ("0.5", sp.Float("0.5")),
    (".5", sp.Float("0.5")),
    ("5.", sp.Float("5.0")),
    ("1e3", sp.Float("1000.0")),
    ("2.5E-3", sp.Float("0.0025")),
    ("1e+2", sp.Float("100.0")),
    ("0.1234567890123456789012345", sp.Float("0.1234567890123456789012345")),
    ("0", sp.Integer(0)),
    ("0*0 + 0", sp.Integer(0)),
    ("1 - 1", sp.Integer(0)),
    ("0.0", sp.Float("0.0")),
    # names
    ("x", x),
    ("x_1", sp.Symbol("x_1")),
    ("lambda", sp.Symbol("lambda")),
    ("gamma*beta", sp.Symbol("gamma") * sp.Symbol("beta")),
    ("e", sp.Symbol("e")),
    ("e1", sp.Symbol("e1")),
    ("pi", sp.pi),
    ("E", sp.E),
    ("E**x", sp.exp(x)),
    ("EulerGamma + GoldenRatio + Catalan", sp.EulerGamma + sp.GoldenRatio + sp.Catalan),
    # sums and products
    ("x + y - a", x + y - a),
    ("a - b - c", a - b - c),
    ("a - (b - c)", a - b + c),
    ("a/b/c", a / b / c),
    ("a/b*c", a * c / b),
    ("a/(b*c)", a / (b * c)),
    ("2*x*3/4", sp.Rational(3, 2) * x),
    ("x*1", x),
    ("x/2", x / 2),
    ("x*0.5", x / 2 * sp.Float(1)),
    ("1/x", 1 / x),
    ("1 + 2*x", 1 + 2 * x),
    (" 1\t+\n2 * x\r", 1 + 2 * x),
    # signs
    ("-x", -x),
    ("+x", x),
    ("--x", x),
    ("-+-x", x),
    ("x - -y", x + y),
    ("x*-y", -x * y),
    ("x/-y", -x / y),
    ("-x*y", -x * y),
    ("-x**2", -(x**2)),
    ("(-x)**2", (-x) ** 2),
    ("-2**2", sp.Integer(-4)),
    ("-x + y", y - x),
    # powers
    ("x**2", x**2),
    ("x**-2", x**-2),
    ("x**-y", x ** (-y)),
    ("x**-y**2", x ** (-(y**2))),
    ("a**b**c", a ** (b**c)),
    ("(a**b)**c", (a**b) ** c),
    ("2**3**2", sp.Integer(512)),
    ("2*x**3", 2 * x**3),
    ("x**y*a", a * x**y),
    ("x**-y*a", a * x**-y),
    ("x**(1/2)", sp.sqrt(x)),
    ("8**(1/3)", sp.Integer(2)),
    ("x**0.5", x ** sp.Float("0.5")),
    # functions
    ("sin(x)*cos(y)", sp.sin(x) * sp.cos(y)),
    ("sin (x)", sp.sin(x)),
    ("sin(sin(x))**2", sp.sin(sp.sin(x)) ** 2),
    ("log(x)", sp.log(x)),
    ("ln(x)", sp.log(x)),
    ("log(x, 2)", sp.log(x, 2)),
    ("sqrt(x + 1)", sp.sqrt(x + 1)),
    ("cbrt(x)", cfunctions.Cbrt(x)),
    ("abs(x)", sp.Abs(x)),
    ("Max(x, y, 1)", sp.Max(x, y, 1)),
    ("min(x, y)", sp.Min(x, y)),
    ("Max(x)", x),
    ("ceil(x)", sp.ceiling(x)),
    ("atan2(y, x)", sp.atan2(y, x)),
    ("Mod(x, 2)", sp.Mod(x, 2)),
    ("Heaviside(x)", sp.Heaviside(x)),
    ("Heaviside(x, 1)", sp.Heaviside(x, 1)),
    ("digamma(x)", sp.digamma(x)),
    ("polygamma(2, x)", sp.polygamma(2, x)),
    ("besselj(n, x)", sp.besselj(n, x)),
    ("LambertW(x)", sp.LambertW(x)),
    ("LambertW(x, -1)", sp.LambertW(x, -1)),
    ("log1p(x) + expm1(y)", cfunctions.log1p(x) + cfunctions.expm1(y)),
    ("hypot(x, y)", cfunctions.hypot(x, y)),
    ("logaddexp(x, y)", logaddexp(x, y)),
    # conditions
    ("Piecewise((a, x < 0), (b, True))", sp.Piecewise((a, x < 0), (b, True))),
    ("Piecewise((a, x <= y))", sp.Piecewise((a, x <= y))),
    ("Piecewise((a, x > 0 & y >= 1), (b, True))", sp.Piecewise((a, (x > 0) & (y >= 1)), (b, True))),
    ("Piecewise((a, x > 0 & y > 1 | x < 2), (b, True))", sp.Piecewise((a, ((x > 0) & (y > 1)) | (x < 2)), (b, True))),
    ("Piecewise((a, ~(x < 0)), (b, True))", sp.Piecewise((a, x >= 0), (b, True))),
    ("Piecewise((a, ~~(x < 0)), (b, True))", sp.Piecewise((a, x < 0), (b, True))),
    ("Piecewise((a, x == 0), (b, x != 1))", sp.Piecewise((a, sp.Eq(x, 0)), (b, sp.Ne(x, 1)))),
    ("Piecewise((a, Eq(x, 0)), (b, Ne(x, 1)))", sp.Piecewise((a, sp.Eq(x, 0)), (b, sp.Ne(x, 1)))),
    ("Piecewise((a, False), (b, True))", b),
    ("2*Piecewise((x + 1, x + 1 < 2*y), (-y, True))", 2 * sp.Piecewise((x + 1, x + 1 < 2 * y), (-y, True))),
]


@pytest.mark.parametrize(("text", "expected"), GRAMMAR, ids=[text for text, _ in GRAMMAR])
def test_text_is_the_expression_that_sympy_builds(text: str, expected: sp.Expr) -> None:
    assert parse(text).doit() == expected


@pytest.mark.parametrize("kind", [relu, sigmoid, softplus])
def test_own_functions_are_read(kind: type) -> None:
    assert parse(f"{kind.__name__}(x)") == kind(x)  # their doit writes them out


def test_what_is_read_is_left_as_it_was_written() -> None:
    assert parse("x + x").args == (x, x)
    assert parse("gamma(10**9)").func is sp.gamma
    assert parse("x - x") != 0


def test_a_sum_is_one_sum_and_a_product_one_product() -> None:
    assert len(parse("a + b - c + x - y").args) == 5
    assert len(parse("a*b/c*x").args) == 4


def test_integers_are_exact_and_decimals_are_doubles() -> None:
    assert parse("10**30 + 1") == sp.Integer(10**30 + 1)
    assert parse("0.1")._prec == 53


ARGUMENTS = {"Piecewise": "(x, x < 0), (y, True)", "polygamma": "2, x"}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("Eq", "Ne")])
def test_every_function_of_the_grammar_has_a_node(name: str) -> None:
    arguments = ARGUMENTS.get(name) or ", ".join("xyabc"[: FUNCTIONS[name].least])
    from_sympy(Graph(), parse(f"{name}({arguments})"))


@pytest.mark.parametrize("head", [head for head in OPERATIONS if head is not sp.Pow], ids=lambda head: head.__name__)
def test_every_operation_is_read_as_it_is_printed(head: type) -> None:
    nargs = getattr(head, "nargs", None)
    count = min(nargs) if nargs not in (None, sp.S.Naturals0) else 2
    expression = head(*[3, x] if head is sp.polygamma else sp.symbols("x y a")[:count])
    read = parse(str(expression))
    assert expression in (read, read.doit())


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_is_no_name_for_a_value(name: str) -> None:
    with pytest.raises(SyntaxProblem, match="is a constant"):
        parse_assignments(f"{name}=1")


def test_a_random_expression_is_read_as_it_is_printed() -> None:
    draw = random.Random(0)
    symbols = sp.symbols("x y a", positive=True)
    for _ in range(200):
        parts = [*symbols, sp.Rational(draw.randint(1, 9), draw.randint(1, 9)), sp.Float(draw.randint(-90, 90)) / 16]
        for _ in range(12):
            kind = draw.choice([sp.Add, sp.Mul, sp.sin, sp.exp, sp.atan2, sp.Abs, lambda u, v: sp.Abs(u) ** v])
            made = kind(*draw.choices(parts, k=1 if kind in (sp.sin, sp.exp, sp.Abs) else 2))
            if made.is_finite is not False and not made.has(sp.zoo, sp.nan) and made.count_ops() < 60:
                parts.append(made)
        read = parse(str(parts[-1]))
        values = {v.name: draw.uniform(0.5, 1.5) for v in symbols}
        want = complex(parts[-1].subs({v: values[v.name] for v in symbols}).evalf())
        assert complex(read.subs(values).evalf()) == pytest.approx(want, rel=1e-9), parts[-1]  # 15 digits are printed


# -- lists, names and assignments ------------------------------------------------------------------------------------


def test_a_list_is_written_with_brackets_or_without() -> None:
    assert parse_list("[x*y, 2]") == parse_list("x*y, 2") == [x * y, 2]
    assert parse_list("[x]") == parse_list("x") == [x]
    assert parse_list("[atan2(x, y), (a)]") == [sp.atan2(x, y), a]


def test_names_are_symbols_in_their_order() -> None:
    assert parse_names("y, x") == [y, x]


def test_assignments_give_constants_to_names() -> None:
    assert parse_assignments("x=1, y = -pi/2,a=atan2(1,2)").keys() == {x, y, a}
    assert parse_assignments("x=1/3")[x] == sp.Rational(1, 3)
    assert parse_assignments("x=2*sqrt(4)")[x].doit() == 4


# -- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = [
    ("", 0, "an operand is missing, got the end"),
    ("   ", 3, "an operand is missing, got the end"),
    ("x +", 3, "an operand is missing"),
    ("x + * y", 4, "an operand is missing, got '*'"),
    ("* x", 0, "an operand is missing"),
    ("()", 1, "an operand is missing, got ')'"),
    ("sin()", 4, "an operand is missing, got ')'"),
    ("atan2(x,)", 8, "an operand is missing, got ')'"),
    ("Max(, x)", 4, "an operand is missing, got ','"),
    ("(x", 0, "'(' is not closed"),
    ("1 + sin(x", 4, "'sin(' is not closed"),
    ("1 + [x", 4, "'[' is not closed"),
    ("x)", 1, "a parenthesis that does not fit"),
    ("(x]", 2, "a parenthesis that does not fit, got ']', wanted )"),
    ("[x)", 2, "a parenthesis that does not fit, got ')', wanted ]"),
    ("x]", 1, "a parenthesis that does not fit"),
    ("2x", 1, "a product is written with *"),
    ("2 x", 2, "a product is written with *"),
    ("x y", 2, "a product is written with *"),
    ("2sin(x)", 1, "a product is written with *"),
    ("(x)(y)", 3, "a product is written with *"),
    ("x[0]", 1, "there are no indices"),
    ("x = 2", 2, "equality is written x == y"),
    ("x and y", 2, "conditions are joined by &"),
    ("x or y", 2, "conditions are joined by |"),
    ("x not in y", 2, "the opposite of a condition"),
    ("x^2", 1, "a power is written x**2"),
    ("x % 2", 2, "a remainder is written Mod(x, y)"),
    ("n!", 1, "n! is gamma(n + 1)"),
    ("x @ y", 2, "a product is written x*y"),
    ("x // y", 3, "an operand is missing, got '/'"),
    ("x.real", 1, "a character outside of the grammar, got '.'"),
    ("_x", 0, "a character outside of the grammar, got '_'"),
    ("1_000", 1, "a character outside of the grammar, got '_'"),
    ("'x'", 0, "a character outside of the grammar"),
    ("α + 1", 0, "a character outside of the grammar, got '\\u03b1'"),
    ("x + ²", 4, "got '\\xb2'"),
    ("x + ١", 4, "got '\\u0661'"),
    ("x\u00a0+ 1", 1, "got '\\xa0'"),
    ("foo(x)", 0, "an unknown function, got foo"),
    ("1 + arcsin(x)", 4, "did you mean asin"),
    ("x*Sin(x)", 2, "did you mean sin"),
    ("y(x + 1)", 0, "a product is written y*"),
    ("sin(x, y)", 0, "sin takes another number of arguments, got 2, wanted 1"),
    ("atan2(x)", 0, "atan2 takes another number of arguments, got 1, wanted 2"),
    ("log(x, 2, 3)", 0, "got 3, wanted 1 or 2"),
    ("1/0", 2, "a division by zero"),
    ("x/(1 - 1)", 3, "a division by zero"),
    ("x/0.0", 2, "a division by zero"),
    ("0**-1", 0, "a division by zero"),
    ("x < 0", 0, "a number is wanted here, got a condition"),
    ("1 + (x < 0)", 5, "a number is wanted here, got a condition"),
    ("sin(x < 0)", 4, "a number is wanted here, got a condition"),
    ("True", 0, "a number is wanted here, got a condition"),
    ("Piecewise((a, 0 < x < 1))", 22, "relations cannot be chained"),
    ("Piecewise((a, x))", 14, "a condition such as x < 0 is wanted here, got a number"),
    ("Piecewise((a, x & y))", 14, "a condition such as x < 0 is wanted here"),
    ("Piecewise((a, ~x))", 15, "a condition such as x < 0 is wanted here"),
    ("Piecewise(a, x < 0)", 10, "a pair (value, condition) is wanted here, got a number"),
    ("Piecewise((a, x < 0, b))", 21, "a pair of value and condition has two parts"),
    ("Piecewise([a, x < 0])", 10, "got a list"),
    ("(x, y)", 0, "a number is wanted here, got a pair"),
    ("sin((x, y))", 4, "a number is wanted here, got a pair"),
    ("[x, y]", 0, "a number is wanted here, got a list"),
    ("1 + [x]", 4, "a number is wanted here, got a list"),
    ("x, y", 3, "one expression is wanted, not a list"),
    ("I*x", 0, "I is the imaginary unit"),
    ("x + oo", 4, "oo is infinity"),
    ("nan", 0, "nan is no number"),
]


@pytest.mark.parametrize(("text", "position", "message"), MISTAKES, ids=[text for text, _, _ in MISTAKES])
def test_a_mistake_is_told_with_its_position(text: str, position: int, message: str) -> None:
    with pytest.raises(SyntaxProblem, match=re.escape(message)) as raised:
        parse(text)
    assert raised.value.position == position


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("x", 0, "no assignment"),
        ("", 0, "no assignment"),
        ("x=", 2, "an operand is missing"),
        ("x=1,", 4, "no assignment"),
        ("1=x", 0, "no assignment"),
        ("x==1", 0, "no assignment"),
        ("x=1=2", 3, "equality is written"),
        ("x=1,x=2", 4, "x is given twice"),
        ("x=y", 2, "the value of x depends on y"),
        ("x=[1,2]", 2, "got a list"),
        ("x=1)", 3, "a parenthesis that does not fit"),
        ("sin(x)=1", 0, "no assignment"),
        ("I=1", 0, "the imaginary unit"),
    ],
)
def test_a_wrong_assignment_is_told_with_its_position(text: str, position: int, message: str) -> None:
    with pytest.raises(SyntaxProblem, match=re.escape(message)) as raised:
        parse_assignments(text)
    assert raised.value.position == position


@pytest.mark.parametrize(("text", "position"), [("x, 2", 3), ("x*y", 0), ("x, pi", 3), ("[x]", 0)])
def test_what_is_no_name_is_told_with_its_position(text: str, position: int) -> None:
    with pytest.raises(SyntaxProblem, match="no name of a variable") as raised:
        parse_names(text)
    assert raised.value.position == position


# -- size ------------------------------------------------------------------------------------------------------------

SECONDS = 5  # for 100,000 characters; some 0.4 are measured

LONG = {
    "a sum": "+".join(f"x{i}*y" for i in range(12_000)),
    "a product": "*".join(["x"] * 50_000),
    "quotients": "/".join(["x"] * 50_000),
    "parentheses": "(" * 50_000 + "x" + ")" * 50_000,
    "signs": "-" * 100_000 + "x",
    "a maximum": f"Max({','.join(['x'] * 50_000)})",
    "a name": "x" * 100_000,
    "spaces": " " * 100_000 + "x",
    "pieces": f"Piecewise({','.join(['(x,x<1)'] * 12_000)})",
    "conjunctions": f"Piecewise((1,{'&'.join(['x<1'] * 25_000)}))",
    "integers": "+".join(["9" * 1000 + "*x"] * 100),
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_text_of_100000_characters_is_read_fast(text: str) -> None:
    start = time.perf_counter()
    parse(text)
    assert time.perf_counter() - start < SECONDS


LARGE = {
    "a tower of numbers": "9**9**9**9",
    "a large power": "9**(10**9)",
    "a power of a fraction": "(1000001/1000000)**(10**6)",
    "a fractional power": "2**(10**400/3)",
    "a large negative power": "2**-(10**9)",
    "a long integer": "9" * 100_000,
    "a long decimal": "0." + "9" * 100_000,
    "a product of integers": "*".join(["9" * 1000] * 100),
    "a sum of fractions": "+".join(f"1/{p}" for p in sp.primerange(20_000)),
    "a large decimal": "1e1000000000",
    "a small decimal": "1e-1000000000",
    "calls in calls": "sin(" * 25_000 + "x" + ")" * 25_000,
    "sums in sums": "(1+" * 25_000 + "x" + ")" * 25_000,
    "powers of powers": "**".join(["x"] * 30_000),
    "pieces in pieces": "Piecewise((" * 10_000 + "x" + ",x<1))" * 10_000,
    "signs in powers": "x**-" * 25_000 + "x",
    "a megabyte": "x+" * MAX_LENGTH,
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(TooLarge):
        parse(text)
    assert time.perf_counter() - start < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "x**(10**9)",
        "(9*x)**(10**9)",
        "(2 + sqrt(3))**(10**9)",
        "gamma(10**9)",
        "loggamma(10**9)",
        "polygamma(0, 10**9)",
        "exp(exp(exp(exp(9))))",
        "floor(exp(exp(exp(9))))",
        "Max(exp(exp(exp(9))), exp(exp(exp(8))))",
        "9.0**9.0**9.0**9.0",
        "sin(1e300**1e300)",
        "1**(10**1000)",
        "Piecewise((1, (-(9*x)**(10**9)*y < 1) & (x < exp(exp(exp(9))))), (0, True))",
    ],
)
def test_nothing_but_rational_numbers_is_computed(text: str) -> None:
    start = time.perf_counter()
    parse(text)
    assert time.perf_counter() - start < 0.1


def test_the_deepest_expression_prints() -> None:
    deepest = parse("sin(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1))
    assert str(deepest).count("sin") == MAX_DEPTH - 1
    assert sp.latex(deepest).count("sin") == MAX_DEPTH - 1


def test_the_longest_number_is_exact() -> None:
    assert parse(f"2**{MAX_BITS - 1}") == 2 ** (MAX_BITS - 1)
