"""Edges of bins, against NumPy's quantiles and scikit-learn's trees."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fusednn.tables.preparing.bins import bin_edges


def test_quantiles_where_none_coincide():
    numbers = np.random.default_rng(0).normal(size=501)
    wanted = np.quantile(numbers, np.linspace(0, 1, 17))
    np.testing.assert_array_equal(bin_edges(numbers, 16), wanted)
    gaps = np.r_[numbers, np.full(9, np.nan)]
    np.testing.assert_array_equal(bin_edges(gaps, 16), wanted)


def test_few_distinct_numbers_are_all_edges():
    numbers = np.repeat([3.0, 1, 7], [50, 1, 2])
    np.testing.assert_array_equal(bin_edges(numbers, 16), [1, 3, 7])
    np.testing.assert_array_equal(bin_edges(numbers, 2), [1, 3, 7])


def test_bins_of_few_distinct_numbers_are_about_even():
    edges = bin_edges(np.repeat(np.arange(20.0), 50), 16)
    assert 16 <= len(edges) <= 17
    assert np.diff(edges).max() <= 2


def test_a_spike_leaves_bins_for_the_other_numbers():
    rng = np.random.default_rng(0)
    others = rng.exponential(1000, 100)
    edges = bin_edges(np.r_[np.zeros(1900), others], 16)
    assert edges[0] == 0
    assert edges[-1] == others.max()
    assert 15 <= len(edges) <= 17
    counts, _ = np.histogram(others, edges[1:])
    assert counts.max() <= 15  # seven of a hundred would be even


@pytest.mark.parametrize("target_kind", ["classes", "quantity", "quantities"])
def test_tree_bins_are_where_scikit_learns_tree_splits(target_kind):
    rng = np.random.default_rng(1)
    numbers = np.round(rng.normal(size=800), 2).astype(np.float32).astype(np.float64)
    steps = np.digitize(numbers, [-1, 0.2, 0.3])
    target = {
        "classes": np.array(list("abca"))[steps],
        "quantity": steps + rng.normal(size=800) / 9,
        "quantities": np.column_stack([steps, numbers**2]),
    }[target_kind]
    classify = target_kind == "classes"
    tree = DecisionTreeClassifier if classify else DecisionTreeRegressor
    grown = tree(max_leaf_nodes=8, min_samples_leaf=20, random_state=0)
    grown = grown.fit(numbers[:, np.newaxis], target).tree_
    cuts = np.sort(grown.threshold[grown.feature >= 0])
    edges = bin_edges(numbers, 8, target, classify=classify, least=20)
    np.testing.assert_allclose(edges, [numbers.min(), *cuts, numbers.max()], rtol=1e-6)
    gaps = np.r_[numbers, np.nan]
    more = np.concatenate([target, target[:1]])
    np.testing.assert_array_equal(bin_edges(gaps, 8, more, classify=classify, least=20), edges)


def test_tree_bins_of_numbers_that_float32_makes_equal():
    numbers = 1e12 + np.arange(100.0)
    target = (np.arange(100) >= 50).astype(float)
    edges = bin_edges(numbers, 8, target)
    np.testing.assert_array_equal(edges, [1e12, 1e12 + 49.5, 1e12 + 99])
    assert len(bin_edges(1e300 * np.arange(100.0), 8, target)) == 3


@pytest.mark.parametrize(
    "numbers",
    [[], [np.nan, np.nan], [1.0] * 30, [0.0, 1] * 30, [np.nan, 0.0, 1]],
)
def test_degenerate_columns_have_no_bins(numbers):
    numbers = np.array(numbers, float)
    assert bin_edges(numbers, 16).size == 0
    assert bin_edges(numbers, 16, np.zeros(len(numbers))).size == 0


def test_a_target_that_the_column_does_not_explain_has_no_bins():
    assert bin_edges(np.arange(100.0), 16, np.ones(100)).size == 0


@pytest.mark.parametrize("seed", range(8))
def test_edges_are_distinct_finite_and_span_the_numbers(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.choice([rng.standard_cauchy(300) * 10.0 ** rng.integers(-300, 300),
                          np.repeat(rng.normal(size=30), rng.integers(1, 40, 30))[:300]][seed % 2],
                         300)  # fmt: skip
    for target in (None, rng.normal(size=300)):
        edges = bin_edges(numbers, 16, target)
        assert np.isfinite(edges).all()
        assert (np.diff(edges) > 0).all()
        assert 3 <= len(edges) <= 17
        assert (edges[0], edges[-1]) == (numbers.min(), numbers.max())
