"""Lowering of a network's loss: in a training step, and alone for rows whose logits are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.ops import output

from .data import order_operands
from .network import Network
from .program import Program, Task

BLOCK_ROWS = 1024
"""Of the losses alone, a task."""


class Target(NamedTuple):
    """What the loss compares with.

    Parameters
    ----------
    values : ndarray of shape (n_samples, columns)
        In the network's dtype, C-contiguous; of classes a column of numbers for each group.
        NaN is an unknown target, where there are `shares`.
    weights : ndarray of shape (n_samples,) or None
        Sample weights, in the network's dtype.
    shares : ndarray of float64, of shape (n_samples,), or None
        The known part of each sample's columns: what it counts for in means. None: all of them.
    """

    values: np.ndarray
    weights: np.ndarray | None
    shares: np.ndarray | None = None

    @property
    def counts(self) -> np.ndarray | None:
        """What each sample counts for in the mean of the losses; None: one."""
        if self.shares is None or self.weights is None:
            return self.weights if self.shares is None else self.shares
        return self.weights * self.shares

    def take(self, samples) -> Target:
        """Those of some samples."""
        parts = (None if part is None else part[samples] for part in self[1:])
        return Target(self.values[samples], *parts)

    def mean(self, losses: np.ndarray) -> float:
        """The mean over the known of the samples' losses, which have no weights yet."""
        if self.shares is None:
            return float(np.average(losses, weights=self.weights))
        if self.weights is not None:
            losses = losses * self.weights
        assert self.counts is not None
        return float(losses.sum() / self.counts.sum())


class Ends(NamedTuple):
    """Where a loss reads logits and writes their gradient, rows of one stride.

    Parameters
    ----------
    logits, dz : ndarray
        Flat; they may be the same.
    stride : int
    padded : int
        Elements of a row of `dz`; those that are no output's become 0.
    """

    logits: np.ndarray
    dz: np.ndarray
    stride: int
    padded: int


def loss_records(
    program: Program, network: Network, target: Target, ends: Ends, values, order=None
) -> list[np.ndarray]:
    """A record for each group of outputs; the last one clears the padding of dz.

    Parameters
    ----------
    values : ndarray of float64, of shape (groups, rows)
        Becomes the losses.
    order : ndarray of int64, optional
        The samples that the rows are, by their targets.
    """
    loss = network.loss_row()
    constants = network.constants_of_loss(program.dtype)
    per_target = network.outputs_per_target()
    op, unknown = output.loss_gradient, target.shares is not None
    if unknown:
        op = output.known_loss_gradient
    groups = network.output_groups()
    targets, stride = target.values.reshape(-1), target.values.shape[1]
    chain = []
    for group, (first, outputs) in enumerate(groups):
        last = group == len(groups) - 1
        at, width = (group, 1) if loss.class_targets else (first, outputs // per_target)
        operands = {
            output.LOGITS: ends.logits[first:],
            output.LOGITS_STRIDE: ends.stride,
            output.OUTPUTS: outputs,
            output.FUNCTION: (loss.function, "loss"),
            **order_operands(output.ORDER, order),
            output.TARGETS: targets[at:],
            output.TARGET_WIDTH: width,
            output.TARGETS_STRIDE: stride,
            output.WEIGHTS: target.weights,
            output.HAS_WEIGHTS: int(target.weights is not None),
            output.DZ: ends.dz[first:],
            output.DZ_STRIDE: ends.stride,
            output.PADDED_OUT: ends.padded - first if last else outputs,
            output.ROW_VALUES: values[group],
            output.CONSTANTS: constants,
        }
        if unknown:
            operands[output.COLUMN_VALUES] = np.zeros(values.shape[1])
            operands[output.DIVISOR] = width if loss.per_output else 1
        chain.append(program.record(op, operands))
    return chain


def loss_scratch(outputs: int) -> int:
    """Elements of a worker's scratch for a loss of so many outputs."""
    return output.CHUNK_ROWS * (2 * outputs + 4)


def lower_losses(
    network: Network, target: Target, logits: np.ndarray, workers: int
) -> tuple[Program, np.ndarray]:
    """A program that overwrites logits with their gradient, and the row losses that it fills.

    Parameters
    ----------
    target : Target
        Of the rows of the logits, in any layout; its weights do not count.
    logits : ndarray of shape (rows, outputs), C-contiguous

    Returns
    -------
    program : Program
    values : ndarray of float64, of shape (groups, rows)
    """
    rows, outputs = logits.shape
    program = Program(logits.dtype, workers, loss_scratch(outputs))
    values = np.empty((len(network.output_groups()), rows))
    flat = logits.reshape(-1)
    ends = Ends(flat, flat, outputs, outputs)
    values_of_target = np.ascontiguousarray(target.values, logits.dtype)
    target = target._replace(values=values_of_target, weights=None)
    chain = loss_records(program, network, target, ends, values)
    tasks = [
        Task(chain, lo, min(lo + BLOCK_ROWS, rows), records.WHOLE)
        for lo in range(0, rows, BLOCK_ROWS)
    ]
    program.set_stages([(tasks, None)])
    steps = np.zeros((1, records.STEP_WIDTH), np.int64)
    steps[:, records.ROWS] = rows
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    program.settings[:, records.SCALE] = 1.0
    return program, values
