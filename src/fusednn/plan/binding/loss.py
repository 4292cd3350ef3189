"""Lowering of a network's loss: in a training step, and alone for rows whose logits are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.kernels.losses import Loss, bounds, row_of
from fusednn.kernels.ops import output
from fusednn.plan.memory import sizes
from fusednn.plan.memory.buffers import Block

from .next_tokens import NextTokens
from .program import Program, Task


class Target(NamedTuple):
    """What the loss compares with.

    Parameters
    ----------
    values : ndarray of shape (n_samples, columns)
        In the network's dtype, C-contiguous; for classes a column of class numbers for each group
        of outputs. With `shares`, NaN is an unknown target. (n_samples, positions, columns) for a
        network whose samples end as rows, each of which has a target: weights and shares then have
        an axis of positions too, and the loss of a sample is the sum over its rows.
    weights : ndarray of shape (n_samples,) or None
        Sample weights, in the network's dtype.
    shares : ndarray of float64, of shape (n_samples,), or None
        The share of each sample's columns that are known: its weight in means. None: all known.
    """

    values: np.ndarray
    weights: np.ndarray | None
    shares: np.ndarray | None = None

    @property
    def dtype(self) -> np.dtype:
        """The type of the values."""
        return self.values.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return self.values.shape

    @property
    def counts(self) -> np.ndarray | None:
        """The weight of each sample in the mean of the losses; None: 1."""
        found = self.weights if self.shares is None else self.shares
        if self.weights is not None and self.shares is not None:
            found = self.weights * self.shares
        if self.values.ndim == 2:
            return found
        if found is None:
            return np.full(len(self.values), float(self.values.shape[1]))
        # one by one, so that rows that do not count change no bit
        return found.cumsum(axis=1, dtype=float)[:, -1]

    def rows(self) -> Target:
        """The targets of rows, each as a sample of its own."""
        if self.values.ndim == 2:
            return self
        values = self.values.reshape(-1, self.values.shape[-1])
        return Target(values, *(None if part is None else part.reshape(-1) for part in self[1:]))

    def take(self, samples) -> Target:
        """The targets of some samples."""
        parts = (None if part is None else part[samples] for part in self[1:])
        return Target(self.values[samples], *parts)

    def mean(self, losses: np.ndarray) -> float:
        """The weighted mean over known targets of the rows' losses, which are unweighted."""
        if self.values.ndim > 2:
            rows = self.rows()
            if rows.shares is None:
                return rows.mean(losses)
            return rows.take(rows.shares != 0).mean(losses[rows.shares != 0])
        if self.shares is None:
            return float(np.average(losses, weights=self.weights))
        if self.weights is not None:
            losses = losses * self.weights
        assert self.counts is not None
        return float(losses.sum() / self.counts.sum())


def loss_row(network: Network) -> Loss:
    """The row of the table of a network's loss."""
    return row_of(network.loss)


def outputs_per_target(network: Network) -> int:
    """How many adjacent outputs belong to a column of the targets."""
    return loss_row(network).outputs_of_target(network.loss_constants)


def target_columns(network: Network) -> int:
    """Columns of the targets: one for each group of classes, or of `outputs_per_target`.

    Raises
    ------
    ValueError
        If the outputs cannot be divided among columns.
    """
    if loss_row(network).class_targets:
        return len(network.output_groups())
    columns, rest = divmod(network.outputs, outputs_per_target(network))
    if rest:
        raise ValueError(
            f"{network.outputs} outputs are not {outputs_per_target(network)} for each column of"
            f" the targets, as the loss {network.loss!r} needs them"
        )
    return columns


def _constants(network: Network, dtype) -> np.ndarray:
    """The constants of the loss; never empty, since their address is taken."""
    row = loss_row(network)
    constants = bounds(dtype) if row.bounded else network.loss_constants or row.constants
    return np.array([*constants, 0.0], dtype)


def loss_records(
    program: Program, network: Network, target: Target | NextTokens, logits: Block,
    dlogits: Block, values, padded: int, order=None,
) -> list[np.ndarray]:  # fmt: skip
    """A record for each group of outputs; the last one clears the padding of dlogits.

    Parameters
    ----------
    logits, dlogits : Block
        They may be the same.
    values : ndarray of float64, of shape (groups, samples)
        Receives the losses.
    padded : int
        Elements of a row of `dlogits`; those after the outputs become 0.
    order : ndarray of int64, optional
        The sample of each row, which gives its target.
    """
    loss, constants = loss_row(network), _constants(network, program.dtype)
    if isinstance(target, NextTokens):
        operands = {
            "logits": logits,
            "function": (loss.function, "loss"),
            "order": order,
            "dlogits": dlogits.part(0, padded),
            "losses": values[0],
            "row_losses": program.memory.borrow(values.shape[1] * logits.positions, np.float64),
            "constants": constants,
        }
        return [target.record(program, operands)]
    per_target = outputs_per_target(network)
    op, unknown = output.loss_gradient, target.shares is not None
    if unknown:
        op = output.known_loss_gradient
    groups = network.output_groups()
    targets, stride = target.values.reshape(-1), target.values.shape[-1]
    rows = values.shape[1] * logits.positions
    of_rows = program.memory.borrow(rows, np.float64) if logits.positions > 1 else None
    chain = []
    for group, (first, outputs) in enumerate(groups):
        last = group == len(groups) - 1
        at, width = (group, 1) if loss.class_targets else (first, outputs // per_target)
        operands = {
            "logits": logits.part(first, outputs),
            "function": (loss.function, "loss"),
            "order": order,
            "targets": Block(targets[at:], stride, width),
            "weights": target.weights,
            "dlogits": dlogits.part(first, padded - first if last else outputs),
            "losses": values[group],
            "row_losses": of_rows,
            "constants": constants,
        }
        if unknown:
            operands["column_losses"] = np.zeros(rows)
            operands["divisor"] = width if loss.per_output else 1
        chain.append(program.record(op, operands))
    return chain


def loss_scratch(outputs: int) -> int:
    """Elements of a worker's scratch for a loss of so many outputs."""
    return output.CHUNK_ROWS * (2 * outputs + 4)


def lower_losses(
    program: Program, network: Network, target: Target, logits: np.ndarray
) -> np.ndarray:
    """Makes a program that overwrites logits with their gradient; the row losses that it fills.

    Parameters
    ----------
    program : Program
        Empty, with the scratch of `loss_scratch`.
    target : Target
        The targets of the logits' rows, in any layout; its weights are not used.
    logits : ndarray of shape (samples, outputs), C-contiguous
        Several rows of each sample side by side.

    Returns
    -------
    ndarray of float64, of shape (groups, rows)
    """
    logits, target = logits.reshape(-1, network.outputs), target.rows()
    rows, outputs = logits.shape
    values = np.empty((len(network.output_groups()), rows))
    block = Block(logits.reshape(-1), outputs, outputs)
    values_of_target = np.ascontiguousarray(target.values, logits.dtype)
    target = target._replace(values=values_of_target, weights=None)
    chain = loss_records(program, network, target, block, block, values, outputs)
    tasks = [
        Task(chain, lo, min(lo + sizes.LOSS_ROWS, rows), records.WHOLE)
        for lo in range(0, rows, sizes.LOSS_ROWS)
    ]
    program.set_stages([(tasks, None)])
    steps = np.zeros((1, records.STEP_WIDTH), np.int64)
    steps[:, records.SAMPLES] = rows
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    program.settings[:, records.SCALE] = 1.0
    return values
