"""Compiling ahead of time, by doing in small what an estimator would do."""

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
from fusednn.exceptions import DiagnosisWarning
from fusednn.kernels._cache import statistics
from fusednn.kernels.answer import ready_share
from fusednn.plan.memory.sizes import BLOCK_LIMIT
from fusednn.training.predict import FEW_ROWS

from .freezing import freeze


def warmup(estimator: Any, *, sparse: bool = False) -> dict[str, int]:
    """
    Compile what an estimator needs and keep it in the disk cache.

    Later processes load it: `fit`, `partial_fit` and the predictions, of few rows and of many,
    compile nothing, nor does a predictor that `freeze` makes of it. Networks of any sizes share
    their kernels.

    Parameters
    ----------
    estimator : estimator
        A network, or a scikit-learn estimator whose parameters hold some, such as a pipeline.
        It is not changed.
    sparse : bool, default=False
        Whether X may be a sparse matrix too.

    Returns
    -------
    dict
        How many kernels were "compiled", "loaded" from the cache, and newly "kept" there. What
        this process had already is not counted.

    Raises
    ------
    TypeError
        If it is not an estimator.
    ValueError
        If there is no network in the estimator, or its parameters are refused.

    Examples
    --------
    >>> from fusednn import MLPRegressor, warmup
    >>> done = warmup(MLPRegressor(dtype="float32"))
    """
    before = statistics()
    for _, run in rehearsals(estimator, sparse):
        run()
    return counted_since(before)


def counted_since(before: dict[str, int]) -> dict[str, int]:
    """What `warmup` returns, from the cache's statistics at its begin."""
    names = {"compiled": "misses", "loaded": "hits", "kept": "saved"}
    now = statistics()
    return {name: now[count] - before[count] for name, count in names.items()}


def rehearsals(estimator: Any, sparse: bool = False) -> list[tuple[str, Callable[[], None]]]:
    """What `warmup` runs one by one, each with its description."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(f"an estimator is needed, not {estimator!r}")
    parts = [estimator, *estimator.get_params().values()]
    networks = [part for part in parts if isinstance(part, BaseNetwork)]
    if not networks:
        raise ValueError(f"there is no network of fusednn in {estimator!r}")
    for network in networks:
        network._validate_params()
    return [pair for network in networks for pair in _rehearsals_of(network, sparse)]


def _rehearsals_of(network, sparse: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    batch = network.batch_size
    if batch != "auto":
        batch = min(batch, BLOCK_LIMIT + 1)  # larger ones are trained in blocks, like this one
    rows = 2 * (FEW_ROWS + 1 if batch == "auto" else max(FEW_ROWS + 1, batch))
    small = {"max_iter": 1, "batch_size": batch, "validation_fraction": 0.5, "verbose": False}
    X = network._rehearsal_data(rows)
    # from 1 on, which every loss takes: a logistic output, and a softmax of more than few units
    two = 1 + np.arange(rows) % 2
    targets = [[two, np.tile(two, (5, 1)).T]]
    if is_classifier(network):
        targets = [[1 + np.arange(rows) % classes] for classes in network._rehearsal_classes()]
    any_targets = not is_classifier(network) or len(targets) > 1  # not those of its last layer
    if network.missing_targets == "ignore" and any_targets:
        part = np.tile(two, (5, 1)).T.astype(float)
        part[0, 0] = np.nan
        targets[0].append(part)
    for dtype in ("float32", "float64") if network.dtype == "auto" else (network.dtype,):
        for together in targets:
            inputs = [X.astype(dtype)]
            if sparse:
                inputs.append(csr_matrix(inputs[0]))
            model = clone(network).set_params(**small)
            words = [type(network).__name__, network._summary(), name_of(network.solver), dtype]
            words += [f"{together[0].max()} classes"] * is_classifier(network)
            yield " ".join(words), partial(_rehearse, model, inputs, together)


def _rehearse(model, inputs, targets) -> None:
    with warnings.catch_warnings():
        for expected in (ConvergenceWarning, DiagnosisWarning):
            warnings.simplefilter("ignore", expected)
        for X, y in product(inputs, targets):
            model.fit(X, y)
            model.predict(X)
            model.predict(X[:1])
        _rehearse_frozen(freeze(model, n_jobs=1), inputs[0])


def _rehearse_frozen(predictor, X) -> None:
    """Calls that keep the interpreter's lock and longer ones, in every way of answering."""
    ready_share(predictor.dtype)
    ways = [predictor, predictor.predict]
    if hasattr(predictor, "classes_"):
        ways.append(predictor.predict_proba)
    for rows in (X[:1], X[np.arange(predictor.brief_rows + 1) % len(X)]):
        for answer in ways:
            answer(rows)
