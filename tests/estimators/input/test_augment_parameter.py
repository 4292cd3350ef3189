"""The parameter `augment`: what is refused, copies, files, and scikit-learn's tools."""

import json
import pickle

import numpy as np
import pytest
import safetensors
from oracles.parity import fit_quietly
from running.saved_estimators import again, assert_same_network
from running.sessions import assert_same_bits
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from fusednn import MLPClassifier, NetworkClassifier, NetworkRegressor, augment
from fusednn.augment import (
    Augmentation,
    Crop,
    CutOut,
    Flip,
    Jitter,
    Noise,
    Rotate,
    Scale,
    Shift,
    Stretch,
)
from fusednn.layers import Conv1D, Conv2D, Dense, GlobalAvgPool, Reshape

RANDOM = np.random.RandomState(0)
IMAGES, SERIES = RANDOM.normal(size=(40, 6, 5, 2)), RANDOM.normal(size=(40, 9, 3))
LABELS = np.arange(40) % 2
PLAIN, PICTURES = [GlobalAvgPool()], [Conv2D(3, 2), GlobalAvgPool()]
SMALL = {"max_iter": 2, "random_state": 0}
EVERY = [Flip(), Shift(1), Rotate(5.5), Scale(0.1), Noise(0.1), CutOut(2)]


def fitted(asked, X=IMAGES, layers=PICTURES, **options):
    model = NetworkClassifier(layers, augment=asked, **{**SMALL, **options})
    return fit_quietly(model, X, LABELS)


# -- descriptions --------------------------------------------------------------------------


def test_descriptions_are_values():
    for name in augment.__all__:
        if name == "Augmentation":
            continue
        kind = getattr(augment, name)
        given = [] if kind is Flip else [0.5] if kind in (Scale, Noise, Jitter, Stretch) else [3]
        made = kind(*given)
        assert made == kind(*given)
        assert hash(made) == hash(kind(*given))
        assert eval(repr(made), vars(augment)) == made
        assert pickle.loads(pickle.dumps(made)) == made
        with pytest.raises(AttributeError):
            made.anything = 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Shift(-1),
        lambda: Shift(1.5),
        lambda: Shift(True),
        lambda: Shift(1 << 30),
        lambda: Rotate(-3),
        lambda: Rotate(181),
        lambda: Rotate(np.nan),
        lambda: Scale(1.0),
        lambda: Scale(-0.1),
        lambda: Noise(-1),
        lambda: Noise(np.inf),
        lambda: Noise("0.1"),
        lambda: CutOut(0),
        lambda: Jitter(None),
        lambda: Stretch(1),
        lambda: Crop(0),
        lambda: Crop(2.0),
    ],
)
def test_values_that_are_refused(make):
    with pytest.raises(ValueError, match=r"^\w+ of \w+ must be .*, got .*\.$"):
        make()


def test_the_base_class_is_refused():
    with pytest.raises(TypeError, match="use one of its subclasses"):
        Augmentation()


# -- fits that are refused -----------------------------------------------------------------

AXES = r"needs X with axes, \(n, H, W, C\), \(n, H, W\) or \(n, T, C\)"
FLAT = IMAGES.reshape(40, -1)
REFUSED = {
    "rows": ([Flip()], FLAT, [Dense(3)], {}, AXES),
    "sparse": ([Flip()], sparse.csr_matrix(FLAT), [Dense(3)], {}, AXES),
    "channels first": (
        *([Flip()], np.moveaxis(IMAGES, -1, 1)),
        *([Reshape(2, 6, 5, channels="first"), *PICTURES], {}),
        r"with channels last; layers\[0\] is Reshape\(2, 6, 5, channels='first'\)",
    ),
    "lbfgs": ([Flip()], IMAGES, PICTURES, {"solver": "lbfgs"}, "augment is for solvers other"),
    "class": ([Flip], IMAGES, PICTURES, {}, r"augment\[0\] must be .* an instance, not the class"),
    "layer": ([Flip(), Dense(3)], IMAGES, PICTURES, {}, r"augment\[1\] must be an augmentation"),
    "name": (["flip"], IMAGES, PICTURES, {}, r"augment\[0\] must be .*; got 'flip'"),
    "not a list": (Flip(), IMAGES, PICTURES, {}, "'augment' parameter|augment must be a list"),
    "text": ("flip", IMAGES, PICTURES, {}, "'augment' parameter|augment must be a list"),
    "series on images": (
        *([Flip(), Jitter(1)], IMAGES, PICTURES, {}),
        r"augment\[1\] is Jitter\(deviation=1\): it is for series, but .* images .* \(6, 5, 2\)",
    ),
    "images on series": (
        *([Noise(1)], SERIES, [Conv1D(3, 2), GlobalAvgPool()], {}),
        r"augment\[0\] is Noise\(deviation=1\): it is for images, but .* series .* \(9, 3\)",
    ),
    "series on images of one channel": (
        *([Crop(2)], IMAGES[..., 0], PICTURES, {}),
        r"augment\[0\] is Crop\(size=2\): it is for series, but .* images",
    ),
    "both": ([Jitter(1), Flip()], SERIES, PLAIN, {}, r"augment\[1\] is Flip\(\): .*for images"),
    "window": ([Crop(10)], SERIES, PLAIN, {}, r"Crop\(size=10\), but the series of X have 9 st"),
}


@pytest.mark.parametrize(
    ("asked", "X", "layers", "options", "words"), REFUSED.values(), ids=REFUSED
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_is_refused(asked, X, layers, options, words, method):
    """An estimator that was fitted before stays as it was."""
    if options:
        method = "fit"  # L-BFGS has no other
    model = fitted(None, X, layers)
    before = {name: value for name, value in vars(model).items() if name != "augment"}
    weights = [array.copy() for array in model._parameters()]
    model.set_params(augment=asked, **options)
    with pytest.raises(ValueError, match=words):
        getattr(model, method)(X, LABELS)
    after = vars(model)
    assert {*before, "augment"} == set(after)
    assert all(after[name] is value for name, value in before.items() if name not in options)
    assert_same_bits(weights, model._parameters())


def test_sparse_rows_of_images_are_refused():
    model = fitted([Flip()])
    with pytest.raises(ValueError, match="dense"):
        model.partial_fit(sparse.csr_matrix(FLAT), LABELS)


def test_perceptrons_have_none():
    with pytest.raises(TypeError, match="augment"):
        MLPClassifier(augment=[Flip()])


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_nothing_is_asked_for(nothing):
    assert_same_network(fitted(nothing, solver="lbfgs"), fitted(None, solver="lbfgs"))
    assert_same_network(fitted(nothing), fitted(None))


# -- copies, files, tools ------------------------------------------------------------------


def test_rows_of_samples_with_axes_are_augmented():
    """A network that was fitted to images takes their rows too."""
    one, other = fitted([Flip()]), fitted([Flip()])
    one.partial_fit(IMAGES, LABELS)
    other.partial_fit(FLAT, LABELS)
    assert_same_network(one, other)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_first_reshape_gives_axes(scaled):
    """For rows that come from a pipeline."""
    options = {"standardize": scaled}
    asked = [Flip(), Shift(1), Noise(0.1)]
    rows = fitted(asked, FLAT, [Reshape(6, 5, 2), *PICTURES], **options)
    assert_same_network(rows, fitted(asked, IMAGES, PICTURES, **options))
    again_axes = fitted(asked, IMAGES, [Reshape(6, 5, 2), *PICTURES], **options)
    assert_same_network(again_axes, rows)
    series = fitted([Stretch(0.2)], SERIES.reshape(len(SERIES), -1), [Reshape(9, 3), *PLAIN])
    assert_same_network(series, fitted([Stretch(0.2)], SERIES, PLAIN))


def test_channels_first_give_no_axes():
    planes = [Reshape(2, 6, 5, channels="first"), *PICTURES]
    with pytest.raises(ValueError, match="with channels last; its samples are rows"):
        fitted([Flip()], FLAT, planes)


def test_copies_are_trained_alike():
    model = fitted(EVERY, mixup=0.2)
    copy = clone(model)
    assert copy.augment == EVERY
    assert "augment=[Flip()" in repr(copy)
    assert_same_network(fit_quietly(copy, IMAGES, LABELS), model)
    thawed = pickle.loads(pickle.dumps(model))
    for each in (model, thawed):
        each.partial_fit(IMAGES, LABELS)
    assert_same_network(thawed, model)


def test_files_go_on():
    for asked, X, layers in (
        (EVERY, IMAGES, PICTURES),
        ([Stretch(np.float32(0.25)), Crop(np.int64(5)), Jitter(0.5)], SERIES, PLAIN),
    ):
        model = fitted(asked, X, layers, standardize=True)
        loaded = again(model)
        assert loaded.augment == asked
        for each in (model, loaded):
            each.partial_fit(X, LABELS)
        assert_same_network(loaded, model)


@pytest.mark.parametrize(
    ("asked", "X", "layers", "version"),
    [(None, FLAT, [Dense(3)], 1), ([CutOut(2)], IMAGES, PICTURES, 5)],
)
def test_a_file_without_augmentations_is_as_before(asked, X, layers, version, tmp_path):
    fitted(asked, X, layers).save(tmp_path / "model")
    with safetensors.safe_open(tmp_path / "model", "np") as file:
        plan = json.loads(file.metadata()["fusednn"])
    assert plan["version"] == version
    assert ("augment" in plan["estimator"]["params"]) == (asked is not None)


def test_a_grid_of_augmentations():
    grid = {"augment": [None, [Flip()], (Shift(1), CutOut(2))]}
    model = NetworkRegressor(PICTURES, **SMALL)
    search = fit_quietly(GridSearchCV(model, grid, cv=2, scoring="r2"), IMAGES, IMAGES[:, 0, 0, 0])
    assert search.best_params_["augment"] in grid["augment"]
    assert len(set(search.cv_results_["mean_test_score"])) == 3


def test_training_goes_on_with_other_augmentations():
    model = fitted([Flip()], warm_start=True)
    for more in (None, [Noise(0.5)], EVERY):
        before = [array.copy() for array in model._parameters()]
        fit_quietly(model.set_params(augment=more), IMAGES, LABELS)
        assert any(
            (one != other).any() for one, other in zip(before, model._parameters(), strict=True)
        )
