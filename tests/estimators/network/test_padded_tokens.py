"""Tokens of unequal lengths: each sample has the bits that it has alone, however it is given."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from running.c_programs import needs_compiler

from fusednn import CompiledPredictor, NetworkRegressor, export_library, freeze, load
from fusednn.layers import GRU, Conv1D, Flatten, GlobalAvgPool, GlobalMaxPool, TokenEmbedding

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)
LENGTHS = np.r_[1, 11, RANDOM.randint(1, 12, size=70)]
LISTS = [RANDOM.randint(1, 8, size=length).astype(np.uint16) for length in LENGTHS]
Y = np.array([(one == 3).mean() for one in LISTS])
WORDS = TokenEmbedding(5, 8, padding=0)
LAYERS = {
    "states": [WORDS, GRU(4, return_sequences=True, bidirectional=True), GlobalMaxPool()],
    "windows": [WORDS, Conv1D(6, 3, "relu", stride=2), GRU(3, bidirectional=True)],
}
QUICK = {"max_iter": 3, "batch_size": 16, "random_state": 0, "n_jobs": 2}


def padded(steps=11):
    X = np.zeros((len(LISTS), steps), np.int64)
    for row, one in zip(X, LISTS, strict=True):
        row[: len(one)] = one
    return X


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_samples_have_the_bits_that_they_have_alone(layers, tmp_path):
    """In estimators, predictors and loaded files; lists, arrays, and arrays of more padding."""
    model = NetworkRegressor(layers, **QUICK).fit(LISTS, Y)
    wide = NetworkRegressor(layers, **QUICK).fit(padded(17), Y)
    assert model.loss_curve_ == wide.loss_curve_
    assert_array_equal(model.get_weights()[0][0], wide.get_weights()[0][0])
    assert not model.get_weights()[0][0][0].any()
    alone = np.concatenate([model.predict(one[np.newaxis]) for one in LISTS])
    model.save(tmp_path / "model")
    for one in (model, wide, freeze(model), load(tmp_path / "model")):
        for X in (LISTS, padded(), padded(17), padded().astype(np.float32)):
            assert_array_equal(one.predict(X), alone)
        assert_array_equal(one.predict(LISTS[2:4]), alone[2:4])


def test_means_leave_padding_out():
    """A mean of vectors, by NumPy; its gradient by central differences."""
    model = NetworkRegressor([WORDS, GlobalAvgPool()], dtype="float64", **QUICK)
    [table], _, (w, b) = model.fit(LISTS, Y).get_weights()
    means = np.array([table[one].mean(axis=0) for one in LISTS])
    np.testing.assert_allclose(model.predict(LISTS), (means @ w + b)[:, 0], rtol=1e-12)
    _, [[found], *_] = model.loss_and_gradient(LISTS, Y)
    ends = []
    for step in (1e-6, -1e-6):
        moved = table.copy()
        moved[3, 2] += step
        ends.append(model.set_weights([[moved], [], [w, b]]).loss_and_gradient(LISTS, Y)[0])
    assert found[3, 2] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


EMPTY = r"X\[4\] holds nothing but 0, the padding of layers\[0\], a TokenEmbedding"
REFUSED = {
    "empty": ([WORDS, GRU(2)], lambda X: X * (np.arange(len(X)) != 4)[:, None], EMPTY),
    "fixed": ([WORDS, Flatten()], lambda X: X, r"layers\[1\] is Flatten.*fixes the steps"),
    "too short": (
        *([WORDS, Conv1D(2, 3, padding="valid"), GRU(2)], lambda X: X),
        r"layers\[1\] is Conv1D.*X has series of length 1",
    ),
    "no padding": ([TokenEmbedding(5, 8), GRU(2)], lambda X: LISTS, r"it needs a `padding`"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(case):
    layers, change, words = case
    model = NetworkRegressor(layers, **QUICK)
    with pytest.raises(ValueError, match=words):
        model.fit(change(padded()), Y)
    full = RANDOM.randint(1, 8, size=(len(Y), 11))
    predictor = freeze(model.fit(full, Y))
    with pytest.raises(ValueError, match=words if words == EMPTY else "series of length|padding"):
        predictor.predict(change(padded()))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
@needs_compiler
def test_libraries_in_c_leave_padding_out(layers, tmp_path):
    """Padding of lists and of arrays, and fewer steps than those of the fit."""
    model = NetworkRegressor(layers, **QUICK).fit(LISTS, Y)
    export_library(model, tmp_path / "model.so")
    library, expected = CompiledPredictor(tmp_path / "model.so"), model.predict(LISTS)
    short = [number for number, one in enumerate(LISTS) if len(one) < 7]
    for X, rows in ((LISTS, slice(None)), (padded(), slice(None)), (padded(11)[short, :6], short)):
        np.testing.assert_allclose(library.predict(X), expected[rows], rtol=1e-5, atol=1e-6)


def test_numbers_that_are_none_are_refused():
    model = NetworkRegressor(LAYERS["states"], **QUICK).fit(LISTS, Y)
    for one in (model, freeze(model)):
        for X in ([[1, np.nan, 2], [3]], [[1, 2, 2], [np.inf]], [[1.0, np.nan]]):
            with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
                one.predict(X)
    with pytest.raises(ValueError, match="GRU goes from the last step to the first too"):
        freeze(model).stream()
