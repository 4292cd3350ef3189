"""Base classes of the losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Real


def check(loss, name, allowed, words) -> None:
    """Raises ValueError, with scikit-learn's message, unless `allowed` accepts the parameter."""
    value = getattr(loss, name)
    if not isinstance(value, Real) or not allowed(value):
        raise ValueError(
            f"The {name!r} parameter of {type(loss).__name__} must be a float in the range"
            f" {words}. Got {value!r} instead."
        )


class RegressionLoss(ABC):
    """Base class of the losses of real targets."""

    @abstractmethod
    def lowered(self) -> tuple[str, tuple[float, ...]]:
        """Returns the loss's name in `fusednn.kernels.LOSSES`, and its constants."""


class ClassificationLoss(ABC):
    """Base class of the losses of classes.

    The labels determine the output activation (the link), softmax or logistic.
    """

    @abstractmethod
    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        """Returns the loss's name in `fusednn.kernels.LOSSES`, and its constants.

        Parameters
        ----------
        link : {"softmax", "logistic"}
            The output activation.
        """
