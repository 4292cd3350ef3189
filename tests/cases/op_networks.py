"""Small networks that have every op of `graph/layers`, with each of its options."""

import numpy as np
from cases.window_networks import convolution, pool, transpose, whole_pool
from every_part import ACTIVATIONS, LAYERS

from fusednn.estimators.network.building import build
from fusednn.estimators.network.list_ends import divided
from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.latent import Latent
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.tied import Mirrored, Tied
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.network import Network
from fusednn.plan.binding.activations import epilogue
from fusednn.schedules import WarmUp

LISTS = {
    "dense": (Dense(6, 7, epilogue("relu")), Dense(7, 2)),
    "many outputs": (Dense(6, 5, epilogue("tanh", dropout=0.3)), Dense(5, 6)),
    "one": (Dense(6, 3),),
    "no bias": (Dense(6, 4, epilogue("leaky_relu", (0.5,)), bias=False), Dense(4, 1, bias=False)),
    "scale": (
        Standardize(6),
        Dense(6, 5, epilogue("gelu", dropout=0.2)),
        BatchNorm(5),
        Dense(5, 3),
    ),
    "norms": (
        Dense(6, 5),
        BatchNorm(5, epilogue("tanh", dropout=0.1), epsilon=1e-3),
        Residual((LayerNorm(5), Dense(5, 5, epilogue("relu")))),
        LayerNorm(5, centered=False),
        Dense(5, 2),
    ),
    "first a norm": (BatchNorm(6), LayerNorm(6, epilogue("silu")), Dense(6, 2)),
    "first a residual": (Residual((BatchNorm(6), Dense(6, 6, epilogue("gelu")))), Dense(6, 1)),
    "nested": (
        Dense(6, 4),
        Residual((Residual((Dense(4, 4, epilogue("tanh")),), epilogue("selu")), PReLU(4))),
        Dense(4, 2),
    ),
    "noise": (
        GaussianNoise(6, deviation=0.1),
        Dense(6, 5, epilogue("selu", dropout=0.2, alpha=True)),
        Identity(5, epilogue("softplus")),
        GaussianNoise(5, epilogue("mish"), deviation=0.2),
        Dense(5, 5),
    ),
    "noise with schedules": (
        GaussianNoise(6, deviation=0.1, schedule=WarmUp(3)),
        Dense(6, 5, epilogue("selu", dropout=0.4)._replace(alpha=True, schedule=WarmUp(2))),
        Dense(5, 5, epilogue("relu", dropout=0.3)._replace(schedule=WarmUp(2))),
        GaussianNoise(5, deviation=0.1, schedule=WarmUp(3)),
        Dense(5, 4, epilogue("tanh", dropout=0.4)._replace(alpha=True, schedule=WarmUp(2))),
        Identity(4, epilogue("relu", dropout=0.3)._replace(schedule=WarmUp(4))),
        Dense(4, 2),
    ),
    "weight norm": (
        Dense(6, 5, epilogue("leaky_relu", (0.2,)), weight_norm=True),
        PReLU(5),
        Dense(5, 3, weight_norm=True),
    ),
    "parametric": (
        Parametric(6, epilogue("tanh", dropout=0.2), function=epilogue("gelu")),
        Dense(6, 5),
        Parametric(5, rate=0.1, function=epilogue("elu"), decay=0.0, start=0.5),
        Reshape((5, 1)),
        Residual((Parametric(1, function=epilogue("leaky_relu", (0.3,))),)),
        Reshape((5,)),
        Parametric(5, function=epilogue("softplus")),
        Dense(5, 2),
    ),
    "periodic": (
        Periodic(6, (4, 1), 3, 4, after=epilogue("tanh", dropout=0.2)),
        Reshape((4, 3)),
        Periodic(3, (1,), 2, 2, is_plr=True, after=epilogue("gelu"), rate=0.5),
        Residual((Dense(4, 2), Periodic(2, (0, 1), 17, 2, decay=0.0))),
        Reshape((16,)),
        Dense(16, 2),
    ),
    "bins": (
        PiecewiseLinear(6, (4, 1), (3, 1), after=epilogue("tanh", dropout=0.2)),
        Reshape((4, 2)),
        PiecewiseLinear(2, (1,), (2,), 3, epilogue("gelu"), rate=0.5),
        Residual((Dense(4, 2), PiecewiseLinear(2, (0, 1), (1, 2), 2, decay=0.0))),
        Reshape((16,)),
        PiecewiseLinear(16, (0,), (4,)),
        Dense(19, 2),
    ),
    "factors": (
        Scaling(6, epilogue("tanh", dropout=0.1)),
        Dense(6, 5),
        Scaling(5, decay=0.0),
        Reshape((5, 1)),
        Scaling(1, epilogue("gelu"), rate=3.0),
        Reshape((5,)),
        Dense(5, 2),
    ),
    "embedding": (
        Embedding(6, (1, 3), (4, 5), (2, 3), epilogue("tanh")),
        Dense(9, 4, epilogue("hard_swish")),
        Dense(4, 2),
    ),
    "rows": (
        Reshape((2, 3)),
        Dense(3, 5, epilogue("relu", dropout=0.2)),
        LayerNorm(5, epilogue("gelu")),
        Reshape((10,)),
        Dense(10, 2),
    ),
    "rows of one column": (
        Standardize(6),
        Reshape((6, 1), after=epilogue("tanh", dropout=0.1)),
        PReLU(1),
        Dense(1, 17, epilogue("silu"), weight_norm=True),
        BatchNorm(17),
        GaussianNoise(17, deviation=0.1),
        Reshape((102,), after=epilogue("selu", dropout=0.2, alpha=True)),
        Dense(102, 5),
    ),
    "channels first": (
        Reshape((3, 1, 2), channels_first=True),
        Residual(
            (
                BatchNorm(3),
                Dense(3, 4, epilogue("gelu")),
                GaussianNoise(4, deviation=0.1),
                Dense(4, 3),
            )
        ),
        Reshape((6,)),
        Dense(6, 6),
    ),
    "turned on the way": (
        Dense(6, 12),
        Reshape((4, 3), channels_first=True),
        Residual((Reshape((6, 2)), LayerNorm(2, centered=False), Dense(2, 2), Reshape((3, 4)))),
        Reshape((2, 6), channels_first=True),
        Identity(2, epilogue("softplus", dropout=0.1)),
        Reshape((2, 3, 2), channels_first=True),
        Dense(2, 1),
        Reshape((6,)),
        Dense(6, 1),
    ),
    "a residual of one row": (
        Reshape((2, 3)),
        Residual((Reshape((6,)), Identity(6, epilogue("tanh", dropout=0.2)), Reshape((2, 3)))),
        Reshape((6,), after=epilogue("mish")),
        Dense(6, 1),
    ),
    "vectors in rows": (
        Embedding(6, (1, 3), (4, 5), (2, 2)),
        Reshape((4, 2)),
        Dense(2, 3, epilogue("tanh")),
        Reshape((12,)),
        Dense(12, 2),
    ),
    "tokens": (
        TokenEmbedding(6, 4, 3, 0, epilogue("tanh", dropout=0.2)),
        Recurrent(3, 2, "gru", sequences=True),
        whole_pool((6, 2), True),
        Dense(2, 2),
    ),
    "tokens at once": (
        TokenEmbedding(6, 5, 17),
        BatchNorm(17),
        Reshape((102,)),
        Dense(102, 1),
    ),
    "tied tokens": (
        TokenEmbedding(6, 4, 3, None, epilogue("tanh")),
        Recurrent(3, 3, "gru", sequences=True),
        Tied(3, 4),
    ),
    "tied tokens, sums by chunks": (
        TokenEmbedding(6, 70, 17),
        Dense(17, 17, epilogue("gelu", dropout=0.1)),
        Residual((LayerNorm(17), Dense(17, 17))),
        Tied(17, 70, epilogue("relu")),
    ),
    "tied halves": (
        GaussianNoise(6, deviation=0.1),
        Dense(6, 20, epilogue("tanh")),
        BatchNorm(20),
        Dense(20, 3, epilogue("relu", dropout=0.1)),
        Mirrored(3, 20, epilogue("gelu", dropout=0.1), bias=False, of=3),
        Mirrored(20, 6, epilogue("relu"), of=1),
    ),
    "tied halves of rows": (
        Dense(6, 34),
        Reshape((2, 17)),
        Dense(17, 18, epilogue("tanh")),
        Reshape((3, 12)),
        Dense(12, 18),
        Mirrored(18, 17, epilogue("silu"), of=2),
        Reshape((51,)),
    ),
    "windows": (
        Reshape((2, 3, 1)),
        convolution((2, 3, 1), 17, (2, 2), "relu", padding=((1, 0), (0, 2)), dilation=(1, 2)),
        pool((2, 3, 17), (1, 3), False, stride=(1, 2), padding=((0, 0), (1, 1)), overhangs=True),
        Residual((convolution((2, 2, 17), 17, (3, 1), "tanh", padding=((1, 1), (0, 0))),)),
        pool((2, 2, 17), (2, 1), True, stride=(1, 1), after="silu"),
        whole_pool((1, 2, 17), False),
        Dense(17, 2),
    ),
    "enlarging": (
        Reshape((1, 3, 2)),
        transpose(
            (1, 3, 2), 17, (2, 3), "relu", stride=(3, 2), padding=((0, 1), (2, 0)), more=(2, 1)
        ),
        UpSampling((3, 6, 17), (1, 2), epilogue("tanh", dropout=0.1)),
        transpose((3, 12, 17), 2, (3, 2), dilation=(2, 1), padding=((3, 3), (1, 0))),
        Reshape((24,)),
        Dense(24, 2),
    ),
    "recurrences": (
        Reshape((3, 2)),
        Recurrent(2, 5, "lstm", sequences=True, after=epilogue("gelu", dropout=0.2)),
        Residual(
            (Recurrent(5, 3, "gru", sequences=True, both=True), Dense(6, 5)),
            shortcut=(Recurrent(5, 5, "relu", sequences=True),),
        ),
        Recurrent(5, 2, "lstm", both=True, after=epilogue("silu", dropout=0.1, alpha=True)),
        Dense(4, 2),
    ),
    "one direction": (
        Reshape((6, 1)),
        Recurrent(1, 4, "gru", sequences=True, after=epilogue("tanh")),
        Recurrent(4, 3, "tanh", both=True, sequences=True),
        Recurrent(6, 2, "gru"),
    ),
    "rows in chunks": (
        Reshape((3, 2)),
        Dense(2, 17, epilogue("tanh")),
        Dense(17, 33, epilogue("tanh", dropout=0.2), bias=False),
        Residual((Dense(33, 16, epilogue("tanh")), Dense(16, 33)), epilogue("tanh")),
        Reshape((99,)),
        Dense(99, 2),
    ),
    "attention": (
        Reshape((3, 2)),
        Positions(3, 2, after=epilogue("tanh")),
        Residual(
            (
                Dense(2, 20),
                Attention(4, 3, 1, causal=True, dropout=0.3, base=100.0),
                Dense(12, 2, epilogue("identity", dropout=0.2)),
            )
        ),
        Chain((PReLU(2), Dense(2, 36)), epilogue("silu")),
        Attention(3, 4, 4, after=epilogue("gelu", dropout=0.1)),
        Positions(3, 12, learned=False),
        Chain((Dense(12, 34), Gate(17, epilogue("tanh", dropout=0.2)), Dense(17, 2))),
        Reshape((6,)),
        Dense(6, 2),
    ),
    "attention to later steps": (
        Reshape((6, 1)),
        Dense(1, 12),
        Attention(2, 2, 2, dropout=0.4, base=10.0),
        Positions(6, 4),
        Attention(1, 2, 1, causal=True),
        Gate(1),
        Reshape((6,)),
    ),
    "a sequence at the end": (
        Reshape((3, 2)),
        Recurrent(2, 5, "lstm", sequences=True, both=True, after=epilogue("tanh", dropout=0.2)),
        Dense(10, 3),
    ),
    "an image at the end": (
        Reshape((2, 3, 1)),
        convolution((2, 3, 1), 17, (2, 2), "relu", padding=((1, 0), (1, 0))),
        BatchNorm(17),
        Dense(17, 6),
    ),
    "shortcuts": (
        Reshape((6, 1)),
        Residual(
            (convolution((6, 1), 3, (3,), "tanh", padding=((1, 1),), stride=(2,)), BatchNorm(3)),
            epilogue("relu", dropout=0.2),
            (pool((6, 1), (2,), False), Dense(1, 3)),
        ),
        Residual((LayerNorm(3),), shortcut=(Residual((Dense(3, 3),), shortcut=(PReLU(3),)),)),
        Reshape((9,)),
        Dense(9, 2),
    ),
    "channels dropped": (
        Reshape((3, 2)),
        transpose((3, 2), 4, (2,), "gelu", stride=(2,), groups=2),
        Residual(
            (Identity(4, epilogue("tanh", dropout=0.3)._replace(by_channel=True)),),
            shortcut=(Dense(4, 4),),
        ),
        Reshape((24,)),
        Dense(24, 2),
    ),
    "codes": (
        Dense(6, 5, epilogue("tanh", dropout=0.2)),
        Dense(5, 18),
        Latent(9, beta=0.7),
        Dense(9, 5, epilogue("tanh")),
        Dense(5, 6),
    ),
    "codes between activations": (
        Dense(6, 2, epilogue("tanh")),
        Latent(1, after=epilogue("gelu", dropout=0.1)),
        Dense(1, 2),
    ),
    "rates of biases": (
        Dense(6, 6, epilogue("tanh"), rate=0.5, bias_rate=0.25),
        Reshape((3, 2)),
        convolution((3, 2), 4, (2,))._replace(rate=2.0, bias_rate=0.5),
        transpose((2, 4), 3, (2,))._replace(bias_rate=0.0),
        Recurrent(3, 3, "gru", sequences=True, both=True, bias_rate=0.5),
        Reshape((18,)),
        Dense(18, 5, bias_rate=0.0, weight_norm=True),
        Dense(5, 2, bias_rate=3.0),
    ),
    **{name: (Dense(6, 5, epilogue(name)), Dense(5, 2)) for name in ACTIVATIONS},
}
CASES = {
    **{name: Network(ops, "squared_error") for name, ops in LISTS.items()},
    **{
        f"list of {name}": Network(
            build(*divided(specs, 3, "identity"), (6,), scaled=False).ops, "squared_error"
        )
        for name, specs in LAYERS.items()
    },
}
RESCALED = Network((Rescale(6), Dense(6, 2)), "squared_error")  # only answers


def code_columns(network):
    """The columns of the data that the first op looks up."""
    first = network.ops[0]
    if isinstance(first, TokenEmbedding):
        return list(range(6))
    return list(first.columns) if isinstance(first, Embedding) else []


def every_op():
    """All ops, also those inside others."""
    waiting = [Rescale(6), *(op for ops in LISTS.values() for op in ops)]
    while waiting:
        op = waiting.pop()
        waiting += op.ops if isinstance(op, Residual | Chain) else ()
        yield op


def parameters_for(graph, rng):
    """Values for the parameters of a graph, some of which must be above 0."""
    found = []
    for parameter, _ in graph.parameters:
        values = rng.normal(size=parameter.shape) * 0.7
        if parameter.name in ("scale", "factor", "lengths"):
            values += 1
        if parameter.name == "edges":
            values = np.linspace(-1, 2, len(values))
        found.append(np.maximum(values, parameter.least) + (parameter.least == 0))
    return found
