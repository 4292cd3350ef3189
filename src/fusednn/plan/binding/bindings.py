"""The table of all calls: the kernels that each becomes, and their operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.calls import Call
from fusednn.kernels import records
from fusednn.kernels.operands import DECLARED
from fusednn.kernels.ops import output
from fusednn.kernels.ops.norms import batch_norm, layer_norm
from fusednn.kernels.ops.pointwise import elementwise, gate, mix, rescale
from fusednn.plan.memory.buffers import padded

from . import attention, convolutions, epilogues, lengths, pooling, recurrent, samples
from .game import penalize, pick_class, wait
from .latent import add_divergence, draw_latent
from .look_ups import count_tokens, embed, embed_backward, embed_tokens
from .lowering import Lowering
from .products import dense_backward, dense_forward, dense_turned, sum_dense
from .tabular import bins, periodic


class Binding(NamedTuple):
    """How a call is bound.

    Parameters
    ----------
    bind : callable
        From a lowering and the call to records.
    over : dict of str to str
        The names of outputs that the kernel writes over an input, and of that input.
    whole : tuple of str
        The names of operands whose padding the kernel reads too, if they are padded series.
    """

    bind: Callable[[Lowering, Call], list[np.ndarray]]
    over: Mapping[str, str] = {}
    whole: tuple[str, ...] = ()


def _kernel(kernel, **over: str) -> Binding:
    """Binds a call to a kernel whose operands have the same names."""
    declared = DECLARED[kernel].kinds

    def bind(lowering: Lowering, call: Call) -> list[np.ndarray]:
        operands = {
            name: lowering.place(value) if isinstance(value, Array) else value
            for name, value in {**call.given, **call.out}.items()
            if name in declared
        }
        if not call.once:
            return [lowering.program.record(kernel, operands)]
        # no block among the operands gives the number of columns and the rows of a sample
        width = next(iter(call.out.values())).width
        operands |= {"width": width, "padded": padded(width, lowering.dtype)}
        record = lowering.program.record(kernel, operands)
        record[records.POSITIONS] = call.given["partials"].rows
        return [record]

    return Binding(bind, over)


def _scale(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out, mean = lowering.blocks[call.out["out"]], call.given["mean"]
    operands = {
        "out": out,
        "x": lowering.blocks[call.given["x"]],
        "mean": lowering.zeros(out.width) if mean is None else lowering.values(mean),
        "factor": lowering.values(call.given["factor"]),
    }
    return [lowering.program.record(elementwise.scale_rows, operands)]


def _mix_values(lowering: Lowering, call: Call) -> list[np.ndarray]:
    values, others = (lowering.values(call.given[name]) for name in ("x", "other"))
    lowering.derive_values(call.out["out"], values)
    return [
        lowering.program.record(mix.mix_values, {"out": one, "other": other})
        for one, other in zip(values, others, strict=True)
    ]


def _loss(lowering: Lowering, call: Call) -> list[np.ndarray]:
    assert lowering.loss is not None
    return lowering.loss(lowering, call)


def _pick(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = {
        "dlogits": lowering.blocks[call.out["dlogits"]],
        "logits": lowering.blocks[call.given["logits"]],
        "of": lowering.picked,
    }
    return [lowering.program.record(output.pick, operands)]


BINDINGS: dict[str, Binding] = {
    "count_steps": Binding(lengths.count_steps),
    "count_tokens": Binding(count_tokens),
    "window_lengths": Binding(lengths.window_lengths),
    "longer": Binding(lengths.longer),
    "change_lengths": Binding(lengths.change_lengths),
    "gather": Binding(samples.gather),
    "augment": Binding(samples.augment),
    "reshape": Binding(samples.reshape, whole=("x",)),
    "dense": Binding(dense_forward),
    "dense_backward": Binding(dense_backward),
    "dense_turned": Binding(dense_turned),
    "dense_partials": Binding(sum_dense),
    "convolve": Binding(convolutions.convolve, whole=("x",)),
    "convolution_partials": Binding(convolutions.sum_windows, whole=("x", "dz")),
    "convolve_backward": Binding(convolutions.convolve_backward, whole=("dz",)),
    "convolve_transposed": Binding(convolutions.convolve_transposed, whole=("x",)),
    "convolve_transposed_partials": Binding(convolutions.sum_windows, whole=("x", "dz")),
    "convolve_transposed_backward": Binding(
        convolutions.convolve_transposed_backward, whole=("dz",)
    ),
    "max_pool": Binding(pooling.max_pool),
    "max_pool_backward": Binding(pooling.max_pool_backward),
    "average_pool": Binding(pooling.average_pool),
    "average_pool_backward": Binding(pooling.average_pool_backward),
    "upsample": Binding(pooling.upsample),
    "upsample_backward": Binding(pooling.upsample_backward),
    "remember": Binding(samples.remember, {"ring": "ring_before", "place": "place_before"}),
    "begin_window": Binding(recurrent.begin_window),
    "end_window": Binding(recurrent.end_window, {"out": "before"}),
    "rnn_forward": Binding(recurrent.rnn_forward, {"states": "z"}),
    "rnn_carried": Binding(recurrent.rnn_forward, {"states": "before", "sums": "z"}),
    "rnn_backward": Binding(recurrent.rnn_backward),
    "lstm_forward": Binding(
        recurrent.lstm_forward, {"gates": "z", "states": "before", "cells": "cells_before"}
    ),
    "lstm_backward": Binding(recurrent.lstm_backward, {"dz": "gates"}),
    "gru_forward": Binding(recurrent.gru_forward, {"gates": "z", "states": "before"}),
    "gru_backward": Binding(recurrent.gru_backward, {"dz": "gates", "dhidden": "hidden"}),
    "join_states": Binding(recurrent.join_states),
    "attend": Binding(attention.attend),
    "attend_backward": Binding(attention.attend_backward),
    "rotate": Binding(attention.rotate, {"out": "x"}),
    "add_positions": Binding(attention.add_positions, {"out": "x"}),
    "attend_next": Binding(
        attention.attend_next,
        {name: f"{name}_before" for name in ("keys", "values", "place", "turned")},
    ),
    "add_next_positions": Binding(
        attention.add_next_positions, {"out": "x", "place": "place_before"}
    ),
    "gate": _kernel(gate.gate),
    "gate_backward": _kernel(gate.gate_backward),
    "embed_rows": Binding(embed),
    "embed_tokens": Binding(embed_tokens),
    "embed_backward": Binding(embed_backward),
    "activate": Binding(epilogues.activate, {"out": "x"}),
    "differentiate": Binding(epilogues.differentiate, {"dx": "dout"}),
    "multiply": Binding(epilogues.multiply, {"out": "x"}),
    "dropout": Binding(epilogues.dropout, {"out": "x", "dropped_slopes": "slopes"}),
    "gaussian_noise": Binding(epilogues.noise, {"out": "x"}),
    "scale_rows": Binding(_scale),
    "scale_backward": _kernel(elementwise.scale_backward, dx="dout", products="x"),
    "rescale_rows": _kernel(rescale.rescale_rows),
    "add_rows": _kernel(elementwise.add_rows, out="x"),
    "mix_rows": _kernel(mix.mix_rows, out="x"),
    "mix_values": Binding(_mix_values),
    "prelu_forward": _kernel(elementwise.prelu_forward),
    "prelu_backward": _kernel(elementwise.prelu_backward, dx="dout", products="x"),
    "parametric_forward": Binding(epilogues.parametric),
    **{
        name: Binding(getattr(bins, name))
        for name in (
            *("encode_bins", "encode_bins_backward"),
            *("embed_bins", "embed_bins_backward", "embed_bins_sums"),
        )
    },
    "periodic_forward": Binding(periodic.periodic_forward),
    "periodic_backward": Binding(periodic.periodic_backward),
    "periodic_sums": Binding(periodic.periodic_sums),
    "layer_norm_forward": _kernel(layer_norm.layer_norm_forward, normal="x"),
    "layer_norm_sums": _kernel(layer_norm.layer_norm_sums),
    "layer_norm_backward": _kernel(layer_norm.layer_norm_backward, products="normal"),
    "batch_partials": _kernel(batch_norm.batch_partials),
    "batch_statistics": _kernel(batch_norm.batch_statistics),
    "batch_norm_forward": _kernel(batch_norm.batch_norm_forward),
    "batch_norm_partials": _kernel(batch_norm.batch_norm_partials),
    "batch_norm_sums": _kernel(batch_norm.batch_norm_sums),
    "batch_norm_backward": _kernel(batch_norm.batch_norm_backward, dx="dout"),
    "draw_latent": Binding(draw_latent),
    "add_divergence": Binding(add_divergence),
    "wait": Binding(wait),
    "pick_class": Binding(pick_class),
    "penalize": Binding(penalize),
    "loss": Binding(_loss),
    "pick": Binding(_pick),
}
"""How each call of `graph/` is bound; a call that is not here cannot be lowered."""
