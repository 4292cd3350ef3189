"""What `warmup` runs for estimators of raw tables: a short fit of each family, and all answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fusednn.exceptions import DiagnosisWarning
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.training.predict import FEW_ROWS

from .folds import HELD_OUT
from .freezing import ensemble_of
from .metrics import CLASSES, QUANTITIES
from .presets import Preset
from .recipes import Recipe

ROWS = HELD_OUT * (FEW_ROWS + 2)
"""More than few are held out; few ones have kernels of their own."""
CODES = 40
"""Categories of a column that becomes codes."""
TABLES = (1, 0), (12, 0), (12, 2), (0, 2), (0, 1)
"""The columns of numbers and of categories that are tried; few columns have own kernels too."""
COUNTS = {True: (2, 5), False: (1, 5)}
"""Numbers of classes and of targets."""


def rehearsals(estimator: Any, sparse: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    """The functions that compile what an estimator calls, each with a description.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
        Not changed.
    sparse : bool
        Refused.

    Raises
    ------
    ValueError
        If `sparse`.
    """
    name = type(estimator).__name__
    if sparse:
        raise ValueError(f"{name} takes tables, which are not sparse")
    preset, classify = estimator._preset(), estimator._classify
    for recipe in preset.classes if classify else preset.quantities:
        for count in COUNTS[classify]:
            what = f"{count} {'classes' if classify else 'targets'}"
            told = f"{name} {estimator.preset} {recipe.family} {what}"
            yield told, partial(_rehearse, estimator, preset, recipe, count)


def _rehearse(estimator: Any, preset: Preset, recipe: Recipe, count: int) -> None:
    recipe = recipe._replace(epochs=1, least_rows=0, most_rows=np.inf, most_classes=np.inf)
    y: np.ndarray = np.arange(ROWS) % count
    if not estimator._classify:
        y = np.sin(np.arange(ROWS * count)).reshape(ROWS, count).squeeze()
    options: dict[str, Any] = {"time_limit": None, "verbose": False, "importances": False}
    if estimator.metric not in [*CLASSES, *QUANTITIES]:
        options["metric"] = None  # scorers compile nothing, and may refuse these labels
    options["categorical_features"] = None
    if estimator._classify:
        options["class_weight"] = None
    for numbers, categories in TABLES:
        model = clone(estimator).set_params(**options, n_folds=1, n_ensemble=1)
        model._own_preset = preset._replace(
            classes=(recipe,), quantities=(recipe,), n_folds=1, few_folds=1, n_ensemble=1
        )
        rows = _rows(numbers, categories)
        with warnings.catch_warnings():
            for expected in (ConvergenceWarning, DiagnosisWarning, UserWarning):
                warnings.simplefilter("ignore", expected)
            for weights in (None, np.ones(ROWS)):
                model.fit(rows, y, weights)
            predictor = TabularPredictor(ensemble_of(model), 1)
        for some in (rows[:1], rows):
            model.predict(some)
            predictor.predict(some)


def _rows(numbers: int, categories: int) -> list[dict[str, Any]]:
    """Rows of numbers, of a column of many categories, and of one of few."""
    values = np.random.RandomState(0).normal(size=(ROWS, numbers))
    kinds = (("many", CODES), ("few", 3))[:categories]
    return [
        {f"x{at}": value for at, value in enumerate(row)}
        | {name: f"category {number % count}" for name, count in kinds}
        for number, row in enumerate(values.tolist())
    ]
