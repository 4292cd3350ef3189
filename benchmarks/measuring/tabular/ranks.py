"""Mean ranks of methods over tables, with bootstrap intervals over the tables.

Ranks are taken within a table and a seed, 1 for the best, ties in the middle; their mean over the
seeds is the table's. The interval answers: had other tables of this kind been drawn, what would
the mean rank be? It knows nothing of the noise within a table.
"""

import numpy as np
from scipy.stats import rankdata

DRAWS = 10_000
QUANTILES = 0.05, 0.95


def errors_of(records, name, seed, methods, metric):
    """What is to be small, for each method; NaN where it has no record.

    Parameters
    ----------
    records : Records
    name : str
        The table.
    seed : int
    methods : sequence of str
    metric : {"first", "second"}

    Returns
    -------
    ndarray of shape (len(methods),)
    """
    found = [records.scored(name, seed, method) for method in methods]
    sign = [-1 if one and metric == "first" and one["task"] != "numbers" else 1 for one in found]
    values = [np.nan if one is None else one[metric] for one in found]
    return np.array(sign) * np.array(values, float)


def ranks_of(runs, methods, metric):
    """Ranks of methods on each table, among those that have scores there.

    A table and seed counts where every method has been run, but for methods that take small
    tables alone.

    Parameters
    ----------
    runs : Runs
    methods : sequence of str
    metric : {"first", "second"}

    Returns
    -------
    ndarray of shape (tables, methods)
        NaN where a method has no scores, or others have not been run.
    """
    errors = runs.errors(methods, metric)
    ranks = np.full(errors.shape, np.nan)
    for place in zip(*np.nonzero(runs.complete(methods)), strict=True):
        known = np.isfinite(errors[place])
        ranks[place][known] = rankdata(errors[place][known])
    return mean_known(ranks, axis=1)


def mean_known(values, axis):
    """The mean of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0).sum(axis=axis)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)


def interval(values):
    """The mean of what is not NaN, and its bootstrap interval from 5 to 95 %.

    Parameters
    ----------
    values : ndarray of shape (n,)
        One value for each table.

    Returns
    -------
    mean, low, high : float
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan, np.nan
    draws = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    return values.mean(), *np.quantile(values[draws].mean(axis=1), QUANTILES)
