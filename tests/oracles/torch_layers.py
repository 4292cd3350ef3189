"""Networks of `fusednn.layers` in PyTorch."""

from dataclasses import replace

import torch
from oracles.torch_attention import ATTENTIVE, attentive
from oracles.torch_network import ACTIVATIONS
from oracles.torch_recurrences import RECURRENT, Recurrence
from oracles.torch_windows import CONVOLUTIONS, TRANSPOSED, WINDOWED, read_convolution, windowed
from running.nested_weights import leaves
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from fusednn import layers

TABLES = layers.Embedding | layers.TokenEmbedding
DECAYING = TABLES | layers.ParametricActivation | layers.Periodic | layers.Scale
DECAYING |= layers.PiecewiseLinear
"""Layers of which every parameter decays."""

ALIASES = {"sigmoid": "logistic", "swish": "silu"}
MATRICES = (
    *("0.weight", "inner.weight"),  # of dense layers and convolutions
    *(f"{way}{name}" for way in ("", "reverse_") for name in ("weights", "recurrent_weights")),
)


class Function(nn.Module):
    """An activation by its name."""

    def __init__(self, name):
        super().__init__()
        self.function = ACTIVATIONS[ALIASES.get(name, name)]

    def forward(self, x):
        return self.function(x)


class Sum(nn.Module):
    """What two modules make of the input, added up."""

    def __init__(self, inner, shortcut):
        super().__init__()
        self.inner, self.shortcut = inner, shortcut

    def forward(self, x):
        return self.shortcut(x) + self.inner(x)


class Axes(nn.Module):
    """Samples with axes; channels that come first go last."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def forward(self, x):
        x = x.reshape(len(x), *self.spec.shape)
        return x.movedim(1, -1) if self.spec.channels == "first" else x


class PReLU(nn.PReLU):
    """The channels are the last axis, not the second."""

    def forward(self, x):
        return super().forward(x.movedim(-1, 1)).movedim(1, -1)


class BatchNorm(nn.BatchNorm1d):
    """Likewise, over all other axes."""

    def forward(self, x):
        if x.dim() == 2:
            return super().forward(x)
        return super().forward(x.flatten(1, -2).movedim(-1, 1)).movedim(1, -1).reshape(x.shape)


class Scale(nn.Module):
    """A factor of each column."""

    def __init__(self, width):
        super().__init__()
        self.factors = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.factors


class Parametric(nn.Module):
    """An activation in shares."""

    def __init__(self, spec, width):
        super().__init__()
        self.shares = nn.Parameter(torch.full((width,), float(spec.share)))
        self.function = Function(spec.name) if spec.slope is None else nn.LeakyReLU(spec.slope)

    def forward(self, x):
        return x + self.shares * (self.function(x) - x)


class Periodic(nn.Module):
    """The other columns, then the numbers of each chosen one."""

    def __init__(self, spec, width):
        super().__init__()
        self.chosen = list(range(width) if spec.columns is None else spec.columns)
        self.plain = [column for column in range(width) if column not in self.chosen]
        self.is_plr, m = spec.kind == "plr", len(self.chosen)
        S = spec.size - (not self.is_plr)
        self.frequencies = nn.Parameter(torch.randn(m, spec.frequencies))
        if not self.is_plr:
            self.phases = nn.Parameter(torch.randn(m, spec.frequencies))
        self.weight = nn.Parameter(torch.randn(S * (1 + self.is_plr), m, spec.frequencies))
        self.bias = nn.Parameter(torch.randn(S, m))

    def forward(self, x):
        z = x[..., self.chosen]
        angles = 2 * torch.pi * self.frequencies * z[..., None]
        if self.is_plr:
            cosines, sines = self.weight.chunk(2)
            found = torch.einsum("...mf,smf->...ms", angles.cos(), cosines)
            found = found + torch.einsum("...mf,smf->...ms", angles.sin(), sines)
            found = torch.relu(found + self.bias.T)
        else:
            cosines = (angles + self.phases).cos()
            found = torch.einsum("...mf,smf->...ms", cosines, self.weight) + self.bias.T
            found = torch.cat([z[..., None], found], dim=-1)
        return torch.cat([x[..., self.plain], found.flatten(-2)], dim=-1)


class PiecewiseLinear(nn.Module):
    """The other columns, then each chosen one's encoding or embedding, by clamps as in rtdl."""

    def __init__(self, spec, width):
        super().__init__()
        self.chosen = list(range(width) if spec.columns is None else spec.columns)
        self.plain = [column for column in range(width) if column not in self.chosen]
        self.bins, m = [len(own) - 1 for own in spec.edges], len(self.chosen)
        self.edges = [torch.tensor(own, dtype=torch.float64) for own in spec.edges]
        if spec.size:
            self.weight, self.bias = (nn.Parameter(torch.randn(m, spec.size)) for _ in range(2))
            self.tables = nn.Parameter(torch.randn(sum(self.bins), spec.size))

    def forward(self, x):
        parts, tables = [x[..., self.plain]], None
        if hasattr(self, "tables"):
            tables = self.tables.split(self.bins)
        for j, (column, own) in enumerate(zip(self.chosen, self.edges, strict=True)):
            z, own = x[..., [column]], own.to(x.dtype)
            code = (z - own[:-1]) / own.diff()
            if len(own) > 2:
                inner = code[..., 1:-1].clamp(0, 1)
                ends = code[..., :1].clamp_max(1), code[..., -1:].clamp_min(0)
                code = torch.cat([ends[0], inner, ends[1]], dim=-1)
            if tables is not None:
                code = z * self.weight[j] + self.bias[j] + code @ tables[j]
            parts.append(code)
        return torch.cat(parts, dim=-1)


class Lookup(nn.Module):
    """The other columns, then a vector for each code."""

    def __init__(self, spec, width):
        super().__init__()
        self.codes = list(spec.columns)
        self.plain = [column for column in range(width) if column not in spec.columns]
        sizes = [spec.size or min(50, (count + 1) // 2) for count in spec.categories]
        self.tables = nn.ModuleList(map(nn.Embedding, spec.categories, sizes))

    def forward(self, x):
        vectors = [
            table(x[:, code].long()) for table, code in zip(self.tables, self.codes, strict=True)
        ]
        return torch.cat([x[:, self.plain], *vectors], dim=1)


class Tokens(nn.Embedding):
    """Vectors of the codes of samples, which are floats with derivatives of 0."""

    def __init__(self, spec):
        super().__init__(spec.count, spec.size, padding_idx=spec.padding)

    def forward(self, x):
        return super().forward(x.long()) + 0 * x[..., None]


def _dense(spec, width):
    linear = nn.Linear(width, spec.units, bias=spec.bias)
    return nn.Sequential(
        weight_norm(linear, dim=0) if spec.weight_norm else linear, Function(spec.activation)
    )


def _bare(spec, shape, rotary):
    width = shape[-1]
    match spec:
        case layers.Layer() if isinstance(spec, ATTENTIVE):
            return attentive(spec, shape, Function, rotary)
        case layers.Dense():
            return _dense(spec, width)
        case layers.Activation(name, None):
            return Function(name)
        case layers.Activation():
            return nn.LeakyReLU(spec.slope)
        case layers.PReLU():
            return PReLU(width)
        case layers.ParametricActivation():
            return Parametric(spec, width)
        case layers.Periodic():
            return Periodic(spec, width)
        case layers.PiecewiseLinear():
            return PiecewiseLinear(spec, width)
        case layers.Scale():
            return Scale(width)
        case layers.BatchNorm():
            return BatchNorm(width, eps=spec.epsilon, momentum=spec.momentum)
        case layers.LayerNorm():
            return nn.LayerNorm(width, eps=spec.epsilon)
        case layers.RMSNorm():
            return nn.RMSNorm(width, eps=spec.epsilon)
        case layers.Embedding():
            return Lookup(spec, width)
        case layers.TokenEmbedding():
            return Tokens(spec)
        case layers.Reshape():
            return Axes(spec)
        case layers.Flatten():
            return nn.Flatten()
        case layers.Layer() if isinstance(spec, WINDOWED):
            return windowed(spec, width, Function)
        case layers.Layer() if isinstance(spec, RECURRENT):
            return Recurrence(spec, width)
    return nn.Identity()  # what is random in training is left out


def described(model):
    """The descriptions of all layers of an estimator, the output layer's at the end."""
    specs, units = list(model.layers_), model.n_outputs_
    if specs and isinstance(specs[-1], layers.Output):
        return [*specs[:-1], specs[-1].dense(units)]
    if specs and isinstance(specs[-1], layers.Dense) and specs[-1].activation == "softmax":
        return [*specs[:-1], replace(specs[-1], activation="identity")]
    return [*specs, layers.Dense(units)]


def module_of(spec, *shape, rotary=False):
    """A layer that receives such samples; its parameters know their `factors`."""
    if isinstance(spec, layers.Residual):
        return Sum(*(sequence_of(specs, *shape, rotary=rotary) for specs in _chains(spec)))
    module = _bare(spec, shape, rotary)
    for name, parameter in module.named_parameters():
        decays = isinstance(spec, DECAYING) or name in MATRICES or "_weights" in name
        decay = getattr(spec, "decay_factor", 1.0) if decays else 0.0
        rate = getattr(spec, "rate_factor", 1.0)
        rate *= getattr(spec, "bias_rate_factor", 1.0) if "bias" in name else 1.0
        parameter.factors = rate, decay
    return module


def _chains(spec):
    """The layers of a residual block and those of its shortcut."""
    return spec.layers, spec.shortcut or ()


def sequence_of(specs, *shape, rotary=False):
    """Layers in a row."""
    modules, x = [], torch.zeros(1, *shape)
    for spec in specs:
        rotary |= spec == layers.PositionalEncoding("rotary")
        modules.append(module_of(spec, *x.shape[1:], rotary=rotary))
        modules[-1].eval()
        x = modules[-1](x)
    return nn.Sequential(*modules)


def read(specs, sequence, of=torch.Tensor.detach):
    """What `of` finds for each tensor, in the form of `get_weights`."""
    return [_read(spec, module, of) for spec, module in zip(specs, sequence, strict=True)]


def _read(spec, module, of):
    match spec:
        case layers.Residual():
            inner, shortcut = _chains(spec)
            return read(inner, module.inner, of) + read(shortcut, module.shortcut, of)
        case layers.Dense():
            linear = module[0]
            bias = [of(linear.bias)] if spec.bias else []
            if not spec.weight_norm:
                return [of(linear.weight).T, *bias]
            lengths, directions = linear.parametrizations.weight.parameters()
            return [of(directions).T, *bias, of(lengths).ravel()]
        case layers.BatchNorm():
            buffers = module.running_mean, module.running_var
            return [of(tensor) for tensor in (module.weight, module.bias, *buffers)]
        case layers.Layer() if isinstance(spec, CONVOLUTIONS | TRANSPOSED):
            return read_convolution(spec, module, of)
    return [of(tensor) for tensor in module.parameters()]


def gradient_of(tensor):
    """Zeros where there is none."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def write(specs, sequence, weights):
    """Takes over weights in the form of `get_weights`."""
    for tensor, array in zip(leaves(read(specs, sequence)), leaves(weights), strict=True):
        tensor.copy_(torch.from_numpy(array))


def linears(specs, sequence):
    """Each dense layer's description and module, at whatever depth."""
    for spec, module in zip(specs, sequence, strict=True):
        if isinstance(spec, layers.Residual):
            inner, shortcut = _chains(spec)
            yield from linears(inner, module.inner)
            yield from linears(shortcut, module.shortcut)
        elif isinstance(spec, layers.Dense):
            yield spec, module[0]
