"""Prepares the training of a language model, and computes the loss and its gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.estimators.fitting.options import options_of
from fusednn.estimators.fitting.preparing import diagnosed
from fusednn.estimators.fitting.progress import progress_of
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.training import Rule, Target
from fusednn.training.drawn_windows import DrawnWindows, windows_of
from fusednn.training.fit_values import Training
from fusednn.training.fits import Train, optimizer_of, prepare_stochastic
from fusednn.training.held_out_windows import HeldOutWindows

MOST_WINDOWS = 32
"""The windows of a batch by default, if there are as many, and those of a diagnosis."""


class Parts(NamedTuple):
    """Codes to train on, and those to judge by, if any.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    held_out : ndarray of shape (m,) or None
    """

    codes: np.ndarray
    held_out: np.ndarray | None = None


def parts_of(estimator, codes: np.ndarray, own: np.ndarray | None) -> Parts:
    """Holds the tail of the codes out, unless there are `own` ones to judge by.

    Raises
    ------
    ValueError
        If a part is too short for a window and the code behind it.
    """
    context = estimator.context
    if own is not None or not estimator.early_stopping:
        check_length(codes, context, "X")
        if own is not None:
            check_length(own, context, "X_val")
        return Parts(codes, own)
    tail = int(len(codes) * estimator.validation_fraction)
    if tail <= context or len(codes) - tail <= context:
        raise ValueError(
            f"X has {len(codes)} tokens, of which {tail} are held out; context={context} needs"
            f" {context + 1} to train on and as many held out: give a longer text, a smaller"
            " context, or hold none out."
        )
    return Parts(codes[:-tail], codes[-tail:])


def check_length(codes: np.ndarray, context: int, name: str) -> None:
    """Refuses codes that are too few for a window and the code behind it."""
    if len(codes) <= context:
        raise ValueError(
            f"{name} has {len(codes)} tokens, but context={context} needs at least {context + 1}:"
            " give a longer text or a smaller context."
        )


def prepare(estimator, network, parts: Parts, incremental: bool) -> Train:
    """The function that trains on windows over codes.

    Parameters
    ----------
    estimator : LanguageModel
        With a network.
    network : Network
    parts : Parts
    incremental : bool
        Whether `partial_fit` was called: one pass, without held-out codes.
    """
    options, dtype = options_of(estimator), estimator._network_dtype()
    tokens = NextTokens(parts.codes, estimator.context, dtype)
    places = len(parts.codes) - estimator.context
    windows, batch = windows_of(places, estimator.context), options.batch_size
    if estimator.steps_per_epoch is not None:
        batch = MOST_WINDOWS if batch == "auto" else batch
        windows = estimator.steps_per_epoch * batch * options.accumulate
    elif batch == "auto":
        batch = min(MOST_WINDOWS, windows)
    goes_on = incremental or (estimator.warm_start and estimator.warm_start_optimizer)
    before = getattr(estimator, "_optimizer", None) if goes_on else None
    optimizer = optimizer_of(options, before, incremental)
    draws = DrawnWindows(
        estimator._seed, optimizer.passes, places, estimator.context, options.shuffle
    )
    validation = None
    if parts.held_out is not None:
        held_out = NextTokens(parts.held_out, estimator.context, dtype)
        validation = HeldOutWindows(held_out, network, estimator.early_stopping)
    progress = progress_of(estimator, validation, ("loss", False))
    order = np.zeros(windows, np.int64)
    training = Training(
        *(network, estimator._parameters(), tokens.windows, tokens, order, validation),
        incremental,
    )
    options = options._replace(batch_size=batch, shuffle=True)
    train = prepare_stochastic(options, training, optimizer, progress, draws)
    return diagnosed(estimator, train, _first_windows(training)) if estimator.diagnose else train


def _first_windows(training: Training) -> Training:
    """The training on the first windows, which follow one another."""
    tokens = training.target
    assert isinstance(tokens, NextTokens)
    count = min(MOST_WINDOWS, (len(tokens.codes) - 1) // tokens.steps)
    end, shape = count * tokens.steps, (count, tokens.steps)
    target = tokens.codes[1 : end + 1].reshape(*shape, 1).astype(tokens.dtype)
    return training._replace(
        X=tokens.codes[:end].reshape(shape),
        target=Target(target, None),
        order=np.arange(count),
        validation=None,
    )


def loss_and_gradient(estimator, codes: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """The mean loss of a token in windows that follow one another, and its gradients."""
    network, options = estimator._network(), options_of(estimator)
    context = estimator.n_features_in_
    tokens = NextTokens(codes, context, estimator._network_dtype())
    order = context * np.arange((len(codes) - 1) // context)
    training = Training(network, estimator._parameters(), tokens.windows, tokens, order)
    where = options.n_jobs, options.device
    session = training.session(Rule(None), len(order), options.penalty, *where)
    session.load(training.arrays)
    with session:
        loss = session.run_gradient(1.0)
    return loss, session.gradient()
