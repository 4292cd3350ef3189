"""Binds codes that training draws, and the way back through them."""

from __future__ import annotations

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.ops.pointwise import latent

from .lowering import Lowering


def draw_latent(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """A record that draws codes, or takes their means."""
    stream = call.given["stream"]
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "x": lowering.blocks[call.given["x"]],
        "key": None if stream is None else lowering.key,
        "layer": stream or 0,
    }
    return [lowering.program.record(latent.draw_latent, operands)]


def add_divergence(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """A record that goes back through codes, and adds their divergence to the losses."""
    losses = call.given["losses"]
    operands = {
        "dx": lowering.blocks[call.out["dx"]],
        "losses": None if losses is None else lowering.values(losses)[0],
        **{name: lowering.blocks[call.given[name]] for name in ("dout", "out", "x")},
        **{name: call.given[name] for name in ("beta", "share")},
    }
    return [lowering.program.record(latent.add_divergence, operands)]
