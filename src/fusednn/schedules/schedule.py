"""Base class of the schedules."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from numbers import Integral, Real

import numpy as np


@dataclass(frozen=True)
class Schedule:
    """Base class of the schedules; not for direct use.

    Schedules are immutable, hashable and compare by value. They refuse invalid numbers.

    Examples
    --------
    >>> from fusednn.schedules import Cosine
    >>> Cosine() == Cosine(final=0.0)
    True
    >>> Cosine(final=2)
    Traceback (most recent call last):
    ValueError: final of Cosine must be in [0, 1], got 2.
    """

    def __post_init__(self) -> None:
        if type(self) is Schedule:
            raise TypeError("Schedule is a base class: use one of its subclasses.")
        for field in fields(self):
            value = getattr(self, field.name)
            what = f"{field.name} of {type(self).__name__}"
            if field.name in ("every", "steps", "patience"):
                least = 0 if field.name == "patience" else 1
                if not isinstance(value, Integral) or value < least:
                    raise ValueError(f"{what} must be an integer from {least}, got {value!r}.")
            elif field.name != "then" and not (
                isinstance(value, Real) and isfinite(value) and 0 <= float(value) <= 1
            ):
                raise ValueError(f"{what} must be in [0, 1], got {value!r}.")

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        """Returns the factor of each step.

        `ReduceOnPlateau` depends on the losses and does not have this method.

        Parameters
        ----------
        steps : ndarray of float64, of shape (n,)
            Whole numbers from 0.
        total : int
            The number of steps that are planned, at least 1.

        Returns
        -------
        ndarray of float64, of shape (n,)
            In [0, 1].

        Raises
        ------
        NotImplementedError
            By `ReduceOnPlateau`.
        """
        raise NotImplementedError
