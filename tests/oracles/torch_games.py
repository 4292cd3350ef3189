"""The two networks of an adversarial estimator in PyTorch, with the same weights and draws."""

import warnings

import numpy as np
import pytest
import torch
from oracles.reference_layers import gaussian_noise
from oracles.torch_layers import read, sequence_of, write
from oracles.torch_pairs import compare
from running.nested_weights import leaves
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from fusednn import GAN
from fusednn.layers import Dense
from fusednn.optimizers import Adam
from fusednn.plan.updating.singular import first_vectors

SAMPLES, BATCH, PASSES, COLUMNS, LATENT, CLASSES = 41, 8, 10, 6, 5, 3
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
GENERATOR = [Dense(9, "relu"), Dense(8, "tanh"), Dense(COLUMNS)]
DISCRIMINATOR = [Dense(9, "leaky_relu"), Dense(7, "relu")]
EPSILON = 1e-4
"""That of Adam where gradients of biases cancel, as for "wasserstein": there float32 leaves its
rounding, which a smaller epsilon would make whole steps of."""


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

    def __init__(self, X, y, lists=(GENERATOR, DISCRIMINATOR), epsilon=1e-8, **options):
        options = {
            "latent": LATENT, "batch_size": BATCH, "max_iter": PASSES, "warm_start": True,
            "learning_rate_init": 0.01, "learning_rate": "constant", "random_state": 0,
            "ema_decay": None, **options,
        }  # fmt: skip
        self.epsilon = EPSILON if options.get("loss") == "wasserstein" else epsilon
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
        self.normed = normed(self.theirs[1]) if self.ours.spectral_norm else []
        self.path = []
        rates = 0.01, self.ours.discriminator_learning_rate_init or 0.01
        self.optimizers = [
            torch.optim.Adam(module.parameters(), rate, (0.5, 0.999), self.epsilon)
            for module, rate in zip(self.theirs, rates, strict=True)
        ]

    def draws(self, passes):
        """Orders of batches, noise, and shares of mixtures, as the estimator draws them."""
        each, dtype = self.ours.discriminator_steps, self.X.dtype
        random = np.random.RandomState(0)
        noise, shares, self.seed = random.randint(2**31, size=3).tolist()
        noise, shares = np.random.default_rng(noise), np.random.default_rng(shares)
        order = np.arange(len(self.X))
        for _ in range(passes):
            random.shuffle(order)
            for number in range(len(order) // (BATCH * each) * each):
                own = order[number * BATCH : (number + 1) * BATCH]
                drawn = noise.standard_normal((BATCH, LATENT), dtype)
                mixed = shares.random(BATCH, dtype) if self.ours.penalty else np.zeros(BATCH)
                yield own.copy(), torch.from_numpy(drawn).double(), torch.from_numpy(mixed)

    def answers(self, rows, codes, step):
        """The outputs for rows, to which the random numbers of this step are added."""
        if self.ours.instance_noise:
            drawn = gaussian_noise(*rows.shape, seed=self.seed, step=step, layer=0)
            rows = rows + self.ours.instance_noise * torch.from_numpy(drawn)
        found = self.theirs[1](rows.reshape(len(rows), *self.X.shape[1:]))
        if codes is None:
            return found[:, 0]
        return found[torch.arange(len(rows)), codes.repeat(len(rows) // BATCH)]

    def train(self, passes):
        """Trains the twins; both losses of each step."""
        ours = self.ours
        own, other = self.optimizers
        history, at = [], 0
        for step, (samples, z, shares) in enumerate(self.draws(passes), start=1):
            real = torch.from_numpy(self.X[samples]).double()
            codes = None if self.y is None else torch.from_numpy(self.y[samples])
            given = z if codes is None else torch.cat([z, F.one_hot(codes, CLASSES)], dim=1)
            made = self.theirs[0](given).reshape(real.shape)
            for optimizer in (own, other):
                optimizer.zero_grad()
            kept, smoothing = made.detach(), ours.label_smoothing
            at += 1  # the making is a step of the plan, too
            answers = self.answers(torch.cat([real, kept]), codes, at).split(BATCH)
            at += 1
            judged, _ = losses_of(ours.loss, *answers, smoothing)
            total = judged
            if ours.penalty:
                shares = shares.double()[:, None]
                mixture = (kept + shares * (real - kept)).requires_grad_()
                found = self.answers(mixture, codes, at).sum()
                at += 1
                [slope] = torch.autograd.grad(found, mixture, create_graph=True)
                total = judged + ours.penalty * ((slope.norm(dim=1) - 1) ** 2).mean()
            total.backward()
            other.step()
            iterate(self.normed)
            if ours.loss == "wasserstein" and not ours.penalty and not self.normed:
                with torch.no_grad():
                    for parameter in self.theirs[1].parameters():
                        parameter.clamp_(-ours.clip, ours.clip)
            history.append((judged.item(), None))
            if step % ours.discriminator_steps:
                continue
            own.zero_grad()
            answer = self.answers(made, codes, at)
            at += 1
            _, loss = losses_of(ours.loss, answer, answer, 0.0)
            loss.backward()
            own.step()
            self.path.append([one.detach().clone() for one in self.theirs[0].parameters()])
            history[-1] = judged.item(), loss.item()
        return history

    @torch.no_grad()
    def average(self):
        """Puts the exponentially weighted means of the generator's parameters into it."""
        shares = self.ours.ema_decay ** np.arange(len(self.path) - 1, -1, -1.0)
        for parameter, *values in zip(self.theirs[0].parameters(), *self.path, strict=True):
            pairs = zip(shares / shares.sum(), values, strict=True)
            parameter.copy_(sum(share * value for share, value in pairs))

    def check(self, tolerance, partly=False):
        """Trains both, on from where they are; `partly`: by `partial_fit`, a pass."""
        passes = 1 if partly else PASSES
        history = self.train(passes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (self.ours.partial_fit if partly else self.ours.fit)(self.X, self.y)
        if self.ours.ema_decay is not None:
            self.average()
        expected = [
            tensor.numpy()
            for specs, module in zip(self.lists, self.theirs, strict=True)
            for tensor in leaves(read(list(specs), module))
        ]
        compare(leaves(self.ours.get_weights()), expected, tolerance)
        last = history[-len(history) // passes :]
        found = {name: values[-1] for name, values in self.ours.history_.items()}
        judged = np.mean([one for one, _ in last])
        learned = np.mean([one for _, one in last if one is not None])
        assert found["discriminator_loss"] == pytest.approx(judged, rel=1e-4, abs=1e-5)
        assert found["generator_loss"] == pytest.approx(learned, rel=1e-4, abs=1e-5)


def normed(sequence):
    """Applies PyTorch's spectral norm to dense layers and convolutions, from our first vectors.

    It begins by the random vectors of its own, so these are replaced. Its forward call in training
    is an iteration: here only `iterate` makes one.
    """
    found = []
    for module in [*sequence.modules()]:
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            O, *rest = module.weight.shape
            w = module.weight.detach().movedim((0, 1), (-1, -2)).reshape(-1, O).numpy()
            u, v, _ = first_vectors(w)
            spectral_norm(module)
            [norm] = module.parametrizations.weight
            norm._u.copy_(torch.from_numpy(u))
            norm._v.copy_(torch.from_numpy(v).reshape(*rest[1:], rest[0]).movedim(-1, 0).ravel())
            found.append((module, norm.eval()))
    return found


def iterate(found):
    """An iteration of each spectral norm."""
    for module, norm in found:
        norm.train()
        assert module.weight is not None
        norm.eval()


def rows(dtype):
    """Samples of columns."""
    return np.random.RandomState(1).normal(size=(SAMPLES, COLUMNS)).astype(dtype)


def labels():
    """Their classes."""
    return np.arange(SAMPLES) % CLASSES
