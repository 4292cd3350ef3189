"""Numba's options for every kernel, and what the environment chooses."""

import os

from numba.core import config

OPTIONS = {"nogil": True, "error_model": "numpy"}
"""`fastmath` is off for good: `reassoc` undoes the two-part range reductions of `maths`, and the
promise that a sum is one chain in ascending order. Where a fused multiply-add is wanted it is
written with `intrinsics.fma`."""

JIT = not config.DISABLE_JIT

FORCED_SHAPE = os.environ.get("FUSEDNN_SHAPE", "")
"""Row of `intrinsics.shapes.SHAPES` to use instead of the host's; for tests and measurements."""
