"""Compiles kernels in advance: fits small data and predicts, as an estimator would."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning

from fusednn.estimators.base import BaseNetwork
from fusednn.estimators.fitting.options import name_of
from fusednn.estimators.input.rehearsal_data import with_padding
from fusednn.estimators.tabular.base import BaseTabular
from fusednn.exceptions import DiagnosisWarning
from fusednn.kernels._cache import statistics
from fusednn.plan.memory.sizes import BLOCK_LIMIT
from fusednn.serving.together import make_ready
from fusednn.training.predict import FEW_ROWS

from .freezing import freeze


def warmup(estimator: Any, *, sparse: bool = False) -> dict[str, int]:
    """Compiles the kernels that an estimator needs, and stores them in the disk cache.

    Later processes load them from there. Then `fit`, `partial_fit`, predictions of any number of
    rows, and the predictor that `freeze` makes of the estimator compile nothing, also for series
    of unequal lengths where the layers take them. Networks of all sizes share the kernels, so a
    network of layers over windows is tried on small samples.

    Parameters
    ----------
    estimator : estimator
        A network, a `TabularClassifier` or `TabularRegressor`, or a scikit-learn estimator with
        such ones among its parameters, such as a pipeline. It is not changed.
    sparse : bool, default=False
        Whether to compile the kernels for sparse X too, which estimators of tables do not take.

    Returns
    -------
    dict of str to int
        The numbers of kernels that were "compiled", "loaded" from the cache, and "kept" (written
        to the cache). Kernels that this process had before are not counted.

    Raises
    ------
    TypeError
        If the argument is not an estimator.
    ValueError
        If the estimator has no network, or a parameter is invalid.

    Examples
    --------
    >>> from fusednn import MLPRegressor, warmup
    >>> counts = warmup(MLPRegressor(dtype="float32"))
    >>> sorted(counts)
    ['compiled', 'kept', 'loaded']
    >>> warmup(MLPRegressor(dtype="float32"))["compiled"]
    0
    """
    before = statistics()
    for _, run in rehearsals(estimator, sparse):
        run()
    return counted_since(before)


def counted_since(before: dict[str, int]) -> dict[str, int]:
    """Makes the result of `warmup` from the cache's statistics before it."""
    names = {"compiled": "misses", "loaded": "hits", "kept": "saved"}
    now = statistics()
    return {name: now[count] - before[count] for name, count in names.items()}


def rehearsals(estimator: Any, sparse: bool = False) -> list[tuple[str, Callable[[], None]]]:
    """Lists the functions that `warmup` calls, each with a description."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(f"an estimator is needed, not {estimator!r}")
    parts = [estimator, *estimator.get_params().values()]
    networks = [part for part in parts if isinstance(part, BaseNetwork | BaseTabular)]
    if not networks:
        raise ValueError(f"there is no network of fusednn in {estimator!r}")
    for network in networks:
        network._validate_params()
    return [pair for network in networks for pair in _rehearsals_of(network, sparse)]


def _rehearsals_of(network, sparse: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    if hasattr(network, "_rehearsals"):
        yield from network._rehearsals(sparse)
        return
    batch = network.batch_size
    if batch != "auto":
        batch = min(batch, BLOCK_LIMIT + 1)  # larger batches use the same kernels
    rows = 2 * (FEW_ROWS + 1 if batch == "auto" else max(FEW_ROWS + 1, batch))
    small = {"max_iter": 1, "batch_size": batch, "validation_fraction": 0.5, "verbose": False}
    if getattr(network, "window", None):
        small["window"] = 3  # of at least 8 steps, so that some are left
    X = network._rehearsal_data(rows)
    if sparse and X.ndim > 2:
        raise ValueError("the layers take samples with axes, which sparse X cannot have")
    # targets from 1, which every loss takes: for a logistic output, and a softmax of many units
    two = 1 + np.arange(rows) % 2
    targets = [[two, np.tile(two, (5, 1)).T]]
    if is_classifier(network):
        targets = [[1 + np.arange(rows) % classes] for classes in network._rehearsal_classes()]
    # the network's own output layer, if it has one, fixes the targets
    any_targets = not is_classifier(network) or len(targets) > 1
    if network.missing_targets == "ignore" and any_targets:
        part = np.tile(two, (5, 1)).T.astype(float)
        part[0, 0] = np.nan
        targets[0].append(part)
    axes = network._target_axes(X, reset=not network._is_built())
    if axes:
        several = not is_classifier(network)
        targets = [[_of_rows(y, axes, several) for y in together] for together in targets]
    for dtype in ("float32", "float64") if network.dtype == "auto" else (network.dtype,):
        for together in targets:
            inputs = [X.astype(dtype)]
            if X.ndim > 2 and dtype == "float32":
                inputs.append(X.astype(np.uint8))
            if sparse:
                inputs.append(csr_matrix(inputs[0].reshape(rows, -1)))
            model = clone(network).set_params(**small)
            words = [type(network).__name__, network._summary(), name_of(network.solver), dtype]
            words += [f"{together[0].max()} classes"] * is_classifier(network)
            yield " ".join(words), partial(_rehearse, model, inputs, together)


def _of_rows(y: np.ndarray, axes: tuple[int, ...], several: bool) -> np.ndarray:
    """Targets (n,) or (n, K) of whole samples for each row of samples of these axes.

    One is taken of K unless a row may have `several`, and the last rows are all known.
    """
    y = y if several or y.ndim == 1 else y[:, 0]
    rows = y.reshape(len(y), *(1,) * len(axes), *y.shape[1:])
    found = np.array(np.broadcast_to(rows, (len(y), *axes, *y.shape[1:])))
    found[:, -1] = 1
    return found


def _rehearse(model, inputs, targets) -> None:
    with warnings.catch_warnings():
        for expected in (ConvergenceWarning, DiagnosisWarning):
            warnings.simplefilter("ignore", expected)
        for X, y in product(inputs, targets):
            model.fit(X, y)
            model.predict(X)
            model.predict(X[:1])
        rehearse_frozen(freeze(model, n_jobs=1), inputs[0])
        padded = with_padding(model, inputs[0])
        if padded is None:
            return
        for y in targets:
            model.fit(padded, y)
            model.predict(padded)
        rehearse_frozen(freeze(model, n_jobs=1), padded)


def rehearse_frozen(predictor, X) -> None:
    """Calls every method of a predictor with few rows, which keep the GIL, and with many."""
    make_ready(predictor.dtype, {predictor.dtype, np.dtype(np.int64)})  # of numbers of classes
    ways = [predictor, predictor.predict]
    if hasattr(predictor, "classes_"):
        ways.append(predictor.predict_proba)
    for rows in (X[:1], X[np.arange(predictor.brief_rows + 1) % len(X)]):
        for answer in ways:
            answer(rows)
