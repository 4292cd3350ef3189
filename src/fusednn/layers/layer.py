"""The base class of the descriptions of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from math import inf, isfinite
from numbers import Integral, Real


@dataclass(frozen=True, repr=False)
class Layer:
    """Base class of the layers; not for direct use.

    Layers are immutable, hashable and compare by value. They refuse values that no network could
    have. Their text leaves out defaults.

    Examples
    --------
    >>> from fusednn.layers import Dense
    >>> Dense(8, activation="relu", bias=True)
    Dense(units=8, activation='relu')
    >>> Dense(0)
    Traceback (most recent call last):
    ValueError: units of Dense must be an integer from 1, got 0.
    """

    def __post_init__(self) -> None:
        if type(self) is Layer:
            raise TypeError("Layer is a base class: use one of its subclasses.")
        self._check()

    def _check(self) -> None:
        """Raises ValueError for values that no network could have."""

    def _need(self, name: str, least: float, below: float = inf, whole: bool = False) -> None:
        """Raises ValueError unless the field is a finite number in [least, below)."""
        value = getattr(self, name)
        kind = Integral if whole else Real
        numeric = isinstance(value, kind) and not isinstance(value, bool)
        if not numeric or not isfinite(value) or not least <= value < below:
            what = "an integer" if whole else "a finite number"
            bound = f"from {least}" if below == inf else f"in [{least}, {below})"
            raise ValueError(
                f"{name} of {type(self).__name__} must be {what} {bound}, got {value!r}."
            )

    def _need_factors(self, *names: str) -> None:
        """Raises ValueError unless the fields are finite numbers from 0."""
        for name in names:
            self._need(name, 0)

    def _need_schedule(self, name: str) -> None:
        """Raises ValueError unless the field is None or a schedule of steps."""
        value = getattr(self, name)
        if value is not None:
            from fusednn.schedules.decays import check_of_steps  # which imports NumPy

            check_of_steps(f"{name} of {type(self).__name__}", value)

    def _check_columns(self) -> None:
        """Makes the field `columns` a tuple; raises ValueError unless it is None or has different
        integers from 0."""
        name, values = type(self).__name__, vars(self)["columns"]
        if values is None:
            return
        if hasattr(values, "tolist"):  # an array, as of np.flatnonzero
            values = values.tolist()
        if not isinstance(values, Sequence) or not all(
            isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0
            for value in values
        ):
            raise ValueError(f"columns of {name} must be integers from 0, got {values!r}.")
        object.__setattr__(self, "columns", tuple(map(int, values)))
        if not values:
            raise ValueError(f"columns of {name} must not be empty.")
        if len(set(values)) != len(values):
            raise ValueError(f"columns of {name} must be different, got {tuple(values)!r}.")

    def _need_name(self, name: str) -> None:
        """Raises ValueError unless the field is a str; `estimators.network` knows the names."""
        value = getattr(self, name)
        if not isinstance(value, str):
            raise ValueError(f"{name} of {type(self).__name__} must be a name, got {value!r}.")

    def __repr__(self) -> str:
        """The constructor's call, without default values."""
        given = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"
