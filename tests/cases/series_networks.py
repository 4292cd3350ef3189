"""Networks that take series of unequal lengths, with each op that has a time axis."""

import numpy as np
from cases.op_networks import CASES
from cases.window_networks import convolution, pool, transpose, whole_pool

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.untrained import GaussianNoise, Standardize
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.network import Network
from fusednn.plan.binding.activations import epilogue

T = 9
CHANNELS = epilogue("tanh", dropout=0.3)._replace(by_channel=True)
LISTS = {
    "two GRUs": (
        Reshape((2, T), channels_first=True),
        Recurrent(2, 5, "gru", sequences=True, both=True),
        Dense(10, 7, epilogue("gelu", dropout=0.2)),
        Recurrent(7, 3, "gru", both=True),
        Dense(6, 2),
    ),
    "two RNNs": (
        Reshape((T, 2)),
        Recurrent(2, 17, "relu", sequences=True, both=True, after=CHANNELS),
        Recurrent(34, 4, "tanh", both=True),
        Dense(8, 6),
    ),
    "residual LSTM": (
        Reshape((T, 2)),
        Recurrent(2, 5, "lstm", sequences=True, both=True, after=epilogue("tanh", dropout=0.1)),
        Residual((Recurrent(10, 10, "lstm", sequences=True), LayerNorm(10)), epilogue("softplus")),
        whole_pool((T, 10), True),
        Dense(10, 6),
    ),
    "steps by themselves": (
        Reshape((T, 2)),
        Standardize(2),
        Dense(2, 17, epilogue("softplus"), weight_norm=True),
        PReLU(17),
        whole_pool((T, 17), False),
        Dense(17, 6),
    ),
    "columns of steps": (
        Reshape((T, 2)),
        Scaling(2, rate=2.0),
        PiecewiseLinear(2, (1,), (3,), 4, epilogue("softplus")),
        Dense(5, 3),
        Parametric(3, function=epilogue("softplus")),
        Periodic(3, (0, 2), 4, 3),
        PiecewiseLinear(7, (5,), (2,)),
        Periodic(8, (1,), 3, 17, is_plr=True),
        whole_pool((T, 24), False),
        Dense(24, 6),
    ),
    "BatchNorm": (
        Reshape((T, 2)),
        Dense(2, 5),
        BatchNorm(5, epilogue("relu")),
        GaussianNoise(5, deviation=0.1),
        Recurrent(5, 3, "gru", sequences=True),
        whole_pool((T, 3), False),
        Dense(3, 2),
    ),
    "convolutions": (
        Reshape((T, 2)),
        convolution((T, 2), 17, (3,), "relu", padding=((1, 1),), stride=(2,)),
        convolution((5, 17), 4, (2,), "softplus"),
        whole_pool((4, 4), True),
        Dense(4, 2),
    ),
    "groups": (
        Reshape((T, 2)),
        Dense(2, 17, epilogue("softplus")),
        convolution((T, 17), 34, (3,), "tanh", padding=((2, 0),), groups=17),
        pool((T, 34), (3,), False, stride=(2,), padding=((1, 1),), overhangs=True),
        Recurrent(34, 4, "lstm", both=True),
        Dense(8, 2),
    ),
    "pools": (
        Reshape((T, 2)),
        Dense(2, 17),
        pool((T, 17), (2,), True, stride=(1,), padding=((1, 1),)),
        pool((T + 1, 17), (3,), True, stride=(3,), overhangs=True),
        UpSampling((4, 17), (2,), epilogue("tanh")),
        BatchNorm(17),
        whole_pool((8, 17), False),
        Dense(17, 2),
    ),
    "transposed convolutions": (
        Reshape((T, 2)),
        transpose((T, 2), 6, (3,), "gelu", stride=(2,), groups=2),
        transpose((2 * T + 1, 6), 17, (2,), "gelu", padding=((1, 0),)),
        convolution((2 * T + 1, 17), 6, (2,), "tanh"),
        Recurrent(6, 3, "gru"),
        Dense(3, 2),
    ),
    "tokens": (
        TokenEmbedding(T, 5, 17, 0, epilogue("tanh", dropout=0.2)),
        convolution((T, 17), 3, (2,), "relu", padding=((1, 0),)),
        Recurrent(3, 4, "gru", both=True),
        Dense(8, 2),
    ),
    "attention": (
        Reshape((T, 2)),
        Dense(2, 20),
        Positions(T + 4, 20, after=epilogue("tanh")),
        Residual(
            (
                LayerNorm(20),
                Chain((Dense(20, 28), Attention(4, 5, 1, True, 0.3, 100.0), Dense(20, 34))),
                Gate(17, epilogue("identity", dropout=0.2)),
                Dense(17, 20),
            )
        ),
        Dense(20, 40),
        Attention(5, 4, 2, dropout=0.2, after=epilogue("softplus")),
        Positions(T + 7, 20, learned=False),
        whole_pool((T, 20), False),
        Dense(20, 2),
    ),
    "depthwise": (
        Reshape((T, 4)),
        convolution((T, 4), 4, (3,), "tanh", padding=((1, 1),), groups=4),
        transpose((T, 4), 4, (2,), groups=4, stride=(2,)),
        convolution((2 * T, 4), 8, (3,), groups=2, padding=((1, 1),)),
        pool((2 * T, 8), (2,), False),
        whole_pool((T, 8), True),
        Dense(8, 2),
    ),
}


def steps_of(network):
    """The steps of a network's samples; 0 if its first op does not make them series."""
    first = network.ops[0]
    makes_series = isinstance(first, Reshape) or may_pad_tokens(first)
    shape = first.out_shape((first.fan_in,)) if makes_series else ()
    return shape[0] if len(shape) == 2 else 0


def may_pad_tokens(first):
    """Whether an op reads tokens that may have padding."""
    return isinstance(first, TokenEmbedding) and first.padding is not None


def fewest_steps(network):
    """The fewest steps that a network takes; None if it fixes them."""
    for steps in range(1, steps_of(network)):
        try:
            network.with_steps(steps)
        except ValueError:
            continue
        return steps
    return None


def more_steps(network):
    """More steps than a network's, if it takes these; tables of positions may have none left."""
    steps = steps_of(network) + 4
    try:
        network.with_steps(steps)
    except ValueError:
        return steps_of(network)
    return steps


SERIES = {
    **{name: Network(ops, "squared_error") for name, ops in LISTS.items()},
    **{name: network for name, network in CASES.items() if fewest_steps(network)},
}


def padded_series(network, samples, rng, dtype=float):
    """Samples of a network with padding, and their steps: the most and the fewest at least."""
    most, fewest = steps_of(network), fewest_steps(network)
    counts = rng.integers(fewest, most + 1, size=samples)
    counts[:2] = most, fewest
    if may_pad_tokens(network.ops[0]):
        X = rng.integers(1, 4, size=(samples, most))
        return np.where(np.arange(most) < counts[:, np.newaxis], X, 0).astype(dtype), counts
    X = rng.normal(size=(samples, most, network.inputs // most)).astype(dtype)
    X[np.arange(most) >= counts[:, np.newaxis]] = np.nan
    return as_rows(network, X), counts


def as_rows(network, series):
    """Series (n, T, features) as rows of the data."""
    if getattr(network.ops[0], "channels_first", False):
        series = series.transpose(0, 2, 1)
    return np.ascontiguousarray(series.reshape(len(series), -1))


def as_series(network, rows):
    """Rows of the data as series (n, T, features)."""
    steps = steps_of(network)
    if getattr(network.ops[0], "channels_first", False):
        return rows.reshape(len(rows), -1, steps).transpose(0, 2, 1)
    return rows.reshape(len(rows), steps, -1)


def alone(network, X, sample, steps):
    """A sample of so many steps without its padding, and the network for it."""
    own = as_series(network, X[sample : sample + 1])[:, :steps]
    return network.with_steps(int(steps)), as_rows(network, own)


def padded_to(network, X, steps):
    """The network for series of more steps, and X padded to these."""
    series = as_series(network, X)
    fill = 0 if may_pad_tokens(network.ops[0]) else np.nan
    wide = np.full((len(X), steps, series.shape[2]), fill, X.dtype)
    wide[:, : series.shape[1]] = series
    return network.with_steps(steps), as_rows(network, wide)
