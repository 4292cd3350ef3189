"""scikit-learn's scorers on a validation set that may lack some of the classes."""

from __future__ import annotations

import copy
from inspect import Parameter, signature
from math import isfinite

import numpy as np
from sklearn.base import is_classifier

from .labels import Labels


def takes_weights(scorer) -> bool:
    """Whether a scorer, or the function in a scikit-learn scorer, takes sample_weight."""
    accepted = _parameters(getattr(scorer, "_score_func", scorer))
    if accepted is None:
        return True
    kinds = {parameter.kind for parameter in accepted.values()}
    return "sample_weight" in accepted or Parameter.VAR_KEYWORD in kinds


def with_classes(scorer, estimator):
    """Passes the classes to a scorer of probabilities, if its function has a parameter for them.

    Sets `labels` if its default is None. Sets `pos_label` to the second of two classes, the one
    whose probability is the last column of `predict_proba`, if its default is not a class. Values
    that the user gave to `make_scorer` stay.
    """
    asked = _parameters(getattr(scorer, "_score_func", None))
    if not asked or getattr(scorer, "_response_method", "predict") == "predict":
        return scorer
    labels = estimator._labels if is_classifier(estimator) else None
    if not isinstance(labels, Labels) or labels.is_multilabel:
        return scorer
    told = {}
    if "labels" in asked and asked["labels"].default is None:
        told["labels"] = labels.classes
    if "pos_label" in asked and len(labels.classes) == 2:
        own = asked["pos_label"].default
        if own is None or own not in labels.classes.tolist():
            told["pos_label"] = labels.classes.tolist()[1]
    scorer = copy.copy(scorer)
    scorer._kwargs = told | scorer._kwargs
    return scorer


def number_of(estimator, found) -> float:
    """Converts the result of a scorer to float; raises ValueError unless it is one number."""
    try:
        if np.ndim(found) == 0 and not isinstance(found, str | bytes):  # float("1") is no score
            return float(found)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(
        f"scoring must return a number, got {found!r} ({type(found).__name__}) of"
        f" scoring={estimator.scoring!r}."
    )


def check_scorable(estimator, scorer, X, y, truth, weights) -> None:
    """Raises ValueError if a scikit-learn score is undefined on the validation set.

    Calls the scorer with an estimator that predicts y itself. If the scorer raises, or gives a
    perfect classifier a score that is not positive, no network can have a useful score. This runs
    no network and draws no random number. Scorers that scikit-learn does not define are not
    checked.

    Parameters
    ----------
    estimator : estimator
    scorer : callable
    X, y
        The validation set.
    truth : ndarray of shape (n_samples, columns)
        Encoded y.
    weights : ndarray of shape (n_samples,) or None
    """
    function = getattr(scorer, "_score_func", None)
    if not (getattr(function, "__module__", None) or "").startswith("sklearn.metrics"):
        return
    trouble, cause = _trouble(estimator, scorer, X, y, truth, weights)
    where, advice, lacking = "", "Choose another scoring.", _lacking(estimator, truth)
    if lacking:  # is the cause the missing classes, or does the scorer fail with all classes too?
        always, error = _trouble(estimator, scorer, *_with_all_classes(estimator, X.shape[1]))
        if error is not None or (always and trouble):
            trouble, cause, lacking = always, error, []
    if trouble is None:
        return
    if lacking:
        where = f", which has no sample of {lacking}"
        advice = (
            "Give X_val and y_val with all classes, increase validation_fraction, or choose"
            " another scoring."
        )
    if estimator._output_groups():
        trouble = "it does not take several columns of classes"
        advice = "Give a callable that does, or None for the accuracy."
    raise ValueError(
        f"scoring={estimator.scoring!r} cannot be computed on the validation set{where}:"
        f" {trouble}. {advice}"
    ) from cause


def _trouble(estimator, scorer, X, y, truth, weights=None):
    """Scores right answers; returns why the score is undefined, and the scorer's error.

    Returns (None, None) if it is defined. The error is None if the scorer raised none.
    """
    options = {} if weights is None else {"sample_weight": weights}
    try:
        with np.errstate(all="ignore"):
            score = float(scorer(_knowing(estimator, y, truth), X, y, **options))
    except Exception as error:
        return " ".join(str(error).split()).rstrip("."), error
    if isfinite(score) and (score > 0 or scorer._sign < 0 or not is_classifier(estimator)):
        return None, None
    return f"even right answers score {score:g}", None


def _with_all_classes(estimator, columns):
    """Makes X, y and encoded y of a small set in which each class is present and absent."""
    labels, numbers = estimator._labels, np.arange(len(estimator.classes_))
    if labels.is_multilabel:
        each = np.eye(len(numbers), dtype=int)
        y = np.vstack([each, 1 - each])
        truth = y.astype(float)
    else:
        numbers = np.repeat(numbers, 2)
        y, truth = labels.classes[numbers], numbers[:, np.newaxis].astype(float)
    return np.zeros((len(y), columns)), y, truth


def _knowing(estimator, y, truth):
    """Makes a copy of the estimator that predicts y.

    A regressor predicts 1 in place of 0, since some scores need positive predictions.
    """
    model = copy.copy(estimator)
    if not is_classifier(estimator):
        model.predict = _method("predict", y + (y == 0))
        return model
    labels = estimator._labels
    if labels.is_multilabel:
        probabilities = 0.9 * truth + 0.05
    else:
        sizes = labels.groups or (len(labels.classes),)
        likely = [_likely(column, size) for column, size in zip(truth.T, sizes, strict=True)]
        probabilities = likely if labels.groups else likely[0]
    model.predict = _method("predict", y)
    model.predict_proba = _method("predict_proba", probabilities)
    return model


def _method(name, answer):
    """Makes a function that returns the answer; scikit-learn reads its name."""

    def method(X):
        return answer

    method.__name__ = name
    return method


def _likely(numbers, count):
    """Makes probabilities (n_samples, count) that are large for the given class numbers."""
    return 0.9 * np.eye(count)[numbers.astype(int)] + 0.1 / count


def _lacking(estimator, truth):
    """Returns the classes without a sample; none for several columns of classes."""
    if not is_classifier(estimator) or estimator._labels.groups:
        return []
    if estimator._labels.is_multilabel:
        return estimator.classes_[~truth.any(axis=0)].tolist()
    return estimator.classes_[~np.isin(np.arange(len(estimator.classes_)), truth[:, 0])].tolist()


def _parameters(function):
    """The parameters of a function by name; None if it has no signature."""
    try:
        return signature(function).parameters
    except (TypeError, ValueError):
        return None
