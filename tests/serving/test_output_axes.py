"""Predictors of networks that end with axes: answers, files, `out`, and compiled libraries."""

import pickle

import numpy as np
import pytest
from cases.output_axes import FITS, X, fitted, outputs_of
from numpy.testing import assert_allclose, assert_array_equal
from running.c_programs import COMPILERS, assert_answers, needs_compiler, run_models

from fusednn import CompiledPredictor, NetworkRegressor, export_library, freeze, load
from fusednn.layers import Conv2D

EVERY = pytest.mark.parametrize("name", FITS)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 1e-5, "float64": 1e-11}


def check(predictor, model, dtype):
    """All its answers are the estimator's, of all samples and of one."""
    bound = {"rtol": 0, "atol": TOLERANCE[dtype] * max(1, abs(model.predict_logits(X)).max())}
    for method, expected in (
        (predictor, model.predict_logits(X)),
        (outputs_of(predictor), outputs_of(model)(X)),
    ):
        found = method(X)
        assert found.dtype == expected.dtype
        assert_allclose(found, expected, **bound)
        assert_array_equal(method(X[4]), found[4:5])
        assert_array_equal(method(X[:7].reshape(7, -1)), found[:7])
    found, expected = predictor.predict(X), model.predict(X)
    assert found.shape == expected.shape
    if hasattr(model, "classes_"):
        assert found.dtype == expected.dtype
        sure = np.sort(model.predict_proba(X), axis=-1)
        sure = sure[..., -1] - sure[..., 0] > 1e-3
        assert_array_equal(found[sure], expected[sure])


@pytest.mark.thinned
@EVERY
@DTYPES
def test_answers_and_files(name, dtype, tmp_path):
    model = fitted(name, dtype)
    predictor = freeze(model)
    model.save(tmp_path / "estimator")
    predictor.save(tmp_path / "predictor")
    again = [load(tmp_path / "estimator"), load(tmp_path / "predictor")]
    for one in (predictor, *again, pickle.loads(pickle.dumps(predictor))):
        check(one, model, dtype)
        assert_array_equal(one(X), predictor(X))


def test_deviations():
    model = fitted("normal")
    for found, expected in zip(
        freeze(model).predict(X, return_std=True), model.predict(X, return_std=True), strict=True
    ):
        assert found.shape == (30, 5, 3, 2)
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@EVERY
def test_an_array_for_the_answers(name):
    model = fitted(name)
    predictor = freeze(model)
    for method in (predictor, outputs_of(predictor), predictor.predict):
        if method == predictor.predict and hasattr(model, "classes_"):
            out = np.full((30, *model.output_shape_, 1), -1)
            assert_array_equal(method(X, out=out), predictor.predict(X))
            assert_array_equal(predictor.classes_[out[..., 0]], predictor.predict(X))
            continue
        columns = model.predict_logits(X).shape[-1]
        columns = 2 if method != predictor and hasattr(model, "classes_") else columns
        columns = max(columns, 3) if name == "classes" else columns
        out = np.full((30, *model.output_shape_, columns), np.nan, np.float32)
        method(X, out=out)
        again = np.full_like(out, np.nan)
        method(X, out=again)
        assert np.isfinite(out).all()
        assert_array_equal(again, out)
        for wrong in (out.reshape(30, -1), out[..., np.newaxis], out[:, :1].copy()):
            with pytest.raises(ValueError, match="out must be of shape"):
                method(X, out=wrong)
        with pytest.raises(ValueError, match="C-contiguous"):
            method(X[:15], out=out[::2])
        with pytest.raises(ValueError, match="must be of shape"):
            method(X[:15], out=out)


@pytest.mark.parametrize("samples", [1, 5, 300])
def test_threads_share_samples_and_images(samples):
    """Few large images are cut among threads, more are shared; the bits are those of one."""
    images = np.random.RandomState(1).normal(size=(samples, 40, 30, 3)).astype(np.float32)
    model = NetworkRegressor([Conv2D(32, 3, "relu"), Conv2D(8, 3)], random_state=0)
    model.initialize(images[:1].repeat(2, axis=0), np.zeros((2, 40, 30)))
    one = freeze(model, n_jobs=1)(images)
    assert one.shape == (samples, 40, 30, 1)
    assert_array_equal(freeze(model, n_jobs=2)(images), one)
    assert_allclose(model.predict(images), one[..., 0], rtol=0, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_c(dtype, tmp_path):
    """All heads in one program."""
    models = {
        f"axes_{number}": (freeze(fitted(name, dtype)).model(), X.reshape(30, -1))
        for number, name in enumerate(FITS)
    }
    assert_answers(models, run_models(tmp_path, models, COMPILERS[0], ["-O0"]), dtype)
    text = (tmp_path / "axes_0.c").read_text()
    assert "#define AXES_0_N_OUTPUTS 15" in text
    assert "Each row of x ends as 5 rows of results" in text


@needs_compiler
@pytest.mark.parametrize("name", ["two classes", "quantiles", "normal"])
def test_libraries(name, tmp_path):
    model = fitted(name)
    export_library(model, tmp_path / "model.so")
    predictor = CompiledPredictor(tmp_path / "model.so")
    check(predictor, model, "float32")
    check(pickle.loads(pickle.dumps(predictor)), model, "float32")
    out = np.empty(predictor(X).shape, np.float32)
    assert predictor(X, out=out) is out
    assert_array_equal(out, predictor(X))
    if name == "normal":
        found, expected = (one.predict(X, return_std=True)[1] for one in (predictor, model))
        assert_allclose(found, expected, rtol=1e-5)
