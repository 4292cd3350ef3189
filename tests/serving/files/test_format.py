"""docs/files.md is enough: a reader of its words alone, in NumPy, answers as predictors do."""

from pathlib import Path

import numpy as np
import pytest
from cases.op_networks import every_op
from cases.saved_models import SMALL, X, estimators, fit_quietly, others
from fusednn.kernels import ACTIVATIONS
from oracles.page_reader import outputs
from scipy.special import expit, log_softmax
from sklearn.base import clone

from fusednn import Autoencoder, MLPRegressor, VariationalAutoencoder, freeze
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.residual import Residual
from fusednn.layers import Dense as DenseLayer
from fusednn.serving.files.op_fields import FIELDS, FILE_NAMES, POSITIONS
from fusednn.serving.files.reading import KEYS

PAGE = (Path(__file__).parents[3] / "docs/files.md").read_text()

INVERSES = {
    "identity": lambda y: y,
    "exp": np.exp,
    "expm1": lambda y: np.exp(y) - 1,
    "square": lambda y: y**2,
}


@pytest.mark.parametrize("name", [*estimators(), *others()])
def test_a_reader_of_the_page_answers_alike(name, tmp_path):
    estimator, rows, y = (estimators() | others())[name]
    predictor = freeze(fit_quietly(estimator, rows, y))
    rows = rows.astype(predictor.dtype).astype(float)
    expected = predictor(rows)
    tolerance = 3e-4 if predictor.dtype == np.float32 else 1e-9
    for made in (predictor, estimator):
        if hasattr(made, "save"):
            made.save(tmp_path / "model")
            found, plan = outputs(tmp_path / "model", rows)
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
            _check_meaning(plan["head"], found, predictor, rows, tolerance)


def _check_meaning(head, logits, predictor, rows, tolerance):
    """Probabilities and values from logits."""
    link, classes = head["link"], head["classes"]
    if head["kind"] == "values":
        values = np.exp(logits) if link == "exp" else logits
        inverse = head.get("inverse", "identity")
        if head.get("least") and inverse == "identity":
            std = np.exp(np.maximum(values[:, 1::2], head["least"]) / 2)
            found = predictor.predict(rows, return_std=True)[1]
            np.testing.assert_allclose(found, std.reshape(found.shape), tolerance, tolerance)
        values = INVERSES[inverse](values)
        if head["point"] is None:
            values = values.reshape(len(values), -1, head["per_target"])
        else:
            values = values[:, head["point"] :: head["per_target"]]
        found = predictor.predict(rows)
        if head["point"] is not None:
            assert (found.ndim == 2) == (values.shape[1] > 1 or head.get("column", False))
        np.testing.assert_allclose(found, values.reshape(found.shape), tolerance, tolerance)
        return
    counts = [len(part["values"]) for part in classes] if link == "softmax" else [logits.shape[1]]
    parts = np.split(logits, np.cumsum(counts)[:-1], axis=1)
    found = predictor.predict_proba(rows)
    for part, one in zip(parts, found if isinstance(found, list) else [found], strict=True):
        expected = np.exp(log_softmax(part, axis=1)) if link == "softmax" else expit(part)
        if head["kind"] == "binary":
            expected = np.hstack([1 - expected, expected])
        np.testing.assert_allclose(one, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_all_activations_are_as_the_page_says(activation, tmp_path):
    estimator, rows, y = estimators()["plain"]
    estimator = MLPRegressor(hidden_layer_sizes=(4,), activation=activation, max_iter=1)
    freeze(fit_quietly(estimator, rows, y)).save(tmp_path / "model")
    found, _ = outputs(tmp_path / "model", 5 * rows)
    np.testing.assert_allclose(found, freeze(estimator)(5 * rows), rtol=1e-9, atol=1e-9)
    assert f"`{activation}`" in PAGE


def test_the_page_names_all_that_is_written():
    assert all(f"| `{key}` |" in PAGE for keys in KEYS.values() for key in keys)
    ops = {type(op): op for op in every_op()}
    ops[Dense] = Dense(2, 3, weight_norm=True)
    assert ops.keys() == FIELDS.keys()
    for kind, fields in FIELDS.items():
        [line] = [
            line
            for line in PAGE.splitlines()
            if line.startswith("|") and f"`{FILE_NAMES[kind]}`" in line.split("|")[1]
        ]
        for field in set(fields) - {"after"}:
            assert f"`{field}`" in line, (kind, field)
        for key in POSITIONS if kind is Dense else ():
            assert f"`{key}`" in line
        if kind not in (Embedding, Residual, Chain):  # numbers, and those of what is inside
            for parameter in ops[kind].parameters():
                assert f"`{parameter.name}`" in line, (kind, parameter)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        *(("plain", 1), ("gaussian", 2), ("every layer", 3), ("windows", 4), ("recurrences", 6)),
        *(("attention", 7), ("tabular", 9), ("tangent", 10), ("scheduled", 10)),
    ],
)
def test_keys_of_the_plan_are_those_of_the_page(name, version, tmp_path):
    estimator, rows, y = estimators()[name]
    fit_quietly(estimator, rows, y).save(tmp_path / "model")
    _, plan = outputs(tmp_path / "model", rows)
    assert plan["version"] == version
    for part in (plan, plan["head"], plan["estimator"], plan["estimator"]["optimizer"]):
        assert all(f"`{key}`" in PAGE for key in part)


CODED = {
    "Latent": VariationalAutoencoder(
        [DenseLayer(4, "tanh")], [DenseLayer(6, "gelu"), DenseLayer(X.shape[1])], latent=3
    ),
    "Mirrored": Autoencoder([DenseLayer(4, "tanh"), DenseLayer(3)], tied=True, noise=0.1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", CODED)
def test_codes_are_as_the_page_says(op, dtype, tmp_path):
    """An estimator's file is read by the page; predictors fold what only training needs."""
    estimator = clone(CODED[op]).set_params(dtype=dtype, **SMALL)
    fit_quietly(estimator, X, None).save(tmp_path / "model")
    rows = X.astype(dtype).astype(float)
    found, plan = outputs(tmp_path / "model", rows)
    assert plan["version"] == 8
    assert op in [one["op"] for one in plan["ops"]]
    tolerance = 3e-4 if dtype == "float32" else 1e-9
    expected = estimator.inverse_transform(estimator.transform(X))
    frozen = freeze(estimator)
    assert {type(one) for one in frozen.model().ops} == {Dense}
    for answers in (expected, frozen(rows.astype(dtype))):
        np.testing.assert_allclose(found, answers, rtol=tolerance, atol=tolerance)
