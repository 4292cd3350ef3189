"""The training plan: rows forward and back, then tiles of the parameters with their update.

A batch of at most `BLOCK_LIMIT` rows is two stages. A larger one runs in blocks whose gradients
*store* adds up in memory, then one more stage applies the optimizer, so that memory does not
grow with the batch. A gradient alone (for L-BFGS) is the same without the last stage.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops import dense, output
from fusednn.kernels.optimizers import OPTIMIZERS

from .buffers import aligned_zeros
from .data import order_operands
from .forward import Network, lower_forward
from .parameters import ParameterLayout, panels
from .program import Program, Task

BLOCK_LIMIT = 4096
"""Rows of a batch that go through the buffers at once."""

MAX_BLOCK_ROWS = 128
"""Rows of a block of the row stage: its layers' outputs stay in the second-level cache."""


class Target(NamedTuple):
    """What the loss compares with.

    Parameters
    ----------
    values : ndarray of shape (n_samples, C), or (n_samples, 1) of class numbers
        In the network's dtype, C-contiguous.
    weights : ndarray of shape (n_samples,) or None
        Sample weights, in the network's dtype.
    """

    values: np.ndarray
    weights: np.ndarray | None


class Rule(NamedTuple):
    """How parameters are updated.

    Parameters
    ----------
    optimizer : str or None
        Key of `kernels.optimizers.OPTIMIZERS`; None only stores the gradient.
    constants : tuple of float
        The optimizer's constants.
    """

    optimizer: str | None
    constants: tuple[float, ...] = ()


class TrainingPlan:
    """A network, its data and its update, lowered for a number of workers.

    Attributes
    ----------
    layout : ParameterLayout
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    states : list of two ndarray
        The optimizer's state, in the shape of the parameters.
    gradient : ndarray
        The stored gradient; empty where the plan stores none.
    order : ndarray of int64
        The epoch's order of samples; written in place.
    program : Program
    """

    def __init__(
        self, network: Network, source, target: Target, rule: Rule, batch: int, order, workers: int
    ):
        self.network, self.dtype = network, target.values.dtype
        self.layout = ParameterLayout(network.sizes, self.dtype)
        self.order = order
        self.batch = min(batch, BLOCK_LIMIT)
        self.blocked = rule.optimizer is None or batch > BLOCK_LIMIT
        self.parameters = aligned_zeros(self.layout.count, self.dtype)
        self.transposed = aligned_zeros(max(1, self.layout.transposed_count), self.dtype)
        n_states = OPTIMIZERS[rule.optimizer].states if rule.optimizer else 0
        self.states = [aligned_zeros(self.layout.count, self.dtype) for _ in range(n_states)]
        stored = self.layout.count if self.blocked else 0
        self.gradient = aligned_zeros(stored, self.dtype)
        self._rule = rule
        self._constants = np.array([*rule.constants, 0.0])
        outputs = network.sizes[-1]
        item = self.dtype.itemsize
        scratch = max(
            dense.TILE_ROWS * SHAPE.panel(item),
            ROW_PANELS * SHAPE.panel(item),
            output.CHUNK_ROWS * (2 * outputs + 3),
        )
        self.program = Program(self.dtype, workers, scratch)
        self._ones = np.ones(1, self.dtype)
        self._zeros = aligned_zeros(max(self.layout.padded), self.dtype)
        self._tiles: list[np.ndarray] = []
        self._lower(source, target)

    def load(self, coefs, intercepts) -> None:
        """Takes over parameters given as (I, O) and (O,) arrays."""
        self.layout.pack(coefs, intercepts, self.parameters)
        self.layout.pack_transposed(coefs, self.transposed)

    # -- lowering ------------------------------------------------------------------------

    def _lower(self, source, target: Target) -> None:
        program, layout = self.program, self.layout
        layers = range(len(layout))
        weights = [layout.weights(self.parameters, layer) for layer in layers]
        biases = [layout.bias(self.parameters, layer) for layer in layers]
        first, chain, blocks = lower_forward(
            program, self.network, weights, biases, source, self.order, self.batch
        )
        gradients = [aligned_zeros(self.batch * block.stride, self.dtype) for block in blocks]
        values = np.zeros(self.batch)
        chain.append(self._lower_loss(target, blocks[-1], gradients[-1], values))
        for layer in reversed(layers[1:]):
            chain.append(self._lower_backward(layer, blocks, gradients))
        op, x, before = first.lower_gradient(program, self.batch)
        tasks = [
            Task(chain, lo, hi, records.ROWS_OF_BATCH)
            for lo, hi in row_blocks(self.batch, program.workers)
        ]
        if before is not None:
            tasks.insert(0, Task([before], 0, 0))
        inputs = [(op, x)] + [
            (
                dense.update_weights,
                {dense.GRADIENT_X: block.values, dense.GRADIENT_X_STRIDE: block.stride},
            )
            for block in blocks[:-1]
        ]
        strides = [block.stride for block in blocks]
        squares = aligned_zeros(sum(self._tile_counts()), np.float64)

        def update(optimizer, states, with_squares, transposed):
            """A stage that computes each tile's gradient and hands it to an optimizer."""
            return self._lower_tiles(
                optimizer,
                states,
                squares if with_squares else None,
                transposed,
                lambda layer: (
                    inputs[layer][0],
                    {
                        **inputs[layer][1],
                        dense.GRADIENT_DZ: gradients[layer],
                        dense.GRADIENT_DZ_STRIDE: strides[layer],
                        dense.GRADIENT_ZEROS: self._zeros,
                    },
                    dense.update_bias,
                ),
            )

        total = program.record(
            output.sum_losses,
            {
                output.VALUES: values,
                output.SQUARES: squares,
                output.N_SQUARES: len(squares),
            },
        )
        rule = self._rule
        if not self.blocked:
            program.set_stages(
                [(tasks, None), (update(rule.optimizer, self.states, True, True), total)]
            )
            return
        store = [self.gradient]
        stages = [
            (tasks, None),
            (update("store", store, True, False), total),
            (tasks, None),
            (update("accumulate", store, False, False), total),
        ]
        if rule.optimizer is not None:
            stages.append((self._lower_apply(), None))
        program.set_stages(stages)

    def _lower_loss(self, target: Target, logits, dz, values) -> np.ndarray:
        loss = LOSSES[self.network.loss]
        epsilon = np.finfo(self.dtype).eps
        return self.program.record(
            output.loss_gradient,
            {
                output.LOGITS: logits.values,
                output.LOGITS_STRIDE: logits.stride,
                output.OUTPUTS: self.network.sizes[-1],
                output.FUNCTION: (loss.function, "loss"),
                **order_operands(output.ORDER, self.order),
                output.TARGETS: target.values,
                output.TARGET_WIDTH: target.values.shape[1],
                output.WEIGHTS: target.weights,
                output.HAS_WEIGHTS: int(target.weights is not None),
                output.DZ: dz,
                output.DZ_STRIDE: logits.stride,
                output.PADDED_OUT: self.layout.padded[-1],
                output.ROW_VALUES: values,
                output.LOW: -np.log1p(-float(epsilon)),
                output.HIGH: -np.log(float(epsilon)),
            },
        )

    def _lower_backward(self, layer: int, blocks, gradients) -> np.ndarray:
        derivative = self.network.layer_activation(layer - 1).backward
        return self.program.record(
            dense.dense_backward,
            {
                dense.DX: gradients[layer - 1],
                dense.DX_STRIDE: blocks[layer - 1].stride,
                dense.DZ: gradients[layer],
                dense.DZ_STRIDE: blocks[layer].stride,
                dense.W_TRANSPOSED: self.layout.transposed(self.transposed, layer),
                dense.ZEROS: self._zeros,
                dense.X_OUT: blocks[layer - 1].values,
                dense.PADDED_IN: self.layout.padded[layer],
                dense.REAL_OUT: self.layout.sizes[layer + 1],
                dense.PADDED_OUT: self.layout.padded[layer + 1],
                dense.DERIVATIVE: derivative and (derivative, "derivative"),
            },
        )

    def _tile_counts(self) -> list[int]:
        return [len(self._weight_tiles(layer)) for layer in range(len(self.layout))]

    def _weight_tiles(self, layer: int) -> list[tuple[int, int]]:
        """(column, row) of each tile, panel by panel: dz of a panel stays in the cache."""
        rows = range(0, self.layout.sizes[layer], dense.TILE_ROWS)
        return [(j, i) for j, _ in panels(self.layout.padded[layer + 1], self.dtype) for i in rows]

    def _bias_tiles(self, layer: int) -> list[tuple[int, int]]:
        columns = self.layout.padded[layer + 1]
        width = ROW_PANELS * SHAPE.panel(self.dtype.itemsize)
        return [(j, min(columns, j + width)) for j in range(0, columns, width)]

    def _lower_apply(self) -> list[Task]:
        """A stage that applies the optimizer to the stored gradient."""

        def stored(layer):
            return (
                dense.apply_gradient,
                {dense.GRADIENT_X: self.layout.weights(self.gradient, layer)},
                dense.apply_bias,
            )

        return self._lower_tiles(
            self._rule.optimizer, self.states, None, True, stored,
            bias_x=lambda layer: self.layout.bias(self.gradient, layer),
        )  # fmt: skip

    def _lower_tiles(
        self, optimizer, states, squares, transposed, gradient, bias_x=None
    ) -> list[Task]:
        """Tasks of one parameter stage.

        `gradient` gives, for a layer, the op of a weight tile, the operands that say where its
        gradient comes from, and the op of a bias.
        """
        step = OPTIMIZERS[optimizer].step, "step"
        tasks: list[Task] = []
        counted = 0
        for layer in range(len(self.layout)):
            op, operands, bias_op = gradient(layer)
            tiles = self._weight_tiles(layer)
            common = {dense.STEP: step, dense.CONSTANTS: self._constants}
            weights = self.program.record(
                op,
                {
                    **common,
                    **operands,
                    **self._state_operands(self.layout.weights, layer, states),
                    dense.TRANSPOSED: (
                        self.layout.transposed(self.transposed, layer)
                        if transposed and layer
                        else None
                    ),
                    dense.ROWS_IN: self.layout.sizes[layer],
                    dense.COLUMNS: self.layout.padded[layer + 1],
                    dense.SQUARES_OUT: None if squares is None else squares[counted:],
                },
            )
            bias = self.program.record(
                bias_op,
                {
                    **common,
                    **{k: v for k, v in operands.items() if k <= dense.GRADIENT_ZEROS},
                    **self._state_operands(self.layout.bias, layer, states),
                    dense.GRADIENT_X: bias_x(layer) if bias_x else self._ones,
                },
            )
            tasks += [Task([weights], j, i) for j, i in tiles]
            tasks += [Task([bias], lo, hi) for lo, hi in self._bias_tiles(layer)]
            counted += len(tiles)
        return tasks

    def _state_operands(self, part, layer: int, states) -> dict:
        first = states[0]
        second = states[1] if len(states) > 1 else states[0]
        return {
            dense.PARAMETERS: part(self.parameters, layer),
            dense.STATE_1: part(first, layer),
            dense.STATE_2: part(second, layer),
        }

    # -- steps ---------------------------------------------------------------------------

    def steps_of(self, samples: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps of one pass over `samples` samples in batches.

        Returns
        -------
        steps : ndarray of shape (n_steps, STEP_WIDTH)
        batch_of_step : ndarray of shape (n_steps,)
            The number of the batch that each step belongs to.
        """
        starts = np.arange(0, samples, batch)
        stops = np.minimum(starts + batch, samples)
        if not self.blocked:
            steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
            steps[:, records.START] = starts
            steps[:, records.ROWS] = stops - starts
            steps[:, records.LAST_STAGE] = 2
            return steps, np.arange(len(starts))
        table: list[tuple[int, int, int, int]] = []
        owners: list[int] = []
        for number, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            for at in range(start, stop, self.batch):
                rows = min(self.batch, stop - at)
                table.append((at, rows, 0, 2) if at == start else (at, rows, 2, 4))
                owners.append(number)
            if self._rule.optimizer is not None:
                table.append((start, 0, 4, 5))
                owners.append(number)
        return np.array(table, np.int64), np.array(owners)


def row_blocks(batch: int, workers: int) -> list[tuple[int, int]]:
    """Row blocks of a batch: two per worker, of whole register tiles, at most 128 rows each.

    Two per worker let a slow core hand work over; their sizes differ by one register tile at
    most, since the stage ends with the last of them.
    """
    tiles = -(-batch // SHAPE.rows)
    wanted = 1 if workers == 1 else 2 * workers
    count = min(tiles, max(wanted, -(-batch // MAX_BLOCK_ROWS)))
    edges = [tiles * i // count * SHAPE.rows for i in range(count + 1)]
    return [(lo, min(hi, batch)) for lo, hi in pairwise(edges)]
