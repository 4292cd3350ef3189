"""Convolutions, their transposes, pools and upsampling against PyTorch, forward and back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from cases.random_windows import KINDS, Case, pooled_case, random_case

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.windows import Windows
from fusednn.layers import ConvTranspose2D

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def of_axes(name, op):
    """PyTorch's function for series or images."""
    return getattr(torch.nn.functional, name.format(len(op.windows.sizes)))


def convolved(op, x, w, b):
    pads = [count for pair in reversed(op.windows.padding) for count in pair]
    x, w = torch.nn.functional.pad(x, pads), w.movedim((-1, -2), (0, 1)).contiguous()
    windows, convolve = op.windows, of_axes("conv{}d", op)
    z = convolve(x, w, b, windows.stride, 0, windows.dilation, op.groups)
    return z.clamp(min=op.after.floor)


def transposed(op, x, w, b):
    """The output without padding, of which the windows' padding is cut off by hand."""
    groups, windows = op.groups, op.windows
    w = w.reshape(*w.shape[:-1], groups, -1).movedim((-2, -3, -1), (0, 1, 2))
    w = w.reshape(op.fan_in, -1, *windows.kernel).contiguous()
    convolve = of_axes("conv_transpose{}d", op)
    out = convolve(x, w, None, windows.stride, 0, 0, groups, windows.dilation)
    axes = zip(windows.sizes, windows.padding, strict=True)
    for axis, (size, (before, _)) in enumerate(axes, start=2):
        missing = [*out.shape]
        missing[axis] = max(0, before + size - out.shape[axis])
        out = torch.cat([out, out.new_zeros(missing)], axis).narrow(axis, before, size)
    return out + b.reshape(-1, *[1] * len(windows.sizes))


def pooled(op, x):
    windows, padding = op.windows, [before for before, _ in op.windows.padding]
    pool = of_axes("max_pool{}d" if op.largest else "avg_pool{}d", op)
    return pool(x, windows.kernel, windows.stride, padding, ceil_mode=windows.overhangs)


def upsampled(op, x):
    factors = tuple(map(float, op.factors))
    return torch.nn.functional.interpolate(x, scale_factor=factors, mode="nearest")


THEIRS = {
    Convolution: convolved,
    TransposedConvolution: transposed,
    UpSampling: upsampled,
    Pooling: pooled,
}


def by_torch(op, x, *parameters, theirs=None):
    """A layer in float64 with channels first, and its gradients."""
    given = [torch.tensor(array, requires_grad=True) for array in (x, *parameters)]
    value = (theirs or THEIRS[type(op)])(op, given[0].movedim(-1, 1), *given[1:])
    out = value.movedim(1, -1)

    def back(dout):
        out.backward(torch.tensor(dout))
        return [array.grad.numpy() for array in given]

    return out.detach().numpy(), back


def check(case, theirs=None):
    """Compares outputs and gradients with PyTorch's."""
    case.check(case.expected(lambda *given: by_torch(*given, theirs=theirs)))


@DTYPES
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", range(100, 130))
def test_random_sizes(seed, kind, dtype):
    check(random_case(kind, seed, dtype))


@DTYPES
@pytest.mark.parametrize("kind", [Convolution, TransposedConvolution], ids=lambda k: k.__name__)
@pytest.mark.parametrize("groups", [2, 3, 16, 33])
@pytest.mark.parametrize("filters", [1, 2, 5])
def test_depthwise(filters, groups, kind, dtype):
    for seed in range(4):
        check(random_case(kind, seed, dtype, groups, (1, filters)))


@DTYPES
@pytest.mark.parametrize("seed", range(30))
def test_pools(seed, dtype):
    check(pooled_case(seed, dtype))


@pytest.mark.parametrize(
    ("stride", "padding", "output_padding", "dilation", "groups"),
    [(2, 1, 0, 1, 1), (2, 1, 1, 1, 2), ((3, 2), (0, 2), (2, 1), 1, 4), (3, 1, 2, (1, 2), 1)],
)
def test_what_a_description_means(stride, padding, output_padding, dilation, groups):
    """Its arguments are those of PyTorch's layer."""
    spec = ConvTranspose2D(
        8, 3, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    sizes = spec.sizes_from((5, 4))
    windows = Windows(
        sizes, (3, 3), spec.along_axes("stride"), spec.zeros_around(), spec.along_axes("dilation")
    )

    def theirs(op, x, w, b):
        w = w.reshape(3, 3, -1, groups, 8 // groups).movedim((3, 2, 4), (0, 1, 2))
        return torch.nn.functional.conv_transpose2d(
            x, w.reshape(4, -1, 3, 3).contiguous(), b, stride, padding, output_padding, groups,
            dilation,
        )  # fmt: skip

    case = Case(TransposedConvolution(4, 8, windows, groups=groups), (5, 4, 4))
    check(case, theirs)
