"""Metrics: what decides a network's epochs and the weights of families."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import check_scoring, roc_auc_score

from fusednn.losses import CrossEntropy, Quantile

from .answers import ClassTarget, QuantityTarget, Target
from .shifting import shifted

LEAST: Final = 1e-7
"""The least probability in a log-loss: about what float32 tells from 0."""
TIE: Final = 1e-6
"""The weight of the log-loss beside the error, which ties often."""
SMOOTHING: Final = 0.1
"""Label smoothing, where accuracy is the metric."""

Loss = Callable[[Target, np.ndarray, np.ndarray, np.ndarray | None], float]
"""From the target, true values as networks learn them, outputs (n, n_outputs) and weights."""


class MetricError(ValueError):
    """A scorer cannot judge these rows; of its own type, so networks pass it on unchanged."""


class Metric(NamedTuple):
    """
    A metric.

    Parameters
    ----------
    name : str
    training : str, ClassificationLoss or RegressionLoss
        What networks minimise.
    loss : callable
        What is minimised by the choice of weights.
    by_loss : bool
        Whether a network's own validation loss decides its epochs; otherwise `loss` does.
    sign : int
        The metric itself is `sign` times the loss, plus `offset`.
    offset : float
    """

    name: str
    training: Any
    loss: Loss
    by_loss: bool = True
    sign: int = 1
    offset: float = 0.0

    def value(self, target, truth, outputs, weights=None) -> float:
        """The metric itself, of deviations in the target's units if there is one target."""
        found = self.offset + self.sign * self.loss(target, truth, outputs, weights)
        if isinstance(target, QuantityTarget) and self.by_loss and len(target.scale) == 1:
            found *= target.scale[0]
        return float(found)

    def check(self, target: Target, truth: np.ndarray, weights: np.ndarray | None) -> None:
        """
        Compute the metric of right answers, if it is a scorer.

        Raises
        ------
        ValueError
            If it cannot be computed.
        """
        if isinstance(self.loss, partial):
            right = truth
            if isinstance(target, ClassTarget):
                right = 0.9 * np.eye(len(target.labels))[truth] + 0.1 / len(target.labels)
            self.loss(target, truth, right, weights)

    @property
    def is_smoothed(self) -> bool:
        """Whether networks are trained with label smoothing."""
        return getattr(self.training, "label_smoothing", 0) > 0

    def scoring(self, target: Target, factors: np.ndarray | None = None) -> Any:
        """
        The parameter of a network that decides its epochs.

        Parameters
        ----------
        target : ClassTarget or QuantityTarget
        factors : ndarray of shape (n_classes,) or None
            What outputs are to be multiplied by, unless the loss decides.
        """
        return "loss" if self.by_loss else Scorer(self.name, self.loss, target, factors)


def metric_of(asked: Any, target: Target) -> Metric:
    """
    The metric that users ask for.

    Parameters
    ----------
    asked : str or callable
        One of the names below, or a scorer of scikit-learn or its name.
    target : ClassTarget or QuantityTarget

    Raises
    ------
    ValueError
        If there is no such metric, or quantiles are asked for, which have their own.
    """
    if isinstance(target, QuantityTarget) and target.quantiles:
        if asked is not None:
            raise ValueError(
                f"metric={asked!r} does not suit quantiles, whose pinball loss decides: leave one"
                " of both parameters out."
            )
        return Metric("pinball", Quantile(target.quantiles), _pinball)
    classify = isinstance(target, ClassTarget)
    known, others = (CLASSES, QUANTITIES) if classify else (QUANTITIES, CLASSES)
    name = asked if isinstance(asked, str) else getattr(asked, "__name__", "score")
    if asked in known:
        return known[asked]
    try:
        if asked in others:
            raise ValueError
        scorer = check_scoring(_Answers(), asked)
    except (ValueError, TypeError):
        if callable(asked):
            raise ValueError(f"metric={name} is no scorer: give make_scorer({name}).") from None
        raise ValueError(
            f"metric={asked!r} is unknown: give {', '.join(map(repr, known))}, or a scorer of"
            " scikit-learn or its name."
        ) from None
    loss = partial(_scored, scorer, str(name))
    training = "log_loss" if classify else "squared_error"
    return Metric(str(name), training, loss, by_loss=False, sign=-1)


class Scorer:
    """A scorer of networks by a loss of their outputs, perhaps with factors of classes."""

    def __init__(self, name: str, loss: Loss, target: Target, factors: np.ndarray | None = None):
        self.name, self.loss, self.target, self.factors = name, loss, target, factors

    def __repr__(self):
        """For messages of what a user's function raises."""
        return repr(self.name)

    def __call__(self, network, X, y, sample_weight=None) -> float:
        outputs = network.predict_proba(X) if isinstance(self.target, ClassTarget) else None
        if outputs is None:
            outputs = network.predict(X).reshape(len(y), -1)
            y = y.reshape(len(y), -1)
        elif self.factors is not None:
            outputs = shifted(outputs.astype(float), self.factors)
        return -self.loss(self.target, y, outputs.astype(float), sample_weight)


def _log_loss(target, truth, outputs, weights):
    likely = outputs[np.arange(len(truth)), truth]
    return float(-np.average(np.log(np.clip(likely, LEAST, 1)), weights=weights))


def _error(target, truth, outputs, weights):
    wrong = np.average(outputs.argmax(axis=1) != truth, weights=weights)
    return float(wrong) + TIE * _log_loss(target, truth, outputs, weights)


def _area_lost(target, truth, outputs, weights):
    """1 minus the mean over classes, against all others, of the area under the ROC curve."""
    count = outputs.shape[1]
    areas = []
    for place in [1] if count == 2 else range(count):
        own = truth == place
        if own.any() and not own.all():
            areas.append(roc_auc_score(own, outputs[:, place], sample_weight=weights))
    lost = 1 - float(np.mean(areas)) if areas else 0.0
    return lost + TIE * _log_loss(target, truth, outputs, weights)


def _root(target, truth, outputs, weights):
    squares = np.average((outputs - truth) ** 2, axis=0, weights=weights)
    return float(np.sqrt(squares).mean())


def _absolute(target, truth, outputs, weights):
    return float(np.average(np.abs(outputs - truth), axis=0, weights=weights).mean())


def _pinball(target, truth, outputs, weights):
    shares = np.array(target.quantiles)
    error = truth[:, :, np.newaxis] - outputs.reshape(*truth.shape, len(shares))
    losses = np.maximum(shares * error, (shares - 1) * error)
    return float(np.average(losses, axis=0, weights=weights).mean())


def _scored(scorer, name, target, truth, outputs, weights):
    """Minus a scorer's score of answers in the target's units or labels."""
    answers = _Answers() if isinstance(target, ClassTarget) else _Values()
    answers.target, answers.outputs = target, outputs
    options = {} if weights is None else {"sample_weight": weights}
    try:
        found = float(scorer(answers, np.zeros((len(truth), 1)), target.decoded(truth), **options))
    except (AttributeError, TypeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise MetricError(
            f"metric={name!r} cannot be computed: {reason}; give another, or a scorer by"
            " make_scorer with options that suit y."
        ) from error
    if not np.isfinite(found):
        raise MetricError(f"metric={name!r} is {found} on held-out rows: choose another.")
    return -found


class _Known(BaseEstimator):
    """An estimator that knows its outputs, for scorers."""

    def fit(self, X, y):
        """Does nothing; scorers are for estimators that have it."""
        return self

    def __sklearn_is_fitted__(self):
        return True


class _Answers(ClassifierMixin, _Known):
    @property
    def classes_(self):
        return self.target.labels

    def predict(self, X):
        """The most probable labels."""
        return self.target.answers(self.outputs)

    def predict_proba(self, X):
        """The probabilities."""
        return self.target.probabilities(self.outputs)


class _Values(RegressorMixin, _Known):
    def predict(self, X):
        """The values in the target's units."""
        return self.target.answers(self.outputs)


CLASSES: dict[str, Metric] = {
    "log_loss": Metric("log_loss", "log_loss", _log_loss),
    "accuracy": Metric("accuracy", CrossEntropy(SMOOTHING), _error, False, -1, 1.0),
    # epochs by the log-loss: areas are noisier, and pytabkit's authors advise it
    "roc_auc": Metric("roc_auc", "log_loss", _area_lost, True, -1, 1.0),
}
QUANTITIES: dict[str, Metric] = {
    "rmse": Metric("rmse", "squared_error", _root),
    "mae": Metric("mae", "absolute_error", _absolute),
}
