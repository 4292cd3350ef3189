"""What networks are trained on with `augment=`: samples of a list, draws, bits, and when.

A step of gradient descent from output weights of 0, towards targets that are the identity, leaves
in those weights what the output layer received: the rows are the columns of the weights.
"""

import numpy as np
import pytest
from fusednn.kernels.ops.augment import MOVES
from oracles.augmentation import augmented
from oracles.parity import fit_quietly
from running.poison import Poisoned
from running.sessions import assert_same_bits
from scipy import stats
from sklearn.metrics import log_loss

from fusednn import NetworkClassifier, NetworkRegressor, augment
from fusednn.augment import (
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
from fusednn.graph.augmentation import Augmentation
from fusednn.layers import BatchNorm, Conv1D, Conv2D, Dropout, Flatten, GlobalAvgPool, MaxPool2D
from fusednn.optimizers import SGD
from fusednn.training.session import Session

SAMPLES, H, W = 64, 6, 7
RANDOM = np.random.RandomState(0)
IMAGES = RANDOM.normal(size=(SAMPLES, H, W, 2)) * [1, 20] + [3, -5]
SERIES = RANDOM.normal(size=(SAMPLES, 12, 3)) * [1, 5, 0.1] + [2, 0, 9]
LABELS = np.arange(SAMPLES) % 3


def seen(asked, X, *, steps=1, seed=0, layers=(), **options):
    """What the output layer receives in each step, of shape (steps, *X.shape)."""
    y = np.eye(len(X))
    model = NetworkRegressor(
        [*layers, Flatten()], solver=SGD(), learning_rate_init=len(X), batch_size=len(X),
        random_state=seed, shuffle=False, augment=asked, **options,
    ).initialize(X, y)  # fmt: skip
    blank = model.get_weights()
    blank[-1] = [np.zeros_like(part) for part in blank[-1]]
    found = []
    for _ in range(steps):
        model.set_weights(blank).partial_fit(X, y)
        found.append(model.get_weights()[-1][0].T.reshape(X.shape))
    return np.array(found)


def seed_of(seed, X, layers=()):
    """The key of the random numbers of the first step after `seen` has drawn its weights."""
    keys, begin = [], Session.begin
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Session,
            "begin",
            lambda self, key, *rest, **named: (keys.append(key), begin(self, key, *rest, **named)),
        )
        seen([Flip()] if X.ndim == 4 else [Jitter(1.0)], X, seed=seed, layers=layers)
    return keys[0]


CASES = {
    "flip": (IMAGES, [Flip()], {"moves": (("flip", 0.0),)}),
    "shift": (IMAGES, [Shift(3)], {"moves": (("shift", 3.0),)}),
    "rotate": (IMAGES, [Rotate(90)], {"moves": (("rotate", 0.25),)}),
    "scale": (IMAGES, [Scale(0.5)], {"moves": (("scale", 0.5),)}),
    "noise": (IMAGES, [Noise(0.5)], {"deviations": (0.5,) * 2 * W}),
    "cut out": (IMAGES, [CutOut(3)], {"holes": (3,)}),
    "all of images": (
        IMAGES,
        [CutOut(2), Scale(0.1), Noise(3), Rotate(20), Noise(4), Shift(1), CutOut(1), Flip()],
        {
            "moves": (("scale", 0.1), ("rotate", 20 / 360), ("shift", 1.0), ("flip", 0.0)),
            "deviations": (5.0,) * 2 * W,
            "holes": (2, 1),
        },
    ),
    "jitter": (SERIES, [Jitter(2)], {"deviations": (2.0,) * 36}),
    "stretch": (SERIES, [Stretch(0.5)], {"moves": (("stretch", 0.5),)}),
    "crop": (SERIES, [Crop(7)], {"moves": (("crop", 7.0),)}),
    "all of series": (
        SERIES,
        [Jitter(0.1), Crop(10), Stretch(0.2)],
        {"moves": (("crop", 10.0), ("stretch", 0.2)), "deviations": (0.1,) * 36},
    ),
}


def test_every_augmentation_is_on_the_list():
    found = {type(one).__name__ for _, listed, _ in CASES.values() for one in listed}
    assert found == set(augment.__all__) - {"Augmentation"}
    moves = {name for *_, asked in CASES.values() for name, _ in asked.get("moves", ())}
    assert moves == set(MOVES)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("X", "listed", "asked"), CASES.values(), ids=CASES)
def test_samples_are_those_of_the_list(X, listed, asked, standardize):
    """With `standardize` what is outside is 0 behind the scaling, and noise is in its units."""
    found = seen(listed, X, standardize=standardize)[0]
    axes = X.shape[1:] if X.ndim == 4 else (1, *X.shape[1:])
    if standardize:
        X = (X - (flat := X.reshape(-1, X.shape[-1])).mean(axis=0)) / flat.std(axis=0)
    whole = Augmentation(*axes, **asked)
    expected = augmented(X.reshape(SAMPLES, -1), whole, seed=seed_of(0, X), step=0, stream=0)
    np.testing.assert_allclose(found, expected.reshape(X.shape), atol=1e-10)


GREY = IMAGES[..., 0]


def test_images_of_one_channel():
    """With layers that take them for images, and with layers that take anything."""
    for layers in ([Conv2D(1, 1)], []):
        model = NetworkClassifier([*layers, Flatten()], augment=[Shift(1)], max_iter=2)
        fit_quietly(model, GREY, LABELS)
    plain = seen([Shift(2), Flip()], IMAGES[..., :1])
    np.testing.assert_array_equal(seen([Shift(2), Flip()], GREY), plain[..., 0])


def test_columns_that_are_scaled_one_by_one():
    """Without a layer of images the scaling is by the last axis; so are zeros and noise."""
    found = seen([Flip(), CutOut(99), Noise(0.1)], GREY, standardize=True)[0]
    assert abs(found).max() < 1e-9
    scaled = (GREY - GREY.mean(axis=(0, 1))) / GREY.std(axis=(0, 1))
    noise = seen([Noise(0.1)], GREY, standardize=True)[0] - scaled
    np.testing.assert_allclose(noise.std(axis=(0, 1)), 0.1, rtol=0.3)
    assert stats.kstest(noise.ravel() / 0.1, "norm").pvalue > 1e-4


# -- draws ---------------------------------------------------------------------------------


def assert_even(counts):
    """Counts of equal chances."""
    assert stats.chisquare(counts).pvalue > 1e-4


def test_draws_are_even():
    dot = np.zeros((SAMPLES, 9, 11, 1))
    dot[:, 4, 5] = 1
    found = seen([Shift(2)], dot, steps=20).reshape(-1, 9, 11)
    places = np.argwhere(found > 0.5)
    assert len(places) == len(found)
    counts = np.zeros((5, 5))
    np.add.at(counts, (places[:, 1] - 2, places[:, 2] - 3), 1)
    assert_even(counts.ravel())
    holes = seen([CutOut(1)], np.ones_like(dot), steps=20).reshape(-1, 99) < 0.5
    assert (holes.sum(axis=1) == 1).all()
    assert_even(holes.sum(axis=0))


def test_flips_are_fair_and_free():
    """One from step to step, and from sample to sample."""
    flipped = abs(seen([Flip()], IMAGES, steps=40)[:, :, 0, 0, 0] - IMAGES[:, 0, 0, 0]) > 1e-9
    for axis in (None, 0, 1):
        mean = flipped.mean(axis=axis)
        assert (abs(mean - 0.5) < 5 * 0.5 / np.sqrt(flipped.size / np.size(mean))).all()
    same = (flipped[1:] == flipped[:-1]).mean()
    assert abs(same - 0.5) < 5 * 0.5 / np.sqrt(flipped.size)


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [([Scale(0.4)], 0.6, 1.4), ([Stretch(0.4)], 0.6, 1.4)],
    ids=["scale", "stretch"],
)
def test_factors_are_uniform(asked, low, high):
    """The slope of a ramp is 1 / factor."""
    ramp = np.tile(np.arange(-10, 11.0)[:, np.newaxis], (SAMPLES, 1, 1))  # (n, 21, 1)
    X = ramp if isinstance(asked[0], Stretch) else np.repeat(ramp[:, np.newaxis], 21, axis=1)
    found = seen(asked, X, steps=10).reshape(-1, *X.shape[1:])
    line = found if X.ndim == 3 else found[:, 10]
    factors = 1 / (line[:, 11, 0] - line[:, 10, 0])
    assert stats.kstest((factors - low) / (high - low), "uniform").pvalue > 1e-4


def test_angles_are_uniform():
    """The gradient of a plane turns with it."""
    plane = np.tile(np.arange(-6.0, 7), (13, 1))[..., np.newaxis]
    X = np.broadcast_to(plane, (SAMPLES, 13, 13, 1))
    found = seen([Rotate(60)], X, steps=10).reshape(-1, 13, 13)
    angles = np.arctan2(found[:, 7, 6], found[:, 6, 7])
    np.testing.assert_allclose(np.hypot(found[:, 7, 6], found[:, 6, 7]), 1, atol=1e-9)
    assert stats.kstest(np.degrees(angles) / 120 + 0.5, "uniform").pvalue > 1e-4


def test_noise_is_normal():
    noise = seen([Noise(0.3)], IMAGES, steps=4) - IMAGES
    assert stats.kstest(noise.ravel() / 0.3, "norm").pvalue > 1e-4
    for axis in range(noise.ndim):
        beside = np.corrcoef(np.roll(noise, 1, axis=axis).ravel(), noise.ravel())[0, 1]
        assert abs(beside) < 5 / np.sqrt(noise.size)


def test_means_of_what_is_symmetric_are_symmetric():
    steps = seen([Flip(), Shift(1)], IMAGES[:1].repeat(SAMPLES, axis=0), steps=60)
    mean, deviation = steps.mean(axis=(0, 1)), steps.std(axis=(0, 1))
    bound = 6 * deviation / np.sqrt(60 * SAMPLES)
    assert (abs(mean - mean[:, ::-1]) < bound + bound[:, ::-1]).all()


# -- bits and passes -----------------------------------------------------------------------

NETWORK = [Conv2D(4, 3, "relu", padding="same"), MaxPool2D(2), Dropout(0.2), Flatten()]
EVERY = [Flip(), Shift(1), Rotate(10), Scale(0.1), Noise(0.1), CutOut(2)]
SHORT = {"max_iter": 3, "batch_size": 24, "random_state": 0}
OPTIONS = {
    "plain": {},
    "standardized": {"standardize": True},
    "float32": {"dtype": "float32"},
    "accumulated": {"accumulate": 2},
    "mixed": {"mixup": 0.3},
    "clipped averages": {"clip_norm": 0.5, "ema_decay": 0.9},
    "stopped early": {"early_stopping": True},
    "diagnosed": {"diagnose": True},
    "warm": {"warm_start": True},
}


def fitted(X=IMAGES, layers=NETWORK, asked=EVERY, **options):
    model = NetworkClassifier(layers, augment=asked, **{**SHORT, **options})
    return fit_quietly(model, X, LABELS)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_threads_change_no_bit(options):
    one, other = (fitted(n_jobs=jobs, **options) for jobs in (1, 2))
    assert_same_bits(one._parameters(), other._parameters())
    assert one.loss_curve_ == other.loss_curve_
    unlike = fitted(asked=None, **options)
    assert unlike.loss_curve_ != one.loss_curve_


def test_series_and_threads():
    layers, every = [Conv1D(5, 3, "relu"), BatchNorm(), GlobalAvgPool()], [Stretch(0.2), Crop(8)]
    models = [fitted(SERIES, layers, [*every, Jitter(1)], n_jobs=jobs) for jobs in (1, 2)]
    assert_same_bits(*(model._parameters() for model in models))


def test_blocks_and_slices_change_no_bit(monkeypatch):
    whole = fitted(dtype="float64")
    monkeypatch.setattr("fusednn.training.session.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("fusednn.training.session.AHEAD_FLOPS", 0)
    assert_same_bits(whole._parameters(), fitted(dtype="float64")._parameters())


@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_what_is_no_value_is_not_read(monkeypatch, mixup):
    """NaN in all memory that a step has to write."""
    clean = fitted(mixup=mixup)
    buffers = Poisoned(monkeypatch).buffers
    assert_same_bits(clean._parameters(), fitted(mixup=mixup)._parameters())
    assert min(buffers["passes"]) > 5


def test_every_layout_of_the_data_gives_the_same():
    first = fitted()
    for X in (np.asfortranarray(IMAGES), IMAGES[:, ::-1][:, ::-1], IMAGES.tolist()):
        assert_same_bits(first._parameters(), fitted(X)._parameters())


def test_each_pass_draws_anew_and_partial_fit_too():
    steps = seen([Shift(3)], IMAGES, steps=3)
    assert not np.allclose(steps[0], steps[1])
    assert not np.allclose(steps[1], steps[2])
    np.testing.assert_array_equal(steps, seen([Shift(3)], IMAGES, steps=3))
    assert not np.allclose(steps[0], seen([Shift(3)], IMAGES, seed=1)[0])


def test_only_training_is_augmented():
    """Scores of held-out samples, predictions and gradients see samples as they are."""
    own = {"X_val": IMAGES[:9], "y_val": LABELS[:9]}
    model = NetworkClassifier(NETWORK, augment=EVERY, scoring="neg_log_loss", **SHORT)
    fit_quietly(model, IMAGES, LABELS, **own)
    plain = NetworkClassifier(NETWORK, **SHORT).initialize(IMAGES, LABELS)
    plain.set_weights(model.get_weights())
    for name in ("predict_proba", "input_gradient", "hidden_activations"):
        np.testing.assert_array_equal(getattr(plain, name)(IMAGES), getattr(model, name)(IMAGES))
    assert plain.loss_and_gradient(IMAGES, LABELS)[0] == model.loss_and_gradient(IMAGES, LABELS)[0]
    expected = -log_loss(LABELS[:9], plain.predict_proba(IMAGES[:9]))
    assert model.validation_scores_[-1] == pytest.approx(expected)
