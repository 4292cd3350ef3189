"""Case (g) of `layered`, the small decoder of nanoGPT, for each library.

Four causal blocks of width 128 and 4 heads on 64 tokens of 65, with learned positions and an
output layer of its own; the loss is that of the next token at every step.
"""

import numpy as np

from .layered_attention import JaxBlocks, torch_blocks, torch_positions

STEPS, CODES, WIDTH, HEADS, BLOCKS = 64, 65, 128, 4, 4
WORK = STEPS * (BLOCKS * (12 * WIDTH**2 + WIDTH * (STEPS + 1)) + WIDTH * CODES)
"""A step attends to itself and those before it."""


def decoder():
    """(g)."""
    from fusednn.layers import LayerNorm, PositionalEncoding, TokenEmbedding, TransformerBlock

    blocks = [TransformerBlock(HEADS, causal=True)] * BLOCKS
    return [TokenEmbedding(WIDTH, CODES), PositionalEncoding(), *blocks, LayerNorm()]


def torch_decoder(torch):
    """(g) in PyTorch."""
    nn = torch.nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter = nn.Embedding(CODES, WIDTH)
            self.positions = torch_positions(torch, STEPS, WIDTH)
            self.blocks = torch_blocks(torch, WIDTH, HEADS, BLOCKS, causal=True)
            self.norm, self.leave = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CODES)

        def forward(self, x):
            x = self.blocks(self.positions(self.enter(x)))
            return self.leave(self.norm(x))

    return Decoder()


def jax_decoder(jax):
    """(g) in JAX: first parameters, and logits from parameters and tokens."""
    made = JaxBlocks(jax, WIDTH, HEADS, BLOCKS, causal=True)

    def first(random):
        table = random.standard_normal((CODES, WIDTH)).astype(np.float32)
        positions = (random.standard_normal((STEPS, WIDTH)) * 0.02).astype(np.float32)
        leave = made.dense(random, WIDTH, CODES)
        return [table, positions, made.first(random), made.norm(), leave]

    def forward(parameters, x):
        table, positions, blocks, last, leave = parameters
        x = made.along(table[x] + positions, blocks)
        return made.normed(x, last) @ leave[0] + leave[1]

    return first, forward
