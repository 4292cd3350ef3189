"""Case (h) of `layered`, an encoder, for each library: two blocks on 32 steps of 16 channels."""

import numpy as np

STEPS, CHANNELS, WIDTH, HEADS, BLOCKS, CLASSES = 32, 16, 64, 4, 2, 10
WORK = STEPS * (CHANNELS * WIDTH + BLOCKS * (12 * WIDTH**2 + 2 * WIDTH * STEPS)) + WIDTH * CLASSES
FIRST = STEPS * CHANNELS * WIDTH


def encoder():
    """(h)."""
    from fusednn.layers import Reshape, presets

    layers = presets.transformer(WIDTH, BLOCKS, HEADS, dropout=0.0)
    return [Reshape(STEPS, CHANNELS), *layers]


def torch_encoder(torch):
    """(h) in PyTorch, with its fused attention."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
            self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

        def forward(self, x):
            n, steps, width = x.shape
            qkv = self.qkv(self.first(x)).view(n, steps, 3, HEADS, width // HEADS)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            found = functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(found.transpose(1, 2).reshape(n, steps, width))
            return x + self.down(functional.gelu(self.up(self.second(x))))

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter = nn.Linear(CHANNELS, WIDTH)
            self.positions = nn.Parameter(torch.randn(STEPS, WIDTH) * 0.02)
            self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
            self.norm, self.leave = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)

        def forward(self, x):
            x = self.blocks(self.enter(x) + self.positions)
            return self.leave(self.norm(x).mean(1))

    return Encoder()


def jax_encoder(jax):
    """(h) in JAX: first parameters, and logits from parameters and x."""
    jnp = jax.numpy

    def dense(random, fan_in, fan_out):
        w = random.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)
        return w.astype(np.float32), np.zeros(fan_out, np.float32)

    def norm():
        return np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def first(random):
        sizes = (WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)
        blocks = [
            [norm(), norm(), *(dense(random, *size) for size in sizes)] for _ in range(BLOCKS)
        ]
        positions = (random.standard_normal((STEPS, WIDTH)) * 0.02).astype(np.float32)
        ends = dense(random, CHANNELS, WIDTH), dense(random, WIDTH, CLASSES)
        return [positions, blocks, norm(), *ends]

    def normed(x, parameters):
        scale, shift = parameters
        return jax.nn.standardize(x, epsilon=1e-5) * scale + shift

    def block(x, parameters):
        one, two, qkv, out, up, down = parameters
        parts = (normed(x, one) @ qkv[0] + qkv[1]).reshape(len(x), STEPS, 3, HEADS, -1)
        q, k, v = jnp.moveaxis(parts, 2, 0)
        scores = jnp.einsum("nqhc,nkhc->nhqk", q, k) * (WIDTH // HEADS) ** -0.5
        found = jnp.einsum("nhqk,nkhc->nqhc", jax.nn.softmax(scores), v)
        x = x + found.reshape(x.shape) @ out[0] + out[1]
        inside = jax.nn.gelu(normed(x, two) @ up[0] + up[1], approximate=False)
        return x + inside @ down[0] + down[1]

    def forward(parameters, x):
        positions, blocks, last, enter, leave = parameters
        x = x @ enter[0] + enter[1] + positions
        for one in blocks:
            x = block(x, one)
        return normed(x, last).mean(1) @ leave[0] + leave[1]

    return first, forward
