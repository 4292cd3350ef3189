"""One layer over windows, of random sizes, in a small network."""

from dataclasses import dataclass
from math import prod

import numpy as np

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.network import Network
from fusednn.graph.windows import Windows
from fusednn.plan.binding.activations import epilogue
from fusednn.plan.training import Rule, Target
from fusednn.training.predict import predict
from fusednn.training.session import Session

TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-9}
"""Relative to the largest element of an array."""


@dataclass
class Case:
    """A layer between two others, so that its rows are padded, or right behind the data.

    Parameters
    ----------
    op : Layer
    shape : tuple of int
        The axes of a sample of its input.
    behind_data : bool
        Whether the layer reads the data themselves.
    samples, seed : int
    dtype : type
    """

    op: object
    shape: tuple
    behind_data: bool = False
    samples: int = 11
    seed: int = 0
    dtype: type = np.float64

    def __post_init__(self):
        random, sizes, C = np.random.RandomState(self.seed), self.shape[:-1], self.shape[-1]
        ones = (1,) * len(sizes)
        windows = Windows(sizes, ones, ones, ((0, 0),) * len(sizes), ones)
        first = () if self.behind_data else (Convolution(C, C, windows),)
        self.out_shape = self.op.out_shape(self.shape)
        width = prod(self.out_shape)
        ops = (Reshape(self.shape), *first, self.op, Reshape((width,)), Dense(width, 2))
        self.network = Network(ops, "squared_error")
        self.X = random.normal(size=(self.samples, prod(self.shape))).astype(self.dtype)
        self.t = random.normal(size=(self.samples, 2)).astype(self.dtype)
        self.parameters = [
            (random.normal(size=p.shape) / max(1, prod(p.shape[:-1])) ** 0.5).astype(self.dtype)
            for p in self.network.parameters()
        ]

    def session(self, n_jobs=1, rule=None, batch=None):
        """Training of the network, with its parameters loaded."""
        session = Session(
            self.network, self.X, Target(self.t, None), rule or Rule(None, inputs=True),
            batch=batch or self.samples, order=np.arange(self.samples), l2=0.0, n_jobs=n_jobs,
        )  # fmt: skip
        session.load(self.parameters)
        return session

    def outputs(self, X, n_jobs=1):
        """The network's outputs."""
        return predict(self.network, self.parameters, X, n_jobs=n_jobs, answer="outputs")

    def ours(self, n_jobs=1, prepare=lambda session: None):
        """The outputs, the gradients by the parameters, and that by the data."""
        session = self.session(n_jobs)
        prepare(session)
        with session:
            session.run_gradient(2.0)
        plan = session.plan
        gradients = plan.layout.unpack(plan.gradient)
        return [self.outputs(self.X, n_jobs), *gradients, plan.dx]

    def expected(self, theirs):
        """The same, from a function of the layer.

        Parameters
        ----------
        theirs : callable
            From the op, its input (n, *shape) and its parameters, in float64, to its output, and
            to a function from the gradient by that to those by the input and the parameters.
        """
        parameters = [array.astype(float) for array in self.parameters]
        X = self.X.astype(float).reshape(-1, *self.shape)
        *own, w, b = parameters
        x = X
        if not self.behind_data:
            w0, b0, *own = own
            mixed = w0.reshape(w0.shape[-2:])
            x = X @ mixed + b0
        value, back = theirs(self.op, x, *own)
        assert value.shape[1:] == self.out_shape
        flat = value.reshape(self.samples, -1)
        outputs = flat @ w + b
        dz = (outputs - self.t) / self.samples
        dx, *gradients = back((dz @ w.T).reshape(value.shape))
        gradients += [flat.T @ dz, dz.sum(axis=0)]
        if not self.behind_data:
            d = dx.reshape(-1, dx.shape[-1])
            dw0 = (X.reshape(d.shape).T @ d).reshape(w0.shape)
            gradients, dx = [dw0, d.sum(axis=0), *gradients], dx @ mixed.T
        return [outputs, *gradients, dx.reshape(self.samples, -1)]

    def check(self, wanted):
        """Compares `ours` with other arrays."""
        for mine, other in zip(self.ours(), wanted, strict=True):
            assert mine.shape == other.shape
            off = abs(mine - other).max() / max(abs(other).max(), 1e-30)
            assert off <= TOLERANCES[np.dtype(self.dtype)], off


def random_windows(random, axes, largest=10):
    """Windows of which at least one fits."""
    while True:
        sizes, kernel, stride, dilation = (
            tuple(map(int, random.randint(1, high, axes))) for high in (largest, 5, 4, 3)
        )
        padding = tuple(tuple(map(int, random.randint(0, 4, 2))) for _ in range(axes))
        if random.rand() < 0.3:
            padding = ((0, 0),) * axes
        windows = Windows(sizes, kernel, stride, padding, dilation)
        if min(windows.counts) > 0:
            return windows


def random_case(kind, seed, dtype, groups=None, channels=None, largest=10):
    """A layer of random sizes.

    Parameters
    ----------
    kind : type
        Convolution, TransposedConvolution or UpSampling.
    seed : int
    dtype : type
    groups : int, optional
    channels : pair of int, optional
        Those of a group, and its filters.
    largest : int
        The sizes are below it.
    """
    random = np.random.RandomState(seed)
    windows = random_windows(random, random.randint(1, 3), largest)
    found = int(random.choice([1, 2, 3, 5]))
    C, O = map(int, channels or random.choice([1, 2, 3, 5, 16, 17], 2))
    groups = found if groups is None else groups
    shape = (*windows.sizes, C * groups)
    after = epilogue("relu", ()) if random.rand() < 0.5 else epilogue("identity", ())
    if kind is UpSampling:
        op = UpSampling(shape, windows.kernel)
    elif kind is Convolution:
        op = Convolution(C * groups, O * groups, windows, after, groups=groups)
    else:
        op = TransposedConvolution(C * groups, O * groups, windows, groups=groups)
        shape = (*windows.counts, C * groups)
    near = bool(random.rand() < 0.4)
    return Case(op, shape, near, int(random.randint(1, 20)), seed, dtype)


KINDS = Convolution, TransposedConvolution, UpSampling


def pooled_case(seed, dtype):
    """A pool of random sizes whose input has ties."""
    random = np.random.RandomState(seed)
    while True:
        axes = random.randint(1, 3)
        sizes, kernel, stride = (
            tuple(map(int, random.randint(1, high, axes))) for high in (12, 5, 4)
        )
        padding = tuple((half, half) for half in (random.randint(k // 2 + 1) for k in kernel))
        windows = Windows(sizes, kernel, stride, padding, (1,) * axes, bool(random.randint(2)))
        if min(windows.counts) > 0:
            break
    op = Pooling(int(random.choice([1, 3, 16, 17])), windows, bool(random.randint(2)))
    case = Case(op, (*sizes, op.width), samples=int(random.randint(1, 20)), seed=seed, dtype=dtype)
    case.X = random.randint(-2, 3, case.X.shape).astype(dtype)
    case.parameters[0][:] = np.eye(op.width)
    case.parameters[1][:] = 0
    return case
