"""What the weighted outputs of an ensemble's members mean: classes, or quantities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Classes(NamedTuple):
    """
    Classes; members put out probabilities.

    Parameters
    ----------
    labels : ndarray of shape (n_classes,)
        At least two, the same as the estimator's `classes_`.
    """

    labels: np.ndarray

    @property
    def outputs(self) -> int:
        """The numbers of a row that members put out."""
        return len(self.labels)

    def probabilities(self, sums: np.ndarray) -> np.ndarray:
        """
        The probabilities of the classes.

        Parameters
        ----------
        sums : ndarray of float64 of shape (n_rows, n_classes)
            The weighted sums of the members' probabilities; overwritten.

        Returns
        -------
        ndarray of float64 of shape (n_rows, n_classes)
            Each row adds up to 1.
        """
        sums /= sums.sum(axis=1, keepdims=True)
        return sums

    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        """The label of the most probable class of each row, the first of equal ones."""
        return self.labels.take(probabilities.argmax(axis=1))


class Spread(NamedTuple):
    """
    The standard deviation of answers: a function of the answer, linear between some of them.

    Parameters
    ----------
    centers : tuple of float
        Answers, ascending.
    deviations : tuple of float
        The deviation of each; the first and the last also of lesser and greater answers.
    """

    centers: tuple[float, ...]
    deviations: tuple[float, ...]

    def of(self, values: np.ndarray) -> np.ndarray:
        """The deviations of answers of shape (n_rows,)."""
        return np.interp(values, self.centers, self.deviations)


class Quantities(NamedTuple):
    """
    Quantities; members put out numbers in the scale of training.

    Parameters
    ----------
    means, factors : tuple of float
        A target's value is its mean plus its factor times the averaged output.
    least, most : tuple of float
        The range of the training values, to which answers are clipped.
    quantiles : tuple of float, default=()
        The shares of the quantiles that are predicted of each target, ascending; their outputs
        are adjacent. Empty: the value itself.
    column : bool, default=False
        Whether one target has an axis of targets too, as a column (n, 1) for the fit.
    spreads : tuple of Spread, default=()
        For each target; none for quantiles.
    """

    means: tuple[float, ...]
    factors: tuple[float, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]
    quantiles: tuple[float, ...] = ()
    column: bool = False
    spreads: tuple[Spread, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether answers have no axis of targets."""
        return len(self.means) == 1 and not self.column

    @property
    def each(self) -> int:
        """The outputs of each target."""
        return max(1, len(self.quantiles))

    @property
    def outputs(self) -> int:
        """As `Classes` says."""
        return len(self.means) * self.each

    def values(self, sums: np.ndarray) -> np.ndarray:
        """
        The values of the targets.

        Parameters
        ----------
        sums : ndarray of float64 of shape (n_rows, n_outputs)
            The weighted sums of the members' outputs; overwritten.

        Returns
        -------
        ndarray of float64
            (n_rows,) of one target that is no column, else (n_rows, n_targets); with quantiles a
            last axis of these, ascending.
        """
        sums *= np.repeat(self.factors, self.each)
        sums += np.repeat(self.means, self.each)
        np.clip(sums, np.repeat(self.least, self.each), np.repeat(self.most, self.each), out=sums)
        if self.quantiles:
            found = np.sort(sums.reshape(len(sums), len(self.means), self.each), axis=2)
            return found[:, 0] if self.is_flat else found
        return sums[:, 0].copy() if self.is_flat else sums

    def deviations(self, values: np.ndarray) -> np.ndarray:
        """The standard deviations of `values`, in their shape."""
        columns = values.reshape(len(values), -1).T
        found = [spread.of(own) for own, spread in zip(columns, self.spreads, strict=True)]
        return np.column_stack(found).reshape(values.shape)
