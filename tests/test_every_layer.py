"""Every layer of `every_layer.EVERY_LAYER` has all that a layer needs."""

import inspect
import warnings

import every_op
import interpreter
import numpy as np
import pytest
from every_layer import CODES, EVERY_LAYER, KNOWN, LABELS, VALUES, data_for, kinds
from numpy.testing import assert_allclose, assert_array_equal

from fusednn import NetworkClassifier, NetworkRegressor, export_c, freeze, load
from fusednn.plan.binding.bindings import BINDINGS

EVERY = pytest.mark.parametrize("specs", EVERY_LAYER.values(), ids=EVERY_LAYER)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
OPTIONS = {"max_iter": 3, "random_state": 0, "batch_size": 16}


def fitted(specs, model=NetworkClassifier, **options):
    y = LABELS if model is NetworkClassifier else VALUES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model(specs, **{**OPTIONS, **options}).fit(data_for(specs), y)


def test_all_layers_are_on_the_list():
    assert set.union(*map(kinds, EVERY_LAYER.values())) == KNOWN


def test_all_calls_are_bound_and_interpreted():
    """No row of the table is for nothing."""
    called = set()
    for network in every_op.CASES.values():
        for kind in ({}, {"wants_dx": True}, {"trains": True, "noisy": True, "wants_dx": True}):
            called |= {call.op for call in network.graph(**kind).calls}
        if not every_op.reads_codes(network):
            called |= {call.op for call in network.graph(trains=True, mixed=True).calls}
    called |= {call.op for call in every_op.RESCALED.graph().calls}
    assert called == BINDINGS.keys()
    methods = dict(inspect.getmembers(interpreter.Run, inspect.isfunction))
    assert called <= methods.keys()


@EVERY
@DTYPES
def test_threads_change_no_bit(specs, dtype):
    one, two = (fitted(specs, dtype=dtype, n_jobs=jobs) for jobs in (1, 2))
    X = data_for(specs)
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert one.loss_curve_ == two.loss_curve_


@EVERY
@DTYPES
def test_files_and_predictors(specs, dtype, tmp_path):
    model, X = fitted(specs, dtype=dtype), data_for(specs)
    answers, tolerance = model.predict_proba(X), {"float32": 1e-5, "float64": 1e-10}[dtype]
    model.save(tmp_path / "model")
    assert_array_equal(type(model).load(tmp_path / "model").predict_proba(X), answers)
    predictor = freeze(model)
    predictor.save(tmp_path / "frozen")
    for found in (predictor, load(tmp_path / "model"), load(tmp_path / "frozen")):
        assert_allclose(found.predict_proba(X), answers, atol=tolerance)
        by_row = np.concatenate([found.predict_proba(row[np.newaxis]) for row in X[:9]])
        assert_array_equal(by_row, found.predict_proba(X)[:9])


@EVERY
@DTYPES
def test_gradients_by_the_inputs_are_differences(specs, dtype):
    """It is that of the predicted class's logit, which the smallest moves do not change."""
    model, X, step = fitted(specs, dtype=dtype), data_for(specs), 1e-6
    found, best = model.input_gradient(X), model.predict(X)
    assert found.dtype == dtype
    model._arrays = [array.astype(float) for array in model._arrays]
    for column in range(X.shape[1]):
        moved = step * (np.arange(X.shape[1]) == column)
        if X is CODES and column in specs[0].columns:
            assert not found[:, column].any()
            continue
        ends = [model.predict_logits(X + sign * moved) for sign in (1, -1)]
        expected = ((ends[0] - ends[1]) / (2 * step))[np.arange(len(X)), best]
        tolerance = {"float32": 1e-4, "float64": 1e-6}[dtype]
        assert_allclose(found[:, column], expected, rtol=tolerance, atol=tolerance)


@EVERY
def test_weights_are_taken_as_they_are_shown(specs):
    model, X = fitted(specs, NetworkRegressor), data_for(specs)
    other = fitted(specs, NetworkRegressor, random_state=1)
    other.set_weights(model.get_weights())
    assert_array_equal(other.predict(X), model.predict(X))


@EVERY
def test_it_has_a_form_in_c(specs, tmp_path):
    export_c(fitted(specs), tmp_path / "model.c")
    assert (tmp_path / "model.c").read_text().count("{") > 10
