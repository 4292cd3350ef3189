"""Estimators to files and back: parameters, predictions, training that goes on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors
from cases.saved_models import LABELS, NUMBERS, SMALL, WORDS, X, estimators, fit_quietly
from running.saved_estimators import again, assert_same_network, assert_same_value
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    VariationalAutoencoder,
    freeze,
    layers,
    load,
    optimizers,
    schedules,
)
from fusednn.serving.files.reading import VERSION

WRITTEN = Path(__file__).parents[2] / "serving" / "files" / "written"
NAMES = list(estimators())


def assert_same_state(one, other):
    """All that vars hold, but for what is made anew, in types and bits."""
    assert set(vars(one)) == set(vars(other))
    for name in set(vars(one)) - {"_labels", "_optimizer", "_built_layers"}:
        assert_same_value(getattr(one, name), getattr(other, name), name)
    if hasattr(one, "_optimizer"):
        for name, value in vars(one._optimizer).items():
            assert_same_value(value, getattr(other._optimizer, name), name)
    if hasattr(one, "_built_layers"):
        assert one._built_layers == other._built_layers


@pytest.mark.parametrize("name", NAMES)
def test_state_and_answers_are_the_same(name):
    estimator, rows, y = estimators()[name]
    fit_quietly(estimator, rows, y)
    loaded = again(estimator)
    assert_same_state(estimator, loaded)
    assert repr(loaded) == repr(estimator)
    for method in ("predict", "predict_proba", "predict_log_proba", "predict_logits"):
        if hasattr(estimator, method):
            found, expected = getattr(loaded, method)(rows), getattr(estimator, method)(rows)
            for a, b in zip(found, expected, strict=True):
                assert_same_value(a, b, method)
    assert loaded.score(rows, y) == estimator.score(rows, y)


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_as_the_unsaved_one_would(name):
    estimator, rows, y = estimators()[name]
    if estimator.solver != "lbfgs" and not estimator.early_stopping:
        weight = estimator.get_params().get("class_weight")
        estimator.set_params(max_iter=2)
        fit_quietly(estimator, rows, y)
        loaded = again(estimator)
        for _ in range(2):
            assert weight != "balanced"
            estimator.partial_fit(rows, y)
            loaded.partial_fit(rows, y)
        assert_same_network(estimator, loaded)
    fit_quietly(estimator, rows, y)
    loaded = again(estimator)
    for each in (estimator, loaded):
        fit_quietly(each.set_params(warm_start=True, warm_start_optimizer=True), rows, y)
    assert_same_network(estimator, loaded)
    assert_same_state(estimator, loaded)
    for each in (estimator, loaded):  # from the beginning
        fit_quietly(each.set_params(warm_start=False), rows, y)
    assert_same_network(estimator, loaded)


# version 10 is of models of raw tables alone
@pytest.mark.parametrize("version", sorted({*range(1, VERSION + 1)} - {10}))
def test_estimators_of_all_versions_go_on(version):
    """The file and the answers of `tests/serving/files/make_files.py`, up to rounding."""
    expected = json.loads((WRITTEN / f"answers_{version}.json").read_text())
    kind, y = [
        (MLPClassifier, LABELS),
        (MLPRegressor, NUMBERS),
        (NetworkClassifier, WORDS[LABELS]),
        (NetworkClassifier, WORDS[LABELS]),
        (NetworkRegressor, NUMBERS),
        (NetworkRegressor, NUMBERS),
        (NetworkRegressor, NUMBERS),
        (VariationalAutoencoder, None),
        (NetworkClassifier, LABELS),
        (NetworkClassifier, LABELS),
    ][version - 1]
    data = X if version in (1, 2, 3, 4, 8, 9, 10) else X[:, :4].reshape(-1, 2, 2)
    estimator = kind.load(WRITTEN / f"estimator_{version}.safetensors")
    for part in ("estimator", "estimator later"):
        rows = np.array(expected[part]["rows"])
        found = freeze(estimator)(rows)
        np.testing.assert_allclose(found, expected[part]["logits"], rtol=1e-7, atol=1e-7)
        estimator.set_params(warm_start=True, warm_start_optimizer=True)
        fit_quietly(estimator, data, y)


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        (layers.Dropout(0.5), 1),
        (layers.Dropout(0.5, per="channel"), 4),
        (layers.Residual([layers.Dense(4)]), 1),
        (layers.Residual([layers.Dense(4)], shortcut=[]), 4),
        (layers.Residual([layers.Dense(4)], shortcut=[layers.Dropout()]), 4),
        (layers.Dense(4, parametrization="standard"), 1),
        (layers.Dense(4, parametrization="ntk"), 10),
        (layers.Dropout(0.5, schedule=schedules.Cosine()), 10),
        (layers.Dropout(0.5, schedule=schedules.FlatCosine()), 10),
        (layers.AlphaDropout(schedule=schedules.Cosine()), 10),
        (layers.GaussianNoise(schedule=schedules.Cosine()), 10),
        (layers.Dense(4, bias_rate_factor=1.0), 1),
        (layers.Dense(4, bias_rate_factor=0.5), 10),
        (layers.Output(), 10),
    ],
    ids=repr,
)
def test_a_file_has_the_first_version_that_holds_the_parameters(spec, version, tmp_path):
    """Files of plain dropout and residual blocks are as they were before these had other forms."""
    estimator = NetworkRegressor([layers.Dense(4), spec], **SMALL)
    plan = plan_of(fit_quietly(estimator, X, NUMBERS), tmp_path)
    assert plan["version"] == version
    later = {"per", "shortcut", "schedule", "bias_rate_factor", "parametrization"}
    found = later & set(plan["estimator"]["params"]["layers"][1]["fields"])
    assert bool(found or isinstance(spec, layers.Output)) == (version > 1)
    assert NetworkRegressor.load(tmp_path / "model").layers[1] == spec


def plan_of(estimator, folder):
    """The plan in the estimator's file."""
    estimator.save(folder / "model")
    with safetensors.safe_open(folder / "model", "np") as file:
        return json.loads(file.metadata()["fusednn"])


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ({"best_epoch": "first"}, 1),
        ({"best_epoch": "last"}, 10),
        ({"n_iter_no_change": np.inf}, 1),
        ({"n_iter_no_change": "cycle", "learning_rate": schedules.Cyclic(0.1, 1)}, 10),
        ({"solver": optimizers.AdamW()}, 1),
        ({"solver": optimizers.AdamW(decay_schedule=schedules.Cosine())}, 10),
        ({"solver": optimizers.Lion(decay_schedule=schedules.Cosine())}, 10),
        ({"learning_rate": schedules.Cosine()}, 1),
        ({"learning_rate": schedules.CosLog()}, 10),
        ({"learning_rate": schedules.WarmUp(2, then=schedules.FlatCosine())}, 10),
    ],
    ids=repr,
)
def test_and_that_holds_the_options(options, version, tmp_path):
    estimator = NetworkRegressor([layers.Dense(4)], **SMALL, **options)
    assert plan_of(fit_quietly(estimator, X, NUMBERS), tmp_path)["version"] == version
    assert NetworkRegressor.load(tmp_path / "model").get_params() == estimator.get_params()


def test_a_gaussian_of_version_1_goes_on(tmp_path):
    """Its file does not tell a predictor of the least variance; the estimator knows its loss."""
    path, (estimator, rows, y) = tmp_path / "model", estimators()["gaussian"]
    fit_quietly(estimator, rows, y).save(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    plan = json.loads(header["__metadata__"]["fusednn"])
    assert plan.pop("version") == 2
    assert plan.pop("columns") is None
    for key in ("inverse", "least", "column"):
        del plan["head"][key]
    header["__metadata__"]["fusednn"] = json.dumps({"version": 1, **plan})
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    loaded = MLPRegressor.load(path)
    found = loaded.predict(rows, return_std=True)
    for one, other in zip(found, estimator.predict(rows, return_std=True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    predictor = load(path)
    np.testing.assert_array_equal(predictor.predict(rows), freeze(estimator).predict(rows))
    with pytest.raises(ValueError, match=r"return_std=True needs .*save the estimator again\."):
        predictor.predict(rows, return_std=True)
    loaded.save(path)
    assert len(load(path).predict(rows, return_std=True)) == 2


def test_a_random_state_goes_on():
    estimator = MLPClassifier((4,), max_iter=2, random_state=np.random.RandomState(3))
    estimator.random_state.normal(size=3)  # half of a pair is kept
    fit_quietly(estimator, X, LABELS)
    loaded = again(estimator)
    assert loaded.random_state.normal() == estimator.random_state.normal()
    for each in (estimator, loaded):
        fit_quietly(each, X, LABELS)
    assert_same_network(estimator, loaded)


def test_a_stream_of_labels_goes_on():
    estimator = MLPClassifier((4,), random_state=0)
    estimator.partial_fit(X[:2], WORDS[LABELS[:2]], classes=WORDS.tolist())
    loaded = again(estimator)
    for each in (estimator, loaded):
        each.partial_fit(X, WORDS[LABELS])
    assert_same_network(estimator, loaded)
    for each in (estimator, loaded):
        with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
            each.partial_fit(X[:1], ["new"])


def test_sparse_labels_are_decoded_as_before():
    y = sparse.csr_matrix(np.array([[0, 1, 1], [1, 0, 1]])[LABELS % 2])
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), X, y)
    loaded = again(estimator)
    one, other = estimator.predict(X), loaded.predict(X)
    assert sparse.issparse(one)
    assert type(one) is type(other)
    assert (one != other).nnz == 0
    for each in (estimator, loaded):
        each.partial_fit(X, y)
    assert_same_network(estimator, loaded)


def test_sparse_data_and_names_of_columns():
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), sparse.csr_matrix(X), LABELS)
    loaded = again(estimator)
    np.testing.assert_array_equal(loaded.predict(sparse.csr_matrix(X)), estimator.predict(X))
    frame = pd.DataFrame(X, columns=list("abcde"))
    named = fit_quietly(MLPClassifier((4,), **SMALL), frame, LABELS)
    assert_same_state(named, again(named))


def test_weights_of_the_user(tmp_path):
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), X, LABELS)
    estimator.coefs_[0] = np.round(estimator.coefs_[0]).astype(int)
    loaded = again(estimator)
    assert loaded.predict_logits(X).tobytes() == estimator.predict_logits(X).tobytes()
    estimator.coefs_[0] = np.full((5, 4), np.nan)
    with pytest.raises(ValueError, match=r"'ops\.0\.weights' holds NaN or infinity"):
        estimator.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_initialized_network():
    estimator = NetworkClassifier([layers.Dense(3)], random_state=0).initialize(X, LABELS)
    loaded = again(estimator)
    for each in (estimator, loaded):
        each.partial_fit(X, LABELS)
    assert_same_network(estimator, loaded)


def test_a_class_of_the_user(tmp_path):
    class Wider(MLPClassifier):
        pass

    estimator = fit_quietly(Wider((4,), max_iter=2, random_state=0), X, LABELS)
    estimator.save(tmp_path / "model")
    assert type(Wider.load(tmp_path / "model")) is Wider
    assert type(MLPClassifier.load(tmp_path / "model")) is MLPClassifier


def test_a_clone_of_a_loaded_one_is_one_of_the_parameters():
    estimator, rows, y = estimators()["every layer"]
    loaded = again(fit_quietly(estimator, rows, y))
    assert repr(clone(loaded)) == repr(clone(estimator))
    assert_same_network(fit_quietly(clone(loaded), rows, y), estimator)


def test_unfitted_is_refused(tmp_path):
    for kind in (MLPClassifier, NetworkRegressor):
        with pytest.raises(NotFittedError):
            kind().save(tmp_path / "model")


def test_parameters_set_after_the_fit(tmp_path):
    """Those that make another network of a list are refused, others are kept."""
    estimator = NetworkClassifier([layers.Dense(3, "relu")], **SMALL)
    fit_quietly(estimator, X, LABELS)
    estimator.set_params(layers=[layers.Dense(9)], alpha=0.5)  # of a fit to come
    loaded = again(estimator)
    assert loaded.layers == [layers.Dense(9)]
    assert loaded.predict_logits(X).tobytes() == estimator.predict_logits(X).tobytes()
    estimator.set_params(alpha=-1)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        estimator.save(tmp_path / "model")
