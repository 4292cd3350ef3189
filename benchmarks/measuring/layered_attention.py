"""Blocks of attention in PyTorch and JAX, and case (h) of `layered`, an encoder, by them.

(h) has two blocks on 32 steps of 16 channels.
"""

import numpy as np

STEPS, CHANNELS, WIDTH, HEADS, BLOCKS, CLASSES = 32, 16, 64, 4, 2, 10
WORK = STEPS * (CHANNELS * WIDTH + BLOCKS * (12 * WIDTH**2 + 2 * WIDTH * STEPS)) + WIDTH * CLASSES
FIRST = STEPS * CHANNELS * WIDTH


def encoder(steps=STEPS, channels=CHANNELS, width=WIDTH, heads=HEADS, blocks=BLOCKS):
    """(h), or one of other sizes."""
    from fusednn.layers import Reshape, presets

    layers = presets.transformer(width, blocks, heads, dropout=0.0)
    return [Reshape(steps, channels), *layers]


def torch_blocks(torch, width, heads, count, causal=False):
    """So many blocks with norms first, in PyTorch, with its fused attention."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, x):
            n, steps, _ = x.shape
            qkv = self.qkv(self.first(x)).view(n, steps, 3, heads, width // heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            found = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            x = x + self.out(found.transpose(1, 2).reshape(n, steps, width))
            return x + self.down(functional.gelu(self.up(self.second(x))))

    return nn.Sequential(*(Block() for _ in range(count)))


def torch_positions(torch, steps, width):
    """Learned positions in PyTorch, which are added."""

    class Positions(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Parameter(torch.randn(steps, width) * 0.02)

        def forward(self, x):
            return x + self.table

    return Positions()


def torch_encoder(
    torch, steps=STEPS, channels=CHANNELS, width=WIDTH, heads=HEADS, blocks=BLOCKS, classes=CLASSES
):
    """(h), or one of other sizes, in PyTorch."""
    nn = torch.nn

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter = nn.Linear(channels, width)
            self.positions = torch_positions(torch, steps, width)
            self.blocks = torch_blocks(torch, width, heads, blocks)
            self.norm, self.leave = nn.LayerNorm(width), nn.Linear(width, classes)

        def forward(self, x):
            x = self.blocks(self.positions(self.enter(x)))
            return self.leave(self.norm(x).mean(1))

    return Encoder()


class JaxBlocks:
    """The parts of a Transformer in JAX: first parameters, and functions of them and x."""

    def __init__(self, jax, width, heads, count, causal=False):
        self.jax, self.width, self.heads = jax, width, heads
        self.count, self.causal = count, causal

    @staticmethod
    def dense(random, fan_in, fan_out):
        w = random.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)
        return w.astype(np.float32), np.zeros(fan_out, np.float32)

    def norm(self):
        return np.ones(self.width, np.float32), np.zeros(self.width, np.float32)

    def first(self, random):
        width = self.width
        sizes = (width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)
        return [
            [self.norm(), self.norm(), *(self.dense(random, *size) for size in sizes)]
            for _ in range(self.count)
        ]

    def normed(self, x, parameters):
        scale, shift = parameters
        return self.jax.nn.standardize(x, epsilon=1e-5) * scale + shift

    def along(self, x, blocks):
        for parameters in blocks:
            x = self._block(x, parameters)
        return x

    def _block(self, x, parameters):
        jax, jnp = self.jax, self.jax.numpy
        one, two, qkv, out, up, down = parameters
        steps, size = x.shape[1], self.width // self.heads
        parts = (self.normed(x, one) @ qkv[0] + qkv[1]).reshape(len(x), steps, 3, self.heads, -1)
        q, k, v = jnp.moveaxis(parts, 2, 0)
        scores = jnp.einsum("nqhc,nkhc->nhqk", q, k) * size**-0.5
        if self.causal:
            scores = jnp.where(np.tril(np.ones((steps, steps), bool)), scores, -np.inf)
        found = jnp.einsum("nhqk,nkhc->nqhc", jax.nn.softmax(scores), v)
        x = x + found.reshape(x.shape) @ out[0] + out[1]
        inside = jax.nn.gelu(self.normed(x, two) @ up[0] + up[1], approximate=False)
        return x + inside @ down[0] + down[1]


def jax_encoder(jax):
    """(h) in JAX: first parameters, and logits from parameters and x."""
    made = JaxBlocks(jax, WIDTH, HEADS, BLOCKS)

    def first(random):
        positions = (random.standard_normal((STEPS, WIDTH)) * 0.02).astype(np.float32)
        ends = made.dense(random, CHANNELS, WIDTH), made.dense(random, WIDTH, CLASSES)
        return [positions, made.first(random), made.norm(), *ends]

    def forward(parameters, x):
        positions, blocks, last, enter, leave = parameters
        x = made.along(x @ enter[0] + enter[1] + positions, blocks)
        return made.normed(x, last).mean(1) @ leave[0] + leave[1]

    return first, forward
