"""Compiles into the disk cache what tests will call, in a process beside theirs.

A cold run spends a third of its time on compilers, with one of its cores: this takes another,
while those tests run that need none of it (`short_run.WITHOUT_PLANS`).
"""

import contextlib
import os

import numpy as np
from cases.declared_ops import OPS
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.library import address
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.optimizers import OPTIMIZERS
from numba.core.errors import NumbaError

EARLY = "dense", "narrow_dense", "gather", "output", "update"
"""Modules of ops that nearly all networks need."""


def wanted():
    """Functions and their roles."""
    for early in (True, False):
        for op in OPS.values():
            if (op.__module__.rpartition(".")[2] in EARLY) == early:
                yield op, "op"
    for row in ACTIVATIONS.values():
        yield from ((row.forward, "activation"), (row.backward, "derivative"))
        yield row.slopes, "slopes"
    for row in LOSSES.values():
        yield from ((row.function, "loss"), (row.link, "link"))
    for row in OPTIMIZERS.values():
        yield row.step, "step"


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(5)
    parent = os.getppid()
    for function, role in wanted():
        if os.getppid() != parent:  # the tests were killed
            break
        for dtype in (np.float32, np.float64):
            with contextlib.suppress(NumbaError, TypeError):  # some are of float32 alone
                address(function, role, dtype)
