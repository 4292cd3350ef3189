"""Targets with axes: what y may be, what comes back, scores, and what is refused."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles.parity import fit_quietly
from running.nested_weights import flat
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.preprocessing import FunctionTransformer

from fusednn import NetworkClassifier, NetworkRegressor, freeze, warmup
from fusednn.augment import Crop, Jitter
from fusednn.layers import LSTM, Activation, Conv1D, Conv2D, Dense, Flatten, Reshape
from fusednn.losses import Gaussian, Quantile

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(40, 6, 3))
VALUES = np.cumsum(X[:, :, 0], axis=1)
LABELS = np.digitize(VALUES, [-1, 1])
WORDS = np.array(["low", "middle", "high"])[LABELS]
STEPS = [LSTM(4, return_sequences=True)]
SHORT = {"max_iter": 2, "random_state": 0}


def regressor(layers=STEPS, **options):
    return NetworkRegressor(layers, **{**SHORT, **options})


def classifier(layers=STEPS, **options):
    return NetworkClassifier(layers, **{**SHORT, **options})


# -- shapes ----------------------------------------------------------------------------------

FORMS = {
    # X, layers, and y
    "steps": (X, STEPS, VALUES),
    "a list": (X.tolist(), STEPS, VALUES.tolist()),
    "columns": (X.reshape(40, -1), [Reshape(6, 3), *STEPS], VALUES),
    "one channel": (X[:, :, 0], STEPS, VALUES),
    "one step": (X[:, :1], STEPS, VALUES[:, :1]),
    "fewer steps": (X, [Conv1D(4, 3, padding="valid")], VALUES[:, 2:]),
    "no layers": (X, [], VALUES),
    "an image": (X, [Reshape(6, 3, 1), Conv2D(4, 3)], X * 2),
    "several targets": (X, STEPS, np.stack([VALUES, -VALUES], axis=2)),
}


@pytest.mark.parametrize("name", FORMS)
def test_predictions_have_the_shape_of_y(name):
    samples, layers, y = FORMS[name]
    model = fit_quietly(regressor(layers), samples, y)
    answers, shape = model.predict(samples), np.shape(y)
    assert answers.shape == shape
    columns = 2 if name == "several targets" else 1
    assert model.n_outputs_ == columns
    assert model.output_shape_ == (shape[1:] if columns == 1 else shape[1:-1])
    assert model.predict_logits(samples).shape == (40, *model.output_shape_, columns)
    flattened = (np.reshape(part, (-1, columns)) for part in (y, answers))
    assert model.score(samples, y) == pytest.approx(r2_score(*flattened), rel=1e-12)
    if layers:
        assert model.hidden_activations(samples).shape[:-1] == (40, *model.output_shape_)


@pytest.mark.parametrize("y", [LABELS, WORDS, WORDS.astype(object), LABELS > 0], ids=repr)
def test_labels_of_steps(y):
    model = fit_quietly(classifier(), X, y)
    assert_array_equal(model.classes_, np.unique(y))
    answers = model.predict(X)
    assert answers.shape == y.shape
    assert answers.dtype == model.classes_.dtype
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (40, 6, len(model.classes_))
    assert_array_equal(model.classes_[probabilities.argmax(axis=2)], answers)
    assert_allclose(np.log(probabilities), model.predict_log_proba(X), rtol=1e-9)
    assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-12)
    assert model.score(X, y) == accuracy_score(y.astype(str).ravel(), answers.astype(str).ravel())


def test_an_output_layer_of_its_own():
    model = fit_quietly(classifier([*STEPS, Dense(3), Activation("softmax")]), X, LABELS)
    assert model.predict_proba(X).shape == (40, 6, 3)


def test_losses_of_several_outputs():
    quantiles = fit_quietly(regressor(loss=Quantile((0.1, 0.5, 0.9))), X, VALUES)
    assert quantiles.predict(X).shape == (40, 6, 3)
    middle = quantiles.predict(X)[..., 1]
    assert quantiles.score(X, VALUES) == r2_score(VALUES.ravel(), middle.ravel())
    normal = fit_quietly(regressor(loss=Gaussian()), X, np.stack([VALUES, VALUES], axis=2))
    mean, std = normal.predict(X, return_std=True)
    assert mean.shape == std.shape == (40, 6, 2)
    assert_allclose(std, np.exp(normal.predict_logits(X)[..., 1::2] / 2), rtol=1e-12)


def test_a_single_column_is_no_axis():
    """As of samples without axes, with scikit-learn's warning."""
    with pytest.warns(match="A column-vector y was passed"):
        model = regressor().partial_fit(X, VALUES[..., np.newaxis])
    assert model.predict(X).shape == (40, 6)


def test_a_fit_without_axes_forgets_them():
    model = fit_quietly(regressor(), X, VALUES).set_params(layers=[*STEPS, Flatten()])
    fit_quietly(model, X, VALUES[:, 0])
    assert not hasattr(model, "output_shape_")
    assert model.predict(X).shape == (40,)


# -- weights and unknown targets -------------------------------------------------------------


def test_class_weights_are_those_of_rows():
    counts = np.bincount(LABELS.ravel(), minlength=3)
    of_rows = (LABELS.size / (3 * counts))[LABELS]
    weighted = fit_quietly(classifier(class_weight="balanced"), X, LABELS)
    other = fit_quietly(classifier(), X, LABELS, sample_weight=of_rows)
    assert_allclose(flat(weighted.get_weights()), flat(other.get_weights()), rtol=1e-9)
    some = RANDOM.uniform(size=40)
    both = fit_quietly(classifier(class_weight={0: 2.0}), X, LABELS, sample_weight=some)
    factors = np.where(LABELS == 0, 2.0, 1.0) * some[:, np.newaxis]
    other = fit_quietly(classifier(), X, LABELS, sample_weight=factors)
    assert_allclose(flat(both.get_weights()), flat(other.get_weights()), rtol=1e-9)


def test_scores_weigh_rows():
    model = fit_quietly(regressor(), X, VALUES)
    of_rows = RANDOM.uniform(size=VALUES.shape)
    for weights in (of_rows, of_rows[:, 0]):
        wide = (weights.reshape(40, -1) * np.ones(6)).ravel()
        expected = r2_score(VALUES.ravel(), model.predict(X).ravel(), sample_weight=wide)
        assert model.score(X, VALUES, weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("make", [regressor, classifier])
def test_unknown_rows_do_not_count_in_scores(make):
    y = (VALUES if make is regressor else LABELS).astype(float)
    y[:4, 2:], y[7] = np.nan, np.nan
    known = ~np.isnan(y)
    model = fit_quietly(make(missing_targets="ignore", early_stopping=True), X, y)
    score = r2_score if make is regressor else accuracy_score
    assert model.score(X, y) == pytest.approx(score(y[known], model.predict(X)[known]), rel=1e-12)
    fit_quietly(model, X, y, X_val=X[:9], y_val=y[:9])
    assert model.best_validation_score_ == pytest.approx(model.score(X[:9], y[:9]), rel=1e-12)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        make().fit(X, y)


# -- training --------------------------------------------------------------------------------


def test_validation():
    model = fit_quietly(classifier(early_stopping=True, max_iter=5), X, WORDS)
    assert len(model.validation_scores_) == 5
    some = {"X_val": X[:9], "y_val": WORDS[:9]}
    fit_quietly(model, X, WORDS, **some)
    assert model.best_validation_score_ == model.score(X[:9], WORDS[:9])
    model.set_params(scoring="loss")
    fit_quietly(model, X, WORDS, **some)
    expected, _ = model.loss_and_gradient(X[:9], WORDS[:9])
    assert -model.best_validation_score_ == pytest.approx(expected, rel=1e-12)

    def share(model, samples, truth):
        assert truth.shape == (9, 6)
        return (model.predict(samples) == truth).mean()

    fit_quietly(model.set_params(scoring=share), X, WORDS, **some)
    assert model.best_validation_score_ == pytest.approx(model.score(X[:9], WORDS[:9]))
    with pytest.raises(ValueError, match="scoring='accuracy' does not take targets with axes"):
        model.set_params(scoring="accuracy").fit(X, WORDS)


def test_it_learns_and_goes_on():
    """A sum over the steps so far, which no layer of single steps can know."""
    options = {"max_iter": 150, "learning_rate_init": 0.01, "solver": "adam"}
    model = fit_quietly(regressor([LSTM(16, return_sequences=True)], **options), X, VALUES)
    assert model.score(X, VALUES) > 0.95
    before = model.loss_
    fit_quietly(model.set_params(warm_start=True), X, VALUES)
    assert model.loss_ < before


def test_partial_fit_knows_classes_of_later_calls():
    whole, parts = (classifier(shuffle=False, batch_size=20) for _ in range(2))
    first = np.where(LABELS[:20] == 2, 1, LABELS[:20])
    y = np.concatenate([first, LABELS[20:]])
    whole.partial_fit(X, y, classes=[0, 1, 2])
    parts.partial_fit(X[:20], y[:20], classes=[0, 1, 2]).partial_fit(X[20:], y[20:])
    assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(ValueError, match="`y` has classes not in"):
        parts.partial_fit(X, y + 5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_splits_and_searches():
    train, test, y_train, y_test = train_test_split(X, LABELS, random_state=0)
    assert 0 <= fit_quietly(classifier(), train, y_train).score(test, y_test) <= 1
    assert np.isfinite(cross_val_score(classifier(), X, WORDS, cv=3)).all()
    targets = np.stack([VALUES, -VALUES], axis=2)
    assert np.isfinite(cross_val_score(regressor(), X, targets, cv=3)).all()
    search = GridSearchCV(regressor(), {"alpha": [0.0, 0.1]}, cv=2)
    assert fit_quietly(search, X, VALUES).predict(X).shape == VALUES.shape


@pytest.mark.parametrize("make", [regressor, classifier])
def test_copies_and_files(make, tmp_path):
    y = VALUES if make is regressor else WORDS
    model = fit_quietly(make(), X, y)
    model.save(tmp_path / "model")
    for again in (pickle.loads(pickle.dumps(model)), type(model).load(tmp_path / "model")):
        assert again.output_shape_ == (6,)
        assert_array_equal(again.predict(X), model.predict(X))
        for one in (again, model):
            one.set_params(warm_start=True)
        assert_array_equal(
            fit_quietly(again, X, y).predict_logits(X), fit_quietly(model, X, y).predict_logits(X)
        )
        model = type(model).load(tmp_path / "model")
    assert not hasattr(clone(model), "output_shape_")
    html = model._repr_html_()
    assert f"6 \u00d7 {model.n_outputs_}" in html


def test_gradients_by_the_input_of_an_output():
    """Outputs are numbered over all rows of a sample."""
    model, step = fit_quietly(classifier(), X, LABELS), 1e-6
    found = model.input_gradient(X, of=2 * 3 + 1)
    moved = X.copy()
    moved[:, 1, 0] += step
    difference = (model.predict_logits(moved) - model.predict_logits(X))[:, 2, 1] / step
    assert_allclose(found[:, 1, 0], difference, rtol=1e-4, atol=1e-6)
    assert not found[:, 3:].any()  # later steps are not known yet
    with pytest.raises(ValueError, match="The network has 18 outputs: say which by `of`"):
        model.input_gradient(X)
    with pytest.raises(ValueError, match=r"of must be in \[0, 18\)"):
        model.input_gradient(X, of=18)


def test_warmup_rehearses_all_kernels():
    model = regressor(missing_targets="ignore", dtype="float32")
    warmup(model)
    assert warmup(model)["compiled"] == 0
    assert warmup(classifier(dtype="float32"))["compiled"] >= 0


# -- refusals --------------------------------------------------------------------------------

WANTED = r"layers[0] is LSTM(units=4, return_sequences=True): its samples end with axes (6,), so"
REFUSED = {
    "one target": (VALUES[:, 0], "got (40,); for one target of each sample put Flatten()"),
    "fewer steps": (VALUES[:, 1:], "(n_samples, 6, n_targets), got (40, 5)."),
    "more axes": (np.ones((40, 6, 2, 2)), "got (40, 6, 2, 2)."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_shapes(name):
    y, words = REFUSED[name]
    fitted = fit_quietly(regressor(), X, VALUES)
    before = dict(vars(fitted))
    words = f"^{re.escape(WANTED)} .*{re.escape(words)}"
    for call in (
        lambda: regressor().fit(X, y),
        lambda: fitted.fit(X, y),
        lambda: fitted.partial_fit(X, y),
        lambda: fitted.score(X, y),
        lambda: fitted.loss_and_gradient(X, y),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match="^In the validation set .*" + words[1:]):
        fitted.fit(X, VALUES, X_val=X, y_val=y)
    assert vars(fitted) == before


def test_labels_have_no_columns():
    with pytest.raises(ValueError, match=r"shape \(n_samples, 6\), got \(40, 6, 2\)\.$"):
        classifier().fit(X, np.stack([LABELS, LABELS], axis=2))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones((40, 5)), r"must be of shape \(40,\) or \(40, 6\), got \(40, 5\)"),
        (np.zeros((40, 6)), "at least one non-zero number"),
        (np.full((40, 6), np.nan), "NaN"),
        (np.ones(39), r"sample_weight\.shape"),
    ],
)
def test_other_weights(weights, words):
    with pytest.raises(ValueError, match=words):
        regressor().fit(X, VALUES, weights)


def test_other_samples():
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[40, 39\]"):
        regressor().fit(X, VALUES[:39])
    with pytest.raises(ValueError, match=r"X\[0\] has NaN at step 0 in some features only"):
        regressor().fit(np.where(X > 1, np.nan, X), VALUES)
    with pytest.raises(ValueError, match="requires y to be passed"):
        regressor().fit(X, None)


def test_layers_keep_the_axes_while_training_goes_on():
    model = fit_quietly(regressor(warm_start=True), X, VALUES)
    before = model.set_params(layers=[LSTM(4)]).__dict__.copy()
    with pytest.raises(ValueError, match=r"axes of targets from \(6,\) to \(\) while training"):
        model.fit(X, VALUES)
    assert vars(model) == before
    assert model.predict(X).shape == (40, 6)


def test_samples_move_without_their_targets():
    with pytest.raises(ValueError, match=r"augment\[1\] is Crop\(size=4\): it moves the elements"):
        regressor(augment=[Jitter(0.1), Crop(4)]).fit(X, VALUES)
    fit_quietly(regressor(augment=[Jitter(0.1)]), X, VALUES)


def test_transformed_targets_are_not_frozen():
    model = TransformedTargetRegressor(
        regressor(), transformer=FunctionTransformer(validate=False)
    )
    with pytest.raises(TypeError, match="freeze cannot transform targets with axes back"):
        freeze(fit_quietly(model, X, VALUES))
