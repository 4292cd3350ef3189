"""The likelihood of sequences of tokens by a predictor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

MOST_BYTES = 1 << 24
"""About the most bytes of the logits of windows that are computed at once."""


class Window(NamedTuple):
    """A part of a sequence that is read at once.

    Parameters
    ----------
    sequence : int
    start, stop : int
        Its steps; each predicts the code behind it.
    counted : int
        The first step whose prediction counts; an earlier window has counted those before.
    """

    sequence: int
    start: int
    stop: int
    counted: int


def windows_over(lengths: Sequence[int], most: int | None) -> Iterator[Window]:
    """The windows over sequences of so many steps.

    A window has at most `most` steps. Those of a longer sequence overlap by half, so that each
    step but the first ones is predicted from at least half a window.
    """
    for number, length in enumerate(lengths):
        if most is None or length <= most:
            yield Window(number, 0, length, 0)
            continue
        counted = 0
        stride = max(1, most // 2)
        for start in range(0, length, stride):
            stop = min(start + most, length)
            yield Window(number, max(0, stop - most), stop, counted)
            counted = stop
            if stop == length:
                break


def log_likelihoods(
    predictor: Any, sequences: Sequence[np.ndarray], context: int, most: int | None
) -> np.ndarray:
    """The log-likelihood of each sequence, given its first code.

    Parameters
    ----------
    predictor : Predictor
        Of a language model.
    sequences : list of ndarray of shape (n_i,)
        Of at least two codes.
    context : int
        The steps of shorter windows, which are filled up behind their end.
    most : int or None
        The most steps of a window; None: a sequence is read at once.

    Returns
    -------
    ndarray of float64, of shape (n_sequences,)
    """
    found = np.zeros(len(sequences))
    windows = windows_over([len(one) - 1 for one in sequences], most)
    for group in _alike(windows, context, predictor):
        steps = max(context, *(one.stop - one.start for one in group))
        X = np.zeros((len(group), steps), np.int64)
        for row, one in zip(X, group, strict=True):
            row[: one.stop - one.start] = sequences[one.sequence][one.start : one.stop]
        logs = log_softmax(predictor(X).astype(float), axis=-1)
        for row, one in zip(logs, group, strict=True):
            targets = sequences[one.sequence][one.counted + 1 : one.stop + 1]
            places = np.arange(one.counted - one.start, one.stop - one.start)
            found[one.sequence] += row[places, targets.astype(np.int64)].sum()
    return found


def _alike(windows: Iterator[Window], context: int, predictor: Any) -> Iterator[list[Window]]:
    """Groups of windows of up to `context` steps, and longer ones by themselves."""
    bytes_of_window = context * len(predictor.classes_) * 8
    most = max(1, MOST_BYTES // bytes_of_window)
    group: list[Window] = []
    for window in windows:
        if window.stop - window.start > context:
            yield [window]
            continue
        group.append(window)
        if len(group) == most:
            yield group
            group = []
    if group:
        yield group
