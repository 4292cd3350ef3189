"""Adversarial training takes PyTorch's steps, from the same weights, noise and orders."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_layers import read, sequence_of, write
from oracles.torch_pairs import compare
from running.nested_weights import leaves
from torch.nn import functional as F

from fusednn import GAN
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    GaussianNoise,
    Reshape,
)
from fusednn.optimizers import Adam

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
SAMPLES, BATCH, PASSES, COLUMNS, LATENT, CLASSES = 41, 8, 10, 6, 5, 3
GENERATOR = [Dense(9, "relu"), Dense(8, "tanh"), Dense(COLUMNS)]
DISCRIMINATOR = [Dense(9, "leaky_relu"), Dense(7, "relu")]
IMAGES = (
    [Dense(32), Reshape(4, 4, 2), Activation("relu"),
     ConvTranspose2D(1, 4, "logistic", stride=2, padding=1)],
    [Conv2D(4, 3, "leaky_relu", stride=2), Flatten(), Dense(5, "tanh")],
)  # fmt: skip
LOSSES = "bce", "hinge", "least_squares", "wasserstein"
EPSILON = 1e-4
"""Of Adam for "wasserstein": there gradients of biases cancel, and float32 leaves its rounding,
which a smaller epsilon would make whole steps of."""


def losses_of(name, real, made, smoothing):
    """The discriminator's loss, and the generator's."""
    ones = torch.ones_like
    if name == "bce":
        cross = F.binary_cross_entropy_with_logits
        judged = cross(real, (1 - smoothing) * ones(real)) + cross(made, 0 * made)
        return judged, cross(made, ones(made))
    if name == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + made).mean(), -made.mean()
    if name == "least_squares":
        judged = ((real - (1 - smoothing)) ** 2).mean() / 2 + (made**2).mean() / 2
        return judged, ((made - 1) ** 2).mean() / 2
    return made.mean() - real.mean(), -made.mean()


class Twin:
    """An estimator without steps and the same two networks in PyTorch, in float64."""

    def __init__(self, X, y, lists=(GENERATOR, DISCRIMINATOR), **options):
        options = {
            "latent": LATENT, "batch_size": BATCH, "max_iter": PASSES, "warm_start": True,
            "learning_rate_init": 0.01, "learning_rate": "constant", "random_state": 0,
            "ema_decay": None, **options,
        }  # fmt: skip
        self.epsilon = EPSILON if options.get("loss") == "wasserstein" else 1e-8
        options["solver"] = Adam(0.5, epsilon=self.epsilon)
        self.X, self.y = X, y
        self.ours = GAN(*lists, **options).initialize(X, y)
        weights = self.ours.get_weights()
        self.lists = self.ours.generator_layers_, self.ours.discriminator_layers_
        cut = len(self.lists[0])
        inputs = LATENT + (0 if y is None else CLASSES)
        self.theirs = []
        for specs, shape, own in zip(
            self.lists, ([inputs], X.shape[1:]), (weights[:cut], weights[cut:]), strict=True
        ):
            module = sequence_of(list(specs), *shape).double()
            write(list(specs), module, own)
            self.theirs.append(module)

    def draws(self):
        """Orders of batches, noise, and shares of mixtures, as the estimator draws them."""
        each, dtype = self.ours.discriminator_steps, self.X.dtype
        random = np.random.RandomState(0)
        noise, shares, _ = random.randint(2**31, size=3)
        noise, shares = np.random.default_rng(noise), np.random.default_rng(shares)
        order = np.arange(len(self.X))
        for _ in range(PASSES):
            random.shuffle(order)
            for number in range(len(order) // (BATCH * each) * each):
                own = order[number * BATCH : (number + 1) * BATCH]
                drawn = noise.standard_normal((BATCH, LATENT), dtype)
                mixed = shares.random(BATCH, dtype) if self.ours.penalty else np.zeros(BATCH)
                yield own.copy(), torch.from_numpy(drawn).double(), torch.from_numpy(mixed)

    def answers(self, rows, codes):
        found = self.theirs[1](rows.reshape(BATCH, *self.X.shape[1:]))
        return found[:, 0] if codes is None else found[torch.arange(BATCH), codes]

    def train(self):
        ours = self.ours
        rates = 0.01, ours.discriminator_learning_rate_init or 0.01
        own, other = (
            torch.optim.Adam(module.parameters(), rate, (0.5, 0.999), self.epsilon)
            for module, rate in zip(self.theirs, rates, strict=True)
        )
        history = []
        for step, (samples, z, shares) in enumerate(self.draws(), start=1):
            real = torch.from_numpy(self.X[samples]).double()
            codes = None if self.y is None else torch.from_numpy(self.y[samples])
            given = z if codes is None else torch.cat([z, F.one_hot(codes, CLASSES)], dim=1)
            made = self.theirs[0](given).reshape(real.shape)
            for optimizer in (own, other):
                optimizer.zero_grad()
            kept, smoothing = made.detach(), ours.label_smoothing
            answers = self.answers(real, codes), self.answers(kept, codes)
            judged, _ = losses_of(ours.loss, *answers, smoothing)
            total = judged
            if ours.penalty:
                shares = shares.double()[:, None]
                mixture = (kept + shares * (real - kept)).requires_grad_()
                found = self.answers(mixture, codes).sum()
                [slope] = torch.autograd.grad(found, mixture, create_graph=True)
                total = judged + ours.penalty * ((slope.norm(dim=1) - 1) ** 2).mean()
            total.backward()
            other.step()
            if ours.loss == "wasserstein" and not ours.penalty:
                with torch.no_grad():
                    for parameter in self.theirs[1].parameters():
                        parameter.clamp_(-ours.clip, ours.clip)
            history.append((judged.item(), None))
            if step % ours.discriminator_steps:
                continue
            own.zero_grad()
            answer = self.answers(made, codes)
            _, loss = losses_of(ours.loss, answer, answer, 0.0)
            loss.backward()
            own.step()
            history[-1] = judged.item(), loss.item()
        return history

    def check(self, tolerance):
        history = self.train()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.ours.fit(self.X, self.y)
        expected = [
            tensor.numpy()
            for specs, module in zip(self.lists, self.theirs, strict=True)
            for tensor in leaves(read(list(specs), module))
        ]
        compare(leaves(self.ours.get_weights()), expected, tolerance)
        last = history[-len(history) // PASSES :]
        found = {name: values[-1] for name, values in self.ours.history_.items()}
        judged = np.mean([one for one, _ in last])
        learned = np.mean([one for _, one in last if one is not None])
        assert found["discriminator_loss"] == pytest.approx(judged, rel=1e-4, abs=1e-5)
        assert found["generator_loss"] == pytest.approx(learned, rel=1e-4, abs=1e-5)


def rows(dtype):
    return np.random.RandomState(1).normal(size=(SAMPLES, COLUMNS)).astype(dtype)


def labels():
    return np.arange(SAMPLES) % CLASSES


@DTYPES
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("has_classes", [False, True])
def test_fifty_steps_of_each_loss(loss, has_classes, dtype):
    y = labels() if has_classes else None
    Twin(rows(dtype), y, loss=loss, clip=0.3).check(TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("options", [
    {"discriminator_steps": 2},
    {"label_smoothing": 0.1},
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
def test_batch_norm_of_the_generator(dtype):
    lists = [Dense(9, bias=False), BatchNorm(), Activation("relu"), Dense(COLUMNS)], DISCRIMINATOR
    twin = Twin(rows(dtype), None, lists)
    twin.theirs[0].train()
    twin.check(TOLERANCES[dtype])


def test_averages():
    """The averages of the trained weights after each step, which a twin without them has."""
    X = rows("float64")
    steps, decay = SAMPLES // BATCH, 0.9
    plain = GAN(GENERATOR, DISCRIMINATOR, latent=LATENT, batch_size=BATCH, max_iter=1,
                random_state=0, ema_decay=None)  # fmt: skip
    averaged = GAN(**plain.get_params()).set_params(ema_decay=decay).fit(X)
    assert GaussianNoise(0.1)  # a layer that a discriminator may begin with
    found = leaves(averaged.get_weights())
    other = leaves(plain.fit(X).get_weights())
    for ours, last in zip(found[6:], other[6:], strict=True):
        np.testing.assert_array_equal(ours, last)
    assert any(not np.array_equal(*pair) for pair in zip(found[:6], other[:6], strict=True))
    assert steps == 5
