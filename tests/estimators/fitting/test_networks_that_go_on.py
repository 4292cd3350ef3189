"""Networks given as layers from fit to fit: what stays, what is learned anew, what is refused."""

import numpy as np
import pytest
from scipy import sparse

from fusednn import MLPClassifier, NetworkClassifier
from fusednn.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    PReLU,
    Residual,
)
from fusednn.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

random = np.random.RandomState(0)
X = random.normal(size=(60, 4))
X[:, 1] = random.randint(3, size=60)
y = random.randint(3, size=60)


def test_a_new_fit_counts_categories_anew():
    more = X.copy()
    more[0, 1] = 9
    model = NetworkClassifier([Embedding((1,)), Dense(4)], max_iter=1)
    for data, count in ((X, 3), (more, 10), (X, 3)):
        assert model.fit(data, y).layers_[0].categories == (count,)
        assert model.get_weights()[0][0].shape[0] == count
    few = X[:, 1] < 2
    assert model.partial_fit(X[few], y[few]).layers_[0].categories == (3,)
    model.set_params(warm_start=True).fit(X[few], y[few], X_val=X, y_val=y)
    assert model.layers_[0].categories == (3,)
    with pytest.raises(ValueError, match="from 0 to 2; found 9"):
        model.fit(more, y)


def test_weights_that_are_set_are_trained_on_from():
    """Not what was trained behind the averages of before."""
    options = {"ema_decay": 0.9, "solver": SGD(), "learning_rate_init": 1e-12, "random_state": 0}
    network = NetworkClassifier([Dense(4)], **options).partial_fit(X, y, classes=[0, 1, 2])
    network.set_weights([[part * 0 + 1 for part in parts] for parts in network.get_weights()])
    plain = MLPClassifier((4,), **options).partial_fit(X, y, classes=[0, 1, 2])
    for part in (*plain.coefs_, *plain.intercepts_):
        part[:] = 1
    for _ in range(20):
        network.partial_fit(X, y)
        plain.partial_fit(X, y)
    ours = [part for layer in network.get_weights() for part in layer]
    for part in (*ours, *plain.coefs_, *plain.intercepts_):
        np.testing.assert_allclose(part, 1, atol=1e-9)


def test_hidden_activations_of_each_layer():
    """Each layer's own output, though a dense layer computes the activation that follows it."""
    model = NetworkClassifier(
        [Dense(5), Activation("tanh"), BatchNorm(), Dropout(0.2), Residual([PReLU()])],
        max_iter=2, standardize=True,
    ).fit(X, y)  # fmt: skip
    (w, b), _, (scale, shift, mean, variance), _, [[slopes]], _ = model.get_weights()
    dense = (X - X.mean(axis=0)) / X.std(axis=0) @ w + b
    normed = (np.tanh(dense) - mean) / np.sqrt(variance + 1e-5) * scale + shift
    added = normed + np.where(normed > 0, normed, slopes * normed)
    for number, expected in enumerate((dense, np.tanh(dense), normed, normed, added)):
        np.testing.assert_allclose(model.hidden_activations(X, number), expected, atol=1e-12)
        assert model.hidden_activations(X, number - 5).shape == expected.shape


def test_other_activations_take_over_where_the_weights_fit():
    model = NetworkClassifier([Dense(5, "relu")], max_iter=1, warm_start=True).fit(X, y)
    model.set_params(layers=[Dense(5, "tanh")]).fit(X, y)
    assert model.layers_ == (Dense(5, "tanh"),)


@pytest.mark.parametrize(
    "first", [Embedding((1,)), Embedding((1,), (3,)), BatchNorm(), Residual([Dense(4)])], ids=str
)
def test_sparse_data_need_a_dense_layer_first(first):
    model, rows = NetworkClassifier([first, Dense(4)], max_iter=1), sparse.csr_matrix(X)
    with pytest.raises(ValueError, match=r"begins with .*: it needs dense X"):
        model.fit(rows, y)
    model.fit(X, y)
    for use in (model.partial_fit, model.loss_and_gradient, lambda X, y: model.predict(X)):
        with pytest.raises(ValueError, match="it needs dense X"):
            use(rows, y)


def test_batches_of_one_sample_have_no_variance():
    for options in ({"batch_size": 1}, {"batch_size": 1, "accumulate": 4}):
        with pytest.raises(ValueError, match="needs batches of at least 2 samples"):
            NetworkClassifier([BatchNorm()], **options).fit(X, y)
    with pytest.raises(ValueError, match="cannot be trained on 1 sample"):
        NetworkClassifier([BatchNorm()]).partial_fit(X[:1], y[:1], classes=[0, 1, 2])
