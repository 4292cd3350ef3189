"""Networks of layers over windows with parameters drawn at random, for files and exports."""

from math import prod

import numpy as np

from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import Windows
from fusednn.plan.binding.activations import epilogue
from fusednn.serving.model import VALUES, Head, Model

WINDOWED = Convolution | TransposedConvolution | Pooling
ACTIVATIONS = "identity", "relu", "tanh", "leaky_relu"


def convolution(shape, filters, kernel, activation="identity", **options):
    """A convolution of samples of this shape: options are `groups` and those of `Windows`."""
    axes = len(shape) - 1
    stride, dilation = (options.get(name, (1,) * axes) for name in ("stride", "dilation"))
    windows = Windows(shape[:-1], kernel, stride, _padding(options, axes), dilation)
    groups = options.get("groups", 1)
    return Convolution(shape[-1], filters, windows, epilogue(activation), groups=groups)


def transpose(shape, filters, kernel, activation="identity", **options):
    """A transposed convolution of samples of this shape; `more` is its output padding."""
    axes = len(shape) - 1
    ones, padding = (1,) * axes, _padding(options, axes)
    stride, dilation = (options.get(name, ones) for name in ("stride", "dilation"))
    more = options.get("more", (0,) * axes)
    sizes = tuple(
        (n - 1) * s + d * (k - 1) + 1 + m - a - b
        for n, s, d, k, m, (a, b) in zip(
            shape[:-1], stride, dilation, kernel, more, padding, strict=True
        )
    )
    windows = Windows(sizes, kernel, stride, padding, dilation)
    groups = options.get("groups", 1)
    return TransposedConvolution(shape[-1], filters, windows, epilogue(activation), groups=groups)


def pool(shape, kernel, largest, **options):
    """A pool of samples of this shape, by default with the stride of the kernel."""
    axes = len(shape) - 1
    windows = Windows(
        shape[:-1],
        kernel,
        options.get("stride", kernel),
        _padding(options, axes),
        (1,) * axes,
        options.get("overhangs", False),
    )
    return Pooling(shape[-1], windows, largest, after=epilogue(options.get("after", "identity")))


def whole_pool(shape, largest):
    """A pool over the whole sample."""
    axes = len(shape) - 1
    ones = (1,) * axes
    windows = Windows(shape[:-1], shape[:-1], ones, ((0, 0),) * axes, ones)
    return Pooling(shape[-1], windows, largest, is_whole=True)


def _padding(options, axes):
    return options.get("padding", ((0, 0),) * axes)


def random_ops(seed, axes=None):
    """A chain of three to six ops over images or series, then one row of three outputs."""
    rng = np.random.default_rng(seed)
    axes = axes or int(rng.integers(1, 3))
    shape = (*_draw(rng, 5, 12, axes), int(rng.choice([1, 2, 3, 17])))
    ops = [Reshape(shape)]
    if rng.random() < 0.3:
        ops = [Reshape((shape[-1], *shape[:-1]), channels_first=True)]
    for _ in range(rng.integers(2, 5)):
        op = _random_op(rng, shape)
        if isinstance(op, WINDOWED) and min(*op.windows.counts, *op.windows.sizes) < 1:
            continue
        ops.append(op)
        shape = op.out_shape(shape)
    if rng.random() < 0.4:
        ops.append(whole_pool(shape, bool(rng.integers(2))))
        shape = shape[-1:]
    else:
        shape = (prod(shape),)
        ops.append(Reshape(shape))
    return [*ops, Dense(shape[0], 3)]


def _random_op(rng, shape):
    axes, width = len(shape) - 1, shape[-1]
    activation = str(rng.choice(ACTIVATIONS))
    kind = rng.integers(11)
    kernel = _draw(rng, 1, 4, axes)
    if kind <= 2:
        return convolution(
            shape,
            int(rng.choice([1, 3, 5, 16, 19, 40])),
            kernel,
            activation,
            stride=_draw(rng, 1, 3, axes),
            dilation=_draw(rng, 1, 3, axes),
            padding=tuple(_draw(rng, 0, 4, 2) for _ in range(axes)),
        )
    if kind <= 4:
        return pool(
            shape,
            kernel,
            bool(rng.integers(2)),
            stride=_draw(rng, 1, 4, axes),
            padding=tuple(tuple(int(rng.integers(0, k // 2 + 1)) for _ in "12") for k in kernel),
            overhangs=bool(rng.integers(2)),
            after=activation,
        )
    if kind == 5:
        same = [k // 2 for k in kernel]
        padding = tuple((half, k - 1 - half) for half, k in zip(same, kernel, strict=True))
        inner = convolution(shape, width, kernel, padding=padding), BatchNorm(width)
        return Residual(inner, epilogue(activation))
    if kind == 6:
        stride = _draw(rng, 1, 4, axes)
        return transpose(
            shape,
            int(rng.choice([1, 3, 5, 18])),
            kernel,
            activation,
            stride=stride,
            dilation=_draw(rng, 1, 3, axes),
            padding=tuple(_draw(rng, 0, 3, 2) for _ in range(axes)),
            more=tuple(int(rng.integers(s)) for s in stride),
        )
    if kind == 7:
        return UpSampling(shape, _draw(rng, 1, 4, axes), epilogue(activation))
    if kind == 8:
        halves = {"stride": (2,) * axes}
        inner = convolution(shape, 4, (1,) * axes, "relu", **halves), BatchNorm(4)
        return Residual(inner, epilogue(activation), _half(shape, 4))
    return [BatchNorm, PReLU, LayerNorm][int(rng.integers(3))](width, epilogue(activation))


def _half(shape, filters):
    """A shortcut to half as many elements along each axis."""
    axes = len(shape) - 1
    pooled = pool(shape, (1,) * axes, True, stride=(2,) * axes)
    found = pooled.out_shape(shape)
    return pooled, convolution(found, filters, (1,) * axes), BatchNorm(filters)


def _draw(rng, low, high, count):
    return tuple(map(int, rng.integers(low, high, count)))


def parameters_of(ops, dtype, seed=0):
    """Values of about the same size behind every op; variances are above 0."""
    rng, found = np.random.default_rng(seed), []
    for op in ops:
        for parameter in op.parameters():
            values = rng.normal(size=parameter.shape)
            if len(parameter.shape) > 1:
                values /= np.sqrt(prod(parameter.shape[:-1]))
            if parameter.name in ("scale", "variance"):
                values = 0.5 + abs(values)
            found.append(values.astype(dtype))
    return found


def model_of(ops, dtype, seed=0):
    """Ops as a model of values."""
    arrays = parameters_of(ops, dtype, seed)
    return Model(tuple(ops), arrays, Head(VALUES, "identity"), np.dtype(dtype), ("Made", "Made"))


def rows_for(ops, dtype, count=9, seed=1):
    """Samples for the first op."""
    return np.random.default_rng(seed).normal(size=(count, ops[0].fan_in)).astype(dtype)


def _images():
    """Options of ONNX and C, each by itself, on images of three channels."""
    shape = (7, 6, 3)
    some = {"padding": ((1, 2), (0, 3))}
    every = {"stride": (2, 3), "padding": ((2, 0), (1, 1)), "dilation": (1, 2)}
    half = {"padding": ((1, 0), (1, 1)), "stride": (2, 2)}
    over = {"overhangs": True, "stride": (2, 2)}
    return shape, {
        "plain": convolution(shape, 5, (3, 3)),
        "one pixel": convolution(shape, 17, (1, 1), "relu"),
        "asymmetric": convolution(shape, 5, (3, 2), "tanh", **some),
        "stride": convolution(shape, 16, (2, 3), stride=(3, 2)),
        "dilation": convolution(shape, 20, (2, 3), dilation=(3, 2), padding=((2, 2), (2, 2))),
        "every option": convolution(shape, 33, (3, 2), "leaky_relu", **every),
        "wider than the image": convolution(shape, 4, (9, 8), padding=((4, 4), (4, 4))),
        "far padding": convolution(shape, 2, (1, 1), padding=((2, 3), (4, 1))),
        **{
            f"{name}, {options}": pool(shape, (3, 2), largest, **given)
            for name, largest in (("largest", True), ("mean", False))
            for options, given in (
                ("plain", {}),
                ("padding", half),
                ("overhang", over),
                ("padding and overhang", {**half, **over}),
                ("overlap", {"stride": (1, 1), "after": "tanh"}),
            )
        },
    }


def single_ops():
    """Each option of layers over windows in a network of its own, by name."""
    shape, images = _images()
    series = {
        "series": convolution((20, 3), 5, (4,), "relu", stride=(2,), padding=((3, 1),)),
        "causal": convolution((20, 3), 17, (3,), padding=((4, 0),), dilation=(2,)),
        "one channel": convolution((20, 1), 1, (3,)),
        "largest of series": pool((20, 3), (3,), True, padding=((1, 1),), overhangs=True),
        "mean of series": pool((20, 3), (3,), False, padding=((1, 1),), overhangs=True),
    }
    found = {}
    for first, ops in ((shape, images), ((20, 3), series)):
        for name, op in ops.items():
            given = (20, 1) if name == "one channel" else first
            flat = prod(op.out_shape(given))
            found[name] = [Reshape(given), op, Reshape((flat,)), Dense(flat, 3)]
    for name, op in transposes().items():
        given = (*op.windows.counts, op.fan_in)
        flat = prod(op.out_shape(given))
        found[name] = [Reshape(given), op, Reshape((flat,)), Dense(flat, 3)]
    for name, given, factors in (
        ("upsampled images", (4, 3, 5), (2, 3)),
        ("upsampled series", (7, 3), (3,)),
        ("upsampled rows", (4, 3, 17), (3, 1)),
    ):
        op = UpSampling(given, factors, epilogue("tanh"))
        flat = prod(op.out_shape(given))
        found[name] = [Reshape(given), op, Reshape((flat,)), Dense(flat, 3)]
    for name, after, layers in (
        ("a shortcut", "relu", _half(shape, 5)),
        ("a shortcut of a pool", "identity", (pool(shape, (1, 1), True, stride=(2, 2)),)),
    ):
        width = layers[-1].fan_out
        conv = convolution(shape, width, (3, 3), padding=((1, 1), (1, 1)), stride=(2, 2))
        block = Residual((conv, PReLU(width)), epilogue(after), layers)
        nested = Residual((Residual((PReLU(width),), shortcut=(BatchNorm(width),)),))
        flat = prod(block.out_shape(shape))
        found[name] = [Reshape(shape), block, nested, Reshape((flat,)), Dense(flat, 3)]
    for name, largest in (("largest of all", True), ("mean of all", False)):
        ops = [Reshape(shape), convolution(shape, 5, (3, 3)), whole_pool((5, 4, 5), largest)]
        found[name] = [*ops, Dense(5, 2)]
    return found


def grouped_ops():
    """Convolutions in groups, by name."""
    image = {"padding": ((1, 2), (0, 1)), "stride": (2, 1), "dilation": (1, 2)}
    return {
        "depthwise": convolution((6, 5, 19), 19, (3, 2), groups=19, **image),
        "depthwise, twice": convolution((6, 5, 3), 6, (3, 2), groups=3, **image),
        "two groups, no padding": convolution((6, 5, 6), 10, (3, 2), groups=2),
        "two groups": convolution((6, 5, 6), 10, (3, 2), groups=2, **image),
        "one pixel": convolution((6, 5, 34), 34, (1, 1), groups=2),
        "series": convolution((9, 4), 8, (3,), padding=((2, 0),), groups=4),
    }


def transposes():
    """Options of transposed convolutions, each by itself: of images of three channels, then of
    series; by name."""
    shape = (4, 3, 3)
    uneven = {"padding": ((1, 2), (0, 1))}
    every = {"stride": (3, 2), "padding": ((2, 0), (1, 3)), "dilation": (1, 2), "more": (2, 1)}
    return {
        "transpose": transpose(shape, 5, (3, 3)),
        "transpose of one pixel": transpose(shape, 17, (1, 1), "relu"),
        "transpose, uneven": transpose(shape, 5, (3, 2), "tanh", **uneven),
        "transpose, stride": transpose(shape, 16, (2, 3), stride=(3, 2)),
        "transpose, more rows": transpose(shape, 4, (2, 3), stride=(3, 2), more=(2, 1)),
        "transpose, dilation": transpose(shape, 20, (2, 3), dilation=(3, 2)),
        "transpose, every option": transpose(shape, 33, (3, 2), "leaky_relu", **every),
        "transpose with gaps": transpose(shape, 2, (1, 2), stride=(3, 3), more=(2, 2)),
        "transpose, depthwise": transpose(shape, 3, (3, 2), groups=3, **every),
        "transpose, groups": transpose((4, 3, 6), 10, (3, 2), groups=2, **every),
        "transpose of series": transpose(
            (7, 3), 4, (4,), "relu", stride=(2,), padding=((1, 2),), more=(1,)
        ),
        "transpose of series, groups": transpose((7, 4), 6, (3,), dilation=(2,), groups=2),
    }
