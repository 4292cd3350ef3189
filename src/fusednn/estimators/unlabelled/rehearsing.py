"""What `warmup` runs for estimators of two lists: fits to small data, and all their answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fusednn import layers as specs
from fusednn.estimators.input.steps import axes_of
from fusednn.estimators.network.rehearsals import axes_tried
from fusednn.exceptions import DiagnosisWarning
from fusednn.plan.memory.sizes import BLOCK_LIMIT
from fusednn.training.predict import FEW_ROWS

from .game_lists import IMAGES
from .lists import checked_list

COLUMNS, FEW = 64, 2
"""Those of X where no list says how many; few columns have kernels of their own."""


def rehearsals(network: Any, sparse: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    """The functions that compile what an estimator calls, each with a description.

    Parameters
    ----------
    network : PairedNetwork
        Not changed.
    sparse : bool
        Whether X is sparse too.
    """
    batch = network.batch_size
    batch = batch if batch == "auto" else min(batch, BLOCK_LIMIT + 1)
    rows = 2 * (FEW_ROWS + 1 if batch == "auto" else max(FEW_ROWS + 1, batch))
    options = {"max_iter": 1, "batch_size": batch, "verbose": False, "warm_start": False}
    if "validation_fraction" in network._get_param_names():
        options["validation_fraction"] = 0.5
    shapes = _all_axes(network)
    if sparse and len(shapes[0]) > 1:
        raise ValueError("the layers take samples with axes, which sparse X cannot have")
    for dtype in ("float32", "float64") if network.dtype == "auto" else (network.dtype,):
        for axes in shapes:
            X = np.random.RandomState(0).uniform(size=(rows, *axes)).astype(dtype)
            inputs = [X]
            if len(axes) > 1 and dtype == "float32":
                inputs.append((255 * X).astype(np.uint8))
            if sparse and len(axes) == 1:
                inputs.append(csr_matrix(X))
            model = clone(network).set_params(**options, dtype=dtype)
            name = f"{type(network).__name__} {dtype} {'x'.join(map(str, axes))}"
            yield name, partial(_rehearse, model, inputs)


def _rehearse(model, inputs) -> None:
    with warnings.catch_warnings():
        for expected in (ConvergenceWarning, DiagnosisWarning, UserWarning):
            warnings.simplefilter("ignore", expected)
        for X in inputs:
            (_play if model._is_game else _reconstruct)(model, X)


def _reconstruct(model, X) -> None:
    """Calls all methods of an autoencoder, with many rows and with one."""
    from fusednn.estimators.deployment.freezing import freeze  # these import the estimators
    from fusednn.estimators.deployment.warmup import rehearse_frozen

    model.fit(X, X_val=X)
    model.fit(X)
    for rows in (X, X[:1]):
        codes = model.transform(rows)
        model.inverse_transform(codes)
        model.score_samples(rows)
        if hasattr(model, "sample"):
            model.sample(len(codes))
    X = X.toarray() if issparse(X) else X
    rehearse_frozen(freeze(model, n_jobs=1), X)
    rehearse_frozen(model.encoder_, X)
    rehearse_frozen(model.decoder_, model.transform(X).reshape(len(X), -1))


def _play(model, X) -> None:
    """Calls all methods of a game, with many rows and with one."""
    from fusednn.estimators.deployment.warmup import rehearse_frozen  # it imports the estimators

    model.fit(X, np.arange(X.shape[0]) % 2)
    model.fit(X)
    for count in (X.shape[0], 1):
        model.sample(count)
        model.score_samples(X[:count])
    X = X.toarray() if issparse(X) else X
    rehearse_frozen(model.discriminator_, X)
    rehearse_frozen(model.generator_, np.zeros((len(X), model.latent), model._network_dtype()))


def _all_axes(network) -> list[tuple[int, ...]]:
    """The axes of samples, or columns, that suit both lists: those of the fit, if there was one.

    Default lists have narrow layers for few columns, and those of a game have convolutions for
    images, so these are tried too.
    """
    if network._is_built():
        return [axes_of(network)]
    lists = [(name, getattr(network, name)) for name in network._list_names]
    given = [layers if layers is None else checked_list(name, layers) for name, layers in lists]
    found = next((axes for axes in _tried(given) if _fit(network, axes)), None)
    if found is None:
        names = " and ".join(network._list_names)
        raise ValueError(f"no small samples suit {names}: warm up an estimator that is fitted")
    others: list[tuple[int, ...]] = [(FEW,), *[IMAGES] * network._is_game] if None in given else []
    return [found, *(axes for axes in others if axes != found and _fit(network, axes))]


def _tried(given) -> Iterator[tuple[int, ...]]:
    """Columns, then axes, that layers in the given lists name, or may have."""
    layers = [spec for part in given if part is not None for spec in part]
    shapes = [spec.shape for spec in layers if isinstance(spec, specs.Reshape)]
    units = [spec.units for spec in reversed(layers) if isinstance(spec, specs.Dense)]
    widths = [COLUMNS, *map(prod, shapes), *units]
    return chain(((width,) for width in dict.fromkeys(widths)), shapes, axes_tried(layers))


def _fit(network, axes: tuple[int, ...]) -> bool:
    """Whether both lists suit samples of these axes."""
    model = clone(network)
    model.n_features_in_ = prod(axes)
    if len(axes) > 1:
        model.input_shape_ = axes
    try:
        model._pair_of(model._asked())
    except ValueError:
        return False
    return True
