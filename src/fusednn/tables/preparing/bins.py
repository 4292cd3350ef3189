"""Edges of bins for the piecewise-linear encoding of a column of numbers."""

from __future__ import annotations

import numpy as np

from .scaling import quantiles


def bin_edges(
    numbers: np.ndarray,
    bins: int,
    target: np.ndarray | None = None,
    *,
    classify: bool = False,
    least: int | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """
    Find the edges of bins: quantiles, or where a decision tree on the column alone splits.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows,)
        Finite numbers, and NaN where missing.
    bins : int
        The largest number of bins.
    target : ndarray of shape (n_rows,) or (n_rows, n_targets), default=None
        Classes or quantities, for the tree; None for quantiles.
    classify : bool, default=False
        Whether the targets are classes.
    least : int, default=None
        The least rows of a bin of the tree; None is one in 500, and at least 8.
    weights : ndarray of shape (n_rows,), default=None
        Weights of the rows, for the tree.

    Returns
    -------
    ndarray of float64
        Ascending and distinct, from the least number to the largest, one more than the bins;
        empty if the numbers have at most two values, which a single input tells apart.

    References
    ----------
    Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep
    learning", NeurIPS 2022, section 3.2.
    """
    known = ~np.isnan(numbers)
    found = np.asarray(numbers, np.float64)[known]
    none = np.empty(0)
    if bins < 2 or not found.size:
        return none
    distinct, places = np.unique(found, return_inverse=True)
    if len(distinct) <= 2:
        return none
    if target is None:
        edges = _quantiles(found, distinct, bins)
    else:
        weights = None if weights is None else np.asarray(weights)[known]
        target = np.asarray(target)[known]
        cuts = _cuts(places, distinct, target, weights, bins, classify, least)
        edges = np.unique(np.r_[distinct[0], cuts, distinct[-1]])
    return edges if len(edges) > 2 else none


def _quantiles(found: np.ndarray, distinct: np.ndarray, bins: int) -> np.ndarray:
    """
    Quantiles of the numbers.

    Quantiles that coincide leave edges over: they become quantiles of the numbers that are no
    edge yet. So a column that is 0 in nine rows of ten has bins for the tenth.
    """
    if len(distinct) <= bins + 1:
        return distinct
    edges = np.unique(quantiles(found, np.linspace(0, 1, bins + 1)))
    spare = bins + 1 - len(edges)
    if not spare:
        return edges
    others = found[~np.isin(found, edges)]  # at least one: there are more numbers than edges
    more = quantiles(others, np.linspace(0, 1, spare + 2)[1:-1])
    return np.unique(np.r_[edges, more])


def _cuts(
    places: np.ndarray,
    distinct: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray | None,
    bins: int,
    classify: bool,
    least: int | None,
) -> np.ndarray:
    """
    The thresholds of a decision tree of `bins` leaves, of scikit-learn.

    The tree sees the places of the numbers among the distinct ones, since it reads float32.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    tree = DecisionTreeClassifier if classify else DecisionTreeRegressor
    least = max(8, len(places) // 500) if least is None else least
    model = tree(max_leaf_nodes=bins, min_samples_leaf=least, random_state=0)
    grown = model.fit(places[:, np.newaxis], target, weights).tree_
    before = np.floor(grown.threshold[grown.feature >= 0]).astype(np.intp)
    return distinct[before] / 2 + distinct[before + 1] / 2
