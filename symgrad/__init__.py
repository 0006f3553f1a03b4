"""symgrad: symbol-to-symbol differentiation of SymPy expressions, compiled to machine code by way of Numba."""

from symgrad.check import check_grads
from symgrad.derivatives import build_grad
from symgrad.errors import (
    ArgumentError,
    CheckFailed,
    ComplexInput,
    DTypeError,
    ExpressionError,
    NotANumber,
    ObjectiveError,
    OutputError,
    RegistrationError,
    ShapeError,
    SingularMatrix,
    SymgradError,
    SyntaxProblem,
    TooLarge,
    UndefinedDerivative,
    UnsupportedExpression,
    VariableError,
)
from symgrad.expression import grad, hessian, hvp, jacobian, jvp, vjp
from symgrad.function import Function
from symgrad.functions import (
    cholesky,
    log_softmax,
    logdet,
    logsumexp,
    maximum,
    minimum,
    norm,
    relu,
    sigmoid,
    softmax,
    softplus,
    solve,
)
from symgrad.graph import Graph, Node
from symgrad.lambdify import lambdify
from symgrad.progress import progress
from symgrad.user import register

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "CheckFailed",
    "ComplexInput",
    "DTypeError",
    "ExpressionError",
    "Function",
    "Graph",
    "Node",
    "NotANumber",
    "ObjectiveError",
    "OutputError",
    "RegistrationError",
    "ShapeError",
    "SingularMatrix",
    "SymgradError",
    "SyntaxProblem",
    "TooLarge",
    "UndefinedDerivative",
    "UnsupportedExpression",
    "VariableError",
    "build_grad",
    "check_grads",
    "cholesky",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "lambdify",
    "log_softmax",
    "logdet",
    "logsumexp",
    "maximum",
    "minimum",
    "norm",
    "progress",
    "register",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "solve",
    "vjp",
]
