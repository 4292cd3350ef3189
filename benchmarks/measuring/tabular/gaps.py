"""How far two methods' scores on one test part are apart, beside what its rows leave open.

Both are scored on the same draws of the test rows, with replacement. The interval answers: had
other rows of this kind been the test part, what would the difference be? It knows nothing of
other training rows.
"""

import numpy as np
from scipy.stats import rankdata

DRAWS = 1000
QUANTILES = 0.05, 0.95


def gaps(task, target, ours, theirs):
    """Differences of the errors, ours minus theirs, by the first and the second metric.

    Parameters
    ----------
    task : {"binary", "classes", "numbers"}
    target : ndarray of shape (n,)
    ours, theirs : ndarray of shape (n,) or (n, K)
        Numbers or probabilities.

    Returns
    -------
    list of (difference, low, high, share)
        `share` is that of the draws in which ours is ahead.
    """
    random = np.random.default_rng(0)
    n = len(target)
    errors = [_errors(task, target, one) for one in (ours, theirs)]
    drawn = np.empty((DRAWS, 2))
    for draw in range(DRAWS):
        counts = np.bincount(random.integers(0, n, n), minlength=n)
        drawn[draw] = np.subtract(*(one(counts) for one in errors))
    whole = np.subtract(*(one(np.ones(n)) for one in errors))
    lows, highs = np.quantile(drawn, QUANTILES, axis=0)
    return list(zip(whole, lows, highs, (drawn < 0).mean(axis=0), strict=True))


def _errors(task, target, predicted):
    """A function of how often each row counts, to the errors by both metrics."""
    if task == "numbers":
        squares = (predicted - target) ** 2
        return lambda counts: (np.sqrt(np.average(squares, weights=counts)),) * 2
    shares = predicted / predicted.sum(axis=1, keepdims=True)
    smallest = np.finfo(np.float64).eps
    losses = -np.log(np.clip(shares[np.arange(len(target)), target], smallest, 1))
    if task == "classes":
        wrong = shares.argmax(axis=1) != target
        return lambda counts: tuple(np.average(one, weights=counts) for one in (wrong, losses))
    area = _area(target == 1, shares[:, 1])
    return lambda counts: (1 - area(counts), np.average(losses, weights=counts))


def _area(positive, score):
    """A function of how often each row counts, to the area under the ROC curve."""
    places = rankdata(score, "dense") - 1

    def area(counts):
        ups, downs = (np.bincount(places, weights=counts * one) for one in (positive, ~positive))
        before = np.cumsum(downs) - downs / 2  # ties count half
        return (ups * before).sum() / (ups.sum() * downs.sum())

    return area
