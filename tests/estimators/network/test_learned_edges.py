"""Edges that piecewise-linear layers learn: quantiles, and splits of trees."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fusednn import Autoencoder, NetworkClassifier, NetworkRegressor
from fusednn.layers import Dense, Embedding, Flatten, PiecewiseLinear
from fusednn.tables.preparing.bins import bin_edges

X = np.random.RandomState(0).normal(size=(30, 5))
Y = X[:, 0]


def edges_of(model, number=0):
    return model.layers_[number].edges


def test_edges_are_quantiles_of_the_training_samples():
    """They are those of samples with weight; a spike leaves bins to the other numbers."""
    values = np.random.RandomState(1).normal(size=(200, 4))
    values[:, 1] = np.minimum(values[:, 1], 0.1)
    values[:, 2] = 7.0
    values[:, 3] = np.arange(200) % 2
    weight = np.arange(200) < 150
    model = NetworkRegressor([PiecewiseLinear(8)], max_iter=1, dtype="float64")
    with pytest.warns(ConvergenceWarning):
        model.fit(values, values[:, 0], sample_weight=weight)
    first, second, third, fourth = edges_of(model)
    shares = np.linspace(0, 1, 9)
    np.testing.assert_allclose(first, np.quantile(values[:150, 0], shares), rtol=1e-12)
    plain = np.unique(np.quantile(values[:150, 1], shares))
    assert len(plain) < len(second) == 9
    assert set(plain) <= set(second)
    assert third == (7.0, 14.0)
    assert fourth == (0.0, 1.0)
    assert_array_equal(model._arrays[0], np.concatenate([first, second, third, fourth]))


def test_edges_of_the_layer_are_those_of_tables():
    values = np.random.RandomState(1).normal(size=(300, 3)) ** 3
    values[:, 1] = np.where(np.arange(300) % 10, 0, values[:, 1])  # a spike
    values[:, 2] = np.round(values[:, 2])
    model = NetworkRegressor([PiecewiseLinear(16)], dtype="float64").initialize(
        values, values[:, 0]
    )
    for found, column in zip(edges_of(model), values.T, strict=True):
        assert_array_equal(found, bin_edges(column, 16))
        assert len(found) > 6


def cuts(tree, values, target, weights=None, bins=6):
    """Where scikit-learn's tree on a column splits."""
    least = max(8, len(values) // 500)
    tree = tree(max_leaf_nodes=bins, min_samples_leaf=least, random_state=0)
    grown = tree.fit(values[:, np.newaxis], target, weights).tree_
    return np.sort(grown.threshold[grown.feature >= 0])


RNG = np.random.RandomState(3)
COLUMNS = RNG.normal(size=(400, 3)).astype(np.float32)
STEPS = np.digitize(COLUMNS[:, 0], [-1.2, 0.1, 0.7])
TARGETS = {
    "three classes": np.array(list("abca"))[STEPS],
    "two classes": np.array(["no", "yes"])[(STEPS == 1).astype(int)],
    "labels": np.column_stack([STEPS > 1, STEPS == 1]).astype(int),
    "numbers": STEPS + RNG.normal(size=400) / 9,
    "several numbers": np.column_stack([STEPS, COLUMNS[:, 0] ** 2]),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("weighted", [False, True])
def test_tree_edges_are_where_a_tree_on_the_column_splits(kind, weighted):
    target, is_numbers = TARGETS[kind], "numbers" in kind
    estimator, tree = NetworkClassifier, DecisionTreeClassifier
    if is_numbers:
        estimator, tree = NetworkRegressor, DecisionTreeRegressor
    weights = np.where(np.arange(400) % 7, RNG.uniform(0.5, 2, size=400), 0) if weighted else None
    kept = slice(None) if weights is None else weights > 0
    layers = [PiecewiseLinear(6, edges="tree"), Dense(4, "tanh")]
    model = estimator(layers, max_iter=1, dtype="float64", random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(COLUMNS, target, sample_weight=weights)
    own = None if weights is None else weights[kept]
    for found, values in zip(edges_of(model), COLUMNS[kept].T, strict=True):
        expected = cuts(tree, values, target[kept], own)
        np.testing.assert_allclose(
            found, [values.min(), *expected, values.max()], rtol=1e-6, atol=1e-7
        )
    assert len(edges_of(model)[0]) > 3
    assert model.layers_[0].bins == 6


def test_tree_edges_do_not_see_a_validation_set_that_the_fit_splits_off():
    """Neither its targets nor its numbers; of a set that users give alone the fit sees all."""
    options = {"random_state": 5, "max_iter": 1, "dtype": "float64", "validation_fraction": 0.25}
    layers = [PiecewiseLinear(8, edges="tree")]
    target = TARGETS["numbers"]
    split = NetworkRegressor(layers, early_stopping=True, **options)
    with pytest.warns(ConvergenceWarning):
        split.fit(COLUMNS, target)
    kept, held_out = train_test_split(
        np.arange(400), test_size=0.25, random_state=np.random.RandomState(5)
    )
    given = NetworkRegressor(layers, early_stopping=True, **options)
    with pytest.warns(ConvergenceWarning):
        given.fit(COLUMNS[kept], target[kept], X_val=COLUMNS[held_out], y_val=target[held_out])
    assert edges_of(split) == edges_of(given)
    assert split.best_validation_score_ != split.score(COLUMNS, target)
    other = NetworkRegressor(layers, **options).initialize(COLUMNS, target)
    assert edges_of(other) != edges_of(given)


def test_tree_edges_are_of_samples_whose_targets_are_known():
    target = TARGETS["several numbers"].copy()
    target[::3, 1] = np.nan
    layers = [PiecewiseLinear(6, edges="tree")]
    options = {"missing_targets": "ignore", "dtype": "float64"}
    model = NetworkRegressor(layers, **options).initialize(COLUMNS, target)
    known = ~np.isnan(target[:, 1])
    expected = cuts(DecisionTreeRegressor, COLUMNS[known, 0], target[known])
    np.testing.assert_allclose(edges_of(model)[0][1:-1], expected, rtol=1e-6)
    target[np.arange(400), np.arange(400) % 2] = np.nan
    with pytest.raises(ValueError, match="edges='tree' learns from y, but no sample has all"):
        NetworkRegressor(layers, **options).initialize(COLUMNS, target)


def test_columns_that_a_tree_does_not_split_have_one_bin():
    values = np.column_stack([np.arange(12.0), np.full(12, 3.0), np.arange(12) % 2])
    layers = [PiecewiseLinear(edges="tree")]
    model = NetworkRegressor(layers, dtype="float64").initialize(values, values[:, 0])
    assert edges_of(model) == ((0.0, 11.0), (3.0, 6.0), (0.0, 1.0))


def test_tree_edges_stay_while_training_goes_on():
    layers = [PiecewiseLinear(4, edges="tree"), Dense(4, "tanh")]
    model = NetworkClassifier(layers, random_state=0)
    target = TARGETS["three classes"]
    model.partial_fit(COLUMNS, target, classes=list("abc"))
    before = edges_of(model)
    model.partial_fit(COLUMNS, target[::-1])
    assert edges_of(model) == before


def test_networks_without_targets_take_given_edges_alone():
    with pytest.raises(ValueError, match=r"encoder\[0\] is Piece.*without targets does not learn"):
        Autoencoder([PiecewiseLinear(4), Dense(3)]).fit(X)
    layers = [PiecewiseLinear(edges=[[-1, 0, 1]] * 5), Dense(2)]
    model = Autoencoder(layers, [Dense(5)], max_iter=1)
    with pytest.warns(ConvergenceWarning):
        assert model.fit(X).transform(X).shape == (30, 2)


def test_edges_behind_codes_are_of_the_other_columns():
    values = np.hstack([X, np.arange(30)[:, np.newaxis] % 4])
    layers = [Embedding([5, 1], categories=[4, 9], size=2), PiecewiseLinear(2, columns=[3, 1])]
    values[:, 1] = np.arange(30) % 9
    model = NetworkRegressor(layers, dtype="float64").initialize(values, Y)
    for found, column in zip(edges_of(model, 1), (4, 2), strict=True):
        np.testing.assert_allclose(found, np.quantile(values[:, column], [0, 0.5, 1]))


def test_edges_stay_while_training_goes_on():
    layers = [PiecewiseLinear(4, 3), Dense(4, "tanh")]
    model = NetworkRegressor(layers, random_state=0).partial_fit(X, Y)
    before, weights = edges_of(model), model.get_weights()
    model.partial_fit(10 * X, Y)
    assert edges_of(model) == before
    assert (model.get_weights()[0][2] != weights[0][2]).any()  # the tables have learned
    model.set_params(warm_start=True, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        model.fit(10 * X, Y)
    assert edges_of(model) == before
    model.set_params(warm_start=False)
    with pytest.warns(ConvergenceWarning):
        model.fit(10 * X, Y)
    assert edges_of(model) != before


def test_scaling_of_data_comes_before_given_edges_alone():
    with pytest.raises(ValueError, match=r"layers\[0\] is Piece.*without standardize"):
        NetworkRegressor([PiecewiseLinear()], standardize=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"layers\[0\] is Piece.*learns its edges from X"):
        NetworkRegressor([PiecewiseLinear(), Flatten()]).fit(X.reshape(30, 5, 1), Y)
    layers = [PiecewiseLinear(edges=[[-1, 0, 1]] * 5)]
    model = NetworkRegressor(layers, standardize=True, random_state=0).initialize(100 * X, Y)
    expected = NetworkRegressor(layers, random_state=0).initialize(X, Y)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(
        model.hidden_activations(100 * X), expected.hidden_activations(scaled), atol=1e-9
    )
