"""Base class of the schedules."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf, isfinite
from numbers import Integral, Real

import numpy as np

_WHOLE = {"every": (1, inf), "steps": (1, inf), "patience": (0, inf), "cycles": (1, 50)}
"""The fields that are integers, and their bounds."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """Base class of the schedules, and of your own; not for direct use.

    The schedules of this module are immutable, hashable and compare by value. They refuse invalid
    numbers.

    A schedule of your own is a subclass with a method `factors`. It may return any finite numbers
    from 0, also above 1; a fit refuses others. Where it has fields, make it a frozen dataclass
    whose `__post_init__` checks them: that of this class takes numbers in [0, 1] only. Estimators
    with it can be copied and pickled, but not saved to files.

    Examples
    --------
    >>> from fusednn.schedules import Cosine, Schedule
    >>> Cosine() == Cosine(final=0.0)
    True
    >>> Cosine(final=2)
    Traceback (most recent call last):
    ValueError: final of Cosine must be in [0, 1], got 2.

    A schedule of your own:

    >>> import numpy as np
    >>> class Linear(Schedule):
    ...     def factors(self, steps, total):
    ...         return np.maximum(1 - steps / total, 0)
    >>> Linear().factors(np.arange(5.0), total=4).tolist()
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """

    def __post_init__(self) -> None:
        if type(self) is Schedule:
            raise TypeError("Schedule is a base class: use one of its subclasses.")
        for field in fields(self):
            value = getattr(self, field.name)
            what = f"{field.name} of {type(self).__name__}"
            if field.name in _WHOLE:
                least, most = _WHOLE[field.name]
                if not isinstance(value, Integral) or not least <= int(value) <= most:
                    bound = f"from {least}" + (f" to {most}" if most < inf else "")
                    raise ValueError(f"{what} must be an integer {bound}, got {value!r}.")
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
            In [0, 1]; a subclass of your own may return any finite numbers from 0.

        Raises
        ------
        NotImplementedError
            By `ReduceOnPlateau`.
        """
        raise NotImplementedError

    def cycle_ends(self, total: int) -> list[float]:
        """Returns where cycles end: `n_iter_no_change="cycle"` may stop a fit there.

        Parameters
        ----------
        total : int
            The number of steps that are planned, at least 1.

        Returns
        -------
        list of float
            The steps after which cycles end, ascending. Empty, as here, without cycles.
        """
        return []


def factors_of(schedule: Schedule, steps: np.ndarray, total: int) -> np.ndarray:
    """The factors of a schedule, which may be a user's own; ValueError if it returns others."""
    found = schedule.factors(steps, total)
    numbers = isinstance(found, np.ndarray) and found.dtype.kind == "f"
    if not numbers or found.shape != steps.shape or not 0 <= found.min() <= found.max() < inf:
        raise ValueError(
            f"factors of {schedule!r} must return finite numbers from 0 as an array of floats, one"
            f" for each of {len(steps)} steps, got {found!r}."
        )
    return found
