"""Lowering of gradient clipping: stages between the stored gradient and the update."""

from __future__ import annotations

import numpy as np

from fusednn.kernels.ops.updates import clip
from fusednn.plan.binding.program import Program, Task

PART = 4096
"""Elements of a task; a multiple of every shape's lanes."""


def lower_clipping(program: Program, gradient: np.ndarray, norm: float, value: float) -> list:
    """The stages that bound a stored gradient.

    Parameters
    ----------
    program : Program
    gradient : ndarray
        With its padding, which is zero.
    norm, value : float
        The largest norm, and the largest value of an element; infinite is no bound.

    Returns
    -------
    list of (tasks, record or None)
    """
    starts = range(0, len(gradient), PART)
    factor = np.ones(1)
    operands = {
        "gradient": gradient,
        "parts": program.memory.borrow(len(starts), np.float64),
        "part": PART,
        "n_parts": len(starts),
        "factor": factor,
        "norm": float(norm),
        "value": float(value),
    }

    def tasks(op):
        chain = [program.record(op, operands)]
        return [Task(chain, lo, min(lo + PART, len(gradient))) for lo in starts]

    stages: list = []
    if norm < np.inf:
        after = program.record(clip.clip_factor, operands)
        stages.append((tasks(clip.gradient_squares), after))
    return [*stages, (tasks(clip.clip_gradient), None)]
