"""Lowering of a dense network's forward pass, shared by training and inference."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.losses import Loss, bounds, row_of
from fusednn.kernels.ops import dense, noise

from .buffers import aligned_zeros, leading_dimension
from .data import Input
from .forms import forms_of


class Block(NamedTuple):
    """A layer's output in the buffers, and its activation's slopes where it has some."""

    values: np.ndarray
    stride: int
    slopes: np.ndarray | None = None


class Network(NamedTuple):
    """A dense network before lowering.

    Parameters
    ----------
    sizes : list of int
        Units of each layer, the input first.
    activation : str
        Key of `kernels.activations.ACTIVATIONS`, for the hidden layers.
    loss : str or Loss
        Key of `kernels.losses.LOSSES`, or a row like its rows; its link is the output activation.
    groups : tuple of int
        Adjacent outputs that have a loss and a link of their own, by their numbers; empty is one
        group of all.
    loss_constants : tuple of float
        The loss's; empty are those of the table.
    dropout : tuple of float
        Of each hidden layer the share of its outputs that a step of training leaves out; empty
        is none.
    """

    sizes: list[int]
    activation: str
    loss: str | Loss
    groups: tuple[int, ...] = ()
    loss_constants: tuple[float, ...] = ()
    dropout: tuple[float, ...] = ()

    def loss_row(self) -> Loss:
        """The loss's row of the table."""
        return row_of(self.loss)

    def constants_of_loss(self, dtype) -> np.ndarray:
        """What the loss reads; never empty, since its address is taken."""
        row = self.loss_row()
        constants = bounds(dtype) if row.bounded else self.loss_constants or row.constants
        return np.array([*constants, 0.0], dtype)

    def outputs_per_target(self) -> int:
        """How many adjacent outputs belong to a column of the targets."""
        return self.loss_row().outputs_of_target(self.loss_constants)

    def target_columns(self) -> int:
        """Columns of the targets: one for each group of classes, or of `outputs_per_target`.

        Raises
        ------
        ValueError
            If the outputs cannot be dealt out to columns.
        """
        if self.loss_row().class_targets:
            return len(self.output_groups())
        columns, rest = divmod(self.sizes[-1], self.outputs_per_target())
        if rest:
            raise ValueError(
                f"{self.sizes[-1]} outputs are not {self.outputs_per_target()} for each column of"
                f" the targets, as the loss {self.loss!r} needs them"
            )
        return columns

    def output_groups(self) -> list[tuple[int, int]]:
        """First output and number of outputs of each group."""
        groups = self.groups or (self.sizes[-1],)
        return list(zip(accumulate(groups, initial=0), groups, strict=False))

    def dropout_rate(self, layer: int) -> float:
        """The share of a layer's outputs that a step leaves out."""
        return self.dropout[layer] if layer < len(self.dropout) else 0.0

    def layer_activation(self, layer: int):
        """The activation after a layer; the last gives logits."""
        last = layer == len(self.sizes) - 2
        return ACTIVATIONS["identity" if last else self.activation]


def lower_dropout(program, block: Block, width: int, layer: int, rate: float, activation, key):
    """The record that leaves out a share of a layer's outputs, and of its slopes."""
    derivative = None if activation.slopes else activation.backward
    return program.record(
        noise.dropout,
        {
            noise.OUT: block.values,
            noise.STRIDE: block.stride,
            noise.SLOPES: block.slopes,
            noise.HAS_SLOPES: int(activation.slopes is not None),
            noise.WIDTH: width,
            noise.KEY: key,
            noise.LAYER: layer,
            noise.DROPPED: round(rate * 2**32),
            noise.FACTOR: 1 / (1 - rate),
            noise.DERIVATIVE: derivative and (derivative, "derivative"),
            noise.DERIVATIVE_CONSTANTS: constants_of(activation, program.dtype),
            noise.LOW: 0,
            noise.HIGH: 0,
        },
    )


class ForwardOperands:
    """What a dense layer's forward op needs besides its input, for the dense and the CSR form."""

    def __init__(self, w, b, out: Block, fan_in, fan_out, activation):
        function = activation.forward and (activation.forward, "activation")
        slopes = out.slopes if activation.slopes is not None else None
        if slopes is not None:
            function = activation.slopes, "slopes"
        self._values = {
            "W": w,
            "B": b,
            "OUT": out.values,
            "OUT_STRIDE": out.stride,
            "FAN_IN": fan_in,
            "FAN_OUT": fan_out,
            "FLOOR": float(activation.floor),
            "ACTIVATION": function,
            "ACTIVATION_CONSTANTS": constants_of(activation, w.dtype),
            "SLOPES": slopes,
        }

    def operands(self, ops) -> dict:
        """The operands by the slots of the module `ops`."""
        return {getattr(ops, name): value for name, value in self._values.items()}


def constants_of(activation, dtype) -> np.ndarray:
    """An activation's constants; never empty, since its address is taken."""
    return np.array([*activation.constants, 0.0], dtype)


def lower_forward(
    program,
    network: Network,
    weights,
    biases,
    source,
    order,
    rows: int,
    plain: bool = False,
    layers: int | None = None,
    key: np.ndarray | None = None,
) -> tuple[Input, list[np.ndarray], list[Block]]:
    """Records of the forward pass on `rows` rows of buffer.

    Parameters
    ----------
    weights, biases : list of ndarray
        One flat array of each per layer; weights in their form, or plain.
    layers : int, optional
        How many layers to run, instead of all.
    key : ndarray of two int64, optional
        In training: of the random numbers. Slopes are then kept for the way back.

    Returns
    -------
    first : Input
        The lowered input.
    chain : list of ndarray
        All records in order.
    blocks : list of Block
        The output of each layer.
    """
    blocks: list[Block] = []
    chain: list[np.ndarray] = []
    first = None
    for layer, form in enumerate(forms_of(network.sizes, program.dtype)[:layers]):
        stride = leading_dimension(form.fan_out, program.dtype)
        activation = network.layer_activation(layer)
        slopes, rate = None, network.dropout_rate(layer) if key is not None else 0.0
        if rate or (key is not None and activation.slopes is not None):
            slopes = aligned_zeros(rows * stride, program.dtype)
        block = Block(aligned_zeros(rows * stride, program.dtype), stride, slopes)
        forward = ForwardOperands(
            weights[layer],
            biases[layer],
            block,
            form.fan_in,
            form.fan_out if plain else form.padded_out,
            activation,
        )
        if first is None:
            first = source.lower(program, order, rows, forward, plain)
            chain += first.chain
        else:
            x = blocks[-1]
            op = form.plain_op if plain else form.forward_op
            operands = {dense.X: x.values, dense.X_STRIDE: x.stride, dense.IN_PLACE: 0}
            operands |= form.operands(plain)
            chain.append(program.record(op, {**operands, **forward.operands(dense)}))
        if rate:
            chain.append(lower_dropout(program, block, form.fan_out, layer, rate, activation, key))
        blocks.append(block)
    assert first is not None
    return first, chain, blocks
