"""The command `symgrad`: what it prints, and how it tells what a user did wrong."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import symgrad
from symgrad.cli import main

PRINTED = [
    (["grad", "x**2*sin(y)", "--wrt", "x,y"], "f_grad(x, y) = (2*x*sin(y), x**2*cos(y))"),
    (["grad", "x**2"], "f_grad(x) = 2*x"),
    (["grad", "-x**2"], "f_grad(x) = -2*x"),
    (["grad", "x**2*a", "--wrt", "x"], "f_grad(x, a) = 2*a*x"),
    (["grad", "x", "--wrt", "z"], "f_grad(z, x) = 0"),
    (["grad", "x**2", "--wrt=x", "--latex"], r"\operatorname{f\_grad}\left(x\right) = 2 x"),
    (["jacobian", "[x*y, sin(x)]", "--wrt", "x,y"], "f_jacobian(x, y) = [[y, x], [cos(x), 0]]"),
    (["hessian", "x**2*y", "--wrt", "x,y"], "f_hessian(x, y) = [[2*y, 2*x], [2*x, 0]]"),
    (["hvp", "x**2*y", "--wrt", "x,y"], "f_hvp(x, y, v_x, v_y) = (2*v_x*y + 2*v_y*x, 2*v_x*x)"),
]


@pytest.mark.parametrize(("arguments", "text"), PRINTED, ids=[" ".join(arguments) for arguments, _ in PRINTED])
def test_a_derivative_is_printed(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr() == (f"{text}\n", "")


NUMBERS = [
    (["grad", "x**2*y", "--wrt", "x,y", "--at", "x=1,y=2"], "f_grad(1, 2) = (4.0, 1.0)"),
    (["grad", "x**2", "--at", "x=-1"], "f_grad(-1) = -2.0"),
    (["grad", "-x**2", "--at", "x=1/3"], "f_grad(0.33333333333333331) = -0.6666666666666666"),
    (["grad", "sin(x)", "--at", "x=pi"], "f_grad(3.1415926535897931) = -1.0"),
    (["grad", "log(x)", "--at", "x=0"], "f_grad(0) = inf"),
    (["jacobian", "x*y, x", "--wrt", "x,y", "--at", "y=2,x=1"], "f_jacobian(1, 2) = [[2.0, 1.0], [1.0, 0.0]]"),
    (["hessian", "x**3", "--at", "x=2"], "f_hessian(2) = 12.0"),
]


@pytest.mark.parametrize(("arguments", "text"), NUMBERS, ids=[" ".join(arguments) for arguments, _ in NUMBERS])
def test_the_value_at_a_point_is_the_last_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == text


def test_a_vector_is_put_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hvp", "x**2*y", "--wrt", "x,y", "--v", "-1,a"]) == 0
    assert capsys.readouterr().out.strip().endswith("(x, y, a) = (2*a*x - 2*y, -2*x)")


def test_the_graph_is_one_node_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grad", "sin(x)", "--graph"]) == 0
    assert "f8 = cos(%" in capsys.readouterr().out.splitlines()[-1]


def test_the_graph_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grad", "sin(x)", "--dot"]) == 0
    assert capsys.readouterr().out.startswith("digraph symgrad {")


def test_the_source_is_python(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grad", "x**2*sin(y)", "--wrt", "x,y", "--source"]) == 0
    module = ast.parse(capsys.readouterr().out)
    assert any(isinstance(node, ast.FunctionDef) for node in module.body)


def test_several_faces_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grad", "sin(x)", "--graph", "--latex", "--at", "x=0"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("\\operatorname")
    assert out.endswith("f_grad(0) = 1.0\n")


def test_every_step_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "x**2*sin(y)", "--at", "x=1,y=2"]) == 0
    out = capsys.readouterr().out
    assert "upstream" in out
    assert "cos(y) = -0.4161468365" in out


def test_the_explanation_is_a_table_in_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "x**2", "--latex"]) == 0
    assert capsys.readouterr().out.startswith("\\begin{array}")


def test_versions_and_machine_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for word in ("symgrad", "sympy", "numba", "machine", "vector functions"):
        assert f"\n{word}  " in out


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"symgrad {symgrad.__version__}\n"


# -- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = [
    (["grad", "x*y"], "which variable to differentiate by?"),
    (["grad", "3"], "the expression holds no variable"),
    (["grad", "x", "--at", "y=2"], "no argument of this name, got 'y', wanted x"),
    (["grad", "x*y", "--wrt", "x", "--at", "x=2"], "an argument is missing"),
    (["grad", "x*y", "--wrt", "x,x"], "twice"),
    (["hvp", "x*y", "--wrt", "x,y", "--v", "1"], "a vector of another length, got 1, wanted 2"),
    (["grad", "9**9**9**9*x"], "an exact number too long"),
    (["grad", "sin(" * 200 + "x" + ")" * 200], "nested too deeply"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[" ".join(a)[:60] for a, _ in MISTAKES])
def test_a_mistake_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("symgrad: error: ")
    assert err.count("\n") == 1
    assert message in err


CARETS = [
    (["grad", "x +* y"], "x +* y", 3),
    (["grad", "-x +* y"], " -x +* y", 5),
    (["grad", "foo(x)"], "foo(x)", 0),
    (["jacobian", "[x, y^2]"], "[x, y^2]", 5),
    (["grad", "x", "--wrt", "x,2"], "x,2", 2),
    (["grad", "x", "--at", "x=1,,"], "x=1,,", 4),
    (["hvp", "x", "--v", "1,("], "1,(", 3),
    (["explain", "x\ny"], "x?y", 2),
    (["grad", "x\x1b[31m"], "x?[31m", 1),
    (["grad", "x+" * 500 + "$" + "+x" * 500], "x+" * 30 + "$" + "+x" * 29 + "+", 60),
]


@pytest.mark.parametrize(("arguments", "text", "position"), CARETS, ids=[" ".join(a)[:30] for a, _, _ in CARETS])
def test_a_caret_points_to_what_is_outside_of_the_grammar(
    arguments: list[str], text: str, position: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("symgrad: error: ")
    assert (second, third) == (f"  {text}", f"  {' ' * position}^")


@pytest.mark.parametrize("arguments", [[], ["foo"], ["grad"], ["grad", "x", "--foo"], ["grad", "x", "--lat"]])
def test_a_wrong_command_line_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: symgrad" in capsys.readouterr().err


# -- whole processes -------------------------------------------------------------------------------------------------

ROOT = Path(__file__).parent.parent


def run(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symgrad", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


def test_a_process_prints_and_ends_well() -> None:
    done = run("grad", "x**2", "--at", "x=3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "f_grad(x) = 2*x\nf_grad(3) = 6.0\n", "")


def test_a_process_tells_a_mistake_without_a_traceback() -> None:
    done = run("grad", "__import__('os').system('true')")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == ["  __import__('os').system('true')", "  ^"]


def test_nobody_who_reads_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "symgrad", "info"], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE
    ) as process:
        os.close(writing)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"")


BOMBS = [
    "x**(10**9)",
    "(2*x + 4)**(10**8)",
    "x*(2**x)**(10**9)",
    "1/(x - 2)**(10**9)",
    "+".join(f"x**{n}" for n in range(2_000)),
    "*".join(["sin(x)"] * 2_000),
    # SymPy would work out the numbers in these when they are printed
    "(9*x)**(10**9)",
    "(x*2**4000)**4000",
    "((((((9*x)**64)**64)**64)**64)**64)**64",  # the graph, already
    "gamma(10**9)*x",
    "loggamma(10**9)*x",
    "polygamma(0, 10**9)*x",
    "polygamma(0, 10**4)*x",
    "floor(exp(exp(exp(9))))*x",
    "9.0**9.0**9.0**9.0*x",
    "sin(1e300**1e300)*x",
]


@pytest.mark.parametrize("text", BOMBS, ids=lambda text: text[:30])
def test_a_bomb_is_differentiated_or_refused_at_once(text: str) -> None:
    done = run("grad", text, "--at", "x=1", seconds=20)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
