"""The base class of the descriptions of augmentations."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf, isfinite
from numbers import Integral, Real


@dataclass(frozen=True, repr=False)
class Augmentation:
    """Base class of the augmentations; not for direct use.

    Augmentations are immutable, hashable and compare by value. They refuse values that no sample
    could be augmented by.

    Examples
    --------
    >>> from fusednn.augment import Scale, Shift
    >>> Shift(2)
    Shift(pixels=2)
    >>> Scale(1.5)
    Traceback (most recent call last):
    ValueError: factor of Scale must be a finite number in [0, 1), got 1.5.
    """

    def __post_init__(self) -> None:
        if type(self) is Augmentation:
            raise TypeError("Augmentation is a base class: use one of its subclasses.")
        self._check()

    def _check(self) -> None:
        """Raises ValueError for values that no sample could be augmented by."""

    def _need(self, name: str, least: float = 0, below: float = inf, whole: bool = False) -> None:
        """Raises ValueError unless the field is a finite number in [least, below)."""
        value = getattr(self, name)
        numeric = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
        if not numeric or not isfinite(value) or not least <= value < below:
            what = "an integer" if whole else "a finite number"
            bound = f"from {least}" if below == inf else f"in [{least}, {below})"
            raise ValueError(
                f"{name} of {type(self).__name__} must be {what} {bound}, got {value!r}."
            )

    def __repr__(self) -> str:
        """The constructor's call."""
        given = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self)]
        return f"{type(self).__name__}({', '.join(given)})"
