"""What each peer is asked: gradients of whole networks, and the elementary functions."""

import functools

import numpy as np
from fusednn.kernels import maths
from fusednn.kernels._jit import kernel
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.losses import LOSSES
from running.sessions import gradient, random_network, random_targets, sizes_for

SAMPLES = 31
SIZES = [7, 12, 5, 3]
L2 = 0.4
NETWORKS = [(activation, "softmax") for activation in ACTIVATIONS]
NETWORKS += [("tanh", loss) for loss in LOSSES if loss != "softmax"]
TOLERANCE = {"float32": 1e-5, "float64": 1e-9}
"""The tolerance of a gradient, relative to its largest entry."""

FUNCTIONS = {  # ranges where no result is subnormal or infinite
    "exp": (-80.0, 80.0),
    "expm1": (-80.0, 80.0),
    "log": (1e-30, 1e30),
    "log1p": (-0.999, 1e6),
    "tanh": (-12.0, 12.0),
    "sigmoid": (-80.0, 80.0),
    "softplus": (-80.0, 80.0),
    "normal_cdf": (-2.0, 8.0),  # the tails of both peers lose digits
}
ULPS = 16
"""Four are ours; the rest are left to the peer."""


def problem(loss, dtype):
    """X, targets and parameters."""
    X = np.random.RandomState(1).normal(size=(SAMPLES, SIZES[0])).astype(dtype)
    targets = random_targets(loss, SAMPLES, SIZES[-1], dtype)
    return X, targets, random_network(sizes_for(loss, SIZES), dtype)


def check_gradient(activation, loss, dtype, theirs):
    """Ours against `theirs(X, t, coefs, intercepts)`: a value and two lists of gradients."""
    X, t, network = problem(loss, dtype)
    ours = gradient(X, t, network, activation=activation, loss=loss, l2=L2)
    value, *parts = theirs(X, t, *network)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(ours[0], value, rtol=tolerance)
    for group, other in zip(ours[1:], parts, strict=True):
        for one, two in zip(group, other, strict=True):
            assert one.dtype == np.asarray(two).dtype == dtype
            np.testing.assert_allclose(one, two, rtol=0, atol=tolerance * abs(one).max())


def argument_of(name, dtype):
    low, high = FUNCTIONS[name]
    random = np.random.RandomState(2)
    spread = random.uniform(low, high, 5000)
    near = random.normal(size=5000)
    return np.concatenate([spread, near[(near > low) & (near < high)]]).astype(dtype)


@functools.cache
def _loop(name):
    function = getattr(maths, name)

    def loop(out, x):
        for i in range(x.size):
            out[i] = function(x[i])

    return kernel(loop)


def check_function(name, dtype, theirs, ulps=ULPS):
    """Ours against `theirs(x)` over an array."""
    x = argument_of(name, dtype)
    ours = np.empty_like(x)
    _loop(name)(ours, x)
    other = np.asarray(theirs(x))
    assert other.dtype == dtype
    np.testing.assert_allclose(ours, other, rtol=ulps * np.finfo(dtype).eps)
