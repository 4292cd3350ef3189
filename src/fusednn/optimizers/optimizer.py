"""Base class of the optimizers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from numbers import Real

_BELOW_ONE = "alpha", "beta_1", "beta_2", "momentum"
SMALLEST_EPSILON = 1e-37
"""Smaller ones would be 0 or inexact in a float32 network."""


@dataclass(frozen=True)
class Optimizer:
    """Base class of the optimizers; not for direct use.

    Optimizers are immutable, hashable and compare by value. They refuse invalid constants.

    Examples
    --------
    >>> from fusednn.optimizers import SGD
    >>> SGD(momentum=0.9)
    SGD(momentum=0.9, nesterov=False)
    >>> SGD(momentum=0.9) == SGD(0.9)
    True
    >>> SGD(momentum=1.5)
    Traceback (most recent call last):
    ValueError: momentum of SGD must be in [0, 1), got 1.5.
    """

    def __post_init__(self) -> None:
        if type(self) is Optimizer:
            raise TypeError("Optimizer is a base class: use one of its subclasses.")
        for field in fields(self):
            _check(f"{field.name} of {type(self).__name__}", field.name, getattr(self, field.name))

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        """Returns the key of the step in `kernels.optimizers.OPTIMIZERS`, and its constants."""
        constants = [getattr(self, field.name) for field in fields(self)]
        return type(self).__name__.lower(), tuple(map(float, constants))


def _check(what: str, name: str, value) -> None:
    if name == "decay_schedule":
        if value is not None:
            from fusednn.schedules.decays import check_of_steps  # which imports NumPy

            check_of_steps(what, value)
        return
    if name in ("nesterov", "amsgrad"):
        if value not in (True, False):
            raise ValueError(f"{what} must be True or False, got {value!r}.")
        return
    if not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{what} must be a finite number, got {value!r}.")
    number = float(value)
    if name in _BELOW_ONE and not 0 <= number < 1:
        raise ValueError(f"{what} must be in [0, 1), got {value!r}.")
    if name == "epsilon" and number < SMALLEST_EPSILON:
        raise ValueError(f"{what} must be at least {SMALLEST_EPSILON}, got {value!r}.")
    if number < 0:
        raise ValueError(f"{what} must not be negative, got {value!r}.")
