"""The libraries that `compare` times: a class for each, which trains epochs.

A contestant takes a network, its data and the number of threads, and compiles and warms up in
`prepare`. `run(epochs)` trains and returns seconds. If these include a set-up, as those of `fit`
do, `has_setup` is true, and the difference of two runs removes the set-up.

All train ReLU networks, or a variant of them (`variants`), by Adam on shuffled mini-batches that
are gathered for each step. For two classes all have one output with a logistic loss, the same as
scikit-learn's classifier; for more a softmax. fusednn and scikit-learn add the L2 term of their
default `alpha`, which is 0 in variants, and report the loss; the others do neither.
"""

import time
import warnings
from itertools import pairwise

import numpy as np

from .variants import ADAMW, DECAY, is_normed, jax_activation, our_layers, torch_layers

RATE = 1e-3


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""What counts as the time of a call: `cpu` is that of all threads of the process."""

clock = time.perf_counter


def choose_clock(name):
    """Sets the clock of `timed`, a key of `CLOCKS`."""
    global clock
    clock = CLOCKS[name]


def timed(function, *arguments):
    """Seconds of a call."""
    start = clock()
    function(*arguments)
    return clock() - start


class _Estimator:
    """A classifier with scikit-learn's parameters, through its public `fit`."""

    has_setup = True

    def __init__(self, network, X, y, threads):
        self.network, self.X, self.y, self.threads = network, X, y, threads

    def prepare(self):
        rows = 2 * self.network.batch
        self._fit(self.X[:rows], self.y[:rows], 1)
        self.run(1)

    def run(self, epochs):
        return timed(self._fit, self.X, self.y, epochs)

    def _fit(self, X, y, epochs):
        from sklearn.exceptions import ConvergenceWarning

        estimator = self.make(
            hidden_layer_sizes=self.network.hidden,
            solver="adam",
            batch_size=self.network.batch,
            learning_rate_init=RATE,
            shuffle=True,
            random_state=0,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=epochs + 1,  # never stops early
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(X, y)
        assert estimator.n_iter_ == epochs


class Fusednn(_Estimator):
    """`fit` of MLPClassifier, or of NetworkClassifier for a variant.

    `n_jobs` None chooses among the CPUs of the process.
    """

    n_jobs, device = None, "cpu"

    def make(self, **options):
        from fusednn import MLPClassifier, NetworkClassifier

        options["device"] = self.device
        variant = self.network.variant
        if not variant:
            return MLPClassifier(n_jobs=self.n_jobs, **options)
        layers = [
            layer
            for units in options.pop("hidden_layer_sizes")
            for layer in our_layers(variant, units)
        ]
        if variant == ADAMW:
            options["solver"] = "adamw"
        return NetworkClassifier(layers, n_jobs=self.n_jobs, **options)


class ScikitLearn(_Estimator):
    """sklearn.neural_network.MLPClassifier.fit, with BLAS limited to the number of threads."""

    def make(self, **options):
        from sklearn.neural_network import MLPClassifier

        if self.network.variant:
            raise ValueError(f"it has no {self.network.variant}")
        return MLPClassifier(**options)

    def run(self, epochs):
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads):
            return super().run(epochs)


class Torch:
    """PyTorch, eager: fused Adam or AdamW, randperm, one index per batch."""

    has_setup = False

    def __init__(self, network, X, y, threads):
        import torch
        from torch import nn

        torch.set_num_threads(threads)
        self.torch, self.network = torch, network
        sizes = network.trained_sizes
        layers = []
        for fan_in, fan_out in pairwise(sizes[:-1]):
            layers += torch_layers(network.variant, fan_in, fan_out)
        layers.append(nn.Linear(*sizes[-2:]))
        self.model = nn.Sequential(*layers).to(torch.from_numpy(X).dtype)
        adamw = network.variant == ADAMW
        optimizer = torch.optim.AdamW if adamw else torch.optim.Adam
        decay = DECAY if adamw else 0.0
        self.optimizer = optimizer(self.model.parameters(), RATE, weight_decay=decay, fused=True)
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)
        self.loss_function = nn.CrossEntropyLoss()
        if sizes[-1] == 1:
            self.loss_function = nn.BCEWithLogitsLoss()
            self.y = self.y.to(self.X.dtype)[:, None]
        self.loss = self._loss

    def prepare(self):
        self.run(1)

    def run(self, epochs):
        return timed(self._train, epochs)

    def _loss(self, x, t):
        return self.loss_function(self.model(x), t)

    def _train(self, epochs):
        batch = self.network.batch
        for _ in range(epochs):
            order = self.torch.randperm(self.network.samples)
            for start in range(0, self.network.samples, batch):
                rows = order[start : start + batch]
                self.optimizer.zero_grad()
                self.loss(self.X[rows], self.y[rows]).backward()
                self.optimizer.step()


class TorchCompile(Torch):
    """PyTorch, with network and loss compiled by torch.compile; needs a C++ compiler."""

    def __init__(self, network, X, y, threads):
        super().__init__(network, X, y, threads)
        self.torch._dynamo.reset()  # else a second network counts as a recompilation
        self.loss = self.torch.compile(self._loss)

    def prepare(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.run(1)


class Jax:
    """JAX: one compiled call per epoch, a scan over its shuffled batches."""

    has_setup = False

    def __init__(self, network, X, y, threads):
        import jax

        if X.dtype == np.float64:
            jax.config.update("jax_enable_x64", True)
        self.jax, self.network = jax, network
        self.random = np.random.default_rng(0)
        self.epoch = self._compiled_epoch(jax.numpy.asarray(X), jax.numpy.asarray(y))
        zero, key = np.zeros((), X.dtype), jax.random.key(0)
        parameters, running = self._first_parameters(X.dtype)
        moments = [jax.tree.map(np.zeros_like, parameters) for _ in range(2)]
        state = parameters, *moments, zero, running, key
        self.state = jax.tree.map(jax.numpy.array, state)

    def _first_parameters(self, dtype):
        """Weights, biases, and scale and shift if any, of each layer; running statistics."""
        parameters, running = [], []
        for fan_in, fan_out in pairwise(self.network.trained_sizes):
            w = self.random.standard_normal((fan_in, fan_out)) * (2 / fan_in) ** 0.5
            zeros, ones = np.zeros(fan_out, dtype), np.ones(fan_out, dtype)
            affine = [ones, zeros] if is_normed(self.network.variant) else []
            parameters.append([w.astype(dtype), zeros, *affine])
            running.append([zeros, ones])
        parameters[-1] = parameters[-1][:2]
        return parameters, running[:-1] if self.network.variant == "batchnorm" else []

    def _compiled_epoch(self, X, y):
        from functools import partial

        jax, jnp = self.jax, self.jax.numpy
        binary = self.network.trained_sizes[-1] == 1
        activation = jax_activation(self.network.variant)
        adamw, random = self.network.variant == ADAMW, self.network.variant == "dropout"

        def loss(parameters, x, t, running, key):
            moved = []
            for number, (w, b, *affine) in enumerate(parameters[:-1]):
                layer_key = jax.random.fold_in(key, number) if random else key
                statistics = running[number] if running else None
                x, new = activation(x @ w + b, affine, layer_key, statistics)
                moved += [new] if running else []
            w, b = parameters[-1]
            z = x @ w + b
            if binary:
                return (jax.nn.softplus(z[:, 0]) - t * z[:, 0]).mean(), moved
            return -jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], 1).mean(), moved

        def step(state, rows):
            parameters, m, v, t, running, key = state
            if random:
                key, own = jax.random.split(key)
            else:
                own = key
            gradient, running = jax.grad(loss, has_aux=True)(
                parameters, X[rows], y[rows], running, own
            )
            t = t + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
            rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            kept = 1 - RATE * DECAY if adamw else 1.0
            parameters = jax.tree.map(
                lambda p, m, v: kept * p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, m, v
            )
            return (parameters, m, v, t, running, key), None

        @partial(jax.jit, donate_argnums=0)
        def epoch(state, order):
            return jax.lax.scan(step, state, order)[0]

        return epoch

    def prepare(self):
        self.run(1)

    def run(self, epochs):
        return timed(self._train, epochs)

    def _train(self, epochs):
        shape = self.network.steps, self.network.batch
        for _ in range(epochs):
            order = self.random.permutation(self.network.samples).reshape(shape)
            self.state = self.epoch(self.state, order)
        self.jax.block_until_ready(self.state)


CONTESTANTS = {
    "fusednn": Fusednn,
    "sklearn": ScikitLearn,
    "torch": Torch,
    "jax": Jax,
    "compile": TorchCompile,
}
