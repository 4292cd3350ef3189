"""From descriptions of attention to ops with sizes, and the first values of positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn import layers as specs
from fusednn.graph.layers.attention import Attention, Positions
from fusednn.layers.attention import Gated

from .built_layers import Position
from .windows import Refuse, check_axes

ROTARY_BASE = 10000.0
TABLE_DEVIATION = 0.02


def check_heads(refuse: Refuse, spec, shape: tuple[int, ...], turned: bool) -> None:
    """Refuses samples that are no series, and channels that the heads cannot share."""
    check_axes(refuse, spec, shape)
    channels, heads = shape[-1], spec.heads
    if channels % heads:
        raise refuse(
            f"it received samples of {channels} channels and expected a multiple of its {heads}"
            " heads"
        )
    if turned and channels // heads % 2:
        raise refuse(
            f"rotary positions turn pairs of columns, but its heads have {channels // heads} each"
        )


def attention(spec: specs.MultiHeadAttention, channels: int, turned: bool) -> Attention:
    """The op between the two products of attention."""
    return Attention(
        channels // int(spec.heads),
        int(spec.heads),
        int(spec.heads if spec.kv_heads is None else spec.kv_heads),
        causal=spec.causal,
        dropout=float(spec.dropout),
        base=ROTARY_BASE if turned else 0.0,
    )


def products(spec: specs.MultiHeadAttention, op: Attention) -> tuple[specs.Dense, specs.Dense]:
    """The dense layers before and behind the op."""
    before, behind = (
        specs.Dense(
            units,
            "identity",
            init="glorot_uniform",
            bias=spec.bias,
            rate_factor=spec.rate_factor,
            decay_factor=spec.decay_factor,
            bias_rate_factor=spec.bias_rate_factor,
        )
        for units in (op.fan_in, op.fan_out)
    )
    return before, behind


def block_layers(spec: specs.TransformerBlock, channels: int) -> list[specs.Layer]:
    """The layers that a block is made of."""
    units = 4 * channels if spec.units is None else spec.units
    norm = specs.LayerNorm() if spec.norm == "layer" else specs.RMSNorm()
    dropped = [specs.Dropout(spec.dropout)] if spec.dropout else []
    attention = specs.MultiHeadAttention(
        spec.heads, spec.causal, spec.dropout, kv_heads=spec.kv_heads, bias=spec.bias
    )
    inside: list[specs.Layer] = [specs.Dense(units, spec.activation, bias=spec.bias)]
    if spec.activation == "swiglu":
        inside = [specs.Dense(2 * units, "identity", bias=spec.bias), Gated(units)]
    feed = [*inside, specs.Dense(channels, "identity", bias=spec.bias), *dropped]
    branches: list[list[specs.Layer]] = [[attention, *dropped], feed]
    if spec.norm_first:
        return [specs.Residual([norm, *branch]) for branch in branches]
    return [layer for branch in branches for layer in (specs.Residual(branch), norm)]


def check_rotary(layers: Sequence, where: str = "layers") -> None:
    """Refuses rotary positions without attention behind them."""
    for position, spec in enumerate(layers):
        name = f"{where}[{position}]"
        if spec == specs.PositionalEncoding("rotary") and not attends(layers[position:]):
            raise Position(name, spec).refuse("there is no attention behind it in the list")
        if isinstance(spec, specs.Residual):
            check_rotary(spec.layers, f"{name}.layers")
            check_rotary(spec.shortcut or (), f"{name}.shortcut")


def attends(layers: Sequence) -> bool:
    """Whether there is attention in a list, at whatever depth."""
    return any(
        isinstance(spec, specs.MultiHeadAttention | specs.TransformerBlock)
        or (isinstance(spec, specs.Residual) and attends([*spec.layers, *(spec.shortcut or ())]))
        for spec in layers
    )


def positions(spec: specs.PositionalEncoding, shape: tuple[int, ...]) -> Positions:
    """The op that adds a table to the steps of such samples."""
    steps, channels = shape
    rate, decay = float(spec.rate_factor), float(spec.decay_factor)
    return Positions(steps, channels, spec.kind == "learned", rate=rate, decay=decay)


def table(op: Positions, random_state) -> np.ndarray:
    """The first values of a table of positions, or its only ones."""
    if op.learned:
        return random_state.normal(0.0, TABLE_DEVIATION, (op.steps, op.width))
    even = np.arange(0, op.width, 2)
    angles = np.outer(np.arange(op.steps), 10000.0 ** (-even / op.width))
    pairs = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return pairs.reshape(op.steps, -1)[:, : op.width]
