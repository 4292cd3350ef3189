"""A network before lowering: its ops with their sizes, and its loss."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from fusednn.kernels.losses import Loss, bounds, row_of

from .forms import Form
from .layers.dense import Dense
from .layers.layer import Layer


class Network(NamedTuple):
    """Ops in a row, each with its sizes, and the loss.

    Parameters
    ----------
    ops : tuple of Layer
        The last gives the logits.
    loss : str or Loss
        Key of `kernels.losses.LOSSES`, or a row like its rows; its link is the output activation.
    groups : tuple of int
        Adjacent outputs that have a loss and a link of their own, by their numbers; empty is one
        group of all.
    loss_constants : tuple of float
        The loss's; empty are those of the table.
    """

    ops: tuple[Layer, ...]
    loss: str | Loss
    groups: tuple[int, ...] = ()
    loss_constants: tuple[float, ...] = ()

    @property
    def inputs(self) -> int:
        """Columns of the data."""
        return self.ops[0].fan_in

    @property
    def outputs(self) -> int:
        """Columns of the logits."""
        return self.ops[-1].fan_out

    def forms(self, dtype) -> list[Form]:
        """The form of each parameter, in the order of the ops."""
        return [form for op in self.ops for form in op.forms(dtype)]

    def products(self) -> list[tuple[int, int]]:
        """Rows and columns of each matrix that rows are multiplied by."""
        return [pair for op in self.ops for pair in op.products()]

    def widths(self) -> list[int]:
        """Of the input, of each op's output, and of what it multiplies within."""
        outputs = [op.fan_out for op in self.ops]
        return [self.inputs, *outputs, *(width for pair in self.products() for width in pair)]

    def is_plain(self) -> bool:
        """Whether all ops are dense layers, which take matrices as they stand."""
        return all(type(op) is Dense and not op.weight_norm for op in self.ops)

    def needs_batches(self) -> bool:
        """Whether an op joins the rows of a batch, which must then be more than one."""
        return any(op.joins_rows() for op in self.ops)

    def is_random(self) -> bool:
        """Whether an op draws random numbers in training."""
        return any(op.is_random() for op in self.ops)

    def is_normed(self) -> bool:
        """Whether some weights are made of directions and lengths."""
        return any(form.is_normed for form in self.forms(np.float32))

    def bounds_weights(self) -> bool:
        """Whether the lengths of some weights are bounded."""
        return any(form.largest < np.inf for form in self.forms(np.float32))

    def first(self, count: int) -> Network:
        """The network of the first ops alone."""
        return self._replace(ops=self.ops[:count])

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
        columns, rest = divmod(self.outputs, self.outputs_per_target())
        if rest:
            raise ValueError(
                f"{self.outputs} outputs are not {self.outputs_per_target()} for each column of"
                f" the targets, as the loss {self.loss!r} needs them"
            )
        return columns

    def output_groups(self) -> list[tuple[int, int]]:
        """First output and number of outputs of each group."""
        groups = self.groups or (self.outputs,)
        return list(zip(accumulate(groups, initial=0), groups, strict=False))
