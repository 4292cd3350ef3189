"""Layers over windows in PyTorch, of samples with channels last."""

import torch
from torch import nn

from fusednn import layers

MODULES = {
    layers.Conv1D: nn.Conv1d,
    layers.Conv2D: nn.Conv2d,
    layers.MaxPool1D: nn.MaxPool1d,
    layers.MaxPool2D: nn.MaxPool2d,
    layers.AvgPool1D: nn.AvgPool1d,
    layers.AvgPool2D: nn.AvgPool2d,
}
TRANSPOSES = {
    layers.ConvTranspose1D: nn.functional.conv_transpose1d,
    layers.ConvTranspose2D: nn.functional.conv_transpose2d,
}
TRANSPOSED = layers.ConvTranspose1D | layers.ConvTranspose2D
UPSAMPLES = layers.UpSample1D | layers.UpSample2D
CONVOLUTIONS = layers.Conv1D | layers.Conv2D
GLOBAL_POOLS = layers.GlobalMaxPool | layers.GlobalAvgPool
WINDOWED = (*MODULES, TRANSPOSED, UPSAMPLES, GLOBAL_POOLS)


class ChannelsLast(nn.Module):
    """A module of PyTorch's between two moves of the channels, then an activation.

    Parameters
    ----------
    inner, after : Module
    pads : sequence of int
        Zeros around the input, the last axis first.
    """

    def __init__(self, inner, after, pads=()):
        super().__init__()
        self.inner, self.after, self.pads = inner, after, tuple(pads)

    def forward(self, x):
        x = nn.functional.pad(x.movedim(-1, 1), self.pads)
        return self.after(self.inner(x).movedim(1, -1))


class Transposed(nn.Module):
    """A transposed convolution with our weights (*kernel, C / groups, O), which PyTorch's has as
    (C, O / groups, *kernel).

    PyTorch cuts off the same number at both ends of an axis, so all is cut off here.
    """

    def __init__(self, spec, width):
        super().__init__()
        kernel = spec.along_axes("kernel_size")
        self.spec, self.convolve = spec, TRANSPOSES[type(spec)]
        self.weight = nn.Parameter(torch.zeros(*kernel, width // spec.groups, spec.filters))
        self.bias = nn.Parameter(torch.zeros(spec.filters)) if spec.bias else None

    def forward(self, x):
        spec, sizes = self.spec, x.shape[2:]
        weight = self.weight.unflatten(-1, (spec.groups, -1)).movedim((-2, -3, -1), (0, 1, 2))
        stride, more = (spec.along_axes(name) for name in ("stride", "output_padding"))
        if spec.padding == "same":
            more = tuple(step - 1 for step in stride)
        out = self.convolve(
            x, weight.flatten(0, 1), self.bias, stride, 0, more, spec.groups,
            spec.along_axes("dilation"),
        )  # fmt: skip
        out = nn.functional.pad(out, [-count for count in _pads(spec)])
        if spec.padding == "same":
            expected = [step * size for step, size in zip(stride, sizes, strict=True)]
            assert list(out.shape[2:]) == expected
        return out


class GlobalPool(nn.Module):
    """The largest or the mean of each channel."""

    def __init__(self, spec):
        super().__init__()
        self.largest = isinstance(spec, layers.GlobalMaxPool)

    def forward(self, x):
        x = x.flatten(1, -2)
        return x.amax(dim=1) if self.largest else x.mean(dim=1)


def windowed(spec, width, activation):
    """The module of a layer over windows; `activation` makes that of a name."""
    if isinstance(spec, GLOBAL_POOLS):
        return GlobalPool(spec)
    if isinstance(spec, TRANSPOSED):
        return ChannelsLast(Transposed(spec, width), activation(spec.activation))
    if isinstance(spec, UPSAMPLES):
        return ChannelsLast(nn.Upsample(scale_factor=spec.along_axes("factor")), nn.Identity())
    kind = MODULES[type(spec)]
    if isinstance(spec, CONVOLUTIONS):
        names = "kernel_size", "stride", "dilation"
        sizes = {name: spec.along_axes(name) for name in names}
        inner = kind(width, spec.filters, groups=spec.groups, bias=spec.bias, **sizes)
        return ChannelsLast(inner, activation(spec.activation), _pads(spec))
    return ChannelsLast(
        kind(spec.size, spec.stride, spec.padding, ceil_mode=spec.ceil_mode), nn.Identity()
    )


def _pads(spec):
    """The zeros around what windows lie over, the last axis first."""
    return [count for pair in reversed(spec.zeros_around()) for count in pair]


def read_convolution(spec, module, of):
    """What `of` finds for each tensor, in the form of `get_weights`."""
    weight = of(module.inner.weight)
    if isinstance(spec, CONVOLUTIONS):
        weight = weight.permute(*range(2, weight.dim()), 1, 0)
    found = [weight]
    return [*found, of(module.inner.bias)] if spec.bias else found
