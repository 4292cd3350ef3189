"""Recipes: what a network of a family is, as plain values, and the network made of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal, NamedTuple

import numpy as np

from fusednn.layers import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    Layer,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    Scale,
)
from fusednn.losses import CrossEntropy
from fusednn.optimizers import AdamW
from fusednn.schedules import Cosine, OneCycle, Schedule
from fusednn.tables.preparing.bins import bin_edges
from fusednn.tables.preparing.preparation import Preparation

from .answers import ClassTarget, Target
from .metrics import Metric

Encoding = Literal["plain", "pbld", "plr", "quantile", "tree"]
MOST_ROWS = 20_000
"""Edges of bins are found from at most so many rows."""
SLOW = 0.1
"""RealMLP's factor of the rate of shares of activations."""


@dataclass(frozen=True)
class Coslog(Schedule):
    """Four waves, 0.5 (1 - cos(2 pi log2(1 + 15 t))), each twice as long as the one before."""

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        share = np.clip(steps / total, 0, 1)
        return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * share)))


SCHEDULES: dict[str, Schedule] = {
    "coslog": Coslog(),
    "cosine": Cosine(),
    "one_cycle": OneCycle(0.2),
}


class Recipe(NamedTuple):
    """
    A family of networks. The defaults are RealMLP-TD's for classes, but for flat_cos.

    Parameters
    ----------
    family : str
    encoding : str
        What becomes of scaled numbers: themselves, periodic embeddings, or a piecewise-linear
        encoding with edges at quantiles or where a decision tree splits.
    bins : int
        The most bins of a column.
    size : int or None
        The numbers that a column becomes; None is the plain encoding, and 4 of periodic ones.
    encoding_rate : float
        Factor of the rate of the encoding's parameters.
    frequencies, sigma
        Of periodic embeddings.
    embedding : int
        The numbers that a code becomes.
    widths : tuple of int
        Units of each hidden layer; there may be none.
    activation : str
    parametric : bool
        Whether each unit learns the share of its activation.
    dropout, decay : float
        The share of dropout after each activation, and AdamW's weight decay.
    rate : float
        The learning rate: of tangent parametrisation divided by the root of the fan-in.
    tangent : bool
        Whether rates follow the neural tangent parametrisation.
    init : str
        First values of dense layers.
    scale_rate : float
        Factor of the rate of a layer that scales columns; 0: there is none.
    beta_2 : float
    clip_norm : float or None
    smoothing : float
        Label smoothing. It makes probabilities too even, so these are sharpened afterwards.
    schedule : str
        A key of `SCHEDULES`.
    batch_size, epochs : int
    passes : float or None
        The most rows that training sees, so large tables get fewer epochs; None: no limit.
    least_epochs : int
        Those in spite of `passes`.
    neighbours : int
        The training rows nearest to a row, whose targets are inputs; 0: there are none.

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart, "Better by default", NeurIPS 2024, table A.1.
    """

    family: str
    encoding: Encoding = "pbld"
    bins: int = 16
    size: int | None = None
    encoding_rate: float = 0.1
    frequencies: int = 16
    sigma: float = 0.1
    embedding: int = 8
    widths: tuple[int, ...] = (256, 256, 256)
    activation: str = "selu"
    parametric: bool = True
    dropout: float = 0.15
    decay: float = 0.02
    rate: float = 0.04
    tangent: bool = True
    init: str = "lecun_normal"
    scale_rate: float = 6.0
    beta_2: float = 0.95
    clip_norm: float | None = None
    smoothing: float = 0.0
    schedule: str = "coslog"
    batch_size: int = 256
    epochs: int = 256
    passes: float | None = None
    least_epochs: int = 12
    neighbours: int = 0

    def epochs_for(self, rows: int) -> int:
        """The epochs of a network that trains on so many rows."""
        if self.passes is None:
            return self.epochs
        return min(self.epochs, max(int(self.passes / rows), self.least_epochs))

    def loss(self, metric: Metric, target: Target) -> Any:
        """The loss that networks minimise."""
        if self.smoothing and isinstance(target, ClassTarget):
            return CrossEntropy(self.smoothing)
        return metric.training


class Columns(NamedTuple):
    """
    What the columns of networks' inputs are: values, codes, and those of neighbours.

    Parameters
    ----------
    numbers : tuple of int
        The values that are scaled numbers.
    values : int
        The count of numbers and flags, which come first.
    counts : tuple of int
        The number of codes of each column of codes; these come next.
    """

    numbers: tuple[int, ...]
    values: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, preparation: Preparation) -> Columns:
        """The columns of prepared tables."""
        numbers = tuple(np.flatnonzero(preparation.are_numbers).tolist())
        return cls(numbers, len(preparation.names), tuple(preparation.code_counts))


def network_of(
    recipe: Recipe,
    columns: Columns,
    target: Target,
    metric: Metric,
    X: np.ndarray,
    y: np.ndarray,
    epochs: int,
    seed: int,
) -> Any:
    """
    Make a network for training rows, not fitted.

    Parameters
    ----------
    recipe : Recipe
    columns : Columns
    target : ClassTarget or QuantityTarget
    metric : Metric
    X : ndarray of float32 of shape (n_rows, n_inputs)
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Encoded.
    epochs, seed : int

    Returns
    -------
    NetworkClassifier or NetworkRegressor
    """
    from fusednn.estimators.network_classifier import NetworkClassifier
    from fusednn.estimators.network_regressor import NetworkRegressor

    rate = base = recipe.rate
    decay = recipe.decay
    if recipe.tangent:  # the output layer's rate, to which the others have factors
        doubled = 2 if isinstance(target, ClassTarget) and len(target.labels) == 2 else 1
        base = doubled * rate / sqrt(recipe.widths[-1])  # one logistic output for two of a softmax
        decay *= rate / base
    kind = NetworkClassifier if isinstance(target, ClassTarget) else NetworkRegressor
    return kind(
        _Layers(recipe, columns, target, rate / base).of(X, y),
        loss=recipe.loss(metric, target),
        solver=AdamW(beta_2=recipe.beta_2, weight_decay=decay),
        learning_rate=SCHEDULES[recipe.schedule],
        learning_rate_init=base,
        batch_size=min(recipe.batch_size, len(X)),
        max_iter=epochs,
        clip_norm=recipe.clip_norm,
        early_stopping=True,
        scoring=metric.scoring(target),
        n_iter_no_change=np.inf,
        tol=0.0,
        dtype="float32",
        n_jobs=1,
        random_state=seed,
    )


class _Layers:
    """Makes the layers of a recipe; `unit` is RealMLP's rate as a factor of the base rate."""

    def __init__(self, recipe: Recipe, columns: Columns, target: Target, unit: float):
        self.recipe, self.columns, self.target, self.unit = recipe, columns, target, unit

    def of(self, X: np.ndarray, y: np.ndarray) -> list[Layer]:
        """The list for training rows."""
        recipe, columns = self.recipe, self.columns
        layers: list[Layer] = []
        width = X.shape[1]
        if columns.counts:
            places = range(columns.values, columns.values + len(columns.counts))
            size = recipe.embedding
            layers.append(Embedding(places, columns.counts, size, **self._factors(1, 1)))
            width += (size - 1) * len(columns.counts)
        encoded, more = self._encoding(X, y)
        layers += encoded
        width += more
        if recipe.scale_rate:
            layers.append(Scale(**self._factors(recipe.scale_rate, recipe.scale_rate**2)))
        name = recipe.activation
        for units in recipe.widths:
            # the place for the biases' own factor of the rate
            dense = self._factors(1 / sqrt(width) if recipe.tangent else 1, 1)
            layers.append(Dense(units, init=recipe.init, **dense))
            if recipe.parametric:
                layers.append(ParametricActivation(name, **self._factors(SLOW, SLOW**2)))
            else:
                layers.append(Activation(name))
            if recipe.dropout:  # the place for its schedule, and AdamW's for that of decay
                layers.append(Dropout(recipe.dropout))
            width = units
        return layers

    def _factors(self, rate: float, decay: float) -> dict[str, Any]:
        """
        A layer's factors, from those of RealMLP's rate and of the decay in a step.

        pytabkit multiplies the decay by a layer's factor twice, so 6 gives 36. Here the decay is
        multiplied by the layer's rate.
        """
        factor = rate * self.unit
        return {"rate_factor": factor, "decay_factor": decay / factor}

    def _encoding(self, X: np.ndarray, y: np.ndarray) -> tuple[list[Layer], int]:
        """The layer that encodes numbers, if any, and how many columns it adds."""
        recipe, numbers = self.recipe, self.columns.numbers
        if recipe.encoding == "plain" or not numbers:
            return [], 0
        factors = self._factors(recipe.encoding_rate, recipe.encoding_rate**2)
        if recipe.encoding in ("pbld", "plr"):
            size = recipe.size or 4
            options = recipe.frequencies, size, recipe.sigma, numbers, recipe.encoding
            return [Periodic(*options, **factors)], (size - 1) * len(numbers)
        found = {place: self._edges(X[:, place], y) for place in numbers}
        edges = {place: own for place, own in found.items() if len(own) > 2}
        if not edges:
            return [], 0
        widths = [recipe.size or len(own) - 1 for own in edges.values()]
        known = recipe.bins, recipe.size, tuple(edges), tuple(edges.values())
        return [PiecewiseLinear(*known, **({} if recipe.size is None else factors))], sum(
            widths
        ) - len(edges)

    def _edges(self, numbers: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
        """The edges of a column; different in float32, in which networks compute."""
        step = -(-len(numbers) // MOST_ROWS)
        numbers, y = numbers[::step], y[::step]
        target = y if self.recipe.encoding == "tree" else None
        classify = isinstance(self.target, ClassTarget)
        found = bin_edges(numbers, self.recipe.bins, target, classify=classify)
        return tuple(np.unique(found.astype(np.float32)).tolist())
