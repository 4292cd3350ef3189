"""Lists of `fusednn.layers.presets`: what they are made of, and that they learn."""

import numpy as np
import pytest
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import AvgPool2D, BatchNorm, Conv1D, Conv2D, Dense, Reshape, Residual, presets


def counted(layers):
    """The number of convolutions and dense layers on the way through."""
    return sum(
        counted(layer.layers) if isinstance(layer, Residual) else isinstance(layer, Conv2D | Dense)
        for layer in layers
    )


def parameters(model):
    """Trained numbers of a network, without those of its output layer."""

    def sizes(part):
        return part.size if isinstance(part, np.ndarray) else sum(map(sizes, part))

    return sizes(model.get_weights()[:-1])


@pytest.mark.parametrize(("blocks", "layers"), [(1, 8), (3, 20), (9, 56)])
def test_depth_of_a_resnet(blocks, layers):
    """The output layer included, as its paper counts."""
    assert counted(presets.resnet(blocks=blocks)) + 1 == layers


def test_sizes_of_a_resnet():
    """ResNet-20 has 0.27 million parameters in its paper, whose shortcuts have none."""
    X, y = np.random.RandomState(0).normal(size=(4, 32, 32, 3)), np.arange(4) % 2
    model = NetworkClassifier(presets.resnet(blocks=3)).initialize(X, y)
    statistics = 2 * (16 + 6 * 16 + 6 * 32 + 6 * 64)
    shortcuts = 16 * 32 + 32 * 64 + 4 * (32 + 64)
    output = 64 * 10 + 10
    assert parameters(model) - statistics - shortcuts + output == 269_722
    shapes = [model.hidden_activations(X, count).shape[1:] for count in (2, 8, 14, 20)]
    assert shapes == [(32, 32, 16), (32, 32, 16), (16, 16, 32), (8, 8, 64)]


def test_sizes_of_lenet():
    """LeNet-5's dense layers have 400, 120 and 84 inputs."""
    X, y = np.random.RandomState(0).normal(size=(20, 784)), np.arange(20) % 10
    model = NetworkClassifier([Reshape(28, 28, 1), *presets.lenet()]).initialize(X, y)
    shapes = [layer[0].shape for layer in model.get_weights() if layer]
    assert shapes == [(5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)]


def test_options():
    assert presets.lenet((4,), (), "relu")[:2] == [Conv2D(4, 5, "relu"), AvgPool2D(2)]
    assert presets.lenet((4, 8, 12), (5,))[6:] == [presets.Flatten(), Dense(5, "tanh")]
    first, second, third = presets.resnet((4, 4, 8))[3:-1:2]
    assert first.shortcut is None
    assert second.shortcut == (Conv2D(4, 1, stride=2, bias=False), BatchNorm())
    assert third.layers[0] == Conv2D(8, 3, stride=2, bias=False)
    found = [layer for layer in presets.series((3, 4), (9, 2)) if isinstance(layer, Conv1D)]
    assert found == [Conv1D(3, 9, bias=False), Conv1D(4, 2, bias=False)]


def test_refused():
    with pytest.raises(ValueError, match="blocks of resnet must be an integer from 1, got 0"):
        presets.resnet(blocks=0)
    with pytest.raises(ValueError, match="got 2 and 1"):
        presets.series((3, 4), (9,))
    with pytest.raises(ValueError, match="filters of Conv2D"):
        presets.lenet((0,))


@pytest.mark.parametrize("name", ["lenet", "resnet"])
def test_images_are_learned(name, digits):
    """The digits, as images of 16 x 16 pixels for LeNet's windows."""
    X, y = digits
    images = X.reshape(-1, 8, 8).astype(np.float32)
    if name == "lenet":
        images = images.repeat(2, axis=1).repeat(2, axis=2)
    layers = presets.lenet() if name == "lenet" else presets.resnet((8, 16))
    model = NetworkClassifier(
        layers, learning_rate_init=0.005, batch_size=32, max_iter=8, random_state=0
    )
    fit_quietly(model, images[:1000], y[:1000])
    assert model.score(images[1000:], y[1000:]) > 0.9


def rising_and_falling(samples=120, steps=60):
    """Noise with a ramp somewhere, which rises or falls."""
    random = np.random.RandomState(0)
    X, y = random.normal(size=(samples, steps, 1)).astype(np.float32), np.arange(samples) % 2
    ramp = np.linspace(-3, 3, 12)
    for series, label in zip(X[..., 0], y, strict=True):
        start = random.randint(steps - 12)
        series[start : start + 12] += ramp if label else -ramp
    return X, y


def test_series_are_learned():
    """Wherever the pattern is."""
    X, y = rising_and_falling(360)
    model = NetworkClassifier(
        presets.series((16, 16), (8, 5)), learning_rate_init=0.01, batch_size=16, max_iter=30,
        random_state=0,
    )  # fmt: skip
    fit_quietly(model, X[:240], y[:240])
    assert model.score(X[240:], y[240:]) > 0.9


def test_values_are_learned():
    """The lists serve regressors, too."""
    X, _ = rising_and_falling(200, 24)
    y = X[..., 0].std(axis=1)
    model = NetworkRegressor(
        presets.series((16,), (5,)), learning_rate_init=0.01, batch_size=16, max_iter=40,
        standardize=True, random_state=0,
    )  # fmt: skip
    fit_quietly(model, X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.5
