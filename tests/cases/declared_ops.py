"""All ops of the kernels, whose records plans write."""

import importlib
import pkgutil

from fusednn.kernels import ops
from fusednn.kernels.operands import DECLARED

for module in pkgutil.walk_packages(ops.__path__, f"{ops.__name__}."):
    importlib.import_module(module.name)


def name_of(kernel):
    """A kernel's module and its name there."""
    return kernel.__module__, getattr(kernel, "py_func", kernel).__name__


OPS = {name_of(op): op for op in DECLARED if op.__module__.startswith("fusednn.")}
"""By their modules and names; tests may have declared some of their own."""
