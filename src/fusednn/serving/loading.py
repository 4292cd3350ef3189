"""Files to predictors: `fusednn.load`."""

from __future__ import annotations

from io import BufferedIOBase

import numpy as np

from fusednn.plan.folding import folded

from .files.description import check_values, named_parameters
from .files.reading import ESTIMATOR, Contents, opened
from .model import Model
from .predictor import Predictor


def load(path, n_jobs=None, weights=None) -> Predictor:
    """Reads a file that `save` of a predictor or of an estimator has written.

    Needs neither scikit-learn nor SciPy. The file is closed when it returns, and may be replaced.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    n_jobs : int or None, default=None
        Threads for large batches, as of `freeze`.
    weights : {"bfloat16", "int8"} or None, default=None
        What the weights of dense layers are rounded to, as of `freeze`. A predictor's file has its
        scalers folded, an estimator's has not: for "int8" it is the better one.

    Returns
    -------
    Predictor
        What `freeze` makes of the estimator, where the file is an estimator's.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no such file, is damaged, or is of a later version of the format.
    """
    with opened(path) as file:
        return read_predictor(file, n_jobs, weights)


def read_predictor(file: BufferedIOBase, n_jobs=None, weights=None) -> Predictor:
    """The predictor of an open file; `Refused` if it is none."""
    contents = Contents.of(file)
    model = contents.model()
    if contents.kind == ESTIMATOR:
        model = _folded(model, behind=weights is None)
    return Predictor(model, n_jobs, weights)


def _folded(model: Model, behind: bool) -> Model:
    """An estimator's network as `freeze` makes it."""
    arrays = list(model.arrays)
    with np.errstate(all="ignore"):  # what becomes infinite is refused
        few, arrays = folded(model.network, arrays, behind=behind)
    for (name, parameter), array in zip(named_parameters(few.ops), arrays, strict=True):
        check_values(name, parameter, array)
    return model._replace(ops=few.ops, arrays=arrays)
