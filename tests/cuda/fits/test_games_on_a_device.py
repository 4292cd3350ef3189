"""Adversarial training on a device whose memory is apart from the host's: the bits of the CPU."""

import signal

import numpy as np
import pytest
from running.device_modes import MODES, run_in
from running.host_device import HostDevice, opened_as_cuda

from fusednn import GAN
from fusednn.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Reshape

RANDOM = np.random.default_rng(0)
X = RANDOM.normal([3.0, -1.0], 0.5, size=(70, 2))
CLASSES = np.arange(70) % 3
IMAGES = RANDOM.normal(size=(40, 4, 4, 1)).astype(np.float32)
GAMES = {
    "a penalty": ({}, None),
    "none": ({"penalty": 0.0, "loss": "least_squares", "ema_decay": None}, None),
    "bounded weights": ({"loss": "wasserstein", "discriminator_steps": 2}, None),
    "spectral norm": ({"loss": "hinge", "spectral_norm": True}, None),
    "both": ({"penalty": 0.5, "spectral_norm": True, "dtype": "float32"}, None),
    "noise": ({"instance_noise": 0.1, "label_smoothing": 0.1}, None),
    "classes": ({"penalty": 1.0}, CLASSES),
}


def game(**given):
    shared = {"latent": 3, "max_iter": 3, "batch_size": 16, "random_state": 0}
    made = [Dense(6, "relu"), BatchNorm(), Dense(2)], [Dense(6, "relu"), Dense(5, "relu")]
    if given.get("penalty") is None or given["penalty"] == 0.0:
        made[1].append(Dropout(0.2))
    return GAN(*made, **{**shared, **given})


def bits(model):
    arrays = [array.tobytes() for array in model._parameters()]
    return arrays, model.history_, model.t_, model.sample(9, random_state=1).tobytes()


def played(model, samples, y):
    """The bits after a fit and a pass more, and the judgements."""
    model.fit(samples, y)
    first = bits(model)
    model.partial_fit(samples, y)
    return first, bits(model), model.score_samples(samples).tobytes()


@pytest.mark.thinned
@MODES
@pytest.mark.parametrize(("options", "y"), GAMES.values(), ids=GAMES)
def test_columns(options, y, mode, monkeypatch):
    run_in(mode, monkeypatch)
    expected = played(game(**options), X, y)
    with opened_as_cuda() as devices:
        assert played(game(device="cuda", **options), X, y) == expected
    assert devices[0].replayed > 0
    assert all(device.closed for device in devices)


@MODES
def test_images(mode, monkeypatch):
    run_in(mode, monkeypatch)
    made = [Dense(16, "relu"), Reshape(4, 4, 1), Conv2D(1, 3, padding="same")]
    judged = [Conv2D(3, 3, "leaky_relu"), Flatten()]
    given = {"latent": 3, "max_iter": 2, "batch_size": 8, "random_state": 0}
    expected = played(GAN(made, judged, **given), IMAGES, None)
    with opened_as_cuda():
        assert played(GAN(made, judged, device="cuda", **given), IMAGES, None) == expected


def test_ctrl_c_keeps_the_weights():
    class Interrupted(HostDevice):
        def replay(self, captured):
            if self.replayed == 9:
                signal.raise_signal(signal.SIGINT)
            super().replay(captured)

    model = game(max_iter=500, device="cuda")
    before = [w.copy() for w in model.initialize(X)._parameters()]
    with opened_as_cuda(Interrupted) as devices, pytest.warns(UserWarning, match="interrupted"):
        model.set_params(warm_start=True).fit(X)
    assert devices[0].closed
    after = model._parameters()
    assert all(np.isfinite(w).all() for w in after)
    assert any((w != b).any() for w, b in zip(after, before, strict=True))


@MODES
def test_weights_of_the_last_finite_pass_are_kept(mode, monkeypatch):
    run_in(mode, monkeypatch)
    rates = {"learning_rate_init": 1e5, "solver": "sgd", "loss": "least_squares"}
    found = []
    for device in ("cpu", "cuda"):
        model = game(penalty=0.0, learning_rate="constant", max_iter=50, device=device, **rates)
        with opened_as_cuda():
            with pytest.warns(UserWarning, match="being finite after pass 4"):
                model.fit(X)
            found.append(bits(model))
    assert found[0] == found[1]


def test_too_little_memory_leaves_the_estimator_as_it_was():
    model = game(device="cuda")
    with opened_as_cuda(lambda: HostDevice(room=5000)) as devices:
        with pytest.raises(MemoryError, match="bytes asked for"):
            model.fit(X)
        assert devices[0].closed
    assert not hasattr(model, "history_")
