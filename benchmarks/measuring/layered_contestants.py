"""The libraries that `compare_layers` times in training, and those in prediction.

All train by Adam, without decay, on shuffled batches that are gathered for each step; networks
with `clip_norm` by AdamW, on gradients whose norm is bounded. PyTorch has
its two layouts and torch.compile as contestants of their own; JAX runs one compiled call for each
step, since convolutions in a compiled loop are slow on its CPU back end.
"""

import warnings

import numpy as np

from .contestants import RATE, timed
from .variants import DECAY

OPSET = 17


class Fusednn:
    """`fit` of NetworkClassifier."""

    has_setup = True
    n_jobs, device = None, "cpu"

    def __init__(self, network, X, y, threads):
        self.network, self.X, self.y = network, X, y

    def prepare(self):
        self.run(1)

    def run(self, epochs):
        return timed(self.fit, epochs)

    def fit(self, epochs):
        """A fitted classifier."""
        from fusednn import NetworkClassifier
        from fusednn.optimizers import AdamW

        estimator = NetworkClassifier(
            self.network.layers(),
            batch_size=self.network.batch,
            solver=AdamW(weight_decay=DECAY) if self.network.clip_norm else "adam",
            clip_norm=self.network.clip_norm,
            learning_rate_init=RATE,
            alpha=0.0,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=epochs + 1,
            random_state=0,
            n_jobs=self.n_jobs,
            device=self.device,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.fit(self.X, self.y)


def torch_parts(torch, network, X, layout):
    """The network's module and its samples, both in a layout of memory."""
    module = network.torch(torch)
    if not network.codes:
        module = module.to(torch.from_numpy(X).dtype)
    samples = X.reshape(len(X), *network.axes)
    if network.torch_channels == "first":
        samples = np.moveaxis(samples, -1, 1)
    x = torch.from_numpy(np.ascontiguousarray(samples))
    if len(network.axes) == 3:
        order = getattr(torch, layout)
        return module.to(memory_format=order), x.contiguous(memory_format=order)
    if layout != "contiguous_format":
        raise ValueError("series have one layout")
    return module, x


class Torch:
    """PyTorch, eager, with contiguous samples: fused Adam, randperm, one index per batch."""

    has_setup = False
    layout = "contiguous_format"

    def __init__(self, network, X, y, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.network = torch, network
        self.model, self.X = torch_parts(torch, network, X, self.layout)
        self.y = torch.from_numpy(y)
        parameters, optimizers = list(self.model.parameters()), torch.optim
        self.optimizer = optimizers.Adam(parameters, RATE, fused=True)
        if network.clip_norm:
            self.optimizer = optimizers.AdamW(parameters, RATE, weight_decay=DECAY, fused=True)
        self.loss_function = torch.nn.CrossEntropyLoss()
        self.loss = self._loss

    def prepare(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.run(1)

    def run(self, epochs):
        return timed(self._train, epochs)

    def _loss(self, x, t):
        z = self.model(x)
        return self.loss_function(z.reshape(-1, z.shape[-1]), t.reshape(-1))

    def _train(self, epochs):
        batch = self.network.batch
        for _ in range(epochs):
            order = self.torch.randperm(len(self.X))
            for start in range(0, len(self.X), batch):
                rows = order[start : start + batch]
                self.optimizer.zero_grad()
                self.loss(self.X[rows], self.y[rows]).backward()
                if self.network.clip_norm:
                    clip = self.torch.nn.utils.clip_grad_norm_
                    clip(self.model.parameters(), self.network.clip_norm)
                self.optimizer.step()


class TorchLast(Torch):
    """PyTorch with channels last."""

    layout = "channels_last"


class TorchCompile(Torch):
    """PyTorch, with network and loss compiled; needs a C++ compiler."""

    def __init__(self, network, X, y, threads):
        super().__init__(network, X, y, threads)
        self.torch._dynamo.reset()  # else a second network counts as a recompilation
        self.loss = self.torch.compile(self._loss)


class Jax:
    """JAX: a compiled call for each step."""

    has_setup = False

    def __init__(self, network, X, y, threads):
        import jax

        from .layered_jax import networks

        self.jax, self.network = jax, network
        known, jnp = networks(jax)
        make, forward = known[network.jax]
        self.random = np.random.default_rng(0)
        self.X = X.reshape(len(X), *network.axes)
        self.y = y

        def loss(parameters, x, t):
            z = jax.nn.log_softmax(forward(parameters, x))
            return -jnp.take_along_axis(z, t[..., None], -1).mean()

        def step(state, x, t):
            parameters, m, v, count = state
            gradient = jax.grad(loss)(parameters, x, t)
            if network.clip_norm:
                leaves = jax.tree.leaves(gradient)
                norm = jnp.sqrt(sum((g * g).sum() for g in leaves))
                factor = jnp.minimum(1, network.clip_norm / (norm + 1e-6))
                gradient = jax.tree.map(lambda g: factor * g, gradient)
            count = count + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
            rate = RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
            kept = 1 - RATE * DECAY if network.clip_norm else 1.0
            moved = jax.tree.map(
                lambda p, m, v: kept * p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, m, v
            )
            return moved, m, v, count

        self.step = jax.jit(step, donate_argnums=0)
        parameters = make(self.random)
        moments = [jax.tree.map(np.zeros_like, parameters) for _ in range(2)]
        self.state = jax.tree.map(jnp.array, (parameters, *moments, np.float32(0)))

    def prepare(self):
        self.run(1)

    def run(self, epochs):
        return timed(self._train, epochs)

    def _train(self, epochs):
        batch = self.network.batch
        for _ in range(epochs):
            order = self.random.permutation(len(self.X))
            for start in range(0, len(order), batch):
                rows = order[start : start + batch]
                self.state = self.step(self.state, self.X[rows], self.y[rows])
        self.jax.block_until_ready(self.state)


CONTESTANTS = {
    "fusednn": Fusednn,
    "torch": Torch,
    "channels_last": TorchLast,
    "compile": TorchCompile,
    "jax": Jax,
}


class Frozen:
    """`predict_proba` of a predictor."""

    def __init__(self, model, X, threads, network):
        from fusednn import freeze

        self.frozen, self.X = freeze(model, n_jobs=threads), X

    def prepare(self):
        self.run(2)

    def run(self, calls):
        return timed(self._calls, calls)

    def _calls(self, calls):
        for _ in range(calls):
            self.probabilities()

    def probabilities(self):
        return self.frozen.predict_proba(self.X, validate=False)


class OnnxRuntime(Frozen):
    """ONNX Runtime with all optimisations, on the model that `export_onnx` writes."""

    def __init__(self, model, X, threads, network):
        import tempfile
        from pathlib import Path

        import onnxruntime

        from fusednn import export_onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export_onnx(model, path)
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        [given] = self.session.get_inputs()
        self.given = given.name
        self.X = X.astype({"tensor(float)": "float32"}.get(given.type, X.dtype))  # also tokens
        names = [one.name for one in self.session.get_outputs()]
        self.wanted = [name for name in names if "prob" in name][:1] or names[-1:]

    def probabilities(self):
        return self.session.run(self.wanted, {self.given: self.X})[0]


class TorchModule(Frozen):
    """The module of the network with the model's weights, in inference mode."""

    layout = "contiguous_format"

    def __init__(self, model, X, threads, network):
        import torch

        from fusednn import export_torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.module, self.x = torch_parts(torch, network, X, self.layout)
        self.module.load_state_dict(_by_shape(self.module.state_dict(), export_torch(model)))
        self.module.eval()

    def probabilities(self):
        with self.torch.inference_mode():
            return self.torch.softmax(self.module(self.x), -1).numpy()


def _by_shape(names, state):
    """The values of `state` by the module's names: each the first of its shape that is left."""
    left = [value for name, value in state.items() if not name.endswith("num_batches_tracked")]
    found = dict(names)
    for name, old in names.items():
        if old.dim():
            place = next(i for i, value in enumerate(left) if value.shape == tuple(old.shape))
            found[name] = old.new_tensor(left.pop(place))
    assert not left
    return found


class TorchLastModule(TorchModule):
    """The module with channels last."""

    layout = "channels_last"


class TorchCompiled(TorchModule):
    """The module compiled by torch.compile; needs a C++ compiler."""

    def __init__(self, model, X, threads, network):
        super().__init__(model, X, threads, network)
        self.torch._dynamo.reset()  # else a second network counts as a recompilation
        self.module = self.torch.compile(self.module)


PREDICTORS = {
    "fusednn": Frozen,
    "onnxruntime": OnnxRuntime,
    "torch": TorchModule,
    "channels_last": TorchLastModule,
    "compile": TorchCompiled,
}
