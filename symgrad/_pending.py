"""Stand-ins while parts are being written."""

from typing import Any

try:
    from symgrad.lower.array_kernel import ArrayKernel
except ImportError:

    class ArrayKernel:  # type: ignore[no-redef]
        dtype = "f8"

        def __init__(self, name, inputs, outputs, dtype="f8"):
            self.name, self.inputs, self.outputs, self.dtype = name, list(inputs), list(outputs), dtype

        def run(self, values, sizes, out):
            from symgrad.evaluate import evaluate

            return evaluate(self.outputs, dict(zip(self.inputs, values)))
