"""Layers for columns of tables: what they take, and the first values that follow from them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from fusednn import NetworkRegressor, warmup
from fusednn.layers import (
    Dense,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    Residual,
    Scale,
)

X = np.random.RandomState(0).normal(size=(30, 5))
Y = X[:, 0]

REFUSED = [
    ([ParametricActivation("identity")], r"layers\[0\] is .*the identity has no share"),
    ([Dense(3), ParametricActivation("softmax")], r"layers\[1\] is .*softmax does not fit"),
    ([Dense(3), Periodic(columns=[1, 3])], r"layers\[1\] is Periodic.*3 columns.*at least 4"),
    ([Dense(3), PiecewiseLinear()], r"layers\[1\] is PiecewiseLinear.*learns its edges from X"),
    ([Residual([PiecewiseLinear(1)])], r"layers\[0\]\.layers\[0\] is Pi.*learns its edges from X"),
    ([PiecewiseLinear(edges=[[0, 1]])], r"layers\[0\] is .*received 5 columns and has edges of 1"),
    ([PiecewiseLinear(columns=[5])], r"layers\[0\] is .*received 5 columns.*at least 6"),
    ([ParametricActivation("rleu")], r"layers\[0\] is .*there is no activation 'rleu'"),
]


@pytest.mark.parametrize(("layers", "words"), REFUSED)
def test_lists_that_do_not_fit(layers, words):
    model = NetworkRegressor(layers)
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y)
    assert not hasattr(model, "n_features_in_")


VALUES = [
    (PiecewiseLinear, {"bins": 0}, "bins of PiecewiseLinear must be an integer from 1"),
    (PiecewiseLinear, {"size": 0}, "size of PiecewiseLinear must be an integer from 1"),
    (PiecewiseLinear, {"edges": "forest"}, "edges of .* must be 'quantile', 'tree' or a seq"),
    (PiecewiseLinear, {"edges": [[0, 0]]}, r"edges\[0\] of .* ascending finite numbers"),
    (PiecewiseLinear, {"edges": [[0, 1], [2]]}, r"edges\[1\] of .* two or more"),
    (PiecewiseLinear, {"edges": [[0, np.inf]]}, r"edges\[0\] of .* finite"),
    (PiecewiseLinear, {"edges": [[0, 1]], "columns": [0, 1]}, "as many as columns, 2, got 1"),
    (Periodic, {"kind": "cos"}, "kind of Periodic must be 'pbld' or 'plr', got 'cos'"),
    (Periodic, {"size": 1}, "size of Periodic must be an integer from 2"),
    (Periodic, {"size": 0, "kind": "plr"}, "size of Periodic must be an integer from 1"),
    (Periodic, {"frequencies": 0}, "frequencies of Periodic"),
    (Periodic, {"sigma": -1}, "sigma of Periodic must be a finite number from 0"),
    (Periodic, {"columns": []}, "columns of Periodic must not be empty"),
    (Periodic, {"columns": [1, 1]}, "columns of Periodic must be different"),
    (Periodic, {"columns": [-1]}, "columns of Periodic must be integers from 0"),
    (Periodic, {"columns": [True, False]}, "columns of Periodic must be integers from 0"),
    (PiecewiseLinear, {"edges": [0.0, 1.0]}, r"edges\[0\] of .* two or more"),
    (Scale, {"rate_factor": -1}, "rate_factor of Scale must be a finite number from 0"),
    (Scale, {"decay_factor": np.inf}, "decay_factor of Scale"),
    (ParametricActivation, {"name": 3}, "name of ParametricActivation must be a name"),
    (ParametricActivation, {"name": "relu", "slope": 0.1}, "slope is for 'leaky_relu'"),
    (ParametricActivation, {"name": "relu", "share": np.nan}, "share of ParametricActivation"),
]


@pytest.mark.parametrize(("kind", "values", "words"), VALUES)
def test_values_of_descriptions(kind, values, words):
    with pytest.raises(ValueError, match=words):
        kind(**values)


@pytest.mark.parametrize("edges", [[0, 1, 1 + 1e-9], [0, 1e-50, 1], [0, 1e39]])
def test_edges_that_are_no_bins_in_the_type_of_the_network(edges):
    """A number between them would be divided by 0."""
    X, layers = np.array([[0.0], [1.0]]), [PiecewiseLinear(edges=[edges])]
    model = NetworkRegressor(layers)
    with pytest.raises(ValueError, match=r"edges\[0\] .* not ascending finite .* in float32"):
        model.initialize(X.astype(np.float32), [1.0, 2.0])
    assert not hasattr(model, "n_features_in_")
    assert NetworkRegressor(layers).initialize(X, [1.0, 2.0]).layers_[0].edges == (tuple(edges),)


def test_arrays_are_kept_as_tuples():
    assert Periodic(columns=np.flatnonzero([1, 0, 1])) == Periodic(columns=[0, 2])
    assert PiecewiseLinear(edges=np.eye(2)[:1, ::-1]).edges == ((0.0, 1.0),)


@pytest.mark.parametrize("name", ["selu", "mish", "tanh"])
def test_weights_before_an_activation_in_shares_are_drawn_as_for_the_activation(name):
    given = [Dense(8), ParametricActivation(name)], [Dense(8, name)]
    first, other = (
        NetworkRegressor(layers, random_state=0).initialize(X, Y).get_weights() for layers in given
    )
    assert_array_equal(first[0][0], other[0][0])


@pytest.mark.parametrize("kind", ["pbld", "plr"])
def test_first_values_of_periodic_embeddings(kind):
    """Frequencies are normal, of PLR within three deviations; the others are uniform."""
    model = NetworkRegressor([Periodic(2000, 3, 0.5, kind=kind)], random_state=0).initialize(X, Y)
    w, *phases, v, c = model.get_weights()[0]
    assert w.std() == pytest.approx(0.5, rel=0.05)
    assert (abs(w).max() > 1.5) == (kind == "pbld")
    most = (2000 if kind == "pbld" else 4000) ** -0.5
    for values, bound in [(v, most), (c, most), *((one, np.pi) for one in phases)]:
        assert abs(values).max() <= bound
    assert v.std() == pytest.approx(most / 3**0.5, rel=0.05)
    assert len(phases) == (kind == "pbld")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_numbers_count_as_no_angle(dtype):
    """So the answers stay finite and the same, in predictors of few rows and of many."""
    model = NetworkRegressor([Periodic(4, 3)], dtype=dtype, random_state=0).initialize(X, Y)
    values = np.full((50, 5), 1e30)
    found = model.hidden_activations(values)
    _, _, v, c = model.get_weights()[0]
    sums = (v.sum(axis=-1) + c).T
    expected = np.concatenate([np.full((5, 1), 1e30), sums], axis=1).ravel()
    np.testing.assert_allclose(found, np.tile(expected, (50, 1)), rtol=1e-5)


@pytest.mark.parametrize("layer", [Scale(), ParametricActivation("relu")])
@pytest.mark.parametrize(("solver", "alpha"), [("adamw", 0.0), ("sgd", 0.5), ("lbfgs", 0.5)])
def test_its_parameters_decay_as_far_as_asked(layer, solver, alpha):
    """With a factor of 0 not at all: the first column's is then free of the penalty."""
    found = []
    for factor in (0.0, 1.0):
        spec = type(layer)(**{**vars(layer), "decay_factor": factor})
        model = NetworkRegressor(
            [spec], solver=solver, alpha=alpha, max_iter=3, random_state=0, tol=0.0
        )
        with pytest.warns(ConvergenceWarning):
            found.append(model.fit(np.zeros((30, 5)), Y).get_weights()[0][0])
    assert_array_equal(found[0], np.ones(5))  # zeros have no gradient
    assert (abs(found[1]) < 1).all()


@pytest.mark.parametrize(
    "layers",
    [
        [Periodic(2, columns=[40])],
        [Scale(), PiecewiseLinear(size=2, columns=[30], edges=[[0.0, 1.0]])],
        [PiecewiseLinear(edges=[[0.0, 1.0]] * 3)],
        [PiecewiseLinear(columns=[9])],
    ],
)
def test_warmup_makes_data_of_as_many_columns_as_are_named(layers):
    warmup(NetworkRegressor([*layers, Dense(3)]))
