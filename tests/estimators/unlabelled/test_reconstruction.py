"""What autoencoders reach without options, and where they stand in scikit-learn's pipelines."""

import numpy as np
import pandas as pd
import pytest
from oracles.parity import fit_quietly
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fusednn import Autoencoder, VariationalAutoencoder
from fusednn.layers import Dense

X, Y = load_digits(return_X_y=True)
X /= 16
TRAIN, TEST = X[:1400], X[1400:]
KINDS = pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_digits_come_back_better_than_from_pca(seed, tied):
    """With no option set, from as many numbers: at most two thirds of the error."""
    model = fit_quietly(Autoencoder(random_state=seed, tied=tied), TRAIN)
    numbers = model.transform(TEST).shape[1]
    assert 8 <= numbers <= 16
    pca = PCA(numbers).fit(TRAIN)
    linear = np.square(pca.inverse_transform(pca.transform(TEST)) - TEST).mean()
    assert -model.score(TEST) < linear * 2 / 3


@KINDS
def test_codes_for_a_classifier(kind):
    """A linear model of the codes knows most digits; names of columns follow the codes."""
    lists = [Dense(64, "silu")], [Dense(64, "silu"), Dense(64)]
    if kind is Autoencoder:
        lists[0].append(Dense(16))
    options = {"latent": 16, "beta": 0.1} if kind is VariationalAutoencoder else {}
    auto = kind(*lists, max_iter=20, random_state=0, **options).set_output(transform="pandas")
    frame = pd.DataFrame(TRAIN, columns=[f"pixel {n}" for n in range(64)])
    pipeline = make_pipeline(auto, LogisticRegression(max_iter=500))
    fit_quietly(pipeline, frame, Y[:1400])
    name = kind.__name__.lower()
    names = [f"{name}{n}" for n in range(16)]
    codes = pipeline[:-1].transform(frame)
    assert list(codes.columns) == list(auto.get_feature_names_out()) == names
    assert list(pipeline[-1].feature_names_in_) == names
    assert list(auto.feature_names_in_) == list(frame.columns)
    test = pd.DataFrame(TEST, columns=frame.columns)
    assert pipeline.score(test, Y[1400:]) > 0.8


def test_anomalies_in_a_table():
    """Rows whose columns do not belong together, though each value is usual."""
    random = np.random.RandomState(0)

    def rows(kinds, scale):
        sizes = np.select([kinds == "a", kinds == "b"], [1.0, 5.0], 9.0)
        parts = random.normal(size=(len(kinds), 1))
        numbers = (
            sizes[:, np.newaxis] + parts * [1, -1, 2] + 0.05 * random.normal(size=(len(kinds), 3))
        )
        frame = pd.DataFrame(numbers * scale, columns=["x", "y", "z"])
        return frame.assign(kind=kinds)

    scale = [1.0, 100.0, 0.01]
    usual = rows(random.choice(list("abc"), 900), scale)
    other = usual[600:].copy()
    other["kind"] = other["kind"].map({"a": "b", "b": "c", "c": "a"})
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["kind"]), remainder=StandardScaler()
    )
    auto = Autoencoder([Dense(32, "silu"), Dense(3)], [Dense(32, "silu"), Dense(6)], max_iter=60)
    auto.set_params(random_state=0, learning_rate_init=0.005)
    model = fit_quietly(make_pipeline(columns, auto), usual[:600])
    scores = model.score_samples(pd.concat([usual[600:], other]))
    assert roc_auc_score(np.repeat([1, 0], 300), scores) > 0.95


@KINDS
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_images_of_every_type(kind, dtype):
    """Samples with axes come back with them; bytes make a network of float32."""
    images = X[:60].reshape(-1, 8, 8, 1)
    images = (16 * images).astype(np.uint8) if dtype == "uint8" else images.astype(dtype)
    model = fit_quietly(kind(max_iter=2, random_state=0), images)
    back = model.inverse_transform(model.transform(images))
    assert back.shape == images.shape
    assert back.dtype == ("float32" if dtype == "uint8" else dtype)
    errors = -np.square(back.astype(float) - images).reshape(60, -1).mean(axis=1)
    np.testing.assert_allclose(model.score_samples(images), errors, rtol=1e-5)
