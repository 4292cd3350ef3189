"""Numba's options for every kernel, and the settings of the environment."""

import os

from numba.core import config

OPTIONS = {"nogil": True, "error_model": "numpy"}
"""`fastmath` must stay off: `reassoc` would break the two-part range reductions of `maths` and the
promise that a sum is one chain in ascending order. Fused multiply-adds are written as `fma`
(`intrinsics/scalars.py`)."""

JIT = not config.DISABLE_JIT

FORCED_SHAPE = os.environ.get("FUSEDNN_SHAPE", "")
"""Row of `intrinsics.shapes.SHAPES` to use instead of the host's; for tests and measurements."""
