"""The libraries that train and predict on a GPU, and fusednn on the CPU beside it.

PyTorch's data are on the GPU before the clock starts, and its batches are gathered there; `fit` of
fusednn sends them, which the set-up that is taken off has. A call for predictions begins and ends
with arrays of the host.
"""

from benchmarks.measuring import contestants as dense
from benchmarks.measuring import layered_contestants as layered
from benchmarks.measuring.contestants import timed
from benchmarks.measuring.networks import Network


class _OnGpu:
    """A contestant of PyTorch whose model and data are on the GPU."""

    def __init__(self, network, X, y, threads):
        super().__init__(network, X, y, threads)
        if not self.torch.cuda.is_available():
            raise RuntimeError("PyTorch finds no GPU")
        self.torch.backends.cuda.matmul.allow_tf32 = False
        self.torch.backends.cudnn.allow_tf32 = False
        self.model.to("cuda")
        self.X, self.y = self.X.to("cuda"), self.y.to("cuda")

    def _train(self, epochs):
        torch, batch = self.torch, self.network.batch
        for _ in range(epochs):
            order = torch.randperm(len(self.X), device="cuda")
            for start in range(0, len(order), batch):
                self._step_on(order[start : start + batch])
        torch.cuda.synchronize()

    def _step_on(self, rows):
        self._step(self.X[rows], self.y[rows])

    def _step(self, x, t):
        self.optimizer.zero_grad()
        self.loss(x, t).backward()
        norm = getattr(self.network, "clip_norm", None)
        if norm:
            self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), norm)
        self.optimizer.step()


class _Graphs(_OnGpu):
    """A whole step is captured once, and replayed on batches that are copied to one place."""

    def prepare(self):
        torch, rows = self.torch, slice(0, self.network.batch)
        self.x, self.t = self.X[rows].clone(), self.y[rows].clone()
        for group in self.optimizer.param_groups:
            group["capturable"] = True
        apart = torch.cuda.Stream()
        apart.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(apart):
            for _ in range(3):
                self._step(self.x, self.t)
        torch.cuda.current_stream().wait_stream(apart)
        self.graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad()
        with torch.cuda.graph(self.graph):
            self._step(self.x, self.t)
        self.run(1)

    def _step_on(self, rows):
        self.torch.index_select(self.X, 0, rows, out=self.x)
        self.torch.index_select(self.y, 0, rows, out=self.t)
        self.graph.replay()


class _Jax:
    """JAX, whose default device must be a GPU."""

    def __init__(self, network, X, y, threads):
        import jax

        if jax.default_backend() == "cpu":
            raise RuntimeError("JAX finds no GPU")
        super().__init__(network, X, y, threads)
        self.X, self.y = (jax.numpy.asarray(array) for array in (self.X, self.y))


def _both(name, *before, **more):
    """A class for dense networks, and one for the others, by the class of that name in both."""
    made = [type(name, (*before, getattr(home, name)), dict(more)) for home in (dense, layered)]
    return tuple(made)


FIELD = {
    "fusednn": _both("Fusednn", device="cuda"),
    "graphs": _both("Torch", _Graphs),
    "torch": _both("Torch", _OnGpu),
    "cpu": _both("Fusednn"),
    "compile": _both("TorchCompile", _OnGpu),
    "jax": _both("Jax", _Jax),
}
"""By names: for dense networks, and for others."""


def contestant(name, network, data, threads):
    """A contestant of a network."""
    kinds = FIELD[name]
    return kinds[not isinstance(network, Network)](network, *data, threads)


class Frozen:
    """`predict_proba` of a predictor on a device."""

    def __init__(self, model, X, device):
        from fusednn import freeze

        self.frozen, self.X = freeze(model, device=device), X

    def prepare(self):
        self.run(2)

    def run(self, calls):
        return timed(lambda: [self.probabilities() for _ in range(calls)])

    def probabilities(self):
        """Those of all samples."""
        return self.frozen.predict_proba(self.X, validate=False)


class TorchModule(Frozen):
    """A module on the GPU, in inference mode."""

    def __init__(self, trained, X):
        self.trained, self.torch = trained, trained.torch
        self.X = self.torch.from_numpy(X).reshape(len(X), *trained.X.shape[1:]).contiguous()

    def probabilities(self):
        with self.torch.inference_mode():
            z = self.trained.model(self.X.to("cuda"))
            return (z.sigmoid() if z.shape[-1] == 1 else z.softmax(-1)).cpu().numpy()
