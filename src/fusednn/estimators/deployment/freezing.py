"""Makes predictors of fitted estimators, scikit-learn's MLPs, pipelines and searches."""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection._search import BaseSearchCV  # the base of all searches
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fusednn.estimators.base import BaseNetwork
from fusednn.estimators.classification import ClassificationMixin
from fusednn.estimators.files.fitted_network import KINDS, FittedNetwork, fitted_network_of
from fusednn.estimators.input.steps import axes_of
from fusednn.estimators.network.perceptron_weights import built_of
from fusednn.estimators.regression import RegressionMixin
from fusednn.estimators.tabular import freezing as tabular
from fusednn.estimators.tabular.base import BaseTabular
from fusednn.estimators.tabular_classifier import TabularClassifier
from fusednn.estimators.tabular_regressor import TabularRegressor
from fusednn.graph.network import Network
from fusednn.plan.folding import folded
from fusednn.serving.ensembles.ensemble import Ensemble
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.files.reading import TWO_NETWORKS
from fusednn.serving.model import LOSS_OF_LINK, VALUES, Head, Model
from fusednn.serving.predictor import Predictor

from .inverses import transformed_back
from .transforms import before, chained, steps_of

if TYPE_CHECKING:
    from fusednn.serving.types import Device, RoundedWeights


def freeze(
    estimator: Any,
    *,
    n_jobs: int | None = None,
    weights: RoundedWeights | None = None,
    device: Device = "cpu",
) -> Predictor | Any:
    """Prepares a fitted network for calls that take microseconds.

    Later changes of the estimator do not affect the predictor.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of fusednn, scikit-learn's `MLPClassifier` or `MLPRegressor`, or an
        estimator that contains one; see the notes.
    n_jobs : int or None, default=None
        Threads for large batches, and for few samples of a convolutional network. A number:
        exactly this many, or fewer if the work is too little. -1: all CPUs. None: as many as make
        the call faster.
    weights : {"bfloat16", "int8"} or None, default=None
        The type to which the weights of dense layers (also those of attention), recurrences and
        convolutions are rounded, and the table of tokens of a `LanguageModel` with tied=True.
        None keeps them. Rounding makes the network float32 and its answers less accurate, so
        measure the effect on your data.

        "bfloat16" has 8 significant bits and halves the memory of the weights. Calls with one row,
        which wait for memory, become faster; larger batches do not.

        "int8" rounds the weights of each unit to integers from -127 to 127. It also rounds the
        values of each row that enter a layer, to 256 steps from the row's smallest value (or 0) to
        its largest. So the columns of X should have similar scales; scalers in a pipeline are
        kept as they are for this reason. Calls with any number of rows become faster. It requires
        a CPU with AVX-512 VNNI, AVX-VNNI or, on ARM, the dot product instructions.

        A convolution computes in float32 with rounded weights, those of each filter by "int8" to
        integers from -127 to 127. They take less memory, but its calls do not become faster, and
        what enters it is not rounded. A recurrence computes as dense layers do; "int8" rounds the
        state before each step like a row.

        A last layer of up to four units, biases and all other layers are not rounded.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where it answers: "cuda" is an NVIDIA GPU, which keeps the weights, and pays for many rows
        or large networks alone. The bits are the same. "auto" is the CPU, and so are streams.

    Returns
    -------
    Predictor, or TabularPredictor of a model of raw tables
        Its answers equal the estimator's up to rounding.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is not supported; the message says what to do.
    ValueError
        If `n_jobs`, `weights` or `device` is invalid, or the CPU lacks the instructions; or if
        `device` is a GPU and the weights are rounded.
    ImportError, RuntimeError
        If `device` is a GPU that cannot be used; the message says why.

    See Also
    --------
    load : Reads a predictor from a file.
    export_c, export_library, export_onnx : Write the network for other programs.

    Notes
    -----
    These estimators may contain the network:

    * a `Pipeline` of `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`,
      `ColumnTransformer` (of these scalers, "passthrough" and "drop"), pipelines of these, and the
      network as its last step;
    * a `TransformedTargetRegressor` whose inverse is one of these scalers', `np.exp`, `np.expm1`
      or `np.square`;
    * a search such as `GridSearchCV`: its best estimator is frozen.

    A `TabularClassifier` or `TabularRegressor` must be the whole, the best estimator of a search,
    or the only step of a pipeline. It cannot be frozen if it predicts with its training rows,
    as `TabularRegressor` may with preset "best".

    A `GAN` has two networks, of which each is frozen: take its `generator_` or `discriminator_`.

    The predictor converts rows to the network's dtype before scaling. If a float32 network follows
    a scaler, values such as 1e8 + 0.5 lose their fraction. Columns that a `ColumnTransformer`
    drops may hold anything. It finds the columns of a frame by their names.

    Examples
    --------
    One row takes a few microseconds, scalers included:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from fusednn import MLPClassifier, freeze
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier([8], solver="lbfgs", random_state=0))
    >>> predictor = freeze(model.fit(X, y))
    >>> predictor.predict(X[:1]).tolist(), predictor.predict_proba(X[:1]).round(2).tolist()
    ([0], [[1.0, 0.0, 0.0]])
    """
    ensemble = ensemble_of(estimator, folds=weights is None)
    if ensemble is not None:
        return TabularPredictor(ensemble, n_jobs, weights, device)
    return Predictor(model_of(estimator, folds=weights is None), n_jobs, weights, device)


def ensemble_of(estimator: Any, folds: bool = True) -> Ensemble | None:
    """The ensemble of a model of raw tables; None of what is a single network.

    Parameters
    ----------
    estimator : estimator, TabularPredictor or Predictor
    folds : bool
        See `model_of`.

    Raises
    ------
    NotFittedError, TypeError
        See `freeze`.
    """
    if isinstance(estimator, TabularPredictor):
        return estimator.ensemble()
    if isinstance(estimator, BaseTabular):
        _check_methods(estimator, (TabularClassifier, TabularRegressor))
        return tabular.ensemble_of(estimator, folds)
    if isinstance(estimator, BaseSearchCV):
        return ensemble_of(_best(estimator), folds)
    if isinstance(estimator, Pipeline):
        [*before, last] = steps_of(estimator) or [None]
        if before:
            return None
        check_is_fitted(estimator)
        return ensemble_of(last, folds)
    return None


def model_of(estimator: Any, folds: bool = True) -> Model:
    """Makes the model of a fitted estimator, or of a predictor.

    Parameters
    ----------
    estimator : estimator or Predictor
    folds : bool
        Whether to fold scalers into the weights of the dense layer after them. False if the rows
        that enter the layer will be rounded.

    Raises
    ------
    NotFittedError, TypeError
        See `freeze`.
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
    """Returns the estimator with which a search predicts; raises TypeError with refit=False."""
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
        if hasattr(estimator, "_ends"):
            raise TypeError(f"{type(estimator).__name__} {TWO_NETWORKS}.")
        _check_methods(estimator, (ClassificationMixin, RegressionMixin))
        return fitted_network_of(estimator)
    if isinstance(estimator, BaseTabular):
        raise TypeError(
            f"{type(estimator).__name__} prepares tables by itself: freeze it alone, not behind"
            " transformers or within other estimators."
        )
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
    """Whether an estimator contains other estimators."""
    return hasattr(estimator, "estimator") or hasattr(estimator, "estimators")


def _check_methods(estimator, known: tuple[type, ...]) -> None:
    """Raises TypeError if the estimator's class overrides `predict` or `predict_proba`."""
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
    chained(transformers, float)  # so an unknown step raises its error before the network's
    return before(model_of(last, folds), transformers, folds)


def _model(found: FittedNetwork, estimator, folds: bool) -> Model:
    """Makes a model of the folded network."""
    dtype = found.arrays[-1].dtype
    network, arrays = folded(found.network, found.arrays, into_next=folds)
    features = getattr(estimator, "feature_names_in_", None)
    features = None if features is None else tuple(map(str, features))
    names = (type(estimator).__name__,) * 2
    axes = axes_of(estimator) if hasattr(estimator, "input_shape_") else None
    return Model(network.ops, arrays, found.head, dtype, names, features, axes=axes)
