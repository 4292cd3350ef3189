"""Ops of the CPU that a GPU runs as they stand, a row by each thread.

Each works on rows that depend on no other, needs no scratch, and compiles
without memory of a thread's own. Accesses of neighbouring threads are a row apart, so an op that
takes much of a step's time is worth a twin by hand.
"""

from fusednn.kernels.cuda.twins import ported
from fusednn.kernels.ops import history, lengths, reshape
from fusednn.kernels.ops.attention import stepped
from fusednn.kernels.ops.pointwise import latent, parametric
from fusednn.kernels.ops.products import embedding, pooling, tokens
from fusednn.kernels.ops.recurrence import join

PORTED = (
    embedding.embed_backward,
    history.remember,
    join.join_states,
    latent.add_divergence,
    lengths.count_steps,
    lengths.window_lengths,
    lengths.longer,
    lengths.change_lengths,
    lengths.clear_steps,
    parametric.parametric_forward,
    pooling.max_pool,
    pooling.max_pool_backward,
    pooling.average_pool,
    pooling.average_pool_backward,
    reshape.reshape_rows,
    reshape.gather_reshaped,
    stepped.add_next_positions,
    tokens.count_tokens,
)

for one in PORTED:
    ported(one)
