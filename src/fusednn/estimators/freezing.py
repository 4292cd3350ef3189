"""From fitted estimators to predictors: ours, scikit-learn's networks, and scalers before them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from fusednn.kernels.class_losses import logistic_link, softmax_link
from fusednn.kernels.value_losses import exp_link
from fusednn.losses import Quantile
from fusednn.plan.folding import folded
from fusednn.plan.layers.embedding import Embedding
from fusednn.plan.layers.rescale import Rescale
from fusednn.plan.layers.through import Scale
from fusednn.plan.network import Network
from fusednn.plan.parameters import ParameterLayout
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head, Model
from fusednn.serving.predictor import Predictor

from .base import BaseNetwork
from .labels import MultioutputLabels
from .weights import network_of

LINKS = {None: "identity", logistic_link: "logistic", softmax_link: "softmax", exp_link: "exp"}
NEAR_MEAN = {np.dtype(np.float32): 30.0, np.dtype(np.float64): 1e9}
"""The largest mean, in deviations, of what is folded: products with larger ones round by more than
the 1e-5 of the largest output that predictors may differ by."""
SCALERS = StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler
LOSS_OF_OUTPUT = {
    "identity": "squared_error",
    "logistic": "logistic",
    "softmax": "softmax",
    "exp": "poisson",
}
"""Of scikit-learn's output activations."""
KINDS = {
    "binary": BINARY,
    "multiclass": MULTICLASS,
    "multilabel-indicator": MULTILABEL,
}


def freeze(estimator, *, n_jobs=None, weights=None) -> Predictor:
    """Prepares a fitted network for calls that take microseconds.

    Parameters
    ----------
    estimator : estimator
        A fitted one of fusednn, scikit-learn's own `MLPClassifier` or `MLPRegressor`, or a
        `Pipeline` of `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler` or `RobustScaler` and one of
        these. What is fitted later does not change the predictor.
    n_jobs : int or None, default=None
        Threads for large batches: None takes as many as pay off, a number is obeyed, -1 is all
        CPUs.
    weights : {"bfloat16", "int8"} or None, default=None
        What the weights of dense layers are rounded to; None keeps them. The answers are then
        less accurate, so measure what it does to yours; the network becomes one of float32.
        "bfloat16" has 8 significant bits and half of the memory to read, which one row waits
        for; larger batches take as long as before. "int8" makes integers from -127 to 127 of a
        unit's weights, and of the values of each row that enter a layer 256 steps from the lowest
        (or 0) to the highest: columns of X should have a like scale. It is faster with rows of
        any number, and needs a CPU with AVX-512 VNNI, AVX-VNNI, or on ARM the dot product. A last
        layer of up to four units keeps its weights; biases and all other layers do too.

    Returns
    -------
    Predictor
        Its answers agree with the estimator's up to rounding.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another kind.
    ValueError
        If `weights` is another word, or the CPU lacks what it needs.
    """
    return Predictor(model_of(estimator), n_jobs, weights)


def model_of(estimator) -> Model:
    """A fitted estimator, or a predictor, as a model.

    Raises
    ------
    NotFittedError, TypeError
        As `freeze` does.
    """
    if isinstance(estimator, Predictor):
        return estimator.model()
    if isinstance(estimator, Pipeline):
        return _of_pipeline(estimator)
    if isinstance(estimator, BaseNetwork):
        found = network_of_ours(estimator)
    elif isinstance(estimator, MLPClassifier | MLPRegressor):
        found = _scikit_learns(estimator)
    else:
        raise TypeError(
            "freeze takes a fitted fusednn estimator, scikit-learn's MLPClassifier or"
            f" MLPRegressor, or a Pipeline of scalers and one of these; got {estimator!r}."
        )
    return _model(found, [], (type(estimator).__name__,) * 2, estimator)


class Found(NamedTuple):
    """A network, its parameters and what its outputs mean."""

    network: Network
    matrices: list[np.ndarray]
    vectors: list[np.ndarray]
    head: Head


def network_of_ours(estimator) -> Found:
    """The network of one of our fitted estimators, as it is trained."""
    estimator._check_fitted()
    dtype = estimator._network_dtype()
    groups = estimator._parameters()
    matrices, vectors = ([np.asarray(part, dtype) for part in group] for group in groups)
    network = estimator._network()
    link = LINKS[network.loss_row().link]
    labels = getattr(estimator, "_labels", None)
    if labels is None:
        count = estimator._outputs_per_target()
        point = None if isinstance(estimator._loss(), Quantile) and count > 1 else 0
        return Found(network, matrices, vectors, Head(VALUES, link, (), count, point))
    if isinstance(labels, MultioutputLabels):
        head = Head(COLUMNS, link, tuple(labels.classes))
    else:
        head = Head(KINDS[labels.kind], link, (labels.classes,))
    return Found(network, matrices, vectors, head)


def _scikit_learns(estimator) -> Found:
    check_is_fitted(estimator, "coefs_")
    link, dtype = estimator.out_activation_, estimator.coefs_[0].dtype
    if dtype not in (np.float32, np.float64):
        dtype = np.dtype(np.float64)
    matrices, vectors = (
        [np.asarray(part, dtype) for part in group]
        for group in (estimator.coefs_, estimator.intercepts_)
    )
    loss = LOSS_OF_OUTPUT[link], ()
    network = network_of(matrices, vectors, estimator.activation, loss)
    if isinstance(estimator, MLPRegressor):
        return Found(network, matrices, vectors, Head(VALUES, link))
    binarizer = estimator._label_binarizer
    head = Head(KINDS[binarizer.y_type_], link, (np.asarray(binarizer.classes_),))
    return Found(network, matrices, vectors, head)


# -- scalers -----------------------------------------------------------------------------


class _Affine(NamedTuple):
    """(x + before) factor / divisor + after within [low, high], by column, in float64."""

    before: np.ndarray
    factor: np.ndarray
    divisor: np.ndarray
    after: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def mean_and_factor(self):
        """The same as (x - mean) factor; None if it clips, or a factor is 0."""
        clips = np.isfinite(self.low).any() or np.isfinite(self.high).any()
        if clips or not self.factor.all():
            return None
        factor = self.factor / self.divisor
        return -self.before - self.after / factor, factor


def _of_pipeline(pipeline: Pipeline) -> Model:
    steps = [step for _, step in pipeline.steps if step is not None and step != "passthrough"]
    if not steps:
        raise TypeError("freeze found no estimator in the Pipeline.")
    *scalers, last = steps
    for scaler in scalers:
        if not isinstance(scaler, SCALERS):
            known = ", ".join(kind.__name__ for kind in SCALERS)
            raise TypeError(
                f"freeze takes a Pipeline of {known} and a network; got {scaler!r}. Transform X by"
                " it first, and freeze the steps behind it."
            )
        check_is_fitted(scaler)
    if isinstance(last, BaseNetwork):
        found = network_of_ours(last)
    elif isinstance(last, MLPClassifier | MLPRegressor):
        found = _scikit_learns(last)
    else:
        raise TypeError(
            "freeze takes a Pipeline that ends with a fusednn estimator or scikit-learn's"
            f" MLPClassifier or MLPRegressor; got {last!r}."
        )
    names = type(steps[0]).__name__, type(last).__name__
    dtype = found.matrices[0].dtype
    return _model(found, [_affine(scaler, dtype) for scaler in scalers], names, steps[0])


def _affine(scaler, dtype) -> _Affine:
    width = scaler.n_features_in_
    parts: dict[str, Any] = {"before": 0.0, "factor": 1.0, "divisor": 1.0, "after": 0.0}
    low, high = -np.inf, np.inf
    match scaler:
        case StandardScaler():
            parts["before"] = 0.0 if not scaler.with_mean else -scaler.mean_
            parts["divisor"] = 1.0 if scaler.scale_ is None else scaler.scale_
            for key in ("before", "divisor"):  # as scikit-learn has them in the type of X
                parts[key] = np.asarray(parts[key], dtype)
        case MinMaxScaler():
            parts["factor"], parts["after"] = scaler.scale_, scaler.min_
            low, high = scaler.feature_range if scaler.clip else (low, high)
        case MaxAbsScaler():
            parts["divisor"] = scaler.scale_
            low, high = (-1.0, 1.0) if getattr(scaler, "clip", False) else (low, high)
        case RobustScaler():
            parts["before"] = 0.0 if scaler.center_ is None else -scaler.center_
            parts["divisor"] = 1.0 if scaler.scale_ is None else scaler.scale_
    parts |= {"low": low, "high": high}
    return _Affine(**{key: np.full(width, value, float) for key, value in parts.items()})


def _model(found: Found, scalers: list[_Affine], names: tuple[str, str], first) -> Model:
    """The network folded, with the scalers in its first layer or before it."""
    network, matrices, vectors, head = found
    dtype = [*matrices, *vectors][0].dtype
    few, *small = folded(network, matrices, vectors)
    arrays = ParameterLayout(few.forms(dtype), dtype).in_order(*small)
    ops = few.ops
    for number, scaler in reversed(list(enumerate(scalers))):
        linear = scaler.mean_and_factor()
        if linear is not None and np.all(abs(linear[0] * linear[1]) < NEAR_MEAN[dtype]):
            scale = Scale(len(scaler.factor))
            wide = Network((scale, *ops), few.loss)
            layout = ParameterLayout(wide.forms(dtype), dtype)
            folds, *groups = folded(wide, *layout.split([*linear, *arrays]))
            if len(folds.ops) == len(ops):
                ops = folds.ops
                arrays = ParameterLayout(folds.forms(dtype), dtype).in_order(*groups)
                continue
        if isinstance(ops[0], Embedding):
            raise TypeError("freeze cannot scale the codes of an Embedding.")
        for rest in scalers[number::-1]:
            ops = (Rescale(len(rest.factor)), *ops)
            arrays = [*rest, *arrays]
        break
    features = getattr(first, "feature_names_in_", None)
    features = None if features is None else tuple(map(str, features))
    return Model(ops, arrays, head, np.dtype(dtype), names, features)
