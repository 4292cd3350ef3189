"""From descriptions of convolution and pooling to ops with sizes; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from fusednn import layers as specs
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import MOST_TAPS, Windows
from fusednn.plan.binding.taps_within import count_within

from .initializers import check_init

Refuse = Callable[[str], ValueError]

CONVOLUTIONS = specs.Conv1D | specs.Conv2D
POOLS = specs.MaxPool1D | specs.MaxPool2D | specs.AvgPool1D | specs.AvgPool2D
GLOBAL_POOLS = specs.GlobalMaxPool | specs.GlobalAvgPool
TRANSPOSED = specs.ConvTranspose1D | specs.ConvTranspose2D
UPSAMPLES = specs.UpSample1D | specs.UpSample2D
IMAGES = (
    specs.Conv2D | specs.MaxPool2D | specs.AvgPool2D | specs.ConvTranspose2D | specs.UpSample2D
)
RECURRENT = specs.RNN | specs.LSTM | specs.GRU
WINDOWED = CONVOLUTIONS | POOLS | GLOBAL_POOLS | TRANSPOSED | UPSAMPLES
"""All descriptions that `windowed` takes."""

MOST_ELEMENTS = 1 << 31
"""The most elements of a sample, with the zeros around it."""

ROWWISE = (
    specs.Activation
    | specs.ParametricActivation
    | specs.PReLU
    | specs.Dropout
    | specs.AlphaDropout
    | specs.GaussianNoise
    | specs.BatchNorm
    | specs.LayerNorm
    | specs.RMSNorm
    | specs.Scale
)
"""Layers that keep the shape of a sample."""


def axes_for(layers: Sequence, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a sample as a list takes them, from those of the data.

    Data of two axes are a series of features, or before a layer of images an image of one channel;
    columns before a layer of series are a series of one channel.
    """
    lacking = {True: 2, False: 1, None: 0}[takes_images(layers)]
    return (*shape, 1) if len(shape) == lacking else shape


def takes_images(layers: Sequence) -> bool | None:
    """Whether the first layer over windows takes images, else series; None if any or no layer."""
    first = _first_windowed(layers)
    if first is None or isinstance(first, GLOBAL_POOLS):
        return None
    return isinstance(first, IMAGES)


def _first_windowed(layers: Sequence):
    """The first layer over windows, if only layers that keep the shape come before it."""
    for spec in layers:
        if isinstance(spec, WINDOWED | RECURRENT):
            return spec
        if isinstance(spec, specs.Residual):
            return _first_windowed(spec.layers)
        if not isinstance(spec, ROWWISE):
            return None
    return None


def windowed(
    refuse: Refuse, spec, shape: tuple[int, ...], activation: Callable[[str], Epilogue]
) -> Layer:
    """The op of a layer over windows that takes samples of this shape.

    Parameters
    ----------
    refuse : callable
        From what is wrong to the error that names the layer.
    spec : Layer
        The description.
    shape : tuple of int
        The axes of a sample.
    activation : callable
        From a name to an epilogue.
    """
    if isinstance(spec, GLOBAL_POOLS):
        if len(shape) == 1:
            raise refuse(f"it received {shape[0]} columns and expected samples with axes")
        sizes, axes = shape[:-1], len(shape) - 1
        windows = Windows(sizes, sizes, (1,) * axes, ((0, 0),) * axes, (1,) * axes)
        _check_taps(refuse, windows)
        return Pooling(shape[-1], windows, isinstance(spec, specs.GlobalMaxPool), is_whole=True)
    check_axes(refuse, spec, shape)
    if isinstance(spec, CONVOLUTIONS | TRANSPOSED):
        return _convolution(refuse, spec, shape, activation(spec.activation))
    if isinstance(spec, UPSAMPLES):
        factors = tuple(map(int, spec.along_axes("factor")))
        upsampling = UpSampling(shape, factors)
        _check_sizes(refuse, upsampling.windows, shape, shape[-1], shape[-1])
        _check_taps(refuse, upsampling.windows)
        return upsampling
    sizes = spec.along_axes("size")
    stride = sizes if spec.stride is None else spec.along_axes("stride")
    padding = tuple((count, count) for count in spec.along_axes("padding"))
    windows = Windows(shape[:-1], sizes, stride, padding, (1,) * len(sizes), spec.ceil_mode)
    _check_sizes(refuse, windows, shape, shape[-1], shape[-1])
    _check_counts(refuse, windows, shape)
    _check_taps(refuse, windows)
    return Pooling(shape[-1], windows, isinstance(spec, specs.MaxPool1D | specs.MaxPool2D))


def _convolution(refuse: Refuse, spec, shape: tuple[int, ...], after: Epilogue) -> Layer:
    is_transposed = isinstance(spec, TRANSPOSED)
    sizes = spec.sizes_from(shape[:-1]) if is_transposed else shape[:-1]
    if min(sizes) < 1:
        raise refuse(f"it received samples with axes {shape}, of which its padding leaves nothing")
    windows = Windows(
        sizes,
        spec.along_axes("kernel_size"),
        spec.along_axes("stride"),
        spec.zeros_around(),
        spec.along_axes("dilation"),
    )
    over, each = (spec.filters, shape[-1]) if is_transposed else (shape[-1], spec.filters)
    _check_sizes(refuse, windows, shape, int(over), int(each))
    _check_counts(refuse, windows, shape)
    if shape[-1] % spec.groups:
        raise refuse(
            f"it received {shape[-1]} channels and expected a multiple of its {spec.groups} groups"
        )
    check_init(refuse, spec.init)
    op = TransposedConvolution if is_transposed else Convolution
    return op(
        shape[-1],
        int(spec.filters),
        windows,
        after,
        bias=bool(spec.bias),
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
        max_norm=float("inf") if spec.max_norm is None else float(spec.max_norm),
        groups=int(spec.groups),
        bias_rate=float(spec.bias_rate_factor),
    )


def check_axes(refuse: Refuse, spec, shape: tuple[int, ...]) -> None:
    """Refuses samples that are no images, or no series."""
    expected = 3 if isinstance(spec, IMAGES) else 2
    if len(shape) == expected:
        return
    axes = "(rows, columns, channels)" if expected == 3 else "(steps, channels)"
    example = "Reshape(28, 28, 1)" if expected == 3 else "Reshape(50, 16)"
    found = f"{shape[0]} columns" if len(shape) == 1 else f"samples with axes {shape}"
    hint = f"; put {example} or the like before it" if len(shape) == 1 else ""
    raise refuse(f"it received {found} and expected samples with axes {axes}{hint}")


def _check_sizes(
    refuse: Refuse, windows: Windows, shape: tuple[int, ...], over: int, each: int
) -> None:
    """Refuses windows that kernels cannot count; `over` and `each` are channels on both sides."""
    framed = prod(map(int, windows.framed)) * over
    made = prod(max(0, int(count)) for count in windows.counts) * each
    if max(framed, made) > MOST_ELEMENTS:
        raise refuse(
            f"it received samples with axes {shape} and makes more than {MOST_ELEMENTS} elements"
            " of each, with padding"
        )
    if max(*windows.stride, *windows.dilation) > MOST_ELEMENTS:
        raise refuse(f"its stride and dilation may be at most {MOST_ELEMENTS}")


def _check_taps(refuse: Refuse, windows: Windows) -> None:
    """Refuses pools and upsampling whose windows hold too many elements together."""
    taps = count_within(windows)
    if taps > MOST_TAPS:
        raise refuse(
            f"its windows hold {taps} elements together; at most {MOST_TAPS} are possible"
        )


def _check_counts(refuse: Refuse, windows: Windows, shape: tuple[int, ...]) -> None:
    """Refuses windows that do not fit into the samples."""
    if min(windows.counts) >= 1:
        return
    reach = tuple(d * (k - 1) + 1 for k, d in zip(windows.kernel, windows.dilation, strict=True))
    raise refuse(
        f"it received samples with axes {shape}, {windows.framed} with padding, and expected at"
        f" least {reach}, the size of a window"
    )
