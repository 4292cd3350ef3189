"""Ops of the CPU that a GPU runs as they stand, a row by each thread.

Each works on rows (or samples of one row) that depend on no other, needs no scratch, and compiles
without memory of a thread's own. Accesses of neighbouring threads are a row apart, so an op that
takes much of a step's time is worth a twin by hand.
"""

from fusednn.kernels.cuda.twins import ported
from fusednn.kernels.ops import game, history, lengths, reshape
from fusednn.kernels.ops.attention import positions, rotate, stepped
from fusednn.kernels.ops.pointwise import gate, latent, parametric
from fusednn.kernels.ops.products import embedding, pooling, sparse, tied, tokens
from fusednn.kernels.ops.recurrence import join

PORTED = (
    embedding.embed_backward,
    game.gather_both,
    game.gather_mixed,
    game.pick_class,
    gate.gate,
    gate.gate_backward,
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
    positions.add_positions,
    reshape.reshape_rows,
    reshape.gather_reshaped,
    rotate.rotate,
    sparse.csr_forward,
    stepped.add_next_positions,
    tied.embed_columns,
    tokens.embed_tokens,
)

for one in PORTED:
    ported(one)
