"""Series of unequal lengths: as lists of arrays, and as arrays with NaN behind their ends."""

import numpy as np


def padded(samples, steps=0):
    """(n, T, F) of arrays (T_i, F), with NaN behind their ends; T is at least `steps`."""
    steps = max(steps, *map(len, samples))
    found = np.full((len(samples), steps, *samples[0].shape[1:]), np.nan, samples[0].dtype)
    for row, sample in zip(found, samples, strict=True):
        row[: len(sample)] = sample
    return found


def series_of_lengths(lengths, features=3, dtype=float, seed=0):
    """Random arrays (T_i, features)."""
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, features)).astype(dtype) for length in lengths]


def objects(samples):
    """A vector of objects that are arrays."""
    found = np.empty(len(samples), object)
    found[:] = samples
    return found
