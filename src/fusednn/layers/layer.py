"""What all descriptions of layers are."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from math import inf, isfinite
from numbers import Integral, Real


@dataclass(frozen=True, repr=False)
class Layer:
    """What all descriptions are; not used directly."""

    def __post_init__(self) -> None:
        if type(self) is Layer:
            raise TypeError("Layer is the base of the layers and none itself.")
        self._check()

    def _check(self) -> None:
        """Refuses values that no network could have."""

    def _need(self, name: str, least: float, below: float = inf, whole: bool = False) -> None:
        """Refuses a field that is no finite number in [least, below)."""
        value = getattr(self, name)
        kind = Integral if whole else Real
        numeric = isinstance(value, kind) and not isinstance(value, bool)
        if not numeric or not isfinite(value) or not least <= value < below:
            what = "an integer" if whole else "a finite number"
            bound = f"from {least}" if below == inf else f"in [{least}, {below})"
            raise ValueError(
                f"{name} of {type(self).__name__} must be {what} {bound}, got {value!r}."
            )

    def _need_name(self, name: str) -> None:
        """Refuses a field that is no text; which names there are is known where they are used."""
        value = getattr(self, name)
        if not isinstance(value, str):
            raise ValueError(f"{name} of {type(self).__name__} must be a name, got {value!r}.")

    def __repr__(self) -> str:
        """As a call, without what is as by default."""
        given = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"
