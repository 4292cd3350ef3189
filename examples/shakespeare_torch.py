"""The decoder of `shakespeare.py` in PyTorch, with rotary positions and tied weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def turned(x):
    """Queries or keys (..., T, size): pairs of columns i and i + size / 2, turned by the step."""
    half = x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half) / half)
    angles = torch.arange(x.shape[-2])[:, None] * rates
    a, b = x[..., :half], x[..., half:]
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1)


class Block(nn.Module):
    """Attention, then a dense layer and back; norms first."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_1, self.inside = nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.behind = nn.Linear(width, width)
        self.norm_2, self.up = nn.LayerNorm(width), nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        parts = self.inside(self.norm_1(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)
        x = x + self.behind(out.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class Decoder(nn.Module):
    """Tokens to the logits of the next ones."""

    def __init__(self, width: int, count: int, blocks: int, heads: int):
        super().__init__()
        self.table = nn.Embedding(count, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width)

    def forward(self, codes):
        return F.linear(self.norm(self.blocks(self.table(codes))), self.table.weight)

    def loss(self, windows):
        """The mean loss of the codes behind those of windows (N, T + 1)."""
        return F.cross_entropy(self(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())

    def take(self, weights) -> None:
        """Takes over what `LanguageModel.get_weights` gives."""
        arrays = [array for layer in weights for array in layer]
        with torch.no_grad():
            for own, array in zip(self.parameters(), arrays, strict=True):
                own.copy_(torch.tensor(array if own is self.table.weight else array.T))


def parameter_groups(network: nn.Module) -> list[dict]:
    """Matrices decay, vectors do not."""
    matrices = [one for one in network.parameters() if one.ndim > 1]
    vectors = [one for one in network.parameters() if one.ndim == 1]
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
