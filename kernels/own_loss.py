"""A loss from a user's compiled function of a logit and a target."""

from functools import cache
from types import FunctionType

from numba.core.registry import CPUDispatcher

from ._jit import JIT, kernel
from .intrinsics.pointers import advance
from .intrinsics.scalars import cast
from .losses import Loss

COMPILED = CPUDispatcher if JIT else FunctionType
"""What Numba makes of a function."""


@cache
def own_loss(function) -> Loss:
    """The row of the table that a function (logit, target) -> (value, gradient) stands for.

    It is part of what it makes, so nothing of it is kept in the disk cache; here it is kept for
    the life of the process.
    """

    @kernel
    def own(value, z, t, work, C, R, constants):
        """Sum over C of a user's function."""
        for r in range(R):
            value[r] = 0.0
        for c in range(C):
            row, target = advance(z, c * R), advance(t, c * R)
            for r in range(R):
                loss, gradient = function(row[r], target[r])
                value[r] += loss
                row[r] = cast(gradient, row[r])
        return 0

    return Loss(None, own)
