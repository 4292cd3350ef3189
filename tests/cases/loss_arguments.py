"""Logits, targets and constants that every loss of the table takes."""

import numpy as np
from fusednn.kernels.losses import LOSSES

BOUNDED = [name for name, row in LOSSES.items() if row.bounded]


def bounds(dtype):
    """What clipping a probability to [eps, 1 - eps] does to its negative logarithm."""
    epsilon = float(np.finfo(dtype).eps)
    return dtype(-np.log1p(-epsilon)), dtype(-np.log(epsilon))


def constants_of(name, dtype, constants=()):
    """What the loss reads, in its type."""
    found = constants or LOSSES[name].constants
    return np.array([*(bounds(dtype) if name in BOUNDED else found), 0.0], dtype)


def logits(name, shape, dtype, random, scale, constants=()):
    """Random logits: a column for each output of each target."""
    width = shape[1] * LOSSES[name].outputs_of_target(constants)
    return random.normal(scale=scale, size=(shape[0], width)).astype(dtype)


def targets(name, shape, dtype, random):
    """Targets that include both ends of what the loss takes."""
    row = LOSSES[name]
    if row.class_targets:
        return random.randint(shape[1], size=(shape[0], 1)).astype(dtype)
    t = random.choice([0.0, 1.0, 0.25, 0.75], size=shape)
    if row.targets == "real":
        t = 6 * t - 2
    ends = {"binary": t.round(), "positive": 6 * t + 1e-3, "not negative": 6 * t}
    return ends.get(row.targets, t).astype(dtype)
