"""Prepares the training of an estimator, and computes the loss and its gradient on given data."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.base import is_classifier

from fusednn.estimators.input.missing_targets import known_rows
from fusednn.estimators.input.row_weights import of_each_row
from fusednn.estimators.input.sample_weights import bounded, check_total, in_type
from fusednn.estimators.network.first_layer import check_input
from fusednn.plan.binding.loss import loss_row
from fusednn.plan.lengths import without_padding
from fusednn.plan.training import Rule, Target
from fusednn.training.fit_values import Training
from fusednn.training.fits import Train, optimizer_of, prepare_lbfgs, prepare_stochastic

from .options import check_lbfgs, is_stochastic, options_of
from .progress import progress_of
from .validation_scale import warn_of_other_scale
from .validation_sets import Samples, own_set_of, split, validation_of
from .windows import windowed

DIAGNOSED = (
    "gradient_norms_",
    "activation_stats_",
    "diagnosed_layers_",
    "diagnosed_weights_",
    "_troubles",
)
"""The attributes that a fit with `diagnose=True` sets."""


def prepare(estimator, X, y, sample_weight, incremental: bool, validation) -> Train:
    """Checks parameters and data, initializes the network, and returns the function that trains.

    Parameters
    ----------
    estimator : estimator
        Gets the attributes that the data determine, such as `n_features_in_`.
    X, y, sample_weight
        The arguments of `fit`.
    incremental : bool
        Whether `partial_fit` was called: one pass, without a validation split.
    validation : tuple
        X_val, y_val and sample_weight_val; all None without a validation set.
    """
    X_val, y_val, _ = validation
    splits = estimator.early_stopping and not incremental and X_val is None and y_val is None
    X, y, targets, sample_weight, shares, random_state, network, parts = estimator._set_up(
        X, y, incremental, sample_weight, splits
    )
    target = _target(estimator, y, targets, sample_weight, shares, incremental)
    target = without_padding(target, X, network)
    own_set = own_set_of(estimator, validation, target.values.dtype)
    if own_set is not None and not estimator._prepared_alike:
        warn_of_other_scale(network, X, own_set.X)
    options = options_of(estimator)
    if is_stochastic(options.solver):
        options = windowed(estimator, options, network, X)
        order, validation = _judged(
            estimator, Samples(X, y, target), sample_weight, own_set, incremental, random_state,
            parts,
        )  # fmt: skip
        training = Training(
            network, estimator._parameters(), X, target, order, validation, incremental
        )
        goes_on = incremental or (estimator.warm_start and estimator.warm_start_optimizer)
        before = getattr(estimator, "_optimizer", None) if goes_on else None
        kind = estimator.scoring, own_set is not None
        progress = progress_of(estimator, validation, kind)
        estimator._score_kind = kind
        optimizer = optimizer_of(options, before, incremental)
        train = prepare_stochastic(options, training, optimizer, progress, random_state)
    else:
        check_lbfgs(options, network, own_set)
        check_total(target.weights)
        order = np.arange(X.shape[0], dtype=np.int64)
        training = Training(network, estimator._parameters(), X, target, order)
        train = prepare_lbfgs(options, training)
    return diagnosed(estimator, train, training) if estimator.diagnose else train


def diagnosed(estimator, train: Train, training: Training) -> Train:
    """The function that trains and diagnoses each pass, by the first samples of `training`."""
    from fusednn.estimators.diagnosis.watcher import Diagnosis  # not needed by other fits

    seen = {name: getattr(estimator, name) for name in DIAGNOSED if hasattr(estimator, name)}
    diagnosis = Diagnosis(training, estimator._named_ops(), seen, estimator.n_jobs)
    return partial(diagnosis.run, train)


def _target(estimator, y, targets, sample_weight, shares, incremental: bool) -> Target:
    """Makes the loss's targets and sample weights, in the network's type."""
    dtype = estimator._network_dtype()
    weights = estimator._with_class_weight(y, sample_weight, incremental)
    weights = in_type(of_each_row(weights, targets), dtype)
    targets = targets if is_classifier(estimator) else bounded(targets, weights)
    return Target(np.ascontiguousarray(targets, dtype), weights, shares)


def _judged(estimator, samples: Samples, score_weight, own_set, incremental, random_state, parts):
    """Returns the numbers of the samples to train on, and the validation or None.

    `parts` are these numbers and those held out, if they are known.
    """
    order, held_out = np.arange(samples.X.shape[0], dtype=np.int64), None
    if estimator.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    if estimator.early_stopping and own_set is None:
        order, held_out = parts or split(estimator, order, samples.target.values, random_state)
    check_total(samples.target.weights, order)
    return order, validation_of(estimator, samples, score_weight, own_set, held_out)


def loss_and_gradient(estimator, X, y, sample_weight, inputs):
    """Computes the loss of all samples as one batch, and its gradients.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X, y, sample_weight
        As `fit` takes them, without new classes.
    inputs : bool
        Whether to return the gradient by X too.

    Returns
    -------
    loss : float
        Weighted mean over the samples, with the L1 and L2 terms.
    gradients : list of ndarray
        One for each parameter, in the order and shape of `estimator._parameters()`.
    dx : ndarray of shape (n_samples, n_features)
        Only with `inputs`.
    """
    if not isinstance(inputs, bool | np.bool_):
        raise TypeError(f"inputs must be a bool, got {inputs!r}.")
    estimator._check_fitted()
    dtype = estimator._network_dtype()
    X, y = estimator._validated(X, y, reset=False, dtypes=(dtype,), **estimator._target_options)
    y = estimator._checked_targets(y)
    sample_weight = estimator._checked_weights(sample_weight, X, y)
    estimator._check_sizes(X.shape[1])
    built = estimator._built()
    check_input(X, built)
    network = estimator._network_for(X, built)
    encoded = estimator._encode(y, dtype)
    X, y, targets, sample_weight, shares = known_rows(estimator, X, y, encoded, sample_weight)
    target = _target(estimator, y, targets, sample_weight, shares, incremental=False)
    target = without_padding(target, X, network)
    check_total(target.weights)
    order, options = np.arange(X.shape[0]), options_of(estimator)
    training = Training(network, estimator._parameters(), X, target, order)
    rule = Rule(None, l1=float(options.l1), inputs=bool(inputs))
    where = options.n_jobs, options.device
    session = training.session(rule, len(order), options.penalty, *where)
    session.load(training.arrays)
    with session:
        loss = session.run_gradient(network.outputs if loss_row(network).per_output else 1)
    gradients, dx = session.gradient(), session.plan.dx
    if dx is None:
        return loss, gradients
    dx = _in_place(dx, session.orders[0])
    if len(dx) < len(encoded):  # the loss leaves out samples without a known target
        dx = _among(dx, ~np.isnan(encoded).reshape(len(encoded), -1).all(axis=1))
    return loss, gradients, dx


def _in_place(dx: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The rows of dx, which are of samples in an order, in the order of the samples."""
    found = np.empty_like(dx)
    found[order] = dx
    return found


def _among(dx: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Puts the rows of dx where the mask `rows` is true, and zeros elsewhere."""
    found = np.zeros((len(rows), dx.shape[1]), dx.dtype)
    found[rows] = dx
    return found
