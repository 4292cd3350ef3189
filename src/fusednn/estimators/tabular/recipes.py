"""Recipes: what a network of a family is, as plain values, and the network made of them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from fusednn.layers import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    Layer,
    Output,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    Scale,
)
from fusednn.optimizers import AdamW
from fusednn.schedules import Cosine, CosLog, FlatCosine, OneCycle, Schedule
from fusednn.tables.preparing.bins import bin_edges

from .answers import ClassTarget, Target
from .columns import Columns
from .metrics import Metric

Encoding = Literal["plain", "pbld", "plr", "quantile", "tree"]
MOST_ROWS = 20_000
"""Edges of bins are found from at most so many rows."""
MANY, FEWEST = 2_000_000, 4
"""Rows that training sees in the least epochs, and those of the largest tables."""
FEW_ROWS = 1024
"""Up to so many rows have the smaller batch size."""
VALLEYS = 16
"""From so many epochs on, one ends near each valley of CosLog."""
LEAST_BATCH = 8
"""Batches do not become smaller for the sake of steps."""
SLOW = 0.1
"""RealMLP's factor of the rate of biases, and of shares of activations."""


SCHEDULES: dict[str, Schedule] = {
    "coslog": CosLog(),
    "cosine": Cosine(),
    "one_cycle": OneCycle(0.2),
}


class Recipe(NamedTuple):
    """
    A family of networks. The defaults are RealMLP-TD's for classes.

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
        Those of periodic embeddings.
    embedding : int
        The numbers that a code becomes.
    widths : tuple of int
        Units of each hidden layer; there may be none.
    activation : str
    parametric : bool
        Whether each unit learns the share of its activation.
    dropout, decay : float
        The share of dropout after each activation, and AdamW's weight decay.
    fades : bool
        Whether both go to 0 in the second half of the training.
    rate : float
    tangent : bool
        Whether dense layers are in the neural tangent parametrisation, with slow biases.
    init : str
        First values of dense layers.
    scale_rate : float
        Factor of the rate of a layer that scales columns; 0: there is none.
    beta_2 : float
    clip_norm : float or None
    schedule : str
        A key of `SCHEDULES`.
    valleys : bool
        Whether training ends with a cycle of the schedule that brought no better score.
    batch_size : int
    small_batch : int
        The batch size of up to 1,024 rows.
    least_steps : int
        Tiny tables have smaller batches, so that an epoch has so many steps.
    epochs : int
    passes : float or None
        The most rows that training sees, so large tables get fewer epochs; None: no limit.
    least_epochs : int
        Those in spite of `passes`; fewer, but four, where they would be over two million rows.
    least_rows, most_rows : float
        Tables of fewer or more rows go without the family.
    most_classes : float
        So do targets of more classes.

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
    fades: bool = True
    rate: float = 0.04
    tangent: bool = True
    init: str = "data"
    scale_rate: float = 6.0
    beta_2: float = 0.95
    clip_norm: float | None = None
    schedule: str = "coslog"
    valleys: bool = False
    batch_size: int = 256
    small_batch: int = 256
    least_steps: int = 1
    epochs: int = 256
    passes: float | None = None
    least_epochs: int = 12
    least_rows: float = 0
    most_rows: float = np.inf
    most_classes: float = np.inf

    def suits(self, rows: int, classes: int) -> bool:
        """Whether tables of so many rows and classes have the family; quantities have none."""
        return self.least_rows <= rows <= self.most_rows and classes <= self.most_classes

    def epochs_for(self, rows: int) -> int:
        """The epochs of a network that trains on so many rows."""
        if self.passes is None:
            return self.epochs
        least = min(self.least_epochs, max(FEWEST, int(MANY / rows)))
        return min(self.epochs, max(int(self.passes / rows), least))

    def batch_for(self, rows: int) -> int:
        """The batch size of a network that trains on so many rows."""
        if rows > FEW_ROWS:
            return self.batch_size
        return min(self.small_batch, max(rows // self.least_steps, LEAST_BATCH), rows)


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

    fading = FlatCosine() if recipe.fades else None
    kind = NetworkClassifier if isinstance(target, ClassTarget) else NetworkRegressor
    return kind(
        _Layers(recipe, columns, target).of(X, y),
        loss=metric.training,
        solver=AdamW(beta_2=recipe.beta_2, weight_decay=recipe.decay, decay_schedule=fading),
        learning_rate=SCHEDULES[recipe.schedule],
        learning_rate_init=recipe.rate,
        batch_size=recipe.batch_for(len(X)),
        max_iter=epochs,
        clip_norm=recipe.clip_norm,
        early_stopping=True,
        scoring=metric.scoring(target),
        n_iter_no_change="cycle" if recipe.valleys and epochs >= VALLEYS else np.inf,
        best_epoch="last",
        tol=0.0,
        dtype="float32",
        n_jobs=1,
        random_state=seed,
    )


class _Layers:
    """Makes the layers of a recipe."""

    def __init__(self, recipe: Recipe, columns: Columns, target: Target):
        self.recipe, self.columns, self.target = recipe, columns, target

    def of(self, X: np.ndarray, y: np.ndarray) -> list[Layer]:
        """The list for training rows."""
        recipe, columns = self.recipe, self.columns
        layers: list[Layer] = []
        if columns.counts:
            places = range(columns.values, columns.values + len(columns.counts))
            layers.append(Embedding(places, columns.counts, recipe.embedding))
        layers += self._encoding(X, y)
        if recipe.scale_rate:
            layers.append(Scale(**_factors(recipe.scale_rate)))
        dense: dict[str, Any] = {"init": recipe.init}
        if recipe.tangent:
            dense |= {"parametrization": "ntk", "bias_rate_factor": SLOW}
        for units in recipe.widths:
            layers.append(Dense(units, **dense))
            if recipe.parametric:
                layers.append(ParametricActivation(recipe.activation, **_factors(SLOW)))
            else:
                layers.append(Activation(recipe.activation))
            if recipe.dropout:
                fading = FlatCosine() if recipe.fades else None
                layers.append(Dropout(recipe.dropout, schedule=fading))
        if recipe.tangent:
            # one logistic output is the difference of the two of a softmax, which move apart
            is_binary = isinstance(self.target, ClassTarget) and len(self.target.labels) == 2
            apart = 2.0 if is_binary else 1.0
            layers.append(Output(**dense, rate_factor=apart, decay_factor=1 / apart))
        return layers

    def _encoding(self, X: np.ndarray, y: np.ndarray) -> list[Layer]:
        """The layer that encodes numbers, if any."""
        recipe, numbers = self.recipe, self.columns.numbers
        if recipe.encoding == "plain" or not numbers:
            return []
        factors = _factors(recipe.encoding_rate)
        if recipe.encoding in ("pbld", "plr"):
            size = recipe.size or 4
            options = recipe.frequencies, size, recipe.sigma, numbers, recipe.encoding
            return [Periodic(*options, **factors)]
        found = {place: self._edges(X[:, place], y) for place in numbers}
        edges = {place: own for place, own in found.items() if len(own) > 2}
        if not edges:
            return []
        known = recipe.bins, recipe.size, tuple(edges), tuple(edges.values())
        return [PiecewiseLinear(*known, **({} if recipe.size is None else factors))]

    def _edges(self, numbers: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
        """The edges of a column; different in float32, in which networks compute."""
        step = -(-len(numbers) // MOST_ROWS)
        numbers, y = numbers[::step], y[::step]
        target = y if self.recipe.encoding == "tree" else None
        classify = isinstance(self.target, ClassTarget)
        found = bin_edges(numbers, self.recipe.bins, target, classify=classify)
        return tuple(np.unique(found.astype(np.float32)).tolist())


def _factors(rate: float) -> dict[str, Any]:
    """
    A layer's factors of rate and decay.

    pytabkit multiplies a step's decay by a layer's factor of the rate twice, so 6 gives 36.
    """
    return {"rate_factor": rate, "decay_factor": rate}
