"""Attention in PyTorch, with our parameters, of samples with channels last."""

import torch
from torch import nn
from torch.nn import functional as F

from fusednn import layers


def rotated(x, base=10000.0):
    """x (..., T, size): columns i and i + size / 2 as a complex number, turned by the step."""
    *_, steps, size = x.shape
    rates = base ** (-torch.arange(0, size, 2, dtype=x.dtype) / size)
    angles = torch.arange(steps, dtype=x.dtype)[:, None] * rates
    turned = torch.complex(*x.split(size // 2, dim=-1)) * torch.exp(1j * angles)
    return torch.cat([turned.real, turned.imag], dim=-1)


class Attention(nn.Module):
    """Several heads; `rotary` turns queries and keys."""

    def __init__(self, spec, width, rotary=False):
        super().__init__()
        self.spec, self.rotary = spec, rotary
        self.heads, self.keys = spec.heads, spec.kv_heads or spec.heads
        columns = width // self.heads * (self.heads + 2 * self.keys)
        self.weights = nn.Parameter(torch.zeros(width, columns))
        if spec.bias:
            self.biases = nn.Parameter(torch.zeros(columns))
        self.out_weights = nn.Parameter(torch.zeros(width, width))
        if spec.bias:
            self.out_biases = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        qkv = x @ self.weights + (self.biases if self.spec.bias else 0)
        parts = qkv.unflatten(-1, (self.heads + 2 * self.keys, -1)).transpose(1, 2)
        q, k, v = parts.split([self.heads, self.keys, self.keys], dim=1)
        if self.rotary:
            q, k = rotated(q), rotated(k)
        out = F.scaled_dot_product_attention(
            q, k, v, is_causal=self.spec.causal, enable_gqa=self.keys < self.heads
        )
        out = out.transpose(1, 2).flatten(2) @ self.out_weights
        return out + (self.out_biases if self.spec.bias else 0)


class Positions(nn.Module):
    """What is added to each step."""

    def __init__(self, spec, steps, width):
        super().__init__()
        self.kind = spec.kind
        if spec.kind == "learned":
            self.table_weights = nn.Parameter(torch.zeros(steps, width))

    def forward(self, x):
        if self.kind == "learned":
            return x + self.table_weights
        if self.kind == "rotary":
            return x
        table = torch.zeros(x.shape[1:], dtype=x.dtype)
        for step in range(len(table)):
            for column in range(x.shape[-1]):
                angle = torch.tensor(step / 10000 ** (column // 2 * 2 / x.shape[-1]))
                table[step, column] = torch.cos(angle) if column % 2 else torch.sin(angle)
        return x + table


class Block(nn.Module):
    """Attention and feed; the parameters are in our order."""

    def __init__(self, spec, width, activation, rotary=False):
        super().__init__()
        self.spec, self.activation = spec, activation
        norm = nn.LayerNorm if spec.norm == "layer" else nn.RMSNorm
        gated, units = spec.activation == "swiglu", spec.units or 4 * width
        make = {
            "norm_1": lambda: norm(width, eps=1e-5),
            "attention": lambda: Attention(spec, width, rotary),
            "norm_2": lambda: norm(width, eps=1e-5),
            "feed": lambda: Feed(width, units * (1 + gated), units, spec.bias),
        }
        order = ["norm_1", "attention", "norm_2", "feed"]
        if not spec.norm_first:
            order = ["attention", "norm_1", "feed", "norm_2"]
        for name in order:
            self.add_module(name, make[name]())

    def forward(self, x):
        if self.spec.norm_first:
            x = x + self.attention(self.norm_1(x))
            return x + self.feed(self.norm_2(x), self.activation)
        x = self.norm_1(x + self.attention(x))
        return self.norm_2(x + self.feed(x, self.activation))


class Feed(nn.Module):
    """A dense layer and back."""

    def __init__(self, width, columns, units, bias):
        super().__init__()
        self.first_weights = nn.Parameter(torch.zeros(width, columns))
        if bias:
            self.first_biases = nn.Parameter(torch.zeros(columns))
        self.second_weights = nn.Parameter(torch.zeros(units, width))
        if bias:
            self.second_biases = nn.Parameter(torch.zeros(width))
        self.bias = bias

    def forward(self, x, activation):
        z = x @ self.first_weights + (self.first_biases if self.bias else 0)
        return activation(z) @ self.second_weights + (self.second_biases if self.bias else 0)


def swiglu(z):
    a, b = z.chunk(2, dim=-1)
    return F.silu(a) * b


def attentive(spec, shape, function, rotary):
    """The module of a description; `function` makes one of an activation's name."""
    match spec:
        case layers.MultiHeadAttention():
            return Attention(spec, shape[-1], rotary)
        case layers.PositionalEncoding():
            return Positions(spec, *shape)
    activation = swiglu if spec.activation == "swiglu" else function(spec.activation)
    return Block(spec, shape[-1], activation, rotary)


ATTENTIVE = layers.MultiHeadAttention | layers.PositionalEncoding | layers.TransformerBlock
