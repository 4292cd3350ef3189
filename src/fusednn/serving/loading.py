"""Loads predictors from files: `fusednn.load`."""

from __future__ import annotations

from io import BufferedIOBase
from typing import TYPE_CHECKING, Any

import numpy as np

from fusednn.plan.folding import folded

from .ensembles.contents import Contents as Ensembled
from .ensembles.predictor import TabularPredictor
from .files.description import check_values, named_parameters
from .files.fields import Refused
from .files.reading import ENSEMBLE, ESTIMATOR, GAMES, TWO_NETWORKS, Contents, Plan, opened
from .model import Model
from .predictor import Predictor

if TYPE_CHECKING:
    from .types import FilePath, RoundedWeights


def load(
    path: FilePath, n_jobs: int | None = None, weights: RoundedWeights | None = None
) -> Predictor | Any:
    """Loads a predictor from a file that a predictor's or an estimator's `save` has written.

    Needs neither scikit-learn nor SciPy. Closes the file, which may then be replaced.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    n_jobs : int or None, default=None
        Threads for calls with much work; see `freeze`.
    weights : {"bfloat16", "int8"} or None, default=None
        The type to which weights are rounded; see `freeze`. Scalers are folded into the weights
        in a predictor's file, but not in an estimator's, so an estimator's file is better for
        "int8".

    Returns
    -------
    Predictor
        For an estimator's file, the same predictor as `freeze` makes of the estimator. A file of
        a model of raw tables is a `TabularPredictor`. A `GAN` is no predictor, but its two
        networks are: see `freeze`.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If the file is not a model, holds a `GAN`, is damaged, or has a later version of the
        format.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, freeze, load
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> freeze(model).save("iris.safetensors", notes={"data": "iris"})
    >>> predictor = load("iris.safetensors")
    >>> predictor.predict(X[:3]).tolist(), predictor.notes
    ([0, 0, 0], {'data': 'iris'})
    """
    with opened(path) as file:
        return read_predictor(file, n_jobs, weights)


def read_predictor(
    file: BufferedIOBase, n_jobs: int | None = None, weights: RoundedWeights | None = None
) -> Predictor | TabularPredictor:
    """Reads a predictor from an open file; raises `Refused`."""
    plan = Plan.of(file)
    if plan.kind == ENSEMBLE:
        return TabularPredictor(Ensembled.of(plan).ensemble(), n_jobs, weights)
    contents = Contents.of_plan(plan)
    model = contents.model()
    if contents.kind == ESTIMATOR:
        name = contents.estimator.get("class") if type(contents.estimator) is dict else None
        if name in GAMES:
            raise Refused(f"it holds a {name}, which {name}.load reads; it {TWO_NETWORKS}")
        model = _folded(model, into_next=weights is None)
    return Predictor(model, n_jobs, weights)


def _folded(model: Model, into_next: bool) -> Model:
    """Folds an estimator's network in the same way as `freeze`."""
    arrays = list(model.arrays)
    with np.errstate(all="ignore"):  # infinite results are refused below
        few, arrays = folded(model.network, arrays, into_next=into_next)
    for (name, parameter), array in zip(named_parameters(few.ops), arrays, strict=True):
        check_values(name, parameter, array)
    return model._replace(ops=few.ops, arrays=arrays)
