"""Dropout and noise of padded series: more padding changes no bit of a fit."""

import numpy as np
import pytest
from cases.padded_series import padded, series_of_lengths
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    GRU,
    LSTM,
    Dense,
    Dropout,
    GaussianNoise,
    GlobalAvgPool,
    MultiHeadAttention,
)

LENGTHS = (7, 2, 1, 5, 4, 3, 6, 7, 3, 7, 1, 2)
SERIES = series_of_lengths(LENGTHS)
LISTS = {
    "dropout": [Dropout(0.2), GRU(5, return_sequences=True), Dropout(0.3), LSTM(4)],
    "channels": [Dense(6), Dropout(0.4, per="channel"), GRU(5)],
    "noise": [GaussianNoise(0.3), LSTM(5)],
    "attention": [Dense(8), MultiHeadAttention(2, dropout=0.4), GlobalAvgPool()],
    "causal attention": [Dense(8), MultiHeadAttention(2, causal=True, dropout=0.4), GRU(3)],
}
OPTIONS = {"max_iter": 3, "batch_size": 5, "random_state": 0}


def weights_of(model):
    return np.concatenate([array.ravel() for array in model._parameters()])


@pytest.mark.parametrize("steps", [8, 19])
@pytest.mark.parametrize("layers", LISTS.values(), ids=LISTS)
def test_more_padding_changes_no_bit(layers, steps):
    found = [
        weights_of(fit_quietly(NetworkClassifier(layers, **OPTIONS), X, np.arange(12) % 3))
        for X in (SERIES, padded(SERIES, steps))
    ]
    np.testing.assert_array_equal(*found)


def test_more_padding_of_targets_of_each_step_changes_no_bit():
    layers = [GRU(5, return_sequences=True), Dropout(0.3)]
    y = np.arange(12 * 19).reshape(12, 19) / 100
    found = [
        weights_of(fit_quietly(NetworkRegressor(layers, **OPTIONS), X, y[:, :steps]))
        for X, steps in ((SERIES, 7), (padded(SERIES, 19), 19))
    ]
    np.testing.assert_array_equal(*found)
