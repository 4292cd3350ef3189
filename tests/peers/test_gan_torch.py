"""Adversarial training takes PyTorch's steps, from the same weights, noise and orders."""

import numpy as np
import pytest

pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_games import (
    COLUMNS,
    EPSILON,
    GENERATOR,
    SAMPLES,
    TOLERANCES,
    Twin,
    labels,
    rows,
)

from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    Reshape,
)

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
IMAGES = (
    [Dense(32), Reshape(4, 4, 2), Activation("relu"),
     ConvTranspose2D(1, 4, "logistic", stride=2, padding=1)],
    [Conv2D(4, 3, "leaky_relu", stride=2), Flatten(), Dense(5, "tanh")],
)  # fmt: skip
LOSSES = "bce", "hinge", "least_squares", "wasserstein"


@DTYPES
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("has_classes", [False, True])
def test_fifty_steps_of_each_loss(loss, has_classes, dtype):
    y = labels() if has_classes else None
    options = {"clip": 0.3} if loss == "wasserstein" else {}
    Twin(rows(dtype), y, loss=loss, **options).check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("options", [
    {"discriminator_steps": 2},
    {"label_smoothing": 0.1},
    {"instance_noise": 0.3, "discriminator_steps": 3},
    {"loss": "least_squares", "label_smoothing": 0.2},
    {"discriminator_learning_rate_init": 0.003, "n_jobs": 2},
], ids=str)  # fmt: skip
def test_options(options, dtype):
    Twin(rows(dtype), None, **options).check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("has_classes", [False, True])
def test_gradient_penalty(loss, has_classes, dtype):
    y = labels() if has_classes else None
    Twin(rows(dtype), y, loss=loss, penalty=2.0).check(TOLERANCES[dtype])


@DTYPES
def test_penalty_of_one_layer(dtype):
    lists = GENERATOR, [Dense(4)]
    Twin(rows(dtype), None, lists, loss="wasserstein", penalty=5.0).check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("loss", ["bce", "hinge"])
def test_images(loss, dtype):
    X = np.random.RandomState(1).uniform(size=(SAMPLES, 8, 8, 1)).astype(dtype)
    Twin(X, labels(), IMAGES, loss=loss).check(TOLERANCES[dtype])


@DTYPES
def test_batch_norm(dtype):
    """In both: the discriminator's statistics are those of data and made rows together.

    A bias before the discriminator's would have no gradient.
    """
    lists = (
        [Dense(9, bias=False), BatchNorm(), Activation("tanh"), Dense(COLUMNS, bias=False)],
        [Dense(9, bias=False), BatchNorm(), Activation("tanh"), Dense(7, "tanh")],
    )
    twin = Twin(rows(dtype), None, lists, EPSILON)
    for one in twin.theirs:
        one.train()
    twin.check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("each", [1, 2])
def test_averages_of_the_generator(each, dtype):
    twin = Twin(rows(dtype), None, ema_decay=0.9, discriminator_steps=each)
    twin.check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("loss", LOSSES)
def test_spectral_norm(loss, dtype):
    twin = Twin(rows(dtype), labels(), epsilon=EPSILON, loss=loss, spectral_norm=True)
    twin.check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("options", [
    {"penalty": 2.0}, {"discriminator_steps": 2}, {"n_jobs": 2, "loss": "wasserstein"},
], ids=str)  # fmt: skip
def test_spectral_norm_with_options(options, dtype):
    Twin(rows(dtype), None, spectral_norm=True, **options).check(TOLERANCES[dtype])


@DTYPES
def test_spectral_norm_of_convolutions(dtype):
    """With one group and several, and a step back through both."""
    X = np.random.RandomState(1).uniform(size=(SAMPLES, 8, 8, 1)).astype(dtype)
    judge = [Conv2D(6, 3, "leaky_relu", stride=2), Conv2D(8, 3, "tanh", groups=2), Flatten()]
    lists = IMAGES[0], [*judge, Dense(5, "relu")]
    Twin(X, None, lists, spectral_norm=True, loss="hinge").check(TOLERANCES[dtype])


@DTYPES
def test_fits_go_on(dtype):
    """A warm start and `partial_fit` keep both optimizers' moments and steps."""
    twin = Twin(rows(dtype), None, discriminator_learning_rate_init=0.003)
    twin.check(TOLERANCES[dtype])
    twin.check(TOLERANCES[dtype], partly=True)
    twin.check(TOLERANCES[dtype], partly=True)
