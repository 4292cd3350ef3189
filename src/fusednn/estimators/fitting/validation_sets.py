"""Validation sets: held-out samples of the training data, or the user's X_val and y_val."""

from __future__ import annotations

import copy
from itertools import count
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length

from fusednn.estimators.input.missing_targets import as_given, known, known_rows
from fusednn.estimators.input.named_errors import said_of
from fusednn.estimators.input.row_weights import of_each_row
from fusednn.estimators.input.sample_weights import present, total_of
from fusednn.estimators.input.scoring import check_scorable, number_of, takes_weights, with_classes
from fusednn.estimators.input.target_axes import by_axes
from fusednn.estimators.network.first_layer import check_input
from fusednn.plan.lengths import without_padding
from fusednn.plan.training import Target
from fusednn.serving.sequences import are_sequences
from fusednn.training.validation import Validation

from .randoms import hold_out

VALIDATION_SET = "In the validation set (X_val, y_val)"


class Samples(NamedTuple):
    """Checked samples. `y` holds the user's targets, `target` the encoded targets and weights."""

    X: Any
    y: np.ndarray
    target: Target


def own_set_of(estimator, validation, dtype):
    """Checks the user's validation set.

    Parameters
    ----------
    estimator : estimator
        Knows the classes and the number of features of the training data.
    validation : tuple
        The arguments X_val, y_val and sample_weight_val of `fit`.
    dtype : dtype
        The network's.

    Returns
    -------
    Samples or None
        None without a validation set. Samples of weight zero are left out.

    Raises
    ------
    ValueError
        If an argument is missing or invalid; the message names the validation set.
    """
    X_val, y_val, sample_weight_val = validation
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val is provided, but X_val was not provided.")
        return None
    if y_val is None:
        raise ValueError("X_val is provided, but y_val was not provided.")
    if X_val is None:
        raise ValueError("y_val is provided, but X_val was not provided.")
    with said_of(VALIDATION_SET):
        X, y = estimator._validated(
            X_val, y_val, reset=False, dtypes=(dtype,), **estimator._target_options
        )
        check_input(X, estimator._built())
        y = estimator._checked_targets(y)
        check_consistent_length(X, y)
    weights = None
    if sample_weight_val is not None:
        if not (are_sequences(sample_weight_val) or np.any(sample_weight_val)):
            raise ValueError("sample_weight_val must contain at least one non-zero number.")
        with said_of("In sample_weight_val"), np.errstate(over="ignore"):
            weights = estimator._checked_weights(sample_weight_val, X, y, dtype)
        rows = present(weights)
        X, y, weights = X[rows], y[rows], weights[rows]
    with said_of(VALIDATION_SET):
        targets = estimator._encode(y, dtype)
    X, y, targets, weights, shares = known_rows(estimator, X, y, targets, weights, "y_val")
    target = Target(targets, of_each_row(weights, targets), shares)
    network = estimator._network_for(X, estimator._built())
    return Samples(X, y, without_padding(target, X, network))


def split(estimator, order, targets, random_state):
    """Splits samples into those to train on and those held out, with scikit-learn's draws."""
    stratify = None
    if is_classifier(estimator) and estimator.n_outputs_ == 1 and targets.ndim == 2:
        stratify = targets.astype(bool)
    return hold_out(order, estimator.validation_fraction, stratify, random_state)


def validation_of(estimator, samples: Samples, score_weight, own: Samples | None, held_out):
    """Makes the validation that runs after each pass; class weights do not affect it.

    Parameters
    ----------
    estimator : estimator
    samples : Samples
        The training data, held-out samples included.
    score_weight : ndarray of shape (n_samples,) or None
        The weights of `samples`, without class weights.
    own : Samples or None
        The user's validation set.
    held_out : ndarray of int64 or None
        The numbers of the held-out samples.

    Returns
    -------
    Validation or None
        None without a validation set.

    Raises
    ------
    ValueError
        If the weights of the set sum to zero or overflow, or it leaves the score undefined.
    TypeError
        If the samples have weights and the scorer does not take them.
    """
    by_loss = estimator.scoring == "loss"
    scorer = (
        None
        if estimator.scoring is None or by_loss
        else check_scoring(estimator, estimator.scoring)
    )
    if own is None and held_out is None:
        return None
    if own is not None:
        X, y, target = own
    else:
        if score_weight is not None:
            held_out = held_out[present(score_weight[held_out])]
        own_weights = of_each_row(score_weight, samples.target.values)
        scored = samples.target._replace(weights=own_weights)
        X, y, target = None, samples.y[held_out], scored.take(held_out)
    weights = target.weights
    total = 1.0 if weights is None else total_of(weights, weights.dtype)
    if total == 0 or not isfinite(total):
        advice = "give X_val and y_val with other weights, or increase validation_fraction"
        if not isfinite(total):
            advice = "give weights whose sum is finite"
        raise ValueError(f"The weights of the validation set sum to {total or 'zero'}: {advice}.")

    def default(session, outputs):
        return estimator._score_targets(target, outputs)

    score = None if by_loss else default
    # with a single held-out sample, scikit-learn warns and trains on
    if estimator.scoring is None and (own is not None or np.isnan(target.values).any()):
        estimator._check_default_score(target.rows().values)
    if scorer is not None:
        if target.values.ndim > 2 and hasattr(scorer, "_score_func"):
            raise ValueError(
                f"scoring={estimator.scoring!r} does not take targets with axes: choose None,"
                " 'loss' or a callable of your own, which gets them with their axes."
            )
        if weights is not None and not takes_weights(scorer):
            raise TypeError(
                f"scoring={estimator.scoring!r} does not take the sample_weight of the samples"
                " that it is to score. Choose another, or give no sample weights."
            )
        rows = X if own is not None else samples.X[held_out]
        are_unknown = np.isnan(target.values).any()
        y = by_axes(estimator, as_given(y) if are_unknown else known(y))
        if are_unknown and hasattr(scorer, "_score_func"):
            raise ValueError(
                f"scoring={estimator.scoring!r} does not support unknown targets: choose None,"
                " 'loss' or a callable of your own, which gets NaN or None for them."
            )
        scorer = with_classes(scorer, estimator)
        check_scorable(estimator, scorer, rows, y, target.values, weights)
        score = _scored_by(estimator, scorer, rows, y, weights)
    return Validation(
        held_out, X, target, score, own is not None or by_loss, decides=estimator.early_stopping
    )


def _scored_by(estimator, scorer, X, y, weights):
    """Makes the score function of a scikit-learn scorer, which predicts with a shallow copy."""
    options = {} if weights is None else {"sample_weight": weights}
    passes = count(1)

    def score(session, outputs):
        model = copy.copy(estimator)
        model.__dict__.pop("feature_names_in_", None)  # X is an array here, without names
        model._set_parameters(session.parameters())
        with said_of(f"scoring={estimator.scoring!r} failed in pass {next(passes)}"):
            found = scorer(model, X, y, **options)
        return number_of(estimator, found)

    return score
