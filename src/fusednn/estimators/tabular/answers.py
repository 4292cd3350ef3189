"""Targets: from labels and quantities to what networks learn, and from outputs to answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fusednn.serving.ensembles import targets as served
from fusednn.tables.errors import TableError
from fusednn.tables.frames.targets import Classes, Quantities


class ClassTarget(NamedTuple):
    """
    Class labels. Networks learn their places; outputs are probabilities.

    Parameters
    ----------
    labels : ndarray of shape (n_classes,)
        Ascending.
    """

    labels: np.ndarray

    def encoded(self, found: Classes) -> np.ndarray:
        """
        Places of labels, of shape (n_rows,).

        Raises
        ------
        TableError
            If a label is unknown.
        """
        places = {label: place for place, label in enumerate(self.labels.tolist())}
        for label in found.labels.tolist():
            if label not in places:
                raise TableError(
                    f"y_val has the label {label!r}, which y has not: leave its rows out"
                )
        return np.array([places[label] for label in found.labels.tolist()])[found.places]

    def decoded(self, truth: np.ndarray) -> np.ndarray:
        """The labels of places."""
        return self.labels[truth]

    def served(self) -> served.Classes:
        """What a predictor makes of weighted outputs."""
        return served.Classes(self.labels)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """The probabilities of weighted outputs (n_rows, n_classes), which sum to 1."""
        return self.served().probabilities(outputs.copy())

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """The most probable labels, the first ones of equals."""
        return self.served().chosen(outputs)


class QuantityTarget(NamedTuple):
    """
    Quantities. Networks learn (y - mean) / scale; outputs are such values, or quantiles of them.

    Parameters
    ----------
    mean, scale, lowest, highest : ndarray of float64 of shape (n_targets,)
        Means, deviations and extremes of the training rows.
    names : tuple of str
        Names of the targets, where y has them.
    flat : bool
        Whether y has one axis.
    quantiles : tuple of float, default=()
        Ascending; each target then has an output for each.
    """

    mean: np.ndarray
    scale: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    names: tuple[str, ...]
    flat: bool
    quantiles: tuple[float, ...] = ()

    @classmethod
    def learned(cls, found: Quantities, weights: np.ndarray | None, quantiles) -> QuantityTarget:
        """
        Learn the scale of targets.

        Raises
        ------
        TableError
            If squares of differences of the values are infinite, or all are 0.
        """
        values = found.values.reshape(len(found.values), -1)
        lowest, highest = values.min(axis=0), values.max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(values, axis=0, weights=weights)
            scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
        if not np.isfinite(scale).all():
            raise TableError(
                "y has numbers whose squares are infinite: divide y by a large number"
            )
        if ((scale == 0) & (lowest < highest)).any():
            raise TableError("y has differences whose squares are 0: multiply y by a large number")
        scale[scale == 0] = 1.0
        return cls(mean, scale, lowest, highest, found.names, found.values.ndim == 1, quantiles)

    def encoded(self, found: Quantities) -> np.ndarray:
        """
        Standardised values, of shape (n_rows, n_targets).

        Raises
        ------
        TableError
            If the number of targets differs.
        """
        values = found.values.reshape(len(found.values), -1)
        if values.shape[1] != len(self.mean):
            raise TableError(
                f"y_val has {values.shape[1]} columns and y has {len(self.mean)}: give the same"
            )
        return (values - self.mean) / self.scale

    def decoded(self, truth: np.ndarray) -> np.ndarray:
        """Standardised values in the target's units."""
        values = self.mean + self.scale * truth
        return values[:, 0] if self.flat else values

    def served(self, spreads: Sequence[served.Spread] = ()) -> served.Quantities:
        """
        What a predictor makes of weighted outputs.

        Parameters
        ----------
        spreads : sequence of Spread, default=()
            One for each target, or none.
        """
        numbers = (self.mean, self.scale, self.lowest, self.highest)
        means, factors, least, most = (tuple(one.tolist()) for one in numbers)
        column = not self.flat and len(means) == 1
        return served.Quantities(
            means, factors, least, most, self.quantiles, column, tuple(spreads)
        )

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """
        Values in the target's units, between the extremes of the training rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_targets)
            With quantiles they are a last axis, ascending in each row.
        """
        return self.served().values(outputs.copy())


Target = ClassTarget | QuantityTarget


def outputs_of(target: Target, network: Any, X: np.ndarray) -> np.ndarray:
    """A network's outputs in float64, of shape (n_rows, n_outputs)."""
    found = network.predict_proba(X) if isinstance(target, ClassTarget) else network.predict(X)
    return found.reshape(len(X), -1).astype(np.float64)
