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
    """What is to be small, for each method.

    A run that failed, or that its cap ended before it had scores, is worse than all others.

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
        NaN where a method has no record, infinity where its run has no scores.
    """
    return np.array([error_of(records.find(name, seed, one), metric) for one in methods])


def error_of(record, metric):
    """What is to be small of a record; NaN without one, infinity without scores."""
    if record is None:
        return np.nan
    if "first" not in record:
        return np.inf
    return record[metric] if metric == "second" or record["task"] == "numbers" else -record[metric]


def ranks_of(runs, methods, metric):
    """Ranks of methods on each table, among those that have been run there.

    A table and seed counts where every method has been run, but for methods that take small
    tables alone. Runs without scores share the last ranks.

    Parameters
    ----------
    runs : Runs
    methods : sequence of str
    metric : {"first", "second"}

    Returns
    -------
    ndarray of shape (tables, methods)
        NaN where a method, or one that takes any table, has not been run.
    """
    errors = runs.errors(methods, metric)
    ranks = np.full(errors.shape, np.nan)
    for place in zip(*np.nonzero(runs.complete(methods)), strict=True):
        known = ~np.isnan(errors[place])
        ranks[place][known] = rankdata(errors[place][known])
    return mean_known(ranks, axis=1)


def mean_known(values, axis):
    """The mean of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
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
