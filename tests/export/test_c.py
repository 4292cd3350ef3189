"""The C file: strict compilers take it in silence, sanitizers find nothing, answers agree."""

import numpy as np
import pytest
import reference
from c_programs import (
    COMPILERS,
    FAST,
    SANITIZED,
    assert_close,
    needs_compiler,
    run_models,
)
from networks import activation_models, head_models, layer_models

from fusednn.serving.model import MULTILABEL, VALUES
from fusednn.serving.predictor import Predictor

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
GROUPS = {"activations": activation_models, "layers": layer_models, "heads": head_models}

pytestmark = [
    needs_compiler,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def expected_of(model, X):
    """Outputs side by side, logits, and class numbers, of the predictor."""
    predictor, kind = Predictor(model), model.head.kind
    X = np.asarray(X, model.dtype)
    logits = predictor(X, validate=False)  # odd codes too
    if kind == VALUES:
        return predictor.predict(X, validate=False).reshape(len(X), -1), logits, None
    numbers = np.empty((len(X), len(model.head.classes)), np.int64)
    if kind == MULTILABEL:
        numbers = np.empty((len(X), model.ops[-1].fan_out), np.int64)
    predictor.predict(X, out=numbers, validate=False)
    outputs = predictor.predict_proba(X, validate=False)
    return np.hstack(outputs) if isinstance(outputs, list) else outputs, logits, numbers


def assert_answers(models, found, dtype):
    for name, (model, X) in models.items():
        outputs, logits, numbers = expected_of(model, X)
        for answers in found[name]:
            assert_close(answers.logits, logits, TOLERANCE[dtype], name)
            assert_close(answers.predict, outputs, TOLERANCE[dtype], name)
            if numbers is not None:
                np.testing.assert_array_equal(answers.labels, numbers, name)
            else:
                assert answers.labels is None
            assert (answers.std is not None) == name.startswith("deviations")
            if answers.std is not None:
                _, std = Predictor(model).predict(np.asarray(X, dtype), return_std=True)
                assert_close(answers.std, std, TOLERANCE[dtype], name)


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("group", GROUPS)
def test_answers_as_the_predictor(group, compiler, dtype, tmp_path):
    models = GROUPS[group](dtype)
    assert_answers(models, run_models(tmp_path, models, compiler, SANITIZED), dtype)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_optimised_code_answers_the_same(compiler, dtype, tmp_path):
    models = layer_models(dtype)
    assert_answers(models, run_models(tmp_path, models, compiler, FAST), dtype)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_activations_are_those_of_the_books(dtype, tmp_path):
    """Against float64 NumPy and SciPy, to a few units in the last place but for tiny results."""
    models = activation_models(dtype)
    models = {name: one for name, one in models.items() if "slope" not in name}
    found = run_models(tmp_path, models, COMPILERS[0], FAST)
    for name, (_, X) in models.items():
        z = X.astype(dtype).astype(float)
        expected = getattr(reference, f"{name.removesuffix(f'_{dtype}')}_forward")(z)
        error = np.abs(found[name][0].predict - expected)
        allowed = 20 * np.finfo(dtype).eps * np.abs(expected) + 20 * np.finfo(dtype).eps ** 2
        assert (error <= allowed).all(), (name, z[error > allowed], error[error > allowed])
