"""Recurrences in PyTorch, of samples with channels last."""

import torch
from torch import nn
from torch.func import functional_call

from fusednn import layers

MODULES = {layers.RNN: nn.RNN, layers.LSTM: nn.LSTM, layers.GRU: nn.GRU}
RECURRENT = tuple(MODULES)


class Recurrence(nn.Module):
    """A module of PyTorch's with our parameters: one bias, but for those of a GRU's n."""

    def __init__(self, spec, width):
        super().__init__()
        self.spec = spec
        more = {"nonlinearity": spec.activation} if isinstance(spec, layers.RNN) else {}
        inner = MODULES[type(spec)](
            width, spec.units, batch_first=True, bidirectional=spec.bidirectional, **more
        )
        self.inner = (inner,)  # a tuple hides its parameters
        self.ways = ("", "reverse_")[: 1 + spec.bidirectional]
        columns = len(inner.bias_ih_l0)
        for way in self.ways:
            for name, shape in (
                ("weights", (width, columns)),
                ("recurrent_weights", (spec.units, columns)),
                ("biases", (columns,)),
                *[("recurrent_biases", (spec.units,))] * isinstance(spec, layers.GRU),
            ):
                self.register_parameter(f"{way}{name}", nn.Parameter(torch.zeros(shape)))

    def forward(self, x):
        given = {}
        for way in self.ways:
            suffix = f"_l0_{way.rstrip('_')}".rstrip("_")
            bias, own = (
                getattr(self, f"{way}biases"),
                getattr(self, f"{way}recurrent_biases", None),
            )
            hidden = torch.zeros_like(bias)
            if own is not None:
                hidden = torch.cat([hidden[len(own) :], own])
            given |= {
                f"weight_ih{suffix}": getattr(self, f"{way}weights").T,
                f"weight_hh{suffix}": getattr(self, f"{way}recurrent_weights").T,
                f"bias_ih{suffix}": bias,
                f"bias_hh{suffix}": hidden,
            }
        out, _ = functional_call(self.inner[0], given, (x,))
        if self.spec.return_sequences:
            return out
        units = self.spec.units
        return torch.cat([out[:, -1, :units], out[:, 0, units:]], dim=1)
