"""Models made of ops by hand: every op, activation, head and type, without a fit."""

from itertools import pairwise

import numpy as np
from fusednn.kernels.activations import ACTIVATIONS

from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.untrained import Identity, Standardize
from fusednn.plan.binding.activations import epilogue
from fusednn.serving.model import (
    BINARY,
    COLUMNS,
    MULTICLASS,
    MULTILABEL,
    VALUES,
    Columns,
    Head,
    Model,
)

SHORT = Head(VALUES, "identity")
ROWS = 45


def made(ops, head, dtype, seed=0):
    """A model of these ops with parameters drawn at random."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    arrays = [array for op in ops for array in _arrays(op, rng, dtype)]
    return Model(tuple(ops), arrays, head, dtype, ("Made", "Made"))


def _arrays(op, rng, dtype):
    if isinstance(op, Residual):
        return [array for inner in op.ops for array in _arrays(inner, rng, dtype)]
    shapes = [(one.shape, float if one.exact else dtype) for one in op.parameters()]
    arrays = [rng.standard_normal(shape).astype(kind) for shape, kind in shapes]
    if isinstance(op, Dense):
        arrays[0] /= np.sqrt(op.fan_in).astype(dtype)
    if isinstance(op, BatchNorm):
        arrays[3] = np.abs(arrays[3])
    if isinstance(op, PiecewiseLinear):
        arrays[0].sort()
    if isinstance(op, Rescale):
        arrays[2] = np.abs(arrays[2]) + 0.5
        arrays[4:] = np.full(op.width, -1.5), np.full(op.width, np.inf)
    return arrays


def chain(*sizes):
    """Dense layers of these sizes."""
    return [
        Dense(i, o, epilogue("leaky_relu", (0.7,))) for k, (i, o) in enumerate(pairwise(sizes))
    ]


def activation_models(dtype):
    """Each activation by itself, over numbers of all sizes; and constants of one's own."""
    limit = 80.0 if dtype == "float32" else 700.0
    X = np.concatenate([np.linspace(-limit, limit, 301), np.linspace(-4, 4, 296), [0.0, -0.0]])
    X = np.concatenate([X, [1e-30, -1e-30, 1e30, -1e30, limit, 0.5]]).reshape(-1, 5)
    epilogues = {name: epilogue(name) for name in ACTIVATIONS if name != "identity"}
    epilogues |= {"leaky_relu_slope": epilogue("leaky_relu", (0.3,))}
    return {
        f"{name}_{dtype}": (made([Identity(5, after)], SHORT, dtype), X)
        for name, after in epilogues.items()
    }


def layer_models(dtype):
    """Each op, with an activation and without, in place and with its input kept."""
    rng, tanh, width = np.random.default_rng(1), epilogue("tanh"), 19
    X, few = rng.standard_normal((ROWS, width)), rng.standard_normal((ROWS, 3))
    codes = rng.standard_normal((ROWS, 5))
    codes[:, 1], codes[:, 3] = rng.integers(0, 4, ROWS), rng.integers(0, 9, ROWS)
    codes[:8, 1] = -0.6, -1e30, 0.4999, 0.5, 3.5, 4, 1e30, 2.5  # no codes, or just so
    inner = (Dense(width, 40, epilogue("relu")), PReLU(40), Dense(40, width))
    nested = (LayerNorm(width, tanh), Residual(inner, tanh), Standardize(width))
    ops = {
        "sizes": (chain(3, 1, 2, 4, 5, 8, 9, 15, 16, 17, 20, 21, 33, 36, 37, 64, 67, 70, 6), few),
        "wide": (chain(3, 3000, 2), few),
        "scale": ([Standardize(width), Standardize(width, tanh)], X),
        "parametric": (
            [
                Parametric(width, function=epilogue("selu")),
                Parametric(width, tanh, function=epilogue("leaky_relu", (0.3,))),
                Residual((Parametric(width, function=epilogue("mish")),)),
            ],
            X,
        ),
        "periodic": (
            [
                Periodic(width, (4, 1, 18), 3, 4),
                Residual((Periodic(28, (4, 1), 5, 3, is_plr=True), *chain(32, 28)), tanh),
            ],
            X * [1e8, *[1.0] * (width - 1)],
        ),
        "bins": (
            [
                PiecewiseLinear(width, (4, 1, 18), (3, 1, 6)),
                Residual((PiecewiseLinear(26, (4, 1), (2, 5), 3), *chain(30, 26)), tanh),
            ],
            X,
        ),
        "factors": ([Scaling(width), Scaling(width, tanh)], X),
        "prelu": ([PReLU(width), PReLU(width, tanh)], X),
        "layer_norm": ([LayerNorm(width), LayerNorm(width, tanh, epsilon=0.3)], X),
        "rms_norm": ([LayerNorm(width, centered=False)], X),
        "batch_norm": ([BatchNorm(width), BatchNorm(width, tanh, epsilon=0.3)], X),
        "rescale": ([Rescale(width), Rescale(width)], 1e3 * X),
        "nested": ([Residual(nested), *chain(width, 5), Residual(tuple(chain(5, 5)), tanh)], X),
        "first": ([Residual((Residual((Identity(width, tanh),)),))], X),
        "nothing": ([Identity(width)], X),
        "rows": ([Reshape((width, 1), after=tanh), *chain(1, 5, 3), Reshape((3 * width,))], X),
        "rows_of_rows": (
            [
                Standardize(width),
                *chain(width, 24),
                Reshape((4, 2, 3), channels_first=True),
                Residual((LayerNorm(4), *chain(4, 9), BatchNorm(9), *chain(9, 4)), tanh),
                PReLU(4),
                Identity(4, tanh),
                Reshape((3, 8), channels_first=True, after=tanh),
                Residual((Reshape((4, 6)), *chain(6, 6), Rescale(6), Reshape((8, 3)))),
                Reshape((24,)),
            ],
            X,
        ),
        "rows_kept": (
            [
                Reshape((width, 1)),
                Residual((Reshape((width,)), LayerNorm(width), Reshape((width, 1)))),
                Reshape((width,)),
            ],
            X,
        ),
        "embedding": ([Embedding(5, (3, 1), (9, 4), (2, 17), tanh)], codes),
        "all_codes": ([Embedding(2, (0, 1), (4, 9), (1, 3))], codes[:, [1, 3]]),
    }
    return {f"{name}_{dtype}": (made(op, SHORT, dtype), data) for name, (op, data) in ops.items()}


def head_models(dtype):
    """Each meaning of the outputs, small and far from zero."""
    rng = np.random.default_rng(2)
    sizes = np.repeat([1, 30, 1000], ROWS // 3)[:, np.newaxis]
    some = tuple(map(np.arange, (3, 2, 4)))
    heads = {
        "binary": (Head(BINARY, "logistic", (np.array([0, 1]),)), 1),
        "one_class": (Head(BINARY, "logistic", (np.array([7]),)), 1),
        "multiclass": (Head(MULTICLASS, "softmax", (np.arange(11),)), 11),
        "multilabel": (Head(MULTILABEL, "logistic", (np.arange(3),)), 3),
        "columns": (Head(COLUMNS, "softmax", some), 9),
        "values": (Head(VALUES, "identity"), 5),
        "counts": (Head(VALUES, "exp"), 2),
        "points": (Head(VALUES, "identity", (), 2, 0), 6),
        "quantiles": (Head(VALUES, "identity", (), 3, None), 6),
        "deviations": (Head(VALUES, "identity", (), 2, 0, least=(-1.5, 0.25, -700.0)), 6),
        "exps": (Head(VALUES, "identity", inverse="exp"), 5),
        "expm1s": (Head(VALUES, "identity", (), 2, 0, inverse="expm1"), 6),
        "expm1s_of_exps": (Head(VALUES, "exp", inverse="expm1"), 2),
        "squares": (Head(VALUES, "identity", (), 3, None, inverse="square"), 6),
    }
    small = {"counts": 40, "deviations": 40, "exps": 40, "expm1s": 40, "expm1s_of_exps": 1500}
    models = {}
    for name, (head, outputs) in heads.items():
        X = rng.standard_normal((ROWS, outputs)) * sizes
        model = made([Standardize(outputs)], head, dtype)
        models[f"{name}_{dtype}"] = model, X / small.get(name, 1)
    model, X = models[f"exps_{dtype}"]
    models[f"chosen_{dtype}"] = (
        model._replace(columns=Columns(7, (6, 0, 3, 0, 2))),
        X[:, [*range(5), 0, 1]],
    )
    return models
