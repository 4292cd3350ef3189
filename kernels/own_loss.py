"""A loss from a user's compiled function of a logit and a target."""

from collections.abc import Callable
from functools import cache
from types import FunctionType

from numba.core.registry import CPUDispatcher

from ._jit import JIT, kernel
from .intrinsics.pointers import advance
from .intrinsics.scalars import cast
from .losses import Loss

COMPILED = CPUDispatcher if JIT else FunctionType
"""The type of a function that Numba has compiled."""


@cache
def own_loss(function: Callable) -> Loss:
    """The loss of a compiled function (logit, target) -> (value, gradient).

    The kernel is a closure over the function, so the disk cache does not store it; here it is kept
    for the life of the process.
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
