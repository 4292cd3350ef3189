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


def windows_over(lengths: Sequence[int], most: int) -> Iterator[Window]:
    """The windows over sequences of so many steps.

    A window has at most `most` steps. Those of a longer sequence overlap by half, so that each
    step but the first ones is predicted from at least half a window.
    """
    for number, length in enumerate(lengths):
        counted, stride = 0, max(1, most // 2)
        for start in range(0, max(length, 1), stride):
            stop = min(start + most, length)
            yield Window(number, max(0, stop - most), stop, counted)
            counted = stop
            if stop == length:
                break


def log_likelihoods(
    predictor: Any, sequences: Sequence[np.ndarray], context: int, in_windows: bool
) -> np.ndarray:
    """The log-likelihood of each sequence, given its first code.

    Parameters
    ----------
    predictor : Predictor
        A language model's.
    sequences : list of ndarray of shape (n_i,)
        At least one code.
    context : int
        The steps of windows; shorter ones are filled up behind their end.
    in_windows : bool
        Whether longer sequences are read in windows. Else they are read step by step, which
        keeps few logits in memory.

    Returns
    -------
    ndarray of float64, of shape (n_sequences,)
    """
    found = np.zeros(len(sequences))
    block = max(1, MOST_BYTES // (context * len(predictor.classes_) * 8))
    lengths = [len(one) - 1 for one in sequences]
    if not in_windows:
        for number, length in enumerate(lengths):
            if length > context:
                found[number] = _of_stream(predictor, sequences[number], block * context)
                lengths[number] = 0
    windows = list(windows_over(lengths, context))
    for at in range(0, len(windows), block):
        group = windows[at : at + block]
        X = np.zeros((len(group), context), np.int64)
        for row, one in zip(X, group, strict=True):
            row[: one.stop - one.start] = sequences[one.sequence][one.start : one.stop]
        for logits, one in zip(predictor(X), group, strict=True):
            targets = sequences[one.sequence][one.counted + 1 : one.stop + 1]
            own = logits[one.counted - one.start : one.stop - one.start]
            found[one.sequence] += _sum_of(own, targets)
    return found


def _of_stream(predictor: Any, sequence: np.ndarray, block: int) -> float:
    """The log-likelihood of a sequence that is read in blocks of steps."""
    stream, total = predictor.stream(), 0.0
    for start in range(0, len(sequence) - 1, block):
        targets = sequence[start + 1 : start + 1 + block]
        total += _sum_of(stream.steps(sequence[start : start + len(targets)]), targets)
    return total


def _sum_of(logits: np.ndarray, targets: np.ndarray) -> float:
    """The sum of the log-likelihoods of targets (n,) by logits (n, V)."""
    logs = log_softmax(logits.astype(float), axis=-1)
    return logs[np.arange(len(logs)), targets.astype(np.int64)].sum()
