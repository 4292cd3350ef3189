"""From fitted estimators to predictors: ours, scikit-learn's networks, and scalers before them."""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection._search import BaseSearchCV  # of all searches, the halving ones too
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fusednn.estimators.base import BaseNetwork
from fusednn.estimators.classification import ClassificationMixin
from fusednn.estimators.files.fitted_network import KINDS, FittedNetwork, fitted_network_of
from fusednn.estimators.network.perceptron_weights import built_of
from fusednn.estimators.regression import RegressionMixin
from fusednn.graph.network import Network
from fusednn.plan.folding import folded
from fusednn.serving.model import LOSS_OF_LINK, VALUES, Head, Model
from fusednn.serving.predictor import Predictor

from .inverses import transformed_back
from .transforms import before, chained, steps_of

if TYPE_CHECKING:
    from fusednn.serving.types import RoundedWeights


def freeze(
    estimator: Any, *, n_jobs: int | None = None, weights: RoundedWeights | None = None
) -> Predictor:
    """Prepares a fitted network for calls that take microseconds.

    Parameters
    ----------
    estimator : estimator
        A fitted one of fusednn, scikit-learn's own `MLPClassifier` or `MLPRegressor`, or what
        holds one: a `Pipeline`, also of pipelines, that begins with `StandardScaler`,
        `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`, or a `ColumnTransformer` of these,
        "passthrough" and "drop"; a `TransformedTargetRegressor` whose target goes back by one of
        these scalers, `np.exp`, `np.expm1` or `np.square`; a search such as `GridSearchCV`, of
        which it is the best estimator. What is fitted later does not change the predictor, whose
        rows are of the network's type: behind a scaler a float32 network needs rows whose digits
        float32 holds. Columns that a `ColumnTransformer` drops may hold anything, and it finds
        those of a frame by their names.
    n_jobs : int or None, default=None
        Threads for large batches, as of the estimators: None takes as many as pay off, a number
        is obeyed, -1 is all CPUs.
    weights : {"bfloat16", "int8"} or None, default=None
        What the weights of dense layers are rounded to; None keeps them. The answers are then
        less accurate, so measure what it does to yours; the network becomes one of float32.
        "bfloat16" has 8 significant bits and half of the memory to read, which one row waits
        for; larger batches take as long as before. "int8" makes integers from -127 to 127 of a
        unit's weights, and of the values of each row that enter a layer 256 steps from the lowest
        (or 0) to the highest: columns of X should have a like scale, and scalers before the
        network stay what they are, for that. It is faster with rows of
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
    return Predictor(model_of(estimator, folds=weights is None), n_jobs, weights)


def model_of(estimator: Any, folds: bool = True) -> Model:
    """A fitted estimator, or a predictor, as a model.

    Parameters
    ----------
    estimator : estimator or Predictor
    folds : bool
        Whether what scales the input of a dense layer may go into its weights; it may not where
        the rows that enter the layer are to be rounded.

    Raises
    ------
    NotFittedError, TypeError
        As `freeze` does.
    """
    if isinstance(estimator, Predictor):
        return estimator.model()
    if isinstance(estimator, BaseSearchCV):
        return model_of(_best(estimator), folds)
    if isinstance(estimator, TransformedTargetRegressor):
        _check_methods(estimator, (TransformedTargetRegressor,))
        check_is_fitted(estimator, "regressor_")
        return transformed_back(model_of(estimator.regressor_, folds), estimator)
    if isinstance(estimator, Pipeline):
        return _of_pipeline(estimator, folds)
    return _model(_found(estimator), estimator, folds)


def _best(search):
    """The estimator that a search predicts with."""
    _check_methods(search, (BaseSearchCV,))
    check_is_fitted(search, "cv_results_")
    if not hasattr(search, "best_estimator_"):
        raise TypeError(
            f"{type(search).__name__} has no best_estimator_, since its refit is False: fit it"
            " with refit=True, or freeze an estimator that you fit yourself."
        )
    return search.best_estimator_


def _found(estimator) -> FittedNetwork:
    if isinstance(estimator, BaseNetwork):
        _check_methods(estimator, (ClassificationMixin, RegressionMixin))
        return fitted_network_of(estimator)
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        _check_methods(estimator, (MLPClassifier, MLPRegressor))
        return _scikit_learns(estimator)
    raise TypeError(
        "a fitted fusednn estimator is needed, scikit-learn's MLPClassifier or MLPRegressor, or a"
        " Pipeline of scalers and one of these, a search such as GridSearchCV or a"
        f" TransformedTargetRegressor; got {estimator!r}."
        + (" Freeze the networks in it, each by itself." if _holds_others(estimator) else "")
    )


def _holds_others(estimator) -> bool:
    """Whether it holds other estimators."""
    return hasattr(estimator, "estimator") or hasattr(estimator, "estimators")


def _check_methods(estimator, known: tuple[type, ...]) -> None:
    """Refuses a class that answers in a way of its own."""
    for base in known:
        for name in ("predict", "predict_proba"):
            theirs = getattr_static(base, name, None)
            own = getattr_static(type(estimator), name, None)
            if isinstance(estimator, base) and own is not theirs:
                raise TypeError(
                    f"{type(estimator).__name__} has a {name} of its own, which would be lost."
                )


def _scikit_learns(estimator) -> FittedNetwork:
    check_is_fitted(estimator, "coefs_")
    link, dtype = estimator.out_activation_, estimator.coefs_[0].dtype
    if dtype not in (np.float32, np.float64):
        dtype = np.dtype(np.float64)
    coefs, intercepts = estimator.coefs_, estimator.intercepts_
    chain = built_of(coefs, intercepts, estimator.activation)
    network = Network(chain.ops, LOSS_OF_LINK[link])
    pairs = zip(coefs, intercepts, strict=True)
    arrays = [np.asarray(array, dtype) for pair in pairs for array in pair]
    if isinstance(estimator, MLPRegressor):
        return FittedNetwork(network, arrays, Head(VALUES, link))
    binarizer = estimator._label_binarizer
    head = Head(KINDS[binarizer.y_type_], link, (np.asarray(binarizer.classes_),))
    return FittedNetwork(network, arrays, head)


def _of_pipeline(pipeline: Pipeline, folds: bool) -> Model:
    steps = steps_of(pipeline)
    if not steps:
        raise TypeError("freeze found no estimator in the Pipeline.")
    *transformers, last = steps
    if not transformers:
        return model_of(last, folds)
    chained(transformers, float)  # a step that is not known is told of before the network
    return before(model_of(last, folds), transformers, folds)


def _model(found: FittedNetwork, estimator, folds: bool) -> Model:
    """The network folded."""
    dtype = found.arrays[-1].dtype
    network, arrays = folded(found.network, found.arrays, into_next=folds)
    features = getattr(estimator, "feature_names_in_", None)
    features = None if features is None else tuple(map(str, features))
    names = (type(estimator).__name__,) * 2
    return Model(network.ops, arrays, found.head, dtype, names, features)
