"""The steps of padded series in data, and an order of samples that skips padding best."""

from __future__ import annotations

import numpy as np

from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.network import Network

from .binding.loss import Target
from .memory.sizes import TASK_SAMPLES


def has_padding(X, first: Layer) -> bool:
    """Whether some samples are series with padding: their last element is then NaN, or a token.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, elements)
    first : Layer
        The op that reads the samples.
    """
    if not isinstance(X, np.ndarray) or X.ndim != 2 or not X.shape[1]:
        return False
    if isinstance(first, TokenEmbedding):
        return first.padding is not None and bool((X[:, -1] == first.padding).any())
    return X.dtype.kind == "f" and bool(np.isnan(X[:, -1]).any())


def lengths_of(X: np.ndarray, first: Layer) -> np.ndarray:
    """The steps of each series: up to the last one that is not NaN.

    Parameters
    ----------
    X : ndarray of shape (n_samples, elements)
        Series that are NaN in all features of a step or in none, or tokens.
    first : Layer
        The op that gives samples their time axis.

    Returns
    -------
    ndarray of int64, of shape (n_samples,)
    """
    if isinstance(first, TokenEmbedding):
        if first.padding is None:
            return np.full(len(X), X.shape[1])
        steps, known = X.shape[1], np.not_equal(X, first.padding)
    else:
        assert isinstance(first, Reshape)
        features = first.fan_in // first.out_shape((first.fan_in,))[0]
        steps = X.shape[1] // features  # those of X, whatever the network's
        series = X[:, :steps] if first.channels_first else X[:, ::features]
        known = ~np.isnan(series)
    return np.where(known.any(axis=1), steps - known[:, ::-1].argmax(axis=1), 0)


def longest_first(lengths: np.ndarray) -> np.ndarray:
    """The order of series from the longest to the shortest, in which blocks have few steps."""
    return np.argsort(-lengths, kind="stable")


def lengths_behind(lengths: np.ndarray, network: Network) -> np.ndarray:
    """The steps of the outputs for series of so many, if these have a time axis.

    Raises
    ------
    ValueError
        If an op leaves no step of a series.
    """
    several, places = np.unique(lengths, return_inverse=True)
    found = [network.with_steps(int(steps)).out_shape[0] for steps in several]
    return np.array(found, np.int64)[places]


def without_padding(target: Target, X, network: Network) -> Target:
    """Targets of series, of which those behind a series' own steps are unknown.

    Parameters
    ----------
    target : Target
        One for each sample of X, or for each step.
    X : array or sparse matrix
    network : Network

    Raises
    ------
    ValueError
        As `lengths_behind` does.
    """
    first = network.ops[0]
    if target.values.ndim < 3 or not has_padding(X, first):
        return target
    own = lengths_behind(lengths_of(X, first), network)
    known = np.arange(target.values.shape[1]) < own[:, np.newaxis]
    values = np.where(known[..., np.newaxis], target.values, np.nan)
    shares = known.astype(float) if target.shares is None else known * target.shares
    return target._replace(values=values.astype(target.values.dtype), shares=shares)


def dealt(lengths: np.ndarray) -> np.ndarray:
    """An order of a batch's series, in which each task has long and short ones.

    They are sorted from the longest to the shortest, and dealt to as many hands of at most
    `TASK_SAMPLES` as there must be.

    Returns
    -------
    ndarray of int64
        Positions in the batch.
    """
    order = longest_first(lengths)
    hands = -(-len(order) // TASK_SAMPLES)
    return np.concatenate([order[hand::hands] for hand in range(hands)])
